"""Systems of an account: queues with their dead-letter queues, functions or services, and log groups.

Each value keeps its source.

Permissions: ``sqs:ListQueues``, ``sqs:GetQueueAttributes``, ``lambda:ListEventSourceMappings``,
``lambda:ListFunctions`` and ``logs:DescribeLogGroups``; for queues that no function drains also
``ecs:ListClusters``, ``ecs:ListServices``, ``ecs:DescribeServices`` and ``ecs:DescribeTaskDefinition``.
Whatever is refused is noted, the rest is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP, queues_named, resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.cloudwatch.account_state import ecs_services
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import Message, Names, Quotation, Resource, message
from watchme_analysis.text.render import error_message, note

# Most queues whose attributes are read, one call each; further ones are noted.
MOST_QUEUES = 200


class FoundValue(NamedTuple):
    """A value of a system, and where it was found."""

    value: Any
    source: str


@dataclass
class Proposal:
    """Settings that were found: those outside of systems, and those of each system by their key.

    ``notes`` say what could not be looked up or needs a decision; ``failed`` is True if a part could not be
    looked up.
    """

    general: dict[str, FoundValue] = field(default_factory=dict)
    systems: dict[str, dict[str, FoundValue]] = field(default_factory=dict)
    notes: list[Message] = field(default_factory=list)
    failed: bool = False

    def rows(self) -> list[tuple[str, str, str]]:
        """Return key, value and source of each setting, as ``watchme config show`` names them."""
        values = {**self.general} | {
            f"systems.{name}.{key}": found
            for name, keys in self.systems.items()
            for key, found in keys.items()
        }
        return [(key, _value_text(found.value), found.source) for key, found in values.items()]

    def note_refused(self, error: ServiceError) -> None:
        """Note that a part could not be looked up."""
        self.failed = True
        self.notes.append(message("config-init-refused", reason=Quotation(str(error))))


class _Consumer(NamedTuple):
    """A function or an ECS service: its cluster, log group, variables, and the queues that it reads."""

    name: str
    cluster: str
    log_group: str
    variables: Mapping[str, str]
    queues: frozenset[str]


def find_in_aws(aws: Aws, found: Proposal, patterns: Sequence[str] = ()) -> None:
    """Add the region and a system for each queue that is not a dead-letter queue.

    With patterns, only queues whose names match are taken; raises an InputError if there is none.
    """
    try:
        region = aws.region
    except ServiceError as error:
        found.note_refused(error)
        return
    found.general["region"] = FoundValue(region, note("config-source-aws"))
    if aws.target.profile:
        found.general["profile"] = FoundValue(aws.target.profile, note("config-source-aws"))
    queues = _queues(aws, found, patterns)
    functions = _functions(aws, found)
    groups = {
        str(each["logGroupName"]) for each in _items(aws, found, "logs", "describe_log_groups", "logGroups")
    }
    drained = {queue for each in functions for queue in each.queues}
    services = _services(aws, found) if queues.keys() - drained - {*queues.values()} else []
    for queue, dlq in queues.items():
        if queue in queues.values() and not patterns:
            continue
        own = [each for each in functions if queue in each.queues]
        name = _add_system(found, queue, dlq, [each.name for each in own])
        of_ecs = [] if own else [each for each in services if queue in each.queues]
        if of_ecs:
            names = Names(tuple(f"{each.cluster}/{each.name}" for each in of_ecs))
            found.notes.append(message("config-init-ecs", system=Resource(name), services=names))
        _add_log_groups_and_api(found, name, own or of_ecs, groups)
    free = sorted(each.name for each in functions if not each.queues)
    if free and not patterns:
        found.notes.append(message("config-init-functions", count=len(free), functions=Names(tuple(free))))


def _functions(aws: Aws, found: Proposal) -> list[_Consumer]:
    """Return the functions of the account, and those that only event source mappings name."""
    queues: dict[str, set[str]] = {}
    for mapping in _items(aws, found, "lambda", "list_event_source_mappings", "EventSourceMappings"):
        name = resource_name(str(mapping.get("FunctionArn")))
        queues.setdefault(name, set()).add(resource_name(str(mapping.get("EventSourceArn"))))
    listed = {
        str(each.get("FunctionName")): each
        for each in _items(aws, found, "lambda", "list_functions", "Functions")
    }
    consumers = []
    for name in dict.fromkeys((*queues, *listed)):
        stated = listed.get(name, {})
        group = (stated.get("LoggingConfig") or {}).get("LogGroup") or LAMBDA_LOG_GROUP + name
        variables = (stated.get("Environment") or {}).get("Variables") or {}
        consumers.append(_Consumer(name, "", str(group), variables, frozenset(queues.get(name, ()))))
    return consumers


def _services(aws: Aws, found: Proposal) -> list[_Consumer]:
    """Return the ECS services, whose environment names their queues."""
    services = []
    try:
        for service, definition in ecs_services(aws):
            containers = definition["containerDefinitions"]
            pairs = [
                (one["name"], one["value"]) for each in containers for one in each.get("environment", ())
            ]
            logs = [one.get("logConfiguration", {}).get("options", {}) for one in containers]
            group = next(filter(None, (options.get("awslogs-group") for options in logs)), "")
            queues = frozenset(name for pair in pairs for name in queues_named(*pair))
            cluster = resource_name(service["clusterArn"])
            services.append(_Consumer(service["serviceName"], cluster, group, dict(pairs), queues))
    except ServiceError as error:
        found.note_refused(error)
    return services


def _items(aws: Aws, found: Proposal, service: str, operation: str, key: str, **options: Any) -> list[Any]:
    """Return the items of a list; none, with a note, if AWS refuses it."""
    try:
        return aws.items(service, operation, key, **options)
    except ServiceError as error:
        found.note_refused(error)
        return []


def _queues(aws: Aws, found: Proposal, patterns: Sequence[str]) -> dict[str, str | None]:
    """Return the DLQ of each queue whose name matches; None without one."""
    urls = _items(aws, found, "sqs", "list_queues", "QueueUrls", MaxResults=1000)
    by_name = {resource_name(str(url)): str(url) for url in urls}
    chosen = [
        name
        for name in sorted(by_name)
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
    if patterns and by_name and not chosen:
        raise InputError(
            error_message("error-no-queue-matches", target=aws.label, patterns=", ".join(patterns))
        )
    if len(chosen) > MOST_QUEUES:
        found.notes.append(message("config-init-many-queues", count=len(chosen), read=MOST_QUEUES))
    queues: dict[str, str | None] = {}
    for name in chosen[:MOST_QUEUES]:
        queues[name] = None
        try:
            response = aws.call("sqs", "get_queue_attributes", QueueUrl=by_name[name], AttributeNames=["All"])
        except ServiceError as error:
            found.note_refused(error)
            continue
        policy = json_object(response.get("Attributes", {}).get("RedrivePolicy"))
        if policy.get("deadLetterTargetArn"):
            queues[name] = resource_name(str(policy["deadLetterTargetArn"]))
    return queues


def system_name(name: str) -> str:
    """Return the name of a system after a queue or service, in letters that a name may have."""
    return re.sub(r"[^\w-]+", "-", name.removesuffix(".fifo")).strip("-") or "service"


def _add_system(found: Proposal, queue: str, dlq: str | None, functions: list[str]) -> str:
    """Add a system for a queue; return its name."""
    name = system_name(queue)
    if name in found.systems:  # orders and orders.fifo
        name = system_name(queue.replace(".", "-"))
    system = found.systems.setdefault(name, {})
    system["queue"] = FoundValue(queue, "sqs:ListQueues")
    if dlq is not None:
        system["dlq"] = FoundValue(dlq, note("config-source-redrive", queue=Resource(queue)))
    if functions:
        stated = functions[0] if len(functions) == 1 else functions
        system["function"] = FoundValue(stated, "lambda:ListEventSourceMappings")
    return name


def _add_log_groups_and_api(
    found: Proposal, name: str, consumers: Sequence[_Consumer], groups: set[str]
) -> None:
    """Add the log groups of a system's consumers that exist, and the API that their variables name."""
    logs = dict.fromkeys(each.log_group for each in consumers if each.log_group in groups)
    if logs:
        found.systems[name]["log_groups"] = FoundValue([*logs], "logs:DescribeLogGroups")
    sources: dict[str, str] = {}
    for each in consumers:
        for variable, value in sorted(each.variables.items()):
            # An address of SQS of one's own is the queue, and no API.
            if (url := _plain_url(value)) and not queues_named(variable, value):
                about = {"name": Resource(variable), "function": Resource(each.name)}
                sources.setdefault(url, note("config-source-variable", **about))
    if len(sources) == 1:
        found.systems[name]["api"] = FoundValue(*next(iter(sources.items())))
    elif sources:
        urls = Names(tuple(sources))
        found.notes.append(message("config-init-several-apis", system=Resource(name), urls=urls))


def _plain_url(value: object) -> str | None:
    """Return a URL without query; None for other texts, and for URLs of AWS or with a password."""
    text = str(value).strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return None
    is_plain = text.isprintable() and " " not in text and "@" not in parts.netloc
    is_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and ".execute-api." not in host
    if parts.scheme not in ("http", "https") or not host or not is_plain or is_aws:
        return None
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _value_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
