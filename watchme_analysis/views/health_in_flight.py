"""Requests in flight against the latency of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchme_analysis.analysis.health.window import INNER
from watchme_analysis.views import style
from watchme_analysis.views.display import Picture, duration, number
from watchme_analysis.views.plain_lines import squeezed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from watchme_analysis.analysis.health.lag import Lag

_SERIES = 4
_LONGEST = 26


def plot_in_flight(
    opened: pd.DataFrame,
    observed: pd.DataFrame,
    jobs: tuple[str, pd.Series],
    lag: tuple[str, Lag | None],
    span: style.Span,
) -> Picture:
    """Plot requests open by upstream and by path, and an endpoint's latency below them and against them.

    Parameters
    ----------
    opened
        Frame of :func:`watchme_analysis.analysis.health.lag.open_requests`.
    observed
        Judged observations of all endpoints.
    jobs
        What else was in flight, in words and over time.
    lag
        The endpoint, and how its latency goes with that; None where it can't be said.
    span
        Window, zone, incident and changes.
    """
    family, found = lag
    rows = observed[
        (observed["family"] == family) & observed["duration_s"].notna() & ~observed["vantage"].isin(INNER)
    ]
    if rows.empty:
        return style.nothing("in-flight", "no log or probe says how long a request took")
    figure, axes = style.new_figure([1.15, 1.15, 1.25, 1.9])
    style.time_axis(axes[:3], span)
    for axis in axes[:2]:
        axis.sharex(axes[2])
        axis.tick_params(labelbottom=False)
    source = "Nginx" if set(opened["upstream"]) - {"edge"} else "the edge"
    _lines(axes[0], opened, "upstream", f"requests open at {source}, by upstream")
    _lines(axes[1], opened, "family", f"requests open at {source}, by path")
    title = f"latency of {squeezed(family, 40)}"
    style.title(axes[2], title)
    _dots(axes[2], rows, "start")
    axes[2].set_ylabel("duration")
    _against(axes[3], rows, jobs, found)
    return style.finish(figure, "in-flight", _alt(opened, family, _conclusion(found, jobs[1])))


def _lines(axis: Axes, opened: pd.DataFrame, key: str, title: str) -> None:
    style.title(axis, title)
    if opened.empty:
        style.absent(axis, "no access or edge log")
        return
    wide = opened.groupby(["time", key])["in_flight"].sum().unstack(fill_value=0)
    peaks = wide.max().sort_values(ascending=False, kind="stable")
    names = list(peaks[peaks > 0].index[:_SERIES])
    for place, name in enumerate(names):
        axis.plot(
            wide.index.to_numpy(), wide[name].to_numpy(), drawstyle="steps-post", **style.stroke(place),
            label=f"{squeezed(str(name), _LONGEST)} ≤ {wide[name].max():,d}", lw=1.1,
        )  # fmt: skip
    if not names:
        style.absent(axis, "never two at once at a sample")
        return
    # Room above for the legend, which would hide the peaks.
    axis.set_ylim(0, float(peaks.iloc[0]) * (1.6 if len(names) < 3 else 1.9))
    axis.locator_params(axis="y", nbins=3, integer=True)
    axis.legend(
        loc="upper left", fontsize=7, ncols=2, frameon=False, borderaxespad=0.1, handlelength=2.2,
        columnspacing=0.8,
    )  # fmt: skip


def _dots(axis: Axes, rows: pd.DataFrame, across: str) -> None:
    seconds = rows["duration_s"].astype("float64").clip(lower=1e-3)
    bad = rows["failed"].to_numpy(bool)
    places = rows[across].to_numpy()
    for chosen, marker, color in ((~bad, ".", style.BLUE), (bad, "x", style.RED)):
        width = 0.0 if marker == "." else 0.9
        axis.plot(places[chosen], seconds.to_numpy()[chosen], marker, ms=4, mew=width, color=color)
    style.seconds_axis(axis, float(seconds.min()), float(seconds.max()))


def _against(axis: Axes, rows: pd.DataFrame, jobs: tuple[str, pd.Series], found: Lag | None) -> None:
    """Draw each request's latency over what else was in flight, as long before as fits best."""
    import pandas as pd

    words, series = jobs
    style.title(axis, _conclusion(found, series))
    if series.empty:
        style.absent(axis, "no gauge of the process, no access or edge log")
        return
    lag_s = found.lag_s if found is not None and found.follows else 0.0
    load = pd.DataFrame({"start": series.index, "load": series.to_numpy()}).astype(
        {"start": rows["start"].dtype}
    )
    moved = rows.assign(start=rows["start"] - pd.Timedelta(seconds=lag_s)).sort_values("start")
    both = pd.merge_asof(moved, load, on="start", direction="nearest", tolerance=pd.Timedelta(seconds=15))
    _dots(axis, both[both["load"].notna()], "load")
    most = max(1.0, float(series.max()))
    axis.set_xlim(-0.02 * most, most * 1.05)
    axis.locator_params(axis="x", integer=True)
    before = f", {duration(abs(lag_s))} {'before' if lag_s > 0 else 'after'}" if lag_s else ""
    axis.set_xlabel(f"load: {words}{before}; × failed", fontsize=8.5)
    axis.set_ylabel("duration")


def _conclusion(found: Lag | None, load: pd.Series) -> str:
    if found is None and len(load) and load.min() == load.max():
        return f"latency changes though the load stays at {number(float(load.iloc[0]))}"
    if found is None:
        return "latency against load: too few samples to compare"
    rho = f"ρ {number(found.correlation, 2)}, {found.samples} samples"
    if not found.follows:
        return f"latency does not go with the load (at best {rho})"
    if found.lag_s == 0:
        return f"latency goes with the load, at once ({rho})"
    way = "follows" if found.lag_s > 0 else "precedes"
    return f"latency {way} the load by {duration(abs(found.lag_s))} ({rho})"


def _alt(opened: pd.DataFrame, family: str, conclusion: str) -> str:
    peaks: Sequence[str] = ()
    if len(opened):
        most = opened.groupby(["time", "upstream"])["in_flight"].sum().groupby("upstream").max()
        peaks = [f"{name} at most {count:,d}" for name, count in most.items()]
    return (
        f"Requests in flight and the latency of {family}. "
        f"Open by upstream: {', '.join(peaks) or 'not known'}; {conclusion}."
    )
