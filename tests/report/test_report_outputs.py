"""Parts of an executed notebook that a report takes over."""

import base64

from worlds.report_parts import ANSWER, PIXEL

from watchme_analysis.report import html_page, outputs

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


def test_stored_outputs_have_one_output_of_a_stream_and_keep_errors():
    import nbformat

    from watchme_analysis.report.stored_notebooks import _outputs, without_notes

    new = nbformat.v4.new_output
    streams = [
        new("stream", name=name, text=text)
        for name, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"))
    ]
    error = new("error", ename="KeyError", evalue="x", traceback=[])
    shown = new("execute_result", data={"text/plain": "1"}, metadata={"m": 1}, execution_count=9)
    found = _outputs([*streams, error, shown, new("stream", name="stderr", text="d")], 4)
    assert [(each.output_type, each.get("text")) for each in found] == [
        ("stream", "ab"), ("stream", "c"), ("error", None), ("execute_result", None), ("stream", "d")
    ]  # fmt: skip
    assert (found[3].execution_count, found[3].data, found[3].metadata) == (4, {"text/plain": "1"}, {"m": 1})
    # Notes of a picture are left out, and its pixels stay.
    picture = base64.b64decode(PIXEL)
    noted = picture[:33] + (3).to_bytes(4) + b"tEXt" + b"a=b" + b"sums" + picture[33:]
    assert without_notes(noted) == without_notes(picture) == picture
    assert without_notes(b"no picture") == b"no picture"


def cell(source, kind="markdown", **more):
    import nbformat

    about = {"cell_type": kind, "source": source, "metadata": more.pop("metadata", {}), **more}
    return nbformat.from_dict(about)


def test_cells_of_a_report_are_shown_unless_they_are_tagged_or_failed():
    for tag in html_page._LEFT_OUT:
        left = cell("x", "code", metadata={"tags": [tag]}, outputs=[STREAM])
        assert not html_page._is_shown(left)
        left.outputs = [FAILED]
        assert html_page._is_shown(left)
    assert html_page._is_shown(cell("x")) and html_page._is_shown(cell("x", metadata={"tags": ["other"]}))
    both = cell("English", metadata={"ja": "日本語"})
    assert [html_page._translated(both, name).source for name in ("en", "ja")] == ["English", "日本語"]
    comment = cell("# English", "code", metadata={"ja": "日本語"})
    assert html_page._translated(comment, "ja") is comment


def test_the_title_stands_alone_and_becomes_the_headline():
    cells = [cell("# Why?\n\nA question.\n", id="a"), cell("text")]
    title, told, rest = html_page._title_alone(cells)
    assert (title.source, told.source, told.id, rest.source) == ("# Why?", "A question.", "a-told", "text")
    for kept in ([cell("# Why?\n \n")], [cell("text\n# Why?")], [cell("# Why?\nx", "code")], []):
        assert html_page._title_alone(kept) is kept
    assert html_page._titled(titled := [cell("# Why?\n")], "") == "Why?" and titled[0].source == "# Why?\n"
    assert html_page._titled(titled, "It fails.") == "Why?" and titled[0].source == "# It fails."
    for other in (cell("text"), cell("# Why?", "code")):
        assert html_page._titled([other], "It fails.") == ""
    # A notebook all of whose cells are left out has no title.
    assert html_page._titled([], "It fails.") == ""


def test_the_first_figure_and_the_headings_are_taken_out_of_their_cells():
    text, figure = displayed({"text/plain": "x"}), displayed({"image/png": PIXEL})
    cells = [
        cell("# Why?"),
        cell("", "code", outputs=[text, figure, figure]),
        cell("", "code", outputs=[figure]),
    ]
    assert html_page._lead(cells) == figure
    assert [len(each.get("outputs", ())) for each in cells] == [0, 2, 1]
    assert html_page._lead([cell("# Why?")]) is None
    cells = [cell("## One \n text\n", id="a"), cell("# Why?", id="b"), cell("## x", "code", id="c")]
    assert html_page._sections(cells) == {"a": "One"}
    assert [each.source for each in cells] == ["text", "# Why?", "## x"]
