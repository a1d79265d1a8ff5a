"""The HTML page of a report and the index of all reports; both need no network and no scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.config import load_config
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.notebook.section import PAGE_MIME
from watchme_analysis.present.display import SVG, coded
from watchme_analysis.report import outputs
from watchme_analysis.report.cause_page import remedy_page, steps
from watchme_analysis.report.folder import PAGE, locked, settle_killed
from watchme_analysis.report.index_rows import TEMPLATES, index_rows, template
from watchme_analysis.report.summary import action_rows, facts, language_of
from watchme_analysis.services.diagnose import causes_of
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label, render

# Tags of cells that the page presents in another way (see the docstring of the package), and of papermill's
# error note.
_LEFT_OUT = {"notebook-only", outputs.ANSWER, "papermill-error-cell-tag"}


def write_page(notebook: Any, result: Mapping[str, Any], folder: Path) -> None:
    """Write ``report.html`` of a run.

    Parameters
    ----------
    notebook
        The executed notebook, or the executed part of it.
    result
        Content of ``result.json``.
    folder
        Folder of the run, which already contains the figure files.
    """
    import nbformat
    from nbconvert.exporters.html import HTMLExporter

    language = language_of(result)
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
        language_code=language,
    )
    # Set before a template is loaded, because nbconvert does not escape values.
    exporter.environment.autoescape = True
    node = nbformat.from_dict(notebook)
    for cell in node.cells:
        cell.source = "".join(cell.source)  # a notebook that never ran has its lines as a list
    for _, output in outputs.outputs(node):
        if PAGE_MIME in output.get("data", {}):
            output["data"]["text/html"] = output["data"][PAGE_MIME]
    node.cells = _title_alone([_translated(cell, language) for cell in node.cells if _is_shown(cell)])
    for name, output in outputs.name_figures(node):
        output["metadata"]["file"] = name
    found = facts(result)
    lead = _strip(notebook)
    own = bool(found.own and not found.error)
    question = _titled(node.cells, "" if found.own or found.error else found.headline)
    resources = {
        "result": result,
        "facts": found,
        "question": question,
        "lead": _lead(node.cells) if own else lead,
        "actions": action_rows(result),
        "sections": _sections(node.cells),
        "coded": coded,
        "remedies": {
            _cause_title(result, cause, language): steps(path)
            for cause, path in remedy_page(result.get("diagnosis"), language).items()
        },
        "style": (TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "described": outputs.described,
        "label": lambda message_id: label(message_id, language),
    }
    html, _ = exporter.from_notebook_node(node, resources)
    (folder / PAGE).write_text(html, encoding="utf-8", errors="backslashreplace")


def _cause_title(result: Mapping[str, Any], cause: str, language: str) -> str:
    titles = {one.cause: one.title for one in causes_of(result["diagnosis"]["question"])}
    return render(titles[cause], language)


def _is_shown(cell: Any) -> bool:
    failed = any(output["output_type"] == "error" for output in cell.get("outputs", ()))
    return failed or not _LEFT_OUT & set(cell.metadata.get("tags", ()))


def _translated(cell: Any, language: str) -> Any:
    """Return a cell with its text in a language, if it has one beside the English source."""
    text = cell.metadata.get(language)
    return type(cell)({**cell, "source": text}) if cell.cell_type == "markdown" and text else cell


def _title_alone(cells: list[Any]) -> list[Any]:
    """Return cells with the title split from the text below it, because the answer is shown in between."""
    if not cells:
        return cells
    first = cells[0]
    title, _, rest = first.source.partition("\n")
    if first.cell_type != "markdown" or not title.startswith("# ") or not rest.strip():
        return cells
    parts = ({"source": title}, {"source": rest.strip(), "id": f"{first.get('id', '')}-told"})
    return [*(type(first)({**first, **part}) for part in parts), *cells[1:]]


def _titled(cells: list[Any], headline: str) -> str:
    """Give a page its headline as title, if it has one; return the title of the notebook."""
    if not cells:
        return ""
    first = cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        return ""
    title = str(first.source.partition("\n")[0][2:])
    if headline:
        cells[0] = type(first)({**first, "source": f"# {headline}"})
    return title


def _strip(notebook: Any) -> Any:
    """Return the output with the strip that the answer came with, else None."""
    found = (output for _, output in outputs.outputs(notebook) if FINDING_MIME in output.get("data", {}))
    return next((output for output in found if SVG in output["data"]), None)


def _lead(cells: list[Any]) -> Any:
    """Return the first figure, taken out of its cell; None without one."""
    for at, cell in enumerate(cells):
        for number, output in enumerate(cell.get("outputs", ())):
            if outputs.PNG in output.get("data", {}):
                rest = [*cell.outputs[:number], *cell.outputs[number + 1 :]]
                cells[at] = type(cell)({**cell, "outputs": rest})
                return output
    return None


def _sections(cells: list[Any]) -> dict[str, str]:
    """Take the level-2 headings out of their cells; return them by the id of the cell."""
    found = {}
    for at, cell in enumerate(cells):
        heading, _, rest = cell.source.partition("\n")
        if cell.cell_type == "markdown" and heading.startswith("## "):
            found[str(cell.get("id", ""))] = heading[3:].strip()
            cells[at] = type(cell)({**cell, "source": rest.strip()})
    return found


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
