### Observations on a function, its concurrency, the API that it calls, and the messages that it fails to process.

# Concurrency
backlog-throttled = { $deliveries ->
    [one] { $deliveries } delivery to { $function } was
   *[other] { $deliveries } deliveries to { $function } were
  } throttled since { $since }, { $share } of all attempts.
backlog-not-throttled = No delivery to { $function } was throttled.
backlog-reserved-concurrency-low = { $function } has a reserved concurrency of { $reserved }, and the poller requests five or more executions at once.

# Invocations
backlog-invocations-succeed = { $attempts ->
    [messages] { $failed } of { $tried } messages failed in { $function }, spread over the window.
   *[invocations] { $failed } of { $tried } invocations of { $function } failed, spread over the window.
  }
backlog-failures = { $attempts ->
    [messages] { $failed } of { $tried } messages failed in { $function } from { $span } ({ $share }).
   *[invocations] { $failed } of { $tried } invocations of { $function } failed from { $span } ({ $share }).
  }{ $elsewhere ->
    [some] {" "}At other times { $usual } failed.
   *[none] {""}
  }
backlog-errors = { $kind ->
    [receipt] { $errors } of { $total } logged errors of { $function } say that the visibility timeout was over before the message was deleted or extended, such as { $example }.
    [function] { $errors } of { $total } logged errors of { $function } are faults of its own, such as { $example }.
    [unreachable] { $errors } of { $total } logged errors of { $function } report an API that does not respond (connection refused, 502, 503), such as { $example }.
    [server-error] { $errors } of { $total } logged errors of { $function } are internal errors of the API (500), such as { $example }.
    [overload] { $errors } of { $total } logged errors of { $function } report an API that asks for fewer requests, such as { $example }.
    [timeout] { $errors } of { $total } logged errors of { $function } are timeouts, such as { $example }.
    [message] { $errors } of { $total } logged errors of { $function } reject the message itself (4xx, unreadable), such as { $example }.
   *[code-or-message] { $errors } of { $total } logged errors of { $function } are caused by the code or by the message, such as { $example }.
  }
backlog-error-quoted = { $error }
backlog-errors-in-all-code = { $errors } of { $total } logged errors of { $function } are errors of the code, whatever the message.
backlog-invocations-at-timeout = Invocations of { $function } took { $during } (median) during the failures, and { $share } of the failures reached the function’s timeout.
backlog-invocations-longer = Invocations of { $function } took { $during } (median) during the failures, { $ratio } times as long as before ({ $before }).
backlog-invocations-short = Invocations of { $function } took { $during } (median) during the failures, compared with { $before } before: they ended at once.
backlog-invocations-as-long = Invocations of { $function } took { $during } (median) during the failures, about as long as before ({ $before }).
backlog-timeout-lowered = Invocations of { $function } took { $before } (median) before the failures, but its configuration allows only { $limit }: the timeout was lowered.
backlog-memory-lowered = { $function } had { $before_mb } MB of memory in its last invocations before { $time } and { $after_mb } MB after it. Lambda allots CPU in proportion to memory: invocations of { $before } (median) now take { $during } or end at the timeout.
backlog-last-lines = Of { $invocations } invocations of { $function } that timed out and whose log is available, { $calling } ended with a line on the call that they made, and { $before } never reached it.
backlog-unchanged-and-ran-well = { $attempts ->
    [messages] The configuration of { $function } was last changed at { $time }, and { $succeeded } messages were processed before the failures began.
   *[invocations] The configuration of { $function } was last changed at { $time }, and { $succeeded } invocations succeeded before the failures began.
  }
backlog-ended-by-change = The failures ended by { $end }, with another change of the function at { $time }.
backlog-ended-by-itself = The failures ended by { $end }, although the function was not changed again.

# API
backlog-duration-drifts = The duration of { $function } rose steadily from { $before } to { $after } over { $lasted }.
backlog-duration-steps = The duration of { $function } rose within { $lasted }, { $share } of it in a tenth of that time: a step, not a drift.
backlog-duration-steady = The duration of { $function } shows no rise over many hours.
backlog-durations-compared = Invocations of { $function } take { $during } (median) since { $since }, compared with { $before } before.
backlog-more-messages-each = Each of them has { $ratio } times as many messages.
backlog-no-more-failures = No more of them fail than usual.
backlog-failures-unknown = The data does not show whether more of them fail.
backlog-host-running = The API’s host published CPU utilization while invocations of { $function } failed.
backlog-host-silent = The API’s host published no CPU utilization from { $since } on, while invocations of { $function } failed.

# Messages
backlog-messages-pass-later = The { $dead } DLQ messages account for { $spent } of { $failed } failed attempts: a message that fails once does not always fail again.
backlog-only-these-messages-fail = { $attempts ->
    [messages] The { $dead } DLQ messages account for { $spent } of { $failed } failed attempts, while { $function } processed { $passed } other messages.
   *[invocations] The { $dead } DLQ messages account for { $spent } of { $failed } failed attempts, while { $passed } invocations of { $function } with other messages succeeded.
  }
backlog-only-added-messages-fail = { $attempts ->
    [messages] Messages failed from { $since } on, when more arrived than usual. After that, { $function } processed { $share } of its messages.
   *[invocations] Messages failed from { $since } on, when more arrived than usual. After that, { $share } of the invocations of { $function } succeeded.
  }
backlog-items = { $dead } of { $total } DLQ messages of { $queue } ({ $share }) belong to the { $unit } { $item }, the others to { $others ->
    [one] one other.
   *[other] { $others } others.
  }
backlog-item-dead = { $dead } of { $total } DLQ messages belong to the { $unit } { $item }.
backlog-item-dead-since = { $dead } of { $total } DLQ messages belong to the { $unit } { $item }; the first was sent at { $since }.
backlog-group-held-up = { $failed } attempts failed in { $queue } while messages waited there since { $since }, and each message has { $receives } receives. A FIFO queue delivers no other message of the same group meanwhile.
