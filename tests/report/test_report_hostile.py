"""Markup in evidence is text on every page: no element, attribute or link comes from it."""

import re
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import zip_longest

import nbformat
import pytest
from worlds.marked_evidence import write_backlog, write_health
from worlds.report_parts import displayed, result

from watchme_analysis import notebook
from watchme_analysis.case.importer import import_folder
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import write_index, write_page
from watchme_analysis.report.outputs import answer, diagnosis, write_figures

pytestmark = pytest.mark.slow

# Neither slash nor colon: also for names of queues, functions and files.
MARKUP = (
    """"'><meta http-equiv="refresh" content="0;url=x"><base href="x"><form action="x"><a href="x"><script>"""
    """<style>*{}<img src="x" onerror="x"><!-- &lt; &quot;"""
)
CLOSING = "</title></style></script></pre></summary></details></td></table></section>"
# An address in the AWS console, in which all but these characters are percent-encoded.
CONSOLE = re.compile(r"https://[a-z0-9-]+\.console\.aws\.amazon\.com/[\w/?=#&%$*~().!:;@+,'-]*$")
# Elements of a figure.
DRAWN = {"svg", "defs", "g", "path", "use", "title", "rect", "circle", "clippath", "image", "pattern"}
# The same characters without those that mean something in HTML.
HARMLESS = str.maketrans("<>\"'&", "([$_%")
POLICY = {"base-uri 'none'", "form-action 'none'", "default-src 'none'"}


class Elements(HTMLParser):
    """Every element of a page with its attributes, but for the texts in them."""

    def __init__(self):
        super().__init__()
        self.found = []
        self._is_figure = False

    def handle_endtag(self, tag):
        self._is_figure &= tag != "svg"

    def handle_starttag(self, tag, attributes):
        # How many glyphs and marks a figure has, and its size, depend on the names in it.
        if tag == "svg" or self._is_figure:
            self._is_figure = True
            assert tag in DRAWN and not any(name.startswith("on") for name, _ in attributes)
            return
        values = {name: value for name, value in attributes if name not in ("alt", "src")}
        if CONSOLE.match(values.get("href", "")):  # the name of a queue is a part of the address
            values["href"] = "console"
        pictures = [value.split(",")[0] for name, value in attributes if name == "src"]
        self.found.append((tag, [name for name, _ in attributes], values, pictures))


def elements(html):
    parser = Elements()
    parser.feed(html)
    parser.close()
    return parser.found


def reported(question, case, folder, hostile):
    """Write the page of a case with all that its notebook could show, and the index; return both."""
    make = nbformat.v4
    questions = (question,) if question == "health" else ("backlog", "alarms", "what_if")
    few = {"what_if": {"replications": 2}}
    pages = [getattr(notebook, f"open_{name}")(case=str(case), **few.get(name, {})) for name in questions]
    cells = displayed(
        [part for page in pages for part in (page, *(getattr(page, name)() for name in page.sections))]
    )
    own = make.new_output("display_data", {"text/plain": f"It is /health{hostile} `{hostile}`."})
    stream = make.new_output("stream", name="stdout", text=hostile)
    warned = make.new_output("stream", name="stderr", text=hostile)
    broken = make.new_output("error", ename=hostile, evalue=hostile, traceback=[hostile])
    said = make.new_code_cell("answer()", outputs=[own], id="y", metadata={"tags": ["answer"]})
    sentence = make.new_code_cell("tell()", outputs=[stream, warned, broken], id="z")
    whole = make.new_notebook(cells=[make.new_markdown_cell("# Why?", id="title"), said, *cells, sentence])
    run = folder / "20251211T020000Z"
    run.mkdir(parents=True)
    inputs = [{"file": f"app-{hostile}.log", "bytes": 1, "sha256": hostile}]
    texts = {"title": f"title {hostile}", "inputs": inputs, "parameters": {"queue": hostile}}
    about = result(diagnosis=diagnosis(whole), figures=write_figures(whole, run), **texts)
    write_page(whole, about, run)
    write_page(whole, about | {"answer": answer(whole)}, folder)
    write_result(run, about)
    failed = folder / "20251211T020001Z"
    failed.mkdir()
    write_result(failed, result(status="failed", error=hostile, case=hostile, question=hostile, **texts))
    index = write_index(folder)
    return [path.read_text() for path in (run / "report.html", folder / "report.html", index)]


@pytest.fixture(scope="module")
def case_of(data, tmp_path_factory):
    """Return a function that imports a subject's evidence with a marker, once for all questions about it."""

    @cache
    def imported(subject, marker):
        home = tmp_path_factory.mktemp(subject)
        if subject == "health":
            # A segment of its own: ids in paths make no further routes.
            write_health(data / "health-threadpool", home / "evidence", f"/{marker}")
        else:
            write_backlog(home / "evidence", marker)
        return import_folder(home / "evidence", home / "case").case.path

    return imported


@pytest.mark.parametrize("question", ["health", "backlog"])
def test_a_page_of_hostile_evidence_has_the_elements_of_a_harmless_one(question, case_of, tmp_path):
    subject = "health" if question == "health" else "backlog"
    markup = MARKUP + (CLOSING if question == "health" else "")
    pages = []
    for marker in (markup, markup.translate(HARMLESS)):
        place = tmp_path / str(len(pages))
        pages.append(reported(question, case_of(subject, marker), place, marker))
    for hostile, harmless in zip(*pages, strict=True):
        assert 'content="0;url=x"' in unescape(hostile), "the page shows the markup as text"
        # The name of a system is evidence, and the filter of the index names it by a hash.
        same = [re.sub(r"\bs[0-9a-f]{10}\b", "system", page) for page in (hostile, harmless)]
        pairs = zip_longest(*map(elements, same))
        assert next((pair for pair in pairs if pair[0] != pair[1]), None) is None
        policies = [each[2]["content"] for each in elements(hostile) if "http-equiv" in each[1]]
        assert len(policies) == 1
        assert set(policies[0].split("; ")) >= POLICY
