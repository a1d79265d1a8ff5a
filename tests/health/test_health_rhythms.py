"""A loop that is held for a moment now and then, distinguished from what only looks like it."""

import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    OTHER,
    REPORT,
    USUAL,
    Signals,
    case,
    give,
    investigate,
    moment,
    without,
)
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.signals.vantages import at_bad_moments, vantages


def diagnose(made):
    return health.diagnose(investigate(made))


def threads_taken(made):
    """Return the size of the pool whose threads are all taken; None if not all are."""
    full = Signals(made).get("pool_full")
    return full and messages_in(full.detail)["health-pool-full-detail"]["pool"]


def blocks(length, every):
    """The loop is held for so long, every so many seconds."""

    def stuck(path, second):
        wait = length - (second - FAULT[0]) % every
        return {"header_s": wait, "inside_s": wait} if path != OTHER and wait > 0 else None

    return case(stuck)


@pytest.mark.slow
def test_answers_as_quick_as_ever_between_standstills_speak_against_a_lack_of_cpu():
    poor = ("host_metrics", "probes")
    assert "quick_between" in Signals(without(blocks(2.0, 6.0), *poor))

    def starved(path, second):
        wait = 3.2 - second % 3
        return {"header_s": wait, "inside_s": wait} if path != OTHER else None

    assert "quick_between" not in Signals(without(case(starved), *poor))


def test_responses_that_leave_after_the_end_show_a_held_loop():
    """It is held once, and the record ends when it recovers: all responses follow the last request."""
    made = blocks(30.0, 60.0)
    for name, column in (
        ("access_log", "time"),
        ("edge_log", "end"),
        ("app_log", "time"),
        ("probes", "time"),
    ):
        rows = made.table(name)
        give(made, name, rows[rows[column] < moment(FAULT[1] + 0.015)].to_dict("records"))
    assert Signals(made).among("stop_and_go", "bunched") == {"stop_and_go", "bunched"}
    assert diagnose(without(made, "probes")).cause == "app_event_loop"
    assert diagnose(without(made, "probes", "app_log")).extra["layer"] == "process"


def by_hand(*probes):
    """Every three seconds callers wait, for 1.5 s; probes at moments, with the time that they took."""
    made = case(lambda path, second: {"header_s": 1.2} if path == HEALTH and second % 3 < 1.5 else None)
    rows = [
        {
            "file": "probes.csv", "line": line, "time": moment(at), "vantage": vantage, "path": HEALTH,
            "status": 200, "duration_s": took,
        }
        for line, (vantage, at, took) in enumerate(probes, 2)
    ]  # fmt: skip
    give(made, "probes", rows)
    return {one.signal: one.strength for one in vantages(investigate(made).once(health.health_context))}


@pytest.mark.slow
def test_probes_made_while_a_caller_was_kept_waiting_tell_most():
    """Those made when all was well again do not outvote them, near as they are."""
    calm = [("inside", 32.8 + 3 * at, 0.01) for at in range(9)]
    waiting = [("inside", at + 0.5, 0.7) for at in (33, 42, 51)]
    assert by_hand(*calm, *waiting) == {"inside_bad": pytest.approx(0.5)}


@pytest.mark.slow
@pytest.mark.parametrize("pace", [60, 1])
def test_probes_between_two_bad_requests_tell_of_trouble_at_any_pace(pace):
    """Requests fail at once for three of six seconds, or of six minutes; a probe asks every 0.6 s or 36 s."""
    made = case(lambda path, second: {"status": 500} if path == HEALTH and second % 6 < 3 else None)
    probes = [moment(30 + 0.6 * at) for at in range(50)]
    rows = {"file": "probes.csv", "vantage": "inside", "path": HEALTH, "status": 200, "duration_s": 0.01}
    give(made, "probes", [rows | {"line": line, "time": at} for line, at in enumerate(probes, 2)])
    for frame in made._frames.values():
        for name in frame.select_dtypes("datetimetz"):
            frame[name] = moment(0) + (frame[name] - moment(0)) * pace
    found = investigate(made).once(health.health_context)
    near, share = at_bad_moments(found, "inside")
    seconds = (near["start"] - moment(0)).dt.total_seconds() / pace
    assert 15 <= len(near) <= 25 and (seconds % 6 < 3).all() and share == 1.0


@pytest.mark.slow
def test_what_a_start_waits_for_does_not_block_those_who_are_served():
    handlers = [
        {
            "file": "app.py", "line": 9, "function": "f", "method": "GET", "path": REPORT,
            "runs_on": "event_loop",
        }
    ]  # fmt: skip
    seen = {}
    for origin, context in (
        ("startup warm_up", "event_loop"),
        ("startup warm_up", "background_event_loop"),
        (f"GET {REPORT}", "event_loop"),
    ):
        made = case(lambda path, second: {"header_s": 2.0} if path != OTHER else None, handlers=handlers)
        call = {
            "file": "app.py", "line": 3, "function": "warm_up", "call": "requests.get", "kind": "blocking_io",
            "context": context, "reached_from": origin,
        }  # fmt: skip
        give(made, "app_calls", [call])
        seen[origin, context] = "blocking_in_loop" in Signals(made)
    assert list(seen.values()) == [False, True, True]


@pytest.mark.slow
def test_the_variables_of_a_compose_file_set_the_size_of_the_pool():
    made = case(
        lambda path, second: {"status": 504, "header_s": 8.0} if path == HEALTH else None,
        gauges=lambda second: {"in_flight": 120.0, "threads": 16.0},
    )
    limit = {
        "file": "app.py", "line": 9, "function": "start", "kind": "limit", "context": "unknown",
        "call": "anyio.to_thread.current_default_thread_limiter().total_tokens", "at_once": 100,
        "variable": "POOL_SIZE",
    }  # fmt: skip
    give(made, "app_calls", [limit])
    assert threads_taken(made) is None
    rows = [("image", '"app:1"'), ("environment.POOL_SIZE", '"10"')]
    give(
        made,
        "compose_settings",
        [{"file": "compose.yml", "service": "api", "path": path, "value": value} for path, value in rows],
    )
    assert threads_taken(made) == 10
    given = [{"addr": USUAL.partition(":")[0], "environment": '{"POOL_SIZE": "100"}'}]
    give(made, "app_processes", given)
    assert threads_taken(made) is None
