"""Comma-separated evidence with a header line, read row by row with its line numbers.

A quoted text may run over several lines. One that is cut leaves a quote open that would swallow every row
below it up to the next quote, so a further line is looked at before it is taken for a part of the text.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.files.field_values import microseconds
from watchme_analysis.files.lines import decoded
from watchme_analysis.text.formats import counted

if TYPE_CHECKING:
    from watchme_analysis.files.evidence_file import RawFile
    from watchme_analysis.files.line_accounting import TextAccounting

TIME_NAMES = ("timestamp", "time", "ts", "datetime", "date")
_TIMES = frozenset(TIME_NAMES)
_FIELD_LIMIT = 1 << 24
# Lines that a quoted text may run over: more than a traceback has, and few enough to be looked at again.
_MOST_LINES = 200
_TIME_WITHIN = re.compile(r"(?<=.)(?:\d{4}-\d\d-\d\d[T ]|\d{10})")
_NAME = re.compile(r"[^\W\d]\S*")


class CsvRow(NamedTuple):
    """A row: its first line's number, its cells by column, and its text as it stands in the file."""

    line: int
    cells: dict[str, str]
    text: bytes


class _Columns(NamedTuple):
    """A header's names, and the one of them whose text may hold unquoted commas if it is the last."""

    names: list[str]
    tail: str | None

    @property
    def has_tail(self) -> bool:
        return self.tail == self.names[-1]

    def misfit(self, cells: Sequence[str]) -> str | None:
        """Return why cells are no row of these columns, None when they are one."""
        size = len(self.names)
        if len(cells) > size and not self.has_tail and any(cells[size:]):
            return f"{len(cells)} cells under {size} columns"
        # Some leave off a text that is empty; any other row that is short was cut, and so was its last cell.
        if len(cells) < size - self.has_tail:
            return f"the line is cut: {len(cells)} of {size} cells"
        return None

    def damage(self, cells: Sequence[str], text: str, is_torn: bool) -> str | None:
        """Return what is wrong with a record, None when nothing is; a torn one has no line end."""
        if self.hides_row(text):
            return "a row is cut, and another one follows in its line"
        if is_torn and len(cells) < len(self.names):
            return "the line is cut"
        return self.misfit(cells)

    def row(self, cells: Sequence[str]) -> dict[str, str]:
        """Return cells that fit by column."""
        last = len(self.names) - 1
        while len(cells) > last + 1 and not cells[-1]:
            cells = cells[:-1]
        return dict(zip(self.names, [*cells[:last], ",".join(cells[last:])], strict=True))

    def is_row(self, line: str) -> bool:
        """Tell whether a line is a row by itself: it fits, and it has a time."""
        cells, is_open = _alone(line)
        return not is_open and self.misfit(cells) is None and self._has_time(cells)

    def begins_row(self, line: str) -> bool:
        """Tell whether a line is a row, or the first line of one whose text runs on."""
        cells, is_open = _alone(line)
        return self._has_time(cells) and (is_open or self.misfit(cells) is None)

    def _has_time(self, cells: Sequence[str]) -> bool:
        times = [cell for name, cell in zip(self.names, cells, strict=False) if name in TIME_NAMES]
        return any(microseconds(cell) is not None for cell in times)

    def hides_row(self, line: str) -> bool:
        """Tell whether a line holds a whole row behind one that was cut and written on.

        Words after commas have spaces before them, cells that a program wrote have none.
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
        """Return the names of a further header, None for a line that is none."""
        if _TIMES.isdisjoint(cell.strip().lower() for cell in cells):
            return None
        names = _names(cells)
        is_header = all(name in self.names or _NAME.fullmatch(name) for name in names)
        return names if is_header and len(names) > 1 else None

    def is_cut_header(self, names: Sequence[str], below: Sequence[str]) -> bool:
        """Tell whether names are the beginning of these, above rows of all of them."""
        text, whole = ",".join(names), ",".join(self.names)
        return text != whole and whole.startswith(text) and all(self.begins_row(line) for line in below)


def header_of(raw: RawFile) -> list[str]:
    """Return the column names of the first line that isn't blank, lower case, empty when there is none."""
    for line in _physical_lines(raw.head()):
        cells, _ = _alone(line)
        if any(cell.strip() for cell in cells):
            return _names(cells)
    return []


def csv_rows(raw: RawFile, account: TextAccounting, tail: str | None = None) -> Iterator[CsvRow]:
    """Yield the rows below the header; what can't be one is rejected on the account.

    Headers are not counted as lines: a further one, in files that were put together, is noted, and the rows
    below it are read by its columns. Rejected are a row that is cut (it may lack the ``tail`` alone), one
    with more cells than columns, and a line with a quote that isn't closed before the next row begins or
    the file ends; the lines after it are read.

    Parameters
    ----------
    raw
        File.
    account
        Where blank, joined and rejected lines are counted.
    tail
        Column, the last one, whose text may hold unquoted commas.
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
            problem = "the header again, and cut"
        elif problem is None:
            problem = columns.damage(cells, text, is_torn and at == len(lines))
        if problem is not None:
            account.reject(first + 1, problem, text.encode())
            continue
        yield CsvRow(first + 1, columns.row(cells), text.encode())
    if further:
        account.notes.append(
            f"{counted(len(further), 'further header')}, the first in line {further[0]}: the rows below are "
            "read by its columns"
        )


def _record(lines: Sequence[str], at: int, columns: _Columns | None) -> tuple[list[str], int, str | None]:
    """Return the cells that begin in a line, how many lines they take, and what is wrong with the first."""
    if columns is None:
        return _alone(lines[at])[0], 1, None
    taken = 0
    is_open = False

    def fed() -> Iterator[str]:
        # The reader asks for a line after the first only while a quote is open.
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
        return [], 1, str(error)
    return ([], 1, "a quote is not closed") if is_open else (cells, taken, None)


def _alone(line: str) -> tuple[list[str], bool]:
    """Return a line's cells, none where it can't be taken apart, and whether it leaves a quote open."""
    reader = csv.reader([line, ""])
    try:
        cells = next(reader, [])
    except csv.Error:
        return [], False
    # The reader asks for a further line only while a quote is open.
    return cells, reader.line_num > 1


def _names(cells: Sequence[str]) -> list[str]:
    """Return a header's names, lower case; of one that stands twice the second is ``name#2``."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    size = max((at for at, cell in enumerate(cells, 1) if cell.strip()), default=0)
    for cell in cells[:size]:
        name = cell.strip().lower()
        seen[name] += 1
        names.append(name if seen[name] == 1 or not name else f"{name}#{seen[name]}")
    return names


def _physical_lines(data: bytes) -> list[str]:
    """Return the lines with their ends, without the marks that stand before one.

    A lost write leaves NUL bytes there, files that were put together the byte order mark of the second.
    """
    lines = io.StringIO(decoded(data), newline="")
    # NUL bytes within a line are damage of that line, not the end of the file.
    return [line.lstrip("\0\ufeff").replace("\0", "\\x00") for line in lines]
