"""The variable of a log format that fills each column of ``access_log``.

:func:`column_sources` returns it for the variables of a format. All readers use it: :func:`columns_of` and
:func:`row_of` for values as texts (the reference parser), `engine.program` for the compiled parser, and
`athena` for SQL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache, partial, reduce
from typing import Any

from watchme_analysis.text.render import error_message
from watchme_analysis.values import microseconds, number, split_request, split_target, whole_number

# Text and integer columns, and the variables that may fill each of them, in order of preference.
TEXT_SOURCES: dict[str, tuple[str, ...]] = {
    "request_id": ("request_id", "req_id"),
    "edge_ray_id": (
        "http_cf_ray",
        "http_x_amz_cf_id",
        "http_x_amzn_trace_id",
        "http_x_cloud_trace_context",
        "http_x_request_id",
        "http_x_correlation_id",
    ),
    "client_addr": (
        "http_cf_connecting_ip",
        "http_true_client_ip",
        "remote_addr",
        "http_x_real_ip",
        "http_x_forwarded_for",
    ),
    "remote_user": ("remote_user",),
    "cache_status": ("upstream_cache_status",),
    "host": ("host", "http_host", "server_name"),
    "referer": ("http_referer",),
    "user_agent": ("http_user_agent",),
}
INTEGER_SOURCES: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "body_bytes": ("body_bytes_sent", "bytes_sent"),
    "request_length_bytes": ("request_length",),
}
# Variables that hold the time at which a request ended, the most precise first.
TIMES = ("msec", "time_iso8601", "time_local", "time_text")
# Variables with the duration of a request, and their units per second, the most precise first.
DURATIONS = {"request_time_us": 1e6, "request_time_ms": 1e3, "request_time": 1.0}
# Columns that are sums over all tries of a request, and their variables.
UPSTREAM_TIMES = {
    "upstream_connect_time_s": "upstream_connect_time",
    "upstream_header_time_s": "upstream_header_time",
    "upstream_response_time_s": "upstream_response_time",
}
UPSTREAM = ("upstream_addr", "upstream_status", *UPSTREAM_TIMES.values())
# Variables that hold the target of a request, and its query.
TARGETS = ("request_uri", "uri", "document_uri")
QUERIES = ("args", "query_string")
# Variables that may repeat a part of the request line.
REQUEST_PARTS = (*TARGETS, *QUERIES, "request_method", "server_protocol")
_SEPARATOR = re.compile(r", | : |,\s*$|\s:\s*$")

# The columns of a request line.
_REQUEST_COLUMNS = ("method", "path", "query", "protocol", "request")

Values = Mapping[str, str | None]
Texts = Sequence[str | None]


@dataclass(frozen=True)
class ColumnSources:
    """The variables of a format that fill each column.

    - ``names``: variables of the format.
    - ``texts``, ``integers``: columns and the variables of the format that may fill them, in order of
      preference; empty for none.
    - ``times``: variables with the time, in order of preference.
    - ``duration``: the variable with the duration of the request; None without one.
    - ``upstream``: variables about the upstream.
    - ``upstream_times``: columns that are sums over all tries, and their variables.
    - ``request``: the variable with the request line or, without one, the first with the target; None without
      either.
    - ``further``: variables that fill no column primarily. They are stored in ``extra`` unless they replace a
      missing value of a column or repeat the value of a column.
    """

    names: tuple[str, ...]
    texts: Mapping[str, tuple[str, ...]]
    integers: Mapping[str, tuple[str, ...]]
    times: tuple[str, ...]
    duration: str | None
    upstream: tuple[str, ...]
    upstream_times: Mapping[str, str]
    request: str | None
    further: tuple[str, ...]

    def present(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the subset of some variables that the format has."""
        return tuple(name for name in names if name in self.names)

    @property
    def repeats_request(self) -> bool:
        """Return whether the format has a request line and variables that may repeat parts of it."""
        return self.request == "request" and bool(self.present(REQUEST_PARTS))


