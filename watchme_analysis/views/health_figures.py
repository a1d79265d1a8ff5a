"""Figures of a health question beside its timeline: the vantages, and where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.views import style
from watchme_analysis.views.display import Picture, duration
from watchme_analysis.views.plain_lines import squeezed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

VANTAGES = ("outside", "edge", "nginx", "host", "inside")
PHASES = {"baseline": style.BLUE, "incident": style.ORANGE}
LAYERS = {
    "edge": ("edge and the way to Nginx", style.PURPLE),
    "nginx": ("in Nginx, and to the client", style.SKY),
    "connect": ("connecting to the application", style.ORANGE),
    "header": ("waiting for the application's header", style.RED),
    "body": ("reading the application's body", style.BLUE),
}
_FAMILIES = 3
_ROW_IN = 0.2
# Characters of a path that leave room for phase and number beside a bar.
_LONGEST = 26


def plot_vantages(observed: pd.DataFrame, families: Sequence[str]) -> Picture:
    """Plot how long every request took, by endpoint, vantage and phase.

    Parameters
    ----------
    observed
        Frame of :func:`watchme_analysis.analysis.health.window.judged` with a ``phase``.
    families
        Path families, one panel each in this order, three at most.
    """
    chosen = [family for family in families if (observed["family"] == family).any()][:_FAMILIES]
    known = observed[observed["family"].isin(chosen) & observed["duration_s"].notna()]
    if known.empty:
        return style.nothing("vantages", "no probe or log of these endpoints carries a duration")
    strips = {family: _strips(known[known["family"] == family]) for family in chosen}
    strips = {family: found for family, found in strips.items() if found}
    heights = [0.45 + _ROW_IN * len(found) for found in strips.values()]
    heights[-1] += 0.25
    figure, axes = style.new_figure(heights, share_x=True)
    for axis, (family, found) in zip(axes, strips.items(), strict=True):
        style.title(axis, family)
        _draw_strips(axis, found)
    low, high = 1e-3, float(known["duration_s"].max())
    style.seconds_axis(axes[-1], low, high, along="x")
    axes[-1].set_xlabel("duration of a request (beside: how many); × failed, | median")
    return style.finish(figure, "vantages", _alt_strips(strips))


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


def _draw_strips(axis: Axes, strips: Sequence[_Strip]) -> None:
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
        bad = int(rows["failed"].sum())
        labels.append(f"{vantage}, {phase}: {len(rows):,d}" + (f", {bad:,d} failed" if bad else ""))
    axis.set_yticks(range(len(strips)), labels, fontsize=8)
    axis.set_ylim(len(strips) - 0.5, -0.5)


def _alt_strips(strips: dict[str, list[_Strip]]) -> str:
    parts = [
        f"{family} {vantage} {phase}: median {duration(float(rows['duration_s'].median()))}, "
        f"{int(rows['failed'].sum()):,d} of {len(rows):,d} failed"
        for family, found in strips.items()
        for vantage, phase, rows in found
    ]
    return f"Durations by endpoint, vantage and phase. {'; '.join(parts)}."


def plot_where_time_goes(shares: pd.DataFrame) -> Picture:
    """Plot the mean time in each layer, by endpoint and phase.

    Parameters
    ----------
    shares
        Frame of :func:`watchme_analysis.analysis.health.shares.layer_shares`.
    """
    from matplotlib.patches import Patch

    bars = [
        (
            f"{squeezed(row.family, _LONGEST)}, {row.phase}: {row.requests:,d}",
            [(layer, getattr(row, f"{layer}_s")) for layer in LAYERS],
        )
        for row in shares.itertuples()
    ]
    if not bars:
        return style.nothing("where-time-goes", "neither the edge's nor Nginx's log carries timing")
    figure, (axis,) = style.new_figure([1.1 + 0.25 * len(bars)])
    style.title(axis, "mean time by layer (beside: requests)")
    _stack(axis, bars)
    axis.set_xlabel("time")
    seen_s = max((took for _, parts in bars for _, took in parts if took >= 0), default=0.0) / 400
    used = {layer for _, parts in bars for layer, took in parts if took > seen_s}
    style.key(
        figure, [Patch(color=color, label=text) for layer, (text, color) in LAYERS.items() if layer in used]
    )
    alt = "; ".join(f"{label}: {_spoken(parts)}" for label, parts in bars)
    return style.finish(figure, "where-time-goes", f"Where the time goes. {alt}.")


def _stack(axis: Axes, bars: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> None:
    ends = []
    for place, (_, parts) in enumerate(bars):
        at = 0.0
        for layer, took in parts:
            if took > 0:
                axis.barh(place, took, left=at, color=LAYERS[layer][1], height=0.7, linewidth=0)
                at += took
        ends.append(at)
    for place, end in enumerate(ends):
        axis.annotate(
            f" {duration(end)}",
            (end, place),
            va="center",
            fontsize=8,
            annotation_clip=False,
            color=style.BLACK,
        )
    axis.set_yticks(range(len(bars)), [label for label, _ in bars])
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(len(bars) - 0.4, -0.6)
    longest = max([*ends, 0.001])
    style.linear_seconds(axis, longest, along="x", most=5)
    axis.set_xlim(0, longest * 1.16)
    axis.grid(visible=False, axis="y")


def _spoken(parts: Sequence[tuple[str, float]]) -> str:
    said = [f"{layer} {duration(took)}" for layer, took in parts if took >= 0.0005]
    return ", ".join(said) or "under a millisecond"
