"""Figures of the health page beside its timeline: vantages, time by layer, requests in flight and latency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.present.text_table import truncate_middle
from watchme_analysis.requests.observations import INNER
from watchme_analysis.text.message import Duration, Number, Text, message
from watchme_analysis.text.render import duration_label, label, render, value_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from watchme_analysis.requests.concurrency import Lag

VANTAGES = ("outside", "edge", "nginx", "host", "inside")
PHASES = {"baseline": style.BLUE, "incident": style.ORANGE}
LAYERS = {
    "edge": style.PURPLE,
    "nginx": style.SKY,
    "connect": style.ORANGE,
    "header": style.RED,
    "body": style.BLUE,
}
_FAMILIES = 3
_ROW_IN = 0.2
# Characters of a path that leave room for phase and number beside a bar.
_LONGEST = 26


def plot_vantages(observed: pd.DataFrame, routes: Sequence[str], language: str = "en") -> FigureView:
    """Plot the duration of every request by route (three panels at most), vantage and phase."""
    chosen = [route for route in routes if (observed["route"] == route).any()][:_FAMILIES]
    known = observed[observed["route"].isin(chosen) & observed["duration_s"].notna()]
    if known.empty:
        return style.empty_figure("vantages", message("vantages-empty"), language)
    strips = {route: _strips(known[known["route"] == route]) for route in chosen}
    strips = {route: found for route, found in strips.items() if found}
    heights = [0.45 + _ROW_IN * len(found) for found in strips.values()]
    heights[-1] += 0.25
    figure, axes = style.new_figure(heights, share_x=True)
    words = style.drawn_language(language)
    for axis, (route, found) in zip(axes, strips.items(), strict=True):
        style.title(axis, route)
        _draw_strips(axis, found, words)
    style.seconds_axis(axes[-1], 1e-3, float(known["duration_s"].max()), words, along="x")
    axes[-1].set_xlabel(label("vantages-axis", words))
    return style.finish(figure, "vantages", _alt_strips(strips, language))


_Strip = tuple[str, str, Any]


def _strips(rows: pd.DataFrame) -> list[_Strip]:
    found = []
    for vantage in VANTAGES:
        for phase in PHASES:
            now = rows["phase"].fillna("baseline") == "incident"
            here = rows[(rows["vantage"] == vantage) & (now == (phase == "incident"))]
            if len(here):
                found.append((vantage, phase, here))
    return found


def _draw_strips(axis: Axes, strips: Sequence[_Strip], language: str) -> None:
    import numpy as np

    labels = []
    for place, (vantage, phase, rows) in enumerate(strips):
        seconds = rows["duration_s"].astype("float64").clip(lower=1e-3).to_numpy()
        failed = rows["failed"].to_numpy(dtype=bool)
        # Spread by position, not by chance, so that the picture stays the same.
        lift = place + 0.22 * ((np.arange(len(seconds)) * 7) % 11 - 5) / 5
        for chosen, marker, color in ((~failed, ".", PHASES[phase]), (failed, "x", style.RED)):
            width = 0.0 if marker == "." else 0.9
            axis.plot(seconds[chosen], lift[chosen], marker, ms=4, mew=width, color=color)
        middle = float(rows["duration_s"].median())
        axis.plot([max(middle, 1e-3)] * 2, [place - 0.36, place + 0.36], color=style.BLACK, lw=1.4)
        where, when = (
            value_label("vantage", str(vantage), language),
            value_label("phase", str(phase), language),
        )
        counts = {"requests": len(rows), "failed": int(rows["failed"].sum())}
        labels.append(label("vantages-strip", language, vantage=where, phase=when, **counts))
    axis.set_yticks(range(len(strips)), labels, fontsize=8)
    axis.set_ylim(len(strips) - 0.5, -0.5)


def _alt_strips(strips: dict[str, list[_Strip]], language: str) -> str:
    parts = [
        label(
            "vantages-alt-strip",
            language,
            route=route,
            vantage=value_label("vantage", str(vantage), language),
            phase=value_label("phase", str(phase), language),
            median=Duration(float(rows["duration_s"].median())),
            failed=int(rows["failed"].sum()),
            requests=len(rows),
        )
        for route, found in strips.items()
        for vantage, phase, rows in found
    ]
    return label("vantages-alt", language, strips="; ".join(parts))


def plot_where_time_goes(shares: pd.DataFrame, language: str = "en") -> FigureView:
    """Plot the mean time in each layer, by endpoint and phase (:func:`requests.layers.layer_shares`)."""
    from matplotlib.patches import Patch

    words = style.drawn_language(language)
    bars = [
        (_bar_label(row, words), [(layer, getattr(row, f"{layer}_s")) for layer in LAYERS])
        for row in shares.itertuples()
    ]
    if not bars:
        return style.empty_figure("where-time-goes", message("where-time-goes-empty"), language)
    figure, (axis,) = style.new_figure([1.1 + 0.25 * len(bars)])
    style.title(axis, label("where-time-goes-title", words))
    _stack(axis, bars, words)
    axis.set_xlabel(label("where-time-goes-axis", words))
    seen_s = max((took for _, parts in bars for _, took in parts if took >= 0), default=0.0) / 400
    used = {layer for _, parts in bars for layer, took in parts if took > seen_s}
    style.key(
        figure,
        [
            Patch(color=color, label=label(f"time-in-{layer}", words))
            for layer, color in LAYERS.items()
            if layer in used
        ],
    )
    said = "; ".join(
        f"{_bar_label(row, language)}: {_spoken(parts, language)}"
        for row, (_, parts) in zip(shares.itertuples(), bars, strict=True)
    )
    return style.finish(figure, "where-time-goes", label("where-time-goes-alt", language, bars=said))


def _bar_label(row: Any, language: str) -> str:
    return label(
        "where-time-goes-bar",
        language,
        route=truncate_middle(row.route, _LONGEST),
        phase=value_label("phase", str(row.phase), language),
        requests=int(row.requests),
    )


def _stack(axis: Axes, bars: Sequence[tuple[str, Sequence[tuple[str, float]]]], language: str) -> None:
    ends = []
    for place, (_, parts) in enumerate(bars):
        at = 0.0
        for layer, took in parts:
            if took > 0:
                axis.barh(place, took, left=at, color=LAYERS[layer], height=0.7, linewidth=0)
                at += took
        ends.append(at)
    for place, end in enumerate(ends):
        axis.annotate(
            f" {duration_label(end, language)}",
            (end, place),
            va="center",
            fontsize=8,
            annotation_clip=False,
            color=style.BLACK,
        )
    axis.set_yticks(range(len(bars)), [name for name, _ in bars])
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(len(bars) - 0.4, -0.6)
    longest = max([*ends, 0.001])
    style.linear_seconds(axis, longest, language, along="x", most=5)
    axis.set_xlim(0, longest * 1.16)
    axis.grid(visible=False, axis="y")


def _spoken(parts: Sequence[tuple[str, float]], language: str) -> str:
    said = [
        f"{label(f'on-{layer}', language)} {duration_label(took, language)}"
        for layer, took in parts
        if took >= 0.0005
    ]
    return ", ".join(said) or duration_label(0.0005, language)


_SERIES = 4


def plot_in_flight(
    opened: pd.DataFrame,
    observed: pd.DataFrame,
    jobs: tuple[Text, pd.Series],
    lag: tuple[str, Lag | None],
    span: style.AxisSpan,
) -> FigureView:
    """Plot requests open by upstream and by path, and an endpoint's latency below them and against them.

    ``jobs`` is what else was in flight, in words and over time; ``lag`` the endpoint, and how its latency
    goes with that, None where it can't be said.
    """
    language, words = span.language, style.drawn_language(span.language)
    route, found = lag
    rows = observed[
        (observed["route"] == route) & observed["duration_s"].notna() & ~observed["vantage"].isin(INNER)
    ]
    if rows.empty:
        return style.empty_figure("in-flight", message("in-flight-empty"), language)
    figure, axes = style.new_figure([1.15, 1.15, 1.25, 1.9])
    style.time_axis(axes[:3], span)
    for axis in axes[:2]:
        axis.sharex(axes[2])
        axis.tick_params(labelbottom=False)
    source = "nginx" if set(opened["upstream"]) - {"edge"} else "edge"
    for axis, key in zip(axes[:2], ("upstream", "route"), strict=True):
        style.title(axis, label(f"in-flight-{source}-by-{key}", words))
        _lines(axis, opened, key, words)
    style.title(axes[2], label("in-flight-latency", words, route=truncate_middle(route, 40)))
    _dots(axes[2], rows, "start", words)
    axes[2].set_ylabel(label("axis-duration", words))
    _against(axes[3], rows, jobs, found, words)
    conclusion = render(_conclusion(found, jobs[1]), language)
    return style.finish(figure, "in-flight", _alt(opened, route, conclusion, language))


def _lines(axis: Axes, opened: pd.DataFrame, key: str, language: str) -> None:
    if opened.empty:
        style.absent(axis, label("in-flight-no-log", language))
        return
    wide = opened.groupby(["time", key])["in_flight"].sum().unstack(fill_value=0)
    peaks = wide.max().sort_values(ascending=False, kind="stable")
    names = list(peaks[peaks > 0].index[:_SERIES])
    for place, name in enumerate(names):
        shown = truncate_middle(value_label(key, str(name), language), _LONGEST)
        axis.plot(
            wide.index.to_numpy(), wide[name].to_numpy(), drawstyle="steps-post", **style.stroke(place),
            label=f"{shown} ≤ {wide[name].max():,d}", lw=1.1,
        )  # fmt: skip
    if not names:
        style.absent(axis, label("in-flight-never-two", language))
        return
    # Room above for the legend, which would hide the peaks.
    axis.set_ylim(0, float(peaks.iloc[0]) * (1.6 if len(names) < 3 else 1.9))
    axis.locator_params(axis="y", nbins=3, integer=True)
    axis.legend(
        loc="upper left", fontsize=7, ncols=2, frameon=False, borderaxespad=0.1, handlelength=2.2,
        columnspacing=0.8,
    )  # fmt: skip


def _dots(axis: Axes, rows: pd.DataFrame, across: str, language: str) -> None:
    seconds = rows["duration_s"].astype("float64").clip(lower=1e-3)
    bad = rows["failed"].to_numpy(bool)
    places = rows[across].to_numpy()
    for chosen, marker, color in ((~bad, ".", style.BLUE), (bad, "x", style.RED)):
        width = 0.0 if marker == "." else 0.9
        axis.plot(places[chosen], seconds.to_numpy()[chosen], marker, ms=4, mew=width, color=color)
    style.seconds_axis(axis, float(seconds.min()), float(seconds.max()), language)


def _against(
    axis: Axes, rows: pd.DataFrame, jobs: tuple[Text, pd.Series], found: Lag | None, language: str
) -> None:
    """Draw each request's latency over the other requests in flight, at the best lag."""
    import pandas as pd

    work, series = jobs
    style.title(axis, render(_conclusion(found, series), language))
    if series.empty:
        style.absent(axis, label("in-flight-no-load", language))
        return
    lag_s = found.lag_s if found is not None and found.follows else 0.0
    load = pd.DataFrame({"start": series.index, "load": series.to_numpy()}).astype(
        {"start": rows["start"].dtype}
    )
    moved = rows.assign(start=rows["start"] - pd.Timedelta(seconds=lag_s)).sort_values("start")
    both = pd.merge_asof(moved, load, on="start", direction="nearest", tolerance=pd.Timedelta(seconds=15))
    _dots(axis, both[both["load"].notna()], "load", language)
    most = max(1.0, float(series.max()))
    axis.set_xlim(-0.02 * most, most * 1.05)
    axis.locator_params(axis="x", integer=True)
    when = "with" if not lag_s else "before" if lag_s > 0 else "after"
    beside = {"load": render(work, language), "lag": Duration(abs(lag_s))}
    axis.set_xlabel(label(f"in-flight-axis-{when}", language, **beside), fontsize=8.5)
    axis.set_ylabel(label("axis-duration", language))


def _conclusion(found: Lag | None, load: pd.Series) -> Text:
    if found is None and len(load) and load.min() == load.max():
        return message("latency-load-constant", load=Number(float(load.iloc[0])))
    if found is None:
        return message("latency-too-few")
    way = "with" if found.lag_s == 0 else "follows" if found.lag_s > 0 else "precedes"
    return message(
        f"latency-{way if found.follows else 'apart'}",
        rho=Number(found.correlation, 2),
        samples=found.samples,
        lag=Duration(abs(found.lag_s)),
    )


def _alt(opened: pd.DataFrame, route: str, conclusion: str, language: str) -> str:
    peaks: Sequence[str] = ()
    if len(opened):
        most = opened.groupby(["time", "upstream"])["in_flight"].sum().groupby("upstream").max()
        peaks = [
            f"{name} ≤ {count:,d}"
            for name, count in zip(
                (value_label("upstream", str(name), language) for name in most.index), most, strict=True
            )
        ]
    said = {"route": route, "conclusion": conclusion, "peaks": ", ".join(peaks)}
    return label("in-flight-alt" if peaks else "in-flight-alt-unknown", language, **said)
