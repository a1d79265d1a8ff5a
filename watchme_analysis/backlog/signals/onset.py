"""When a signal began and ended: the likeliest moment of its start with bounds, and its end.

A fault shows only when something runs, so between the last good invocation and the first bad one each moment
is as likely as any other. The middle is taken, but no more than :data:`PERIODS_BEFORE_EFFECT` periods before
the first effect.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.backlog.onset_order import host_moved
from watchme_analysis.backlog.signals.queue_context import Span
from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
from watchme_analysis.queues.latency_drift import LatencyDrift
from watchme_analysis.queues.pipeline_anomalies import MIN_CLEAN, SLOW_RATIO
from watchme_analysis.stats.intervals import within

if TYPE_CHECKING:
    import pandas as pd

# Farther than this before its first effect nothing says when a fault began; nearer to it, a start would leave
# out half of the moments that are as likely.
PERIODS_BEFORE_EFFECT = 2.0
# Good runs before the first bad one were well for certain once so many under the fault are this unlikely.
BY_LUCK = 0.05
# Share of successful invocations below which a fault lets hardly any pass.
FEW_PASS = 0.15


def failures_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of the failures of a queue's function."""
    if queue.failures is None:
        return None
    end = None if _still_failing(queue) else queue.failing_days[-1][1]
    return _began(
        queue, queue.failing_days[0][0], *_passing(queue), host=True, end=end, until=_well_again(queue, end)
    )


def waiting_span(queue: QueueAnalysis) -> Span | None:
    """Return the span in which invocations waited: slow ones that lead into the failures, or none failed."""
    failures = failures_span(queue)
    if failures is None:
        return slow_span(queue)
    first = _slow_before(queue, failures.shown)
    if first == failures.shown:
        return failures
    return _began(queue, first, *_passing(queue), host=True, end=failures.end, until=failures.until)


def slow_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of slow invocations."""
    slow = queue.slow
    if slow is None:
        return None
    later = queue.pipeline.frame["invocations"][queue.pipeline.frame.index >= slow.end]
    end = slow.end if float(later.fillna(0.0).sum()) > 0 else None
    return _began(queue, slow.start, host=True, end=end, until=_drained(queue, end))


def drift_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of a gradual rise of the duration: a restart may give back a part of it."""
    drift = queue.creeping
    if drift is None:
        return None
    runs = queue.pipeline.frame["duration_avg_s"].dropna()
    drifts_on = _has_drifted(runs, drift)
    end = None
    if not drifts_on and queue.failures is None:
        end = None if queue.worst is None or queue.worst.is_open else queue.worst.end
    elif not drifts_on and not _still_failing(queue):
        end = queue.failing_days[-1][1]
    until = end
    if queue.failures is not None and not _has_drifted(runs[runs.index < queue.failures.start], drift):
        # Restarted before the failures, the API was quick again, and they are another trouble.
        until = queue.failures.start - timedelta(seconds=3 * queue.pipeline.period_s)
    return Span(drift.start, drift.start, drift.start_low, max(drift.start, drift.start_high), end, until)


def _has_drifted(runs: pd.Series, drift: LatencyDrift) -> bool:
    """Return whether the last durations are, by ratio, nearer to those after a drift than to those before."""
    last = runs.iloc[-MIN_CLEAN:]
    return len(last) > 0 and float(last.median()) >= math.sqrt(drift.before_s * drift.after_s)


def surge_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of a surge of arrivals; it lasts while its end is within the last intervals."""
    surge = queue.surge
    if surge is None:
        return None
    step = timedelta(seconds=queue.pipeline.period_s)
    whole_end = queue.pipeline.frame.index[-1] + step
    end = None if whole_end - surge.end <= 3 * step else surge.end
    until = _drained(queue, end)
    return Span(surge.start, surge.start, surge.start - step, surge.start + step, end, until)


def throttled_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of throttled deliveries.

    An invocation that ran beside fewer others than the limit allows says nothing about the limit.
    """
    throttles = queue.throttles
    if throttles is None:
        return None
    frame, settings = queue.pipeline.frame, queue.pipeline.settings
    # A limit that was lifted since is told by how many ran while others were refused.
    held = frame.loc[frame["throttles"].fillna(0.0) > 0, "concurrency"].max()
    limit = settings.reserved_concurrency if settings.reserved_concurrency is not None else held
    beyond = ~(frame["concurrency"].fillna(0.0) <= limit)
    end = None if throttles.is_open or settings.reserved_concurrency else throttles.end
    # Fewer runs at once are never refused, so that none tells when all was well again.
    return _began(queue, throttles.start, beyond=beyond, unseen=False, end=end)


