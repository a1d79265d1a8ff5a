"""Jupyter kernel of reports: this interpreter, isolated from the user's Jupyter and IPython settings."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from watchme_analysis.config import FOLDER_VARIABLE, inherited_variables
from watchme_analysis.files.attachments import TAKE_AWAY_VARIABLE
from watchme_analysis.installation import python_command
from watchme_analysis.storage.process_temp_dir import process_temp_dir

# Longest path of a Unix socket that all systems accept, minus the suffix that Jupyter adds.
_LONGEST_SOCKET = 90
# Seconds that a cell gets to end after it was interrupted; then its kernel is killed.
_GRACE_S = 5.0
_ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # otherwise debugpy warns about frozen modules
}
# What the notebooks of a question need, imported before the first request to the kernel. Garbage is collected
# as seldom as in the commands: rows of evidence and parts of figures live until the kernel ends.
_PRELOAD = """
import gc
gc.set_threshold(50_000)
from contextlib import suppress
with suppress(ImportError):
    import pandas, pyarrow.dataset, pyarrow.parquet
    import PIL.Image, matplotlib.backends.backend_agg, matplotlib.dates, matplotlib.figure
    import {modules}
"""
_HEALTH = ("notebook.health", "health.diagnosis")
_BACKLOG = ("notebook.backlog", "backlog.diagnosis")
_MODULES = {
    "health": _HEALTH,
    "backlog": _BACKLOG,
    "alarms": ("notebook.alarms", "backlog.diagnosis"),
    "what-if": ("notebook.what_if", "backlog.diagnosis"),
}
_LAUNCH = """
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@contextmanager
def running_kernel(folder: Path | None = None, question: str = "") -> Iterator[Any]:
    """Start a kernel with the running interpreter; yield its manager, for papermill or nbclient.

    Installed kernel specs are not used, so that their absence or a ``python3`` of another environment has no
    effect. The IPython profile and history of the user are not used either. The kernel starts in the
    background, in parallel to imports of the caller.

    Parameters
    ----------
    folder
        Working directory of the kernel, whose outputs are stored with the notebook; by default an empty
        folder, and the outputs are those of a report. No module is imported from it.
    question
        Question whose modules are imported early; any other word for both health and backlog.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import KernelManager

    home = Path(tempfile.mkdtemp(prefix="", dir=process_temp_dir()))
    modules = ", ".join(f"watchme_analysis.{one}" for one in _MODULES.get(question, _HEALTH + _BACKLOG))
    spec = KernelSpec(
        argv=python_command("-c", _PRELOAD.format(modules=modules) + _LAUNCH, "-f", "{connection_file}"),
        display_name="Python 3",
        language="python",
        env={
            "IPYTHONDIR": str(home / "ipython"),
            TAKE_AWAY_VARIABLE: "" if folder else str(home / "take-away"),
            FOLDER_VARIABLE: str(folder or _working_directory(home)),
            **inherited_variables(),
            **_ENVIRONMENT,
        },
    )

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return spec

    # papermill and nbclient leave the client of a manager that they were given connected.
    clients: list[Any] = []

    class ClosingManager(KernelManager):
        def client(self, **options: Any) -> Any:
            clients.append(super().client(**options))
            return clients[-1]

    # Sockets in a private folder: two reports that start at the same time can't get the same port.
    local = os.name == "posix" and len(str(home)) < _LONGEST_SOCKET
    manager = ClosingManager(
        kernel_spec_manager=ThisInterpreter(),
        connection_file=str(home / "kernel.json"),
        client_class="jupyter_client.asynchronous.AsyncKernelClient",
        **({"transport": "ipc", "ip": str(home / "kernel")} if local else {}),
    )
    try:
        manager.start_kernel(cwd=str(folder or home))
        yield manager
    finally:
        for client in clients:
            client.stop_channels()
        manager.shutdown_kernel(now=True)
        shutil.rmtree(home, ignore_errors=True)


def _working_directory(instead: Path) -> Path:
    """Return the working directory; ``instead`` when it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return instead


def left_by(manager: Any) -> Path:
    """Return the folder of the files that the notebook of a kernel attaches."""
    return Path(manager.kernel_spec.env[TAKE_AWAY_VARIABLE])


def finished(manager: Any) -> None:
    """Kill a kernel that is no longer needed, without waiting; the end of its context waits for it."""
    if manager.has_kernel:
        manager.signal_kernel(signal.SIGKILL)


@contextmanager
def interrupted_after(manager: Any, seconds: float | None) -> Iterator[Event]:
    """Interrupt a kernel if the context lasts for so many seconds; yields an event that is set then.

    A cell that does not end after the interrupt, such as one within compiled code, ends with its kernel.

    Parameters
    ----------
    manager
        Manager of the kernel.
    seconds
        Seconds from now; None for no limit.
    """
    is_over, ended = Event(), Event()

    def watch() -> None:
        if ended.wait(seconds):
            return
        is_over.set()
        manager.signal_kernel(signal.SIGINT)
        if not ended.wait(_GRACE_S):
            finished(manager)

    watcher = Thread(target=watch, daemon=True)
    if seconds is not None:
        watcher.start()
    try:
        yield is_over
    finally:
        ended.set()
        if seconds is not None:
            watcher.join()


class Kernels:
    """Kernels for consecutive notebooks, each started while the previous notebook runs.

    The first kernel starts when the context is entered, in parallel to other work.

    Parameters
    ----------
    question
        Question of the notebooks, for :func:`running_kernel`.
    """

    def __init__(self, question: str = "") -> None:
        self._question = question

    def __enter__(self) -> Self:
        self._ahead = ExitStack()
        self._kernel = self._ahead.enter_context(running_kernel(question=self._question))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ahead.close()

    @contextmanager
    def take(self, more: bool) -> Iterator[Any]:
        """Yield the started kernel, and start the next kernel if ``more`` is true."""
        with self._ahead.pop_all():
            kernel = self._kernel
            if more:
                self._kernel = self._ahead.enter_context(running_kernel(question=self._question))
            yield kernel
