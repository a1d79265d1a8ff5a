"""Intervals of time with a kind: failures, a surge, an incident; and runs of equal neighbours.

One type serves all analyses, so that code which compares, joins or draws intervals needs to know one type.
Analyses that report more figures than these derive from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import inf, nan
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Rows = TypeVar("Rows", "pd.DataFrame", "pd.Series[Any]")


def within(rows: Rows, start: datetime, end: datetime) -> Rows:
    """Return the rows of an interval of time, half-open, of a frame or column in order of time."""
    return rows.iloc[rows.index.searchsorted(start) : rows.index.searchsorted(end)]


@dataclass(frozen=True)
class Interval:
    """An interval of time with a kind, such as ``failures`` or ``surge``, and the events counted in it.

    Times are UTC; the end is the first moment after the interval, which ``is_open`` when it reaches the end
    of the record, so that its true end is unknown. ``base`` is the number of trials inside, for a rate, or of
    events expected inside, for a count; ``outside_rate`` is events per trial or expected event outside.
    ``score`` is the log-likelihood ratio of the scan that found the interval; 10 is beyond chance in a grid
    of some thousand intervals. Figures are NaN where nothing was counted, known or scanned.
    """

    start: datetime
    end: datetime
    kind: str
    count: float = nan
    base: float = nan
    outside_rate: float = nan
    score: float = nan
    is_open: bool = False

    @property
    def rate(self) -> float:
        """Events per trial, or events per expected event, inside."""
        return self.count / self.base if self.base else inf

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return self.seconds / 60.0


def run_numbers(values: Any) -> np.ndarray:
    """Return for each value, none of them missing, the number of its run of equal neighbours from 0.

    Examples
    --------
    >>> run_numbers([True, True, False, True]).tolist()
    [0, 0, 1, 2]
    """
    import numpy as np

    array = np.asarray(values)
    return np.concatenate([[False], array[1:] != array[:-1]])[: len(array)].cumsum()


def runs_of_true(values: Any, gap: int = 0) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of each run of True.

    Runs that at most ``gap`` False values separate are one run.

    Examples
    --------
    >>> runs_of_true([True, False, True, False, False, True], gap=1)
    [(0, 3), (5, 6)]
    """
    import numpy as np

    places = np.flatnonzero(np.asarray(values, dtype=bool))
    if not len(places):
        return []
    parts = np.split(places, np.flatnonzero(np.diff(places) > gap + 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]