@lru_cache(maxsize=256)
def column_sources(names: tuple[str, ...]) -> ColumnSources:
    """Return the variables of a format that fill each column; cached, since all its lines have the same."""
    texts, integers = (
        {column: tuple(name for name in candidates if name in names) for column, candidates in table.items()}
        for table in (TEXT_SOURCES, INTEGER_SOURCES)
    )
    request = next((name for name in ("request", *TARGETS) if name in names), None)
    first = {name for found in (*texts.values(), *integers.values()) for name in found[:1]}
    used = {*first, *TIMES, *UPSTREAM, *DURATIONS, request}
    if request != "request":
        used |= {"request_method", "server_protocol"}
    return ColumnSources(
        names=names,
        texts=texts,
        integers=integers,
        times=tuple(name for name in TIMES if name in names),
        duration=next((name for name in DURATIONS if name in names), None),
        upstream=tuple(name for name in UPSTREAM if name in names),
        upstream_times={column: name for column, name in UPSTREAM_TIMES.items() if name in names},
        request=request,
        further=tuple(name for name in names if name and name not in used),
    )


def split_list(value: str | None) -> list[str]:
    """Return the entries of an upstream variable, one per try."""
    if value is None:
        return []
    if "," not in value and len(words := value.split()) < 2:
        return words
    return [entry.strip() for entry in _SEPARATOR.split(value) if entry.strip()]


def row_of(values: Values, zone: tzinfo) -> dict[str, Any]:
    """Return a request's columns: :func:`columns_of` for a single request."""
    columns = columns_of({name: (value,) for name, value in values.items()}, zone)
    return {column: found[0] for column, found in columns.items()}


def columns_of(values: Mapping[str, Texts], zone: tzinfo) -> dict[str, Sequence[Any]]:
    """Return the columns of requests of one format, times as microseconds since the epoch.

    ``values``: variables of the format with their value in each request; missing values are None; ``zone``:
    zone of times without a zone.

    Values of each column; columns without a source may be missing. Raises ValueError if a value is invalid
    for its variable.
    """
    sources = column_sources(tuple(values))
    # Variables that add nothing to the columns of a request, by request.
    repeated: list[set[str]] = [set() for _ in next(iter(values.values()))] if sources.further else []
    columns: dict[str, Sequence[Any]] = {}
    times = [_each(name, partial(_time, zone=zone), values[name]) for name in sources.times]
    if times:
        columns["time"] = reduce(_preferred, times)
    for column, names in sources.texts.items():
        if names:
            columns[column] = _chosen(values, names, repeated)
    for column, names in sources.integers.items():
        if names:
            columns[column] = _each(names[0], whole_number, values[names[0]])
            _chosen(values, names, repeated)
        # Only a missing value is replaced, so the value that replaces none may be invalid.
        chosen = values[names[0]] if names else ()
        for name in names[1:]:
            needed = [
                value if text is None else None for text, value in zip(chosen, values[name], strict=True)
            ]
            columns[column] = _preferred(columns[column], _each(name, whole_number, needed))
            chosen = _preferred(chosen, needed)
    if sources.duration is not None:
        taken = _each(sources.duration, number, values[sources.duration])
        unit = DURATIONS[sources.duration]
        columns["request_time_s"] = [None if value is None else value / unit for value in taken]
    columns.update(_request_columns(values, sources, repeated))
    if sources.upstream:
        columns.update(_upstream_columns(values, sources))
    if sources.further:
        rows = zip(*(values[name] for name in sources.further), strict=True)
        columns["extra"] = [
            _json_object(
                {name: value for name, value in zip(sources.further, row, strict=True) if name not in known}
            )
            for row, known in zip(rows, repeated, strict=True)
        ]
    return columns


def _each(name: str, convert: Callable[[str | None], Any], texts: Texts) -> list[Any]:
    """Return the converted values of a variable; many values of a log are equal, and are converted once."""
    try:
        known = {text: convert(text) for text in set(texts)}
    except ValueError as error:
        raise ValueError(error_message("problem-of", of=f"${name}", problem=error)) from None
    return [known[text] for text in texts]


def _preferred(first: Sequence[Any], second: Sequence[Any]) -> Sequence[Any]:
    """Return values, with those of a second sequence where they are missing."""
    return [other if value is None else value for value, other in zip(first, second, strict=True)]


def _chosen(values: Mapping[str, Texts], names: Sequence[str], repeated: Sequence[set[str]]) -> Texts:
    """Return the first known value of each request, after adding other variables with the same value."""
    chosen: Texts = reduce(_preferred, (values[name] for name in names))
    # A second variable with the same value adds no information.
    for name in names[1:]:
        for known, value, text in zip(repeated, values[name], chosen, strict=True):
            if value == text:
                known.add(name)
    return chosen


