"""Each surface begins with the same answer: headline, facts, cause and what to do now."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from html import unescape

import nbformat
import pytest
from worlds.report_parts import result
from worlds.waiting_queue import MINUTES, START, write_waiting_queue

from watchme_analysis.case.importer import import_folder
from watchme_analysis.delivery.changes import NEW_INCIDENT, QuestionState, compare
from watchme_analysis.delivery.content import content_of
from watchme_analysis.delivery.notice import notice_of
from watchme_analysis.mcp.tools import Tools
from watchme_analysis.notebook import open_backlog, open_health
from watchme_analysis.present.short_answer import stored_answer
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import write_index, write_page
from watchme_analysis.report.postmortem import postmortem
from watchme_analysis.text.message import message
from watchme_analysis.text.render import render
from watchme_analysis.window import Window


@pytest.fixture(scope="module")
def cases(bundled, shorter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("surfaces")
    evidence = write_waiting_queue(tmp_path_factory.mktemp("open"))
    import_folder(evidence, folder / "open")
    shutil.copytree(bundled("health-threadpool").path, folder / "health-threadpool")
    shutil.copytree(shorter.path, folder / "backlog-shorter")
    return folder


def plain(text):
    """Return a page, a Markdown file or JSON as words that can be compared."""
    found = unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))
    return re.sub(r"[\s\\`*|-]+", "", found)


def surfaces(page, question, language, folder, monkeypatch):
    """Return the text of each surface by its name."""
    monkeypatch.setenv("WATCHME_LANGUAGE", language)
    found = page.diagnosis.to_dict()
    whole = result(diagnosis=found, question=question, parameters={"language": language, "timezone": "UTC"})
    run = folder / "reports" / "run"
    run.mkdir(parents=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Why?")])
    write_page(notebook, whole, run)
    write_result(run, whole)
    window = Window(page.window.start, page.window.end + timedelta(hours=1))
    _, (change, *_) = compare("orders", question, QuestionState(), found, window)
    assert NEW_INCIDENT in change.kinds
    notice = notice_of(change.kinds[0], "orders", question, window.end, incident=change.incident)
    tools = Tools((folder.parent,), language=language)
    asked = tools.diagnose(page.investigation.case.name)[question]
    about = ("headline", "facts", "cause_line", "now")
    assert [name for name in asked if name in about] == [*about]
    stated = {name: asked[name] for name in about}
    stated |= {"facts": [one["message"] for one in stated["facts"]]}
    stated |= {"now": [one["text"] for one in stated["now"]]}
    return {
        "page": (run / "report.html").read_text(),
        "index": write_index(folder / "reports").read_text(),
        "notice": "\n".join(content_of(notice, found, language, UTC).lines()),
        "postmortem": postmortem(page),
        "mcp": json.dumps(stated, ensure_ascii=False),
        "object": page.diagnosis.text(language),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "language"),
    [("health-threadpool", "ja"), ("backlog-shorter", "en"), ("open", "en"), ("open", "ja")],
)
def test_every_surface_begins_with_the_same_answer(cases, name, language, tmp_path, monkeypatch):
    question = "health" if name.startswith("health") else "backlog"
    opened = open_health if question == "health" else open_backlog
    page = opened(case=str(cases / name), timezone="UTC", language=language)
    undated = answer = stored_answer(page.diagnosis.to_dict(), language, UTC)
    assert len(answer.known) > 5 and len((*answer.now, *answer.later)) > 1
    folder = cases / f"out-{name}-{language}"
    for surface, text in surfaces(page, question, language, folder, monkeypatch).items():
        words, at, answer = plain(text), 0, undated
        if surface in ("page", "index"):  # they know when they were written
            written = datetime.fromisoformat(result()["started_at"])
            answer = stored_answer(page.diagnosis.to_dict(), language, UTC, written)
        facts = [f"{found}: {value}" for found, value in answer.facts]
        facts = [value for _, value in answer.facts] if surface in ("page", "object") else facts
        steps = (*answer.now, *answer.later)
        if surface == "index":  # figures that are zero or unknown, and the steps, are on the page
            steps = ()
            zeros = ("0", render(message("fact-messages", messages=0), language))
            facts = [value for _, value in answer.known if value not in zeros]
        if surface == "object":  # 25 lines, of which the first step has its own in any case
            steps = steps[:1]
        if surface == "mcp":  # its JSON has every fact by itself, also those that are unknown
            facts = [f"{found}: {value}" for found, value in answer.known]
        for part in (answer.headline, *facts, answer.cause, *steps):
            # An agent knows the case by its name alone.
            named = part.replace(str(cases / name), name) if surface == "mcp" else part
            found = words.find(plain(named), at)
            assert found >= 0, (surface, part)
            at = found
        sure = f"{page.diagnosis.confidence:.0%}"
        assert name == "open" or sure in words, surface


def test_a_queue_of_an_unknown_consumer_has_its_facts_and_a_notice(cases):
    found = open_backlog(case=str(cases / "open")).diagnosis
    assert (found.verdict, found.cause) == ("inconclusive", None)
    facts = {one.id: one.value for one in found.facts}
    assert (facts["waiting_now"], facts["waiting_peak"], facts["oldest_age"]) == (890, 900, 5340)
    assert facts["growth"] == 600 and facts["failed_invocations"] is None and facts["state"] == "open"
    window = Window(START, START + timedelta(minutes=MINUTES))
    _, changes = compare("uploads", "backlog", QuestionState(), found.to_dict(), window)
    assert [change.kinds for change in changes] == [(NEW_INCIDENT,)]
