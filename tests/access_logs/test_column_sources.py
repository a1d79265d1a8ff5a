"""The columns that the variables of a request fill, and those that stay in ``extra``."""

import json
from datetime import UTC

from worlds.together import together

from watchme_analysis.access_logs.formats.column_sources import (
    row_of,
)
from watchme_analysis.access_logs.formats.variable_names import request_seconds

NOON = 1_765_454_400_000_000  # 2025-12-11T12:00:00Z


def row(**values):
    """Return the columns with a value; those without one are left out."""
    found = row_of(values, UTC)
    return {name: value for name, value in found.items() if value is not None}


@together(
    ("values", "columns"),
    [
        ({"status": "200", "body_bytes_sent": "12"}, {"status": 200, "body_bytes": 12}),
        # The first variable with a value counts; another value is kept, and an equal one is not.
        (
            {"body_bytes_sent": None, "bytes_sent": "13"},
            {"body_bytes": 13},
        ),
        (
            {"body_bytes_sent": "12", "bytes_sent": "13"},
            {"body_bytes": 12, "extra": '{"bytes_sent": "13"}'},
        ),
        ({"host": "a", "http_host": "a", "server_name": "b"}, {"host": "a", "extra": '{"server_name": "b"}'}),
        ({"host": None, "http_host": None, "server_name": "b"}, {"host": "b"}),
        ({"host": None, "http_host": None}, {}),
        ({"remote_addr": "192.0.2.1", "http_cf_connecting_ip": "192.0.2.2"},
         {"client_addr": "192.0.2.2", "extra": '{"remote_addr": "192.0.2.1"}'}),
        (
            {"http_x_b": "é", "http_x_a": "1", "http_x_c": None},
            {"extra": '{"http_x_a": "1", "http_x_b": "é"}'},
        ),
        # Times: the most precise counts.
        ({"msec": "1765454400.5", "time_iso8601": "2025-12-11T12:00:00+00:00"}, {"time": NOON + 500_000}),
        ({"msec": None, "time_local": "11/Dec/2025:12:00:00 +0000"}, {"time": NOON}),
        ({"time_text": "2025-12-11T12:00:00.25Z"}, {"time": NOON + 250_000}),
        # Durations in seconds.
        ({"request_time": "1.5"}, {"request_time_s": 1.5}),
        ({"request_time_ms": "1500", "request_time": "9"}, {"request_time_s": 1.5}),
        ({"request_time_us": "1500000", "request_time_ms": "9"}, {"request_time_s": 1.5}),
        ({"request_time": None}, {}),
        # Parts of the request line that other variables repeat.
        (
            {"request": "GET /a?b=c HTTP/1.1", "request_uri": "/a?b=c", "uri": "/a", "args": "b=c",
             "request_method": "GET", "server_protocol": "HTTP/1.1"},
            {"method": "GET", "path": "/a", "query": "b=c", "protocol": "HTTP/1.1"},
        ),
        (
            {"request": "GET /a HTTP/1.1", "uri": "/index.html", "args": "x", "request_method": "POST",
             "server_protocol": "HTTP/2.0"},
            {"method": "GET", "path": "/a", "protocol": "HTTP/1.1", "extra": json.dumps(
                {"args": "x", "request_method": "POST", "server_protocol": "HTTP/2.0",
                "uri": "/index.html"})},
        ),
        ({"request": "junk"}, {"request": "junk"}),
        (
            {"request": "junk", "request_method": "GET", "server_protocol": "HTTP/1.1", "uri": "/a?b",
             "args": None},
            {"request": "junk", "method": "GET", "protocol": "HTTP/1.1", "path": "/a", "query": "b"},
        ),
        ({"request_uri": None, "uri": "/a", "document_uri": "/b", "args": "c=d"},
         {"path": "/a", "query": "c=d", "extra": '{"document_uri": "/b"}'}),
        ({"request_uri": "/a?c=d", "args": "c=d"}, {"path": "/a", "query": "c=d"}),
        ({"request_uri": "/a?c=d", "args": "e=f"}, {"path": "/a", "query": "c=d",
        "extra": '{"args": "e=f"}'}),
        ({"request_uri": "/a", "args": None, "query_string": "e=f"}, {"path": "/a", "query": "e=f"}),
    ],
)  # fmt: skip
def test_variables_fill_columns(values, columns):
    assert row(**values) == columns


@together(
    ("values", "columns"),
    [
        ({"upstream_response_time": None}, {"upstream_tries": 0}),
        ({"upstream_response_time": "-"}, {"upstream_tries": 1}),
        ({"upstream_response_time": "0.1, 0.2 : 0.3", "upstream_connect_time": "0.1, -"},
         {"upstream_tries": 3, "upstream_response_time_s": 0.6, "upstream_connect_time_s": 0.1,
          "upstream_raw": '{"upstream_connect_time": "0.1, -", "upstream_response_time": "0.1, 0.2 : 0.3"}'}),
        ({"upstream_addr": "192.0.2.1:80, -", "upstream_status": "502, 200"},
         {"upstream_tries": 2, "upstream_status": 200,
          "upstream_raw": '{"upstream_addr": "192.0.2.1:80, -", "upstream_status": "502, 200"}'}),
        ({"upstream_addr": "192.0.2.1:80", "upstream_status": "-"},
         {"upstream_tries": 1, "upstream_addr": "192.0.2.1:80"}),
        ({"upstream_header_time": "1.0000004", "status": "200"},
         {"upstream_tries": 1, "upstream_header_time_s": 1.0}),
        ({"status": "200"}, {}),
    ],
)  # fmt: skip
def test_upstreams_are_summed_up_and_the_last_one_counts(values, columns):
    found = row(**values)
    assert {name: value for name, value in found.items() if name.startswith("upstream")} == columns


@together(
    ("label", "value", "seconds"),
    [
        ("duration", "250ms", "0.25"), ("Latency", "4", "0.004"), ("took", "1.5", "1.5"), ("elapsed", "2 s",
        "2"),
        ("response-time", "1500", "1.5"), ("duration", "0", "0"), ("duration", "-1", None), ("duration",
        "1.", None),
        ("duration", "x", None), ("duration", "٣", None), ("status", "200", None), ("duration", "1.x", None),
    ],
)  # fmt: skip
def test_a_duration_without_a_unit_follows_from_its_form(label, value, seconds):
    assert request_seconds(label, value) == seconds
