"""A folder for what is of use only while the process runs."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

# Waits until the pipe that only this process holds is closed, as any end of the process does.
_REMOVE = 'read -r _; rm -rf "$0"'
_watchers: list[subprocess.Popen[bytes]] = []


@cache
def process_temp_dir() -> Path:
    """Make a temporary folder that is gone when this process is; the same one at each call.

    Kernels are killed, and so are programs that want too much memory or whose terminal is closed. None of
    them runs what it registered for its end, and tables of a case may take gigabytes. So a shell waits for
    the end and removes the folder.
    """
    home = Path(tempfile.mkdtemp(prefix="watchme-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with suppress(OSError):  # without a shell an orderly end still removes the folder
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
