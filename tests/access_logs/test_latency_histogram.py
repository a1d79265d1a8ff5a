import numpy as np
import pytest

from watchme_analysis.access_logs.latency_histogram import (
    COARSEST,
    Histograms,
    bucket_of,
    coarsened,
    most_off_pct,
    quantiles,
)


def test_a_bucket_is_a_millisecond_below_128_and_a_64th_of_a_doubling_above():
    seconds = np.array([0.0, 0.0004, 0.0006, 0.127, 0.128, 0.256, 0.512, np.nan])
    assert bucket_of(seconds).tolist() == [0, 0, 1, 127, 128, 192, 256, -1]
    # Its upper neighbour begins 1.1 % later.
    assert bucket_of(np.array([0.1285, 0.130])).tolist() == [128, 129]


def test_coarser_buckets_join_neighbours_and_keep_narrow_ones_of_short_durations():
    buckets = np.array([0, 5, 63, 64, 65, 127, 128, 129, 130, 131])
    assert coarsened(buckets, 0).tolist() == buckets.tolist()
    assert coarsened(buckets, 1).tolist() == [0, 5, 63, 64, 65, 127, 128, 128, 130, 130]
    assert coarsened(buckets, 2).tolist() == [0, 5, 63, 64, 64, 126, 128, 128, 128, 128]
    assert coarsened(buckets, 3).tolist() == [0, 5, 62, 64, 64, 124, 128, 128, 128, 128]


def test_the_error_doubles_with_each_level():
    assert [round(most_off_pct(level), 2) for level in range(COARSEST + 1)] == [1.09, 2.19, 4.43, 9.05]


def test_quantiles_are_the_mean_of_the_bucket_at_the_nearest_rank():
    # Group 0 has four durations of 0.01 s and one of 2 s, group 2 has two of 0.3 s.
    rows = Histograms(np.array([0, 0, 2]), np.array([4, 1, 2]), np.array([0.04, 2.0, 0.6]))
    found = quantiles(rows, 3, (0.0, 0.8, 0.81, 1.0))
    assert found[0.8] == pytest.approx([0.01, np.nan, 0.3], nan_ok=True)
    assert found[0.81] == pytest.approx([2.0, np.nan, 0.3], nan_ok=True)
    assert found[0.0] == pytest.approx([0.01, np.nan, 0.3], nan_ok=True)
    assert found[1.0] == pytest.approx([2.0, np.nan, 0.3], nan_ok=True)
    none = quantiles(Histograms(*(np.array([]) for _ in range(3))), 2, (0.5,))
    assert np.isnan(none[0.5]).all()
