### Tables of the backlog page: captions, notes, cells and headings.

comparison-caption = Before the incident → during the incident
comparison-empty = No rows: no incident to compare, or no metrics.
comparison-effect = Effect: probability that a point of the incident lies above a point of the baseline (0.5: equal).
comparison-unusual = Unusual: share of the metric’s own past windows that were nearer to the baseline.
comparison-left-out = { $metrics ->
    [one] Left out: { $metrics } metric that did not change.
   *[other] Left out: { $metrics } metrics that did not change.
  }
onsets-caption = Order in which metrics changed
onsets-empty = No rows: no metric of an affected queue left its usual range.
onsets-effect = Effect: probability that a point from the onset on lies above a point from before (0.5: equal).
onsets-surprise = Surprise ranks the hour among the days before by level, spread and change: 4.7 corresponds to one in a hundred.
onsets-after-end = Changed after the end of the incident, and so not part of it: { $metrics }.
balance-caption = Message balance of every queue
balance-empty = No rows: no queue is known.
balance-steps-caption = Message balance in steps of { $step }
balance-steps-empty = No rows: no message remained in a queue at the end of a step.
balance-steps-none-affected = No rows: no queue was affected.
balance-steps-left-out = { $steps ->
    [one] Left out: { $steps } step in which all messages that arrived were deleted.
   *[other] Left out: { $steps } steps in which all messages that arrived were deleted.
  }
forecast-caption = Drain forecast
forecast-empty = No rows: no queue has a backlog at the end.
dead-letters-caption-work-item = Messages in DLQs by { $unit }
dead-letters-caption-error = Messages in DLQs by error
dead-letters-caption-receive-count = Messages in DLQs by receive count
dead-letters-caption-age-days = Messages in DLQs by age
dead-letters-empty = No rows: no message was read from a DLQ.
patterns-caption = Latency drift and recurring failures
patterns-empty = No rows: no duration drifts, and messages in DLQs do not belong to one weekday or one { $unit }.
missed-work-caption = Missed work by { $unit }
missed-work-not-known = Which work is missing is unknown.
missed-work-none = No missed work is known.
missed-work-perhaps-done = Some of this work may have been done: the data does not show it.
missed-work-unread = These files could not be read, so the work of their messages is unknown: { $files }.
messages-caption = { $messages ->
    [0] Messages in DLQs and waiting messages
   *[other] Messages in DLQs and waiting messages: { $messages }
  }
messages-empty = No rows: no message was read from a queue.
redrive-caption = Redrive of messages in dead-letter queues
redrive-listed = redrive
redrive-left-out = leave out
redrive-never-done = nothing shows that the work was done
redrive-may-have-run = the work may have been done already: check whether repeating it does harm
redrive-processed = processed already, as the log says of its id
redrive-no-body = its body is not in the data
redrive-unknown-outcome = unknown whether it can succeed: look at its error first
redrive-cannot-succeed = cannot succeed: its input is missing or unreadable
redrive-same-work = the same values of the stated keys as another message of the list
redrive-nothing-read = No message was read from a dead-letter queue.
redrive-nothing-left = No message is left to redrive.
redrive-how = { $list } lists them as JSON Lines for { $send }; a report has them beside its page, in { $file }. Remove the cause first, then send one message as a test: { $test }.
redrive-without-url = Fill in the URL of { $queues }: the attributes are not in the case.
changes-named = named as the change before it
changes-before = { $time } before
changes-after = { $time } after
alarms-caption = Alarms
alarms-none = No alarm could be evaluated.
alarms-without-metric = { $alarms ->
    [one] { $alarms } alarm was not evaluated: its metric is not in the case.
   *[other] { $alarms } alarms were not evaluated: their metrics are not in the case.
  }
alarms-never-fired = { $never } of { $alarms } alarms never fired. Each alarm is evaluated every minute over a sliding window, which is CloudWatch’s default, as by { $command }.

# Headings
column-queue = queue
column-from = from
column-function = function
column-metric = metric
column-onset = changed at
column-not-before = not before
column-within = within
column-direction = direction
column-before = before
column-after = after
column-effect = effect
column-surprise = surprise
column-unusual = unusual
column-queue-or-function = queue or function
column-points = points
column-per-hour = per hour
column-total = total
column-median = median of points
column-p90 = p90 of points
column-stock-before = there before
column-sent = sent
column-received = received
column-deleted = deleted
column-visible = visible
column-in-flight = in flight
column-dead-lettered = moved to DLQ
column-expired = expired
column-purged = purged
column-unexplained = unexplained
column-receives-per-message = receives per message
column-mean-stay = mean stay
column-reasons = why unexplained
column-as-of = as of
column-backlog = backlog (messages)
column-arrivals-per-min = arrivals (per min)
column-capacity-per-min = capacity (per min)
column-drained-at = drained at
column-drained-earliest = at the earliest
column-drained-latest = at the latest
column-wait-of-new-message = wait of a new message
column-unit = { $unit }
column-error = error
column-receives = receives
column-age-days = days old
column-messages = messages
column-share-of-queue = share of the queue’s
column-first-sent = first sent
column-last-sent = last sent
column-state = state
column-work-time = time of the work (as sent)
column-work-date = local date
column-processed = processed
column-can-succeed = can succeed
column-expires = expires
column-expired-since = expired since
column-before-window = from before this window
column-pattern = pattern
column-observation = observation
column-chance = chance
column-items = items
column-which = which
column-reason = reason
column-resource = resource
column-user = user
column-relative-to-start = relative to the start
column-could-cause = could cause
column-diagnosis = diagnosis
column-alarm = alarm
column-first-fired = would first have fired
column-threshold = threshold
column-m-of-n = m of n
column-after-start = after the start
column-times-raised = times raised
column-in-alarm-at-end = in alarm at the end
stock-no-dlq = The queue has no dead-letter queue in the evidence.
stock-left-at-most = At most { $messages ->
    [one] one message
   *[other] { $messages } messages
  } left { $dlq }: without the metric of hidden messages, a reader may only have hidden them.
