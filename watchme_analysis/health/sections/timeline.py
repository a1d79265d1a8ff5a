"""The timeline of a health question: probes, edge, Nginx, application and host on one time axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.message import Duration, message
from watchme_analysis.text.render import label, value_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

VANTAGES = {"inside": (style.GREEN, "o"), "host": (style.PURPLE, "s"), "outside": (style.BLUE, "^")}
_PIXELS = 1500
# Bars of a layer of which only counts are known.
_BARS = 90
_DAY_S = 86400.0
_MOST_PANELS = 4
# Height in inches of a panel that stands alone, by choice.
_LEAST_ALONE_IN = 1.3
_LAYERS: tuple[str, ...] = ("nginx", "edge", "probes")
# Panel that shows the rows of a table.
_TABLE_PANELS = {
    "probes": "probes",
    "edge_log": "edge",
    "access_log": "nginx",
    "requests": "nginx",
    "error_log": "events",
    "app_log": "events",
}
METRICS = ("cpu_pct", "in_flight", "threads", "open_files", "rss_mb")


@dataclass(frozen=True, slots=True)
class _Panel:
    height_in: float
    draw: Callable[[Axes], None]


def plot_health_timeline(
    observed: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    span: style.AxisSpan,
    routes: Collection[str] = (),
    only: Collection[str] = (),
    name: str = "timeline",
) -> FigureView:
    """Plot every layer over time, one panel each.

    ``tables`` holds ``error_log``, ``app_log`` and ``host_metrics``, empty where absent; and, where a layer
    saw too many requests for dots, ``bins`` (:func:`health.frames.dense_bins`). ``routes`` stand out, the
    others turn grey; all stand out when empty. ``only`` names the panels to draw (``probes``, ``edge``,
    ``nginx``, ``events``, host metrics), all when empty.
    """
    if observed.empty and all(tables[name].empty for name in ("error_log", "app_log", "host_metrics")):
        return style.empty_figure(name, message("health-timeline-empty"), span.language)
    words = style.drawn_language(span.language)
    edge, nginx = (observed[observed["vantage"] == name] for name in ("edge", "nginx"))
    probes = observed[observed["vantage"].isin(list(VANTAGES))]
    named = {
        "probes": _Panel(1.25, lambda axis: _probes(axis, probes, words)),
        "edge": _layer(edge, "edge", routes, tables.get("bins"), words),
        "nginx": _layer(nginx, "nginx", routes, tables.get("bins"), words),
        "events": _event_panel(tables["error_log"], tables["app_log"], span.window.seconds, words),
        **_metric_panels(tables["host_metrics"], words, only),
    }
    panels = [panel for part, panel in named.items() if not only or part in only]
    heights_in = [panel.height_in for panel in panels]
    if len(panels) == 1:  # title and time axis would leave a low panel no room
        heights_in = [max(_LEAST_ALONE_IN, *heights_in)]
    figure, axes = style.new_figure(heights_in, share_x=True)
    style.time_axis(axes, span)
    for axis, panel in zip(axes, panels, strict=True):
        panel.draw(axis)
    return style.finish(figure, name, _alt(observed, tables, span.language))


def chosen_panels(
    observed: pd.DataFrame, metrics: pd.DataFrame, reasons: Iterable[tuple[str, str]]
) -> list[str]:
    """Return the panels that show an incident at a glance: two to four, for ``only``.

    ``reasons`` has tables and query of each reason; the panels of what they are about are drawn.
    """
    seen = {"probes" if name in VANTAGES else str(name) for name in observed["vantage"].unique()}
    layers = [name for name in _LAYERS if name in seen]
    known = set(metrics["metric"].dropna())
    chosen = layers[:1]
    for tables, query in reasons:
        names = [panel for table, panel in _TABLE_PANELS.items() if table in tables.split(", ")]
        names += [metric for metric in sorted(known) if f"'{metric}'" in query]
        chosen += [name for name in names if name in (*layers, "events", *known)]
    more = [*layers, "events", *(name for name in METRICS if name in known)]
    chosen = [*dict.fromkeys(chosen)][:_MOST_PANELS]
    return chosen if len(chosen) > 1 else [*dict.fromkeys([*chosen, *more])][:2]


def _probes(axis: Axes, probes: pd.DataFrame, language: str) -> None:
    style.title(axis, label("panel-probes", language))
    if probes.empty:
        style.absent(axis, label("absent-probes", language))
        return
    hollow: dict[str, Any] = {"mec": style.RED, "mfc": "none", "ms": 4.5, "mew": 1.0, "label": "_"}
    failed = []
    for vantage, (color, marker) in VANTAGES.items():
        here = probes["vantage"] == vantage
        _points(
            axis,
            probes[here & ~probes["failed"]],
            **_dots(color, marker, value_label("vantage", str(vantage), language)),
        )
        if (here & probes["failed"]).any():
            failed += axis.plot([], [], linestyle="none", marker=marker, **hollow)
            _points(axis, probes[here & probes["failed"]], marker=marker, **hollow)
    _seconds(axis, probes["duration_s"], language)
    style.legend(axis, {label("requests-failed", language): tuple(failed)} if failed else {})


def _layer(
    rows: pd.DataFrame, layer: str, routes: Collection[str], bins: pd.DataFrame | None, language: str
) -> _Panel:
    mine = None if bins is None else bins[bins["vantage"] == layer]
    if mine is None or mine.empty or mine[["median_s", "failed_s"]].isna().all(axis=None):
        return _Panel(1.15, lambda axis: _requests(axis, rows, layer, routes, language))
    return _Panel(1.15, lambda axis: _steps(axis, mine, layer, language))


def _steps(axis: Axes, bins: pd.DataFrame, layer: str, language: str) -> None:
    step, requests = Duration(float(bins["step_s"].iloc[0])), int(bins["requests"].sum())
    where = label(f"on-{layer}", language)
    style.title(axis, label("panel-requests-steps", language, layer=where, requests=requests, step=step))
    moments = bins["time"].to_numpy()
    lines = (("p99_s", style.SKY, "p99"), ("median_s", style.BLUE, label("line-median", language)))
    for column, color, name in lines:
        axis.plot(moments, bins[column].clip(lower=1e-3).to_numpy(), color=color, label=name)
    failed = bins[bins["failed"] > 0]
    if len(failed):
        look = _dots(style.RED, "x", label("requests-slowest-failed", language))
        axis.plot(
            failed["time"].to_numpy(), failed["failed_s"].clip(lower=1e-3).to_numpy(), ls="none", **look
        )
    style.seconds_axis(axis, 1e-3, float(bins[["p99_s", "failed_s"]].max().max()), language)
    axis.set_ylabel(label("axis-duration", language))
    style.legend(axis)


def _requests(axis: Axes, rows: pd.DataFrame, layer: str, routes: Collection[str], language: str) -> None:
    where = label(f"on-{layer}", language)
    if rows.empty:
        style.title(axis, where)
        style.absent(axis, label(f"absent-{layer}-log", language))
        return
    style.title(axis, label("panel-requests", language, layer=where, requests=len(rows)))
    failed = rows["failed"]
    focus = rows["route"].isin(list(routes)).fillna(False) if routes else ~rows["failed"]
    groups = (
        (rows[~failed & ~focus], style.GREY, ".", label("requests-others", language)),
        (
            rows[~failed & focus],
            style.BLUE,
            ".",
            label("requests-affected" if routes else "requests-succeeded", language),
        ),
        (rows[failed], style.RED, "x", label("requests-failed", language)),
    )
    if rows["duration_s"].isna().all():
        # Those that failed at the bottom, where heights can be compared.
        _counts(axis, [(group["start"], color, name) for group, color, _, name in reversed(groups)], language)
        title = label("panel-requests-untimed", language, layer=where, requests=len(rows))
        style.title(axis, title)
        return
    for group, color, marker, name in groups:
        _points(axis, group, **_dots(color, marker, name))
    _seconds(axis, rows["duration_s"], language)
    style.legend(axis)


def _counts(axis: Axes, groups: Sequence[tuple[pd.Series, str, str]], language: str) -> None:
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
    axis.set_ylabel(label("axis-requests", language))
    style.legend(axis)


def _points(axis: Axes, rows: pd.DataFrame, **look: Any) -> None:
    """Draw one mark a row at its start and duration; what took no time lies on the axis."""
    if len(rows):
        moments = rows["start"].to_numpy()
        seconds = rows["duration_s"].astype("float64").clip(lower=1e-3).to_numpy()
        axis.plot(moments, seconds, linestyle="none", **look)


def _dots(color: str, marker: str, name: str) -> dict[str, Any]:
    size = {".": 4.0, "x": 4.5}.get(marker, 4.5)
    edge = 1.0 if marker == "x" else 0.0
    return {"color": color, "marker": marker, "label": name, "ms": size, "mew": edge}


def _seconds(axis: Axes, values: pd.Series, language: str) -> None:
    known = values.astype("float64").dropna()
    high = float(known.max()) if len(known) else 1.0
    style.seconds_axis(axis, 1e-3, high, language)
    axis.set_ylabel(label("axis-duration", language))


def _event_panel(errors: pd.DataFrame, app: pd.DataFrame, window_s: float, language: str) -> _Panel:
    """Return a row of ticks per kind of event: Nginx errors above, what the application logged below."""
    rows: list[tuple[str, str, pd.Series]] = []
    for source, frame, color in (("nginx", errors, style.RED), ("app", app, style.BLUE)):
        known = frame[frame["time"].notna()]
        for kind, group in known.groupby("kind", sort=False):
            loud = color if source == "nginx" or kind != "error" else style.RED
            said = (
                value_label("nginx-error", str(kind), language)
                if source == "nginx"
                else value_label("app-line", str(kind), language)
            )
            event = label(f"event-{source}", language, kind=said, lines=len(group))
            name = style.wrapped(event, 20, language)
            # Ticks that would fall on the same pixel are drawn once.
            pixel_ms = max(1, round(window_s * 1000 / _PIXELS))
            rows.append((name, loud, group["time"].dt.floor(f"{pixel_ms}ms").drop_duplicates()))
    absent = [name for name, frame in (("nginx", errors), ("app", app)) if frame[frame["time"].notna()].empty]
    title = f"panel-events-without-{'-'.join(absent)}" if absent else "panel-events"

    # A row is as high as its label has lines, so that labels do not run into each other.
    heights = [1 + name.count("\n") for name, _, _ in rows]
    places = [sum(heights[:row]) + height / 2 for row, height in enumerate(heights)]

    def draw(axis: Axes) -> None:
        style.title(axis, label(title, language))
        for place, (_, color, times) in zip(places, rows, strict=True):
            ticks: dict[str, Any] = {"marker": "|", "ms": 10, "mew": 0.9, "color": color, "linestyle": "none"}
            axis.plot(times.to_numpy(), [place] * len(times), **ticks)
        axis.set_ylim(sum(heights) + 0.1, -0.1)
        axis.set_yticks(places, [name for name, _, _ in rows], fontsize=7.5)
        axis.grid(visible=False, axis="y")

    return _Panel(0.35 + 0.17 * max(sum(heights), 1), draw)


def _metric_panels(metrics: pd.DataFrame, language: str, only: Collection[str]) -> dict[str, _Panel]:
    """Return a panel per host metric that is there, the usual ones first: those named, else four at most."""
    known = set(metrics["metric"].dropna())
    chosen = [name for name in METRICS if name in known] + sorted(known - set(METRICS))
    panels = {}
    for name in [name for name in chosen if name in only] or chosen[:4]:
        rows = metrics[metrics["metric"] == name]

        def draw(axis: Axes, name: str = name, rows: pd.DataFrame = rows) -> None:
            shown = label(f"metric-{name.replace('_', '-')}", language) if name in METRICS else name
            style.title(axis, label("panel-host-metric", language, metric=shown))
            services = sorted(rows["service"].fillna("").unique())
            for place, service in enumerate(services):
                group = rows[rows["service"].fillna("") == service].sort_values("time")
                axis.plot(
                    group["time"].to_numpy(),
                    group["value"].astype("float64").to_numpy(),
                    **style.stroke(place),
                    label=service or label("line-main-process", language),
                )
            if len(services) > 1:
                style.legend(axis, handle_length=2.2)
            known = rows["value"].astype("float64")
            axis.set_ylim(min(0.0, known.min() * 1.1), max(known.max() * 1.15, 1.0) if len(known) else 1.0)
            axis.locator_params(axis="y", nbins=3, integer=True)

        panels[name] = _Panel(0.8, draw)
    if not panels:
        panels["host"] = _Panel(0.6, lambda axis: _no_metrics(axis, language))
    return panels


def _no_metrics(axis: Axes, language: str) -> None:
    style.title(axis, label("panel-host", language))
    style.absent(axis, label("absent-host-metrics", language))


def _alt(observed: pd.DataFrame, tables: Mapping[str, pd.DataFrame], language: str) -> str:
    parts = []
    for vantage, group in observed.groupby("vantage"):
        kind = "probes" if vantage in VANTAGES else "requests"
        counts = {"rows": len(group), "failed": int(group["failed"].sum())}
        where = value_label("vantage", str(vantage), language)
        parts.append(label(f"timeline-alt-{kind}", language, vantage=where, **counts))
    parts += [
        label(f"timeline-alt-{table.replace('_', '-')}", language, rows=len(tables[table]))
        for table in ("error_log", "app_log")
        if len(tables[table])
    ]
    metrics = sorted(set(tables["host_metrics"]["metric"].dropna()))
    if metrics:
        parts.append(label("timeline-alt-metrics", language, metrics=metrics))
    return label("timeline-alt", language, parts="; ".join(parts))
