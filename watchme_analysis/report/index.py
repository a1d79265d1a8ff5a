"""The index of all reports: made anew from the runs' folders after every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from watchme_analysis.report.folder import locked, runs, settle_killed
from watchme_analysis.report.page import PAGE, TEMPLATES
from watchme_analysis.report.words import facts
from watchme_analysis.whole_file import write_whole

INDEX = "index.html"


def write_index(reports: Path) -> Path:
    """Write ``index.html`` of a folder of reports, newest first; return its path.

    Runs that were killed are taken up as such. The file is replaced at once, and by one process at a time,
    so that no reader sees half an index and no run is left out.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    template = environment.get_template("index.html.j2")
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    with locked(reports):
        settle_killed(reports)
        rows = [_row(reports, name, result) for name, result in runs(reports)]
        write_whole(reports / INDEX, (template.render(rows=rows, style=style) + "\n").encode())
    return reports / INDEX


def _row(reports: Path, name: str, result: dict[str, Any]) -> dict[str, Any]:
    page = f"{name}/{PAGE}" if (reports / name / PAGE).is_file() else ""
    notebook = result.get("notebook", "")
    return {
        "facts": facts(result),
        "page": page,
        "result": f"{name}/result.json",
        "notebook": f"{name}/{notebook}" if notebook and (reports / name / notebook).is_file() else "",
        "name": name,
    }
