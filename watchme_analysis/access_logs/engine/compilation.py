"""Compile the loops of the compiled parser from a command, with little memory.

These functions change the whole process. Only ``watchme access`` and the processes that it starts to compile
call them; library code never does.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC

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


_LINE = b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "%s" 200 5 "-" "curl" "-" 0.1\n'


def compile_in_subprocesses() -> None:
    """Compile the loop, and wait until it is kept; where that fails, who reads logs compiles it as before."""
    for step in (take_apart, put_together):
        code = f"from {__name__} import {step.__name__} as step; step()"
        # -P: what lies in the folder that the user is in is none of ours.
        subprocess.run([sys.executable, "-P", "-c", code], check=False, stderr=subprocess.DEVNULL)


def take_apart() -> None:
    """Compile what takes lines apart, two thirds of all, in a process that has not even loaded Arrow."""
    import numpy as np

    load_numba()
    from watchme_analysis.access_logs.engine.chunk import Selection
    from watchme_analysis.access_logs.engine.compiled_parser import CompiledLines
    from watchme_analysis.access_logs.engine.program import compile_program
    from watchme_analysis.access_logs.formats.stock import stock_formats
    from watchme_analysis.access_logs.line_blocks import ROOM_BYTES

    buf, none = np.zeros(ROOM_BYTES, np.uint8), np.empty(0, np.int64)
    buf.flags.writeable = False
    program = compile_program(stock_formats()[0], Selection().needed)
    if program is not None:
        CompiledLines(program, buf, (none, none), Selection())


def put_together() -> None:
    """Compile the loops that fill columns, by reading some lines with ambiguous ones between them."""
    load_with_less_memory(loop=True)
    from watchme_analysis.access_logs.engine.engine import Engine
    from watchme_analysis.access_logs.formats.log_format import compile_format
    from watchme_analysis.access_logs.formats.stock import stock_format

    requests = 5 * [b"GET /a?b HTTP/1.1", b"GET /\xff HTTP/1.1", b"\x16\x03"]
    log_format = compile_format(f"{stock_format('main').text} $request_time")
    Engine([log_format], UTC).read(b"".join(_LINE % one for one in requests))
