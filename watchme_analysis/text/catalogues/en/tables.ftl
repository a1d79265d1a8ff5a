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
opened-folder = stored as
opened-pulled = pulled
further-caption = All sections of this page; each is a function
queries-caption = Log queries that fetched the data
queries-none = No log query: the logs were read from files, or there are none.
bars-empty = No rows.
frame-query = SQL of the rows behind it, from which the frame is computed
frame-rows = { $shown } of { $rows } rows
column-section = function
column-shows = shows
column-query = query
column-log-groups = log groups
column-scanned-gb = scanned (GB)
column-cost-usd = price (USD)
column-truncated = truncated
column-usual-per-hour = usual per hour
column-incident-per-hour = incident per hour
opened-no-font = Figures have English labels, because no font with Japanese letters is installed (for example fonts-noto-cjk).

explore-time = time range
explore-section = section
explore-all = all
explore-opening = Diagnosing this choice …

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

# Requests followed through the layers
fates-caption = Requests followed through the layers
fates-note = Joined surely: by ray or request id, and in the application's log by id or as the only record that fits; others are nearest in time. uvicorn writes no line for a response whose connection was closed before, so a missing line may be a late response. { $clocks }
fates-none = No rows: neither the edge nor Nginx logged requests.
fate-served = served
fate-limited = refused by a limit of Nginx
fate-too-large = too large for Nginx
fate-nginx-resources = Nginx lacked a resource
fate-nginx-responded = Nginx responded itself
fate-unresolved = no address for the upstream
fate-tls-failed = TLS with the upstream failed
fate-refused = connection refused
fate-unreachable = upstream unreachable
fate-connect-timeout = no connection to the upstream
fate-connection-dropped = upstream closed the connection
fate-header-timeout = no response from the upstream
fate-body-timeout = response stopped
fate-upstream-gave-up = gateway error of the upstream itself
fate-invalid-response = response that Nginx could not use
fate-unavailable = 503 from behind Nginx
fate-application-error = error of the application
fate-rejected = rejected
fate-slow-connect = slow: connecting
fate-slow-header = slow: waiting for the response
fate-slow-body = slow: reading the response
fate-slow-nginx = slow: in Nginx
fate-held-by-edge = slow: before Nginx
fate-edge-responded = edge responded itself
fate-never-arrived = not received by Nginx
fate-sent-elsewhere = sent to another origin
fate-edge-tls-failed = TLS between edge and Nginx failed
fate-client-left = client left
fate-unknown = unknown
column-endpoint = endpoint
column-fate = fate of the request
column-app-responses = responses logged by the application
column-app-late = of these after the request had ended
column-baseline = baseline
column-incident = incident
column-joined-surely = joined surely
column-example = example
clocks-unknown = How far the layers' clocks are apart is not known.
clocks-known = Differences between clocks are estimated and allowed for.
clock-same = { $one }'s clock agrees with that of { $other } (± { $margin }, { $pairs } requests).
clock-ahead = { $one }'s clock is { $apart } ahead of that of { $other } (± { $margin }, { $pairs } requests).
clock-behind = { $one }'s clock is { $apart } behind that of { $other } (± { $margin }, { $pairs } requests).
