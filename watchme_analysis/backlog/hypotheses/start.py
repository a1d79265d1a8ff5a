"""When a backlog incident began, given its cause: a moment, and the bounds that the evidence sets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.backlog.hypotheses.other_trouble import APART
from watchme_analysis.backlog.hypotheses.picture import Picture, change_for, signs_for
from watchme_analysis.backlog.onset_order import host_moved
from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
from watchme_analysis.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

# Farther than this before its first effect nothing says when a fault began; nearer to it, a start would leave
# out half of the moments that are as likely.
PERIODS_BEFORE_EFFECT = 2.0
# Good runs before the first bad one were well for certain once so many under the fault are this unlikely.
BY_LUCK = 0.05
# Share of the intervals before in which a poller that finds nothing must have asked, to tell when it stopped.
POLLED_BEFORE = 0.8


@dataclass(frozen=True)
class Start:
    """When an incident began.

    Attributes
    ----------
    moment
        The change that brought it about; else the likeliest moment. A fault shows only when something runs,
        so between the last good run and the first bad one each moment is as likely as any other: the middle
        is taken, but no more than :data:`PERIODS_BEFORE_EFFECT` periods before the first effect.
    earliest, latest
        The last moment at which all was still well, and the first at which it no longer was. A fault that
        lets some runs pass may have let the last good ones. For a creep the bounds of its fit.
    perhaps_before
        True where no run of the window was well before: it can have begun before the window.
    """

    moment: datetime
    earliest: datetime
    latest: datetime
    perhaps_before: bool = False


def incident_start(view: Picture, cause: str) -> Start | None:
    """Return when an incident of a cause began, None where nothing tells."""
    signs = signs_for(view, cause)
    if signs is None:
        return None
    change = change_for(view, cause)
    if change is not None:
        return Start(change.time, change.time, change.time)
    seen = _seen_to_begin(signs, cause)
    if seen is not None:
        return seen
    if cause == "throttled":
        signs = _throttled_first(view, signs)
    first = _first_effect(view, signs, cause)
    return None if first is None else _between_runs(signs, first, cause)


def _seen_to_begin(signs: QueueAnalysis, cause: str) -> Start | None:
    """Return the start of what is seen itself, and not only by the runs that it harms."""
    step = timedelta(seconds=signs.pipeline.period_s)
    if cause == "slow_leak" and signs.creeping is not None:
        creep = signs.creeping
        return Start(creep.start, creep.start_low, max(creep.start, creep.start_high))
    if cause == "arrival_surge" and signs.surge is not None:
        begun = signs.surge.start
        return Start(begun, begun - step, begun + step)
    if cause == "mapping_disabled" and signs.unpolled is not None:
        return _stopped_polling(signs)
    first = _first_poison(signs) if cause == "poison_messages" else None
    return None if first is None else Start(first, _last_good(signs, first, cause) or first, first + step)


def _between_runs(signs: QueueAnalysis, first: datetime, cause: str) -> Start:
    """Return the start of a fault that first showed in an interval."""
    step = timedelta(seconds=signs.pipeline.period_s)
    shown = _first_error(signs, first) or first + step
    good = _last_good(signs, first, cause)
    # Runs that a setting does not touch are no good ones here, and were well all the same.
    unseen = good is None and cause not in ("throttled", "visibility_misconfig")
    if good is None:
        # No run before would have shown it.
        good = min(first, signs.pipeline.frame.index[0].to_pydatetime())
    elif cause in ("downstream_slow", "downstream_down"):
        good, shown = host_moved(signs.pipeline.frame, good, shown) or (good, shown)
    before = min((shown - good) / 2, PERIODS_BEFORE_EFFECT * step)
    return Start(shown - before, good, shown, unseen)


def _throttled_first(view: Picture, signs: QueueAnalysis) -> QueueAnalysis:
    """Return the pipeline that was throttled first: an account's limit hits all of them."""
    own = signs.throttles
    if own is None:
        return signs
    together = [
        (item.throttles.start, place, item)
        for place, item in enumerate(view.affected)
        if item.throttles is not None and item.throttles.start <= own.start < item.throttles.end
    ]
    return min(together)[2] if together else signs


