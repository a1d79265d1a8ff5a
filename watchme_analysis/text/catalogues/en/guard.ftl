### Automatic restart.

guard-cooling = Still failing, but the last restart was less than { $within } ago.
guard-stopped = { $url } keeps failing after { $count ->
    [one] one restart
   *[other] { $count } restarts
  } within a day. It is not restarted again: look at it.
guard-evidence = Evidence saved in { $folder }
guard-restart-failed = The restart with { $command } failed: { $error }
guard-restarted = { $url } was restarted after failed health checks, and was healthy after { $took }.
guard-not-healthy = { $url } was restarted, but is still not healthy after { $within }.
guard-unnotified = Nobody could be notified: { $error }
guard-backtest = { $count ->
    [0] The guard would not have restarted
    [one] The guard would have restarted once
   *[other] The guard would have restarted { $count } times
  }: { $failed } of { $checks } checks failed, for { $failing } in all.
guard-backtest-avoided = The first restart would have been at { $first }. If a restart cures the cause, it avoids { $avoided } of that time; if not, the restarts change nothing.
guard-backtest-inside = At { $count ->
    [one] one restart
   *[other] { $count } restarts
  } the process answered from inside: the cause was outside it, and a restart would not have helped.
guard-backtest-stopped = It would have stopped and notified a person at { $time }.
