"""Retrieve queues, functions, alarms and recorded changes live, in the shapes of the AWS CLI.

Facts about the calls: API references of SQS, Lambda, CloudWatch and CloudTrail.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from watchme_analysis.aws_shapes.cloudtrail import LOOKED_UP_EVENTS
from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.cloudwatch.session import Aws, NotFoundError
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.message import Resource, value_of
from watchme_analysis.text.render import note, text_of_error
from watchme_analysis.window import Window

# Age of the oldest events that LookupEvents returns.
TRAIL_RETENTION = timedelta(days=90)
# Age of the oldest entries that DescribeAlarmHistory returns.
HISTORY_RETENTION = timedelta(days=30)
# The change that caused an incident may precede its first symptoms by days, so changes are looked up from
# this long before the window.
CHANGES_BEFORE = timedelta(days=7)
# Visibility timeout in seconds of messages that are read as a sample, so that each is returned once.
_SAMPLE_VISIBILITY_S = 120
# Share of that time after which no further message is received: those read first become visible again.
_SAMPLE_SHARE = 0.8
# Largest number of messages per ReceiveMessage or ChangeMessageVisibilityBatch call.
_BATCH = 10
# Receives for each ten messages, since a short poll returns less than there is, and further ones.
_RECEIVES_PER_BATCH = 4
_MORE_RECEIVES = 10
# Empty responses in a row, and responses without a new message, after which the queue counts as read.
_EMPTY_RESPONSES = 2
_KNOWN_RESPONSES = 4
# Services that `describe-services` takes at a time.
_SERVICES_AT_ONCE = 10
# Attempts to make a batch of messages visible again.
_VISIBILITY_ATTEMPTS = 3


@dataclass
class Scope:
    """Queues and functions that belong together."""

    # attributes by name, including dead-letter queues
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)  # by name of the queue
    functions: list[str] = field(default_factory=list)
    # event source mappings by name of the function
    mappings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # names of those queues that are the dead-letter queue of another
    dead_letter: list[str] = field(default_factory=list)
    # queues that don't exist although they are named, or connected to others
    missing: list[str] = field(default_factory=list)


def discover_scope(
    aws: Aws, queues: Iterable[str], functions: Iterable[str], *, all_must_exist: bool = True
) -> Scope:
    """Return the named queues and functions (names, ARNs or URLs), and those connected to them.

    Event source mappings lead from queues to functions and back, redrive policies to dead-letter queues. A
    function that was deleted stays in the scope, since its logs and metrics outlive it. An ARN or URL of
    another region is an InputError. NotFoundError is raised if one of them does not exist; with
    ``all_must_exist=False``, if none of them does.
    """
    queues, functions = tuple(queues), tuple(functions)
    scope, errors = Scope(), list[NotFoundError]()
    named = [("function", resource_name(name)) for name in functions]
    named += [("queue", resource_name(name)) for name in queues]
    for stated in (*functions, *queues):
        aws.check_region(stated)
    for kind, name in named:
        try:
            if kind == "queue":
                _add_queue(aws, scope, name)
            else:
                # For a function that does not exist, ListEventSourceMappings returns an empty list.
                aws.call("lambda", "get_function_configuration", FunctionName=name)
        except NotFoundError as error:
            errors.append(error)
            if all_must_exist or len(errors) == len(named):
                raise errors[0] from None
            if kind == "queue":
                scope.missing.append(name)
        if kind == "function":
            _add_function(aws, scope, name)
    for mapping in [mapping for found in scope.mappings.values() for mapping in found]:
        if ":sqs:" in str(mapping.get("EventSourceArn")):
            _add_connected(aws, scope, resource_name(str(mapping["EventSourceArn"])))
    return scope


def _add_connected(aws: Aws, scope: Scope, name: str) -> None:
    """Add a queue that another resource refers to, which may have been deleted."""
    try:
        _add_queue(aws, scope, name)
    except NotFoundError:
        if name not in scope.missing:
            scope.missing.append(name)


def _add_queue(aws: Aws, scope: Scope, name: str) -> None:
    if name in scope.queues:
        return
    scope.urls[name] = str(aws.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"])
    response = aws.call("sqs", "get_queue_attributes", QueueUrl=scope.urls[name], AttributeNames=["All"])
    attributes = response.get("Attributes", {})
    scope.queues[name] = attributes
    if target := json_object(attributes.get("RedrivePolicy")).get("deadLetterTargetArn"):
        dead_letter = resource_name(str(target))
        _add_connected(aws, scope, dead_letter)
        if dead_letter in scope.queues and dead_letter not in scope.dead_letter:
            scope.dead_letter.append(dead_letter)
    mappings = aws.items(
        "lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=attributes["QueueArn"]
    )
    for mapping in mappings:
        function = resource_name(str(mapping.get("FunctionArn")))
        _add_function(aws, scope, function)
        # Mappings of a version or alias are not listed for the function itself.
        known = scope.mappings[function]
        if mapping.get("UUID") not in {other.get("UUID") for other in known}:
            known.append(mapping)


def _add_function(aws: Aws, scope: Scope, name: str) -> None:
    if name in scope.functions:
        return
    scope.functions.append(name)
    scope.mappings[name] = aws.items(
        "lambda", "list_event_source_mappings", "EventSourceMappings", FunctionName=name
    )


def describe_function(aws: Aws, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration of a function and its reserved concurrency ({} when none is reserved)."""
    configuration = aws.call("lambda", "get_function_configuration", FunctionName=name)
    return configuration, aws.call("lambda", "get_function_concurrency", FunctionName=name)


