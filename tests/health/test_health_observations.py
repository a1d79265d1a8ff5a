"""What single checks see and say, one small world each, for the rarer ways of failing."""

import pytest
from worlds.health_world import (
    ADDRESS,
    FAULT,
    HEALTH,
    USUAL,
    Signals,
    case,
    give,
    moment,
    without,
)
from worlds.messages import messages_in

from watchme_analysis.schema import conform
from watchme_analysis.text.message import sentences

OWN = "192.0.2.99:9"
AWAY = {"at_nginx": False, "inside_s": 0.01}


def to_health(**fate):
    return lambda path, second: fate if path == HEALTH else None


def seen(made):
    """What every check saw, by outcome."""
    return Signals(made)


@pytest.fixture(scope="module")
def slow():
    return seen(case(lambda path, second: {"header_s": 4.0, "inside_s": 4.0}))


def own_origin():
    made = case(to_health(edge_status=503, edge_s=3.0, **AWAY))
    log = made.table("edge_log")
    away = log["path"].eq(HEALTH) & log["status"].eq(503)
    log.loc[away, ["origin_addr", "origin_status"]] = OWN, 503
    made._frames["edge_log"] = conform("edge_log", log)
    return made


def gateway():
    return case(to_health(edge_status=504, edge_s=0.05, **AWAY))


def without_edge_log():
    return without(gateway(), "edge_log")


def held():
    return case(to_health(own_s=3.0), nginx=WAITING)


WAITING = (
    (f"= {HEALTH}", {"proxy_pass": f"http://{USUAL}", "proxy_send_timeout": "9s"}),
    ("/svc/", {"proxy_pass": f"http://{USUAL}"}),
)


def errors_alone():
    """Without an access log, the configuration and the error log name an address of the endpoint's own."""
    fate = {"status": 502, "header_s": 2.0, "address": OWN, "error": "upstream_refused"}
    made = case(to_health(**fate), nginx=TO_ITS_OWN)
    return without(made, "access_log")


TO_ITS_OWN = (
    (f"= {HEALTH}", {"proxy_pass": f"http://{OWN}"}),
    ("/svc/", {"proxy_pass": f"http://{USUAL}"}),
)


def stalled_bodies():
    fate = {"status": 502, "header_s": 3.0, "error": "upstream_timeout_body"}
    made = case(lambda path, second: fate if ADDRESS[path] == USUAL else None, nginx=WAITING[1:])
    return without(made, "access_log")


def on_loopback():
    made = case(lambda path, second: REFUSED if ADDRESS[path] == USUAL else None)
    give(made, "app_processes", [{"file": "c.txt", "host": "127.0.0.1", "command": "uvicorn main:app"}])
    return made


REFUSED = {"status": 502, "header_s": 0.001, "error": "upstream_refused"}


def descriptors():
    made = case(
        lambda path, second: {"header_s": 4.0, "inside_s": 4.0} if ADDRESS[path] == USUAL else None,
        gauges=lambda second: {"open_files": 1020.0},
    )
    give(made, "app_processes", [{"file": "c.txt", "command": "uvicorn main:app", "open_files_limit": 1024}])
    return made


def turned_away():
    made = case(lambda path, second: {"status": 503} if ADDRESS[path] == USUAL else None)
    give(made, "app_processes", [{"file": "c.txt", "command": "uvicorn main:app", "limit_concurrency": 50}])
    return made


@pytest.mark.parametrize(
    ("world", "outcome", "message_id", "values"),
    [
        (
            own_origin,
            "fate_sent_elsewhere",
            "health-fate-sent-elsewhere-detail",
            {"origins": [OWN], "usual": "192.0.2.1"},
        ),
        (gateway, "fate_never_arrived", "health-fate-never-arrived", {"paths": [HEALTH]}),
        (without_edge_log, "edge_never_arrived", "health-edge-never-arrived-by-probes", {"paths": [HEALTH]}),
        (
            errors_alone,
            "moved_upstream",
            "health-moved-upstream-by-errors",
            {"paths": [HEALTH], "address": OWN, "usual": [USUAL]},
        ),
        (
            stalled_bodies,
            "body_stalls",
            "health-upstream-errors",
            {"services": [USUAL], "kind": "nginx-error-upstream-timeout-body"},
        ),
        (
            on_loopback,
            "listens_locally",
            "health-listens-locally",
            {"host": "127.0.0.1", "addresses": ["192.0.2.11"]},
        ),
        (descriptors, "files_full", "health-files-full", {"files": 1020, "limit": 1024}),
        (turned_away, "concurrency_limit", "health-turned-away", {}),
    ],
)
def test_a_check_sees_its_own_way_of_failing_and_not_an_application_that_is_slow(
    world, outcome, message_id, values, slow
):
    found = seen(world())[outcome]
    reported = messages_in(sentences(found.statement, found.detail))[message_id]
    assert {name: reported[name] for name in values} == values
    assert outcome not in slow


@pytest.mark.slow
def test_what_ended_after_a_cut_log_of_nginx_did_not_fail_to_arrive_there():
    made = case(to_health(header_s=3.0, status=504))
    log = made.table("access_log")
    made._frames["access_log"] = conform("access_log", log[log["time"] < moment(FAULT[0] + 10)])
    found = seen(made)
    assert "fate_never_arrived" not in found
    assert "edge_passes_on" in found


CACHED = {"proxy_pass": "http://origin.example.com", "proxy_cache": "answers"}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("settings", "message_id", "values"),
    [
        (
            {"proxy_cache_lock": "on"},
            "health-setting-cache-lock",
            {"lock": "proxy_cache_lock_timeout 5s", "valid": "proxy_cache_valid"},
        ),
        (
            {"proxy_cache_valid": "any 1m"},
            "health-setting-cache-errors",
            {"setting": "proxy_cache_valid any 1m"},
        ),
        (
            {"proxy_ignore_headers": "Cache-Control"},
            "health-setting-cache-ignores",
            {"setting": "proxy_ignore_headers Cache-Control"},
        ),
        (
            {"proxy_read_timeout": "2s"},
            "health-setting-elsewhere",
            {"setting": "proxy_read_timeout 2s", "other": "30s"},
        ),
        ({"limit_rate": "10"}, "health-setting", {"setting": "limit_rate 10"}),
    ],
)
def test_what_an_edge_sets_for_the_affected_path_alone_is_named(settings, message_id, values):
    plain = {"proxy_pass": "http://origin.example.com", "proxy_read_timeout": "30s"}
    made = case(to_health(edge_s=4.0), edge=((f"= {HEALTH}", CACHED | settings), ("/", plain)))
    assert messages_in(seen(made)["edge_rule"].statement)[message_id] == values
