"""Signals of changes that came right before trouble."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from watchme_analysis.backlog.changes import (
    CONCURRENCY_EVENTS,
    FUNCTION_EVENTS,
    HOST_EVENTS,
    MAPPING_EVENTS,
    VISIBILITY_EVENTS,
    Change,
    change_before,
)
from watchme_analysis.backlog.rows import Rows
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation, Span
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import Duration, Message, Resource, message, sentences

# How far the time of the last change in a configuration, which does not keep what was changed, says as much
# as a recorded event.
NOT_RECORDED = 0.8


# The change that can bring each signal's trouble about, and what began with it.
_CHANGES: tuple[tuple[str, Collection[str], Callable[[QueueAnalysis], Interval | None]], ...] = (
    ("visibility_changed", VISIBILITY_EVENTS, lambda queue: queue.redelivery or queue.hidden),
    ("mapping_changed", MAPPING_EVENTS, lambda queue: queue.unpolled),
    ("concurrency_changed", CONCURRENCY_EVENTS, lambda queue: queue.throttles),
    ("function_changed", FUNCTION_EVENTS, lambda queue: queue.failures),
    ("host_changed", HOST_EVENTS, lambda queue: queue.failures or queue.slow),
)


@detects(*(signal for signal, *_ in _CHANGES), group="change", needs=["changes", "functions"])
def changes(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the change that came right before each kind of trouble, with hardly a good run in between."""
    queue = context.queue
    for signal, events, trouble in _CHANGES:
        found = trouble(queue)
        first = None if found is None else found.start
        if signal == "mapping_changed" and found is None and queue.stalled and context.changes:
            # It stands still now; that hardly a run came after the change tells since when.
            ends = [moment.to_pydatetime() for moment in queue.pipeline.frame.index[-1:]]
            first = max([*ends, context.changes[-1].time])
        change = None if first is None else change_before(context.changes, events, context.pipeline, first)
        if change is not None:
            yield _observation(context, signal, change)


def _observation(context: QueueContext, signal: str, change: Change) -> QueueObservation:
    trouble = context.queue.first_trouble()
    minutes = None if trouble is None else (trouble - change.time).total_seconds() / 60.0
    return context.observation(
        signal,
        change_rows(context, change),
        text=sentences(_happened(change), _followed(minutes)),
        effect=(minutes, "min"),
        strength=1.0 if change.is_recorded else NOT_RECORDED,
        event=change.event_name or change.kind,
        lasting=Span(change.time, change.time, change.time, change.time),
    )


def _happened(change: Change) -> Message:
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
