"""The evidence for an alarm: how it would have behaved in a back-test, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.advice import FLAPS
from watchme_analysis.alarms.trials import WEEK_S
from watchme_analysis.text.message import Count, Duration, Instant, Message, message

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evidence:
    """The result of one alarm on one resource, and the same in words.

    ``after_s`` is the time from the start of the incident until it fires; None when it does not fire for the
    incident. ``times`` counts how often it fires; None when it could not be evaluated. ``false`` counts false
    alarms in the window.
    """

    after_s: float | None
    times: int | None
    false: int
    sentence: Message


def evidence_of(
    frame: pd.DataFrame,
    start: datetime | None,
    span_s: float,
    affected: Container[str],
    dead: int = 0,
    dead_by: Callable[[datetime], int] = lambda _: 0,
) -> dict[tuple[str, str], Evidence]:
    """Return the evidence by alarm and resource, from the frame of :func:`.trials.backtest_frame`.

    ``start`` is that of the incident, None without one, and ``span_s`` the length of the window in seconds.
    An alarm on a resource that is not ``affected`` is not meant to fire for the incident. ``dead`` messages
    were moved to DLQs by it, and ``dead_by`` returns how many of them were there at a time.
    """
    return {
        (str(row["alarm"]), str(row["resource"])): _evidence(
            row, start if row["resource"] in affected else None, start is None, span_s, dead, dead_by
        )
        for row in frame.to_dict("records")
    }


def _evidence(
    row: Mapping[Any, Any],
    start: datetime | None,
    is_calm: bool,
    span_s: float,
    dead: int,
    dead_by: Callable[[datetime], int],
) -> Evidence:
    import pandas as pd

    if pd.isna(row["times_raised"]):
        return Evidence(None, None, 0, message("alarm-evidence-none"))
    false = 0 if pd.isna(row["false_a_week"]) else round(float(row["false_a_week"]) * span_s / WEEK_S)
    common: dict[str, Any] = {"false": Count(false), "span": Duration(span_s)}
    times = int(row["times_raised"])
    if start is None:
        return Evidence(
            None,
            times,
            false,
            message("alarm-evidence-calm" if is_calm else "alarm-evidence-elsewhere", **common),
        )
    if pd.isna(row["minutes_after_start"]):
        said = message("alarm-evidence-silent", moment=Instant(start), **common)
        return Evidence(None, times, false, said)
    after_s = float(row["minutes_after_start"]) * 60.0
    moment = start + timedelta(seconds=after_s)
    said = message(
        "alarm-evidence-fires",
        moment=Instant(moment),
        after=Duration(after_s),
        held=Count(min(dead_by(moment), dead)),
        dead=Count(dead),
        **common,
    )
    return Evidence(after_s, times, false, said)


def is_better_together(composite: Evidence | None, members: Iterable[tuple[Evidence | None, float]]) -> bool:
    """Return whether a composite alarm is better than its members, each with its period in seconds.

    It is if it fires for the incident at most one period later than the first member does, and has fewer
    false alarms, or at most half of so many notifications that people stop reacting. An alarm that was not
    back-tested has no evidence.
    """
    tested = [(each, period_s) for each, period_s in members if each is not None and each.times is not None]
    if composite is None or composite.after_s is None or composite.times is None or not tested:
        return False
    firsts = [each.after_s for each, _ in tested if each.after_s is not None]
    if not firsts or composite.after_s - min(firsts) > max(period_s for _, period_s in tested):
        return False
    false = max(each.false for each, _ in tested)
    times = sum(each.times or 0 for each, _ in tested)
    return composite.false < false or (
        composite.false <= false and times >= FLAPS and composite.times <= times / 2
    )
