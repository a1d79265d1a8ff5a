"""Requests open at the same time, and what an endpoint's latency does with them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# A gauge rises steadily when it gains this much in three samples.
STEADY_RISE = 2.0


def in_flight(joined: pd.DataFrame, step_s: float = 1.0) -> pd.DataFrame:
    """Count requests that Nginx (else the edge) has open, by upstream, over time.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.analysis.health.requests.requests`.
    step_s
        Seconds between samples.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``upstream`` (text; ``edge`` where no Nginx log tells), ``family``, ``in_flight``
        (int: requests open at that moment).
    """
    import numpy as np
    import pandas as pd

    side = "nginx" if joined["seen_nginx"].any() else "edge"
    rows = joined[joined[f"seen_{side}"] & joined[f"{side}_start"].notna()]
    columns = {"time": "datetime64[us, UTC]", "upstream": "string", "family": "string", "in_flight": "int64"}
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    name = rows["upstream_addr"] if side == "nginx" else pd.Series("edge", index=rows.index)
    first, last = rows[f"{side}_start"].min(), rows[f"{side}_end"].max()
    times = pd.date_range(first.ceil("s"), last, freq=pd.Timedelta(seconds=step_s))
    parts = []
    for (upstream, family), group in rows.groupby([name.fillna("not asked"), "family"]):
        opened = np.sort(group[f"{side}_start"].to_numpy())
        closed = np.sort(group[f"{side}_end"].to_numpy())
        at = times.to_numpy()
        count = np.searchsorted(opened, at, side="right") - np.searchsorted(closed, at, side="right")
        parts.append(
            pd.DataFrame({"time": times, "upstream": upstream, "family": family, "in_flight": count})
        )
    return pd.concat(parts, ignore_index=True).astype(columns)


def pile_up_start(gauge: pd.Series, start: datetime, reach_s: float = 20.0) -> datetime:
    """Return when the steady rise of a gauge that led into an incident began.

    A pool of threads fills for a while before the first caller has to wait.

    Parameters
    ----------
    gauge
        Values of a gauge such as the requests open in a process, times as index.
    start
        When callers first met trouble.
    reach_s
        How far before ``start`` the fill may have begun, in seconds.

    Returns
    -------
    datetime
        The first moment of the steady rise that led to ``start``; ``start`` itself when there was none.
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
