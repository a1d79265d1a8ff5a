"""The timeline of a backlog: arrivals, waiting messages and invocations on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.queues.pipeline import METRIC_NAMES
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.message import Duration, Number, message
from watchme_analysis.text.render import label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Heights of a panel of all, and of a few.
_HEIGHT_IN, _STRIP_HEIGHT_IN = 0.74, 0.95
_COLORED = 5
_Stroke = dict[str, Any]
# Series that show harm, the clearest first, and those that show a metric the other way.
_HARM = ("age_s", "dlq_visible", "visible", "failed")
_SECOND = ("duration_max_s",)
# Metric that a query names for each series; of failed attempts the metric that counts most of them.
_METRICS = METRIC_NAMES | {"failed": METRIC_NAMES["errors"]}
_MOST_PANELS = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the timeline: its series, and whether that counts per step or is in seconds."""

    series: str
    # Counts are totals of a step, so the title states its length.
    counted: bool = False
    seconds: bool = False


PANELS: tuple[Panel, ...] = (
    Panel("sent", counted=True),
    Panel("deleted", counted=True),
    Panel("visible"),
    Panel("in_flight"),
    Panel("age_s", seconds=True),
    Panel("dlq_visible"),
    Panel("invocations", counted=True),
    Panel("failed", counted=True),
    Panel("throttles", counted=True),
    Panel("duration_avg_s", seconds=True),
    Panel("duration_max_s", seconds=True),
    Panel("cpu_pct"),
)


def plot_backlog_timeline(
    series: pd.DataFrame,
    span: style.AxisSpan,
    affected: Sequence[str] = (),
    panels: Sequence[Panel] = PANELS,
    name: str = "timeline",
) -> FigureView:
    """Return a plot of all metrics of a backlog over time, with a panel each and a line per queue.

    A queue, its function and its DLQ share a colour and dashes. Affected queues are highlighted; the first
    five are coloured when there are none. A line is interrupted where CloudWatch returned no point.
    ``series`` is the frame of :func:`watchme_analysis.queues.baseline.binned`.
    """
    if series.empty:
        return style.empty_figure(name, message("backlog-timeline-empty"), span.language)
    words = style.drawn_language(span.language)
    queues = sorted(series["queue"].unique())
    chosen = [queue for queue in affected if queue in queues][:_COLORED] or queues[:_COLORED]
    strokes = {queue: style.stroke(place) for place, queue in enumerate(chosen)}
    heights = [_HEIGHT_IN if len(panels) > _MOST_PANELS else _STRIP_HEIGHT_IN] * len(panels)
    figure, axes = style.new_figure(heights, share_x=True)
    style.time_axis(axes, span)
    for axis, panel in zip(axes, panels, strict=True):
        _draw(axis, panel, series[series["series"] == panel.series], strokes, words)
    has_host = any(panel.series == "cpu_pct" for panel in panels)
    style.key(figure, _entries(strokes, len(queues) - len(strokes), has_host, words))
    return style.finish(figure, name, _alt(series, chosen, span.language))


def chosen_panels(series: pd.DataFrame, queries: Sequence[str]) -> list[Panel]:
    """Return the two to four panels that show an incident at a glance, in the order of :data:`PANELS`.

    The panels of the metrics that the queries of the reasons name come first, then harm.
    """
    named = [
        panel
        for query in queries
        for panel in PANELS
        if f"'{_METRICS.get(panel.series)}'" in query and panel.series not in _SECOND
    ]
    peaks = series.groupby("series")["value"].max()
    harm = [panel for panel in PANELS if panel.series in _HARM]
    harm.sort(key=lambda panel: (not peaks.get(panel.series, 0) > 0, _HARM.index(panel.series)))
    first = [*dict.fromkeys(named)][: _MOST_PANELS - 1]
    shown = [*dict.fromkeys([*first, *harm])][: max(2, len(first) + 1)]
    return [panel for panel in PANELS if panel in shown]


def _draw(axis: Axes, panel: Panel, rows: pd.DataFrame, strokes: dict[str, _Stroke], language: str) -> None:
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
        style.linear_seconds(axis, top, language)
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


def _entries(strokes: dict[str, _Stroke], others: int, has_host: bool, language: str) -> list[object]:
    from matplotlib.lines import Line2D

    entries: list[object] = [Line2D([], [], label=queue, **stroke) for queue, stroke in strokes.items()]
    if others:
        rest = label("line-other-queues", language, queues=others)
        entries.append(Line2D([], [], color=style.GREY, label=rest))
    if has_host:
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