def redelivery_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of messages that came back during a run, or hid for hours."""
    found = queue.redelivery or queue.hidden
    if found is None:
        return None
    frame, limit = queue.pipeline.frame, queue.pipeline.settings.visibility_timeout_s
    first, beyond = found.start, None
    if limit is not None:
        beyond = frame["duration_max_s"].fillna(0.0) > limit
        # A run that is shown to go wrong began before its message came back.
        first -= timedelta(seconds=limit + queue.pipeline.period_s)
    longest = frame["duration_max_s"].dropna()
    end = None if found.is_open else found.end
    if (
        queue.redelivery is not None
        and limit is not None
        and len(longest)
        and limit < float(longest.quantile(0.9))
    ):
        end = None
    # Shorter runs go well all the time, so that none tells when all was well again.
    return _began(queue, found.start, before=first, beyond=beyond, unseen=False, end=end)


def unpolled_span(queue: QueueAnalysis) -> Span | None:
    """Return the span in which nobody polled: a mapping that is on asks all the time, also for nothing."""
    unpolled, frame = queue.unpolled, queue.pipeline.frame
    off = (queue.pipeline.settings.mapping_state or "").startswith("Disabl")
    if unpolled is None:
        return None
    # After a purge nothing waits any more, and still nobody polls.
    end = None if unpolled.is_open or off else unpolled.end
    until = _drained(queue, end)
    between = _began(queue, unpolled.start, end=end, until=until)
    if "empty_receives" not in queue.pipeline.queried:
        return between
    is_polled = frame["empty_receives"].fillna(0.0) + frame["received"].fillna(0.0) > 0
    before = is_polled[is_polled.index < unpolled.start]
    # A mapping that is on asks in every interval; points may be lost.
    if not len(before) or before.mean() < 0.5:
        return between
    step = timedelta(seconds=queue.pipeline.period_s)
    last = before.index[before][-1].to_pydatetime()
    return Span(unpolled.start, last + step, last, last + 2 * step, end, until)


def bad_messages_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of messages that fail: from the first of the item that nearly all of them belong to."""
    failures = failures_span(queue)
    step = queue.pipeline.period_s
    first = queue.main_item_first_sent
    start = None if failures is None else failures.shown
    if first is not None and queue.failures is not None and piled_on_one(queue.by_item):
        # Before failures are many enough to stand out, the item may have failed for as long again.
        lasted = queue.failures.end - queue.failures.start
        if queue.failures.start - lasted <= first <= queue.failures.end:
            start = first - timedelta(seconds=first.timestamp() % step)
    if start is None:
        start = queue.first_trouble()
    if start is None:
        return None
    tried = queue.pipeline.frame["tried"].fillna(0.0)
    passed = tried - queue.pipeline.frame["failed"].fillna(0.0)
    good = passed.index[(passed > 0) & (passed.index < start)]
    earliest = good[-1].to_pydatetime() if len(good) else start
    end = failures.end if failures is not None else None
    if failures is None and queue.worst is not None and not queue.worst.is_open:
        end = queue.worst.end
    return Span(start, start, earliest, start + timedelta(seconds=step), end, end)


def _well_again(queue: QueueAnalysis, end: datetime | None) -> datetime | None:
    """Return the first interval from an end on in which invocations succeeded; None without any."""
    if end is None:
        return None
    frame = queue.pipeline.frame
    passed = frame["tried"].fillna(0.0) - frame["failed"].fillna(0.0)
    well = passed.index[(passed > 0) & (passed.index >= end)]
    return well[0].to_pydatetime() if len(well) else None


def _drained(queue: QueueAnalysis, end: datetime | None) -> datetime | None:
    """Return when the backlog was drained that stood at an end; the end where none stood."""
    if end is None:
        return None
    slack = timedelta(seconds=2 * queue.pipeline.period_s)
    stood = [item for item in queue.episodes if item.start <= end + slack and item.end > end - slack]
    if any(item.is_open for item in stood):
        return None
    return max([end, *(item.end for item in stood)])


