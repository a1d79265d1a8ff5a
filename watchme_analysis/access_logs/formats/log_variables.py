"""How the values of each variable of a ``log_format`` look.

Source: https://nginx.org/en/docs/http/ngx_http_core_module.html#variables and what other modules add.

From the variables of an access log to the columns of ``access_log``, one request at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple

from watchme_analysis.files.field_values import microseconds, number, whole_number

Kind = Literal["int", "decimal", "msec", "time_local", "time_iso8601", "address", "list", "token", "text"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        (
            "status",
            "body_bytes_sent",
            "bytes_sent",
            "request_length",
            "connection",
            "connection_requests",
            "pid",
            "remote_port",
            "server_port",
            "original_status",
            "bytes_total",
            "first_byte_us",
            "first_request_byte_us",
        ),
        "int",
    ),
    **dict.fromkeys(
        ("request_time", "request_time_ms", "request_time_us", "connection_time", "gzip_ratio"), "decimal"
    ),
    "msec": "msec",
    "time_local": "time_local",
    "time_iso8601": "time_iso8601",
    **dict.fromkeys(("remote_addr", "realip_remote_addr", "server_addr"), "address"),
    **dict.fromkeys(
        (
            "request_id",
            "host",
            "server_name",
            "scheme",
            "request_method",
            "server_protocol",
            "pipe",
            "hostname",
            "https",
            "http2",
            "http3",
            "ssl_protocol",
            "ssl_cipher",
            "ssl_session_reused",
            "upstream_cache_status",
            "nginx_version",
            "request_completion",
            "connection_status",
            # What the client says, whatever that is.
            "content_length",
        ),
        "token",
    ),
}
_LISTS = re.compile(
    r"upstream_(addr|status|(connect|header|response|first_byte|session|queue)_time|response_length"
    r"|bytes_(received|sent))"
)
ELEMENT = {"addr": rb"[^\s,\"]+?", "status": rb"\d+|-", "time": rb"\d+(?:\.\d+)?|-"}
_IPV4 = rb"\d{1,3}(?:\.\d{1,3}){3}"
_PART = rb"[0-9A-Fa-f]{1,4}"
# Whole, or with one gap: the beginning of one and another run together have two.
_IPV6 = rb"(?:(?:P:){6}(?:P:P|V)|(?:P(?::P){0,6})?::(?:(?:P:){0,6}(?:P|V))?)"
_IPV6 = _IPV6.replace(b"P", _PART).replace(b"V", _IPV4)
_ADDRESS = rb"-|unix:|" + _IPV4 + b"|" + _IPV6 + rb"(?:%\w+)?|[A-Za-z_][\w.-]*|(?:[\w-]+\.)+[A-Za-z][\w-]*"
PATTERNS: dict[str, bytes] = {
    "int": rb"-|\d+",
    "decimal": rb"-|\d+(?:\.\d+)?",
    "msec": rb"\d+\.\d+",
    "time_local": rb"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "time_iso8601": rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:\d\d|Z)",
    "address": _ADDRESS,
    "token": rb"[^\s\"]*?",
}
# Kinds whose values hardly any other text looks like, and how those look that don't.
SURE_PATTERNS = {
    "address": _IPV4 + b"|" + _IPV6,
    "msec": rb"\d{9,10}\.\d{3}",
    "time_local": PATTERNS["time_local"],
    "time_iso8601": PATTERNS["time_iso8601"],
}
# A byte of these times, and how far before their end it stands, in one way or the other to write them.
TIME_MARKS = {
    "msec": (ord("."), 4, 4),
    "time_local": (ord(":"), 9, 9),
    "time_iso8601": (ord(":"), 3, 4),
}


def kind_of(variable: str) -> Kind:
    """Return how a variable's values look; ``text`` for what clients, maps and applications name."""
    if _LISTS.fullmatch(variable):
        return "list"
    return _KINDS.get(variable, "text")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a plan: its name, how its values look, and whether quotation marks enclose it."""

    name: str
    kind: Kind
    quoted: bool


# Column: the variables that may fill it, the best first.
SINGLE: dict[str, tuple[str, ...]] = {
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
WHOLE: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "body_bytes": ("body_bytes_sent", "bytes_sent"),
    "request_length_bytes": ("request_length",),
}
TIMES = ("msec", "time_iso8601", "time_local", "time_text")
# How long a request took: variables and their parts of a second, the finest first.
DURATIONS = {"request_time_us": 1e6, "request_time_ms": 1e3, "request_time": 1.0}
SUMS = {
    "upstream_connect_time_s": "upstream_connect_time",
    "upstream_header_time_s": "upstream_header_time",
    "upstream_response_time_s": "upstream_response_time",
}
UPSTREAM = ("upstream_addr", "upstream_status", *SUMS.values())
_REQUEST_PARTS = ("request", "request_method", "request_uri", "uri", "document_uri", "args", "query_string")
_USED = {
    *(name for names in (*SINGLE.values(), *WHOLE.values()) for name in names[:1]),
    *TIMES,
    *UPSTREAM,
    *DURATIONS,
    "request",
}

_REQUEST = re.compile(
    r"(?P<method>[A-Z][A-Z0-9_-]*) (?P<target>\S(?:.*\S)?) (?P<protocol>HTTP/\d(?:\.\d)?)", re.DOTALL
)
_OLD_REQUEST = re.compile(r"(?P<method>[A-Z][A-Z0-9_-]*) (?P<target>/\S*)")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_SEPARATOR = re.compile(r", | : |,\s*$|\s:\s*$")

Values = Mapping[str, str | None]


def split_request(request: str) -> dict[str, str | None] | None:
    """Return method, path, query and protocol of a request line, None for garbage.

    A target that names a scheme and a host loses them. HTTP/0.9 requests have no protocol.
    """
    found = _REQUEST.fullmatch(request) or _OLD_REQUEST.fullmatch(request)
    if found is None:
        return None
    path, query = split_target(found["target"])
    protocol = found["protocol"] if "protocol" in found.re.groupindex else None
    return {"method": found["method"], "path": path, "query": query, "protocol": protocol}


def split_target(target: str) -> tuple[str | None, str | None]:
    """Return path and query of a request target; the query is None when there is none."""
    authority = _AUTHORITY.match(target)
    if authority is not None:
        target = target[authority.end() :] or "/"
    path, _, query = target.partition("?")
    return path or None, query or None


def split_list(value: str | None) -> list[str]:
    """Return the entries of an upstream variable, one for each try."""
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
        Variables of the format with their values; missing ones are None.
    zone
        Zone of times written without one.

    Raises
    ------
    ValueError
        When a value is not what its variable holds.
    """
    plan = _plan(tuple(values))
    row: dict[str, object] = {"time": _time(values, plan.times, zone)}
    used: set[str] = set()
    for columns, convert in ((plan.texts, str), (plan.wholes, whole_number)):
        for column, names in columns:
            # Mostly the first has a value, and a generator to find it takes a tenth of a row's time.
            name = names[0]
            if values[name] is None:
                name = next((name for name in names if values[name] is not None), "")
                if not name:
                    continue
            try:
                row[column] = convert(values[name])
            except ValueError as error:
                raise ValueError(f"${name}: {error}") from None
            # A second name for the same value says nothing more.
            if len(names) > 1:
                used.update(other for other in names if values[other] == values[name])
    taken = _decimal(plan.duration, values.get(plan.duration))
    row["request_time_s"] = None if taken is None else taken / DURATIONS[plan.duration]
    row.update(_request(values, plan.request, used))
    row.update(upstream_columns(values))
    further = {name: values[name] for name in plan.others if values[name] is not None and name not in used}
    row["extra"] = json.dumps(further, sort_keys=True, ensure_ascii=False) if further else None
    return row


