"""A pipeline: a queue, the function that drains it, its DLQ, and their metrics on one time grid.

:func:`pipelines` pairs queues with functions and DLQs by event source mappings, redrive policies and names. A
function that reports which messages of its batch failed (``ReportBatchItemFailures``) succeeds as an
invocation: Errors stays at zero while its messages return. Failed receives are therefore counted from the
messages that were not deleted.
Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from watchme_analysis.queues.consumers import Consumer, consumers_of, likeness
from watchme_analysis.stats.gaps import lost_points

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_Answer = TypeVar("_Answer")
_DLQ_NAME = re.compile(r"(^|[-_.])(dlq|dl|dead[-_]?letters?(queue)?)([-_.]|$)|dlq$", re.IGNORECASE)


def is_dlq_name(name: str, names: list[str]) -> bool:
    """Return whether a name is that of a DLQ and the data holds another queue that could be its source."""
    return bool(_DLQ_NAME.search(name.removesuffix(".fifo"))) and len(names) > 1


def once_per_case(compute: Callable[[Tables], _Answer]) -> Callable[[Tables], _Answer]:
    """Let an investigation compute a function of its tables once; callers must not modify the result."""

    @wraps(compute)
    def remembered(tables: Tables) -> _Answer:
        once: Callable[[Any], _Answer] | None = getattr(tables, "once", None)
        return compute(tables) if once is None else once(compute)

    return remembered


@once_per_case
def dead_letter_queues(tables: Tables) -> dict[str, str]:
    """Return the DLQ of each queue that has one.

    It is the DLQ that holds most of the queue's messages, because the redrive policy may have changed since;
    without messages in any DLQ, it is the DLQ that the redrive policy names.
    """
    queues = tables.table("queues")
    found: dict[str, str] = {}
    for row in queues[queues["dlq"].notna()].itertuples():
        found[row.queue] = row.dlq
    messages = tables.table("queue_messages")
    # Ascending, so that the DLQ with the most messages of a source overwrites the others.
    found |= dict(messages.groupby("source_queue")["queue"].value_counts(ascending=True).index)
    names = set(tables.table("metrics")["resource"].dropna().unique()) | set(queues["queue"].dropna())
    for name in sorted(names):
        bare = name.removesuffix(".fifo")
        if not _DLQ_NAME.search(bare):
            continue
        stem = _DLQ_NAME.sub("", bare).strip("-_.")
        for other in sorted(names - {name}):
            if other.removesuffix(".fifo") in (stem, f"{stem}-queue", f"{stem}_queue") and other not in found:
                found[other] = name
    return found


def functions_of(tables: Tables, sources: list[str], indexed: dict[Any, pd.DataFrame]) -> dict[str, str]:
    """Return the function that drains each queue."""
    mappings = tables.table("event_source_mappings")
    found: dict[str, str] = {}
    for row in mappings[mappings["queue"].notna() & mappings["function"].notna()].itertuples():
        if row.queue not in found or row.state == "Enabled":
            found[row.queue] = row.function
    rest = [name for name in sources if name not in found]
    if not rest:
        return found
    candidates = {key[0] for key in indexed if key[1] == "Invocations"} | set(
        tables.table("functions")["function"].dropna()
    )
    candidates -= set(found.values())
    scores = [
        (_likeness(name, function, indexed), name, function)
        for name in rest
        for function in sorted(candidates)
    ]
    for score, name, function in sorted(scores, reverse=True):
        if score >= 0.9 and name not in found and function not in found.values():
            found[name] = function
    return found


def _likeness(queue: str, function: str, indexed: dict[Any, pd.DataFrame]) -> float:
    """Return 0 to 2: correlation of received messages with invocations plus likeness of the names."""
    named = likeness(queue, function)
    received = series_of(indexed, queue, "NumberOfMessagesReceived", ("Sum",))
    invoked = series_of(indexed, function, "Invocations", ("Sum",))
    if received is None or invoked is None:
        return named
    joined = received[0].resample("1h").sum().to_frame("a").join(invoked[0].resample("1h").sum().rename("b"))
    correlation = joined.fillna(0.0).corr().iloc[0, 1]
    return named + (0.0 if math.isnan(correlation) else float(correlation))


def series_of(
    indexed: dict[Any, pd.DataFrame], resource: str | None, metric: str, stats: tuple[str, ...]
) -> tuple[pd.Series, int] | None:
    """Return a series and its period, the preferred statistic first, then the finest period."""
    key = preferred_key(indexed, resource, metric, stats)
    if key is None:
        return None
    import pandas as pd

    group = indexed[key]
    values = group["value"].to_numpy("float64", na_value=math.nan)
    series = pd.Series(values, pd.DatetimeIndex(group["time"], name="time"), name="value")
    # In order, as the points are, repeated times are found without a table of all times.
    if not (series.index.is_monotonic_increasing and series.index.is_unique):
        series = series[~series.index.duplicated(keep="last")]
    return series, int(key[3])


# A series counts as complete when it covers this share of the longest series of the same metric.
MOST_OF_IT = 0.8


def preferred_key(
    indexed: dict[Any, Any], resource: str | None, metric: str, stats: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Return the key of a series: the preferred statistic first, then the finest period; None without one.

    A series with a finer period is ignored when it covers only a part of the time.
    """
    for stat in stats:
        keys: list[tuple[Any, ...]] = [key for key in indexed if key[:3] == (resource, metric, stat)]
        if len(keys) == 1:
            return keys[0]
        if keys:
            spans = {key: indexed[key]["time"].iloc[-1] - indexed[key]["time"].iloc[0] for key in keys}
            whole = max(spans.values())
            finest: tuple[Any, ...] = min(
                (key for key, span in spans.items() if span >= MOST_OF_IT * whole), key=lambda item: item[3]
            )
            return finest
    return None


