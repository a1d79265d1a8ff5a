"""The layer of an incident from a stock access log and an error log alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from worlds.health_world import Signals

import watchme_analysis as w
from watchme_analysis.case.case_folder import Case
from watchme_analysis.inference.weighing import NAMED_AT
from watchme_analysis.requests.fates import LAYERS

REFUSED = "connect() failed (111: Connection refused) while connecting to upstream"
NO_HEADER = "upstream timed out (110: Connection timed out) while reading response header from upstream"
NO_CONNECTION = "upstream timed out (110: Connection timed out) while connecting to upstream"
NO_BODY = "upstream timed out (110: Connection timed out) while reading upstream"
LIMITED = 'limiting requests, excess: 5.1 by zone "probe"'
DENIED = "access forbidden by rule"
# Of these requests Nginx asked no upstream.
ALONE = (LIMITED, DENIED)
ROUTES = ("/health", "/v1/report", "/jobs", "/v1/users")
# Seconds of the generated logs, and of the fault in them.
LASTS_S, FAULT_S = 400, (200, 260)


def clock(second: int) -> str:
    return f"{second % 86400 // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}"


def day(second: int) -> int:
    return 24 + second // 86400


def written(
    folder: Path,
    message: str | None,
    status: int,
    *,
    routes: tuple[str, ...] = ROUTES,
    every: int = 1,
    pace: int = 1,
    lasts: int = LASTS_S,
    hosts: tuple[str, ...] = ("192.0.2.11",),
    fault: tuple[int, int] = FAULT_S,
) -> Case:
    """Return a case of logs in which routes fail in the fault's time.

    Parameters
    ----------
    message
        The error log's message for each failed request, None for none.
    status
        Status of failed requests; 0 when they do not arrive at all.
    every
        Each how many requests of these routes fail.
    pace
        Seconds per request of each route.
    lasts
        Requests of each route.
    fault
        First request of each route in the fault's time, and first after it.
    """
    accesses, errors = [], []
    for second in range(0, lasts * pace, pace):
        for number, route in enumerate(ROUTES):
            place = second // pace
            fails = fault[0] <= place < fault[1] and route in routes and place % every == 0
            if fails and not status:
                continue
            hour = f"{day(second)}/Nov/2026:{clock(second)} +0000"
            code = status if fails else 200
            accesses.append(f'192.0.2.{number} - - [{hour}] "GET {route} HTTP/1.1" {code} 9 "-" "caller"')
            if fails and message:
                host = hosts[place % len(hosts)]
                upstream = "" if message in ALONE else f', upstream: "http://{host}:8000{route}"'
                errors.append(
                    f"2026/11/{day(second)} {clock(second)} [error] 7#7: *{second} {message}, "
                    "client: 192.0.2.1, "
                    f'server: api, request: "GET {route} HTTP/1.1"{upstream}, host: "api.example.com"'
                )
    folder.mkdir(exist_ok=True)
    (folder / "access.log").write_text("\n".join(accesses) + "\n")
    (folder / "error.log").write_text("\n".join(errors) + "\n" if errors else "")
    return w.open_case(str(folder))


def diagnosed(folder: Path, message: str | None, status: int, **how: Any) -> dict[str, Any]:
    return w.diagnose("health", written(folder, message, status, **how)).to_dict()


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {entry["layer"]: entry["status"] for entry in found["layers"]}


@pytest.mark.slow
def test_refusals_in_two_logs_count_once_and_leave_process_and_nginx(tmp_path):
    found = diagnosed(tmp_path, REFUSED, 502)
    remaining = {layer for layer, status in statuses(found).items() if status != "refuted"}
    assert remaining <= {"process", "nginx"}
    assert "process" in remaining
    assert "192.0.2.11:8000" in " ".join(found["summary"])
    failed = (FAULT_S[1] - FAULT_S[0]) * len(ROUTES)
    values = numbers_in(found["summary_messages"][0])
    counts = {value["count"] for value in values if isinstance(value.get("count"), int)}
    assert failed in counts
    assert 2 * failed not in counts


@pytest.mark.slow
def test_an_outage_of_seconds_or_days_leaves_the_same_layers(tmp_path):
    """Eight seconds with a request a second, and three days with one in five minutes."""
    brief = diagnosed(tmp_path / "brief", NO_CONNECTION, 504, fault=(300, 308))
    days = diagnosed(tmp_path / "days", NO_CONNECTION, 504, lasts=1200, pace=300, fault=(150, 1014))
    for found in (brief, days):
        assert found["verdict"] != "no_incident"
    excluded = [
        {layer for layer, verdict in statuses(found).items() if verdict == "refuted"}
        for found in (brief, days)
    ]
    assert excluded[0] == excluded[1] >= {"edge"}


def numbers_in(message: Any) -> list[dict[str, Any]]:
    """Return every value of a message and of the messages in it."""
    if isinstance(message, dict):
        return [message, *(found for value in message.values() for found in numbers_in(value))]
    if isinstance(message, list):
        return [found for value in message for found in numbers_in(value)]
    return []


def ids(said: Any) -> Iterator[str]:
    """Yield the ids of a message and of those in it."""
    if isinstance(said, dict):
        if isinstance(said.get("id"), str):
            yield said["id"]
        yield from (found for value in said.values() for found in ids(value))
    elif isinstance(said, list):
        yield from (found for value in said for found in ids(value))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "passes_on"), [("", True), ("limit_conn few 2;", False), ("if ($arg_q) { return 503; }", False)]
)
def test_a_503_comes_from_behind_nginx_where_no_rule_of_it_gives_one(tmp_path, rule, passes_on):
    written(tmp_path, None, 503, routes=("/health",))
    (tmp_path / "nginx.conf").write_text(
        "http { limit_conn_zone $binary_remote_addr zone=few:1m; upstream api { server 192.0.2.11:8000; }\n"
        f"server {{ listen 80; location / {{ {rule} proxy_pass http://api; }} }} }}\n"
    )
    assert ("no_limit_in_force" in Signals(w.open_case(str(tmp_path)))) is passes_on


@pytest.mark.slow
def test_header_timeouts_of_all_routes_exclude_the_edge_the_network_and_a_dependency(tmp_path):
    found = diagnosed(tmp_path, NO_HEADER, 504, every=2)
    assert {"edge", "network", "dependency"} <= {k for k, v in statuses(found).items() if v == "refuted"}
    assert found["layer"] in ("process", None)


@pytest.mark.slow
def test_bodies_that_stop_name_the_network_as_the_probabilities_of_layers_do(tmp_path):
    found = diagnosed(tmp_path, NO_BODY, 200, routes=("/v1/report",))
    assert found["layer"] == "network"
    by_layer = {entry["layer"]: entry["probability"] for entry in found["layers"]}
    assert set(by_layer) == set(LAYERS)
    assert by_layer["network"] >= NAMED_AT
    assert sum(by_layer.values()) <= 1.0001


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [("[::1]",), ("[::1]", "192.0.2.12")])
def test_a_retried_request_is_no_failure(tmp_path, hosts):
    """Nginx is refused at one address of a name and served at the next; the log has no times."""
    found = diagnosed(tmp_path, REFUSED, 200, every=2, hosts=hosts)
    assert found["verdict"] == "inconclusive"
    assert found["incident"] == {"start": None, "end": None}
    counts = found["summary_messages"][0]
    assert {"count": LASTS_S * len(ROUTES)} in numbers_in(counts)
    assert {"count": 0} in numbers_in(counts)
    assert "refuted" not in {statuses(found)[layer] for layer in ("nginx", "process")}


@pytest.mark.slow
@pytest.mark.parametrize("message", [NO_HEADER, NO_BODY])
def test_a_response_that_was_late_or_stopped_is_bad_whatever_its_status(tmp_path, message):
    found = diagnosed(tmp_path, message, 200)
    assert found["incident"]["start"] is not None
    assert {"count": (FAULT_S[1] - FAULT_S[0]) * len(ROUTES)} in numbers_in(found["summary_messages"][0])


@pytest.mark.slow
@pytest.mark.parametrize("pace", [1, 60])
def test_a_route_whose_requests_stop_is_named_first_and_leaves_edge_and_callers(tmp_path, pace):
    found = diagnosed(tmp_path, None, 0, routes=("/health",), pace=pace)
    remaining = {layer for layer, status in statuses(found).items() if status != "refuted"}
    assert remaining == {"client", "edge"}
    assert found["verdict"] == "inconclusive"
    first, layers, _ = (list(ids(said)) for said in found["summary_messages"])
    assert first[1:3] == ["health-arrivals-stopped", "health-arrived"]
    assert "health-arrivals-stopped" not in layers


@pytest.mark.slow
def test_the_log_of_nginx_alone_does_not_clear_the_edge(tmp_path):
    found = diagnosed(tmp_path, None, 200)
    assert found["verdict"] == "inconclusive"
    assert found["layer"] is None
    assert statuses(found)["edge"] == "inconclusive"


def timed_line(second: int, start_s: float, route: str, code: int, lasted_s: float, upstream: str) -> str:
    """Return a line of the timed format: request, connect, header and response time and the upstream."""
    end = f"24/Nov/2026:{clock(second + int(start_s + lasted_s))} +0000"
    header = "-" if code == 504 else f"{lasted_s:.3f}"
    times = f"{lasted_s:.3f} 0.000 {header} {lasted_s:.3f} {upstream} {code}"
    return f'192.0.2.1 - - [{end}] "GET {route} HTTP/1.1" {code} 9 "-" "caller" {times}'


CONF = """
http {
  log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                   '"$http_referer" "$http_user_agent" $request_time $upstream_connect_time '
                   '$upstream_header_time $upstream_response_time $upstream_addr $upstream_status';
  access_log access.log timed;
  server { listen 80; location / { proxy_pass http://192.0.2.11:8000; proxy_read_timeout 5s; } }
}
"""


def configured(folder: Path, accesses: list[str], errors: list[str]) -> Case:
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(CONF)
    (folder / "access.log").write_text("\n".join(accesses) + "\n")
    (folder / "error.log").write_text("\n".join(errors) + "\n" if errors else "")
    return w.open_case(str(folder))


@pytest.mark.slow
def test_connections_closed_at_once_beside_served_ones_show_a_limit_of_the_process(tmp_path):
    """accept(2) fails at the limit of descriptors; a process that is down would refuse."""
    found = []
    for name, others_served in (("limit", True), ("down", False)):
        accesses, errors = [], []
        for second in range(LASTS_S):
            for number, route in enumerate(ROUTES):
                fails = FAULT_S[0] <= second < FAULT_S[1] and not (
                    others_served and (second + number) % 4 == 0
                )
                code, lasted_s = (502, 0.001) if fails else (200, 0.05)
                accesses.append(timed_line(second, 0.0, route, code, lasted_s, "192.0.2.11:8000"))
                if fails:
                    errors.append(
                        f"2026/11/24 {clock(second)} [error] 7#7: *{second} upstream prematurely closed "
                        "connection while reading response header from upstream, client: 192.0.2.1, "
                        f'server: api, request: "GET {route} HTTP/1.1", '
                        f'upstream: "http://192.0.2.11:8000{route}", host: "api.example.com"'
                    )
        found.append(configured(tmp_path / name, accesses, errors))
    limit, down = found
    assert w.diagnose("health", limit).ranking[0].finding.cause == "app_saturation"
    assert "closed_at_once" in Signals(limit)
    assert "closed_at_once" not in Signals(down)
