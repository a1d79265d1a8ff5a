"""JSON lines whose keys nobody wrote down as a format: the shape of one line, as a plan for those like it.

Shippers order keys anew and add their own. A program writes its lines alike all the same: the same keys in
the same order, the same blanks. A plan of that reads them by the quick ways; lines of another shape go the
exact way, by their keys.
"""

from __future__ import annotations

import re
from dataclasses import replace

from watchme_analysis.access_logs.engine.times import is_zoned_time
from watchme_analysis.access_logs.formats.column_sources import DURATIONS, TIMES
from watchme_analysis.access_logs.formats.json_log import is_of_proxy, is_request, variable_of
from watchme_analysis.access_logs.formats.log_format import LogFormat, assemble
from watchme_analysis.access_logs.formats.log_variables import kind_of

# Keys that stand in ``extra`` as they are, and values without escapes.
_KEY = re.compile(rb'\s*"([\w.@$/-]+)"\s*:\s*', re.ASCII)
_VALUE = re.compile(rb'"[^"\\\x00-\x1f\x7f]*"|(?:0|[1-9]\d*)(?:\.\d+)?(?=[\s,}])')
_OPENING = re.compile(rb"\{")
_MARK = re.compile(rb"\s*([,}])")
_EPOCH = re.compile(rb"\d{10}\.\d{1,6}")


def shape_of(line: bytes, keys: dict[str, str]) -> LogFormat | None:
    """Return the plan of lines like one, None for what only the exact way reads.

    Parameters
    ----------
    line
        An object of texts and numbers, which may hold others.
    keys
        Variables by key, as for :func:`watchme_analysis.access_logs.formats.json_log.values_of`.
    """
    try:
        literals, names = _taken_apart(line, keys)
    except ValueError:
        return None
    if len(set(names)) < len(names) or not is_request(dict.fromkeys(names)):
        return None
    if "time_text" in names and sum(name in TIMES for name in names) > 1:
        # Which of several times comes first is told by their names.
        return None
    if not keys and is_of_proxy(line):
        return None
    plan = assemble("JSON", "JSON", "json", literals, names)
    variables = tuple(
        one if one.quoted or one.kind != "text" else replace(one, kind="int") for one in plan.variables
    )
    return replace(plan, variables=variables, by_keys=True)


def _taken_apart(line: bytes, keys: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return what stands around the values of a line, and their variables; ValueError for other lines."""
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
        # A number is shown as JSON's reader writes it, which is as it stands where it is whole.
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
    """Return the variable of a value; seconds since the epoch go by many a key of a time, as do fractions."""
    if kind_of(variable) != "time_iso8601":
        return variable
    if _EPOCH.fullmatch(value):
        return "msec"
    return "time_text" if b"." in value and is_zoned_time(value.decode()) else variable
