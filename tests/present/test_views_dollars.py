"""Names in evidence may hold dollar signs; no text of a figure is read as a formula.

`tests/report/test_report_language.py` draws every figure of the pages with such names.
"""

import pytest
from matplotlib.lines import Line2D

from watchme_analysis.present import style

NAMES = ["$_$", r"$\frac{$", "costs $5 and $6"]


@pytest.mark.slow
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
