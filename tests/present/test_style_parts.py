"""Parts that all figures share, read from their axes."""

import io
import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from PIL import Image
from worlds.figure_marks import undrawn
from worlds.together import together

from watchme_analysis.present import style
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label
from watchme_analysis.window import Window, parse_zone

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
TOKYO = parse_zone("Asia/Tokyo")


def test_a_figure_has_axes_of_the_given_heights_and_the_settings_of_all():
    figure, axes = style.new_figure([1.0, 3.0], share_x=True)
    assert (figure.get_figwidth(), figure.get_figheight(), figure.get_dpi()) == (6.0, 4.0, 150)
    assert figure.get_layout_engine().__class__.__name__ == "ConstrainedLayoutEngine"
    assert axes[0].get_gridspec().get_height_ratios() == [1.0, 3.0]
    assert axes[0].get_shared_x_axes().joined(*axes)
    assert not style.new_figure([1.0, 1.0])[1][0].get_shared_x_axes().joined(*style.new_figure([1.0, 1.0])[1])
    assert not axes[0].spines["top"].get_visible()
    figure, axes = style.new_row(2.0, 3)
    assert (figure.get_figheight(), len(axes)) == (2.0, 3)
    assert axes[0].get_shared_y_axes().joined(axes[0], axes[2])


def test_a_legend_stands_in_a_line_above_the_axes_without_a_frame():
    _, (axis, bare) = style.new_figure([1.0, 1.0])
    axis.plot([0, 1], [0, 1], label="one")
    axis.plot([0, 1], [1, 0], label="two")
    style.legend(axis)
    found = axis.get_legend()
    assert [text.get_text() for text in found.get_texts()] == ["one", "two"]
    assert (found._ncols, found.get_frame_on(), found._fontsize) == (2, False, 8)
    assert (found.handlelength, found.handletextpad, found.columnspacing, found.borderaxespad) == (
        1.1,
        0.3,
        0.9,
        0.1,
    )
    corner = found.get_bbox_to_anchor().transformed(axis.transAxes.inverted())
    assert (corner.x0, corner.y0) == pytest.approx((1.0, 1.0))
    style.legend(axis, handle_length=2.2)
    assert axis.get_legend().handlelength == 2.2
    style.legend(bare)
    assert bare.get_legend() is None


def test_a_key_stands_below_all_axes():
    figure, _ = style.new_figure([1.0])
    style.key(figure, [])
    assert figure.legends == []
    style.key(figure, [Line2D([], [], label=name) for name in "abc"])
    (found,) = figure.legends
    assert [text.get_text() for text in found.get_texts()] == ["a", "b", "c"]
    assert (found._ncols, found.get_frame_on(), found._fontsize) == (2, False, 8)
    assert (found.handlelength, found.columnspacing, found._outside_loc) == (2.2, 1.0, "lower")


def test_an_empty_panel_names_what_is_missing():
    _, (axis,) = style.new_figure([1.0])
    style.absent(axis, "no log")
    (text,) = axis.texts
    assert (text.get_text(), text.get_position(), text.get_ha(), text.get_va()) == (
        "no log", (0.5, 0.5), "center", "center",
    )  # fmt: skip
    assert text.get_transform() is axis.transAxes
    assert list(axis.get_yticks()) == [] and not axis.yaxis.get_tick_params()["gridOn"]
    style.title(axis, "requests")
    assert (axis.get_title(loc="left"), axis.get_title()) == ("requests", "")


def test_lines_repeat_their_colour_and_dashes_after_six():
    strokes = [style.stroke(place) for place in range(7)]
    assert [stroke["color"] for stroke in strokes] == [*style.SERIES, style.BLUE]
    assert strokes[6] == strokes[0] and strokes[0]["linestyle"] == "-"
    assert len({str(stroke["linestyle"]) for stroke in strokes}) == 6


@together(
    ("text", "width", "language", "most", "shown"),
    [
        ("one two three", 7, "en", None, "one two\nthree"),
        ("one two three", 7, "en", 1, "one…"),
        ("one two three", 14, "ja", None, "one two\nthree"),
        ("one two three", 15, "ja", None, "one two\nthree"),
    ],
)
def test_a_label_is_broken_into_lines(text, width, language, most, shown):
    assert style.wrapped(text, width, language, most_lines=most) == shown


def axis_of(hours, zone=TOKYO, **more):
    figure, axes = style.new_figure([1.0, 1.0])
    span = style.AxisSpan(Window(START, START + timedelta(hours=hours)), zone, **more)
    style.time_axis(axes, span)
    return figure, axes


