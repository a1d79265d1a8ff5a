"""Figures of back-tested alarms: when they would have rung, and how that moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.views import style
from watchme_analysis.views.display import Picture, duration, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_ROW_IN = 0.3
_PANEL_IN = 1.75
_MARKERS = ("o", "s", "^")
_MOST = 6
# Where the number of a mark stands: the marks of one threshold stand side by side.
_BESIDE: tuple[tuple[Any, tuple[int, int]], ...] = (("right", (-3, 3)), ("center", (0, 4)), ("left", (3, 3)))


def plot_alarm_times(
    bars: Sequence[tuple[str, Sequence[tuple[datetime, datetime | None]]]],
    span: style.Span,
    noticed: datetime | None = None,
) -> Picture:
    """Plot when each alarm was raised, one line an alarm and resource.

    Parameters
    ----------
    bars
        Label, and when it was raised and cleared (None: still in alarm).
    span
        Window, zone and incident.
    noticed
        When people noticed; a line where known.
    """
    if not bars:
        return style.nothing("alarms", "no alarm rang in this window")
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
    axis.set_yticks(range(len(bars)), [label for label, _ in bars])
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    if noticed is not None:
        axis.axvline(style.day_number(noticed), color=style.BLACK, linewidth=1.2, linestyle=(0, (1, 1)))
    style.title(axis, "in alarm" + ("" if noticed is None else " (dotted: people noticed)"))
    first = ", ".join(f"{' on '.join(label.splitlines())} ({len(raised)} ×)" for label, raised in bars)
    return style.finish(figure, "alarms", f"Times in alarm, one line each: {first}. The incident is shaded.")


def plot_alarm_sensitivity(frame: pd.DataFrame) -> Picture:
    """Plot how soon each alarm rings against its threshold, a line for each M of N.

    Parameters
    ----------
    frame
        Of :func:`watchme_analysis.analysis.alarms.sensitivity.sensitivity`; alarms that never ring for the
        incident are left out.
    """
    rung = frame[frame["minutes_after_start"].notna()] if len(frame) else frame
    chosen = list(dict.fromkeys(zip(rung["alarm"], rung["resource"], strict=True)))[:_MOST]
    if not chosen:
        return style.nothing("sensitivity", "no threshold or M of N makes an alarm ring for the incident")
    figure, axes = style.new_figure([_PANEL_IN] * len(chosen))
    for axis, (alarm, resource) in zip(axes, chosen, strict=True):
        rows = frame[(frame["alarm"] == alarm) & (frame["resource"] == resource)]
        _panel(axis, rows)
        style.title(axis, f"{alarm}, {resource}")
    axes[-1].set_xlabel("threshold; numbers beside a mark: rings in vain a week")
    return style.finish(figure, "sensitivity", _alt(rung, chosen))


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
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
        # No line leads to "never": there is nothing between.
        rung = [math.nan if height == never else height for height in y]
        axis.plot(x, rung, color=color, linewidth=1.0)
        axis.plot(x, y, color=color, marker=marker, ms=4, linewidth=0, label=f"{m} of {n}")
        for left, height, false in zip(x, y, mine["false_a_week"], strict=True):
            if not _is_null(false) and float(false) > 0:
                axis.annotate(
                    number(float(false), 2), (left, height), xytext=offset, textcoords="offset points",
                    ha=side, fontsize=8, color=color,
                )  # fmt: skip
    unit = str(rows["threshold_unit"].iloc[0])
    shown = [f"{number(float(value))} {unit}".rstrip() for value in thresholds]
    axis.set_xticks(range(len(thresholds)), shown)
    axis.set_xlim(-0.5, len(thresholds) - 0.5)
    axis.set_ylim(0, never * 1.15)
    ticks = [float(tick) for tick in MaxNLocator(3).tick_values(0, top) if 0 <= tick <= top * 1.1]
    axis.set_yticks([*ticks, never], [*map(number, ticks), "never"])
    axis.set_ylabel("min after start")
    style.legend(axis)


def _is_null(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _alt(rung: pd.DataFrame, chosen: Sequence[tuple[str, str]]) -> str:
    parts = []
    for alarm, resource in chosen:
        minutes = rung[(rung["alarm"] == alarm) & (rung["resource"] == resource)]["minutes_after_start"]
        low, high = (duration(float(value) * 60) for value in (minutes.min(), minutes.max()))
        parts.append(f"{alarm} on {resource}: {low if low == high else f'{low} to {high}'} after the start")
    return f"First ring against threshold, a line for each M of N. {'; '.join(parts)}."
