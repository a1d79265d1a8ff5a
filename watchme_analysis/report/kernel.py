"""The kernel that a report runs in: this interpreter, apart from the user's own Jupyter and IPython."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# Longest path of a Unix socket that every system takes, less the suffix that Jupyter adds.
_LONGEST_SOCKET = 90


def kernel_manager(home: Path, environment: dict[str, str]) -> Any:
    """Return a kernel manager class whose kernels are run by the running interpreter.

    Installed kernel specs are not consulted, so that neither their absence nor a ``python3`` of another
    environment matters; nor are the user's IPython profile and history.

    Parameters
    ----------
    home
        Folder for connection files and the like, removed by the caller afterwards.
    environment
        Variables that the kernel gets on top of this process's.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3",
        language="python",
        env={
            "IPYTHONDIR": str(home / "ipython"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else debugpy warns about frozen modules
            **environment,
        },
    )

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return spec

    class Kernel(AsyncKernelManager):
        def __init__(self, **settings: Any) -> None:
            super().__init__(kernel_spec_manager=ThisInterpreter(), **settings)
            self.connection_file = str(home / "kernel.json")
            # Sockets in our own folder: two reports that start at once can't choose the same port.
            if os.name == "posix" and len(str(home)) < _LONGEST_SOCKET:
                self.transport = "ipc"
                self.ip = str(home / "kernel")

    return Kernel
