"""Trouble of one queue within a part of the window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.queues.pipeline_anomalies import find_failures, find_unpolled
from watchme_analysis.queues.standing import BACKLOG_AGE_S, on_other_days, standing_intervals
from watchme_analysis.stats.intervals import Interval, within

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class TroubleInterval(Interval):
    """Trouble of one queue within a part of the window: ``count`` of ``base`` attempts failed.

    ``age_s`` is the highest age of the oldest message within, 0 where it was not published. ``only_waited``
    is true if old messages are the only evidence of trouble.
    """

    age_s: float
    only_waited: bool


def trouble_within(pipeline: Pipeline, start: datetime, end: datetime) -> TroubleInterval | None:
    """Return the trouble of a queue within a part of the window, None without trouble.

    Trouble is a clear rise of failed attempts, messages that waited long, or messages that were not received.
    Failures and unpolled intervals that recur on other days at the same time do not count.
    """
    frame = pipeline.frame
    inside = within(frame, start, end)
    if inside.empty:
        return None
    part = replace(pipeline, frame=inside)
    spans = []
    failures = find_failures(part, dead_lettered=0)
    if failures is not None and not on_other_days(frame["failed"], failures.start, failures.end, alike=True):
        spans.append((failures.start, failures.end))
    unpolled = find_unpolled(part)
    if unpolled is not None and not on_other_days(_idle(frame), unpolled.start, unpolled.end, alike=True):
        spans.append((unpolled.start, unpolled.end))
    waited = [
        item
        for item in standing_intervals(pipeline)
        if (item.waiting_age_s or 0.0) >= BACKLOG_AGE_S and not item.daily and start <= item.grew_from < end
    ]
    only_waited = not spans
    if waited:
        worst = max(waited, key=lambda item: item.peak * item.seconds)
        spans.append((worst.grew_from, worst.end))
    if not spans:
        return None
    first, last = spans[0]
    for other in spans[1:]:
        if other[0] <= last and other[1] >= first:
            first, last = min(first, other[0]), max(last, other[1])
    held = within(inside, first, last)
    age = held["age_s"].max()
    return TroubleInterval(
        start=first,
        end=last,
        kind="trouble",
        count=float(held["failed"].sum()),
        base=float(held["tried"].sum()),
        age_s=float(age) if age > 0 else 0.0,
        only_waited=only_waited,
    )


def settled_after(pipeline: Pipeline, moment: datetime) -> datetime:
    """Return the first time from a moment on without old messages, since an incident leaves a backlog."""
    later = pipeline.frame["age_s"][pipeline.frame.index >= moment].fillna(0.0)
    old = (later >= BACKLOG_AGE_S).to_numpy()
    calm = later.index[~old]
    return (calm[0] if len(calm) else later.index[-1] if len(later) else moment) if old.any() else moment


def _idle(frame: pd.DataFrame) -> pd.Series:
    """Return 1 for each interval in which messages were visible and none was received."""
    return ((frame["visible"].fillna(0.0) > 0) & (frame["received"].fillna(0.0) == 0)).astype(float)
