"""Files that the user has confirmed: by path and content, so that a changed file is confirmed anew.

A confirmation is an empty file in ``$XDG_DATA_HOME/watchme/trusted`` (``~/.local/share`` unless set), whose
name is the SHA-256 of path and content.

Imports: the standard library only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

_FOLDER_MODE = 0o700


def is_trusted(path: Path, content: bytes, environ: Mapping[str, str]) -> bool:
    """Return whether the user has confirmed this content of a file.

    Parameters
    ----------
    path, content
        The file, and its content.
    environ
        Environment variables, which name the user's folders.
    """
    mark = _mark(path, content, environ)
    return mark is not None and os.path.isfile(mark)  # noqa: PTH113  never raises


def trust(path: Path, content: bytes, environ: Mapping[str, str]) -> None:
    """Remember that the user has confirmed this content of a file.

    Parameters
    ----------
    path, content, environ
        As for :func:`is_trusted`.

    Raises
    ------
    OSError
        When the user has no folder that can be written to.
    """
    mark = _mark(path, content, environ)
    if mark is None:
        raise FileNotFoundError("HOME is not set")
    mark.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    mark.touch(mode=0o600)


def _mark(path: Path, content: bytes, environ: Mapping[str, str]) -> Path | None:
    """Return the path of the confirmation; None where the user has no folder."""
    data = environ.get("XDG_DATA_HOME", "")
    # A relative path would lie in whatever folder the command runs in.
    home = Path(data) if os.path.isabs(data) else Path(environ.get("HOME", ""), ".local", "share")  # noqa: PTH117
    if not home.is_absolute():
        return None
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path)) + b"\0" + content).hexdigest()
    return home / "watchme" / "trusted" / digest
