"""Messages that entered and left a DLQ, from its number of messages over time.

SQS does not count messages moved to a DLQ by the redrive policy in NumberOfMessagesSent, and publishes no
metrics for a queue that has been empty for about six hours. The number of messages remains as source:
visible, hidden by a reader, and delayed together. To read, archive or redrive a DLQ hides its messages for
minutes.
Source: Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.cloudtrail import event_kind
from watchme_analysis.queues.pipeline import Pipeline, Tables, dead_letter_queues
from watchme_analysis.text.message import Choice, Names, Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

# A gap of this length in a queue's metrics means that the queue was inactive, and therefore empty.
ASLEEP_AFTER = timedelta(hours=1)
# A fall must last this many points to exceed the noise of an approximate count.
FALL_POINTS = 4
# The stock at the start is the median of these first points, as far as they agree.
HELD_POINTS = 15
# Arrivals below this quantile of all windows of the same length are usual.
RARELY = 0.95


@dataclass(frozen=True)
class DeadLetterStock:
    """Messages that entered and left a DLQ.

    Attributes
    ----------
    moved
        Messages moved in from this pipeline's queue; None when unknown.
    moved_by_all
        Messages moved in from all queues that share the DLQ; None where it is not shared.
    purged, expired, redriven
        Messages that left, by cause.
    left_for_unknown_reason
        Messages that left without a record of the cause.
    hidden_at_most
        Those of ``left_for_unknown_reason`` that may only have been hidden by a reader, as the case has no
        metric of hidden messages.
    held
        Messages in the DLQ at the start of the window.
    at_end
        Messages in the DLQ at the end.
    first_seen
        Start of the interval in which the stock first rose.
    exact
        False when messages may have entered and left between two points.
    notes
        Sentences for the report.
    """

    moved: int | None
    purged: int = 0
    expired: int = 0
    redriven: int = 0
    left_for_unknown_reason: int = 0
    hidden_at_most: int = 0
    held: int = 0
    at_end: int = 0
    first_seen: datetime | None = None
    exact: bool = True
    notes: tuple[str, ...] = ()
    moved_by_all: int | None = None

    @property
    def lost(self) -> int:
        """Number of messages deleted unprocessed, without those that may only have been hidden."""
        return self.purged + self.expired + self.left_for_unknown_reason - self.hidden_at_most


def dead_letter_stock(pipeline: Pipeline, tables: Tables) -> DeadLetterStock:
    """Return the messages that a pipeline moved to its DLQ, from the number of messages there."""
    if pipeline.dlq is None:
        return DeadLetterStock(moved=0, notes=(note("stock-no-dlq"),))
    snapshot = _snapshot(tables, pipeline.dlq)
    series = pipeline.dlq_messages.dropna()
    shared = _shared(tables, pipeline)
    if series.empty:
        return _without_series(pipeline, tables, snapshot, shared)
    whole = snapshot if getattr(tables, "window", None) is None else None
    awake = series.index[0] <= pipeline.frame.index[0] + timedelta(seconds=2 * pipeline.period_s)
    early = series.iloc[:HELD_POINTS]
    held = round(float(early[(early - early.iloc[0]).abs() <= 0.1 * early.iloc[0]].median())) if awake else 0
    segments = _segments(series, held, whole)
    gained = sum(max(0.0, end - begin) for _, begin, end in segments)
    lost = [(after[0], before[2] - after[1]) for before, after in pairwise(segments)]
    total_lost = round(sum(amount for _, amount in lost))
    risen = series[series > held + (held > 0)]
    rise = None if risen.empty or not round(gained) else risen.index[0]
    notes = _other_policy(tables, pipeline)
    ways = _ways_out(tables, pipeline, lost)
    left = ways["left_for_unknown_reason"]
    hidden_at_most = 0 if pipeline.hidden_in_dlq_is_known else left
    if total_lost - hidden_at_most:
        notes.append(
            note("stock-left", messages=total_lost - hidden_at_most, dlq=Resource(str(pipeline.dlq)))
        )
    if hidden_at_most:
        notes.append(note("stock-left-at-most", messages=left, dlq=Resource(str(pipeline.dlq))))
    moved, is_separated = (
        _own_share(pipeline, tables, round(gained), round(segments[-1][2]))
        if shared
        else (round(gained), True)
    )
    if shared:
        notes.append(
            note(
                "stock-shared",
                dlq=Resource(str(pipeline.dlq)),
                queues=Names(tuple(shared)),
                by=Choice("messages" if is_separated else "counters"),
            )
        )
    return DeadLetterStock(
        moved=moved,
        moved_by_all=round(gained) if shared else None,
        **ways,
        hidden_at_most=hidden_at_most,
        held=held,
        at_end=round(segments[-1][2]),
        first_seen=None if rise is None else rise.to_pydatetime(),
        exact=not (total_lost or held) and is_separated and whole is not None,
        notes=tuple(notes),
    )


def from_before(messages: pd.DataFrame, pipeline: Pipeline, held: int) -> pd.Index:
    """Return the rows of the messages that were in a pipeline's DLQ at the start of the window.

    They are the ``held`` oldest of those sent before, of all queues that share the DLQ.
    """
    dead = messages.loc[messages["queue"] == pipeline.dlq, "sent_at"].sort_values(kind="stable")
    return dead[dead < pipeline.frame.index[0]].index[:held] if held else dead.index[:0]


def dead_lettered_by(pipelines: Iterable[Pipeline], moment: datetime) -> int:
    """Return the number of messages added to the DLQs of pipelines within the window up to a moment.

    The stock at the start of the window is subtracted, and a shared DLQ counts once. The metrics of a queue
    that was empty for hours resume some minutes after its first message.
    """
    risen = {}
    for pipeline in pipelines:
        stock = pipeline.dlq_messages
        held = stock.iloc[:1].fillna(0.0).sum()
        seen = stock[stock.index < moment]
        risen[pipeline.dlq or pipeline.queue] = (
            max(0.0, float(seen.max()) - held) if seen.notna().any() else 0.0
        )
    return round(sum(risen.values()))


def _other_policy(tables: Tables, pipeline: Pipeline) -> list[str]:
    """Return a note if the redrive policy names another queue than the DLQ that holds the messages."""
    queues = tables.table("queues")
    named = queues.loc[(queues["queue"] == pipeline.queue) & queues["dlq"].notna(), "dlq"]
    if named.empty or named.iloc[-1] == pipeline.dlq:
        return []
    return [
        note(
            "stock-other-policy",
            named=Resource(str(named.iloc[-1])),
            dlq=Resource(str(pipeline.dlq)),
        )
    ]


def _own_share(pipeline: Pipeline, tables: Tables, moved_by_all: int, at_end: int) -> tuple[int, bool]:
    """Return a pipeline's part of the messages moved to a shared DLQ, and whether the messages prove it.

    Each DLQ message names its source queue, so a complete dump is exact. Otherwise the part is estimated from
    the messages that the queue received as sent and that were not deleted.
    """
    messages = tables.table("queue_messages")
    seen = messages[(messages["queue"] == pipeline.dlq) & messages["source_queue"].notna()]
    seen = seen.drop_duplicates("message_id")
    own = int((seen["source_queue"] == pipeline.queue).sum())
    if len(seen) and len(seen) >= at_end and at_end == moved_by_all:
        return own, True
    sent, deleted = pipeline.count("sent"), pipeline.count("deleted")
    if sent is not None and deleted is not None:
        return min(max(round(sent - deleted), own), moved_by_all), False
    return (round(moved_by_all * own / len(seen)) if len(seen) else moved_by_all), False


def _segments(series: pd.Series, held: float, at_end: int | None) -> list[tuple[Any, float, float]]:
    """Return the parts of the stock between departures: (start, stock at the start, stock at the end).

    CloudWatch's counts are approximate within a few percent. A fall therefore counts only if a fifth of the
    stock and at least two messages leave, and the stock stays down; a level is the median of a few points. A
    queue without metrics for hours whose stock is lower afterwards was empty in between.
    """
    values, times = series.to_numpy(), series.index
    parts: list[tuple[Any, float, float]] = []
    begin, begin_time, since = float(held), times[0], 0
    for i in _lower(series):
        level = float(median(values[max(since, i - FALL_POINTS) : i]))
        ahead = values[i : i + FALL_POINTS]
        slept = times[i] - times[i - 1] >= ASLEEP_AFTER and ahead.max() < level - 1
        if slept or ahead.max() <= level - max(2.0, 0.2 * level):
            parts.append((begin_time, begin, level))
            begin, begin_time, since = 0.0 if slept else float(ahead.min()), times[i], i
    end = (
        float(at_end)
        if at_end is not None
        else float(median(values[max(since, len(values) - FALL_POINTS) :]))
    )
    return [*parts, (begin_time, begin, end)]


def _lower(series: pd.Series) -> list[int]:
    """Return the positions that can begin a fall: lower than a few points before, or after a gap."""
    import numpy as np

    before = series.rolling(FALL_POINTS, min_periods=1).max().shift(1).to_numpy()
    slept = series.index.to_series().diff().to_numpy() >= np.timedelta64(ASLEEP_AFTER)
    return [int(place) for place in np.flatnonzero((series.to_numpy() < before) | slept) if place]


def _snapshot(tables: Tables, name: str) -> int | None:
    """Return the number of messages in the queue when it was described; None when unknown."""
    queues = tables.table("queues")
    rows = queues.loc[queues["queue"] == name, ["visible", "in_flight", "delayed"]]
    if rows.empty or rows["visible"].isna().all():
        return None
    return int(rows.iloc[-1].fillna(0).sum())


def _shared(tables: Tables, pipeline: Pipeline) -> list[str]:
    """Return the other queues that use the same DLQ."""
    return sorted(
        queue
        for queue, dlq in dead_letter_queues(tables).items()
        if dlq == pipeline.dlq and queue != pipeline.queue
    )


def _without_series(
    pipeline: Pipeline, tables: Tables, snapshot: int | None, shared: list[str]
) -> DeadLetterStock:
    """Return the messages moved to a DLQ without any point of its stock, from its snapshot and messages."""
    if getattr(tables, "window", None) is not None and "dlq_visible" in pipeline.queried:
        # The snapshot is from another time; a window without points means an empty, inactive queue.
        return DeadLetterStock(moved=0)
    messages = tables.table("queue_messages")
    seen = messages[messages["queue"] == pipeline.dlq]
    if shared:
        seen = seen[seen["source_queue"] == pipeline.queue]
    seen_count = int(seen["message_id"].nunique())
    held = max(seen_count, snapshot or 0)
    if held:
        return DeadLetterStock(
            moved=held,
            at_end=held,
            exact=False,
            notes=(note("stock-no-metric", dlq=Resource(str(pipeline.dlq)), messages=held),),
        )
    if "dlq_visible" in pipeline.queried or snapshot == 0:
        return DeadLetterStock(moved=0)
    return DeadLetterStock(moved=None, notes=(note("stock-unknown", dlq=Resource(str(pipeline.dlq))),))


def _ways_out(tables: Tables, pipeline: Pipeline, lost: list[tuple[Any, float]]) -> dict[str, int]:
    """Return the number of messages that left by cause, from recorded changes, ages and counters."""
    changes = tables.table("changes")
    ways = {"purged": 0.0, "expired": 0.0, "redriven": 0.0, "left_for_unknown_reason": 0.0}
    for moment, amount in lost:
        near = _near(changes, moment, pipeline)
        if (near["event_name"].map(event_kind) == "purge").any():
            ways["purged"] += amount
        elif (near["event_name"].map(event_kind) == "redrive_started").any():
            ways["redriven"] += amount
        elif _at_retention(tables, pipeline, moment):
            ways["expired"] += amount
        elif _came_back(pipeline, moment, amount):
            ways["redriven"] += amount
        else:
            ways["left_for_unknown_reason"] += amount
    return {name: round(value) for name, value in ways.items()}


def _came_back(pipeline: Pipeline, moment: Any, amount: float) -> bool:
    """Return whether the source queue received as many messages around a moment, far more than usual."""
    sent, slack = pipeline.frame["sent"].fillna(0.0), _slack(pipeline)
    around = float(sent[(sent.index >= moment - slack) & (sent.index <= moment + slack)].sum())
    usual = sent.rolling(2 * slack, closed="both").sum()
    return around >= amount > 0 and around > float(usual.quantile(RARELY))


def _slack(pipeline: Pipeline) -> timedelta:
    """Return the largest gap between a change and its effect on the stock: ten minutes or three periods."""
    return timedelta(seconds=max(600, 3 * pipeline.period_s))


def _near(changes: pd.DataFrame, moment: Any, pipeline: Pipeline) -> pd.DataFrame:
    """Return the successful changes to the DLQ around a moment."""
    slack = _slack(pipeline)
    hit = changes["time"].between(moment - slack, moment + slack)
    named = (changes["resource"] == pipeline.dlq) | changes["resources"].str.contains(
        f'"{pipeline.dlq}"', regex=False
    )
    return changes[hit & named.fillna(False) & changes["error_code"].isna()]


def _at_retention(tables: Tables, pipeline: Pipeline, moment: Any) -> bool:
    """Return whether the oldest DLQ message had reached the DLQ's retention."""
    if pipeline.settings.dlq_retention_s is None:
        return False
    metrics = tables.table("metrics")
    ages = metrics[
        (metrics["resource"] == pipeline.dlq)
        & (metrics["metric"] == "ApproximateAgeOfOldestMessage")
        & metrics["time"].between(moment - timedelta(hours=1), moment)
    ]["value"]
    return bool(len(ages) and float(ages.max()) >= 0.99 * pipeline.settings.dlq_retention_s)
