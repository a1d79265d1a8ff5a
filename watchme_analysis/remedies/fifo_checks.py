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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.fifo_migration import (
    COUNT_STEPS,
    KEPT_COUNTS,
    MOST_IN_BATCH,
    MigrationOptions,
    Source,
)
from watchme_analysis.remedies.fifo_source import Messages, Traffic, alarms_on, queue_points
from watchme_analysis.remedies.plan import Plan, Step
from watchme_analysis.remedies.queue_reader import counts_of, queue_attributes
from watchme_analysis.storage.journal import DONE, Journal
from watchme_analysis.text.message import Count, Duration, Message, Names, Number, Resource, message
from watchme_analysis.text.render import error_message
from watchme_analysis.window import Window

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

Status = Literal["ok", "note", "problem", "unknown"]
# Calls per second of one action on a FIFO queue without high throughput.
CALLS_A_SECOND = 300.0
MOST_IN_FLIGHT = 120_000
_GROUP_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_SHOWN_GROUP_CHARACTERS = 60


@dataclass(frozen=True)
class Check:
    """A rule with its result; a ``problem`` refuses the plan, a ``note`` does not."""

    rule: str
    status: Status
    sentence: Message


def checks_before(
    source: Source, options: MigrationOptions, traffic: Traffic, messages: Messages | None
) -> tuple[Check, ...]:
    """Return the checks of a queue before its migration; ``messages`` is None without a case."""
    return (
        *_senders(source),
        *_limits(options, traffic),
        _delays(source, traffic),
        *_mapping(source),
        *_of_messages(source, options, messages),
        _dlq(source),
    )


def _senders(source: Source) -> Iterator[Check]:
    """Check the services that the queue's policy allows to send."""
    stated = source.queue.policy_of("Policy").get("Statement") or []
    found: dict[str, list[str]] = {"s3": [], "sns": [], "events": []}
    for statement in [stated] if isinstance(stated, Mapping) else stated:
        if not isinstance(statement, Mapping):
            continue
        for kind in found:
            texts = _texts(statement.get("Condition"))
            arns = [text for text in texts if re.match(rf"arn:[\w*-]+:{kind}:", text)]
            if arns or f"{kind}.amazonaws.com" in _texts(statement.get("Principal")):
                found[kind] += arns or [kind]
    if not any(found.values()):
        yield Check("senders", "ok", message("fifo-check-senders"))
    found["sns"] = [name for name in found["sns"] if not name.endswith(".fifo")]
    for kind, names in found.items():
        if names:
            sentence = message(f"fifo-check-{kind}", names=Names(tuple(names)))
            yield Check(kind, "note" if kind == "events" else "problem", sentence)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [str(value)]


def _limits(options: MigrationOptions, traffic: Traffic) -> Iterator[Check]:
    if traffic.peak_per_minute is None:
        yield Check("throughput", "unknown", message("fifo-check-no-metrics"))
        return
    rate = traffic.peak_per_minute / 60.0
    status: Status = "ok"
    name = "fifo-check-throughput"
    if rate > CALLS_A_SECOND:
        status = "note" if options.is_high_throughput else "problem"
        name += "-high" if options.is_high_throughput else "-over"
    values = {"rate": Number(rate), "limit": Number(CALLS_A_SECOND), "days": Number(traffic.days)}
    yield Check("throughput", status, message(name, **values))
    if traffic.most_in_flight is not None:
        count = Count(int(traffic.most_in_flight))
        sentence = message("fifo-check-in-flight", count=count, limit=Count(MOST_IN_FLIGHT))
        yield Check("in_flight", "problem" if traffic.most_in_flight > MOST_IN_FLIGHT else "ok", sentence)


def _delays(source: Source, traffic: Traffic) -> Check:
    delay_s = float(source.queue.attributes.get("DelaySeconds", "0"))
    if delay_s:
        return Check("delays", "note", message("fifo-check-delay-of-queue", delay=Duration(delay_s)))
    if traffic.most_delayed:
        count = Count(int(traffic.most_delayed))
        return Check("delays", "problem", message("fifo-check-delays", count=count))
    return Check("delays", "ok", message("fifo-check-no-delays", days=Number(traffic.days)))


def _mapping(source: Source) -> Iterator[Check]:
    size = int(source.mapping.get("BatchSize") or MOST_IN_BATCH)
    if size > MOST_IN_BATCH:
        yield Check("batch", "note", message("fifo-check-batch", size=Count(size), most=Count(MOST_IN_BATCH)))
    function = Resource(source.function)
    if source.mapping.get("FunctionResponseTypes"):
        yield Check("partial_batch", "note", message("fifo-risk-partial", function=function))
    if source.reserved is not None and source.most is not None and source.reserved < 2 * source.most:
        counts = {"reserved": Count(source.reserved), "both": Count(2 * source.most)}
        yield Check("concurrency", "note", message("fifo-check-reserved", function=function, **counts))


