"""The change that came right before a signal, as an observation."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from watchme_analysis.backlog.changes import Change, change_before
from watchme_analysis.backlog.rows import Rows
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation, Span
from watchme_analysis.text.message import Duration, Message, Resource, message, sentences

# How far the time of the last change in a configuration, which does not keep what was changed, says as much
# as a recorded event.
NOT_RECORDED = 0.8


def change_observation(
    context: QueueContext, signal: str, events: Collection[str], first: datetime
) -> Iterator[QueueObservation]:
    """Return the change among some events that came right before a moment, as a signal."""
    change = change_before(context.changes, events, context.pipeline, first)
    if change is None:
        return
    trouble = context.queue.first_trouble()
    minutes = None if trouble is None else (trouble - change.time).total_seconds() / 60.0
    yield context.observation(
        signal,
        sentences(_happened(change), _followed(minutes)),
        change_rows(context, change),
        strength=1.0 if change.is_recorded else NOT_RECORDED,
        effect=minutes,
        unit="min",
        span=Span(change.time, change.time, change.time, change.time),
        event=change.event_name or change.kind,
    )


def _happened(change: Change) -> Message:
    """Return when a change was made, by whom, and of what."""
    said = {"resource": change.of, "change": change.what}
    if not change.is_recorded:
        return message("backlog-change-in-configuration", time=change.time, **said)
    user = Resource(change.user) if change.user else message("backlog-user-unknown")
    return message("backlog-change-recorded", time=change.time, user=user, **said)


def _followed(minutes: float | None) -> Message:
    """Return when the first trouble followed a change, in minutes.

    They are negative where both lie in one metric interval, and None where the trouble has no time.
    """
    if minutes is None:
        return message("backlog-change-then-few-runs")
    if minutes < 0:
        return message("backlog-change-in-first-interval")
    return message("backlog-change-then-trouble", lead=Duration(60.0 * minutes))


def change_rows(context: QueueContext, change: Change) -> Rows:
    """Return the row of a change."""
    if not change.is_recorded:
        name = "function" if change.table == "functions" else "queue"
        return context.matching(change.table, (name, "=", change.resource))
    named = ("event_id", "=", change.event_id) if change.event_id is not None else ("time", "=", change.time)
    return context.matching("changes", named, ("event_name", "=", change.event_name))
