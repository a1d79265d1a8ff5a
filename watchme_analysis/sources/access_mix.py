"""Columns of a chunk's rows with further rows, read elsewhere, between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.schema import Kind, table_schema
from watchme_analysis.sources.arrow_arrays import (
    nulls_of,
    number_array,
    numbers_of,
    room_for,
    text_array,
    text_parts,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

KINDS: dict[str, Kind] = {column.name: column.kind for column in table_schema("access_log").columns}
NULL = -(2**63)
# So many rows' lines, and what is known of them, fit a core's own cache.
_AT_ONCE = 2048


class Spans(NamedTuple):
    """Where a text stands in each line.

    A null starts at -1, and a text of n bytes that stands elsewhere at -2 - n.
    """

    starts: Array
    ends: Array


class Mix(NamedTuple):
    """How rows of a chunk and further ones stand between each other.

    Attributes
    ----------
    lines
        Indexes of the lines of all rows.
    places
        Which rows are the further ones.
    further
        Those.
    """

    lines: Array
    places: Array
    further: pa.Table

    @classmethod
    def of(cls, rows: Array, further: pa.Table) -> Mix:
        """Put further rows, which are few, where they belong between those of some lines."""
        import numpy as np

        lines = numbers_of(further["line"]) - 1
        before = np.searchsorted(rows, lines)
        return cls(np.insert(rows, before, lines), before + np.arange(len(lines)), further)

    def numbers(self, column: str, values: Array | None) -> pa.Array:
        """Return a column of numbers.

        Parameters
        ----------
        column
            Name.
        values
            Numbers of all rows, ``NULL`` or NaN for null; those of further rows mean nothing and are written
            over. None when nothing fills the column.
        """
        import numpy as np
        import pyarrow as pa

        kind = KINDS[column]
        given = self.further[column]
        null: Any = np.nan if kind == "float" else NULL
        if values is None:
            if given.null_count == len(given):
                return pa.nulls(len(self.lines), given.type)
            values = np.full(len(self.lines), null)
        if len(given):
            # Not by Arrow's own way to fill nulls, which would load pandas.
            is_null = nulls_of(given.combine_chunks())
            values[self.places] = np.where(is_null, null, numbers_of(given))
        return number_array(values, ~np.isnan(values) if kind == "float" else values != NULL, kind)

    def texts(self, buf: Array, columns: Mapping[str, Spans | None]) -> dict[str, pa.Array]:
        """Return columns of texts.

        Parameters
        ----------
        buf
            The chunk, and ``ROOM_BYTES`` more.
        columns
            Where the texts stand in each line, by column, which is written to; None when nothing fills it.
        """
        import numpy as np
        import pyarrow as pa

        from watchme_analysis.sources.access_gather import gather, measure, put
        from watchme_analysis.sources.access_vectors import WIDTH

        count = len(self.lines)
        given = {column: self.further[column].combine_chunks() for column in columns}
        found: dict[str, pa.Array] = {}
        filled: dict[str, Spans] = {}
        for column, spans in columns.items():
            if spans is not None:
                filled[column] = spans
            elif given[column].null_count < len(given[column]):
                filled[column] = Spans(*np.full((2, int(self.lines[-1]) + 1), -1, np.int32))
            else:
                found[column] = pa.nulls(count, given[column].type)
        offsets, valid = room_for(len(filled), count + 1, kind=np.int64), np.empty((len(filled), count), bool)
        for at, (column, spans) in enumerate(filled.items()):
            bounds, _ = text_parts(given[column])
            further = np.where(nulls_of(given[column]), -1, -2 - np.diff(bounds))
            spans.starts[self.lines[self.places]] = further
            measure(spans.starts, spans.ends, self.lines, offsets[at], valid[at])
        ends = np.cumsum(offsets[:, -1]) if filled else np.zeros(1, np.int64)
        data = room_for(int(ends[-1]) + len(filled) * WIDTH, kind=np.uint8)
        rooms = [
            data[end - size + at * WIDTH : end + at * WIDTH + WIDTH]
            for at, (end, size) in enumerate(zip(ends, offsets[:, -1], strict=False))
        ]
        # All columns of some rows, then those of the next: what they are read from is still at hand.
        for first in range(0, count, _AT_ONCE):
            some = self.lines[first : first + _AT_ONCE]
            for at, spans in enumerate(filled.values()):
                gather(buf, spans.starts, some, offsets[at, first : first + len(some) + 1], rooms[at])
        for at, column in enumerate(filled):
            bounds, texts = text_parts(given[column])
            put(texts, bounds, self.places, offsets[at], rooms[at])
            found[column] = text_array(offsets[at], rooms[at][:-WIDTH], valid[at])
        return found

    def merged(self, column: str, values: pa.Array) -> pa.Array:
        """Return a column, mostly of nulls, from that of the rows but the further ones."""
        import pyarrow as pa

        given = self.further[column].combine_chunks()
        if values.null_count == len(values) and given.null_count == len(given):
            return pa.nulls(len(self.lines), values.type)
        parts, at = [], 0
        for number, place in enumerate(self.places):
            parts += [values.slice(at, place - number - at), given.slice(number, 1)]
            at = place - number
        return pa.concat_arrays([*parts, values.slice(at)])
