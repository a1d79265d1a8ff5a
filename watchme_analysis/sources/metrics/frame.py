"""CloudWatch metrics asked live, as a tidy frame that tells missing, zero and not settled yet apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.retrieval import Retrieval
from watchme_analysis.sources.aws.cache import Keeper
from watchme_analysis.sources.aws.client import Aws
from watchme_analysis.sources.aws.json import as_json
from watchme_analysis.sources.metrics.cache import kept_metric_data
from watchme_analysis.sources.metrics.intervals import filled
from watchme_analysis.sources.metrics.live import Expression, Metric, metric_queries, period_for
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("namespace", "metric", "dimensions", "stat", "period_s", "time", "value", "completeness")


def get_metrics(
    aws: Aws,
    metrics: Sequence[Metric | Expression],
    window: Window,
    *,
    period_s: int | None = None,
    keeper: Keeper | None = None,
) -> tuple[pd.DataFrame, Retrieval]:
    """Return metrics as one row for each interval of each series.

    Parameters
    ----------
    aws
        Account and region.
    metrics
        What to ask for, any number; metric math may refer to any of the others.
    window
        Half-open; CloudWatch rounds its start down to the period.
    period_s
        Period in seconds; the finest that CloudWatch still keeps for the window's start unless given.
    keeper
        Cache, and whether to ask; nothing is kept unless given.

    Returns
    -------
    frame
        ``namespace``, ``metric``, ``dimensions`` (JSON), ``stat``, ``period_s``, ``time`` (start of the
        interval), ``value`` (null where no point came) and ``completeness``: ``value``, ``zero``,
        ``missing`` or ``not_settled`` (no point, or one that may still change). Metric math has its label
        for a metric, and no namespace, dimensions or stat.
    retrieval
        How it was obtained; truncated where CloudWatch did not return all points.

    Raises
    ------
    ServiceError
        When CloudWatch refuses.
    """
    import pandas as pd

    period = period_s or period_for(window.start, datetime.now(UTC))
    answer = kept_metric_data(aws, metric_queries(metrics, period), window, keeper or Keeper())
    asked_at = datetime.fromisoformat(answer["Asked"]["At"])
    results: dict[str, list[dict[str, Any]]] = {f"m{number}": [] for number in range(len(metrics))}
    for result in answer["MetricDataResults"]:
        results.setdefault(result["Id"], []).append(result)
    parts = []
    for item, series in zip(metrics, results.values(), strict=False):
        for result in series or [{"Label": "", "Timestamps": [], "Values": []}]:
            moments = pd.Series(result["Timestamps"], dtype="object")
            times = pd.DatetimeIndex(pd.to_datetime(moments, utc=True, format="ISO8601")).as_unit("us")
            values = pd.Series(result["Values"], index=times, dtype="Float64")
            part = filled(values, window, period, asked_at)
            for name, value in _identity(item, result).items():
                part[name] = pd.Series(value, index=part.index, dtype="string")
            part["period_s"] = period
            parts.append(part[list(COLUMNS)])
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    short = sorted(
        {result["Id"] for result in answer["MetricDataResults"] if result["StatusCode"] != "Complete"}
    )
    notes = [f"CloudWatch did not return all points of {key}." for key in short]
    notes += [f"CloudWatch said {item.get('Code')}: {item.get('Value')}" for item in answer["Messages"]]
    return frame, Retrieval(
        "cloudwatch_metrics",
        f"GetMetricData in {aws.where}",
        rows=len(frame),
        start=window.start,
        end=window.end,
        truncated=bool(short),
        notes=tuple(notes),
    )


def _identity(item: Metric | Expression, result: dict[str, Any]) -> dict[str, str | None]:
    """Return what tells a series from others; an expression such as SEARCH gives several, by their labels."""
    if isinstance(item, Expression):
        label = result["Label"] or item.label or item.text
        return {"namespace": None, "metric": label, "dimensions": None, "stat": None}
    return {
        "namespace": item.namespace,
        "metric": item.metric,
        "dimensions": as_json(dict(item.dimensions)),
        "stat": item.stat,
    }
