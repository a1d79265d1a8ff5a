### Harm to messages of all queues, or that there was none.

backlog-harmed = { $affected } of { $queues } queues show trouble, { $worst } the most: { $kinds }.
backlog-harm-dead-letters = messages in the DLQ
backlog-harm-failures = failures
backlog-harm-slow = slow invocations
backlog-harm-backlog = a backlog
backlog-harm-starved = waiting messages that nobody received
backlog-harm-throttles = throttles
backlog-harm-redelivery = redelivery
backlog-harm-hidden = messages in flight without an invocation
backlog-harm-creeping = a rising duration
backlog-harm-lost = lost messages
backlog-harm-taken-elsewhere = receives without an invocation
backlog-no-harm = { $queues ->
    [one] No work was late, repeated or lost in { $queues } queue
   *[other] No work was late, repeated or lost in { $queues } queues
  }, and failures did not increase. Metrics examined: { $metrics }.
backlog-metrics-of-work-missing = Not all queues have the metrics { $metrics }: trouble may be hidden there.
backlog-received-again = Messages of { $queue } were received { $received } times: { $sent } were sent, and { $explained } invocations failed or were throttled. Whether the function reports failed messages is unknown.
backlog-slower-without-harm = Invocations of { $function } took several times as long as usual from { $span }; no message failed or waited because of it.
backlog-daily-peak = { $queue } has a backlog at the same time every day, which drains by itself.
backlog-sporadic-dead-letters = { $dead } of { $sent } messages of { $queue } ({ $share }) failed on every attempt, at scattered times: single bad messages, and no period of failures.
backlog-dead-letters-close-together = { $beyond ->
    [more-than-99-of-100] The { $dead } of { $sent } messages of { $queue } that moved to the DLQ lie closer together than in 99 of 100 random samples: single bad messages may not be the only reason.
   *[more-than-9-of-10] The { $dead } of { $sent } messages of { $queue } that moved to the DLQ lie closer together than in 9 of 10 random samples: single bad messages may not be the only reason.
  }