stock-left = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } left { $dlq }; messages moved in at the same time are not counted.
stock-shared = { $dlq } also serves { $queues }: separated { $by ->
    [messages] by the source that each message names
   *[counters] only by the queues' own counters
  }.
stock-other-policy = Its redrive policy names { $named } now, but its failed messages are in { $dlq }.
balance-open = The balance stays open: sent, deleted or dead-lettered messages are unknown.
balance-woke = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } stood there when its metrics woke, in no count of sends.
balance-moved = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } in the DLQ follow from the queue's own counters.
balance-lost-points = { $intervals ->
    [one] { $intervals } interval lacks
   *[other] { $intervals } intervals lack
  } a point that was due: what happened then is not counted.
error-kind-function = about the function itself
error-kind-timeout = time-outs
error-kind-unreachable = about an API that does not respond (refused, 502, 503)
error-kind-overload = about an API that wants fewer requests
error-kind-server-error = 500s of the API
error-kind-message = about the message (4xx, unreadable)
error-kind-code-or-message = about the code or the message
error-kind-receipt = about a visibility timeout that was over
error-kind-other = of another kind
error-kind-usual = { $kind }, as nearly all that { $function } logged
error-kind-unknown = not logged with the message
balance-duplicates = { $deletes ->
    [one] { $deletes } delete
   *[other] { $deletes } deletes
  } beyond the messages: some ran more than once, or were deleted by an old receipt after they had reached the dead-letter queue.
balance-purged = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } vanished from the backlog without being received: a purge.
balance-expired = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } reached the queue's retention and expired.
balance-unexplained = { $messages ->
    [one] { $messages } message remains
   *[other] { $messages } messages remain
  } unexplained: the counts of CloudWatch are approximate, and what is on its way at either end of the window is counted once.
balance-step-shared-dlq = The DLQ also receives messages of other queues, whose numbers in this interval are unknown.
balance-step-unknown = Not all metrics that the balance needs were collected.
balance-step-delayed = The number of messages is a maximum of the last minute, and the metrics of the DLQ are delayed.

# Metrics of a queue, its DLQ and its function
queue-metric-sent = messages sent
queue-metric-received = messages received
queue-metric-deleted = messages deleted
queue-metric-empty-receives = empty receives
queue-metric-visible = messages waiting
queue-metric-in-flight = messages in flight
queue-metric-age-s = age of the oldest message
queue-metric-dlq-visible = messages in the DLQ
queue-metric-invocations = invocations
queue-metric-errors = errors
queue-metric-throttles = throttles
queue-metric-duration-avg-s = mean duration
queue-metric-duration-max-s = longest duration
queue-metric-concurrency = concurrency
queue-metric-cpu-pct = host CPU (%)
direction-up = up
direction-down = down
message-state-dead-lettered = in the DLQ
message-state-waiting = waiting

# Groups of signals
check-blind-spots = blind spots
check-change = change
check-concurrency-limit = concurrency limit
check-daily-peak = daily peak
check-consumer = consumer
check-dead-letters-by-chance = DLQ messages by chance
check-dead-letters = DLQ messages
check-deletes = deletes
check-error-kind = error kind
check-harm = harm
check-host = host
check-how-it-ended = end of invocations
check-items = work
check-last-log-line = last log line
check-latency-drift = latency drift
check-mapping = mapping
check-order = order of changes
check-receives = receives
check-redelivery = redelivery
check-run-time = duration
check-same-messages-fail = same messages fail
check-settings = settings
check-share-of-runs-failing = share of failed invocations
check-throttles = throttles
check-unseen-work = work without a record
check-visibility-timeout = visibility timeout
check-whose-error = origin of errors

# Forecast of a drain
drain-busiest-intervals = Nothing was being drained; the capacity is that of the busiest intervals of the window.
drain-mapping-off = The event source mapping is disabled: the time counts from the moment at which it is enabled again.

# Patterns
pattern-one-item = one item
pattern-one-weekday = one weekday
pattern-creeping-run-time = rising duration
pattern-says-item = { $messages } of { $total } messages in the DLQ ({ $share }) belong to the { $unit } { $item }. An even share, with { $items } of them, is { $even }.
pattern-says-weekday = { $least ->
    [one] Messages moved to the DLQ
   *[other] { $least } or more messages a day moved to the DLQ
  } on { $hit } of { $such } { $weekday ->
    [mon] Mondays
    [tue] Tuesdays
    [wed] Wednesdays
    [thu] Thursdays
    [fri] Fridays
    [sat] Saturdays
   *[sun] Sundays
  } and on { $others } of { $days } other days ({ $zone }).
pattern-says-drift = The duration of { $function } rose from { $before } to { $after } within { $days } days.
pattern-says-timeout = Its timeout is { $timeout }.
pattern-says-began = The rise began between { $earliest } and { $latest }.
balance-stay = By Little's law a message stayed { $stay } on average, longer than the oldest ever was ({ $oldest }): arrivals are missing, or messages received three times, which no longer count in that age.
stock-no-metric = { $dlq } has no metric: its { $messages } messages may have been there before.
stock-unknown = The number of messages moved to { $dlq } is unknown.
