"""Opening a case folder or a folder of raw evidence."""

from __future__ import annotations

from pathlib import Path

from watchme_analysis.case.case_folder import Case, no_folder, read_case
from watchme_analysis.case.manifest import MANIFEST
from watchme_analysis.errors import CaseError


def open_case(path: str | Path) -> Case:
    """Return the case of a folder; raw evidence is imported first, for the lifetime of the process.

    Raises
    ------
    CaseError
        When the path is not a folder, or the tables of the case differ from its manifest.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CaseError(no_folder(folder, "case"))
    manifest = folder / MANIFEST
    if not manifest.is_file():
        from watchme_analysis.case.importer import import_for_process

        case = import_for_process(folder)
        case.raw_evidence = str(folder)
    else:
        case = read_case(folder)
    case.given = folder
    return case
