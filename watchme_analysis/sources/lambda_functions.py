"""Lambda functions: configuration, reserved concurrency and event source mappings from the AWS CLI.

``functions/NAME.json`` is ``aws lambda get-function-configuration`` (or ``get-function``),
``NAME-mappings.json`` is ``list-event-source-mappings``, ``NAME-concurrency.json`` is
``get-function-concurrency``, which prints nothing for a function without a reservation.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from watchme_analysis.redact import MASK
from watchme_analysis.sources.aws.json import (
    Trouble,
    as_json,
    documents,
    has_key,
    has_more,
    is_blank,
    listed,
    moment,
    number,
    part,
    piece,
    stem,
    whole,
)
from watchme_analysis.sources.aws.names import LAMBDA_LOG_GROUP, resource_name
from watchme_analysis.sources.raw import Piece, RawFile, Source

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:api_?key|key|token|secret|password|passwd|pwd|credentials?|dsn|private)(?:_|$)", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_URL_PASSWORD = re.compile(r"(?P<scheme>\w+://)[^/\s:@]+:[^/\s@]+@")
_RESERVED = "ReservedConcurrentExecutions"


def mask_secrets(variables: dict[str, Any]) -> dict[str, Any]:
    """Return environment variables with the values masked that are secrets by name or by look."""
    return {name: _masked(name, value) for name, value in variables.items()}


def _masked(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(_CAMEL.sub("_", name)) or _looks_random(str(value)):
        return MASK
    return _URL_PASSWORD.sub(rf"\g<scheme>{MASK}@", value) if isinstance(value, str) else value


def _looks_random(value: str) -> bool:
    """Tell whether a text looks generated: long, one word, both letters and digits, nearly all different."""
    if not re.fullmatch(r"[A-Za-z0-9+/=_.\-]{24,}", value):
        return False
    if not (re.search(r"[A-Za-z]", value) and re.search(r"\d", value)):
        return False
    # Host names, ARNs, paths and ids are made of short words; a secret's words are long.
    longest = max(re.split(r"[-_./]", value), key=len)
    if len(longest) < 20:
        return False
    counts = Counter(longest)
    entropy = -sum(n / len(longest) * math.log2(n / len(longest)) for n in counts.values())
    return entropy > 3.3


def read_function(raw: RawFile) -> Iterator[Piece]:
    """Read a function's configuration into ``functions``, with the concurrency that lies beside it."""
    values, problems = documents(raw)
    rows, odd = [], []
    for value in values:
        configuration = value.get("Configuration", value) if isinstance(value, dict) else None
        if not isinstance(configuration, dict) or not configuration:
            odd.append(value)
            continue
        known, reserved = _concurrency_beside(raw)
        if not known and "Configuration" in value:
            # get-function always tells, and leaves the part out where nothing is reserved.
            known, reserved = _reserved(part(value, "Concurrency"))
        row = function_row(raw.relative, configuration, stem(raw))
        rows.append({**row, "reserved_concurrency": reserved, "concurrency_known": known})
    yield piece(raw, "lambda_function", "functions", rows, Trouble(problems, odd))


