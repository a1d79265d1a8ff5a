"""Tables of the backlog page that combine several columns of a frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.display import TableView, cell, table
from watchme_analysis.present.style import mark_letter
from watchme_analysis.queues.baseline import has_moved
from watchme_analysis.queues.redrive_list import FILE, MAY_HAVE_RUN, RedriveList
from watchme_analysis.text.formats import counted, format_duration, format_number, format_time

if TYPE_CHECKING:
    import pandas as pd


_EFFECT = "Effect: probability that a point from then on lies above one from before (0.5: equal)."
_SURPRISE = (
    "Surprise ranks the hour among the days before: 4.7 is like one in a hundred for its level, spread and "
    "change at once."
)
_MOST_ONSETS = 15
_ONSETS = {
    "queue": "queue",
    "function": "function",
    "metric": "metric",
    "onset": "moved at",
    "onset_earliest": "not before",
    "uncertainty_s": "within",
    "direction": "direction",
    "baseline": "before",
    "value": "then",
    "effect": "effect",
    "surprise": "surprise",
}


def comparison_table(frame: pd.DataFrame, rates: pd.DataFrame, affected: Collection[str] = ()) -> TableView:
    """Return the comparison of baseline and incident for the metrics of queues and functions.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.backlog.frames.baseline_comparison`.
    rates
        Frame of :func:`watchme_analysis.queues.baseline.rates`.
    affected
        Resources listed first, with all of their metrics; of other resources only metrics that changed.
    """
    per_h = {(row.resource, row.metric): row for row in rates.itertuples()}
    shown = [row for row in frame.itertuples() if row.resource in affected or _moved(row)]
    shown.sort(key=lambda row: row.resource not in affected)
    ranked = bool(frame["rank"].notna().any())
    rows = []
    for row in shown:
        rate = per_h.get((row.resource, row.metric))
        rows.append(
            (
                str(row.resource),
                str(row.metric),
                f"{row.baseline_points:,d} → {row.incident_points:,d}",
                "" if rate is None else _change(rate.baseline_per_h, rate.incident_per_h, None),
                "" if rate is None else _change(rate.baseline_total, rate.incident_total, None),
                _change(row.baseline_median, row.incident_median, row.unit),
                _change(row.baseline_p90, row.incident_p90, row.unit),
                _number(row.effect, 2),
                *([_number(row.rank, 2)] if ranked else []),
            )
        )
    heads = (
        "queue or function", "metric", "points", "per hour", "total", "median of points", "p90 of points",
        "effect", *(["unusual"] if ranked else []),
    )  # fmt: skip
    note = "No rows: no incident to compare, or no metrics."
    if rows:
        note = "Effect: probability that a point of the incident lies above one of the baseline (0.5: equal)."
    if ranked:
        note += " Unusual: share of the metric's own past windows that were nearer to the baseline."
    if len(shown) < len(frame):
        note += f" Left out: {counted(len(frame) - len(shown), 'metric')} that did not move."
    caption = "Before the incident → during the incident"
    return TableView(caption, heads, tuple(rows), note, frozenset(range(2, len(heads))))


def onset_table(frame: pd.DataFrame, zone: tzinfo, end: datetime | None = None) -> TableView:
    """Return the order in which metrics changed, each value in its unit.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.backlog.frames.onset_order`.
    zone
        Zone of the times.
    end
        End of the incident; later onsets are named below the table. None while it is open.
    """
    later = frame.iloc[:0] if end is None else frame[frame["onset"] >= end]
    frame = frame if end is None else frame[frame["onset"] < end]
    shown = frame.assign(
        **{side: list(map(_in_unit, frame[side], frame["metric"])) for side in ("baseline", "value")}
    )
    heads = {name: head for name, head in _ONSETS.items() if name != "surprise" or frame[name].notna().any()}
    empty = "no metric of an affected queue left its usual range"
    evaluated = table(shown, "What moved first", zone, heads, limit=_MOST_ONSETS, empty=empty)
    values = {place for place, head in enumerate(evaluated.heads) if head in ("before", "then")}
    after = [
        f"{row.metric} of {row.function or row.queue}" for row in later.fillna({"function": ""}).itertuples()
    ]
    outside = f"Moved after the incident's end, and so no part of it: {', '.join(after)}."
    notes = [evaluated.note, *([_EFFECT] if evaluated.rows else [])] + [_SURPRISE] * (
        "surprise" in evaluated.heads
    )
    notes += [outside] if after else []
    return replace(evaluated, numeric=evaluated.numeric | values, note=" ".join(filter(None, notes)))


def _in_unit(value: Any, metric: Any) -> str:
    return _with_unit(value, str(metric).rpartition("_")[2])


def missed_work_table(work: Iterable[Collection[str]], unread: Sequence[str] = ()) -> TableView:
    """Return the work items that were missed, by device.

    Parameters
    ----------
    work
        Pairs of a device and a day or moment, as ``missed_work`` of a backlog diagnosis.
    unread
        Files of messages that could not be read.
    """
    by_device: dict[str, list[str]] = {}
    for device, when in work:
        by_device.setdefault(str(device), []).append(str(when))
    rows = tuple(
        (device, f"{len(times):,d}", ", ".join(times[:_NAMED]) + (", …" if len(times) > _NAMED else ""))
        for device, times in sorted(by_device.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    )
    note = "" if rows else "No work item is known to be missed."
    if unread:
        note = f"{', '.join(unread)} could not be read: how much work its messages hold is unknown."
    return TableView(
        "Work that was missed, by device", ("device", "items", "which"), rows, note, frozenset({1})
    )


def redrive_table(found: RedriveList) -> TableView:
    """Return the number of messages to redrive, and the number left out by reason.

    Parameters
    ----------
    found
        From :func:`watchme_analysis.queues.redrive_list.messages_to_redrive`.
    """
    sure = len(found.lines) - found.may_have_run
    rows = [("redrive", f"{sure:,d}", "the work was never done")] if sure else []
    if found.may_have_run:
        rows += [("redrive", f"{found.may_have_run:,d}", MAY_HAVE_RUN)]
    rows += [("leave out", f"{number:,d}", reason) for reason, number in found.left_out]
    note = "No message was read from a dead-letter queue." if not rows else "No message is left to redrive."
    if found.lines:
        note = (
            "`watchme redrive CASE` lists them as JSON Lines for `aws sqs send-message --cli-input-json`; a "
            f"report has them beside its page, in {FILE}. Remove the cause first, then send one message as a "
            "test: `watchme redrive CASE --send 1`."
        )
    if found.without_url:
        note += f" Fill in the URL of {', '.join(found.without_url)}: its attributes are not in the case."
    return TableView(
        "Redrive of messages in dead-letter queues",
        ("", "messages", "why"),
        tuple(rows),
        note,
        frozenset({1}),
    )


_NAMED = 10


def _moved(row: Any) -> bool:
    import pandas as pd

    effect = None if pd.isna(row.effect) else float(row.effect)
    return has_moved(effect, row.baseline_points, row.incident_points)


def change_table(frame: pd.DataFrame, zone: tzinfo) -> TableView:
    """Return the recorded changes under their letters in the timeline.

    Parameters
    ----------
    frame
        Frame of :func:`watchme_analysis.backlog.frames.changes_near`, in order of time.
    zone
        Zone of the times.
    """
    rows = tuple(
        (
            mark_letter(place),
            format_time(row.time.to_pydatetime(), zone),
            cell(row.what, zone),
            cell(row.resource, zone),
            cell(row.user, zone),
            _before(row.minutes_before_start),
            cell(row.could_cause, zone).replace("_", " "),
            "named as what began it" if bool(row.named) else "",
        )
        for place, row in enumerate(frame.itertuples())
    )
    heads = ("mark", "time", "what", "on", "who", "against the start", "could cause", "diagnosis")
    note = "" if rows else "No change is recorded in this window."
    return TableView(f"Changes (times in {zone})", heads, rows, note)


def alarm_table(alarms: Iterable[Mapping[str, Any]], start: datetime | None, zone: tzinfo) -> TableView:
    """Return the time at which each standard alarm would first have fired, evaluated over a sliding window.

    Parameters
    ----------
    alarms
        ``alarms`` of a backlog diagnosis.
    start
        Start of the incident, to count the delay from.
    zone
        Zone of the times.
    """
    evaluated = [(alarm, _moment(alarm["sliding"]["first"])) for alarm in alarms]
    fired = sorted(
        ((moment, alarm) for alarm, moment in evaluated if moment is not None), key=lambda pair: pair[0]
    )
    noted = any(alarm.get("note") for _, alarm in fired)
    rows = tuple(
        (
            str(alarm["alarm"]),
            cell(alarm["resource"], zone),
            format_time(moment, zone),
            format_duration(moment - start) if start else "–",
            cell(int(alarm["sliding"]["times_raised"]), zone),
            "yes" if alarm["sliding"]["in_alarm_at_end"] else "no",
            *([str(alarm.get("note") or "")] if noted else []),
        )
        for moment, alarm in fired
    )
    heads = (
        "alarm", "resource", "would first have fired", "after the start", "times raised",
        "in alarm at the end", *(["note"] if noted else []),
    )  # fmt: skip
    note = (
        f"Never fired: {counted(len(evaluated) - len(rows), 'further alarm')} of {len(evaluated)}. "
        "Each alarm is evaluated every minute over a sliding window, which is CloudWatch's default, as by "
        "`watchme alarms backtest`."
    )
    return TableView(
        f"Alarms (times in {zone})", heads, rows, note if evaluated else "No alarm could be evaluated."
    )


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _change(before: Any, during: Any, unit: Any) -> str:
    known = [_with_unit(value, unit) for value in (before, during)]
    return f"{known[0]} → {known[1]}"


def _with_unit(value: Any, unit: Any) -> str:
    text = _number(value)
    if text == "–" or not isinstance(unit, str):
        return text
    if unit in ("s", "seconds"):
        return format_duration(float(value))
    return f"{text} %" if unit in ("pct", "%") else text


def _number(value: Any, digits: int = 3) -> str:
    import pandas as pd

    return "–" if pd.isna(value) else format_number(float(value), digits)


def _before(minutes: Any) -> str:
    import pandas as pd

    if pd.isna(minutes):
        return "–"
    return f"{format_duration(abs(float(minutes)) * 60)} {'before' if minutes >= 0 else 'after'}"
