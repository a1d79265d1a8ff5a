"""The pages in a real browser: nothing is fetched, nothing complains, nothing sticks out."""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import nbformat
import pytest
from worlds.browser import CHROMIUM, chromium
from worlds.marked_evidence import write_health
from worlds.report_parts import ANSWER, PIXEL, result

from watchme_analysis.case.importer import import_folder
from watchme_analysis.notebook import open_health
from watchme_analysis.present.short_answer import stored_answer
from watchme_analysis.report.folder import write_result
from watchme_analysis.report.html_page import write_index, write_page
from watchme_analysis.report.outputs import write_figures
from watchme_analysis.report.request import notebooks_folder
from watchme_analysis.text.formats import format_time

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

STORED = sorted(notebooks_folder().glob("*.ipynb"))
WIDTHS = (1280, 400)
# Elements wider than the window that no box of their own lets scroll.
STICKS_OUT = """
[...document.querySelectorAll("body *")].filter(element =>
    element.getBoundingClientRect().right > innerWidth + 1 &&
    !element.closest(".scroll, pre, .prose table, .watchme-table"))
    .map(element => element.outerHTML.slice(0, 80))
"""
WITHOUT_ALT = "[...document.images].filter(image => !image.alt).length"
EMPTY_IMAGES = "[...document.images].filter(image => !image.naturalWidth).length"
SMALL_TEXT = """
[...document.querySelectorAll("p, td, th, li, dd, caption")].filter(element =>
    element.getClientRects().length && parseFloat(getComputedStyle(element).fontSize) < 12).length
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


def made(notebook, folder, **changes):
    run = folder / "20251211T020000Z-health-some"
    run.mkdir(parents=True)
    whole = result(**changes) | {"figures": write_figures(notebook, run)}
    write_page(notebook, whole, run)
    write_result(run, whole)
    write_index(folder)
    return run / "report.html"


def check(tab, path, width):
    tab.open(path, width)
    captions = "[...document.querySelectorAll('caption')].map(each => each.getBoundingClientRect().right)"
    assert tab.ask(f"Math.max(0, ...{captions})") <= width, "a caption runs out of view"
    assert [url for url in tab.requests if not url.startswith("data:")] == [path.as_uri()]
    assert tab.complaints == []
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.ask(STICKS_OUT) == []
    assert tab.ask(WITHOUT_ALT) == 0
    assert tab.ask(EMPTY_IMAGES) == 0
    assert tab.ask(SMALL_TEXT) == 0
    assert tab.ask("document.documentElement.lang") == "en"
    assert tab.ask("document.title")
    assert tab.ask("document.querySelectorAll('h1').length") == 1
    assert tab.ask("document.querySelectorAll('table:not(.prose table, :has(> caption))').length") == 0


def example(html):
    make = nbformat.v4
    picture = make.new_output(
        "display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "A <dot>", "width": 760}}
    )
    finding = make.new_output(
        "display_data", {"application/vnd.watchme.finding+json": ANSWER, "text/html": html}
    )
    error = make.new_output("error", ename="InputError", evalue="n" * 500, traceback=["line " * 100])
    return make.new_notebook(
        cells=[
            make.new_markdown_cell("# Why?\n\n" + "A long question. " * 30 + "`" + "x" * 200 + "`"),
            make.new_code_cell("look()", outputs=[picture], execution_count=1),
            make.new_markdown_cell("## Answer\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
            make.new_code_cell("answer()", outputs=[finding, error], execution_count=2),
        ]
    )


WIDE = "<table><caption>Wide</caption><tr>" + "<td>0123456789</td>" * 40 + "</tr></table>"


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_a_page_reads_well_without_a_network(tab, tmp_path, status):
    error = {"kind": "InputError", "message": "e" * 400, "section": "Answer"} if status == "failed" else None
    path = made(example(WIDE), tmp_path, status=status, error=error, title="t" * 120)
    for width in WIDTHS:
        check(tab, path, width)
    assert tab.ask("document.querySelectorAll('.answer dd').length") >= 3
    assert tab.ask("[...document.querySelectorAll('details')].some(each => each.open)") is False


@pytest.mark.parametrize("notebook", STORED, ids=lambda path: path.stem)
def test_the_stored_notebooks_make_such_pages(tab, tmp_path, notebook):
    path = made(nbformat.read(notebook, as_version=4), tmp_path)
    for width in WIDTHS:
        check(tab, path, width)


def test_the_index_reads_well(tab, tmp_path):
    path = made(example(WIDE), tmp_path)
    for number, status in enumerate(("ok", "failed", "killed")):
        run = path.parent.parent / f"20251211T03000{number}Z-health-{'long-' * 10}"
        run.mkdir()
        write_result(run, result(status=status, error="It went wrong. " * 20, title="long " * 20))
    index = write_index(tmp_path)
    for width in WIDTHS:
        tab.open(index, width)
        assert tab.requests == [index.as_uri()]
        assert tab.complaints == []
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.ask(STICKS_OUT) == []
        assert tab.ask("document.querySelectorAll('article').length") == 4


PLACES = """
[...document.querySelectorAll(SELECTOR)].map(each => Math.round(each.getBoundingClientRect().bottom))
"""


@pytest.mark.slow
@pytest.mark.parametrize("question", ["health", "backlog"])
def test_the_first_screen_tells_what_happened_when_to_whom_and_what_to_do(
    tab, tmp_path, watchme, bundled, shorter_report, question
):
    path = shorter_report
    if question == "health":
        case = bundled("health-threadpool").path
        assert watchme("report", case, "--to", tmp_path, "--language", "ja", "--json").returncode == 0
        (path,) = tmp_path.glob("*/report.html")
    whole = json.loads((path.parent / "result.json").read_text())
    reported, written = whole["diagnosis"], datetime.fromisoformat(whole["started_at"])
    assert path.stat().st_size < 1_500_000
    tab.open(path, 1280)

    def bottoms(selector):
        return tab.ask(PLACES.replace("SELECTOR", json.dumps(selector)))

    assert len(bottoms("h1")) == len(bottoms(".answer .verdict")) == len(bottoms(".answer .lead svg")) == 1
    assert len(bottoms(".answer .now > li")) == len(stored_answer(reported, written=written).now)
    assert max(bottoms("h1, .answer .key dd, .answer .verdict, .answer .now, .answer .lead svg")) <= 800
    assert tab.ask("document.documentElement.scrollHeight") <= 3 * 800
    text = tab.ask("document.querySelector('.answer .key').innerText")
    start = next(one["value"] for one in reported["facts"] if one["id"] == "first_harm")
    assert format_time(start, ZoneInfo("Asia/Tokyo"), seconds=False) in text
    # Times have one format, in which no month or weekday is a word.
    assert not re.search(r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d|\d+月\d+日", text)
    tab.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    figures = "[...document.querySelectorAll('.cell figure svg')]"
    widths = tab.ask(f"{figures}.map(each => each.getBoundingClientRect().width)")
    assert min(widths) >= 0.9 * tab.ask("document.querySelector('main').clientWidth")
    assert 0 < max(tab.ask(f"{figures}.map(each => each.querySelectorAll('title').length)")) <= 500
    assert tab.complaints == []


@pytest.mark.parametrize(("language", "title"), [("en", "No incident"), ("ja", "インシデントなし")])
def test_a_page_without_an_incident_is_titled_so(tab, tmp_path, language, title):
    calm = ANSWER | {"verdict": "no_incident", "cause": "none", "incident": {"start": None, "end": None}}
    calm |= {"headline": ""}
    shown = {"diagnosis": calm, "parameters": {"language": language}}
    tab.open(made(example(WIDE), tmp_path, **shown), 1280)
    assert tab.ask("document.querySelector('h1').innerText") == title


def test_what_a_log_brings_in_can_neither_fetch_nor_run(tab, tmp_path):
    """Markup in evidence that slipped through unescaped is stopped by the page's policy."""
    hostile = (
        "<p>x</p><img alt='' src='https://example.com/x.png'><script>document.title='run'</script>"
        "<link rel='stylesheet' href='https://example.com/x.css'>"
    )
    tab.open(made(example(hostile), tmp_path), 1280)
    assert tab.ask("document.title") != "run"
    assert [url for url in tab.requests if url.startswith("http")] == []
    assert tab.complaints, "the browser says what it blocked"


