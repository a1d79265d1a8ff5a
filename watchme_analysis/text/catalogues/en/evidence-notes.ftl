### Notes on files of evidence: what was read of them, and what was not.

note-of-file = { $file }: { $note }
note-unread = { $file } could not be read: { $reason }
note-rejected-kept = { $lines } lines rejected, the first { $kept } kept
note-part-kept = { $problem }; the part before is kept.
note-no-line-end = the last line has no line end: the file may have been cut off there.
note-log-no-line-end = the last line has no line end: it may be cut, or still being written
note-nested = { $values ->
    [one] { $values } value
   *[other] { $values } values
  } more than { $levels } levels deep kept as text
note-not-storable = { $values ->
    [one] { $values } value
   *[other] { $values } values
  } of { $column } can't be stored: { $how ->
    [left-out] left out
   *[escaped] kept with escapes
  }, the first of them { $first }
note-further-headers = { $headers ->
    [one] { $headers } further header
   *[other] { $headers } further headers
  }, the first in line { $line }: the rows below are read by its columns
note-zone-apart = all of it lies { $hours } h { $side ->
    [after] after
   *[before] before
  } everything else, so that they can't be compared. Times without a zone were read as { $zone }. If they are in another zone, put a case.toml with { $setting } or so beside the files, or add { $option }, and import again.
note-zone-beside = its times have no zone and were read as { $zone }, as { $file } of the same folder states; { $option }, or { $setting } in case.toml, states another one
note-masked = Values that look like secrets are masked in the table ({ $values }), but not in the case's copy of { $file }.

## Problems of whole files

limit-reached = the limit { $limit }, which [limits] in watchme.toml or { $variable } changes
problem-size = only its first { $read } were read ({ $limit })
problem-lines = only its first { $lines } lines were read ({ $limit })
problem-aliases = its aliases repeat more than { $values } values: { $aliases } of them { $aliases ->
    [one] is
   *[other] are
  } kept as text ({ $limit })
problem-settings = only its first { $values } values were read ({ $limit })
problem-unpacked = only its first { $read } were read: it unpacks to over { $times } times its size ({ $limit })
problem-packed-end = { $kind } data ends early after { $bytes } bytes
problem-packed-other = the data after { $bytes } bytes is not { $kind } data
problem-packed-damaged = { $kind } data is damaged after { $bytes } bytes ({ $error })
problem-zstandard = Zstandard data ends early or is damaged after { $bytes } bytes ({ $error })
problem-no-log-zip = it is a zip archive, which is not read: { $command }
problem-no-log-tar = it is a tar archive, which is not read: { $command }
problem-no-log-utf-16 = it is UTF-16 text, which is not read: { $command }
problem-no-log-parquet = it is a Parquet file, and no log
problem-json = JSON ends early or is damaged: { $error }
problem-json-values = too many values in one JSON document ({ $limit })
problem-json-damaged = JSON is damaged
problem-not-aws-cli = not what the AWS CLI prints here
problem-kind-not-read = objects of this kind are not read: { $kind }

## Logs and metrics of hosts

note-no-start-command = { $file } has neither CMD nor ENTRYPOINT; the command of its base image is unknown.
note-log-format = log_format { $name }
note-log-format-lines = { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  } of log_format { $name }
note-no-log-format = { $file } defines no log_format.
note-log-format-invalid = A log_format can't be used: { $error }
note-samples = { $samples ->
    [one] { $samples } sample
   *[other] { $samples } samples
  } in { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }
note-column-without-name = left out, as it has no name: a column
note-columns-without-numbers = left out, as they hold no numbers: { $columns }

## Configuration and source

note-config-part = { $part } is read where { $main } includes it.
note-include-missing = { $place } includes { $file }, which is not here.
note-include-circle = { $file } is included by itself ({ $way }); the circle is cut.
note-source-not-read = { $file }: not read; of { $files } source files those nearest to the web application were, { $read }.

## Responses of AWS

note-untimed = { $entries ->
    [one] { $entries } entry
   *[other] { $entries } entries
  } without a readable time.
