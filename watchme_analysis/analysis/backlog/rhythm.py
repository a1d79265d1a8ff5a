"""What comes back at the same time of other days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
# Days looked at before and after, by how much later or earlier it may come, and how much of it must come.
DAYS, SLACK, AS_MUCH = 7, timedelta(minutes=20), 0.5
# What begins and ends alike has so little of its own in the hour before and after.
AROUND, LITTLE = timedelta(hours=1), 0.1


def on_other_days(
    counts: pd.Series, start: datetime, end: datetime, *, alike: bool = False
) -> tuple[tuple[datetime, datetime], ...]:
    """Return when about as much was counted at the same time of other days.

    Parameters
    ----------
    counts
        Events by interval.
    start, end
        When they were many, half-open. Days for which the counts don't reach so far are left out.
    alike
        Whether it must begin and end at that time of those days, and not only be under way.

    Returns
    -------
    tuple
        From the first to the last interval with any, half-open, of each such day, oldest first.
    """
    own = float(counts[(counts.index >= start) & (counts.index < end)].sum())
    found = []
    for days in range(-DAYS, DAYS + 1):
        first, last = start + days * DAY, end + days * DAY
        if days and counts.index[0] <= first and last <= counts.index[-1]:
            same = counts[(counts.index >= first - SLACK) & (counts.index < last + SLACK)]
            near = counts[(counts.index >= first - AROUND) & (counts.index < last + AROUND)]
            seen = float(same.sum())
            if seen >= AS_MUCH * own > 0 and (not alike or float(near.sum()) - seen <= LITTLE * seen):
                hit = same.index[same > 0].to_pydatetime()
                found.append((hit[0], hit[-1] + (counts.index[1] - counts.index[0])))
    return tuple(found)
