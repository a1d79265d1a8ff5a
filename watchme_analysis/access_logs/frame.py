"""Concatenate tables of requests into one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.arrow_arrays import nulls_of, numbers_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    Array = np.ndarray[Any, Any]


def frame_of(
    tables: Iterable[pa.Table], columns: Sequence[str], expected: Callable[[int], int] = int
) -> pd.DataFrame:
    """Return tables as one frame with the glossary's dtypes.

    A table is released as soon as its numbers are copied, so that its memory is reused: touching fresh memory
    takes longer than parsing lines. Texts are not copied.

    ``tables``: tables with at least the columns, of kinds int, float, time and text; ``columns``: names in
    order; ``expected``: returns the approximate total number of rows from that of the first table. Memory for
    as many is reserved, which costs nothing until it is used.
    """
    import pandas as pd
    import pyarrow as pa

    from watchme_analysis.schema import empty

    texts: dict[str, list[pa.Array]] = {}
    numbers: dict[str, _Numbers] = {}
    for table in tables:
        if not texts and not numbers:
            room = max(expected(len(table)), len(table))
            for column in columns:
                kind = table[column].type
                if kind == pa.large_string():
                    texts[column] = []
                else:
                    numbers[column] = _Numbers(kind, room)
        for column, parts in texts.items():
            parts.extend(table[column].chunks)
        for column, kept in numbers.items():
            kept.add(table[column])
        # Release it before the next table is requested.
        del table
    if not texts and not numbers:
        return empty("access_log")[list(columns)]
    arrays: dict[str, Any] = {
        column: pd.StringDtype().__from_arrow__(pa.chunked_array(parts, pa.large_string()))
        for column, parts in texts.items()
    }
    arrays |= {column: kept.array() for column, kept in numbers.items()}
    return pd.DataFrame({column: arrays[column] for column in columns}, copy=False)


class _Numbers:
    """A column of 8-byte numbers, collected in parts."""

    def __init__(self, kind: pa.DataType, room: int) -> None:
        import numpy as np
        import pyarrow as pa

        self._type: Any = {pa.int64(): np.int64, pa.float64(): np.float64}.get(kind, np.dtype("M8[us]"))
        self._values, self._is_null = np.empty(room, self._type), np.zeros(room, bool)
        self._count = 0

    def add(self, column: pa.ChunkedArray) -> None:
        for part in column.chunks:
            here = slice(self._count, self._count + len(part))
            if here.stop > len(self._values):
                for held in (self._values, self._is_null):
                    held.resize(2 * here.stop, refcheck=False)  # further values are 0
            self._values[here] = numbers_of(part).view(self._type)
            if part.null_count:
                self._is_null[here] = nulls_of(part)
            self._count = here.stop

    def array(self) -> Any:
        import pandas as pd

        values, is_null = self._values[: self._count], self._is_null[: self._count]
        if values.dtype.kind == "i":
            return pd.arrays.IntegerArray(values, is_null)
        if values.dtype.kind == "f":
            return pd.arrays.FloatingArray(values, is_null)
        values[is_null] = "NaT"
        return pd.Series(values, copy=False).dt.tz_localize("UTC").array
