"""A log format with upstream timings, and requests as a table for summaries."""

import pyarrow as pa

from watchme_analysis.access_logs.summary import columns_for

TIMED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $msec $request_id $http_cf_ray $request_time "$upstream_connect_time" '
    '"$upstream_header_time" "$upstream_response_time" "$upstream_addr" "$upstream_status"'
)
TIME = pa.timestamp("us", "UTC")
TYPES = {"time": TIME, "status": pa.int64(), "body_bytes": pa.int64(), "upstream_status": pa.int64()}
TYPES |= dict.fromkeys(("request_time_s", "upstream_response_time_s"), pa.float64())


def requests(*rows, by="path"):
    """Return the Arrow table of a request per row, in the columns that a summary by ``by`` reads."""
    plain = {"time": 1765415430_000000, "method": "GET", "path": "/a", "status": 200, "body_bytes": 10}
    columns = columns_for(by)
    data = {
        name: pa.array([{**plain, **row}.get(name) for row in rows], TYPES.get(name, pa.large_string()))
        for name in columns
    }
    return pa.table(data)
