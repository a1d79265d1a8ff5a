"""The HTML page of a report and the index of all reports; both need no network and no scripts.

The page shows the sections that the cells of its notebook handed over as data, see
:data:`watchme_analysis.present.display.SECTION_MIME`; other outputs of a cell are shown as Jupyter does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.config import load_config
from watchme_analysis.inference.causes import causes
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.present.display import SECTION_MIME, LinksView, TableView, TextView, View
from watchme_analysis.present.finding import FindingsView, Hypothesis
from watchme_analysis.present.inline_svg import with_shared_glyphs
from watchme_analysis.present.short_answer import MOST_UNKNOWN
from watchme_analysis.report import outputs
from watchme_analysis.report.cause_page import remedy_page, steps
from watchme_analysis.report.folder import PAGE, locked, settle_killed
from watchme_analysis.report.index_rows import TEMPLATES, index_rows, template
from watchme_analysis.report.summary import action_rows, facts, language_of
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label, render

# Tags of cells that the page presents in another way (see the docstring of the package), and of papermill's
# error note.
_LEFT_OUT = {"notebook-only", outputs.ANSWER, "papermill-error-cell-tag"}
# Tags of cells whose code is no part of the page.
_PARAMETERS = {"parameters", "injected-parameters"}
_VIEWS: dict[str, type[View]] = {view.__name__: view for view in (TableView, TextView, LinksView)}


def write_page(notebook: Any, result: Mapping[str, Any], folder: Path) -> None:
    """Write ``report.html`` of a run.

    Parameters
    ----------
    notebook
        The executed notebook, or the executed part of it.
    result
        Content of ``result.json``.
    folder
        Folder of the run.
    """
    language = language_of(result)
    found = facts(result)
    own = bool(found.own and not found.error)
    title, intro, sections = _sections(notebook, language)
    lead = _taken(sections) if own else _strip(notebook)
    shown = {
        "result": result,
        "facts": found,
        "most_unknown": MOST_UNKNOWN,
        "own": own,
        "title": title if found.error else found.headline,
        "question": title,
        "intro": intro,
        "lead": lead,
        "actions": action_rows(result),
        "sections": sections,
        "remedies": {
            _cause_title(result, cause, language): steps(path)
            for cause, path in remedy_page(result.get("diagnosis"), language).items()
        },
        "style": (TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "language": language,
        "label": lambda message_id: label(message_id, language),
    }
    html = template("report.html.j2").render(shown)
    (folder / PAGE).write_text(with_shared_glyphs(html), encoding="utf-8", errors="backslashreplace")


def _cause_title(result: Mapping[str, Any], cause: str, language: str) -> str:
    titles = {one.cause: one.title for one in causes(result["diagnosis"]["question"])}
    return render(titles[cause], language)


def _sections(notebook: Mapping[str, Any], language: str) -> tuple[str, str, list[dict[str, Any]]]:
    """Return the title of a notebook, the text below it, and its cells by level-2 heading.

    Each section is a dictionary with ``title`` and ``cells``; the first has no title.
    """
    title, intro = "", ""
    sections: list[dict[str, Any]] = [{"title": "", "cells": []}]
    for at, cell in enumerate(notebook["cells"]):
        text = "".join(cell["source"])  # a notebook that never ran has its lines as a list
        found = [_shown(output) for output in cell.get("outputs", ())]
        tags = set(cell["metadata"].get("tags", ()))
        if _LEFT_OUT & tags and not any(output["kind"] == "error" for output in found):
            continue
        if cell["cell_type"] == "code":
            if found or not _PARAMETERS & tags:
                # A sentence that says what the data say explains itself.
                code = "" if text.endswith(".reading") else text
                sections[-1]["cells"].append({"code": code, "outputs": found})
            continue
        text = cell["metadata"].get(language) or text
        heading, _, rest = text.partition("\n")
        if at == 0 and heading.startswith("# "):
            title, intro = heading[2:].strip(), rest.strip()
            continue
        if heading.startswith("## "):
            sections.append({"title": heading[3:].strip(), "cells": []})
            text = rest.strip()
        if text:
            sections[-1]["cells"].append({"prose": text})
    return title, intro, sections


def _shown(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output of a cell as the template takes it: its ``kind`` and what that needs."""
    kind = output["output_type"]
    if kind == "error":
        lines = "\n".join(output.get("traceback", ()))
        return {"kind": "error", "name": output["ename"], "message": output["evalue"], "text": lines}
    if kind == "stream":
        return {"kind": output["name"], "text": "".join(output["text"])}
    data: dict[str, Any] = {
        name: "".join(value) if isinstance(value, list) else value for name, value in output["data"].items()
    }
    section = data.get(SECTION_MIME)
    if section is not None and FINDING_MIME not in data:
        return _of_section(section)
    if outputs.PNG in data:
        about = {name: outputs.described(output, name) for name in ("alt", "caption")}
        return {"kind": "picture", "png": data[outputs.PNG].replace("\n", ""), **about}
    for name in ("text/html", "text/markdown"):
        if name in data:
            return {"kind": name.partition("/")[2], "text": data[name]}
    return {"kind": "text", "text": data.get("text/plain", "")}


