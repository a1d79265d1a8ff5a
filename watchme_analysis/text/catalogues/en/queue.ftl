### Archive and purge of a queue.

queue-counts-settling = Waiting { $within } at most until the counts of the queue agree with what was received: they may be a minute old.
archive-done = { $count ->
    [one] One message of { $queue } is in { $archive }, and in the queue as before.
   *[other] All { $count } messages of { $queue } are in { $archive }, and in the queue as before.
  }
archive-incomplete = { $count ->
    [one] One message of { $queue } is in { $archive }, but messages may be missing:
   *[other] { $count } messages of { $queue } are in { $archive }, but messages may be missing:
  }
archive-hash = SHA-256 { $hash }
archive-count-differs = the queue states { $count } messages, and { $archived } were received. Repeat the archive when nothing else reads the queue. In a FIFO queue, hidden messages block the others of their group.
archive-in-flight = { $count } messages are hidden by another reader.
archive-delayed = { $count } messages are delayed and can't be received yet.
archive-out-of-time = the reading took longer than most of the visibility timeout of { $visibility }. Give a longer one with --visibility-timeout.
purge-plan = Delete { $count } archived messages of { $queue }, sent between { $oldest } and { $newest }.
purge-plan-empty = The archive holds no message: there is nothing to delete.
purge-plan-delete = Each message is received, hidden for at most { $visibility }, compared with the archive, and deleted. Messages that are not in the archive stay.
purge-plan-senders = Senders: { $senders }
purge-plan-errors = Errors: { $errors }
purge-plan-undo = Undo: { $command } sends the messages again.
purge-plan-apply = Nothing is deleted yet. Repeat the command with { $option }.
purge-refused = Nothing was deleted: { $why }
purge-other-queue = { $archive } is an archive of { $queue }.
purge-incomplete-archive = { $archive } may lack messages: { $missed }
purge-call-failed = { $error } The same command continues with the rest.
purge-in-use = { $count ->
    [one] The queue states one message
   *[other] The queue states { $count } messages
  }, of which { $left } stay. Another program sends or reads messages, or deletions failed. Repeat the command when nothing else uses the queue.
purge-in-flight = { $count } messages are hidden by another reader. Stop it, or wait, and repeat the command.
purge-complete = { $queue } is empty.
purge-stopped = The purge is not complete: { $why }
purge-left = { $count ->
    [one] One message is left: it is not in the archive, or differs from it.
   *[other] { $count } messages are left: they are not in the archive, or differ from it.
  }
purge-deleted = { $count } deleted
purge-uncertain = { $outcome ->
    [complete] { $count } deletions were requested without a response; the queue holds these messages no longer.
   *[stopped] { $count } deletions were requested and are not shown to have taken effect: repeat the command.
  }
purge-record = record { $record }
