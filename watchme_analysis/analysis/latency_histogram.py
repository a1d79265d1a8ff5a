"""Histograms of durations that add up, and the quantiles they give.

There is a bucket for each millisecond below 128 ms, and buckets 1.1 % wide above. A bucket knows the mean of
what it holds, so that a quantile is exact below and at most 1.1 % off above, and exact too where requests end
at one and the same timeout. Histograms of parts add up to that of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_EXACT_MS = 128
_STEPS = 64


def bucket_of(seconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the histogram bucket of each duration; -1 for a missing one."""
    import numpy as np

    milliseconds = np.round(np.nan_to_num(seconds, nan=0.0) * 1000)
    exact = milliseconds < _EXACT_MS
    above = np.log2(np.where(exact, _EXACT_MS, milliseconds) / _EXACT_MS) * _STEPS
    buckets = np.where(exact, milliseconds, _EXACT_MS + np.floor(above)).astype(np.int64)
    return np.where(np.isnan(seconds), -1, buckets)


def quantiles(buckets: pd.DataFrame, qs: Sequence[float]) -> pd.DataFrame:
    """Return quantiles in seconds (nearest rank): each the mean of the bucket that it falls into.

    Parameters
    ----------
    buckets
        ``key``, ``bucket``, ``count`` and ``seconds`` (the sum of the durations), a bucket in one or more
        rows.
    qs
        Between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each key, a column for each quantile.
    """
    import numpy as np
    import pandas as pd

    whole = buckets.groupby(["key", "bucket"], as_index=False)[["count", "seconds"]].sum()
    whole = whole.astype({"count": "int64", "seconds": "float64"})
    whole = whole.sort_values(["key", "bucket"], ignore_index=True)
    by_key = whole.groupby("key")["count"]
    total, reached = by_key.transform("sum"), by_key.cumsum()
    mean = (whole["seconds"] / whole["count"]).astype("float64").round(6)
    found = {}
    for q in qs:
        rank = np.maximum(1, np.ceil((q * total).astype("float64")))
        there = reached >= rank
        found[q] = mean[there].groupby(whole["key"][there]).first()
    return pd.DataFrame(found, columns=list(qs))
