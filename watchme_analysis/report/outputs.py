"""Diagnosis, figures and error of an executed notebook."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.text.file_names import slug

PNG = "image/png"
# Tag of the cells with the answer to the question of a notebook, if it is more than the diagnosis.
ANSWER = "answer"


def outputs(notebook: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each output together with its cell."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            yield cell, output


def diagnosis(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the last diagnosis that a notebook displayed; None without a diagnosis."""
    found = None
    for _, output in outputs(notebook):
        shown = output.get("data", {}).get(FINDING_MIME)
        if isinstance(shown, dict) and "verdict" in shown:
            found = shown
    return found


def answer(notebook: Mapping[str, Any]) -> list[str]:
    """Return the sentences of the cell tagged ``answer``; empty without such a cell or its output."""
    return [
        line
        for cell in notebook["cells"]
        if ANSWER in cell["metadata"].get("tags", ())
        for output in cell.get("outputs", ())
        for line in "".join(output.get("data", {}).get("text/plain", "")).splitlines()
    ]


def error(notebook: Mapping[str, Any], language: str = "en") -> dict[str, Any] | None:
    """Return kind, message and cell heading of the error that stopped a notebook; None without an error."""
    section = ""
    for cell in notebook["cells"]:
        section = heading(cell, language) or section
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                return {"kind": output["ename"], "message": output["evalue"], "section": section}
    return None


def described(output: Mapping[str, Any], name: str) -> str:
    """Return ``alt``, ``name``, ``caption`` or ``width`` (pixels) of a figure as text; empty if not set."""
    metadata = output.get("metadata", {})
    return str(metadata.get(name) or metadata.get(PNG, {}).get(name) or "")


def name_figures(notebook: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each PNG output with a descriptive file name."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    section = ""
    for cell in notebook["cells"]:
        section = heading(cell) or section
        for output in cell.get("outputs", ()):
            if PNG in output.get("data", {}):
                words = slug(described(output, "name") or section or "figure").lower()
                found.append((f"{len(found) + 1:02}-{words}.png", output))
    return found


def write_figures(notebook: Mapping[str, Any], folder: Path) -> list[str]:
    """Write every PNG output into a folder; return the file names, in order."""
    names = []
    for name, output in name_figures(notebook):
        (folder / name).write_bytes(base64.b64decode("".join(output["data"][PNG])))
        names.append(name)
    return names


def heading(cell: Mapping[str, Any], language: str = "en") -> str:
    """Return the last heading of a Markdown cell in a language; empty without a heading."""
    if cell["cell_type"] != "markdown":
        return ""
    text = cell["metadata"].get(language) or "".join(cell["source"])
    lines = [line for line in text.splitlines() if line.startswith("#")]
    return lines[-1].lstrip("#").strip() if lines else ""
