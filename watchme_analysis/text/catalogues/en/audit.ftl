### The audit of settings.

audit-rule = { $rule ->
    [visibility_timeout] visibility timeout
    [receive_count] receives before the DLQ
    [dlq] dead-letter queue
    [dlq_retention] retention of the DLQ
    [redrive_allow_policy] redrive allow policy
    [concurrency] maximum concurrency
    [timeout_chain] timeout
    [partial_batch] partial batch responses
    [alarm] alarm
    [alarm_can_fire] alarm can fire
    [encryption] encryption
    [health_check] health check
    [restart_policy] restart policy
    [workers] worker processes
   *[thread_pool] thread pool
  }
audit-status = { $status ->
    [change] change
    [choice] trade-off
    [unknown] unknown
   *[ok] ok
  }
audit-unknown = not in the data
audit-unset = not set
audit-time = { $value }
audit-at-least = at least { $value }
audit-above = above { $value }
audit-number = { $value }
audit-number-at-least = at least { $value }
audit-receives-advised = at least { $value } by AWS's advice
audit-number-at-most = at most { $value }
audit-name = { $value }
audit-names = { $values }
audit-code = { $value }
audit-visibility-below-timeout = A message returns to the queue while the function with a timeout of { $timeout } still processes it, so it is processed twice.
audit-visibility-short = A throttled or retried batch of { $function } returns before Lambda has tried again, and each receive counts towards the DLQ. AWS recommends 6 × { $timeout } function timeout plus { $window } batching window.
audit-receives-few = With { $count } receives, failing work is repeated less. Throttled receives count, so a message may reach the DLQ without one failed invocation.
audit-receives-few-after = A message that fails is in the DLQ after { $count } × { $visibility } = { $total }, and its work is repeated less. Throttled receives count, so throttling of this length moves good messages there as well.
audit-dlq = a DLQ
audit-dlq-missing = A message that always fails returns until it expires, and then it is lost.
audit-dlq-missing-after = A message that always fails returns for { $retention }, and then it is lost.
audit-retention-short = The age of a message counts from its first send. After up to { $source } in the source queue, little of the { $own } is left to redrive it.
audit-redrive-refused = The DLQ refuses messages of { $queues }, which stay in their queue until they expire.
audit-redrive-open = Any queue of the account may use it as its DLQ, and foreign messages would be redriven with your own.
audit-redrive-by-queue = byQueue: { $queues }
audit-reserved-alone = Lambda receives more messages than { $reserved } invocations can process. The rest is throttled, and each throttled receive counts towards the DLQ.
audit-most-above-reserved = Lambda receives messages for { $most } invocations, but only { $reserved } may run. The rest is throttled, and each throttled receive counts towards the DLQ.
audit-batch-repeated = One failed message returns its whole batch of up to { $size }, so messages that succeeded are processed again.
audit-unencrypted = Message bodies are stored in plain text.
audit-alarm-on = an alarm on { $metric }
audit-alarm-missing = Nobody is notified when { $resource } fails or falls behind.
audit-alarm-silent = It has no enabled action, so nobody is notified.
audit-alarm-reachable = a threshold that failures reach
audit-edge-gives-up = The edge waits for { $edge } only, while Nginx waits for { $nginx }. The client gets an error of the edge, and the application works in vain.
audit-nginx-gives-up = Nginx responds with 504 after { $nginx }, while the handler waits up to { $call } for its own call and keeps its thread.
audit-function-gives-up = The function ends before the API's { $path } responds or times out after { $api }. The message returns while the API still works on it.
audit-check = every { $interval }, timeout { $timeout }, { $retries } retries
audit-check-soon = a timeout shorter than the interval
audit-check-missing = Docker does not notice that the service hangs.
audit-check-slow = A service that hangs is unhealthy only after up to { $latest }.
audit-no-restart = A process that ends stays down until somebody starts it.
audit-one-worker = While the only worker is blocked, every request waits, also the health check.
audit-on-pool = runs on the thread pool
audit-async-handler = an async handler, or a pool of its own for blocking calls
audit-shared-pool = It waits for a thread whenever { $others } occupy all of them.
audit-verdict = { $change ->
    [0] No setting to change
    [one] One setting to change
   *[other] { $change } settings to change
  }; { $ok } conform, { $unknown } are not in the data.
audit-column-rule = setting
audit-column-resource = resource
audit-column-status = status
audit-column-current = current
audit-column-recommended = recommended
audit-consequence = consequence: { $text }
audit-source = source: { $url }
