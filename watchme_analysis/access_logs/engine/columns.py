"""Columns of ``access_log`` as Arrow arrays: from the compiled loop, or from rows read one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.engine.program import REQUEST_COLUMNS, Program
from watchme_analysis.access_logs.formats.column_sources import DURATIONS, INTEGER_SOURCES, REQUEST_PARTS
from watchme_analysis.files.arrow_arrays import (
    array_of,
    arrow_type,
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
KINDS: dict[str, Kind] = {column.name: column.kind for column in table_schema("access_log").columns}
# A missing whole number of the compiled loop.
NULL = -(2**63)


class Parsed(NamedTuple):
    """The output of the compiled loop for a chunk; see :func:`loops.parse_lines`."""

    buf: Array
    starts: Array
    ends: Array
    ints: Array
    floats: Array


class Spans(NamedTuple):
    """Positions of a text in lines; a null starts below 0."""

    starts: Array
    ends: Array

    @classmethod
    def missing(cls, count: int) -> Spans:
        """Return nulls."""
        import numpy as np

        return cls(*np.full((2, count), -1, np.int32))

    def replaced(self, other: Spans) -> Spans:
        """Return the spans, with those of another variable where they are null."""
        import numpy as np

        missing = self.starts < 0
        return Spans(
            np.where(missing, other.starts, self.starts),
            np.where(missing, other.ends, self.ends),
        )


class Further(NamedTuple):
    """Values of rows that were read elsewhere, and their places among the other rows."""

    values: pa.Array
    places: Array

    @property
    def positions(self) -> Array:
        """Return the places among all rows."""
        import numpy as np

        return self.places + np.arange(len(self.places))

    def merged(self, others: pa.Array) -> pa.Array:
        """Return the values of all rows."""
        import numpy as np
        import pyarrow as pa

        count = len(others) + len(self.values)
        if others.null_count + self.values.null_count == count:
            return nulls(count, others.type)
        order = np.insert(np.arange(len(others)), self.places, np.arange(len(others), count))
        return pa.concat_arrays([others, self.values]).take(number_array(order))


def rows_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.Table:
    """Return rows as a table; times are microseconds since the epoch."""
    import pyarrow as pa

    arrays = [array_of([row.get(column) for row in rows], KINDS[column]) for column in columns]
    return pa.table(arrays, names=list(columns))


class Columns:
    """Builds the columns of the unambiguous lines of a chunk; ``rows`` are indexes of lines."""

    def __init__(self, parsed: Parsed, program: Program) -> None:
        self._parsed = parsed
        self._program = program

    def times(self) -> Array | None:
        """Return microseconds since the epoch for all lines, None when the format has no time."""
        names = self._program.wholes.get("time", ())
        return self._parsed.ints[self._program.ints[names[0]]] if names else None

    def text(self, column: str, rows: Array) -> pa.Array:
        """Return a text column."""
        spans = self._spans(column, rows)
        return nulls(len(rows), arrow_type("text")) if spans is None else self._texts(spans)

    def table(
        self, columns: Sequence[str], rows: Array, constants: dict[str, Any], further: pa.Table
    ) -> pa.Table:
        """Return the columns in the order of lines, ``line`` counted from 1 in the chunk.

        ``constants``: columns with the same text, or null, in every row; ``further``: rows of other lines,
        read elsewhere, with the same columns.
        """
        import numpy as np
        import pyarrow as pa

        further_lines = numbers_of(further["line"]) - 1
        places = np.searchsorted(rows, further_lines)
        # The loop's values of further lines are undefined, and overwritten.
        all_rows = np.insert(rows, places, further_lines)
        found = []
        for column in columns:
            if column in constants:
                found.append(repeated(constants[column], len(all_rows)))
                continue
            more = Further(whole(further[column]), places)
            if column == "line":
                found.append(number_array(all_rows + 1))
            elif column == "upstream_raw":
                found.append(more.merged(self._upstream_raw(rows)))
            elif column == "extra":
                found.append(more.merged(self._extra(rows)))
            elif KINDS[column] == "text":
                spans = self._spans(column, all_rows)
                found.append(self._texts(Spans.missing(len(all_rows)) if spans is None else spans, more))
            else:
                found.append(self._numbers(column, all_rows, more))
        return pa.table(found, names=list(columns))

    def _numbers(self, column: str, rows: Array, more: Further) -> pa.Array:
        import numpy as np

        kind = KINDS[column]
        sources = self._sources(column)
        values = room_for(len(rows), kind=np.float64 if kind == "float" else np.int64)
        if sources:
            # Without a mode, numpy would fill a buffer of its own.
            np.take(sources[0], rows, out=values, mode="clip")
        else:
            values.fill(np.nan if kind == "float" else NULL)
        for other in sources[1:]:
            np.copyto(values, other[rows], where=values == NULL)
        unit = DURATIONS.get(self._program.decimals.get(column, ""), 1.0)
        if unit != 1.0:
            values /= unit
        known = ~np.isnan(values) if kind == "float" else values != NULL
        if len(more.values):
            values[more.positions] = numbers_of(more.values)
            known[more.positions] = ~nulls_of(more.values)
        return number_array(values, known, kind) if known.any() else nulls(len(known), arrow_type(kind))

    def _sources(self, column: str) -> list[Array]:
        """Return the numbers of all lines that fill a column, in order of preference."""
        if column in self._program.decimals:
            return [self._parsed.floats[self._program.floats[self._program.decimals[column]]]]
        if column == "upstream_tries" and self._program.sources.upstream:
            return [self._parsed.ints[0]]
        slots = [self._program.ints[name] for name in self._program.wholes.get(column, ())]
        return [self._parsed.ints[slot] for slot in slots]

    def _spans(self, column: str, rows: Array) -> Spans | None:
        """Return the positions of a text column, None for a column without a source."""
        slots = [self._program.spans[name] for name in self._program.texts.get(column, ())]
        if column in REQUEST_COLUMNS and self._program.request_slot >= 0:
            slots.insert(0, self._program.request_slot + REQUEST_COLUMNS.index(column))
        return self._first(slots, rows) if slots else None

    def _first(self, slots: Sequence[int], rows: Array) -> Spans:
        """Return the positions in the first of several slots that is not null."""
        found, *others = (
            Spans(self._parsed.starts[slot][rows], self._parsed.ends[slot][rows]) for slot in slots
        )
        for other in others:
            found = found.replaced(other)
        return found

    def _texts(self, spans: Spans, more: Further | None = None) -> pa.Array:
        import numpy as np

        from watchme_analysis.access_logs.engine.loops import WORD, copy_texts

        known = spans.starts >= 0
        sizes = np.where(known, spans.ends - spans.starts, 0)
        sources = self._parsed.buf.ctypes.data + spans.starts.astype(np.int64)
        if more is not None and more.values.null_count < len(more.values):
            bounds, held = text_parts(more.values)
            # Whole words are read.
            held = np.append(held, np.zeros(WORD, np.uint8))
            known[more.positions] = ~nulls_of(more.values)
            sizes[more.positions] = np.diff(bounds)
            sources[more.positions] = held.ctypes.data + bounds[:-1]
        elif more is not None and len(more.values):
            known[more.positions], sizes[more.positions] = False, 0
        if not known.any():
            return nulls(len(known), arrow_type("text"))
        offsets = np.zeros(len(known) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        data = room_for(int(offsets[-1]) + WORD, kind=np.uint8)
        copy_texts(sources, offsets, data)
        return text_array(offsets, data, known)

    def _upstream_raw(self, rows: Array) -> pa.Array:
        """Return the raw upstream values of requests with several tries."""
        import numpy as np

        several = self._parsed.ints[0][rows] > 1
        if not self._program.lists or not several.any():
            return nulls(len(rows), arrow_type("text"))
        some = rows[several]
        objects = self._objects(
            {name: self._first([slot], some) for name, slot in self._program.lists.items()}
        )
        return objects.take(number_array(np.cumsum(several) - 1, several))

    def _extra(self, rows: Array) -> pa.Array:
        """Return the further variables of each row, without those that repeat a column."""
        import numpy as np

        from watchme_analysis.access_logs.engine.loops import same_text

        found = {}
        for name in self._program.further:
            found[name] = own = self._first([self._program.spans[name]], rows)
            for chosen in self._chosen_over(name, rows):
                same = np.empty(len(rows), bool)
                same_text(self._parsed.buf, tuple(own), tuple(chosen), same)
                found[name] = Spans(np.where(same, -1, found[name].starts), own.ends)
        return self._objects(found) if found else nulls(len(rows), arrow_type("text"))

    def _objects(self, spans: Mapping[str, Spans]) -> pa.Array:
        """Return JSON objects of texts by name, without the null ones; null without any."""
        import numpy as np

        from watchme_analysis.access_logs.engine.loops import measure_objects, write_objects

        keys = [f'"{name}": '.encode() for name in spans]
        name_at = np.cumsum([0, *map(len, keys)])
        starts, ends = (np.stack(side) for side in zip(*spans.values(), strict=True))
        offsets = np.empty(starts.shape[1] + 1, np.int64)
        measure_objects(self._parsed.buf, (starts, ends), name_at, offsets)
        data = room_for(int(offsets[-1]), kind=np.uint8)
        names = np.frombuffer(b"".join(keys), np.uint8)
        write_objects(self._parsed.buf, (starts, ends), (names, name_at), offsets, data)
        return text_array(offsets, data, np.diff(offsets) > 0)

    def _chosen_over(self, name: str, rows: Array) -> list[Spans]:
        """Return the positions of the columns that a further variable could have filled."""
        if self._program.sources.repeats_request and name in REQUEST_PARTS:
            return self._repeated_by_request(name, rows)
        for column, names in self._program.texts.items():
            if name in names:
                found = self._spans(column, rows)
                return [] if found is None else [found]
        for column in INTEGER_SOURCES:
            names = self._program.wholes[column]
            if name in names:
                return [self._first([self._program.spans[one] for one in names], rows)]
        return []

    def _repeated_by_request(self, name: str, rows: Array) -> list[Spans]:
        """Return the positions of a request line that a variable may repeat."""
        import numpy as np

        found = {
            column: spans for column in REQUEST_COLUMNS if (spans := self._spans(column, rows)) is not None
        }
        if name == "server_protocol":
            return [found["protocol"]]
        path, query = found["path"], found["query"]
        target = Spans(path.starts, np.where(query.starts < 0, path.ends, query.ends))
        return [target, found["method"], query, path]
