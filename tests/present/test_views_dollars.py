"""Names in evidence may hold dollar signs; no text of a figure is read as a formula."""

import pytest
from matplotlib.lines import Line2D
from matplotlib.text import Text
from worlds.marked_evidence import write_backlog, write_health

from watchme_analysis import notebook
from watchme_analysis.notebook.section import sections_of
from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView

NAMES = ["$_$", r"$\frac{$", "costs $5 and $6"]


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("name", NAMES)
def test_a_text_in_any_place_of_a_figure_shows_its_dollar_signs(name):
    figure, axes = style.new_figure([1.0, 1.0])
    for axis in axes:
        axis.plot([0, 1], [0, 1], label=name)
        style.title(axis, name)
        style.legend(axis)
        style.absent(axis, name)
        axis.set(xlabel=name, ylabel=name)
        axis.set_xticks([0.5], [name])
        axis.set_yticks([0.5], [name])
        axis.annotate(name, (0.5, 0.5))
    figure.suptitle(name)
    style.key(figure, [Line2D([], [], label=name)])
    assert style.finish(figure, "dollars", name).words.count(name) == 2 * 8 + 2
    assert style.empty_figure("dollars", f"{name} is not there.").words == (f"{name} is not there.",)


def test_a_setting_of_the_user_does_not_hand_texts_to_latex():
    import matplotlib as mpl

    with mpl.rc_context({"text.usetex": True}):
        assert style.empty_figure("dollars", "a_b is not there.").words == ("a_b is not there.",)


def pictures(page):
    """Every figure of a page, drawn."""
    views = [one() for one in sections_of(page).values()]
    drawn = [view for view in views if isinstance(view, FigureView)]
    assert drawn
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("question", ["health", "backlog", "alarms", "what_if"])
def test_every_figure_is_drawn_whatever_names_the_evidence_holds(data, tmp_path, drawn, question):
    name = "".join(NAMES[:2])
    if question == "health":
        folder = write_health(data / "health-threadpool", tmp_path / "case", name)
    else:
        folder = write_backlog(tmp_path / "case", name)
    few = {"replications": 2} if question == "what_if" else {}
    made = pictures(getattr(notebook, f"open_{question}")(case=str(folder), **few))
    texts = [text for figure in drawn for text in figure.findobj(Text)]
    assert not [text for text in texts if text.get_parse_math() or text.get_usetex() or text.get_wrap()]
    said = [word for picture in made for word in picture.words]
    assert not [word for word in said if "mathdefault" in word]
    assert question == "what_if" or [word for word in said if name in word], "the name is in a figure"
