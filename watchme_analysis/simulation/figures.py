"""Figures and tables of simulated measures, with a confidence interval on every value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView, TableView
from watchme_analysis.simulation.throttling import LIMIT
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Number,
    Phrases,
    Resource,
    Share,
    message,
    sentences,
    value_of,
)
from watchme_analysis.text.render import label, render, value_label
from watchme_analysis.text.wrapping import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from watchme_analysis.simulation.calibration import Agreement
    from watchme_analysis.simulation.scenarios import Comparison, Estimate
    from watchme_analysis.simulation.throttling import ThrottlingPoint

# Field of an outcome, name of its heading in the catalogues without ``column-``, and its divisor for display.
COLUMNS = (
    ("dead_lettered", "in-dlq", 1.0),
    ("dead_unfailed", "never-failed", 1.0),
    ("lost", "work-lost", 1.0),
    ("duplicates", "done-twice", 1.0),
    ("peak_visible", "peak-backlog", 1.0),
    ("peak_age_s", "oldest-min", 60.0),
    ("drain_s", "drain-min", 60.0),
)
# Field of an outcome, and its divisor for display.
_PANELS = {"dead_lettered": 1.0, "duplicates": 1.0, "peak_age_s": 60.0}
# Columns of a terminal for the name of a measure in a figure.
_LABEL = 42
_MOST_POWERS = 3
_ROW_IN = 0.36


def figures_note(runs: int) -> Message:
    """Return a message on the meaning of a figure and its interval."""
    return message("measures-runs", count=runs)


def measures_table(found: Sequence[Comparison], recorded: Any = None, language: str = "en") -> TableView:
    """Return the figures of each measure as means with their 95 % intervals, those recorded first."""
    rows = measures_rows(found, recorded, language=language)
    note = sentences(figures_note(len(found[0].outcomes) if found else 0), message("measures-note"))
    heads = tuple(
        label(f"column-{head}", language) for head in ("measure", *(head for _, head, _ in COLUMNS))
    )
    return TableView(
        label("measures-caption", language),
        heads,
        tuple(rows),
        render(note, language),
        frozenset(range(1, len(heads))),
    )


def measures_rows(
    found: Sequence[Comparison],
    recorded: Any,
    columns: Sequence[tuple[str, str, float]] = COLUMNS,
    language: str = "en",
) -> list[tuple[str, ...]]:
    """Return a row of cells for the record, if there is one, and for each measure."""
    rows = []
    if recorded is not None:
        own = [(getattr(recorded, name, None), unit) for name, _, unit in columns]
        cells = ["–" if value is None else format_number(value / unit, 3) for value, unit in own]
        rows.append((label("measures-recorded", language), *cells))
    for row in found:
        runs = len(row.outcomes)
        cells = [_written(row.estimate(name), unit, runs, language) for name, _, unit in columns]
        rows.append((render(row.scenario.measure, language), *cells))
    return rows


def _written(found: Estimate, unit: float, runs: int, language: str) -> str:
    if found.mean is None or found.seen < runs:
        return label("measures-not-drained", language)
    return found.text(unit)


def agreement_table(agreements: Sequence[tuple[str, Agreement]], language: str = "en") -> TableView:
    """Return the recorded figures of each queue next to those of simulations with its own settings."""
    rows = []
    for queue, each in agreements:
        kind: type[Duration | Number] = Duration if each.figure.endswith("_s") else Number
        recorded, simulated, lowest, highest = (
            render(message("value", value=kind(value)), language)
            for value in (each.recorded, each.simulated, each.lowest, each.highest)
        )
        between = label("losses-between", language, start=lowest, end=highest)
        rows.append(
            (
                queue,
                value_label("agreement-figure", each.figure, language),
                recorded,
                simulated,
                lowest if lowest == highest else between,
                label("agreement-near" if each.is_near else "agreement-far", language),
            )
        )
    names = ("queue", "figure", "recorded", "simulated", "single-runs", "within-a-fifth")
    heads = tuple(label(f"column-{name}", language) for name in names)
    note = "" if rows else label("agreement-none", language)
    return TableView(label("agreement-caption", language), heads, tuple(rows), note, frozenset({2, 3, 4}))


def plot_measures(found: Sequence[Comparison], language: str = "en") -> FigureView:
    """Return a plot of DLQ messages, duplicates and age by measure, with their intervals."""
    if not found:
        return style.empty_figure("measures", message("measures-figure-none"), language)
    words = style.drawn_language(language)
    names = ["\n".join(wrapped(render(row.scenario.measure, words), _LABEL)) for row in found]
    lines = sum(1 + name.count("\n") for name in names)
    figure, axes = style.new_row(0.7 + _ROW_IN * max(len(found), lines * 0.55), len(_PANELS))
    for axis, (name, unit) in zip(axes, _PANELS.items(), strict=True):
        _points(axis, [row.estimate(name) for row in found], unit)
        style.title(axis, value_label("measures-panel", name, words))
    axes[0].set_yticks(range(len(found)), names, fontsize=8)
    axes[0].set_ylim(len(found) - 0.5, -0.5)
    base = found[0]
    figures = tuple(
        message(
            "measures-alt-figure",
            figure=Resource(value_label("measures-panel", name, language)),
            value=Resource(_written(base.estimate(name), unit, len(base.outcomes), language)),
        )
        for name, unit in _PANELS.items()
    )
    alt = message("measures-alt", measure=value_of(base.scenario.measure), figures=Phrases(figures))
    return style.finish(figure, "measures", render(alt, language))


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


def plot_throttling(points: Sequence[ThrottlingPoint], language: str = "en") -> FigureView:
    """Return a plot of healthy messages moved to the DLQ by throttling against the retry time of a batch."""
    words = style.drawn_language(language)
    visibilities = sorted({point.visibility_timeout_s for point in points})
    figure, axes = style.new_row(3.0, len(visibilities))
    reserved = [point for point in points if point.limit == "reserved"]
    lines = sorted({(not point.backs_off, point.retry_s) for point in reserved})
    for axis, visibility_s in zip(axes, visibilities, strict=True):
        for place, (scales, retry_s) in enumerate(lines):
            mine = [
                point
                for point in reserved
                if (point.visibility_timeout_s, point.backs_off, point.retry_s)
                == (visibility_s, not scales, retry_s)
            ]
            poller = Choice("scales" if scales else "backs_off")
            said = label("throttling-line", words, limit=LIMIT, poller=poller, interval=Duration(retry_s))
            _line(axis, mine, style.stroke(place), "o" if scales else "s", said)
        most = [
            point
            for point in points
            if (point.limit, point.visibility_timeout_s) == ("maximum", visibility_s)
        ]
        height = most[0].dead_unfailed_pct.mean or 0.0
        said = label("throttling-line-maximum", words, limit=LIMIT)
        axis.axhline(height, color=style.BLACK, linewidth=1.6, label=said)
        style.title(axis, label("throttling-panel", words, seconds=round(visibility_s)))
        axis.set_xlabel(label("throttling-axis-tried", words))
        axis.set_ylim(-3, 100)
    axes[0].set_ylabel(label("throttling-axis-share", words))
    handles = axes[0].get_legend_handles_labels()[0]
    figure.legend(
        handles=handles, loc="outside lower left", ncols=1, fontsize=8, frameon=False, handlelength=3
    )
    return style.finish(figure, "throttling", render(sentences(*throttling_sentences(points)), language))


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


def throttling_sentences(points: Sequence[ThrottlingPoint]) -> tuple[Message, ...]:
    """Return messages on the assumptions under which throttling moves healthy messages to the DLQ."""
    worst = max(
        (point.dead_unfailed_pct.mean or 0.0 for point in points if point.limit == "maximum"), default=0.0
    )
    said = [
        message("throttling-maximum-some", limit=LIMIT, share=Share(worst / 100))
        if worst
        else message("throttling-maximum-none", limit=LIMIT)
    ]
    for visibility_s in sorted({point.visibility_timeout_s for point in points}):
        mine = [
            point
            for point in points
            if point.limit == "reserved" and point.visibility_timeout_s == visibility_s
        ]
        backing = [point for point in mine if point.backs_off]
        said.append(
            message(
                "throttling-reserved",
                limit=LIMIT,
                visibility=Duration(visibility_s),
                losing=sum((point.dead_unfailed_pct.mean or 0.0) > 0 for point in mine),
                count=len(mine),
                documented=_shares([point for point in backing if point.patience_s >= visibility_s]),
                earlier=_shares([point for point in backing if point.patience_s < visibility_s]),
                scaling=_shares([point for point in mine if not point.backs_off]),
            )
        )
    return tuple(said)


def _shares(points: Sequence[ThrottlingPoint]) -> Message:
    """Return the lowest and the highest share of messages that points move to the DLQ."""
    shares = [(point.dead_unfailed_pct.mean or 0.0) / 100 for point in points]
    low, high = min(shares), max(shares)
    if low == high:
        return message("value", value=Share(low))
    return message("losses-between", start=Share(low), end=Share(high))
