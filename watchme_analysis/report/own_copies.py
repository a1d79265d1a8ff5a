"""Copies of the notebooks for a case, in a folder of the user, to go on from."""

from __future__ import annotations

import json
import re
from operator import itemgetter
from pathlib import Path
from typing import Any

from watchme_analysis.case.opening import open_case
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, ReportError
from watchme_analysis.installation import PROJECT_FILES
from watchme_analysis.report.request import find_notebooks, notebooks_folder, read_notebook
from watchme_analysis.services.diagnose import questions_for
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.text.file_names import slug
from watchme_analysis.text.message import message
from watchme_analysis.text.render import error_message


def copy_notebooks(case: Path, folder: Path | None = None, language: str = "en") -> list[Path]:
    """Return the notebooks of a case in a folder of the user, the first question's first.

    A notebook that is there already is left as it is, so that work on it goes on. A new one has the case, its
    time zone and the language as its parameters. The first one is executed; outputs of the others would be of
    another case and are left out.

    Parameters
    ----------
    case
        A case or a folder of raw evidence.
    folder
        Folder of the copies; ``watchme/CASE`` in the home folder by default.
    language
        Language of a new copy: of its texts, and of its page by the parameter ``language``.

    Raises
    ------
    InputError
        When the folder lies in the project's own files, or no notebook has a question for the case.
    CaseError
        When the case can't be opened.
    """
    opened = open_case(case)
    folder = (folder or Path.home() / "watchme" / slug(opened.name)).absolute()
    if folder.resolve().is_relative_to(PROJECT_FILES):
        raise InputError(error_message("error-folder-of-project", folder=folder))
    questions = questions_for(opened)
    copies = []
    for question, path in find_notebooks(notebooks_folder()).items():
        notebook = read_notebook(path)
        about = str(notebook["metadata"]["watchme"].get("about", question))
        if about not in questions:
            continue
        copies.append((questions.index(about), about != question, folder / path.name, notebook))
    if not copies:
        raise InputError(
            error_message(
                "error-case-answers-nothing",
                case=case,
                tables=", ".join(opened.tables) or message("list-empty"),
            )
        )
    copies.sort(key=itemgetter(0, 1, 2))
    stated = str(opened.manifest["time_zone"])
    zone = stated if stated != "UTC" else load_config().time_zone
    parameters = {"case": str(case.resolve()), "timezone": zone, "language": language}
    for place, (*_, copy, notebook) in enumerate(copies):
        if not copy.exists():
            folder.mkdir(parents=True, exist_ok=True)
            filled = _filled(notebook, parameters)
            text = json.dumps(
                _executed(filled, folder) if place == 0 else filled, indent=1, ensure_ascii=False
            )
            write_atomically(copy, f"{text}\n".encode(), follow_links=False)
    return [copy for *_, copy, _ in copies]


# Cells at the end of a copy; reports leave such cells out.
_EXPLORE_HEAD: dict[str, Any] = {
    "cell_type": "markdown",
    "id": "explore-head",
    "metadata": {"tags": ["notebook-only"], "ja": "## 対話的に調べる\n\n期間、対象、セクションを選べます。"},
    "source": "## Explore\n\nChoose time range, queue or endpoint, and section. Figures can be zoomed.",
}
_EXPLORE: dict[str, Any] = {
    "cell_type": "code",
    "id": "explore",
    "metadata": {"tags": ["notebook-only"]},
    "execution_count": None,
    "outputs": [],
    "source": "page.explore()",
}


def _executed(notebook: dict[str, Any], folder: Path) -> Any:
    """Return a notebook with its outputs; as it is if a cell fails, since the reader then sees the error."""
    import nbformat

    from watchme_analysis.report.stored_notebooks import execute

    # The widgets live in the kernel of JupyterLab only.
    whole = nbformat.from_dict(notebook | {"cells": notebook["cells"][:-1]})
    try:
        done = execute(whole, folder)
    except ReportError:
        return notebook
    done["cells"].append(notebook["cells"][-1])
    return done


def _filled(notebook: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """Return a notebook with other values of its parameters, in their language and without outputs."""
    language = parameters["language"]
    notebook["cells"] += [dict(_EXPLORE_HEAD), dict(_EXPLORE)]
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])  # a stored notebook has its lines as a list
        if cell["cell_type"] != "code":
            # A Japanese text stands beside the English one, in the cell's metadata.
            cell["source"] = cell["metadata"].get(language, cell["source"])
            continue
        cell["outputs"], cell["execution_count"] = [], None
        if "parameters" in cell["metadata"].get("tags", ()):
            filled = _with_parameters(cell["source"], parameters)
            cell["source"] = filled
    return notebook


def _with_parameters(source: str, values: dict[str, str]) -> str:
    """Return the source of a cell of parameters with other values."""
    return re.sub(
        rf"^({'|'.join(values)}) = .*$",
        lambda found: f"{found[1]} = {json.dumps(values[found[1]])}",
        source,
        flags=re.M,
    )
