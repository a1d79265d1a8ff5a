"""A flow: a queue, the function that drains it, its dead-letter queue, and their metrics on one grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from watchme_analysis.analysis.backlog.failed_tries import failed_tries
from watchme_analysis.analysis.backlog.flow_pairs import (
    answered_series,
    dead_letter_queues,
    functions_of,
    is_dlq_name,
    kept,
    metric_groups,
    series_of,
)

if TYPE_CHECKING:
    import pandas as pd

# column -> (namespace, metric, statistics in order of preference, how finer points are put together)
QUEUE_SERIES = {
    "sent": ("AWS/SQS", "NumberOfMessagesSent", ("Sum",), "sum"),
    "received": ("AWS/SQS", "NumberOfMessagesReceived", ("Sum",), "sum"),
    "deleted": ("AWS/SQS", "NumberOfMessagesDeleted", ("Sum",), "sum"),
    "empty_receives": ("AWS/SQS", "NumberOfEmptyReceives", ("Sum",), "sum"),
    "visible": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("Maximum", "Average", "Minimum"), "max"),
    "in_flight": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesNotVisible",
        ("Maximum", "Average", "Minimum"),
        "max",
    ),
    "age_s": ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("Maximum", "Average"), "max"),
}
DLQ_SERIES = {
    "dlq_visible": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        ("Average", "Maximum", "Minimum"),
        "last",
    ),
}
FUNCTION_SERIES = {
    "invocations": ("AWS/Lambda", "Invocations", ("Sum",), "sum"),
    "errors": ("AWS/Lambda", "Errors", ("Sum",), "sum"),
    "throttles": ("AWS/Lambda", "Throttles", ("Sum",), "sum"),
    "duration_avg_s": ("AWS/Lambda", "Duration", ("Average", "p50"), "mean"),
    "duration_max_s": ("AWS/Lambda", "Duration", ("Maximum", "p99", "p95", "p90"), "max"),
    "concurrency": ("AWS/Lambda", "ConcurrentExecutions", ("Maximum", "Average"), "max"),
}
COUNTS = ("sent", "received", "deleted", "empty_receives", "invocations", "errors", "throttles")
FEW_THROTTLED = 0.02
METRIC_NAMES = {name: entry[1] for name, entry in (QUEUE_SERIES | FUNCTION_SERIES).items()}
COLUMNS = (*QUEUE_SERIES, *DLQ_SERIES, *FUNCTION_SERIES, "cpu_pct")


class Tables(Protocol):
    """Anything that hands out the glossary's tables by name: a case or an investigation."""

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the glossary."""
        ...


@dataclass(frozen=True)
class Settings:
    """What is configured; None where nobody asked or nothing is set."""

    visibility_timeout_s: float | None = None
    retention_s: float | None = None
    max_receive_count: int | None = None
    function_timeout_s: float | None = None
    reserved_concurrency: int | None = None
    max_concurrency: int | None = None
    batch_size: int | None = None
    mapping_state: str | None = None
    mapping_filters: str | None = None
    is_fifo: bool | None = None
    reports_failures: bool | None = None
    dlq_retention_s: float | None = None
    queue_modified_at: datetime | None = None
    function_modified_at: datetime | None = None
    role: str | None = None


@dataclass(frozen=True)
class Flow:
    """One queue with what belongs to it.

    Attributes
    ----------
    queue, function, dlq
        Names; None when there is none or it isn't known.
    period_s
        Length of the grid's intervals.
    frame
        Indexed by the start of the interval (UTC), the columns of :data:`COLUMNS`; null where
        CloudWatch returned no point. ``tried`` and ``failed`` follow from them: see
        :mod:`watchme_analysis.analysis.backlog.failed_tries`.
    settings
        Configuration.
    asked
        Columns whose series was asked for and wholly answered, so that a missing point means "nothing
        published". Without an answer, or with a torn one, a missing point means nothing at all.
    by_message
        Whether ``tried`` and ``failed`` count messages, not runs.
    """

    queue: str
    function: str | None
    dlq: str | None
    period_s: int
    frame: pd.DataFrame = field(repr=False)
    settings: Settings = Settings()
    asked: frozenset[str] = frozenset()
    by_message: bool = False

    @property
    def name(self) -> str:
        """The queue's name, for sentences."""
        return self.queue

    @property
    def tries(self) -> str:
        """What a try is, for sentences: a run, or a message where the function tells which ones failed."""
        return f"{'messages handed to' if self.by_message else 'runs of'} {self.function}"

    def count(self, column: str) -> float | None:
        """Return a counter's total, or None when the series was never asked for or answered."""
        if column not in self.asked:
            return None
        return float(self.frame[column].sum())


