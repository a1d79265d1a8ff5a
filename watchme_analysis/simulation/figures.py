"""Figures and tables of simulated measures, with a confidence interval on every value."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView, TableView
from watchme_analysis.text.formats import format_duration, format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from watchme_analysis.simulation.calibration import Agreement
    from watchme_analysis.simulation.scenarios import Comparison, Estimate
    from watchme_analysis.simulation.throttling import ThrottlingPoint

# Field of an outcome, its heading, and its divisor for display.
COLUMNS = (
    ("dead_lettered", "in DLQ", 1.0),
    ("dead_unfailed", "of them never failed", 1.0),
    ("lost", "work lost", 1.0),
    ("duplicates", "work done twice", 1.0),
    ("peak_visible", "peak backlog", 1.0),
    ("peak_age_s", "oldest (min)", 60.0),
    ("drain_s", "drain (min)", 60.0),
)
_PANELS = (
    ("dead_lettered", "messages in DLQ", 1.0),
    ("duplicates", "messages done twice", 1.0),
    ("peak_age_s", "oldest (min)", 60.0),
)
_LABEL = 42
_MOST_POWERS = 3
_ROW_IN = 0.36
_FIGURE_WORDS = {
    "peak_visible": "peak backlog (messages)",
    "peak_age_s": "oldest message",
    "dead_lettered": "messages in the DLQ",
}


def estimate_of(row: Comparison, name: str) -> Estimate:
    """Return a figure of a scenario with its interval."""
    return row.drain_s() if name == "drain_s" else row.estimate(name)


def figures_note(runs: int) -> str:
    """Return a sentence on the meaning of a figure and its interval."""
    if runs == 1:
        return "Figures of a single run, which has no interval: how far chance goes is not to be seen"
    return f"Means of {runs} runs ± half their 95 % interval (without one, all runs came to the same)"


def measures_table(found: Sequence[Comparison], recorded: Any = None) -> TableView:
    """Return the figures of each measure as means with their 95 % intervals.

    Parameters
    ----------
    found
        Result of :func:`watchme_analysis.simulation.scenarios.compare`.
    recorded
        Recorded figures of the case, shown in the first row; None without a case.
    """
    rows = measures_rows(found, recorded)
    note = (
        f"{figures_note(len(found[0].outcomes) if found else 0)}, with the same "
        "arrivals in every row but for ten times the load. Never failed: dead-lettered though no "
        "run failed, as throttled receives count. Drain: the longest stretch in which messages had waited "
        "for over a minute, from the first of them until none did; “not” where runs ended with messages left."
    )
    heads = ("measure", *(head for _, head, _ in COLUMNS))
    return TableView(
        "What each measure would have done", heads, tuple(rows), note, frozenset(range(1, len(heads)))
    )


def measures_rows(
    found: Sequence[Comparison], recorded: Any, columns: Sequence[tuple[str, str, float]] = COLUMNS
) -> list[tuple[str, ...]]:
    """Return a row of cells for the record, if there is one, and for each measure."""
    rows = []
    if recorded is not None:
        own = [(getattr(recorded, name, None), unit) for name, _, unit in columns]
        cells = ["–" if value is None else format_number(value / unit, 3) for value, unit in own]
        rows.append(("recorded", *cells))
    rows += [
        (
            row.scenario.name,
            *(_written(estimate_of(row, name), unit, len(row.outcomes)) for name, _, unit in columns),
        )
        for row in found
    ]
    return rows


def _written(found: Estimate, unit: float, runs: int) -> str:
    return "not" if found.mean is None or found.seen < runs else found.text(unit)


def agreement_table(agreements: Sequence[tuple[str, Agreement]]) -> TableView:
    """Return the recorded figures of each queue next to those of simulations with its own settings."""
    rows = []
    for queue, each in agreements:
        write = format_duration if each.figure.endswith("_s") else format_number
        rows.append(
            (
                queue,
                _FIGURE_WORDS.get(each.figure, each.figure),
                write(each.recorded),
                write(each.simulated),
                " to ".join(dict.fromkeys((write(each.lowest), write(each.highest)))),
                "yes" if each.is_near else "no: read what follows with care",
            )
        )
    heads = ("queue", "figure", "recorded", "simulated", "single runs", "within 20 %")
    note = "" if rows else "Nothing was recorded that a run could be held against."
    return TableView(
        "Agreement of the simulation with the record", heads, tuple(rows), note, frozenset({2, 3, 4})
    )


def plot_measures(found: Sequence[Comparison]) -> FigureView:
    """Return a plot of DLQ messages, duplicates and age by measure, with their intervals."""
    if not found:
        return style.empty_figure("measures", "Nothing was simulated.")
    names = [textwrap.fill(row.scenario.name, _LABEL) for row in found]
    lines = sum(1 + name.count("\n") for name in names)
    figure, axes = style.new_row(0.7 + _ROW_IN * max(len(found), lines * 0.55), len(_PANELS))
    for axis, (name, head, unit) in zip(axes, _PANELS, strict=True):
        _points(axis, [estimate_of(row, name) for row in found], unit)
        style.title(axis, head)
    axes[0].set_yticks(range(len(found)), names, fontsize=8)
    axes[0].set_ylim(len(found) - 0.5, -0.5)
    base = found[0]
    said = "; ".join(
        f"{head} {_written(base.estimate(name), unit, len(base.outcomes))}" for name, head, unit in _PANELS
    )
    return style.finish(
        figure,
        "measures",
        f"Messages in the DLQ, work done twice and age of the oldest message by measure, with 95 % "
        f"intervals. {base.scenario.name}: {said}.",
    )


def _points(axis: Axes, estimates: Sequence[Estimate], unit: float) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    base = estimates[0].mean
    if base is not None:
        axis.axvline(base / unit, color=style.GREY, linewidth=0.9, linestyle=(0, (3, 2)))
    for place, found in enumerate(estimates):
        if found.mean is None:
            continue
        better = base is not None and found.high is not None and found.high < base
        worse = base is not None and found.low is not None and found.low > base
        color = style.GREEN if better else style.RED if worse else style.BLACK
        half = (found.half_width or 0.0) / unit
        marker = "<" if better else ">" if worse else "o"
        axis.errorbar(
            found.mean / unit, place, xerr=half, color=color, marker=marker, ms=5, linewidth=1.4, capsize=2
        )
    top = max((found.mean / unit for found in estimates if found.mean is not None), default=1.0)
    powers = [10.0**power for power in range(6) if 10.0**power <= max(top * 2, 1.0)]
    # If there are too many powers for the axis, every second is labelled.
    ticks = [0.0, *(powers if len(powers) <= _MOST_POWERS else powers[::2])]
    axis.set_xscale("symlog", linthresh=1.0)
    axis.set_xlim(-0.4, max(top * 2, 2.0))
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    # "1,000" would overlap with the next label.
    names = [format_number(tick) if tick < 1000 else f"{tick / 1000:.0f}k" for tick in ticks]
    axis.xaxis.set_major_formatter(FixedFormatter(names))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.grid(visible=False, axis="y")


def plot_throttling(points: Sequence[ThrottlingPoint]) -> FigureView:
    """Return a plot of healthy messages moved to the DLQ by throttling against the retry time of a batch."""
    visibilities = sorted({point.visibility_timeout_s for point in points})
    figure, axes = style.new_row(3.0, len(visibilities))
    reserved = [point for point in points if point.limit == "reserved"]
    lines = sorted({(not point.backs_off, point.retry_s) for point in reserved})
    for axis, visibility_s in zip(axes, visibilities, strict=True):
        for place, (climbs, retry_s) in enumerate(lines):
            mine = [
                point
                for point in reserved
                if (point.visibility_timeout_s, point.backs_off, point.retry_s)
                == (visibility_s, not climbs, retry_s)
            ]
            label = f"reserved 2, poller {'only scales up' if climbs else 'backs off'}, retry {retry_s:.0f} s"
            _line(axis, mine, style.stroke(place), "o" if climbs else "s", label)
        most = [
            point
            for point in points
            if (point.limit, point.visibility_timeout_s) == ("maximum", visibility_s)
        ]
        height = most[0].dead_unfailed_pct.mean or 0.0
        axis.axhline(height, color=style.BLACK, linewidth=1.6, label="maximum concurrency 2")
        style.title(axis, f"visibility {visibility_s:.0f} s")
        axis.set_xlabel("throttled batch tried for (s)")
        axis.set_ylim(-3, 100)
    axes[0].set_ylabel("dead-lettered unfailed (%)")
    handles = axes[0].get_legend_handles_labels()[0]
    figure.legend(
        handles=handles, loc="outside lower left", ncols=1, fontsize=8, frameon=False, handlelength=3
    )
    return style.finish(figure, "throttling", " ".join(throttling_sentences(points)))


def _line(
    axis: Axes, points: Sequence[ThrottlingPoint], stroke: dict[str, Any], marker: str, label: str
) -> None:
    ordered = sorted(points, key=lambda point: point.patience_s)
    axis.errorbar(
        [point.patience_s for point in ordered],
        [point.dead_unfailed_pct.mean or 0.0 for point in ordered],
        yerr=[point.dead_unfailed_pct.half_width or 0.0 for point in ordered],
        marker=marker, ms=4, linewidth=1.2, capsize=2, label=label, **stroke,
    )  # fmt: skip


def throttling_sentences(points: Sequence[ThrottlingPoint]) -> tuple[str, ...]:
    """Return sentences on the assumptions under which throttling moves healthy messages to the DLQ."""
    said = []
    worst = max(
        (point.dead_unfailed_pct.mean or 0.0 for point in points if point.limit == "maximum"), default=0.0
    )
    said.append(
        "With maximum concurrency 2 no healthy message reaches the dead-letter queue, under any assumption."
        if not worst
        else f"With maximum concurrency 2 up to {worst:.1f} % of them reach the dead-letter queue."
    )
    for visibility_s in sorted({point.visibility_timeout_s for point in points}):
        mine = [
            point
            for point in points
            if point.limit == "reserved" and point.visibility_timeout_s == visibility_s
        ]
        losing = [point for point in mine if (point.dead_unfailed_pct.mean or 0.0) > 0]
        as_documented = [point for point in mine if point.backs_off and point.patience_s >= visibility_s]
        earlier = [point for point in mine if point.backs_off and point.patience_s < visibility_s]
        said.append(
            f"With reserved concurrency 2 and a visibility timeout of {visibility_s:.0f} s some do, under "
            f"{len(losing)} of {len(mine)} assumptions. Share of the messages: {_span(as_documented)} as "
            "AWS's guide describes it (tried until the visibility timeout has passed, by a poller that backs "
            f"off), {_span(earlier)} where it stops earlier, "
            f"{_span([point for point in mine if not point.backs_off])} where the poller only scales up."
        )
    return tuple(said)


def _span(points: Sequence[ThrottlingPoint]) -> str:
    shares = [point.dead_unfailed_pct.mean or 0.0 for point in points]
    low, high = min(shares), max(shares)
    return (
        f"{format_number(low, 2)} %"
        if low == high
        else f"{format_number(low, 2)} to {format_number(high, 2)} %"
    )
