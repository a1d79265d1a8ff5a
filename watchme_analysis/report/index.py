"""The index of all reports: made anew from the runs' folders after every run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from watchme_analysis.report.folder import RESULT, locked, runs, settle_killed
from watchme_analysis.report.page import PAGE, TEMPLATES
from watchme_analysis.report.words import facts
from watchme_analysis.whole_file import write_whole

INDEX = "index.html"


def write_index(reports: Path) -> Path:
    """Write ``index.html`` of a folder of reports, newest first; return its path.

    Runs that were killed are taken up as such; folders whose result.json is not one of a report are named
    and left out. The file is replaced at once, and by one process at a time,
    so that no reader sees half an index and no run is left out.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    template = environment.get_template("index.html.j2")
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    with locked(reports):
        settle_killed(reports)
        rows, foreign = _rows(reports)
        page = template.render(rows=rows, foreign=foreign, style=style) + "\n"
        # Names of files may be no UTF-8, and results may hold halves of surrogate pairs.
        write_whole(reports / INDEX, page.encode(errors="backslashreplace"))
    return reports / INDEX


def _rows(reports: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row for each run, and the folders that hold the result of another program."""
    found, foreign = runs(reports)
    rows = []
    for name, result in found:
        try:
            rows.append(_row(reports, name, result))
        except (
            Exception
        ):  # a foreign result may be wrong in any way, and must not cost the others their index
            foreign.append(name)
    return rows, sorted(foreign)


def _row(reports: Path, name: str, result: dict[str, Any]) -> dict[str, Any]:
    notebook = result.get("notebook", "")
    return {
        "facts": facts(result),
        "page": _link(reports, name, PAGE),
        "result": _link(reports, name, RESULT),
        "notebook": _link(reports, name, notebook) if notebook else "",
        "name": name,
    }


def _link(reports: Path, folder: str, name: str) -> str:
    """Return the address of a file of a run; empty where there is none."""
    if Path(name).name != name or not (reports / folder / name).is_file():
        return ""
    return quote(os.fsencode(f"{folder}/{name}"))
