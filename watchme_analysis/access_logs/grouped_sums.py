"""Sums by group that are accumulated in parts, with numpy alone.

Arrow's group-by loads pandas (45 MB), which a scan of a large log does not need. Memory stays bounded for any
number of keys, and the resulting loss of precision is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.latency_histogram import COARSEST, bucket_of, coarsened
from watchme_analysis.files.arrow_arrays import array_of, nulls_of, whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# Rows that wait before they are added to the others, at least.
_MOST_WAITING = 50_000
# A whole number with so many possible values fits in 63 bits.
_MOST_GROUPS = 1 << 62
# Largest number of possible groups per row, and in total, for direct addressing of groups.
_FEW_GROUPS = 8
_MOST_PLACES = 1 << 18


class Names:
    """Texts and their numbers, counted from 0; ``size`` is the number of bytes of the texts."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, text: str | None) -> int:
        """Return the number of a text; a new text receives the next number."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self._numbers)
            self.size += getsizeof(text)
        return found

    def of(self, others: Names) -> Array:
        """Return the numbers of the texts of another instance."""
        import numpy as np

        return np.array([self.number(text) for text in others.texts()], np.int64)

    def texts(self) -> list[str | None]:
        """Return the texts in the order of their numbers."""
        return list(self._numbers)

    def numbers(
        self, values: pa.Array | pa.ChunkedArray, named: Callable[[list[str]], list[str]], nothing: str | None
    ) -> Array:
        """Return the number of each value's name computed by ``named``; nulls have the name ``nothing``."""
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
    """Rows with whole-number group keys, sums and maxima (NaN: no value), in this order of columns."""

    keys: int
    sums: int
    maxima: int = 0
    _parts: list[tuple[Array, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows, without those that wait to be added."""
        return len(self._parts[0][0]) if self._parts else 0

    def add(self, *columns: Array) -> None:
        """Add rows; a group may occur in several of them."""
        if len(columns[0]):
            self._parts.append(_folded(columns, self.keys, self.sums))
            if sum(len(part[0]) for part in self._parts[1:]) > max(_MOST_WAITING, len(self)):
                self.columns()

    def columns(self) -> tuple[Array, ...]:
        """Return the columns with one row per group, ordered by group."""
        import numpy as np

        if not self._parts:
            kinds = [*self.keys * [np.int64], *(self.sums + self.maxima) * [np.float64]]
            return tuple(np.zeros(0, kind) for kind in kinds)
        if len(self._parts) > 1:
            joined = tuple(np.concatenate(parts) for parts in zip(*self._parts, strict=True))
            self._parts = [_folded(joined, self.keys, self.sums)]
        return self._parts[0]

    def rename(self, at: int, names: Array) -> None:
        """Replace the values of a key column by those of an array, indexed by the previous values."""
        held = list(self.columns())
        held[at] = names[held[at]].astype(held[at].dtype)
        self._parts = []
        self.add(*held)

    def merge(self, other: GroupedSums) -> None:
        """Add the rows of another instance."""
        self.add(*other.columns())


def _places(*parts: Sequence[Array]) -> list[Array] | None:
    """Return a number for each row of parts, ordered by group; None if it would exceed 63 bits."""
    import numpy as np

    lows = [min(int(key.min()) for key in keys) for keys in zip(*parts, strict=True)]
    sizes = [
        max(int(key.max()) for key in keys) + 1 - low
        for low, keys in zip(lows, zip(*parts, strict=True), strict=True)
    ]
    if math.prod(sizes) > _MOST_GROUPS:
        return None
    found = []
    for part in parts:
        place = np.zeros(len(part[0]), np.int64)
        for key, low, size in zip(part, lows, sizes, strict=True):
            place *= size
            place += key
            place -= low
        found.append(place)
    return found


def _folded(columns: Sequence[Array], keys: int, sums: int) -> tuple[Array, ...]:
    """Return rows with each group once, ordered by group."""
    import numpy as np

    rows = len(columns[0])
    spans = [(int(key.min()), int(key.max()) + 1) for key in columns[:keys]]
    size = math.prod(stop - start for start, stop in spans)
    if size > min(_FEW_GROUPS * rows, _MOST_PLACES):
        return _sorted(columns, keys, sums)
    # With few possible groups, direct addressing takes a fraction of the time.
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
        *(name.astype(key.dtype) for name, key in zip(reversed(names), columns, strict=False)),
        *(np.bincount(place, column, size)[found] for column in columns[keys : keys + sums]),
        *(most[found] for most in largest),
    )


def _sorted(columns: Sequence[Array], keys: int, sums: int) -> tuple[Array, ...]:
    """Return the result of :func:`_folded` by sorting, for any groups."""
    import numpy as np

    places = _places(columns[:keys])
    order = np.lexsort(columns[:keys][::-1]) if places is None else np.argsort(places[0], kind="stable")
    ordered = [column[order] for column in columns]
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


def sums_by(groups: Array, values: Array, size: int) -> Array:
    """Return the sum of the values of each of ``size`` groups, numbered from 0."""
    import numpy as np

    found: Array = np.bincount(groups, weights=values, minlength=size)
    return found


MEASURES = ("request_time_s", "upstream_response_time_s")
OTHER = "(others)"
_MOST_KEYS = 12_000
# Most texts of keys are short, but paths may have thousands of bytes.
_MOST_KEY_BYTES = 4 << 20
# Rows of histograms take the most memory, 25 bytes each.
_MOST_BUCKETS = 400_000


@dataclass
class KeySums:
    """Counts and histograms of requests by key, in bounded memory.

    - ``keys``: texts of the keys and their numbers.
    - ``counts``: by key and status: number of requests, bytes; the maximum of each measure.
    - ``buckets``: by key, measure and bucket: number of requests, seconds.
    - ``all_buckets``: by measure and bucket over all keys; not coarsened.
    - ``wider``: number of times that the bucket width of keys was doubled.
    - ``missed``: largest number of requests that any key may lack because it was merged with other rare keys.
    """

    keys: Names = field(default_factory=Names)
    counts: GroupedSums = field(default_factory=lambda: GroupedSums(2, 2, len(MEASURES)))
    buckets: GroupedSums = field(default_factory=lambda: GroupedSums(3, 2))
    all_buckets: GroupedSums = field(default_factory=lambda: GroupedSums(2, 2))
    wider: int = 0
    missed: int = 0

    def add(self, keys: Array, status: Array, sent: Array, seconds: Sequence[Array]) -> None:
        """Add requests: key numbers, statuses, bytes, and seconds of each measure (NaN if missing)."""
        import numpy as np

        ones = np.ones(len(keys))
        keys = keys.astype(np.int32)
        self.counts.add(keys, status, ones, sent, *seconds)
        for measure, taken in enumerate(seconds):
            bucket = bucket_of(taken)
            known = bucket >= 0
            bucket = bucket[known].astype(np.int32)
            of = np.full(len(bucket), measure, np.int8)
            self.all_buckets.add(of, bucket, ones[known], taken[known])
            self.buckets.add(keys[known], of, coarsened(bucket, self.wider), ones[known], taken[known])
        self._bound()

    def merge(self, other: KeySums) -> None:
        """Add the sums of another instance, which is consumed."""
        self.missed += other.missed
        wider = max(self.wider, other.wider)
        self._widen(wider)
        other._widen(wider)
        names = self.keys.of(other.keys)
        for mine, theirs in ((self.counts, other.counts), (self.buckets, other.buckets)):
            theirs.rename(0, names)
            mine.merge(theirs)
        self.all_buckets.merge(other.all_buckets)
        self._bound()

    def _bound(self) -> None:
        """Limit memory: coarsen the buckets, and merge rare keys."""
        while len(self.buckets) > _MOST_BUCKETS and self.wider < COARSEST:
            self._widen(self.wider + 1)
        many = len(self.keys) > 2 * _MOST_KEYS or self.keys.size > 2 * _MOST_KEY_BYTES
        if many or len(self.buckets) > _MOST_BUCKETS:
            self._join_rare()

    def _widen(self, wider: int) -> None:
        import numpy as np

        if wider > self.wider:
            most = int(self.buckets.columns()[2].max(initial=0))
            self.buckets.rename(2, coarsened(np.arange(most + 1), wider))
            self.wider = wider

    def _join_rare(self) -> None:
        """Merge the rarest keys into one; among equally rare keys, the later."""
        import numpy as np

        key, _, count, *_ = self.counts.columns()
        requests = sums_by(key, count, len(self.keys))
        kept, texts = Names(), self.keys.texts()
        order = np.argsort(-requests, kind="stable")
        rows = np.cumsum(np.bincount(self.buckets.columns()[0], minlength=len(texts))[order])
        taken = np.cumsum([getsizeof(texts[number]) for number in order])
        limits = ((rows, _MOST_BUCKETS // 2), (taken, _MOST_KEY_BYTES))
        most = min(_MOST_KEYS, *(int(np.searchsorted(*one)) for one in limits))
        # No merged key had more requests; a key that recurs starts again at zero.
        self.missed += int(requests[order[most]])
        numbers = np.zeros(len(texts), np.int64)
        for place, number in enumerate(order.tolist()):
            numbers[number] = kept.number(texts[number] if place < most else OTHER)
        for sums in (self.counts, self.buckets):
            sums.rename(0, numbers)
        self.keys = kept
