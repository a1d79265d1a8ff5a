"""Lambda functions in the shapes of the AWS CLI: configuration, reserved concurrency, event source mappings.

``functions/NAME.json`` is ``aws lambda get-function-configuration`` (or ``get-function``),
``NAME-mappings.json`` is ``list-event-source-mappings``, and ``NAME-concurrency.json`` is
``get-function-concurrency``, which prints nothing for a function without a reservation. Output of
``list-functions``, and of ``list-event-source-mappings`` for all functions, may have any name.
"""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP, resource_name
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    child,
    documents,
    fields,
    file_stem,
    has_key,
    has_next_page,
    integer,
    json_text,
    objects_under,
    rows_from,
    table_result,
)
from watchme_analysis.files.evidence_file import RawFile, is_blank
from watchme_analysis.redact import mask_secrets

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_RESERVED = "ReservedConcurrentExecutions"
# Keys of the lists in the output of list-functions and list-event-source-mappings.
_FUNCTIONS, _MAPPINGS = "Functions", "EventSourceMappings"
_MAPPINGS_NAME = re.compile(r"-mappings?$")


def read_function(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the function configurations of a file as ``functions``, with the concurrency beside it.

    A file holds the output of ``get-function-configuration``, ``get-function`` or ``list-functions``, once or
    several times.
    """
    values, damage = documents(raw)
    entries, unexpected = _function_entries(values)
    # What --query leaves may lack the name. The file's name is that of one function, not of several.
    name = file_stem(raw) if len(entries) == 1 and not has_key(raw, _FUNCTIONS) else None

    def make_row(entry: dict[str, Any]) -> dict[str, Any]:
        row = function_row(raw.relative, entry.get("Configuration", entry), name)
        if row["function"] is None:
            raise LookupError("the entry names no function")
        is_known, reserved = _concurrency_beside(raw, row["function"])
        if not is_known and name is not None:
            is_known, reserved = _concurrency_beside(raw, name)
        if not is_known and "Configuration" in entry:
            # get-function always includes the concurrency, and leaves it out if none is reserved.
            is_known, reserved = _reserved(child(entry, "Concurrency"))
        return {**row, "reserved_concurrency": reserved, "concurrency_known": is_known}

    rows = rows_from(entries, make_row, unexpected)
    problems = ResponseProblems(damage, unexpected, has_next_page(values))
    return table_result(raw, "lambda_function", "functions", rows, problems)


def _function_entries(values: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the objects that describe one function each, also those in lists, and all other values."""
    found: list[dict[str, Any]] = []
    unexpected: list[Any] = []
    for value in values:
        if isinstance(value, list):
            entries = value
        elif isinstance(value, dict) and isinstance(value.get(_FUNCTIONS), list):
            entries = value[_FUNCTIONS]
        else:
            entries = [value]
        for entry in entries:
            is_function = isinstance(entry, dict) and _FUNCTIONS not in entry
            (found if is_function else unexpected).append(entry)
    return found, unexpected


def function_row(file: str, configuration: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return the row of ``functions`` for a configuration, without the concurrency.

    ``name`` is that of the function, for a configuration without one. An empty configuration is a
    LookupError.
    """
    if not configuration:
        raise LookupError("the configuration is empty")
    named = configuration.get("FunctionName") or configuration.get("FunctionArn") or name
    function = resource_name(str(named)) if named else None
    default_group = f"{LAMBDA_LOG_GROUP}{function}" if function else None
    role = configuration.get("Role")
    variables = child(configuration, "Environment").get("Variables")
    return {
        "file": file,
        "function": function,
        **fields(configuration, "GetFunctionConfiguration"),
        "role": str(role).rpartition("/")[2] if role else None,
        "environment": json_text(mask_secrets(variables)) if isinstance(variables, dict) else None,
        "log_group": child(configuration, "LoggingConfig").get("LogGroup") or default_group,
    }


def _concurrency_beside(raw: RawFile, function: str) -> tuple[bool, int | None]:
    """Return whether the reserved concurrency of a function is known from a file beside, and its value."""
    for neighbour in raw.beside(f"{escape(function)}-concurrency.json"):
        return _concurrency(*documents(neighbour))
    return False, None


def _concurrency(values: list[Any], damage: list[str]) -> tuple[bool, int | None]:
    """Return whether responses state the reserved concurrency, and its value (None: none is reserved)."""
    stating = [value for value in values if isinstance(value, dict) and _RESERVED in value]
    return _reserved(stating[0]) if stating else (not damage, None)


def _reserved(response: dict[str, Any]) -> tuple[bool, int | None]:
    reserved = integer(response.get(_RESERVED))
    return reserved is not None or response.get(_RESERVED) is None, reserved


def read_concurrency(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the reserved concurrency of a file as ``functions``; no row if a configuration includes it."""
    values, damage = documents(raw)
    function = file_stem(raw).removesuffix("-concurrency")
    unexpected = [value for value in values if not isinstance(value, dict) or not _reserved(value)[0]]
    rows = []
    if not raw.beside(f"{escape(function)}.json") and function not in _functions_listed_beside(raw):
        is_known, reserved = _concurrency(values, damage)
        row = {"function": function, "reserved_concurrency": reserved, "concurrency_known": is_known}
        rows = [{"file": raw.relative, **row}]
    problems = ResponseProblems(damage, unexpected)
    return table_result(raw, "lambda_concurrency", "functions", rows, problems)


def _functions_listed_beside(raw: RawFile) -> frozenset[str]:
    """Return the names of the functions in outputs of list-functions in the same folder."""

    def find() -> frozenset[str]:
        lists = [beside for beside in raw.beside("*.json") if has_key(beside, _FUNCTIONS)]
        entries = [entry for file in lists for entry in _function_entries(documents(file).values)[0]]
        rows = rows_from(entries, lambda entry: function_row("", entry), [])
        return frozenset(str(row["function"]) for row in rows)

    return raw.once("functions listed", find)


def read_mappings(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the event source mappings of a file as ``event_source_mappings``."""
    values, damage = documents(raw)
    # get-event-source-mapping prints one mapping without a list around it.
    mappings, unexpected = objects_under(values, _MAPPINGS, "EventSourceArn")
    # A mapping without its function belongs to the function that the file is named after.
    is_named = _MAPPINGS_NAME.search(file_stem(raw))
    name = _MAPPINGS_NAME.sub("", file_stem(raw)) if is_named else None
    rows = rows_from(mappings, lambda mapping: mapping_row(raw.relative, mapping, name), unexpected)
    problems = ResponseProblems(damage, unexpected, has_next_page(values))
    return table_result(raw, "lambda_mappings", "event_source_mappings", rows, problems)


def mapping_row(file: str, mapping: dict[str, Any], function: str | None = None) -> dict[str, Any]:
    """Return the row of ``event_source_mappings`` for a mapping as ListEventSourceMappings returns it.

    ``function`` is the name of the function, for a mapping without ``FunctionArn``.
    """
    filters = child(mapping, "FilterCriteria").get("Filters")
    listed = filters if isinstance(filters, list) else []
    patterns = [each.get("Pattern") for each in listed if isinstance(each, dict)]
    source, owner = mapping.get("EventSourceArn"), mapping.get("FunctionArn")
    return {
        "file": file,
        **fields(mapping, "ListEventSourceMappings"),
        "filters": json_text(patterns or None),
        "function": resource_name(str(owner)) if owner else function,
        "queue": resource_name(str(source)) if source and ":sqs:" in str(source) else None,
    }


def is_mappings(raw: RawFile) -> bool:
    """Return True for event source mappings; by its name also for a part of one, or none."""
    if has_key(raw, _MAPPINGS) or (has_key(raw, "EventSourceArn") and has_key(raw, "UUID")):
        return True
    return bool(_MAPPINGS_NAME.search(file_stem(raw))) and (has_key(raw, "EventSourceArn") or is_blank(raw))


def is_function(raw: RawFile) -> bool:
    """Return True for function configurations; in the folder of functions also for a part of one."""
    if is_mappings(raw):
        return False
    named = has_key(raw, "FunctionArn", "FunctionName")
    # In the folder functions/ a part as --query leaves it is enough; elsewhere it must look like a
    # configuration.
    if Path(raw.name).parent.name == "functions":
        return named or has_key(raw, "Timeout", "MemorySize")
    return named and has_key(raw, "Handler", "Runtime", "CodeSha256")
