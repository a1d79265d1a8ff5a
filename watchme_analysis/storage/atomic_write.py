"""Files that are written completely or not at all, and files whose name must not be a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from watchme_analysis.errors import InputError
from watchme_analysis.storage.leftovers import in_use, remove_leftovers, temporary_path
from watchme_analysis.text.message import Choice
from watchme_analysis.text.render import error_message

_FIRST_BYTES = 4096


def check_replaceable(path: Path, is_same_kind: Callable[[bytes], bool], kind: str) -> None:
    """Check that writing an output does not overwrite an unrelated file.

    ``path``: file to write. A missing or empty file, and a device or a pipe, may be written to;
    ``is_same_kind``: tells from the first 4,096 bytes of a file whether it is an earlier output; ``kind``:
    kind of such an output, which the message names by ``error-output-other-kind``. Raises InputError when the
    file holds something else, or can't be read.
    """
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            first = file.read(_FIRST_BYTES)
    except OSError as error:
        raise InputError(error_message("error-output-unreadable", path=path, reason=error)) from error
    if first and not is_same_kind(first):
        raise InputError(error_message("error-output-other-kind", path=path, kind=Choice(kind)))


def no_link(path: str, flags: int) -> int:
    """Return the descriptor of a file whose name is not a link; the ``opener`` of ``open``.

    A link in a folder that somebody else has made leads to a file of the user.
    """
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def write_atomically(path: Path, data: bytes, mode: int = 0o666, *, follow_links: bool = True) -> None:
    """Write a file so that readers see either the old or the new content, never a part.

    Concurrent writers of the same file use separate temporary files; the last to finish wins.

    ``path``: the file, in an existing folder. A path that is not a regular file (pipe, ``/dev/stdout``) is
    written directly; ``mode``: permissions of the file before the process's umask; ``follow_links``: whether
    the target of a link is written, as for a file that the user names. Otherwise the link itself is replaced,
    as for files in a folder that may have come from somebody else.
    """
    if follow_links:
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
