### Settings that the simulation has shown to help.

settings-plan = Settings of { $queue }: “{ $measure }”
settings-reason = Means of { $count } simulations with the arrivals of the case, with and without “{ $measure }”, and half the width of their 95 % intervals:
settings-figure = { $figure ->
    [lost] messages whose work is lost
    [dead_lettered] messages in the DLQ
    [duplicates] duplicates
   *[peak_age_s] age of the oldest message
  }: { $then } instead of { $now }
settings-cost = The change itself costs nothing. Invocations are billed by their duration as before.
settings-step = { $setting ->
    [visibility_timeout_s] visibility timeout
    [max_receive_count] receives before the DLQ
    [function_timeout_s] function timeout
    [max_concurrency] maximum concurrency
   *[reserved_concurrency] reserved concurrency
  } of { $resource }: { $has ->
    [nothing] not set
   *[value] { $old }
  } → { $gets ->
    [nothing] not set
   *[value] { $new }
  }
settings-raised = It raises { $figure ->
    [duplicates] the number of duplicates
   *[peak_age_s] the age of the oldest message
  }.
