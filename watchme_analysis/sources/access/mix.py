"""Columns of a chunk's rows with further rows, read elsewhere, between them."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.schema import Kind, table_schema
from watchme_analysis.sources.arrow_arrays import (
    Bits,
    arrow_type,
    even_offsets,
    nulls,
    nulls_of,
    number_array,
    numbers_of,
    room_for,
    text_array,
    text_parts,
    whole,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

KINDS: dict[str, Kind] = {column.name: column.kind for column in table_schema("access_log").columns}
NULL = -(2**63)
# The bits of a NaN, as a whole number.
_NULL_FLOAT = int.from_bytes(struct.pack("<d", math.nan), "little")


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

        from watchme_analysis.sources.access.gather import weave

        lines = numbers_of(further["line"]) - 1
        woven, places = np.empty(len(rows) + len(lines), np.int64), np.empty_like(lines)
        weave(rows, lines, woven, places)
        return cls(woven, places, further)

    def numbers(self, columns: Sequence[str], held: Array, filled: Collection[str]) -> dict[str, pa.Array]:
        """Return columns of numbers.

        Parameters
        ----------
        columns
            Their names.
        held
            Numbers of all rows, each as a whole one of eight bytes: ``int64[columns, rows]``, ``NULL`` or NaN
            for null. Those of further rows mean nothing and are written over.
        filled
            The columns that anything fills; what stands in the others means nothing.
        """
        import numpy as np

        from watchme_analysis.sources.access.gather import valid_numbers

        count = len(self.lines)
        are_floats = np.array([KINDS[column] == "float" for column in columns], bool)
        for room, column in zip(held, columns, strict=True):
            null = _NULL_FLOAT if KINDS[column] == "float" else NULL
            if column not in filled:
                room.fill(null)
            # Not by Arrow's own way to fill nulls, which would load pandas.
            if len(self.places):
                further = whole(self.further[column])
                room[self.places] = np.where(nulls_of(further), null, numbers_of(further).view(np.int64))
        bits, missing = np.empty((len(columns), (count + 7) // 8), np.uint8), np.empty(len(columns), np.int64)
        valid_numbers(held, are_floats, bits, missing)
        found = {}
        for at, (column, room) in enumerate(zip(columns, held, strict=True)):
            if missing[at] == count:
                found[column] = nulls(count, arrow_type(KINDS[column]))
            else:
                values = room.view(np.float64) if are_floats[at] else room
                found[column] = number_array(values, Bits(bits[at], int(missing[at])), KINDS[column])
        return found

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

        from watchme_analysis.sources.access.gather import gather, measure, put
        from watchme_analysis.sources.access.vectors import WIDTH

        count = len(self.lines)
        given = {column: whole(self.further[column]) for column in columns if len(self.places)}
        found: dict[str, pa.Array] = {}
        filled: dict[str, Spans] = {}
        for column, spans in columns.items():
            if spans is not None:
                filled[column] = spans
            elif column in given and given[column].null_count < len(given[column]):
                filled[column] = Spans(*np.full((2, int(self.lines[-1]) + 1), -1, np.int32))
            else:
                found[column] = nulls(count, arrow_type("text"))
        if not filled:
            return found
        further_lines = self.lines[self.places]
        for column in filled.keys() & given.keys():
            bounds, _ = text_parts(given[column])
            is_null = nulls_of(given[column])
            filled[column].starts[further_lines] = np.where(is_null, -1, -2 - np.diff(bounds))
        places = np.array([[one.ctypes.data for one in spans] for spans in filled.values()], np.int64)
        sizes, widths, missing = np.empty((3, len(filled)), np.int64)
        bits = np.empty((len(filled), (count + 7) // 8), np.uint8)
        measure(places, self.lines, sizes, widths, bits, missing)
        # Offsets of texts of one width are known, and shared; the others' are filled in.
        vary = widths < 0
        slots = np.where(vary, np.cumsum(vary) - 1, -1)
        offsets = room_for(int(np.count_nonzero(vary)), count + 1, kind=np.int64)
        ends = np.cumsum(sizes + WIDTH)
        data = room_for(int(ends[-1]), kind=np.uint8)
        gather(buf, places, self.lines, slots, offsets, data.ctypes.data + ends - sizes - WIDTH)
        for at, column in enumerate(filled):
            if missing[at] == count:
                found[column] = nulls(count, arrow_type("text"))
                continue
            room = data[ends[at] - sizes[at] - WIDTH : ends[at]]
            stand = offsets[slots[at]] if vary[at] else even_offsets(count, int(widths[at]))
            if column in given:
                bounds, texts = text_parts(given[column])
                put(texts, bounds, self.places, stand, room)
            found[column] = text_array(stand, room[:-WIDTH], Bits(bits[at], int(missing[at])))
        return found

    def merged(self, column: str, values: pa.Array) -> pa.Array:
        """Return a column, mostly of nulls, from that of the rows but the further ones."""
        import pyarrow as pa

        given = whole(self.further[column])
        if values.null_count == len(values) and given.null_count == len(given):
            return nulls(len(self.lines), values.type)
        parts, at = [], 0
        for number, place in enumerate(self.places):
            parts += [values.slice(at, place - number - at), given.slice(number, 1)]
            at = place - number
        return pa.concat_arrays([*parts, values.slice(at)])
