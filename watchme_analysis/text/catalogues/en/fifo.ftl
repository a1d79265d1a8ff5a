### Migration of a queue to FIFO: advice, plan, checks.

fifo-plan = Migration of { $queue } to { $new }
fifo-cost = Requests to a FIFO queue cost USD 0.50 instead of 0.40 per million in most regions. Lambda polls both queues until the old mapping is disabled. Reading the metrics costs less than USD 0.10.
fifo-why-count = count the messages of { $queue }, from which `watchme fifo check --after` accounts
fifo-why-create = create { $queue } with the attributes of { $old }
fifo-why-tag = { $count ->
    [one] copy one tag to { $queue }
   *[other] copy { $count } tags to { $queue }
  }
fifo-why-allow = let only the new queue use { $dlq }, as for the old one
fifo-why-mapping = map { $queue } to { $function }, with batches of { $size } at most, not polled yet
fifo-why-enable = let { $function } process the messages of { $queue }
fifo-why-hold = leave { $queue } unpolled until the old queue is empty, to keep the order of messages
fifo-why-switch = set { $variable } of { $function } to { $value }; its other variables stay
fifo-why-producers = wait until { $queue } has received a message, for { $within } at most
fifo-why-drain = wait until { $queue } is empty, and has received and held nothing for { $window } ({ $timeouts } visibility timeouts)
fifo-why-disable = stop polling { $queue }
fifo-hint-switch = Nobody sends to { $new } yet: switch the producers of { $queue } as the plan states, then run the same command again.
fifo-hint-drain = { $queue } still receives or holds messages: switch the producers that are left to { $new }, then run the same command again. Nothing is lost meanwhile, both queues are processed.
fifo-hint-back = { $new } still receives or holds messages: switch the producers back to { $queue }, then run the same command again. Both queues are processed meanwhile.
fifo-send-url = Producers must send to { $url }.
fifo-send-group = MessageGroupId: the value of { $key } in the body. Messages of a group are processed one after the other.
fifo-send-content = MessageDeduplicationId: none, SQS uses the hash of the body.
fifo-send-deduplication = MessageDeduplicationId: a SHA-256 of { $keys } in the body. It must be the same when a message is sent again, and differ for every other work: SQS does not deliver a second message with the same id within five minutes.
fifo-send-deduplication-own = MessageDeduplicationId: an id of the work. It must be the same when a message is sent again, and differ for every other work: SQS does not deliver a second message with the same id within five minutes.
fifo-send-no-delay = DelaySeconds: none. FIFO queues refuse a delay per message; the new queue delays each message by { $delay }.
fifo-risk-roles = The role of { $function } must be allowed to receive from { $new }, and the roles of the producers to send to it. Without the first, the mapping is refused. Without the second, sends fail.
fifo-risk-blocks = A message that fails blocks its group for { $blocked } ({ $receives } receives), until it is in the DLQ.
fifo-risk-blocks-forever = Without a DLQ, a message that fails blocks its group until it expires.
fifo-risk-order = While both queues are polled, a message in the new queue may be processed before an older one in the old queue. `--keep-order` polls the new queue only after the old one is empty.
fifo-risk-both = While both queues are polled, up to { $count } invocations run at once.
fifo-risk-partial = { $function } reports the failed messages of a batch. On a FIFO queue it must stop at the first failure, and report that message and all after it, or the order is lost.
fifo-risk-code = The code of { $functions } must send a message group id before its variable is changed, since a FIFO queue refuses messages without one. A standard queue accepts it as well.
fifo-note-stays = { $queue }, its DLQ and its mapping stay, with all settings. Nothing is deleted.
fifo-note-dlq = { $count ->
    [one] One message stays in { $dlq }.
   *[other] { $count } messages stay in { $dlq }.
  } Redrive or archive them before the plan is applied: afterwards nothing polls the old queue.
fifo-note-window = The new mapping has no batching window ({ $window } now), which FIFO queues do not have.
fifo-note-alarm = The alarm { $alarm } watches { $queue } alone: create one for { $new }.
fifo-note-exists = { $queue } exists already, as it is wanted.
fifo-check-s3 = S3 ({ $names }) may send to this queue. S3 cannot send to a FIFO queue: send its events to EventBridge or a function that sends on.
fifo-check-sns = SNS ({ $names }) may send to this queue. A standard topic cannot deliver to a FIFO queue: use a FIFO topic.
fifo-check-events = EventBridge ({ $names }) may send to this queue: its target needs a message group id.
fifo-check-senders = The policy of the queue lets neither S3 nor SNS send to it.
fifo-check-no-metrics = CloudWatch has no messages sent to this queue in 14 days, so limits can't be checked.
fifo-check-throughput = At most { $rate } messages a second in { $days } days, below the limit of { $limit } calls a second.
fifo-check-throughput-high = At most { $rate } messages a second in { $days } days, above { $limit } calls a second. High throughput allows more, if they belong to many groups.
fifo-check-throughput-over = At most { $rate } messages a second in { $days } days, above the limit of { $limit } calls a second: leave out --standard-throughput, or send in batches.
fifo-check-in-flight = At most { $count } messages in flight; a FIFO queue allows { $limit }.
fifo-check-delay-of-queue = The queue delays each message by { $delay }; the new one does so too.
fifo-check-delays = { $count ->
    [one] One message was
   *[other] Up to { $count } messages were
  } delayed at once, though the queue has no delay: producers set DelaySeconds on messages. FIFO queues refuse that, so remove it first.
