### Errors of access-logs.

error-athena-place = An Athena table lies below a prefix such as s3://bucket/nginx/, which { $place } is not.
error-edge-log-left-out = { $file } is left out, so that no request of the edge counts twice: { $other } holds them too.
error-unknown-engine = There is no engine { $engine }: it is one of { $known }.
error-filter-without-effect = --only { $filter } chooses nothing: write NAME=VALUE, such as status=5xx or upstream=127.0.0.1:8017, where NAME is one of { $known }.
error-filter-status = --only { $filter }: { $value } is not a status: write 504, 5xx, or - for none.
error-apache-directive = The LogFormat { $format } has { $directive }, which is nothing that Apache logs.
error-apache-time = The LogFormat { $format } writes times such as { $sample }, which can't be read back: log %t, or a shape such as %{"{"}%Y-%m-%dT%H:%M:%S%z{"}"}t.
error-apache-percent = The LogFormat { $format } has a percent sign that names nothing: write %% for one.
error-unknown-log-format = The log_format { $format } is no format and no name of one: the names known are { $known }.
error-log-format-escape = The log_format { $format } has escape={ $escape }: it is default, json or none.
error-log-format-empty = The log_format { $format } has no variable: give a format such as { $example }.
error-log-format-adjacent = The log_format { $format } has ${ $first } and ${ $second } without anything between them, so that no reader can tell where one ends: put a space or another mark there.
error-log-format-large = The log_format { $format } is too large to be read: remove variables that the analysis does not need.
error-s3-no-bucket = { $name } names no bucket: give s3://bucket/key, or a prefix that ends with a slash.
error-s3-no-object = There is no object { $name }: give a key, a pattern, or a prefix with a slash at its end.
error-s3-unlisted = { $name } can't be listed: { $reason }.
error-no-known-log-format = No line of { $names } is of a log_format that is known: --format states it. Logs of other programs have none, and AWS documents tables of its own logs.
error-access-log-column = An access log has no column { $columns }: it has { $known }.
error-numba-missing = The engine numba needs the package numba, which is not installed: leave out --engine numba, or use another platform than a Mac with an Intel processor, for which there is no such package.
error-spark-missing = The engine spark needs the package pyspark, which is not installed: python3 tasks.py spark brings it to a clone, pip install pyspark elsewhere; or leave out --engine spark.
error-spark-java = The engine spark needs Java 17 or newer, which is not installed: on Debian or Ubuntu apt install default-jre-headless brings it; or leave out --engine spark.
error-spark-start = Spark can't be started: { $reason }
error-spark-input = The engine spark can't read { $name }: only this process can; give files.
error-summary-key = Requests can't be grouped by { $key }: it is one of { $known }.
error-folder-without-log = The folder { $folder } holds no { $kind ->
    [error] error log
   *[access] access log
  } with a name such as { $names }.
error-no-log = There is no { $kind ->
    [error] error log
   *[access] access log
  } { $name }: give a file, a pattern or a folder.
error-spark-failed = Spark failed: { $reason }
error-keep-slowest = keep_slowest is { $number }: one request at least must be kept.
