"""Aligned tables and truncated text for terminals."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from watchme_analysis.text.wrapping import display_width, wrapped

_UNLIMITED = 130
# Smallest width in columns to which headings are wrapped.
_HEAD_WIDTH = 8


def terminal_width() -> int:
    """Return the width of the terminal in columns; 130 without a terminal."""
    return shutil.get_terminal_size((_UNLIMITED, 24)).columns


def align_rows(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int]) -> str:
    """Return aligned lines, the header first: text columns to the left, the others to the right."""
    return "\n".join(aligned_lines(header, rows, words))


def aligned_lines(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int]) -> list[str]:
    """Return the lines of :func:`align_rows` as a list: the header, then one item for each row.

    A cell may contain characters at which ``str.splitlines`` splits, so the text can't be split again.
    """
    return _lines([header, *rows], words)


def fit_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (), *, titles: int = 1
) -> str:
    """Return rows as aligned lines no wider than the terminal, as far as the cells allow.

    Headings of several words are split into lines if that saves columns. If it does not save enough, the
    titles of a row (its first ``titles`` columns, which identify it) are on their own line, with its other
    cells below. ``words`` are the indices of text columns, which are left-aligned; title columns always are.
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
    """Return heading lines that are hardly wider than the cells of their columns."""
    stacked = []
    for head, *cells in zip(header, *rows, strict=True):
        words = head.split() if head.isascii() else []
        width = max(_HEAD_WIDTH, *map(display_width, [*words, *cells]))
        stacked.append(wrapped(head, width)[::-1])
    return list(zip_longest(*stacked, fillvalue=""))[::-1]


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
    """Return a text shortened to ``width`` characters at the end."""
    return text if len(text) <= width else text[: width - 1] + "…"


def truncate_middle(text: str, width: int) -> str:
    """Return a text shortened in the middle, because paths with equal beginnings differ at their ends."""
    begin = (width - 1) // 2
    return text if len(text) <= width else f"{text[:begin]}…{text[begin + 1 - width :]}"
