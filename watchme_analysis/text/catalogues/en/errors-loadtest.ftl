### Errors of load tests.

error-loadtest-no-case = Give a CASE to plan a load test, or the PLAN of one with --apply.
error-loadtest-apply-needs-plan = --apply needs a PLAN: write one with --to PLAN, read it, then apply it.
error-loadtest-long = --for must not exceed 1h: a load test is bounded.
error-loadtest-template = The template { $path } can't be read: give a file of UTF-8 text.
error-loadtest-no-policy = This plan calls nothing of AWS, so it needs no policy.
error-loadtest-no-plan = { $path } is not a plan of a load test: write one with `watchme loadtest CASE --to { $path }`.
error-loadtest-journal = { $path } is the journal of something else: give another --journal.
error-loadtest-needs-aws = A load test of a queue needs AWS, and a function that drains it.
error-loadtest-target-gone = { $target } does not belong to the test system { $system } in { $file } any more: make a new plan.
error-loadtest-several-systems = { $file } declares several test systems: give --system, one of { $known }.
error-loadtest-no-system = { $file } declares no test system: a load test needs `test = true` in [systems.NAME].
error-loadtest-not-test = The system { $system } is not declared as a test system: a load test needs `test = true` in [systems.{ $system }] of { $file }.
error-loadtest-shared = { $shared } of the test system { $system } also belongs to the system { $other }, which has no `test = true` in { $file }: state a queue or API of its own.
error-loadtest-one-queue = The test system { $system } states { $count ->
    [one] { $count } queue
   *[other] { $count } queues
  } in { $file }: a load test of a queue needs exactly one; --endpoint PATH tests its api.
error-loadtest-give-queue = Give --queue, the queue of the case whose arrivals are replayed (queues: { $known }).
error-loadtest-no-arrivals = The case records no arrivals of { $source }: there is nothing to replay.
error-loadtest-no-mapping = { $queue } must have one event source mapping, which is enabled, so that one function processes the messages: correct the test system first.
error-loadtest-no-api = The test system { $system } has no `api` in { $file }: state the URL to send to.
error-loadtest-no-requests = The access log of { $case } has no requests of { $path } (most frequent: { $known }).
error-loadtest-no-durations = No request of this path has a duration in the access log, so the test can't be predicted: log `$request_time`.
error-loadtest-no-bodies = The case { $case } holds no message bodies to send: give --template FILE with a body.
error-loadtest-template-items = The template has { $item } or { $key }, but the messages of { $case } name no work items: use { $number } instead, or state [work_items] before the import.
error-loadtest-nothing-watched = Nothing else would be watched: state the systems beside { $system } in { $file }, or give --watch QUEUE or --watch URL.
error-metric-not-returned = CloudWatch does not return the metric { $metric }: it can't be watched.
