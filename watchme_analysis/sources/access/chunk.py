"""A chunk of an access log, read: its requests as a table, and what became of its other lines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.retrieval import Rejected
from watchme_analysis.sources.arrow_arrays import number_array, numbers_of
from watchme_analysis.sources.lines import shown

if TYPE_CHECKING:
    import pyarrow as pa


class Refused(NamedTuple):
    """A line that became no row: its number in the chunk from 1, why, and the line."""

    line: int
    reason: str
    text: bytes


class Chunk(NamedTuple):
    """A chunk, read: ``lines == rows + len(refused) + blank + left_out``.

    ``table`` has the columns needed and its lines count from 1 at the chunk's start; ``formats`` counts the
    lines of each format, and ``exact`` those that went the exact way. ``ended`` is False when the last line
    has no line end.
    """

    table: pa.Table
    refused: list[Refused]
    lines: int
    blank: int
    left_out: int
    formats: Counter[str]
    exact: int
    ended: bool


def rejected_at(chunk: Chunk, file: str, lines_before: int) -> list[Rejected]:
    """Return a chunk's refused lines, numbered within their file."""
    return [
        Rejected(file, lines_before + line, reason, shown(text), len(text))
        for line, reason, text in chunk.refused
    ]


def shifted(table: pa.Table, lines_before: int) -> pa.Table:
    """Return a chunk's table with its lines numbered within their file."""
    if not lines_before:
        return table
    lines = number_array(numbers_of(table["line"]) + lines_before)
    return table.set_column(table.column_names.index("line"), "line", lines)


def merged(table: pa.Table, further: pa.Table) -> pa.Table:
    """Return both tables' rows in the order of their lines: further ones, mostly few, between the others."""
    import numpy as np
    import pyarrow as pa

    if not len(further):
        return table
    places = np.searchsorted(numbers_of(table["line"]), numbers_of(further["line"]))
    parts = []
    at = taken = 0
    for place, count in zip(*np.unique(places, return_counts=True), strict=True):
        parts += [table.slice(at, place - at), further.slice(taken, count)]
        at, taken = place, taken + count
    return pa.concat_tables([*parts, table.slice(at)]).combine_chunks()