class _Plan(NamedTuple):
    """Which of the variables of a line fill which column.

    Attributes
    ----------
    texts, wholes
        Columns and the variables that may fill them, the best first.
    times
        Variables with a time, the best first.
    duration
        The one with the time that the request took.
    request
        Those that may repeat a part of the request.
    others
        Those that stand in ``extra``, unless they fill a column or repeat what does.
    """

    texts: tuple[tuple[str, tuple[str, ...]], ...]
    wholes: tuple[tuple[str, tuple[str, ...]], ...]
    times: tuple[str, ...]
    duration: str
    request: tuple[str, ...]
    others: tuple[str, ...]


@lru_cache(maxsize=256)
def _plan(names: tuple[str, ...]) -> _Plan:
    """Return the plan of lines with these variables: lines of a format all have the same."""
    texts, wholes = (
        tuple(
            (column, found)
            for column, candidates in columns.items()
            if (found := tuple(name for name in candidates if name in names))
        )
        for columns in (SINGLE, WHOLE)
    )
    # What alone can fill a column does.
    sole = {found[0] for _, found in (*texts, *wholes) if len(found) == 1}
    return _Plan(
        texts,
        wholes,
        tuple(name for name in TIMES if name in names),
        next((name for name in DURATIONS if name in names), "request_time"),
        tuple(name for name in _REQUEST_PARTS if name in names and name != "request"),
        tuple(name for name in names if name and name not in _USED and name not in sole),
    )


