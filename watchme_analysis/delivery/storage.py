"""Files of the state folder, each written completely or not at all.

A checkpoint is called after every write and every call to a destination, so that tests can end a run at each
of these moments and resume it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchme_analysis.errors import InputError
from watchme_analysis.files.atomic_write import write_atomically
from watchme_analysis.text.file_names import is_file_name
from watchme_analysis.text.render import error_message

# The folder holds results of diagnoses, so other users of the machine must not read it.
FOLDER_MODE = 0o700
FILE_MODE = 0o600


def no_checkpoint(moment: str) -> None:
    """Do nothing at a moment."""


@dataclass(frozen=True)
class Storage:
    """A folder of JSON documents and JSON Lines files.

    Attributes
    ----------
    folder
        The folder; created when something is written.
    checkpoint
        Called with the name of each moment after which the process might be killed.
    """

    folder: Path
    checkpoint: Callable[[str], None] = field(default=no_checkpoint)

    def within(self, name: str) -> Storage:
        """Return the storage of a subfolder; a name that would lead out of the folder is refused."""
        if not all(map(is_file_name, name.split("/"))):
            raise InputError(error_message("error-no-file-name", name=repr(name), folder=self.folder))
        return Storage(self.folder / name, self.checkpoint)

    def create(self) -> None:
        """Create the folder, and check that nothing in it is a link, which may lead to a file of the user.

        Raises
        ------
        InputError
            When it can't be created or written to, or has a link.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            with os.scandir(self.folder) as entries:
                link = next((entry.path for entry in entries if entry.is_symlink()), None)
        except OSError as error:
            raise InputError(error_message("error-state-folder", folder=self.folder, reason=error)) from error
        if link is not None:
            raise InputError(error_message("error-state-link", path=link))

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a document; None when there is none.

        Raises
        ------
        InputError
            When it can't be read.
        """
        path = self.folder / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(error_message("error-state-unreadable", path=path, reason=error)) from error
        return value if isinstance(value, dict) else None

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Replace a document atomically and wait until it is on disk."""
        self.create()
        text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
        write_atomically(
            self.folder / name, text.encode(errors="backslashreplace"), FILE_MODE, follow_links=False
        )
        self.checkpoint(f"wrote {name}")

    def append(self, name: str, entry: Mapping[str, Any]) -> None:
        """Append a line and wait until it is on disk."""
        self.create()
        path = self.folder / name
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
        with os.fdopen(handle, "r+b") as file:
            # A killed run may have left half a line, which would swallow this one.
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            line = json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
            file.write(b"\n" + line if torn else line)
            file.flush()
            os.fsync(file.fileno())
        self.checkpoint(f"appended to {name}")

    def rewrite(self, name: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """Replace a JSON Lines file atomically."""
        text = "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in entries)
        write_atomically(
            self.folder / name, text.encode(errors="backslashreplace"), FILE_MODE, follow_links=False
        )
        self.checkpoint(f"rewrote {name}")

    def _replace(self, name: str, text: str) -> None:
        data = text.encode(errors="backslashreplace")
        write_atomically(self.folder / name, data, FILE_MODE, follow_links=False)

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a JSON Lines file; a line that a killed run left incomplete is skipped."""
        try:
            text = (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        for line in text.split("\n"):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield entry