def flows(tables: Tables, queue: str | None = None) -> tuple[Flow, ...]:
    """Return a flow for each queue that is no dead-letter queue.

    Parameters
    ----------
    tables
        Case or investigation.
    queue
        Only this queue.

    Notes
    -----
    The queue of a function is taken from the event source mappings; without them from the agreement of
    received messages and invocations, and of the names. All flows share one time span. What has a ``once``,
    as an investigation has, keeps the flows for the next caller: read their frames, don't change them.
    """
    return tuple(flow for flow in kept(tables, _all_flows) if queue is None or flow.queue == queue)


def _all_flows(tables: Tables) -> tuple[Flow, ...]:
    import pandas as pd

    metrics = tables.table("metrics")
    metrics = metrics[metrics["metric"].notna() & metrics["resource"].notna() & metrics["time"].notna()]
    asked = tables.table("metric_queries")
    queues = tables.table("queues").drop_duplicates("queue", keep="last").set_index("queue")
    dead = dead_letter_queues(tables)
    names = sorted(
        set(queues.index.dropna())
        | set(metrics.loc[metrics["namespace"] == "AWS/SQS", "resource"].unique())
        | set(asked.loc[asked["namespace"] == "AWS/SQS", "resource"].dropna())
        | set(tables.table("event_source_mappings")["queue"].dropna())
        | set(dead)
    )
    targets = set(dead.values())
    sources = [name for name in names if name not in targets and not is_dlq_name(name, names)]
    indexed = kept(tables, metric_groups)
    span = (metrics["time"].min(), metrics["time"].max()) if len(metrics) else None
    wanted = answered_series(asked, {key[:3] for key in indexed})
    functions = functions_of(tables, sources, indexed)
    cpu = _host_cpu(indexed)
    found = []
    for name in sources:
        dlq = dead.get(name)
        frame, period, known = _grid(name, functions.get(name), dlq, indexed, wanted, span)
        if cpu is not None and len(frame):
            frame["cpu_pct"] = cpu.reindex(frame.index, method=None)
        else:
            frame["cpu_pct"] = pd.Series(index=frame.index, dtype="float64")
        settings = _settings(tables, name, functions.get(name), dlq)
        by_message = bool(settings.reports_failures) and not _undeleted_otherwise(frame, settings)
        frame[["tried", "failed"]] = failed_tries(frame, period, by_message)
        if ({"received", "deleted"} if by_message else {"invocations", "errors"}) <= known:
            known |= {"tried", "failed"}
        found.append(Flow(name, functions.get(name), dlq, period, frame, settings, known, by_message))
    return tuple(found)


def _undeleted_otherwise(frame: pd.DataFrame, settings: Settings) -> bool:
    """Tell whether messages stay undeleted that did not fail, so that only Errors tells what failed.

    Many were throttled, or a FIFO queue refuses the deletes that come after a short visibility timeout.
    """
    many = float(frame["throttles"].sum()) > FEW_THROTTLED * float(frame["invocations"].sum())
    hidden_s = settings.visibility_timeout_s
    late = bool(settings.is_fifo) and hidden_s is not None and hidden_s < frame["duration_max_s"].median()
    return many or late


def _host_cpu(indexed: dict[Any, pd.DataFrame]) -> pd.Series | None:
    """Return the highest CPU of the hosts that were measured, at their own period."""
    import pandas as pd

    resources = sorted({key[0] for key in indexed if key[1] == "CPUUtilization"})
    series = [
        series_of(indexed, resource, "CPUUtilization", ("Average", "Maximum")) for resource in resources
    ]
    values = [pair[0] for pair in series if pair is not None]
    return pd.concat(values, axis=1).max(axis=1) if values else None


