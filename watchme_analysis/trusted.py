"""Files that the user has confirmed: by path and content, so that a changed file is confirmed anew.

A confirmation is an empty file in ``$XDG_DATA_HOME/watchme/trusted`` (``~/.local/share`` unless set), whose
name is the SHA-256 of path and content.

Entries that a command has written itself are known by a seal, made with a key that only this user can read.

Imports: the standard library only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

_FOLDER_MODE = 0o700
_KEY_BYTES = 32


def is_trusted(path: Path, content: bytes, environ: Mapping[str, str]) -> bool:
    """Return whether the user, whose folders ``environ`` names, has confirmed this content of a file."""
    mark = _mark(path, content, environ)
    return mark is not None and os.path.isfile(mark)  # noqa: PTH113  never raises


def trust(path: Path, content: bytes, environ: Mapping[str, str]) -> None:
    """Remember that the user has confirmed this content of a file.

    A user without a folder that can be written to is an OSError.
    """
    mark = _mark(path, content, environ)
    if mark is None:
        raise FileNotFoundError("HOME is not set")
    mark.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    mark.touch(mode=0o600)


def seal(content: str, environ: Mapping[str, str]) -> str:
    """Return the seal of a text, which only commands of this user can make.

    Where the user has no folder that can be written to, a seal holds for this process alone.
    """
    folder = _folder(environ)
    return hmac.new(_key(folder and folder / "key"), content.encode(), "sha256").hexdigest()


@cache
def _key(path: Path | None) -> bytes:
    """Return the key of a file, which is made if it is missing."""
    key = os.urandom(_KEY_BYTES)
    if path is None:
        return key
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        # Linked into place when whole, so that of two commands at once the first wins.
        draft = path.with_name(f"key.{os.urandom(8).hex()}")
        try:
            if not path.exists():
                draft.touch(mode=0o600, exist_ok=False)
                draft.write_bytes(key)
                with suppress(FileExistsError):
                    path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        stored = path.read_bytes()
        return stored if len(stored) == _KEY_BYTES else key
    return key


def _mark(path: Path, content: bytes, environ: Mapping[str, str]) -> Path | None:
    """Return the path of the confirmation; None where the user has no folder."""
    folder = _folder(environ)
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path)) + b"\0" + content).hexdigest()
    return folder and folder / "trusted" / digest


def _folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of this user's data; None where the user has none."""
    return _below(environ.get("XDG_DATA_HOME", ""), environ.get("HOME", ""))


@cache  # a redrive makes a seal for each message, whenever it reads the log
def _below(data: str, home: str) -> Path | None:
    # A relative path would lie in whatever folder the command runs in.
    path = Path(data) if os.path.isabs(data) else Path(home, ".local", "share")  # noqa: PTH117
    return path / "watchme" if path.is_absolute() else None
