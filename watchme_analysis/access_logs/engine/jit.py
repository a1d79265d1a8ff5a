"""The decorators with which the loops over access logs are compiled."""

from __future__ import annotations

from typing import Any, TypeVar

from numba import njit
from numba.core import config as _config

from watchme_analysis.access_logs.engine.compile_cache import cache_folder

# Any for the type checker, because numba sets its options when it is loaded.
config: Any = _config
# Called functions are inlined, because calls for each value of a line took a fifth of the loop's time.
_OPTIONS: Any = {"cache": True, "boundscheck": False, "_nrt": False, "forceinline": True}
_Function = TypeVar("_Function")


def compiled(function: _Function) -> _Function:
    """Return a function compiled by numba that releases the interpreter while it runs.

    It allocates no memory of numba, which avoids reference counting (two thirds of the time): all output
    arrays are numpy arrays of the caller.
    """
    return _made(function, nogil=True)


def compiled_for_little(function: _Function) -> _Function:
    """Return a function as :func:`compiled` does, but without releasing the interpreter.

    Releasing it costs up to some milliseconds of waiting, which is too much for short functions.
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
