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
redrive-not-stated = an invocation with message { $message } ended without an error, but no line of the log { $log } says that its work was done. Log its id together with a word such as “processed” after the work, or add your own word to done in [log_words] of watchme.toml. The message is in the DLQ, and is sent again only with --retry-unconfirmed.
redrive-in-queue = an invocation says that message { $message } was processed, but the function may have reported it as failed: its mapping has ReportBatchItemFailures, and { $queue } has not been empty since. The message is in the DLQ. Repeat the command later: it looks again and sends nothing twice.
redrive-came-back = message { $message } was received again, or moved to the DLQ again, after an invocation without an error: the function reported it as failed, or took longer than the visibility timeout. Correct that. The same command continues with the rest.
redrive-no-dlq = { $queue } has no DLQ, so nothing shows that its messages are still there.
redrive-confirming = { $count ->
    [one] Waiting until one message is confirmed: it must not be received again for { $quiet }.
   *[other] Waiting until { $count } messages are confirmed: they must not be received again for { $quiet }.
  }
redrive-hidden = { $count ->
    [one] One message cannot be received at the moment: a killed run or another reader hides it, or it is gone. Waiting up to { $within } for it.
   *[other] { $count } messages cannot be received at the moment: a killed run or another reader hides them, or they are gone. Waiting up to { $within } for them.
  }
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
redrive-plan-left-out = { $count ->
    [one] One message of the DLQ is left out and stays there.
   *[other] { $count } messages of the DLQ are left out and stay there.
  }
redrive-plan-place = The queue { $queue } is in account { $account }, region { $region }.
redrive-plan-earlier = { $count ->
    [one] According to the journal, an earlier run has sent one message. It is deleted once the log confirms it, and not sent again.
   *[other] According to the journal, earlier runs have sent { $count } messages. They are deleted once the log confirms them, and not sent again.
  }
redrive-plan-again = Risk: messages that were sent before without confirmation are sent again, perhaps for the second time.
redrive-plan-same-work = { $count ->
    [one] One message has the same values of { $keys } as another one. It is not sent, and stays in the DLQ.
   *[other] { $count } messages have the same values of { $keys } as another one. They are not sent, and stay in the DLQ.
  }
redrive-plan-may-have-run = { $count ->
    [one] Risk: the work of one message may have been done already. Check whether repeating it does harm.
   *[other] Risk: the work of { $count } messages may have been done already. Check whether repeating it does harm.
  }
redrive-plan-hold = 1. Receive the messages from the DLQ and hide them until the end, for { $visibility } at a time. Their receive count rises by one. { $archived ->
    [yes] A message that is not in the DLQ is sent from the archive.
   *[no] A message that is not in the DLQ is not sent.
  }
redrive-plan-first-unknown = 2. Send one message. It counts as processed if the function's log says so of its id, and it is not received again for twice the visibility timeout. Otherwise the run stops.
redrive-plan-first = 2. Send one message. It counts as processed if the function's log says so of its id within { $within }, and it is not received again for { $quiet }. Otherwise the run stops.
redrive-plan-rest = 3. Send the rest at { $rate } per second ({ $duration }). The first failure stops the run.
redrive-plan-delete = 4. Delete each message from the DLQ that was processed in this sense, and make the others visible again.
redrive-plan-cost = Cost: about { $count } requests to SQS. Reading the log with FilterLogEvents is free.
redrive-plan-undo = Undo: a sent message can't be recalled. Until it was processed, its original stays in the DLQ.
redrive-audit-deleted = { $count } processed and deleted from the DLQ
redrive-audit-gone = { $count } processed; they had left the DLQ before (expired, or deleted by somebody else)
redrive-audit-processed = { $count } processed, but not deleted from the DLQ: repeat the command
redrive-audit-unproven = { $count } processed according to the journal alone: the log does not show it. If the journal is not yours, name another one with --journal
redrive-audit-failed = { $count } failed
redrive-audit-sent = { $count } sent, not confirmed: nothing shows that they were processed. They were not deleted from the DLQ
redrive-audit-unconfirmed = { $count } may have been sent: an interrupted run or a broken connection left no result
redrive-audit-rejected = { $count } rejected by SQS
redrive-audit-not-sent = { $count } not sent yet
redrive-audit-not-received = { $count } not sent: they could not be received from the DLQ. They were deleted, moved, or are hidden by somebody else
redrive-audit-hidden = { $count } not sent: the DLQ counts more messages than could be received, so another reader hides them. Run the same command again later
redrive-audit-sent-again = { $count } sent, or perhaps sent, more than once
redrive-audit-rate = sent at { $rate } per second at most
redrive-audit-returned = { $count } copies that were sent, and are in the DLQ again
redrive-audit-excluded = { $count } left out: see the list without --apply for the reasons
redrive-audit-new = { $count } in the DLQ, but not in the case
redrive-audit-dlq = { $count } in the DLQ now
redrive-audit-unexplained = { $count } more in the DLQ by its counts, a minute after this run's last change: another reader hides them, or they are behind messages of their group
redrive-audit-journal = journal { $journal }: keep it, it prevents that a message is sent twice

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
redrive-same-work-keys = the same work: messages with the same values of { $keys }
redrive-of-these = of { $which ->
    [these] these
   *[all] all { $all }
  } { $count }: { $reason }
redrive-no-messages = the case holds no messages: { $command } samples the DLQ. { $meanings }
redrive-file-unread = { $file } could not be read, its messages are not listed: { $reason }
redrive-list-without-url = fill in the URL of { $queues }: the queue's attributes are not in the case
redrive-rejection = { $id } ({ $reason })
redrive-body-no-base64 = The value of the binary attribute { $name } is not base64
redrive-body-no-unicode = The body is not valid Unicode, which SQS does not accept
redrive-column-queue = queue
redrive-column-body = body
