"""Comma-separated evidence with a header line, read row by row with its line numbers.

A quoted text may span several lines. A truncated text leaves a quote open that would swallow every row up to
the next quote, so each further line is checked before it is taken as a part of the text.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.files.lines import decoded
from watchme_analysis.text.message import Quotation, Resource
from watchme_analysis.text.render import note
from watchme_analysis.values import microseconds

if TYPE_CHECKING:
    from watchme_analysis.files.evidence_file import RawFile
    from watchme_analysis.files.line_accounting import TextAccounting

TIME_NAMES = ("timestamp", "time", "ts", "datetime", "date")
_TIMES = frozenset(TIME_NAMES)
_FIELD_LIMIT = 1 << 24
# Most lines of a quoted text: more than a traceback has, and few enough to be checked again.
_MOST_LINES = 200
# Most lines of a text in an export of log events, which hold traces of other languages too.
_MOST_EXPORTED_LINES = 1000
_TIME_WITHIN = re.compile(r"(?<=.)(?:\d{4}-\d\d-\d\d[T ]|\d{10})")
_NAME = re.compile(r"[^\W\d]\S*")


class CsvRow(NamedTuple):
    """A row: number of its first line, its cells by column, and its original text."""

    line: int
    cells: dict[str, str]
    text: bytes


class _Columns(NamedTuple):
    """Names of a header, and the column whose text may hold unquoted commas if it is the last."""

    names: list[str]
    tail: str | None

    @property
    def has_tail(self) -> bool:
        return self.tail == self.names[-1]

    def is_too_long(self, cells: Sequence[str]) -> bool:
        """Return whether there are more cells than columns, and not only empty ones."""
        size = len(self.names)
        return len(cells) > size and not self.has_tail and any(cells[size:])

    def is_too_short(self, cells: Sequence[str]) -> bool:
        """Return whether cells are missing.

        Some programs omit an empty last text; any other short row was truncated, including its last cell.
        """
        return len(cells) < len(self.names) - self.has_tail

    def matches(self, cells: Sequence[str]) -> bool:
        """Return whether cells match these columns."""
        return not (self.is_too_long(cells) or self.is_too_short(cells))

    def misfit(self, cells: Sequence[str]) -> str | None:
        """Return the reason why cells do not match these columns, None if they match."""
        if self.matches(cells):
            return None
        reason = "reject-csv-cells" if self.is_too_long(cells) else "reject-csv-cut-cells"
        counts = {"cells": len(cells), "columns": len(self.names)}
        return note(reason, **{name: Resource(str(count)) for name, count in counts.items()})

    def damage(self, cells: Sequence[str], text: str, is_torn: bool) -> str | None:
        """Return the problem of a record, None without one; ``is_torn`` means no line end."""
        if self.hides_row(text):
            return note("reject-csv-cut-row")
        if is_torn and len(cells) < len(self.names):
            return note("reject-csv-cut")
        return self.misfit(cells)

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """Return matching cells by column."""
        last = len(self.names) - 1
        while len(cells) > last + 1 and not cells[-1]:
            cells = cells[:-1]
        return dict(zip(self.names, [*cells[:last], ",".join(cells[last:])], strict=True))

    def is_row(self, line: str) -> bool:
        """Return whether a line alone is a row: it matches the columns and has a time."""
        cells, is_open = _alone(line)
        return not is_open and self.matches(cells) and self._has_time(cells)

    def begins_row(self, line: str) -> bool:
        """Return whether a line is a row, or the first line of a row with a text of several lines."""
        cells, is_open = _alone(line)
        return self._has_time(cells) and (is_open or self.matches(cells))

    def _has_time(self, cells: Sequence[str]) -> bool:
        times = [cell for name, cell in zip(self.names, cells, strict=False) if name in TIME_NAMES]
        return any(microseconds(cell) is not None for cell in times)

    def hides_row(self, line: str) -> bool:
        """Return whether a line holds a complete row behind a truncated row that was continued.

        Commas within prose are followed by spaces, whereas cells written by a program have none.
        """
        if line.count(",") < len(self.names):
            return False
        behind = (line[found.start() :] for found in _TIME_WITHIN.finditer(line))
        last = len(self.names) - 1
        return any(
            self.is_row(text) and all(cell == cell.strip() for cell in _alone(text)[0][:last])
            for text in behind
        )

    def header_again(self, cells: Sequence[str]) -> list[str] | None:
        """Return the names of a repeated header, None for any other line."""
        if _TIMES.isdisjoint(cell.strip().lower() for cell in cells):
            return None
        names = _names(cells)
        is_header = all(name in self.names or _NAME.fullmatch(name) for name in names)
        return names if is_header and len(names) > 1 else None

    def is_cut_header(self, names: Sequence[str], below: Sequence[str]) -> bool:
        """Return whether names are the beginning of this header, followed by rows with all of its columns."""
        text, whole = ",".join(names), ",".join(self.names)
        return text != whole and whole.startswith(text) and all(self.begins_row(line) for line in below)


class QuotedRow(NamedTuple):
    """Cells of a row that a program wrote with every quote escaped, its text, and its problem if damaged."""

    cells: list[str]
    text: str
    problem: str | None


def quoted_rows(data: bytes) -> Iterator[QuotedRow]:
    """Yield the rows of an export whose texts may span lines; of a damaged row, only its first line is lost.

    Such a program writes a comma or a line end behind each closing quote. A quote that is left open is thus
    known by what stands behind the next one.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    lines = _physical_lines(data)
    at = 0
    while at < len(lines):
        taken = 0

        def fed(first: int = at) -> Iterator[str]:
            nonlocal taken
            for line in lines[first : first + _MOST_EXPORTED_LINES]:
                taken += 1
                yield line
            taken = 0

        cells: list[str] = []
        problem = None
        try:
            cells = next(csv.reader(fed(), strict=True), [])
        except csv.Error as error:
            taken, problem = 1, note("reject-csv", error=Quotation(str(error)))
        text = "".join(lines[at : at + taken]).rstrip("\r\n")
        at += taken
        if problem is not None or any(cells):
            yield QuotedRow(cells, text, problem)


