### Evidence to collect next for a backlog, and how.

missing-all-metrics-what = the metrics of all queues and their functions
missing-metrics-of-what = the metrics of { $resources }
missing-unknown-function = the consumer of { $queue }
missing-function-metrics-why = Errors, throttles and durations separate the causes.
missing-queue-metrics-why = Arrivals and the age of the oldest message show whether work was late.
missing-statistic = { $metric } has only the statistics { $returned }: request { $usable }.
missing-function-errors-what = the errors that { $function } logged
missing-function-errors-why = They show whether the fault lies in the consumer, the API or the message.
missing-more-errors-what = the other errors of { $function }
missing-more-errors-why = The query returned fewer rows than matched, so the first or last errors may be missing.
missing-changes-what = the recorded changes
missing-changes-why = A deployment or setting shortly before the trouble is the most common cause.
missing-mapping-what = the event source mapping of { $queue }
missing-mapping-why = It shows whether the queue is polled, and how many executions it may start.
missing-queue-attributes-what = the attributes of { $queue }
missing-queue-attributes-why = Visibility timeout, retention period and redrive policy decide when a message returns, expires or moves to the DLQ.
missing-dead-letters-what = { $dead ->
    [one] { $dead } message of { $dlq }
   *[other] { $dead } messages of { $dlq }
  }
missing-dead-letters-why = Only the bodies show which work to repeat, and they expire with the retention period.
missing-concurrency-what = the reserved concurrency of { $function }
missing-concurrency-why = If it is too low, deliveries are throttled, and these count as receives.
missing-host-cpu-what = the CPU utilization of the API’s host
missing-host-cpu-why = A host without free CPU explains a slow API.

# Commands to paste, with a remark
collect-whole-list = { $commands }  # also collects the rest of this list
collect-in-parts = { $commands }  # splits the query where the limit cuts it
collect-until-empty = { $commands }  # repeat until no message is returned
missing-consumer-what = what receives from { $queue }
missing-consumer-why = A consumer outside of Lambda that is stopped, or whose tasks end, shows in none of these metrics.
missing-consumer-log-what = the log of { $consumer }
missing-consumer-log-why = It shows whether the fault lies in the consumer, the API or the message.
