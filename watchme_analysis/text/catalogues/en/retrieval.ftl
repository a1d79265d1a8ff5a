### Retrieval of evidence from AWS: progress, prices and results.

progress = { $text }, { $elapsed } ...
scan-cost = { $size }, { $price } at { $rate } USD a GB

query-log-groups = log groups: { $groups }
query-columns = columns: { $columns }
query-parameter = parameter { $name } ({ $type }{ $has ->
    [nothing] , required
    [value] , { $default } if not given
   *[empty] { "" }
  }): { $description }
query-progress = queries: { $running } running, { $waiting } waiting; { $rows } rows so far
query-estimate = { $region }: expected to scan { $cost }
query-no-estimate = The scan in { $region } could not be estimated and stops at the ceiling: { $reason }
query-result = { $where }: { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  }{ $complete ->
    [no] , rows are missing
   *[yes] { "" }
  }; { $queries ->
    [one] { $queries } query
   *[other] { $queries } queries
  } scanned { $cost }
query-target-failed = { $target } failed: { $reason }
query-no-rows = no rows
error-query-target = { $target } could not be queried: { $reason }

pull-part-scope = queues and functions
pull-part-changes = changes (CloudTrail)
pull-part-queue = queue { $name }
pull-queue-missing = It does not exist: it was deleted, or has another name, region or account.
pull-part-function = function { $name }
pull-part-messages = messages of { $queue }
pull-part-metrics = metrics
pull-part-alarms = alarms
pull-part-services = consumers (ECS)
pull-part-groups = consumers (Auto Scaling)
pull-no-consumer = No event source mapping, environment of an ECS service or tag of an Auto Scaling group names { $queues }: who receives from it is unknown.
pull-part-alarm-history = alarm history
pull-part-estimate = estimate of the logs
pull-part-logs = logs
pull-part-logs-of = logs of { $group }
pull-progress-logs = logs: { $text }
pull-scan-at-most = The log queries will scan at most { $cost }.
pull-queues = queues: { $queues }
pull-functions = functions: { $functions }
pull-consumers = other consumers: { $consumers }
pull-cut = truncated at the limit of samples: { $queries }
pull-scanned = log queries scanned { $size }, { $price }
pull-complete = complete
pull-missing = missing: { $part }: { $reason }
pull-policy = { $count ->
    [0] The policy allows receiving messages from no queue.
   *[other] The policy allows receiving messages from { $queues } only.
} Name each dead-letter queue with --queue, or as `dlq` of a system in watchme.toml.
pull-again = again: --since { $start } --until { $end } retrieves only the missing parts
pull-case = case { $case }: { $contents }
pull-title = { $named } in { $region }{ $has ->
    [gaps] ; missing: { $missing }
   *[everything] { "" }
  }
