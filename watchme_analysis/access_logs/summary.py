"""Summary of an access log, accumulated chunk by chunk in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.filters import CHOSEN_BY, RequestFilter
from watchme_analysis.access_logs.grouped_sums import MEASURES, GroupedSums, KeySums, Names, sums_by
from watchme_analysis.access_logs.latency_histogram import Histograms, most_off_pct, quantiles
from watchme_analysis.access_logs.routes import compiled_routes, routes_of
from watchme_analysis.access_logs.surges import Arrivals
from watchme_analysis.errors import InputError
from watchme_analysis.files.arrow_arrays import array_of, nulls_of, number_array, numbers_of, whole
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# Keys by which requests can be grouped, and their columns.
BY_TIME = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
KEYS = CHOSEN_BY | dict.fromkeys(BY_TIME, "time")
QUANTILES = (0.5, 0.9, 0.99)
# Columns with the number of requests behind the percentiles of each measure.
TIMED = ("timed", "upstream_timed")
_NO_STATUS = -1


def columns_for(by: str, choice: RequestFilter | None = None) -> tuple[str, ...]:
    """Return the columns that a summary of filtered requests by a key needs.

    Raises InputError if requests cannot be grouped by the key.
    """
    if by not in KEYS:
        raise InputError(error_message("error-summary-key", key=repr(by), known=", ".join(KEYS)))
    fixed = ("time", "method", "path", "status", "body_bytes", *MEASURES, "upstream_addr", "upstream_status")
    return tuple(dict.fromkeys((*fixed, KEYS[by], *(choice or RequestFilter()).columns)))


@dataclass
class AccessSummary:
    """Counts, histograms and the slowest requests of the chunks added.

    - ``by``: key by which requests are grouped, a word of :data:`KEYS`.
    - ``choice``: filter of requests.
    - ``keep_slowest``: number of slowest requests to keep.
    - ``requests``, ``untimed``: number of counted requests, and of requests left out because they have no
      time to compare.
    - ``arrivals``: number of counted requests by time step.
    - ``compiled``: true to find routes with the compiled loop, which needs numba; the routes are the same.

    Raises InputError if the number of slowest requests to keep is below one.
    """

    by: str = "path"
    choice: RequestFilter = field(default_factory=RequestFilter)
    keep_slowest: int = 10
    compiled: bool = False
    requests: int = 0
    untimed: int = 0
    arrivals: Arrivals = field(default_factory=Arrivals)
    _by_key: KeySums = field(default_factory=KeySums)
    _upstreams: Names = field(default_factory=Names)
    # Number of requests by upstream, its status and the status sent.
    _pairs: GroupedSums = field(default_factory=lambda: GroupedSums(3, 1))
    _slowest: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.keep_slowest < 1:
            raise InputError(error_message("error-keep-slowest", number=str(self.keep_slowest)))

    def add(self, table: pa.Table) -> None:
        """Add requests: a table with the columns of :func:`columns_for`."""
        import numpy as np

        table = self.choice.named(table)
        if self.choice.slower_than_s is not None:
            self.untimed += table["request_time_s"].null_count
            table = self.choice.slow(table)
        if not len(table):
            return
        self.requests += len(table)
        self.arrivals.add(table["time"])
        status = _filled(table["status"], _NO_STATUS)
        seconds = [_filled(table[name], math.nan) for name in MEASURES]
        self._by_key.add(self._key_numbers(table), status, _filled(table["body_bytes"], 0.0), seconds)
        has_upstream = ~nulls_of(whole(table["upstream_addr"]))
        upstream = self._upstreams.numbers(table["upstream_addr"], list, None)
        self._pairs.add(
            upstream[has_upstream],
            _filled(table["upstream_status"], _NO_STATUS)[has_upstream],
            status[has_upstream],
            np.ones(int(has_upstream.sum())),
        )
        # Most parts hold no request that is slower than those that are kept.
        slow = np.flatnonzero(seconds[0] > self._slow_from_s())
        if len(slow):
            slowest = slow[np.argsort(-seconds[0][slow], kind="stable")[: self.keep_slowest]]
            self._keep_slowest([table.take(number_array(slowest))])

    def merge(self, other: AccessSummary) -> None:
        """Add another summary by the same key, which is consumed."""
        self.requests += other.requests
        self.untimed += other.untimed
        self.arrivals.merge(other.arrivals)
        self._by_key.merge(other._by_key)
        other._pairs.rename(0, self._upstreams.of(other._upstreams))
        self._pairs.merge(other._pairs)
        self._keep_slowest(other._slowest)

    def by_key(self) -> pa.Table:
        """Return a row for each key, the most frequent first.

        ``key``, ``requests``, ``share_pct``; ``timed``, the number of requests whose request time is logged,
        and of these times ``p50_s``, ``p90_s``, ``p99_s``, ``max_s``; the same five with ``upstream_`` before
        them; ``bytes``, and shares of the key's requests: ``client_error_pct`` (4xx), ``server_error_pct``
        (5xx), ``499_pct``, ``502_pct``, ``504_pct``.
        """
        held = self._by_key
        found = self._measured(held.keys.texts(), held.counts.columns()[0], held.buckets.columns())
        return found.sort_by([("requests", "descending"), ("key", "ascending")])

    @property
    def most_missed(self) -> int:
        """Most requests that a row of :meth:`by_key` may lack, as the rarest keys share a row."""
        return self._by_key.missed

    @property
    def most_off_pct(self) -> float:
        """Largest error in percent of percentiles of :meth:`by_key`; those of all requests are exact."""
        return most_off_pct(self._by_key.wider)

    def total(self) -> dict[str, Any]:
        """Return the row of all requests together, as in :meth:`by_key`."""
        import numpy as np

        if not self.requests:
            names = self.by_key().column_names[2:]
            return {"key": "all", "requests": 0, **{name: 0 if name in TIMED else None for name in names}}
        counts, buckets = self._by_key.counts.columns()[0], self._by_key.all_buckets.columns()
        columns = np.zeros(len(counts), int), (np.zeros(len(buckets[0]), int), *buckets)
        (row,) = self._measured(["all"], *columns).to_pylist()
        return dict(row)

    def statuses(self) -> dict[int | None, int]:
        """Return the number of requests by status in ascending order, those without a status last."""
        found: dict[int | None, int] = {}
        for status, requests in zip(*self._by_key.counts.columns()[1:3], strict=True):
            found[_known(status)] = found.get(_known(status), 0) + int(requests)
        return dict(sorted(found.items(), key=lambda one: (one[0] is None, one[0] or 0)))

    def upstreams(self) -> pa.Table:
        """Return the number of requests by upstream, its status and the status sent."""
        import pyarrow as pa

        texts = self._upstreams.texts()
        upstream, theirs, status, requests = self._pairs.columns()
        columns = {
            "upstream_addr": array_of([texts[one] for one in upstream], "text"),
            "upstream_status": array_of([_known(one) for one in theirs], "int"),
            "status": array_of([_known(one) for one in status], "int"),
            "requests": array_of([int(one) for one in requests], "int"),
        }
        order = [("requests", "descending"), *((name, "ascending") for name in list(columns)[:3])]
        return pa.table(columns).sort_by(order)

    def slowest(self) -> pa.Table:
        """Return the slowest requests, the slowest first."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = ["time", "method", "path", "status", *MEASURES, "upstream_addr"]
        if not self._slowest:
            return pa.table({name: pa.nulls(0) for name in names})
        whole = self._slowest[0].select(names)
        known = whole.filter(pc.is_valid(whole["request_time_s"]))
        return known.sort_by([("request_time_s", "descending"), ("time", "ascending")])

    def _measured(self, keys: Sequence[str | None], count_of: Array, buckets: tuple[Array, ...]) -> pa.Table:
        """Return the columns of :meth:`by_key` for keys, from the keys of rows of counts, and histograms."""
        import numpy as np
        import pyarrow as pa

        size = len(keys)
        _, status, count, sent, *longest = self._by_key.counts.columns()
        key, measure, _, filled, seconds = buckets
        requests = sums_by(count_of, count, size)
        columns = {
            "key": array_of(keys, "text"),
            "requests": number_array(requests.astype(np.int64)),
            "share_pct": number_array(100 * requests / max(1, self.requests)),
        }
        for at, prefix in enumerate(("", "upstream_")):
            rows = measure == at
            histograms = Histograms(key[rows], filled[rows], seconds[rows])
            found = quantiles(histograms, size, QUANTILES)
            most = np.full(size, np.nan)
            np.fmax.at(most, count_of, longest[at])
            columns[TIMED[at]] = number_array(sums_by(key[rows], filled[rows], size).astype(np.int64))
            for label, values in (*((f"p{q * 100:.0f}", found[q]) for q in QUANTILES), ("max", most)):
                columns[f"{prefix}{label}_s"] = number_array(values, ~np.isnan(values))
        columns["bytes"] = number_array(sums_by(count_of, sent, size).astype(np.int64))
        groups = {
            "client_error_pct": (status >= 400) & (status <= 499),
            "server_error_pct": (status >= 500) & (status <= 599),
            **{f"{one}_pct": status == one for one in (499, 502, 504)},
        }
        for name, chosen in groups.items():
            part = sums_by(count_of, np.where(chosen, count, 0), size)
            columns[name] = number_array(100 * part / requests)
        return pa.table(columns)

    def _key_numbers(self, table: pa.Table) -> Array:
        """Return the number of the text by which each request is grouped; missing texts are ``-``."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = table[KEYS[self.by]]
        if self.by in BY_TIME:
            values = pc.strftime(pc.floor_temporal(values, unit=self.by), "%Y-%m-%dT%H:%MZ")
        texts = whole(values if values.type == pa.large_string() else values.cast(pa.large_string()))
        if self.by == "path" and self.compiled:
            return self._by_key.keys.numbers(compiled_routes(texts), list, "-")
        return self._by_key.keys.numbers(texts, routes_of if self.by == "path" else list, "-")

    def _slow_from_s(self) -> float:
        """Return the duration in seconds that a request must exceed to be among the slowest."""
        if not self._slowest or len(self._slowest[0]) < self.keep_slowest:
            return -math.inf
        return float(numbers_of(self._slowest[0]["request_time_s"]).min())

    def _keep_slowest(self, further: list[pa.Table]) -> None:
        import pyarrow as pa

        parts = [*self._slowest, *further]
        if parts:
            slow = pa.concat_tables(parts).sort_by([("request_time_s", "descending")])
            self._slowest = [slow.slice(0, self.keep_slowest).combine_chunks()]


def _known(status: Any) -> int | None:
    return None if status == _NO_STATUS else int(status)


def _filled(column: pa.ChunkedArray, null: float) -> Array:
    """Return a column of numbers with ``null`` for null."""
    import numpy as np

    return np.where(nulls_of(whole(column)), null, numbers_of(column))
