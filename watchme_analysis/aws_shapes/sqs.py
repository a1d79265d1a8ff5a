"""SQS queues and messages: what the AWS CLI printed.

``queues/NAME.json`` is ``aws sqs get-queue-attributes``, ``queues/NAME-messages.json`` is
``aws sqs receive-message``, its batches merged in one document, listed, or one after the other. Attribute
names and units follow the SQS API reference (GetQueueAttributes, ReceiveMessage); times are epochs in
seconds for queues and milliseconds for messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import arn_part, resource_name
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    as_json,
    documents,
    has_key,
    is_blank,
    listed,
    moment,
    number,
    parsed,
    rows_of,
    stem,
    table_part,
    whole,
)
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart

if TYPE_CHECKING:
    import pandas as pd

_MESSAGES = re.compile(r"(?P<queue>.+?)-messages(?:[-_.]?[^-_.]*)?$")
_DEVICE = ("device_id", "deviceId")
_WORK = (("recorded_at", "recordedAt"), ("local_date", "localDate"))
_DEPTH = 8


def read_queue(raw: RawFile) -> Iterator[TablePart]:
    """Read queue attributes into ``queues``."""
    values, problems = documents(raw)
    rows: list[dict[str, Any]] = []
    odd: list[Any] = []
    for value in values:
        attributes = value.get("Attributes", value) if isinstance(value, dict) else None
        if isinstance(attributes, dict) and "QueueArn" in attributes:
            rows += rows_of([attributes], lambda found: queue_row(raw.relative, found), odd)
        elif isinstance(attributes, dict) and attributes:
            # Without QueueArn among the attributes asked for, the file's name is the queue's.
            rows += rows_of([attributes], lambda found: queue_row(raw.relative, found, stem(raw)), odd)
        else:
            odd.append(value)
    notes = [
        f"{raw.relative}: the RedrivePolicy of {row['queue']} can't be read; its dead-letter queue and how "
        "often a message may be received are unknown."
        for row in rows
        if _has_torn_policy(parsed(row["attributes"]))
    ]
    yield table_part(raw, "sqs_queue", "queues", rows, ResponseProblems(problems, odd), notes=notes)


def _has_torn_policy(attributes: dict[str, Any]) -> bool:
    policy = attributes.get("RedrivePolicy")
    return bool(policy) and not isinstance(parsed(policy), dict)


def queue_row(file: str, attributes: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return a row of ``queues`` for the attributes of a queue."""
    arn = attributes.get("QueueArn")
    arn = str(arn) if arn else None
    redrive = parsed(attributes.get("RedrivePolicy")) or {}
    target = redrive.get("deadLetterTargetArn") if isinstance(redrive, dict) else None
    queue = resource_name(arn) if arn else name
    return {
        "file": file,
        "queue": queue,
        "arn": arn,
        "region": arn_part(arn, 3),
        "account_id": arn_part(arn, 4),
        "visible": whole(attributes.get("ApproximateNumberOfMessages")),
        "in_flight": whole(attributes.get("ApproximateNumberOfMessagesNotVisible")),
        "delayed": whole(attributes.get("ApproximateNumberOfMessagesDelayed")),
        "visibility_timeout_s": number(attributes.get("VisibilityTimeout")),
        "retention_s": number(attributes.get("MessageRetentionPeriod")),
        "delay_s": number(attributes.get("DelaySeconds")),
        "receive_wait_s": number(attributes.get("ReceiveMessageWaitTimeSeconds")),
        "max_receive_count": whole(redrive.get("maxReceiveCount")) if isinstance(redrive, dict) else None,
        "dlq": resource_name(str(target)) if target else None,
        "is_fifo": (queue or "").endswith(".fifo") or attributes.get("FifoQueue") in {"true", True},
        "created_at": moment(attributes.get("CreatedTimestamp")),
        "modified_at": moment(attributes.get("LastModifiedTimestamp")),
        "attributes": as_json(attributes),
    }


def read_messages(raw: RawFile) -> Iterator[TablePart]:
    """Read received messages into ``queue_messages``."""
    values, problems = documents(raw)
    messages, odd = listed(values, "Messages", "MessageId")
    queue = _queue_of_messages(raw)
    rows = rows_of(messages, lambda message: message_row(raw.relative, queue, message), odd)
    yield table_part(raw, "sqs_messages", "queue_messages", rows, ResponseProblems(problems, odd))


