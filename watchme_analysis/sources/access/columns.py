"""Columns of ``access_log`` as Arrow arrays: from spans of a chunk, or from rows read one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.schema import table_schema
from watchme_analysis.sources.access.mix import KINDS, NULL, Mix, Spans
from watchme_analysis.sources.access.program import REQUEST_COLUMNS, REQUEST_PARTS, Program
from watchme_analysis.sources.arrow_arrays import array_of, arrow_type, nulls, repeated, room_for, text_array
from watchme_analysis.sources.formats.nginx_fields import DURATIONS, WHOLE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

ACCESS_COLUMNS = tuple(table_schema("access_log").names)


class Parsed(NamedTuple):
    """What the compiled loop found in a chunk; see :func:`access_lines.parse_lines`."""

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
    """Builds the columns of the lines of a chunk that were read without doubt.

    Parameters
    ----------
    parsed
        The chunk.
    program
        What was stored.
    """

    def __init__(self, parsed: Parsed, program: Program) -> None:
        self._parsed = parsed
        self._program = program

    def times(self) -> Array | None:
        """Return microseconds since the epoch for all lines, None when the format has no time."""
        names = self._program.wholes.get("time", ())
        return self._parsed.ints[self._program.ints[names[0]]] if names else None

    def text(self, column: str) -> Spans | None:
        """Return where a text column stands, None when nothing fills it."""
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
        """Return the columns in the rows given, and further rows between them, in the order of their lines.

        Parameters
        ----------
        columns
            Names in order; ``line`` counts from 1 at the chunk's start.
        rows
            Indexes of lines.
        constants
            Columns with the same text, or null, in every row.
        further
            Rows of other lines, read elsewhere, with the same columns.
        """
        import numpy as np
        import pyarrow as pa

        mix = Mix.of(rows, further)
        asked = [column for column in columns if column not in constants]
        numeric = [column for column in asked if KINDS[column] in ("int", "float", "time")]
        held = room_for(len(numeric), len(mix.lines), kind=np.int64)
        built = mix.numbers(numeric, held, self._fill(numeric, mix.lines, held))
        spans = {column: self.text(column) for column in asked if KINDS[column] == "text"}
        built.update(mix.texts(self._parsed.buf, spans))
        for column, of in (("upstream_raw", self._upstream_raw), ("extra", self._extra)):
            if column in asked:
                built[column] = mix.merged(column, of(rows))
        for column in set(columns) & set(constants):
            built[column] = repeated(constants[column], len(mix.lines))
        return pa.table([built[column] for column in columns], names=list(columns))

    def _fill(self, columns: Sequence[str], lines: Array, held: Array) -> set[str]:
        """Write the numbers of lines, one column to each row of what is held; return what anything fills."""
        import numpy as np

        from watchme_analysis.sources.access.gather import take

        sources = {column: self._sources(column) for column in columns}
        first = [one[0].ctypes.data if one else 0 for one in sources.values()]
        take(np.array(first, np.int64), lines, held)
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
        """Return the numbers of all lines that fill a column, the best first."""
        if column in self._program.decimals:
            return [self._parsed.floats[self._program.floats[self._program.decimals[column]]]]
        if column == "upstream_tries" and self._program.counts_tries:
            return [self._parsed.ints[0]]
        slots = [self._program.ints[name] for name in self._program.wholes.get(column, ())]
        return [self._parsed.ints[slot] for slot in slots]

    def _span(self, name: str) -> Spans:
        slot = self._program.spans[name]
        return Spans(self._parsed.starts[slot], self._parsed.ends[slot])

    def _upstream_raw(self, rows: Array) -> pa.Array:
        """Return all that was logged of the upstreams where there were several tries."""
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

        from watchme_analysis.sources.access.gather import gather_objects, measure_objects

        keys = [f'"{name}": '.encode() for name in names]
        joined = np.frombuffer(b"".join(keys), np.uint8)
        bounds = np.cumsum([0, *map(len, keys)]).astype(np.int64)
        offsets = np.empty(len(rows) + 1, np.int64)
        measure_objects(self._parsed.buf, spans, rows, bounds, offsets)
        data = np.empty(offsets[-1], np.uint8)
        gather_objects(self._parsed.buf, spans, rows, (joined, bounds), (offsets, data))
        return offsets, data

    def _extra(self, rows: Array) -> pa.Array:
        import numpy as np

        from watchme_analysis.sources.access.gather import same_text

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
        """Return what fills the columns that a further variable could have filled."""
        import numpy as np

        if self._program.repeats_request and name in REQUEST_PARTS:
            return self._said_by_request(name)
        for column, names in self._program.texts.items():
            if name in names:
                found = self.text(column)
                return [] if found is None else [found]
        for column in WHOLE:
            names = self._program.wholes[column]
            if name in names:
                found = self._span(names[0])
                for other in names[1:]:
                    missing = found.starts < 0
                    pairs = zip(found, self._span(other), strict=True)
                    found = Spans(*(np.where(missing, b, a) for a, b in pairs))
                return [found]
        return []

    def _said_by_request(self, name: str) -> list[Spans]:
        """Return what a variable may repeat of a request line."""
        import numpy as np

        found = {column: spans for column in REQUEST_COLUMNS if (spans := self.text(column)) is not None}
        if name == "server_protocol":
            return [found["protocol"]]
        path, query = found["path"], found["query"]
        target = Spans(path.starts, np.where(query.starts < 0, path.ends, query.ends))
        return [target, found["method"], query, path]
