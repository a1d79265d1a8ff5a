"""A slowdown that harms no caller is a degradation; failures and waits near a limit make it an incident."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
LENGTH, SLOW = 100.0, (60.0, 80.0)
CONF = """\
http {
    log_format timed escape=json '{"msec":"$msec","ray":"$http_cf_ray","method":"$request_method",'
        '"uri":"$request_uri","status":"$status","bytes":"$body_bytes_sent","request_time":"$request_time",'
        '"upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr"}';
    access_log access.log timed;
    server { location / { proxy_pass http://192.0.2.11:8000; proxy_read_timeout %s; } }
}
"""
COMPOSE = """\
services:
  api:
    image: api
    healthcheck:
      test: curl --fail --max-time %s http://localhost:8000/health
"""


def verdict(
    tmp_path,
    usual_s,
    waits_s,
    *,
    slow=SLOW,
    limit="60s",
    probe_limit_s=9.0,
    statuses=(200,),
    edge=True,
    check="9",
    events=(),
):
    """Return the diagnosis of a system whose responses take ``waits_s`` in turn while it is slow."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    edges, requests, probes = [], [], ["timestamp,vantage,path,status,seconds,error"]
    for number in range(int(LENGTH * 8)):
        at_s = number / 8
        is_slow = slow[0] <= at_s < slow[1]
        took_s = waits_s[number % len(waits_s)] if is_slow else usual_s
        status = statuses[number % len(statuses)] if is_slow else 200
        begun, ended = (START + timedelta(seconds=moment_s) for moment_s in (at_s, at_s + took_s))
        ray, path = f"{number:016x}", "/health" if number % 2 else "/jobs"
        record = {"msec": f"{ended.timestamp():.3f}", "ray": ray, "method": "GET", "uri": path, "bytes": "51"}
        record |= {"status": str(status), "request_time": f"{took_s:.3f}", "upstream_addr": "192.0.2.11:8000"}
        requests.append(json.dumps(record | {"upstream_response_time": f"{took_s:.3f}"}))
        request = {"RayID": ray, "ClientIP": f"192.0.2.{100 + number % 5}", "ClientRequestMethod": "GET"}
        request |= {"ClientRequestPath": path, "EdgeResponseStatus": status, "OriginResponseStatus": status}
        request |= {"EdgeStartTimestamp": begun.isoformat(), "EdgeEndTimestamp": ended.isoformat()}
        edges.append(json.dumps(request | {"OriginResponseDurationMs": round(took_s * 1000)}))
        if number % 8 == 1:
            late = took_s > probe_limit_s
            said = f"{'' if late else 200},{min(took_s, probe_limit_s):.3f},{'timeout' if late else ''}"
            probes.append(f"{begun.timestamp():.3f},outside,/health,{said}")
    texts = {"access.log": requests, "nginx.conf": [CONF % limit], "compose.yml": [COMPOSE % check]}
    texts |= {"edge.jsonl": edges, "probes.csv": probes} if edge else {}
    texts |= {"docker-events.log": events} if events else {}
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return diagnose("health", import_folder(folder, tmp_path / "case").case).to_dict()


FAST = {"usual_s": 0.003, "waits_s": [0.01, 0.6, 0.05, 0.62, 0.08, 0.7, 0.102], "slow": (60.0, 69.0)}
SLOWER = {"usual_s": 0.2, "waits_s": [0.65, 0.72, 0.75, 0.68, 0.74, 0.71, 0.66]}


@pytest.mark.parametrize(("slowdown", "usual_s", "now_s"), [(FAST, 0.003, 0.102), (SLOWER, 0.2, 0.71)])
def test_slowdown_without_harm_is_a_degradation(slowdown, usual_s, now_s, tmp_path):
    found = verdict(tmp_path, **slowdown)
    assert (found["verdict"], found["incident"]) == ("no_incident", {"start": None, "end": None})
    assert {one["route"] for one in found["degradation"]} == {"/health", "/jobs"}
    for one in found["degradation"]:
        assert one["usual_s"] == pytest.approx(usual_s, abs=0.001)
        assert one["now_s"] == pytest.approx(now_s, rel=0.1)
        assert abs(datetime.fromisoformat(one["start"]) - START - timedelta(seconds=60)) < timedelta(
            seconds=2
        )
    assert found["degradation"][0]["route"] in found["summary"][0]
    assert [one["value"] for one in found["facts"] if one["id"] == "degradation"] == found["degradation"]


HARM = {
    "a probe gave up": {"probe_limit_s": 0.5},
    "clients left": {"statuses": (200, 200, 200, 499)},
    "Nginx gave up on some": {"statuses": (200, 200, 200, 502)},
    "near the limit of Nginx": {"limit": "1s"},
    "near the limit of Nginx in milliseconds": {"limit": "900ms"},
    "near the limit of the health check": {"check": "1"},
}


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_harm_of_any_caller_makes_a_slowdown_an_incident(harm, tmp_path):
    found = verdict(tmp_path, **SLOWER | harm)
    assert found["verdict"] != "no_incident"
    assert found["incident"]["start"] is not None
    assert found["degradation"] == []


def ends(name, at_s=70.0):
    """Return what `docker events` shows of a container that ends while the system is slow."""
    moment = (START + timedelta(seconds=at_s)).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
    return [f"{moment} container die 3f1c0a (exitCode=1, image=x, name={name})"]


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("container", "at_s", "is_incident"),
    [("worker", 70.0, False), ("api", 20.0, False), ("api", 70.0, True), ("nginx", 70.0, True)],
)
def test_only_a_container_on_the_way_makes_a_slowdown_an_incident(container, at_s, is_incident, tmp_path):
    found = verdict(tmp_path, **SLOWER, events=ends(container, at_s))
    assert (found["verdict"] != "no_incident", not found["degradation"]) == (is_incident, is_incident)


def test_wait_that_a_health_check_of_the_internet_would_not_survive_is_an_incident(tmp_path):
    found = verdict(tmp_path, 0.2, [1.5, 2.1, 2.5])
    assert (found["verdict"] != "no_incident", found["degradation"]) == (True, [])


def test_log_of_nginx_alone_neither_clears_nor_accuses(tmp_path):
    found = verdict(tmp_path, **SLOWER, edge=False)
    assert (found["verdict"], found["cause"], found["layer"]) == ("inconclusive", None, None)
    assert {one["cause"] for one in found["degradation"]} == {None}


def test_failures_beside_a_longer_slowdown_are_the_incident(tmp_path):
    slow = [0.65, 0.72, 0.75]
    found = verdict(tmp_path, 0.2, slow * 30 + [2.6] * 90)
    assert found["incident"]["start"] is not None


def test_probe_that_edge_and_nginx_logged_too_counts_once(tmp_path):
    found = verdict(tmp_path, 0.2, [10.0], statuses=(504,))
    known = {one["id"]: one["value"] for one in found["facts"]}
    failed = int(8 * (SLOW[1] - SLOW[0]))
    assert (known["failed_requests"], known["late_requests"]) == (failed, 0)
    assert f" {failed} of " in found["headline"]
