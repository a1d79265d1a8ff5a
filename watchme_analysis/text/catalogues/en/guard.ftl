### Automatic restart.

guard-cooling = Still failing, but the last restart was less than { $within } ago.
guard-stopped = { $url } keeps failing after { $count ->
    [one] one restart
   *[other] { $count } restarts
  } within a day. It is not restarted again: look at it.
guard-evidence = Evidence saved in { $folder }
guard-evidence-unsaved = No evidence could be saved in { $folder } ({ $error }); the restart goes on.
guard-check-unkept = A check could not be kept for the evidence: { $error }
guard-plan = Restart of { $url }
guard-why = Restart after { $count ->
    [one] one failed health check
   *[other] { $count } failed health checks in a row
  }. Evidence: { $folder }
guard-verify = Wait until a health check succeeds, for { $within } at most.
guard-restart-failed = The restart of { $url } after failed health checks did not succeed. { $why }
guard-restarted = { $url } was restarted after failed health checks, and was healthy after { $took }.
guard-unnotified = Nobody could be notified: { $error }
guard-backtest = { $count ->
    [0] The guard would not have restarted
    [one] The guard would have restarted once
   *[other] The guard would have restarted { $count } times
  }: { $failed } of { $checks } checks failed, for { $failing } in all.
guard-backtest-avoided = The first restart would have been at { $first }. If a restart cures the cause, it avoids { $avoided } of that time; if not, it avoids nothing.
guard-backtest-inside = At { $count ->
    [one] one restart
   *[other] { $count } restarts
  } the process answered from inside: the cause was outside it, and a restart would not have helped.
guard-backtest-stopped = It would have stopped and notified a person at { $time }.
guard-backtest-no-queue = The case has no metrics of a queue for this time, so it is unknown what the restarts would have changed for messages.
guard-effect-unchanged = In { $runs } simulated runs of { $queue } without a restart: { $figures }
guard-effect-cured = With these restarts, if they cure what the checks showed: { $figures }
guard-effect-uncured = With these restarts, if they do not: { $figures }
guard-effect-figures = { $dead_lettered } messages in the DLQ, { $lost } messages whose work is lost, the oldest message { $peak_age } old, delayed for { $behind }.
guard-effect-differs = Read this with care: { $count ->
    [one] one figure
   *[other] { $count } figures
  } of the runs without a restart { $count ->
    [one] differs
   *[other] differ
  } from the record by more than a fifth.
