"""Lines of Traefik, Caddy, Envoy and Kong, written as their documentation shows them."""

import json
from datetime import UTC, datetime

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.json_proxies import PROXIES
from watchme_analysis.access_logs.formats.stock import stock_formats

TRAEFIK, CADDY, ENVOY, ENVOY_GATEWAY = (
    json.loads(sample) for proxy in PROXIES[:3] for sample in proxy.samples
)

(KONG,) = (json.loads(one) for proxy in PROXIES if "started_at" in proxy.marks for one in proxy.samples)


def read(*records, engine="auto"):
    data = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records).encode()
    return Engine(stock_formats(), UTC, engine=engine).read(data)


def row(record):
    (found,) = read(record).table.to_pylist()
    return found


def at(text):
    return datetime.fromisoformat(text)


def test_traefik_writes_nanoseconds_and_when_a_request_began():
    found = row(TRAEFIK)

    assert found["time"] == at("2025-02-28T12:11:34.111093+00:00")
    assert (found["request_time_s"], found["upstream_response_time_s"]) == (0.001964899, 0.001695)
    assert (found["method"], found["path"], found["query"]) == ("GET", "/500", "x=1")
    assert (found["status"], found["upstream_status"], found["body_bytes"]) == (404, 404, 75)
    assert (found["upstream_addr"], found["upstream_tries"]) == ("192.0.2.20:3000", 1)
    assert (found["client_addr"], found["host"]) == ("192.0.2.7", "api.example.com")
    assert (found["user_agent"], found["remote_user"]) == ("curl/8.5.0", None)
    assert json.loads(found["extra"])["RouterName"] == "web@docker"


def test_a_request_that_traefik_sent_nowhere_has_no_upstream():
    gone = ("OriginDuration", "OriginStatus", "ServiceAddr", "ServiceURL")
    without = row({key: value for key, value in TRAEFIK.items() if key not in gone})
    zero = row({**TRAEFIK, "OriginStatus": 0, "OriginDuration": 0, "ServiceAddr": None})

    assert (without["upstream_status"], without["upstream_response_time_s"]) == (None, None)
    assert zero["upstream_status"] is None


def test_caddy_writes_seconds_and_lists_of_headers():
    found = row(CADDY)

    assert found["time"] == at("2022-03-09T21:30:01.524102+00:00")
    assert found["request_time_s"] == 0.000929675
    assert (found["method"], found["path"], found["query"]) == ("GET", "/a", "b=1")
    assert (found["status"], found["body_bytes"], found["protocol"]) == (200, 10900, "HTTP/2.0")
    assert (found["client_addr"], found["host"]) == ("192.0.2.7", "localhost")
    assert found["user_agent"] == "curl/7.82.0"
    assert json.loads(found["extra"])["http_x_forwarded_for"] == "192.0.2.7, 192.0.2.8"
    older = {**CADDY["request"]}
    del older["client_ip"]
    assert row({**CADDY, "request": older})["client_addr"] == "127.0.0.1"


def test_caddy_s_durations_with_a_unit_are_read():
    assert row({**CADDY, "duration": "929.675µs"})["request_time_s"] == 0.000929675


def test_caddy_s_durations_of_another_unit_are_reported():
    chunk = read({**CADDY, "duration": 929675})

    assert (len(chunk.table), len(chunk.rejected)) == (0, 1)
    assert chunk.rejected[0].reason.startswith("duration: ")


def test_envoy_writes_milliseconds_and_when_a_request_began():
    found = row(ENVOY)

    assert found["time"] == at("2025-12-11T01:10:35.254+00:00")
    assert (found["request_time_s"], found["upstream_response_time_s"]) == (5.004, None)
    assert (found["method"], found["path"], found["status"]) == ("GET", "/health", 504)
    assert (found["client_addr"], found["upstream_addr"]) == ("2001:db8::7", "192.0.2.20:8080")
    assert json.loads(found["extra"])["response_flags"] == "UT"
    older = row({**ENVOY, "upstream_service_time": "12", "duration": "13", "response_code": "200"})
    assert (older["upstream_response_time_s"], older["request_time_s"], older["status"]) == (
        0.012,
        0.013,
        200,
    )


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_every_line_is_accounted_for(engine):
    wrong = {**TRAEFIK, "StartUTC": "yesterday"}
    chunk = read(TRAEFIK, CADDY, ENVOY, wrong, {"level": "info", "msg": "started"}, engine=engine)

    assert [one["status"] for one in chunk.table.to_pylist()] == [404, 200, 504]
    assert [(one.line, one.reason) for one in chunk.rejected] == [
        (4, "'yesterday' is not a time"),
        (5, "no request: no status or no target among its keys level, msg"),
    ]


def test_envoy_gateway_names_headers_as_envoy_does():
    found = row(ENVOY_GATEWAY)

    assert found["time"] == at("2025-12-11T01:10:35.254+00:00")
    assert (found["method"], found["path"], found["host"]) == ("GET", "/health", "api.example.com")
    assert (found["status"], found["request_time_s"], found["upstream_response_time_s"]) == (504, 5.004, None)
    assert (found["client_addr"], found["user_agent"]) == ("192.0.2.7", "curl/8.5.0")
    assert (found["request_id"], found["upstream_addr"]) == ("a4cadca4", "192.0.2.20:8080")


def test_kong_writes_milliseconds_and_when_a_request_began():
    found = row(KONG)

    assert found["time"] == at("2025-12-11T01:10:35.254+00:00")
    assert (found["method"], found["path"], found["host"]) == ("GET", "/health", "api.example.com")
    assert (found["status"], found["upstream_status"]) == (504, 504)
    assert (found["request_time_s"], found["upstream_response_time_s"]) == (5.004, 5.001)
    assert (found["client_addr"], found["user_agent"]) == ("192.0.2.7", "curl/8.5.0")


def test_logpush_times_in_whole_seconds_are_no_duration_without_the_time_to_the_first_byte():
    made = {"RayID": "8f", "ClientRequestURI": "/health", "EdgeResponseStatus": 200}
    found = [
        row({**made, "EdgeStartTimestamp": "2025-12-11T01:10:00Z", "EdgeEndTimestamp": end})["request_time_s"]
        for end in ("2025-12-11T01:10:01Z", "2025-12-11T01:10:30Z")
    ]
    assert found == [None, 30.0]
