"""When a backlog incident began and ended, given its cause."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from watchme_analysis.backlog.changes import undoing_change
from watchme_analysis.backlog.hypotheses.picture import Picture, signs_for
from watchme_analysis.backlog.hypotheses.start import Start, incident_start
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.redelivery import LEAST

# Intervals with runs, the last ones, tell whether a creep is over: not at so many times the time before it.
LAST_RUNS, CREPT = 10, 2.0


def incident_window(view: Picture, cause: str) -> tuple[Start | None, datetime | None]:
    """Return start and end (None while open) of an incident.

    It ends with the last effect of its cause, or the change that undid it, and is open when the effect is
    still there at the end.
    """
    signs, start = signs_for(view, cause), incident_start(view, cause)
    if signs is None or start is None:
        return None, None
    undone = undoing_change(view.changes, cause, signs.pipeline, start.moment + timedelta(seconds=1))
    if undone is not None and _quiet_after(signs, undone.time, cause):
        return start, undone.time
    return start, None if signs.pipeline.frame.empty else _last_effect(signs, cause)


def _last_effect(signs: QueueAnalysis, cause: str) -> datetime | None:
    """Return when the cause's effect ended, None while it is there."""
    frame = signs.pipeline.frame
    whole_end = frame.index[-1] + timedelta(seconds=signs.pipeline.period_s)
    if cause == "arrival_surge" and signs.surge is not None:
        end = signs.surge.end
        return None if whole_end - end <= timedelta(seconds=3 * signs.pipeline.period_s) else end
    if cause == "throttled" and signs.throttles is not None:
        return (
            None
            if signs.throttles.is_open or signs.pipeline.settings.reserved_concurrency
            else signs.throttles.end
        )
    if cause == "mapping_disabled" and signs.unpolled is not None:
        # After a purge nothing waits any more, and still nobody polls.
        off = (signs.pipeline.settings.mapping_state or "").startswith("Disabl")
        return None if signs.unpolled.is_open or off else signs.unpolled.end
    if cause == "visibility_misconfig" and (signs.redelivery is not None or signs.hidden is not None):
        return _end_of_misfit(signs)
    if signs.failures is None:
        return _end_without_failures(signs, cause)
    creeps_on = cause == "slow_leak" and _still_crept(signs)
    return None if creeps_on or _still_failing(signs) else signs.failing_days[-1][1]


def _end_of_misfit(signs: QueueAnalysis) -> datetime | None:
    """Return when messages last came back during a run, or hid for hours; None while the setting stands."""
    if signs.redelivery is None:
        return None if signs.hidden is None or signs.hidden.is_open else signs.hidden.end
    limit, longest = (
        signs.pipeline.settings.visibility_timeout_s,
        signs.pipeline.frame["duration_max_s"].dropna(),
    )
    short = limit is not None and len(longest) and limit < float(longest.quantile(0.9))
    return None if short else signs.redelivery.end


def _end_without_failures(signs: QueueAnalysis, cause: str) -> datetime | None:
    """Return the end of slow runs, else of the backlog; None while open."""
    if cause == "downstream_slow" and signs.slow is not None:
        later = signs.pipeline.frame["invocations"][signs.pipeline.frame.index >= signs.slow.end]
        return signs.slow.end if float(later.fillna(0.0).sum()) > 0 else None
    worst, taken = signs.worst, signs.unmatched_receives
    if worst is None and taken is not None:
        left = signs.pipeline.frame.index[-1] - taken.end
        return None if left < LEAST else taken.end
    return None if worst is None or worst.is_open else worst.end


def _still_crept(signs: QueueAnalysis) -> bool:
    """Tell whether the last runs took far longer than before a creep: a restart may give back a part."""
    creep, runs = signs.creeping, signs.pipeline.frame["duration_avg_s"].dropna()
    return creep is not None and float(runs.iloc[-LAST_RUNS:].median()) >= CREPT * creep.before_s


def _still_failing(signs: QueueAnalysis) -> bool:
    """Tell whether failures had not ended: no good run since, or the next one was not due yet."""
    assert signs.failures is not None
    frame = signs.pipeline.frame
    failing = frame.index[(frame["failed"].fillna(0.0) > 0) & (frame.index >= signs.failures.start)]
    later = frame[frame.index >= signs.failures.end]
    good = float((later["tried"] - later["failed"].fillna(0.0)).fillna(0.0).sum())
    if good == 0:
        return True
    if signs.passed_share is None or signs.passed_share < 0.15 or len(failing) < 3:
        return False
    gaps = sorted(after - before for before, after in pairwise(failing))
    usual = gaps[int(0.9 * (len(gaps) - 1))]
    end = frame.index[-1] + timedelta(seconds=signs.pipeline.period_s)
    return bool(end - signs.failures.end <= 2 * max(usual, timedelta(minutes=30)))


def _quiet_after(signs: QueueAnalysis, moment: datetime, cause: str) -> bool:
    """Tell whether the effect stopped after a change, allowing for what was under way."""
    frame = signs.pipeline.frame[signs.pipeline.frame.index > moment + timedelta(minutes=30)]
    if cause == "throttled":
        return float(frame["throttles"].fillna(0.0).sum()) == 0.0
    if cause == "mapping_disabled":
        return float(frame["received"].fillna(0.0).sum()) > 0
    if cause == "visibility_misconfig":
        return signs.redelivery is None or signs.redelivery.end <= moment + timedelta(hours=1)
    tried = float(frame["tried"].fillna(0.0).sum())
    return tried > 0 and float(frame["failed"].fillna(0.0).sum()) <= 0.05 * tried
