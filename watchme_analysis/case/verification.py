"""Verification of a case that somebody else made: every problem in one sentence.

A case is opened without this check, because it costs as much as reading all of it; what is opened is compared
with the manifest one table at a time.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from watchme_analysis.case.case_folder import Case, check_case_path
from watchme_analysis.case.manifest import MANIFEST, read_manifest
from watchme_analysis.case.writer import sha256_of
from watchme_analysis.errors import WatchmeError
from watchme_analysis.files.evidence_file import unpacked_name
from watchme_analysis.text.formats import readable_name


def case_problems(folder: Path) -> list[str]:
    """Return the problems of a case, each as a sentence without a full stop; empty for a sound case.

    Checked are the manifest, the hash, the number of rows, the columns and the values of each table, the
    copies of evidence files, and that the folder holds nothing else.
    """
    try:
        check_case_path(folder)
        case = Case(folder, read_manifest(folder))
    except WatchmeError as error:
        return [str(error).rstrip(".")]
    problems = [
        f"{MANIFEST} names the file {file!r}, which lies outside of the evidence"
        for file in (str(entry["file"]) for entry in case.manifest["inputs"])
        if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts
    ]
    for name, entry in case.manifest["tables"].items():
        try:
            rows = len(case.table(name))
        except WatchmeError as error:
            problems.append(str(error).rstrip("."))
            continue
        if rows != entry["rows"]:
            problems.append(f"the table {name} has {rows} rows, and {MANIFEST} states {entry['rows']}")
    return problems + [
        problem for path in sorted(folder.rglob("*")) if (problem := _problem_of_file(case, path))
    ]


def _problem_of_file(case: Case, path: Path) -> str:
    """Return why a path has no place in a case, or differs from the manifest; empty if it is as imported."""
    name = readable_name(path.relative_to(case.path).as_posix())
    top, _, rest = name.partition("/")
    if path.is_symlink():
        return f"{name} is a symbolic link, which no import writes"
    if not path.is_file() and not (path.is_dir() and top in ("tables", "files")):
        return f"{name} is neither a table nor a copy of evidence"
    is_table = top == "tables" and rest.removesuffix(".parquet") in case.manifest["tables"]
    if path.is_dir() or name == MANIFEST or is_table:
        return ""
    copied = [entry for entry in case.manifest["inputs"] if unpacked_name(str(entry["file"])) == rest]
    if top != "files" or not copied:
        return f"{name} does not stand in {MANIFEST}"
    # The manifest has the hash of a compressed file, and the copy is unpacked.
    is_changed = copied[0]["file"] == rest and sha256_of(path) != copied[0]["sha256"]
    return f"{name} differs from the file that was imported" if is_changed else ""
