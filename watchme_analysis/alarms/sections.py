"""Figures, tables and sentences on back-tested alarms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.advice import FLAPS
from watchme_analysis.alarms.specification import threshold_label
from watchme_analysis.inference.findings import Diagnosis
from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView, TableView, cell, with_zone
from watchme_analysis.queues.dlq_stock import dead_lettered_by
from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.text.formats import format_number, format_time
from watchme_analysis.text.message import Choice, Duration, Names, Resource, message, sentences, value_of
from watchme_analysis.text.render import duration_label, label, note, render

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from watchme_analysis.alarms.advice import Advice

_ROW_IN = 0.3
_PANEL_IN = 1.75
_MARKERS = ("o", "s", "^")
MAX_ALARMS_DRAWN = 6
# Alignment and offset of the number beside a marker; the markers of one threshold are side by side.
_BESIDE: tuple[tuple[Any, tuple[int, int]], ...] = (("right", (-3, 3)), ("center", (0, 4)), ("left", (3, 3)))


def plot_alarm_times(
    bars: Sequence[tuple[str, Sequence[tuple[datetime, datetime | None]]]],
    span: style.AxisSpan,
    noticed: datetime | None = None,
) -> FigureView:
    """Return a figure of the times in alarm, one row per alarm and resource.

    ``bars`` are a label, and start and end of each ALARM interval; the end is None while still in alarm. The
    time at which people noticed is a dotted line.
    """
    if not bars:
        return style.empty_figure("alarms", message("alarms-none-fired"), span.language)
    figure, (axis,) = style.new_figure([0.9 + _ROW_IN * len(bars)])
    style.time_axis([axis], span)
    for place, (_, raised) in enumerate(bars):
        for begin, cleared in raised:
            left, right = style.day_number(begin), style.day_number(cleared or span.window.end)
            axis.barh(
                place,
                right - left,
                left=left,
                height=0.5,
                color=style.RED,
                edgecolor=style.RED,
                linewidth=0.3,
            )
    words = style.drawn_language(span.language)
    labels = ["\n".join(style.row_label(line, words) for line in name.splitlines()) for name, _ in bars]
    axis.set_yticks(range(len(bars)), labels)
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    if noticed is not None:
        axis.axvline(style.day_number(noticed), color=style.BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    style.title(axis, label("alarms-panel" if noticed is None else "alarms-panel-noticed", words))
    first = ", ".join(f"{' / '.join(name.splitlines())} ({len(raised)} ×)" for name, raised in bars)
    return style.finish(figure, "alarms", label("alarms-alt", span.language, alarms=first))


def plot_alarm_sensitivity(frame: pd.DataFrame, language: str = "en") -> FigureView:
    """Return a figure of the delay of each alarm against its threshold, one line per M of N.

    ``frame`` is that of ``sensitivity.sensitivity``. Alarms that never fire for the incident are left out.
    """
    words = style.drawn_language(language)
    fired = frame[frame["minutes_after_start"].notna()] if len(frame) else frame
    chosen = list(dict.fromkeys(zip(fired["alarm"], fired["resource"], strict=True)))[:MAX_ALARMS_DRAWN]
    if not chosen:
        return style.empty_figure("sensitivity", message("sensitivity-none"), language)
    figure, axes = style.new_figure([_PANEL_IN] * len(chosen))
    for axis, (alarm, resource) in zip(axes, chosen, strict=True):
        rows = frame[(frame["alarm"] == alarm) & (frame["resource"] == resource)]
        _panel(axis, rows, words)
        style.title(axis, f"{alarm}, {resource}")
    axes[-1].set_xlabel(label("sensitivity-axis", words))
    return style.finish(figure, "sensitivity", _alt(fired, chosen, language))


def _panel(axis: Axes, rows: pd.DataFrame, language: str) -> None:
    from matplotlib.ticker import MaxNLocator

    thresholds = sorted(rows["threshold"].unique())
    tops = rows["minutes_after_start"].dropna()
    top = float(tops.max()) if len(tops) and float(tops.max()) > 0 else 1.0
    never = top * 1.3
    pairs = sorted(set(zip(rows["datapoints_to_alarm"], rows["evaluation_periods"], strict=True)))
    for place, (m, n) in enumerate(pairs):
        mine = rows[(rows["datapoints_to_alarm"] == m) & (rows["evaluation_periods"] == n)]
        mine = mine.sort_values("threshold")
        x = [thresholds.index(value) + (place - 1) * 0.07 for value in mine["threshold"]]
        y = [never if _is_null(value) else float(value) for value in mine["minutes_after_start"]]
        color, marker = style.SERIES[place], _MARKERS[place]
        side, offset = _BESIDE[place]
        # No line leads to "never", because it is not a value on the axis.
        fired = [math.nan if height == never else height for height in y]
        axis.plot(x, fired, color=color, linewidth=1.0)
        axis.plot(
            x,
            y,
            color=color,
            marker=marker,
            ms=4,
            linewidth=0,
            label=label("datapoints-to-alarm", language, m=int(m), n=int(n)),
        )
        for left, height, false in zip(x, y, mine["false_a_week"], strict=True):
            if not _is_null(false) and float(false) > 0:
                axis.annotate(
                    format_number(float(false), 2), (left, height), xytext=offset, textcoords="offset points",
                    ha=side, fontsize=8, color=color,
                )  # fmt: skip
    unit = str(rows["threshold_unit"].iloc[0])
    shown = [threshold_label(format_number(float(value)), unit, language) for value in thresholds]
    axis.set_xticks(range(len(thresholds)), shown)
    axis.set_xlim(-0.5, len(thresholds) - 0.5)
    axis.set_ylim(0, never * 1.15)
    ticks = [float(tick) for tick in MaxNLocator(3).tick_values(0, top) if 0 <= tick <= top * 1.1]
    axis.set_yticks([*ticks, never], [*map(format_number, ticks), label("sensitivity-never", language)])
    axis.set_ylabel(label("sensitivity-delay", language))
    style.legend(axis)


def _is_null(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _alt(fired: pd.DataFrame, chosen: Sequence[tuple[str, str]], language: str) -> str:
    parts = []
    for alarm, resource in chosen:
        minutes = fired[(fired["alarm"] == alarm) & (fired["resource"] == resource)]["minutes_after_start"]
        low, high = (duration_label(float(value) * 60, language) for value in (minutes.min(), minutes.max()))
        span = low if low == high else label("losses-between", language, start=low, end=high)
        parts.append(label("sensitivity-alt-alarm", language, alarm=alarm, resource=resource, after=span))
    return label("sensitivity-alt", language, alarms="; ".join(parts))


_NAMED = 4


def backtest_table(
    frame: pd.DataFrame, zone: tzinfo, language: str = "en", *, existing: bool = False
) -> TableView:
    """Return a table of the alarms that fired, the earliest for the incident first.

    ``frame`` is that of ``trials.backtest_frame``, or of ``sensitivity.sensitivity``, whose rows also have
    their settings. ``existing`` alarms are those of the account, others those of a specification.
    """
    import pandas as pd

    is_swept = "threshold_unit" in frame
    fired = frame[frame["times_raised"].fillna(0) > 0]
    if is_swept:  # the settings of an alarm on a resource, one below the other
        places = fired.groupby(["alarm", "resource"], sort=False).ngroup()
        fired = fired.iloc[places.argsort(kind="stable")]
    else:
        fired = fired.sort_values(["minutes_after_start", "first"], kind="stable", na_position="last")
    noted, led = fired["note"].ne("").any(), fired["lead_minutes"].notna().any()
    rows = tuple(
        (
            str(row.alarm),
            str(row.resource),
            *(_setting(row, language) if is_swept else ()),
            format_time(row.first, zone, seconds=False),
            label("alarm-still", language)
            if pd.isna(row.cleared)
            else format_time(row.cleared, zone, seconds=False),
            _minutes(row.minutes_after_start, language),
            *([_minutes(row.lead_minutes, language)] if led else []),
            cell(int(row.times_raised), zone),
            format_number(float(row.false_a_week), 2),
            *([render(row.note, language, zone)] if noted else []),
        )
        for row in fired.itertuples()
    )
    heads = _heads(
        language,
        *("alarm", "resource"),
        *(["threshold", "m-of-n"] if is_swept else []),
        *("first-fired", "then-cleared", "after-the-start"),
        *(["before-people"] if led else []),
        *("times-fired", "false-a-week"),
        *(["note"] if noted else []),
    )
    first_number = 6 if is_swept else 4
    numeric = frozenset(range(first_number, first_number + 3 + led))
    caption = label("existing-alarms-caption" if existing else "backtest-caption", language)
    return TableView(with_zone(caption, zone, language), heads, rows, _silent(frame, language), numeric)


def _setting(row: Any, language: str) -> tuple[str, str]:
    """Return threshold and M of N of a row of ``sensitivity.sensitivity``."""
    threshold = threshold_label(f"{row.threshold:,g}", row.threshold_unit, language)
    m, n = int(row.datapoints_to_alarm), int(row.evaluation_periods)
    return threshold, label("datapoints-to-alarm", language, m=m, n=n)


def _heads(language: str, *names: str) -> tuple[str, ...]:
    return tuple(label(f"column-{name}", language) for name in names)


def _silent(frame: pd.DataFrame, language: str) -> str:
    """Return a text that lists the alarms that did not fire and those that could not be evaluated."""
    quiet = frame[frame["times_raised"] == 0]
    unevaluated = frame[frame["times_raised"].isna()]
    parts = []
    if len(quiet):
        parts.append(label("backtest-never-fired", language, alarms=_listed(quiet)))
    if len(unevaluated):
        reasons = list(dict.fromkeys(unevaluated["note"]))
        why = render(sentences(*reasons[:_NAMED]), language)
        parts.append(label("alarms-not-evaluated", language, alarms=_listed(unevaluated), reasons=why))
    return " ".join(parts)


def _listed(frame: pd.DataFrame) -> str:
    counts = frame["alarm"].value_counts(sort=False)
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _minutes(value: Any, language: str) -> str:
    import pandas as pd

    return duration_label(math.nan if pd.isna(value) else float(value) * 60.0, language)


def rules_table(rules: Iterable[tuple[str, str, str]], language: str = "en") -> TableView:
    """Return a table with name, rule and monitored resources of every alarm."""
    return TableView(
        label("rules-caption", language), _heads(language, "alarm", "rule", "over"), tuple(rules)
    )


def advice_table(advice: Sequence[Advice], language: str = "en") -> TableView:
    """Return a table of the advice from a back-test."""
    rows = tuple(
        (
            each.alarm,
            each.resource,
            *(render(text, language) for text in (each.finding, each.instead, each.effect)),
        )
        for each in advice
    )
    note = "" if rows else label("alarm-advice-none", language)
    heads = _heads(language, "alarm", "resource", "backtest-shows", "better", "effect-of-change")
    return TableView(label("alarm-advice-caption", language), heads, rows, note)


def ranges_table(
    frame: pd.DataFrame, assumptions: Iterable[str], zone: tzinfo, language: str = "en"
) -> TableView:
    """Return a table of the alarms whose times depend on what CloudWatch does not publish.

    ``frame`` is that of ``sensitivity.unpublished_sensitivity`` for these assumptions.
    """
    names = tuple(assumptions)
    rows = tuple(
        (
            str(row["alarm"]),
            str(row["resource"]),
            *(_first_and_count(row[f"first_{name}"], row[f"rings_{name}"], zone) for name in names),
        )
        for row in frame.to_dict("records")
    )
    heads = (*_heads(language, "alarm", "resource"), *names)
    note = label("ranges-note" if rows else "ranges-none", language)
    return TableView(with_zone(label("ranges-caption", language), zone, language), heads, rows, note)


def _first_and_count(first: Any, count: Any, zone: tzinfo) -> str:
    import pandas as pd

    when = "–" if pd.isna(first) else format_time(first, zone, seconds=False)
    return f"{when}, {cell(count, zone)} ×"


_BY_TIME = ["minutes_after_start", "times_raised"]


def alarm_advice(
    frame: pd.DataFrame,
    start: datetime | None,
    affected: Iterable[Pipeline],
    dead_letters: int,
    zone: tzinfo,
    noticed: datetime | None = None,
) -> tuple[str, ...]:
    """Return sentences that recommend the alarm to create first.

    ``frame`` is that of ``trials.backtest_frame``, ``start`` that of the incident, None without one, and
    ``noticed`` the time at which people noticed. Of the messages that the incident moved to the DLQs of
    ``affected``, those until the alarm fired are counted.
    """
    useful = frame[frame["minutes_after_start"].notna() & (frame["false_a_week"] == 0)]
    if not len(useful):
        if len(frame) and frame["times_raised"].isna().all():
            return (note("alarms-first-lacking"),)
        if start is not None and frame["first"].isna().all():
            return (note("alarms-first-none"),)
        if start is not None:
            return (note("alarms-first-only-false"),)
        vain = frame[frame["false_a_week"].fillna(0) > 0]["alarm"].unique()
        names = Names(tuple(map(str, vain)))
        return (note("alarms-first-vain", alarms=names) if len(vain) else note("alarms-first-quiet"),)
    calm = useful[useful["times_raised"] < FLAPS]
    best = (calm if len(calm) else useful).sort_values(_BY_TIME, kind="stable").iloc[0]
    lead_s = 0.0 if noticed is None else (noticed - best["first"]).total_seconds()
    said = [
        note(
            "alarms-first-best",
            **_named(best),
            noticed=Choice("later" if lead_s > 0 else "unknown"),
            lead=Duration(max(lead_s, 0.0)),
            calm=Choice("calm" if len(calm) else "repeated"),
            time=Resource(format_time(best["first"], zone, seconds=False)),
        )
    ]
    by_then = min(dead_lettered_by(affected, best["first"]), dead_letters)
    if dead_letters:
        said.append(
            note(
                "alarms-first-by-then",
                seen=by_then,
                messages=dead_letters,
                rest=Resource(f"{dead_letters - by_then:,d}"),
            )
        )
    sooner = useful[useful["minutes_after_start"] < best["minutes_after_start"]]
    said += [
        note("alarms-first-sooner", **_named(row))
        for _, row in sooner.sort_values(_BY_TIME, kind="stable").head(1).iterrows()
    ]
    quiet = useful.sort_values(["times_raised", "minutes_after_start"], kind="stable").iloc[0]
    if quiet["alarm"] != best["alarm"]:
        said.append(note("alarms-first-quietest", **_named(quiet)))
    return tuple(said)


def spared_by_a_check(found: Diagnosis, zone: tzinfo) -> tuple[str, ...]:
    """Return a sentence on the DLQ messages that a check after the breaking change would have prevented.

    The result is empty unless a change of the function caused the incident.
    """
    change, dead_letters = found.extra.get("change"), found.extra.get("dead_letters_of_incident")
    if found.cause != "consumer_failing" or change is None or not dead_letters:
        return ()
    moment = format_time(datetime.fromisoformat(str(change["time"])), zone, seconds=False)
    return (
        note(
            "alarms-spared",
            what=value_of(change["what"]),
            resource=Resource(str(change["resource"])),
            time=Resource(moment),
            messages=int(dead_letters),
        ),
    )


def _named(row: pd.Series) -> dict[str, Any]:
    """Return the alarm of a row, its delay after the start and the number of times that it fired."""
    return {
        "alarm": Resource(str(row["alarm"])),
        "resource": Resource(str(row["resource"])),
        "after": Duration(float(row["minutes_after_start"]) * 60),
        "fired": int(row["times_raised"]),
    }
