"""CloudWatch metrics asked live, as a tidy frame that tells missing, zero and not settled yet apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchme_analysis.retrieval import Retrieval
from watchme_analysis.sources.aws_cache import Keeper
from watchme_analysis.sources.aws_client import Aws
from watchme_analysis.sources.aws_json import as_json
from watchme_analysis.sources.metric_intervals import filled
from watchme_analysis.sources.metrics import Metric, metric_queries, period_for
from watchme_analysis.sources.metrics_cache import kept_metric_data
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("namespace", "metric", "dimensions", "stat", "period_s", "time", "value", "completeness")


def get_metrics(
    aws: Aws,
    metrics: Sequence[Metric],
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
        What to ask for, any number.
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
        ``missing`` or ``not_settled`` (no point, or one that may still change).
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
    results = {result["Id"]: result for result in answer["MetricDataResults"]}
    asked_at = datetime.fromisoformat(answer["Asked"]["At"])
    parts = []
    for number, metric in enumerate(metrics):
        result = results.get(f"m{number}", {"Timestamps": [], "Values": []})
        times = pd.to_datetime(pd.Series(result["Timestamps"], dtype="object"), utc=True, format="ISO8601")
        values = pd.Series(result["Values"], index=pd.DatetimeIndex(times).as_unit("us"), dtype="Float64")
        part = filled(values, window, period, asked_at)
        part["namespace"], part["metric"], part["stat"] = metric.namespace, metric.metric, metric.stat
        part["dimensions"], part["period_s"] = as_json(dict(metric.dimensions)), period
        parts.append(part[list(COLUMNS)])
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    short = sorted({key for key, result in results.items() if result["StatusCode"] != "Complete"})
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
