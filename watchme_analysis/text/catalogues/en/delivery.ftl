### Messages to people: what changed in a system.

delivery-kind-new-incident = New incident
delivery-kind-cause-known = Cause found
delivery-kind-worse = Incident is getting worse
delivery-kind-resolved = Resolved
delivery-kind-recurring = Incident recurs
delivery-kind-no-change = No change
delivery-kind-run-failed = Run failed
delivery-kind-delivery-failed = Delivery failed
delivery-title = { $kind } in { $system }: { $what }
delivery-title-plain = { $kind } in { $system }
delivery-error = Error: { $error }
delivery-open-report = Open the report
delivery-system = System
delivery-resolved = The incident has ended. It lasted { $duration } ({ $span }).
delivery-recurring = { $count ->
    [one] The same cause has been seen { $count } time before.
   *[other] The same cause has been seen { $count } times before.
  }
delivery-cause-known = The cause is now known: { $cause }.
delivery-cause-changed = Newer data names another cause: { $cause }. Before, it was: { $before }.
delivery-worse = { $now } ({ $before } when it was last delivered).

# Digest of a period
delivery-kind-digest = Digest
digest-title = Digest of { $system }, { $span }
digest-incidents = { $count ->
    [0] No incident.
    [one] { $count } incident, open for { $impact }.
   *[other] { $count } incidents, open for { $impact } in total.
  }
digest-incident = { $span }: { $cause }.
digest-messages = Moved to dead-letter queues: { $dead }. Lost: { $lost }. Missing ({ $unit }): { $missing }.
digest-drift = Durations that drifted:
digest-alarms = { $count ->
    [one] { $count } alarm would have fired without a cause: { $alarms }.
   *[other] { $count } alarms would have fired without a cause: { $alarms }.
  }
digest-no-alarms = No alarm would have fired without a cause.
digest-cost = { $runs ->
    [one] { $runs } run
   *[other] { $runs } runs
  }, of which { $failed } failed. Log queries scanned { $size }, about { $usd } USD.
digest-late-partly = Messages that were late: { $count }.
digest-late = { $count ->
    [0] No message was late.
    [one] { $count } message was late: it waited in a backlog.
   *[other] { $count } messages were late: they waited in a backlog.
  }
digest-telemetry = At list prices, telemetry cost about { $usd } USD, these queries included: { $alarm_usd } USD for { $alarms ->
    [one] { $alarms } alarm
   *[other] { $alarms } alarms
  } with custom metrics, and { $request_usd } USD for { $metrics ->
    [one] { $metrics } requested metric.
   *[other] { $metrics } requested metrics.
  }
digest-logs = This includes { $usd } USD for { $size } of ingested logs.
digest-logs-unknown = The volume of ingested logs is unknown and not included.
delivery-id = Message { $id }. The same id again is the same message.
delivery-uncertain = { $calls } calls may have arrived and none was confirmed: look whether the message is there. It is not sent again.
run-owner-unknown = Whether another machine runs the system is not known: { $reason }
run-report-failed = The report ({ $report }) was not made: { $reason }
delivery-no-timeline = { $receipt } (without the timeline: { $reason })

# Sample of `watchme notify test`
delivery-sample-title = Sample for { $name }
delivery-sample = This is a sample that `watchme notify test` sent. It reports no incident.
notify-tested = { $count } of { $destinations } { $destinations ->
    [one] destination
   *[other] destinations
  } confirmed the sample.
