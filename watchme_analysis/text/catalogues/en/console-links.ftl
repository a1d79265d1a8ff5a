### Links into the AWS console.

console-caption = Open in the AWS console
console-none = Region and account are unknown or redacted, so there are no links.
console-queue = Queue { $queue }
console-dlq = Dead-letter queue { $queue }
console-queue-metrics = Metrics of { $queue } in this window
console-function = Function { $function }
console-function-metrics = Metrics of { $function } in this window
console-errors = Errors of { $function } in Logs Insights (fills in the query; a run is charged by AWS)
console-event = { $event } at { $time } in CloudTrail
console-metrics = Metrics of { $resource } in this window
console-lines = Errors and requests of { $path } in { $groups }, in Logs Insights (fills in the query; a run is charged by AWS)
