"""Lines of Envoy, Istio, HAProxy, Traefik, uWSGI, S3 and Classic Load Balancers, as each documents them."""

import json
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.stock import stock_formats
from watchme_analysis.access_logs.formats.text_proxies import PROXIES, text_values
from watchme_analysis.access_logs.scan import read_access_logs

SAMPLES = {proxy.name: proxy.samples for proxy in PROXIES}
ENVOY, ISTIO = SAMPLES["Envoy"]
HAPROXY, REFUSED = SAMPLES["HAProxy"]
(TRAEFIK,) = SAMPLES["Traefik"]
(UWSGI,) = SAMPLES["uWSGI"]
S3, _ = SAMPLES["S3 server access log"]
CLASSIC, UNSENT = SAMPLES["Classic Load Balancer"]
LINES = {
    "Envoy": ENVOY,
    "Istio": ISTIO,
    "HAProxy": HAPROXY,
    "Traefik": TRAEFIK,
    "uWSGI": UWSGI,
    "S3": S3,
    "Classic Load Balancer": CLASSIC,
}


def read(*lines, engine="exact", zone=UTC):
    return Engine(stock_formats(), zone, engine=engine).read("".join(f"{line}\n" for line in lines).encode())


def row_of(line, **options):
    (row,) = read(line, **options).table.to_pylist()
    return row


def at(minute, second, microsecond):
    return datetime(2025, 12, 11, 1, minute, second, microsecond, tzinfo=UTC)


def test_uwsgi_logs_the_start_of_a_request_in_local_time():
    tokyo = row_of(UWSGI, zone=ZoneInfo("Asia/Tokyo"))
    row = row_of(UWSGI)
    short = row_of(UWSGI.replace("129 msecs", "129 micros"))

    assert (row["time"], row["request_time_s"]) == (at(10, 30, 129000), 0.129)
    assert (row["time"] - tokyo["time"]).total_seconds() == 9 * 3600
    assert (row["method"], row["path"], row["query"]) == ("POST", "/health", "x=1")
    assert (row["status"], row["client_addr"], row["body_bytes"]) == (504, "192.0.2.7", 47)
    assert short["request_time_s"] == 0.000129


def test_comments_among_the_lines_leave_a_prefix_a_prefix(tmp_path):
    lines = [f"# {number}\nDec 11 01:10:30 host haproxy[7]: {HAPROXY}\n" for number in range(4)]
    (tmp_path / "access.log").write_text("".join(lines))

    frame, account = read_access_logs([tmp_path / "access.log"])

    assert (len(frame), account.rejected_lines) == (4, 4)


def test_envoy_logs_when_a_request_began_and_escapes_nothing():
    row = row_of(ENVOY)

    assert (row["time"], row["request_time_s"]) == (at(10, 30, 536000), 30.226)
    assert (row["method"], row["path"], row["query"]) == ("POST", "/api/v1/locations", "x=1")
    assert (row["upstream_addr"], row["upstream_response_time_s"]) == ("192.0.2.20:80", 0.1)
    assert (row["client_addr"], row["host"]) == ("192.0.2.28", "api.example.com")
    assert row["user_agent"] == 'say "hi" twice'


def test_istio_logs_why_a_response_failed_and_who_sent_the_request():
    row = row_of(ISTIO)

    assert (row["status"], row["client_addr"], row["upstream_addr"]) == (504, "192.0.2.9", "192.0.2.20:8017")
    assert row["upstream_response_time_s"] is None
    extra = json.loads(row["extra"])
    assert (extra["response_flags"], extra["response_code_details"]) == ("UT", "response_timeout")


def test_haproxy_logs_local_times_and_the_parts_of_a_request():
    row = row_of(HAPROXY, zone=ZoneInfo("Asia/Tokyo"))

    assert (row["time"], row["request_time_s"]) == (at(10, 30, 794000), 30.139)
    assert (row["upstream_addr"], row["client_addr"]) == ("static/srv1", "192.0.2.7")
    times = ("upstream_connect_time_s", "upstream_header_time_s", "upstream_response_time_s")
    assert [row[name] for name in times] == [0.03, 0.099, 30.109]
    assert json.loads(row["extra"])["termination_state"] == "sH--"


def test_haproxy_asks_nobody_without_a_server():
    row = row_of(REFUSED)

    assert (row["status"], row["request"], row["upstream_addr"]) == (503, "<BADREQ>", None)
    assert (row["request_time_s"], row["upstream_response_time_s"]) == (0.109, None)
    assert json.loads(row["extra"])["backend"] == "static"


def test_haproxy_behind_syslog():
    chunk = read(*[f"Dec 11 10:10:30 localhost haproxy[14389]: {HAPROXY}"] * 3, REFUSED)

    assert chunk.table["status"].to_pylist() == [504, 504, 504, 503]


def test_traefik_logs_when_a_request_began():
    row = row_of(TRAEFIK)

    assert (row["time"], row["request_time_s"]) == (at(10, 30, 1000), 30.001)
    assert (row["remote_user"], row["upstream_addr"]) == ("bob", "192.0.2.20:8017")


def test_a_bucket_logs_its_requests():
    row = row_of(S3)

    assert (row["time"], row["request_time_s"]) == (at(10, 0, 70000), 0.07)
    assert (row["host"], row["path"], row["status"]) == ("example-bucket", "/example-bucket/a/b.wav", 404)
    assert json.loads(row["extra"])["error_code"] == "NoSuchKey"


def test_a_classic_load_balancer_logs_when_a_request_began():
    row = row_of(CLASSIC)

    assert (row["time"], row["request_time_s"]) == (at(10, 1, 948429), 1.002471)
    assert (row["host"], row["path"], row["query"]) == ("www.example.com", "/a", "b=1")
    assert (row["upstream_addr"], row["upstream_response_time_s"]) == ("192.0.2.20:80", 1.001048)
    assert (row["client_addr"], row["user_agent"]) == ("192.0.2.39", "curl/7.38.0")


def test_a_request_that_was_sent_to_no_server_took_an_unknown_time():
    row = row_of(UNSENT)

    assert (row["time"], row["request_time_s"]) == (at(10, 0, 945958), None)
    assert (row["upstream_addr"], row["upstream_response_time_s"]) == (None, None)


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_every_line_is_accounted_for(line, engine):
    torn, glued = line[: len(line) // 2], line[: 2 * len(line) // 3] + line
    chunk = read(line, torn, "", glued, line, engine=engine)

    assert chunk.table["line"].to_pylist() == [1, 5]
    assert ([one.line for one in chunk.rejected], chunk.blank) == ([2, 4], 1)


@pytest.mark.parametrize("line", [ENVOY, TRAEFIK, S3], ids=["Envoy", "Traefik", "S3"])
def test_a_hostile_line_takes_no_time(line):
    hostile = line.replace("curl/8", 'x" " "' * 200_000).replace("say", '" 200 - 1 1 "x' * 100_000)
    hostile = hostile.replace("S3Console", '" "' * 200_000) + '" torn'
    began = time.process_time()
    chunk = read(hostile)

    assert len(chunk.rejected) == 1
    assert time.process_time() - began < 5


def test_a_word_as_long_as_a_file_is_not_gone_over_again_and_again():
    began = time.process_time()

    assert not any(text_values(b"A" * 1_000_000, UTC) for _ in range(200))
    assert time.process_time() - began < 0.5
