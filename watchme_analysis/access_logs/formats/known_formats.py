r"""Known formats of access logs as data.

Each file in ``formats/known/*.toml`` holds the formats of one program::

    [[format]]
    name = "HAProxy"                        # in notes; a value of --format if read in columns
    source = "https://docs.haproxy.org/..." # where its documentation or source code states the format
    pattern = ['(?P<remote_addr>\S+):\d+ \[(?P<start>%{CLF_TIME})\] ', '...']

    [[format.samples]]
    line = '192.0.2.7:33317 [11/Dec/2025:10:10:00.655] ...'
    status = 504                            # any columns of access_log, as the line is read
    request_time_s = 30.139

One of these keys describes the lines:

- ``log_format``: a ``log_format`` of Nginx. ``LogFormat``: one of Apache. Both are read in columns.
- ``pattern``: texts that make up the regular expression of a line, with a group for each variable.
- ``fields``: variables of values between blanks, or in quotation marks; ``least`` is the number of those
  that the oldest lines have, and newer ones may have more. ``line_start`` tells them from other lines.
- ``keys``: variables of the keys of a JSON object, by dotted path; lines with all of the keys in ``marks``
  are of this program. A regular expression instead of a variable takes a value apart. If several keys fill
  a variable, the first with a value does.

Variables have Nginx's names: `column_sources` selects the column that each fills, others go to ``extra``.

- ``start`` is the time at which a request began, ``end`` that at which it ended; ``time_text`` is the
  logged time. ``time_format`` is their shape in the notation of strptime; ISO's and Apache's need none.
- A duration ends with its unit (``request_time_ms``, ``_us``, ``_ns``) unless it is in seconds.
- The names of groups that are only parts of a sum begin with ``_``. ``[format.sums]`` lists for a variable
  the durations that are added, or subtracted with ``-`` before their names.
- ``%{ISO_TIME}``, ``%{CLF_TIME}``, ``%{C_TIME}`` and ``%{LOG_TIME}`` stand for times in patterns,
  ``%{ADDRESS}`` for a client with or without a port, ``%{LOGGER}`` for what a logger writes before a message.

Optional are ``rank`` (formats with a lower one are tried first; 50 by default), ``line_start`` (a pattern
that matches only at a line's beginning: a second match shows two merged lines), ``contains`` (a text in every
line, which is looked for before the whole pattern) and ``layer = "application"`` (an application's own
server, whose requests a case keeps in ``app_log``). Adding a format is adding a file: nothing else lists it,
and a test reads its samples.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from watchme_analysis.access_logs.formats.apache import compile_apache
from watchme_analysis.access_logs.formats.log_format import LogFormat, compile_format
from watchme_analysis.errors import InputError

_NAMED = {
    "%{ISO_TIME}": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)",
    "%{CLF_TIME}": r"[ \d]?\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [+-]\d{4})?",
    # As of C's ctime.
    "%{C_TIME}": r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}",
    # As of loggers: an ISO time with a blank, a comma, or no zone.
    "%{LOG_TIME}": r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?",
    # An address, perhaps with a port. Limits keep the time linear in a hostile line.
    "%{ADDRESS}": (
        r"(?:(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-fA-F:.]{2,45}\]|localhost|testclient)(?::\d{1,5})?"
        r"|[\da-fA-F]{0,4}(?::[\da-fA-F.]{0,15}){2,9})"
    ),
    # Time, level and name that a logger may write before its message.
    "%{LOGGER}": r'(?:[^"]{0,200}?[\s:|\])])?',
}
_KINDS = ("log_format", "LogFormat", "pattern", "fields", "keys")
_OPTIONS = {"rank", "line_start", "contains", "time_format", "sums", "marks", "least", "layer"}
_RANK = 50
_VALUE = r'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"]++)'


@dataclass(frozen=True, eq=False)
class KnownFormat:
    """A format of a file in ``formats/known``; the module describes each attribute.

    ``kind``: the key of ``entry`` that describes the lines. Patterns are compiled when a line is first
    compared with them, which most logs do with few of them.
    """

    where: str
    kind: str
    entry: Mapping[str, Any]
    name: str
    rank: int
    layer: str
    contains: str
    time_format: str | None

    @cached_property
    def plan(self) -> LogFormat | None:
        """The compiled ``log_format`` or ``LogFormat``; None for other kinds."""
        if self.kind == "log_format":
            return compile_format(self.entry[self.kind], name=self.name)
        return compile_apache(self.entry[self.kind], self.name) if self.kind == "LogFormat" else None

    @cached_property
    def shape(self) -> str | None:
        """Regular expression of a line with a pattern or fields; None for other kinds."""
        if self.kind == "pattern":
            return _expanded("".join(map(str, self.entry["pattern"])))
        if self.kind != "fields":
            return None
        fields = self.entry["fields"]
        least: int = self.entry.get("least", len(fields))
        groups = [f"(?P<{name}>{_VALUE})" for name in fields]
        newer = "".join(f"(?: {group}" for group in groups[least:])
        start = f"(?={_expanded(self.entry['line_start'])})"
        return start + " ".join(groups[:least]) + newer + f"(?: {_VALUE})*" + ")?" * (len(groups) - least)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled pattern of a line."""
        return self._compiled(self.shape or "")

    @cached_property
    def narrow_pattern(self) -> re.Pattern[str]:
        """As :attr:`pattern`, for lines too long for backtracking over the ends of texts."""
        return self._compiled((self.shape or "").replace(".*?", '[^"]*'))

    @cached_property
    def line_start(self) -> re.Pattern[str] | None:
        """Pattern that matches only at a line's beginning; None without one."""
        return self._compiled(_expanded(self.entry["line_start"])) if "line_start" in self.entry else None

    @cached_property
    def sums(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        """Signs and names of the parts of the durations that are sums; all parts are added in seconds."""
        return {
            _unitless(name): tuple(
                (-1 if part.startswith("-") else 1, _unitless(part.removeprefix("-"))) for part in parts
            )
            for name, parts in self.entry.get("sums", {}).items()
        }

    @cached_property
    def marks(self) -> frozenset[str]:
        """Keys that every JSON object of this program has."""
        return frozenset(self.entry.get("marks", ()))

    @cached_property
    def keys(self) -> Mapping[str, str | re.Pattern[str]]:
        """Variables of the keys of a JSON object; a pattern takes a value apart."""
        return {
            key: self._compiled(variable) if "(?P<" in variable else variable
            for key, variable in self.entry.get("keys", {}).items()
        }

    def _compiled(self, pattern: str) -> re.Pattern[str]:
        try:
            return re.compile(pattern, re.DOTALL)
        except re.error as error:
            raise InputError(f"{self.where} has an invalid regular expression: {error}.") from error


@cache
def known_formats() -> tuple[KnownFormat, ...]:
    """Return all known formats, in the order in which they are tried.

    Raises InputError if a format is incomplete.
    """
    found: list[KnownFormat] = []
    for file in sorted(files(__package__).joinpath("known").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            found += parse_formats(file.name, file.read_text(encoding="utf-8"))
    return tuple(sorted(found, key=lambda known: known.rank))


def parse_formats(file: str, text: str) -> list[KnownFormat]:
    """Return the formats of the text of a file.

    Raises InputError if a format is incomplete; an invalid pattern raises it when a line is compared with it.
    """
    try:
        return [_parsed(file, entry) for entry in tomllib.loads(text)["format"]]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise InputError(f"access_logs/formats/known/{file} is no list of formats: {error}.") from error


@cache
def text_formats() -> tuple[KnownFormat, ...]:
    """Return the formats with a pattern or fields."""
    return tuple(known for known in known_formats() if known.kind in ("pattern", "fields"))


@cache
def json_formats() -> tuple[KnownFormat, ...]:
    """Return the formats of JSON."""
    return tuple(known for known in known_formats() if known.kind == "keys")


@cache
def application_formats() -> frozenset[str]:
    """Return the names of the formats of applications' own servers."""
    return frozenset(known.name for known in known_formats() if known.layer == "application")


def stock_formats() -> list[LogFormat]:
    """Return the compiled formats that are read in columns, in the order in which they are tried."""
    return [known.plan for known in known_formats() if known.plan is not None]


@cache
def stock_format(name: str) -> LogFormat:
    """Return the compiled format of a name that is read in columns."""
    return next(plan for plan in stock_formats() if plan.name == name)


def _parsed(file: str, entry: dict[str, Any]) -> KnownFormat:
    where = f"The format {entry.get('name')!r} in access_logs/formats/known/{file}"
    kinds = [kind for kind in _KINDS if kind in entry]
    if len(kinds) != 1 or (kinds == ["keys"]) != ("marks" in entry):
        raise InputError(f"{where} needs one of {', '.join(_KINDS)}, and marks if it has keys.")
    needed = {"name", "source", "samples", *kinds, *({"line_start"} if kinds == ["fields"] else ())}
    if wrong := sorted({*needed - entry.keys(), *entry.keys() - needed - _OPTIONS}):
        raise InputError(f"{where} has a missing or unknown key: {wrong[0]!r}.")
    return KnownFormat(
        where,
        kinds[0],
        entry,
        name=entry["name"],
        rank=entry.get("rank", _RANK),
        layer=entry.get("layer", "proxy"),
        contains=entry.get("contains", ""),
        time_format=entry.get("time_format"),
    )


def _unitless(duration: str) -> str:
    return re.sub(r"_(?:ms|us|ns|s)$", "", duration)


def _expanded(text: str) -> str:
    """Return a pattern with the named parts in place of their names."""
    for name, pattern in _NAMED.items():
        text = text.replace(name, pattern)
    return text
