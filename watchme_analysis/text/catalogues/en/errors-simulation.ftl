### Errors of simulation.

error-simulate-no-arrivals = { $queue } can't be simulated: the case has no NumberOfMessagesSent above 0 for it; pull the metrics of its queue.
error-simulate-no-duration = { $queue } can't be simulated: the case has no average Duration of its function; pull its metrics with the statistics Average and Maximum.
error-simulate-replications = { $number } replications give no result: use 1 or more.
error-simulate-setting = A simulation needs a { $setting ->
    [visibility_timeout_s] visibility timeout
    [retention_s] retention
    [max_receive_count] number of receives before the DLQ
    [batch_size] batch size
    [start_batches] number of batches at the start
    [max_concurrency] maximum concurrency
    [reserved_concurrency] reserved concurrency
    [throttle_retry_s] retry interval of throttled batches
    [slots] number of API slots
    [check_interval_s] health check interval
    [mean_s] mean service time
    [function_timeout_s] function timeout
   *[horizon_s] horizon
  } above 0, not { $value }: correct the settings.
error-simulate-no-queue = The case { $case } has no queue, so there is nothing to simulate: import or pull the metrics of one first ({ $command }). { $meanings }
error-simulate-unsorted = The arrivals of a simulation go back in time: sort them.
error-simulate-groups = { $groups } message groups were given for { $messages } messages: give one to each message, or none.
