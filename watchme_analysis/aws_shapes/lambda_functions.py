"""Lambda functions: configuration, reserved concurrency and event source mappings from the AWS CLI.

``functions/NAME.json`` is ``aws lambda get-function-configuration`` (or ``get-function``),
``NAME-mappings.json`` is ``list-event-source-mappings``, ``NAME-concurrency.json`` is
``get-function-concurrency``, which prints nothing for a function without a reservation. The answers of
``list-functions`` and ``list-event-source-mappings`` for all functions may have any name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP, resource_name
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    as_json,
    documents,
    has_key,
    has_more,
    is_blank,
    listed,
    moment,
    number,
    part,
    rows_of,
    stem,
    table_part,
    whole,
)
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart
from watchme_analysis.redact import mask_secrets

_RESERVED = "ReservedConcurrentExecutions"
# What the answers of list-functions and list-event-source-mappings hold their entries under.
_LIST, _MAPPINGS = "Functions", "EventSourceMappings"
_MAPPINGS_NAME = re.compile(r"-mappings?$")


def read_function(raw: RawFile) -> Iterator[TablePart]:
    """Read the configurations of a file into ``functions``, with the concurrency that lies beside it.

    A file holds ``get-function-configuration``, ``get-function`` or ``list-functions``, one or several.
    """
    values, problems = documents(raw)
    answers, odd = _answers(values)
    # A part that --query leaves may lack the name; of several the file's name says nothing.
    name = stem(raw) if len(answers) == 1 and not has_key(raw, _LIST) else None
    rows: list[dict[str, Any]] = []
    for answer in answers:
        configuration = answer.get("Configuration", answer)
        if not isinstance(configuration, dict) or not configuration:
            odd.append(answer)
            continue
        made = rows_of([configuration], lambda found: function_row(raw.relative, found, name), odd)
        if not made:
            continue
        row = made[0]
        if row["function"] is None:
            odd.append(answer)
            continue
        known, reserved = _concurrency_beside(raw, row["function"])
        if not known and name is not None:
            known, reserved = _concurrency_beside(raw, name)
        if not known and "Configuration" in answer:
            # get-function always tells, and leaves the part out where nothing is reserved.
            known, reserved = _reserved(part(answer, "Concurrency"))
        rows.append({**row, "reserved_concurrency": reserved, "concurrency_known": known})
    yield table_part(
        raw, "lambda_function", "functions", rows, ResponseProblems(problems, odd, has_more(values))
    )


def _answers(values: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the objects that describe one function each, those of lists included, and what is none."""
    found: list[dict[str, Any]] = []
    odd: list[Any] = []
    for value in values:
        if isinstance(value, list):
            entries = value
        elif isinstance(value, dict) and isinstance(value.get(_LIST), list):
            entries = value[_LIST]
        else:
            entries = [value]
        found += [entry for entry in entries if isinstance(entry, dict) and _LIST not in entry]
        odd += [entry for entry in entries if not isinstance(entry, dict) or _LIST in entry]
    return found, odd


def function_row(file: str, configuration: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return a row of ``functions`` for a configuration, concurrency left out."""
    arn = configuration.get("FunctionArn")
    named = configuration.get("FunctionName") or arn or name
    function = resource_name(str(named)) if named else None
    logging = part(configuration, "LoggingConfig")
    environment, role = part(configuration, "Environment").get("Variables"), configuration.get("Role")
    return {
        "file": file,
        "function": function,
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
        "log_group": logging.get("LogGroup") or (f"{LAMBDA_LOG_GROUP}{function}" if function else None),
        "environment": as_json(mask_secrets(environment)) if isinstance(environment, dict) else None,
    }


def _concurrency_beside(raw: RawFile, function: str) -> tuple[bool, int | None]:
    """Return whether a function's concurrency was asked, and what is reserved."""
    for neighbour in raw.beside(f"{escape(function)}-concurrency.json"):
        return _told(*documents(neighbour))
    return False, None


def _told(values: list[Any], problems: list[str]) -> tuple[bool, int | None]:
    """Return whether answers tell what is reserved, and how much; a whole one without it tells of nothing."""
    named = [value for value in values if isinstance(value, dict) and _RESERVED in value]
    return _reserved(named[0]) if named else (not problems, None)


def _reserved(answer: dict[str, Any]) -> tuple[bool, int | None]:
    reserved = whole(answer.get(_RESERVED))
    return reserved is not None or answer.get(_RESERVED) is None, reserved


def read_concurrency(raw: RawFile) -> Iterator[TablePart]:
    """Read reserved concurrency into ``functions`` where no configuration beside it takes it up."""
    values, problems = documents(raw)
    function = stem(raw).removesuffix("-concurrency")
    odd = [value for value in values if not isinstance(value, dict) or not _reserved(value)[0]]
    rows = []
    if not raw.beside(f"{escape(function)}.json") and function not in _listed_beside(raw):
        known, reserved = _told(values, problems)
        rows = [
            {
                "file": raw.relative,
                "function": function,
                "reserved_concurrency": reserved,
                "concurrency_known": known,
            }
        ]
    yield table_part(raw, "lambda_concurrency", "functions", rows, ResponseProblems(problems, odd))


def _listed_beside(raw: RawFile) -> frozenset[str]:
    """Return the names of the functions that answers of list-functions in the same folder hold."""

    def find() -> frozenset[str]:
        lists = [beside for beside in raw.beside("*.json") if has_key(beside, _LIST)]
        entries = [entry for one in lists for entry in _answers(documents(one).values)[0]]
        rows = rows_of(entries, lambda entry: function_row("", entry), [])
        return frozenset(str(row["function"]) for row in rows)

    return raw.once("functions listed", find)


def read_mappings(raw: RawFile) -> Iterator[TablePart]:
    """Read event source mappings into ``event_source_mappings``."""
    values, problems = documents(raw)
    # get-event-source-mapping prints one mapping without a list around it.
    mappings, odd = listed(values, _MAPPINGS, "EventSourceArn")
    # A mapping without its function belongs to the one that the file is named after, if it is.
    name = _MAPPINGS_NAME.sub("", stem(raw)) if _MAPPINGS_NAME.search(stem(raw)) else None
    rows = rows_of(mappings, lambda mapping: mapping_row(raw.relative, mapping, name), odd)
    trouble = ResponseProblems(problems, odd, has_more(values))
    yield table_part(raw, "lambda_mappings", "event_source_mappings", rows, trouble)


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


def _is_mappings(raw: RawFile) -> bool:
    if has_key(raw, _MAPPINGS) or (has_key(raw, "EventSourceArn") and has_key(raw, "UUID")):
        return True
    return bool(_MAPPINGS_NAME.search(stem(raw))) and (has_key(raw, "EventSourceArn") or is_blank(raw))


def _is_function(raw: RawFile) -> bool:
    if _is_mappings(raw):
        return False
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
        looks_like=_is_mappings,
        read=read_mappings,
        by_content=True,
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
