"""Tables of back-tested alarms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.views.display import Shown, cell, duration, local_time, number

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.analysis.alarms.lessons import Lesson

_NAMED = 4


def backtest_table(frame: pd.DataFrame, zone: tzinfo, caption: str = "Alarms that would have rung") -> Shown:
    """Return the alarms that rang, the earliest for the incident first.

    Parameters
    ----------
    frame
        Of :func:`watchme_analysis.analysis.alarms.trials.tried_frame`.
    zone
        Zone of the times.
    caption
        What a row is.
    """
    import pandas as pd

    rang = frame[frame["times_raised"].fillna(0) > 0].sort_values(
        ["minutes_after_start", "first"], kind="stable", na_position="last"
    )
    noted, led = rang["note"].ne("").any(), rang["lead_minutes"].notna().any()
    rows = tuple(
        (
            str(row.alarm),
            str(row.resource),
            local_time(row.first, zone, seconds=False),
            "still in alarm" if pd.isna(row.cleared) else local_time(row.cleared, zone, seconds=False),
            _minutes(row.minutes_after_start),
            *([_minutes(row.lead_minutes)] if led else []),
            cell(int(row.times_raised), zone),
            number(float(row.false_a_week), 2),
            *([str(row.note)] if noted else []),
        )
        for row in rang.itertuples()
    )
    heads = (
        "alarm", "resource", "first rang", "then cleared", "after the start",
        *(["before people"] if led else []), "pages", "in vain a week", *(["note"] if noted else []),
    )  # fmt: skip
    return Shown(f"{caption} (times in {zone})", heads, rows, _silent(frame), frozenset(range(4, 7 + led)))


def _silent(frame: pd.DataFrame) -> str:
    """Say which alarms stayed silent, and which could not be tried."""
    quiet = frame[frame["times_raised"] == 0]
    untried = frame[frame["times_raised"].isna()]
    parts = []
    if len(quiet):
        parts.append(f"Silent: {_listed(quiet)}.")
    if len(untried):
        reasons = list(dict.fromkeys(untried["note"]))
        parts.append(f"Not tried: {_listed(untried)} ({' '.join(reasons[:_NAMED])})")
    return " ".join(parts)


def _listed(frame: pd.DataFrame) -> str:
    counts = frame["alarm"].value_counts(sort=False)
    return ", ".join(f"{name} (on {count})" for name, count in counts.items())


def _minutes(value: Any) -> str:
    import pandas as pd

    return "–" if pd.isna(value) else duration(float(value) * 60.0)


def rules_table(rules: Iterable[tuple[str, str, str]]) -> Shown:
    """Return name, rule and what it stands over of every alarm that is tried."""
    return Shown("Alarms that are tried", ("alarm", "rule", "over"), tuple(rules))


def lessons_table(lessons: Sequence[Lesson]) -> Shown:
    """Return what the back-test shows to be better."""
    rows = tuple((each.alarm, each.resource, each.finding, each.instead, each.effect) for each in lessons)
    note = "" if rows else "Nothing: each alarm can do what it is for on these queues and functions."
    heads = ("alarm", "resource", "what the back-test shows", "better", "which then")
    return Shown("What would be better, and by how much", heads, rows, note)


def ranges_table(frame: pd.DataFrame, extras: Sequence[int], zone: tzinfo) -> Shown:
    """Return the alarms that the unpublished length of the evaluation range moves.

    Parameters
    ----------
    frame
        Of :func:`watchme_analysis.analysis.alarms.sensitivity.range_sensitivity`.
    extras
        Numbers of extra periods that were tried.
    zone
        Zone of the times.
    """
    rows = tuple(
        (
            str(row["alarm"]),
            str(row["resource"]),
            *(
                f"{cell(row[f'first_{extra}'], zone)}, {cell(row[f'rings_{extra}'], zone)} ×"
                for extra in extras
            ),
        )
        for row in frame.to_dict("records")
    )
    heads = ("alarm", "resource", *(f"N + {extra} periods" for extra in extras))
    spans = ", ".join(f"N + {extra}" for extra in extras)
    note = (
        "CloudWatch doesn't publish how many periods it looks at when some are missing; its examples: N + 2."
        if rows
        else f"Nothing moves: with evaluation ranges of {spans} periods every alarm rings at the same times."
    )
    caption = f"First ring and number of rings by evaluation range (times in {zone})"
    return Shown(caption, heads, rows, note)
