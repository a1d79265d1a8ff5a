"""SQS queues and messages in the shapes of the AWS CLI.

``queues/NAME.json`` is ``aws sqs get-queue-attributes``. ``queues/NAME-messages.json`` is ``aws sqs
receive-message``, its batches merged in one document, listed, or one after the other. Attribute names and
units: SQS API reference (GetQueueAttributes, ReceiveMessage); times are epochs, in seconds for queues and in
milliseconds for messages.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import arn_part, resource_name
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    child,
    documents,
    fields,
    file_stem,
    has_key,
    integer,
    json_object,
    json_text,
    json_value,
    objects_under,
    of_file,
    rows_from,
    table_result,
    without_repeated,
)
from watchme_analysis.aws_shapes.work_keys import learned_keys, levels
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.files.evidence_file import RawFile, is_blank
from watchme_analysis.text.message import Resource

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_MESSAGES_NAME = re.compile(r"(?P<queue>.+?)-messages(?:[-_.]?(?!fifo$)[^-_.]*)?(?P<fifo>\.fifo)?$")


def _resource_or_none(value: Any) -> str | None:
    return resource_name(str(value)) if value else None


def read_queue(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the queue attributes of a file as ``queues``."""
    values, problems = documents(raw)
    rows: list[dict[str, Any]] = []
    unexpected: list[Any] = []
    for value in values:
        attributes = value.get("Attributes", value) if isinstance(value, dict) else None
        if not isinstance(attributes, dict) or not attributes:
            unexpected.append(value)
            continue
        # If QueueArn was not among the requested attributes, the file's name is the queue's.
        name = None if "QueueArn" in attributes else file_stem(raw)
        rows += rows_from([attributes], partial(queue_row, raw.relative, name=name), unexpected)
    notes = [
        of_file(raw, "note-redrive-policy", queue=Resource(str(row["queue"])))
        for row in rows
        if _has_damaged_policy(json_value(row["attributes"]))
    ]
    return table_result(raw, "sqs_queue", "queues", rows, ResponseProblems(problems, unexpected), notes=notes)


def _has_damaged_policy(attributes: dict[str, Any]) -> bool:
    policy = attributes.get("RedrivePolicy")
    return bool(policy) and not isinstance(json_value(policy), dict)


def queue_row(file: str, attributes: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return the row of ``queues`` for attributes as GetQueueAttributes returns them.

    ``name`` is that of the queue, for attributes without ``QueueArn``.
    """
    arn = str(attributes["QueueArn"]) if attributes.get("QueueArn") else None
    redrive = json_object(attributes.get("RedrivePolicy"))
    queue = resource_name(arn) if arn else name
    return {
        "file": file,
        "queue": queue,
        "arn": arn,
        "region": arn_part(arn, 3),
        "account_id": arn_part(arn, 4),
        **fields(attributes, "GetQueueAttributes"),
        "max_receive_count": integer(redrive.get("maxReceiveCount")),
        "dlq": _resource_or_none(redrive.get("deadLetterTargetArn")),
        "is_fifo": (queue or "").endswith(".fifo") or attributes.get("FifoQueue") in {"true", True},
        "attributes": json_text(attributes),
    }


def read_messages(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the received messages of a file as ``queue_messages``."""
    values, problems = documents(raw)
    messages, unexpected = objects_under(values, "Messages", "MessageId")
    queue = _queue_of_messages(raw)
    settings = learned_keys(
        raw.settings.get("work_items", WorkItemSettings()), (message.get("Body") for message in messages)
    )
    rows = rows_from(
        messages, lambda message: message_row(raw.relative, queue, message, settings), unexpected
    )
    return table_result(raw, "sqs_messages", "queue_messages", rows, ResponseProblems(problems, unexpected))


def message_row(
    file: str, queue: str | None, message: dict[str, Any], settings: WorkItemSettings
) -> dict[str, Any]:
    """Return the row of ``queue_messages`` for a message as ReceiveMessage returned it."""
    item, work = work_item(message.get("Body"), settings)
    source = child(message, "Attributes").get("DeadLetterQueueSourceArn")
    return {
        "file": file,
        "queue": queue,
        "work_item": item,
        "work_key": work,
        **fields(message, "ReceiveMessage"),
        "source_queue": _resource_or_none(source),
        "message_attributes": json_text(message.get("MessageAttributes") or None),
    }


def work_item(body: Any, settings: WorkItemSettings) -> tuple[str | None, str | None]:
    """Return what the work of a message's body is about, and its moment, else its local date.

    The body is JSON, or an envelope (SNS, S3, EventBridge) with the JSON inside. The outermost value counts.
    """
    value = json_value(body)
    item = _first_value(value, settings.item_keys)
    for keys in (settings.time_keys, settings.day_keys):
        work = _first_value(value, keys)
        if work is not None:
            return item, work
    return item, None


def _first_value(value: Any, keys: tuple[str, ...]) -> str | None:
    """Return the first text or number under one of the keys, level by level."""
    for level in levels(value) if keys else ():
        for item in level:
            if isinstance(item, dict):
                for key in keys:
                    found = item.get(key)
                    if isinstance(found, (str, int)) and not isinstance(found, bool) and found != "":
                        return str(found)
    return None


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return each message of a queue once, with its highest receive count.

    A message occurs in several batches when its visibility timeout is set back to zero after a receive, and
    SQS itself may deliver a message twice.
    """
    if table != "queue_messages" or frame.empty:
        return frame, []
    order = frame["receive_count"].fillna(-1).sort_values(kind="stable").index
    is_last = ~frame.loc[order].duplicated(["queue", "message_id"], keep="last").reindex(frame.index)
    is_repeated = ~is_last & frame["message_id"].notna()
    return without_repeated(frame, is_repeated, "note-repeated-receives")


def _queue_of_messages(raw: RawFile) -> str | None:
    """Return the queue of a file of messages: by the attributes beside it, else by the file's name."""
    found = _MESSAGES_NAME.match(file_stem(raw))
    if found is None:
        return None
    queue = found["queue"] + (found["fifo"] or "")
    for neighbour in raw.beside(f"{queue}.json"):
        for value in documents(neighbour).values:
            attributes = value.get("Attributes", value) if isinstance(value, dict) else {}
            if isinstance(attributes, dict) and attributes.get("QueueArn"):
                return resource_name(str(attributes["QueueArn"]))
    return queue


def is_messages(raw: RawFile) -> bool:
    """Return True for received messages; by its name or folder also for a part of them, or none."""
    if has_key(raw, "MessageId") and has_key(raw, "ReceiptHandle", "Messages"):
        return True
    is_named = _MESSAGES_NAME.match(file_stem(raw)) is not None
    if is_named and is_blank(raw):
        return True
    in_folder = PurePath(raw.name).parent.name == "queues"
    return (is_named or in_folder) and has_key(raw, "Messages", "MessageId")
