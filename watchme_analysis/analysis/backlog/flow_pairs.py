"""Which function drains a queue, and which queue takes its dead letters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.analysis.backlog.flows import Tables

_Answer = TypeVar("_Answer")
_DLQ_NAME = re.compile(r"(^|[-_.])(dlq|dl|dead[-_]?letters?(queue)?)([-_.]|$)|dlq$", re.IGNORECASE)


def is_dlq_name(name: str, names: list[str]) -> bool:
    """Tell whether a name says dead-letter queue and some other queue could be its source."""
    return bool(_DLQ_NAME.search(name.removesuffix(".fifo"))) and len(names) > 1


def kept(tables: Tables, compute: Callable[[Any], _Answer]) -> _Answer:
    """Return ``compute(tables)``; what has a ``once``, as an investigation has, keeps the answer."""
    once: Callable[[Callable[[Any], _Answer]], _Answer] | None = getattr(tables, "once", None)
    return compute(tables) if once is None else once(compute)


def dead_letter_queues(tables: Tables) -> dict[str, str]:
    """Return the dead-letter queue of each queue that has one.

    It is the one in which most of its dead letters lie, as a redrive policy may have been changed since;
    where none was seen, the one that the policy names.
    """
    return dict(kept(tables, _find_dead_letter_queues))


def _find_dead_letter_queues(tables: Tables) -> dict[str, str]:
    queues = tables.table("queues")
    found: dict[str, str] = {}
    for row in queues[queues["dlq"].notna()].itertuples():
        found[row.queue] = row.dlq
    messages = tables.table("queue_messages")
    # Ascending, so that the fullest one is kept.
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
    words = [
        set(re.split(r"[-_.\d]+", name.lower())) - {"", "queue", "worker", "fifo"}
        for name in (queue, function)
    ]
    named = len(words[0] & words[1]) / max(1, len(words[0] | words[1]))
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
    group = indexed[key].drop_duplicates("time", keep="last")
    return group.set_index("time")["value"].astype("float64"), int(key[3])


# A series tells of the whole time when it covers this share of the longest of its kind.
MOST_OF_IT = 0.8


def preferred_key(
    indexed: dict[Any, Any], resource: str | None, metric: str, stats: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Return the key of a series: the preferred statistic first, then the finest period; None without one.

    A finer dump of a part of the time does not stand for all of it.
    """
    for stat in stats:
        spans = {
            key: indexed[key]["time"].iloc[-1] - indexed[key]["time"].iloc[0]
            for key in indexed
            if key[:3] == (resource, metric, stat)
        }
        if spans:
            whole = max(spans.values())
            finest: tuple[Any, ...] = min(
                (key for key, span in spans.items() if span >= MOST_OF_IT * whole), key=lambda item: item[3]
            )
            return finest
    return None


def metric_groups(tables: Tables) -> dict[Any, pd.DataFrame]:
    """Return the metric points by resource, metric, statistic and period, in order of time.

    Points that name no resource, metric or time are left out; repeated ones are kept.
    """
    metrics = tables.table("metrics")
    metrics = metrics[metrics["metric"].notna() & metrics["resource"].notna() & metrics["time"].notna()]
    groups = metrics.groupby(["resource", "metric", "stat", "period_s"], dropna=True)
    return {
        key: group if group["time"].is_monotonic_increasing else group.sort_values("time", kind="stable")
        for key, group in groups
    }


def answered_series(asked: pd.DataFrame, seen: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Return the series (resource, metric, statistic) whose silence means that nothing was published.

    Parameters
    ----------
    asked
        The table ``metric_queries``: a series without an answer has no points, not even zero of them.
    seen
        Series that have points. Of those that no query names, nothing tells that they are incomplete.

    Notes
    -----
    CloudWatch closes each series of an answer with its status: Complete, or why points are missing. A
    series without one, in an answer whose other series have one, was torn off.
    """
    names = ["resource", "metric", "stat"]
    closed = asked["file"].map(asked.groupby("file")["status"].count()).fillna(0) > 0
    whole = asked["points"].notna() & ((asked["status"] == "Complete") | (asked["status"].isna() & ~closed))
    whole = whole.fillna(False).astype(bool)
    answered = set(asked.loc[whole, names].itertuples(index=False, name=None))
    return answered | (seen - set(asked[names].itertuples(index=False, name=None)))
