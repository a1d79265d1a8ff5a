"""Pools of connections that handlers await in silence, in contrast to a held loop and to a pool with room."""

import pytest
from worlds.health_world import FAULT, HEALTH, JOBS, REPORT, Signals, case, give

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
