"""When a backlog incident began and ended, given its cause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from watchme_analysis.analysis.backlog_changes import undoing_change
from watchme_analysis.analysis.backlog_signs import Signs
from watchme_analysis.hypotheses.backlog_picture import Picture, change_for, surge_leads


def incident_window(view: Picture, cause: str) -> tuple[datetime | None, datetime | None]:
    """Return start and end (None while open) of an incident.

    It begins with the change that brought it about where one fits; else with the first effect that the
    cause has: the first surplus arrival, the first failing run, the first slow day. It ends with the last
    such effect, or the change that undid it, and is open when the effect is still there at the end.
    """
    signs = _signs_for(view, cause)
    if signs is None:
        return None, None
    change = change_for(view, cause)
    start = change.time if change is not None else _first_effect(view, signs, cause)
    if start is None:
        return None, None
    undone = undoing_change(view.changes, cause, signs.flow, start + timedelta(seconds=1))
    if undone is not None and _quiet_after(signs, undone.time, cause):
        return start, undone.time
    return start, None if signs.flow.frame.empty else _last_effect(signs, cause)


def earliest_start(view: Picture, cause: str, start: datetime) -> datetime:
    """Return the last moment at which the flow was still seen to work, for a start without a change."""
    signs = _signs_for(view, cause)
    if signs is None or change_for(view, cause) is not None:
        return start
    if cause == "slow_leak" and signs.creeping is not None:
        return signs.creeping.start_low
    frame = signs.flow.frame
    good = frame.index[(frame["invocations"].fillna(0.0) > 0) & (frame.index < start)]
    return good[-1].to_pydatetime() if len(good) else start


def latest_start(view: Picture, cause: str, start: datetime) -> datetime:
    """Return the last moment at which it can have begun: later than the start for a creep alone."""
    signs = _signs_for(view, cause)
    if signs is None or cause != "slow_leak" or signs.creeping is None:
        return start
    return max(start, signs.creeping.start_high)


def _signs_for(view: Picture, cause: str) -> Signs | None:
    """Return the flow that shows a cause best."""
    pick: Callable[[Signs], bool] | None = {
        "arrival_surge": surge_leads,
        "throttled": lambda item: "throttles" in item.harms,
        "visibility_misconfig": lambda item: item.surplus is not None,
        "mapping_disabled": lambda item: item.starved is not None or item.stalled,
        "slow_leak": lambda item: item.creeping is not None,
    }.get(cause)
    return next((item for item in view.affected if pick is not None and pick(item)), view.focus)


def _first_effect(view: Picture, signs: Signs, cause: str) -> datetime | None:
    starts: dict[str, Any] = {
        "arrival_surge": signs.surge,
        "throttled": signs.throttles,
        "visibility_misconfig": signs.surplus,
        "mapping_disabled": signs.starved,
        "slow_leak": signs.creeping,
    }
    found = starts.get(cause)
    if found is not None:
        return _plain(found.start)
    if cause == "poison_messages":
        return _first_poison(view, signs)
    if cause == "downstream_slow":
        return _first_slow(signs)
    firsts = [item.failures.start for item in view.affected if item.failures is not None]
    return min((_plain(item) for item in firsts), default=signs.first_trouble())


def _first_poison(view: Picture, signs: Signs) -> datetime | None:
    """Return the first dead letter of the device that sends most of them, within the raised failures."""
    start = None if signs.failures is None else _plain(signs.failures.start)
    if signs.first_sent_by_main_device is not None and start is not None:
        slack = timedelta(hours=12)
        if abs(signs.first_sent_by_main_device - start) <= slack:
            step = signs.flow.period_s
            moment = signs.first_sent_by_main_device
            return moment - timedelta(seconds=moment.timestamp() % step)
    return start or signs.first_trouble()


def _first_slow(signs: Signs) -> datetime | None:
    """Return the first interval of slow runs that leads into the failures."""
    if signs.failures is None:
        return signs.first_trouble() if signs.slow is None else _plain(signs.slow.start)
    start = signs.failures.start
    before = signs.run_before_s
    runs = signs.flow.frame["duration_avg_s"].dropna()
    if before is not None:
        for moment, value in reversed(list(runs[runs.index < start].items())):
            if value < 3.0 * before:
                break
            start = moment
    return _plain(start)


def _last_effect(signs: Signs, cause: str) -> datetime | None:
    """Return when the cause's effect ended, None while it is there."""
    frame = signs.flow.frame
    whole_end = frame.index[-1] + timedelta(seconds=signs.flow.period_s)
    if cause == "arrival_surge" and signs.surge is not None:
        end = _plain(signs.surge.end)
        return None if whole_end - end <= timedelta(seconds=3 * signs.flow.period_s) else end
    if cause == "throttled" and signs.throttles is not None:
        return (
            None if signs.throttles.open or signs.flow.settings.reserved_concurrency else signs.throttles.end
        )
    if cause == "mapping_disabled" and signs.starved is not None:
        return None if signs.starved.open else signs.starved.end
    if cause == "visibility_misconfig" and signs.surplus is not None:
        limit, longest = signs.flow.settings.visibility_timeout_s, frame["duration_max_s"].dropna()
        short = limit is not None and len(longest) and limit < float(longest.quantile(0.9))
        return None if short else _plain(signs.surplus.end)
    if signs.failures is None:
        return _end_without_failures(signs, cause)
    return None if _still_failing(signs) else _plain(signs.failures.end)


