import numpy as np
import pandas as pd

from watchme_analysis.stats.gaps import lost_points


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
