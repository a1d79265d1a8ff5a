"""Intervals of CloudWatch metrics: with a value, zero, missing, or not settled yet, which are four things."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.sources.aws.cache import SETTLED_AFTER
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd


def intervals(start: datetime, end: datetime, period_s: int, phase_s: float = 0) -> pd.DatetimeIndex:
    """Return the starts of the intervals that a window touches, by the clock or so many seconds after it."""
    import pandas as pd

    step, phase = pd.Timedelta(seconds=period_s), pd.Timedelta(seconds=phase_s)
    first = (pd.Timestamp(start) - phase).floor(step) + phase
    return pd.date_range(first, end, freq=step, inclusive="left", unit="us")


def _phase_s(values: pd.Series, period_s: int) -> float:
    """Return how long after those of the clock a series' intervals start, where its points agree on that.

    They do so where the start that was asked lay within an interval of the clock.
    """
    import pandas as pd

    apart = set((values.index - pd.Timestamp(0, tz="UTC")) % pd.Timedelta(seconds=period_s))
    return float(apart.pop().total_seconds()) if len(apart) == 1 else 0.0


def settled_intervals(starts: pd.DatetimeIndex, period_s: int, asked_at: datetime | None) -> int:
    """Return how many of consecutive intervals had settled when asked; all where that is unknown."""
    import pandas as pd

    if asked_at is None:
        return len(starts)
    last = pd.Timestamp(asked_at - SETTLED_AFTER) - pd.Timedelta(seconds=period_s)
    return int(starts.searchsorted(last, side="right"))


def filled(values: pd.Series, window: Window, period_s: int, asked_at: datetime | None) -> pd.DataFrame:
    """Return every interval of a series with what is known of it.

    Parameters
    ----------
    values
        Values by the start of their interval.
    window
        Window that was asked.
    period_s
        Period in seconds.
    asked_at
        When it was asked; None takes all for settled.

    Returns
    -------
    DataFrame
        ``time`` (start of the interval), ``value`` (null where no point came) and ``completeness``:
        ``value``, ``zero``, ``missing`` or ``not_settled`` (no point, or one that may still change).
    """
    import pandas as pd

    grid = intervals(window.start, window.end, period_s, _phase_s(values, period_s))
    frame = pd.DataFrame({"time": grid, "value": values.reindex(grid).astype("Float64").array})
    known = frame["value"].notna()
    kinds = pd.Series("value", index=frame.index, dtype="string")
    kinds = kinds.mask(known & frame["value"].eq(0).fillna(False), "zero").mask(~known, "missing")
    kinds.iloc[settled_intervals(grid, period_s, asked_at) :] = "not_settled"
    frame["completeness"] = kinds
    return frame