fifo-check-no-delays = No message was delayed in { $days } days.
fifo-check-batch = Batches of { $size } become batches of { $most }, the largest of a FIFO queue.
fifo-check-reserved = { $function } has { $reserved } reserved concurrent executions, and both mappings together may need { $both }. Throttled receives count, so raise it for the migration, or use --keep-order.
fifo-check-no-messages = No messages of this queue are in a case, so groups and deduplication ids can't be checked: give --case.
fifo-check-group-ids = These values are no message group ids, which have up to 128 letters, digits and punctuation marks: { $names }.
fifo-check-no-group = { $count } of { $total } messages name no group: choose another --group-key, or let the producers send one.
fifo-check-groups = { $groups } groups in the case, for { $most } concurrent invocations.
fifo-check-few-groups = { $groups ->
    [one] One group in the case, so one invocation
   *[other] { $groups } groups in the case, so { $groups } invocations
  } at most run at once.
fifo-check-swallowed = { $count } of { $total } messages have the deduplication id of another one within five minutes before, so SQS would not deliver them.
fifo-check-joined = { $count ->
    [one] One message would have the deduplication id of another one although its body differs
   *[other] { $count } messages would have the deduplication id of another one although their bodies differ
  }: SQS does not deliver the second of them within five minutes. Let producers send an id of the whole body, or --content-based.
fifo-check-group-id-sent = { $count } of { $total } messages already carry a message group id.
fifo-check-no-dlq = { $queue } has no DLQ: a message that fails blocks its group until it expires.
fifo-check-dlq = { $count ->
    [0] { $dlq } is empty.
    [one] One message is in { $dlq }: redrive or archive it first.
   *[other] { $count } messages are in { $dlq }: redrive or archive them first.
  }
fifo-check-mappings = The mapping of { $old } is { $old_state }, that of { $new } is { $new_state }.
fifo-check-alarms = No alarm watches { $new }, but these watch the old queue: { $names }. `watchme alarms plan` creates it.
fifo-account = { $queue }: { $before } before + { $sent } sent = { $deleted } deleted + { $now } held + { $dead } in the DLQ + { $unexplained } unexplained ({ $uncertain } in the minute in which the count began).
fifo-check-status = { $status ->
    [ok] ok
    [note] note
    [problem] problem
   *[unknown] unknown
  }
fifo-ready = { $problems ->
    [0] Ready: `watchme fifo plan`.
    [one] One problem to solve first.
   *[other] { $problems } problems to solve first.
  }
fifo-refused = Not planned: solve the problems first, or accept them as risks with --skip-check.
fifo-accounted = { $problems ->
    [0] Every message of both queues is accounted for.
    [one] One problem is left.
   *[other] { $problems } problems are left.
  }
fifo-advice = { $kind ->
    [fifo] FIFO would help { $queue }.
    [fair] A fair queue would help { $queue }; it needs no migration.
   *[neither] Neither FIFO nor a fair queue would help { $queue }.
  }
fifo-advice-groups = The case names { $count ->
    [one] one group
   *[other] { $count } groups
  } in { $messages } messages. The largest, { $name }, has { $share } of them.
fifo-advice-no-groups = No message of the case names a group, so { $count } equal ones are assumed.
fifo-advice-figure = { $kind ->
    [fifo] FIFO
   *[fair] Fair queue
  }: { $figure ->
    [lost] messages whose work is lost
    [dead_lettered] messages in the DLQ
    [others_wait_s] mean wait of messages outside the largest group
    [duplicates] duplicates
   *[peak_age_s] age of the oldest message
  } { $then } instead of { $now }.
fifo-advice-unreached = A fair queue calls a group noisy from { $needed } messages in flight and { $share } of all. { $most } concurrent invocations of { $batch ->
    [one] one message
   *[other] { $batch } messages
  } have { $in_flight } in flight at most, so this is never reached. The second criterion remains: more than { $share } of the recent processing time, whose period AWS does not publish (simulated with 5 minutes).
fifo-advice-criterion = A fair queue calls a group noisy from { $needed } messages in flight and { $share } of all. In the simulation, all groups together have { $peak } in flight at most, in batches of { $batch }, so this { $is_reached ->
    [yes] can be reached
   *[no] is not reached
  }. The second criterion is more than { $share } of the recent processing time, whose period AWS does not publish (simulated with 5 minutes).
fifo-advice-blocks = In a FIFO queue, a message that fails blocks its group for { $blocked } ({ $receives } receives of { $visibility } visibility timeout). { $failing ->
    [0] No message of the case is known to have failed so.
    [one] One message of the case has failed so.
   *[other] { $failing } messages of the case, in { $groups ->
        [one] one group
       *[other] { $groups } groups
      }, have failed so.
  }
fifo-advice-order = Order within a group and deduplication are reasons of their own for FIFO, which a simulation cannot weigh.
fifo-advice-next = { $kind ->
    [fifo] Next: `watchme fifo plan`.
    [fair] Next: let the producers send a message group id to the standard queue, then watch ApproximateNumberOfNoisyGroups and ApproximateNumberOfMessagesVisibleInQuietGroups.
   *[neither] Next: `watchme simulate` shows what would help.
  }