def _end_without_failures(signs: Signs, cause: str) -> datetime | None:
    """Return the end of slow runs, else of the backlog; None while open."""
    if cause == "downstream_slow" and signs.slow is not None:
        later = signs.flow.frame["invocations"][signs.flow.frame.index >= signs.slow.end]
        return _plain(signs.slow.end) if float(later.fillna(0.0).sum()) > 0 else None
    worst = signs.worst
    return None if worst is None or worst.open else worst.end


def _still_failing(signs: Signs) -> bool:
    """Tell whether failures had not ended: no good run since, or the next one was not due yet."""
    assert signs.failures is not None
    frame = signs.flow.frame
    failing = frame.index[(frame["errors"].fillna(0.0) > 0) & (frame.index >= signs.failures.start)]
    later = frame[frame.index >= signs.failures.end]
    good = float((later["invocations"] - later["errors"].fillna(0.0)).fillna(0.0).sum())
    if good == 0:
        return True
    if signs.passed_share is None or signs.passed_share < 0.15 or len(failing) < 3:
        return False
    gaps = sorted(after - before for before, after in pairwise(failing))
    usual = gaps[int(0.9 * (len(gaps) - 1))]
    end = frame.index[-1] + timedelta(seconds=signs.flow.period_s)
    return bool(end - signs.failures.end <= 2 * max(usual, timedelta(minutes=30)))


def _quiet_after(signs: Signs, moment: datetime, cause: str) -> bool:
    """Tell whether the effect stopped after a change, allowing for what was under way."""
    frame = signs.flow.frame[signs.flow.frame.index > moment + timedelta(minutes=30)]
    if cause == "throttled":
        return float(frame["throttles"].fillna(0.0).sum()) == 0.0
    if cause == "mapping_disabled":
        return float(frame["received"].fillna(0.0).sum()) > 0
    if cause == "visibility_misconfig":
        return signs.surplus is None or signs.surplus.end <= moment + timedelta(hours=1)
    runs = float(frame["invocations"].fillna(0.0).sum())
    return runs > 0 and float(frame["errors"].fillna(0.0).sum()) <= 0.05 * runs


def _plain(moment: Any) -> datetime:
    return moment.to_pydatetime() if hasattr(moment, "to_pydatetime") else moment  # type: ignore[no-any-return]
