"""Signals of the senders: how much arrives."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import surge_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.text.message import Choice, Number, Share, TimeSpan, message

# How far invocations that kept to their rhythm stand in for arrivals, which nobody counted.
STANDS_IN = 0.4


@detects("arrivals_rose", "arrivals_rose_apart", "arrivals_usual", group="arrivals", needs=["metrics"])
def arrivals(look: Look) -> Iterator[QueueObservation]:
    """Return a surge of arrivals, or that they kept their rhythm; invocations stand in for them."""
    queue, surge = look.queue, look.queue.surge
    if not (look.has("sent") or look.has("invocations")):
        return
    counted = look.has("sent")
    column = "sent" if counted else "invocations"
    if surge is None or queue.surge_daily:
        yield look.found(
            "arrivals_usual",
            message("backlog-arrivals-usual", queue=look.name, by=Choice(column)),
            look.points((column,)),
            strength=1.0 if counted else STANDS_IN,
        )
        return
    first, trouble = _rose_first(look), queue.first_trouble()
    when = "no-trouble" if trouble is None else "before" if first else "after"
    yield look.found(
        "arrivals_rose" if first else "arrivals_rose_apart",
        message(
            "backlog-arrivals-rose",
            queue=look.name,
            arrivals=round(surge.count),
            span=TimeSpan(surge.start, surge.end),
            ratio=Number(surge.rate, 2),
            when=Choice(when),
        ),
        look.points((column,)),
        effect=surge.rate,
        unit="ratio",
        span=surge_span(queue),
    )


@detects("at_capacity", group="capacity", needs=["metrics", "event_source_mappings"])
def capacity(look: Look) -> Iterator[QueueObservation]:
    """Return how often the function ran at its maximum while messages waited."""
    settings, frame = look.settings, look.pipeline.frame
    limits = [limit for limit in (settings.max_concurrency, settings.reserved_concurrency) if limit]
    waiting = frame[frame["visible"].fillna(0.0) > 0]["concurrency"].dropna()
    if not limits or waiting.empty or look.queue.surge is None:
        return
    share = float((waiting >= min(limits)).mean())
    if share:
        yield look.found(
            "at_capacity",
            message(
                "backlog-at-capacity", function=look.function, limit=int(min(limits)), share=Share(share)
            ),
            look.points(("concurrency", "visible")),
            strength=share,
            effect=share,
            unit="share",
        )


def _rose_first(look: Look) -> bool:
    """Return whether arrivals rose before the first trouble, which began while their backlog stood."""
    surge, span, trouble = look.queue.surge, surge_span(look.queue), look.queue.first_trouble()
    if surge is None or span is None or trouble is None:
        return False
    worst = look.queue.worst
    if worst is not None and worst.start >= surge.start:
        # A queue that was never empty since the surge began is its work, however late it peaked.
        trouble = min(trouble, worst.start)
    # Retries raise the invocations too, so where they stand in for arrivals they must rise clearly first.
    slack = 2 * look.step if look.has("sent") else -2 * look.step
    return surge.start <= trouble + slack and (span.until is None or trouble <= span.until)


DETECTORS = (arrivals, capacity)
