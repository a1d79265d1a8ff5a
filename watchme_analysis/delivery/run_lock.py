"""One run at a time per system; the lock of a process that died is taken over."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.render import ErrorMessage, error_message

LOCK = "lock"
# Seconds between two attempts to take the lock of another run.
_POLL_S = 0.5


class RunInProgressError(ServiceError):
    """Another run of the same system is in progress."""


@contextmanager
def system_lock(folder: Path, system: str, wait_s: float = 0.0) -> Iterator[dict[str, Any] | None]:
    """Hold the lock of a system; yields the killed run whose lock was taken over, None without one.

    The operating system releases the lock at any end of a process. The content of the file, in the existing
    folder of the system's state, remains then, and tells the next run that the previous one was killed. If
    another run still holds the lock after ``wait_s`` seconds, that is a RunInProgressError; a file system
    without locks is an InputError.
    """
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        _take(file, system, time.monotonic() + wait_s)
        killed = _holder(file)
        _record(file, {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()})
        try:
            yield killed
        except Exception:
            _record(file, None)
            raise
        # Not after other exceptions: they are like a kill, of which the next run should know.
        _record(file, None)


def _take(file: IO[str], system: str, until: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise RunInProgressError(_in_progress(system, _holder(file))) from None
            time.sleep(_POLL_S)
        except OSError as error:
            raise InputError(error_message("error-no-locks", file=file.name, reason=error)) from error
        else:
            return


def _holder(file: IO[str]) -> dict[str, Any] | None:
    file.seek(0)
    try:
        found = json.loads(file.read())
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"pid", "host", "since"} <= found.keys() else None


def _record(file: IO[str], holder: dict[str, Any] | None) -> None:
    file.seek(0)
    file.truncate()
    if holder is not None:
        file.write(json.dumps(holder))
    file.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _in_progress(system: str, holder: Mapping[str, Any] | None) -> ErrorMessage:
    if holder is None:
        return error_message("error-run-in-progress-somewhere", system=system)
    return error_message(
        "error-run-in-progress",
        system=system,
        process=holder["pid"],
        host=holder["host"],
        since=holder["since"],
    )
