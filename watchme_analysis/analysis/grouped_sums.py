"""Sums by group that are gathered part by part, in numpy alone.

Arrow's own grouping loads pandas, 45 MB that a scan of a large log has no use for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from watchme_analysis.sources.arrow_arrays import array_of, nulls_of, whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# Parts are folded into one when they are so many, or hold so many rows together.
_MOST_PARTS = 32
_MOST_ROWS = 500_000
# So many times more groups than rows may be possible for each to have a place of its own.
_FEW_GROUPS = 8


class Names:
    """Texts and their numbers, counted from 0."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, text: str | None) -> int:
        """Return a text's number; a new one has the next."""
        return self._numbers.setdefault(text, len(self._numbers))

    def texts(self) -> list[str | None]:
        """Return the texts in the order of their numbers."""
        return list(self._numbers)

    def numbers(
        self, values: pa.Array | pa.ChunkedArray, named: Callable[[list[str]], list[str]], nothing: str | None
    ) -> Array:
        """Return the number of each value's name, or that of ``nothing``."""
        import numpy as np

        encoded = whole(values).dictionary_encode()
        names = array_of(named(encoded.dictionary.to_pylist()), "text").dictionary_encode()
        known = np.array([self.number(name) for name in names.dictionary.to_pylist()], np.int64)
        missing = nulls_of(encoded.indices)
        other = self.number(nothing) if missing.any() else 0
        codes = np.append(known[_indices(names)], other)
        found: Array = codes[np.where(missing, len(codes) - 1, _indices(encoded))]
        return found


def _indices(encoded: pa.DictionaryArray) -> Array:
    import numpy as np

    held: Array = np.frombuffer(encoded.indices.buffers()[1], np.int32)
    return held[: len(encoded)]


@dataclass
class GroupedSums:
    """Rows of whole numbers that name a group, and of what is summed or of which the largest is kept.

    Attributes
    ----------
    keys, sums, maxima
        How many columns name a group, are summed, and are kept at their largest (NaN: none), in this order.
    """

    keys: int
    sums: int
    maxima: int = 0
    _parts: list[tuple[Array, ...]] = field(default_factory=list)

    def add(self, *columns: Array) -> None:
        """Add rows, a group in any number of them."""
        self._parts.append(_folded(columns, self.keys, self.sums))
        if len(self._parts) >= _MOST_PARTS or sum(len(part[0]) for part in self._parts) > _MOST_ROWS:
            self.columns()

    def columns(self) -> tuple[Array, ...]:
        """Return the columns with one row for each group, in the order of the groups."""
        import numpy as np

        if not self._parts:
            kinds = [*self.keys * [np.int64], *(self.sums + self.maxima) * [np.float64]]
            return tuple(np.zeros(0, kind) for kind in kinds)
        if len(self._parts) > 1:
            whole = tuple(np.concatenate(parts) for parts in zip(*self._parts, strict=True))
            self._parts = [_folded(whole, self.keys, self.sums)]
        return self._parts[0]

    def renamed(self, at: int, names: Array) -> GroupedSums:
        """Return the same with one column that names groups given other names, by its numbers from 0 on."""
        columns = list(self.columns())
        columns[at] = names[columns[at]]
        found = GroupedSums(self.keys, self.sums, self.maxima)
        found.add(*columns)
        return found

    def merge(self, other: GroupedSums) -> None:
        """Add what another has gathered."""
        if other._parts:
            self.add(*other.columns())


def _folded(columns: Sequence[Array], keys: int, sums: int) -> tuple[Array, ...]:
    """Return rows with each group once, in the order of the groups."""
    import numpy as np

    rows = len(columns[0])
    spans = [(int(key.min()), int(key.max()) + 1) for key in columns[:keys]] if rows else []
    size = math.prod(stop - start for start, stop in spans)
    if not rows or size > _FEW_GROUPS * rows:
        return _sorted(columns, keys, sums)
    # So few groups are possible that each has a place of its own, which takes a fraction of the time.
    place = np.zeros(rows, np.int64)
    for key, (start, stop) in zip(columns, spans, strict=False):
        place = place * (stop - start) + (key - start)
    found = np.flatnonzero(np.bincount(place, minlength=size))
    names, rest = [], found
    for start, stop in reversed(spans):
        names.append(rest % (stop - start) + start)
        rest = rest // (stop - start)
    largest = np.full((len(columns) - keys - sums, size), np.nan)
    for most, column in zip(largest, columns[keys + sums :], strict=True):
        np.fmax.at(most, place, column)
    return (
        *reversed(names),
        *(np.bincount(place, column, size)[found] for column in columns[keys : keys + sums]),
        *(most[found] for most in largest),
    )


def _sorted(columns: Sequence[Array], keys: int, sums: int) -> tuple[Array, ...]:
    """Return what :func:`_folded` does, whatever the groups are."""
    import numpy as np

    order = np.lexsort(columns[:keys][::-1])
    ordered = [column[order] for column in columns]
    if not len(order):
        return tuple(ordered)
    starts = np.zeros(len(order), bool)
    starts[0] = True
    for column in ordered[:keys]:
        starts[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(starts)
    return (
        *(column[first] for column in ordered[:keys]),
        *(np.add.reduceat(column, first) for column in ordered[keys : keys + sums]),
        *(np.fmax.reduceat(column, first) for column in ordered[keys + sums :]),
    )
