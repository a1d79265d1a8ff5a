"""The timeline of a backlog: arrivals, waiting messages and invocations on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.formats import format_duration, format_number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_HEIGHT_IN = 0.74
_COLORED = 5
_Stroke = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Panel:
    series: str
    title: str
    # Counts are totals of a step, so the title states its length.
    counted: bool = False
    seconds: bool = False


PANELS = (
    _Panel("sent", "arrivals (messages", counted=True),
    _Panel("deleted", "processed and deleted (messages", counted=True),
    _Panel("visible", "waiting (messages visible)"),
    _Panel("in_flight", "in flight (messages)"),
    _Panel("age_s", "age of the oldest message", seconds=True),
    _Panel("dlq_visible", "dead-letter queues (messages)"),
    _Panel("invocations", "invocations (runs", counted=True),
    _Panel("errors", "errors (runs", counted=True),
    _Panel("throttles", "throttles (refused runs", counted=True),
    _Panel("duration_avg_s", "duration of a run, average", seconds=True),
    _Panel("duration_max_s", "duration of a run, longest", seconds=True),
    _Panel("cpu_pct", "CPU of the host (%)"),
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
        Window, zone, incident and changes.
    affected
        Queues to highlight, while others are grey; the first five queues are coloured when empty.
    """
    if series.empty:
        return style.empty_figure("timeline", "the case has no CloudWatch metrics of queues in this window")
    queues = sorted(series["queue"].unique())
    chosen = [queue for queue in affected if queue in queues][:_COLORED] or queues[:_COLORED]
    strokes = {queue: style.stroke(place) for place, queue in enumerate(chosen)}
    heights = [_HEIGHT_IN] * len(PANELS)
    figure, axes = style.new_figure(heights, share_x=True)
    style.time_axis(axes, span)
    for axis, panel in zip(axes, PANELS, strict=True):
        _draw(axis, panel, series[series["series"] == panel.series], strokes)
    style.key(figure, _entries(strokes, len(queues) - len(strokes)))
    return style.finish(figure, "timeline", _alt(series, chosen))


def _draw(axis: Axes, panel: _Panel, rows: pd.DataFrame, strokes: dict[str, _Stroke]) -> None:
    from matplotlib.ticker import FuncFormatter

    step = f" per {format_duration(float(rows['step_s'].iloc[0]))})" if panel.counted and len(rows) else ""
    style.title(axis, panel.title + (step or (")" if panel.counted else "")))
    if rows.empty:
        style.absent(axis, "no points of this metric")
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


def _entries(strokes: dict[str, _Stroke], others: int) -> list[object]:
    from matplotlib.lines import Line2D

    entries: list[object] = [Line2D([], [], label=queue, **stroke) for queue, stroke in strokes.items()]
    if others:
        entries.append(Line2D([], [], color=style.GREY, label=f"{others} other queue{'s' * (others > 1)}"))
    entries.append(Line2D([], [], color=style.BLACK, label="the host"))
    return entries


def _alt(series: pd.DataFrame, chosen: Sequence[str]) -> str:
    parts = []
    for queue in chosen:
        mine = series[series["queue"] == queue]
        peaks = mine.groupby("series")["value"].max()
        said = [
            f"{name} {(format_duration if key.endswith('_s') else format_number)(float(peaks[key]))}"
            for key, name in (
                ("visible", "waiting"),
                ("age_s", "oldest message"),
                ("dlq_visible", "messages in the DLQ"),
                ("duration_max_s", "longest run"),
            )
            if key in peaks
        ]
        if said:
            parts.append(f"{queue}: at most {', '.join(said)}")
    return f"Timeline of the queues' and functions' metrics. {'; '.join(parts)}. The incident is shaded."
