"""The alarms that the team asked for, tried on a case: when each would first have fired, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.alarms.backtest import History, Rule, Run, backtest
from watchme_analysis.analysis.backlog.flows import Flow, Tables

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StandardAlarm:
    """One of the team's alarms.

    Attributes
    ----------
    name
        Says metric, threshold, period and M of N.
    over
        ``dlq``, ``function`` or ``queue``: which resource of a flow it watches.
    metrics
        One metric, or two of which the first is a percentage of the second.
    stat
        Statistic.
    rule
        Rule. Missing points don't breach: no invocation is no error, a sleeping queue is empty.
    """

    name: str
    over: str
    metrics: tuple[str, ...]
    stat: str
    rule: Rule


def _rule(period_s: int, threshold: float, m: int = 1, n: int = 1) -> Rule:
    return Rule(period_s, threshold, n, m, treat_missing_data="notBreaching", extra_periods=0, sliding=False)


STANDARD = (
    StandardAlarm(
        "dlq_visible_gt_10_avg_300s_1of1",
        "dlq",
        ("ApproximateNumberOfMessagesVisible",),
        "Average",
        _rule(300, 10.0),
    ),
    StandardAlarm(
        "error_rate_gt_10pct_300s_3of12",
        "function",
        ("Errors", "Invocations"),
        "Sum",
        _rule(300, 10.0, 3, 12),
    ),
    StandardAlarm(
        "age_gt_600_max_60s_1of1", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", _rule(60, 600.0)
    ),
    StandardAlarm(
        "age_gt_600_max_300s_1of1", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", _rule(300, 600.0)
    ),
)


def standard_alarms(tables: Tables, flows: tuple[Flow, ...]) -> list[dict[str, Any]]:
    """Return, for each standard alarm and resource, when it would first have fired.

    Returns
    -------
    list of dict
        ``alarm``, ``resource``, ``first`` (datetime or None), ``times_raised``, ``in_alarm_at_end``,
        ``uncertainty_s`` (the history is coarser than the alarm: the true moment lies this much earlier
        at most), ``note``.
    """
    found = []
    ends = [flow.frame.index[-1] + timedelta(seconds=flow.period_s) for flow in flows if len(flow.frame)]
    for alarm in STANDARD:
        seen = set()
        for flow in flows:
            resource = {"dlq": flow.dlq, "function": flow.function, "queue": flow.queue}[alarm.over]
            if resource is None or resource in seen:
                continue
            seen.add(resource)
            entry = _try(tables, alarm, resource, max(ends, default=None))
            found.append({"alarm": alarm.name, "resource": resource, **entry})
    return found


def _try(tables: Tables, alarm: StandardAlarm, resource: str, end: datetime | None) -> dict[str, Any]:
    """Try one alarm on one resource."""
    pair = _value_series(tables, alarm, resource)
    blank = {"first": None, "times_raised": 0, "in_alarm_at_end": False, "uncertainty_s": 0.0, "note": ""}
    if pair is None:
        return blank | {"note": f"The case has no {alarm.metrics[0]} ({alarm.stat}) of {resource}."}
    series, period = pair
    rule, uncertainty, note = alarm.rule, 0.0, ""
    if period > rule.period_s:
        uncertainty = float(period - rule.period_s)
        note = f"Only points of {period} s are recorded: it can have fired {uncertainty:.0f} s earlier."
        rule = replace(rule, period_s=period)
    if series.empty:
        return blank
    run: Run = backtest(History(series, alarm.stat, period), rule, (None, end))
    return {
        "first": run.first,
        "times_raised": len(run.raised),
        "in_alarm_at_end": run.in_alarm_at_end,
        "uncertainty_s": uncertainty,
        "note": note,
    }


def _value_series(tables: Tables, alarm: StandardAlarm, resource: str) -> tuple[pd.Series, int] | None:
    """Return the alarm's values at the finest recorded period, a percentage where there are two metrics."""
    if len(alarm.metrics) == 2:
        return ratio_series(tables, resource, alarm.metrics, alarm.stat, alarm.rule.period_s)
    return recorded_series(tables, resource, alarm.metrics[0], alarm.stat)


def ratio_series(
    tables: Tables, resource: str, metrics: tuple[str, ...], stat: str, period_s: int
) -> tuple[pd.Series, int] | None:
    """Return one metric as a percentage of another, and its period; None when either was not collected.

    Missing counts above are zero. Without a count below there is no rate, and the point is missing.
    """
    above, below = (recorded_series(tables, resource, metric, stat) for metric in metrics)
    if above is None or below is None:
        return None
    period = max(period_s, above[1], below[1])
    sums = [item[0].groupby(item[0].index.floor(f"{period}s")).sum() for item in (above, below)]
    rate = 100.0 * sums[0].reindex(sums[1].index).fillna(0.0) / sums[1]
    return rate[sums[1] > 0], period


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
