"""Columns of ``access_log`` as Arrow arrays: from spans of a chunk, or from rows read one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.schema import table_schema
from watchme_analysis.sources.access_mix import KINDS, NULL, Mix, Spans
from watchme_analysis.sources.access_program import REQUEST_COLUMNS, Program
from watchme_analysis.sources.arrow_arrays import array_of, repeated, room_for, text_array
from watchme_analysis.sources.nginx_fields import DURATIONS, WHOLE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

ACCESS_COLUMNS = tuple(table_schema("access_log").names)

_MANY_ROWS = 100_000


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


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame with the glossary's dtypes."""
    import pandas as pd
    import pyarrow as pa

    dtypes = {
        pa.large_string(): pd.StringDtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }

    def frame_of(part: pa.Table) -> pd.DataFrame:
        return part.to_pandas(types_mapper=dtypes.get, ignore_metadata=True, split_blocks=True)

    if len(table) < _MANY_ROWS:
        return frame_of(table)
    # Most of the time goes into memory that is written to for the first time, which threads do side by side.
    with ThreadPoolExecutor() as pool:
        parts = pool.map(lambda name: frame_of(table.select([name]))[name].array, table.column_names)
        return pd.DataFrame(dict(zip(table.column_names, parts, strict=True)), copy=False)


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
        built = {}
        asked = [column for column in columns if column not in constants]
        numeric = [column for column in asked if KINDS[column] in ("int", "float", "time")]
        held = room_for(len(numeric), len(mix.lines), kind=np.int64)
        for column, room in zip(numeric, held, strict=True):
            built[column] = mix.numbers(column, self._numbers(column, mix.lines, room))
        spans = {column: self.text(column) for column in asked if KINDS[column] == "text"}
        built.update(mix.texts(self._parsed.buf, spans))
        for column, of in (("upstream_raw", self._upstream_raw), ("extra", self._extra)):
            if column in asked:
                built[column] = mix.merged(column, of(rows))
        for column in set(columns) & set(constants):
            built[column] = repeated(constants[column], len(mix.lines))
        return pa.table([built[column] for column in columns], names=list(columns))

    def _numbers(self, column: str, lines: Array, room: Array) -> Array | None:
        """Write the numbers of lines to the room given, and return them; None when nothing fills a column."""
        import numpy as np

        if column == "line":
            return np.add(lines, 1, out=room)
        if KINDS[column] == "float":
            name = self._program.decimals.get(column)
            if name is None:
                return None
            seconds = np.take(
                self._parsed.floats[self._program.floats[name]], lines, out=room.view(np.float64)
            )
            if DURATIONS.get(name, 1.0) != 1.0:
                seconds /= DURATIONS[name]
            return seconds
        slots = [self._program.ints[name] for name in self._program.wholes.get(column, ())]
        if column == "upstream_tries" and self._program.counts_tries:
            slots = [0]
        for number, slot in enumerate(slots):
            if number == 0:
                np.take(self._parsed.ints[slot], lines, out=room)
            else:
                np.copyto(room, self._parsed.ints[slot][lines], where=room == NULL)
        return room if slots else None

    def _span(self, name: str) -> Spans:
        slot = self._program.spans[name]
        return Spans(self._parsed.starts[slot], self._parsed.ends[slot])

    def _upstream_raw(self, rows: Array) -> pa.Array:
        """Return all that was logged of the upstreams where there were several tries."""
        import numpy as np
        import pyarrow as pa

        several = np.flatnonzero(self._parsed.ints[0][rows] > 1) if self._program.lists else rows[:0]
        if not len(several):
            return pa.nulls(len(rows), pa.large_string())
        chosen = np.ix_(np.array(list(self._program.lists.values())), rows[several])
        spans = self._parsed.starts[chosen], self._parsed.ends[chosen]
        offsets, data = self._objects(self._program.lists, spans, np.arange(len(several)))
        sizes = np.zeros(len(rows) + 1, np.int64)
        sizes[several + 1] = np.diff(offsets)
        return text_array(np.cumsum(sizes), data, sizes[1:] > 0)

    def _objects(self, names: Iterable[str], spans: tuple[Array, Array], rows: Array) -> tuple[Array, Array]:
        """Return offsets and bytes of JSON objects of variables in rows."""
        import numpy as np

        from watchme_analysis.sources.access_gather import gather_objects, measure_objects

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
        import pyarrow as pa

        from watchme_analysis.sources.access_gather import same_text

        names = self._program.further
        if not names:
            return pa.nulls(len(rows), pa.large_string())
        starts = np.stack([self._span(name).starts for name in names])
        ends = np.stack([self._span(name).ends for name in names])
        for index, name in enumerate(names):
            chosen = self._chosen_over(name)
            if chosen is not None:
                same = np.empty(len(rows), bool)
                same_text(self._parsed.buf, tuple(chosen), tuple(self._span(name)), rows, same)
                starts[index][rows[same]] = -1
        offsets, data = self._objects(names, (starts, ends), rows)
        return text_array(offsets, data, np.diff(offsets) > 0)

    def _chosen_over(self, name: str) -> Spans | None:
        """Return what fills the column that a further variable could have filled."""
        import numpy as np

        for column, names in self._program.texts.items():
            if name in names:
                return self.text(column)
        for column in WHOLE:
            names = self._program.wholes[column]
            if name in names:
                found = self._span(names[0])
                for other in names[1:]:
                    missing = found.starts < 0
                    pairs = zip(found, self._span(other), strict=True)
                    found = Spans(*(np.where(missing, b, a) for a, b in pairs))
                return found
        return None
