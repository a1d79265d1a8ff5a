"""CloudWatch metrics asked live: which, at what period, complete, in the shape that the CLI prints.

API facts: GetMetricData in the CloudWatch API reference (500 queries and 100,800 points a call, newest
first unless asked, retention by period, start rounded down).

CloudWatch metrics asked through the cache: settled points once, the tail again.

CloudWatch metrics asked live, as a tidy frame that tells missing, zero and not settled yet apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.metric_points import filled
from watchme_analysis.aws_shapes.responses import as_json
from watchme_analysis.cloudwatch.response_cache import (
    POINTS_KEPT_AFTER,
    CacheMissError,
    ResponseCache,
    cache_miss,
)
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

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


def kept_metric_data(
    aws: Aws, queries: Sequence[dict[str, Any]], window: Window, keeper: ResponseCache
) -> dict[str, Any]:
    """Return GetMetricData's answer, what is settled of it from the cache where that has it.

    Parameters
    ----------
    aws, queries, window
        As :func:`watchme_analysis.cloudwatch.metrics.get_metric_data` takes them.
    keeper
        Cache, and whether to ask.

    Returns
    -------
    dict
        The answer, times as ISO texts, and under ``Asked`` the window and when its last part was asked.

    Raises
    ------
    NotKeptError
        When a part must be asked and asking is forbidden.
    """
    identity = ["metrics", list(queries), window.start.isoformat()]
    entry = keeper.kept(identity)
    covered = window.start
    answer: dict[str, Any] = {"MetricDataResults": [], "Messages": []}
    taken_at = datetime.now(UTC)
    if entry is not None:
        covered = datetime.fromisoformat(entry.value["end" if keeper.offline else "until"])
        answer = _before(keeper.use(entry)["answer"], min(covered, window.end))
    if entry is not None and covered >= window.end:
        taken_at = entry.taken_at
    elif keeper.offline:
        raise CacheMissError(f"{cache_miss('metrics', Window(covered, window.end))}.")
    else:
        answer = _joined(answer, get_metric_data(aws, queries, Window(covered, window.end)))
        if _is_complete(answer):
            settled = max(window.start, _settled(queries, window, taken_at))
            ends = {"until": settled.isoformat(), "end": window.end.isoformat()}
            keeper.save(identity, {**ends, "answer": answer})
    bounds = {"StartTime": window.start.isoformat(), "EndTime": window.end.isoformat()}
    return {**answer, "Asked": {**bounds, "At": taken_at.isoformat()}}


def _settled(queries: Sequence[dict[str, Any]], window: Window, now: datetime) -> datetime:
    """Return up to when points are kept: they no longer change, and the rest begins with an interval."""
    settled = now - POINTS_KEPT_AFTER
    if any("Expression" in query for query in queries):
        # Some functions of metric math look at the whole window.
        return window.end if window.end <= settled else window.start
    longest = max((int(query["MetricStat"]["Period"]) for query in queries), default=60)
    last_end = window.end + timedelta(seconds=-window.end.timestamp() % longest)
    return last_end if last_end <= settled else settled - timedelta(seconds=settled.timestamp() % longest)


def _is_complete(answer: dict[str, Any]) -> bool:
    return all(result["StatusCode"] == "Complete" for result in answer["MetricDataResults"])


def _before(answer: dict[str, Any], end: datetime) -> dict[str, Any]:
    """Return the points of intervals that begin before an end."""
    results = []
    for result in answer["MetricDataResults"]:
        points = zip(result["Timestamps"], result["Values"], strict=True)
        kept = [(moment, value) for moment, value in points if datetime.fromisoformat(moment) < end]
        results.append({**result, "Timestamps": [m for m, _ in kept], "Values": [v for _, v in kept]})
    return {**answer, "MetricDataResults": results}


def _joined(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return the points of two answers for windows that follow one another."""
    series = {(result["Id"], result["Label"]): result for result in older["MetricDataResults"]}
    for result in newer["MetricDataResults"]:
        before = series.get((result["Id"], result["Label"]))
        if before is not None:
            joined = {key: before[key] + result[key] for key in ("Timestamps", "Values")}
            result = {**result, **joined}  # noqa: PLW2901
        series[(result["Id"], result["Label"])] = result
    return {
        "MetricDataResults": list(series.values()),
        "Messages": older["Messages"] + newer["Messages"],
    }


COLUMNS = ("namespace", "metric", "dimensions", "stat", "period_s", "time", "value", "completeness")


def get_metrics(
    aws: Aws,
    metrics: Sequence[Metric | Expression],
    window: Window,
    *,
    period_s: int | None = None,
    keeper: ResponseCache | None = None,
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
    answer = kept_metric_data(aws, metric_queries(metrics, period), window, keeper or ResponseCache())
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
