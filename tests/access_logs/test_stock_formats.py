"""Lines of formats that programs bring along, as these programs write them."""

from datetime import UTC, datetime

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.stock import STOCK_FORMATS, stock_formats

SAMPLES = {found.name: found.samples for found in STOCK_FORMATS}
INGRESS, UNSENT = SAMPLES["upstreaminfo"]
(HEALTHD,) = SAMPLES["healthd"]
(VHOST,) = SAMPLES["vhost"]
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


@engines
def test_virtual_hosts_of_apache(engine):
    rows, used = rows_of(*SAMPLES["vhost_combined"], engine=engine)

    assert used == {"vhost_combined": 2}
    assert [row["host"] for row in rows] == ["www.example.com", "[2001:db8::7]"]


@engines
def test_the_name_of_a_virtual_host_before_the_client(engine):
    lines = [SAMPLES[name][0] for name in ("host_combined", "host_common", "vhost_common")]
    rows = [row for line in lines for row in rows_of(line, engine=engine)[0]]

    assert [row["client_addr"] for row in rows] == ["192.0.2.7"] * 3
    assert [row["host"] for row in rows] == ["www.example.com"] * 3
    assert [row["user_agent"] for row in rows] == ["curl/8.5.0", None, None]


@engines
def test_the_images_bunkerweb_and_nginx_proxy_manager(engine):
    names = ("bunkerweb", "proxy_manager", "proxy_manager_other")
    rows = [row for name in names for row in rows_of(*SAMPLES[name], engine=engine)[0]]

    assert [row["status"] for row in rows] == [504, 504, 404]
    assert [row["upstream_status"] for row in rows] == [None, 504, None]
    assert [row["path"] for row in rows] == ["/health", "/health", "/"]
    assert [row["host"] for row in rows] == ["www.example.com", "api.example.com", "www.example.com"]
    assert rows[0]["request_id"] == "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
