"""Signals of concurrency: how many invocations may run at a time."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.changes import CONCURRENCY_EVENTS
from watchme_analysis.backlog.signals.change import change_observation
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import throttled_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.text.message import Message, Share, message


@detects("throttled", "unthrottled", group="throttles", needs=["metrics"])
def throttles(look: Look) -> Iterator[QueueObservation]:
    """Return throttled deliveries that did harm, or that there were none."""
    if not look.has("throttles"):
        return
    queue = look.queue
    harmful = "throttles" in queue.harms
    yield look.found(
        "throttled" if harmful else "unthrottled",
        _throttled(look),
        look.points(("throttles", "invocations")),
        effect=queue.throttled_share,
        unit="share",
        # Throttles of a permanent limit have no beginning: they become harmful by what comes later.
        span=throttled_span(queue) if harmful and not queue.throttled_always else None,
    )


@detects("reserved_concurrency_low", group="concurrency limit", needs=["functions"])
def reserve(look: Look) -> Iterator[QueueObservation]:
    """Return the reserved concurrency of a function whose deliveries are throttled."""
    reserved = look.settings.reserved_concurrency
    if reserved is not None and "throttles" in look.queue.harms:
        yield look.found(
            "reserved_concurrency_low",
            message("backlog-reserved-concurrency", function=look.function, reserved=int(reserved)),
            look.settings_rows("functions"),
            effect=float(reserved),
            unit="executions",
        )


@detects("concurrency_changed", group="change", needs=["changes"])
def changed(look: Look) -> Iterator[QueueObservation]:
    """Return the change of the concurrency right before the first throttle."""
    if look.queue.throttles is not None:
        first = look.queue.throttles.start
        yield from change_observation(look, "concurrency_changed", CONCURRENCY_EVENTS, first)


def _throttled(look: Look) -> Message:
    found, share = look.queue.throttles, Share(look.queue.throttled_share)
    if found is None:
        return message("backlog-not-throttled", function=look.function)
    return message(
        "backlog-throttled",
        function=look.function,
        deliveries=round(found.count),
        since=found.start,
        share=share,
    )


DETECTORS = (throttles, reserve, changed)
