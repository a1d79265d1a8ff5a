"""The decorators with which the loops over access logs are compiled."""

from __future__ import annotations

from typing import Any, TypeVar

from numba import njit
from numba.core import config as _config

from watchme_analysis.access_logs.engine.compile_cache import cache_folder

# Any to the type checker: numba sets its options when it is loaded.
config: Any = _config
# Whatever a function calls is taken into it: calls for each value of a line took a fifth of the loop's time.
_OPTIONS: Any = {"cache": True, "boundscheck": False, "_nrt": False, "forceinline": True}
_Function = TypeVar("_Function")


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
    config.CACHE_DIR = str(cache_folder())
    try:
        made: _Function = njit(**_OPTIONS, nogil=nogil)(function)
    finally:
        config.CACHE_DIR = before
    return made
