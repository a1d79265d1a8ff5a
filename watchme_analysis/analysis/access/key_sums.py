"""Requests summed up by key, however many keys there are: what is given up for that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.access.latency_histogram import COARSEST, bucket_of, coarsened
from watchme_analysis.analysis.grouped_sums import GroupedSums, Names, sums_by

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MEASURES = ("request_time_s", "upstream_response_time_s")
OTHER = "(others)"
_MOST_KEYS = 12_000
# Their texts are short, but paths may be of thousands of bytes.
_MOST_KEY_BYTES = 4 << 20
# Rows of histograms take the most memory, 25 bytes each.
_MOST_BUCKETS = 400_000


@dataclass
class KeySums:
    """Counts and histograms of requests by key, in bounded memory.

    Attributes
    ----------
    keys
        Texts of the keys and their numbers.
    counts
        By key and status: requests, bytes; the longest of each measure.
    buckets
        By key, measure and bucket: requests, seconds.
    all_buckets
        By measure and bucket, those of all keys: never made wider.
    wider
        How often the buckets of keys were made twice as wide.
    missed
        How many requests at most any key may lack, as they were joined with those of other rare keys.
    """

    keys: Names = field(default_factory=Names)
    counts: GroupedSums = field(default_factory=lambda: GroupedSums(2, 2, len(MEASURES)))
    buckets: GroupedSums = field(default_factory=lambda: GroupedSums(3, 2))
    all_buckets: GroupedSums = field(default_factory=lambda: GroupedSums(2, 2))
    wider: int = 0
    missed: int = 0

    def add(self, keys: Array, status: Array, sent: Array, seconds: Sequence[Array]) -> None:
        """Add requests: numbers of their keys, statuses, bytes, and seconds of each measure, NaN for none."""
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
        """Add what another has gathered, which is used up."""
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
        """Keep what is held small: buckets are made wider, and fewer keys kept."""
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
        """Make one key of the rarest; of those as rare as others the later ones."""
        import numpy as np

        key, _, count, *_ = self.counts.columns()
        requests = sums_by(key, count, len(self.keys))
        kept, texts = Names(), self.keys.texts()
        order = np.argsort(-requests, kind="stable")
        rows = np.cumsum(np.bincount(self.buckets.columns()[0], minlength=len(texts))[order])
        taken = np.cumsum([getsizeof(texts[number]) for number in order])
        limits = ((rows, _MOST_BUCKETS // 2), (taken, _MOST_KEY_BYTES))
        most = min(_MOST_KEYS, *(int(np.searchsorted(*one)) for one in limits))
        # None of these had more; who comes again begins anew.
        self.missed += int(requests[order[most]])
        numbers = np.zeros(len(texts), np.int64)
        for place, number in enumerate(order.tolist()):
            numbers[number] = kept.number(texts[number] if place < most else OTHER)
        for sums in (self.counts, self.buckets):
            sums.rename(0, numbers)
        self.keys = kept