def header_of(raw: RawFile) -> list[str]:
    """Return the lower-case column names of the first line that is not blank, empty without such a line."""
    for line in _physical_lines(raw.head()):
        cells, _ = _alone(line)
        if any(cell.strip() for cell in cells):
            return _names(cells)
    return []


def csv_rows(raw: RawFile, account: TextAccounting, tail: str | None = None) -> Iterator[CsvRow]:
    """Yield the rows below the header; other lines are rejected in the accounting.

    Headers are not counted as lines. A further header, in concatenated files, is noted, and the rows below it
    are read by its columns. Rejected are truncated rows (only the ``tail`` may be missing), rows with more
    cells than columns, and lines with a quote that is not closed before the next row or the end of the file;
    the lines after it are read.

    ``account``: accounting of blank, joined and rejected lines; ``tail``: last column, if its text may hold
    unquoted commas.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    lines = _physical_lines(raw.content.data)
    is_torn = bool(lines) and not lines[-1].endswith(("\n", "\r"))
    columns: _Columns | None = None
    further: list[int] = []
    at = 0
    while at < len(lines):
        first = at
        cells, taken, problem = _record(lines, at, columns)
        at += taken
        is_blank = problem is None and not any(cell.strip() for cell in cells)
        if columns is None:
            columns = None if is_blank else _Columns(_names(cells), tail)
            continue
        names = columns.header_again(cells) if problem is None else None
        if names is not None and not columns.is_cut_header(names, lines[at : at + 1]):
            columns = _Columns(names, tail)
            further.append(first + 1)
            continue
        account.lines += taken
        account.joined_lines += taken - 1
        if is_blank:
            account.blank_lines += 1
            continue
        text = "".join(lines[first:at]).rstrip("\r\n")
        if names is not None:
            problem = note("reject-csv-header")
        elif problem is None:
            problem = columns.damage(cells, text, is_torn and at == len(lines))
        if problem is not None:
            account.reject(first + 1, problem, text.encode())
            continue
        yield CsvRow(first + 1, columns.row(cells), text.encode())
    if further:
        account.notes.append(
            note("note-further-headers", headers=len(further), line=Resource(str(further[0])))
        )


def _record(lines: Sequence[str], at: int, columns: _Columns | None) -> tuple[list[str], int, str | None]:
    """Return the cells that begin in a line, the number of lines they span, and the problem of the first."""
    if columns is None:
        return _alone(lines[at])[0], 1, None
    taken = 0
    is_open = False

    def fed() -> Iterator[str]:
        # The csv reader requests a further line only while a quote is open.
        nonlocal taken, is_open
        for here in range(at, min(at + _MOST_LINES, len(lines))):
            if taken and columns.begins_row(lines[here]):
                break
            taken += 1
            yield lines[here]
        is_open = True

    try:
        cells = next(csv.reader(fed()), [])
    except csv.Error as error:
        return [], 1, note("reject-csv", error=Quotation(str(error)))
    return ([], 1, note("reject-csv-quote")) if is_open else (cells, taken, None)


def _alone(line: str) -> tuple[list[str], bool]:
    """Return a line's cells, empty if it cannot be split, and whether it leaves a quote open."""
    reader = csv.reader([line, ""])
    try:
        cells = next(reader, [])
    except csv.Error:
        return [], False
    # The csv reader requests a further line only while a quote is open.
    return cells, reader.line_num > 1


def _names(cells: Sequence[str]) -> list[str]:
    """Return a header's names in lower case; the second of two equal names is ``name#2``."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    size = max((at for at, cell in enumerate(cells, 1) if cell.strip()), default=0)
    for cell in cells[:size]:
        name = cell.strip().lower()
        seen[name] += 1
        names.append(name if seen[name] == 1 or not name else f"{name}#{seen[name]}")
    return names


def _physical_lines(data: bytes) -> list[str]:
    """Return the lines with their line ends, without NUL bytes and byte order marks before them.

    A lost write leaves NUL bytes there, and concatenated files the byte order mark of the second file.
    """
    lines = io.StringIO(decoded(data), newline="")
    # NUL bytes within a line are damage of that line, not the end of the file.
    return [line.lstrip("\0\ufeff").replace("\0", "\\x00") for line in lines]
