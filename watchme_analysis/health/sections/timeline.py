"""The timeline of a health question: probes, edge, Nginx, application and host on one time axis."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.formats import format_duration

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

VANTAGES = {
    "inside": (style.GREEN, "o", "inside"),
    "host": (style.PURPLE, "s", "host"),
    "outside": (style.BLUE, "^", "outside"),
}
_PIXELS = 1500
# Bars of a layer of which only counts are known.
_BARS = 90
_DAY_S = 86400.0
METRICS = {
    "cpu_pct": "CPU (%)",
    "in_flight": "requests in flight",
    "threads": "threads",
    "open_files": "open files",
    "rss_mb": "memory (MB)",
}


@dataclass(frozen=True, slots=True)
class _Panel:
    height_in: float
    draw: Callable[[Axes], None]


def plot_health_timeline(
    observed: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    span: style.AxisSpan,
    families: Collection[str] = (),
) -> FigureView:
    """Plot every layer over time, one panel each.

    Parameters
    ----------
    observed
        Frame of :func:`watchme_analysis.health.incident.judge_observations`.
    tables
        ``error_log``, ``app_log`` and ``host_metrics`` as the glossary has them, empty where absent; and,
        where a layer saw too many requests for dots, ``bins``, the frame of
        :func:`watchme_analysis.health.frames.dense_bins`.
    span
        Window, zone, incident and changes.
    families
        Routes to bring out; the others turn grey. All stand out when empty.
    """
    if observed.empty and all(tables[name].empty for name in ("error_log", "app_log", "host_metrics")):
        return style.empty_figure("timeline", "the case has no probes, logs or host metrics in this window")
    edge, nginx = (observed[observed["vantage"] == name] for name in ("edge", "nginx"))
    probes = observed[observed["vantage"].isin(list(VANTAGES))]
    panels = [
        _Panel(1.25, lambda axis: _probes(axis, probes)),
        _layer(edge, "edge", families, tables.get("bins")),
        _layer(nginx, "Nginx", families, tables.get("bins")),
        *_event_panels(tables["error_log"], tables["app_log"], span.window.seconds),
        *_metric_panels(tables["host_metrics"]),
    ]
    figure, axes = style.new_figure([panel.height_in for panel in panels], share_x=True)
    style.time_axis(axes, span)
    for axis, panel in zip(axes, panels, strict=True):
        panel.draw(axis)
    return style.finish(figure, "timeline", _alt(observed, tables))


def _probes(axis: Axes, probes: pd.DataFrame) -> None:
    style.title(axis, "probes")
    if probes.empty:
        style.absent(axis, "no probes")
        return
    for vantage, (color, marker, label) in VANTAGES.items():
        here = probes["vantage"] == vantage
        _points(axis, probes[here & ~probes["failed"]], **_dots(color, marker, label))
        hollow = {"marker": marker, "mec": style.RED, "mfc": "none", "ms": 4.5, "mew": 1.0, "label": "_"}
        _points(axis, probes[here & probes["failed"]], **hollow)
    if probes["failed"].any():
        axis.plot([], [], linestyle="none", marker="D", mfc="none", mec=style.RED, ms=4, label="failed")
    _seconds(axis, probes["duration_s"])
    style.legend(axis)


def _layer(rows: pd.DataFrame, layer: str, families: Collection[str], bins: pd.DataFrame | None) -> _Panel:
    mine = None if bins is None else bins[bins["vantage"] == layer.lower()]
    if mine is None or mine.empty or mine[["median_s", "failed_s"]].isna().all(axis=None):
        return _Panel(1.15, lambda axis: _requests(axis, rows, layer, families))
    return _Panel(1.15, lambda axis: _steps(axis, mine, layer))


def _steps(axis: Axes, bins: pd.DataFrame, layer: str) -> None:
    step = format_duration(float(bins["step_s"].iloc[0]))
    style.title(axis, f"{layer}: {int(bins['requests'].sum()):,d} requests, steps of {step}")
    moments = bins["time"].to_numpy()
    for name, color, label in (("p99_s", style.SKY, "p99"), ("median_s", style.BLUE, "median")):
        axis.plot(moments, bins[name].clip(lower=1e-3).to_numpy(), color=color, label=label)
    failed = bins[bins["failed"] > 0]
    if len(failed):
        look = _dots(style.RED, "x", "slowest failed")
        axis.plot(
            failed["time"].to_numpy(), failed["failed_s"].clip(lower=1e-3).to_numpy(), ls="none", **look
        )
    style.seconds_axis(axis, 1e-3, float(bins[["p99_s", "failed_s"]].max().max()))
    axis.set_ylabel("duration")
    style.legend(axis)


def _requests(axis: Axes, rows: pd.DataFrame, layer: str, families: Collection[str]) -> None:
    style.title(axis, f"{layer}: {len(rows):,d} requests" if len(rows) else layer)
    if rows.empty:
        style.absent(axis, f"no {layer} log")
        return
    failed = rows["failed"]
    focus = rows["family"].isin(list(families)).fillna(False) if families else ~rows["failed"]
    label = "answered" if not families else "affected"
    groups = (
        (rows[~failed & ~focus], style.GREY, ".", "others"),
        (rows[~failed & focus], style.BLUE, ".", label),
        (rows[failed], style.RED, "x", "failed"),
    )
    if rows["duration_s"].isna().all():
        # Those that failed at the bottom, where heights can be compared.
        _counts(axis, [(group["start"], color, name) for group, color, _, name in reversed(groups)])
        style.title(axis, f"{layer}: {len(rows):,d} requests, no durations logged")
        return
    for group, color, marker, name in groups:
        _points(axis, group, **_dots(color, marker, name))
    _seconds(axis, rows["duration_s"])
    style.legend(axis)


def _counts(axis: Axes, groups: Sequence[tuple[pd.Series, str, str]]) -> None:
    """Draw how many requests began when, one stacked bar a stretch of whole seconds, as logs count them."""
    shown = [group for group in groups if len(group[0])]
    begin, end = (bound * _DAY_S for bound in axis.get_xlim())
    step = max(1, math.ceil((end - begin) / _BARS))
    edges = [(math.floor(begin) + place * step) / _DAY_S for place in range(_BARS + 2)]
    axis.hist(
        [starts.dt.tz_convert(None).to_numpy() for starts, _, _ in shown],
        bins=edges, stacked=True,
        color=[color for _, color, _ in shown], label=[name for _, _, name in shown],
    )  # fmt: skip
    axis.set_xlim(begin / _DAY_S, end / _DAY_S)
    axis.locator_params(axis="y", nbins=3, integer=True)
    axis.set_ylabel("requests")
    style.legend(axis)


def _points(axis: Axes, rows: pd.DataFrame, **look: Any) -> None:
    """Draw one mark a row at its start and duration; what took no time lies on the axis."""
    if len(rows):
        moments = rows["start"].to_numpy()
        seconds = rows["duration_s"].astype("float64").clip(lower=1e-3).to_numpy()
        axis.plot(moments, seconds, linestyle="none", **look)


def _dots(color: str, marker: str, label: str) -> dict[str, Any]:
    size = {".": 4.0, "x": 4.5}.get(marker, 4.5)
    edge = 1.0 if marker == "x" else 0.0
    return {"color": color, "marker": marker, "label": label, "ms": size, "mew": edge}


def _seconds(axis: Axes, values: pd.Series) -> None:
    known = values.astype("float64").dropna()
    high = float(known.max()) if len(known) else 1.0
    style.seconds_axis(axis, 1e-3, high)
    axis.set_ylabel("duration")


def _event_panels(errors: pd.DataFrame, app: pd.DataFrame, window_s: float) -> list[_Panel]:
    """One row of ticks per kind of event: Nginx errors above, what the application logged below."""
    rows: list[tuple[str, str, pd.Series]] = []
    for prefix, frame, color in (("Nginx: ", errors, style.RED), ("app: ", app, style.BLUE)):
        known = frame[frame["time"].notna()]
        for kind, group in known.groupby("kind", sort=False):
            loud = color if prefix == "Nginx: " or kind != "error" else style.RED
            label = textwrap.fill(f"{prefix}{str(kind).replace('_', ' ')} ({len(group):,d})", 20)
            # Ticks that would fall on the same pixel are drawn once.
            pixel_ms = max(1, round(window_s * 1000 / _PIXELS))
            rows.append((label, loud, group["time"].dt.floor(f"{pixel_ms}ms").drop_duplicates()))
    absent = [
        name
        for name, frame in (("Nginx error log", errors), ("application log", app))
        if frame[frame["time"].notna()].empty
    ]

    # A row is as high as its label has lines, so that labels do not run into each other.
    heights = [1 + label.count("\n") for label, _, _ in rows]
    places = [sum(heights[:row]) + height / 2 for row, height in enumerate(heights)]

    def draw(axis: Axes) -> None:
        style.title(axis, "events" + (f" (no {' and no '.join(absent)})" if absent else ""))
        for place, (_, color, times) in zip(places, rows, strict=True):
            ticks: dict[str, Any] = {"marker": "|", "ms": 10, "mew": 0.9, "color": color, "linestyle": "none"}
            axis.plot(times.to_numpy(), [place] * len(times), **ticks)
        axis.set_ylim(sum(heights) + 0.1, -0.1)
        axis.set_yticks(places, [label for label, _, _ in rows], fontsize=7.5)
        axis.grid(visible=False, axis="y")

    return [_Panel(0.35 + 0.17 * max(sum(heights), 1), draw)]


def _metric_panels(metrics: pd.DataFrame) -> list[_Panel]:
    """One panel per host metric that is there, the usual ones first, four at most."""
    known = set(metrics["metric"].dropna())
    chosen = [name for name in METRICS if name in known] + sorted(known - set(METRICS))
    panels = []
    for name in chosen[:4]:
        rows = metrics[metrics["metric"] == name]

        def draw(axis: Axes, name: str = name, rows: pd.DataFrame = rows) -> None:
            style.title(axis, f"host: {METRICS.get(name, name)}")
            services = sorted(rows["service"].fillna("").unique())
            for place, service in enumerate(services):
                group = rows[rows["service"].fillna("") == service].sort_values("time")
                axis.plot(
                    group["time"].to_numpy(),
                    group["value"].astype("float64").to_numpy(),
                    **style.stroke(place),
                    label=service or "main",
                )
            if len(services) > 1:
                style.legend(axis, handle_length=2.2)
            known = rows["value"].astype("float64")
            axis.set_ylim(min(0.0, known.min() * 1.1), max(known.max() * 1.15, 1.0) if len(known) else 1.0)
            axis.locator_params(axis="y", nbins=3, integer=True)

        panels.append(_Panel(0.8, draw))
    if not panels:
        panels.append(_Panel(0.6, _no_metrics))
    return panels


def _no_metrics(axis: Axes) -> None:
    style.title(axis, "host")
    style.absent(axis, "no host metrics")


def _alt(observed: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> str:
    parts = []
    for vantage, group in observed.groupby("vantage"):
        what = "probes from " + VANTAGES[vantage][2] if vantage in VANTAGES else f"requests at the {vantage}"
        parts.append(f"{len(group):,d} {what} ({int(group['failed'].sum()):,d} failed)")
    for name, what in (("error_log", "Nginx error lines"), ("app_log", "application log records")):
        if len(tables[name]):
            parts.append(f"{len(tables[name]):,d} {what}")
    metrics = sorted(set(tables["host_metrics"]["metric"].dropna()))
    if metrics:
        parts.append(f"host metrics {', '.join(metrics)}")
    return f"Timeline of {', '.join(parts)}; the incident is shaded, changes are dashed lines."
