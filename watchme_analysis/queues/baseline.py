"""Metrics of pipelines against their baseline: binned for figures, compared for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.queues.pipeline import COLUMNS, COUNTS, QUEUE_SERIES, Pipeline
from watchme_analysis.stats.comparison import probability_larger

if TYPE_CHECKING:
    import pandas as pd

# Step widths in seconds that suit a time axis.
STEPS_S = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def binned(pipelines: Sequence[Pipeline], most: int = 180) -> pd.DataFrame:
    """Return every series of every pipeline in equal steps.

    Parameters
    ----------
    pipelines
        Pipelines of :func:`watchme_analysis.queues.pipeline.pipelines`.
    most
        Maximum number of steps; the shortest step of :data:`STEPS_S` that stays within it is used.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``series`` (a column of a pipeline's frame), ``time`` (start of the step, UTC), ``value``
        (counts: sum; ``duration_avg_s``: mean; else maximum; null in a step without a point), ``step_s``.
        A series that has no point in any step has no rows.
    """
    import pandas as pd

    parts = []
    filled = [pipeline for pipeline in pipelines if len(pipeline.frame)]
    step_s = _step(filled, most)
    for pipeline in filled:
        groups = pipeline.frame.resample(f"{max(step_s, pipeline.period_s)}s")
        for column in COLUMNS:
            if column in COUNTS:
                values = groups[column].sum(min_count=1)
            elif column == "duration_avg_s":
                values = groups[column].mean()
            else:
                values = groups[column].max()
            if values.notna().any():
                parts.append(
                    pd.DataFrame(
                        {
                            "queue": pipeline.queue,
                            "series": column,
                            "time": values.index,
                            "value": values.to_numpy(dtype="float64", na_value=float("nan")),
                            "step_s": max(step_s, pipeline.period_s),
                        }
                    )
                )
    if not parts:
        return pd.DataFrame(
            {
                "queue": pd.Series(dtype="string"),
                "series": pd.Series(dtype="string"),
                "time": pd.Series(dtype="datetime64[us, UTC]"),
                "value": pd.Series(dtype="float64"),
                "step_s": pd.Series(dtype="int64"),
            }
        )
    return pd.concat(parts, ignore_index=True).astype({"queue": "string", "series": "string"})


def _step(pipelines: Sequence[Pipeline], most: int) -> int:
    if not pipelines:
        return STEPS_S[0]
    span_s = max(
        (pipeline.frame.index[-1] - pipeline.frame.index[0]).total_seconds() for pipeline in pipelines
    )
    return next((step for step in STEPS_S if span_s / step <= most), STEPS_S[-1])


def rates(pipelines: Sequence[Pipeline], start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Return the totals and hourly rates of every counter, before and during an incident.

    Parameters
    ----------
    pipelines
        Pipelines of :func:`watchme_analysis.queues.pipeline.pipelines`.
    start, end
        Bounds of the incident. Without a start there is no incident; without an end it is still open.

    Returns
    -------
    pandas.DataFrame
        ``resource`` (queue or function), ``metric`` (a counter of a pipeline's frame), ``baseline_total``,
        ``incident_total``, ``baseline_per_h``, ``incident_per_h`` (float; null where a side has no time). A
        series that was not queried has no row. A point that CloudWatch did not return counts as zero.
    """
    import pandas as pd

    rows = []
    for pipeline in pipelines:
        if not len(pipeline.frame) or start is None:
            continue
        before = pipeline.frame.index < pd.Timestamp(start)
        during = ~before & (pipeline.frame.index < pd.Timestamp(end) if end is not None else True)
        hours = [side.sum() * pipeline.period_s / 3600 for side in (before, during)]
        for column in COUNTS:
            resource = pipeline.queue if column in QUEUE_SERIES else pipeline.function
            if resource is None or column not in pipeline.queried:
                continue
            totals = [float(pipeline.frame.loc[side, column].sum()) for side in (before, during)]
            per_h = [total / length if length else None for total, length in zip(totals, hours, strict=True)]
            rows.append((resource, column, *totals, *per_h))
    columns = ["resource", "metric", "baseline_total", "incident_total", "baseline_per_h", "incident_per_h"]
    kinds = {name: "string" if name in columns[:2] else "Float64" for name in columns}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


COMPARED = {
    "sent": "messages", "received": "messages", "deleted": "messages", "visible": "messages",
    "in_flight": "messages", "age_s": "s", "invocations": "runs", "errors": "runs", "throttles": "runs",
    "duration_avg_s": "s", "duration_max_s": "s", "concurrency": "runs", "dlq_visible": "messages",
    "cpu_pct": "%",
}  # fmt: skip
OWNER = {"dlq_visible": "dlq", "cpu_pct": "host"} | dict.fromkeys(
    ("invocations", "errors", "throttles", "duration_avg_s", "duration_max_s", "concurrency"), "function"
)
COMPARISON_COLUMNS = (
    "resource", "metric", "unit", "baseline_points", "incident_points", "baseline_median", "incident_median",
    "baseline_p90", "incident_p90", "ratio", "effect", "rank",
)  # fmt: skip
MIN_PAST_WINDOWS = 5
# Smallest distance of a relevant effect from 0.5, and the number of points that each side needs for it.
MIN_EFFECT, ENOUGH = 0.05, 5
# Standard errors of independent samples: among sixty unchanged metrics, hardly any effect exceeds this.
ERRORS = 3.0


def comparison_rows(
    pipelines: tuple[Pipeline, ...], start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    """Return the comparison of every metric within the incident with the time before it.

    Autocorrelation makes p-values useless here. The effect is the probability that a point of the incident
    exceeds a point of the baseline. The rank is the share of the metric's past windows of the same length
    that were nearer to its usual median. See :data:`COMPARISON_COLUMNS`.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for pipeline in pipelines if start is not None else ():
        for metric, unit in COMPARED.items():
            resource = {"dlq": pipeline.dlq, "host": "host", "function": pipeline.function}.get(
                OWNER.get(metric, ""), pipeline.queue
            )
            if resource is None or (resource, metric) in seen:
                continue
            seen.add((resource, metric))
            row = _compare(pipeline.frame[metric], start, end)
            if row is not None:
                rows.append({"resource": resource, "metric": metric, "unit": unit, **row})
    frame = pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    return frame.astype(
        dict.fromkeys(("baseline_points", "incident_points"), "Int64")
        | dict.fromkeys(COMPARISON_COLUMNS[5:], "Float64")
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
        "effect": probability_larger(known, inside),
        "rank": _rank(before, len(during), medians),
    }


def has_moved(effect: float | None, before: int, during: int) -> bool:
    """Return whether an effect exceeds the sampling error of an unchanged metric with as many points."""
    if effect is None or min(before, during) < ENOUGH:
        return False
    error = math.sqrt((before + during + 1) / (12.0 * before * during))
    return abs(effect - 0.5) >= max(MIN_EFFECT, ERRORS * error)


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
