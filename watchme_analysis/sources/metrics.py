"""CloudWatch metrics asked live: which, at what period, complete, in the shape that the CLI prints.

API facts: GetMetricData in the CloudWatch API reference (500 queries and 100,800 points a call, newest
first unless asked, retention by period, start rounded down).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchme_analysis.sources.aws_client import Aws
from watchme_analysis.window import Window

MAX_QUERIES = 500
MAX_POINTS = 100_800
# Finest period in seconds that is kept, by age.
RETENTION = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))

_QUEUE = (
    ("NumberOfMessagesSent", "Sum"),
    ("NumberOfMessagesReceived", "Sum"),
    ("NumberOfMessagesDeleted", "Sum"),
    ("NumberOfEmptyReceives", "Sum"),
    ("ApproximateNumberOfMessagesVisible", "Maximum"),
    ("ApproximateNumberOfMessagesVisible", "Average"),
    ("ApproximateNumberOfMessagesNotVisible", "Maximum"),
    ("ApproximateAgeOfOldestMessage", "Maximum"),
)
_FUNCTION = (
    ("Invocations", "Sum"),
    ("Errors", "Sum"),
    ("Throttles", "Sum"),
    ("Duration", "Average"),
    ("Duration", "Maximum"),
    ("Duration", "p99"),
    ("ConcurrentExecutions", "Maximum"),
)
_INSTANCE = (
    ("CPUUtilization", "Average"),
    ("CPUUtilization", "Maximum"),
    ("CPUCreditBalance", "Minimum"),
    ("NetworkIn", "Sum"),
    ("NetworkOut", "Sum"),
    ("StatusCheckFailed", "Maximum"),
)
_KINDS = (
    ("AWS/SQS", "QueueName", _QUEUE),
    ("AWS/Lambda", "FunctionName", _FUNCTION),
    ("AWS/EC2", "InstanceId", _INSTANCE),
)
_NAME = re.compile(r"\b[a-z]\w*\b")


@dataclass(frozen=True)
class Metric:
    """A metric to ask for: what the glossary's ``metrics`` says of a series."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str


def catalogue(queues: Sequence[str], functions: Sequence[str], instances: Sequence[str]) -> list[Metric]:
    """Return the metrics that an incident of queues, functions and instances needs."""
    return [
        Metric(namespace, metric, ((dimension, name),), stat)
        for (namespace, dimension, wanted), names in zip(_KINDS, (queues, functions, instances), strict=True)
        for name in names
        for metric, stat in wanted
    ]


def period_for(start: datetime, now: datetime) -> int:
    """Return the finest period in seconds that CloudWatch still keeps for a start; one day past all."""
    age = now - start
    return next((period for oldest, period in RETENTION if age <= oldest), 86_400)


def metric_queries(metrics: Sequence[Metric], period_s: int) -> list[dict[str, Any]]:
    """Return GetMetricData's queries for metrics, named m0, m1, and so on."""
    return [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": item.namespace,
                    "MetricName": item.metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in item.dimensions],
                },
                "Period": period_s,
                "Stat": item.stat,
            },
            "ReturnData": True,
        }
        for number, item in enumerate(metrics)
    ]


def get_metric_data(
    aws: Aws, queries: Sequence[dict[str, Any]], window: Window, *, newest_first: bool = False
) -> dict[str, Any]:
    """Return the answer for any number of queries, pages and batches put together.

    Parameters
    ----------
    aws
        Account and region.
    queries
        As GetMetricData takes them; metric math is kept in one call with what it refers to.
    window
        Half-open; CloudWatch rounds its start down to the period.
    newest_first
        Order of the points.

    Raises
    ------
    ServiceError
        When CloudWatch refuses.
    """
    series: dict[tuple[str, str], dict[str, Any]] = {}
    messages: list[Any] = []
    for batch in batches(queries, window):
        parameters: dict[str, Any] = {
            "MetricDataQueries": batch,
            "StartTime": window.start,
            "EndTime": window.end,
            "ScanBy": "TimestampDescending" if newest_first else "TimestampAscending",
        }
        while True:
            answer = aws.call("cloudwatch", "get_metric_data", **parameters)
            messages.extend(answer.get("Messages", []))
            for result in answer.get("MetricDataResults", []):
                _append(series, result)
            token = answer.get("NextToken")
            if not token or token == parameters.get("NextToken"):
                break
            parameters["NextToken"] = token
    return {"MetricDataResults": list(series.values()), "Messages": messages}


def _append(series: dict[tuple[str, str], dict[str, Any]], result: dict[str, Any]) -> None:
    """Add a page of a series; the last page's status is the series'."""
    known = series.setdefault(
        (result["Id"], result.get("Label", "")), {**result, "Timestamps": [], "Values": []}
    )
    known["Timestamps"] += [moment.isoformat() for moment in result.get("Timestamps", [])]
    known["Values"] += result.get("Values", [])
    known["StatusCode"] = result.get("StatusCode")


def batches(queries: Sequence[dict[str, Any]], window: Window) -> list[list[dict[str, Any]]]:
    """Return the queries in batches that a call takes: at most 500, and as many points as come at once."""
    found: list[list[dict[str, Any]]] = []
    points = 0.0
    for group in _with_references(queries):
        more = sum(window.seconds / _period(query) + 1 for query in group)
        if not found or len(found[-1]) + len(group) > MAX_QUERIES or points + more > MAX_POINTS:
            found.append([])
            points = 0.0
        found[-1].extend(group)
        points += more
    return found


def _period(query: dict[str, Any]) -> int:
    return int(query.get("MetricStat", query).get("Period", 60))


def _with_references(queries: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return groups of queries that refer to each other, in order."""
    home = {query["Id"]: number for number, query in enumerate(queries)}
    groups: dict[int, list[dict[str, Any]]] = {number: [query] for number, query in enumerate(queries)}
    for query in queries:
        for name in _NAME.findall(query.get("Expression", "")):
            here, there = home[query["Id"]], home.get(name)
            if there is None or there == here:
                continue
            for moved in groups[there]:
                home[moved["Id"]] = here
            groups[here] = groups.pop(there) + groups[here]
    return list(groups.values())