def _last_good(signs: QueueAnalysis, first: datetime, cause: str) -> datetime | None:
    """Return when the last run began that was well, and would not have been under the fault.

    Runs that a setting does not touch are well also under it: one at a time under a low concurrency, a short
    one under a short visibility timeout. Where a share of the runs passes under the fault, so may the last
    ones before it showed, but not many in a row.
    """
    frame, settings = signs.pipeline.frame, signs.pipeline.settings
    tried = frame["tried"].fillna(0.0)
    passed = tried - frame["failed"].fillna(0.0)
    well, lucky, lucky_all = passed > 0, 0.0, 0.0
    if cause == "throttled":
        # A limit that was lifted since is told by how many ran while others were refused.
        held = frame.loc[frame["throttles"].fillna(0.0) > 0, "concurrency"].max()
        limit = settings.reserved_concurrency if settings.reserved_concurrency is not None else held
        well &= ~(frame["concurrency"].fillna(0.0) <= limit)
    elif cause == "visibility_misconfig" and settings.visibility_timeout_s is not None:
        well &= frame["duration_max_s"].fillna(0.0) > settings.visibility_timeout_s
        # A run that is shown to go wrong began before its message came back.
        first -= timedelta(seconds=settings.visibility_timeout_s + signs.pipeline.period_s)
    elif cause != "poison_messages":
        lucky, lucky_all = signs.passed_share or 0.0, _all_well_share(signs)
    before = passed[well & (passed.index < first)][::-1]
    # What comes and goes lets the runs of one interval pass together.
    all_well = (before == tried[before.index]).cumsum()
    sure = (lucky ** before.cumsum() < BY_LUCK) & ((lucky_all == 0) | (lucky_all**all_well < BY_LUCK))
    good = before.index[sure]
    return good[0].to_pydatetime() if len(good) else None


def _all_well_share(signs: QueueAnalysis) -> float:
    """Return the share of the intervals with runs, while some failed, in which every run went well."""
    if signs.failures is None:
        return 0.0
    frame = signs.pipeline.frame[["tried", "failed"]].fillna(0.0)
    inside = frame[(frame.index >= signs.failures.start) & (frame.index < signs.failures.end)]
    busy = inside[inside["tried"] > 0]
    return float((busy["failed"] == 0).mean()) if len(busy) else 0.0


def _first_error(signs: QueueAnalysis, first: datetime) -> datetime | None:
    """Return when the first failed run began, by its log, where that lies within the first bad interval."""
    logged = signs.errors.first
    if logged is None:
        return None
    timed_out = signs.errors.main == "timeout" and (signs.timed_out_share or 0.0) >= 0.5
    began = logged - timedelta(
        seconds=(signs.pipeline.settings.function_timeout_s or 0.0) if timed_out else 0.0
    )
    return began if first <= began <= first + timedelta(seconds=signs.pipeline.period_s) else None


def _stopped_polling(signs: QueueAnalysis) -> Start | None:
    """Return when the pollers stopped to ask: a mapping that is on asks all the time, also for nothing."""
    frame, starved = signs.pipeline.frame, signs.unpolled
    if starved is None or "empty_receives" not in signs.pipeline.asked:
        return None
    asked = frame["empty_receives"].fillna(0.0) + frame["received"].fillna(0.0) > 0
    before = asked[asked.index < starved.start]
    within = asked[(asked.index >= starved.start) & (asked.index < starved.end)]
    if not len(before) or before.mean() < POLLED_BEFORE or within.mean() > 1.0 - POLLED_BEFORE:
        return None
    step = timedelta(seconds=signs.pipeline.period_s)
    last = before.index[before][-1].to_pydatetime()
    return Start(last + step, last, last + 2 * step)


def _first_effect(view: Picture, signs: QueueAnalysis, cause: str) -> datetime | None:
    found: Interval | None = {
        "throttled": signs.throttles,
        "visibility_misconfig": signs.redelivery or signs.hidden,
        "mapping_disabled": signs.unpolled,
    }.get(cause)
    if found is not None:
        return found.start
    if cause == "downstream_slow":
        return _first_slow(signs)
    return _first_failures(view, signs) if signs.failing_days else signs.first_trouble()


def _first_failures(view: Picture, signs: QueueAnalysis) -> datetime:
    """Return when failures began that lead into a pipeline's own: others' too, unless those had ended."""
    first = signs.failing_days[0][0]
    others = [item.failures for item in view.affected if item.failures is not None]
    for other in sorted(others, key=lambda item: item.end, reverse=True):
        if other.start < first and other.end > first - APART:
            first = other.start
    return first


def _first_poison(signs: QueueAnalysis) -> datetime | None:
    """Return the first dead letter of the device that sends nearly all of them, near the raised failures."""
    start = signs.failing_days[0][0] if signs.failing_days else None
    if signs.first_sent_by_main_device is not None and start is not None and piled_on_one(signs.devices):
        slack = timedelta(hours=12)
        if abs(signs.first_sent_by_main_device - start) <= slack:
            step = signs.pipeline.period_s
            moment = signs.first_sent_by_main_device
            return moment - timedelta(seconds=moment.timestamp() % step)
    return start or signs.first_trouble()


def _first_slow(signs: QueueAnalysis) -> datetime | None:
    """Return the first interval of slow runs that leads into the failures."""
    if signs.failures is None:
        return signs.first_trouble() if signs.slow is None else signs.slow.start
    start = signs.failing_days[0][0]
    before = signs.run_before_s
    runs: pd.Series = signs.pipeline.frame["duration_avg_s"].dropna()
    if before is not None:
        earlier = runs[runs.index < start]
        for moment, value in zip(earlier.index[::-1].to_pydatetime(), earlier[::-1], strict=True):
            if value < 3.0 * before:
                break
            start = moment
    return start