@once_per_case
def metric_groups(tables: Tables) -> dict[Any, pd.DataFrame]:
    """Return time and value of the metric points by resource, metric, statistic and period, in order of time.

    Points without a resource, metric or time are dropped; duplicates stay in.
    """
    metrics = tables.table("metrics").dropna(subset=["metric", "resource", "time"])
    series = [metrics[name] for name in ("resource", "metric", "stat", "period_s")]
    # To take all columns of each series apart would take several times as long.
    groups = metrics[["time", "value"]].groupby(series, dropna=True)
    return {
        key: group if group["time"].is_monotonic_increasing else group.sort_values("time", kind="stable")
        for key, group in groups
    }


def complete_series(queries: pd.DataFrame, with_points: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Return the series (resource, metric, statistic) whose missing points mean "nothing published".

    CloudWatch returns a status code with each series of a response: ``Complete``, or the reason why points
    are missing. A series without a status, in a file in which other series have one, was truncated. In
    ``queries`` (``metric_queries``), a series without a result has a null number of points, not 0. Series
    ``with_points`` that no query names count as complete.
    """
    names = ["resource", "metric", "stat"]
    closed = queries["file"].map(queries.groupby("file")["status"].count()).fillna(0) > 0
    is_complete = (queries["status"] == "Complete") | (queries["status"].isna() & ~closed)
    whole = queries["points"].notna() & is_complete
    whole = whole.fillna(False).astype(bool)
    complete = set(queries.loc[whole, names].itertuples(index=False, name=None))
    return complete | (with_points - set(queries[names].itertuples(index=False, name=None)))


# An invocation lasts at most this many seconds when deletes are matched with receives: Lambda's maximum
# timeout.
LONGEST_RUN_S = 900.0


def failed_tries(frame: pd.DataFrame, period_s: int, reports_failures: bool) -> pd.DataFrame:
    """Return the number of attempts and of failed attempts (``tried``, ``failed``) by interval.

    If the function reports failed messages (``ReportBatchItemFailures``), an attempt is a received message,
    and it failed if no invocation deleted it within the longest duration. Otherwise an attempt is an
    invocation, and the metric Errors counts the failed attempts. Both are null where nothing was published.
    """
    import pandas as pd

    if not reports_failures:
        return pd.DataFrame({"tried": frame["invocations"], "failed": frame["errors"]})
    received = frame["received"].where(frame["received"] > 0)
    longest, usual = (
        LONGEST_RUN_S if math.isnan(value) else min(value, LONGEST_RUN_S)
        for value in (float(frame["duration_max_s"].max()), float(frame["duration_max_s"].median()))
    )
    intervals = math.ceil(longest / period_s)
    # An invocation that crashed or timed out deleted none of its messages.
    crashed = frame["errors"].fillna(0.0).clip(upper=received.fillna(0.0))
    left = _not_deleted(
        (received.fillna(0.0) - crashed).to_numpy(dtype=float),
        frame["deleted"].fillna(0.0).to_numpy(dtype=float),
        intervals,
        short=usual <= 0.5 * period_s,
    )
    failed = (pd.Series(left, index=frame.index) + crashed).where(received.notna())
    # Where a point of the deletes is lost or not yet published, the failures among these receives are
    # unknown.
    lost = lost_points(frame, ("received", "deleted", "visible")).astype(float)
    unknown = lost[::-1].rolling(1 + intervals, min_periods=1).max()[::-1] > 0
    unknown.iloc[len(unknown) - intervals :] = True
    failed = failed.mask(unknown)
    # Errors still count failed invocations where the failed receives are unknown, each of a received message.
    known = failed.where(failed >= frame["errors"].fillna(0.0), frame["errors"])
    return pd.DataFrame({"tried": received.mask(unknown & ~(known > 0)), "failed": known})


def _not_deleted(received: np.ndarray, deleted: np.ndarray, intervals: int, *, short: bool) -> np.ndarray:
    """Return the receives of each interval that no delete within the next intervals accounts for.

    Invocations end about in the order in which they began, so a delete is matched with the earliest receive
    that has none yet; where invocations are short, with a receive of its own interval first. A delete without
    a receive left to match displaces an earlier delete, which is then matched further back: in uninterrupted
    traffic, invocations that cross interval borders shift all deletes by an interval.
    """
    left = received.copy()
    for place in deleted.nonzero()[0]:
        rest = deleted[place]
        sources = range(max(0, int(place) - intervals), int(place) + 1)
        for source in reversed(sources) if short else sources:
            taken = min(left[source], rest)
            left[source] -= taken
            rest -= taken
            if not rest:
                break
        earliest = int(place)
        while rest:
            before = [at for at in range(max(0, earliest - intervals), earliest) if deleted[at]]
            if not before:
                break
            earliest = before[0]
            for source in range(earliest, max(-1, earliest - intervals - 1), -1):
                taken = min(left[source], rest)
                left[source] -= taken
                rest -= taken
    return left


# Statistics of a stock by preference: its highest value, or for a DLQ the usual one.
_HIGHEST, _USUAL = ("Maximum", "Average", "Minimum"), ("Average", "Maximum", "Minimum")
# column -> (namespace, metric, statistics in order of preference, aggregation of points with a finer period)
QUEUE_SERIES = {
    "sent": ("AWS/SQS", "NumberOfMessagesSent", ("Sum",), "sum"),
    "received": ("AWS/SQS", "NumberOfMessagesReceived", ("Sum",), "sum"),
    "deleted": ("AWS/SQS", "NumberOfMessagesDeleted", ("Sum",), "sum"),
    "empty_receives": ("AWS/SQS", "NumberOfEmptyReceives", ("Sum",), "sum"),
    "visible": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", _HIGHEST, "max"),
    "in_flight": ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", _HIGHEST, "max"),
    "age_s": ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("Maximum", "Average"), "max"),
}
DLQ_SERIES = {
    "dlq_visible": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", _USUAL, "last"),
    "dlq_in_flight": ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", _USUAL, "last"),
    "dlq_delayed": ("AWS/SQS", "ApproximateNumberOfMessagesDelayed", _USUAL, "last"),
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
    """Anything that returns the glossary's tables by name: a case or an investigation."""

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the data dictionary."""
        ...


# AWS advises a visibility timeout of at least this many times the function's timeout, plus the batching
# window.
# Source: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping".
ADVISED_VISIBILITY_FACTOR = 6.0


@dataclass(frozen=True)
class RecordedSettings:
    """Recorded settings; None where a setting was not collected or is not set."""

    visibility_timeout_s: float | None = None
    retention_s: float | None = None
    max_receive_count: int | None = None
    function_timeout_s: float | None = None
    reserved_concurrency: int | None = None
    max_concurrency: int | None = None
    batch_size: int | None = None
    mapping_uuid: str | None = None
    mapping_state: str | None = None
    mapping_filters: str | None = None
    is_fifo: bool | None = None
    reports_failures: bool | None = None
    dlq_retention_s: float | None = None
    queue_modified_at: datetime | None = None
    function_modified_at: datetime | None = None
    role: str | None = None


@dataclass(frozen=True)
class Pipeline:
    """A queue with its function, DLQ, settings and metrics.

    Attributes
    ----------
    queue, function, dlq
        Names; None when the pipeline has none or the name is unknown.
    period_s
        Length of the grid's intervals in seconds.
    frame
        Indexed by the start of the interval (UTC), the columns of :data:`COLUMNS`; null where
        CloudWatch returned no point. ``tried`` and ``failed`` follow from them: see
        :mod:`watchme_analysis.queues.pipeline`.
    settings
        Configuration.
    queried
        Columns whose series was queried and returned completely, so that a missing point means "nothing
        published". In any other column, a missing point has no meaning.
    by_message
        True if ``tried`` and ``failed`` count messages, False if they count invocations.
    consumer
        Its consumer, if that is no function; None if unknown.
    """

    queue: str
    function: str | None
    dlq: str | None
    period_s: int
    frame: pd.DataFrame = field(repr=False)
    settings: RecordedSettings = RecordedSettings()
    queried: frozenset[str] = frozenset()
    by_message: bool = False
    consumer: Consumer | None = None

    @property
    def drained_by(self) -> str | None:
        """Name of its function or other consumer; None if unknown."""
        return self.function or (self.consumer.name if self.consumer is not None else None)

    @cached_property
    def dlq_messages(self) -> pd.Series:
        """Return the number of messages in the DLQ over time, those that a reader hides or delays included.

        The points of different statistics of an interval in which messages were hidden do not add up: such an
        interval counts at most as much as its neighbours.
        """
        import numpy as np

        visible = self.frame["dlq_visible"]
        others = self.frame[["dlq_in_flight", "dlq_delayed"]]
        # CloudWatch returns all counts of a queue for an interval, or none.
        missing = (others.isna() & others.notna().any()).any(axis="columns")
        beside = others.fillna(0.0).sum(axis="columns")
        total = (visible + beside).mask(missing)
        near = np.fmax(total.shift(1), total.shift(-1))
        limited = total.clip(upper=near)
        limited = limited.where(limited >= visible, visible)
        return total.where(beside == 0, limited)

    @property
    def hidden_in_dlq_is_known(self) -> bool:
        """Whether the metrics tell a message that left the DLQ from one that a reader hides."""
        return "dlq_in_flight" in self.queried

    def count(self, column: str) -> float | None:
        """Return a counter's total, or None when its series was not queried or not returned completely."""
        if column not in self.queried:
            return None
        return float(self.frame[column].sum())


def pipelines(tables: Tables, queue: str | None = None) -> tuple[Pipeline, ...]:
    """Return a pipeline for each queue that is not a DLQ, or of one queue.

    The function of a queue is taken from the event source mappings; without them, from the correlation of
    received messages with invocations, and from the names. All pipelines share one time span. An
    investigation caches them for later callers: do not change their frames.
    """
    return tuple(pipeline for pipeline in _all_pipelines(tables) if queue is None or pipeline.queue == queue)


@once_per_case
def _all_pipelines(tables: Tables) -> tuple[Pipeline, ...]:
    import pandas as pd

    metrics = tables.table("metrics").dropna(subset=["metric", "resource", "time"])
    queries = tables.table("metric_queries")
    queues = tables.table("queues").drop_duplicates("queue", keep="last").set_index("queue")
    dead = dead_letter_queues(tables)
    names = sorted(
        set(queues.index.dropna())
        | set(metrics.loc[metrics["namespace"] == "AWS/SQS", "resource"].unique())
        | set(queries.loc[queries["namespace"] == "AWS/SQS", "resource"].dropna())
        | set(tables.table("event_source_mappings")["queue"].dropna())
        | set(dead)
    )
    targets = set(dead.values())
    sources = [name for name in names if name not in targets and not is_dlq_name(name, names)]
    indexed = metric_groups(tables)
    span = (metrics["time"].min(), metrics["time"].max()) if len(metrics) else None
    wanted = complete_series(queries, {key[:3] for key in indexed})
    functions = functions_of(tables, sources, indexed)
    others = consumers_of(tables, [name for name in sources if name not in functions])
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
        found.append(
            Pipeline(
                name, functions.get(name), dlq, period, frame, settings, known, by_message, others.get(name)
            )
        )
    return tuple(found)


def _undeleted_otherwise(frame: pd.DataFrame, settings: RecordedSettings) -> bool:
    """Return whether messages stay undeleted that did not fail, so that only Errors counts the failures.

    This happens with many throttles, or when a FIFO queue refuses deletes after a short visibility timeout.
    """
    many = float(frame["throttles"].sum()) > FEW_THROTTLED * float(frame["invocations"].sum())
    hidden_s = settings.visibility_timeout_s
    late = bool(settings.is_fifo) and hidden_s is not None and hidden_s < frame["duration_max_s"].median()
    return many or late


def _host_cpu(indexed: dict[Any, pd.DataFrame]) -> pd.Series | None:
    """Return the highest CPU utilization of the monitored hosts in percent, at the period of the metric."""
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
    """Return the series of a pipeline on one time grid with the coarsest of their periods."""
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
        if fine < period or (series.index.as_unit("us").asi8 % (period * 1_000_000)).any():
            placed = series.groupby(series.index.floor(rule)).agg(how)
        frame[column] = placed.reindex(index)
    return frame, period, frozenset(known)


def _no_times() -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex([], tz="UTC", name="time")


def _settings(tables: Tables, queue: str, function: str | None, dlq: str | None) -> RecordedSettings:
    def row(table: str, column: str, name: str | None) -> Any:
        frame = tables.table(table)
        places = [] if name is None else [at for at, one in enumerate(frame[column]) if one == name]
        return frame.iloc[places[-1]] if places else None

    attributes, dead = row("queues", "queue", queue), row("queues", "queue", dlq)
    code = row("functions", "function", function)
    mapping = row("event_source_mappings", "queue", queue)

    def value(source: Any, name: str, kind: Callable[[Any], Any] = float) -> Any:
        import pandas as pd

        if source is None or pd.isna(source[name]):
            return None
        return kind(source[name])

    return RecordedSettings(
        visibility_timeout_s=value(attributes, "visibility_timeout_s"),
        retention_s=value(attributes, "retention_s"),
        max_receive_count=value(attributes, "max_receive_count", int),
        function_timeout_s=value(code, "timeout_s"),
        reserved_concurrency=value(code, "reserved_concurrency", int),
        max_concurrency=value(mapping, "max_concurrency", int),
        batch_size=value(mapping, "batch_size", int),
        mapping_uuid=value(mapping, "uuid", str),
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
    """Return whether a mapping's function reports failed messages; None where the setting is unknown."""
    return None if response_types is None else "ReportBatchItemFailures" in response_types
