"""The alarms that a case holds, as ``describe-alarms`` returned them, turned into specifications."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from watchme_analysis.analysis.alarms.backtest import Rule
from watchme_analysis.analysis.alarms.specs import AlarmSpec, MathInput
from watchme_analysis.analysis.backlog.flows import Tables

_RESOURCE_KEYS = ("QueueName", "FunctionName", "InstanceId", "LoadBalancer")


def existing_alarms(tables: Tables) -> tuple[AlarmSpec, ...]:
    """Return the case's own alarms.

    Notes
    -----
    What can't be evaluated from static thresholds (anomaly detection bands, Metrics Insights queries) comes
    without metrics, so that trying it says so.
    """
    found = []
    for text in tables.table("alarms")["definition"].dropna():
        definition = json.loads(text)
        if definition.get("AlarmRule"):
            name = str(definition.get("AlarmName"))
            found.append(AlarmSpec(name, name, composite=str(definition["AlarmRule"])))
        else:
            found.append(_metric_alarm(definition))
    return tuple(found)


def _metric_alarm(definition: Mapping[str, Any]) -> AlarmSpec:
    name = str(definition.get("AlarmName"))
    queries = [query for query in definition.get("Metrics") or [] if isinstance(query, Mapping)]
    stats = [query["MetricStat"] for query in queries if query.get("MetricStat")]
    period_s = definition.get("Period") or next((stat.get("Period") for stat in stats), None) or 60
    n = int(definition.get("EvaluationPeriods") or 1)
    rule = Rule(
        period_s=int(period_s),
        threshold=float(definition.get("Threshold") or 0.0),
        evaluation_periods=n,
        datapoints_to_alarm=int(definition.get("DatapointsToAlarm") or n),
        comparison=str(definition.get("ComparisonOperator")),
        treat_missing_data=str(definition.get("TreatMissingData") or "missing"),
        low_samples=str(definition.get("EvaluateLowSampleCountPercentile") or "evaluate"),
    )
    if definition.get("MetricName"):
        stat = str(definition.get("Statistic") or definition.get("ExtendedStatistic"))
        over = _resource(definition.get("Dimensions")) or name
        return AlarmSpec(name, over, (str(definition["MetricName"]),), stat, rule)
    inputs = tuple(
        MathInput(
            str(query.get("Id")),
            _resource(query["MetricStat"].get("Metric", {}).get("Dimensions")) or "",
            str(query["MetricStat"].get("Metric", {}).get("MetricName")),
            str(query["MetricStat"].get("Stat")),
        )
        for query in queries
        if query.get("MetricStat")
    )
    returned = next((query for query in queries if query.get("ReturnData", True)), {})
    expression = _inlined(str(returned.get("Expression") or returned.get("Id") or ""), queries)
    over = next((item.resource for item in inputs if item.resource), name)
    return AlarmSpec(name, over, rule=rule, expression=expression, inputs=inputs)


def _inlined(expression: str, queries: list[Mapping[str, Any]]) -> str:
    """Return an expression with the other expressions that it names put in their places."""
    import re

    inner = {str(query.get("Id")): str(query["Expression"]) for query in queries if query.get("Expression")}
    for _ in inner:
        expression = re.sub(
            r"[A-Za-z_]\w*", lambda word: f"({inner[word[0]]})" if word[0] in inner else word[0], expression
        )
    return expression


def _resource(dimensions: Any) -> str | None:
    named = {str(item.get("Name")): str(item.get("Value")) for item in dimensions or []}
    return next((named[key] for key in _RESOURCE_KEYS if key in named), None)
