"""Opening a case folder, a folder of raw evidence, or a single file of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from watchme_analysis.case.case_folder import Case, no_folder, read_case
from watchme_analysis.case.manifest import MANIFEST
from watchme_analysis.errors import CaseError
from watchme_analysis.storage.process_temp_dir import process_temp_dir


def open_case(path: str | Path) -> Case:
    """Return the case of a path; raw evidence is imported first, for the lifetime of the process.

    Raises
    ------
    CaseError
        When there is nothing at the path, or the tables of the case differ from its manifest.
    """
    given = Path(path)
    if given.is_file():
        folder, evidence = _with_one_file(given), given.parent
    elif given.is_dir():
        folder = evidence = given
    else:
        raise CaseError(no_folder(given, "case"))
    if (folder / MANIFEST).is_file():
        case = read_case(folder)
    else:
        from watchme_analysis.case.importer import import_for_process

        case = import_for_process(folder)
        case.raw_evidence = str(evidence)
    case.given = given
    return case


def _with_one_file(file: Path) -> Path:
    """Return a folder that holds nothing but a file, for the lifetime of the process."""
    key = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:16]
    folder = Path(process_temp_dir()) / key / (file.stem or "evidence")
    folder.mkdir(parents=True, exist_ok=True)
    inside = folder / file.name
    with suppress(FileNotFoundError):
        inside.unlink()
    try:
        os.link(file.resolve(), inside)  # a log may have gigabytes
    except OSError:
        shutil.copyfile(file, inside)
    return folder
