"""Axes, marks and hover notes of figures, read from the axes without drawing a picture."""

import pytest
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from watchme_analysis.present import style


@pytest.fixture
def axes():
    figure = Figure()
    FigureCanvasBase(figure)
    return figure.subplots()


def test_an_axis_of_seconds_has_ticks_that_are_durations(axes):
    for along in ("y", "x"):
        style.seconds_axis(axes, 0.002, 3.0, "en", along)
        axis = getattr(axes, f"{along}axis")
        assert getattr(axes, f"get_{along}lim")() == pytest.approx((0.002 / 1.5, 6.6))
        assert [tick.get_text() for tick in axis.get_ticklabels()] == ["10 ms", "100 ms", "1 s"]
    style.seconds_axis(axes, 0.0, 0.0, "en")
    assert axes.get_ylim() == pytest.approx((5e-4 / 1.5, 0.022))
    assert axes.format_ydata(90.0) == "90 s"


@pytest.mark.parametrize(
    ("top_s", "most", "top", "labels"),
    [
        (130.0, 2.6, 130 * 1.12, ["0 s", "2 min"]),
        (60.0, 2.6, 60 * 1.12, ["0 s", "30 s", "60 s"]),
        (0.0, 2.6, 1.0, None),
        (7200.0, 4.0, 7200 * 1.12, ["0 s", "30 min", "1 h", "1 h 30 min", "2 h"]),
    ],
)
def test_a_linear_axis_of_seconds_has_few_round_steps(axes, top_s, most, top, labels):
    style.linear_seconds(axes, top_s, "en", most=most)
    assert axes.get_ylim() == pytest.approx((0, top))
    if labels:
        ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= top]
        formatted = [axes.yaxis.get_major_formatter()(tick, 0) for tick in ticks]
        assert formatted == labels
