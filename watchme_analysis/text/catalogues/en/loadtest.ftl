### Load tests: the plan, the watch over other systems, the result and its prediction.

loadtest-plan-queue = Load test: { $count ->
    [one] one message
   *[other] { $count } messages
  } to the queue { $target } of the test system { $system }
loadtest-plan-endpoint = Load test: { $count ->
    [one] one request
   *[other] { $count } requests
  } to { $target } of the test system { $system }
loadtest-plan-record = They replay the arrivals of { $source } in the case { $case }: { $recorded } from { $start }, { $factor } times as fast, in { $duration }.
loadtest-plan-rate = Rate per minute, in equal parts of that time: { $rates }
loadtest-plan-mark-queue = Each message has the attribute { $mark } with the value { $id }.
loadtest-plan-mark-endpoint = Each request has the header { $mark } with the value { $id }.
loadtest-plan-cost = Cost: about { $usd } USD at list prices of us-east-1, with { $requests } requests to SQS.
loadtest-plan-no-cost = Cost: the test itself calls nothing of AWS.
loadtest-plan-model = Prediction of { $runs } simulated runs, with { $mean } for a message on average.
loadtest-predicted-most-waiting = At most { $mean } are sent and not processed at once ({ $lowest } to { $highest }).
loadtest-predicted-p95-s = 95 % are processed within { $mean } ({ $lowest } to { $highest }).
loadtest-predicted-drain-s = The last one is processed { $mean } after the last was sent ({ $lowest } to { $highest }).
loadtest-predicted-undone = Up to { $count ->
    [one] one is
   *[other] { $count } are
  } never processed.
loadtest-note-healthy = Assumption: service times are those of { $queue } in the case, without its incident.
loadtest-note-live = Settings are those of the test system: visibility timeout { $visibility }, function timeout { $timeout }.
loadtest-note-durations = Assumption: durations have the quartiles of successful requests of { $path } (variation { $variation }).
loadtest-note-slots = Assumption: the API processes any number of calls at once. { $option } states how many it really does.
loadtest-plan-errors = It stops if more than { $share } of its own messages fail, from the tenth on.
loadtest-plan-bounds = It sends { $count ->
    [one] one message
   *[other] { $count } messages
  } and no more, and waits at most { $drain } for them to be processed.
loadtest-plan-undo-queue = Undo: a sent message can't be recalled. Messages that are left in { $target } have the attribute above.
loadtest-plan-undo-endpoint = Undo: a request can't be recalled. Its effects behind { $target } stay.
loadtest-how-to-apply = Nothing was sent. To send: { $command }
loadtest-how-to-write = Nothing was sent. Write the plan with --to PLAN, then: { $command }

harm-limit-depth = It stops if { $name } has more than { $most } visible messages.
harm-limit-dlq = It stops if the DLQ { $name } has more than { $most } messages.
harm-limit-age = It stops if the oldest message of { $name } is older than { $most }.
harm-limit-errors = It stops if { $name } has more than { $most } errors in a minute.
harm-limit-throttles = It stops if { $name } has more than { $most } throttles in a minute.
harm-limit-health = It stops if a health check of { $name } fails.
harm-depth = { $name } has { $value } visible messages, more than the { $most } of the hour before.
harm-dlq = The DLQ { $name } has { $value } messages, more than the { $most } before.
harm-age = The oldest message of { $name } is { $value } old, more than the { $most } of the hour before.
harm-errors = { $name } had { $value } errors in a minute, more than the { $most } of the hour before.
harm-throttles = { $name } had { $value } throttles in a minute, more than the { $most } of the hour before.
harm-health = The health check of { $name } failed: { $error }.

loadtest-refused = Nothing was sent: { $why }
loadtest-stopped = The load test stopped: { $why }
loadtest-complete = { $count ->
    [one] The message was sent, and its end was seen.
   *[other] All { $count } were sent, and the end of each was seen.
  }
loadtest-not-seen = { $count ->
    [one] the end of one was
   *[other] the end of { $count } was
  } not seen within { $within } after the last was sent.
loadtest-interrupted = it was interrupted by hand.
loadtest-call-failed = { $error }
loadtest-not-empty = { $queue } has { $count ->
    [one] one message
   *[other] { $count } messages
  } already. Let them be processed first, since the test would measure them as well.
loadtest-own-errors = { $failed } of the { $count } messages that ended have failed, more than { $most }.
loadtest-saturated = { $count } requests had no response at the same time: the endpoint is too slow for this rate.
loadtest-late = sending is { $late } behind the plan: SQS or this machine is too slow for this rate.
loadtest-was-run = This test has been run. Its result:
loadtest-cut = an earlier run of it was interrupted. Its messages are counted; the rest isn't sent, since its times are lost. Plan another test.
loadtest-progress = { $sent } of { $count } sent
loadtest-counts = Planned { $planned }, sent { $sent }, delivered { $delivered }, processed { $processed }, failed { $failed }, end not seen { $open }
loadtest-unconfirmed = { $count ->
    [one] One more may have been sent: its send has no result. It is not sent again.
   *[other] { $count } more may have been sent: their sends have no result. They are not sent again.
  }
loadtest-by-queue = The function's log names no message of the test. So what has left the queue counts as processed, and what has reached its DLQ as failed, by the queue's attributes; latencies are unknown.
loadtest-errors = { $count } failed with: { $error }
loadtest-compared = { $figure }: { $measured }, { $position ->
    [above] above
    [below] below
   *[within] as
  } the { $lowest } to { $highest } of the simulation.
loadtest-agrees = All { $figures } figures agree with the simulation.
loadtest-deviates = { $count } of { $figures } figures differ from the simulation, so its prediction does not hold for this system at this rate.
loadtest-action = Load test of { $target }: { $end } { $counts }.
loadtest-journal = journal { $journal }: keep it, it prevents that a message is sent twice
loadtest-nothing-sent = Nothing was sent.
loadtest-figure-done = processed
loadtest-figure-most-waiting = most sent and not processed
loadtest-figure-median-s = median latency
loadtest-figure-p95-s = 95th percentile of latency
loadtest-figure-longest-s = longest latency
loadtest-figure-drain-s = time to drain
loadtest-panel-waiting = Sent and not processed
loadtest-panel-oldest = Age of the oldest (s)
loadtest-axis-time = seconds from the first send
loadtest-legend-predicted = simulated runs
loadtest-legend-measured = measured
loadtest-figure-alt = Load test of { $target }: at most { $waiting } sent and not processed, the oldest { $oldest }, with the range of the simulated runs.
