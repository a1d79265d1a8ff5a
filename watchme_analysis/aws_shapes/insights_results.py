"""CloudWatch Logs Insights results in the shapes of the AWS CLI.

``logs/*.json`` are results of ``aws logs get-query-results``, ``logs/queries.json`` beside them lists the
queries. An event that several queries returned has a row for each of them: count
events by :data:`watchme_analysis.queues.error_kinds.EVENT`, and queries by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.aws_shapes.insights_columns import result_columns
from watchme_analysis.aws_shapes.insights_query_text import DEFAULT_LIMIT, query_facts
from watchme_analysis.aws_shapes.lambda_messages import MessageFacts, classify_message
from watchme_analysis.aws_shapes.names import log_group_function, resource_name
from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    documents,
    has_key,
    integer,
    json_text,
    number,
    of_file,
    rows_from,
    table_result,
    utc_microseconds,
    utc_time,
)
from watchme_analysis.config import LogWords
from watchme_analysis.files.evidence_file import RawFile, TablePart, unpacked_name
from watchme_analysis.prices import USD_PER_GB, cost_usd, size_message, usd_message
from watchme_analysis.text.message import Code, MessageText, Quotation
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

# Fields of a row that have columns of their own; all others are kept in ``fields``.
_PLAIN_FIELDS = ("@timestamp", "@message", "@logStream", "@requestId", "@ptr", "@log")
_COLUMN_FIELDS = frozenset(_PLAIN_FIELDS)
# Columns that are facts of the message.
_FACTS = (
    *("kind", "level", "error_type", "duration_ms", "billed_ms", "memory_mb", "memory_used_mb", "init_ms"),
)


def query_result_parts(raw: RawFile) -> Iterator[TablePart]:
    """Yield the rows of a query result as ``log_events`` and the query as ``log_queries``."""
    result = _plain_result(raw) or _result(raw)
    request = _query_beside(raw) or {}
    query = query_row(raw.relative, request, result.statistics, result.status, result.rows)
    query["query_name"] = result_name(raw.name)
    query["truncated"] = query["truncated"] or bool(result.problems.damage) or result.has_next_page
    notes = list(_notes(raw, query, request, has_next=result.has_next_page))
    retrieval = {name: query[name] for name in ("query", "bytes_scanned", "cost_usd", "cached_at")}
    yield TablePart(
        "log_events",
        *table_result(
            raw,
            "cloudwatch_logs",
            "log_events",
            event_columns(raw, query, result.events),
            result.problems,
            notes=notes,
            truncated=query["truncated"],
            **retrieval,
        ),
    )
    # The row of the query is complete even if rows of its result are missing.
    yield TablePart("log_queries", *table_result(raw, "cloudwatch_logs", "log_queries", [query]))


class Events(NamedTuple):
    """Events by their fields, of which each list has a value for every event.

    ``facts`` are those of the messages, and ``others`` the JSON of the fields that have no column.
    """

    times: list[Any]
    messages: list[str | None]
    facts: list[MessageFacts]
    streams: list[Any]
    request_ids: list[Any]
    ptrs: list[Any]
    groups: list[Any]
    others: list[str | None]


class _Result(NamedTuple):
    """Result of a query; ``rows`` also counts those that could not become an event."""

    events: Events
    rows: int
    statistics: Mapping[str, Any]
    status: str | None
    has_next_page: bool
    problems: ResponseProblems = ResponseProblems()


def _plain_result(raw: RawFile) -> _Result | None:
    """Return a result with events as Insights writes them; None for any other."""
    if raw.content.problem:
        return None
    found = result_columns(raw.content.data)
    if found is None or not _COLUMN_FIELDS.issuperset(found.fields):
        return None
    nothing: list[str | None] = [None] * found.rows
    times, messages, streams, request_ids, ptrs, groups = (
        found.fields.get(name, nothing) for name in _PLAIN_FIELDS
    )
    facts_of = _facts_in(raw)
    facts = [facts_of(text, bool(request)) for text, request in zip(messages, request_ids, strict=True)]
    events = Events(times, messages, facts, streams, request_ids, ptrs, groups, nothing)
    return _Result(events, found.rows, found.statistics, found.status, found.has_next_page)


def _result(raw: RawFile) -> _Result:
    """Return a result, of which each row may have a shape of its own."""
    values, damage = documents(raw)
    rows: list[Any] = []
    unexpected: list[Any] = []
    statistics: dict[str, Any] = {}
    status, has_next = None, False
    for value in map(_with_results, values):
        if not isinstance(value, dict):
            unexpected.append(value)
            continue
        for row in value.get("results") or []:
            (rows if isinstance(row, list) else unexpected).append(row)
        # The status and statistics of the last page are those of the query.
        statistics = value.get("statistics") or statistics
        status = value.get("status") or status
        has_next = bool(value.get("nextToken"))
    events = events_of(raw, rows, _cells, unexpected)
    return _Result(events, len(rows), statistics, status, has_next, ResponseProblems(damage, unexpected))


def _with_results(value: Any) -> Any:
    """Return a result in its original shape where ``--query`` left the rows alone."""
    is_bare = isinstance(value, list) and all(isinstance(row, list) for row in value)
    return {"results": value} if is_bare else value


def read_queries(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the listed queries without a result beside them as ``log_queries``."""
    values, damage = documents(raw)
    entries, unexpected = _entries(values)
    present = {result_name(file.name) for file in raw.beside("*")}
    rows = []
    for entry in entries:
        name = result_name(str(entry.get("output") or ""))
        if name and name in present:
            continue
        row = query_row(None, entry, {}, None, None)
        rows.append({**row, "query_name": name or None})
    notes = [
        of_file(raw, "note-query-without-result", query=Quotation(str(row["query_name"] or row["query"])))
        for row in rows
    ]
    problems = ResponseProblems(damage, unexpected)
    return table_result(raw, "cloudwatch_log_queries", "log_queries", rows, problems, notes=notes)