def _grid(
    queue: str,
    function: str | None,
    dlq: str | None,
    indexed: dict[Any, pd.DataFrame],
    wanted: set[tuple[Any, Any, Any]],
    span: tuple[Any, Any] | None,
) -> tuple[pd.DataFrame, int, frozenset[str]]:
    """Put a flow's series on one grid, the coarsest of their periods."""
    import pandas as pd

    picked: dict[str, tuple[pd.Series, int, str]] = {}
    known = set()
    for group, resource in ((QUEUE_SERIES, queue), (DLQ_SERIES, dlq), (FUNCTION_SERIES, function)):
        for column, (_, metric, stats, how) in group.items():
            if resource is not None and any((resource, metric, stat) in wanted for stat in stats):
                known.add(column)
            pair = series_of(indexed, resource, metric, stats) if resource is not None else None
            if pair is not None:
                scale = 1000.0 if metric == "Duration" else 1.0
                picked[column] = (pair[0] / scale, pair[1], how)
    period = max((entry[1] for entry in picked.values()), default=60)
    if span is None:
        return (
            pd.DataFrame(columns=list(COLUMNS), dtype="float64", index=_no_times()),
            period,
            frozenset(known),
        )
    rule = f"{period}s"
    index = pd.date_range(span[0].floor(rule), span[1].floor(rule), freq=rule)
    frame = pd.DataFrame(index=index, columns=list(COLUMNS), dtype="float64")
    frame.index.name = "time"
    for column, (series, fine, how) in picked.items():
        placed = series
        if fine < period or not series.index.isin(index).all():
            grouped = series.groupby(series.index.floor(rule))
            placed = grouped.agg(how)
        frame[column] = placed.reindex(index)
    return frame, period, frozenset(known)


def _no_times() -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex([], tz="UTC", name="time")


def _settings(tables: Tables, queue: str, function: str | None, dlq: str | None) -> Settings:
    """Collect what is configured for a flow."""

    def row(table: str, column: str, name: str | None) -> Any:
        frame = tables.table(table)
        hits = frame[frame[column] == name] if name is not None else frame.iloc[0:0]
        return None if hits.empty else hits.iloc[-1]

    attributes, dead = row("queues", "queue", queue), row("queues", "queue", dlq)
    code = row("functions", "function", function)
    mappings = tables.table("event_source_mappings")
    own = mappings[mappings["queue"] == queue]
    mapping = None if own.empty else own.iloc[-1]

    def value(source: Any, name: str, kind: Callable[[Any], Any] = float) -> Any:
        import pandas as pd

        # A case of before a column was kept lacks it.
        if source is None or pd.isna(source.get(name)):
            return None
        return kind(source[name])

    return Settings(
        visibility_timeout_s=value(attributes, "visibility_timeout_s"),
        retention_s=value(attributes, "retention_s"),
        max_receive_count=value(attributes, "max_receive_count", int),
        function_timeout_s=value(code, "timeout_s"),
        reserved_concurrency=value(code, "reserved_concurrency", int),
        max_concurrency=value(mapping, "max_concurrency", int),
        batch_size=value(mapping, "batch_size", int),
        mapping_state=value(mapping, "state", str),
        mapping_filters=value(mapping, "filters", str),
        is_fifo=value(attributes, "is_fifo", bool),
        reports_failures=_reports_failures(value(mapping, "response_types", str)),
        dlq_retention_s=value(dead, "retention_s"),
        queue_modified_at=value(attributes, "modified_at", lambda time: time.to_pydatetime()),
        role=value(code, "role", str),
        function_modified_at=value(code, "last_modified", lambda time: time.to_pydatetime()),
    )


def _reports_failures(response_types: str | None) -> bool | None:
    """Tell whether a mapping's function reports failed messages one by one; None where nothing tells."""
    return None if response_types is None else "ReportBatchItemFailures" in response_types