def message_row(file: str, queue: str | None, message: dict[str, Any]) -> dict[str, Any]:
    """Return a row of ``queue_messages`` for a message as received."""
    attributes = message.get("Attributes")
    known = attributes if isinstance(attributes, dict) else {}
    source = known.get("DeadLetterQueueSourceArn")
    body = message.get("Body")
    device, work = work_item(body)
    return {
        "file": file,
        "queue": queue,
        "message_id": message.get("MessageId"),
        "body": body,
        "sent_at": moment(whole(known.get("SentTimestamp"))),
        "first_received_at": moment(whole(known.get("ApproximateFirstReceiveTimestamp"))),
        "receive_count": whole(known.get("ApproximateReceiveCount")),
        "source_queue": resource_name(str(source)) if source else None,
        "group_id": known.get("MessageGroupId"),
        "deduplication_id": known.get("MessageDeduplicationId"),
        "device_id": device,
        "work_key": work,
        "message_attributes": as_json(message.get("MessageAttributes") or None),
        "attributes": as_json(attributes),
    }


def work_item(body: Any) -> tuple[str | None, str | None]:
    """Return the device and the work item (recorded_at, else local_date) that a message's body names.

    The body is JSON, or an envelope (SNS, S3, EventBridge) with the JSON inside; the outermost naming
    wins.
    """
    value = parsed(body)
    device = _named(value, _DEVICE)
    for names in _WORK:
        work = _named(value, names)
        if work is not None:
            return device, work
    return device, None


def _named(value: Any, names: tuple[str, ...]) -> str | None:
    """Return the first text under one of the names, level by level."""
    level = [value]
    for _ in range(_DEPTH):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str) and item.lstrip()[:1] in {"{", "["}:
                item = parsed(item)  # noqa: PLW2901 - an envelope's text is looked into at once
            if isinstance(item, dict):
                for name in names:
                    found = item.get(name)
                    if isinstance(found, (str, int)) and not isinstance(found, bool) and found != "":
                        return str(found)
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        level = deeper
    return None


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Keep each message of a queue once, with its highest receive count.

    A receive that zeroes the visibility timeout again sees a message in several batches; SQS itself may
    deliver one twice.
    """
    if table != "queue_messages" or frame.empty:
        return frame, []
    order = frame["receive_count"].fillna(-1).sort_values(kind="stable").index
    known = frame["message_id"].notna()
    again = frame.loc[order].duplicated(["queue", "message_id"], keep="last").reindex(frame.index) & known
    repeated = int(again.sum())
    if not repeated:
        return frame, []
    note = (
        f"{repeated} receipts were of messages received before: each message is kept once, with its highest "
        "receive count."
    )
    return frame[~again].reset_index(drop=True), [note]


def _queue_of_messages(raw: RawFile) -> str | None:
    """Return the queue that a file of messages was received from.

    The attributes beside it say the name; the file's own name otherwise.
    """
    found = _MESSAGES.match(stem(raw))
    if found is None:
        return None
    for neighbour in raw.beside(f"{found['queue']}.json"):
        for value in documents(neighbour).values:
            attributes = value.get("Attributes", value) if isinstance(value, dict) else {}
            if isinstance(attributes, dict) and attributes.get("QueueArn"):
                return resource_name(str(attributes["QueueArn"]))
    return found["queue"]


def _is_messages(raw: RawFile) -> bool:
    return has_key(raw, "Messages", "MessageId") or (is_blank(raw) and _MESSAGES.match(stem(raw)) is not None)


def _is_queue(raw: RawFile) -> bool:
    return has_key(raw, "QueueArn", "ApproximateNumberOfMessages", "VisibilityTimeout")


SOURCES = (
    Source(
        name="sqs_messages",
        tables=("queue_messages",),
        patterns=("queues/*-messages*.json", "*-messages.json"),
        looks_like=_is_messages,
        read=read_messages,
        finish=finish,
        samples=(('{"Messages": [{"MessageId": "a", "Body": "{}"}]}', 1), ("", 0)),
    ),
    Source(
        name="sqs_queue",
        tables=("queues",),
        patterns=("queues/*.json",),
        looks_like=_is_queue,
        read=read_queue,
        by_content=True,
        samples=(
            (
                '{"Attributes": {"QueueArn": "arn:aws:sqs:ap-southeast-2:123456789012:sed-queue", '
                '"VisibilityTimeout": "300"}}',
                1,
            ),
        ),
    ),
)
