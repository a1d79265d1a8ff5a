"""Verification of a case that somebody else made: every problem in one sentence.

A case is opened without this check, because it costs as much as reading all of it; what is opened is compared
with the manifest one table at a time.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from watchme_analysis.case.actions import FILE as ACTIONS_FILE
from watchme_analysis.case.actions import read_actions
from watchme_analysis.case.case_folder import Case, check_case_path, no_folder
from watchme_analysis.case.manifest import MANIFEST, read_manifest
from watchme_analysis.case.writer import sha256_of
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.files.evidence_file import unpacked_name
from watchme_analysis.text.formats import readable_name
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note, text_of_error


def case_problems(folder: Path) -> list[str]:
    """Return the problems of a case, each as a sentence with its message; empty for a sound case.

    Checked are the manifest, the hash, the number of rows, the columns and the values of each table, the
    copies of evidence files, and that the folder holds nothing else.
    """
    if not folder.is_dir():
        raise InputError(no_folder(folder, "case"))
    try:
        check_case_path(folder)
        case = Case(folder, read_manifest(folder))
    except WatchmeError as error:
        return [text_of_error(error)]
    problems: list[str] = [
        note("case-problem-outside", file=Resource(file))
        for file in (str(entry["file"]) for entry in case.manifest["inputs"])
        if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts
    ]
    for name, entry in case.manifest["tables"].items():
        try:
            rows = len(case.table(name))
        except WatchmeError as error:
            problems.append(text_of_error(error))
            continue
        if rows != entry["rows"]:
            stated = int(entry["rows"])
            problems.append(note("case-problem-rows", table=Resource(name), rows=rows, stated=stated))
    return problems + [
        problem for path in sorted(folder.rglob("*")) if (problem := _problem_of_file(case, path))
    ]


def _problem_of_file(case: Case, path: Path) -> str:
    """Return why a path has no place in a case, or differs from the manifest; empty if it is as imported."""
    name = readable_name(path.relative_to(case.path).as_posix())
    top, _, rest = name.partition("/")
    if path.is_symlink():
        return note("case-problem-link", file=Resource(name))
    if not path.is_file() and not (path.is_dir() and top in ("tables", "files")):
        return note("case-problem-neither", file=Resource(name))
    is_table = top == "tables" and rest.removesuffix(".parquet") in case.manifest["tables"]
    if path.is_dir() or name == MANIFEST or is_table:
        return ""
    if name == ACTIONS_FILE:  # grows after the import, so the manifest does not list it
        return _problem_of_actions(case.path)
    copied = [entry for entry in case.manifest["inputs"] if unpacked_name(str(entry["file"])) == rest]
    if top != "files" or not copied:
        return note("case-problem-unlisted", file=Resource(name))
    # The manifest has the hash of a compressed file, and the copy is unpacked.
    is_changed = copied[0]["file"] == rest and sha256_of(path) != copied[0]["sha256"]
    return note("case-problem-differs", file=Resource(name)) if is_changed else ""


def _problem_of_actions(folder: Path) -> str:
    """Return why the recorded actions of a case can't be read; empty if they can."""
    try:
        read_actions(folder)
    except WatchmeError as error:
        return text_of_error(error)
    return ""
