"""The timeline of a backlog: arrivals, waiting messages and invocations on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.message import Duration, Number, message
from watchme_analysis.text.render import label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_HEIGHT_IN = 0.74
_COLORED = 5
_Stroke = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Panel:
    series: str
    # Counts are totals of a step, so the title states its length.
    counted: bool = False
    seconds: bool = False


PANELS = (
    _Panel("sent", counted=True),
    _Panel("deleted", counted=True),
    _Panel("visible"),
    _Panel("in_flight"),
    _Panel("age_s", seconds=True),
    _Panel("dlq_visible"),
    _Panel("invocations", counted=True),
    _Panel("errors", counted=True),
    _Panel("throttles", counted=True),
    _Panel("duration_avg_s", seconds=True),
    _Panel("duration_max_s", seconds=True),
    _Panel("cpu_pct"),
)


def plot_backlog_timeline(
    series: pd.DataFrame, span: style.AxisSpan, affected: Sequence[str] = ()
) -> FigureView:
    """Return a plot of all metrics of a backlog over time, with a panel each and a line per queue.

    A queue, its function and its DLQ share a colour and dashes. A line is interrupted where CloudWatch
    returned no point.

    Parameters
    ----------
    series
        Frame of :func:`watchme_analysis.queues.baseline.binned`.
    span
        Window, zone, incident, changes and language.
    affected
        Queues to highlight, while others are grey; the first five queues are coloured when empty.
    """
    if series.empty:
        return style.empty_figure("timeline", message("backlog-timeline-empty"), span.language)
    words = style.drawn_language(span.language)
    queues = sorted(series["queue"].unique())
    chosen = [queue for queue in affected if queue in queues][:_COLORED] or queues[:_COLORED]
    strokes = {queue: style.stroke(place) for place, queue in enumerate(chosen)}
    heights = [_HEIGHT_IN] * len(PANELS)
    figure, axes = style.new_figure(heights, share_x=True)
    style.time_axis(axes, span)
    for axis, panel in zip(axes, PANELS, strict=True):
        _draw(axis, panel, series[series["series"] == panel.series], strokes, words)
    style.key(figure, _entries(strokes, len(queues) - len(strokes), words))
    return style.finish(figure, "timeline", _alt(series, chosen, span.language))


def _draw(axis: Axes, panel: _Panel, rows: pd.DataFrame, strokes: dict[str, _Stroke], language: str) -> None:
    from matplotlib.ticker import FuncFormatter

    title = label(f"panel-{panel.series.replace('_', '-')}", language)
    if panel.counted and len(rows):
        step = Duration(float(rows["step_s"].iloc[0]))
        title = label("panel-per-step", language, title=title, step=step)
    style.title(axis, title)
    if rows.empty:
        style.absent(axis, label("absent-metric", language))
        return
    if panel.series == "cpu_pct":
        # All queues share one host.
        _line(axis, rows.drop_duplicates("time").sort_values("time"), {"color": style.BLACK}, front=True)
    else:
        for queue in sorted(rows["queue"].unique(), key=lambda name: (name in strokes, name)):
            stroke = strokes.get(queue, {"color": style.GREY})
            _line(axis, rows[rows["queue"] == queue], stroke, front=queue in strokes)
    top = float(rows["value"].max())
    if panel.seconds:
        style.linear_seconds(axis, top)
        return
    axis.set_ylim(0, top * 1.12 if top > 0 else 1)
    axis.locator_params(axis="y", nbins=3, integer=panel.series != "cpu_pct")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value, 4)))


def _line(axis: Axes, rows: pd.DataFrame, stroke: _Stroke, *, front: bool) -> None:
    order = 3 if front else 2
    axis.plot(
        rows["time"].to_numpy(),
        rows["value"].to_numpy(),
        linewidth=1.3 if front else 0.8,
        zorder=order,
        **stroke,
    )
    # A point without neighbours is no line, and markers on all points would hide the dashes.
    value = rows["value"]
    alone = rows[value.notna() & value.shift().isna() & value.shift(-1).isna()]
    axis.plot(
        alone["time"].to_numpy(), alone["value"].to_numpy(), ".", ms=2.6, mew=0,
        color=stroke["color"], zorder=order,
    )  # fmt: skip


def _entries(strokes: dict[str, _Stroke], others: int, language: str) -> list[object]:
    from matplotlib.lines import Line2D

    entries: list[object] = [Line2D([], [], label=queue, **stroke) for queue, stroke in strokes.items()]
    if others:
        rest = label("line-other-queues", language, queues=others)
        entries.append(Line2D([], [], color=style.GREY, label=rest))
    entries.append(Line2D([], [], color=style.BLACK, label=label("line-host", language)))
    return entries


def _alt(series: pd.DataFrame, chosen: Sequence[str], language: str) -> str:
    parts = []
    for queue in chosen:
        mine = series[series["queue"] == queue]
        peaks = mine.groupby("series")["value"].max()
        said = [
            label(
                f"backlog-alt-{key.replace('_', '-')}",
                language,
                peak=(Duration if key.endswith("_s") else Number)(float(peaks[key])),
            )
            for key in ("visible", "age_s", "dlq_visible", "duration_max_s")
            if key in peaks
        ]
        if said:
            parts.append(label("backlog-alt-queue", language, queue=queue, peaks=", ".join(said)))
    return label("backlog-alt", language, queues="; ".join(parts))
