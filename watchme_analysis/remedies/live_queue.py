"""A queue, the function that drains it and their event source mapping, as the account has them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.cloudwatch.account_state import describe_function, discover_scope
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.account_state import Scope
    from watchme_analysis.cloudwatch.session import Aws


@dataclass(frozen=True)
class Queue:
    """A queue as GetQueueAttributes and ListQueueTags return it."""

    name: str
    url: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """ARN of the queue."""
        return self.attributes["QueueArn"]

    @property
    def visibility_s(self) -> float:
        """Visibility timeout in seconds."""
        return float(self.attributes["VisibilityTimeout"])

    def policy_of(self, name: str) -> dict[str, Any]:
        """Return an attribute that is JSON, such as ``RedrivePolicy``; empty without it."""
        return json_object(self.attributes.get(name))

    def sibling(self, name: str) -> tuple[str, str]:
        """Return URL and ARN of a queue with another name in the same account and region."""
        return f"{self.url.rpartition('/')[0]}/{name}", f"{self.arn.rpartition(':')[0]}:{name}"


@dataclass(frozen=True)
class DrainedQueue:
    """A queue, its DLQ and its only event source mapping, as Lambda lists it."""

    queue: Queue
    dlq: Queue | None
    mapping: Mapping[str, Any]
    reserved: int | None = None  # concurrency of the function; None when none is reserved
    configuration: Mapping[str, Any] = field(default_factory=dict)  # of the function

    @property
    def function(self) -> str:
        """Name of the function."""
        return resource_name(str(self.mapping["FunctionArn"]))

    @property
    def timeout_s(self) -> float:
        """Timeout of the function in seconds."""
        return float(self.configuration.get("Timeout", 3))

    @property
    def most(self) -> int | None:
        """Maximum concurrency of the mapping; None without a limit."""
        found = (self.mapping.get("ScalingConfig") or {}).get("MaximumConcurrency")
        return None if found is None else int(found)


def read_drained_queue(aws: Aws, stated: str, error_id: str) -> DrainedQueue:
    """Return a queue, by name or URL, with its only mapping.

    The error of this id names a queue with no mapping or several.
    """
    name, scope = resource_name(stated), discover_scope(aws, [stated], [])
    mappings = mappings_of(scope, name)
    if len(mappings) != 1:
        enabled = sum(each.get("State") == "Enabled" for each in mappings)
        raise InputError(error_message(error_id, queue=name, number=len(mappings), enabled=enabled))
    [mapping] = mappings
    queues = {each: Queue(each, scope.urls[each], scope.queues[each]) for each in scope.queues}
    target = str(queues[name].policy_of("RedrivePolicy").get("deadLetterTargetArn") or "")
    configuration, concurrency = describe_function(aws, resource_name(str(mapping["FunctionArn"])))
    return DrainedQueue(
        queues[name],
        queues.get(resource_name(target)),
        mapping,
        concurrency.get("ReservedConcurrentExecutions"),
        configuration,
    )


def mappings_of(scope: Scope, queue: str) -> list[Mapping[str, Any]]:
    """Return the event source mappings of a queue that a discovery found."""
    return [
        each
        for found in scope.mappings.values()
        for each in found
        if resource_name(str(each.get("EventSourceArn"))) == queue
    ]
