"""Signals of the senders: how much arrives."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import surge_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.text.message import Choice, Number, TimeSpan, message

# How far invocations that kept to their rhythm stand in for arrivals, which nobody counted.
STANDS_IN = 0.4


@detects("arrivals_rose", "arrivals_rose_apart", "arrivals_usual", group="arrivals", needs=["metrics"])
def arrivals(context: QueueContext) -> Iterator[QueueObservation]:
    """Return a surge of arrivals, or that they kept their rhythm; invocations stand in for them."""
    queue, surge = context.queue, context.queue.surge
    if not (context.has("sent") or context.has("invocations")):
        return
    counted = context.has("sent")
    column = "sent" if counted else "invocations"
    if surge is None or queue.surge_daily:
        yield context.observation(
            "arrivals_usual",
            message("backlog-arrivals-usual", queue=context.name, by=Choice(column)),
            context.points((column,)),
            strength=1.0 if counted else STANDS_IN,
        )
        return
    first, trouble = _rose_first(context), queue.first_trouble()
    when = "no-trouble" if trouble is None else "before" if first else "after"
    yield context.observation(
        "arrivals_rose" if first else "arrivals_rose_apart",
        message(
            "backlog-arrivals-rose",
            queue=context.name,
            arrivals=round(surge.count),
            span=TimeSpan(surge.start, surge.end),
            ratio=Number(surge.rate, 2),
            when=Choice(when),
        ),
        context.points((column,)),
        effect=surge.rate,
        unit="ratio",
        span=surge_span(queue),
    )


def _rose_first(context: QueueContext) -> bool:
    """Return whether arrivals rose before the first trouble, which began while their backlog stood."""
    surge, span, trouble = context.queue.surge, surge_span(context.queue), context.queue.first_trouble()
    if surge is None or span is None or trouble is None:
        return False
    worst = context.queue.worst
    if worst is not None and worst.start >= surge.start:
        # A queue that was never empty since the surge began is its work, however late it peaked.
        trouble = min(trouble, worst.start)
    # Retries raise the invocations too, so where they stand in for arrivals they must rise clearly first.
    slack = 2 * context.step if context.has("sent") else -2 * context.step
    return surge.start <= trouble + slack and (span.until is None or trouble <= span.until)


DETECTORS = (arrivals,)
