"""What of the project is installed: optional libraries (extras), and files beside the package.

An installed wheel holds the notebooks, the pages of causes and a small case in its folder ``bundled``; a
clone has them at its root.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Count
from watchme_analysis.text.render import error_message

DISTRIBUTION = "watchme-analysis"
# Modules by which an extra of pyproject.toml is recognised.
EXTRAS = {
    "report": ("matplotlib", "papermill", "nbconvert", "ipykernel"),
    "lab": ("jupyterlab", "ipywidgets", "ipympl"),
    "access": ("numba",),
    "spark": ("pyspark",),
}
_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "bundled"
# Folder with ``notebooks``, ``docs/causes`` and ``data``.
PROJECT_FILES = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent


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
                distribution=DISTRIBUTION,
                extra=extra,
            )
        )