def query_row(
    file: str | None,
    request: dict[str, Any],
    statistics: Mapping[str, Any],
    status: str | None,
    rows: int | None,
) -> dict[str, Any]:
    """Return the row of ``log_queries`` for a query, without its name.

    ``request`` holds the parameters of StartQuery, as ``queries.json`` lists them; ``statistics`` and
    ``status`` are those of GetQueryResults; ``rows`` is None without a result.
    """
    stated = request.get("queryString") or request.get("query")
    text = stated if isinstance(stated, str) else None
    group = _group(request)
    limit = (
        query_facts(text or "").limit or integer(request.get("limit")) or (DEFAULT_LIMIT if request else None)
    )
    matched = number(statistics.get("recordsMatched"))
    scanned = number(statistics.get("bytesScanned"))
    price = number(request.get("usdPerGb"))
    at_limit = rows is not None and limit is not None and rows >= limit
    truncated = rows is None or (at_limit and (matched is None or matched > rows))
    return {
        "file": file,
        "log_group": group,
        "function": log_group_function(group),
        "query": text,
        "start": utc_time(request.get("startTime")),
        "end": utc_time(request.get("endTime")),
        "rows": rows,
        "limit": limit,
        "records_matched": matched,
        "records_scanned": number(statistics.get("recordsScanned")),
        "bytes_scanned": scanned,
        "cost_usd": None if scanned is None else cost_usd(scanned, USD_PER_GB if price is None else price),
        "cached_at": utc_time(request.get("cachedAt")),
        "status": status,
        "truncated": truncated or status not in {"Complete", None},
    }


def _group(request: dict[str, Any]) -> str | None:
    """Return the log group of a query; None for several, where ``@log`` of each row names it."""
    group = request.get("logGroupName")
    if group:
        return resource_name(str(group))
    for key in ("logGroupNames", "logGroupIdentifiers"):
        groups = request.get(key)
        if isinstance(groups, list) and len(groups) == 1:
            return resource_name(str(groups[0]))
    return None


def _notes(
    raw: RawFile, query: dict[str, Any], request: dict[str, Any], *, has_next: bool
) -> Iterator[MessageText]:
    if not request:
        yield of_file(raw, "note-query-unknown")
    if has_next:
        yield of_file(raw, "note-query-page")
    if query["status"] not in {"Complete", None}:
        yield of_file(raw, "note-query-status", status=Code(str(query["status"])))
    elif query["rows"] and query["rows"] == query["limit"] and query["truncated"]:
        matched = query["records_matched"]
        if matched is None:
            yield of_file(raw, "note-query-limit", rows=int(query["rows"]))
        else:
            yield of_file(raw, "note-query-limit-matched", rows=int(query["rows"]), matched=int(matched))


_NO_FACTS = MessageFacts(kind="")
# Messages whose facts are remembered: an event is often part of the results of several queries.
_REMEMBERED_MESSAGES = 1 << 16


def events_of(
    raw: RawFile, items: Iterable[Any], values_of: Callable[[Any], dict[str, Any]], unexpected: list[Any]
) -> Events:
    """Return items as events; those that cannot become one are added to ``unexpected``.

    ``values_of`` returns the values of an item by field (``@timestamp``, ``@message``, …). A row without a
    message (of a ``stats`` query) keeps all of its values in ``others``; its time is its bin.
    """
    facts_of = _facts_in(raw)
    found = rows_from(items, lambda item: _event(values_of(item), facts_of), unexpected)
    return Events(*map(list, zip(*found, strict=True))) if found else Events(*([] for _ in Events._fields))


