from html import escape

import nbformat
import pytest
from worlds.report_parts import ANSWER, PIXEL, result

from watchme_analysis.errors import InputError
from watchme_analysis.present.display import SECTION_MIME
from watchme_analysis.report import outputs
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import check_index, write_index, write_page
from watchme_analysis.report.summary import action_rows, facts
from watchme_analysis.text.message import Duration, Resource, message
from watchme_analysis.text.render import label, render

make = nbformat.v4


def page_of(folder, *cells, **changes):
    write_page(make.new_notebook(cells=[make.new_markdown_cell("# Why?"), *cells]), result(**changes), folder)
    return (folder / "report.html").read_text()


@pytest.mark.slow
def test_what_is_for_the_notebook_only_stays_out(tmp_path):
    hidden = {"metadata": {"tags": ["notebook-only"]}}
    shown = make.new_output("display_data", {"text/plain": "seen in the lab"})
    error = make.new_output("error", ename="InputError", evalue="No such case.", traceback=["Traceback"])
    page = page_of(
        tmp_path,
        make.new_markdown_cell("## For the lab", **hidden),
        make.new_code_cell("answer()", outputs=[shown], **hidden),
        make.new_code_cell("open_it()", outputs=[error], **hidden),
        make.new_markdown_cell("## For all"),
    )
    assert "For all" in page
    assert "the lab" not in page
    assert "No such case." in page, "an error is shown whatever its cell is tagged"


@pytest.mark.slow
def test_the_parameters_code_is_reported_once_at_the_end(tmp_path):
    cell = make.new_code_cell('timezone = "UTC"', metadata={"tags": ["parameters"]})
    page = page_of(tmp_path, cell, parameters={"case": "/cases/a<b>", "timezone": "Asia/Tokyo"})
    assert "timezone = " not in page
    assert "/cases/a&lt;b&gt;" in page


@pytest.mark.slow
def test_a_page_shows_texts_in_its_language_where_a_cell_has_them(tmp_path):
    cells = [
        make.new_markdown_cell("## Timeline", metadata={"ja": "## タイムライン"}),
        make.new_markdown_cell("## Findings"),
    ]
    english = page_of(tmp_path, *cells, parameters={"language": "en"})
    assert "Timeline" in english and "タイムライン" not in english
    japanese = page_of(tmp_path, *cells, parameters={"language": "ja"})
    assert "タイムライン" in japanese and "Timeline" not in japanese
    assert "Findings" in japanese, "without a translation the source is shown"
    assert 'lang="ja"' in japanese


@pytest.mark.slow
def test_the_answer_and_what_to_do_come_right_after_the_title(tmp_path):
    intro = make.new_markdown_cell("# Why does it?\n\nOn this page.")
    write_page(make.new_notebook(cells=[intro]), result(), tmp_path)
    page = (tmp_path / "report.html").read_text()
    said = facts(result()).answer
    parts = (
        "Why does it?",
        f"<h1>{said.headline}",
        "<dd>3</dd>",
        said.cause,
        "Raise the <code>",
        "<strong>Fix</strong>",
    )
    assert sorted(parts, key=page.index) == list(parts)


def test_words_of_the_evidence_are_escaped(tmp_path):
    finding = {"verdict": "supported", "cause": "<i>", "cause_line": "<i>", "confidence": 1}
    finding["now"] = [{"text": "`<b>` broke <i>"}]
    page = page_of(
        tmp_path,
        make.new_code_cell(
            "look()", outputs=[make.new_output("stream", name="stdout", text="<u>\x1b[31mred")]
        ),
        diagnosis=finding,
        title="<s>",
    )
    assert "<code>&lt;b&gt;</code> broke &lt;i&gt;" in page
    assert "&lt;u&gt;red" in page
    for tag in ("<b>", "<i>", "<s>", "<u>"):
        assert tag not in page


def test_actions_that_the_case_records_are_listed(tmp_path):
    said = message("guard-restarted", url=Resource("http://h/<b>"), took=Duration(12.0))
    action = {"time": "2025-12-11T01:30:00+00:00", "message": said.to_dict(), "outcome": "done"}
    page = page_of(tmp_path, make.new_markdown_cell("## Timeline"), actions=[action])
    listed = page.partition('id="actions"')[2].partition("</details>")[0]
    assert "10:30:00" in listed and "http://h/&lt;b&gt;" in listed and "<td>done</td>" in listed
    assert 'id="actions"' not in page_of(tmp_path, make.new_markdown_cell("## Timeline"))
    japanese = action_rows(result(actions=[action], parameters={"language": "ja"}))
    assert japanese[0][2] == label("action-outcome-done", "ja")


def test_a_page_that_asks_more_than_the_cause_begins_with_what_came_out(tmp_path):
    own = {"metadata": {"tags": ["answer"]}}
    shown = make.new_output("display_data", {"text/plain": "This alarm rings first.\nThat one is quiet."})
    cells = [
        make.new_markdown_cell("## In short", **own),
        make.new_code_cell("advice()", outputs=[shown], **own),
        make.new_markdown_cell("## For all"),
    ]
    said = outputs.answer(make.new_notebook(cells=cells))
    assert said == ["This alarm rings first.", "That one is quiet."]
    page = page_of(tmp_path, *cells, answer=said)
    box, below = page.split("</section>", 1)
    assert "<h1>This alarm rings first.</h1>" in box
    assert box.count("rings first") == 2, "in the title of the tab as well"
    assert "The proxy gives up too early." not in box
    cause = facts(result()).answer.cause
    assert box.index("That one is quiet.") < box.index(escape(cause)), "the cause of the incident stands by"
    assert "In short" not in below
    assert "rings first" not in below
    assert "For all" in below


