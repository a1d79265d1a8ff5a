"""How long endpoints take when all is well, against which a proxy's patience is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.facts import Facts, once_per_facts

if TYPE_CHECKING:
    import pandas as pd

# How much longer than usual a slow but good answer may take: who gives up sooner was impatient.
MARGIN = 1.5


def short_of_usual(found: Facts, rows: pd.DataFrame, column: str) -> pd.Series:
    """Tell which requests ended, by a column of seconds, sooner than their endpoint may answer."""
    return rows["route"].map(_usual_answer_s(found)).astype("float64") * MARGIN > rows[column]


def longest_answer_s(found: Facts, rows: pd.DataFrame) -> float:
    """Return the longest that an endpoint of some requests usually takes; NaN where none is known."""
    usual = _usual_answer_s(found)
    return max((usual[route] for route in rows["route"].unique() if route in usual), default=float("nan"))


@once_per_facts
def _usual_answer_s(found: Facts) -> dict[str, float]:
    """Return by route the time that nine of ten good answers take inside, else outside the incident."""
    observed = found.observed
    good = observed[~observed["bad"] & observed["duration_s"].notna()]
    inside = good[good["vantage"] == "inside"]
    calm = good[~good["during"] & good["vantage"].isin(["nginx", "edge", "outside"])]
    times: dict[str, float] = {}
    for rows in (inside, calm):
        for route, group in rows.groupby("route"):
            if len(group) >= 3:
                times.setdefault(str(route), float(group["duration_s"].quantile(0.9)))
    return times