def function_row(file: str, configuration: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return a row of ``functions`` for a configuration, concurrency left out."""
    arn = configuration.get("FunctionArn")
    function = configuration.get("FunctionName") or (resource_name(str(arn)) if arn else name)
    logging = part(configuration, "LoggingConfig")
    environment, role = part(configuration, "Environment").get("Variables"), configuration.get("Role")
    return {
        "file": file,
        "function": resource_name(str(function)),
        "arn": arn,
        "role": str(role).rpartition("/")[2] if role else None,
        "runtime": configuration.get("Runtime"),
        "handler": configuration.get("Handler"),
        "timeout_s": number(configuration.get("Timeout")),
        "memory_mb": number(configuration.get("MemorySize")),
        "code_sha256": configuration.get("CodeSha256"),
        "last_modified": moment(configuration.get("LastModified")),
        "state": configuration.get("State"),
        "last_update_status": configuration.get("LastUpdateStatus"),
        "log_group": logging.get("LogGroup") or f"{LAMBDA_LOG_GROUP}{resource_name(str(function))}",
        "environment": as_json(mask_secrets(environment)) if isinstance(environment, dict) else None,
    }


def _concurrency_beside(raw: RawFile) -> tuple[bool, int | None]:
    """Return whether concurrency was asked, and what is reserved."""
    for neighbour in raw.beside(f"{stem(raw)}-concurrency.json"):
        return _told(*documents(neighbour))
    return False, None


def _told(values: list[Any], problems: list[str]) -> tuple[bool, int | None]:
    """Return whether answers tell what is reserved, and how much; a whole one without it tells of nothing."""
    named = [value for value in values if isinstance(value, dict) and _RESERVED in value]
    return _reserved(named[0]) if named else (not problems, None)


def _reserved(answer: dict[str, Any]) -> tuple[bool, int | None]:
    reserved = whole(answer.get(_RESERVED))
    return reserved is not None or answer.get(_RESERVED) is None, reserved


def read_concurrency(raw: RawFile) -> Iterator[Piece]:
    """Read reserved concurrency into ``functions`` where no configuration beside it takes it up."""
    values, problems = documents(raw)
    function = stem(raw).removesuffix("-concurrency")
    odd = [value for value in values if not isinstance(value, dict) or not _reserved(value)[0]]
    rows = []
    if not raw.beside(f"{function}.json"):
        known, reserved = _told(values, problems)
        rows = [
            {
                "file": raw.relative,
                "function": function,
                "reserved_concurrency": reserved,
                "concurrency_known": known,
            }
        ]
    yield piece(raw, "lambda_concurrency", "functions", rows, Trouble(problems, odd))


def read_mappings(raw: RawFile) -> Iterator[Piece]:
    """Read event source mappings into ``event_source_mappings``."""
    values, problems = documents(raw)
    # get-event-source-mapping prints one mapping without a list around it.
    mappings, odd = listed(values, "EventSourceMappings", "EventSourceArn")
    name = re.sub(r"-mappings?$", "", stem(raw))
    rows = [mapping_row(raw.relative, mapping, name) for mapping in mappings]
    trouble = Trouble(problems, odd, has_more(values))
    yield piece(raw, "lambda_mappings", "event_source_mappings", rows, trouble)


def mapping_row(file: str, mapping: dict[str, Any], function: str | None = None) -> dict[str, Any]:
    """Return a row of ``event_source_mappings``."""
    source = mapping.get("EventSourceArn")
    owner = mapping.get("FunctionArn")
    scaling = part(mapping, "ScalingConfig")
    return {
        "file": file,
        "uuid": mapping.get("UUID"),
        "function": resource_name(str(owner)) if owner else function,
        "queue": resource_name(str(source)) if source and ":sqs:" in str(source) else None,
        "source_arn": source,
        "state": mapping.get("State"),
        "state_reason": mapping.get("StateTransitionReason"),
        "batch_size": whole(mapping.get("BatchSize")),
        "batching_window_s": number(mapping.get("MaximumBatchingWindowInSeconds")),
        "max_concurrency": whole(scaling.get("MaximumConcurrency")),
        "response_types": as_json(mapping.get("FunctionResponseTypes")),
        "filters": as_json(_patterns(mapping) or None),
        "last_modified": moment(mapping.get("LastModified")),
    }


def _patterns(mapping: dict[str, Any]) -> list[Any]:
    """Return the patterns of a mapping's filter."""
    filters = part(mapping, "FilterCriteria").get("Filters")
    listed_filters = filters if isinstance(filters, list) else []
    return [item.get("Pattern") for item in listed_filters if isinstance(item, dict)]


def _is_function(raw: RawFile) -> bool:
    named = has_key(raw, "FunctionArn", "FunctionName")
    # In its own folder a part is enough, such as --query leaves; elsewhere it must look like the whole.
    if Path(raw.name).parent.name == "functions":
        return named or has_key(raw, "Timeout", "MemorySize")
    return named and has_key(raw, "Handler", "Runtime", "CodeSha256")


SOURCES = (
    Source(
        name="lambda_mappings",
        tables=("event_source_mappings",),
        patterns=("functions/*-mappings.json", "functions/*-mapping.json"),
        looks_like=lambda raw: has_key(raw, "EventSourceMappings", "EventSourceArn") or is_blank(raw),
        read=read_mappings,
        samples=(('{"EventSourceMappings": [{"UUID": "u", "BatchSize": 1, "State": "Enabled"}]}', 1),),
    ),
    Source(
        name="lambda_concurrency",
        tables=("functions",),
        patterns=("functions/*-concurrency.json",),
        looks_like=lambda raw: has_key(raw, _RESERVED) or is_blank(raw),
        read=read_concurrency,
        samples=(('{"ReservedConcurrentExecutions": 2}', 1), ("{}", 1)),
    ),
    Source(
        name="lambda_function",
        tables=("functions",),
        patterns=("functions/*.json",),
        looks_like=_is_function,
        read=read_function,
        by_content=True,
        samples=(('{"FunctionName": "sed-worker", "Handler": "a.b", "Timeout": 60}', 1),),
    ),
)
