"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from watchme_analysis.files.leftovers import in_use, remove_leftovers, temporary_path


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file so that readers see either the old or the new content, never a part.

    Concurrent writers of the same file use separate temporary files; the last to finish wins.

    Parameters
    ----------
    path
        The file, in an existing folder. A path that is not a regular file (pipe, ``/dev/stdout``) is written
        directly.
    data
        Its content.
    mode
        Permissions of the file before the process's umask.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    remove_leftovers(path.parent)
    aside = temporary_path(path)
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        error.filename = str(path)  # the name that the caller knows
        raise
    try:
        with os.fdopen(handle, "wb") as file, in_use(aside):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
