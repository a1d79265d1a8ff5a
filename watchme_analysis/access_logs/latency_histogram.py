"""Additive histograms of durations, and their quantiles.

There is a bucket for each millisecond below 128 ms, and buckets 1.1 % wide above. A bucket stores the mean of
its durations, so a quantile is exact below 128 ms and off by at most 1.1 % above. It is also exact where all
requests end at the same timeout. Histograms of parts add up to that of the whole. With very many histograms,
the buckets can be coarsened, in steps that double the largest error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

_EXACT_MS = 128
_EXACT_BITS = 7
_STEPS = 64
# Largest number of times that the bucket width is doubled: to nine percent.
COARSEST = 3


class Histograms(NamedTuple):
    """Rows of histograms: bucket, number of durations, and their sum in seconds."""

    group: np.ndarray[Any, Any]
    size: np.ndarray[Any, Any]
    seconds: np.ndarray[Any, Any]


def bucket_of(seconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the histogram bucket of each duration in seconds; -1 for a missing duration."""
    import numpy as np

    missing = np.isnan(seconds)
    milliseconds = np.round(np.where(missing, 0.0, seconds) * 1000)
    exact = milliseconds < _EXACT_MS
    above = np.log2(np.where(exact, _EXACT_MS, milliseconds) / _EXACT_MS) * _STEPS
    buckets = np.where(exact, milliseconds, _EXACT_MS + np.floor(above)).astype(np.int64)
    return np.where(missing, -1, buckets)


def coarsened(buckets: np.ndarray[Any, Any], level: int) -> np.ndarray[Any, Any]:
    """Return the first bucket of each group of buckets that are merged at a level of coarsening."""
    import numpy as np

    if not level:
        return buckets
    _, bits = np.frexp(np.minimum(buckets, _EXACT_MS - 1))
    joined = np.maximum(bits - 1 + level - _EXACT_BITS, 0)
    above = _EXACT_MS + ((buckets - _EXACT_MS) >> level << level)
    return np.where(buckets < _EXACT_MS, buckets >> joined << joined, above)


def most_off_pct(level: int) -> float:
    """Return the largest error of a quantile in percent at a level of coarsening."""
    return float(100 * (2 ** (2**level / _STEPS) - 1))


def quantiles(histograms: Histograms, groups: int, qs: Sequence[float]) -> dict[float, np.ndarray[Any, Any]]:
    """Return quantiles in seconds (nearest rank), each as the mean of its bucket.

    ``histograms``: rows of histograms, in the order of their groups and buckets; ``groups``: number of
    histograms; ``qs``: quantiles between 0 and 1.

    Maps a quantile to ``float64[groups]``, NaN for a histogram without rows.
    """
    import numpy as np

    found = {q: np.full(groups, np.nan) for q in qs}
    if not len(histograms.group):
        return found
    group, size, seconds = histograms
    mean = np.round(seconds / size, 6)
    reached = np.cumsum(size)
    begin = np.flatnonzero(np.append(True, np.diff(group) != 0))
    before = reached[begin] - size[begin]
    total = np.add.reduceat(size, begin)
    for q in qs:
        rank = np.maximum(1, np.ceil(q * total))
        # The cumulative targets ascend, also from one histogram to the next.
        found[q][group[begin]] = mean[np.searchsorted(reached, before + rank)]
    return found
