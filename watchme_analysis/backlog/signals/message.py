"""Signals of the messages themselves: which of them fail, and who sent them."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import bad_messages_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import LEAST_PILED, piled_on_one
from watchme_analysis.queues.retries import retries, well_after
from watchme_analysis.stats.intervals import within
from watchme_analysis.text.message import Message, Resource, Share, message

# From this share of successful attempts after the failures on, all is well again.
WELL_AGAIN = 0.9
MESSAGE_KINDS = ("message", "code_or_message")


@detects("messages_pass_later", group="same messages fail", needs=["metrics"])
def retried(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that many messages that failed once pass at a later try."""
    tried = retries(context.queue)
    if tried is None or tried.always_fail or not tried.pass_later:
        return
    yield context.observation(
        "messages_pass_later",
        context.points(("failed", "dlq_visible")),
        effect=(tried.spent / tried.failed, "share"),
        dead=context.queue.dead_lettered,
        spent=round(tried.spent),
        failed=round(tried.failed),
    )


@detects("only_these_messages_fail", group="same messages fail", needs=["metrics"])
def alone(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that the same messages fail at every try while others pass around them."""
    tried = retries(context.queue)
    if tried is not None and tried.lies_in_the_message:
        yield context.observation(
            "only_these_messages_fail",
            context.points(("failed", "dlq_visible")),
            effect=(tried.passed, "messages"),
            dead=context.queue.dead_lettered,
            spent=round(tried.spent),
            failed=round(tried.failed),
            passed=round(tried.passed),
        )


@detects("only_added_messages_fail", group="same messages fail", needs=["metrics", "log_events"])
def added(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that the messages of a surge are unreadable, while those that come as ever pass after it."""
    queue = context.queue
    if queue.surge is None or queue.surge_daily or queue.failures is None:
        return
    if (
        queue.errors.share(*MESSAGE_KINDS) < 0.5
        or queue.failures.start < queue.surge.start - 2 * context.step
    ):
        return
    after = well_after(queue, queue.failures.end)
    if after is not None and after >= WELL_AGAIN:
        yield context.observation(
            "only_added_messages_fail",
            context.points(("failed", "sent")),
            effect=(after, "share"),
            since=queue.failures.start,
            share=Share(after),
        )


@detects("one_sender", "many_senders", group="items", needs=["queue_messages"])
def senders(context: QueueContext) -> Iterator[QueueObservation]:
    """Return how far DLQ messages pile up on few items."""
    by_item = context.queue.by_item
    total = sum(by_item.values())
    if total < LEAST_PILED:
        return
    item, number = by_item.most_common(1)[0]
    share, piled = number / total, piled_on_one(by_item)
    yield context.observation(
        "one_sender" if piled else "many_senders",
        context.matching(
            "queue_messages",
            ("queue", "=", context.pipeline.dlq),
            ("source_queue", "null or", context.pipeline.queue),
            ("work_item", "known", None),
        ),
        said="items",
        effect=(share, "share"),
        strength=1.0 if piled else 1.0 - share,
        detail=_item(context, str(item), number, total),
        lasting=bad_messages_span(context.queue) if piled else None,
        dead=number,
        total=total,
        share=Share(share),
        unit=context.unit,
        item=Resource(str(item)),
        others=len(by_item) - 1,
    )


@detects("group_held_up", group="order", needs=["metrics", "queues"])
def held_up(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that messages of a FIFO queue waited while one of their group was tried to its end.

    A FIFO queue gives out no other message of a group while one of it is in flight (Amazon SQS Developer
    Guide, "FIFO queue delivery logic").
    """
    queue, settings = context.queue, context.settings
    worst, tries = queue.worst, settings.max_receive_count
    if not settings.is_fifo or queue.failures is not None or worst is None or not tries:
        return
    frame = context.pipeline.frame
    inside = within(frame, worst.start, worst.end)
    failed = float(inside["failed"].fillna(0.0).sum())
    if not queue.dead_lettered or failed < tries:
        return
    yield context.observation(
        "group_held_up",
        context.points(("failed", "visible"), worst.start, worst.end),
        effect=(failed, "tries"),
        failed=round(failed),
        since=worst.start,
        receives=int(tries),
    )


def _item(context: QueueContext, item: str, number: int, total: int) -> Message:
    """Return how many DLQ messages belong to one item, and since when."""
    name = Resource(item)
    first = context.queue.main_item_first_sent
    if first is None:
        return message("backlog-item-dead", unit=context.unit, item=name, dead=number, total=total)
    return message(
        "backlog-item-dead-since", unit=context.unit, item=name, dead=number, total=total, since=first
    )


DETECTORS = (retried, alone, added, senders, held_up)
