### Summary of access logs on the terminal, and notes on what was read.

access-logs = { $logs ->
    [one] { $logs } log
   *[other] { $logs } logs
  }
access-lines = { $logs ->
    [one] { $logs } log
   *[other] { $logs } logs
  }, { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }: { $requests ->
    [one] { $requests } request
   *[other] { $requests } requests
  }, { $rejected } rejected, { $blank } blank, { $left_out } left out
access-empty = { $logs ->
    [one] The log is empty.
   *[other] The logs are empty.
  }
access-no-match = No request matches the window and the path{ $known ->
    [start] : the logs begin at { $start }.
    [both] : the logs reach from { $start } to { $end }.
   *[nothing] .
  }
access-chosen = { $count } of the requests { $filters ->
    [only] are of { $only }
    [slow] took { $seconds } s or longer
   *[both] are of { $only }, took { $seconds } s or longer
  } and are counted below{ $untimed ->
    [0] { "" }
   *[other] ; { $untimed } have no time to compare
  }
access-statuses = statuses
access-surge = Surge from { $start } to { $end }: { $requests } requests in { $steps ->
    [one] { $steps } interval
   *[other] { $steps } intervals
  } of { $step }; { $usual } are usual.
access-surge-sender = { $share } of the surplus: { $kind ->
    [client] client
   *[agent] agent
  } { $sender }, { $requests ->
    [one] { $requests } request
   *[other] { $requests } requests
  }  ({ $only })
access-surge-no-sender = { $counted ->
    [yes] No single client or agent sent most of it.
   *[no] Its client is named when complete files are read: a pipe can be read only once.
  }
access-no-times = These logs have no request times. A log_format with $request_time and $upstream_response_time writes them.
access-fields-of-times = These logs have no request times. The program that wrote them logs them as { $fields }, if its log format is configured to.
access-unknown-fields = No field of these logs is known as a request time. Unknown fields: { $fields }. If one of them is it, --format names it $request_time (seconds), $request_time_ms or $request_time_us.
access-more = ({ $count } more: { $option })
access-failures = Failed requests, and their share of each group
access-slowest = Slowest requests
access-upstreams = Statuses by upstream
access-linked = Errors and the requests they belong to (the last { $count })
access-incomplete = { $log }: INCOMPLETE, rows are missing
access-rejected = { $log }: { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  } rejected ({ $share }), such as
access-rejected-line = line { $line }: { $reason }
access-unread = None of its lines could be read: { $kind ->
    [errors] they are not in the format of Nginx's error log.
    [proposed] state the format with --nginx-conf /etc/nginx/nginx.conf or --format. The first line would fit --format { $proposed }: check the names.
    [fields] the #Fields line of the server is missing. It stands at the beginning of its logs: put it before these lines, such as (echo '#Fields: date time cs-method cs-uri-stem sc-status'; cat FILE) | watchme access -
    [json] state the format with --nginx-conf /etc/nginx/nginx.conf or --format, for JSON such as --format { $json_format }.
   *[text] state the format with --nginx-conf /etc/nginx/nginx.conf or --format.
  }
access-error-log = Error log { $log }: { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }, { $rejected } rejected
access-no-errors = No error log line is in this window.

access-column-kind = kind
access-column-errors = errors
access-column-linked = linked
access-column-first = first
access-column-last = last
access-column-timed = timed
access-column-upstream-timed = upstream timed
access-column-p50-s = p50 s
access-column-upstream-p50-s = upstream p50 s
access-column-request = request
access-column-requests = requests
access-column-error = error
access-column-sent = sent
access-column-request-s = request s
access-column-ended = ended
access-column-upstream-s = upstream s
access-column-status = status
access-column-upstream = upstream
access-column-upstream-status = its status
access-column-failed = failed
access-column-paths = paths
access-column-upstreams = upstreams

access-compiling = Loading the parser of large logs; the first time takes about 12 seconds
access-doubted = None of the first { $lines } lines could be read; reading continues. Ctrl-C shows the reasons: --nginx-conf or --format states the format.
access-progress = { $known ->
    [time] { $share }, about { $left } left,
    [share] { $share },
   *[nothing] { "" }
  }{ $known ->
    [nothing] { "" }
   *[other] { " " }
  }{ $logs ->
    [one] { "" }
   *[other] log { $log } of { $logs },{ " " }
  }{ $lines } lines, { $rate } a second: { $name }

