"""Intervals in which messages waited in a queue, and those that recur every day."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.stats.intervals import Interval, runs_of_true, within

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# Intervals at most this far apart in the time of day are the same daily peak.
SAME_TIME_OF_DAY = timedelta(minutes=20)
# Two empty intervals do not end a standing interval, because a retry leaves short gaps.
GAP_INTERVALS = 2
WAITING = 4
LOST_POINTS = 2
# The start of growth is measured against intervals with a peak this many times smaller.
SEVERAL = 3.0
# Age in seconds that counts as a backlog; a common alarm threshold.
BACKLOG_AGE_S = 600.0
# Retries of single messages keep a queue from being empty: this share of the peak is not yet a backlog.
A_FEW = 0.02


@dataclass(frozen=True, kw_only=True)
class StandingInterval(Interval):
    """An interval in which messages waited or were being processed.

    Attributes
    ----------
    peak
        Most messages, visible and in flight together.
    peak_visible
        Most messages waiting.
    peak_age_s
        Highest age of the oldest message in seconds, None where it was not published.
    waiting_age_s
        Highest age in seconds that :data:`WAITING` messages can have had while as many waited. A single
        message hidden by a long visibility timeout is old but not a backlog, also when others arrive.
    grew_from
        Time at which it exceeded the peaks of smaller intervals: a queue is seldom empty when trouble begins.
    daily
        True when a similar interval exists on another day at the same time of day.
    """

    peak: float
    peak_visible: float
    peak_age_s: float | None
    waiting_age_s: float | None
    grew_from: datetime
    daily: bool = False


def standing_intervals(pipeline: Pipeline) -> tuple[StandingInterval, ...]:
    """Return the intervals in which a pipeline held messages, oldest first."""
    import numpy as np

    # A lost point does not mean that the queue was empty.
    frame = pipeline.frame[["visible", "in_flight", "age_s"]].ffill(limit=LOST_POINTS)
    stock = frame["visible"].fillna(0.0) + frame["in_flight"].fillna(0.0)
    busy = (stock > 0) | (frame["age_s"].fillna(0.0) > 0)
    if not busy.any():
        return ()
    step = timedelta(seconds=pipeline.period_s)
    found: list[StandingInterval] = []
    age, visible, standing = frame["age_s"].to_numpy(), frame["visible"].to_numpy(), stock.to_numpy()
    # So many messages are not older than the time for which so many were in the queue.
    places = np.arange(len(standing))
    few_before = np.maximum.accumulate(np.where(standing >= WAITING, -1, places))
    for_s = (places - few_before) * pipeline.period_s
    runs = runs_of_true(busy, gap=GAP_INTERVALS)
    peaks = sorted(float(standing[first:after].max()) for first, after in runs)
    for first, after in runs:
        part = slice(first, after)
        ages = age[part][~np.isnan(age[part])]
        waiting = np.minimum(age, for_s)[part][(visible[part] >= WAITING) & ~np.isnan(age[part])]
        found.append(
            StandingInterval(
                start=frame.index[first].to_pydatetime(),
                end=(frame.index[after - 1] + step).to_pydatetime(),
                kind="standing_messages",
                peak=float(standing[part].max()),
                peak_visible=float(np.nan_to_num(visible[part]).max()),
                peak_age_s=float(ages.max()) if len(ages) else None,
                waiting_age_s=float(waiting.max()) if len(waiting) else None,
                is_open=after >= len(frame) - GAP_INTERVALS,
                grew_from=frame.index[first + _growth(standing[part], peaks)].to_pydatetime(),
            )
        )
    return tuple(
        replace(episode, daily=True) if is_daily else episode
        for episode, is_daily in zip(found, _daily(found), strict=True)
    )


def _growth(stock: np.ndarray, peaks: list[float]) -> int:
    """Return the last place before the peak at the level of intervals with smaller peaks; else 0."""
    peak = float(stock.max())
    smaller = bisect_left(peaks, peak / SEVERAL)
    usual = max(peaks[smaller - 1] if smaller else 0.0, A_FEW * peak)
    low = (stock[: stock.argmax() + 1] <= usual).nonzero()[0]
    return int(low[-1]) if len(low) else 0


def _daily(found: Sequence[StandingInterval]) -> list[bool]:
    """Return, for each interval, whether one of half its size or more is at the same time of another day."""
    import numpy as np

    # Arrays, since each interval is compared with all others, and a week has hundreds.
    starts_s = np.array([one.start.timestamp() for one in found])
    peaks = np.array([one.peak for one in found])
    ages_s = np.array([one.peak_age_s or 0.0 for one in found])
    day_s, near_s = timedelta(days=1).total_seconds(), SAME_TIME_OF_DAY.total_seconds()
    daily = []
    for start_s, peak, age_s in zip(starts_s, peaks, ages_s, strict=True):
        apart_s = np.abs(starts_s - start_s)
        of_day_s = apart_s % day_s
        alike = (apart_s >= day_s / 2) & (np.minimum(of_day_s, day_s - of_day_s) <= near_s)
        daily.append(bool((alike & (peaks >= 0.5 * peak) & (ages_s >= 0.4 * age_s)).any()))
    return daily


DAY = timedelta(days=1)
# Days before and after, tolerance of the time of day, and the share of the events that must recur.
DAYS, SLACK, AS_MUCH = 7, timedelta(minutes=20), 0.5
# Events that begin and end at the same time have so small a share of them in the hour before and after.
AROUND, LITTLE = timedelta(hours=1), 0.1


def on_other_days(
    counts: pd.Series, start: datetime, end: datetime, *, alike: bool = False
) -> tuple[tuple[datetime, datetime], ...]:
    """Return the intervals on other days in which about as much was counted at the same time of day.

    They reach from the first to the last interval with any, half-open, of each such day, oldest first. Days
    that the counts do not cover completely are left out. With ``alike``, the events must also begin and end
    at that time of those days, not only be under way.
    """
    own = float(within(counts, start, end).sum())
    found = []
    for days in range(-DAYS, DAYS + 1):
        first, last = start + days * DAY, end + days * DAY
        if abs(days) * DAY >= max(end - start, DAY) and counts.index[0] <= first and last <= counts.index[-1]:
            same = within(counts, first - SLACK, last + SLACK)
            near = within(counts, first - AROUND, last + AROUND)
            seen = float(same.sum())
            if seen >= AS_MUCH * own > 0 and (not alike or float(near.sum()) - seen <= LITTLE * seen):
                hit = same.index[same > 0].to_pydatetime()
                found.append((hit[0], hit[-1] + (counts.index[1] - counts.index[0])))
    return tuple(found)
