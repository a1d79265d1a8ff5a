### Headings and labels of a diagnosis in the terminal.

value = { $value }
print-head = { $verdict ->
    [supported] SUPPORTED: { $cause }, confidence { $confidence }
    [no_incident] NO INCIDENT: { $cause }, confidence { $confidence }
   *[inconclusive] INCONCLUSIVE: { $cause }, confidence { $confidence }
  }
print-no-single-cause = no single cause
print-incident = incident
print-endpoints = endpoints
print-queues = queues
print-functions = functions
print-change = change
print-change-event = { $event } by { $user } at { $time }
print-messages = messages
print-message-counts = { $moved } moved to dead-letter queues, { $deleted } deleted unprocessed, { $missed }
missed-work = { $number ->
    [one] { $number } work item missed
   *[other] { $number } work items missed
  }
missed-work-left = { $number ->
    [one] { $number } work item missed by what is left
   *[other] { $number } work items missed by what is left
  }
missed-work-unread-dumps = { $known ->
    [some] at least { $number ->
        [one] { $number } work item missed, as { $dumps } could not be read
       *[other] { $number } work items missed, as { $dumps } could not be read
      }
   *[none] work missed: unknown, as { $dumps } could not be read
  }
missed-work-unread-messages = { $known ->
    [some] at least { $number ->
        [one] { $number } work item missed
       *[other] { $number } work items missed
      }
   *[none] work missed: unknown
  }, as the data holds no work item for { $unread ->
    [one] { $unread } DLQ message
   *[other] { $unread } DLQ messages
  }
print-remedies = How to make sure, fix and prevent it: { $pages }
print-ranking-cause = cause
print-ranking-probability = probability
print-ranking-status = status
print-ranking-weight = weight of evidence
print-ranking-name = meaning
status-supported = supported
status-refuted = refuted
status-inconclusive = inconclusive
print-rows = { $table }, { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  }
print-not-covered = not covered: { $text }
print-next-test = next test: { $text }
print-other-causes = { $count ->
    [one] The evidence on the other { $count } cause: in the report, and in --json.
   *[other] The evidence on the other { $count } causes: in the report, and in --json.
  }
print-collect-next = Collect next:
print-missing = { $what }: { $why }
print-covered = Covered:
print-coverage-table = table
print-coverage-rows = rows
print-coverage-rejected = rejected
print-coverage-cut-off = cut off
print-window = window
print-yes = yes
print-notes = Notes:
print-more = { $count } more:

track-record-inconclusive = Of { $cases } recorded cases that the rules had not seen ({ $date }), { $open } ended inconclusive with all of their evidence.
track-record-none = Of { $cases } recorded cases that the rules had not seen ({ $date }), none had a confidence like this one.
track-record-sure = Of { $cases } recorded cases that the rules had not seen ({ $date }), { $count } had a confidence of { $low } or more, and { $right } of these were right.
track-record = Of { $cases } recorded cases that the rules had not seen ({ $date }), { $count } had a confidence of { $low } to { $high }, and { $right } of these were right.
