"""Logs Insights: a query's windows planned, run, cached and joined into one complete frame.

Entry point: `cached.get_log_rows`; `query_run` runs the windows that `window_planner` plans; `scan_cost`
estimates and limits the price.

Imports: `cloudwatch.session`, `cloudwatch.response_cache`, `aws_shapes` and below.

Never: returns a row twice, or an incomplete result without a note.

A query passes through `query_library` (text), `window_planner` (windows), `query_api` (StartQuery,
GetQueryResults), `query_run` (the pool of running queries) and `frame` (types). `incident_queries` holds the
queries of a pull.
"""
