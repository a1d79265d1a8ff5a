"""Access logs in JSON: parsed by the format that wrote them, or by the usual names of keys.

Log shippers reorder keys and add their own, so no format describes their lines. Nevertheless a program writes
all its lines alike: :func:`shape_of` derives a format from a line's shape, which both parsers support.
Lines of another shape are left to the reference parser, which uses their keys.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from watchme_analysis.access_logs.formats.column_sources import DURATIONS, TIMES
from watchme_analysis.access_logs.formats.log_format import LogFormat, assemble
from watchme_analysis.access_logs.formats.log_variables import kind_of
from watchme_analysis.access_logs.formats.program_lines import json_format_of, json_values, keys_of_duration
from watchme_analysis.access_logs.formats.variable_names import (
    DURATION_LABELS,
    VARIABLE_OF_LABEL,
    adapted,
    is_target,
    plain_label,
)
from watchme_analysis.files.json_values import json_value
from watchme_analysis.files.lines import decoded
from watchme_analysis.files.time_columns import is_zoned_time

_WHOLE_VALUE = re.compile(r"\$\{?(\w+)\}?")


def unescape(value: bytes) -> str:
    r"""Return the original of a value written with ``escape=json``; unchanged if an escape is invalid."""
    if b"\\" in value:
        try:
            return str(json_value(b'"' + value + b'"'))
        except ValueError:
            pass
    return decoded(value)


def keys_of(log_format: LogFormat) -> dict[str, str]:
    """Return the variable of each key of a JSON format, by the key's dotted path."""
    # Numbers are written without quotation marks; with them, the format itself is valid JSON.
    text = re.sub(r"(?<=[:\[,])\s*(\$\{?\w+\}?)(?=\s*[,}\]])", r'"\1"', log_format.text)
    try:
        template = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(template, dict):
        return {}
    found = {}
    for key, value in flattened(template).items():
        variable = _WHOLE_VALUE.fullmatch(str(value))
        if variable:
            found[key] = variable[1]
    return found


def values_of(line: bytes, keys: dict[str, str]) -> dict[str, str | None] | None:
    """Return the variables of a JSON line, None when the line is not an object.

    Without keys of a format, lines of a program in `known_formats` are read by its keys.

    ``keys``: variables by key, from :func:`keys_of`. Other keys are recognized by their usual names, and
    unknown keys keep their names. Raises ValueError if a known program's line has an invalid time.
    """
    try:
        record = json_value(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    flat = flattened(record)
    known = None if keys else json_format_of(flat)
    if known is not None:
        return {name: _text(value) for name, value in json_values(known, flat).items()}
    values: dict[str, str | None] = {}
    for key, value in flat.items():
        name = variable_of(key, keys)
        if name in values and values[name] is not None:
            name = key
        values[name] = _text(value)
    return adapted(values, keys.values())


def keys_in(line: bytes) -> list[str]:
    """Return the dotted paths of the keys of a line, an object."""
    return [*flattened(json_value(line))]


def is_of_program(line: bytes) -> bool:
    """Return whether a line, an object, was written by a program of `known_formats`."""
    return json_format_of(flattened(json_value(line))) is not None


def time_keys(line: bytes) -> list[str] | None:
    """Return the keys in which the program that wrote a line logs the time of a request.

    None if the line, with or without a prefix, was written by no program of `known_formats`.
    """
    try:
        record = json_value(line[line.find(b"{") :])
    except ValueError:
        return None
    known = json_format_of(flattened(record)) if isinstance(record, dict) else None
    return None if known is None else keys_of_duration(known)


def variable_of(key: str, keys: dict[str, str]) -> str:
    """Return the variable of a key, by its dotted path; the key itself when unknown."""
    return keys.get(key) or VARIABLE_OF_LABEL.get(plain_label(key), key)


def is_request(values: dict[str, str | None]) -> bool:
    """Return whether the variables describe a request: a status, and a target or a request line."""
    return "status" in values and any(name in values for name in ("request", "request_uri"))


def flattened(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of an object and of the objects in it, by dotted path."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value:
            found.update(flattened(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def _text(value: object) -> str | None:
    if value is None or value in ("", "-"):
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


# Keys that are stored in ``extra`` unchanged, and values without escapes.
_KEY = re.compile(rb'\s*"([\w.@$/-]+)"\s*:\s*', re.ASCII)
_VALUE = re.compile(rb'"[^"\\\x00-\x1f\x7f]*"|(?:0|[1-9]\d*)(?:\.\d+)?(?=[\s,}])')
_OPENING = re.compile(rb"\{")
_MARK = re.compile(rb"\s*([,}])")
_EPOCH = re.compile(rb"\d{10}\.\d{1,6}")


def shape_of(line: bytes, keys: dict[str, str]) -> LogFormat | None:
    """Return the plan of lines with the shape of a line, None if only the reference parser supports it.

    ``line``: an object of texts and numbers, possibly nested; ``keys``: variables by key, as for
    :func:`values_of`.
    """
    try:
        literals, names = _taken_apart(line, keys)
    except ValueError:
        return None
    if len(set(names)) < len(names) or not is_request(dict.fromkeys(names)):
        return None
    if "time_text" in names and sum(name in TIMES for name in names) > 1:
        # The order of several times is determined by their names.
        return None
    if not keys and is_of_program(line):
        return None
    plan = assemble("JSON", "JSON", "json", literals, names)
    variables = tuple(
        one if one.quoted or one.kind != "text" else replace(one, kind="int") for one in plan.variables
    )
    return replace(plan, variables=variables, by_keys=True)


def _taken_apart(line: bytes, keys: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the texts around the values of a line, and their variables; ValueError for other lines."""
    literals: list[str] = []
    names: list[str] = []
    prefixes, at, literal_at = [""], _next(_OPENING, line, 0).end(), 0
    while prefixes:
        key = _next(_KEY, line, at)
        path = prefixes[-1] + key[1].decode()
        at = key.end()
        if line.startswith(b"{", at):
            prefixes.append(f"{path}.")
            at += 1
            continue
        value = _next(_VALUE, line, at)
        quoted = value[0].startswith(b'"')
        name = _name(variable_of(path, keys), value[0][1:-1] if quoted else value[0])
        # The JSON reader's text of a number equals the original only for whole numbers.
        is_shown = kind_of(name) == "text" and b"." not in value[0]
        if not quoted and not is_shown and kind_of(name) not in ("int", "msec") and name not in DURATIONS:
            raise ValueError(name)
        literals.append(line[literal_at : at + quoted].decode())
        names.append(name)
        at = value.end()
        literal_at = at - quoted
        while prefixes:
            mark = _next(_MARK, line, at)
            at = mark.end()
            if mark[1] == b",":
                break
            prefixes.pop()
    if at < len(line):
        raise ValueError(line[at:])
    return [*literals, line[literal_at:].decode()], names


def _next(pattern: re.Pattern[bytes], line: bytes, at: int) -> re.Match[bytes]:
    found = pattern.match(line, at)
    if found is None:
        raise ValueError(line[at:])
    return found


def _name(variable: str, value: bytes) -> str:
    """Return the variable of a value; epochs in seconds and fractions may be under various keys of a time."""
    if variable == "request" and is_target(value.decode()):
        return "request_uri"
    if plain_label(variable) in DURATION_LABELS:
        # The unit follows from the value.
        raise ValueError(variable)
    if kind_of(variable) != "time_iso8601":
        return variable
    if _EPOCH.fullmatch(value):
        return "msec"
    return "time_text" if b"." in value and is_zoned_time(value.decode()) else variable