def test_the_index_says_what_such_a_page_answers_and_not_the_incidents_cause(tmp_path):
    said = ["This alarm <rings> first.", "That one is quiet."]
    for name, changes in {
        "alarms": {"question": "alarms", "answer": said},
        "stopped": {"question": "alarms", "answer": said, "status": "failed", "error": "It broke."},
        "cause": {},
    }.items():
        (tmp_path / name).mkdir()
        write_result(tmp_path / name, result(**changes))
    rows = write_index(tmp_path).read_text().split("<article")[1:]
    (own,) = (row for row in rows if "alarms some" in row and "It broke." not in row)
    assert "This alarm &lt;rings&gt; first.</h2>" in own
    (stopped,) = (row for row in rows if "It broke." in row)
    assert "rings" not in stopped
    (cause,) = (row for row in rows if "health some" in row)
    assert facts(result()).answer.headline in cause


@pytest.mark.slow
def test_a_page_without_an_incident_says_so_in_its_title(tmp_path):
    calm = ANSWER | {"verdict": "no_incident", "cause": "none", "headline": ""}
    page = page_of(tmp_path, diagnosis=calm)
    assert f"<h1>{facts(result(diagnosis=calm)).headline}</h1>" in page


def test_the_strip_stands_in_the_answer_and_sections_are_folded(tmp_path):
    picture = make.new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "A dot"}})
    figure = {"view": "FigureView", "svg": "<svg><title>7</title></svg>"}
    strip = {"application/vnd.watchme.finding+json": ANSWER, SECTION_MIME: figure}
    cells = [
        make.new_code_cell(
            "verdict()",
            outputs=[make.new_output("display_data", strip)],
            metadata={"tags": ["notebook-only"]},
        ),
        make.new_markdown_cell("## Timeline"),
        make.new_code_cell("draw()", outputs=[picture]),
        make.new_markdown_cell("## Findings\n\nMore."),
        make.new_code_cell("draw()", outputs=[picture]),
    ]
    page = page_of(tmp_path, *cells)
    answer, below = page.split("</section>", 1)
    assert (answer.count("<svg>"), answer.count("<img")) == (1, 0)
    assert (below.count("<svg>"), below.count("<img")) == (0, 2)
    folded = below.split('<details class="section"')[1:]
    assert [part.partition("<h2>")[2].partition("</h2>")[0] for part in folded] == ["Timeline", "Findings"]
    assert "More." in folded[1]


def test_a_notebook_that_never_ran_makes_a_page_all_the_same(tmp_path):
    """As it lies in its file, each source is a list of lines."""
    cells = [make.new_markdown_cell("# Why?\n\nTold."), make.new_markdown_cell("## Timeline\n\nMore.")]
    raw = make.new_notebook(cells=[*cells, make.new_code_cell("one()\ntwo()")])
    for cell in raw.cells:
        cell.source = cell.source.splitlines(keepends=True)
    write_page(raw, result(status="failed", error="The kernel died.", diagnosis=None), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "The kernel died." in page
    assert "<h2>Timeline</h2>" in page
    assert "one()\ntwo()" in page


def run(folder, name, **changes):
    (folder / name).mkdir()
    write_result(folder / name, result(**changes))


def test_the_index_tells_what_changed_since_the_previous_run_of_the_same_case(tmp_path):
    begun = {"start": "2025-12-11T10:00:00+00:00", "end": None}
    unsure = ANSWER | {"verdict": "inconclusive", "cause": None, "incident": begun}
    sure = ANSWER | {"incident": begun}
    over = ANSWER | {"facts": [{"id": "failed_requests", "value": 4, "message": "Failed requests: 4"}]}
    for hour, diagnosis in enumerate((unsure, sure, sure, over)):
        run(tmp_path, f"run-{hour}", diagnosis=diagnosis, started_at=f"2025-12-11T1{hour}:00:00+00:00")
    run(tmp_path, "other", case="another", started_at="2025-12-11T19:00:00+00:00")
    rows = write_index(tmp_path).read_text().split("<article class=")[1:]
    reported = [row.partition(f"{label('index-change', 'en')}: ")[2].partition("</p>")[0] for row in rows]
    was = message("index-verdict-was", before=Resource(label("verdict-name-inconclusive", "en")))
    assert reported[0] == reported[4] == ""  # first runs
    assert reported[3] == escape(render(was))
    assert reported[2] == label("index-unchanged", "en")
    assert reported[1] == render(message("index-facts-were", before=Resource("Failed requests: 3")))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_index_speaks_the_configured_language_and_knows_itself(tmp_path, monkeypatch, language):
    monkeypatch.setenv("WATCHME_LANGUAGE", language)
    run(tmp_path, "run", diagnosis=ANSWER)
    page = write_index(tmp_path).read_text()
    assert f'<html lang="{language}">' in page
    for name in ("index-title", "page-made", "page-window"):
        assert label(name, language) in page
    check_index(tmp_path)
    (tmp_path / "index.html").write_text("<title>My pages</title>")
    with pytest.raises(InputError, match="not an index of reports"):
        check_index(tmp_path)
