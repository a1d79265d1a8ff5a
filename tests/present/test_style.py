"""Axes, marks and hover notes of figures, read from the axes without drawing a picture."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backend_bases import FigureCanvasBase, MouseEvent
from matplotlib.figure import Figure

from watchme_analysis.present import style
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def axes():
    figure = Figure()
    FigureCanvasBase(figure)
    return figure.subplots()


def test_changes_are_lettered_and_neighbours_share_a_label(axes):
    marks = tuple(style.Mark(START + timedelta(minutes=at), "x") for at in (10, 13, 13.4, 17, 50))
    span = style.AxisSpan(Window(START, START + timedelta(minutes=100)), UTC, None, marks)
    style._label_marks(axes, span)
    assert [text.get_text() for text in axes.texts] == ["A–C", "D", "E"]
    assert [text.xy[0] for text in axes.texts] == [style.day_number(marks[at].time) for at in (0, 3, 4)]
    assert [style.mark_letter(place) for place in (0, 25, 26, 51, 52, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "AAA",
    ]


def test_the_incident_is_shaded_until_its_end_or_that_of_the_window(axes):
    window = Window(START, START + timedelta(minutes=100))
    for end, last in ((START + timedelta(minutes=30), 30), (None, 100)):
        span = style.AxisSpan(window, UTC, (START + timedelta(minutes=20), end), (style.Mark(START, "x"),))
        style._shade(axes, span)
        box = axes.patches[-1].get_extents().transformed(axes.transData.inverted())
        days = [style.day_number(START + timedelta(minutes=at)) for at in (20, last)]
        assert [box.x0, box.x1] == pytest.approx(days)
    assert len(axes.lines) == 2
    style._shade(axes, style.AxisSpan(window, UTC, None, ()))
    assert (len(axes.patches), len(axes.lines)) == (2, 2)


def test_an_axis_of_seconds_has_ticks_that_are_durations(axes):
    for along in ("y", "x"):
        style.seconds_axis(axes, 0.002, 3.0, along)
        axis = getattr(axes, f"{along}axis")
        assert getattr(axes, f"get_{along}lim")() == pytest.approx((0.002 / 1.5, 6.6))
        assert [tick.get_text() for tick in axis.get_ticklabels()] == ["10 ms", "0.1 s", "1 s"]
    style.seconds_axis(axes, 0.0, 0.0)
    assert axes.get_ylim() == pytest.approx((5e-4 / 1.5, 0.022))
    assert axes.format_ydata(90.0) == "90 s"


@pytest.mark.parametrize(
    ("top_s", "most", "top", "labels"),
    [
        (130.0, 2.6, 130 * 1.12, ["0 s", "1 min", "2 min"]),
        (60.0, 2.6, 60 * 1.12, ["0 s", "30 s", "60 s"]),
        (0.0, 2.6, 1.0, None),
        (7200.0, 4.0, 7200 * 1.12, ["0 s", "30 min", "1 h", "1 h 30 min", "2 h"]),
    ],
)
def test_a_linear_axis_of_seconds_has_few_round_steps(axes, top_s, most, top, labels):
    style.linear_seconds(axes, top_s, most=most)
    assert axes.get_ylim() == pytest.approx((0, top))
    if labels:
        ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= top]
        formatted = [axes.yaxis.get_major_formatter()(tick, 0) for tick in ticks]
        assert formatted == labels


def test_the_mark_nearest_to_the_pointer_is_described(axes):
    axes.set(xlim=(0, 100), ylim=(0, 100))
    axes.plot([10, 20, 30, np.nan], [10, 20, 30, 5], label="named")
    axes.plot([60, 70, 80], [60, 70, 80])
    axes.plot([50, 50], [0, 100])  # a change
    axes.plot([90, 90], [10, 20], marker="o", label="two")
    axes.plot([], [])

    def at(x, y, by=(0, 0)):
        place = axes.transData.transform((x, y)) + by
        return SimpleNamespace(x=place[0], y=place[1], inaxes=axes)

    for event, found in (
        (at(20, 20), (20, 20)), (at(20, 20, (9, 9)), (20, 20)), (at(20, 20, (10, 10)), None),
        (at(50, 50), None), (at(90, 19), (90, 20)), (at(70, 70, (0, 13)), (70, 70)),
    ):  # fmt: skip
        near = style._nearest(axes, event)
        assert (near and near[:2]) == found
    assert style._nearest(axes, at(20, 20))[2].startswith("named, ")
    assert not style._nearest(axes, at(70, 70))[2].startswith("_")

    style.annotate_on_hover(axes.figure)

    def move(x, y):
        MouseEvent("motion_notify_event", axes.figure.canvas, x, y)._process()

    move(*axes.transData.transform((20, 20)))
    (note,) = axes.texts
    assert (note.get_visible(), note.xy, note.get_text()[:5]) == (True, (20, 20), "named")
    move(*axes.transData.transform((90, 19)))
    assert (len(axes.texts), note.xy) == (1, (90, 20))
    move(-1, -1)
    assert not note.get_visible()
