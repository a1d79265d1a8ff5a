"""The folder in which the compiled loops are cached, known without importing numba."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

# Whatever is compiled holds parts of these.
_SOURCES = ("column_loops", "jit", "line_loop", "route_loop", "simd", "value_loops")


@cache
def cache_folder() -> Path:
    """Return where these very sources are kept compiled: beside them, or where this user may write.

    numba's own cache asks only whether the file that a function stands in is another, and would run on with
    functions that it has taken in from a file that changed.
    """
    here = Path(__file__).parent
    sources = b"".join((here / f"{name}.py").read_bytes() for name in _SOURCES)
    mine = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "watchme"
    beside = here / "__pycache__" if os.access(here, os.W_OK) else mine
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or beside)
    return base / f"compiled-{hashlib.sha256(sources).hexdigest()[:16]}"


def is_compiled() -> bool:
    """Tell whether the loop over lines is kept, compiled for this version of Python."""
    version = "".join(map(str, sys.version_info[:2]))
    return any(cache_folder().glob(f"*/line_loop.parse_lines-*.py{version}.*.nbc"))
