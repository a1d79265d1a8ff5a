r"""Formats of logs whose lines begin as a known format and go on behind it.

Administrators append fields to a stock format: ``combined`` and ``$request_time``, ``combined`` and
``rt=0.004 uct="0.001"``, or just a blank. The known part is read as ever. Fields with a label that names
a variable fill its column; the others are kept in ``extra`` as ``field_1``, ``field_2`` etc., and a note
contains the ``--format`` that names them, as far as their values suggest it.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from watchme_analysis.access_logs.formats.log_format import LONG_LINE, LogFormat
from watchme_analysis.access_logs.formats.log_variables import Variable, kind_of
from watchme_analysis.access_logs.formats.suggested import suggested_variable
from watchme_analysis.access_logs.formats.variable_names import VARIABLE_OF_LABEL
from watchme_analysis.files.lines import decoded
from watchme_analysis.safe_regex import BytesPattern
from watchme_analysis.text.message import Resource, value_of
from watchme_analysis.text.render import note

# Number of sampled lines, and their share, from which they are of a longer format instead of being damaged.
_LEAST_LINES = 3
_LEAST_SHARE = 0.1
# Of fewer lines than these, more than this share is needed.
SMALL_FILE_SHARE = 0.5
# A separator, a label, and the opening of a value; then the value, and its closing.
_FIELD = re.compile(
    rb"(?P<before>[ \t]+(?:\|[ \t]+)?(?:[A-Za-z][\w.-]{0,40}[=])?)"
    rb'(?:"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"|\[(?P<bracketed>[^\]\s]*)\]|(?P<bare>[^\s"\[\]]+))'
)
_BLANKS = re.compile(rb"[ \t]*\Z")
_MOST_FIELDS = 60
_REST = "further_fields"
_FIELD_PREFIX = "field_"
_ADDRESS = rb"(?:unknown|\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]{0,4}:[\da-fA-F:.]+)"
_ADDRESSES = re.compile(rb"-?|" + _ADDRESS + rb"(?:, ?" + _ADDRESS + rb")*")


class _Fields(NamedTuple):
    """The fields behind the known part of a line: the texts around their values, and the values."""

    literals: tuple[bytes, ...]
    values: tuple[bytes, ...]


def extended_formats(formats: Sequence[LogFormat], lines: Sequence[bytes], size: int) -> list[LogFormat]:
    """Return formats for the lines of a sample that begin as a known format and go on behind it.

    ``formats``: the known formats, the most probable first; ``lines``: lines that match none of them;
    ``size``: number of lines of the sample.

    One with each field, and one with the rest as a whole, for lines with other fields. Empty if the lines are
    so few that they may as well be damaged.
    """
    rests = {base: behind for base in formats if (behind := _rests(base, lines))}
    if not rests:
        return []
    # The format that begins most of the lines and leaves least of them; of equal ones the most probable.
    base = max(rests, key=lambda one: (len(rests[one]), -sum(map(len, rests[one]))))
    count = len(rests[base])
    enough = count >= _LEAST_LINES and count >= _LEAST_SHARE * size
    if not enough and count <= SMALL_FILE_SHARE * size:
        return []
    blanks = [rest for rest in rests[base] if _BLANKS.fullmatch(rest)]
    found: list[LogFormat] = [_with_blanks(base, blank) for blank in sorted(set(blanks))]
    fields = [one for one in map(_fields_of, rests[base]) if one is not None]
    shapes = Counter(one.literals for one in fields)
    if shapes:
        literals, _ = shapes.most_common(1)[0]
        columns = tuple(zip(*(one.values for one in fields if one.literals == literals), strict=True))
        names = _names(base, literals, columns)
        found.append(_with_fields(base, literals, names, _suggestion(base, literals, names, columns)))
    return [*found, _with_rest(base)]


def is_unnamed(name: str) -> bool:
    """Return whether a name is that of a field without a label, or of all that follow."""
    return name.startswith(_FIELD_PREFIX) or name == _REST


def known_part(log_format: LogFormat, line: bytes) -> bytes | None:
    """Return the beginning of a line that is of a known format; None if its format is a known one itself."""
    if log_format.known is None:
        return None
    found = _beginning(log_format.known).match(line)
    return None if found is None else line[: found.end() - 1]


def _rests(base: LogFormat, lines: Sequence[bytes]) -> list[bytes]:
    """Return the rests of the lines that begin as a format."""
    if base.by_keys or base.literals[0].startswith(b"{") or base.is_unbounded(base.variables[-1]):
        return []
    found = []
    for line in lines:
        # Most lines are of other kinds of files, and compiling a pattern takes longer than all its matches.
        if len(line) > LONG_LINE or base.is_corrupt(line) or not base.has_literals(line):
            continue
        start = _beginning(base).match(line)
        # The last field of `main` is a list of addresses, which no other field is.
        if start is not None and (
            base.names[-1] != "http_x_forwarded_for" or _ADDRESSES.fullmatch(start.groups()[-1])
        ):
            rest = line[start.end() - 1 :]
            if base.line_start is None or not base.line_start.search(rest):
                found.append(rest)
    return found


@lru_cache(maxsize=256)
def _beginning(base: LogFormat) -> BytesPattern:
    """Return a regular expression of a line of a format and the blank behind it."""
    return base.followed_by(rb"[ \t]")


def _fields_of(rest: bytes) -> _Fields | None:
    """Return the fields of a rest; None if it has another structure, or too many fields."""
    literals: list[bytes] = [b""]
    values: list[bytes] = []
    at = 0
    while (found := _FIELD.match(rest, at)) is not None and len(values) <= _MOST_FIELDS:
        kind = found.lastgroup or "bare"
        opening, closing = {"quoted": (b'"', b'"'), "bracketed": (b"[", b"]")}.get(kind, (b"", b""))
        literals[-1] += found["before"] + opening
        values.append(found[kind])
        literals.append(closing)
        at = found.end()
    if not values or not _BLANKS.match(rest, at):
        return None
    literals[-1] += rest[at:]
    return _Fields(tuple(literals), tuple(values))


def _names(base: LogFormat, literals: Sequence[bytes], columns: Sequence[Sequence[bytes]]) -> tuple[str, ...]:
    """Return the names of fields: variables for labels that name one, if the values fit, else numbers."""
    names: list[str] = []
    for number, (literal, values) in enumerate(zip(literals, columns, strict=False), 1):
        label = re.search(rb"([A-Za-z][\w.-]*)=[\"\[]?\Z", literal)
        name = f"{_FIELD_PREFIX}{number}" if label is None else re.sub(r"\W", "_", label[1].decode().lower())
        variable = VARIABLE_OF_LABEL.get(name, name)
        if label is not None and variable not in (*base.names, *names) and _fits(base, variable, values):
            name = variable
        if name in (*base.names, *names):
            name = f"{_FIELD_PREFIX}{number}"
        names.append(name)
    return tuple(names)


def _fits(base: LogFormat, name: str, values: Sequence[bytes]) -> bool:
    kind = kind_of(name)
    if kind == "text":
        return True
    pattern = re.compile(base.value_pattern(Variable(name, kind, False)))
    return all(pattern.fullmatch(value) for value in values)


def _with_blanks(base: LogFormat, blanks: bytes) -> LogFormat:
    """Return a format with blanks at the end of its lines."""
    literals = (*base.literals[:-1], base.literals[-1] + blanks)
    return replace(base, name=base.label, text=base.text + blanks.decode(), literals=literals)


@lru_cache(maxsize=256)
def _with_fields(
    base: LogFormat, literals: tuple[bytes, ...], names: tuple[str, ...], suggestion: str
) -> LogFormat:
    """Return a format with fields behind those of another."""
    joined = (*base.literals[:-1], base.literals[-1] + literals[0], *literals[1:])
    fields = [
        _field(name, before, after)
        for name, before, after in zip(names, literals, literals[1:], strict=False)
    ]
    unnamed = [name for name in names if name.startswith(_FIELD_PREFIX)]
    named = [f"${name}" for name in names if name not in unnamed]
    shown = base.label
    if named:
        shown = note("log-format-named", label=value_of(shown), named=Resource(", ".join(named)))
    if unnamed:
        shown = note(
            "log-format-unnamed",
            label=value_of(shown),
            fields=len(unnamed),
            columns=Resource(", ".join(unnamed)),
            suggestion=Resource(suggestion),
        )
    variables = (*base.variables, *fields)
    text = _format_text(joined, [one.name for one in variables])
    return replace(
        base, name=base.label, text=text, literals=joined, variables=variables, display_name=shown, known=base
    )


def _field(name: str, before: bytes, after: bytes) -> Variable:
    quoted = before.endswith(b'"') and after.startswith(b'"')
    kind = kind_of(name)
    if kind in ("text", "token"):
        # Values without quotation marks end at a blank.
        return Variable(name, "text" if quoted else "token", quoted)
    return Variable(name, kind, quoted)


@lru_cache(maxsize=256)
def _with_rest(base: LogFormat) -> LogFormat:
    """Return a format with all that follows as one text."""
    return replace(
        base,
        name=base.label,
        text=f"{base.text} ${_REST}",
        literals=(*base.literals[:-1], base.literals[-1] + b" ", b""),
        variables=(*base.variables, Variable(_REST, "rest", False)),
        display_name=note("log-format-rest", label=value_of(base.label), column=Resource(_REST)),
        known=base,
    )


def _suggestion(
    base: LogFormat, literals: Sequence[bytes], names: Sequence[str], columns: Sequence[Sequence[bytes]]
) -> str:
    """Return the format in which the names of fields follow from their values, quoted for a shell."""
    taken = [*base.names, *names]
    text = _format_text(base.literals, base.names)
    for literal, name, values in zip(literals, names, columns, strict=False):
        suggested = None
        if name.startswith(_FIELD_PREFIX):
            # The longest has the most tries of an upstream.
            longest = max(values, key=len)
            suggested = suggested_variable(decoded(longest), taken, quoted=literal.endswith(b'"'))
            taken.append(suggested or name)
        text += f"{_text(literal)}${suggested or name}"
    return shlex.quote(text + _text(literals[-1]))


def _format_text(literals: Sequence[bytes], names: Sequence[str]) -> str:
    """Return the text of a format from its literals, one more than variables, and its variables."""
    parts = zip(literals, names, strict=False)
    return "".join(f"{_text(literal)}${name}" for literal, name in parts) + _text(literals[-1])


def _text(literal: bytes) -> str:
    return literal.decode("utf-8", "backslashreplace")
