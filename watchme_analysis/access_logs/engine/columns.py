"""Columns of ``access_log`` as Arrow arrays: from spans of a chunk, or from rows parsed individually.

Rows parsed elsewhere can be merged with a chunk's rows.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.engine.program import REQUEST_COLUMNS, Program
from watchme_analysis.access_logs.formats.column_sources import DURATIONS, INTEGER_SOURCES, REQUEST_PARTS
from watchme_analysis.files.arrow_arrays import (
    Bits,
    array_of,
    arrow_type,
    even_offsets,
    nulls,
    nulls_of,
    number_array,
    numbers_of,
    repeated,
    room_for,
    text_array,
    text_parts,
    whole,
)
from watchme_analysis.schema import Kind, table_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

ACCESS_COLUMNS = tuple(table_schema("access_log").names)


class Parsed(NamedTuple):
    """The output of the compiled loop for a chunk; see :func:`line_loop.parse_lines`."""

    buf: Array
    starts: Array
    ends: Array
    ints: Array
    floats: Array


def rows_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.Table:
    """Return rows as a table; times are microseconds since the epoch."""
    import pyarrow as pa

    arrays = [array_of([row.get(column) for row in rows], KINDS[column]) for column in columns]
    return pa.table(arrays, names=list(columns))


class Columns:
    """Builds the columns of the unambiguous lines of a chunk.

    Parameters
    ----------
    parsed
        Output of the loop for the chunk.
    program
        Program of the stored values.
    """

    def __init__(self, parsed: Parsed, program: Program) -> None:
        self._parsed = parsed
        self._program = program

    def times(self) -> Array | None:
        """Return microseconds since the epoch for all lines, None when the format has no time."""
        names = self._program.wholes.get("time", ())
        return self._parsed.ints[self._program.ints[names[0]]] if names else None

    def text(self, column: str) -> Spans | None:
        """Return the positions of a text column, None for a column without a source."""
        import numpy as np

        found: Spans | None = None
        if column in REQUEST_COLUMNS and self._program.request_slot >= 0:
            slot = self._program.request_slot + REQUEST_COLUMNS.index(column)
            found = Spans(self._parsed.starts[slot], self._parsed.ends[slot])
        for name in self._program.texts.get(column, ()):
            other = self._span(name)
            if found is None:
                found = other
            else:
                missing = found.starts < 0
                found = Spans(*(np.where(missing, b, a) for a, b in zip(found, other, strict=True)))
        return found

    def table(
        self, columns: Sequence[str], rows: Array, constants: dict[str, Any], further: pa.Table
    ) -> pa.Table:
        """Return the columns in the rows, merged with further rows, in the order of their lines.

        Parameters
        ----------
        columns
            Names in order; ``line`` counts from 1 at the chunk's start.
        rows
            Indexes of lines.
        constants
            Columns with the same text, or null, in every row.
        further
            Rows of other lines, parsed elsewhere, with the same columns.
        """
        import numpy as np
        import pyarrow as pa

        merged_rows = MergedRows.of(rows, further)
        varying = [column for column in columns if column not in constants]
        numeric = [column for column in varying if KINDS[column] in ("int", "float", "time")]
        held = room_for(len(numeric), len(merged_rows.lines), kind=np.int64)
        built = merged_rows.numbers(numeric, held, self._fill(numeric, merged_rows.lines, held))
        spans = {column: self.text(column) for column in varying if KINDS[column] == "text"}
        built.update(merged_rows.texts(self._parsed.buf, spans))
        for column, of in (("upstream_raw", self._upstream_raw), ("extra", self._extra)):
            if column in varying:
                built[column] = merged_rows.merged(column, of(rows))
        for column in set(columns) & set(constants):
            built[column] = repeated(constants[column], len(merged_rows.lines))
        return pa.table([built[column] for column in columns], names=list(columns))

    def _fill(self, columns: Sequence[str], lines: Array, held: Array) -> set[str]:
        """Return the filled columns, after writing the numbers of lines to the rows of ``held``."""
        import numpy as np

        from watchme_analysis.access_logs.engine.column_loops import copy_numbers

        sources = {column: self._sources(column) for column in columns}
        first = [one[0].ctypes.data if one else 0 for one in sources.values()]
        copy_numbers(np.array(first, np.int64), lines, held)
        for room, (column, found) in zip(held, sources.items(), strict=True):
            for other in found[1:]:
                np.copyto(room, other[lines], where=room == NULL)
            unit = DURATIONS.get(self._program.decimals.get(column, ""), 1.0)
            if unit != 1.0:
                seconds = room.view(np.float64)
                seconds /= unit
            if column == "line":
                np.add(lines, 1, out=room)
        return {column for column, found in sources.items() if found or column == "line"}

    def _sources(self, column: str) -> list[Array]:
        """Return the numbers of all lines that fill a column, in order of preference."""
        if column in self._program.decimals:
            return [self._parsed.floats[self._program.floats[self._program.decimals[column]]]]
        if column == "upstream_tries" and self._program.sources.upstream:
            return [self._parsed.ints[0]]
        slots = [self._program.ints[name] for name in self._program.wholes.get(column, ())]
        return [self._parsed.ints[slot] for slot in slots]

    def _span(self, name: str) -> Spans:
        slot = self._program.spans[name]
        return Spans(self._parsed.starts[slot], self._parsed.ends[slot])

    def _upstream_raw(self, rows: Array) -> pa.Array:
        """Return the raw upstream values of requests with several tries."""
        import numpy as np

        several = np.flatnonzero(self._parsed.ints[0][rows] > 1) if self._program.lists else rows[:0]
        if not len(several):
            return nulls(len(rows), arrow_type("text"))
        chosen = np.ix_(np.array(list(self._program.lists.values())), rows[several])
        spans = self._parsed.starts[chosen], self._parsed.ends[chosen]
        offsets, data = self._objects(self._program.lists, spans, np.arange(len(several)))
        sizes = np.zeros(len(rows) + 1, np.int64)
        sizes[several + 1] = np.diff(offsets)
        return text_array(np.cumsum(sizes), data, sizes[1:] > 0)

    def _objects(self, names: Iterable[str], spans: tuple[Array, Array], rows: Array) -> tuple[Array, Array]:
        """Return offsets and bytes of JSON objects of variables in rows."""
        import numpy as np

        from watchme_analysis.access_logs.engine.column_loops import measure_objects, write_objects

        keys = [f'"{name}": '.encode() for name in names]
        joined = np.frombuffer(b"".join(keys), np.uint8)
        bounds = np.cumsum([0, *map(len, keys)]).astype(np.int64)
        offsets = np.empty(len(rows) + 1, np.int64)
        measure_objects(self._parsed.buf, spans, rows, bounds, offsets)
        data = np.empty(offsets[-1], np.uint8)
        write_objects(self._parsed.buf, spans, rows, (joined, bounds), (offsets, data))
        return offsets, data

    def _extra(self, rows: Array) -> pa.Array:
        import numpy as np

        from watchme_analysis.access_logs.engine.column_loops import same_text

        names = self._program.further
        if not names:
            return nulls(len(rows), arrow_type("text"))
        starts = np.stack([self._span(name).starts for name in names])
        ends = np.stack([self._span(name).ends for name in names])
        for index, name in enumerate(names):
            for chosen in self._chosen_over(name):
                same = np.empty(len(rows), bool)
                same_text(self._parsed.buf, tuple(chosen), tuple(self._span(name)), rows, same)
                starts[index][rows[same]] = -1
        offsets, data = self._objects(names, (starts, ends), rows)
        return text_array(offsets, data, np.diff(offsets) > 0)

    def _chosen_over(self, name: str) -> list[Spans]:
        """Return the spans of the columns that a further variable could have filled."""
        import numpy as np

        if self._program.sources.repeats_request and name in REQUEST_PARTS:
            return self._repeated_by_request(name)
        for column, names in self._program.texts.items():
            if name in names:
                found = self.text(column)
                return [] if found is None else [found]
        for column in INTEGER_SOURCES:
            names = self._program.wholes[column]
            if name in names:
                found = self._span(names[0])
                for other in names[1:]:
                    missing = found.starts < 0
                    pairs = zip(found, self._span(other), strict=True)
                    found = Spans(*(np.where(missing, b, a) for a, b in pairs))
                return [found]
        return []

    def _repeated_by_request(self, name: str) -> list[Spans]:
        """Return the spans of a request line that a variable may repeat."""
        import numpy as np

        found = {column: spans for column in REQUEST_COLUMNS if (spans := self.text(column)) is not None}
        if name == "server_protocol":
            return [found["protocol"]]
        path, query = found["path"], found["query"]
        target = Spans(path.starts, np.where(query.starts < 0, path.ends, query.ends))
        return [target, found["method"], query, path]


KINDS: dict[str, Kind] = {column.name: column.kind for column in table_schema("access_log").columns}
NULL = -(2**63)
# The bits of a NaN as a whole number.
_NULL_FLOAT = int.from_bytes(struct.pack("<d", math.nan), "little")


class Spans(NamedTuple):
    """Position of a text in each line.

    A null starts at -1, and a text of n bytes that is stored elsewhere at -2 - n.
    """

    starts: Array
    ends: Array


class MergedRows(NamedTuple):
    """The merged order of rows of a chunk and further rows.

    Attributes
    ----------
    lines
        Indexes of the lines of all rows.
    places
        Positions of the further rows among all rows.
    further
        The further rows.
    """

    lines: Array
    places: Array
    further: pa.Table

    @classmethod
    def of(cls, rows: Array, further: pa.Table) -> MergedRows:
        """Return the merged order of some lines' rows and further rows, which are few."""
        import numpy as np

        from watchme_analysis.access_logs.engine.column_loops import merge_indexes

        lines = numbers_of(further["line"]) - 1
        woven, places = np.empty(len(rows) + len(lines), np.int64), np.empty_like(lines)
        merge_indexes(rows, lines, woven, places)
        return cls(woven, places, further)

    def numbers(self, columns: Sequence[str], held: Array, filled: Collection[str]) -> dict[str, pa.Array]:
        """Return columns of numbers.

        Parameters
        ----------
        columns
            Names of the columns.
        held
            Numbers of all rows, as 8-byte integers: ``int64[columns, rows]``, ``NULL`` or NaN for null. Those
            of further rows are undefined and overwritten.
        filled
            Columns with a source; the content of others is undefined.
        """
        import numpy as np

        from watchme_analysis.access_logs.engine.column_loops import valid_numbers

        count = len(self.lines)
        are_floats = np.array([KINDS[column] == "float" for column in columns], bool)
        for room, column in zip(held, columns, strict=True):
            null = _NULL_FLOAT if KINDS[column] == "float" else NULL
            if column not in filled:
                room.fill(null)
            # Arrow's fill_null would load pandas.
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
            Positions of the texts in each line, by column, modified; None for a column without a source.
        """
        import numpy as np

        from watchme_analysis.access_logs.engine.addresses import WORD
        from watchme_analysis.access_logs.engine.column_loops import copy_texts, insert_texts, measure_texts

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
        measure_texts(places, self.lines, sizes, widths, bits, missing)
        # Offsets of texts of equal width are known and shared; those of others are filled in.
        vary = widths < 0
        slots = np.where(vary, np.cumsum(vary) - 1, -1)
        offsets = room_for(int(np.count_nonzero(vary)), count + 1, kind=np.int64)
        ends = np.cumsum(sizes + WORD)
        data = room_for(int(ends[-1]), kind=np.uint8)
        copy_texts(buf, places, self.lines, slots, offsets, data.ctypes.data + ends - sizes - WORD)
        for at, column in enumerate(filled):
            if missing[at] == count:
                found[column] = nulls(count, arrow_type("text"))
                continue
            room = data[ends[at] - sizes[at] - WORD : ends[at]]
            stand = offsets[slots[at]] if vary[at] else even_offsets(count, int(widths[at]))
            if column in given:
                bounds, texts = text_parts(given[column])
                insert_texts(texts, bounds, self.places, stand, room)
            found[column] = text_array(stand, room[:-WORD], Bits(bits[at], int(missing[at])))
        return found

    def merged(self, column: str, values: pa.Array) -> pa.Array:
        """Return a column, mostly of nulls, from its values in all rows but the further rows."""
        import pyarrow as pa

        given = whole(self.further[column])
        if values.null_count == len(values) and given.null_count == len(given):
            return nulls(len(self.lines), values.type)
        parts, at = [], 0
        for number, place in enumerate(self.places):
            parts += [values.slice(at, place - number - at), given.slice(number, 1)]
            at = place - number
        return pa.concat_arrays([*parts, values.slice(at)])
