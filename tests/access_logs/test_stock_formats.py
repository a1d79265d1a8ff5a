"""Lines of formats that programs bring along, as these programs write them."""

from datetime import UTC, datetime

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.log_format import stock_formats

INGRESS = (
    '192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET /health HTTP/1.1" 504 160 "-" "curl/8.5.0" 81 30.002 '
    "[shop-api-80] [] 192.0.2.20:8017, 192.0.2.21:8017 0, 0 15.001, 15.001 504, 504 0f1e2d3c"
)
UNSENT = (
    '192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET / HTTP/1.1" 404 146 "-" "curl/8.5.0" 73 0.000 '
    "[upstream-default-backend] [] - - - - 4b5a69"
)
HEALTHD = '1765415430.250"/health"504"30.002"30.001"192.0.2.7, 192.0.2.8'
VHOST = (
    'api.example.com 192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET /health HTTP/1.1" 200 15 "-" '
    '"curl/8.5.0" "192.0.2.20:8017"'
)
engines = pytest.mark.parametrize("engine", ENGINES[1:])


def rows_of(*lines, engine):
    chunk = Engine(stock_formats(), UTC, engine=engine).read("".join(f"{line}\n" for line in lines).encode())
    assert not chunk.rejected
    return chunk.table.to_pylist(), chunk.formats


@engines
def test_an_ingress_of_kubernetes(engine):
    (row, other), used = rows_of(INGRESS, UNSENT, engine=engine)

    assert used == {"upstreaminfo": 2}
    assert (row["status"], row["request_time_s"], row["request_id"]) == (504, 30.002, "0f1e2d3c")
    assert (row["upstream_addr"], row["upstream_status"], row["upstream_tries"]) == (
        "192.0.2.21:8017",
        504,
        2,
    )
    assert row["upstream_response_time_s"] == 30.002
    assert row["extra"] == '{"proxy_upstream_name": "shop-api-80", "upstream_response_length": "0, 0"}'
    assert (other["upstream_addr"], other["upstream_tries"], other["request_id"]) == (None, 0, "4b5a69")


@engines
def test_the_health_logs_of_elastic_beanstalk(engine):
    (row,), _ = rows_of(HEALTHD, engine=engine)

    assert row["time"] == datetime(2025, 12, 11, 1, 10, 30, 250000, tzinfo=UTC)
    assert (row["path"], row["status"], row["client_addr"]) == ("/health", 504, "192.0.2.7, 192.0.2.8")
    assert (row["request_time_s"], row["upstream_response_time_s"]) == (30.002, 30.001)


@engines
def test_the_image_nginx_proxy(engine):
    (row,), _ = rows_of(VHOST, engine=engine)

    assert (row["host"], row["client_addr"], row["upstream_addr"]) == (
        "api.example.com",
        "192.0.2.7",
        "192.0.2.20:8017",
    )
