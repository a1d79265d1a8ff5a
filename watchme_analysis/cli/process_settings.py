"""Settings of the whole process that reduce the run time or memory of a command.

Only commands apply them, because a command owns its process. Library code leaves the process of its caller
unchanged.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collector_frozen() -> Iterator[None]:
    """Exclude the objects loaded so far from garbage collection while the block lasts.

    A collection that scans the objects of pyarrow and numba takes 0.1 s and blocks all threads. A process
    that excludes objects already stays as it is.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def module_hidden(name: str) -> Iterator[None]:
    """Make imports of an optional module fail while the block lasts, unless it is loaded already."""
    loaded = name in sys.modules
    if not loaded:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if not loaded:
            del sys.modules[name]
