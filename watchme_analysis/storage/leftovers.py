"""Temporary files and folders beside their final place, and the removal of those of killed processes.

A process locks what it writes. The operating system releases the lock at any end of the process, so that
another process can tell what is left over from what is still being written.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

# Endings of unfinished work, and of a former result until the new one stands in its place.
PART, FORMER = ".watchme-part", ".watchme-former"
_NAME = re.compile(rf"\.(?P<name>.+)-[0-9a-f]{{8}}(?P<ending>{re.escape(PART)}|{re.escape(FORMER)})")
# Seconds within which a new file may not be locked yet by the process that created it.
_NEW_S = 60.0


def temporary_path(target: Path, ending: str = PART) -> Path:
    """Return a path beside a file or folder, under a hidden name that no other process uses."""
    return target.with_name(f".{target.name}-{token_hex(4)}{ending}")


def is_temporary_name(name: str) -> bool:
    """Return whether a name is one of :func:`temporary_path`."""
    return _NAME.fullmatch(name) is not None


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Lock an existing temporary file or folder, so that no other process removes it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then nobody can lock it to remove it either
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders of killed processes from a folder.

    A former result whose place is empty is put back there instead: the process was killed between two steps
    of the replacement.
    """
    with suppress(OSError):
        # A folder may hold thousands of other files, for which no path is made.
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((PART, FORMER))]
        for name in names:
            found, path = _NAME.fullmatch(name), folder / name
            if found is not None and not path.is_symlink():
                with suppress(OSError):
                    _remove(path, folder / found["name"], is_former=found["ending"] == FORMER)


def _remove(path: Path, target: Path, *, is_former: bool) -> None:
    # A rename sets the time of change, and not that of modification.
    if time.time() - path.stat().st_ctime < _NEW_S:
        return
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_former and not os.path.lexists(target):
            path.rename(target)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(handle)
