"""The timeline of a health question: probes, edge, Nginx, application and host on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.views import style
from watchme_analysis.views.display import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

VANTAGES = {
    "inside": (style.GREEN, "o", "inside the container"),
    "host": (style.PURPLE, "s", "on the host"),
    "outside": (style.BLUE, "^", "outside"),
}
METRICS = {
    "cpu_pct": "CPU (%)",
    "in_flight": "requests in flight",
    "threads": "threads",
    "open_files": "open files",
    "rss_mb": "memory (MB)",
}
_LAYERS = ("probes", "edge_log", "access_log", "error_log", "app_log", "host_metrics")


@dataclass(frozen=True, slots=True)
class _Panel:
    height_in: float
    draw: Callable[[Axes], None]


def failed(status: pd.Series) -> pd.Series:
    """Tell which requests got no useful answer: none at all, 408, 499, or 500 and above."""
    return status.isna() | status.isin([0, 408, 499]) | (status >= 500).fillna(False)


def plot_health_timeline(
    tables: Mapping[str, pd.DataFrame], span: style.Span, endpoints: Collection[str] = ()
) -> Picture:
    """Plot every layer over time, one panel each.

    Parameters
    ----------
    tables
        ``probes``, ``edge_log``, ``access_log``, ``error_log``, ``app_log`` and ``host_metrics`` as the
        glossary has them, empty where the case has none.
    span
        Window, zone, incident and changes.
    endpoints
        Paths to bring out; the others turn grey. All stand out when empty.
    """
    if all(tables[name].empty for name in _LAYERS):
        return style.nothing("timeline", "the case has no probes, logs or host metrics in this window")
    panels = [
        _Panel(1.25, lambda axis: _probes(axis, tables["probes"])),
        _Panel(1.15, lambda axis: _requests(axis, tables["edge_log"], _EDGE, endpoints)),
        _Panel(1.15, lambda axis: _requests(axis, tables["access_log"], _NGINX, endpoints)),
        *_event_panels(tables["error_log"], tables["app_log"]),
        *_metric_panels(tables["host_metrics"]),
    ]
    figure, axes = style.new_figure([panel.height_in for panel in panels], share_x=True)
    style.time_axis(axes, span)
    for axis, panel in zip(axes, panels, strict=True):
        panel.draw(axis)
    return style.finish(figure, "timeline", _alt(tables))


@dataclass(frozen=True, slots=True)
class _Requests:
    title: str
    time: str
    duration: str
    per_second: float
    absent: str


_EDGE = _Requests("edge", "start", "duration_ms", 1000.0, "no edge log")
_NGINX = _Requests("Nginx", "time", "request_time_s", 1.0, "no access log")


def _probes(axis: Axes, probes: pd.DataFrame) -> None:
    style.title(axis, "probes")
    if probes.empty:
        style.absent(axis, "no probes")
        return
    bad = failed(probes["status"])
    for vantage, (color, marker, label) in VANTAGES.items():
        here = probes["vantage"] == vantage
        if not here.any():
            continue
        _points(axis, probes[here & ~bad], "time", **_dots(color, marker, label))
        hollow = {"marker": marker, "mec": style.RED, "mfc": "none", "ms": 4.5, "mew": 1.0, "label": "_"}
        _points(axis, probes[here & bad], "time", **hollow)
    if bad.any():
        axis.plot([], [], linestyle="none", marker="D", mfc="none", mec=style.RED, ms=4.5, label="failed")
    _seconds(axis, probes["duration_s"])
    style.legend(axis)


def _requests(axis: Axes, frame: pd.DataFrame, layer: _Requests, endpoints: Collection[str]) -> None:
    if frame.empty or frame[layer.duration].isna().all():
        style.title(axis, layer.title)
        style.absent(axis, layer.absent if frame.empty else f"{len(frame):,d} requests, none with a duration")
        return
    style.title(axis, f"{layer.title}: {len(frame):,d} requests")
    rows = frame[[layer.time, layer.duration, "status", "path"]].copy()
    rows["duration_s"] = rows[layer.duration].astype("float64") / layer.per_second
    bad = failed(rows["status"])
    focus = rows["path"].isin(list(endpoints)).fillna(False) if endpoints else ~rows["path"].isna()
    _points(axis, rows[~bad & ~focus], layer.time, **_dots(style.GREY, ".", "others"))
    label = "affected path" if len(endpoints) == 1 else "affected paths"
    label = label if endpoints else "answered"
    _points(axis, rows[~bad & focus], layer.time, **_dots(style.BLUE, ".", label))
    _points(axis, rows[bad], layer.time, **_dots(style.RED, "x", "failed"))
    _seconds(axis, rows["duration_s"])
    style.legend(axis)


def _points(axis: Axes, rows: pd.DataFrame, time: str, **look: Any) -> None:
    """Draw one mark a row at ``time`` and ``duration_s``; what took no time lies on the axis."""
    if len(rows):
        moments = rows[time].to_numpy()
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


def _event_panels(errors: pd.DataFrame, app: pd.DataFrame) -> list[_Panel]:
    """One row of ticks per kind of event: Nginx errors above, what the application logged below."""
    rows: list[tuple[str, str, pd.Series]] = []
    for prefix, frame, color in (("Nginx: ", errors, style.RED), ("app: ", app, style.BLUE)):
        known = frame[frame["time"].notna()]
        for kind, group in known.groupby("kind", sort=False):
            loud = color if prefix == "Nginx: " or kind != "error" else style.RED
            rows.append((f"{prefix}{str(kind).replace('_', ' ')} ({len(group):,d})", loud, group["time"]))
    absent = [
        name
        for name, frame in (("Nginx error log", errors), ("application log", app))
        if frame[frame["time"].notna()].empty
    ]

    def draw(axis: Axes) -> None:
        style.title(axis, "events" + (f" (no {' and no '.join(absent)})" if absent else ""))
        for place, (_, color, times) in enumerate(rows):
            axis.vlines(times.to_numpy(), place - 0.38, place + 0.38, color=color, linewidth=0.9)
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_yticks(range(len(rows)), [label for label, _, _ in rows], fontsize=8)
        axis.grid(visible=False, axis="y")

    return [_Panel(0.35 + 0.19 * max(len(rows), 1), draw)]


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
                    color=style.SERIES[place % len(style.SERIES)],
                    label=service or "main",
                )
            if len(services) > 1:
                style.legend(axis)
            axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
            axis.locator_params(axis="y", nbins=3)

        panels.append(_Panel(0.8, draw))
    if not panels:
        panels.append(_Panel(0.6, _no_metrics))
    return panels


def _no_metrics(axis: Axes) -> None:
    style.title(axis, "host")
    style.absent(axis, "no host metrics")


def _alt(tables: Mapping[str, pd.DataFrame]) -> str:
    parts = []
    for name, what in (("probes", "probes"), ("edge_log", "edge requests"), ("access_log", "Nginx requests")):
        frame = tables[name]
        if len(frame):
            parts.append(f"{len(frame):,d} {what} ({int(failed(frame['status']).sum()):,d} failed)")
    for name, what in (("error_log", "Nginx error lines"), ("app_log", "application log records")):
        if len(tables[name]):
            parts.append(f"{len(tables[name]):,d} {what}")
    metrics = sorted(set(tables["host_metrics"]["metric"].dropna()))
    if metrics:
        parts.append(f"host metrics {', '.join(metrics)}")
    return f"Timeline of {', '.join(parts)}; the incident is shaded, changes are dashed lines."
