"""What an access log says in sum, gathered chunk by chunk in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.health_paths import path_family
from watchme_analysis.analysis.latency_histogram import bucket_of, quantiles
from watchme_analysis.errors import InputError
from watchme_analysis.sources.arrow_arrays import array_of, number_array, numbers_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# What requests can be grouped by, and the column behind it.
KEYS = {
    "path": "path",
    "full-path": "path",
    "status": "status",
    "upstream": "upstream_addr",
    "minute": "time",
    "method": "method",
    "host": "host",
    "client": "client_addr",
    "agent": "user_agent",
}
MEASURES = ("request_time_s", "upstream_response_time_s")
QUANTILES = (0.5, 0.9, 0.99)
OTHER = "(others)"
_MOST_KEYS = 20_000
# Parts are folded into one when they are so many, or hold so many rows together.
_MOST_PARTS = 32
_MOST_ROWS = 500_000
_family = lru_cache(maxsize=4096)(path_family)


def columns_for(by: str) -> tuple[str, ...]:
    """Return the columns that a summary by a key needs.

    Raises
    ------
    InputError
        When requests can't be grouped by it.
    """
    if by not in KEYS:
        raise InputError(f"Requests can't be grouped by {by!r}: it is one of {', '.join(KEYS)}.")
    fixed = ("time", "method", "path", "status", "body_bytes", *MEASURES, "upstream_addr", "upstream_status")
    return tuple(dict.fromkeys((*fixed, KEYS[by])))


@dataclass
class AccessSummary:
    """Counts, histograms and the slowest requests of the chunks added.

    Attributes
    ----------
    by
        What requests are grouped by, a word of :data:`KEYS`.
    slower_than_s
        Only requests that took at least so long are counted; None for all.
    keep_slowest
        How many of the slowest requests are kept.
    """

    by: str = "path"
    slower_than_s: float | None = None
    keep_slowest: int = 10
    requests: int = 0
    _counts: list[pa.Table] = field(default_factory=list)
    _buckets: list[pa.Table] = field(default_factory=list)
    _upstreams: list[pa.Table] = field(default_factory=list)
    _slowest: list[pa.Table] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Add requests: a table with the columns of :func:`columns_for`."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.slower_than_s is not None:
            table = table.filter(pc.greater_equal(table["request_time_s"], self.slower_than_s))
        if not len(table):
            return
        self.requests += len(table)
        base = pa.table({"key": self._key(table), "status": table["status"], "bytes": table["body_bytes"]})
        parts = {name: table[name] for name in MEASURES}
        for name, values in parts.items():
            base = base.append_column(name, values)
        self._counts.append(
            base.group_by(["key", "status"], use_threads=False).aggregate(
                [([], "count_all"), ("bytes", "sum"), *((name, "max") for name in MEASURES)]
            )
        )
        for name, values in parts.items():
            seconds = numbers_of(pc.fill_null(values, math.nan))
            found = bucket_of(seconds)
            buckets = number_array(found.astype(np.int64))
            known = pa.table({"key": base["key"], "bucket": buckets, "seconds": number_array(seconds)})
            known = known.filter(pc.greater_equal(buckets, 0))
            counted = known.group_by(["key", "bucket"], use_threads=False).aggregate(
                [([], "count_all"), ("seconds", "sum")]
            )
            measure = pa.repeat(pa.scalar(name), len(counted))
            self._buckets.append(counted.append_column("measure", measure))
        asked = table.filter(pc.is_valid(table["upstream_addr"]))
        pairs = asked.group_by(["upstream_addr", "status", "upstream_status"], use_threads=False)
        self._upstreams.append(pairs.aggregate([([], "count_all")]))
        order = pc.select_k_unstable(table, self.keep_slowest, [("request_time_s", "descending")])
        self._slowest.append(table.take(order))
        self._compact()

    def merge(self, other: AccessSummary) -> None:
        """Add what another summary by the same key has gathered."""
        self.requests += other.requests
        self._counts += other._counts
        self._buckets += other._buckets
        self._upstreams += other._upstreams
        self._slowest += other._slowest
        self._compact(force=True)

    def by_key(self) -> pd.DataFrame:
        """Return a row for each key, the most frequent first.

        Returns
        -------
        DataFrame
            ``key``, ``requests``, ``share_pct``, ``p50_s``, ``p90_s``, ``p99_s``, ``max_s`` of the request
            time, the same with ``upstream_`` before it, ``bytes``, and shares of the key's requests:
            ``client_error_pct`` (4xx), ``server_error_pct`` (5xx), ``499_pct``, ``502_pct``, ``504_pct``.
        """
        frame = self._measured(*self._frames())
        return frame.sort_values(["requests", "key"], ascending=[False, True], ignore_index=True)

    def total(self) -> dict[str, Any]:
        """Return the row of all requests together, as in :meth:`by_key`."""
        counts, buckets = self._frames()
        frame = self._measured(counts.assign(key="all"), buckets.assign(key="all"))
        if not len(frame):
            return {"key": "all", "requests": 0, **dict.fromkeys(map(str, frame.columns[2:]))}
        return {str(name): _plain(value) for name, value in frame.iloc[0].items()}

    def statuses(self) -> pd.Series:
        """Return the number of requests by status."""
        counts, _ = self._frames()
        return counts.groupby("status", dropna=False)["count"].sum().sort_index()

    def upstreams(self) -> pd.DataFrame:
        """Return requests by upstream, its status and the status sent: all three, and ``requests``."""
        import pandas as pd

        keys = ["upstream_addr", "upstream_status", "status"]
        parts = [part.to_pandas(types_mapper=_nullable) for part in self._upstreams]
        if not parts:
            return pd.DataFrame(columns=[*keys, "requests"])
        whole = pd.concat(parts).groupby(keys, dropna=False)["count_all"].sum()
        return (
            whole.rename("requests").reset_index().sort_values("requests", ascending=False, ignore_index=True)
        )

    def slowest(self) -> pd.DataFrame:
        """Return the slowest requests, the slowest first."""
        import pandas as pd

        names = ["time", "method", "path", "status", *MEASURES, "upstream_addr"]
        if not self._slowest:
            return pd.DataFrame(columns=names)
        whole = pd.concat([part.select(names).to_pandas(types_mapper=_nullable) for part in self._slowest])
        known = whole.dropna(subset=["request_time_s"])
        ordered = known.sort_values(["request_time_s", "time"], ascending=[False, True], ignore_index=True)
        return ordered.head(self.keep_slowest)

    def _measured(self, counts: pd.DataFrame, buckets: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of :meth:`by_key` for each key."""
        by_key = counts.groupby("key", sort=False)
        frame = by_key["count"].sum().astype("int64").rename("requests").to_frame()
        frame["share_pct"] = 100 * frame["requests"] / max(1, self.requests)
        for name, prefix in zip(MEASURES, ("", "upstream_"), strict=True):
            found = quantiles(buckets[buckets["measure"] == name], QUANTILES)
            for q in QUANTILES:
                frame[f"{prefix}p{q * 100:.0f}_s"] = found[q].reindex(frame.index).astype("float64")
            frame[f"{prefix}max_s"] = by_key[name].max().astype("float64")
        frame["bytes"] = by_key["bytes"].sum()
        status = counts["status"].astype("float64")
        groups = {
            "client_error_pct": status.between(400, 499),
            "server_error_pct": status.between(500, 599),
            **{f"{one}_pct": status == one for one in (499, 502, 504)},
        }
        for name, chosen in groups.items():
            part = counts["count"].where(chosen, 0).groupby(counts["key"]).sum()
            frame[name] = (100 * part.reindex(frame.index) / frame["requests"]).astype("float64")
        return frame.reset_index()

    def _frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        import pandas as pd

        self._compact(force=True)
        if not self._counts:
            names = ["key", "status", "count", "bytes", *MEASURES]
            return pd.DataFrame(columns=names), pd.DataFrame(
                columns=["key", "bucket", "count", "seconds", "measure"]
            )
        counts, buckets = self._counts[0].to_pandas(), self._buckets[0].to_pandas()
        plain = {
            "count_all": "count",
            "bytes_sum": "bytes",
            "seconds_sum": "seconds",
            **{f"{name}_max": name for name in MEASURES},
        }
        return counts.rename(columns=plain), buckets.rename(columns=plain)

    def _key(self, table: pa.Table) -> pa.Array:
        """Return the text that each request is grouped by; what has none is ``-``."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = table[KEYS[self.by]].combine_chunks()
        if self.by == "minute":
            return pc.fill_null(pc.strftime(pc.floor_temporal(values, unit="minute"), "%Y-%m-%dT%H:%MZ"), "-")
        if self.by != "path":
            return pc.fill_null(values.cast(pa.string()), "-")
        encoded = values.dictionary_encode()
        families = array_of([_family(path) for path in encoded.dictionary.to_pylist()], "text")
        return pc.fill_null(families.take(encoded.indices), "-")

    def _compact(self, force: bool = False) -> None:
        """Fold the parts gathered into one; the rarest keys become one when there are too many."""
        import pyarrow as pa

        many = len(self._counts) >= _MOST_PARTS or sum(map(len, self._buckets)) > _MOST_ROWS
        if not self._counts or not (many or force):
            return
        counts = pa.concat_tables(self._counts)
        buckets = pa.concat_tables(self._buckets)
        sizes = counts.group_by("key", use_threads=False).aggregate([("count_all", "sum")])
        if len(sizes) > 2 * _MOST_KEYS:
            kept = sizes.sort_by([("count_all_sum", "descending")])["key"].slice(0, _MOST_KEYS)
            counts, buckets = (_with_others(part, kept) for part in (counts, buckets))
        largest = [(f"{name}_max", "max") for name in MEASURES]
        summed = counts.group_by(["key", "status"], use_threads=False).aggregate(
            [("count_all", "sum"), ("bytes_sum", "sum"), *largest]
        )
        self._counts = [summed.rename_columns(counts.column_names)]
        joined = buckets.group_by(["key", "bucket", "measure"], use_threads=False).aggregate(
            [("count_all", "sum"), ("seconds_sum", "sum")]
        )
        order = ["key", "bucket", "count_all_sum", "seconds_sum_sum", "measure"]
        self._buckets = [joined.select(order).rename_columns(buckets.column_names)]
        pairs = pa.concat_tables(self._upstreams)
        keys = ["upstream_addr", "status", "upstream_status"]
        folded = pairs.group_by(keys, use_threads=False).aggregate([("count_all", "sum")])
        self._upstreams = [folded.select([*keys, "count_all_sum"]).rename_columns([*keys, "count_all"])]
        slow = pa.concat_tables(self._slowest).sort_by([("request_time_s", "descending")])
        self._slowest = [slow.slice(0, self.keep_slowest)]


def _with_others(table: pa.Table, kept: pa.Array) -> pa.Table:
    import pyarrow.compute as pc

    known = pc.is_in(table["key"], value_set=kept.combine_chunks())
    return table.set_column(table.column_names.index("key"), "key", pc.if_else(known, table["key"], OTHER))


def _plain(value: Any) -> Any:
    """Return a number as Python's own, None for a missing one."""
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and math.isnan(found) else found


def _nullable(kind: pa.DataType) -> Any:
    import pandas as pd
    import pyarrow as pa

    return {pa.int64(): pd.Int64Dtype(), pa.large_string(): pd.StringDtype()}.get(kind)
