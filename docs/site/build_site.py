"""Build the documentation site from the Markdown pages and the gallery's notebooks; `tasks.py docs` calls it.

The site needs no network: every style sheet, font and script lies beside the pages, and the build fails if a
page loads anything from elsewhere. Links to files that are no pages become text, because they lead nowhere
in the site.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
PAGES = ROOT / "build" / "site-pages"
# Title and source of each page by section, in the order of the menu; a notebook becomes a page, too.
MENU: dict[str, dict[str, str]] = {
    "Start": {
        "Overview": "README.md",
        "Runbook": "docs/runbook.md",
        "Get started": "docs/guide.md",
        "Cheat sheet": "docs/cheat-sheet.md",
        "Configuration": "docs/configuration.md",
    },
    "日本語": {"概要": "README.ja.md", "ランブック": "docs/runbook.ja.md"},
    "Python": {"API reference": "docs/python.md", "Gallery": "notebooks/gallery/README.md"},
    "Evidence": {
        "Files": "docs/evidence.md",
        "Access logs": "docs/access-logs.md",
        "Log retrieval": "docs/log-retrieval.md",
        "Sharing": "docs/sharing.md",
    },
    "How sure": {"Accuracy": "docs/accuracy.md", "Speed": "docs/speed.md"},
}
# Pages of these folders follow the menu, a section each.
FOLDERS = {"Causes": "docs/causes", "Measured": "docs/generated"}
MORE = "More"
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")
# A block of code within a list, which Python-Markdown reads only with deeper indentation.
_LISTED_FENCE = re.compile(
    r"^(?P<pad> {2,4})```\w*\n(?P<code>.*?)^(?P=pad)```\s*?$", re.DOTALL | re.MULTILINE
)
_FENCE = re.compile(r"(^```.*?^```\s*$)", re.DOTALL | re.MULTILINE)


class SiteError(Exception):
    """The site can't be built as it should be."""


def sources() -> dict[str, str]:
    """Return the path in the site of each page by its path in the project, both with slashes."""
    found = {}
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/gallery/*")]
    for path in sorted(paths):
        source = path.relative_to(ROOT).as_posix()
        page = source.removeprefix("docs/").removeprefix("notebooks/").replace(".ipynb", ".md")
        folder, _, name = page.rpartition("/")
        if name.startswith("README"):
            page = f"{folder}/{name.replace('README', 'index')}".lstrip("/")
        found[source] = page.lower() if "/" not in page else page
    return found


def relinked(text: str, source: str, pages: dict[str, str]) -> str:
    """Return the Markdown of a page with links that work in the site.

    Parameters
    ----------
    text
        Markdown of the page.
    source
        Path of the page in the project.
    pages
        Path in the site by path in the project.
    """
    here = pages[source]

    def link(found: re.Match[str]) -> str:
        target, _, anchor = found["target"].partition("#")
        if not target or ":" in target:
            return found[0]
        whole = os.path.normpath(f"{Path(source).parent.as_posix()}/{target}")
        if (ROOT / whole).is_dir() and f"{whole}/README.md" in pages:
            whole = f"{whole}/README.md"
        page = pages.get(whole)
        if page is None and found["image"]:
            page = whole.removeprefix("docs/")
        if page is None:
            return found["text"]
        way = os.path.relpath(page, Path(here).parent.as_posix() or ".")
        return f"{found['image']}[{found['text']}]({way}{'#' * bool(anchor)}{anchor})"

    parts = _FENCE.split(_LISTED_FENCE.sub(_indented, text))
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def _indented(found: re.Match[str]) -> str:
    pad = len(found["pad"])
    return "\n" + "\n".join(f"        {line[pad:]}".rstrip() for line in found["code"].splitlines())


def write_pages() -> dict[str, str]:
    """Write the pages to build from into :data:`PAGES`; return their paths by source."""
    from nbconvert.exporters.markdown import MarkdownExporter

    shutil.rmtree(PAGES, ignore_errors=True)
    pages = sources()
    for source, page in pages.items():
        target = PAGES / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.endswith(".ipynb"):
            body, resources = MarkdownExporter().from_filename(str(ROOT / source))
            for name, content in resources.get("outputs", {}).items():
                own = f"{target.stem}-{name}"
                (target.parent / own).write_bytes(content)
                body = body.replace(f"({name})", f"({own})")
            text = body
        else:
            text = (ROOT / source).read_text(encoding="utf-8")
        target.write_text(relinked(text, source, pages), encoding="utf-8")
    for image in ROOT.glob("docs/**/*.png"):
        target = PAGES / image.relative_to(ROOT / "docs")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image, target)
    return pages


def menu(pages: dict[str, str]) -> list[Any]:
    """Return the menu of the site: :data:`MENU`, the pages of :data:`FOLDERS`, then all others."""
    left = dict(pages)
    found: list[Any] = []
    for section, entries in MENU.items():
        named: list[Any] = [{title: left.pop(source)} for title, source in entries.items()]
        if section == "Python":
            named += [left.pop(source) for source in list(left) if source.endswith(".ipynb")]
        if section == "日本語":
            folder = FOLDERS["Causes"]
            pages_of_causes = [
                source for source in left if source.startswith(folder) and source.endswith(".ja.md")
            ]
            named.append({"原因": [left.pop(source) for source in pages_of_causes]})
        found.append({section: named})
    for section, folder in FOLDERS.items():
        found.append(
            {section: [left.pop(source) for source in list(left) if source.startswith(f"{folder}/")]}
        )
    found.append({MORE: list(left.values())})
    return found


class _Loaded(HTMLParser):
    """Addresses that a page loads without a click."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of scripts, images, style sheets and frames."""
        values = dict(attrs)
        address = values.get("src") or (values.get("href") if tag == "link" else None)
        if address and values.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(address)


def loaded_from_elsewhere(site: Path) -> list[str]:
    """Return each address that a page or style sheet of a site loads from another host."""
    found = []
    for path in sorted(site.rglob("*.html")):
        page = _Loaded()
        page.feed(path.read_text(encoding="utf-8"))
        found += [f"{path.name}: {one}" for one in page.found if re.match(r"(https?:)?//", one)]
    for path in sorted(site.rglob("*.css")):
        addresses = re.findall(r"url\(['\"]?((?:https?:)?//[^)'\"]+)", path.read_text(encoding="utf-8"))
        found += [f"{path.name}: {one}" for one in addresses]
    return found


def build(site: Path = SITE) -> Path:
    """Build the site into a folder; return its first page.

    Raises
    ------
    SiteError
        When a page loads something from elsewhere.
    """
    from mkdocs.commands.build import build as build_with_mkdocs
    from mkdocs.config import load_config

    config = load_config(
        config_file=str(Path(__file__).parent / "mkdocs.yml"),
        docs_dir=str(_folder(PAGES)),
        site_dir=str(site),
        nav=menu(write_pages()),
    )
    build_with_mkdocs(config)
    elsewhere = loaded_from_elsewhere(site)
    if elsewhere:
        raise SiteError(f"The site loads from elsewhere: {'; '.join(elsewhere)}.")
    return site / "index.html"


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    sys.stdout.write(f"Documentation: {build()}\n")