HOSTILE = (
    """</title></style></script></pre></table><script>document.title='run'</script>"""
    """<img src="https://example.com/x.png" onerror="document.title='run'">"""
    """<a href="javascript:document.title='run'">x</a>[x](javascript:document.title='run')"""
    """![x](https://example.com/y.png)<svg/onload=document.title='run'>"""
    "\u202egnp.exe\u2066\x1b]0;run\x07\x1b[31m" + "W" * 3000 + "9" * 400
)
# Elements and attributes that run or fetch.
ACTIVE = """
[...document.querySelectorAll(
     "script, iframe, object, embed, base, form, link, svg, meta[http-equiv=refresh]"),
 ...[...document.querySelectorAll("*")].filter(element => [...element.attributes].some(one =>
     one.name.startsWith("on") || /^\\s*(javascript|vbscript|data:text)/i.test(one.value))),
 ...[...document.images].filter(image => !image.src.startsWith("data:image/"))
].map(element => element.outerHTML.slice(0, 120))
"""


@pytest.mark.slow
def test_hostile_evidence_is_text_in_a_browser(tab, data, tmp_path):
    """A page about evidence that an attacker wrote, with a title and files of theirs."""
    evidence = write_health(
        data / "health-threadpool", tmp_path / "evidence", "/" + HOSTILE.replace("/", "\u2044")[:120]
    )
    lines = [
        json.dumps(
            {"time": "2026-11-24T15:53:50+00:00", "level": "error", "message": f"failed {HOSTILE} {at}"}
        )
        for at in range(20)
    ]
    log = evidence / "app-hostile.log"
    log.write_text("\n".join(lines) + "\n")
    case = import_folder(evidence, tmp_path / "case").case
    page = open_health(case=str(case.path))
    outputs = []
    for one in (page.verdict, page.timeline, page.vantages, page.changes, page.locations):
        bundle = one()._repr_mimebundle_()
        shown, about = bundle if isinstance(bundle, tuple) else (bundle, {})
        outputs.append(nbformat.v4.new_output("display_data", shown, metadata=about))
    outputs += [
        nbformat.v4.new_output("stream", name="stdout", text=HOSTILE),
        nbformat.v4.new_output("error", ename=HOSTILE, evalue=HOSTILE, traceback=[HOSTILE]),
    ]
    make = nbformat.v4
    whole = make.new_notebook(
        cells=[make.new_markdown_cell("# Why?"), make.new_code_cell("look()", outputs=outputs)]
    )
    inputs = [{"file": f"app-{HOSTILE}.log", "bytes": 10**30, "sha256": HOSTILE}]
    path = made(whole, tmp_path / "reports", title=HOSTILE, inputs=inputs, case=HOSTILE)
    for each in (path, tmp_path / "reports" / "index.html"):
        tab.open(each, 1280)
        assert tab.ask("document.title") != "run"
        assert tab.requests == [each.as_uri()] or all(
            url.startswith("data:image/") or url == each.as_uri() for url in tab.requests
        )
        assert tab.complaints == []
        assert tab.ask(ACTIVE) == []
        assert tab.ask("document.body.innerText.includes('onerror=')"), "the markup is shown as text"
        assert tab.ask("document.documentElement.scrollWidth") <= 1280


def test_the_check_itself_can_fail(tab, tmp_path):
    """A page as Jupyter makes it by default reaches for the network."""
    from nbconvert.exporters.html import HTMLExporter

    page = tmp_path / "default.html"
    page.write_text(HTMLExporter().from_notebook_node(example(WIDE))[0])
    with pytest.raises(AssertionError):
        check(tab, page, 400)
    assert any(url.startswith("https:") for url in tab.requests), json.dumps(tab.requests)
