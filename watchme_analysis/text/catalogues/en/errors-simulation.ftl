### Errors of simulation.

error-simulate-no-arrivals = { $queue } can't be simulated: the case has no NumberOfMessagesSent above 0 for it; pull the metrics of its queue.
error-simulate-no-duration = { $queue } can't be simulated: the case has no average Duration of its function; pull its metrics with the statistics Average and Maximum.
error-simulate-replications = { $number } replications give no result: use 1 or more.
error-simulate-setting = A simulation needs a { $name } above 0, not { $value }: correct the settings.
