"""The reference parser: the format and the values of access log lines, one line at a time.

The compiled parser leaves ambiguous lines to it and is compared with it. A line that matches no format is
rejected with the position at which it departs from the format with the longest match.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from typing import NamedTuple

from watchme_analysis.access_logs.formats import w3c as w3c_lines
from watchme_analysis.access_logs.formats.column_sources import TIMES, row_of
from watchme_analysis.access_logs.formats.extended import extended_formats
from watchme_analysis.access_logs.formats.json_log import is_request, keys_in, keys_of, unescape, values_of
from watchme_analysis.access_logs.formats.labelled import labelled_values
from watchme_analysis.access_logs.formats.log_format import LONG_LINE, LogFormat
from watchme_analysis.access_logs.formats.program_lines import text_values
from watchme_analysis.access_logs.formats.suggested import suggested_format
from watchme_analysis.access_logs.formats.w3c import W3cFields, lacks_fields
from watchme_analysis.access_logs.reject_reasons import reject_reason
from watchme_analysis.files.lines import decoded, prefix_size, prefix_time
from watchme_analysis.text.message import Choice, Quotation, Resource
from watchme_analysis.text.render import note, text_of_error
from watchme_analysis.values import microseconds

# Beginnings of lines that are not requests, and the ends of the ids of their messages.
_OTHERS = (
    (
        re.compile(rb"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(\.\d+)? \d{4}\] \["),
        "apache-error",
    ),
    (
        re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] \d+#\d+: "),
        "nginx-error",
    ),
)


# Number and length of the labels of a line that are listed.
_MOST_LABELS, _LABEL_SIZE = 20, 40
# Bytes of a line that are quoted from where it departs from a format.
_QUOTED_TEXT = 40


def _reason_no_request(labels: Iterable[str]) -> str:
    """Return a description of a line whose labels are not those of a request."""
    known = [label[:_LABEL_SIZE] for label in labels]
    more = ", …" if len(known) > _MOST_LABELS else ""
    return reject_reason("reject-no-request", keys=f"{', '.join(known[:_MOST_LABELS])}{more}")


def reason_unmatched(line: bytes) -> str:
    """Return a description of a line that matches no format."""
    otherwise = "no-fields" if lacks_fields(line) else "no-format"
    kind = next((found for begins, found in _OTHERS if begins.match(line)), otherwise)
    return reject_reason(f"reject-{kind}")


def mismatch_reason(log_format: LogFormat, line: bytes) -> str | None:
    """Return the reason why a line does not match a format, in words.

    ``line``: a line that :meth:`LogFormat.match` does not match.

    None when not even the beginning of the line matches the format.
    """
    found = _beginnings(log_format).match(line) if len(line) <= LONG_LINE else None
    if found is None or found.lastindex is None:
        return None
    names, known = log_format.names, found.lastindex
    further = len(names) > _MOST_NESTED
    if log_format.is_corrupt(line):
        place, at = "nul", 0
    elif known == _MOST_NESTED and further:
        place, at = "behind", known - 1
    elif known < len(names):
        place, at = "from", known
    elif found.end() < len(line):
        place, at = "more", -1
    else:
        place, at = "another", 0
    return reject_reason(
        "reject-mismatch", format=log_format.label, place=Choice(place), variable=f"${names[at]}"
    )


def misfit_notes(formats: Sequence[LogFormat], lines: Sequence[bytes], zone: tzinfo) -> list[str]:
    """Return the sentence that says where the first line departs from a stated format; empty if a line fits.

    ``formats``: the stated format, then those that are tried without it; ``lines``: the first lines of a log;
    ``zone``: zone of times without a zone.
    """
    stated = formats[0]
    reader = ReferenceParser(formats, zone)
    reader.prepare(lines)
    written = [line for line in lines if line.strip(b" \t\0")]
    if not written or any(stated.fits(reader.strip_prefix(line)) for line in written):
        return []
    line = reader.strip_prefix(written[0])
    try:
        _, log_format = reader.row_and_format(written[0])
        if reader.used["JSON"] and stated.text.lstrip().startswith("{"):
            # Keys may be in any order.
            return []
        if log_format is not None and log_format.known is stated:
            # The line goes on behind it, which the note on its format says.
            return []
        known_as = next(iter(reader.used)) if log_format is None else log_format.label
        proposal = "known"
    except ValueError:
        line, suggestion = suggestion_of(written[0])
        known_as, proposal = (
            ("", "none") if suggestion is None else (f"--format {shlex.quote(suggestion)}", "text")
        )
    known, at = _misfit(stated, line)
    return [
        note(
            "note-format-misfit",
            text=Quotation(decoded(line[at : at + _QUOTED_TEXT])),
            variable=Resource(f"${stated.names[known]}"),
            proposal=Choice(proposal),
            format=Resource(known_as),
        )
    ]


def suggestion_of(whole: bytes) -> tuple[bytes, str | None]:
    """Return a line with or without what may be a prefix, and the format that it would take."""
    without_prefix = whole[prefix_size(whole) :]
    if len(whole) > LONG_LINE:
        return without_prefix, None
    found = [(line, suggested_format(decoded(line))) for line in (without_prefix, whole)]
    # The time of a line may look like the prefix of a container runtime.
    timed = [one for one in found if one[1] and any(f"${name}" in one[1] for name in TIMES)]
    return next((one for one in (*timed, *found) if one[1]), found[0])


def _misfit(stated: LogFormat, line: bytes) -> tuple[int, int]:
    """Return the index of the variable at which a line departs from a format, and the place in the line."""
    found = _beginnings(stated).match(line[:LONG_LINE])
    if found is None or not found.lastindex:
        return 0, 0
    known, last = found.lastindex, len(stated.names) - 1
    if known <= last:
        return known, found.end()
    # The last value goes on, unless the line does.
    is_within = not line[found.end() :].startswith((b" ", b"\t"))
    return last, found.start(known) if is_within else found.end()


# Python's regular expressions are nested at most as deep as its own calls.
_MOST_NESTED = 100


@lru_cache(maxsize=64)
def _beginnings(log_format: LogFormat) -> re.Pattern[bytes]:
    """Return a regular expression that matches a line up to the literal after any of the variables."""
    free = rb"[^\"]*?" if log_format.escape in ("default", "apache") else rb".*?"
    pieces = [
        b"(?:(" + log_format.group_pattern(variable, free) + b")" + re.escape(literal)
        for variable, literal in zip(log_format.variables, log_format.literals[1:], strict=True)
    ][:_MOST_NESTED]
    whole = re.escape(log_format.literals[0]) + b"".join(pieces) + b")?" * len(pieces)
    return re.compile(whole, re.DOTALL)


_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
# Byte order mark that some tools write at the beginning of a text; it belongs to no line.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Keys in which Docker's JSON files, journald and shippers store the line of a program.
_WRAPPED = ("log", "message", "MESSAGE")


class Reading(NamedTuple):
    """A way to read a line.

    ``name``: name of the format in notes; ``values``: variables of the line; missing values are None;
    ``log_format``: the format; None for lines of programs without one; ``may_wrap``: true for a JSON object
    that is no request itself, and may hold the line of a program.
    """

    name: str
    values: dict[str, str | None]
    log_format: LogFormat | None = None
    may_wrap: bool = False


@dataclass
class ReferenceParser:
    """Parses lines individually and exactly, in the formats that may have written them.

    - ``formats``: formats in the order in which they are tried.
    - ``zone``: zone of times without a zone.
    - ``used``: number of lines by format; JSON with known keys counts as ``JSON``.
    - ``prefixed``: true if the lines have a prefix outside of the formats, which is removed.
    - ``fields``: content of the directives above the line, in a log with directives.
    - ``keys``: variables by key, of the JSON formats.
    - ``others``: lines of the sample that do not match the first format.
    """

    formats: Sequence[LogFormat]
    zone: tzinfo
    used: Counter[str] = field(default_factory=Counter)
    prefixed: bool = False
    fields: W3cFields | None = None

    def __post_init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.others: list[bytes] = []
        # True if each line of the sample is of a program without a plan: it is tried first.
        self._is_of_programs = False
        for found in self.formats:
            if found.text.lstrip().startswith("{"):
                self.keys = {**keys_of(found), **self.keys}

    def row(self, line: bytes) -> dict[str, object]:
        """Return a line's columns.

        Raises ValueError with the reason why the line is not a request.
        """
        return self.row_and_format(line)[0]

    def row_and_name(self, line: bytes) -> tuple[dict[str, object], str]:
        """Return a line's columns, and the name of its format in notes.

        Raises ValueError with the reason why the line is not a request.
        """
        before = self.used.copy()
        row = self.row(line)
        return row, next(iter(self.used - before))

    def row_and_format(
        self, line: bytes, reading: Reading | None = None
    ) -> tuple[dict[str, object], LogFormat | None]:
        """Return a line's columns and its format; None for lines of programs without one.

        If the program writes no times, that of the prefix of a container runtime or syslog counts.

        ``reading``: the only reading of the line, if it is known. Raises ValueError with the reason why the
        line is not a request.
        """
        text = self.strip_prefix(line)
        row, log_format = self._row_and_format(text, self._readings(text) if reading is None else [reading])
        if row.get("time") is None and self.prefixed:
            row["time"] = prefix_time(line.removeprefix(BYTE_ORDER_MARK), self.zone)
        return row, log_format

    def _row_and_format(
        self, line: bytes, readings: Iterable[Reading]
    ) -> tuple[dict[str, object], LogFormat | None]:
        reason = ""
        for found in readings:
            if found.may_wrap:
                wrapped = self._unwrapped(found.values)
                if wrapped is None:
                    raise ValueError(_reason_no_request(keys_in(line)))
                return wrapped
            try:
                row = row_of(found.values, self.zone)
            except ValueError as error:
                if found.log_format is None:
                    raise
                reason = text_of_error(error)
                continue
            self.used[found.name] += 1
            return row, found.log_format
        raise ValueError(reason or self._reason_unmatched(line))

    def _reason_unmatched(self, line: bytes) -> str:
        if self.fields is not None:
            return reject_reason("reject-no-fields")
        where = mismatch_reason(self.formats[0], line) if self.formats else None
        return where or reason_unmatched(line)

    def first_reading(self, line: bytes) -> Reading:
        """Return the first format that matches a line without a prefix, with the values in this format.

        If a value is invalid, :meth:`row` tries further formats.

        Raises ValueError with the reason why the line is not a request.
        """
        found = next(self._readings(line), None)
        if found is None:
            raise ValueError(self._reason_unmatched(line))
        return found

    def _readings(self, line: bytes) -> Iterator[Reading]:
        """Yield the formats that match a line, in the order in which they are tried, with its values."""
        if self.is_directive(line):
            raise ValueError(reject_reason("reject-directive"))
        if self.fields is not None and self.fields.names:
            yield Reading(w3c_lines.NAME, self.fields.values(line))
            return
        written = text_values(line, self.zone) if self._is_of_programs and line[:1] != b"{" else None
        if written is not None:
            yield Reading(*written)
            return
        for log_format in self.formats:
            values = format_values(log_format, line)
            if values is not None:
                yield Reading(log_format.described, values, log_format)
            # The rest of a truncated line may look like the beginning of another format.
            elif log_format is self.formats[0] and log_format.is_several(line):
                break
        if line.lstrip().startswith(b"{"):
            by_key = values_of(line, self.keys)
            if by_key is None:
                raise ValueError(reject_reason("reject-no-json"))
            yield Reading("JSON", by_key, may_wrap=not is_request(by_key))
            return
        written = self._values_of_program(line)
        if written is not None:
            yield Reading(*written)
            return
        start = line.find(b"{")
        if start > 0 and line.endswith(b"}"):
            # A shipper wrote its own text before the object.
            by_key = values_of(line[start:], self.keys)
            if by_key is not None and is_request(by_key):
                yield Reading("JSON", by_key)
        elif line.endswith((b" ", b"\t")):
            yield from self._readings(line.rstrip(b" \t"))

    def _values_of_program(self, line: bytes) -> tuple[str, dict[str, str | None]] | None:
        """Return the program or the kind of format that wrote a line without a plan, and its variables."""
        written = text_values(line, self.zone)
        if written is not None:
            return written
        labelled = labelled_values(line)
        if labelled is None:
            return None
        name, values, labels = labelled
        if not is_request(values):
            raise ValueError(_reason_no_request(labels))
        return name, values

    def is_directive(self, line: bytes) -> bool:
        """Return whether a line is a directive, in a log with directives; it applies from there on."""
        fields = self.fields.after(line) if self.fields is not None else None
        if fields is not None:
            self.fields = fields
        return fields is not None

    def _unwrapped(self, values: dict[str, str | None]) -> tuple[dict[str, object], LogFormat | None] | None:
        """Return the row of the line inside a JSON object, None when it holds no request."""
        inner = next(filter(None, map(values.get, _WRAPPED)), None)
        if inner is None:
            return None
        try:
            text = _COLOURS.sub(b"", inner.rstrip("\r\n").encode())
            row, log_format = self._row_and_format(text, self._readings(text))
        except ValueError:
            return None
        if row.get("time") is None:
            moments = (microseconds(values[name], self.zone) for name in TIMES if values.get(name))
            row["time"] = next(moments, None)
        return row, log_format

    def strip_prefix(self, line: bytes) -> bytes:
        """Return the program's own text of a line."""
        line = line.removeprefix(BYTE_ORDER_MARK)
        line = line[prefix_size(line) :] if self.prefixed else line
        # Programs colour their output for a terminal, also for one of a container.
        return _COLOURS.sub(b"", line) if b"\x1b[" in line else line

    def prepare(self, sample: Iterable[bytes]) -> None:
        """Detect directives and prefixes in a sample of lines, and try its formats first."""
        lines = list(sample)
        if self.fields is None and lines:
            first = self.strip_prefix(lines[0])
            self.fields = W3cFields().after(first) if first.startswith(b"#") else None
        if self.fields is not None:
            return
        # Comments that a collector added have no prefix.
        written = [line for line in lines if not line.startswith(b"#")]
        self.prefixed = 2 * sum(map(self._has_prefix, written)) > len(written)
        self.order_formats(map(self.strip_prefix, lines))

    def _has_prefix(self, line: bytes) -> bool:
        size = prefix_size(line)
        if size == 0:
            return False
        whole = [one for one in self.formats if one.fits(line)]
        if whole:
            # If a format begins with a name, such as host and port, a time may match it.
            by_chance = not any(one.literals[0] or one.names[0] in TIMES for one in whole)
            return by_chance and any(one.fits(line[size:]) for one in self.formats)
        if any(one.fits(line[size:]) for one in self.formats):
            return True
        # A load balancer's line also begins with a time, and that of a W3C log with a date and a time.
        read = text_values(line, self.zone)
        return not lacks_fields(line) if read is None else "msec" not in read[1]

    def order_formats(self, sample: Iterable[bytes]) -> None:
        """Move the format of most lines of a sample to the front; ties and other formats stay in order.

        If many of the lines begin as a known format and go on behind it, formats for them are added.
        """
        lines = list(sample)
        self._order(lines)
        unread = [line for line in self.others if not self._is_known(line)]
        self._is_of_programs = bool(lines) and not unread and len(self.others) == len(lines)
        further = extended_formats(self.formats, unread, len(lines)) if unread else []
        if further:
            self.formats = [*self.formats, *further]
            self._order(lines)

    def _is_known(self, line: bytes) -> bool:
        """Return whether a line is of a format, or of a program that may begin its lines as one of them."""
        if line.startswith(b"{") or any(one.fits(line) for one in self.formats):
            return True
        try:
            return text_values(line, self.zone) is not None
        except ValueError:
            return True

    def _order(self, lines: list[bytes]) -> None:
        best, self.others = None, lines
        for log_format in self.formats:
            # A format that takes any rest would precede those that take it apart.
            if log_format.variables[-1].kind == "rest":
                continue
            others = []
            for line in lines:
                if not log_format.fits(line):
                    others.append(line)
                if best is not None and len(others) >= len(self.others):
                    break
            else:
                best, self.others = log_format, others
                if not others:  # no format can match more
                    break
        if best is not None:
            self.formats = [best, *(one for one in self.formats if one is not best)]


def with_extended(formats: Sequence[LogFormat], sample: Sequence[bytes], zone: tzinfo) -> list[LogFormat]:
    """Return formats with those of the lines of a sample that begin as one of them and go on behind it.

    Parts of a log find such formats as well, but each by its own lines.
    """
    reader = ReferenceParser(formats, zone)
    reader.prepare(sample)
    return [*formats, *(one for one in reader.formats if one not in formats)]


def format_values(log_format: LogFormat, line: bytes) -> dict[str, str | None] | None:
    """Return the variables of a line by a format, missing values None; None when it does not match."""
    if not log_format.may_match(line):
        return None
    plain = log_format.plain_values(line)
    if plain is not None:
        return dict(zip(log_format.names, plain, strict=True))
    found = log_format.match(line)
    if found is None:
        return None
    values: dict[str, str | None] = {}
    for name, value in zip(log_format.names, found, strict=True):
        text = unescape(value) if log_format.escape == "json" else decoded(value)
        if values.get(name) is None:
            values[name] = None if text in ("", "-") else text
    return values
