"""How the loops over access logs are compiled, and where what was compiled is kept."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit
from numba.core import config as _config

# Any to the type checker: numba sets its options when it is loaded.
config: Any = _config
# Whatever is compiled holds parts of these.
_SOURCES = ("gather", "jit", "kernel", "lines", "paths", "requests", "vectors")
# Whatever a function calls is taken into it: calls for each value of a line took a fifth of the loop's time.
_OPTIONS: Any = {"cache": True, "boundscheck": False, "_nrt": False, "forceinline": True}
_Function = TypeVar("_Function")


@cache
def cache_folder() -> str:
    """Return where these very sources are kept compiled: beside them, or where this user may write.

    numba's own cache asks only whether the file that a function stands in is another, and would run on with
    functions that it has taken in from a file that changed.
    """
    here = Path(__file__).parent
    sources = b"".join((here / f"{name}.py").read_bytes() for name in _SOURCES)
    mine = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "watchme"
    base = config.CACHE_DIR or (here / "__pycache__" if os.access(here, os.W_OK) else mine)
    return str(Path(base) / f"compiled-{hashlib.sha256(sources).hexdigest()[:16]}")


def compiled(function: _Function) -> _Function:
    """Return a function as numba compiles it, to run while others run Python.

    Without numba's own memory, and so without counting who refers to an array, which took two thirds of the
    time: whatever is written to is made by numpy and given.
    """
    return _made(function, nogil=True)


def compiled_for_little(function: _Function) -> _Function:
    """Return a function as :func:`compiled` does, but to be done before others run Python.

    Who lets others run waits for them up to some milliseconds afterwards.
    """
    return _made(function, nogil=False)


def _made(function: _Function, *, nogil: bool) -> _Function:
    before = config.CACHE_DIR
    folder = cache_folder()
    config.CACHE_DIR = folder
    try:
        made: _Function = njit(**_OPTIONS, nogil=nogil)(function)
    finally:
        config.CACHE_DIR = before
    return made
