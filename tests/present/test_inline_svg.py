"""Figures on a page: marks name their values without a script, and the colours are those of the page."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from watchme_analysis.present import style
from watchme_analysis.present.inline_svg import with_shared_glyphs
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script> & "q" $x$'


def picture(points, marker="None"):
    times = [START + timedelta(seconds=at) for at in range(points)]
    figure, (axis,) = style.new_figure([1.0])
    style.time_axis([axis], style.AxisSpan(Window(times[0], times[-1] + timedelta(seconds=1)), UTC))
    axis.plot(
        [style.day_number(time) for time in times],
        range(points),
        marker=marker,
        color=style.BLUE,
        label=HOSTILE,
    )
    style.title(axis, HOSTILE)
    return style.finish(figure, "load", HOSTILE)


@pytest.mark.parametrize("points", [3, 500, 501, 5000])
def test_at_most_500_marks_name_their_values(points):
    found = ElementTree.fromstring(picture(points).page_data()["svg"].replace("xlink:href", "href"))
    titles = [each.text for each in found.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == len(set(titles)) == (points if points <= 500 else -(-points // -(-points // 500)))
    assert titles[0] == f"{HOSTILE}, 2026-03-02 09:00:00, 0"


def test_a_figure_holds_no_script_and_takes_the_colours_of_the_page():
    svg = picture(20).page_data()["svg"]
    assert not re.search(r"<script|<style|javascript:|\son\w+=", svg)
    assert "var(--blue, #0072b2)" in svg and "var(--line, #e6e6e6)" in svg
    assert "width=" not in svg[: svg.index(">")]


def test_each_bar_names_its_row_and_its_length():
    figure, (axis,) = style.new_figure([1.5])
    axis.barh([0, 1], [3, 0], label=HOSTILE)
    axis.barh([0, 1], [5, 2], left=[3, 0], label="nginx")
    axis.set_yticks([0, 1], ["/health", "/jobs"])
    style.linear_seconds(axis, 10, "en", "x")
    found = ElementTree.fromstring(style.finish(figure, "time", "").page_data()["svg"])
    titles = [each.text for each in found.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [f"/health, {HOSTILE}, 3 s", "/health, nginx, 5 s", "/jobs, nginx, 2 s"]


def test_many_marks_become_pixels_so_that_a_page_stays_small():
    assert len(picture(20_000, "o").page_data()["svg"]) < 400_000
    assert picture(20, "o").page_data()["svg"].count("<use") > picture(20_000, "o").page_data()["svg"].count(
        "<use"
    )


def test_a_figure_stays_as_it_was():
    shown = picture(50, "o")
    before = tuple(shown.figure.get_size_inches())
    assert shown.page_data()["svg"] == shown.page_data()["svg"]
    assert tuple(shown.figure.get_size_inches()) == before


def test_a_page_holds_the_outline_of_each_letter_once():
    figures = [replace(picture(20), name="first"), replace(picture(30), name="second")]
    page = f"<p>{with_shared_glyphs(''.join(one.page_data()['svg'] for one in figures))}</p>"
    found = ElementTree.fromstring(page)
    ids = [one.get("id") for one in found.iter() if one.get("id")]
    used = {one.get("href") for one in found.iter("{http://www.w3.org/2000/svg}use")}
    letters = [one.get("d") for one in found.iter() if "scale" in one.get("transform", "") and one.get("d")]
    assert len(set(ids)) == len(ids) and used <= {f"#{name}" for name in ids}
    assert len(set(letters)) == len(letters) > 0
