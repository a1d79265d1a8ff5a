"""The HTML page of a run: one file, readable without a network, scripts or the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.report import outputs
from watchme_analysis.report.remedy import remedies, steps
from watchme_analysis.report.words import facts
from watchme_analysis.views.display import coded

PAGE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
# What the page says in its own way: see the package's docstring; the last is papermill's note of an error.
_LEFT_OUT = {"notebook-only", outputs.ANSWER, "papermill-error-cell-tag"}


def write_page(notebook: Any, result: Mapping[str, Any], folder: Path) -> None:
    """Write ``report.html`` of a run.

    Parameters
    ----------
    notebook
        The executed notebook, or as much of it as there is.
    result
        What ``result.json`` will hold.
    folder
        Folder of the run; the figures' files lie in it already.
    """
    import nbformat
    from nbconvert.exporters.html import HTMLExporter

    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
        language_code="en",
    )
    # Set before any template is loaded; nbconvert itself escapes nothing.
    exporter.environment.autoescape = True
    node = nbformat.from_dict(notebook)
    node.cells = _title_alone([cell for cell in node.cells if _shown(cell)])
    for name, output in outputs.name_figures(node):
        output["metadata"]["file"] = name
    resources = {
        "result": result,
        "facts": facts(result),
        "coded": coded,
        "remedies": {cause: steps(path) for cause, path in remedies(result.get("diagnosis")).items()},
        "style": (TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "contents": outputs.contents(node),
        "described": outputs.described,
    }
    html, _ = exporter.from_notebook_node(node, resources)
    (folder / PAGE).write_text(html, encoding="utf-8", errors="backslashreplace")


def _shown(cell: Any) -> bool:
    failed = any(output["output_type"] == "error" for output in cell.get("outputs", ()))
    return failed or not _LEFT_OUT & set(cell.metadata.get("tags", ()))


def _title_alone(cells: list[Any]) -> list[Any]:
    """Part the title from what is told below it: the answer comes between."""
    first = cells[0]
    title, _, told = first.source.partition("\n")
    if first.cell_type != "markdown" or not title.startswith("# ") or not told.strip():
        return cells
    parts = ({"source": title}, {"source": told.strip(), "id": f"{first.get('id', '')}-told"})
    return [*(type(first)({**first, **part}) for part in parts), *cells[1:]]
