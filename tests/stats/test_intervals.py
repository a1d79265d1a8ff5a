"""Lengths, rates and overlaps of intervals, and the intervals that scans find."""

from __future__ import annotations

from datetime import UTC, datetime
from math import log

import pandas as pd
import pytest

from watchme_analysis.stats.interval_scan import (
    count_elevation,
    densest_run,
    rate_elevation,
)

START = datetime(2025, 12, 11, tzinfo=UTC)


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


@pytest.mark.parametrize("periods", [400, 8000])
def test_bounds_are_exact_at_any_number_of_candidates(periods) -> None:
    grid = pd.date_range(START, periods=periods, freq="min")
    failures = pd.Series(1.0, index=grid)
    failures.iloc[123:211] = 6.0
    whole = rate_elevation(failures, pd.Series(20.0, index=grid), 60)
    assert (whole.start, whole.end) == (grid[123], grid[211])
