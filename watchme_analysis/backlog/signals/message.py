"""Signals of the messages themselves: which of them fail, and who sent them."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import bad_messages_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import LEAST_PILED, piled_on_one
from watchme_analysis.queues.retries import retries, well_after

# DLQ messages of fewer senders than this don't say that all are hit alike.
SEVERAL_SENDERS = 4
# From this share of successful attempts on, other messages pass while some fail.
OTHERS_PASS = 0.3
# From this share of successful attempts after the failures on, all is well again.
WELL_AGAIN = 0.9
MESSAGE_KINDS = ("message", "code_or_message")


@detects("same_messages_fail", "messages_pass_later", group="same messages fail", needs=["metrics"])
def retried(look: Look) -> Iterator[QueueObservation]:
    """Return whether the messages that fail once fail at every try."""
    tried, passed = retries(look.queue), look.queue.passed_share
    if tried is None or passed is None or passed < OTHERS_PASS:
        return
    if not tried.always_fail and not tried.pass_later:
        return
    yield look.found(
        "same_messages_fail" if tried.always_fail else "messages_pass_later",
        f"{look.queue.dead_lettered:,d} dead letters used up {tried.spent:,.0f} of {tried.failed:,.0f} "
        f"failed tries: what fails once fails {'always' if tried.always_fail else 'not always'}.",
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
            f"{look.queue.dead_lettered:,d} dead letters used up {tried.spent:,.0f} of {tried.failed:,.0f} "
            f"failed tries, while {tried.passed:,.0f} {look.pipeline.tries} of others went well.",
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
            f"Messages failed from {queue.failures.start:%Y-%m-%d %H:%M} UTC on, when more came than usual; "
            f"{after:.0%} of {look.pipeline.tries} after that went well.",
            look.points(("failed", "sent")),
            effect=after,
            unit="share",
        )


@detects("one_sender", "many_senders", group="devices", needs=["queue_messages"])
def senders(look: Look) -> Iterator[QueueObservation]:
    """Return how far DLQ messages pile up on few senders."""
    devices = look.queue.devices
    total = sum(devices.values())
    if total < LEAST_PILED:
        return
    device, number = devices.most_common(1)[0]
    share, piled = number / total, piled_on_one(devices)
    if not piled and len(devices) < SEVERAL_SENDERS:
        return
    first = look.queue.first_sent_by_main_device
    since = f", the first at {first:%Y-%m-%d %H:%M} UTC" if first is not None else ""
    yield look.found(
        "one_sender" if piled else "many_senders",
        f"{number:,d} of {total:,d} dead letters of {look.pipeline.queue} ({share:.0%}) come from device "
        f"{device}, the rest from {len(devices) - 1} others.",
        look.matching(
            "queue_messages",
            ("queue", "=", look.pipeline.dlq),
            ("source_queue", "null or", look.pipeline.queue),
            ("device_id", "known", None),
        ),
        strength=1.0 if piled else 1.0 - share,
        effect=share,
        unit="share",
        span=bad_messages_span(look.queue) if piled else None,
        detail=f"Device {device} sent {number:,d} of {total:,d} dead letters{since}.",
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
    inside = frame[(frame.index >= worst.start) & (frame.index < worst.end)]
    failed = float(inside["failed"].fillna(0.0).sum())
    if not queue.dead_lettered or failed < tries:
        return
    yield look.found(
        "group_held_up",
        f"{failed:,.0f} tries failed in {look.pipeline.queue} while messages waited there from "
        f"{worst.start:%Y-%m-%d %H:%M} UTC on, {tries} before one dies: a FIFO queue gives out no other "
        "message of the group meanwhile.",
        look.points(("failed", "visible"), worst.start, worst.end),
        effect=failed,
        unit="tries",
    )


DETECTORS = (retried, alone, added, senders, held_up)
