"""Memory of the affected process: full, grown, lost again and again, or given back."""

import pandas as pd
import pytest

from watchme_analysis.health.signals.process import memory
from watchme_analysis.schema import conform, empty

START = pd.Timestamp("2026-03-02T04:00:00Z")
BEGAN, ENDED = 30, 60


def at(second):
    return START + pd.Timedelta(seconds=second)


def signals(during, before=200.0, granted_mb=None, log=()):
    """Return the signals for a usual level and a list of levels, one a second from the incident's begin."""
    levels = [before] * BEGAN + list(during)
    gauges = pd.DataFrame({"rss_mb": levels}, index=[at(second) for second in range(len(levels))])
    rows = conform("app_log", pd.DataFrame(log)) if log else empty("app_log")
    granted = granted_mb * 2**20 if granted_mb else None
    found = memory(gauges, at(BEGAN), at(ENDED), lambda metric: f"select {metric}", rows, granted)
    assert all(one.rows == min(len(during), ENDED - BEGAN + 1) for one in found)
    assert all(one.sql == "select rss_mb" and one.effect == max(during[:31]) for one in found)
    return {one.signal: one.strength for one in found}


def test_memory_near_what_is_granted_is_at_its_limit_unless_it_always_was():
    assert signals([425.0] * 30, granted_mb=500) == {"memory_at_limit": 1.0}
    assert signals([424.0] * 30, granted_mb=500) == {}
    assert signals([440.0] * 30, before=430.0, granted_mb=500) == {}


@pytest.mark.parametrize(
    ("before", "most", "is_seen"),
    [(200.0, 600.0, True), (200.0, 599.0, False), (100.0, 400.0, True), (100.0, 399.0, False)],
)
def test_without_a_known_limit_it_must_have_grown_threefold_and_by_300_mb(before, most, is_seen):
    assert signals([most] * 30, before=before) == ({"memory_full": 0.5} if is_seen else {})


SAWTOOTH = [400.0, 200.0] * 15


def test_half_of_it_lost_twice_is_a_process_that_is_ended_for_its_memory():
    assert signals(SAWTOOTH) == {"memory_lost": 1.0}
    assert signals([400.0, 200.0] + [200.0] * 28) == {}, "a deployment does that once"
    assert signals([400.0, 201.0] * 15) == {}, "less than half was lost"
    assert signals([299.0, 140.0] * 15) == {}, "it had hardly grown"


def test_who_answers_before_and_after_gave_memory_back():
    def access(second, pid):
        return {"file": "app.log", "line": 1, "time": at(second), "kind": "access", "pid": pid}

    alive = [access(10, 7), access(80, 7)]
    assert signals(SAWTOOTH, log=alive) == {}
    assert signals(SAWTOOTH, log=[access(10, 7), access(80, 8)]) == {"memory_lost": 1.0}
    assert signals(SAWTOOTH, log=[access(10, 7)]) == {"memory_lost": 1.0}
    restarted = {"file": "app.log", "line": 3, "time": at(40), "kind": "lifecycle", "pid": 7}
    assert signals(SAWTOOTH, log=[*alive, restarted]) == {"memory_lost": 1.0}


def test_too_few_samples_before_the_incident_say_nothing():
    gauges = pd.DataFrame({"rss_mb": [200.0, 200.0, 900.0]}, index=[at(28), at(29), at(31)])
    assert memory(gauges, at(BEGAN), at(ENDED), str, empty("app_log")) == []
    assert memory(gauges.rename(columns={"rss_mb": "cpu_pct"}), at(BEGAN), at(ENDED), str, gauges) == []
