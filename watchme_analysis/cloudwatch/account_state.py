"""State of queues, functions, alarms and their changes, asked live in the shapes that the CLI prints."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from watchme_analysis.aws_shapes.cloudtrail import LOOKED_UP_EVENTS
from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import parsed
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import ServiceError
from watchme_analysis.window import Window

# LookupEvents reaches so far back, DescribeAlarmHistory so far.
TRAIL_KEPT = timedelta(days=90)
HISTORY_KEPT = timedelta(days=30)
# What began an incident may have been changed days before it showed.
CHANGES_BEFORE = timedelta(days=7)
_SAMPLE_HIDDEN_S = 120


@dataclass
class Scope:
    """Queues and functions that belong together.

    Attributes
    ----------
    queues
        Attributes by queue name, dead-letter queues included.
    urls
        URL by queue name.
    functions
        Names of the functions.
    mappings
        Event source mappings by function.
    dead_letter
        Names of the queues that are the dead-letter queue of another.
    """

    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    mappings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    dead_letter: list[str] = field(default_factory=list)


def discover(aws: Aws, queues: Iterable[str], functions: Iterable[str]) -> Scope:
    """Return what belongs to queues and functions: mappings lead from one to the other, redrive to DLQs.

    Raises
    ------
    NotFoundError
        When a queue or function that was named doesn't exist.
    """
    scope = Scope()
    for name in functions:
        # Lambda lists no mappings of a function that doesn't exist, without a word.
        aws.call("lambda", "get_function_configuration", FunctionName=resource_name(name))
        _add_function(aws, scope, resource_name(name))
    for name in queues:
        _add_queue(aws, scope, resource_name(name))
    for mapping in [mapping for found in scope.mappings.values() for mapping in found]:
        if ":sqs:" in str(mapping.get("EventSourceArn")):
            _add_queue(aws, scope, resource_name(str(mapping["EventSourceArn"])))
    return scope


def _add_queue(aws: Aws, scope: Scope, name: str) -> None:
    if name in scope.queues:
        return
    scope.urls[name] = str(aws.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"])
    answer = aws.call("sqs", "get_queue_attributes", QueueUrl=scope.urls[name], AttributeNames=["All"])
    attributes = answer.get("Attributes", {})
    scope.queues[name] = attributes
    redrive = parsed(attributes.get("RedrivePolicy"))
    target = redrive.get("deadLetterTargetArn") if isinstance(redrive, dict) else None
    if target:
        dead_letter = resource_name(str(target))
        _add_queue(aws, scope, dead_letter)
        if dead_letter not in scope.dead_letter:
            scope.dead_letter.append(dead_letter)
    mappings = aws.pages(
        "lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=attributes["QueueArn"]
    )
    for mapping in mappings:
        function = resource_name(str(mapping.get("FunctionArn")))
        _add_function(aws, scope, function)
        # Those of a version or alias are not among the function's own.
        known = scope.mappings[function]
        if mapping.get("UUID") not in {other.get("UUID") for other in known}:
            known.append(mapping)


def _add_function(aws: Aws, scope: Scope, name: str) -> None:
    if name in scope.functions:
        return
    scope.functions.append(name)
    scope.mappings[name] = aws.pages(
        "lambda", "list_event_source_mappings", "EventSourceMappings", FunctionName=name
    )


def get_function(aws: Aws, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a function's configuration and its reserved concurrency ({} for none)."""
    configuration = aws.call("lambda", "get_function_configuration", FunctionName=name)
    return configuration, aws.call("lambda", "get_function_concurrency", FunctionName=name)


