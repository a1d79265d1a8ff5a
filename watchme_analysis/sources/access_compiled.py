"""A chunk of an access log by the compiled loop: what it takes without doubt, and which lines it leaves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from watchme_analysis.sources.access_columns import Columns, Parsed, Taken
from watchme_analysis.sources.access_lines import has_prefix, parse_lines
from watchme_analysis.sources.access_program import Program

if TYPE_CHECKING:
    import numpy as np

    from watchme_analysis.sources.access_engine import Selection

    Array = np.ndarray[Any, Any]


def compiled_table(
    program: Program, chunk: tuple[Array, Any], selection: Selection, constants: dict[str, Any]
) -> Taken:
    """Read the lines that leave no doubt.

    Parameters
    ----------
    program
        What to store.
    chunk
        Bytes of the chunk that can't be written to, and where its lines start and end.
    selection
        What is asked.
    constants
        Columns with the same value in every row.
    """
    import numpy as np

    buf, bounds = chunk
    lines = len(bounds[0])
    out = _SPACE.for_lines(program, lines)
    parse_lines(buf, bounds, program.kernel_plan(), program.limits(), out, _SPACE.notes)
    is_good = out[0][:lines]
    good = np.flatnonzero(is_good)
    columns = Columns(Parsed(buf, *out[1:]), program)
    rows = _asked(columns, selection, buf, good)
    others = np.flatnonzero(~is_good)
    return Taken(columns.table(selection.needed, rows, constants), len(good), others)


def _asked(columns: Columns, selection: Selection, buf: Array, rows: Array) -> Array:
    times = columns.times() if selection.since is not None or selection.until is not None else None
    if selection.since is not None:
        rows = rows[times[rows] >= selection.since] if times is not None else rows[:0]
    if selection.until is not None:
        rows = rows[times[rows] < selection.until] if times is not None else rows[:0]
    if selection.path_prefix:
        import numpy as np

        spans = columns.text("path")
        prefix = np.frombuffer(selection.path_prefix.encode(), np.uint8)
        found = np.zeros(len(rows), bool)
        if spans is not None:
            has_prefix(buf, tuple(spans), rows, prefix, found)
        rows = rows[found]
    return rows


class _Space(threading.local):
    """What the loop writes to, kept by each thread: fresh memory for each chunk costs as much as the loop."""

    def __init__(self) -> None:
        import numpy as np

        self.notes = np.empty(5, np.int64), np.empty(8, np.int64), np.empty((2, 2), np.int64)
        self._held: tuple[Array, ...] = ()
        self._shape = (-1, -1, -1, -1)

    def for_lines(self, program: Program, lines: int) -> tuple[Array, ...]:
        """Return which lines are good, starts, ends, whole numbers and decimals of so many lines or more.

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
