"""Figure of a load test: the measured curve beside the simulated ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView
from watchme_analysis.simulation.replay import CurvePoint, curve_of, predicted_runs
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.message import Duration, message
from watchme_analysis.text.render import label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from watchme_analysis.remedies.load_plan import LoadPlan
    from watchme_analysis.remedies.loadtest import LoadResult

_PANEL_IN = 1.9
_BAND = 0.25


def plot_load_test(plan: LoadPlan, result: LoadResult, language: str = "en") -> FigureView:
    """Return a figure of messages sent, of those not done, and of the oldest, with the simulated range.

    The prediction is simulated again for the times at which messages were sent.
    """
    words = style.drawn_language(language)
    if not result.sent_s:
        return style.empty_figure("loadtest", message("loadtest-nothing-sent"), language)
    groups = plan.groups if len(plan.groups) == len(result.sent_s) else ()
    runs = predicted_runs(plan.model, result.sent_s, groups, plan.replications)
    ends = [done for done in result.done_s if not math.isnan(done)]
    simulated_ends = [done for run in runs for done in run if not math.isnan(done)]
    until_s = max([result.sent_s[-1], *ends, *simulated_ends]) or 1.0
    measured = curve_of(result.sent_s, result.done_s, until_s)
    simulated = [curve_of(result.sent_s, run, until_s) for run in runs]
    figure, axes = style.new_figure([_PANEL_IN] * 2, share_x=True)
    panels: tuple[tuple[str, Callable[[CurvePoint], float]], ...] = (
        ("waiting", lambda point: point.waiting),
        ("oldest", lambda point: point.oldest_s),
    )
    for axis, (name, value) in zip(axes, panels, strict=True):
        _draw(axis, measured, simulated, value, words)
        style.title(axis, label(f"loadtest-panel-{name}", words))
    axes[-1].set_xlabel(label("loadtest-axis-time", words))
    style.legend(axes[0])
    return style.finish(
        figure,
        "loadtest",
        label(
            "loadtest-figure-alt",
            language,
            target=plan.target.name,
            waiting=format_number(max(point.waiting for point in measured)),
            oldest=Duration(max(point.oldest_s for point in measured)),
        ),
    )


def _draw(
    axis: Axes,
    measured: Sequence[CurvePoint],
    simulated: Sequence[Sequence[CurvePoint]],
    value: Callable[[CurvePoint], float],
    words: str,
) -> None:
    times = [point.time_s for point in measured]
    at_once = [[value(run[place]) for run in simulated] for place in range(len(times))]
    axis.fill_between(
        times,
        [min(values) for values in at_once],
        [max(values) for values in at_once],
        color=style.ORANGE,
        alpha=_BAND,
        linewidth=0,
        label=label("loadtest-legend-predicted", words),
    )
    axis.plot(
        times, [value(point) for point in measured], color=style.BLUE,
        label=label("loadtest-legend-measured", words),
    )  # fmt: skip
    axis.set_ylim(bottom=0)