def _time(values: Values, names: Sequence[str], zone: tzinfo) -> int | None:
    found: int | None = None
    for name in names:
        value = values[name]
        if value is None:
            continue
        moment = microseconds(value, zone)
        if moment is None:
            raise ValueError(f"${name}: {value!r} is no time")
        found = moment if found is None else found
    return found


def _decimal(name: str, value: str | None) -> float | None:
    try:
        return number(value)
    except ValueError as error:
        raise ValueError(f"${name}: {error}") from None


def _request(values: Values, repeating: Sequence[str], used: set[str]) -> dict[str, object]:
    whole = values.get("request")
    parts = split_request(whole) if whole is not None else None
    if parts is not None:
        target = f"{parts['path']}?{parts['query']}" if parts["query"] else parts["path"]
        said = (target, parts["method"], parts["query"], parts["path"])
        used.update(name for name in repeating if values[name] in said)
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
    target = next((name for name in ("request_uri", "uri", "document_uri") if values.get(name)), None)
    if target is not None:
        used.add(target)
        row["path"], row["query"] = split_target(str(values[target]))
    query = next((name for name in ("args", "query_string") if values.get(name)), None)
    if query is not None and row.get("query") in (None, values[query]):
        used.add(query)
        row["query"] = values[query]
    return row


def upstream_columns(values: Values) -> dict[str, object]:
    """Return the columns that upstream variables fill: sums over the tries, the last one, how many, all raw.

    Raises
    ------
    ValueError
        When a value is not what its variable holds.
    """
    row: dict[str, object] = {}
    present = [name for name in UPSTREAM if name in values]
    if not present:
        return row
    lists = {name: split_list(values[name]) for name in present}
    row["upstream_tries"] = tries = max(len(entries) for entries in lists.values())
    for column, name in SUMS.items():
        numbers = [_decimal(name, entry) for entry in lists.get(name, ())]
        known = [value for value in numbers if value is not None]
        # Rounded to the precision of the log, so that a sum of decimals is the decimal it stands for.
        row[column] = round(sum(known), 6) if known else None
    addresses = lists.get("upstream_addr")
    if addresses:
        row["upstream_addr"] = None if addresses[-1] == "-" else addresses[-1]
    statuses = lists.get("upstream_status")
    if statuses:
        try:
            row["upstream_status"] = whole_number(statuses[-1])
        except ValueError as error:
            raise ValueError(f"$upstream_status: {error}") from None
    if tries > 1:
        logged = {name: values[name] for name in present if values[name] is not None}
        row["upstream_raw"] = json.dumps(logged, sort_keys=True, ensure_ascii=False)
    return row
