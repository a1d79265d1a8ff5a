"""The matrix of weights by check and hypothesis, read from its axes without drawing a picture."""

import pytest
from matplotlib.colors import to_rgb
from worlds.figure_marks import labels, undrawn

from watchme_analysis.inference.findings import Evidence, Finding, Ranked
from watchme_analysis.present import style
from watchme_analysis.present.matrix import plot_evidence_matrix
from watchme_analysis.text.message import Probability
from watchme_analysis.text.render import label


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(style, "finish", undrawn)


def ranked(cause, probability, status, **weights):
    """A hypothesis with the weights of its evidence by table; the first has a check of its own."""
    evidence = tuple(Evidence("s", table, 1, weight) for table, weight in weights.items())
    return Ranked(Finding(cause, evidence), probability, status)


def test_each_cell_has_a_sign_its_weight_and_a_colour_as_deep_as_the_weight():
    twice = (
        Evidence("s", "edge_log", 1, 1.0, check="made-up_check"),
        Evidence("s", "probes", 1, 0.5, check="made-up_check"),
    )
    picture = plot_evidence_matrix(
        [
            ranked("app_down", 0.9, "supported", probes=-0.05, app_log=0.049, host_metrics=3.0),
            ranked("edge_config", 0.06, "inconclusive", probes=0.05, host_metrics=-6.0),
            Ranked(Finding("dependency_slow", twice), 0.04, "refuted"),
        ],
        {"app_down": "the process is down"},
    )
    (axis,) = picture.figure.axes
    # The check with the largest weight, for or against, comes first. Two weights of a check are added up.
    assert labels(axis, "y") == ["host metrics", "made-up check", "probes", "app log"]
    probabilities = [label("value", "en", value=Probability(share)) for share in (0.9, 0.06, 0.04)]
    names = ["the process is down", "edge config", "dependency slow"]
    assert labels(axis, "x") == [f"{name}\n{share}" for name, share in zip(names, probabilities, strict=True)]
    shown = {}
    for text in axis.texts:
        column, row = text.get_position()
        shown.setdefault(row, {})[column] = text.get_text()
    assert [[row[column] for column in range(3)] for _, row in sorted(shown.items())] == [
        ["▲3.0", "▼6.0", "·"],
        ["·", "·", "▲1.5"],
        ["▼0.1", "▲0.1", "·"],  # 0.05, rounded up
        ["·", "·", "·"],
    ]
    # Full colour from a weight of 3; 0.05 of 3 is a sixtieth of the range from 0.15 to 0.8.
    faint, half = 0.15 + 0.65 / 60, 0.15 + 0.65 / 2
    boxes = [
        (box.get_xy(), box.get_width(), box.get_height(), box.get_facecolor()[:3], box.get_alpha())
        for box in axis.patches
    ]
    assert boxes == [
        (pytest.approx((column - 0.47, row - 0.45)), 0.94, 0.9, to_rgb(color), pytest.approx(depth))
        for column, row, color, depth in (
            (0, 0, style.BLUE, 0.8), (1, 0, style.ORANGE, 0.8), (2, 1, style.BLUE, half),
            (0, 2, style.ORANGE, faint), (1, 2, style.BLUE, faint),
        )
    ]  # fmt: skip
    assert {box.get_linewidth() for box in axis.patches} == {0}
    # White on the deepest blue only.
    ink = {text.get_text(): text.get_color() for text in axis.texts}
    assert [ink[cell] for cell in ("▲3.0", "▲1.5", "▼6.0", "·")] == ["white", *[style.BLACK] * 3]
    assert {(text.get_text() == "·", text.get_fontsize()) for text in axis.texts} == {
        (True, 10),
        (False, 7.5),
    }
    assert not any(text.get_in_layout() for text in axis.texts)
    assert {(text.get_ha(), text.get_va()) for text in axis.texts} == {("center", "center")}
    # The diagnosed cause is bold, and a refuted one grey.
    ticks = axis.get_xticklabels()
    assert [(tick.get_fontweight(), tick.get_color()) for tick in ticks] == [
        ("bold", style.BLACK), ("normal", style.BLACK), ("normal", style.GREY),
    ]  # fmt: skip
    assert (axis.get_xlim(), axis.get_ylim()) == ((-0.5, 2.5), (3.5, -0.5))
    assert [list(line.get_ydata()) for line in axis.get_lines()] == [[0.5] * 2, [1.5] * 2, [2.5] * 2]
    assert {(line.get_color(), line.get_linewidth()) for line in axis.get_lines()} == {("#eeeeee", 0.7)}
    assert not any(side.get_visible() for side in axis.spines.values())
    assert not axis.xaxis.get_tick_params()["gridOn"]
    assert axis.xaxis.get_ticks_position() == "top"
    assert picture.figure.get_supxlabel() == label("matrix-note", "en")
    assert picture.figure.get_figheight() == pytest.approx(2.1 + 0.24 * 4)
    counts = (("app_down", 1, 1, 2), ("edge_config", 1, 1, 2), ("dependency_slow", 1, 0, 3))
    parts = "; ".join(
        label(
            "matrix-alt-cause", "en", cause=name, id=cause, probability=Probability(share),
            supporting=supporting, contradicting=contradicting, neutral=neutral,
        )
        for (cause, supporting, contradicting, neutral), name, share in zip(
            counts, names, (0.9, 0.06, 0.04), strict=True
        )
    )  # fmt: skip
    assert picture.alt == label("matrix-alt", "en", checks=4, causes=3, parts=parts)
    assert picture.name == "evidence-matrix"


def test_thirty_checks_with_the_largest_weights_are_shown():
    weights = {f"table_{number:02d}": 0.1 * number for number in range(1, 33)}
    (axis,) = (picture := plot_evidence_matrix([ranked("none", 1.0, "supported", **weights)], {})).figure.axes
    assert labels(axis, "y") == [f"table {number:02d}" for number in range(32, 2, -1)]
    left_out = label("matrix-left-out", "en", checks=2)
    assert picture.figure.get_supxlabel() == f"{label('matrix-note', 'en')}\n{left_out}"
    # The description counts all.
    assert picture.alt.startswith(label("matrix-alt", "en", checks=32, causes=1, parts="")[:20])
    whole = {name: weight for name, weight in weights.items() if name > "table_02"}
    picture = plot_evidence_matrix([ranked("none", 1.0, "supported", **whole)], {})
    assert picture.figure.get_supxlabel() == label("matrix-note", "en")


def test_long_names_of_checks_are_cut_at_34_letters():
    names = {"a" * 34: 2.0, "b" * 35: 1.0, "c" * 32 + "_" + "c" * 3: 0.5}
    (axis,) = plot_evidence_matrix([ranked("none", 1.0, "supported", **names)], {}).figure.axes
    assert labels(axis, "y") == ["a" * 34, "b" * 33 + "…", "c" * 32 + "…"]


def test_without_evidence_the_figure_gives_the_reason():
    picture = plot_evidence_matrix([ranked("none", 1.0, "supported")], {})
    assert picture.alt == label("figure-none", "en", reason=label("matrix-empty", "en"))
    assert picture.name == "evidence-matrix"
