"""The documentation site: its pages, their links, and that nothing is loaded from elsewhere."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site():
    return script("build_site")


def test_the_reference_pages_are_those_of_the_code():
    reference = script("reference")
    for name, page in (("settings", reference.settings_page()), ("diagnosis", reference.diagnosis_page())):
        assert (reference.FOLDER / f"{name}.md").read_text(encoding="utf-8") == page


def test_every_document_has_a_page_and_the_runbook_is_the_second(site):
    pages = site.sources()
    menu = site.menu(pages)
    entries = [entry for section in menu for entries in section.values() for entry in entries]
    named = [page for entry in entries for page in (entry.values() if isinstance(entry, dict) else [entry])]
    shown = [page for part in named for page in (part if isinstance(part, list) else [part])]
    assert sorted(shown) == sorted(pages.values())
    assert shown[:2] == ["index.md", "runbook.md"]
    assert {"index.ja.md", "runbook.ja.md", "python.md", "gallery/index.md"} <= set(shown)
    assert sum(page.startswith("gallery/") for page in shown) > 12


@pytest.mark.parametrize(
    ("source", "link", "expected"),
    [
        ("README.md", "[guide](docs/guide.md#one)", "[guide](guide.md#one)"),
        ("README.md", "![answer](docs/report-answer.png)", "![answer](report-answer.png)"),
        ("docs/guide.md", "[start](../README.md)", "[start](index.md)"),
        ("docs/guide.md", "[code](../tasks.py)", "code"),
        ("docs/guide.md", "[causes](causes/)", "[causes](causes/index.md)"),
        ("notebooks/gallery/README.md", "[top](top_errors.ipynb)", "[top](top_errors.md)"),
        ("docs/guide.md", "[x](https://example.com/a.md)", "[x](https://example.com/a.md)"),
        ("docs/guide.md", "```\n[start](../README.md)\n```\n", "```\n[start](../README.md)\n```\n"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_become_text(site, source, link, expected):
    assert site.relinked(link, source, site.sources()) == expected


def test_a_command_within_a_list_stays_a_command(site):
    text = "1. Run:\n\n   ```sh\n   a --b\n   ```\n\n2. Then.\n"
    assert "\n        a --b\n" in site.relinked(text, "README.md", site.sources())


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.html", "<script src='https://example.com/x.js'></script>", 1),
        ("a.html", "<link rel=stylesheet href='//example.com/x.css'><img src='b.png'>", 1),
        ("a.css", "@font-face{src:url('https://example.com/x.woff')}", 1),
        ("a.html", "<a href='https://example.com'>x</a><script src='x.js'></script>", 0),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(site, tmp_path, name, content, found):
    (tmp_path / name).write_text(content)
    assert len(site.loaded_from_elsewhere(tmp_path)) == found
