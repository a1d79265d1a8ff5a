"""The variable of a log format that fills each column of ``access_log``.

:func:`column_sources` returns it for the variables of a format. All readers use it: :func:`row_of` for one
request (the reference parser), `engine.program` for the compiled and the Arrow parser, and `athena` for SQL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache

from watchme_analysis.files.field_values import microseconds, number, whole_number
from watchme_analysis.files.request_line import split_request, split_target
from watchme_analysis.text.render import error_message

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

Values = Mapping[str, str | None]


@dataclass(frozen=True)
class ColumnSources:
    """The variables of a format that fill each column.

    Attributes
    ----------
    names
        Variables of the format.
    texts, integers
        Columns and the variables of the format that may fill them, in order of preference; empty for none.
    times
        Variables with the time, in order of preference.
    duration
        The variable with the duration of the request; None without one.
    upstream
        Variables about the upstream.
    upstream_times
        Columns that are sums over all tries, and their variables.
    request
        The variable with the request line or, without one, the first with the target; None without either.
    further
        Variables that fill no column primarily. They are stored in ``extra`` unless they replace a missing
        value of a column or repeat the value of a column.
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

    @property
    def has_several_targets(self) -> bool:
        """Return whether a target may replace another that is missing."""
        return len(self.present(TARGETS)) > 1


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


def row_of(values: Values, zone: tzinfo) -> dict[str, object]:
    """Return a request's columns, times as microseconds since the epoch.

    Parameters
    ----------
    values
        Variables of the format with their values; missing values are None.
    zone
        Zone of times without a zone.

    Raises
    ------
    ValueError
        If a value is invalid for its variable.
    """
    sources = column_sources(tuple(values))
    row: dict[str, object] = {"time": _time(values, sources.times, zone)}
    used: set[str] = set()
    for columns, convert in ((sources.texts, str), (sources.integers, whole_number)):
        for column, names in columns.items():
            if not names:
                continue
            # The first variable usually has a value, and a generator would take a tenth of a row's time.
            name = names[0]
            if values[name] is None:
                name = next((name for name in names if values[name] is not None), "")
                if not name:
                    continue
            try:
                row[column] = convert(values[name])
            except ValueError as error:
                raise ValueError(error_message("problem-of", of=f"${name}", problem=error)) from None
            # A second variable with the same value adds no information.
            if len(names) > 1:
                used.update(other for other in names if values[other] == values[name])
    duration = sources.duration
    taken = None if duration is None else _decimal(duration, values[duration])
    row["request_time_s"] = None if taken is None or duration is None else taken / DURATIONS[duration]
    row.update(_request(values, sources, used))
    row.update(upstream_columns(values))
    further = {
        name: values[name] for name in sources.further if values[name] is not None and name not in used
    }
    row["extra"] = json.dumps(further, sort_keys=True, ensure_ascii=False) if further else None
    return row


def _time(values: Values, names: Sequence[str], zone: tzinfo) -> int | None:
    found: int | None = None
    for name in names:
        value = values[name]
        if value is None:
            continue
        moment = microseconds(value, zone)
        if moment is None:
            problem = error_message("value-no-time", value=repr(value))
            raise ValueError(error_message("problem-of", of=f"${name}", problem=problem))
        found = moment if found is None else found
    return found


def _decimal(name: str, value: str | None) -> float | None:
    try:
        return number(value)
    except ValueError as error:
        raise ValueError(error_message("problem-of", of=f"${name}", problem=error)) from None


def _request(values: Values, sources: ColumnSources, used: set[str]) -> dict[str, object]:
    """Return the columns of the request line, and add to ``used`` the variables that repeat a part of it."""
    whole = values.get("request")
    parts = split_request(whole) if whole is not None else None
    if parts is not None:
        target = f"{parts['path']}?{parts['query']}" if parts["query"] else parts["path"]
        repeated = (target, parts["method"], parts["query"], parts["path"])
        names = (*TARGETS, *QUERIES, "request_method")
        used.update(name for name in names if values.get(name) in repeated)
        if values.get("server_protocol") == parts["protocol"]:
            used.add("server_protocol")
        return dict(parts)
    row: dict[str, object] = {"request": whole}
    if values.get("request_method") is not None:
        row["method"] = values["request_method"]
        used.add("request_method")
    if values.get("server_protocol") is not None:
        row["protocol"] = values["server_protocol"]
        used.add("server_protocol")
    found = next((name for name in TARGETS if values.get(name)), None)
    if found is not None:
        used.add(found)
        row["path"], row["query"] = split_target(str(values[found]))
    query = next((name for name in QUERIES if values.get(name)), None)
    if query is not None and row.get("query") in (None, values[query]):
        used.add(query)
        row["query"] = values[query]
    return row


def upstream_columns(values: Values) -> dict[str, object]:
    """Return the columns of upstream variables: sums over tries, last values, number of tries, raw values.

    Raises
    ------
    ValueError
        If a value is invalid for its variable.
    """
    row: dict[str, object] = {}
    present = [name for name in UPSTREAM if name in values]
    if not present:
        return row
    lists = {name: split_list(values[name]) for name in present}
    row["upstream_tries"] = tries = max(len(entries) for entries in lists.values())
    for column, name in UPSTREAM_TIMES.items():
        numbers = [_decimal(name, entry) for entry in lists.get(name, ())]
        known = [value for value in numbers if value is not None]
        # Rounded to the precision of the log, to remove the error of floating point sums.
        row[column] = round(sum(known), 6) if known else None
    addresses = lists.get("upstream_addr")
    if addresses:
        row["upstream_addr"] = None if addresses[-1] == "-" else addresses[-1]
    statuses = lists.get("upstream_status")
    if statuses:
        try:
            row["upstream_status"] = whole_number(statuses[-1])
        except ValueError as error:
            raise ValueError(error_message("problem-of", of="$upstream_status", problem=error)) from None
    if tries > 1:
        logged = {name: values[name] for name in present if values[name] is not None}
        row["upstream_raw"] = json.dumps(logged, sort_keys=True, ensure_ascii=False)
    return row
