"""Rank correlation of two series."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def rank_correlation(one: pd.Series, other: pd.Series) -> float:
    """Return Spearman's rank correlation of two aligned series, -1 to 1.

    Pairs with a missing value are left out, and tied values share their mean rank. NaN with fewer than two
    pairs, or when a series has only one value.

    pandas computes it without importing scipy.stats, which takes longer than most analyses.
    """
    import pandas as pd

    pairs = pd.DataFrame({"one": one, "other": other}).dropna()
    return float(pairs.corr(method="spearman").loc["one", "other"])
