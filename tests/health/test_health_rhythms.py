"""A loop that is held for a moment now and then, distinguished from what only looks like it."""

import pytest
from worlds.health_world import (
    FAULT,
    HEALTH,
    OTHER,
    Signals,
    case,
    give,
    investigate,
    moment,
    without,
)

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.signals.vantages import at_bad_moments


def diagnose(made):
    return health.diagnose(investigate(made))


def blocks(length, every):
    """The loop is held for so long, every so many seconds."""

    def stuck(path, second):
        wait = length - (second - FAULT[0]) % every
        return {"header_s": wait, "inside_s": wait} if path != OTHER and wait > 0 else None

    return case(stuck)


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


@pytest.mark.slow
@pytest.mark.parametrize("pace", [60, 1])
def test_probes_between_two_bad_requests_tell_of_trouble_at_any_pace(pace):
    """Requests fail at once for three of six seconds, or of six minutes; a probe asks every 0.6 s or 36 s."""
    made = case(lambda path, second: {"status": 500} if path == HEALTH and second % 6 < 3 else None)
    probes = [moment(30 + 0.6 * at) for at in range(50)]
    rows = {"file": "probes.csv", "vantage": "inside", "path": HEALTH, "status": 200, "duration_s": 0.01}
    give(made, "probes", [rows | {"line": line, "time": at} for line, at in enumerate(probes, 2)])
    for frame in made.frames.values():
        for name in frame.select_dtypes("datetimetz"):
            frame[name] = moment(0) + (frame[name] - moment(0)) * pace
    found = investigate(made).once(health.health_context)
    near, share = at_bad_moments(found, "inside")
    seconds = (near["start"] - moment(0)).dt.total_seconds() / pace
    assert 15 <= len(near) <= 25 and (seconds % 6 < 3).all() and share == 1.0
