"""What was asked for, checked before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import InputError
from watchme_analysis.window import Window, parse_time, parse_zone

if TYPE_CHECKING:
    from watchme_analysis.case import Case

ALL = "all"
DEFAULT_ZONE = "Asia/Tokyo"


@dataclass(frozen=True)
class Request:
    """One report to make.

    Attributes
    ----------
    question
        What is asked.
    notebook
        Notebook that answers it.
    case
        Case that it is asked about.
    parameters
        Parameters to inject, by name.
    """

    question: str
    notebook: Path
    case: Case
    parameters: Mapping[str, str]


def notebooks_folder() -> Path:
    """Return the folder of the notebooks: in the package when installed, else beside it.

    Raises
    ------
    InputError
        When there is none.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise InputError(f"There is no folder of notebooks beside {package}: install the package anew.")


def find_notebooks(folder: Path) -> dict[str, Path]:
    """Return the notebooks of a folder by the question that they answer.

    Raises
    ------
    InputError
        When a notebook can't be read, or two answer the same question.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.ipynb")):
        question = read_notebook(path)["metadata"].get("watchme", {}).get("question")
        if question is None:
            continue
        if question in found:
            raise InputError(f"{found[question]} and {path} both answer {question!r}: change one of them.")
        found[question] = path
    return found


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook's JSON.

    Raises
    ------
    InputError
        When the file is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The notebook {path} can't be read: {error}.") from error
    if not isinstance(notebook, dict) or not {"cells", "metadata"} <= set(notebook):
        raise InputError(f"{path} is no notebook of format 4.")
    return notebook


def parameter_names(notebook: Mapping[str, Any]) -> list[str]:
    """Return the names that a notebook's parameters cell assigns; empty without such a cell."""
    import ast

    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            tree = ast.parse("".join(cell["source"]))
            targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def plan(
    question: str, cases: Iterable[str | Path], options: Mapping[str, str | None], notebooks: Path | None = None
) -> list[Request]:
    """Return the reports to make, all of them checked.

    Parameters
    ----------
    question
        One that a notebook answers, or ``all``: every question that a case holds evidence for.
    cases
        Paths of cases or folders of raw evidence.
    options
        ``timezone``, ``since``, ``until`` and parameters of the notebooks; None where not asked for.
    notebooks
        Folder of the notebooks; the package's own unless given.

    Raises
    ------
    InputError, CaseError
        When anything asked for can't be.
    """
    from watchme_analysis.case import open_case

    known = find_notebooks(notebooks or notebooks_folder())
    if question != ALL and question not in known:
        raise InputError(f"No notebook answers {question!r}: ask {', '.join([*known, ALL])}.")
    given = _checked_options(options)
    requests = []
    for path in cases:
        case = open_case(path)
        for asked in _questions(question, case, known):
            parameters = {"case": str(Path(path).resolve()), **given}
            requests.append(_request(asked, known[asked], case, parameters, strict=question != ALL))
    return requests


def _checked_options(options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the options asked for, times as UTC so that a later reading of them gives the same."""
    given = {name: value for name, value in options.items() if value}
    given.setdefault("timezone", DEFAULT_ZONE)
    zone = parse_zone(given["timezone"])
    bounds = {name: parse_time(given[name], zone) for name in ("since", "until") if name in given}
    if len(bounds) == 2:
        Window(bounds["since"], bounds["until"])
    return given | {name: moment.isoformat() for name, moment in bounds.items()}


def _questions(question: str, case: Case, known: Mapping[str, Path]) -> list[str]:
    if question != ALL:
        return [question]
    held = set(case.tables)
    found = [asked for asked, path in known.items() if held & set(_evidence(path))]
    if not found:
        raise InputError(
            f"The case {case.path} holds no evidence that a question needs "
            f"(tables: {', '.join(case.tables) or 'none'}): ask {' or '.join(known)} by name."
        )
    return found


def _evidence(notebook: Path) -> list[str]:
    """Return the tables any of which makes a notebook worth running, as its metadata says."""
    return list(read_notebook(notebook)["metadata"]["watchme"].get("evidence", ()))


def _request(question: str, notebook: Path, case: Case, parameters: dict[str, str], strict: bool) -> Request:
    names = parameter_names(read_notebook(notebook))
    foreign = sorted(set(parameters) - set(names))
    if strict and foreign:
        raise InputError(
            f"The {question} report knows no {', '.join(foreign)}: it takes {', '.join(sorted(names))}."
        )
    return Request(question, notebook, case, {name: parameters[name] for name in names if name in parameters})
