"""A log format with upstream timings, a load balancer's line, and requests as a table for summaries."""

import pyarrow as pa

from watchme_analysis.access_logs.summary import columns_for

TIMED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $msec $request_id $http_cf_ray $request_time "$upstream_connect_time" '
    '"$upstream_header_time" "$upstream_response_time" "$upstream_addr" "$upstream_status"'
)
ARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067"
HTTPS = (
    "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.0.2.39:2817 192.0.2.20:80 "
    '0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=1 HTTP/1.1" "curl/7.46.0" '
    f'ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 {ARN} "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" '
    '"arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2018-07-02T22:22:48.364000Z '
    '"authenticate,forward" "-" "-" "192.0.2.20:80" "200" "-" "-" TID_123456'
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
