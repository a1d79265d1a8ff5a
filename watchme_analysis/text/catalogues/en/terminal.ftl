### Headings and labels of a diagnosis in the terminal.

value = { $value }
count-unknown = unknown
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

track-record-none = Of { $cases } recorded cases that the rules had not seen ({ $date }), none had a confidence like this one.
track-record-sure = Of { $cases } recorded cases that the rules had not seen ({ $date }), { $count } had a confidence of { $low } or more, and { $right } of these were right.
track-record = Of { $cases } recorded cases that the rules had not seen ({ $date }), { $count } had a confidence of { $low } to { $high }, and { $right } of these were right.
print-coverage-file = file
print-coverage-tables = tables
print-coverage-bytes = bytes
print-case = case
print-title = title
print-next = next: { $command }

## Import and contents of a case

import-reading = reading { $file }
import-with-another = read with another file
import-without-row = Read, without a row (`watchme case show` lists every file):
import-many-files = { $count } files{ $place ->
    [folder] { " " }in { $folder }
   *[root] { "" }
  }
import-unread = Could not be read, though it is evidence:
import-left = Left, not part of the case:
import-sized = { $name } ({ $bytes ->
    [one] { $bytes } byte
   *[other] { $bytes } bytes
  })
import-assumed-zone = times without a zone were read as { $zone }, which is an assumption. It is wrong if events lie whole hours from the same events in other files. --timezone, or time_zone in case.toml, states another zone.
import-case = case { $case }: { $contents }; { $state ->
    [written] written
   *[unchanged] unchanged, because it already holds this input
  }
import-zone-of-case = Times without a zone were read as { $stated }, as case.toml states, and not as { $option }.
import-files-unread = { $count ->
    [one] { $count } file of evidence could not be read: { $files }.
   *[other] { $count } files of evidence could not be read: { $files }.
  } The reasons are listed above: repair or collect the files again, then repeat the import.
case-contents = { $tables ->
    [one] { $tables } table
   *[other] { $tables } tables
  }, { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  }
case-silences = Long silences:
case-silence = { $count ->
    [one] 1 of { $longest }
   *[other] { $count }, the longest { $longest }
  }
case-files = Files of the case:
case-file-left = left
case-absent-tables = Not in the case, but useful for { $question }: { $tables }.
case-no-question = No question can be diagnosed yet: docs/evidence.md lists the evidence for each. To collect it:
case-next = Next:
case-collect = { $question }: { $command }. { $meanings }
case-list-empty = { $folder } holds no case: `watchme case import FOLDER CASE` makes one.
print-from = from
print-until = until
case-verified = { $case } is as it was imported: { $contents }.
case-exported = { $folder } holds { $contents } at the level { $level }.
case-sql-rows = { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  }{ $hidden ->
    [0] { "" }
   *[other] , { $hidden } of them not shown: --limit or --output
  }
case-problem-outside = manifest.json names the file { $file }, which lies outside of the evidence.
case-problem-rows = The table { $table } has { $rows } rows, and manifest.json states { $stated }.
case-problem-link = { $file } is a symbolic link, which no import writes.
case-problem-neither = { $file } is neither a table nor a copy of evidence.
case-problem-unlisted = manifest.json does not list { $file }.
case-problem-differs = { $file } differs from the file that was imported.
