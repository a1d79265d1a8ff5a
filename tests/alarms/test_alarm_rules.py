"""Every short history of points against a second reading of the User Guide's rules, and what follows.

The reading here goes by the guide's steps and takes a missing point for each thing that it may stand for; it
shares nothing with the function that is tested.
"""

from __future__ import annotations

from itertools import product

import pytest
from worlds.together import together

from watchme_analysis.alarms.evaluation import LONE_POINTS, STATES, TREATMENTS, evaluate
from watchme_analysis.errors import InputError

POINTS = (True, False, None)


def by_the_guide(points, n, m, treatment, before):
    real = [point for point in reversed(points) if point is not None]
    if len(real) >= n:
        # "evaluates the alarm state based on the most recent real data points": the treatment is not needed.
        return "ALARM" if real[:n].count(True) >= m else "OK"
    # "fills in the missing data points with the result you specified", as few as possible.
    lacking = n - len(real)
    stands_for = {"breaching": [True] * lacking, "notBreaching": [False] * lacking}
    if treatment in stands_for:
        return "ALARM" if (real + stands_for[treatment]).count(True) >= m else "OK"
    if real.count(True) >= m:
        return "ALARM"
    if False in real:
        return "OK"  # the tables' rows 0 - X - - and - - - - 0
    # "the oldest available breaching datapoint ... is at least as old as the value of Datapoints to Alarm,
    # and all other more recent data points are breaching or missing"; before, nothing changes.
    oldest = max((age for age, point in enumerate(reversed(points), 1) if point), default=0)
    missing = "INSUFFICIENT_DATA" if not real else "ALARM" if oldest >= m else before
    return before if treatment == "ignore" else missing  # ignore: "the current alarm state is maintained"


@pytest.mark.slow
@together("length", range(7))
def test_every_short_history_is_read_alike(length):
    for points in product(POINTS, repeat=length):
        for n in (1, 2, 3, 4):
            for m in range(1, n + 1):
                for treatment, before in product(TREATMENTS, STATES):
                    got = evaluate(points, n, m, treatment, before)
                    assert got == by_the_guide(points, n, m, treatment, before), (points, n, m, treatment)


@pytest.mark.parametrize("before", STATES)
def test_a_lone_young_breaching_point_follows_the_named_choice(before):
    """AWS documents nothing for it; the choice touches no history that AWS does document."""
    lone = [None, None, True]
    assert evaluate(lone, 3, 2, "missing", before) == before
    assert evaluate(lone, 3, 2, "missing", before, "insufficient") == "INSUFFICIENT_DATA"
    assert evaluate(lone, 3, 2, "missing", before, "ok") == "OK"
    for choice in LONE_POINTS:
        assert evaluate(lone, 3, 2, "ignore", before, choice) == before
        assert evaluate([True, None, None], 3, 2, "missing", before, choice) == "ALARM"
        assert evaluate([None, True, True], 3, 2, "missing", before, choice) == "ALARM"
    with pytest.raises(InputError, match="keep, insufficient, ok"):
        evaluate(lone, 3, 2, "missing", before, "alarm")
