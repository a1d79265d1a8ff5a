"""Retrieve CloudWatch metrics: live or through the cache, as a tidy frame.

:func:`get_metrics` returns one row per interval of each series and distinguishes missing, zero and not yet
settled. :func:`fetch_metric_data` returns the responses of GetMetricData as the CLI prints them, and
:func:`metric_data_cached` the same through the cache.

Facts about the call: GetMetricData in the CloudWatch API reference (500 queries and 100,800 points a call,
newest first by default, retention by period, start rounded down).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.metric_points import fill_intervals
from watchme_analysis.aws_shapes.metric_series import KNOWN_METRICS
from watchme_analysis.aws_shapes.names import dimension_resource
from watchme_analysis.aws_shapes.responses import json_text
from watchme_analysis.cloudwatch.response_cache import ResponseCache, request_identity
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.redact import described
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.text.message import Duration, Resource
from watchme_analysis.text.render import error_message, note
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

# Largest number of queries and points per GetMetricData call.
MAX_QUERIES = 500
MAX_POINTS = 100_800
# Some points arrive hours late, and retrieving them again costs next to nothing: until this long after the
# end of its window, a response is not read from the cache.
_LATE_POINTS = timedelta(hours=3)
# A page token may expire between two pages; the pages are then read again from the first.
_PAGING_ATTEMPTS = 2
# Age up to which points are kept -> their finest period in seconds.
RETENTION = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))
# Points of periods below this one (s) are kept for a few hours.
_SHORTEST_KEPT_S = 60
_HIGH_RESOLUTION_KEPT = timedelta(hours=3)

# Metric math that refers to all other metrics, and names of other queries.
_ALL_METRICS = re.compile(r"\bMETRICS\s*\(")
_QUERY_NAME = re.compile(r"\b[a-z]\w*\b")


@dataclass(frozen=True, repr=False)
class Metric:
    """Metric of CloudWatch.

    Attributes
    ----------
    namespace, metric
        Such as ``AWS/SQS`` and ``NumberOfMessagesSent``.
    dimensions
        Pairs of name and value.
    stat
        Statistic, such as ``Sum`` or ``p99``.
    account_id
        Account that the metric belongs to; None for the account of the session.
    """

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    account_id: str | None = None

    def __repr__(self) -> str:
        """Return metric, statistic and dimensions in one line."""
        return described(self, f"{self.namespace} {self.metric} {self.stat} {dict(self.dimensions)}")


@dataclass(frozen=True, repr=False)
class Expression:
    """Metric math over the metrics of the same call, which are named m0, m1, … by their position.

    Attributes
    ----------
    text
        Metric math, such as ``100 * m1 / m0``.
    label
        Label of the series; the text by default.
    """

    text: str
    label: str = ""

    def __repr__(self) -> str:
        """Return the expression in one line."""
        return described(self, self.text)


def incident_metrics(
    queues: Sequence[str], functions: Sequence[str], instances: Sequence[str]
) -> list[Metric]:
    """Return the metrics that are pulled for queues, functions and EC2 instances."""
    names = {"QueueName": queues, "FunctionName": functions, "InstanceId": instances}
    return [
        Metric(namespace, metric, ((dimension, name),), stat)
        for kind, resources in names.items()
        for name in resources
        for namespace, dimension, metric, stat in catalogue()
        if dimension == kind
    ]


def catalogue() -> list[tuple[str, str, str, str]]:
    """Return namespace, dimension, metric and statistic of each metric of :func:`incident_metrics`."""
    return [
        (known.namespace, known.dimension, metric, stat)
        for metric, known in KNOWN_METRICS.items()
        for stat in known.pulled
    ]


def finest_period_s(start: datetime, now: datetime) -> int:
    """Return the finest period in seconds that CloudWatch keeps for a window's start; one day beyond all."""
    age = now - start
    return next((period for oldest, period in RETENTION if age <= oldest), 86_400)


def kept_from(period_s: int, now: datetime) -> datetime:
    """Return the time from which on CloudWatch still has points of a period in seconds."""
    if period_s < _SHORTEST_KEPT_S:
        return now - _HIGH_RESOLUTION_KEPT
    return now - max((age for age, period in RETENTION if period_s % period == 0), default=RETENTION[0][0])


def metric_queries(metrics: Sequence[Metric | Expression], period_s: int) -> list[dict[str, Any]]:
    """Return the queries of GetMetricData for metrics and metric math, with the ids m0, m1 and so on."""
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
    query: dict[str, Any] = {"MetricStat": {"Metric": metric, "Period": period_s, "Stat": item.stat}}
    return query | ({"AccountId": item.account_id} if item.account_id else {})


