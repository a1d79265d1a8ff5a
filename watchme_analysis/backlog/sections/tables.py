"""Tables of the backlog page that combine several columns of a frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.inference.causes import cause_names
from watchme_analysis.present.display import TableView, cell, column_heads, table, with_zone
from watchme_analysis.present.style import mark_letter
from watchme_analysis.queues.baseline import has_moved
from watchme_analysis.queues.redrive_list import FILE, RedriveList
from watchme_analysis.text.formats import format_number, format_time
from watchme_analysis.text.message import (
    Code,
    Duration,
    Message,
    Phrases,
    Resource,
    Translated,
    message,
    sentences,
)
from watchme_analysis.text.render import duration_label, label, render, value_label

if TYPE_CHECKING:
    import pandas as pd


_MOST_ONSETS = 15
# Headings by column, as the catalogues name them.
_ONSETS = {
    "queue": "queue",
    "function": "function",
    "metric": "metric",
    "onset": "onset",
    "onset_earliest": "not-before",
    "uncertainty_s": "within",
    "direction": "direction",
    "baseline": "before",
    "value": "after",
    "effect": "effect",
    "surprise": "surprise",
}


def comparison_table(frame: pd.DataFrame, affected: Collection[str] = (), language: str = "en") -> TableView:
    """Return the comparison of baseline and incident for the metrics of queues and functions.

    Affected resources come first, with all of their metrics; of others only metrics that changed. The frame
    is that of :func:`watchme_analysis.queues.baseline.baseline_comparison`.
    """
    shown = [row for row in frame.itertuples() if row.resource in affected or _moved(row)]
    shown.sort(key=lambda row: row.resource not in affected)
    ranked = bool(frame["rank"].notna().any())
    rows = [
        (
            str(row.resource),
            value_label("queue-metric", str(row.metric), language),
            f"{row.baseline_points:,d} → {row.incident_points:,d}",
            _change(row.baseline_per_h, row.incident_per_h, None, language),
            _change(row.baseline_total, row.incident_total, None, language),
            _change(row.baseline_median, row.incident_median, row.unit, language),
            _change(row.baseline_p90, row.incident_p90, row.unit, language),
            _number(row.effect, 2),
            *([_number(row.rank, 2)] if ranked else []),
        )
        for row in shown
    ]
    names = (
        "queue-or-function", "metric", "points", "per-hour", "total", "median", "p90", "effect",
        *(["unusual"] if ranked else []),
    )  # fmt: skip
    heads = tuple(label(f"column-{name}", language) for name in names)
    notes = [message("comparison-effect" if rows else "comparison-empty")]
    notes += [message("comparison-unusual")] if ranked else []
    if len(shown) < len(frame):
        notes.append(message("comparison-left-out", metrics=len(frame) - len(shown)))
    caption, note = label("comparison-caption", language), _note(notes, language)
    return TableView(caption, heads, tuple(rows), note, frozenset(range(2, len(heads))))


def _note(messages: Iterable[Message], language: str) -> str:
    return render(sentences(*messages), language)


def onset_table(
    frame: pd.DataFrame, zone: tzinfo, end: datetime | None = None, language: str = "en"
) -> TableView:
    """Return the order in which metrics changed, each value in its unit.

    Onsets after the end of the incident are named below the table. The frame is that of
    :func:`watchme_analysis.backlog.onset_order.onset_order`.
    """
    later = frame.iloc[:0] if end is None else frame[frame["onset"] >= end]
    frame = frame if end is None else frame[frame["onset"] < end]
    shown = frame.assign(
        **{
            side: [
                _in_unit(value, metric, language)
                for value, metric in zip(frame[side], frame["metric"], strict=True)
            ]
            for side in ("baseline", "value")
        },
        direction=[value_label("direction", str(each), language) for each in frame["direction"]],
        metric=[value_label("queue-metric", str(each), language) for each in frame["metric"]],
    )
    ranked = bool(frame["surprise"].notna().any())
    heads = column_heads(
        {name: head for name, head in _ONSETS.items() if name != "surprise" or ranked}, language
    )
    evaluated = table(
        shown,
        label("onsets-caption", language),
        zone,
        heads,
        limit=_MOST_ONSETS,
        empty=label("onsets-empty", language),
        language=language,
    )
    sides = {heads["baseline"], heads["value"]}
    values = {place for place, head in enumerate(evaluated.heads) if head in sides}
    after = [
        f"{value_label('queue-metric', str(row.metric), language)} ({row.function or row.queue})"
        for row in later.fillna({"function": ""}).itertuples()
    ]
    notes = [message("onsets-effect")] if evaluated.rows else []
    notes += [message("onsets-surprise")] if ranked else []
    notes += [message("onsets-after-end", metrics=after)] if after else []
    note = f"{evaluated.note} {_note(notes, language)}".strip()
    return replace(evaluated, numeric=evaluated.numeric | values, note=note)


def _in_unit(value: Any, metric: Any, language: str) -> str:
    return _with_unit(value, str(metric).rpartition("_")[2], language)


def missed_work_table(
    work: Iterable[Collection[str]] | None,
    unit: Translated,
    unread: Sequence[str] = (),
    language: str = "en",
    *,
    perhaps_done: bool = False,
) -> TableView:
    """Return the work that was missed, by what it is about.

    ``work`` holds pairs of an item and a day or moment, as ``missed_work`` of a diagnosis, or is None where
    unknown. ``unit`` is what an item is called, and ``unread`` names files of messages that could not be
    read.
    """
    by_item: dict[str, list[str]] = {}
    for item, when in work or ():
        by_item.setdefault(str(item), []).append(str(when))
    rows = tuple(
        (item, f"{len(times):,d}", ", ".join(times[:_NAMED]) + (", …" if len(times) > _NAMED else ""))
        for item, times in sorted(by_item.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    )
    note = (
        "" if rows else label("missed-work-none" if work is not None else "missed-work-not-known", language)
    )
    if rows and perhaps_done:
        note = label("missed-work-perhaps-done", language)
    if unread:
        note = f"{note} {render(message('missed-work-unread', files=unread), language)}".strip()
    heads = (
        label("column-unit", language, unit=unit),
        *(label(f"column-{name}", language) for name in ("items", "which")),
    )
    caption = render(message("missed-work-caption", unit=unit), language)
    return TableView(caption, heads, rows, note, frozenset({1}))


def redrive_table(found: RedriveList, language: str = "en", case: str = "CASE") -> TableView:
    """Return the number of messages to redrive, and the number left out by reason."""
    sure = len(found.lines) - found.may_have_run
    listed, left = (label(f"redrive-{name}", language) for name in ("listed", "left-out"))
    rows = [(listed, f"{sure:,d}", label("redrive-never-done", language))] if sure else []
    if found.may_have_run:
        rows += [(listed, f"{found.may_have_run:,d}", label("redrive-may-have-run", language))]
    rows += [
        (left, f"{number:,d}", label(f"redrive-{reason}", language)) for reason, number in found.left_out
    ]
    notes = [message("redrive-nothing-read" if not rows else "redrive-nothing-left")]
    if found.lines:
        how = message(
            "redrive-how",
            list=Code(f"watchme redrive {case}"),
            send=Code("aws sqs send-message --cli-input-json"),
            file=Resource(FILE),
            test=Code(f"watchme redrive {case} --apply --limit 1"),
        )
        notes = [how]
    if found.without_url:
        notes.append(message("redrive-without-url", queues=found.without_url))
    heads = ("", *(label(f"column-{name}", language) for name in ("messages", "reason")))
    caption = label("redrive-caption", language)
    return TableView(caption, heads, tuple(rows), _note(notes, language), frozenset({1}))


_NAMED = 10


def _moved(row: Any) -> bool:
    import pandas as pd

    effect = None if pd.isna(row.effect) else float(row.effect)
    return has_moved(effect, row.baseline_points, row.incident_points)


def change_table(frame: pd.DataFrame, zone: tzinfo, language: str = "en") -> TableView:
    """Return the recorded changes, in order of time, under their letters in the timeline.

    The frame is that of :func:`watchme_analysis.backlog.frames.changes_near`.
    """
    rows = tuple(
        (
            mark_letter(place),
            format_time(row.time.to_pydatetime(), zone),
            render(row.description, language),
            cell(row.resource, zone),
            cell(row.user, zone),
            _before(row.minutes_before_start, language),
            _causes(row.could_cause, language),
            label("changes-named", language) if bool(row.named) else "",
        )
        for place, row in enumerate(frame.itertuples())
    )
    names = ("mark", "time", "change", "resource", "user", "relative-to-start", "could-cause", "diagnosis")
    heads = tuple(label(f"column-{name}", language) for name in names)
    note = "" if rows else label("changes-none", language)
    return TableView(with_zone(label("changes-caption", language), zone, language), heads, rows, note)


def alarm_table(
    alarms: Iterable[Mapping[str, Any]], start: datetime | None, zone: tzinfo, language: str = "en"
) -> TableView:
    """Return when each standard alarm would first have fired over a sliding window, and the delay."""
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
            duration_label(moment - start, language) if start else "–",
            cell(int(alarm["sliding"]["times_raised"]), zone),
            cell(bool(alarm["sliding"]["in_alarm_at_end"]), zone, language),
            *([render(alarm.get("note") or "", language, zone)] if noted else []),
        )
        for moment, alarm in fired
    )
    names = (
        "alarm", "resource", "first-fired", "after-start", "times-raised", "in-alarm-at-end",
        *(["note"] if noted else []),
    )  # fmt: skip
    heads = tuple(label(f"column-{name}", language) for name in names)
    unevaluated = sum(alarm["sliding"]["times_raised"] is None for alarm, _ in evaluated)
    never = message(
        "alarms-never-fired",
        never=len(evaluated) - len(rows) - unevaluated,
        alarms=len(evaluated),
        command=Code("watchme alarms backtest"),
    )
    notes = (
        never if len(evaluated) > unevaluated else None,
        message("alarms-without-metric", alarms=unevaluated) if unevaluated else None,
    )
    note = render(sentences(*notes) if evaluated else message("alarms-none"), language)
    return TableView(with_zone(label("alarms-caption", language), zone, language), heads, rows, note)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _change(before: Any, during: Any, unit: Any, language: str) -> str:
    """Return a value before and during an incident; empty where neither is known."""
    known = [_with_unit(value, unit, language) for value in (before, during)]
    return "" if set(known) == {"–"} else f"{known[0]} → {known[1]}"


def _with_unit(value: Any, unit: Any, language: str) -> str:
    text = _number(value)
    if text == "–" or not isinstance(unit, str):
        return text
    if unit in ("s", "seconds"):
        return duration_label(float(value), language)
    return f"{text} %" if unit in ("pct", "%") else text


def _number(value: Any, digits: int = 3) -> str:
    import pandas as pd

    return "–" if pd.isna(value) else format_number(float(value), digits)


def _causes(ids: Any, language: str) -> str:
    """Return the names of causes, whose ids are separated by commas; an en dash without any."""
    import pandas as pd

    if pd.isna(ids) or not ids:
        return "–"
    names = cause_names("backlog")
    said = (names.get(one, one) for one in str(ids).split(", "))
    return render(message("value", value=Phrases(tuple(said))), language)


def _before(minutes: Any, language: str) -> str:
    import pandas as pd

    if pd.isna(minutes):
        return "–"
    time = Duration(abs(float(minutes)) * 60)
    return render(message("changes-before" if minutes >= 0 else "changes-after", time=time), language)
