"""Signals of a process that is not there, of callers that wait for others, and of floods."""

import pytest
from worlds.health_alike import calling, handlers, saying
from worlds.health_scenarios import (
    GONE,
    flood,
    flooded,
    on_service,
    slow_dependency,
)
from worlds.health_world import (
    FAULT,
    JOBS,
    REPORT,
    Signals,
    case,
    context_of,
    give,
    investigate,
    moment,
    without,
)

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.thresholds import WHOLE
from watchme_analysis.text.render import render

ENDED, READY = "Finished server process [9]", "Application startup complete."


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("ready_after_s", "strength"),
    [(FAULT[1] - FAULT[0], 1.0), (0.6 * (FAULT[1] - FAULT[0]), 0.6 / WHOLE), (2.0, None)],
    ids=["through the incident", "for a part of it", "in passing"],
)
def test_a_server_that_ended_counts_by_the_failures_before_it_was_ready_if_most_are(ready_after_s, strength):
    made = case(on_service(**GONE))
    saying(made, ENDED, [FAULT[0]], "lifecycle", "INFO")
    saying(made, READY, [FAULT[0] + ready_after_s], "lifecycle", "INFO")
    found = Signals(made)
    seen = found["stopped"].strength if "stopped" in found else None
    assert seen == pytest.approx(strength, abs=0.05)


@pytest.mark.slow
def test_a_flood_leads_and_names_what_ran_out_beside_it():
    inv = investigate(flood())
    said = health.diagnose(inv)
    assert (said.cause, said.secondary_cause) == ("traffic_surge", "app_saturation")
    (seen,) = [one for one in inv.once(health.detected) if one.signal == "arrivals_up"]
    assert (seen.effect > 4, seen.strength) == (True, 1.0)
    assert REPORT in render(seen.detail)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_timed", "logs_reloads", "is_seen"), [(True, False, True), (False, False, False), (False, True, True)]
)
def test_waits_up_to_a_limit_are_long_if_usual_wait_or_limit_is_known(is_timed, logs_reloads, is_seen):
    """A shorter ``proxy_read_timeout`` ends requests that always take so long."""
    limited = {"status": 504, "header_s": 5.0, "error": "upstream_timeout_header"}
    made = case(
        lambda path, second: limited if path == JOBS else None,
        handlers=handlers(healthz="event_loop", jobs="event_loop", report="event_loop"),
    )
    made = without(calling(made, "httpx.AsyncClient().get", "async_wait", "event_loop", "jobs"), "edge_log")
    if not is_timed:
        made.table("access_log")[["request_time_s", "upstream_header_time_s", "upstream_response_time_s"]] = (
            None
        )
    if logs_reloads:
        start = {
            "line": 0,
            "time": moment(0.0),
            "level": "notice",
            "kind": "startup",
            "message": "using epoll",
        }
        give(made, "error_log", [start, *made.table("error_log").to_dict("records")])
    assert ("callers_wait" in Signals(made)) == is_seen


@pytest.mark.slow
def test_what_the_application_logs_of_calls_without_a_response_counts_if_it_is_new():
    def logged(*moments, error="httpx.ReadTimeout: the store"):
        return Signals(saying(slow_dependency(), error, moments))

    during = [FAULT[0] + 2 * number for number in range(1, 8)]
    refused = "urllib.error.URLError: <urlopen error [Errno 111] Connection refused>"
    for error in ("httpx.ReadTimeout: the store", refused):
        assert logged(*during, error=error)["client_timeouts"].rows == len(during)
    assert "client_timeouts" not in logged(*during, *(2.0 * number for number in range(1, 15)))


@pytest.mark.slow
def test_many_requests_alone_are_no_incident():
    assert context_of(flooded(case(lambda path, second: None))).incident is None
