### The summary of a backlog diagnosis: cause, extent and the next step.

# Cause
backlog-cause = { $title } (confidence { $confidence }).
backlog-began-with-change = It began with a change of { $resource } at { $time }: { $change }.
backlog-no-cause-explains = None of { $causes } causes explains this.
backlog-all-well = { $queues ->
    [one] No work was late or lost in { $queues } queue, and failures did not increase.
   *[other] No work was late or lost in { $queues } queues, and failures did not increase.
  }

# Extent
backlog-queue-affected = { $queue } is affected.
backlog-queue-affected-since = { $queue } is affected, since { $since }.
backlog-no-queue-measured = The data holds no metrics of the queues, so whether they show trouble is unknown.
backlog-no-queue-affected = No queue shows trouble.
backlog-no-queue-recorded = The data holds no queue: no metrics and no settings of one.
headline-no-arrivals = No messages have arrived in { $queue } since { $since }; before that, { $per_hour } arrived per hour.
backlog-failing-days = The failures occurred on { $days } days, at the same time of day.
backlog-perhaps-before = It may have begun before this window: no invocation in it had succeeded until then.
backlog-began-between = It began between { $earliest } and { $latest }.
backlog-older-dead-letters = { $dead ->
    [one] { $dlq } held { $dead } message when this window began. Its
   *[other] { $dlq } held { $dead } messages when this window began. Their
  } work is unknown and not counted as missing.

# Next step
backlog-collect-next = Collect next: { $what }. { $why }
backlog-nothing-to-collect = The case holds all evidence that this question needs.
backlog-next-test = Next: { $test }
backlog-remedy = Remedy: { $remedy }
backlog-look-for-consumer = Next: run `aws lambda list-event-source-mappings` and read FilterCriteria, State and StateTransitionReason; the queue’s policy shows who else may receive from it.

# Beside the cause
backlog-also-changed = Shortly before, at { $time }, { $resource } was changed ({ $change }), and no invocation succeeded in between. Exclude this change as well, although the observations of the invocations point to the API.
backlog-one-receive = Messages of { $queues } have a single receive ({ $setting } 1), so each failed attempt moves one to the DLQ. With three receives or more, a second attempt can succeed.
backlog-trouble-elsewhere = { $queue } had trouble at another time, from { $span } ({ $kinds }), which this cause does not explain. Diagnose it with { $option }.
backlog-other-incident = { $queue } had another incident, from { $span }: { $observed }.
backlog-other-cause = Diagnosed alone, its cause is { $cause } (confidence { $confidence }).
backlog-other-cause-unclear = Its cause is not clear.
backlog-diagnose-other = Diagnose it with { $options }.
backlog-observed-failures = { $failed } of { $tried ->
    [one] { $tried } attempt failed
   *[other] { $tried } attempts failed
  }
backlog-observed-age = the oldest message was { $age } old
backlog-observed-unpolled = messages were visible and none was received
