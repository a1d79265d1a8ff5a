"""A report in Japanese holds no sentence in English, apart from quotations, code and names."""

import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from worlds.report_parts import result

from watchme_analysis import notebook
from watchme_analysis.present.display import FigureView
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import write_index, write_page

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PAGES = {
    "health": (notebook.open_health, "health_timeout.ipynb", "health-threadpool"),
}
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
        self.found, self._code = [], []

    def handle_starttag(self, tag, attrs):
        self._code += [tag] * (tag in CODE)
        self.found += [value for name, value in attrs if name in ("alt", "title", "aria-label") and value]

    def handle_endtag(self, tag):
        if self._code and self._code[-1] == tag:
            self._code.pop()

    def handle_data(self, data):
        self.found += [data] * (not self._code)


def english(text):
    """Return the runs of English words in a text that hold a word of grammar."""
    runs = re.findall(r"[A-Za-z][A-Za-z']*(?: +[A-Za-z][A-Za-z']*)+", NO_PROSE.sub("|", text))
    return [run for run in runs if GRAMMAR & set(run.lower().split())]


def english_in_page(path):
    page = Text()
    page.feed(path.read_text(encoding="utf-8"))
    return [run for part in page.found for run in english(" ".join(part.split()))]


def executed(page, name, shown):
    """Return a notebook with what its cells show; of figures, their descriptions."""
    read = nbformat.read(NOTEBOOKS / name, as_version=4)
    for cell in read.cells:
        called = re.fullmatch(r"page\.(\w+)\(\)", cell.source.strip())
        if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", ()):
            continue
        cell.outputs = []
        if called:
            view = getattr(page, called[1])()
            shown.append(called[1])
            if isinstance(view, FigureView):
                data = {"text/html": f"<p>{escape(view.alt)}</p>"}
            else:
                data = view._repr_mimebundle_()
            cell.outputs = [nbformat.v4.new_output("display_data", data)]
    return read


def test_a_sentence_that_was_left_is_found():
    assert english("この値は not in the log です") == ["not in the log"]
    assert english("「No module named x, which is a quotation」と `for the code`、asr-queue は正常です") == []


@pytest.mark.slow
@pytest.mark.parametrize("question", ["health"])
def test_page_index_postmortem_and_console_are_japanese(question, bundled, tmp_path, monkeypatch, watchme):
    monkeypatch.setenv("WATCHME_LANGUAGE", "ja")
    opened, name, case = PAGES[question]
    folder = bundled(case).path
    page = opened(case=str(folder), language="ja")
    shown = []
    ran = executed(page, name, shown)
    assert len(shown) > 12
    out = tmp_path / "20260101T000000Z-run"
    out.mkdir()
    found = result(
        parameters={"case": str(folder), "language": "ja"},
        diagnosis=page.diagnosis.to_dict(),
        question=question,
    )
    write_page(ran, found, out)
    write_result(out, found)
    write_index(tmp_path)
    assert english_in_page(out / "report.html") == []
    assert english_in_page(tmp_path / "index.html") == []
    reported = watchme("diagnose", question, folder)
    assert english(reported.stdout) == []
    made = watchme("report", question, folder, "--format", "markdown", "--out", tmp_path / "wiki")
    assert made.returncode == 0
    (file,) = (tmp_path / "wiki").glob("*.md")
    assert [run for line in file.read_text().splitlines() for run in english(line)] == []
