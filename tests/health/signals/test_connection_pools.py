"""Pools of connections that handlers await in silence, in contrast to a held loop and to a pool with room."""

import pytest
from worlds.health_world import FAULT, HEALTH, JOBS, REPORT, Signals, case, give, investigate
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.text.render import render

SERVED = (HEALTH, JOBS, REPORT)


def waiting_for_one(needing, *, size=5, needed_by=None, blocking=False):
    """Each request of these paths holds one of a few connections for 3 s; they come faster than that."""

    def fault(path, second):
        if path not in needing:
            return None
        wait = 3 + 0.6 * (second - FAULT[0]) + (len(path) * 0.37 + second * 1.7) % 0.9
        if wait > 8:
            return {"status": 504, "header_s": 8.0, "error": "upstream_timeout_header", "inside_s": 8.0}
        return {"header_s": wait, "inside_s": wait if path == HEALTH else 0.01}

    handlers = [
        {
            "file": "app.py", "line": line, "function": "f", "method": "GET",
            "path": path.removeprefix("/svc"), "runs_on": "event_loop",
        }
        for line, path in enumerate(SERVED)
    ]  # fmt: skip
    made = case(fault, handlers=handlers, gauges=lambda second: {"in_flight": 25.0})
    limit = {
        "file": "app.py", "line": 9, "function": "lifespan", "call": "asyncpg.create_pool", "kind": "limit",
        "context": "unknown", "at_once": size,
    }  # fmt: skip
    calls = [
        {
            "file": "db.py", "line": 20, "function": "fetch", "call": "asyncpg.create_pool().acquire",
            "kind": "async_wait", "context": "event_loop", "reached_from": f"GET {path.removeprefix('/svc')}",
        }
        for path in needed_by or needing
    ]  # fmt: skip
    held = {"file": "app.py", "line": 7, "function": "f", "call": "requests.get", "kind": "blocking_io"}
    calls += [held | {"context": "event_loop", "reached_from": "GET /jobs"}] if blocking else []
    give(made, "app_calls", [limit, *calls])
    return made


def outcomes(made):
    return Signals(made)


@pytest.mark.slow
def test_requests_that_wait_for_a_connection_in_silence_are_saturation():
    said = health.diagnose(investigate(waiting_for_one(SERVED)))
    assert (said.verdict, said.cause) == ("supported", "app_saturation"), said.summary
    finding = said.ranking[0].finding
    full = messages_in(finding.detail)["health-connections-full-detail"]
    assert (full["size"], full["pool"]) == (5, "asyncpg.create_pool")
    assert full["place"] == {"file": "app.py", "line": 9}
    for language in ("en", "ja"):
        assert render(finding.detail, language) in render(finding.next_test, language)


@pytest.mark.slow
@pytest.mark.parametrize("needing", [(JOBS, REPORT), (HEALTH, REPORT)])
def test_a_pool_is_accused_whether_or_not_the_health_check_needs_it(needing):
    assert "connections_full" in outcomes(waiting_for_one(needing))


def test_without_times_in_nginx_log_those_of_the_edge_show_who_waits_for_a_connection():
    made = waiting_for_one((HEALTH, REPORT))
    log = made.table("access_log")
    log["time"] = log["time"].dt.floor("s")
    log.loc[:, [name for name in log.columns if name.startswith("upstream_") or name == "request_time_s"]] = (
        None
    )
    seen = Signals(made)
    assert seen["connections_full"].table == "edge_log"
    assert "from edge_log" in seen["connections_full"].sql


@pytest.mark.slow
def test_a_handler_awaits_a_client_through_a_method_of_an_object_without_a_type():
    made = waiting_for_one((HEALTH, REPORT))
    calls = made.table("app_calls")
    awaited = calls["kind"].eq("async_wait")
    wrapper = {
        "file": "db.py", "line": 20, "function": "Store.fetch", "call": "asyncpg.create_pool().acquire",
        "kind": "async_wait", "context": "unknown",
    }  # fmt: skip
    through = calls[awaited].assign(call="store.fetch", function="f").to_dict("records")
    give(made, "app_calls", [*calls[~awaited].to_dict("records"), wrapper, *through])
    assert "connections_full" in outcomes(made)
    give(
        made,
        "app_calls",
        [*calls[~awaited].to_dict("records"), wrapper | {"function": "Store.read"}, *through],
    )
    assert "connections_full" not in outcomes(made)


@pytest.mark.slow
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: waiting_for_one((JOBS, REPORT), size=200), id="the pool has room"),
        pytest.param(
            lambda: waiting_for_one((JOBS,), needed_by=(JOBS, REPORT)), id="one that needs it is well"
        ),
        pytest.param(lambda: waiting_for_one(SERVED, needed_by=(JOBS,)), id="those are bad who need none"),
        pytest.param(lambda: waiting_for_one(SERVED, blocking=True), id="the loop may be held as well"),
    ],
)
def test_a_pool_is_not_accused_when(made):
    assert "connections_full" not in outcomes(made())


def test_each_worker_process_has_a_pool_of_its_own():
    made = waiting_for_one((JOBS, REPORT))
    give(made, "app_processes", [{"workers": 20}])
    assert "connections_full" not in outcomes(made)
