"""Figures with hover, and widgets that open a page anew, without a browser."""

from datetime import UTC
from importlib.util import find_spec

import pytest
from worlds.printed import said

from watchme_analysis.notebook import open_backlog
from watchme_analysis.notebook.lab import Explorer, interactive
from watchme_analysis.present.display import FigureView
from watchme_analysis.text.formats import format_duration, format_time
from watchme_analysis.text.render import label

if find_spec("ipympl") is None:
    pytest.skip("ipympl is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def page(shorter):
    return open_backlog(case=str(shorter.path), timezone="UTC")


def pointed(figure, axis, x, y):
    """Move the pointer to a place in data coordinates."""
    from matplotlib.backend_bases import MouseEvent

    at = axis.transData.transform((x, y))
    figure.canvas.callbacks.process(
        "motion_notify_event", MouseEvent("motion_notify_event", figure.canvas, *at)
    )
    return [note.get_text() for note in axis.texts if note.get_visible()]


@pytest.mark.slow
def test_the_pointer_shows_the_values_of_the_nearest_mark(page):
    view = page.timeline.plot()
    canvas = interactive(view)
    figure = view.figure
    assert figure.canvas is canvas
    assert {"zoom", "pan"} <= {item[-1] for item in canvas.toolbar.toolitems}
    title = label("panel-age-s", "en")
    axis = next(one for one in figure.axes if one.get_title(loc="left") == title)
    points = [point for line in axis.lines[1:] for point in line.get_xydata() if len(line.get_xydata()) > 2]
    x, y = max((point for point in points if point[1] == point[1]), key=lambda one: one[1])
    figure.canvas.figure.draw_without_rendering()
    (text,) = pointed(figure, axis, x, y)
    assert format_duration(y) in text
    from matplotlib.dates import num2date

    assert format_time(num2date(x), UTC) in text
    assert pointed(figure, axis, axis.get_xlim()[0], axis.get_ylim()[1] * 0.99) == []


def test_widgets_open_the_page_for_a_queue_and_a_time_range(page):
    explorer = Explorer(page)
    queues = [value for _, value in explorer.subject.options]
    assert [name for _, name in explorer.section.options] == list(page.sections)
    assert queues[0] == ""
    assert set(queues[1:]) == set(page.subjects())
    explorer.section.value = "balance"
    assert "<table" in explorer.box.children[-1].children[0].value
    explorer.subject.value = queues[1]
    assert explorer.page is not page
    assert explorer.page.investigation.options["queue"] == queues[1]
    moments = [moment for _, moment in explorer.range.options]
    explorer.range.value = (moments[10], moments[50])
    assert (explorer.page.window.start, explorer.page.window.end) == (moments[10], moments[50])
    assert explorer.page.investigation.options["queue"] == queues[1]
    explorer.range.value = (moments[10], moments[10])
    assert "<strong>" in explorer.box.children[-1].children[0].value  # the error as a sentence


def test_a_section_without_a_figure_says_so(page):
    from watchme_analysis.errors import InputError

    with pytest.raises(InputError):
        page.losses.zoom()


def test_figures_are_pictures_by_default(page):
    view = FigureView("one", b"png", "A figure.")
    assert set(view._repr_mimebundle_()[0]) == {"image/png", "text/plain"}


def test_widgets_begin_with_the_whole_case_and_its_timeline(evidence):
    from watchme_analysis.notebook import open_health

    page = open_health(case=str(evidence), timezone="UTC", language="en")
    explorer = Explorer(page)
    moments = [moment for _, moment in explorer.range.options]
    # Sixty steps from the start to the end of the case, both of which are chosen.
    assert (len(moments), moments[0], moments[-1]) == (61, page.window.start, page.window.end)
    assert explorer.range.value == (page.window.start, page.window.end)
    assert explorer.range.options[0][0] == "2025-12-11 01:00:00"
    assert not explorer.range.continuous_update and not explorer.range.readout
    between = said("losses-between", start="2025-12-11 01:00:00", end="2025-12-11 01:00:31")
    names = [each.description for each in (explorer.range, explorer.subject, explorer.section)]
    assert names == [said("explore-time"), said("opened-endpoint"), said("explore-section")]
    assert explorer.subject.options[0] == (said("explore-all"), "") and explorer.subject.value == ""
    assert [name for name, _ in explorer.subject.options[1:]] == page.subjects()
    assert explorer.section.value == "timeline"
    times, choices, shown = explorer.box.children
    assert times.children[0] == explorer.range and times.children[1].value == between
    assert choices.children == (explorer.subject, explorer.section)
    buttons = [text for _, text, *_ in shown.children[0].toolbar.toolitems]
    assert said("figure-button-zoom") in buttons


@pytest.mark.slow
def test_cells_of_the_lab_show_figures_as_widgets(shorter, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    monkeypatch.setenv("WATCHME_WIDGETS", "1")
    shell = InteractiveShell.instance()
    try:
        view = open_backlog(case=str(shorter.path)).timeline()
        with capture_output() as captured:
            assert shell.display_formatter.format(view) == ({}, {})
    finally:
        InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert "application/vnd.jupyter.widget-view+json" in output.data
