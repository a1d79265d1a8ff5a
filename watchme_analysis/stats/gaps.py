"""Gaps: intervals without rows in a table that usually has them, and lost points of metrics."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Share of the intervals with points of related series in which a series must have points to be expected in
# all.
USUALLY_PUBLISHED = 0.9
# A gap lasts at least this many times the 90th percentile of the spacings, and so many seconds.
_TIMES_USUAL = 20.0
_LEAST_S = 30.0


def silent_intervals(moments: pd.Series) -> list[tuple[datetime, datetime]]:
    """Return the gaps between neighbouring rows that are far longer than usual.

    A gap is the last row before and the first row after it, in order of time; missing times are left out.
    Rows that are rare by nature have long spacings, so a low count of rows alone makes no gap.
    """
    import pandas as pd

    ordered = moments.dropna().drop_duplicates().sort_values(ignore_index=True)
    if len(ordered) < 10:
        return []
    spacing = ordered.diff().dt.total_seconds()
    limit = max(_LEAST_S, _TIMES_USUAL * float(spacing.quantile(0.9)))
    return [
        (pd.Timestamp(ordered[at - 1]).to_pydatetime(), pd.Timestamp(ordered[at]).to_pydatetime())
        for at in spacing.index[spacing > limit]
    ]


def lost_points(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    """Return the intervals in which one of several series on one grid lacks an expected point.

    The series are published together, as those of one queue are. A point is expected of a series that has one
    in nine of ten intervals in which any of them has one; a series that is published only above zero lacks
    nothing.
    """
    known = frame[list(columns)].notna()
    published = known.any(axis=1)
    usual = known[published].mean() >= USUALLY_PUBLISHED
    due = [name for name in columns if bool(usual.get(name, False))]
    return published & ~known[due].all(axis=1)