def _json_object(values: Values) -> str | None:
    """Return the known values as a JSON object, None without any."""
    known = {name: value for name, value in values.items() if value is not None}
    return json.dumps(known, sort_keys=True, ensure_ascii=False) if known else None


def _time(value: str | None, zone: tzinfo) -> int | None:
    moment = microseconds(value, zone)
    if moment is None and value is not None:
        raise ValueError(error_message("value-no-time", value=repr(value)))
    return moment


def _request_columns(
    values: Mapping[str, Texts], sources: ColumnSources, repeated: Sequence[set[str]]
) -> dict[str, Sequence[Any]]:
    """Return the columns of the request line, after adding the variables that repeat a part of it."""
    names = sources.present(("request", *REQUEST_PARTS))
    if not names:
        return {}
    rows = [*zip(*(values[name] for name in names), strict=True)]
    known = {row: _request(dict(zip(names, row, strict=True))) for row in set(rows)}
    for row, unneeded in zip(rows, repeated, strict=False):
        unneeded.update(known[row][1])
    parts = [known[row][0] for row in rows]
    return {column: [part.get(column) for part in parts] for column in _REQUEST_COLUMNS}


def _request(values: Values) -> tuple[Mapping[str, str | None], set[str]]:
    """Return the columns of a request line, and the variables that repeat a part of it."""
    whole = values.get("request")
    parts = split_request(whole) if whole is not None else None
    if parts is not None:
        if len(values) == 1:
            return parts, set()
        target = f"{parts['path']}?{parts['query']}" if parts["query"] else parts["path"]
        repeated = (target, parts["method"], parts["query"], parts["path"])
        names = (*TARGETS, *QUERIES, "request_method")
        used = {name for name in names if values.get(name) in repeated}
        if values.get("server_protocol") == parts["protocol"]:
            used.add("server_protocol")
        return parts, used
    row: dict[str, str | None] = {"request": whole}
    used = set()
    for column, name in (("method", "request_method"), ("protocol", "server_protocol")):
        if values.get(name) is not None:
            row[column] = values[name]
            used.add(name)
    found = next((name for name in TARGETS if values.get(name)), None)
    if found is not None:
        used.add(found)
        row["path"], row["query"] = split_target(str(values[found]))
    query = next((name for name in QUERIES if values.get(name)), None)
    if query is not None and row.get("query") in (None, values[query]):
        used.add(query)
        row["query"] = values[query]
    return row, used


def _upstream_columns(values: Mapping[str, Texts], sources: ColumnSources) -> dict[str, Sequence[Any]]:
    """Return the columns of upstream variables: sums over tries, last values, number of tries, raw values.

    Raises ValueError if a value is invalid for its variable.
    """
    present = sources.upstream
    columns: dict[str, Sequence[Any]] = {
        column: _each(name, _total, values[name]) for column, name in sources.upstream_times.items()
    }
    if "upstream_addr" in values:
        columns["upstream_addr"] = _each("upstream_addr", _last_address, values["upstream_addr"])
    if "upstream_status" in values:
        columns["upstream_status"] = _each("upstream_status", _last_status, values["upstream_status"])
    counts = (_each(name, _count, values[name]) for name in present)
    columns["upstream_tries"] = tries = [max(row) for row in zip(*counts, strict=True)]
    rows = zip(*(values[name] for name in present), strict=True)
    columns["upstream_raw"] = [
        _json_object(dict(zip(present, row, strict=True))) if count > 1 else None
        for row, count in zip(rows, tries, strict=True)
    ]
    return columns


def _count(value: str | None) -> int:
    return len(split_list(value))


def _total(value: str | None) -> float | None:
    known = [taken for taken in map(number, split_list(value)) if taken is not None]
    # Rounded to the precision of the log, to remove the error of floating point sums.
    return round(sum(known), 6) if known else None


def _last_address(value: str | None) -> str | None:
    entries = split_list(value)
    return entries[-1] if entries and entries[-1] != "-" else None


def _last_status(value: str | None) -> int | None:
    entries = split_list(value)
    return whole_number(entries[-1]) if entries else None
