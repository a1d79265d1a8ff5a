"""Which alarm would have told first, and what would have spared it, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from watchme_analysis.analysis.alarms.lessons import FLAPS
from watchme_analysis.analysis.backlog.dead_letter_stock import dead_lettered_by
from watchme_analysis.analysis.backlog.flows import Flow
from watchme_analysis.hypotheses.base import Diagnosis
from watchme_analysis.views.display import duration, local_time
from watchme_analysis.wording import counted

if TYPE_CHECKING:
    import pandas as pd

_BY_TIME = ["minutes_after_start", "times_raised"]


def alarm_advice(
    frame: pd.DataFrame, start: datetime | None, affected: Iterable[Flow], dead_letters: int, zone: tzinfo
) -> tuple[str, ...]:
    """Return which alarm to have first, a sentence each.

    Parameters
    ----------
    frame
        What the alarms did, as :func:`watchme_analysis.analysis.alarms.trials.tried_frame` returns it.
    start
        Start of the incident, None without one.
    affected
        The flows of the incident, whose dead letters are counted until the alarm rang.
    dead_letters
        Messages that it moved to dead-letter queues.
    zone
        Zone of the times told.
    """
    useful = frame[frame["minutes_after_start"].notna() & (frame["false_a_week"] == 0)]
    if not len(useful):
        if len(frame) and frame["times_raised"].isna().all():
            return ("None of these alarms could be tried: the case holds nothing of what they watch.",)
        if start is not None and frame["first"].isna().all():
            return ("None of these alarms would have rung.",)
        if start is not None:
            return ("None of these alarms would have told of the incident without ringing in vain as well.",)
        vain = frame[frame["false_a_week"].fillna(0) > 0]["alarm"].unique()
        return (f"Nothing happened: {', '.join(vain) or 'no alarm'} would have rung in vain.",)
    calm = useful[useful["times_raised"] < FLAPS]
    best = (calm if len(calm) else useful).sort_values(_BY_TIME, kind="stable").iloc[0]
    said = [
        f"The first to tell, without ringing in vain{' or again and again' * bool(len(calm))}, is "
        f"{best['alarm']} on {best['resource']}, {_after(best)} after the start, at "
        f"{local_time(best['first'], zone, seconds=False)}, with {_pages(best)} in this window."
    ]
    by_then = min(dead_lettered_by(affected, best["first"]), dead_letters)
    if dead_letters:
        said.append(
            f"By then {by_then:,d} of {counted(dead_letters, 'message')} were seen in dead-letter queues; "
            f"{'the other ' * bool(by_then)}{dead_letters - by_then:,d} could still be kept from them."
        )
    sooner = useful[useful["minutes_after_start"] < best["minutes_after_start"]]
    said += [
        f"{row['alarm']} on {row['resource']} rings {_after(row)} after the start, but {_pages(row)} for "
        "one incident teach people not to listen: see what would be better."
        for _, row in sooner.sort_values(_BY_TIME, kind="stable").head(1).iterrows()
    ]
    quiet = useful.sort_values(["times_raised", "minutes_after_start"], kind="stable").iloc[0]
    if quiet["alarm"] != best["alarm"]:
        said.append(
            f"The quietest is {quiet['alarm']} on {quiet['resource']}: {_pages(quiet)}, the first "
            f"{_after(quiet)} after the start."
        )
    return tuple(said)


def spared_by_a_check(found: Diagnosis, zone: tzinfo) -> tuple[str, ...]:
    """Return what a check after a change of the function would have spared; nothing where none broke it."""
    change, dead_letters = found.extra.get("change"), found.extra.get("dead_letters_of_incident", 0)
    if found.cause != "consumer_failing" or change is None or not dead_letters:
        return ()
    moment = local_time(datetime.fromisoformat(str(change["time"])), zone, seconds=False)
    return (
        f"It began with {change['what']} on {change['resource']} at {moment}: one message tried right "
        f"after it, and the change taken back when that failed, would have kept all "
        f"{counted(dead_letters, 'message')} from the dead-letter queue.",
    )


def _after(row: pd.Series) -> str:
    return duration(float(row["minutes_after_start"]) * 60)


def _pages(row: pd.Series) -> str:
    return counted(int(row["times_raised"]), "page")
