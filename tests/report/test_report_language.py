"""A report in Japanese holds no English sentence or heading, apart from quotations, code and names.

Names in the evidence hold dollar signs, and no text of a figure is read as a formula.
"""

import re
from contextlib import suppress
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from matplotlib.text import Text as DrawnText
from worlds.marked_evidence import write_backlog, write_health
from worlds.report_parts import displayed, result

from watchme_analysis import notebook
from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import InputError
from watchme_analysis.present.display import FigureView, TextView
from watchme_analysis.present.style import japanese_font
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import write_index, write_page
from watchme_analysis.services.diagnose import QUESTIONS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PAGES = {
    "health": (notebook.open_health, "health_timeout.ipynb"),
    "backlog": (notebook.open_backlog, "backlog_incident.ipynb"),
    "alarms": (notebook.open_alarms, "alarm_backtest.ipynb"),
    "what-if": (partial(notebook.open_what_if, replications=2), "what_if.ipynb"),
}
# Commands that say in the terminal what a page says.
COMMANDS = {
    "health": ("diagnose", "health"),
    "backlog": ("diagnose", "backlog"),
    "what-if": ("simulate", "--replications", "1", "--processes", "1"),
}
# In the names of paths, queues and functions.
FORMULA = r"$_$$\frac{$"
JAPANESE = re.compile(r"[ぁ-んァ-ン一-龥]")
# Headings of tables that are names or numbers.
NAMES = re.compile(r"|DLQ|N \+ \d|insufficient|ok|[1-5](xx|\d\d)(–3xx)?|/\S*|SHA-256")
# Words that an English sentence can hardly do without, and that no name, unit or directive is.
GRAMMAR = frozenset(
    {"the", "is", "are", "was", "were", "of", "and", "not", "that", "for", "with", "from", "this", "which"}
    | {"has", "have", "been", "or", "would", "its", "each", "only", "there", "they", "it", "does", "did"}
)
# Quotations, code, paths, addresses and names with hyphens or underscores.
NO_PROSE = re.compile(r"「[^」]*」|`[^`]*`|\S*[/_.@:=-]\S*|for _ in [^、;)]*\)*")
CODE = ("style", "script", "pre", "code")


class Text(HTMLParser):
    """The text that a reader of a page sees or hears."""

    def __init__(self):
        super().__init__()
        self.found, self.heads, self._open = [], [], []

    def handle_starttag(self, tag, attrs):
        self._open += [tag] * (tag in CODE or tag in ("thead", "th"))
        self.heads += [""] * (tag == "th" and "thead" in self._open)
        self.found += [value for name, value in attrs if name in ("alt", "title", "aria-label") and value]

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data):
        if self._open[-2:] == ["thead", "th"]:
            self.heads[-1] += data
        self.found += [data] * (not {*CODE} & {*self._open})


def english(text):
    """Return the runs of English words in a text that hold a word of grammar."""
    runs = re.findall(r"[A-Za-z][A-Za-z']*(?: +[A-Za-z][A-Za-z']*)+", NO_PROSE.sub("|", text))
    return [run for run in runs if GRAMMAR & set(run.lower().split())]


def english_in_page(path):
    """Return the runs of English words in a page, and the headings of its tables that are not Japanese."""
    page = Text()
    page.feed(path.read_text(encoding="utf-8"))
    runs = [run for part in page.found for run in english(" ".join(part.split()))]
    heads = (" ".join(head.split()) for head in page.heads)
    return runs + [head for head in heads if not JAPANESE.search(head) and not NAMES.fullmatch(head)]


def executed(page, name, views):
    """Return a notebook's texts with what every section of its page shows; collect the views by name.

    Of figures, the texts are shown.
    """
    read = nbformat.read(NOTEBOOKS / name, as_version=4)
    read.cells = [cell for cell in read.cells if cell.cell_type == "markdown"]
    for each in page.sections:
        section = getattr(page, each)
        views[each] = section()
        with suppress(InputError):  # it has none
            views[f"{each}.plot"] = section.plot()
        with suppress(InputError):
            views[f"{each}.reading"] = section.reading
    # Without a font for Japanese, the words in a figure are English.
    read.cells += displayed(
        TextView((view.alt, *(view.words if japanese_font() else ())))
        if isinstance(view, FigureView)
        else view
        for view in views.values()
    )
    return read


def test_a_sentence_that_was_left_is_found():
    assert english("この値は not in the log です") == ["not in the log"]
    assert english("「No module named x, which is a quotation」と `for the code`、asr-queue は正常です") == []


@pytest.fixture(scope="module")
def cases(data, tmp_path_factory):
    """The case of each kind of page; names in them look like a formula of matplotlib."""
    home = tmp_path_factory.mktemp("cases")
    # As a segment of its own it leaves the ids in paths as they are, so that they make no further routes.
    health = write_health(data / "health-threadpool", home / "health-evidence", f"/{FORMULA}")
    backlog = import_folder(write_backlog(home / "backlog-evidence", FORMULA), home / "backlog").case
    return dict.fromkeys(PAGES, backlog) | {"health": import_folder(health, home / "health").case}


@pytest.fixture(scope="module", params=PAGES)
def written(request, cases, tmp_path_factory):
    """A page in Japanese: its question and case, its views by name, and the folder of its report."""
    opened, name = PAGES[request.param]
    case = cases[request.param]
    page = opened(case=str(case.path), language="ja")
    views = {}
    ran = executed(page, name, views)
    out = tmp_path_factory.mktemp("reports") / "20260101T000000Z-run"
    out.mkdir()
    found = result(
        parameters={"case": str(case.path), "language": "ja"},
        diagnosis=page.diagnosis.to_dict(),
        question=request.param,
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WATCHME_LANGUAGE", "ja")
        write_page(ran, found, out)
        write_result(out, found)
        write_index(out.parent)
    return SimpleNamespace(question=request.param, case=case, page=page, views=views, folder=out)


@pytest.mark.slow
def test_page_index_postmortem_and_console_are_japanese(written, tmp_path, monkeypatch, watchme):
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    assert len(written.views) > 8
    assert english_in_page(written.folder / "report.html") == []
    assert english_in_page(written.folder.parent / "index.html") == []
    if command := COMMANDS.get(written.question):
        reported = watchme(*command, written.case.path)
        assert reported.returncode == 0
        assert english(reported.stdout) == []
    if written.question in QUESTIONS:
        made = watchme(
            "report", written.question, written.case.path, "--format", "markdown", "--to", tmp_path / "wiki"
        )
        assert made.returncode == 0
        (file,) = (tmp_path / "wiki").glob("*.md")
        prose = re.sub(r"^```.*?^```", "", file.read_text(), flags=re.DOTALL | re.MULTILINE)
        assert [run for line in prose.splitlines() for run in english(line)] == []


@pytest.mark.slow
def test_every_figure_is_drawn_whatever_names_the_evidence_holds(written):
    figures = [view for view in written.views.values() if isinstance(view, FigureView)]
    assert figures
    texts = [text for view in figures for text in view.figure.findobj(DrawnText)]
    assert not [text for text in texts if text.get_parse_math() or text.get_usetex() or text.get_wrap()]
    words = [word for view in figures for word in view.words]
    assert not [word for word in words if "mathdefault" in word]
    assert written.question == "what-if" or [word for word in words if FORMULA in word]