def _began(  # noqa: PLR0913 - what is known of a fault, each of it optional
    queue: QueueAnalysis,
    first: datetime,
    lucky: float = 0.0,
    lucky_all: float = 0.0,
    *,
    before: datetime | None = None,
    beyond: pd.Series | None = None,
    unseen: bool = True,
    host: bool = False,
    end: datetime | None = None,
    until: datetime | None = None,
) -> Span:
    """Return the span of trouble that began after the last invocation which it would have hit.

    That is one before ``before`` (else ``first``, the interval in which the trouble showed), in an interval
    of ``beyond``. Where it is none in the window, the trouble may be older (``unseen``). Of the invocations,
    and of whole intervals, the shares ``lucky`` and ``lucky_all`` succeed under the trouble: so may the last
    ones before it, but not many in a row. ``host`` lets the load of a host narrow the start down.
    """
    frame, step = queue.pipeline.frame, timedelta(seconds=queue.pipeline.period_s)
    tried = frame["tried"].fillna(0.0)
    passed = tried - frame["failed"].fillna(0.0)
    well = passed > 0 if beyond is None else (passed > 0) & beyond
    earlier = passed[well & (passed.index < (before or first))][::-1]
    # What comes and goes lets the runs of one interval pass together.
    all_well = (earlier == tried[earlier.index]).cumsum()
    sure = earlier.index[_beyond_luck(earlier.cumsum(), all_well, lucky, lucky_all)]
    shown = _first_error(queue, first) or first + step
    # Without such an invocation, the window's first interval bounds the start.
    good = sure[0].to_pydatetime() if len(sure) else min(first, frame.index[0].to_pydatetime())
    if len(sure) and host and queue.errors.share("function", "message", "code_or_message") < 0.5:
        good, shown = host_moved(frame, good, shown) or (good, shown)
    earliest = min((shown - good) / 2, PERIODS_BEFORE_EFFECT * step)
    return Span(first, shown - earliest, good, shown, end, until, perhaps_before=unseen and not len(sure))


def _passing(queue: QueueAnalysis) -> tuple[float, float]:
    """Return the share of the invocations, and of the intervals with any, that go well while some fail."""
    assert queue.failures is not None
    inside = within(queue.pipeline.frame, queue.failures.start, queue.failures.end)
    failed = inside["failed"].fillna(0.0)[inside["tried"] > 0]
    return queue.passed_share or 0.0, float((failed == 0).mean()) if len(failed) else 0.0


def _first_error(queue: QueueAnalysis, first: datetime) -> datetime | None:
    """Return when the first failed run began, by its log, where that lies within the first bad interval."""
    logged = queue.errors.first
    if logged is None:
        return None
    timed_out = queue.errors.main == "timeout" and (queue.timed_out_share or 0.0) >= 0.5
    limit_s = queue.pipeline.settings.function_timeout_s or 0.0
    began = logged - timedelta(seconds=limit_s if timed_out else 0.0)
    return began if first <= began <= first + timedelta(seconds=queue.pipeline.period_s) else None


def _slow_before(queue: QueueAnalysis, start: datetime) -> datetime:
    """Return the first of the intervals with slow runs that lead into failures."""
    before = queue.run_before_s
    if before is None:
        return start
    runs: pd.Series = queue.pipeline.frame["duration_avg_s"].dropna()
    earlier = runs[runs.index < start]
    for moment, value in zip(earlier.index[::-1].to_pydatetime(), earlier[::-1], strict=True):
        if value < SLOW_RATIO * before:
            break
        start = moment
    return start


def _still_failing(queue: QueueAnalysis) -> bool:
    """Return whether failures had not ended: so few runs went well since that the fault may let them pass."""
    assert queue.failures is not None
    frame = queue.pipeline.frame
    later = frame.iloc[frame.index.searchsorted(queue.failures.end) :]
    tried = later["tried"][later["tried"] > 0]
    failed = later["failed"].fillna(0.0)[later["tried"] > 0]
    passed = float((tried - failed).sum())
    all_well = int((failed == 0).sum())
    return not _beyond_luck(passed, all_well, *_passing(queue))


def _beyond_luck(passed: Any, all_well: Any, lucky: float, lucky_all: float) -> Any:
    """Return whether so many runs that went well, and whole intervals, are unlikely under the fault.

    All but the shares may be numbers or a series of them.
    """
    return (lucky**passed < BY_LUCK) & ((lucky_all == 0) | (lucky_all**all_well < BY_LUCK))
