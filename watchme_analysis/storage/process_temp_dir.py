"""A temporary folder that exists as long as the process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

# Waits until the pipe that only this process holds is closed, at any end of the process.
_REMOVE = 'read -r _; rm -rf "$0"'
_watchers: list[subprocess.Popen[bytes]] = []


@cache
def process_temp_dir() -> Path:
    """Return a temporary folder that is removed when this process ends; the same folder at each call.

    Notebook kernels are killed, and so are programs that exceed memory or whose terminal is closed. None of
    them runs its exit handlers, and the tables of a case may take gigabytes. A shell therefore waits for the
    end of the process and removes the folder.
    """
    home = Path(tempfile.mkdtemp(prefix="watchme-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with suppress(OSError):  # without a shell, a regular exit still removes the folder
        _watchers.append(
            subprocess.Popen(
                ["sh", "-c", _REMOVE, str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
    return home
