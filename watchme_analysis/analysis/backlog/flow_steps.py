"""Arrivals that rise and stay: a new customer, a client that sends ten times as often from some day on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from watchme_analysis.analysis.scan import Elevation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# A day before tells what is usual at each hour; a rise shorter than these hours does not become the rhythm.
DAY_H, LEAST_H, EARLIER_H = 24, 11, 6


def lasting_rise(counts: pd.Series) -> Elevation | None:
    """Return the rise of arrivals that is still there at the end.

    What stays becomes the rhythm within the hour, so that only the same hours of the days before tell it. The
    hour from which on they explain the arrivals worst, by the likelihood of counts, is where it began.

    Parameters
    ----------
    counts
        Arrivals by interval.

    Returns
    -------
    Elevation or None
        ``base`` is what the same hours had before, one message at least; None where no hour can have begun a
        rise. Whether it is large enough to matter is the caller's to say.
    """
    import numpy as np

    hourly = counts.fillna(0.0).resample("1h").sum()
    values, clock = hourly.to_numpy(), hourly.index.hour.to_numpy()
    best: tuple[float, int, float] | None = None
    for place in range(DAY_H, len(values) - LEAST_H + 1):
        usual = _by_clock(values[:place], clock[:place])
        expected = max(1.0, float(usual[clock[place:]].sum()))
        seen = float(values[place:].sum())
        score = seen * float(np.log(seen / expected)) - (seen - expected) if seen > expected else 0.0
        if best is None or score > best[0]:
            best = (score, place, expected)
    if best is None or best[0] <= 0.0 or not _stays(values[best[1] :]):
        return None
    score, place, expected = best
    seen = float(values[place:].sum())
    # Hours right before it may belong to it, and must not be their own measure.
    sure = max(1, place - EARLIER_H)
    usual = _by_clock(values[:sure], clock[:sure])
    start = _began(counts, hourly.index[place], usual, seen / expected)
    end = hourly.index[-1] + timedelta(hours=1)
    return Elevation(
        start.to_pydatetime(), end.to_pydatetime(), float(counts[start:].sum()), expected, 1.0, score
    )


def _began(counts: pd.Series, hour: pd.Timestamp, usual: np.ndarray, times: float) -> pd.Timestamp:
    """Return the interval about an hour from which on so many times the usual explains the arrivals best.

    An hour of the night holds few arrivals, so that some before it may belong to the rise.
    """
    import numpy as np

    near = counts[hour - timedelta(hours=EARLIER_H) : hour + timedelta(hours=2)].fillna(0.0)
    an_hour = len(near) / (EARLIER_H + 2.0)
    expected = usual[near.index.hour] / an_hour
    gain = near.to_numpy() * np.log(times) - expected * (times - 1.0)
    return near.index[int(np.argmax(np.cumsum(gain[::-1])[::-1]))]


def _by_clock(values: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """Return the mean count of each hour of the day; of hours that are not there, the mean of all."""
    import numpy as np

    number = np.bincount(clock, minlength=DAY_H)
    total = np.bincount(clock, weights=values, minlength=DAY_H)
    return np.where(number > 0, total / np.maximum(number, 1), values.mean())


def _stays(after: np.ndarray) -> bool:
    """Tell whether the later half of a rise holds about as much as the earlier one."""
    half = len(after) // 2
    return bool(after[half:].mean() >= 0.5 * after[:half].mean())
