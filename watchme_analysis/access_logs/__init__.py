"""Access and error logs in any format: frames, summaries, Parquet, Athena and Spark.

Entry point: `scan.read_access_logs` (a frame), `scan.AccessScan` (block by block),
`summary.AccessSummary`, `error_log`.

Imports: `nginx_conf`, `files`, `text` and below.

Never: depends on a case, a question or AWS; drops a line without counting it.

`formats` compiles log formats, `engine` parses blocks of bytes, `accounting` counts every line. `access_log`
and `error_log` read single files of a case, `server_log` those of applications' own servers; `scan` reads
sets of logs of any size, and `spark` does so on many machines.
"""
