"""Checks before a migration to FIFO, and the account of every message after it.

Facts that the checks follow:

- FIFO queues take no delay per message, only one of the queue [1]_.
- Without high throughput, 300 calls a second of each action, so 3,000 messages in batches of 10 [2]_. At most
  120,000 messages are in flight [3]_.
- A message group id has up to 128 letters, digits and punctuation marks [2]_.
- A message whose deduplication id was sent within five minutes is accepted, but not delivered [4]_.
- S3 does not send event notifications to FIFO queues [5]_. A FIFO queue can't be subscribed to a standard SNS
  topic [6]_.
- A function that reports failed messages of a batch must stop at the first one, or the order is lost [7]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-moving.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
.. [3] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html
.. [4] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
.. [5] https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
.. [6] https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html
.. [7] https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from watchme_analysis.remedies.fifo_migration import MOST_IN_BATCH, MigrationOptions, Source
from watchme_analysis.text.message import Count, Duration, Message, Names, Number, Resource, message

Status = Literal["ok", "note", "problem", "unknown"]
# Calls per second of one action on a FIFO queue without high throughput.
CALLS_A_SECOND = 300.0
MOST_IN_FLIGHT = 120_000
DEDUPLICATED_S = 300.0
_GROUP_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


@dataclass(frozen=True)
class Traffic:
    """What CloudWatch recorded of a queue over some days; None where it has no point.

    Attributes
    ----------
    days
        Length of the record in days.
    sent
        Messages sent.
    peak_per_minute
        Most messages sent in a minute.
    longest_gap_s
        Longest time between two minutes with messages, in seconds.
    most_in_flight, most_delayed
        Most messages in flight, and delayed.
    """

    days: float
    sent: float | None = None
    peak_per_minute: float | None = None
    longest_gap_s: float | None = None
    most_in_flight: float | None = None
    most_delayed: float | None = None


@dataclass(frozen=True)
class Messages:
    """What messages of the queue show about groups and deduplication.

    Attributes
    ----------
    groups
        Number of messages of each group.
    without_group
        Messages whose body does not name a group.
    swallowed
        Messages that SQS would not deliver, because another with the same deduplication id was sent within
        five minutes before.
    with_group_id
        Messages that already have a message group id.
    joined
        Messages with the deduplication id of another one whose body differs, whenever they were sent.
    """

    groups: Mapping[str, int]
    without_group: int = 0
    swallowed: int = 0
    with_group_id: int = 0
    joined: int = 0

    @property
    def count(self) -> int:
        """Number of messages."""
        return sum(self.groups.values()) + self.without_group


@dataclass(frozen=True)
class Check:
    """A rule with its result.

    Attributes
    ----------
    rule
        Name of the rule.
    status
        ``problem`` refuses the plan; a ``note`` does not.
    sentence
        The result, with numbers.
    """

    rule: str
    status: Status
    sentence: Message


def messages_of(rows: Sequence[Mapping[str, Any]], *, is_content_based: bool) -> Messages:
    """Return what messages show about groups and deduplication.

    Parameters
    ----------
    rows
        Each with ``group``, ``key`` (its work beside the group), ``body``, ``sent_s`` and ``group_id``; None
        for what is not known.
    is_content_based
        Whether the body is the deduplication id.
    """
    groups = Counter(str(row["group"]) for row in rows if row["group"] is not None)
    last: dict[Any, float] = {}
    bodies: dict[Any, set[Any]] = {}
    swallowed = 0
    for row in sorted(rows, key=lambda row: row["sent_s"] or 0.0):
        identity = row["body"] if is_content_based else (row["group"], row["key"])
        if row["sent_s"] is None or identity is None or (not is_content_based and row["key"] is None):
            continue
        if row["body"] is not None:
            bodies.setdefault(identity, set()).add(row["body"])
        if identity in last and row["sent_s"] - last[identity] < DEDUPLICATED_S:
            swallowed += 1
        else:
            last[identity] = row["sent_s"]
    return Messages(
        dict(groups),
        sum(row["group"] is None for row in rows),
        swallowed,
        sum(row["group_id"] is not None for row in rows),
        sum(len(different) - 1 for different in bodies.values()),
    )


def checks_before(
    source: Source, options: MigrationOptions, traffic: Traffic, messages: Messages | None
) -> tuple[Check, ...]:
    """Return the checks of a queue before its migration.

    Parameters
    ----------
    source, options
        What is migrated, and how.
    traffic
        Record of the queue.
    messages
        Messages of a case; None without a case.
    """
    return (
        *_senders(source),
        *_limits(options, traffic),
        *_delays(source, traffic),
        *_mapping(source),
        *(_of_messages(source, options, messages)),
        *_dlq(source),
    )


def _senders(source: Source) -> Iterator[Check]:
    """Check the services that the queue's policy allows to send."""
    found: dict[str, list[str]] = {"s3": [], "sns": [], "events": []}
    for statement in _statements(source):
        for kind in found:
            arns = [
                text for text in _texts(statement.get("Condition")) if re.match(rf"arn:[\w*-]+:{kind}:", text)
            ]
            if arns or f"{kind}.amazonaws.com" in _texts(statement.get("Principal")):
                found[kind] += arns or [kind]
    if found["s3"]:
        yield Check("s3", "problem", message("fifo-check-s3", names=Names(tuple(found["s3"]))))
    topics = [name for name in found["sns"] if not name.endswith(".fifo")]
    if topics:
        yield Check("sns", "problem", message("fifo-check-sns", names=Names(tuple(topics))))
    if found["events"]:
        yield Check("events", "note", message("fifo-check-events", names=Names(tuple(found["events"]))))
    if not any(found.values()):
        yield Check("senders", "ok", message("fifo-check-senders"))


