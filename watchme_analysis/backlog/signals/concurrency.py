"""Signals of concurrency: how many invocations may run at a time."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import throttled_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.text.message import Message, Share, message

# Batches that the poller of a standard queue hands over at once when messages arrive (AWS Lambda Developer
# Guide, "Scaling behavior of Amazon SQS event source mappings").
BATCHES_AT_ONCE = 5


@detects("throttled", "unthrottled", group="throttles", needs=["metrics"])
def throttles(context: QueueContext) -> Iterator[QueueObservation]:
    """Return throttled deliveries that did harm, or that there were none."""
    if not context.has("throttles"):
        return
    queue = context.queue
    harmful = "throttles" in queue.harms
    yield context.observation(
        "throttled" if harmful else "unthrottled",
        _throttled(context),
        context.points(("throttles", "invocations")),
        effect=queue.throttled_share,
        unit="share",
        # Throttles of a permanent limit have no beginning: they become harmful by what comes later.
        span=throttled_span(queue) if harmful and not queue.throttled_always else None,
    )


@detects("reserved_concurrency_low", group="concurrency limit", needs=["functions"])
def reserve(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the reserved concurrency of a function whose deliveries are throttled, or have to be."""
    reserved, most = context.settings.reserved_concurrency, context.settings.max_concurrency
    unmeasured = not context.has("throttles") and (most is None or reserved is None or reserved < most)
    if reserved is not None and (
        "throttles" in context.queue.harms or (unmeasured and reserved < BATCHES_AT_ONCE)
    ):
        yield context.observation(
            "reserved_concurrency_low",
            message("backlog-reserved-concurrency", function=context.function, reserved=int(reserved)),
            context.settings_rows("functions"),
            effect=float(reserved),
            unit="executions",
        )


def _throttled(context: QueueContext) -> Message:
    found, share = context.queue.throttles, Share(context.queue.throttled_share)
    if found is None:
        return message("backlog-not-throttled", function=context.function)
    return message(
        "backlog-throttled",
        function=context.function,
        deliveries=round(found.count),
        since=found.start,
        share=share,
    )


DETECTORS = (throttles, reserve)
