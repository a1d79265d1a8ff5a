"""Stretches of time in which a table that should have rows has none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def silent_stretches(
    moments: pd.Series, *, factor: float = 20.0, at_least_s: float = 30.0
) -> list[tuple[datetime, datetime]]:
    """Return the stretches between neighbouring rows that are far longer than usual.

    Parameters
    ----------
    moments
        Times of the rows, in any order; missing ones are left out.
    factor
        How many times the 90th percentile of the spacings a stretch must last.
    at_least_s
        Seconds below which no stretch counts.

    Returns
    -------
    list of (start, end)
        Last row before and first row after each stretch, in order of time. Rows that are rare by nature
        have long spacings, so a low count of rows alone makes no gap.
    """
    import pandas as pd

    ordered = moments.dropna().drop_duplicates().sort_values(ignore_index=True)
    if len(ordered) < 10:
        return []
    spacing = ordered.diff().dt.total_seconds()
    limit = max(at_least_s, factor * float(spacing.quantile(0.9)))
    return [
        (pd.Timestamp(ordered[at - 1]).to_pydatetime(), pd.Timestamp(ordered[at]).to_pydatetime())
        for at in spacing.index[spacing > limit]
    ]
