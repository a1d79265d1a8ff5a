"""Lines of plain text for terminals: aligned, cut short."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from unicodedata import east_asian_width

_UNLIMITED = 130
# Heads are not wrapped more narrowly.
_HEAD_WIDTH = 8


def terminal_width() -> int:
    """Return the columns of the terminal; those that tables may take where there is none."""
    return shutil.get_terminal_size((_UNLIMITED, 24)).columns


def display_width(text: str) -> int:
    """Return the columns that a text takes on a terminal: two for each Japanese character."""
    return len(text) if text.isascii() else len(text) + sum(east_asian_width(one) in "WF" for one in text)


def align_rows(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int]) -> str:
    """Return aligned lines, the header first: columns of words to the left, the others to the right."""
    return "\n".join(_lines([header, *rows], words))


def fit_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (), *, titles: int = 1
) -> str:
    """Return rows as aligned lines that are no wider than the page, as far as their cells let them.

    Heads of several words take several lines where that saves columns. Where it does not save enough, the
    titles of a row stand on a line of their own, with what belongs to them below.

    Parameters
    ----------
    header, rows
        Heads and cells.
    words
        Columns of words, which stand to the left; those of the titles do anyway.
    titles
        How many of the first columns say what a row is about.
    """
    left = {*range(titles), *words}
    page = terminal_width()
    whole = _lines([header, *rows], left)
    if max(map(display_width, whole)) <= page:
        return "\n".join(whole)
    heads = _stacked_heads(header, rows)
    table = _lines([*heads, *rows], left)
    if max(map(display_width, table)) <= page:
        return "\n".join(table)
    below = _lines(
        [*(head[titles:] for head in heads), *(row[titles:] for row in rows)], {at - titles for at in left}
    )
    lines = ["  ".join(header[:titles]), *("  " + line for line in below[: len(heads)])]
    before: Sequence[str] = ()
    for row, line in zip(rows, below[len(heads) :], strict=True):
        if row[:titles] != before:
            lines += textwrap.wrap("  ".join(row[:titles]), page, subsequent_indent="    ")
        lines.append("  " + line)
        before = row[:titles]
    return "\n".join(lines)


def _stacked_heads(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return lines of heads, hardly wider than their columns' cells."""
    wrapped = []
    for head, *cells in zip(header, *rows, strict=True):
        width = max(_HEAD_WIDTH, *map(len, [*head.split(), *cells]))
        wrapped.append(textwrap.wrap(head, width)[::-1])
    return list(zip_longest(*wrapped, fillvalue=""))[::-1]


def _lines(rows: Sequence[Sequence[str]], words: Iterable[int]) -> list[str]:
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        spaced = ((cell, " " * (width - display_width(cell))) for cell, width in cells)
        padded = (cell + space if at in words else space + cell for at, (cell, space) in enumerate(spaced))
        lines.append("  ".join(padded).rstrip())
    return lines


def truncate(text: str, width: int) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= width else text[: width - 1] + "…"


def truncate_middle(text: str, width: int) -> str:
    """Return a text without its middle: paths that begin alike differ at their ends."""
    begin = (width - 1) // 2
    return text if len(text) <= width else f"{text[:begin]}…{text[begin + 1 - width :]}"
