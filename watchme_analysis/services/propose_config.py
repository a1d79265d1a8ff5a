"""Propose a ``watchme.toml``: systems found in an AWS account, ``nginx.conf`` and compose files.

:func:`find_in_aws` lists queues, dead-letter queues, event source mappings, functions and log groups.
:func:`find_in_files` reads the health endpoint and the service port. Each value keeps its source.

Permissions: ``sqs:ListQueues``, ``sqs:GetQueueAttributes``, ``lambda:ListEventSourceMappings``,
``lambda:ListFunctions`` and ``logs:DescribeLogGroups``; for queues that no function drains also
``ecs:ListClusters``, ``ecs:ListServices``, ``ecs:DescribeServices`` and ``ecs:DescribeTaskDefinition``.
Whatever is refused is noted, the rest is found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP, resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.cloudwatch.account_state import ecs_services
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import check_text
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.evidence import compose
from watchme_analysis.evidence.container_rows import queues_named
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf import parse
from watchme_analysis.nginx_conf.routing import places_of
from watchme_analysis.text.message import Message, Names, Quotation, Resource, message
from watchme_analysis.text.render import error_message, note

# Path of an endpoint that reports the health of a service, in the usual spellings.
_HEALTH_PATH = re.compile(
    r"(/[\w.~-]+)*/(health(z|[-_]?check)?|live(z|ness)?|ready(z)?|readiness|ping|status|heartbeat)/?"
)
_URL_PATH = re.compile(r"https?://[^\s/\"']+(/[^\s\"'?#]*)?")
_PORT = re.compile(r":(\d{1,5})$")
# Most queues whose attributes are read, one call each; further ones are noted.
MOST_QUEUES = 200
_YAML = (".yaml", ".yml")


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


def _system_name(name: str) -> str:
    """Return the name of a system after a queue or service, in letters that a name may have."""
    return re.sub(r"[^\w-]+", "-", name.removesuffix(".fifo")).strip("-") or "service"


def _add_system(found: Proposal, queue: str, dlq: str | None, functions: list[str]) -> str:
    """Add a system for a queue; return its name."""
    name = _system_name(queue)
    if name in found.systems:  # orders and orders.fifo
        name = _system_name(queue.replace(".", "-"))
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


def find_in_files(paths: Iterable[Path], found: Proposal) -> None:
    """Add the health endpoint and the service port that configurations of Nginx and compose files state.

    They belong to the only system, else to one of their own, named after the service. Raises an InputError if
    a file can't be read, or holds neither a location nor a service.
    """
    stated: dict[str, FoundValue] = {}
    names: list[str] = []
    for path in paths:
        raw = RawFile(path.parent, path.name)
        read = _of_compose if path.suffix.lower() in _YAML else _of_nginx
        values, name = read(raw, found)
        # Clients use the path that Nginx serves, so that it is stronger than a container's own check.
        stated = values | stated if read is _of_compose else stated | values
        names.append(name)
    if not stated:
        return
    only = next(iter(found.systems)) if len(found.systems) == 1 else None
    named = only or _system_name(next(filter(None, names), "service"))
    found.systems.setdefault(named, {}).update(stated)


def _of_nginx(raw: RawFile, found: Proposal) -> tuple[dict[str, FoundValue], str]:
    """Return health path and upstream port of a configuration, and the name of its server."""
    directives, _ = parse.read_nginx_config(raw)
    rows = [row for layer in directives["layer"].unique() for row in places_of(directives, str(layer))]
    if not rows:
        raise InputError(error_message("error-no-nginx-server", path=raw.path))
    health = [
        row for row in rows if row["modifier"] in ("", "=", "^~") and _HEALTH_PATH.fullmatch(str(row["path"]))
    ]
    values = {}
    if health:
        values["health"] = FoundValue(health[0]["path"], f"{raw.name}:{health[0]['line']}")
        others = [str(row["path"]) for row in health[1:] if row["path"] != health[0]["path"]]
        if others:
            found.notes.append(
                message(
                    "config-init-several-health",
                    file=Resource(raw.name),
                    path=Resource(str(health[0]["path"])),
                    others=Names(tuple(others)),
                )
            )
    ports = {}
    for row in health[:1] or rows:
        for server in row["upstream_servers"] or ():
            port = _PORT.search(server["address"])
            if port is not None:
                ports[int(port[1])] = FoundValue(int(port[1]), f"{raw.name}:{row['line']}")
    if len(ports) == 1:
        values["port"] = next(iter(ports.values()))
    elif ports:
        found.notes.append(
            message("config-init-several-ports", file=Resource(raw.name), ports=Names(tuple(map(str, ports))))
        )
    hosts = [name for row in rows for name in row["server_names"] if name not in ("_", "localhost", "")]
    return values, next(iter(hosts), "")


def _of_compose(raw: RawFile, found: Proposal) -> tuple[dict[str, FoundValue], str]:
    """Return health path and port of the service with a health check over HTTP, and its name."""
    settings, _ = compose.read_compose(raw)
    services = compose.compose_services(settings)
    if not services:
        raise InputError(error_message("error-no-compose-services", path=raw.path))
    checked = [
        (service, url)
        for service in services
        if service.health and (url := _URL_PATH.search(service.health.test))
    ]
    if len(checked) > 1:
        names = Names(tuple(service.name for service, _ in checked))
        found.notes.append(message("config-init-several-services", file=Resource(raw.name), services=names))
    if len(checked) != 1:
        return {}, ""
    service, url = checked[0]
    source = note("config-source-health-check", service=Resource(service.name), file=Resource(raw.name))
    values = {"health": FoundValue(url[1], source)} if url[1] else {}
    port = urlsplit(url[0]).port
    if port is not None:
        values["port"] = FoundValue(port, source)
    return values, service.name


def toml_text(found: Proposal) -> str:
    """Return a ``watchme.toml`` with the values that were found, each with its source as a comment.

    Raises an InputError if a value is not valid in the file.
    """
    lines = ["# Settings of watchme: docs/configuration.md describes every key.", ""]
    lines += [
        '# time_zone = "Europe/Berlin"    # zone of the times shown; UTC by default',
        '# language = "en"                # en or ja; that of your locale by default',
    ]
    lines += [_line(key, value) for key, value in found.general.items()]
    lines += [
        "",
        "# [work_items]    # how a message names its work; learned from the messages by default",
        '# unit = { en = "order", ja = "注文" }',
        '# item_keys = ["orderId"]',
    ]
    for name, values in found.systems.items():
        lines += ["", f"[systems.{name}]", *(_line(key, value) for key, value in values.items())]
    if not found.systems:
        lines += ["", "# [systems.orders]", '# queue = "orders"', '# function = "orders-worker"']
    text = "\n".join(lines) + "\n"
    check_text(text)
    return text


def _line(key: str, found: FoundValue) -> str:
    source = "".join(letter if letter.isprintable() else "?" for letter in found.source)
    # Strings and lists of JSON are valid in TOML.
    return f"{key} = {json.dumps(found.value, ensure_ascii=False)}  # {source}"


def _value_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
