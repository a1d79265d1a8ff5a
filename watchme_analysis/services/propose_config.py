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
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.cloudwatch.account_state import ecs_services
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import check_text
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.evidence import compose
from watchme_analysis.evidence.container_rows import queues_named
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf import parse
from watchme_analysis.nginx_conf.routing import effective_locations
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
    attributes = _queues(aws, found, patterns)
    dlqs = {name: dlq for name, each in attributes.items() if (dlq := _dead_letter_queue(each)) is not None}
    mappings = _items(aws, found, "lambda", "list_event_source_mappings", "EventSourceMappings")
    functions = _items(aws, found, "lambda", "list_functions", "Functions")
    configurations = {str(each.get("FunctionName")): each for each in functions}
    listed = _items(aws, found, "logs", "describe_log_groups", "logGroups")
    groups = {str(each["logGroupName"]) for each in listed}
    drained = {mapping.get("EventSourceArn") for mapping in mappings}
    lone = {name for name, each in attributes.items() if each.get("QueueArn") not in drained}
    services = _ecs_services(aws, found) if lone - set(dlqs.values()) else {}
    for name, each in attributes.items():
        if name in dlqs.values() and not patterns:
            continue
        arn = each.get("QueueArn")
        consumers = [
            resource_name(str(mapping.get("FunctionArn")))
            for mapping in mappings
            if mapping.get("EventSourceArn") == arn
        ]
        system = _add_system(found, name, dlqs.get(name), list(dict.fromkeys(consumers)))
        _add_function_settings(found, system, consumers, configurations, groups)
        named = [] if consumers else [one for one, each in services.items() if name in each["queues"]]
        if named:
            names = Names(tuple(f"{services[one]['cluster']}/{one}" for one in named))
            found.notes.append(message("config-init-ecs", system=Resource(system), services=names))
            _add_function_settings(found, system, named, services, groups)
    used = {mapping.get("FunctionArn") for mapping in mappings}
    free = [name for name in configurations if not any(name == resource_name(str(arn)) for arn in used)]
    if free and not patterns:
        found.notes.append(
            message("config-init-functions", count=len(free), functions=Names(tuple(sorted(free))))
        )


def _ecs_services(aws: Aws, found: Proposal) -> dict[str, dict[str, Any]]:
    """Return the ECS services by name: cluster, queues that their environment names, log group, variables."""
    services: dict[str, dict[str, Any]] = {}
    try:
        for service, definition in ecs_services(aws):
            containers = definition["containerDefinitions"]
            variables = {
                one["name"]: one["value"] for inner in containers for one in inner.get("environment", ())
            }
            logs = [one.get("logConfiguration", {}).get("options", {}) for one in containers]
            group = next(filter(None, (options.get("awslogs-group") for options in logs)), "")
            services[service["serviceName"]] = {
                "cluster": resource_name(service["clusterArn"]),
                "queues": {name for pair in variables.items() for name in queues_named(*pair)},
                "LoggingConfig": {"LogGroup": group},
                "Environment": {"Variables": variables},
            }
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


def _queues(aws: Aws, found: Proposal, patterns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the attributes of the queues by name."""
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
    attributes: dict[str, dict[str, Any]] = {}
    for name in chosen[:MOST_QUEUES]:
        try:
            response = aws.call("sqs", "get_queue_attributes", QueueUrl=by_name[name], AttributeNames=["All"])
        except ServiceError as error:
            found.note_refused(error)
            response = {}
        attributes[name] = response.get("Attributes", {})
    return attributes


def _dead_letter_queue(attributes: Mapping[str, Any]) -> str | None:
    policy = json_value(attributes.get("RedrivePolicy"))
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    return resource_name(str(target)) if target else None


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
        system["function"] = FoundValue(_one_or_all(functions), "lambda:ListEventSourceMappings")
    return name


def _add_function_settings(
    found: Proposal,
    name: str,
    functions: Sequence[str],
    configurations: Mapping[str, Mapping[str, Any]],
    groups: set[str],
) -> None:
    """Add the log groups of a system's functions, and the API that their variables name."""
    system = found.systems[name]
    logs = []
    urls: dict[str, str] = {}
    for function in functions:
        configuration = configurations.get(function, {})
        group = (configuration.get("LoggingConfig") or {}).get("LogGroup") or LAMBDA_LOG_GROUP + function
        if group in groups:
            logs.append(str(group))
        variables = (configuration.get("Environment") or {}).get("Variables") or {}
        for variable, value in sorted(variables.items()):
            url = _plain_url(value)
            if url is not None:
                urls.setdefault(
                    url, note("config-source-variable", name=Resource(variable), function=Resource(function))
                )
    if logs:
        system["log_groups"] = FoundValue(list(dict.fromkeys(logs)), "logs:DescribeLogGroups")
    if len(urls) == 1:
        url, source = next(iter(urls.items()))
        system["api"] = FoundValue(url, source)
    elif urls:
        found.notes.append(
            message("config-init-several-apis", system=Resource(name), urls=Names(tuple(urls)))
        )


def _plain_url(value: object) -> str | None:
    """Return a URL without query; None for other texts, and for URLs of AWS or with a password."""
    try:
        parts = urlsplit(str(value).strip())
        host = parts.hostname or ""
    except ValueError:
        return None
    if (
        parts.scheme not in ("http", "https")
        or not host
        or "@" in parts.netloc
        or not str(value).isprintable()
        or " " in str(value)
    ):
        return None
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and host.split(".")[1:2] != ["execute-api"]:
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
    rows = effective_locations(directives).to_dict("records") if len(directives) else []
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


def _one_or_all(names: list[str]) -> Any:
    return names[0] if len(names) == 1 else names


def _value_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
