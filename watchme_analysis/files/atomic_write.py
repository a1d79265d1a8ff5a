"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Whoever writes the same file meanwhile writes another one aside; the last to finish stays.

    Parameters
    ----------
    path
        The file; its folder must be there. What is no regular file (a pipe, ``/dev/stdout``) is written to.
    data
        Its content.
    mode
        Who may read and write it, but for whom the umask of the process keeps out.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    aside = path.with_name(f".{path.name}-{token_hex(4)}.part")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        error.filename = str(path)  # the one that the caller knows
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