def _statements(source: Source) -> list[Mapping[str, Any]]:
    found = source.queue.policy_of("Policy").get("Statement") or []
    return [each for each in ([found] if isinstance(found, Mapping) else found) if isinstance(each, Mapping)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [str(value)]


def _limits(options: MigrationOptions, traffic: Traffic) -> Iterator[Check]:
    if traffic.peak_per_minute is None:
        yield Check("throughput", "unknown", message("fifo-check-no-metrics"))
        return
    rate = traffic.peak_per_minute / 60.0
    values = {"rate": Number(rate), "limit": Number(CALLS_A_SECOND), "days": Number(traffic.days)}
    is_over = rate > CALLS_A_SECOND
    if not is_over:
        yield Check("throughput", "ok", message("fifo-check-throughput", **values))
    elif options.is_high_throughput:
        yield Check("throughput", "note", message("fifo-check-throughput-high", **values))
    else:
        yield Check("throughput", "problem", message("fifo-check-throughput-over", **values))
    if traffic.most_in_flight is not None:
        status: Status = "problem" if traffic.most_in_flight > MOST_IN_FLIGHT else "ok"
        sentence = message(
            "fifo-check-in-flight", count=Count(int(traffic.most_in_flight)), limit=Count(MOST_IN_FLIGHT)
        )
        yield Check("in_flight", status, sentence)


def _delays(source: Source, traffic: Traffic) -> Iterator[Check]:
    delay_s = float(source.queue.attributes.get("DelaySeconds", "0"))
    if delay_s:
        yield Check("delays", "note", message("fifo-check-delay-of-queue", delay=Duration(delay_s)))
    elif traffic.most_delayed:
        count = Count(int(traffic.most_delayed))
        yield Check("delays", "problem", message("fifo-check-delays", count=count))
    else:
        yield Check("delays", "ok", message("fifo-check-no-delays", days=Number(traffic.days)))


def _mapping(source: Source) -> Iterator[Check]:
    size = int(source.mapping.get("BatchSize") or MOST_IN_BATCH)
    if size > MOST_IN_BATCH:
        yield Check("batch", "note", message("fifo-check-batch", size=Count(size), most=Count(MOST_IN_BATCH)))
    if source.mapping.get("FunctionResponseTypes"):
        yield Check("partial_batch", "note", message("fifo-risk-partial", function=Resource(source.function)))
    if source.reserved is not None and source.most is not None and source.reserved < 2 * source.most:
        yield Check(
            "concurrency",
            "note",
            message(
                "fifo-check-reserved",
                function=Resource(source.function),
                reserved=Count(source.reserved),
                both=Count(2 * source.most),
            ),
        )


def _of_messages(source: Source, options: MigrationOptions, messages: Messages | None) -> Iterator[Check]:
    if messages is None or not messages.count:
        yield Check("groups", "unknown", message("fifo-check-no-messages"))
        return
    invalid = [name for name in messages.groups if not _GROUP_ID.fullmatch(name)]
    if invalid:
        names = Names(tuple(name[:60] for name in invalid))
        yield Check("group_ids", "problem", message("fifo-check-group-ids", names=names))
    if messages.without_group:
        sentence = message(
            "fifo-check-no-group", count=Count(messages.without_group), total=Count(messages.count)
        )
        yield Check("group_ids", "problem", sentence)
    groups = len(messages.groups)
    if source.most is not None and groups >= source.most:
        sentence = message("fifo-check-groups", groups=Count(groups), most=Count(source.most))
        yield Check("groups", "ok", sentence)
    elif groups:
        yield Check("groups", "note", message("fifo-check-few-groups", groups=Count(groups)))
    status: Status = "problem" if messages.swallowed else "ok"
    sentence = message("fifo-check-swallowed", count=Count(messages.swallowed), total=Count(messages.count))
    yield Check("deduplication", status, sentence)
    if messages.joined:
        yield Check("deduplication", "problem", message("fifo-check-joined", count=Count(messages.joined)))
    if options.switches:
        is_ready = messages.with_group_id == messages.count
        sentence = message(
            "fifo-check-group-id-sent", count=Count(messages.with_group_id), total=Count(messages.count)
        )
        yield Check("producers", "ok" if is_ready else "note", sentence)


def _dlq(source: Source) -> Iterator[Check]:
    if source.dlq is None:
        yield Check("dlq", "note", message("fifo-check-no-dlq", queue=Resource(source.queue.name)))
        return
    count = int(source.dlq.attributes.get("ApproximateNumberOfMessages", "0"))
    sentence = message("fifo-check-dlq", dlq=Resource(source.dlq.name), count=Count(count))
    yield Check("dlq", "note" if count else "ok", sentence)


@dataclass(frozen=True)
class QueueCount:
    """The account of a queue since the migration began, in messages.

    ``before + sent + moved_in = deleted + now + moved_out + unexplained``; a DLQ has only ``before``, ``now``
    and what it received from its queue.

    Attributes
    ----------
    queue
        Name of the queue.
    before, now
        Messages that it held, visible, in flight or delayed, at the beginning and now.
    sent, deleted
        Messages sent and deleted since.
    dead_lettered
        Messages that its DLQ has received since.
    uncertain
        Messages sent or deleted in the minute in which the count began: CloudWatch counts whole minutes.
    """

    queue: str
    before: int
    now: int
    sent: int
    deleted: int
    dead_lettered: int
    uncertain: int = 0

    @property
    def unexplained(self) -> int:
        """Messages that are nowhere; below zero when more were deleted than sent."""
        return self.before + self.sent - self.deleted - self.now - self.dead_lettered

    @property
    def is_accounted(self) -> bool:
        """Whether every message is accounted for, within what CloudWatch can tell."""
        return abs(self.unexplained) <= self.uncertain


def checks_after(counts: Sequence[QueueCount], states: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks of a migration that was applied.

    Parameters
    ----------
    counts
        Account of the old queue and of the new one.
    states
        Checks of mappings and alarms.
    """
    return (*(_accounted(each) for each in counts), *states)


def _accounted(each: QueueCount) -> Check:
    sentence = message(
        "fifo-account",
        queue=Resource(each.queue),
        before=Count(each.before),
        sent=Count(each.sent),
        deleted=Count(each.deleted),
        now=Count(each.now),
        dead=Count(each.dead_lettered),
        unexplained=Count(each.unexplained),
        uncertain=Count(each.uncertain),
    )
    return Check("account", "ok" if each.is_accounted else "problem", sentence)
