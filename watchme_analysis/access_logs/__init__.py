"""Access and error logs in any format: frames, summaries, Parquet, Athena and Spark.

Entry point: `logs.read_access_logs` (a frame), `logs.AccessScan` (chunk by chunk),
`summary.AccessSummary`, `error_log`.

Imports: `nginx_conf`, `files`, `text` and below.

Never: knows a case, a question or AWS; drops a line without counting it.

`formats` turns a log format into a plan, `engine` applies the plan to bytes, `accounting` counts every
line.
"""
