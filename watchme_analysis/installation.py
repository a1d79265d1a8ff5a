"""What of the project is installed: optional libraries (extras), files beside the package, and its Python.

An installed wheel holds the notebooks, the pages of causes and a small case in its folder ``bundled``; a
clone has them at its root.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Code, Count
from watchme_analysis.text.render import error_message
from watchme_analysis.version import __version__

# Modules by which an extra of pyproject.toml is recognised.
EXTRAS = {
    "report": ("matplotlib", "papermill", "nbconvert", "ipykernel"),
    "lab": ("jupyterlab", "ipywidgets", "ipympl"),
    "spark": ("pyspark",),
    "chat": ("apprise",),
}
_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "bundled"
# Folder with ``notebooks``, ``docs/causes`` and ``data``.
PROJECT_FILES = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent


def install_command(extra: str) -> str:
    """Return the command that installs an extra: the set-up of a clone, or pip with the file of the wheel.

    Parameters
    ----------
    extra
        Name of the extra, such as ``report``.
    """
    if PROJECT_FILES != _BUNDLED:
        return f"python3 tasks.py {'spark' if extra == 'spark' else 'setup'}"
    return f"pip install 'watchme_analysis-{__version__}-py3-none-any.whl[{extra}]'"


def require(extra: str, purpose: str) -> None:
    """Raise an error that names an extra unless its libraries are there.

    Parameters
    ----------
    extra
        Name of the extra, such as ``report``.
    purpose
        What needs it, as a key of the message ``error-extra-missing``, such as ``reports``.

    Raises
    ------
    InputError
        When a library is missing.
    """
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise InputError(
            error_message(
                "error-extra-missing",
                purpose=Choice(purpose),
                packages=", ".join(missing),
                missing=Count(len(missing)),
                command=Code(install_command(extra)),
            )
        )


# Makes a Python process, and those that it starts, import nothing from the working directory.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}


def python_command(*arguments: str) -> list[str]:
    """Return the command line of this environment's Python, which imports nothing from the working directory.

    A folder that was received from somebody may contain a ``ruff.py`` or ``jupyterlab.py``. Every process
    with Python is started by this command line.

    Parameters
    ----------
    arguments
        Arguments such as ``-m`` and the name of a module.
    """
    return [sys.executable, "-P", *arguments]


@contextmanager
def safe_path() -> Iterator[None]:
    """Let processes that a library starts within the block import nothing from the working directory."""
    before = {name: os.environ.get(name) for name in SAFE_PATH}
    os.environ.update(SAFE_PATH)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