note-only-ages = { $entries ->
    [one] { $entries } event has
   *[other] { $entries } events have
  } an age and no time. Their times are known with `collected_at` in case.toml, the moment at which the command ran.
note-states-untimed = { $entries ->
    [one] { $entries } entry is a state
   *[other] { $entries } entries are states
  } without the time at which it began.
note-entries-missing = entries are missing, this is one page of several (NextToken).
note-events-damaged = the details of { $events ->
    [one] { $events } event
   *[other] { $events } events
  } can't be read.
note-repeated-events = { $repeated ->
    [one] { $repeated } repeated event
   *[other] { $repeated } repeated events
  } of { $table } dropped.
note-repeated-entries = { $repeated ->
    [one] { $repeated } repeated entry
   *[other] { $repeated } repeated entries
  } of { $table } dropped.
note-repeated-receives = { $repeated ->
    [one] { $repeated } repeated receive
   *[other] { $repeated } repeated receives
  } of a message left out: each message is kept once, with its highest receive count.
note-redrive-policy = the RedrivePolicy of { $queue } can't be read; its dead-letter queue and how often a message may be received are unknown.
note-log-of-function = it is taken for the log of { $function }, { $by ->
    [name] after which it is named
   *[other] the only function that the evidence describes
}; its window is unknown.
note-log-group-unknown = its log group is unknown: name the file, or the folder of an export, after the function, as in { $example }.
note-trace-time = { $name } took most of the time of the traces: { $spent } of { $total }.
note-trace-failed = { $name } failed { $failures ->
    [one] { $failures } time
   *[other] { $failures } times
  } without a failure of what it called.
note-flows-rejected = { $file }: { $flows ->
    [one] { $flows } flow was
   *[other] { $flows } flows were
  } rejected by a security group or network ACL, from { $source } to { $target }.
note-query-unknown = no entry of queries.json names it, so its window, log group and limit are unknown.
note-query-page = it is one page of several (nextToken).
note-query-status = the query's status is { $status }, so rows are missing.
note-query-limit = { $rows } rows: the limit cut the rest.
note-query-limit-matched = { $rows } rows of { $matched } that matched: the limit cut the rest.
note-query-without-result = there is no result beside it for the query { $query }.
note-queries-scanned = The queries scanned { $size }, { $cost }.
note-cloudwatch-message = CloudWatch returned { $code }: { $text }
note-no-metric-queries = no list of queries beside it, so series are identified by their labels
note-series-by-label = series { $series } ({ $label }): { $why ->
    [several] several queries have this id
   *[none] no query with this id has such a label
  }, so it is identified by its label.
note-statistic-inferred = the statistic of { $series } series is inferred from label and values.
note-unnamed-series = { $series } series name no metric; { $advice }.
advice-metric-queries = put the list of metric queries beside it, as metric-data-queries.json
advice-metric-file = name the file by the queue or function and the metric, such as metrics/NAME-Errors.json
note-series-incomplete = points are missing, the status of { $series } is not Complete.
note-points-page = points are missing, this is one page of several (NextToken).
note-points-uneven = series { $series } has { $times } times and { $values } values, the common { $kept } are kept.
note-points-unreadable = series { $series } has { $points } points without a readable time or value; they are left out.
note-points-repeated = { $points } points came more than once and are kept once.
note-points-conflicting = { $points } of them had another value in an earlier response; the last is kept.
note-series-unanswered = { $series } series of the queries are in no response.
left-copy = the same as { $file }, and counts once
left-hidden = hidden
left-folder-link = a symbolic link to a folder
left-link-nowhere = a symbolic link that leads nowhere
left-link-outside = a symbolic link that leads out of the folder, to { $target }: it is not followed
left-no-file = { $kind ->
    [pipe] a pipe
    [socket] a socket
   *[special] a special file
  }, not a file
