"""An incident against the time before it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.backlog.flows import Flow

if TYPE_CHECKING:
    import pandas as pd

COMPARED = {
    "sent": "messages", "received": "messages", "deleted": "messages", "visible": "messages",
    "in_flight": "messages", "age_s": "s", "invocations": "runs", "errors": "runs", "throttles": "runs",
    "duration_avg_s": "s", "duration_max_s": "s", "concurrency": "runs", "dlq_visible": "messages",
    "cpu_pct": "%",
}  # fmt: skip
OWNER = {"dlq_visible": "dlq", "cpu_pct": "host"} | dict.fromkeys(
    ("invocations", "errors", "throttles", "duration_avg_s", "duration_max_s", "concurrency"), "function"
)
COLUMNS = (
    "resource", "metric", "unit", "baseline_points", "incident_points", "baseline_median", "incident_median",
    "baseline_p90", "incident_p90", "ratio", "effect", "rank",
)  # fmt: skip
MIN_PAST_WINDOWS = 5
# How far from "no difference" an effect must be to be told, and of how many points on either side.
TOLD, ENOUGH = 0.05, 5
# So many standard errors of unrelated draws: of sixty metrics that stand still hardly one goes as far.
ERRORS = 3.0


def comparison_rows(flows: tuple[Flow, ...], start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Compare every metric within the incident with the time before it.

    Autocorrelation makes p-values useless here; the effect is the probability that a point of the incident
    exceeds one of the baseline, and the rank says how many of the metric's own past windows of the same
    length were nearer to its usual median.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for flow in flows if start is not None else ():
        for metric, unit in COMPARED.items():
            resource = {"dlq": flow.dlq, "host": "host", "function": flow.function}.get(
                OWNER.get(metric, ""), flow.queue
            )
            if resource is None or (resource, metric) in seen:
                continue
            seen.add((resource, metric))
            row = _compare(flow.frame[metric], start, end)
            if row is not None:
                rows.append({"resource": resource, "metric": metric, "unit": unit, **row})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(
        dict.fromkeys(("baseline_points", "incident_points"), "Int64") | dict.fromkeys(COLUMNS[5:], "Float64")
    )


def _compare(series: pd.Series, start: Any, end: Any) -> dict[str, Any] | None:
    before = series[series.index < start]
    during = series[series.index >= start]
    if end is not None:
        during = during[during.index < end]
    known, inside = before.dropna(), during.dropna()
    if known.empty and inside.empty:
        return None
    medians = [float(part.median()) if len(part) else None for part in (known, inside)]
    return {
        "baseline_points": len(known),
        "incident_points": len(inside),
        "baseline_median": medians[0],
        "incident_median": medians[1],
        "baseline_p90": float(known.quantile(0.9)) if len(known) else None,
        "incident_p90": float(inside.quantile(0.9)) if len(inside) else None,
        "ratio": medians[1] / medians[0] if medians[0] and medians[1] is not None else None,
        "effect": exceeds(known, inside),
        "rank": _rank(before, len(during), medians),
    }


def exceeds(before: pd.Series, during: pd.Series) -> float | None:
    """Return the probability that a point of ``during`` exceeds one of ``before``, ties counted half."""
    import numpy as np

    if before.empty or during.empty:
        return None
    ordered = np.sort(before.to_numpy(dtype=float))
    values = during.to_numpy(dtype=float)
    below = np.searchsorted(ordered, values, "left")
    upto = np.searchsorted(ordered, values, "right")
    return float(((below + upto) / 2.0).mean() / len(ordered))


def has_moved(effect: float | None, before: int, during: int) -> bool:
    """Tell whether an effect is beyond what as many points of a metric that did not move would show."""
    if effect is None or min(before, during) < ENOUGH:
        return False
    error = math.sqrt((before + during + 1) / (12.0 * before * during))
    return abs(effect - 0.5) >= max(TOLD, ERRORS * error)


def _rank(before: pd.Series, length: int, medians: list[float | None]) -> float | None:
    """Return the share of the past windows that were nearer to the usual median than the incident was."""
    usual, incident = medians
    if usual is None or incident is None or length < 1 or len(before) // length < MIN_PAST_WINDOWS:
        return None
    past = [
        part.median()
        for i in range(len(before) // length)
        if len(part := before.iloc[len(before) - (i + 1) * length : len(before) - i * length].dropna())
    ]
    if len(past) < MIN_PAST_WINDOWS:
        return None
    return sum(abs(float(value) - usual) < abs(incident - usual) for value in past) / len(past)