def event_columns(raw: RawFile, query: dict[str, Any], events: Events) -> dict[str, list[Any]]:
    """Return events of a file and their query, a row of ``log_queries``, as the columns of ``log_events``."""
    rows = len(events.messages)
    groups = [_group_name(str(group or query["log_group"] or "")) for group in events.groups]
    request_ids = zip(events.request_ids, events.facts, strict=True)
    return {
        "file": [raw.relative] * rows,
        "query_name": [query["query_name"]] * rows,
        "log_group": groups,
        "function": [log_group_function(group) for group in groups],
        "time": utc_microseconds([time or None for time in events.times]),
        "message": [text and text.rstrip("\r\n") for text in events.messages],
        "log_stream": events.streams,
        "request_id": [stated or facts.request_id for stated, facts in request_ids],
        "ptr": events.ptrs,
        **{name: list(map(attrgetter(name), events.facts)) for name in _FACTS},
        "fields": events.others,
    }


def _facts_in(raw: RawFile) -> Callable[[str | None, bool], MessageFacts]:
    """Return a function that classifies a message, for all files that are read together.

    Its second argument is whether the event states its request id, which then need not be looked for.
    """
    words = raw.settings.get("log_words", LogWords())

    @lru_cache(maxsize=_REMEMBERED_MESSAGES)
    def facts_of(message: str | None, states_request: bool) -> MessageFacts:
        if message is None:
            return _NO_FACTS
        return classify_message(message, words, "stated" if states_request else None)

    known: Callable[[str | None, bool], MessageFacts] = raw.known.setdefault((_facts_in, words), facts_of)
    return known


def _event(
    values: dict[str, Any], facts_of: Callable[[str | None, bool], MessageFacts]
) -> tuple[Any, str | None, MessageFacts, Any, Any, Any, Any, str | None]:
    """Return the fields of :class:`Events` of one event."""
    message = values.get("@message")
    if message is not None and not isinstance(message, str):
        message = json_text(message)
    request = values.get("@requestId")
    others = None
    if not _COLUMN_FIELDS.issuperset(values):
        others = json_text({name: values[name] for name in values if name not in _COLUMN_FIELDS})
    return (
        values.get("@timestamp") or _bin(values),
        message,
        facts_of(message, bool(request)),
        values.get("@logStream"),
        request,
        values.get("@ptr"),
        values.get("@log"),
        others,
    )


@lru_cache(maxsize=64)  # asked for each event of a log
def _group_name(log_group: str) -> str | None:
    """Return the name of a log group without the account id that ``@log`` has in front."""
    return re.sub(r"^\d{12}:", "", log_group) if log_group else None


def _cells(result: list[Any]) -> dict[str, Any]:
    """Return the values of a row by field; cells that are none are left out."""
    try:
        # As GetQueryResults writes every row; an import reads hundreds of thousands.
        return {cell["field"] + "": cell["value"] for cell in result}
    except (KeyError, TypeError):
        pass
    return {str(cell.get("field")): cell.get("value") for cell in result if isinstance(cell, dict)}


def _bin(values: dict[str, Any]) -> Any:
    """Return the first bin of a row, which is its time; None without any."""
    return next((value for name, value in values.items() if name.startswith("bin(")), None)


def finish(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows as they are, and a note on the bytes that all queries scanned and their cost."""
    if table != "log_queries" or not frame["bytes_scanned"].notna().any():
        return frame, []
    scanned, cost = float(frame["bytes_scanned"].sum()), float(frame["cost_usd"].sum())
    return frame, [note("note-queries-scanned", size=size_message(scanned), cost=usd_message(cost))]


def result_name(path: str) -> str:
    """Return the name of a result: its file name without folder and endings."""
    return unpacked_name(Path(path).name).removesuffix(".json")


def _entries(values: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    entries: list[dict[str, Any]] = []
    unexpected: list[Any] = []
    for value in values:
        items = value.get("queries", [value]) if isinstance(value, dict) else value
        for item in items if isinstance(items, list) else [items]:
            (entries if isinstance(item, dict) else unexpected).append(item)
    return entries, unexpected


def _query_beside(raw: RawFile) -> dict[str, Any] | None:
    """Return the entry of ``queries.json`` whose output is this file."""
    name = result_name(raw.name)
    for file in raw.beside("queries*.json", "*-queries.json"):
        if not is_queries(file):
            continue
        for entry in _entries(documents(file).values)[0]:
            if result_name(str(entry.get("output") or "")) == name:
                return entry
    return None


def is_queries(raw: RawFile) -> bool:
    """Return True when a file lists Insights queries."""
    return has_key(raw, "queryString") and not is_query_result(raw)


def is_query_result(raw: RawFile) -> bool:
    """Return True when a file is a response of GetQueryResults."""
    # --query may leave the rows alone, which are lists of cells, and an empty list of no rows.
    if re.match(rb'\s*\[\s*\[\s*\{\s*"(field|value)"', raw.head()):
        return True
    if raw.head().strip() == b"[]" and Path(raw.name).parent.name == "logs":
        return True
    return has_key(raw, "results") and (
        has_key(raw, "field", "recordsMatched", "status", "queryLanguage")
        or re.fullmatch(rb'\s*\{\s*"results"\s*:\s*\[\s*\]?.*', raw.head(), re.DOTALL) is not None
    )
