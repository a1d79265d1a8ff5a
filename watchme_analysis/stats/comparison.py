"""Comparison of samples: how often a value of one is larger than one of the other, and rank correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def dominance(first: Any, second: Any) -> tuple[int, int, int]:
    """Return the number of pairs in which the value of ``second`` is larger, equal and smaller.

    The samples have no missing values.
    """
    import numpy as np

    ordered, values = np.sort(np.asarray(first, float)), np.asarray(second, float)
    below = int(np.searchsorted(ordered, values, side="left").sum())
    upto = int(np.searchsorted(ordered, values, side="right").sum())
    return below, upto - below, len(ordered) * len(values) - upto


def probability_larger(first: Any, second: Any) -> float | None:
    """Return the probability that a value of ``second`` exceeds one of ``first``, ties counted half.

    None where a sample is empty.
    """
    if not len(first) or not len(second):
        return None
    larger, equal, _ = dominance(first, second)
    return (larger + equal / 2.0) / len(second) / len(first)


def cliffs_delta(first: Any, second: Any) -> float:
    """Return Cliff's delta: how much more often ``second`` is larger than smaller, -1 to 1.

    NaN where a sample is empty. Source: N. Cliff, "Dominance statistics", Psychological Bulletin 114 (1993).
    """
    if not len(first) or not len(second):
        return float("nan")
    larger, _, smaller = dominance(first, second)
    return (larger - smaller) / (len(first) * len(second))


def rank_correlation(one: pd.Series, other: pd.Series) -> float:
    """Return Spearman's rank correlation of two aligned series, -1 to 1.

    Pairs with a missing value are left out, and tied values share their mean rank. NaN with fewer than two
    pairs, or when a series has only one value.

    pandas computes it without importing scipy.stats, which takes longer than most analyses.
    """
    import pandas as pd

    pairs = pd.DataFrame({"one": one, "other": other}).dropna()
    return float(pairs.corr(method="spearman").loc["one", "other"])
