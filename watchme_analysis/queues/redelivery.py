"""Messages received again, received without an invocation, or hidden behind a long visibility timeout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.queues.accounting import stock_before
from watchme_analysis.queues.pipeline import ADVISED_VISIBILITY_FACTOR, Pipeline, Tables
from watchme_analysis.queues.standing import LOST_POINTS, WAITING
from watchme_analysis.stats.gaps import lost_points
from watchme_analysis.stats.interval_scan import count_elevation
from watchme_analysis.stats.intervals import Interval, run_numbers, runs_of_true

if TYPE_CHECKING:
    import pandas as pd

# A standard queue delivers a message twice now and then, but far less often than this (count; share).
SURPLUS_RECEIVES, SURPLUS_SHARE = 10.0, 0.005
# With a visibility timeout of this many times the longest duration, no message returns while it is processed.
HIDDEN_LONG = 2.0
# Number of intervals over which the messages due for a receive are summed.
SURPLUS_SUMMED = 5
# Score from which on the extra receives are clustered beyond chance.
CLEAR = 5.0


def find_redelivery(pipeline: Pipeline) -> Interval | None:
    """Return the interval in which messages were received again although nothing failed or was throttled.

    Each such receive leads to a second successful invocation, which deletes its message again. A receive
    without that delete had failed, counted or not, since a batch of ten messages fails once. A FIFO
    queue refuses the late delete, so there the receives that no failure explains have to be enough.
    """
    frame = pipeline.frame
    # Without the counters of invocations, a receive cannot be classed as failed or throttled.
    if not {"sent", "received", "invocations", "errors", "throttles", "failed"} <= pipeline.queried:
        return None
    if (pipeline.count("throttles") or 0.0) > 0.02 * (pipeline.count("invocations") or 0.0):
        return None
    if _hidden_long_enough(pipeline):
        return None
    # A failed invocation returns all messages of its batch to the queue.
    each = 1.0 if pipeline.by_message else _messages_per_invocation(pipeline)
    good = (frame["received"].fillna(0.0) - each * frame["failed"].fillna(0.0)).clip(lower=0.0)
    # A message may be received an interval after it was sent, or after its own failed attempt.
    due = frame["sent"].fillna(0.0)
    lost = _around_lost_points(frame)
    good, due = good.mask(lost, 0.0), due.mask(lost, 0.0)
    again = float(good.sum() - due.sum())
    if "deleted" in pipeline.queried and not pipeline.settings.is_fifo:
        deleted = float(frame["deleted"].fillna(0.0).mask(lost, 0.0).sum())
        again = min(again, deleted - due.sum() + _standing(pipeline))
    if again < max(SURPLUS_RECEIVES, SURPLUS_SHARE * due.sum()):
        return None
    found = count_elevation(
        good.rolling(3, min_periods=1).sum() / 3,
        due.rolling(SURPLUS_SUMMED, min_periods=1).sum() / SURPLUS_SUMMED + 0.01,
        pipeline.period_s,
        "redelivery",
    )
    if found is None or found.score < CLEAR:
        return _one_here_one_there(pipeline, due, lost)
    return replace(found, start=_first_surplus(good - due, found, pipeline.period_s))


def _one_here_one_there(pipeline: Pipeline, due: pd.Series, lost: pd.Series) -> Interval | None:
    """Return the interval in which some of many messages were deleted a second time.

    If only the longest invocations exceed the visibility timeout, receives are hardly more than usual.
    Each delete beyond all messages that ever existed is then a message that was processed again. A redrive
    adds messages to the queue without counting them as sent.
    """
    frame = pipeline.frame
    if "deleted" not in pipeline.queried or pipeline.settings.is_fifo:
        return None
    came_back = float((-pipeline.dlq_messages.ffill().diff()).clip(lower=0.0).sum())
    deleted = frame["deleted"].fillna(0.0).mask(lost, 0.0)
    beyond = (deleted - due).cumsum() - stock_before(frame) - came_back
    again = beyond.cummax().clip(lower=0.0).diff().fillna(0.0)
    hit = again.index[again > 0].to_pydatetime()
    if not len(hit):
        return None
    found = count_elevation(again, due + 0.01, pipeline.period_s, "redelivery")
    if found is None or found.score < CLEAR:
        whole, end = float(due.sum()), hit[-1] + timedelta(seconds=pipeline.period_s)
        found = Interval(
            hit[0],
            end,
            "redelivery",
            count=float(again.sum()),
            base=whole,
            outside_rate=0.0,
            score=CLEAR,
        )
    enough = found.count >= max(SURPLUS_RECEIVES, SURPLUS_SHARE * found.base)
    return found if enough else None


def _hidden_long_enough(pipeline: Pipeline) -> bool:
    """Return whether the visibility timeout was far above the longest duration all the time."""
    limit, modified = pipeline.settings.visibility_timeout_s, pipeline.settings.queue_modified_at
    if limit is None or modified is None or pipeline.frame.empty or modified > pipeline.frame.index[0]:
        return False
    return bool(limit >= HIDDEN_LONG * float(pipeline.frame["duration_max_s"].max()))


def _first_surplus(more: pd.Series, found: Interval, period_s: int) -> datetime:
    """Return the first interval with more receives than messages sent, as sums over several begin early."""
    start, reach = found.start, timedelta(seconds=(SURPLUS_SUMMED - 1) * period_s)
    summed = more[start - reach : found.end].cumsum()[start:]
    begun: list[datetime] = list(summed.index[summed > 0].to_pydatetime()[:1])
    return begun[0] if begun else start


def _around_lost_points(frame: pd.DataFrame) -> pd.Series:
    """Return the intervals around a lost point, in which the number of receives due is unknown.

    With a backlog, a message sent in one interval is received in another, so the whole interval until the
    queue is empty is unknown.
    """
    lost = lost_points(frame, ("sent", "received", "deleted", "visible")).astype(float)
    lost = lost.rolling(5, min_periods=1, center=True).max() > 0
    waiting = frame["visible"].ffill(limit=LOST_POINTS).fillna(0.0) > 0
    return lost | (waiting & lost.groupby(run_numbers(waiting)).transform("any"))


def _messages_per_invocation(pipeline: Pipeline) -> float:
    return max(1.0, (pipeline.count("received") or 0.0) / max(pipeline.count("invocations") or 0.0, 1.0))


def _standing(pipeline: Pipeline) -> float:
    """Return the number of messages sent and not deleted because they still wait or are in the DLQ."""
    last = pipeline.frame[["visible", "in_flight"]].ffill().iloc[-1:].fillna(0.0)
    dead = pipeline.dlq_messages.ffill().iloc[-1:].fillna(0.0)
    return float(last.to_numpy().sum() + dead.sum())


# A poller waits minutes to fill a batch, and points arrive late: a shorter interval is not evidence.
LEAST = timedelta(hours=1)
# Fewer than these, or than two of the largest intervals, can be lost points; so can a smaller share.
FEWEST, LARGEST, SHARE = 10.0, 2.0, 0.1


@dataclass(frozen=True, kw_only=True)
class UnmatchedReceives(Interval):
    """Receives without an invocation: of ``base`` received messages, at least ``count`` had none.

    ``deleted`` counts messages beyond those that invocations can have received: deleted by another consumer.
    """

    deleted: float


def unmatched_receives(pipeline: Pipeline, tables: Tables) -> UnmatchedReceives | None:
    """Return the interval in which most messages were received without an invocation; None without one.

    Each invocation receives at most a batch, and a throttle is a delivery that did not become an invocation.
    Receives beyond that have another receiver: the mapping's filter drops messages, a second consumer or a
    person in the console receives them, or Lambda could not start the function at all.

    The queue has one mapping, and its receives, invocations and throttles were queried; else the result is
    None. The interval has the largest sum of receives beyond batches, so that an invocation which begins an
    interval after its receive counts for it. Intervals before the last change of the mapping are excluded,
    because the batch size may have been larger.
    """
    import numpy as np
    import pandas as pd

    mappings, frame = tables.table("event_source_mappings"), pipeline.frame
    own = mappings.loc[mappings["queue"] == pipeline.queue, "last_modified"]
    batch = pipeline.settings.batch_size
    if len(own) != 1 or batch is None or not {"received", "invocations", "throttles"} <= pipeline.queried:
        return None
    changed = own.iloc[0]
    frame = frame if pd.isna(changed) else frame[frame.index >= changed]
    # An interval with a duration but without a count of invocations has a lost point.
    frame = frame[frame["invocations"].notna() | frame["duration_avg_s"].isna()]
    if frame.empty:
        return None
    received = frame["received"].fillna(0.0).to_numpy()
    handed = batch * (frame["invocations"].fillna(0.0) + frame["throttles"].fillna(0.0)).to_numpy()
    total = np.concatenate([[0.0], np.cumsum(received - handed)])
    lowest = np.minimum.accumulate(total)
    last = int((total - lowest).argmax())
    first = last - int(total[last::-1].argmin())
    unrun, part = float(total[last] - total[first]), received[first:last]
    if last == first or unrun < max(FEWEST, LARGEST * part.max(), SHARE * part.sum()):
        return None
    step = timedelta(seconds=pipeline.period_s)
    start, end = frame.index[first].to_pydatetime(), frame.index[last - 1].to_pydatetime() + step
    if end - start < LEAST:
        return None
    deleted = frame["deleted"].fillna(0.0).to_numpy()[first:last].sum() - handed[first:last].sum()
    return UnmatchedReceives(
        start=start,
        end=end,
        kind="unmatched_receives",
        count=unrun,
        base=float(part.sum()),
        deleted=max(0.0, float(deleted)),
    )


# Twice AWS's advice, and over an hour, delays a second attempt too long.
LONG_FACTOR = 2.0 * ADVISED_VISIBILITY_FACTOR
LONG_S = 3600.0
# Messages that stay hidden at every moment for this long are not single retries.
STANDING = timedelta(hours=1)


def hides_long(pipeline: Pipeline, seconds: float | None) -> bool:
    """Return whether a visibility timeout in seconds makes the second attempt of a message far too late."""
    limit = pipeline.settings.function_timeout_s
    return seconds is not None and limit is not None and seconds > max(LONG_S, LONG_FACTOR * limit)


def find_hidden_messages(pipeline: Pipeline) -> Interval | None:
    """Return the interval in which messages stayed in flight behind a long visibility timeout.

    They are in flight without an invocation, for at least an hour, while none is visible.
    """
    is_known = {"visible", "in_flight", "invocations", "concurrency"} <= pipeline.queried
    if (
        not is_known
        or pipeline.frame.empty
        or not hides_long(pipeline, pipeline.settings.visibility_timeout_s)
    ):
        return None
    frame, step = pipeline.frame, timedelta(seconds=pipeline.period_s)
    running = frame["concurrency"].fillna(0.0) * (pipeline.settings.batch_size or 1)
    idle = (frame["in_flight"].fillna(0.0) - running).clip(lower=0.0)
    hidden = idle.where(frame["visible"].fillna(0.0) == 0, 0.0).rolling(STANDING).min()
    # A rolling window that is not yet full is no evidence.
    hidden = hidden[hidden.index >= hidden.index[0] + STANDING - step]
    if not hidden.max() >= WAITING:
        return None
    worst = int(hidden.to_numpy().argmax())
    first, after = next(run for run in runs_of_true(hidden > 0) if run[0] <= worst < run[1])
    start = hidden.index[first].to_pydatetime() - STANDING + step
    end = hidden.index[after - 1].to_pydatetime() + step
    return Interval(
        start,
        end,
        "hidden_messages",
        count=float(hidden.max()),
        is_open=hidden.index[after - 1] == frame.index[-1],
    )