def sample_messages(aws: Aws, url: str, most: int) -> list[dict[str, Any]]:
    """Return messages of a dead-letter queue without taking them out of it.

    Messages are hidden while they are read, so that each comes once, and made visible again afterwards,
    also when reading fails. Reading counts as a receive: the receive count returned includes it.

    Parameters
    ----------
    aws
        Account and region.
    url
        URL of the queue. Never a queue with a redrive policy of its own: reading would move messages on.
    most
        Messages to read at most.
    """
    messages: dict[str, dict[str, Any]] = {}
    handles: list[str] = []
    empty = False
    try:
        while len(messages) < most:
            answer = aws.call(
                "sqs",
                "receive_message",
                QueueUrl=url,
                MaxNumberOfMessages=min(10, most - len(messages)),
                VisibilityTimeout=_SAMPLE_HIDDEN_S,
                WaitTimeSeconds=aws.pace.long_poll_s if empty else 0,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = answer.get("Messages", [])
            if empty and not received:
                break
            # A poll that doesn't wait asks some of SQS's servers alone, so that an empty answer is no proof.
            empty = not received
            handles += [message["ReceiptHandle"] for message in received]
            messages.update((message["MessageId"], message) for message in received)
    finally:
        _show_again(aws, url, handles)
    return [_as_printed(message) for message in messages.values()]


def _show_again(aws: Aws, url: str, handles: Sequence[str]) -> None:
    """Make messages visible again; a batch that fails costs no other, and is told in the end."""
    problem: object = None
    for at in range(0, len(handles), 10):
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for number, handle in enumerate(handles[at : at + 10])
        ]
        try:
            problem = _shown(aws, url, entries) or problem
        except ServiceError as error:
            problem = error
    if problem is not None:
        raise ServiceError(
            f"Messages that were read stay hidden for {_SAMPLE_HIDDEN_S} s at most, none is lost: {problem}"
        )


def _shown(aws: Aws, url: str, entries: list[dict[str, Any]], tries: int = 3) -> str | None:
    """Make a batch visible again; return what kept some of it from that."""
    answer = aws.call("sqs", "change_message_visibility_batch", QueueUrl=url, Entries=entries)
    # Where the fault is the sender's, its time to be hidden is over already.
    failed = {item["Id"]: item for item in answer.get("Failed", []) if not item.get("SenderFault")}
    if not failed:
        return None
    if tries <= 1:
        return f"sqs:ChangeMessageVisibility said {next(iter(failed.values())).get('Code')}"
    return _shown(aws, url, [entry for entry in entries if entry["Id"] in failed], tries - 1)


def _as_printed(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as the CLI prints it, without its handle, which is of no more use."""
    attributes = {
        name: {part: _base64(value) if isinstance(value, bytes) else value for part, value in item.items()}
        for name, item in message.get("MessageAttributes", {}).items()
    }
    kept = {name: value for name, value in message.items() if name != "ReceiptHandle"}
    return {**kept, "MessageAttributes": attributes} if attributes else kept


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def get_alarms(aws: Aws) -> dict[str, Any]:
    """Return all metric and composite alarms."""
    found: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    parameters: dict[str, Any] = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    while True:
        answer = aws.call("cloudwatch", "describe_alarms", **parameters)
        for key in found:
            found[key] += answer.get(key, [])
        token = answer.get("NextToken")
        if not token:
            return found
        parameters["NextToken"] = token


def get_alarm_history(aws: Aws, window: Window) -> dict[str, Any]:
    """Return what alarms did in a window; metric and composite ones are asked for one after the other."""
    items = [
        item
        for kind in ("MetricAlarm", "CompositeAlarm")
        for item in aws.pages(
            "cloudwatch",
            "describe_alarm_history",
            "AlarmHistoryItems",
            AlarmTypes=[kind],
            StartDate=window.start,
            EndDate=window.end,
        )
    ]
    return {"AlarmHistoryItems": sorted(items, key=lambda item: item["Timestamp"], reverse=True)}


def get_changes(aws: Aws, window: Window) -> dict[str, Any]:
    """Return CloudTrail's events of calls that change queues, functions, mappings or alarms, each once."""
    events: dict[str, dict[str, Any]] = {}
    for name in LOOKED_UP_EVENTS:
        found = aws.pages(
            "cloudtrail",
            "lookup_events",
            "Events",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=window.start - CHANGES_BEFORE,
            EndTime=window.end,
        )
        events.update((event["EventId"], event) for event in found)
    return {"Events": sorted(events.values(), key=lambda event: event["EventTime"], reverse=True)}