def _of_section(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the view of a section as the template takes it, rendered as its notebook renders it."""
    values = {name: value for name, value in data.items() if name != "view"}
    if data["view"] is None:
        return {"kind": "nothing"}
    if data["view"] == "FigureView":
        return {"kind": "figure", **values}
    if data["view"] == FindingsView.__name__:
        hypotheses = tuple(Hypothesis(**entry) for entry in values.pop("hypotheses"))
        return {"kind": "html", "text": FindingsView(hypotheses, **values).to_html()}
    return {"kind": "html", "text": _VIEWS[data["view"]](**values).to_html()}


def _strip(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the strip that the answer came with; None without one."""
    data: Iterator[Mapping[str, Any]] = (output.get("data", {}) for _, output in outputs.outputs(notebook))
    found = (each[SECTION_MIME] for each in data if FINDING_MIME in each and SECTION_MIME in each)
    return next(map(_of_section, found), None)


def _taken(sections: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first figure, taken out of its section; None without one."""
    for section in sections:
        for cell in section["cells"]:
            for output in cell.get("outputs", ()):
                if output["kind"] in ("figure", "picture"):
                    cell["outputs"].remove(output)
                    return dict(output)
    return None


INDEX = "index.html"
_INDEX_MARK = b'<meta name="generator" content="watchme_analysis index">'


def check_index(reports: Path) -> None:
    """Raise an error if a folder of reports holds an index page of something else."""
    check_replaceable(reports / INDEX, lambda first: _INDEX_MARK in first, "index")


def write_index(reports: Path, language: str | None = None) -> Path:
    """Write the ``index.html`` of a folder of reports, newest first; return its path.

    Killed runs are listed as killed. Folders with a ``result.json`` of another program are left out and
    named. The file is replaced atomically, under a lock, so that the index is always complete.

    Parameters
    ----------
    reports
        Folder of the reports.
    language
        Language of the reader; the configured one by default.
    """
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    language = language or load_config().language
    with locked(reports):
        settle_killed(reports)
        rows = index_rows(reports, language)
        shown = {
            "rows": "".join(rows.html),
            "systems": rows.systems if len(rows.systems) > 1 else {},
            "foreign": rows.foreign,
            "style": style,
            "language": language,
            "generator": _INDEX_MARK.decode(),
            "count": render(message("index-count", count=len(rows.html)), language),
            "label": lambda message_id: label(message_id, language),
        }
        page = template("index.html.j2").render(shown)
        # File names may be invalid UTF-8, and results may contain lone surrogates.
        write_atomically(reports / INDEX, page.encode(errors="backslashreplace"), follow_links=False)
    return reports / INDEX
