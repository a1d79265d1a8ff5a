"""Requests in flight at the same time, and the lag with which an endpoint's latency follows them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.requests.observations import INNER
from watchme_analysis.stats.comparison import rank_correlation
from watchme_analysis.text.message import Text, message

if TYPE_CHECKING:
    import pandas as pd

# A gauge rises steadily when it gains this much in three samples.
STEADY_RISE = 2.0


def in_flight(joined: pd.DataFrame, step_s: float = 1.0) -> pd.DataFrame:
    """Return the requests that Nginx, else the edge, has open, by upstream and time.

    Columns: ``time``, ``upstream`` (text; ``edge`` without an Nginx log), ``route``, ``in_flight`` (int).
    """
    import pandas as pd

    side = "nginx" if joined["seen_nginx"].any() else "edge"
    rows = joined[joined[f"seen_{side}"] & joined[f"{side}_start"].notna()]
    columns = {"time": "datetime64[us, UTC]", "upstream": "string", "route": "string", "in_flight": "int64"}
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    name = rows["upstream_addr"] if side == "nginx" else pd.Series("edge", index=rows.index)
    first, last = rows[f"{side}_start"].min(), rows[f"{side}_end"].max()
    times = pd.date_range(first.ceil("s"), last, freq=pd.Timedelta(seconds=step_s))
    parts = []
    for (upstream, route), group in rows.groupby([name.fillna("not asked"), "route"]):
        count = open_at(group, pd.Series(times), side)
        parts.append(pd.DataFrame({"time": times, "upstream": upstream, "route": route, "in_flight": count}))
    return pd.concat(parts, ignore_index=True).astype(columns)


def open_at(rows: pd.DataFrame, moments: pd.Series, side: str) -> pd.Series:
    """Return how many of some requests a layer had open at moments, those that began then included."""
    import numpy as np
    import pandas as pd

    def in_us(times: pd.Series) -> Any:
        return pd.DatetimeIndex(times).as_unit("us").asi8

    begun, ended = (np.sort(in_us(rows[f"{side}_{name}"])) for name in ("start", "end"))
    at = in_us(moments)
    count = np.searchsorted(begun, at, side="right") - np.searchsorted(ended, at, side="right")
    return pd.Series(count, index=moments.index)


def pile_up_start(gauge: pd.Series, start: datetime, reach_s: float = 20.0) -> datetime:
    """Return the start of the steady rise of a gauge that led into an incident; ``start`` itself without one.

    A thread pool fills for a while before the first request has to wait: at most ``reach_s`` seconds. The
    gauge, such as the requests open in a process, has times as index.
    """
    import pandas as pd

    first = pd.Timestamp(start)
    values = gauge.dropna().sort_index()
    lead = values[(values.index >= first - pd.Timedelta(seconds=reach_s)) & (values.index < first)]
    smooth = lead.rolling(3, center=True, min_periods=1).median().to_numpy()
    at = len(smooth) - 1
    while at >= 3 and smooth[at - 3] <= smooth[at] - STEADY_RISE:
        at -= 1
    begun = lead.index[at] if 0 <= at < len(smooth) - 1 else None
    return start if begun is None else begun.to_pydatetime()


# Samples of a series over the whole record, at most: more can't be drawn.
_MOST_STEPS = 600
# Samples that are compared, at least, and as a share of those without a lag.
_FEWEST = 20
_OVERLAP = 0.7
# Lags that are looked at, in seconds.
MOST_LAG_S = 30.0
# Correlation from which latency follows the load: unrelated series agree by chance up to about this.
FOLLOWS_FROM = 0.6
# Sampling steps, in seconds.
_STEPS_S = (1, 2, 5, 10, 30, 60, 300, 900, 3600)


@dataclass(frozen=True)
class Lag:
    """Correlation of an endpoint's latency with other requests in flight.

    ``lag_s`` are the seconds by which the latency follows (negative: precedes) at the highest ``correlation``
    (Spearman's, -1 to 1); ``at_once`` is the correlation without a lag, and ``source`` describes what is
    counted.
    """

    route: str
    source: Text
    lag_s: float
    correlation: float
    at_once: float
    samples: int

    @property
    def follows(self) -> bool:
        """True when the latency follows the requests in flight."""
        return self.correlation >= FOLLOWS_FROM


def sampling_step_s(joined: pd.DataFrame) -> float:
    """Return the sampling step in seconds with which a figure can show the requests."""
    span = (joined["end"].max() - joined["start"].min()).total_seconds() if len(joined) else 0.0
    return float(next((step for step in _STEPS_S if span / step <= _MOST_STEPS), _STEPS_S[-1]))


def open_requests(joined: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`in_flight` at the step of :func:`sampling_step_s`."""
    return in_flight(joined, sampling_step_s(joined))


def other_requests_in_flight(
    opened: pd.DataFrame, host_metrics: pd.DataFrame, route: str, upstream: str | None, service: str
) -> tuple[Text, pd.Series]:
    """Return a description of the other work in flight beside an endpoint, and its amount over time.

    It is the gauge of the process ``service`` where there is one, which counts background work too, else the
    requests of other routes that the same upstream has open. The endpoint's own requests are left out, since
    requests of a slow endpoint pile up by themselves.
    """
    here = opened if upstream is None else opened[opened["upstream"] == upstream]
    own = here[here["route"] == route].groupby("time")["in_flight"].sum()
    gauge = host_metrics[
        (host_metrics["metric"] == "in_flight") & (host_metrics["service"].fillna("") == service)
    ].dropna(subset=["time", "value"])
    if len(gauge) >= _FEWEST:
        values = gauge.groupby("time")["value"].last().astype("float64").sort_index()
        less = own.reindex(values.index, method="ffill").fillna(0.0)
        return message("load-in-process"), (values - less).clip(lower=0.0)
    others = here[here["route"] != route].groupby("time")["in_flight"].sum().astype("float64")
    return message("load-other-paths"), others


def latency_lag(observed: pd.DataFrame, route: str, jobs: tuple[Text, pd.Series], step: float) -> Lag | None:
    """Return the lag at which an endpoint's latency correlates best with other requests in flight.

    ``jobs`` come from :func:`other_requests_in_flight`, in samples of ``step`` seconds. None with too few
    samples, or when one of the two never changes.
    """
    import pandas as pd

    source, series = jobs
    rows = observed[(observed["route"] == route) & observed["duration_s"].notna()]
    outer = rows[~rows["vantage"].isin(INNER)]
    rows = outer if len(outer) >= _FEWEST else rows
    if rows.empty or series.empty:
        return None
    grid = pd.Timedelta(seconds=step)
    latency = rows.groupby(rows["start"].dt.floor(grid))["duration_s"].max()
    load = series.groupby(series.index.floor(grid)).max()
    first, last = min(latency.index[0], load.index[0]), max(latency.index[-1], load.index[-1])
    index = pd.date_range(first, last, freq=grid)
    latency, load = latency.reindex(index), load.reindex(index)
    at_once, compared = _rank_correlation(latency, load)
    found = {}
    for shift in range(-int(MOST_LAG_S / step), int(MOST_LAG_S / step) + 1):
        value, samples = _rank_correlation(latency, load.shift(shift))
        # A long lag leaves out the ends of the record; few samples agree by chance.
        if samples >= max(_FEWEST, _OVERLAP * compared) and not math.isnan(value):
            found[shift] = (value, samples)
    if not found:
        return None
    best = max(found, key=lambda shift: (round(found[shift][0], 2), -abs(shift)))
    return Lag(route, source, best * step, found[best][0], at_once, found[best][1])


def _rank_correlation(one: pd.Series, other: pd.Series) -> tuple[float, int]:
    """Return the rank correlation of two series and their common samples; NaN with too few."""
    samples = int((one.notna() & other.notna()).sum())
    return (rank_correlation(one, other) if samples >= _FEWEST else math.nan), samples
