"""Parts of an executed notebook that a report takes over."""

import base64

from worlds.report_parts import ANSWER, PIXEL

from watchme_analysis.report import outputs

FINDING = "application/vnd.watchme.finding+json"


def markdown(text, **metadata):
    return {"cell_type": "markdown", "metadata": metadata, "source": [text]}


def code(*shown, tags=()):
    return {"cell_type": "code", "metadata": {"tags": [*tags]}, "source": [""], "outputs": [*shown]}


def displayed(data, **metadata):
    return {"output_type": "display_data", "data": data, "metadata": metadata}


FAILED = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}
STREAM = {"output_type": "stream", "text": "KeyError"}


def notebook(*cells):
    return {"cells": cells}


def test_the_last_diagnosis_counts_and_data_without_a_verdict_is_none():
    last = ANSWER | {"cause": "app_down"}
    cells = (code(displayed({FINDING: ANSWER}), STREAM), code(displayed({FINDING: last})))
    assert outputs.diagnosis(notebook(*cells)) == last
    others = code(displayed({FINDING: "text"}), displayed({FINDING: {}}), displayed({}))
    assert outputs.diagnosis(notebook(*cells, others)) == last
    assert outputs.diagnosis(notebook(others, markdown("# Head"))) is None


def test_the_answer_is_the_text_of_the_cells_with_that_tag():
    shown = displayed({"text/plain": ["One.\n", "Two."]})
    cells = (code(shown, STREAM, tags=["answer"]), code(shown), markdown("# Head", tags=["answer"]))
    assert outputs.answer(notebook(*cells)) == ["One.", "Two."]
    assert outputs.answer(notebook(code(shown))) == []


def test_the_error_is_named_with_the_heading_above_it():
    head = markdown("# First\n\nText\n## Second #2 ##", ja="# 一\n## 二")
    found = {"kind": "KeyError", "message": "'x'"}
    cells = (code(FAILED), markdown("no heading"), head, markdown("text"), code(STREAM, FAILED))
    assert outputs.error(notebook(cells[0])) == found | {"section": ""}
    assert outputs.error(notebook(*cells[1:])) == found | {"section": "Second #2 ##"}
    assert outputs.error(notebook(*cells[1:]), "ja") == found | {"section": "二"}
    assert outputs.error(notebook(head, code(STREAM))) is None


def test_a_heading_is_that_of_a_markdown_cell_alone():
    assert outputs.heading(markdown("#  Head ")) == "Head"
    assert outputs.heading(markdown("text")) == ""
    split = {"cell_type": "markdown", "metadata": {}, "source": ["# On", "e\n", "text"]}
    assert outputs.heading(split) == "One"
    assert outputs.heading({**code(), "source": ["# a comment"]}) == ""


def test_what_describes_a_figure_stands_beside_it_or_beside_its_image():
    assert outputs.described(displayed({}, alt="A dot"), "alt") == "A dot"
    assert outputs.described(displayed({}, **{"image/png": {"width": 800}}), "width") == "800"
    assert outputs.described({"data": {}}, "alt") == ""


def test_figures_are_numbered_named_and_written(tmp_path):
    picture = {"image/png": [PIXEL[:20], PIXEL[20:]]}
    cells = (
        code(displayed(picture)),
        markdown("# Causes & more"),
        code(displayed({"text/plain": "x"}), displayed(picture), STREAM),
        code(displayed(picture, name="The Dot"), displayed(picture)),
    )
    names = ["01-figure.png", "02-causes-more.png", "03-the-dot.png", "04-causes-more.png"]
    assert [name for name, _ in outputs.name_figures(notebook(*cells))] == names
    assert outputs.write_figures(notebook(*cells), tmp_path) == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {base64.b64decode(PIXEL)}