access-note-assumed-zone = Times without a zone were read as UTC, which is an assumption. It is wrong if events lie whole hours from the same events in other logs: --log-timezone states another zone.
access-note-outside = { $lines ->
    [one] { $lines } line is
   *[other] { $lines } lines are
  } outside the window of the access logs.
access-note-error-zone = Times in error logs have no zone: --log-timezone states it.
access-note-unlinked = More requests fit these errors than are kept: errors before { $time } are not linked.
access-note-large = { $file } is large and was left out: read it with --errors { $file }.
access-note-stopped = Stopped: the summary covers the lines read until then{ $unread ->
    [0] .
    [one] , and { $unread } log not at all.
   *[other] , and { $unread } logs not at all.
  }
access-note-not-finished = The log was not read to its end: the command was stopped.
access-note-rarest = There are more values of { $by } than are kept: the rarest are in the row { $other }, and any other row may lack up to { $missed ->
    [one] { $missed } request, which is
   *[other] { $missed } requests, which are
  } there.
access-note-percentiles = There are so many values of { $by } that their percentiles may be off by up to { $off }; those of all requests by { $total }.
access-note-last-errors = Of { $errors } errors the last { $listed } are listed, and the last { $listed } with their requests.
access-note-masked = Passwords, tokens and names in e-mail addresses are shown as { $mask }; the logs hold them.
access-note-copy = { $copy } is left out: { $whole } begins with all its lines.
access-note-without-numba = The package numba is not installed, so this log was read at a fraction of the speed; the results are the same.
access-note-not-compared = The { $logs } logs are read in the order of their names and not compared for copies.

## Reasons for rejected lines

reject-apache-error = it is of Apache's error log, which is not read
reject-nginx-error = it is of Nginx's error log, which --errors reads
reject-no-request = no request: no status or no target among its keys { $keys }
reject-no-format = it is of none of the formats
reject-mismatch = it is not of log_format { $format }: { $place ->
    [nul] it holds NUL bytes, which a crash leaves
    [behind] behind { $variable }
    [from] from { $variable } on
    [more] it goes on behind { $variable }
   *[another] another line begins inside of it
  }
reject-directive = a directive, which says what the lines below it hold
reject-no-json = no JSON object
reject-label-twice = a label occurs twice: another line may begin inside of it
reject-another-line = another line begins inside of it
reject-no-fields = no #Fields above it says what its values are: put the #Fields line of this log before it
reject-values = { $values } values, of { $fields } fields
reject-no-status = no request: neither status nor target
reject-cut = it has no line end, so that its last value may be cut
reject-sampled = it was not read: none of { $lines } lines from all over it is of a known format. --nginx-conf or --format says how they are written; with --format it is read to its end in any case
reject-error-head = no time, level and process at its start
reject-error-like = begins like an error log line but is not one
reject-other-program = it is a line of another program
note-lines-without-time = { $lines ->
    [one] one line states
   *[other] { $lines } lines state
} no time
reject-gone = it was gone before it was read
reject-broke-off = reading it broke off: { $reason }
reject-unreadable = it can't be read: { $reason }
log-format-named = { $label } and { $named }
log-format-unnamed = { $label }, with { $fields ->
    [one] { $fields } field
   *[other] { $fields } fields
  } without a name, kept in the column extra as { $columns }. --format fills their columns; by their values, it may be { $suggestion }
log-format-rest = { $label }, with further fields kept in the column extra as { $column }
athena-heading =
    Logs of the format { $has ->
        [name] { $name }
       *[text] as stated
    }: { $text }
    Run the statements one by one.
    A line that is not of this format becomes a row of nulls, without its file and text; the
    view leaves such rows out. Count them before you trust a sum:
    { "  " }{ $query }
    Every object below the prefix is read as a log; what is packed must be named so (.gz, .zst).
log-format-stated = as stated
note-format-misfit = The first line is not of the stated format, which expects { $variable } at { $text }. { $proposal ->
    [known] Without the stated format, it is read as { $format }.
    [text] It would fit { $format }: check the names.
   *[none] It shows no request.
  }
