"""Nothing that a figure says lies over something else that it says."""

import warnings
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from matplotlib.lines import Line2D
from matplotlib.text import Text

from watchme_analysis.health.sections.figures import plot_in_flight
from watchme_analysis.health.sections.followed import plot_waterfall
from watchme_analysis.present import style
from watchme_analysis.simulation.figures import plot_measures
from watchme_analysis.simulation.scenarios import Estimate
from watchme_analysis.window import Window, parse_zone

START = datetime(2025, 12, 11, 1, 0, tzinfo=UTC)
TOKYO = parse_zone("Asia/Tokyo")


def texts(figure):
    """Every level text that can be seen, with its box in pixels."""
    axes = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = {tick for axis in axes for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())}
    shown = {tick for axis in axes for tick in axis._update_ticks()}
    hidden = {label for tick in ticks - shown for label in (tick.label1, tick.label2)}
    return [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden and not text.get_rotation()
    ]


def overlapping(figure):
    found = texts(figure)
    return [
        (one, other)
        for place, (one, box) in enumerate(found)
        for other, beside in found[place + 1 :]
        if min(box.x1, beside.x1) - max(box.x0, beside.x0) > 1
        and min(box.y1, beside.y1) - max(box.y0, beside.y0) > 1
    ]


def measure(name, value):
    estimate = Estimate(value, 0.0, 8)
    return SimpleNamespace(
        scenario=SimpleNamespace(measure=name), outcomes=(None,) * 8, estimate=lambda _: estimate
    )


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("most", [9.0, 700.0, 55_000.0])
def test_the_scales_of_measures_leave_their_numbers_apart(most):
    figure = plot_measures([measure("as configured", 3.0), measure("ten times the load", most)]).figure
    assert overlapping(figure) == []


@pytest.mark.slow
@pytest.mark.parametrize("top_s", [7.0, 170.0, 6600.0])
def test_a_low_panel_of_seconds_leaves_its_numbers_apart(top_s):
    figure, axes = style.new_figure([0.74] * 12, share_x=True)
    for axis in axes:
        style.title(axis, "duration of a run, average")
        style.linear_seconds(axis, top_s, "en")
    axes[-1].set_xlabel("time")
    style.key(figure, [Line2D([], [], label=f"queue {number}") for number in range(6)])
    style.finish(figure, "seconds", "")
    assert overlapping(figure) == []


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("answered_s", [0.001, 0.008, 0.011, 0.015, 0.021])
def test_the_mark_of_an_answer_is_not_written_over(answered_s):
    rows = [
        ("edge", 0.0, 0.021, "cache dynamic"),
        ("app", float("nan"), answered_s, "nearest of 12 that fit"),
    ]
    frame = pd.DataFrame(
        [
            {
                "request": "typical", "what": "GET /health", "start": START, "layer": layer, "state": "seen",
                "from_s": begin, "first_byte_s": end, "to_s": end, "status": 200.0, "note": note,
            }
            for layer, begin, end, note in rows
        ]
    )  # fmt: skip
    figure = plot_waterfall(frame, TOKYO).figure
    [axis] = figure.axes
    mark = axis.transData.transform((answered_s, 1.0))
    assert not [text for text, box in texts(figure) if box.contains(*mark)]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for _, box in texts(figure))


@pytest.mark.slow
def test_what_is_said_of_a_mark_in_the_middle_ends_inside_of_the_figure():
    times = {"slowest": (3.48, 3.47), "typical": (0.027, 0.015)}
    layers = ("edge", "nginx", "connect", "header", "body", "app")
    frame = pd.DataFrame(
        [
            {
                "request": name, "what": "GET /health", "start": START, "layer": layer, "state": "seen",
                "from_s": float("nan") if layer == "app" else 0.0, "first_byte_s": end,
                "to_s": answered if layer == "app" else end, "status": 200.0, "note": "nearest of 2 that fit",
            }
            for name, (end, answered) in times.items()
            for layer in layers
        ]
    )  # fmt: skip
    figure = plot_waterfall(frame, TOKYO).figure
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for _, box in texts(figure))
    assert overlapping(figure) == []


@pytest.mark.slow
def test_a_load_of_whole_requests_is_counted_in_whole_numbers_and_seen_at_none():
    starts = [START + timedelta(seconds=second) for second in range(0, 120, 2)]
    rows = pd.DataFrame(
        {
            "start": starts, "route": "/health", "duration_s": 0.1, "failed": False, "vantage": "nginx",
            "phase": "baseline",
        }
    )  # fmt: skip
    load = pd.Series([0.0, 1.0] * 30, index=pd.DatetimeIndex(starts))
    opened = pd.DataFrame({"time": starts, "upstream": "app", "route": "/health", "in_flight": 1})
    span = style.AxisSpan(Window(START, START + timedelta(minutes=2)), TOKYO)
    load = ("in flight in the process", load)
    figure = plot_in_flight(opened, rows, load, ("/health", None), span).figure
    against = figure.axes[-1]
    assert against.get_xlim()[0] < 0
    assert [tick for tick in against.get_xticks() if tick != round(tick)] == []
    assert overlapping(figure) == []


@pytest.mark.slow
@pytest.mark.skipif(
    len(style.drawing_settings()["font.family"]) < 2, reason="no font for Japanese is installed"
)
def test_japanese_is_written_with_real_glyphs():
    figure, (axis,) = style.new_figure([1.0])
    style.title(axis, "latency of /結果/日報")
    axis.set_yticks([0.5], ["文字起こしに失敗しました"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of every glyph that its fonts lack
        style.finish(figure, "japanese", "")
