"""Replayed arrivals, and the curves and figures of simulated and measured runs."""

import math

import pytest

from watchme_analysis.simulation.replay import (
    busiest_part,
    curve_of,
    figures_of,
)


def test_the_busiest_part_is_replayed_faster_with_its_shape():
    record = [0.0, 50.0, 100.0, 101.0, 105.0, 300.0]
    found = busiest_part(record, factor=5, longest_s=2, most=10)
    assert (found.start_s, found.recorded_s) == (100.0, 5.0)
    assert found.sent_s == pytest.approx((0.0, 0.2, 1.0))
    assert busiest_part(record, 5, 2, most=2).sent_s == pytest.approx((0.0, 0.2))
    assert busiest_part([], 5, 2, most=2).sent_s == ()


def test_figures_and_curve_count_what_was_never_done():
    sent, done = [0.0, 1.0, 2.0, 3.0], [4.0, 2.5, math.nan, 3.5]
    assert figures_of(sent, done) == {
        "done": 3.0, "most_waiting": 3.0, "median_s": 1.5, "p95_s": 4.0, "longest_s": 4.0, "drain_s": 1.0,
    }  # fmt: skip
    points = curve_of(sent, done, 4.0, points=4)
    assert [(point.sent, point.done, point.waiting) for point in points] == [
        (1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 3), (4, 3, 1),
    ]  # fmt: skip
    assert [point.oldest_s for point in points] == [0, 1, 2, 3, 2]
    assert figures_of([0.0], [math.nan])["p95_s"] is None
