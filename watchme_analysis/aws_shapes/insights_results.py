"""CloudWatch Logs Insights answers: what ``aws logs get-query-results`` printed.

``logs/*.json`` are answers, ``logs/queries.json`` beside them says what was asked. An event that several
queries returned stands in each of them, with the same ``ptr``: count events by ``ptr``, queries by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.insights_query_text import DEFAULT_LIMIT, query_limit
from watchme_analysis.aws_shapes.lambda_messages import Reading, read_message
from watchme_analysis.aws_shapes.names import log_group_function, resource_name
from watchme_analysis.aws_shapes.prices import USD_PER_GB, cost_usd, format_size, format_usd
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    as_json,
    documents,
    frame_of,
    has_key,
    moment,
    number,
    rows_of,
    table_part,
    whole,
)
from watchme_analysis.files.evidence_file import RawFile, Source, TablePart, unpacked_name

if TYPE_CHECKING:
    import pandas as pd

_READING = tuple(field.name for field in fields(Reading))
_OWN_FIELDS = frozenset({"@timestamp", "@message", "@logStream", "@requestId", "@ptr", "@log"})


def read_answer(raw: RawFile) -> Iterator[TablePart]:
    """Read an answer into ``log_queries`` and ``log_events``."""
    values, problems = documents(raw)
    asked = _asked_beside(raw) or {}
    rows: list[Any] = []
    odd: list[Any] = []
    statistics: dict[str, Any] = {}
    status, more = None, False
    for value in map(_with_results, values):
        if not isinstance(value, dict):
            odd.append(value)
            continue
        for row in value.get("results") or []:
            (rows if isinstance(row, list) else odd).append(row)
        # The last page tells the state of the query.
        statistics = value.get("statistics") or statistics
        status = value.get("status") or status
        more = bool(value.get("nextToken"))
    query = query_row(raw.relative, asked, statistics, status, len(rows))
    query["query_name"] = answer_name(raw.name)
    query["truncated"] = query["truncated"] or bool(problems) or more
    notes = [f"{raw.relative}: {note}" for note in _notes(query, asked, more)]
    events = frame_of(
        "log_events", rows_of(rows, lambda row: event_row(raw.relative, query, row), odd), raw.remarks
    )
    trouble = ResponseProblems(problems, odd)
    scanned = query["bytes_scanned"]
    yield table_part(
        raw,
        "cloudwatch_logs",
        "log_events",
        events,
        trouble,
        notes=notes,
        truncated=query["truncated"],
        query=query["query"],
        bytes_scanned=scanned,
        cost_usd=query["cost_usd"],
        cached_at=query["cached_at"],
    )
    # The query itself is there whole; its rows are not.
    yield table_part(raw, "cloudwatch_logs", "log_queries", [query])


def _with_results(value: Any) -> Any:
    """Return an answer of which ``--query`` left the rows alone as it was."""
    bare = isinstance(value, list) and all(isinstance(row, list) for row in value)
    return {"results": value} if bare else value


def read_queries(raw: RawFile) -> Iterator[TablePart]:
    """Read queries that no answer lies beside into ``log_queries``; the others come with their answers."""
    values, problems = documents(raw)
    entries, odd = _entries(values)
    present = {answer_name(file.name) for file in raw.beside("*")}
    rows = []
    for entry in entries:
        name = answer_name(str(entry.get("output") or ""))
        if name and name in present:
            continue
        row = query_row(None, entry, {}, None, None)
        rows.append({**row, "query_name": name or None})
    notes = [
        f"{raw.relative}: no answer lies beside it for the query {row['query_name'] or row['query']!r}."
        for row in rows
    ]
    yield table_part(
        raw, "cloudwatch_log_queries", "log_queries", rows, ResponseProblems(problems, odd), notes=notes
    )


def query_row(
    file: str | None,
    asked: dict[str, Any],
    statistics: dict[str, Any],
    status: str | None,
    rows: int | None,
) -> dict[str, Any]:
    """Return a row of ``log_queries``, its name left out.

    Parameters
    ----------
    file
        File of the answer.
    asked
        What was asked, named as StartQuery names it.
    statistics, status
        As GetQueryResults returned them.
    rows
        Rows returned; None without an answer.
    """
    text = asked.get("queryString") or asked.get("query")
    group = _group(asked)
    limit = query_limit(text) or whole(asked.get("limit")) or (DEFAULT_LIMIT if asked else None)
    matched = number(statistics.get("recordsMatched"))
    scanned = number(statistics.get("bytesScanned"))
    price = number(asked.get("usdPerGb"))
    full = rows is not None and limit is not None and rows >= limit
    truncated = rows is None or (full and (matched is None or matched > rows))
    return {
        "file": file,
        "log_group": group,
        "function": log_group_function(group),
        "query": text,
        "start": moment(asked.get("startTime")),
        "end": moment(asked.get("endTime")),
        "rows": rows,
        "limit": limit,
        "records_matched": matched,
        "records_scanned": number(statistics.get("recordsScanned")),
        "bytes_scanned": scanned,
        "cost_usd": None if scanned is None else cost_usd(scanned, USD_PER_GB if price is None else price),
        "cached_at": moment(asked.get("cachedAt")),
        "status": status,
        "truncated": truncated or status not in {"Complete", None},
    }


def _group(asked: dict[str, Any]) -> str | None:
    """Return the one log group asked; the row's own ``@log`` tells where several were."""
    group = asked.get("logGroupName")
    if group:
        return resource_name(str(group))
    for key in ("logGroupNames", "logGroupIdentifiers"):
        groups = asked.get(key)
        if isinstance(groups, list) and len(groups) == 1:
            return resource_name(str(groups[0]))
    return None


