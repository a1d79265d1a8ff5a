"""Signals of the poller: whether Lambda receives what waits."""

from __future__ import annotations

import json
from collections.abc import Iterator

from watchme_analysis.backlog.changes import MAPPING_EVENTS
from watchme_analysis.backlog.signals.change import change_observation
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import unmatched_span, unpolled_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.redact import shortened
from watchme_analysis.text.formats import counted

# Longest quotation of a filter, in characters.
LONGEST_SHOWN = 160
# Share of the messages received without an invocation from which on they count as deleted.
MOSTLY = 0.5


@detects("unpolled", "polled", group="receives", needs=["metrics"])
def receives(look: Look) -> Iterator[QueueObservation]:
    """Return the longest time in which messages waited and none was received, or that there was none."""
    if not look.has("visible", "received"):
        return
    unpolled, queue = look.queue.unpolled, look.pipeline.queue
    if unpolled is None:
        yield look.found(
            "polled",
            f"{queue} was never left unread for long: messages were received while any waited.",
            look.points(("received", "visible")),
        )
        return
    yield look.found(
        "unpolled",
        f"Messages waited in {queue} for {unpolled.minutes:,.0f} min from "
        f"{unpolled.start:%Y-%m-%d %H:%M} UTC and none was received.",
        look.points(("received", "visible"), unpolled.start, unpolled.end),
        effect=unpolled.minutes,
        unit="min",
        span=unpolled_span(look.queue),
    )


@detects("waiting_behind_disabled_mapping", group="receives", needs=["queues", "event_source_mappings"])
def waiting(look: Look) -> Iterator[QueueObservation]:
    """Return the messages that waited behind a disabled mapping when the attributes were read."""
    if look.queue.stalled and not look.has("visible", "received"):
        visible = look.queue.balance.visible
        yield look.found(
            "waiting_behind_disabled_mapping",
            f"{visible:,d} messages waited in {look.pipeline.queue} when its attributes were read, and its "
            "mapping is off.",
            look.settings_rows("queues"),
            effect=float(visible),
            unit="messages",
        )


@detects("mapping_off", "mapping_on", group="mapping", needs=["event_source_mappings"])
def mapping(look: Look) -> Iterator[QueueObservation]:
    """Return the state of the event source mapping."""
    state = look.settings.mapping_state
    if state is not None:
        yield look.found(
            "mapping_off" if state.startswith("Disabl") else "mapping_on",
            f"The mapping of {look.pipeline.queue} to {look.pipeline.function} is {state}.",
            look.settings_rows("event_source_mappings"),
            span=unpolled_span(look.queue),
        )


@detects("received_without_invocation", group="received without a run", needs=["metrics"])
def unmatched(look: Look) -> Iterator[QueueObservation]:
    """Return receives that reached no invocation: a filter, another consumer, or a look into the queue."""
    taken = look.queue.unmatched_receives
    if taken is not None:
        yield look.found(
            "received_without_invocation",
            unmatched_words(look.queue),
            look.points(("received", "deleted", "invocations", "throttles"), taken.start, taken.end),
            effect=taken.count,
            unit="messages",
            span=unmatched_span(look.queue),
        )


@detects("mapping_changed", group="change", needs=["changes"])
def changed(look: Look) -> Iterator[QueueObservation]:
    """Return the change of the mapping right before messages waited."""
    queue = look.queue
    if queue.unpolled is not None:
        yield from change_observation(look, "mapping_changed", MAPPING_EVENTS, queue.unpolled.start)
    elif queue.stalled and look.changes:
        # It stands still now; that hardly a run came after the change tells since when.
        ends = [moment.to_pydatetime() for moment in queue.pipeline.frame.index[-1:]]
        first = max([*ends, look.changes[-1].time])
        yield from change_observation(look, "mapping_changed", MAPPING_EVENTS, first)


def unmatched_words(queue: QueueAnalysis) -> str:
    """Return in a sentence the receives without an invocation and what became of them; empty without any."""
    taken = queue.unmatched_receives
    if taken is None:
        return ""
    said = (
        f"{counted(round(taken.count), 'message')} of {queue.pipeline.queue} went to no run of "
        f"{queue.pipeline.function}, received between {taken.start:%Y-%m-%d %H:%M} and "
        f"{taken.end:%Y-%m-%d %H:%M} UTC"
    )
    if taken.deleted >= MOSTLY * taken.count:
        return f"{said}, and were deleted: {_who_deletes(queue)}."
    return (
        f"{said}, and came back: somebody else receives them, as a look into the queue does, or Lambda can't "
        "start the function."
    )


def _who_deletes(queue: QueueAnalysis) -> str:
    """Return in words who can have deleted messages unread, as far as the mapping's configuration tells."""
    settings = queue.pipeline.settings
    if settings.mapping_filters:
        patterns = " or ".join(map(str, json.loads(settings.mapping_filters)))
        return f"the mapping's filter drops what doesn't match {shortened(patterns, LONGEST_SHOWN, '...')}"
    if settings.mapping_state is None:
        return "a filter of the mapping drops them, or another consumer takes them"
    return "another consumer takes them, or a filter that the mapping had then; it has none now"


DETECTORS = (receives, waiting, mapping, unmatched, changed)