def test_stacked_axes_have_the_time_of_the_reader():
    _, (first, last) = axis_of(2, marks=(style.Mark(START + timedelta(hours=1), "x"),))
    day = style.day_number(START)
    # A hundredth of the window beside it.
    for axis in (first, last):
        assert axis.get_xlim() == pytest.approx((day - 0.02 / 24, day + 2.02 / 24))
        assert axis.format_xdata(day) == "2026-03-02 13:00:00"
        assert len(axis.lines) == 1
    assert last.get_xlabel() == label(
        "axis-time-day", "en", zone="Asia/Tokyo", day="2026-03-02", last="2026-03-02"
    )
    # Only the uppermost has the letters of changes, and the lowest the ticks.
    assert ([text.get_text() for text in first.texts], list(last.texts)) == (["A"], [])
    formatter = last.xaxis.get_major_formatter()
    assert formatter.show_offset is False
    assert formatter.formats == ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"]
    assert formatter.zero_formats == ["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M:%S"]
    ticks = last.get_xticks()
    assert 2 <= len(ticks) <= 7
    (*_, middle) = formatter.format_ticks(ticks[:2])
    assert middle[2] == ":"


def test_a_window_of_two_days_names_both():
    _, axes = axis_of(12)
    assert axes[1].get_xlabel() == label(
        "axis-time-days", "en", zone="Asia/Tokyo", day="2026-03-02", last="2026-03-03"
    )


def test_a_figure_without_data_is_its_reason(monkeypatch):
    monkeypatch.setattr(style, "finish", undrawn)
    reason = message("matrix-empty")
    picture = style.empty_figure("matrix", reason)
    (axis,) = picture.figure.axes
    (text,) = axis.texts
    assert " ".join(text.get_text().split()) == label("matrix-empty", "en")
    assert all(len(line) <= 80 for line in text.get_text().splitlines())
    assert (text.get_position(), text.get_ha(), text.get_va()) == ((0.5, 0.5), "center", "center")
    assert not axis.axison
    assert picture.alt == label("figure-none", "en", reason=label("matrix-empty", "en"))
    assert (picture.name, picture.figure.get_figheight()) == ("matrix", 0.9)


def test_secrets_are_masked_and_no_text_is_a_formula():
    figure, (axis,) = style.new_figure([0.5])
    axis.set_axis_off()
    axis.text(0.5, 0.5, "password=hunter2 $_$")
    hidden = axis.text(0.5, 0.1, "hidden")
    hidden.set_visible(False)
    logger = logging.getLogger("matplotlib.font_manager")
    logger.setLevel(logging.INFO)
    picture = style.finish(figure, "one", "password=hunter2")
    assert logger.level == logging.INFO
    logger.setLevel(logging.NOTSET)
    assert picture.words == ("password=*** $_$",)
    assert (picture.alt, picture.name, picture.figure) == ("password=***", "one", figure)
    assert not axis.texts[0].get_parse_math() and not axis.texts[0].get_usetex()
    image = Image.open(io.BytesIO(picture.png))
    assert (image.size, image.mode, image.format) == ((900, 75), "P", "PNG")


def test_a_warning_of_fonts_is_silenced_also_where_drawing_fails():
    logger = logging.getLogger("matplotlib.font_manager")
    with pytest.raises(KeyError), style._without_font_warnings():
        assert logger.level == logging.ERROR
        raise KeyError
    assert logger.level == logging.NOTSET


def test_a_picture_keeps_256_colours_and_those_of_the_series_exactly():
    # 600 shades of grey and red, one pixel each, a hundred white ones and one in the colour of a series.
    shades = [(value % 256, value // 256 * 40, 0) for value in range(599)]
    blue = tuple(bytes.fromhex(style.BLUE[1:]))
    pixels = np.array([[*shades, blue, *[(255, 255, 255)] * 100]], dtype="uint8")
    image = Image.open(io.BytesIO(style.small_png(pixels, (style.BLUE,)))).convert("RGB")
    assert image.size == (700, 1)
    found = [image.getpixel((place, 0)) for place in range(700)]
    assert len(set(found)) == 256
    assert found[599] == blue
    assert set(found[600:]) == {(255, 255, 255)}
    # Any other pixel has the nearest of these colours.
    palette = np.array(sorted(set(found)))
    for place in (0, 300, 598):
        apart = ((palette - np.array(shades[place])) ** 2).sum(axis=1)
        assert ((np.array(found[place]) - np.array(shades[place])) ** 2).sum() == apart.min()
    assert to_hex(np.array(blue) / 255).upper() == style.BLUE
