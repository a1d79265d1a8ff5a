"""The compiled parser of access logs: unambiguous lines into columns; the others are listed, not parsed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.engine.chunk import KINDS
from watchme_analysis.access_logs.engine.compiled_loops import (
    WORD,
    copy_texts,
    measure_objects,
    measure_texts,
    parse_lines,
    same_text,
    write_objects,
)
from watchme_analysis.access_logs.engine.program import REQUEST_COLUMNS, Program
from watchme_analysis.access_logs.formats.column_sources import DURATIONS, INTEGER_SOURCES, REQUEST_PARTS
from watchme_analysis.files.arrow_arrays import (
    arrow_type,
    nulls,
    nulls_of,
    number_array,
    numbers_of,
    repeated,
    room_for,
    text_array,
    text_parts,
    truths_of,
    whole,
)
from watchme_analysis.files.time_columns import moments_at

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from watchme_analysis.access_logs.engine.chunk import Selection

    Array = np.ndarray[Any, Any]

# A missing whole number of the compiled loop.
NULL = -(2**63)


class Spans(NamedTuple):
    """Positions of a text in each line; a null starts below 0."""

    starts: Array
    ends: Array

    def replaced(self, other: Spans) -> Spans:
        """Return the spans, with those of another variable where they are null."""
        missing = self.starts < 0
        return self.where(~missing, other)

    def where(self, kept: Array, other: Spans | None = None) -> Spans:
        """Return the spans of the lines of a mask, and other spans or nulls for all other lines."""
        import numpy as np

        if other is None:
            return Spans(np.where(kept, self.starts, -1), self.ends)
        return Spans(np.where(kept, self.starts, other.starts), np.where(kept, self.ends, other.ends))


class Further(NamedTuple):
    """Values of rows that were read elsewhere, and their positions among all rows."""

    values: pa.Array
    positions: Array


class CompiledLines:
    """The lines of a block, split by the compiled loop.

    It must be used before the same thread parses another block, because its arrays are reused.

    ``program``: program of the values to store; ``buf``: read-only bytes of the chunk, and ``ROOM_BYTES``
    more; ``bounds``: starts and ends of its lines, all of which have a line end; ``selection``: selection of
    rows and columns. ``read``: number of unambiguous lines; ``rows``: indexes of the selected lines;
    ``others``: indexes of the ambiguous lines.
    """

    def __init__(
        self, program: Program, buf: Array, bounds: tuple[Array, Array], selection: Selection
    ) -> None:
        import numpy as np

        lines = len(bounds[0])
        # One more, since a last line without its end may be among the further rows.
        out = _SPACE.for_lines(program, lines + 1)
        parse_lines(buf, bounds, program.kernel_plan, program.limits, out, _SPACE.known_times)
        if "time_text" in program.ints:
            _read_times(program, buf, out, lines)
        good = out[0][:lines]
        rows, self.others = np.flatnonzero(good), np.flatnonzero(~good)
        self.read = len(rows)
        self._program, self._needed, self._buf = program, selection.needed, buf
        self._starts, self._ends, self._ints, self._floats = out[1:]
        self.rows = self._selected(selection, rows)

    def table(self, constants: dict[str, Any], further: pa.Table) -> pa.Table:
        """Return the needed columns of the selected rows in the order of lines, counted from 1 in the chunk.

        ``constants``: columns with the same text, or null, in every row; ``further``: rows of other lines,
        read elsewhere, with the same columns.
        """
        import numpy as np
        import pyarrow as pa

        rows = self.rows
        further_lines = numbers_of(further["line"]) - 1
        places = np.searchsorted(rows, further_lines)
        # The loop's values of further lines are undefined, and overwritten.
        all_rows = np.insert(rows, places, further_lines)
        positions = places + np.arange(len(places))
        found = []
        for column in self._needed:
            if column in constants:
                found.append(repeated(constants[column], len(all_rows)))
                continue
            more = Further(whole(further[column]), positions)
            if column == "line":
                found.append(number_array(all_rows + 1))
            elif column == "upstream_raw":
                found.append(self._objects(self._upstream_raw(), all_rows, more))
            elif column == "extra":
                found.append(self._objects(self._extra(rows), all_rows, more))
            elif KINDS[column] == "text":
                found.append(self._texts(self._spans(column), all_rows, more))
            else:
                found.append(self._numbers(column, all_rows, more))
        return pa.table(found, names=list(self._needed))

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
            return [self._floats[self._program.floats[self._program.decimals[column]]]]
        if column == "upstream_tries" and self._program.sources.upstream:
            return [self._ints[0]]
        slots = [self._program.ints[name] for name in self._program.wholes.get(column, ())]
        return [self._ints[slot] for slot in slots]

    def _spans(self, column: str) -> Spans | None:
        """Return the positions of a text column, None for a column without a source."""
        slots = [self._program.spans[name] for name in self._program.texts.get(column, ())]
        if column in REQUEST_COLUMNS and self._program.request_slot >= 0:
            slots.insert(0, self._program.request_slot + REQUEST_COLUMNS.index(column))
        return self._first(slots) if slots else None

    def _first(self, slots: Sequence[int]) -> Spans:
        """Return the positions in the first of several slots that is not null."""
        return reduce(Spans.replaced, (self._slot(slot) for slot in slots))

    def _slot(self, slot: int) -> Spans:
        return Spans(self._starts[slot], self._ends[slot])

    def _texts(self, spans: Spans | None, rows: Array, more: Further | None = None) -> pa.Array:
        """Return the texts of rows, null without spans; further rows have their own."""
        import numpy as np

        sources, sizes = np.empty(len(rows), np.int64), np.full(len(rows), -1)
        if spans is not None:
            measure_texts(self._buf, tuple(spans), rows, sources, sizes)
        offsets, known = _laid_out(sizes, more)
        if not known.any():
            return nulls(len(rows), arrow_type("text"))
        if more is not None and more.values.null_count < len(more.values):
            bounds, held = text_parts(more.values)
            # Whole words are read.
            held = np.append(held, np.zeros(WORD, np.uint8))
            sources[more.positions] = held.ctypes.data + bounds[:-1]
        data = room_for(int(offsets[-1]) + WORD, kind=np.uint8)
        copy_texts(sources, offsets, data)
        return text_array(offsets, data, known)

    def _objects(self, spans: Mapping[str, Spans], rows: Array, more: Further) -> pa.Array:
        """Return JSON objects of texts by name, without the null ones; null without any."""
        import numpy as np

        sizes, escaped = np.full(len(rows), -1), np.zeros(len(rows), bool)
        if spans:
            keys = [f'"{name}": "'.encode() for name in spans]
            name_at = np.cumsum([0, *map(len, keys)])
            names = np.frombuffer(b"".join([*keys, bytes(WORD)]), np.uint8)
            starts, ends = (np.stack(side) for side in zip(*spans.values(), strict=True))
            # Further rows have objects of their own.
            starts[:, rows[more.positions]] = -1
            measure_objects(self._buf, (starts, ends), rows, name_at, sizes, escaped)
        offsets, known = _laid_out(sizes, more)
        if not known.any():
            return nulls(len(rows), arrow_type("text"))
        data = room_for(int(offsets[-1]) + WORD, kind=np.uint8)
        if spans:
            write_objects(self._buf, (starts, ends), rows, (names, name_at), (offsets, escaped), data)
        bounds, held = text_parts(more.values)
        for at, start, end in zip(more.positions, bounds, bounds[1:], strict=False):
            data[offsets[at] : offsets[at + 1]] = held[start:end]
        return text_array(offsets, data, known)

    def _upstream_raw(self) -> dict[str, Spans]:
        """Return the positions of the raw upstream values of requests with several tries."""
        several = self._ints[0] > 1
        return {name: self._slot(slot).where(several) for name, slot in self._program.lists.items()}

    def _extra(self, rows: Array) -> dict[str, Spans]:
        """Return the positions of the further variables, without those that repeat a column."""
        import numpy as np

        found = {}
        for name in self._program.further:
            own = found[name] = self._slot(self._program.spans[name])
            for chosen in self._chosen_over(name):
                same = np.zeros(len(own.starts), bool)
                same_text(self._buf, tuple(own), tuple(chosen), rows, same)
                found[name] = found[name].where(~same)
        return found

    def _chosen_over(self, name: str) -> list[Spans]:
        """Return the positions of the columns that a further variable could have filled."""
        if self._program.sources.repeats_request and name in REQUEST_PARTS:
            return self._repeated_by_request(name)
        for column, names in self._program.texts.items():
            if name in names:
                found = self._spans(column)
                return [] if found is None else [found]
        for column in INTEGER_SOURCES:
            names = self._program.wholes[column]
            if name in names:
                return [self._first([self._program.spans[one] for one in names])]
        return []

    def _repeated_by_request(self, name: str) -> list[Spans]:
        """Return the positions of a request line that a variable may repeat."""
        import numpy as np

        found = {column: spans for column in REQUEST_COLUMNS if (spans := self._spans(column)) is not None}
        if name == "server_protocol":
            return [found["protocol"]]
        path, query = found["path"], found["query"]
        target = Spans(path.starts, np.where(query.starts < 0, path.ends, query.ends))
        return [target, found["method"], query, path]

    def _selected(self, selection: Selection, rows: Array) -> Array:
        import pyarrow.compute as pc

        for bound, at_least in ((selection.since, True), (selection.until, False)):
            if bound is None:
                continue
            names = self._program.wholes.get("time", ())
            # A row without a time lies in no window.
            is_later = self._ints[self._program.ints[names[0]]][rows] >= bound if names else None
            rows = rows[:0] if is_later is None else rows[is_later == at_least]
        if selection.path_prefix:
            paths = self._texts(self._spans("path"), rows)
            rows = rows[truths_of(pc.starts_with(paths, selection.path_prefix))]
        return rows


def _laid_out(sizes: Array, more: Further | None) -> tuple[Array, Array]:
    """Return the offsets of consecutive texts with those of further rows, and which texts are not null.

    ``sizes``: size of each text, -1 for a null; those of further rows are filled in.
    """
    import numpy as np

    if more is not None:
        bounds, _ = text_parts(more.values)
        own = np.diff(bounds) if len(bounds) > len(more.values) else np.zeros(len(more.values), np.int64)
        sizes[more.positions] = np.where(nulls_of(more.values), -1, own)
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(np.maximum(sizes, 0), out=offsets[1:])
    return offsets, sizes >= 0


def _read_times(program: Program, buf: Array, out: tuple[Array, ...], lines: int) -> None:
    """Parse times that the loop stores as texts; lines with invalid times become ambiguous."""
    import numpy as np

    good, starts, ends, ints, _ = out
    rows, slot = np.flatnonzero(good[:lines]), program.spans["time_text"]
    moments, known = moments_at(buf, starts[slot][rows], ends[slot][rows])
    ints[program.ints["time_text"]][rows] = moments
    good[rows[~known]] = False


class _Space(threading.local):
    """Output arrays of the loop, reused by each thread, because allocation takes as long as the loop."""

    def __init__(self) -> None:
        import numpy as np

        self.known_times = np.empty((2, 2), np.int64)
        self._held: tuple[Array, ...] = ()
        self._shape = (-1, -1, -1, -1)

    def for_lines(self, program: Program, lines: int) -> tuple[Array, ...]:
        """Return arrays of unambiguous lines, starts, ends, integers and decimals, for ``lines`` or more.

        Their content is undefined.
        """
        import numpy as np

        shape = (max(1, program.span_count), 1 + len(program.ints), max(1, len(program.floats)))
        if self._shape[:3] != shape or self._shape[3] < lines:
            self._shape = (*shape, lines + lines // 4)
            spans, ints, floats, room = self._shape
            self._held = (
                np.empty(room, np.bool_),
                np.empty((spans, room), np.int32),
                np.empty((spans, room), np.int32),
                np.empty((ints, room), np.int64),
                np.empty((floats, room), np.float64),
            )
        return self._held


_SPACE = _Space()
