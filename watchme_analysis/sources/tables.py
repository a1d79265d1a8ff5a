"""Comma-separated evidence with a header line, read row by row with its line numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.sources.lines import decoded

if TYPE_CHECKING:
    from watchme_analysis.sources.lines import Account
    from watchme_analysis.sources.raw import RawFile

TIME_NAMES = ("timestamp", "time", "ts", "datetime", "date")
_FIELD_LIMIT = 1 << 24


class CsvRow(NamedTuple):
    """A row: its first line's number, its cells by column, and the text of all cells."""

    line: int
    cells: dict[str, str]
    text: bytes


def header_of(raw: RawFile) -> list[str]:
    """Return the column names of the first line that isn't blank, lower case, empty when there is none."""
    for line in raw.head().decode("utf-8-sig", errors="replace").splitlines():
        if line.strip():
            return [name.strip().lower() for name in next(csv.reader([line]), [])]
    return []


def csv_rows(raw: RawFile, account: Account, tail: str | None = None) -> Iterator[CsvRow]:
    """Yield the rows below the header; what can't be one is rejected on the account.

    The header itself is not counted as a line. A row that is cut (too few cells and no line end) is
    rejected; other missing cells at its end are empty.

    Parameters
    ----------
    raw
        File.
    account
        Where blank and rejected lines are counted.
    tail
        Column, the last one, whose text may hold unquoted commas.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    data = raw.content.data.removeprefix(b"\xef\xbb\xbf")
    whole = data.endswith((b"\n", b"\r"))
    # NUL bytes are a damaged line, not the end of the file.
    lines = io.StringIO(decoded(data).replace("\0", "\\x00"), newline="")
    physical = sum(1 for _ in lines)
    lines.seek(0)
    reader = csv.reader(lines, strict=False)
    names: list[str] = []
    before = 0
    for cells in reader:
        first, before = before + 1, reader.line_num
        if names:
            account.lines = (account.lines or 0) + before - first + 1
            account.joined_lines += before - first
        if not any(cell.strip() for cell in cells):
            if names:
                account.blank_lines += 1
            continue
        if not names:
            names = [cell.strip().lower() for cell in cells]
            continue
        text = ",".join(cells).encode()
        if len(cells) > len(names) and tail == names[-1]:
            cells[len(names) - 1 :] = [",".join(cells[len(names) - 1 :])]
        if len(cells) > len(names):
            account.reject(first, f"{len(cells)} cells under {len(names)} columns", text)
        elif len(cells) < len(names) and before == physical and not whole:
            account.reject(first, "the line is cut", text)
        else:
            yield CsvRow(first, dict(zip(names, [*cells, *[""] * len(names)], strict=False)), text)
