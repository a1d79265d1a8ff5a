"""Every short history of points against a second reading of the User Guide's rules, and what follows.

The reading here goes by the guide's steps and takes a missing point for each thing that it may stand for; it
shares nothing with the function that is tested.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
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


CASES = st.tuples(st.lists(st.sampled_from(POINTS), max_size=30), st.integers(1, 12)).flatmap(
    lambda pair: st.tuples(
        st.just(pair[0]), st.just(pair[1]), st.integers(1, pair[1]), st.sampled_from(STATES)
    )
)


@pytest.mark.slow
@given(CASES)
@hypothesis_settings(max_examples=300, deadline=None)
def test_the_treatments_are_ordered(case):
    points, n, m, before = case
    rings = {how: evaluate(points, n, m, how, before) == "ALARM" for how in TREATMENTS}
    # What rings though missing points are good rings anyhow; what rings at all rings if they are bad.
    assert not rings["notBreaching"] or (rings["missing"] and rings["ignore"])
    assert not rings["missing"] or rings["breaching"] or before == "ALARM"
    assert not rings["ignore"] or rings["breaching"] or before == "ALARM"


@pytest.mark.slow
@given(CASES, st.data())
@hypothesis_settings(max_examples=300, deadline=None)
def test_a_worse_point_never_clears_an_alarm_and_one_out_of_range_moves_nothing(case, data):
    points, n, m, before = case
    for how in TREATMENTS:
        state = evaluate(points, n, m, how, before)
        good = [place for place, point in enumerate(points) if point is False]
        if state == "ALARM" and good:
            place = data.draw(st.sampled_from(good))
            worse = [*points[:place], True, *points[place + 1 :]]
            assert evaluate(worse, n, m, how, before) == "ALARM"
        if sum(point is not None for point in points) >= n:
            older = data.draw(st.lists(st.sampled_from(POINTS), max_size=4))
            assert evaluate([*older, *points], n, m, how, before) == state


@pytest.mark.slow
@given(CASES)
@hypothesis_settings(max_examples=300, deadline=None)
def test_a_metric_that_always_reports_does_not_depend_on_the_treatment(case):
    points, n, m, before = case
    there = [bool(point) for point in points] or [False]
    if len(there) >= n:
        assert len({evaluate(there, n, m, how, before) for how in TREATMENTS}) == 1


@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_metric_that_never_reports(n):
    for before in STATES:
        silent = [None] * (n + 2)
        found = {how: evaluate(silent, n, n, how, before) for how in TREATMENTS}
        assert found == {
            "missing": "INSUFFICIENT_DATA",
            "ignore": before,
            "breaching": "ALARM",
            "notBreaching": "OK",
        }


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