def _notes(query: dict[str, Any], asked: dict[str, Any], more: bool) -> Iterator[str]:
    if not asked:
        yield "no entry of queries.json names it, so its window, log group and limit are unknown."
    if more:
        yield "it is one page of several (nextToken)."
    if query["status"] not in {"Complete", None}:
        yield f"the query's status is {query['status']}, so rows are missing."
    elif query["rows"] and query["rows"] == query["limit"] and query["truncated"]:
        matched = query["records_matched"]
        of = f" of {matched:,.0f} that matched" if matched is not None else ""
        yield f"{query['rows']:,d} rows{of}: the limit cut the rest."


def event_rows(file: str | None, query: dict[str, Any], results: list[Any]) -> list[dict[str, Any]]:
    """Return the rows of ``log_events`` for the rows of an answer.

    A row without a message (of a ``stats`` query) keeps all it has in ``fields``; its time is its bin.
    """
    return [event_row(file, query, result) for result in results]


def event_row(file: str | None, query: dict[str, Any], result: list[Any]) -> dict[str, Any]:
    """Return a row of ``log_events``; see :func:`event_rows`."""
    values = {str(f.get("field")): f.get("value") for f in result if isinstance(f, dict)}
    message = values.get("@message")
    if message is not None and not isinstance(message, str):
        message = as_json(message)
    reading = read_message(message) if message is not None else Reading(kind="")
    others = {name: value for name, value in values.items() if name not in _OWN_FIELDS}
    group = values.get("@log") or query["log_group"]
    group = re.sub(r"^\d{12}:", "", str(group)) if group else None
    row = dict(zip(_READING, astuple(reading), strict=True))
    row.update(
        file=file,
        query_name=query["query_name"],
        log_group=group,
        function=log_group_function(group),
        time=insights_time(values.get("@timestamp")) or _bin_time(others),
        message=message.rstrip("\r\n") if message is not None else None,
        log_stream=values.get("@logStream"),
        request_id=values.get("@requestId") or reading.request_id,
        ptr=values.get("@ptr"),
        fields=as_json(others) if others else None,
    )
    return row


def insights_time(text: Any) -> datetime | None:
    """Return the moment of an Insights time (``2025-12-11 01:00:00.000``, UTC, or epoch ms)."""
    return moment(text) if text else None


def _bin_time(values: dict[str, Any]) -> datetime | None:
    return next((insights_time(value) for name, value in values.items() if name.startswith("bin(")), None)


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Say what the queries of a case scanned and cost together."""
    if table != "log_queries" or not frame["bytes_scanned"].notna().any():
        return frame, []
    scanned, cost = float(frame["bytes_scanned"].sum()), float(frame["cost_usd"].sum())
    return frame, [f"The queries scanned {format_size(scanned)}, {format_usd(cost)}."]


def answer_name(path: str) -> str:
    """Return an answer's name: the file's, without folder and endings."""
    return unpacked_name(Path(path).name).removesuffix(".json")


def _entries(values: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    entries: list[dict[str, Any]] = []
    odd: list[Any] = []
    for value in values:
        items = value.get("queries", [value]) if isinstance(value, dict) else value
        for item in items if isinstance(items, list) else [items]:
            (entries if isinstance(item, dict) else odd).append(item)
    return entries, odd


def _asked_beside(raw: RawFile) -> dict[str, Any] | None:
    """Return the entry of ``queries.json`` that names this answer as its output."""
    own = answer_name(raw.name)
    for file in raw.beside("queries*.json", "*-queries.json"):
        if not is_queries(file):
            continue
        for entry in _entries(documents(file).values)[0]:
            if answer_name(str(entry.get("output") or "")) == own:
                return entry
    return None


def is_queries(raw: RawFile) -> bool:
    """Tell whether a file lists Insights queries."""
    return has_key(raw, "queryString") and not is_answer(raw)


def is_answer(raw: RawFile) -> bool:
    """Tell whether a file is an answer of GetQueryResults."""
    # What --query leaves of it: rows alone, which are lists of fields; of no rows an empty list.
    if re.match(rb'\s*\[\s*\[\s*\{\s*"(field|value)"', raw.head()):
        return True
    if raw.head().strip() == b"[]" and Path(raw.name).parent.name == "logs":
        return True
    return has_key(raw, "results") and (
        has_key(raw, "field", "recordsMatched", "status", "queryLanguage")
        or re.fullmatch(rb'\s*\{\s*"results"\s*:\s*\[\s*\]?.*', raw.head(), re.DOTALL) is not None
    )


SOURCES = (
    Source(
        name="cloudwatch_log_queries",
        tables=("log_queries",),
        patterns=("logs/queries*.json", "logs/*-queries.json"),
        looks_like=is_queries,
        read=read_queries,
        by_content=True,
        samples=(
            (
                '[{"logGroupName": "/aws/lambda/sed-worker", "startTime": 1765411200, "endTime": 1765414800, '
                '"queryString": "fields @message", "output": "a.json"}]',
                1,
            ),
        ),
    ),
    Source(
        name="cloudwatch_logs",
        tables=("log_events", "log_queries"),
        patterns=("logs/*.json",),
        looks_like=is_answer,
        read=read_answer,
        by_content=True,
        finish=finish,
        samples=(
            (
                '{"results": [[{"field": "@timestamp", "value": "2025-12-11 01:00:00.000"}, '
                '{"field": "@message", "value": "START RequestId: x"}]], "status": "Complete"}',
                1,
            ),
        ),
    ),
)