def sample_messages(
    aws: Aws, url: str, max_messages: int, notes: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return at most ``max_messages`` of a dead-letter queue and leave them in it.

    Messages are invisible to others while they are read, so that each is returned once. They are made visible
    again afterwards, also when reading fails. Reading counts as a receive, which the returned receive count
    includes, so the number of receives is bounded, and the reading ends before the first messages may become
    visible by themselves. Messages that were read are returned although a later call fails; ``notes``
    receives a sentence on each such call.

    The queue must not have a redrive policy of its own: reading would move its messages on.
    """
    notes = [] if notes is None else notes
    messages: dict[str, dict[str, Any]] = {}
    handles: list[str] = []
    empty = known = 0
    ends = aws.now() + timedelta(seconds=_SAMPLE_SHARE * _SAMPLE_VISIBILITY_S)
    receives = _MORE_RECEIVES + _RECEIVES_PER_BATCH * -(-max_messages // _BATCH)
    try:
        while len(messages) < max_messages and receives and aws.now() < ends:
            receives -= 1
            response = aws.call(
                "sqs",
                "receive_message",
                QueueUrl=url,
                MaxNumberOfMessages=min(_BATCH, max_messages - len(messages)),
                VisibilityTimeout=_SAMPLE_VISIBILITY_S,
                WaitTimeSeconds=aws.rate_limits.long_poll_s if empty else 0,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = response.get("Messages", [])
            # A short poll samples only some of SQS's servers, so an empty response proves nothing by itself.
            empty = 0 if received else empty + 1
            known = 0 if any(each["MessageId"] not in messages for each in received) else known + 1
            handles += [message["ReceiptHandle"] for message in received]
            messages.update((message["MessageId"], message) for message in received)
            if empty == _EMPTY_RESPONSES or known == _KNOWN_RESPONSES:
                break
    except ServiceError as error:
        if not messages:
            raise
        notes.append(text_of_error(error))
    finally:
        problem = _make_visible(aws, url, handles)
        if problem is not None:
            why = value_of(text_of_error(problem) if isinstance(problem, ServiceError) else problem)
            notes.append(note("error-sample-hidden", seconds=_SAMPLE_VISIBILITY_S, problem=why))
    return [as_cli_prints(message) for message in messages.values()]


def _make_visible(aws: Aws, url: str, handles: Sequence[str]) -> Any:
    """Make messages visible again, and return why some are not; a batch that fails does not affect others."""
    problem: Any = None
    for at in range(0, len(handles), _BATCH):
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for number, handle in enumerate(handles[at : at + _BATCH])
        ]
        try:
            problem = _batch_problem(aws, url, entries) or problem
        except ServiceError as error:
            problem = error
    return problem


def _batch_problem(aws: Aws, url: str, entries: list[dict[str, Any]]) -> str | None:
    """Return the reason why messages could not be made visible again, None if all are visible."""
    for _ in range(_VISIBILITY_ATTEMPTS):
        response = aws.call("sqs", "change_message_visibility_batch", QueueUrl=url, Entries=entries)
        # A SenderFault means that the visibility timeout has already expired.
        failed = {item["Id"]: item for item in response.get("Failed", []) if not item.get("SenderFault")}
        if not failed:
            return None
        entries = [entry for entry in entries if entry["Id"] in failed]
    code = str(next(iter(failed.values())).get("Code"))
    return note("aws-returned", call=Resource("sqs:ChangeMessageVisibility"), code=Resource(code))


def as_cli_prints(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as the CLI prints it, without its receipt handle, which has expired."""
    attributes = {
        name: {
            part: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for part, value in item.items()
        }
        for name, item in message.get("MessageAttributes", {}).items()
    }
    kept = {name: value for name, value in message.items() if name != "ReceiptHandle"}
    return {**kept, "MessageAttributes": attributes} if attributes else kept


def ecs_services(aws: Aws) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each ECS service of the account with its task definition.

    A service that another controller deploys as task sets has none, and is left out.
    """
    for cluster in aws.items("ecs", "list_clusters", "clusterArns"):
        arns = aws.items("ecs", "list_services", "serviceArns", cluster=cluster)
        for at in range(0, len(arns), _SERVICES_AT_ONCE):
            some = arns[at : at + _SERVICES_AT_ONCE]
            for service in aws.call("ecs", "describe_services", cluster=cluster, services=some)["services"]:
                if name := service.get("taskDefinition"):
                    response = aws.call("ecs", "describe_task_definition", taskDefinition=name)
                    yield service, response["taskDefinition"]


def describe_alarms(aws: Aws) -> dict[str, Any]:
    """Return all metric and composite alarms, as DescribeAlarms lists them."""
    kinds = ["MetricAlarm", "CompositeAlarm"]
    pages = list(aws.pages("cloudwatch", "describe_alarms", AlarmTypes=kinds))
    return {f"{kind}s": [alarm for page in pages for alarm in page.get(f"{kind}s", [])] for kind in kinds}


def describe_alarm_history(aws: Aws, window: Window) -> dict[str, Any]:
    """Return the history of all alarms in a window, latest first.

    One DescribeAlarmHistory call returns either metric or composite alarms.
    """
    items = [
        item
        for kind in ("MetricAlarm", "CompositeAlarm")
        for item in aws.items(
            "cloudwatch",
            "describe_alarm_history",
            "AlarmHistoryItems",
            AlarmTypes=[kind],
            StartDate=window.start,
            EndDate=window.end,
        )
    ]
    return {"AlarmHistoryItems": sorted(items, key=lambda item: item["Timestamp"], reverse=True)}


def lookup_changes(aws: Aws, window: Window) -> dict[str, Any]:
    """Return CloudTrail's events of calls that change queues, functions, mappings or alarms, each once.

    The events of :data:`~watchme_analysis.aws_shapes.cloudtrail.LOOKED_UP_EVENTS` are looked up from
    ``CHANGES_BEFORE`` the window to its end.
    """
    events: dict[str, dict[str, Any]] = {}
    for name in LOOKED_UP_EVENTS:
        found = aws.items(
            "cloudtrail",
            "lookup_events",
            "Events",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=window.start - CHANGES_BEFORE,
            EndTime=window.end,
        )
        events.update((event["EventId"], event) for event in found)
    return {"Events": sorted(events.values(), key=lambda event: event["EventTime"], reverse=True)}
