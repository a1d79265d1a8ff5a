"""The folder in which the compiled loops are cached, determined without importing numba."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

# Every compiled function includes code of these.
_SOURCES = ("addresses", "column_loops", "jit", "line_loop", "route_loop", "value_loops")


@cache
def cache_folder() -> Path:
    """Return the cache folder for these sources: in the package, or in a folder that the user may write.

    numba's own cache checks only the file of a function, and would continue to use functions inlined from
    another file after that file has changed.
    """
    here = Path(__file__).parent
    sources = b"".join((here / f"{name}.py").read_bytes() for name in _SOURCES)
    mine = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "watchme"
    beside = here / "__pycache__" if os.access(here, os.W_OK) else mine
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or beside)
    return base / f"compiled-{hashlib.sha256(sources).hexdigest()[:16]}"


def is_compiled() -> bool:
    """Return whether the loop over lines is cached for this version of Python."""
    version = "".join(map(str, sys.version_info[:2]))
    return any(cache_folder().glob(f"*/line_loop.parse_lines-*.py{version}.*.nbc"))
