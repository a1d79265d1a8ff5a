"""What a process that only streams logs can do without.

These functions change the whole process. Only ``watchme access`` and the processes that it starts to compile
the parser call them; library code never does.
"""

from __future__ import annotations

import sys

# numba takes them along where they are installed: for linear algebra, and to tell who measures coverage.
_SPARED = ("scipy", "coverage")


def load_with_less_memory(*, loop: bool) -> None:
    """Load Arrow, and numba for the compiled loop where it is asked for, so that they take 26 MB less.

    For commands alone: in this process numba's functions know no linear algebra afterwards. Arrow's own
    memory, which ``malloc`` doesn't give out, pays for frames that are kept.
    """
    import pyarrow as pa

    # A store's logs were looked into already, a request of 8 MB each.
    pa.default_memory_pool().release_unused()
    pa.set_memory_pool(pa.system_memory_pool())
    if loop:
        load_numba()


def load_numba() -> None:
    """Load numba without what it can do without, unless it is loaded already."""
    if "numba" in sys.modules:
        return
    hidden = [name for name in _SPARED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: there is no such module
    try:
        # What asks for scipy is loaded with the first function else.
        import numba.np.arraymath  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
