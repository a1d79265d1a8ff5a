"""Recorded metrics as series, by resource, metric and statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.flows import Tables

if TYPE_CHECKING:
    import pandas as pd


def recorded_series(tables: Tables, resource: str, metric: str, stat: str) -> tuple[pd.Series, int] | None:
    """Return a recorded series and its period; an empty one when the answer held no point of it."""
    import pandas as pd

    rows = _points_of(tables, resource, metric, stat)
    if rows.empty:
        asked = tables.table("metric_queries")
        hit = (asked["resource"] == resource) & (asked["metric"] == metric) & (asked["stat"] == stat)
        hit &= asked["points"].notna()
        if not hit.any():
            return None
        return pd.Series(dtype="float64", index=pd.DatetimeIndex([], tz="UTC")), int(
            asked.loc[hit, "period_s"].min()
        )
    period = int(rows["period_s"].min())
    rows = rows[rows["period_s"] == period].sort_values("time").drop_duplicates("time", keep="last")
    return rows.set_index("time")["value"].astype("float64"), period


def _points_of(tables: Tables, resource: str, metric: str, stat: str) -> pd.DataFrame:
    """Return the points of a series; what has a ``once``, as an investigation has, looks for all at once."""
    once = getattr(tables, "once", None)
    metrics = tables.table("metrics")
    if once is not None:
        rows: pd.DataFrame = once(_by_series).get((resource, metric, stat), metrics.iloc[:0])
        return rows
    wanted = (metrics["resource"] == resource) & (metrics["metric"] == metric) & (metrics["stat"] == stat)
    return metrics[wanted].dropna(subset=["time"])


def _by_series(tables: Tables) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Return the points of each series, by resource, metric and statistic."""
    metrics = tables.table("metrics")[["resource", "metric", "stat", "time", "period_s", "value"]]
    grouped = metrics.dropna(subset=["time"]).groupby(["resource", "metric", "stat"], observed=True)
    return {(str(key[0]), str(key[1]), str(key[2])): rows for key, rows in grouped}
