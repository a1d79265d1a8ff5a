"""Signals of the messages themselves: which of them fail, and who sent them."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import bad_messages_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import LEAST_PILED, piled_on_one
from watchme_analysis.queues.retries import retries, well_after
from watchme_analysis.stats.intervals import within
from watchme_analysis.text.message import Message, Resource, Share, message

# From this share of successful attempts after the failures on, all is well again.
WELL_AGAIN = 0.9
MESSAGE_KINDS = ("message", "code_or_message")


@detects("messages_pass_later", group="same messages fail", needs=["metrics"])
def retried(look: Look) -> Iterator[QueueObservation]:
    """Return that many messages that failed once pass at a later try."""
    tried = retries(look.queue)
    if tried is None or tried.always_fail or not tried.pass_later:
        return
    yield look.found(
        "messages_pass_later",
        message(
            "backlog-messages-pass-later",
            dead=look.queue.dead_lettered,
            spent=round(tried.spent),
            failed=round(tried.failed),
        ),
        look.points(("failed", "dlq_visible")),
        effect=tried.spent / tried.failed,
        unit="share",
    )


@detects("only_these_messages_fail", group="same messages fail", needs=["metrics"])
def alone(look: Look) -> Iterator[QueueObservation]:
    """Return that the same messages fail at every try while others pass around them."""
    tried = retries(look.queue)
    if tried is not None and tried.lies_in_the_message:
        yield look.found(
            "only_these_messages_fail",
            message(
                "backlog-only-these-fail",
                dead=look.queue.dead_lettered,
                spent=round(tried.spent),
                failed=round(tried.failed),
                passed=round(tried.passed),
                function=look.function,
                attempts=look.attempts,
            ),
            look.points(("failed", "dlq_visible")),
            effect=tried.passed,
            unit="messages",
        )


@detects("only_added_messages_fail", group="same messages fail", needs=["metrics", "log_events"])
def added(look: Look) -> Iterator[QueueObservation]:
    """Return that the messages of a surge are unreadable, while those that come as ever pass after it."""
    queue = look.queue
    if queue.surge is None or queue.surge_daily or queue.failures is None:
        return
    if queue.errors.share(*MESSAGE_KINDS) < 0.5 or queue.failures.start < queue.surge.start - 2 * look.step:
        return
    after = well_after(queue, queue.failures.end)
    if after is not None and after >= WELL_AGAIN:
        yield look.found(
            "only_added_messages_fail",
            message(
                "backlog-only-added-fail",
                since=queue.failures.start,
                share=Share(after),
                function=look.function,
                attempts=look.attempts,
            ),
            look.points(("failed", "sent")),
            effect=after,
            unit="share",
        )


@detects("one_sender", "many_senders", group="items", needs=["queue_messages"])
def senders(look: Look) -> Iterator[QueueObservation]:
    """Return how far DLQ messages pile up on few items."""
    by_item = look.queue.by_item
    total = sum(by_item.values())
    if total < LEAST_PILED:
        return
    item, number = by_item.most_common(1)[0]
    share, piled = number / total, piled_on_one(by_item)
    yield look.found(
        "one_sender" if piled else "many_senders",
        message(
            "backlog-items",
            dead=number,
            total=total,
            queue=look.name,
            share=Share(share),
            unit=look.unit,
            item=Resource(str(item)),
            others=len(by_item) - 1,
        ),
        look.matching(
            "queue_messages",
            ("queue", "=", look.pipeline.dlq),
            ("source_queue", "null or", look.pipeline.queue),
            ("work_item", "known", None),
        ),
        strength=1.0 if piled else 1.0 - share,
        effect=share,
        unit="share",
        span=bad_messages_span(look.queue) if piled else None,
        detail=_item(look, str(item), number, total),
    )


@detects("group_held_up", group="order", needs=["metrics", "queues"])
def held_up(look: Look) -> Iterator[QueueObservation]:
    """Return that messages of a FIFO queue waited while one of their group was tried to its end.

    A FIFO queue gives out no other message of a group while one of it is in flight (Amazon SQS Developer
    Guide, "FIFO queue delivery logic").
    """
    queue, settings = look.queue, look.settings
    worst, tries = queue.worst, settings.max_receive_count
    if not settings.is_fifo or queue.failures is not None or worst is None or not tries:
        return
    frame = look.pipeline.frame
    inside = within(frame, worst.start, worst.end)
    failed = float(inside["failed"].fillna(0.0).sum())
    if not queue.dead_lettered or failed < tries:
        return
    yield look.found(
        "group_held_up",
        message(
            "backlog-group-held-up",
            failed=round(failed),
            queue=look.name,
            since=worst.start,
            receives=int(tries),
        ),
        look.points(("failed", "visible"), worst.start, worst.end),
        effect=failed,
        unit="tries",
    )


def _item(look: Look, item: str, number: int, total: int) -> Message:
    """Return how many DLQ messages belong to one item, and since when."""
    name = Resource(item)
    first = look.queue.main_item_first_sent
    if first is None:
        return message("backlog-item-dead", unit=look.unit, item=name, dead=number, total=total)
    return message(
        "backlog-item-dead-since", unit=look.unit, item=name, dead=number, total=total, since=first
    )


DETECTORS = (retried, alone, added, senders, held_up)
