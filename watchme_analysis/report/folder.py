"""The folder of reports: one subfolder per run, written under a temporary name and renamed when complete."""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from watchme_analysis.errors import InputError
from watchme_analysis.storage.atomic_write import no_link, write_atomically
from watchme_analysis.text.file_names import slug
from watchme_analysis.text.render import error_message, label


def collect_files(left: Path, folder: Path) -> list[str]:
    """Move the files that a notebook attached into the folder of the run; return their names.

    Parameters
    ----------
    left
        Folder of the attached files, see :func:`watchme_analysis.files.attachments.attach`; it may be
        missing.
    folder
        Folder of the run.
    """
    files = sorted(path for path in left.glob("*") if path.is_file())
    for path in files:
        shutil.move(path, folder / path.name)
    return [path.name for path in files]


RESULT = "result.json"
PAGE = "report.html"
# Beside the files of a delivered report: its system and incident.
ABOUT = "notice.json"
STATUSES = ("running", "ok", "failed", "killed")
_LOCK = ".lock"
_PART = ".part"


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Write the ``result.json`` of a run."""
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    # A lone surrogate, which evidence may contain, is written as a JSON escape.
    write_atomically(folder / RESULT, text.encode(errors="backslashreplace"), follow_links=False)


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return the result of a run; None when the folder is not a run, is a link, or its result is damaged."""
    path = folder / RESULT
    is_own = path.is_file() and not path.is_symlink() and not folder.is_symlink()
    try:
        result = json.loads(path.read_text(encoding="utf-8")) if is_own else None
    except (OSError, ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) and result.get("status") in STATUSES else None


def prepare(reports: Path) -> None:
    """Create the folder of reports and check that it is writable.

    Raises
    ------
    InputError
        When the folder can't be created or written to.
    """
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=reports):
            pass
    except OSError as error:
        raise InputError(error_message("error-reports-unwritable", folder=reports, reason=error)) from error


@contextmanager
def locked(reports: Path) -> Iterator[None]:
    """Lock the folder of reports against other processes that start or end a run."""
    try:
        lock = open(reports / _LOCK, "a", opener=no_link)  # noqa: SIM115  an opener
    except OSError as error:
        raise InputError(error_message("error-reports-unwritable", folder=reports, reason=error)) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class Run:
    """A run in progress.

    Attributes
    ----------
    reports
        Folder of all reports.
    name
        Name of the folder when the run is complete.
    path
        Temporary folder of the run.
    """

    reports: Path
    name: str
    path: Path
    _alive: IO[str]

    @classmethod
    def begin(cls, reports: Path, started: datetime, question: str, case: str) -> Run:
        """Return a new run with a temporary folder, under a name that no other run has or will have."""
        stem = f"{started:%Y%m%dT%H%M%SZ}-{slug(question)}-{slug(case)}"
        with locked(reports):
            name, number = stem, 1
            while (reports / name).exists() or (reports / f".{name}{_PART}").exists():
                number += 1
                name = f"{stem}-{number}"
            path = reports / f".{name}{_PART}"
            path.mkdir()
            # The operating system releases this lock when the process ends for any reason.
            alive = (path / _LOCK).open("w")
            fcntl.flock(alive, fcntl.LOCK_EX)
        return cls(reports, name, path, alive)

    def finish(self) -> Path:
        """Rename the folder to its final name; return its path."""
        target = self.reports / self.name
        with locked(self.reports):
            _complete(self.path, target)
        self._alive.close()
        return target

    def abandon(self) -> None:
        """Leave the run as if killed; the next index lists it as killed."""
        self._alive.close()


def _complete(part: Path, target: Path) -> None:
    (part / _LOCK).unlink(missing_ok=True)
    part.rename(target)


def settle_killed(reports: Path) -> None:
    """Complete the folders of killed runs with the status ``killed``; call it under :func:`locked`."""
    for part in reports.glob(f".*{_PART}"):
        if part.is_symlink():  # of somebody else, and the target may be a folder of the user
            continue
        with suppress(OSError), open(part / _LOCK, "a", opener=no_link) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            result = read_result(part) or {}
            write_result(part, {**result, "status": "killed", "error": label("report-killed", "en")})
            _complete(part, reports / part.name.removeprefix(".").removesuffix(_PART))
