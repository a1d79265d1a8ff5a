"""Lines that no plan describes, as variables: the texts and JSON objects of `known_formats`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from watchme_analysis.access_logs.formats.known_formats import KnownFormat, json_formats, text_formats
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.lines import decoded
from watchme_analysis.text.render import error_message
from watchme_analysis.values import duration_s, microseconds, number, span_ms

Values = dict[str, Any]

_LONG = 1 << 13
_NOTHING = (None, "", "-", "-1")
_DAY_S = 86_400
# Variables that hold durations, and the decimals by which the units at the end of their names shift a point.
_DURATION = re.compile(
    r"(?P<name>request_time|upstream_(?:connect|header|response)_time|_\w+?)(?:_(?P<unit>ms|us|ns|s))?"
)
_UNITS_S = {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1.0, None: 1.0}
# The host in the absolute target of a request.
_AUTHORITY = re.compile(r"(?:[A-Z]+ )?[a-z]+://(?P<host>\[[^\]]+\]|[^/:?# ]+)")
_BLANK = re.compile(rb"[ \t]")
_SCHEME = re.compile(r"^[a-z]+://(?=.)")
# A blank before the zone of an ISO time.
_WIDE_ZONE = re.compile(r"^(\d{4}[-/].*) (?=(?:Z|[+-]\d\d:?\d\d)$)")
# Variables with which a request's time is computed, which stay in ``extra`` under the names of their keys.
_MOMENTS = ("start", "end", "first_byte_ms")


def text_values(line: bytes, zone: tzinfo) -> tuple[str, Values] | None:
    """Return the program that wrote a line, and the line's variables; None for another program.

    ``line``: a line without the prefix of syslog or a container runtime; ``zone``: zone of times that state
    none, such as those of HAProxy and uWSGI. Raises ValueError if a time is invalid, or the line consists of
    two merged lines.
    """
    # No line begins with so long a word, over which each pattern would backtrack byte by byte.
    if not _BLANK.search(line[:_LONG]):
        return None
    text = decoded(line)
    for known in text_formats():
        values = text_values_by(known, text, zone)
        if values is not None:
            return known.name, values
    return None


def text_values_by(known: KnownFormat, text: str, zone: tzinfo) -> Values | None:
    """Return the variables of a line in a format; None for another line.

    Raises ValueError if a time is invalid, or the line consists of two merged lines.
    """
    if known.contains not in text:
        return None
    found = (known.pattern if len(text) < _LONG else known.narrow_pattern).fullmatch(text)
    if found is None:
        return None
    first = known.line_start.search(text) if known.line_start is not None else None
    if known.line_start is not None and first and known.line_start.search(text, first.start() + 1):
        raise ValueError(reject_reason("reject-another-line"))
    return _completed(known, {name: _plain(value) for name, value in found.groupdict().items()}, zone)


def _plain(value: str | None) -> str | None:
    """Return a value without quotation marks, or None for a missing one."""
    if value is not None and value.startswith('"') and value.endswith('"') and len(value) > 1:
        value = value[1:-1]
    return None if value in _NOTHING else value


def json_format_of(record: Mapping[str, Any]) -> KnownFormat | None:
    """Return the format of a JSON object, by the dotted paths of its keys; None for another program."""
    return next((known for known in json_formats() if known.marks <= record.keys()), None)


def json_values(known: KnownFormat, record: Mapping[str, Any]) -> Values:
    """Return the variables of a JSON object, with times in seconds; unknown keys keep their names.

    Raises ValueError if a time is invalid, or not in the program's unit.
    """
    values: Values = {}
    for key, variable in known.keys.items():
        if key not in record:
            continue
        value = record[key]
        if isinstance(variable, re.Pattern):
            found = variable.fullmatch(str(value))
            if found is not None and values.keys().isdisjoint(found.groupdict()):
                values.update(found.groupdict())
                continue
        elif values.get(variable) in _NOTHING:
            if _is_duration(variable):
                _check_duration(key, variable, value)
            elif isinstance(value, list):
                # A header that occurred several times.
                value = ", ".join(map(str, value))
            values[variable] = value
            continue
        values.setdefault(key, value)
    values = {**{key: value for key, value in record.items() if key not in known.keys}, **values}
    for key, variable in known.keys.items():
        if variable in _MOMENTS and key in record:
            values[key] = record[key]
    return _completed(known, values, UTC)


def keys_of_duration(known: KnownFormat) -> list[str]:
    """Return the keys in which a program that logs JSON writes the time of a request."""
    return [key for key, variable in known.keys.items() if str(variable).startswith("request_time")]


def _check_duration(key: str, variable: str, value: Any) -> None:
    """Raise an error for a duration that is no number, or a whole number of too many seconds."""
    if duration_s(value) is not None:
        return
    try:
        number(value)
    except ValueError as error:
        raise ValueError(error_message("problem-of", of=key, problem=error)) from None
    if variable == _named(variable)[0] and isinstance(value, int) and value >= _DAY_S:
        problem = error_message("value-no-seconds", value=value)
        raise ValueError(error_message("problem-of", of=key, problem=problem))


@lru_cache(maxsize=1024)
def _is_duration(variable: str) -> bool:
    return _DURATION.fullmatch(variable) is not None


@lru_cache(maxsize=1024)
def _named(variable: str) -> tuple[str, float]:
    """Return the name of a duration without its unit, and its units per second."""
    found = _DURATION.fullmatch(variable)
    return (found["name"], _UNITS_S[found["unit"]]) if found else (variable, 1.0)


def _completed(known: KnownFormat, values: Values, zone: tzinfo) -> Values:
    """Return variables with durations in seconds, with sums, and with the time at which the request ended."""
    seconds = _durations(known, values)
    began = values.pop("start", None)
    end, logged = (_moment(known, values.pop(name, None), zone) for name in ("end", "time_text"))
    ended = end if logged is None else logged
    try:
        start = _moment(known, began, zone)
    except ValueError:
        if ended is None:
            raise
        start = None
    first_byte = number(values.pop("first_byte_ms", None))
    if start is not None and end is not None and "request_time" not in seconds and start <= end:
        spent = span_ms(start, end, first_byte)
        if spent is not None:
            seconds["request_time"] = spent / 1e3
    if ended is None and start is not None:
        ended = start + round(seconds.get("request_time", 0.0) * 1e6)
    if ended is not None:
        whole, part = divmod(ended, 10**6)
        values["msec"] = f"{whole}.{part:06}"
    values.update({name: f"{taken:.9f}" for name, taken in seconds.items() if not name.startswith("_")})
    if values.get("upstream_status") in (0, "0"):
        # A request without an upstream.
        values["upstream_status"] = None
    if values.get("upstream_addr"):
        # Traefik logs a URL, and so did Envoy before version 1.10.
        values["upstream_addr"] = _SCHEME.sub("", str(values["upstream_addr"]))
    if values.get("remote_addr"):
        values["remote_addr"] = without_port(values["remote_addr"])
    target = str(values.get("request_uri") or values.get("request"))
    if "://" in target and not values.get("host") and (authority := _AUTHORITY.match(target)):
        values["host"] = authority["host"]
    return values


def _durations(known: KnownFormat, values: Values) -> dict[str, float]:
    """Return the durations among the variables in seconds, with the sums of the format, and remove them."""
    seconds: dict[str, float] = {}
    for variable in [*filter(_is_duration, values)]:
        name, per_second = _named(variable)
        value = values.pop(variable)
        # Few values have a unit, and a pattern takes longer than a number.
        taken = duration_s(value) if isinstance(value, str) and value[-1:] == "s" else None
        if taken is None and (count := number(value)) is not None:
            taken = count / per_second
        if taken is not None:
            seconds[name] = taken
    for variable, parts in known.sums.items():
        if all(name in seconds for _, name in parts):
            seconds[variable] = sum(sign * seconds[name] for sign, name in parts)
    return seconds


def _moment(known: KnownFormat, value: Any, zone: tzinfo) -> int | None:
    """Return a time in microseconds since the epoch; None for a missing one.

    Raises ValueError if the value is no time.
    """
    if value in _NOTHING or value == 0:
        return None
    found = None
    if known.time_format is None:
        found = microseconds(value, zone)
        if found is None and isinstance(value, str):
            found = microseconds(_WIDE_ZONE.sub(r"\1", " ".join(value.split())), zone)
    else:
        try:
            moment = datetime.strptime(str(value), known.time_format)
        except ValueError:
            moment = None
        if moment is not None:
            found = microseconds((moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat())
    if found is None:
        raise ValueError(error_message("value-no-time", value=repr(value)))
    return found


def without_port(address: Any) -> Any:
    """Return an address without its port; an IPv6 address with a port has brackets."""
    text = str(address)
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]")
    return address