def fetch_metric_data(aws: Aws, queries: Sequence[dict[str, Any]], window: Window) -> dict[str, Any]:
    """Return the response for any number of queries, with all pages and batches combined.

    CloudWatch rounds the start of the window down to the period. Metric math stays in one call with the
    queries that it refers to.
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
        aws.metrics_requested += sum("MetricStat" in query for query in batch)
        for page in _pages(aws, parameters):
            messages.extend(page.get("Messages", []))
            for result in page.get("MetricDataResults", []):
                _append(series, result)
    return {"MetricDataResults": list(series.values()), "Messages": messages}


def _aligned(start: datetime, period_s: int) -> datetime:
    """Return the start of the interval of a period that contains a time.

    CloudWatch rounds a start by its age, not by the period. From a start within an interval it returns
    intervals that do not start at multiples of the period.
    """
    return start - timedelta(seconds=start.timestamp() // 1 % period_s, microseconds=start.microsecond)


def _pages(aws: Aws, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    for attempt in range(_PAGING_ATTEMPTS):
        try:
            return list(aws.pages("cloudwatch", "get_metric_data", **parameters))
        except ServiceError as error:
            if attempt + 1 == _PAGING_ATTEMPTS or "InvalidNextToken" not in str(error):
                raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _append(series: dict[tuple[str, str], dict[str, Any]], result: dict[str, Any]) -> None:
    """Append a page of a series; its status replaces that of earlier pages."""
    known = series.setdefault(
        (result["Id"], result.get("Label", "")), {**result, "Timestamps": [], "Values": []}
    )
    known["Timestamps"] += [moment.isoformat() for moment in result.get("Timestamps", [])]
    known["Values"] += result.get("Values", [])
    known["StatusCode"] = result.get("StatusCode")


def batches(queries: Sequence[dict[str, Any]], window: Window) -> list[list[dict[str, Any]]]:
    """Return the queries in batches of at most 500 queries and 100,800 points, as one call takes them.

    Metric math stays with the queries that it refers to (InputError if these are more than a call takes), and
    no two Metrics Insights queries (``SELECT ..``) share a call, as CloudWatch requires.
    """
    found: list[list[dict[str, Any]]] = []
    points = 0.0
    selects = 0
    for group in _with_references(queries):
        if len(group) > MAX_QUERIES:
            raise InputError(
                error_message(
                    "error-metric-queries-linked",
                    number=len(group),
                    first=group[0]["Id"],
                    second=group[1]["Id"],
                    most=MAX_QUERIES,
                )
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
        names = list(home) if _ALL_METRICS.search(expression) else _QUERY_NAME.findall(expression)
        for name in names:
            here, there = home[query["Id"]], home.get(name)
            if there is None or there == here:
                continue
            for moved in groups[there]:
                home[moved["Id"]] = here
            groups[here] = groups.pop(there) + groups[here]
    return list(groups.values())


def metric_data_cached(
    aws: Aws, queries: Sequence[dict[str, Any]], window: Window, cache: ResponseCache
) -> dict[str, Any]:
    """Return the response of :func:`fetch_metric_data`, from the cache if its points can't change any more.

    The key ``Asked`` holds the window and the time at which the response was retrieved. CacheMissError if it
    is not cached and the cache is offline.
    """
    identity = request_identity("metrics", list(queries), start=window.start, end=window.end)
    entry = cache.load(identity)
    if entry is not None and (cache.offline or entry.taken_at >= window.end + _LATE_POINTS):
        response, taken_at = cache.use(entry), entry.taken_at
    else:
        cache.check_online("metrics", window)
        taken_at = datetime.now(UTC)
        response = fetch_metric_data(aws, queries, window)
        if all(result["StatusCode"] == "Complete" for result in response["MetricDataResults"]):
            cache.save(identity, response, taken_at)
    bounds = {"StartTime": window.start.isoformat(), "EndTime": window.end.isoformat()}
    return {**response, "Asked": {**bounds, "At": taken_at.isoformat()}}


# Columns of :func:`get_metrics`.
COLUMNS = (
    "account_id",
    "namespace",
    "metric",
    "dimensions",
    "stat",
    "period_s",
    "time",
    "value",
    "completeness",
)


def get_metrics(
    aws: Aws,
    metrics: Sequence[Metric | Expression],
    window: Window,
    *,
    period_s: int | None = None,
    cache: ResponseCache | None = None,
) -> tuple[pd.DataFrame, Retrieval]:
    """Return metrics with one row per interval of each series, and how they were obtained.

    Parameters
    ----------
    aws
        Account and region.
    metrics
        Any number of metrics; metric math may refer to any of the others.
    window
        Half-open window; CloudWatch rounds its start down to the period.
    period_s
        Period in seconds; by default the finest that CloudWatch keeps for the window's start.
    cache
        Cache of the account and region; by default nothing is stored.

    Returns
    -------
    frame
        ``account_id`` (null for the account of the session), ``namespace``, ``metric``, ``dimensions``
        (JSON), ``stat``, ``period_s``, ``time`` (start of the interval),
        ``value`` (null without a point) and ``completeness``: ``value``, ``zero``, ``missing``,
        ``not_settled`` (no point, or a point that may still change) or ``not_kept`` (no point, and too old
        for CloudWatch to keep points of this period). A row of metric math has its label as ``metric``, and
        no namespace, dimensions or stat.
    retrieval
        Source and completeness of the rows; truncated when CloudWatch did not return all points, no longer
        keeps some, or has no point at all of a resource, which may not exist.

    Raises
    ------
    ServiceError
        If CloudWatch refuses the call.
    """
    import pandas as pd

    period = period_s or finest_period_s(window.start, datetime.now(UTC))
    queries = metric_queries(metrics, period)
    response = metric_data_cached(aws, queries, window, cache or ResponseCache())
    asked_at = datetime.fromisoformat(response["Asked"]["At"])
    results: dict[str, list[dict[str, Any]]] = {query["Id"]: [] for query in queries}
    for result in response["MetricDataResults"]:
        results.setdefault(result["Id"], []).append(result)
    no_points = {"Label": "", "Timestamps": [], "Values": []}
    parts = [
        _series_frame(item, result, window, period, asked_at)
        for item, series in zip(metrics, results.values(), strict=False)
        for result in series or [no_points]
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    incomplete = sorted(
        {result["Id"] for result in response["MetricDataResults"] if result["StatusCode"] != "Complete"}
    )
    notes = [note("metrics-incomplete", series=Resource(key)) for key in incomplete]
    notes += [
        note(
            "note-cloudwatch-message",
            code=Resource(str(item.get("Code"))),
            text=Resource(str(item.get("Value"))),
        )
        for item in response["Messages"]
    ]
    kept = kept_from(period, asked_at)
    old = frame["value"].isna() & (frame["time"] < pd.Timestamp(kept))
    frame["completeness"] = frame["completeness"].mask(old, "not_kept")
    if old.any():
        finest = finest_period_s(window.start, asked_at)
        notes.append(
            note("note-metrics-not-kept", intervals=int(old.sum()), kept=kept, period=Duration(float(finest)))
        )
    empty = _without_points(frame[~old])
    notes += [
        note("note-metrics-without-points", resource=Resource(name), intervals=intervals)
        for name, intervals in empty.items()
    ]
    return frame, Retrieval(
        "cloudwatch_metrics",
        f"GetMetricData in {aws.target_name}",
        rows=len(frame),
        start=window.start,
        end=window.end,
        truncated=bool(incomplete) or bool(old.any()) or bool(empty),
        notes=tuple(notes),
    )


def _without_points(frame: pd.DataFrame) -> dict[str, int]:
    """Return the resources of which no metric has any point, and the number of their intervals."""
    found = {}
    for (account_id, namespace, dimensions), rows in frame.dropna(subset=["dimensions"]).groupby(
        ["account_id", "namespace", "dimensions"], dropna=False
    ):
        if not rows["value"].notna().any():
            name = _resource(str(namespace), str(dimensions))
            found[f"{account_id}:{name}" if isinstance(account_id, str) else name] = int(
                rows["time"].nunique()
            )
    return found


def _resource(namespace: str, dimensions: str) -> str:
    """Return the name of a resource by its dimensions as JSON; the namespace without dimensions."""
    known = json.loads(dimensions)
    named = ", ".join(f"{name}={value}" for name, value in known.items())
    return dimension_resource(known) or named or namespace


def _series_frame(
    item: Metric | Expression, result: dict[str, Any], window: Window, period_s: int, asked_at: datetime
) -> pd.DataFrame:
    """Return the rows of one series."""
    import pandas as pd

    texts = pd.Series(result["Timestamps"], dtype="object")
    times = pd.DatetimeIndex(pd.to_datetime(texts, utc=True, format="ISO8601")).as_unit("us")
    values = pd.Series(result["Values"], index=times, dtype="Float64")
    frame = fill_intervals(values, window, period_s, asked_at)
    for name, value in _identity(item, result).items():
        frame[name] = pd.Series(value, index=frame.index, dtype="string")
    frame["period_s"] = period_s
    return frame[list(COLUMNS)]


def _identity(item: Metric | Expression, result: dict[str, Any]) -> dict[str, str | None]:
    """Return the columns that identify a series; series of an expression (SEARCH) differ by label."""
    if isinstance(item, Expression):
        label = result["Label"] or item.label or item.text
        return {"account_id": None, "namespace": None, "metric": label, "dimensions": None, "stat": None}
    return {
        "account_id": item.account_id,
        "namespace": item.namespace,
        "metric": item.metric,
        "dimensions": json_text(dict(item.dimensions)),
        "stat": item.stat,
    }
