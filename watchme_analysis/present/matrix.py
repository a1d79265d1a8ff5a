"""Figure of the weights of evidence by check and hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from watchme_analysis.inference.weighing import check_name
from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.message import Probability, Text, message
from watchme_analysis.text.render import label, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from watchme_analysis.inference.findings import Ranked

_ROW_IN = 0.24
# Height of the names above the columns.
_NAMES_IN = 2.1
# Latin characters in a line of a name.
_LABEL_CHARACTERS = 26
_LONGEST = 34
_CHECKS = 30
# A weight below this is neutral.
_SILENT = 0.05
_FULL = 3.0


def plot_evidence_matrix(
    ranking: Sequence[Ranked], names: Mapping[str, Text], language: str = "en"
) -> FigureView:
    """Return a figure of the checks that support (▲), contradict (▼) or are neutral (·) for each hypothesis.

    The number is the weight, the natural logarithm of the likelihood ratio of the observation; a deeper
    colour stands for a larger weight. The most probable cause is on the left. A cause without a name is shown
    by its id; the description has both.
    """
    words = style.drawn_language(language)
    weights: dict[str, dict[str, float]] = {}
    for entry in ranking:
        for item in entry.finding.evidence:
            row = weights.setdefault(item.check or item.table, {})
            row[entry.finding.cause] = row.get(entry.finding.cause, 0.0) + item.weight
    if not weights:
        return style.empty_figure("evidence-matrix", message("matrix-empty"), language)
    checks = sorted(weights, key=lambda check: -max(map(abs, weights[check].values())))
    left_out = len(checks) - _CHECKS
    checks = checks[:_CHECKS]
    figure, (axis,) = style.new_figure([_NAMES_IN + _ROW_IN * len(checks)])
    _grid(axis, ranking, checks, names, words)
    for place, check in enumerate(checks):
        for column, entry in enumerate(ranking):
            _cell(axis, column, place, weights[check].get(entry.finding.cause, 0.0))
    note = label("matrix-note", words)
    if left_out > 0:
        note += "\n" + label("matrix-left-out", words, checks=left_out)
    figure.supxlabel(note, fontsize=8, x=0.01, ha="left")
    return style.finish(figure, "evidence-matrix", _alt(ranking, weights, names, language))


def _grid(
    axis: Axes, ranking: Sequence[Ranked], checks: Sequence[str], names: Mapping[str, Text], language: str
) -> None:
    axis.set_xlim(-0.5, len(ranking) - 0.5)
    axis.set_ylim(len(checks) - 0.5, -0.5)
    labels = [
        f"{style.wrapped(_named(entry, names, language), _LABEL_CHARACTERS, language, most_lines=2)}"
        f"\n{_probability(entry, language)}"
        for entry in ranking
    ]
    axis.xaxis.tick_top()
    axis.set_xticks(range(len(ranking)), labels, rotation=90, ha="center", va="bottom", ma="left")
    axis.set_yticks(range(len(checks)), [_short(render(check_name(check), language)) for check in checks])
    for tick, entry in zip(axis.get_xticklabels(), ranking, strict=True):
        tick.set_fontweight("bold" if entry.status == "supported" else "normal")
        tick.set_color(style.GREY if entry.status == "refuted" else style.BLACK)
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for side in axis.spines.values():
        side.set_visible(False)
    for row in range(1, len(checks)):
        axis.axhline(row - 0.5, color="#eeeeee", linewidth=0.7)


def _cell(axis: Axes, column: int, row: int, weight: float) -> None:
    from matplotlib.patches import Rectangle

    if abs(weight) < _SILENT:
        _write(axis, (column, row), "·", style.BLACK, 10)
        return
    color = style.BLUE if weight > 0 else style.ORANGE
    depth = 0.15 + 0.65 * min(1.0, abs(weight) / _FULL)
    axis.add_patch(
        Rectangle((column - 0.47, row - 0.45), 0.94, 0.9, facecolor=color, alpha=depth, linewidth=0)
    )
    sign = "▲" if weight > 0 else "▼"
    ink = "white" if weight > 0 and depth > 0.6 else style.BLACK
    _write(axis, (column, row), f"{sign}{abs(weight):.1f}", ink, 7.5)


def _write(axis: Axes, place: tuple[int, int], text: str, color: str, size: float) -> None:
    written = axis.text(*place, text, ha="center", va="center", color=color, fontsize=size)
    # It lies within the axes: measuring hundreds of them for the layout takes half of the time.
    written.set_in_layout(False)


def _short(text: str) -> str:
    text = text.replace("_", " ")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def _named(entry: Ranked, names: Mapping[str, Text], language: str) -> str:
    cause = entry.finding.cause
    return render(names[cause], language) if cause in names else cause.replace("_", " ")


def _probability(entry: Ranked, language: str) -> str:
    return label("value", language, value=Probability(entry.probability))


def _alt(
    ranking: Sequence[Ranked],
    weights: dict[str, dict[str, float]],
    names: Mapping[str, Text],
    language: str,
) -> str:
    parts = []
    for entry in ranking:
        cause = entry.finding.cause
        mine = [row.get(cause, 0.0) for row in weights.values()]
        parts.append(
            label(
                "matrix-alt-cause",
                language,
                cause=_named(entry, names, language),
                id=cause,
                probability=Probability(entry.probability),
                supporting=sum(weight >= _SILENT for weight in mine),
                contradicting=sum(weight <= -_SILENT for weight in mine),
                neutral=sum(abs(weight) < _SILENT for weight in mine),
            )
        )
    counts = {"checks": len(weights), "causes": len(parts)}
    return label("matrix-alt", language, **counts, parts="; ".join(parts))
