"""When a signal began and ended: the likeliest moment of its start with bounds, and its end.

A fault shows only when something runs, so between the last good invocation and the first bad one each moment
is as likely as any other. The middle is taken, but no more than :data:`PERIODS_BEFORE_EFFECT` periods before
the first effect.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.backlog.onset_order import host_moved
from watchme_analysis.backlog.signals.queue_context import Span
from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
from watchme_analysis.queues.latency_drift import LatencyDrift
from watchme_analysis.queues.pipeline_anomalies import MIN_CLEAN, SLOW_RATIO
from watchme_analysis.queues.redelivery import LEAST
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
    first = queue.failing_days[0][0]
    end = None if _still_failing(queue) else queue.failing_days[-1][1]
    lucky, lucky_all = queue.passed_share or 0.0, _all_well_share(queue)
    span = _between_runs(queue, first, _last_good(queue, first, None, lucky, lucky_all), host=True)
    return replace(span, end=end, until=_well_again(queue, end))


def waiting_span(queue: QueueAnalysis) -> Span | None:
    """Return the span in which invocations waited: slow ones that lead into the failures, or none failed."""
    failures = failures_span(queue)
    if failures is None:
        return None if queue.slow is None else slow_span(queue)
    first = _slow_before(queue, failures.shown)
    if first == failures.shown:
        return failures
    lucky, lucky_all = queue.passed_share or 0.0, _all_well_share(queue)
    good = _last_good(queue, first, None, lucky, lucky_all)
    return replace(_between_runs(queue, first, good, host=True), end=failures.end, until=failures.until)


def slow_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of slow invocations."""
    slow = queue.slow
    if slow is None:
        return None
    later = queue.pipeline.frame["invocations"][queue.pipeline.frame.index >= slow.end]
    end = slow.end if float(later.fillna(0.0).sum()) > 0 else None
    span = _between_runs(queue, slow.start, _last_good(queue, slow.start, None, 0.0, 0.0), host=True)
    return replace(span, end=end, until=_drained(queue, end))


def backlog_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of the worst backlog."""
    worst = queue.worst
    if worst is None:
        return None
    end = None if worst.is_open else worst.end
    good = _last_good(queue, worst.grew_from, None, 0.0, 0.0)
    return replace(_between_runs(queue, worst.grew_from, good), end=end, until=end)


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
    good = _last_good(queue, throttles.start, beyond, 0.0, 0.0)
    # Fewer runs at once are never refused, so that none tells when all was well again.
    return replace(_between_runs(queue, throttles.start, good, unseen=False), end=end)


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
    good = _last_good(queue, first, beyond, 0.0, 0.0)
    # Shorter runs go well all the time, so that none tells when all was well again.
    return replace(_between_runs(queue, found.start, good, unseen=False), end=end)


def unpolled_span(queue: QueueAnalysis) -> Span | None:
    """Return the span in which nobody polled: a mapping that is on asks all the time, also for nothing."""
    unpolled, frame = queue.unpolled, queue.pipeline.frame
    off = (queue.pipeline.settings.mapping_state or "").startswith("Disabl")
    if unpolled is None:
        return None
    # After a purge nothing waits any more, and still nobody polls.
    end = None if unpolled.is_open or off else unpolled.end
    good = _last_good(queue, unpolled.start, None, 0.0, 0.0)
    until = _drained(queue, end)
    between = replace(_between_runs(queue, unpolled.start, good), end=end, until=until)
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


def unmatched_span(queue: QueueAnalysis) -> Span | None:
    """Return the span of receives without an invocation."""
    taken = queue.unmatched_receives
    if taken is None:
        return None
    end = None if queue.pipeline.frame.index[-1] - taken.end < LEAST else taken.end
    return Span(taken.start, taken.start, taken.start, taken.start, end, end)


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


def _between_runs(
    queue: QueueAnalysis, first: datetime, good: datetime | None, *, unseen: bool = True, host: bool = False
) -> Span:
    """Return the span of trouble that first showed in an interval, after a last good invocation."""
    step = timedelta(seconds=queue.pipeline.period_s)
    shown = _first_error(queue, first) or first + step
    before_window = unseen and good is None
    if good is None:
        # No invocation before would have shown it.
        good = min(first, queue.pipeline.frame.index[0].to_pydatetime())
    elif host and queue.errors.share("function", "message", "code_or_message") < 0.5:
        good, shown = host_moved(queue.pipeline.frame, good, shown) or (good, shown)
    before = min((shown - good) / 2, PERIODS_BEFORE_EFFECT * step)
    return Span(first, shown - before, good, shown, perhaps_before=before_window)


def _last_good(
    queue: QueueAnalysis, first: datetime, beyond: pd.Series | None, lucky: float, lucky_all: float
) -> datetime | None:
    """Return when the last invocation began that succeeded, and would not have under the trouble.

    Parameters
    ----------
    queue
        The analysis.
    first
        Start of the trouble.
    beyond
        Intervals whose invocations a setting would have hit; all of them where None.
    lucky, lucky_all
        Share of the invocations, and of whole intervals, that succeed under the trouble: so may the last ones
        before it showed, but not many in a row.
    """
    frame = queue.pipeline.frame
    tried = frame["tried"].fillna(0.0)
    passed = tried - frame["failed"].fillna(0.0)
    well = passed > 0 if beyond is None else (passed > 0) & beyond
    before = passed[well & (passed.index < first)][::-1]
    # What comes and goes lets the runs of one interval pass together.
    all_well = (before == tried[before.index]).cumsum()
    good = before.index[_beyond_luck(before.cumsum(), all_well, lucky, lucky_all)]
    return good[0].to_pydatetime() if len(good) else None


def _all_well_share(queue: QueueAnalysis) -> float:
    """Return the share of the intervals with runs, while some failed, in which every run went well."""
    if queue.failures is None:
        return 0.0
    inside = within(queue.pipeline.frame, queue.failures.start, queue.failures.end)
    failed = inside["failed"].fillna(0.0)[inside["tried"] > 0]
    return float((failed == 0).mean()) if len(failed) else 0.0


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
    return not _beyond_luck(passed, all_well, queue.passed_share or 0.0, _all_well_share(queue))


def _beyond_luck(passed: Any, all_well: Any, lucky: float, lucky_all: float) -> Any:
    """Return whether so many runs, and whole intervals, are unlikely to have gone well under the fault.

    Parameters
    ----------
    passed, all_well
        Runs that went well, and intervals in which all did: numbers, or a series of each.
    lucky, lucky_all
        Share of the runs, and of whole intervals, that go well under the fault.
    """
    return (lucky**passed < BY_LUCK) & ((lucky_all == 0) | (lucky_all**all_well < BY_LUCK))
