"""The selection of requests in a log, and the result of parsing a chunk, in columns of ``access_log``.

A chunk holds its requests as a table, and the numbers of its other lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.files.arrow_arrays import array_of, number_array, numbers_of, scalar_of
from watchme_analysis.redact import described
from watchme_analysis.schema import Kind, table_schema

if TYPE_CHECKING:
    import pyarrow as pa

ACCESS_COLUMNS = tuple(table_schema("access_log").names)
KINDS: dict[str, Kind] = {column.name: column.kind for column in table_schema("access_log").columns}


@dataclass(frozen=True, repr=False)
class Selection:
    """Selection of rows and columns of a log.

    ``columns``: columns of ``access_log``, in order; ``since``, ``until``: bounds of the time, ``since <=
    time < until``, microseconds since the epoch. With a bound, rows without a time are excluded;
    ``path_prefix``: prefix of the path.
    """

    columns: tuple[str, ...] = ACCESS_COLUMNS
    since: int | None = None
    until: int | None = None
    path_prefix: str | None = None

    def __repr__(self) -> str:
        """Return the number of columns in one line."""
        return described(self, f"of {len(self.columns)} columns")

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that must be parsed, including those of the bounds."""
        bounded = self.since is not None or self.until is not None
        further = ("line", *(("time",) if bounded else ()), *(("path",) if self.path_prefix else ()))
        return tuple(dict.fromkeys((*self.columns, *further)))

    def apply(self, table: pa.Table) -> pa.Table:
        """Return the selected rows of a table with the needed columns."""
        import pyarrow.compute as pc

        kept = []
        if self.since is not None:
            kept.append(pc.greater_equal(table["time"].cast("int64"), scalar_of(self.since, "int")))
        if self.until is not None:
            kept.append(pc.less(table["time"].cast("int64"), scalar_of(self.until, "int")))
        if self.path_prefix:
            kept.append(pc.starts_with(table["path"], self.path_prefix))
        return table.filter(reduce(pc.and_, kept)) if kept else table


class RejectedLine(NamedTuple):
    """A line without a row: its number in the chunk from 1, the reason, and the line."""

    line: int
    reason: str
    text: bytes


class Chunk(NamedTuple):
    """A parsed chunk: ``lines == rows + len(rejected) + blank + filtered``.

    ``table`` has the columns needed and its lines count from 1 at the chunk's start; ``formats`` counts the
    lines of each format, and ``reference_lines`` those that the reference parser read. ``blank`` counts empty
    lines and directives such as ``#Fields:``, ``filtered`` the rows that a :class:`Selection` left out.
    ``has_line_end`` is False when the last line has no line end.
    """

    table: pa.Table
    rejected: list[RejectedLine]
    lines: int
    blank: int
    filtered: int
    formats: Counter[str]
    reference_lines: int
    has_line_end: bool


def rows_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.Table:
    """Return rows as a table; times are microseconds since the epoch."""
    import pyarrow as pa

    arrays = [array_of([row.get(column) for row in rows], KINDS[column]) for column in columns]
    return pa.table(arrays, names=list(columns))


def shifted(table: pa.Table, lines_before: int) -> pa.Table:
    """Return a chunk's table with its lines numbered within their file."""
    if not lines_before:
        return table
    lines = number_array(numbers_of(table["line"]) + lines_before)
    return table.set_column(table.column_names.index("line"), "line", lines)


def in_order(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables in the order of their lines."""
    import numpy as np
    import pyarrow as pa

    if len(tables) == 1:
        return tables[0]
    joined = pa.concat_tables(tables).combine_chunks()
    if sum(len(table) > 0 for table in tables) < 2:
        return joined
    return joined.take(number_array(np.argsort(numbers_of(joined["line"]))))
