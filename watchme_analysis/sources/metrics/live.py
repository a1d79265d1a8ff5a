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

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.sources.aws.client import Aws
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
_ALL = re.compile(r"\bMETRICS\s*\(")
_NAME = re.compile(r"\b[a-z]\w*\b")


@dataclass(frozen=True)
class Metric:
    """A metric to ask for: what the glossary's ``metrics`` says of a series."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str


@dataclass(frozen=True)
class Expression:
    """Metric math over what is asked with it, which it calls m0, m1, and so on by its place.

    Attributes
    ----------
    text
        Such as ``100 * m1 / m0``.
    label
        What the series is called; the text unless given.
    """

    text: str
    label: str = ""


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


def metric_queries(metrics: Sequence[Metric | Expression], period_s: int) -> list[dict[str, Any]]:
    """Return GetMetricData's queries for metrics and metric math, named m0, m1, and so on."""
    return [
        {"Id": f"m{number}", **_query(item, period_s), "ReturnData": True}
        for number, item in enumerate(metrics)
    ]


def _query(item: Metric | Expression, period_s: int) -> dict[str, Any]:
    if isinstance(item, Expression):
        return {"Expression": item.text, "Label": item.label or item.text, "Period": period_s}
    metric = {
        "Namespace": item.namespace,
        "MetricName": item.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in item.dimensions],
    }
    return {"MetricStat": {"Metric": metric, "Period": period_s, "Stat": item.stat}}


def get_metric_data(aws: Aws, queries: Sequence[dict[str, Any]], window: Window) -> dict[str, Any]:
    """Return the answer for any number of queries, pages and batches put together.

    Parameters
    ----------
    aws
        Account and region.
    queries
        As GetMetricData takes them; metric math is kept in one call with what it refers to.
    window
        Half-open; CloudWatch rounds its start down to the period.

    Raises
    ------
    ServiceError
        When CloudWatch refuses.
    """
    series: dict[tuple[str, str], dict[str, Any]] = {}
    messages: list[Any] = []
    for batch in batches(queries, window):
        parameters = {
            "MetricDataQueries": batch,
            "StartTime": _aligned(window.start, max(map(_period, batch))),
            "EndTime": window.end,
            "ScanBy": "TimestampAscending",
        }
        for answer in _pages(aws, parameters):
            messages.extend(answer.get("Messages", []))
            for result in answer.get("MetricDataResults", []):
                _append(series, result)
    return {"MetricDataResults": list(series.values()), "Messages": messages}


def _aligned(start: datetime, period_s: int) -> datetime:
    """Return the start of the interval that a moment lies in.

    CloudWatch rounds a start down by its age, not by the period, so that the intervals of a start in the
    middle of one are not those of the clock.
    """
    return start - timedelta(seconds=start.timestamp() // 1 % period_s, microseconds=start.microsecond)


def _pages(aws: Aws, parameters: dict[str, Any], tries: int = 2) -> list[dict[str, Any]]:
    """Return all pages of an answer, read anew from the first where a token no longer holds."""
    pages: list[dict[str, Any]] = []
    token: str | None = None
    while True:
        more: dict[str, Any] = {"NextToken": token} if token else {}
        try:
            pages.append(aws.call("cloudwatch", "get_metric_data", **parameters, **more))
        except ServiceError as error:
            if token is None or tries <= 1 or "InvalidNextToken" not in str(error):
                raise
            return _pages(aws, parameters, tries - 1)
        following = pages[-1].get("NextToken")
        if not following or following == token:
            return pages
        token = following


def _append(series: dict[tuple[str, str], dict[str, Any]], result: dict[str, Any]) -> None:
    """Add a page of a series; the last page's status is the series'."""
    known = series.setdefault(
        (result["Id"], result.get("Label", "")), {**result, "Timestamps": [], "Values": []}
    )
    known["Timestamps"] += [moment.isoformat() for moment in result.get("Timestamps", [])]
    known["Values"] += result.get("Values", [])
    known["StatusCode"] = result.get("StatusCode")


def batches(queries: Sequence[dict[str, Any]], window: Window) -> list[list[dict[str, Any]]]:
    """Return the queries in batches that a call takes: at most 500, and as many points as come at once.

    Metric math stays with what it refers to, and no two Metrics Insights queries (``SELECT ..``) share a
    call, as CloudWatch wants it.

    Raises
    ------
    InputError
        When more queries refer to each other than a call takes.
    """
    found: list[list[dict[str, Any]]] = []
    points = 0.0
    selects = 0
    for group in _with_references(queries):
        if len(group) > MAX_QUERIES:
            raise InputError(
                f"{len(group)} metric queries refer to each other ({group[0]['Id']}, {group[1]['Id']}, ..), "
                f"and CloudWatch takes {MAX_QUERIES} in a call: split their expressions."
            )
        more = sum(window.seconds / _period(query) + 1 for query in group)
        selecting = sum(_expression(query).lstrip().upper().startswith("SELECT") for query in group)
        full = not found or len(found[-1]) + len(group) > MAX_QUERIES or points + more > MAX_POINTS
        if full or (selects and selecting):
            found.append([])
            points, selects = 0.0, 0
        found[-1].extend(group)
        points += more
        selects += selecting
    return found


def _expression(query: dict[str, Any]) -> str:
    return str(query.get("Expression", ""))


def _period(query: dict[str, Any]) -> int:
    return int(query.get("MetricStat", query).get("Period", 60))


def _with_references(queries: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return groups of queries that refer to each other, in order; ``METRICS()`` refers to all others."""
    home = {query["Id"]: number for number, query in enumerate(queries)}
    groups: dict[int, list[dict[str, Any]]] = {number: [query] for number, query in enumerate(queries)}
    for query in queries:
        expression = _expression(query)
        names = list(home) if _ALL.search(expression) else _NAME.findall(expression)
        for name in names:
            here, there = home[query["Id"]], home.get(name)
            if there is None or there == here:
                continue
            for moved in groups[there]:
                home[moved["Id"]] = here
            groups[here] = groups.pop(there) + groups[here]
    return list(groups.values())
