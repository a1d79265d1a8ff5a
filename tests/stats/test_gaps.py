import numpy as np
import pandas as pd

from watchme_analysis.stats.gaps import lost_points, silent_intervals

START = pd.Timestamp("2026-03-02T04:00:00Z")


def moments(*seconds):
    return pd.Series([START + pd.Timedelta(seconds=second) for second in seconds])


def gaps(*seconds):
    return [
        ((start - START).total_seconds(), (end - START).total_seconds())
        for start, end in silent_intervals(moments(*seconds))
    ]


def test_a_gap_is_far_longer_than_the_usual_spacing_and_half_a_minute():
    second_by_second = range(20)
    assert gaps(*second_by_second, 49, 50) == []  # 30 s
    assert gaps(*second_by_second, 50, 51) == [(19, 50)]
    slow = range(0, 100, 5)
    assert gaps(*slow, 195) == []  # twenty times the usual 5 s
    assert gaps(*slow, 196, 201, 400) == [(95, 196), (201, 400)]
    # Nine rows show no usual spacing; order and repeats do not matter.
    assert gaps(*range(8), 500) == gaps() == []
    assert gaps(500, *reversed(second_by_second), 500, 3) == [(19, 500)]


def test_a_point_is_lost_where_related_series_that_are_usually_published_have_one():
    nan = np.nan
    frame = pd.DataFrame(
        {
            "visible": [1.0] * 10 + [nan, nan],
            "age": [1.0] * 4 + [nan] + [1.0] * 6 + [nan],
            "rare": [1.0] + [nan] * 10 + [nan],
            "other": [nan] * 12,
        }
    )
    # In the last interval nothing is published at all; `rare` is published only now and then.
    lost = lost_points(frame, ("visible", "age", "rare"))
    assert lost.tolist() == [False] * 4 + [True] + [False] * 5 + [True, False]
    # Without a point in one of ten intervals a series is no longer expected.
    frame.loc[5, "age"] = nan
    assert lost_points(frame, ("visible", "age")).tolist() == [False] * 10 + [True, False]
