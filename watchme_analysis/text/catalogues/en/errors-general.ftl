### Errors of general.

error-config-no-such-system = There is no system { $name }{ $known }
error-config-named-tables = { $path }: { $table } holds tables with a name: write [{ $example }.NAME] and its keys below.
error-config-no-type = { $path }: { $name } has no type: it must be { $allowed }.
error-config-no-table = { $path }: { $name } is { $value }, but must be a table: write [{ $example }] and its keys below.
error-config-value = { $source }: { $key } is { $value }, but must be { $allowed }.
error-config-no-systems = There is no system { $name }: { $file } states none. `watchme config init` writes one.
error-config-unconfirmed = { $path } was found and is not trusted, so its systems are not run and its profile is not used. Read it, then trust it with `watchme config trust { $path }`.
error-config-none = There is no { $file } in this folder or above: name the file.
error-config-trust = The trust in { $path } can't be stored: { $reason }. Name the file with --config instead.
error-config-unreadable = { $path } can't be read: { $reason }. Correct or remove the file.
error-config-unknown-key = { $path } has the unknown key { $key }{ $known }
error-config-table-name = { $path }: [{ $table }.{ $name }] has no valid name: use letters, digits, hyphens and dots.
error-config-lacks-key = { $path }: { $name } has no { $key }: it must be { $allowed }.
error-config-unknown-table-key = { $path }: [{ $table }] has the unknown key { $key }{ $known }
error-config-table-value = { $source }: { $table }.{ $key } is { $value }, but must be { $allowed }.
error-config-no-destination = { $path }: systems.{ $system }.destinations names no destination { $name }{ $known }
error-no-file-name = { $name } is no name of a file in { $folder }: it must have no slash and not begin with a dot.
error-reports-link = { $folder } is a link to { $target }: name this folder with --to.
error-output-other-kind = { $path } exists and is not { $kind ->
    [parquet] a Parquet file
    [messages] a list of messages
    [audit] an audit
    [export] an earlier export
    [unit] a unit of watchme schedule
    [load-plan] a plan of a load test
    [purge-record] a record of a purge
    [index] an index of reports
    [result] a result
    [figure] a figure
   *[plan] a plan
  }: choose another place for the output.
error-output-unreadable = { $path } can't be read: { $reason }.
error-file-unreadable = { $path } can't be read: { $reason }.
error-extra-missing = { $purpose ->
    [figures] Figures need
    [chat] Destinations of type apprise need
    [reports] Reports need
    [page] The page and its figures need
    [lab] Notebooks in JupyterLab need
    [lab-figures] Figures with zoom and hover need
   *[widgets] Widgets need
  } { $packages }, which { $missing ->
    [one] is
   *[other] are
  } not installed: { $command }.
error-mcp-missing = The server needs the extra `mcp`: { $command }.
error-mcp-no-case = There is no case { $name }: list_cases names them.
error-mcp-unknown-argument = The tool { $tool } has no argument { $name }: its arguments are { $known }.
error-table-no-column = The table { $table } has no column { $columns }.
error-no-table = There is no table { $table }: the tables are { $known }.
error-language-unknown = The language { $name } is unknown: use one of { $known }.
error-time-kind = { $value } is not a valid time: give a text such as '2h', a datetime or a timedelta.
error-time-range = The time { $time } lies outside of the years 1900 to 2261: correct it.
error-duration-invalid = { $text } is not a valid duration: write it like 500ms, 90s, 30m, 2h, 3d or 1d12h.
error-duration-long = The length of time { $text } is longer than 100 years: write it like 2h or 3d.
error-window-backwards = The window ends at { $end }, not after its start { $start }: swap or widen the bounds.
error-zone-unknown = The time zone { $name } is unknown: use an IANA name such as Europe/Berlin or UTC.
error-time-invalid = { $text } is not a valid time: write ISO 8601 such as 2025-12-11T10:00+09:00, or a span such as 2h.

## Reasons of the operating system, and of parsers

reason-missing = No such file or directory
reason-denied = Permission denied
reason-folder = Is a directory
reason-no-folder = Not a directory
reason-exists = File exists
reason-full = No space left
reason-read-only = Read-only file system
reason-long-name = File name too long
reason-loop = Too many levels of symbolic links
reason-refused = Connection refused
reason-timeout = Connection timed out
reason-unreachable = No route to host
reason-port-in-use = Address already in use
reason-encoding = it is not { $encoding }, from byte { $at } on
reason-json = it is not JSON, from line { $line }, column { $column } on: { $problem }
reason-nested = it is nested too deeply
error-did-you-mean = Did you mean `{ $word }`?
error-config-both = { $path }: { $name } has { $key } and { $others }: state one of both.
error-file-unwritable = { $path } can't be written: { $reason }.
error-time-without-zone = The time { $time } has no time zone: add one, such as +09:00.
error-case-is-raw = { $folder } is a folder of raw evidence: import it first with `watchme case import`.
error-settings-link = { $path } is { $problem }. Put the file itself there.
error-journal-foreign = { $place } is not a journal of watchme: give another file.
error-edge-analytics = counts or samples of the edge's requests, in which no request can be followed: Logpush's http_requests can
error-edge-refused = the edge refused the export: { $reason }
error-edge-refused-no-reason = no reason given
error-dlq-key = Messages in DLQs can't be counted by { $key }: use one of { $known }.
error-owned-elsewhere = { $system } is run from another state folder, on { $known ->
    [host] { $host }
   *[nothing] another machine
  } since { $since } ({ $record }): two would deliver every change twice. Stop the other one and give --take-over. If it is another system of this name, state another prefix for the destination.
error-lines-unaccounted = { $file }: { $differ } of { $lines } lines do not add up ({ $how ->
    [lost] { $differ } lost
   *[twice] { $differ } counted twice
  }), which is a bug in watchme_analysis: please report it with the output of `watchme --version`.
error-column-kind = Column { $column } of table { $table } holds values that are no { $kind }: { $reason }
error-magic-usage = { $magic }: { $problem }. { $usage }
magic-missing = the following arguments are required: { $names }
magic-unknown = unrecognized arguments: { $names }
magic-no-value = { $names } needs a value
error-explain-empty = There are no log lines to explain: paste them, name a file, or pipe the output of a command.
error-explain-binary = The input is binary data and no text: unpack it first, or name a text file.