left-unreadable = it can't be read: { $reason }
left-own-case = a case of its own: its folder is left
left-reader-failed = the reader { $reader } failed: { $error }
left-named-like = named like { $reader }, but its content is not
left-not-recognised = not recognised
reject-unknown-line = no known program writes it
left-other-script = a script that starts neither a server nor containers
left-other-source = Source beside the application: tests, migrations or installed packages are not read
left-cloudflare = its lines are Cloudflare's: name it edge.jsonl
left-uvicorn = its lines are uvicorn's: name it app-SERVICE.log
left-unknown-format = its lines are of no format known here: put the nginx.conf that holds their log_format beside it, or say log_format = '...' in a case.toml
left-no-fields = no #Fields line says what its values are: put the one from the beginning of the server's log before them
left-other-output = it is not the output of { $commands }
problem-time = reading it took over { $seconds } s and was stopped ({ $limit })
problem-log-time = only its first { $lines } lines were read: it took over { $seconds } s ({ $limit })
problem-log-unknown = only its first { $lines } lines were read, as most of them are of no known format ({ $limit })
problem-long-line = a line of { $bytes } bytes is not read ({ $limit })
problem-gone = it was gone before the import ended
problem-changed = it changed while it was read: its rows may differ from its hash
problem-grew = it grew while it was read: only its first { $bytes } bytes were read
problem-source = { $reader } can't read it: { $error }
problem-source-nested = { $reader } can't read it: its expressions are nested too deeply
pull-offline = Offline: nothing was retrieved, state is as of { $time }.
pull-trail-retention = Only CloudTrail's events of the last { $kept } days can be looked up, and changes from { $before } days before the window on are looked up.
pull-alarm-history = CloudWatch keeps what happened to alarms of the last { $days } days.
pull-own-redrive = { $queue } has a redrive policy of its own, so reading would move its messages on.
pull-sample = { $read } of about { $held } messages of { $queue } were read.
pull-sample-fifo = { $read } of about { $held } messages of { $queue } were read: a FIFO queue hands out no more of a group while some of it are being read.
pull-hidden = About { $hidden } more messages of { $queue } were hidden just then, being read by somebody or by a run that was stopped: pull again with --refresh in a few minutes.
pull-receive = Reading { $queue } counts as one receive of each message read.
insights-broken = It broke off: { $error }
insights-refused = { $groups } could not be queried: { $error }
insights-deadline = The deadline passed before all rows were there: raise it, or narrow the window.
insights-ceiling = { $gigabytes } GB were scanned, more than the ceiling, before all rows were there: raise it, or narrow the window.
insights-unsplittable = { $rows } rows are all that one query returns, and it can't be split: { $reason }. Narrow it, or state a limit.
insights-ended = A query from { $start } to { $end } ended as { $status }.
insights-rows-missing = From { $start } to { $end } rows are missing: { $reason ->
    [pointers] its rows carry no @ptr, so windows can't be put together
   *[millisecond] more events than one query returns share one millisecond
  }.
insights-not-stopped = Query { $query } was not stopped: { $error }
insights-cached = Read from the cache up to { $end } (retrieved { $taken }).
insights-no-estimate = The scan could not be estimated and stops at { $gigabytes } GB: { $error }
note-log-moved = it was moved away while it was read
note-log-rotated = it was rotated while the logs were read: it is { $file } now
note-log-grew = it grew while it was read, by { $bytes } bytes: later lines may be missing
note-log-shrank = it is smaller than when the reading began, by { $bytes } bytes: it was cut or rotated, and lines may be missing

## Lines and values that can't be read

