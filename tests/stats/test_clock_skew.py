"""Skews of clocks: bounds of nested layers, and the peak of the differences of all possible pairs."""

from math import isnan

import numpy as np
import pandas as pd
import pytest

from watchme_analysis.stats.clock_skew import NOTHING, nested_skew, peak_skew, skew_of_logs


def times(*seconds):
    return pd.Series(pd.to_datetime(np.array(seconds, dtype=float) * 1e9, utc=True))


def test_an_inner_layer_bounds_the_difference_from_both_sides():
    outer = times(0, 10, 20, 30), times(1, 11, 21, 31)
    # The inner clock is 5 s ahead; it begins 0.2 s later and ends 0.4 s earlier.
    inner = times(5.2, 15.2, 25.2, 35.2), times(5.6, 15.6, 25.6, 35.6)
    found = nested_skew(inner, outer)
    assert (found.ahead_s, found.margin_s, found.pairs) == (pytest.approx(4.9), pytest.approx(0.3), 4)
    three = nested_skew(tuple(one[:3] for one in inner), tuple(one[:3] for one in outer))
    assert three.pairs == 3
    outer[1].iloc[:2] = pd.NaT
    assert isnan(nested_skew(inner, outer).ahead_s)


def test_right_pairs_agree_in_their_difference_and_wrong_pairs_spread_out():
    rng = np.random.default_rng(5)
    wrong, right = rng.uniform(-30, 30, 3000), np.full(200, 7.3) + rng.normal(0, 0.002, 200)
    found = peak_skew(np.concatenate([wrong, right]))
    assert found.ahead_s == pytest.approx(7.3, abs=0.002)
    assert (found.margin_s, found.pairs) == (0.02, pytest.approx(200, abs=4))
    assert peak_skew(wrong).ahead_s == pytest.approx(0.0, abs=0.03)
    assert peak_skew(np.array([])) is NOTHING
    seconds = peak_skew(np.concatenate([np.round(wrong), np.full(400, 7.0)]), 1.0)
    assert (seconds.ahead_s, seconds.margin_s) == (7.0, 1.0)


def test_no_skew_is_assumed_unless_another_explains_half_again_as_many_pairs():
    for pairs, ahead_s in ((149, 0.0), (151, 4.0)):
        differences = np.concatenate([np.zeros(100), np.full(pairs, 4.0)])
        assert peak_skew(differences).ahead_s == ahead_s, pairs


def test_the_skew_of_two_logs_is_that_of_the_records_that_agree_in_their_keys():
    seconds = np.cumsum(np.random.default_rng(3).exponential(2.0, 80))
    keys = [f"/{number % 5}" for number in range(80)]
    one = pd.DataFrame({"path": keys, "second": seconds})
    other = one.assign(second=seconds + 3.0)
    found = skew_of_logs(one, other, ["path"], 0.02, 20.0)
    assert (found.ahead_s, found.pairs) == (pytest.approx(3.0, abs=1e-9), 80)
    assert skew_of_logs(one, other[:50], ["path"], 0.02, 20.0).pairs == 50
    assert skew_of_logs(one, other[:0], ["path"], 0.02, 20.0) is NOTHING
    assert skew_of_logs(one[:0], other, ["path"], 0.02, 20.0) is NOTHING
    # A skew beyond the reach is not found.
    assert skew_of_logs(one, other, ["path"], 0.02, 2.0).ahead_s != pytest.approx(3.0, abs=0.1)
