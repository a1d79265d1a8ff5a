"""Journals of actions: what is about to happen is on disk before it happens, and so is its result.

A journal is a JSON Lines file. Each entry names a *key* (a step, a message, a delivery) and an *event*. An
entry is flushed and synced before :meth:`Journal.write` returns, so that after a kill or a power cut the last
event of each key states what is known: ``intended`` without a result means that the action may have happened.
Remedies and deliveries use it.

The pattern is a write-ahead log [1]_.

.. [1] C. Mohan et al., "ARIES: a transaction recovery method supporting fine-granularity locking", ACM TODS
   17 (1992).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from watchme_analysis.errors import InputError
from watchme_analysis.storage.atomic_write import no_link
from watchme_analysis.text.render import error_message

INTENDED, DONE, NOT_DONE, FAILED = "intended", "done", "not done", "failed"
# Entries are ASCII; a file with other bytes is refused as foreign, with its line.
_ERRORS = "replace"
_BEGINNING = '{"key": '


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


@dataclass
class Journal:
    """An opened journal; from :func:`open_journal`.

    ``path``: file of the journal; ``last``: last entry of each key; ``by_key``: all entries of each key;
    ``entries``: all entries, in the order in which they were written; ``now``: returns the time of an entry.
    """

    path: Path
    _file: IO[str] | None = None
    now: Callable[[], datetime] = utc_now
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    # Ends the line that a failed write may have left.
    _torn: str = ""

    def event(self, key: str) -> str | None:
        """Return the last event of a key; None when the journal does not contain it."""
        entry = self.last.get(key)
        return None if entry is None else str(entry["event"])

    def write(self, key: str, event: str, **details: Any) -> dict[str, Any]:
        """Append an entry, wait until it is on disk, and return it.

        ``key``, ``event``: what it is about, and what happened or is about to happen; ``**details``: further
        values for JSON. Raises InputError when the journal can't be written.
        """
        if self._file is None:
            raise InputError(f"The journal {self.path} is open for reading only.")
        entry = {"key": key, "event": event, "at": self.now().isoformat(timespec="milliseconds")}
        entry |= details
        line = f"{self._torn}{json.dumps(entry)}\n".encode()
        try:
            # Not buffered: what a full disk refuses must not be written later, after the caller was told.
            self._torn = "\n"
            if os.write(self._file.fileno(), line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
            self._torn = ""
        except OSError as error:
            raise InputError(error_message("error-journal-stops", path=self.path, reason=error)) from error
        self._add(entry)
        return entry

    def _add(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        self.last[entry["key"]] = entry
        self.by_key.setdefault(entry["key"], []).append(entry)


@contextmanager
def open_journal(path: Path, now: Callable[[], datetime] = utc_now) -> Iterator[Journal]:
    """Open a journal for writing, with its earlier entries; one process at a time may hold it.

    An incomplete last line of a killed run is ended with a newline and ignored: its action had not begun,
    since an action begins only after its entry is on disk.

    ``path``: file of the journal; created, with its folder, when it does not exist; ``now``: returns the time
    of an entry. Raises InputError when another run holds the journal, it can't be read or written, or the
    file is something else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        file = open(path, "a+", encoding="utf-8", errors=_ERRORS, opener=no_link)  # noqa: SIM115
    except OSError as error:
        raise InputError(error_message("error-journal-unwritable", path=path, reason=error)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(error_message("error-journal-in-use", path=path)) from error
        if is_new:
            _sync_folder(path.parent)
        file.seek(0)
        text = file.read()
        journal = Journal(path, file, now)
        for entry in _entries(text, path):
            journal._add(entry)
        if text and not text.endswith("\n"):
            file.write("\n")
            file.flush()
        yield journal


def read_journal(path: Path) -> Journal:
    """Return a journal for reading; without entries when the file does not exist.

    Raises InputError when the file can't be read or is something else.
    """
    journal = Journal(path)
    try:
        text = path.read_text(encoding="utf-8", errors=_ERRORS)
    except FileNotFoundError:
        return journal
    except OSError as error:
        raise InputError(error_message("error-journal-unreadable", path=path, reason=error)) from error
    for entry in _entries(text, path):
        journal._add(entry)
    return journal


def _entries(text: str, path: Path) -> Iterator[dict[str, Any]]:
    whole, _, last = text.rpartition("\n")
    if not _may_be_an_entry(last):
        raise _foreign(path)
    for number, line in enumerate(whole.split("\n") if whole else (), 1):
        try:
            entry = _entry(line)
        except ValueError as error:
            raise _foreign(path, number) from error
        if entry is not None:
            yield entry
        # The incomplete line of a killed run, ended by the run after it, is a beginning of an entry.
        elif not _may_be_an_entry(line):
            raise _foreign(path, number)


def _may_be_an_entry(line: str) -> bool:
    return _BEGINNING.startswith(line[: len(_BEGINNING)])


def _entry(line: str) -> dict[str, Any] | None:
    """Return the entry in a line; None for a line that is not JSON, such as the beginning of an entry.

    Raises ValueError when the line is JSON and no entry: taking it for cut could repeat what it records.
    """
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, Mapping) or not all(
        isinstance(entry.get(name), str) for name in ("key", "event", "at")
    ):
        raise ValueError("it lacks key, event or at")
    if datetime.fromisoformat(entry["at"]).tzinfo is None:
        raise ValueError("its time has no zone")
    return dict(entry)


def _foreign(path: Path, line: int | None = None) -> InputError:
    place = path if line is None else f"{path}:{line}"
    return InputError(error_message("error-journal-foreign", place=place))


def _sync_folder(folder: Path) -> None:
    """Wait until the name of a new file is on disk, or a power cut could lose the whole journal."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
