"""Requests for reports, validated before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, reason_of
from watchme_analysis.installation import PROJECT_FILES
from watchme_analysis.services.diagnose import ALL, chosen_questions
from watchme_analysis.text.message import Choice, Message, message
from watchme_analysis.text.render import error_message, parse_language
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case


@dataclass(frozen=True)
class Request:
    """A report to write.

    Attributes
    ----------
    question
        Name of the question, such as ``health``.
    notebook
        Notebook of the question.
    case
        Case to analyse.
    parameters
        Parameters to inject, by name.
    redact
        Level of redaction of the case, whose path is then left out of all files; None for the case itself.
    """

    question: str
    notebook: Path
    case: Case
    parameters: Mapping[str, str]
    redact: str | None = None

    @property
    def language(self) -> str:
        """Language of the report; a notebook without such a parameter has the configured one."""
        return self.parameters.get("language") or load_config().language


def notebooks_folder() -> Path:
    """Return the folder of the project's notebooks: of the clone, or of the installed wheel.

    Raises
    ------
    InputError
        When the folder does not exist.
    """
    folder = PROJECT_FILES / "notebooks"
    if not folder.is_dir():
        raise InputError(error_message("error-notebooks-missing", folder=folder))
    return folder


def find_notebooks(folder: Path) -> dict[str, Path]:
    """Return the notebooks of a folder by question.

    A notebook that builds on another question has that question as ``about`` in its metadata.

    Raises
    ------
    InputError
        When a notebook can't be read, or two notebooks have the same question.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.ipynb")):
        question = _marked(path).get("question")
        if question is None:
            continue
        if question in found:
            raise InputError(
                error_message(
                    "error-question-twice", first=found[question], second=path, question=repr(question)
                )
            )
        found[question] = path
    return found


def _marked(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = read_notebook(path)["metadata"].get("watchme", {})
    return found


def read_notebook(path: Path) -> dict[str, Any]:
    """Return the JSON content of a notebook.

    Raises
    ------
    InputError
        When the file is not a notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(error_message("error-notebook-unreadable", path=path, reason=error)) from error
    if not isinstance(notebook, dict) or not {"cells", "metadata"} <= set(notebook):
        raise InputError(error_message("error-notebook-format", path=path))
    if wrong := _wrong_part(notebook):
        raise InputError(error_message("error-notebook-damaged", path=path, place=wrong))
    return notebook


_CELL_TYPES = ("code", "markdown", "raw")


def _wrong_part(notebook: Mapping[str, Any]) -> Message | None:
    """Return the first part of a notebook that its format does not have; None for a sound notebook.

    The schema of nbformat would find more, but takes seconds to load.
    """
    metadata = notebook["metadata"]
    if not isinstance(metadata, dict) or notebook.get("nbformat") != 4:
        is_metadata = not isinstance(metadata, dict)
        return message("notebook-part", part=Choice("metadata" if is_metadata else "format"), cell=0)
    about = metadata.get("watchme", {})
    # A text, such as the question, or several, such as the tables that the notebook needs.
    if not isinstance(about, dict) or not all(map(_is_text, about.values())):
        return message("notebook-part", part=Choice("metadata"), cell=0)
    cells = notebook["cells"]
    if not isinstance(cells, list):
        return message("notebook-part", part=Choice("cells"), cell=0)
    sound = (_is_cell(cell) for cell in cells)
    wrong = next((at for at, is_sound in enumerate(sound, 1) if not is_sound), None)
    return None if wrong is None else message("notebook-part", part=Choice("cell"), cell=wrong)


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in _CELL_TYPES:
        return False
    metadata, outputs = cell.get("metadata"), cell.get("outputs", [])
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else None
    return (
        _is_text(cell.get("source"))
        and isinstance(tags, list)
        and all(isinstance(tag, str) for tag in tags)
        and isinstance(outputs, list)
        and all(isinstance(output, dict) for output in outputs)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def parameter_names(path: Path) -> list[str]:
    """Return the names assigned in the parameters cell of a notebook; empty without such a cell.

    Raises
    ------
    InputError
        When the file is not a notebook, or the cell is not Python.
    """
    import ast

    for cell in read_notebook(path)["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            try:
                tree = ast.parse("".join(cell["source"]))
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                reason = error.msg if isinstance(error, SyntaxError) else reason_of(error)
                raise InputError(
                    error_message("error-notebook-parameters", path=path, reason=reason)
                ) from error
            targets = [
                target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
            ]
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def plan(
    question: str,
    cases: Iterable[str | Path],
    options: Mapping[str, str | None],
    notebooks: Path | None = None,
) -> list[Request]:
    """Return the validated requests of the reports to write.

    Parameters
    ----------
    question
        Question of a notebook, or ``all`` for every question that a case has evidence for.
    cases
        Paths of cases or folders of raw evidence.
    options
        ``timezone``, ``language``, ``since``, ``until`` and parameters of the notebooks; None for the
        default.
    notebooks
        Folder of the notebooks; by default that of the project.

    Raises
    ------
    InputError, CaseError
        When a question, a case or an option is invalid.
    """
    from watchme_analysis.case.opening import open_case

    folder = notebooks or notebooks_folder()
    known = find_notebooks(folder)
    if not known:
        raise InputError(error_message("error-folder-no-question", folder=folder))
    about = {name: str(_marked(path).get("about", name)) for name, path in known.items()}
    if question != ALL and question not in known:
        raise InputError(
            error_message("error-no-notebook", question=repr(question), known=", ".join([*known, ALL]))
        )
    given = {name: value for name, value in options.items() if value is not None}
    given.setdefault("timezone", load_config().time_zone)
    given.setdefault("language", load_config().language)
    parse_zone(given["timezone"])
    parse_language(given["language"])
    requests = []
    for path in cases:
        case = open_case(path)
        planned = [each for each in chosen_questions(question, case) if each in known]
        if not planned:
            raise InputError(error_message("error-folder-other-questions", folder=folder, case=path))
        home = {"case": str(Path(path).resolve())}
        for each in planned:
            names = parameter_names(known[each])
            # A page has a language even if its notebook has no parameter for it.
            foreign = sorted(set(given) - set(names) - {"language"})
            if question != ALL and foreign:
                raise InputError(error_message("error-report-option", option=foreign[0], question=repr(each)))
            asked_for = {name: given[name] for name in names if name in given}
            parameters = home | _checked(about[each], case, asked_for)
            requests.append(Request(each, known[each], case, parameters))
    return requests


def _checked(question: str, case: Case, given: dict[str, str]) -> dict[str, str]:
    """Return validated parameters, with bounds as UTC times so that they mean the same in a later run."""
    from watchme_analysis.services.diagnose import investigate

    looked_at = investigate(
        question,
        case,
        since=given.get("since"),
        until=given.get("until"),
        zone=parse_zone(given["timezone"]),
        subject=given.get("endpoint") or given.get("queue"),
    ).window
    if looked_at is None:
        return given
    bounds = {"since": looked_at.start.isoformat(), "until": looked_at.end.isoformat()}
    return given | {name: bounds[name] for name in bounds if name in given}
