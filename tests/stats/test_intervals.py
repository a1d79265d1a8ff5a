"""Lengths, rates and overlaps of intervals, and the intervals that scans find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, isnan, log

import numpy as np
import pandas as pd
import pytest

from watchme_analysis.stats.interval_scan import (
    bounds_likelihood,
    count_elevation,
    densest_run,
    likeliest_bounds,
    rate_elevation,
)
from watchme_analysis.stats.intervals import Interval

START = datetime(2025, 12, 11, tzinfo=UTC)


def interval(first_min: float, last_min: float, **figures: float) -> Interval:
    return Interval(
        START + timedelta(minutes=first_min), START + timedelta(minutes=last_min), "failures", **figures
    )


def test_length_and_rate() -> None:
    found = interval(0, 90, count=30.0, base=120.0)
    assert (found.seconds, found.minutes, found.rate) == (5400.0, 90.0, 0.25)
    assert interval(0, 1, count=3.0, base=0.0).rate == inf
    assert isnan(interval(0, 1).rate)
    assert interval(0, 1) == interval(0, 1)


@pytest.mark.parametrize(
    ("other", "seconds"),
    [((0, 10), 300.0), ((5, 6), 60.0), ((10, 20), 0.0), ((-5, 30), 300.0), ((-5, -1), 0.0)],
)
def test_overlap(other: tuple[float, float], seconds: float) -> None:
    assert interval(5, 10).overlap_s(interval(*other)) == seconds
    assert interval(*other).overlap_s(interval(5, 10)) == seconds


def test_scans_find_the_raised_part() -> None:
    grid = pd.date_range(START, periods=300, freq="min")
    trials = pd.Series(20.0, index=grid)
    failures = pd.Series(0.0, index=grid)
    failures.iloc[::50] = 1.0
    failures.iloc[100:130] = 10.0
    found = rate_elevation(failures, trials, 60, "failures")
    assert found is not None
    assert (found.start, found.end, found.kind) == (grid[100], grid[130], "failures")
    assert (found.count, found.base, found.rate) == (300.0, 600.0, 0.5)
    assert found.outside_rate == pytest.approx(5 / 5400)
    assert found.score > 100.0
    counts = trials.copy()
    counts.iloc[100:130] = 200.0
    surge = count_elevation(counts, trials, 60, "surge")
    assert surge is not None
    assert (surge.start, surge.end, surge.count, surge.base) == (grid[100], grid[130], 6000.0, 600.0)
    assert rate_elevation(failures * 0.0, trials, 60) is None


def test_the_densest_run_has_the_highest_likelihood_ratio() -> None:
    is_bad = [False] * 30 + [True, True, False, True, True] * 4 + [False] * 30
    first, last, score = densest_run(is_bad, (0.5, 0.02))
    assert (first, last) == (30, 49)
    assert score == pytest.approx(16 * log(0.5 / 0.02) + 4 * log(0.5 / 0.98))
    assert densest_run([False] * 9, (0.5, 0.02)) == (0, -1, 0.0)


def test_bounds_are_fitted_to_the_shares_inside_and_outside() -> None:
    is_bad = np.array([False] * 50 + [True] * 20 + [False] * 50)
    assert likeliest_bounds(is_bad, (40, 80)) == (50, 69)
    assert bounds_likelihood(is_bad, (50, 69)) > bounds_likelihood(is_bad, (40, 80))
