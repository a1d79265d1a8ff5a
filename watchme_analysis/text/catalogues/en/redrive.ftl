### Redrive: messages sent, confirmed as processed, deleted from the DLQ, and audited.

redrive-refused = Nothing was sent: { $why }
redrive-stopped = The redrive stopped: { $why }
redrive-complete-created = { $count ->
    [one] The message was processed.
   *[other] All { $count } messages were processed.
  }
redrive-audit-created = { $count } processed
redrive-plan-undo-created = Undo: a sent message can't be recalled.
redrive-complete = { $count ->
    [one] The message was processed, and is not in the DLQ any more.
   *[other] All { $count } messages were processed, and are not in the DLQ any more.
  }
redrive-incomplete = { $count ->
    [one] One message is not done: the audit states why.
   *[other] { $count } messages are not done: the audit states why.
  }
redrive-other-dlq = { $dlq } is not the DLQ of { $queue } any more. Pull the queue again into a new case.
redrive-no-consumer = { $queue } has no enabled event source mapping, so nothing would process the messages. Enable the mapping first.
redrive-call-failed = { $error } The same command continues with the rest.
redrive-failed = the function failed on message { $message }: { $error } Fix the cause. The same command continues with the rest.
redrive-not-seen = the log { $log } did not show within { $within } that message { $message } was processed. Look at the queue and the log, then repeat the command.
redrive-first-processed = The first message was processed. The rest follows.
redrive-progress = { $sent } of { $count } sent
redrive-event-sent = Message { $message } was sent to its source queue.
redrive-event-rejected = SQS rejected message { $message }.
redrive-event-processed = Message { $message } was processed.
redrive-event-failed = The function failed on message { $message }.
redrive-event-deleted = Message { $message } was deleted from the DLQ after it was processed.
redrive-event-gone = Message { $message } was processed, and was not in the DLQ any more.
redrive-plan-title = { $count ->
    [one] Redrive of one message to { $queue }
   *[other] Redrive of { $count } messages to { $queue }
  }
redrive-plan-earlier = { $count ->
    [one] An earlier run has sent one message: it is confirmed and deleted, and not sent again.
   *[other] Earlier runs have sent { $count } messages: they are confirmed and deleted, and not sent again.
  }
redrive-plan-left-out = { $count ->
    [one] One message of the DLQ is left out and stays there.
   *[other] { $count } messages of the DLQ are left out and stay there.
  }
redrive-plan-may-have-run = { $count ->
    [one] Risk: the work of one message may have been done without evidence in the case. Check whether repeating it does harm.
   *[other] Risk: the work of { $count } messages may have been done without evidence in the case. Check whether repeating it does harm.
  }
redrive-plan-first = 1. Send one message, and wait up to { $within } until the function's log shows that it was processed. Otherwise the run stops.
redrive-plan-rest = 2. Send the rest at { $rate } per second ({ $duration }). The first failure stops the run.
redrive-plan-delete = 3. Receive the messages of the DLQ, hidden for at most { $visibility }. Delete each that was processed, and make the others visible again. Their receive count rises by one.
redrive-plan-cost = Cost: about { $count } requests to SQS. Reading the log with FilterLogEvents is free.
redrive-plan-undo = Undo: a sent message can't be recalled. Until it was processed, its original stays in the DLQ.
redrive-audit-deleted = { $count } processed and deleted from the DLQ
redrive-audit-gone = { $count } processed; they had left the DLQ before (expired, or deleted by somebody else)
redrive-audit-processed = { $count } processed, but still in the DLQ
redrive-audit-failed = { $count } failed
redrive-audit-sent = { $count } sent, but the log does not show them
redrive-audit-unconfirmed = { $count } may have been sent: an interrupted run or a broken connection left no result
redrive-audit-rejected = { $count } rejected by SQS
redrive-audit-not-sent = { $count } not sent yet
redrive-audit-returned = { $count } sent, and back in the DLQ
redrive-audit-excluded = { $count } left out: see the list without --apply for the reasons
redrive-audit-new = { $count } in the DLQ, but not in the case
redrive-audit-dlq = { $count } in the DLQ now
redrive-audit-unexplained = { $count } in the DLQ that could not be received: another reader hides them, or they are behind messages of their group
redrive-audit-journal = journal { $journal }: keep it, it prevents that a message is sent twice
move-plan = SQS moves all { $count } messages of the DLQ to { $queue } at { $rate } per second. They get new ids, so whether each was processed is not checked.
move-refused = No move task was started: { $why }
move-left-out = { $count } of { $total } messages were done already or would fail again. Redrive the others with --apply.
move-untested = no message of the DLQ was redriven and confirmed yet. First send one with { $option }.
move-count-differs = the DLQ states { $count } messages, and the case has { $expected } to move. Pull the queue again.
move-other-task = another move task of this DLQ is { $status }.
move-none = { $dlq } has no running move task.
move-cancelling = The move task is being cancelled. It has moved { $count } messages; the others stay in the DLQ.
move-progress = { $status }: { $moved } of { $count } moved
move-ended = The move task ended after { $count } messages: { $reason } The others are in the DLQ.
move-left = { $count } messages are in the DLQ after the move task: they arrived meanwhile, or came back.
move-complete = All { $count } messages were moved, and the DLQ is empty. Pull the queue again to see that they are processed.
redrive-plan-may-move = Every message of the DLQ in the case may go back. After one was confirmed, { $option } lets SQS move the rest.

## Output of `watchme redrive`

redrive-list = { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } to redrive{ $written ->
    [yes] { " " }in { $file }
   *[no] { "" }
  }
redrive-list-left-out = left out { $count }: { $reason }
redrive-left-before = left out { $count }: sent by an earlier run, recorded in { $journal }
redrive-left-unconfirmed = left out { $count }: delivery unconfirmed (see --retry-unconfirmed)
redrive-left-rejected = left out { $count }: rejected by SQS in an earlier run (see --retry-rejected): { $reasons }
redrive-of-these = of { $which ->
    [these] these
   *[all] all { $all }
  } { $count }: { $reason }
redrive-no-messages = the case holds no messages: `watchme case pull backlog --queue NAME` samples the DLQ
redrive-file-unread = { $file } could not be read, its messages are not listed: { $reason }
redrive-list-without-url = fill in the URL of { $queues }: the queue's attributes are not in the case
redrive-sending = sending { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
  } to queue { $queue }, account { $account }, region { $region }{ $has_profile ->
    [yes] , profile { $profile }
   *[no] { "" }
  }
redrive-result = sent { $sent } now, { $before } before, { $left } not yet{ $rejected ->
    [0] { "" }
   *[other] , { $rejected } rejected
  }
redrive-keep-journal = journal { $journal }: keep it, it prevents that a message is sent twice
redrive-unconfirmed = unconfirmed: { $count ->
    [one] { $count } message
   *[other] { $count } messages
  } may have been sent, as a run was interrupted or the connection broke: { $messages }. Search for resent_message_id in the queue or in the logs of its function. --retry-unconfirmed sends them, perhaps for the second time.
redrive-rejected = rejected: SQS does not accept { $count ->
    [one] { $count } message
   *[other] { $count } messages
  }: { $reasons }. The journal holds the reasons. Later runs leave these messages out unless --retry-rejected is given.
redrive-rejection = { $id } ({ $reason })
redrive-stopped-then = stopped: { $reason } Then the same command continues with the rest.
redrive-body-no-base64 = The value of the binary attribute { $name } is not base64
redrive-body-no-unicode = The body is not valid Unicode, which SQS does not accept
redrive-column-queue = queue
redrive-column-body = body
