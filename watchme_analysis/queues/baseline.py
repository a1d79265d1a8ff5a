"""Metrics of pipelines against their baseline: binned for figures, compared for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.queues.pipeline import COLUMNS, COUNTS, Pipeline, Tables, pipelines
from watchme_analysis.stats.comparison import probability_larger

if TYPE_CHECKING:
    import pandas as pd

# Step widths in seconds that suit a time axis.
STEPS_S = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def binned(pipelines: Sequence[Pipeline], most: int = 180) -> pd.DataFrame:
    """Return every series of every pipeline in at most ``most`` equal steps, the shortest that fit.

    Columns: ``queue``, ``series`` (a column of a pipeline's frame), ``time`` (start of the step, UTC),
    ``value`` (counts: sum; ``duration_avg_s``: mean; ``dlq_visible``: last; else maximum; null in a step
    without a point), ``step_s``. A series that has no point in any step has no rows.
    """
    import pandas as pd

    parts = []
    filled = [pipeline for pipeline in pipelines if len(pipeline.frame)]
    step_s = _step(filled, most)
    for pipeline in filled:
        groups = pipeline.frame.resample(f"{max(step_s, pipeline.period_s)}s")
        for column in (*COLUMNS, "failed"):
            if column in (*COUNTS, "failed"):
                values = groups[column].sum(min_count=1)
            elif column == "duration_avg_s":
                values = groups[column].mean()
            elif column == "dlq_visible":
                # A DLQ keeps its messages. Single readings of SQS are approximate and may exceed them.
                values = groups[column].last()
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
    kinds = {
        "queue": "string", "series": "string", "time": "datetime64[us, UTC]", "value": "float64",
        "step_s": "int64",
    }  # fmt: skip
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(kinds))
    return found.astype(kinds)


def _step(pipelines: Sequence[Pipeline], most: int) -> int:
    if not pipelines:
        return STEPS_S[0]
    span_s = max(
        (pipeline.frame.index[-1] - pipeline.frame.index[0]).total_seconds() for pipeline in pipelines
    )
    return next((step for step in STEPS_S if span_s / step <= most), STEPS_S[-1])


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
    "baseline_p90", "incident_p90", "baseline_total", "incident_total", "baseline_per_h", "incident_per_h",
    "effect", "rank",
)  # fmt: skip
MIN_PAST_WINDOWS = 5
# Smallest distance of a relevant effect from 0.5, and the number of points that each side needs for it.
MIN_EFFECT, ENOUGH = 0.05, 5
# Standard errors of independent samples: among sixty unchanged metrics, hardly any effect exceeds this.
ERRORS = 3.0


def baseline_comparison(
    tables: Tables, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """Return a comparison of the incident with the time before it, metric by metric.

    Without a start there is no incident; without an end it is still open. Autocorrelation makes p-values
    useless here, so that ranks and effects are compared.

    Columns: ``resource``, ``metric``, ``unit``, ``baseline_points``, ``incident_points``,
    ``baseline_median``, ``incident_median``, ``baseline_p90``, ``incident_p90``; of a counter that was
    queried ``baseline_total``, ``incident_total``, ``baseline_per_h``, ``incident_per_h``, for which a
    missing point counts as zero; ``effect`` (probability that a point of the incident exceeds one of the
    baseline, 0 to 1), ``rank`` (share of the metric's own past windows of the same length whose median is
    nearer to the baseline's than the incident's is, 0 to 1; null with fewer than five such windows).
    """
    import pandas as pd

    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for pipeline in pipelines(tables) if start is not None else ():
        for metric, unit in COMPARED.items():
            resource = {"dlq": pipeline.dlq, "host": "host", "function": pipeline.function}.get(
                OWNER.get(metric, ""), pipeline.queue
            )
            if resource is None or (resource, metric) in rows:
                continue
            counted = metric in COUNTS and metric in pipeline.queried
            row = _compare(pipeline.frame[metric], start, end, pipeline.period_s if counted else None)
            if row is not None:
                rows[resource, metric] = {"resource": resource, "metric": metric, "unit": unit, **row}
    frame = pd.DataFrame(list(rows.values()), columns=list(COMPARISON_COLUMNS))
    return frame.astype(
        dict.fromkeys(("baseline_points", "incident_points"), "Int64")
        | dict.fromkeys(COMPARISON_COLUMNS[5:], "Float64")
    )


def _compare(series: pd.Series, start: Any, end: Any, period_s: int | None) -> dict[str, Any] | None:
    """Return one metric before and during an incident; ``period_s`` is that of a counter, else None."""
    before = series[series.index < start]
    during = series[series.index >= start]
    if end is not None:
        during = during[during.index < end]
    known, inside = before.dropna(), during.dropna()
    if known.empty and inside.empty:
        return None
    row: dict[str, Any] = {"effect": probability_larger(known, inside)}
    medians = []
    for side, whole, part in (("baseline", before, known), ("incident", during, inside)):
        medians.append(float(part.median()) if len(part) else None)
        row |= {f"{side}_points": len(part), f"{side}_median": medians[-1]}
        row[f"{side}_p90"] = float(part.quantile(0.9)) if len(part) else None
        if period_s is not None:
            total = float(part.sum())
            hours = len(whole) * period_s / 3600
            row |= {f"{side}_total": total, f"{side}_per_h": total / hours if hours else None}
    return row | {"rank": _rank(before, len(during), medians)}


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
