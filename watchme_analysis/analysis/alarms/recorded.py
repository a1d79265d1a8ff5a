"""Recorded metrics as series, by resource, metric and statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.flow_pairs import kept, metric_groups, series_of
from watchme_analysis.analysis.backlog.flows import Tables

if TYPE_CHECKING:
    import pandas as pd


def recorded_series(tables: Tables, resource: str, metric: str, stat: str) -> tuple[pd.Series, int] | None:
    """Return a recorded series and its period; an empty one when the answer held no point of it."""
    import pandas as pd

    found = series_of(kept(tables, metric_groups), resource, metric, (stat,))
    if found is not None:
        return found
    asked = tables.table("metric_queries")
    hit = (asked["resource"] == resource) & (asked["metric"] == metric) & (asked["stat"] == stat)
    hit &= asked["points"].notna()
    if not hit.any():
        return None
    none = pd.Series(dtype="float64", index=pd.DatetimeIndex([], tz="UTC"))
    return none, int(asked.loc[hit, "period_s"].min())
