"""Figures of frames: bars of numbers, and bars of time spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.formats import MISSING, format_number
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label

if TYPE_CHECKING:
    import pandas as pd

_BAR_IN = 0.3
_AXIS_IN = 0.75
_MOST_BARS = 12


def plot_bars(  # noqa: PLR0913  a frame, its columns, and how they are drawn
    frame: pd.DataFrame,
    by: str,
    values: Mapping[str, str],
    name: str,
    language: str = "en",
    *,
    drawn: Sequence[str] = (),
    stacked: bool = True,
) -> FigureView:
    """Return a figure with the bars of each row; the first rows are drawn, without unknown values.

    ``by`` is the column with the name of a row; ``drawn`` are the names to draw, in the order of the rows,
    where the figure can't have those. ``values`` has the name of the legend's entry in the catalogues,
    without ``column-``, by column. Stacked values are parts of a whole in one bar, others bars below each
    other.
    """
    shown = frame.head(_MOST_BARS)
    if shown.empty:
        return style.empty_figure(name, message("bars-empty"), language)
    words = style.drawn_language(language)
    numbers = shown[[*values]].astype("Float64").astype("float64").fillna(0.0)
    columns = [column for column in values if numbers[column].any()]
    figure, (axis,) = style.new_figure([_AXIS_IN + _BAR_IN * len(shown)])
    height = 0.7 if stacked else 0.8 / max(1, len(columns))
    left = [0.0] * len(shown)
    for place, column in enumerate(columns):
        sizes = numbers[column].tolist()
        shift = 0.0 if stacked else (place - (len(columns) - 1) / 2) * height
        axis.barh(
            [at + shift for at in range(len(shown))],
            sizes,
            height,
            left if stacked else 0.0,
            color=style.SERIES[place % len(style.SERIES)],
            label=label(f"column-{values[column]}", words),
        )
        left = [start + size for start, size in zip(left, sizes, strict=True)]
    names = shown[by].astype("string").fillna(MISSING).tolist()
    labels = [style.row_label(text, words) for text in drawn[:_MOST_BARS] or names]
    axis.set_yticks(range(len(shown)), labels)
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    if len(values) > 1:
        style.key(figure, axis.get_legend_handles_labels()[0])
    else:
        axis.set_xlabel(label(f"column-{next(iter(values.values()))}", words))
    said = (
        ", ".join(
            f"{label(f'column-{values[column]}', language)} {format_number(row[column])}"
            for column in columns
            if row[column]
        )
        for row in numbers.to_dict("records")
    )
    alt = "; ".join(f"{text}: {numbers_said or '0'}" for text, numbers_said in zip(names, said, strict=True))
    return style.finish(figure, name, alt)


def plot_spans(
    spans: Sequence[tuple[str, datetime, datetime]], axis_span: style.AxisSpan, name: str
) -> FigureView:
    """Return a figure with a bar for each time span, below each other; the first spans are drawn."""
    shown = spans[:_MOST_BARS]
    if not shown:
        return style.empty_figure(name, message("bars-empty"), axis_span.language)
    figure, (axis,) = style.new_figure([_AXIS_IN + _BAR_IN * len(shown)])
    words = style.drawn_language(axis_span.language)
    for place, (_, start, end) in enumerate(shown):
        first, last = style.day_number(start), style.day_number(end)
        axis.plot(
            [first, (first + last) / 2, last],
            [place] * 3,
            color=style.SERIES[0],
            linewidth=7,
            solid_capstyle="butt",
        )
    axis.set_yticks(range(len(shown)), [style.row_label(text, words) for text, *_ in shown])
    axis.set_ylim(len(shown) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    style.time_axis([axis], axis_span)
    alt = "; ".join(
        f"{text}: {start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}" for text, start, end in shown
    )
    return style.finish(figure, name, alt)
