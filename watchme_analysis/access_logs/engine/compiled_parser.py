"""The compiled parser of access logs: unambiguous lines into columns; the others are listed, not parsed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.engine.columns import Columns, Parsed
from watchme_analysis.access_logs.engine.compiled_loops import parse_lines
from watchme_analysis.access_logs.engine.program import Program
from watchme_analysis.files.arrow_arrays import truths_of
from watchme_analysis.files.time_columns import moments_at

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from watchme_analysis.access_logs.engine.chunk import Selection

    Array = np.ndarray[Any, Any]


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
        self._columns = Columns(Parsed(buf, *out[1:]), program)
        self._needed = selection.needed
        self.rows = _selected_rows(self._columns, selection, rows)

    def table(self, constants: dict[str, Any], further: pa.Table) -> pa.Table:
        """Return the selected rows, with constant columns, merged with further rows."""
        return self._columns.table(self._needed, self.rows, constants, further)


def _read_times(program: Program, buf: Array, out: tuple[Array, ...], lines: int) -> None:
    """Parse times that the loop stores as texts; lines with invalid times become ambiguous."""
    import numpy as np

    good, starts, ends, ints, _ = out
    rows, slot = np.flatnonzero(good[:lines]), program.spans["time_text"]
    moments, known = moments_at(buf, starts[slot][rows], ends[slot][rows])
    ints[program.ints["time_text"]][rows] = moments
    good[rows[~known]] = False


def _selected_rows(columns: Columns, selection: Selection, rows: Array) -> Array:
    import pyarrow.compute as pc

    times = columns.times() if selection.since is not None or selection.until is not None else None
    if selection.since is not None:
        rows = rows[times[rows] >= selection.since] if times is not None else rows[:0]
    if selection.until is not None:
        rows = rows[times[rows] < selection.until] if times is not None else rows[:0]
    if selection.path_prefix:
        rows = rows[truths_of(pc.starts_with(columns.text("path", rows), selection.path_prefix))]
    return rows


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
