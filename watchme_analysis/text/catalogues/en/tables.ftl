### Tables of a page: captions, notes and headings that several tables share.

# Shared
table-times = { $caption } (times in { $zone })
table-nothing-recorded = No rows: nothing was recorded.
table-more-rows = Not shown: { $rows ->
    [one] { $rows } more row.
   *[other] { $rows } more rows.
  }
cell-yes = yes
cell-no = no

# The page itself
opened-caption = Scope of this page
opened-question = question
opened-case = case
opened-window = window
opened-endpoint = endpoint
opened-queue = queue

# Coverage
coverage-caption = What the data covers
coverage-uncounted = the source does not state the number of rows
coverage-cut-off = cut off: { $note }
coverage-cut-off-more = cut off: { $note } And { $more } more.
losses-caption = What the data misses
losses-none = Nothing is known to be missing.
losses-no-row = no rows
losses-needed-by = needed for { $causes }
losses-rejected = { $lines ->
    [one] { $lines } line rejected
   *[other] { $lines } lines rejected
  }
losses-kept = kept in { $table }
losses-cut-off = rows cut off
losses-gap = no rows for { $lasted }
losses-between = { $start } to { $end }
changes-caption = Changes
changes-none = No change is recorded in this window.

# Headings
column-table = table
column-rows = rows
column-first = first
column-last = last
column-rejected-lines = rejected lines
column-notes = notes
column-note = note
column-loss = loss
column-detail = detail
column-mark = mark
column-time = time
column-change = change