def _of_messages(source: Source, options: MigrationOptions, messages: Messages | None) -> Iterator[Check]:
    if messages is None or not messages.count:
        yield Check("groups", "unknown", message("fifo-check-no-messages"))
        return
    total, groups = Count(messages.count), len(messages.groups)
    invalid = [name[:_SHOWN_GROUP_CHARACTERS] for name in messages.groups if not _GROUP_ID.fullmatch(name)]
    if invalid:
        yield Check("group_ids", "problem", message("fifo-check-group-ids", names=Names(tuple(invalid))))
    if messages.without_group:
        sentence = message("fifo-check-no-group", count=Count(messages.without_group), total=total)
        yield Check("group_ids", "problem", sentence)
    if source.most is not None and groups >= source.most:
        sentence = message("fifo-check-groups", groups=Count(groups), most=Count(source.most))
        yield Check("groups", "ok", sentence)
    elif groups:
        yield Check("groups", "note", message("fifo-check-few-groups", groups=Count(groups)))
    sentence = message("fifo-check-swallowed", count=Count(messages.swallowed), total=total)
    yield Check("deduplication", "problem" if messages.swallowed else "ok", sentence)
    if messages.joined:
        yield Check("deduplication", "problem", message("fifo-check-joined", count=Count(messages.joined)))
    if options.switches:
        sentence = message("fifo-check-group-id-sent", count=Count(messages.with_group_id), total=total)
        is_ready = messages.with_group_id == messages.count
        yield Check("producers", "ok" if is_ready else "note", sentence)


def _dlq(source: Source) -> Check:
    if source.dlq is None:
        return Check("dlq", "note", message("fifo-check-no-dlq", queue=Resource(source.queue.name)))
    count = int(source.dlq.attributes.get("ApproximateNumberOfMessages", "0"))
    sentence = message("fifo-check-dlq", dlq=Resource(source.dlq.name), count=Count(count))
    return Check("dlq", "note" if count else "ok", sentence)


def checks_after(aws: Aws, plan: Plan, journal: Journal) -> tuple[Check, ...]:
    """Return the checks of a migration that was applied: every message of both queues, mappings and alarms.

    ``aws`` only reads. A journal that does not show that the count has begun is an InputError.
    """
    steps = {step.name: step for step in plan.steps}
    began = journal.last.get(COUNT_STEPS["queue"])
    if began is None or began["event"] != DONE:
        raise InputError(error_message("error-fifo-not-applied"))
    start = datetime.fromisoformat(began["at"])
    disabling = steps["disable old mapping"]
    old, new = disabling.resource, steps["producers"].resource
    old_url = _url(steps[COUNT_STEPS["queue"]])
    place, _, _ = old_url.rpartition("/")
    new_url = f"{place}/{new}"
    attributes = queue_attributes(aws, new_url)
    dead, new_dead = 0, 0
    counted_dlq = steps.get(COUNT_STEPS["dlq"])
    if counted_dlq is not None:
        dead = _held(aws, _url(counted_dlq)) - _noted(journal, counted_dlq.name)
        if policy := json_object(attributes.get("RedrivePolicy")):
            new_dead = _held(aws, f"{place}/{resource_name(str(policy['deadLetterTargetArn']))}")
    before = _noted(journal, COUNT_STEPS["queue"])
    return (
        _account(aws, old, old_url, start, before, dead),
        _account(aws, new, new_url, start, 0, new_dead),
        *_states(aws, disabling, old, new, attributes["QueueArn"]),
    )


def _url(step: Step) -> str:
    assert step.call is not None
    return str(step.call.parameters["QueueUrl"])


def _noted(journal: Journal, step: str) -> int:
    """Return the number of messages that a step has counted; 0 when it has not."""
    made = journal.last.get(step, {}).get("made", {})
    return sum(int(made.get(key, 0)) for key in KEPT_COUNTS)


def _held(aws: Aws, url: str) -> int:
    return counts_of(queue_attributes(aws, url)).total


def _account(aws: Aws, queue: str, url: str, start: datetime, before: int, dead: int) -> Check:
    """Return whether every message of a queue since the start is accounted for.

    ``before + sent = deleted + now + dead + unexplained``. CloudWatch counts by the minute, so it can't tell
    on which side of the start the messages of its minute are.
    """
    minute = start.replace(second=0, microsecond=0)
    end = datetime.now(UTC) + timedelta(minutes=1)
    metrics = (("NumberOfMessagesSent", "Sum"), ("NumberOfMessagesDeleted", "Sum"))
    points = queue_points(aws, queue, metrics, Window(minute, end))
    sent, deleted = (round(sum(each.values())) for each in points)
    uncertain = round(sum(value for each in points for time, value in each.items() if time <= minute))
    now = _held(aws, url)
    unexplained = before + sent - deleted - now - dead
    counts = {
        "before": before, "sent": sent, "deleted": deleted, "now": now, "dead": dead,
        "unexplained": unexplained, "uncertain": uncertain,
    }  # fmt: skip
    values = {name: Count(count) for name, count in counts.items()}
    sentence = message("fifo-account", queue=Resource(queue), **values)
    return Check("account", "ok" if abs(unexplained) <= uncertain else "problem", sentence)


def _states(aws: Aws, disabling: Step, old: str, new: str, new_arn: str) -> Iterator[Check]:
    """Check the states of both mappings, and whether alarms watch the new queue."""
    assert disabling.call is not None
    mapping = aws.call("lambda", "get_event_source_mapping", UUID=disabling.call.parameters["UUID"])
    listed = aws.items("lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=new_arn)
    old_state, new_states = mapping.get("State"), [str(each.get("State")) for each in listed]
    sentence = message(
        "fifo-check-mappings",
        old=Resource(old),
        old_state=Resource(str(old_state)),
        new=Resource(new),
        new_state=Names(tuple(new_states) or ("-",)),
    )
    is_done = old_state == "Disabled" and new_states == ["Enabled"]
    yield Check("mappings", "ok" if is_done else "problem", sentence)
    watched = alarms_on(aws, {old, new})
    old_alarms = tuple(alarm for alarm, queue in watched if queue == old)
    if old_alarms and not [alarm for alarm, queue in watched if queue == new]:
        said = message("fifo-check-alarms", names=Names(old_alarms), new=Resource(new))
        yield Check("alarms", "note", said)