problem-of = { $of }: { $problem }
value-no-number = { $value } is not a number
value-no-whole-number = { $value } is not a whole number
value-too-large = { $value } is larger than any count or status
value-no-time = { $value } is not a time
value-no-seconds = { $value } can't be seconds: the log must be written with times in seconds
value-option-number = { $option } wants a number, not { $value }
reject-no-time = no time
reject-no-event = no event
reject-invalid-time = its time is not valid
reject-edge-no-time = no EdgeStartTimestamp
reject-csv-cells = { $cells } cells under { $columns } columns
reject-csv-cut = the line is cut
reject-csv-cut-cells = the line is cut: { $cells } of { $columns } cells
reject-csv-cut-row = a row is cut, and another one follows in its line
reject-csv-header = the header again, and cut
reject-csv-quote = a quote is not closed
reject-csv = its cells can't be read: { $error }
reject-no-server = it starts no server that is known here
reject-shell-quote = a quote is not closed
reject-shell-escape = nothing stands behind its last backslash
reject-shell = it can't be split into words: { $error }
reject-no-instruction = it begins with no instruction of a Dockerfile
reject-nginx-nested = its blocks are nested too deeply
reject-nginx-end = the file ends inside a statement
reject-nginx = { $error }
compose-breaks = YAML breaks: { $error }
compose-no-yaml = it is not YAML
compose-value = YAML holds a value that can't be read: { $error }
compose-no-mapping = a compose file is a mapping, this is not
expression-behind = { $found } stands where a rule should end or go on
expression-unreadable = { $found } can't be read
expression-expected = { $found } stands where { $expected } should
expression-no-operand = { $found } stands where a field or value should
expression-no-member = { $found } stands where a value of a set should
expression-end = the end
expression-in = { $problem } in { $expression }
edge-rule-setting = setting { $name }
edge-rule-action = action { $name }
edge-rule-limit = rate limit { $count } per { $period } s, action { $action }
edge-rule-settings = { $settings }
insights-class = Not searched: { $groups }. { $kind ->
    [DELIVERY] Log groups of the class Delivery cannot be queried.
   *[INFREQUENT_ACCESS] The log class Infrequent Access does not support the commands of this query: { $commands }.
  }
insights-blocks = A query searches at most 50 log groups, so { $number } queries ran: `stats` and `limit` apply to each of them, see the column log_groups.
insights-shortfall = From { $start } to { $end } { $rows } rows came, and CloudWatch counts { $counted }: run the query again.
unsplittable-subquery = a subquery looks at other events
unsplittable-column = it calls something else { $column }, by which windows are put together
unsplittable-order = its order ({ $command }) is not by @timestamp alone
unsplittable-language = { $language } queries are never split
unsplittable-limit = it limits itself ({ $command })
unsplittable-command = { $command } looks at several events together
note-metrics-not-kept = { $intervals ->
    [one] { $intervals } interval is
   *[other] { $intervals } intervals are
  } older than { $kept }, from when on CloudWatch keeps points of this period: ask for a period of { $period }.
note-metrics-without-points = 0 of { $intervals } intervals of { $resource } have a value: check that it exists in this region and account.
note-encoding = { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  } in { $encoding } converted to UTF-8
note-encoding-kept = The log is in { $encoding }, and the bytes of its characters are shown as \xNN: convert it with { $command }
note-encoding-unknown = { $lines ->
    [one] { $lines } line is
   *[other] { $lines } lines are
  } neither UTF-8 nor in a Japanese encoding, and their bytes are shown as \xNN: convert the file with { $command } and import it again
note-times-repeated = { $times ->
    [one] { $times } time lies
   *[other] { $times } different times lie
  } in the hour that occurs twice in { $zone }, when clocks are set back, from { $first } on: they are read as its first pass, unless the order of an error log shows the second
note-times-skipped = { $times ->
    [one] { $times } time does
   *[other] { $times } different times do
  } not exist in { $zone }, where clocks are set forward, from { $first } on: check the time zone of the log
metrics-incomplete = CloudWatch did not return all points of { $series }.
aws-returned = { $call } returned { $code }
route-not-followed-if = an `if` block may change what happens here
route-not-followed-try-files = `try_files` may send the request elsewhere
route-not-followed-auth-request = `auth_request` asks another location first
route-not-followed-fastcgi-pass = it is passed on by FastCGI
route-not-followed-uwsgi-pass = it is passed on by uwsgi
route-not-followed-scgi-pass = it is passed on by SCGI
route-not-followed-grpc-pass = it is passed on by gRPC
route-not-followed-mirror = requests are mirrored
route-not-followed-split-clients = requests are split by share
route-not-followed-variable = the upstream is named by a variable
route-not-followed-pattern = the regular expression { $pattern } has look-around, a back reference or another construct that is not evaluated; it may apply instead
