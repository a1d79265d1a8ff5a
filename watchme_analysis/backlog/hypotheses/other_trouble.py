"""Trouble of other queues or other times than the incident's: said and not explained."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchme_analysis.backlog.hypotheses.picture import Picture
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.text.formats import counted

# What an incident brings about elsewhere, or is brought about by, lies no further from it.
APART = timedelta(hours=1)


def apart(view: Picture, start: datetime | None, end: datetime | None) -> tuple[QueueAnalysis, ...]:
    """Return the harmed flows whose trouble had ended well before the incident, or began well after it.

    Parameters
    ----------
    view
        The case's queues.
    start, end
        The incident of the worst-hit pipeline; no end while it is open.
    """
    return tuple(item for item in view.affected[1:] if _is_apart(item, start, end))


def other_trouble(signs: QueueAnalysis) -> str:
    """Return in a sentence when another queue had trouble, and how to ask for it alone."""
    span = trouble_span(signs)
    assert span is not None
    queue, what = signs.pipeline.queue, ", ".join(signs.harms).replace("_", " ")
    return (
        f"At another time, from {span[0]:%Y-%m-%d %H:%M} UTC to {span[1]:%Y-%m-%d %H:%M} UTC, {queue} had "
        f"trouble of its own ({what}), which this does not explain: ask again with --queue {queue}."
    )


def older_dead_letters(view: Picture) -> list[str]:
    """Return in a sentence each what dead-letter queues held when the window began."""
    held = {item.pipeline.dlq: item.balance.dead_letters.held for item in view.signs}
    return [
        f"{dlq} held {counted(number, 'dead letter')} when this window began, of which nothing here tells: "
        "their work is not counted as missing."
        for dlq, number in held.items()
        if number
    ]


def _is_apart(signs: QueueAnalysis, start: datetime | None, end: datetime | None) -> bool:
    span = trouble_span(signs)
    if span is None or start is None:
        return False
    return span[1] < start - APART or (end is not None and span[0] > end + APART)


def trouble_span(signs: QueueAnalysis) -> tuple[datetime, datetime] | None:
    """Return from the first to the last sign of a pipeline's trouble; None where none has a time."""
    first = signs.first_trouble()
    found = (
        signs.failures,
        signs.slow,
        signs.redelivery,
        signs.unpolled,
        signs.unmatched_receives,
        signs.throttles,
        signs.hidden,
    )
    ends = [item.end for item in (*found, signs.worst) if item is not None]
    return None if first is None or not ends else (first, max(ends))
