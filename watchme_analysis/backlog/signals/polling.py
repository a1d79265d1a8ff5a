"""Signals of the poller: whether Lambda receives what waits."""

from __future__ import annotations

import json
from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import unmatched_span, unpolled_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Duration, Names, Resource, Text, TimeSpan, message, sentences

# Longest quotation of a filter, in characters.
LONGEST_SHOWN = 160
# Share of the messages received without an invocation from which on they count as deleted.
MOSTLY = 0.5


@detects("unpolled", "unpolled_by_consumer", "polled", group="receives", needs=["metrics"])
def receives(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the longest time in which messages waited and none was received, or that there was none.

    Lambda polls whether its function works or not; another consumer that breaks receives nothing either.
    """
    if not context.has("visible", "received"):
        return
    unpolled = context.queue.unpolled
    if unpolled is None:
        yield context.observation(
            "polled",
            message("backlog-polled", queue=context.name),
            context.points(("received", "visible")),
        )
        return
    is_lambda = context.pipeline.function is not None or context.settings.mapping_state is not None
    yield context.observation(
        "unpolled" if is_lambda else "unpolled_by_consumer",
        message(
            "backlog-unpolled" if is_lambda else "backlog-unpolled-by-consumer",
            queue=context.name,
            lasted=Duration(60.0 * unpolled.minutes),
            since=unpolled.start,
        ),
        context.points(("received", "visible"), unpolled.start, unpolled.end),
        effect=unpolled.minutes,
        unit="min",
        span=unpolled_span(context.queue),
    )


@detects("waiting_behind_disabled_mapping", group="receives", needs=["queues", "event_source_mappings"])
def waiting(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the messages that waited behind a disabled mapping when the attributes were read."""
    if context.queue.stalled and not context.has("visible", "received"):
        visible = context.queue.balance.visible
        yield context.observation(
            "waiting_behind_disabled_mapping",
            message("backlog-waiting-behind-mapping", queue=context.name, waiting=visible),
            context.settings_rows("queues"),
            effect=float(visible),
            unit="messages",
        )


@detects("mapping_off", group="mapping", needs=["event_source_mappings"])
def mapping(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that the event source mapping is off."""
    state = context.settings.mapping_state or ""
    if state.startswith("Disabl"):
        yield context.observation(
            "mapping_off",
            message(
                "backlog-mapping-state", queue=context.name, function=context.function, state=Resource(state)
            ),
            context.settings_rows("event_source_mappings"),
            span=unpolled_span(context.queue),
        )


@detects("received_without_invocation", group="received without a run", needs=["metrics"])
def unmatched(context: QueueContext) -> Iterator[QueueObservation]:
    """Return receives that reached no invocation: a filter, another consumer, or a look into the queue."""
    taken = context.queue.unmatched_receives
    if taken is not None:
        yield context.observation(
            "received_without_invocation",
            unmatched_receives(context.queue),
            context.points(("received", "deleted", "invocations", "throttles"), taken.start, taken.end),
            effect=taken.count,
            unit="messages",
            span=unmatched_span(context.queue),
        )


def unmatched_receives(queue: QueueAnalysis) -> Text:
    """Return the receives without an invocation and what became of the messages; empty without any."""
    taken = queue.unmatched_receives
    if taken is None:
        return ""
    return sentences(
        message(
            "backlog-unmatched-receives",
            received=round(taken.count),
            queue=Resource(queue.pipeline.queue),
            function=Resource(queue.pipeline.function or "Lambda"),
            span=TimeSpan(taken.start, taken.end),
        ),
        _deleted_by(queue)
        if taken.deleted >= MOSTLY * taken.count
        else message("backlog-unmatched-returned"),
    )


def _deleted_by(queue: QueueAnalysis) -> Text:
    """Return who can have deleted messages unread, as far as the mapping's configuration shows."""
    settings = queue.pipeline.settings
    if settings.mapping_filters:
        patterns = [shortened(str(one), LONGEST_SHOWN, "...") for one in json.loads(settings.mapping_filters)]
        return message("backlog-unmatched-filtered", patterns=Names(tuple(patterns)))
    if settings.mapping_state is None:
        return message("backlog-unmatched-deleted")
    return message("backlog-unmatched-deleted-without-filter")


DETECTORS = (receives, waiting, mapping, unmatched)
