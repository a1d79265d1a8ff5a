"""The kernel that a report runs in: this interpreter, apart from the user's own Jupyter and IPython."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from watchme_analysis.files.attachments import TAKE_AWAY_VARIABLE
from watchme_analysis.files.process_temp_dir import process_temp_dir

# Longest path of a Unix socket that every system takes, less the suffix that Jupyter adds.
_LONGEST_SOCKET = 90
_ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else debugpy warns about frozen modules
}
# What every notebook of ours needs sooner or later, imported before the kernel is asked for anything.
_START = """
from contextlib import suppress
with suppress(ImportError):
    import pandas, pyarrow.dataset, pyarrow.parquet
    import PIL.Image, matplotlib.backends.backend_agg, matplotlib.dates, matplotlib.figure
    import watchme_analysis.notebook
    import watchme_analysis.backlog.hypotheses.diagnosis, watchme_analysis.health.hypotheses.diagnosis
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@contextmanager
def running_kernel(folder: Path | None = None) -> Iterator[Any]:
    """Start a kernel in the running interpreter; yield its manager, for papermill or nbclient.

    Installed kernel specs are not consulted, so that neither their absence nor a ``python3`` of another
    environment matters; nor are the user's IPython profile and history. The kernel starts at once and goes
    on by itself: what its user imports meanwhile costs no time.

    Parameters
    ----------
    folder
        Working directory of the kernel; an empty one, where no file can pass for a module, unless given.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import KernelManager

    home = Path(tempfile.mkdtemp(prefix="", dir=process_temp_dir()))
    spec = KernelSpec(
        argv=[sys.executable, "-c", _START, "-f", "{connection_file}"],
        display_name="Python 3",
        language="python",
        env={
            "IPYTHONDIR": str(home / "ipython"),
            TAKE_AWAY_VARIABLE: str(home / "take-away"),
            **_ENVIRONMENT,
        },
    )

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return spec

    # Sockets in our own folder: two reports that start at once can't be given the same port.
    local = os.name == "posix" and len(str(home)) < _LONGEST_SOCKET
    manager = KernelManager(
        kernel_spec_manager=ThisInterpreter(),
        connection_file=str(home / "kernel.json"),
        client_class="jupyter_client.asynchronous.AsyncKernelClient",
        **({"transport": "ipc", "ip": str(home / "kernel")} if local else {}),
    )
    try:
        manager.start_kernel(cwd=str(folder or home))
        yield manager
    finally:
        manager.shutdown_kernel(now=True)
        shutil.rmtree(home, ignore_errors=True)


def left_by(manager: Any) -> Path:
    """Return the folder in which a kernel of ours leaves files for its notebook's reader."""
    return Path(manager.kernel_spec.env[TAKE_AWAY_VARIABLE])


def finished(manager: Any) -> None:
    """Let a kernel that is no longer needed end while its user goes on; it is awaited when its block ends."""
    if manager.has_kernel:
        manager.signal_kernel(signal.SIGKILL)


class Kernels:
    """Kernels for one notebook after another, each started while its forerunner is at work.

    The first starts when the block is entered, beside whatever is done until it is needed.
    """

    def __enter__(self) -> Self:
        self._ahead = ExitStack()
        self._kernel = self._ahead.enter_context(running_kernel())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ahead.close()

    @contextmanager
    def take(self, more: bool) -> Iterator[Any]:
        """Yield the kernel that is ready and start the next one, if ``more`` will be needed."""
        with self._ahead.pop_all():
            kernel = self._kernel
            if more:
                self._kernel = self._ahead.enter_context(running_kernel())
            yield kernel
