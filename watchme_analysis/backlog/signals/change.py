"""The change that came right before a signal, as an observation."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from watchme_analysis.backlog.changes import Change, change_before
from watchme_analysis.backlog.rows import Rows
from watchme_analysis.backlog.signals.look import Look, QueueObservation, Span

# How far the time of the last change in a configuration, which does not keep what was changed, says as much
# as a recorded event.
NOT_RECORDED = 0.8


def change_observation(
    look: Look, signal: str, events: Collection[str], first: datetime
) -> Iterator[QueueObservation]:
    """Return the change among some events that came right before a moment, as a signal."""
    change = change_before(look.changes, events, look.pipeline, first)
    if change is None:
        return
    trouble = look.queue.first_trouble()
    minutes = None if trouble is None else (trouble - change.time).total_seconds() / 60.0
    if minutes is None:
        when = "and few runs after it"
    elif minutes < 0:
        when = "in the interval in which the trouble began"
    else:
        when = f"{minutes:.0f} min before the first trouble, with no good run in between"
    who = f"by {change.user or 'unknown'}" if change.is_recorded else "as its configuration says,"
    yield look.found(
        signal,
        f"{change.what} on {change.resource} {who} at {change.time:%Y-%m-%d %H:%M:%S} UTC, {when}.",
        change_rows(look, change),
        strength=1.0 if change.is_recorded else NOT_RECORDED,
        effect=minutes,
        unit="min",
        span=Span(change.time, change.time, change.time, change.time),
        event=change.event_name or change.kind,
    )


def change_rows(look: Look, change: Change) -> Rows:
    """Return the row of a change."""
    if not change.is_recorded:
        name = "function" if change.table == "functions" else "queue"
        return look.matching(change.table, (name, "=", change.resource))
    named = ("event_id", "=", change.event_id) if change.event_id is not None else ("time", "=", change.time)
    return look.matching("changes", named, ("event_name", "=", change.event_name))
