"""Compile the loops of the compiled parser for a command, with little memory.

These functions change the whole process. Only ``watchme access`` and the processes that it starts to compile
call them; library code never does.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC

from watchme_analysis.installation import python_command
from watchme_analysis.storage.process_temp_dir import process_temp_dir

# numba imports them if they are installed: for linear algebra, and to detect coverage measurement.
_SPARED = ("scipy", "coverage")


def load_with_less_memory(*, loop: bool) -> None:
    """Load Arrow, and numba if ``loop`` is set, with 26 MB less memory.

    For commands only: afterwards numba's functions in this process have no linear algebra. Arrow's own memory
    pool, which ``malloc`` does not share, is only useful for frames that are kept.
    """
    import pyarrow as pa

    # S3 logs were already sampled, with a request of 8 MB each.
    pa.default_memory_pool().release_unused()
    pa.set_memory_pool(pa.system_memory_pool())
    if loop:
        load_numba()


def load_numba() -> None:
    """Load numba without its optional imports, unless it is already loaded."""
    if "numba" in sys.modules:
        return
    hidden = [name for name in _SPARED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: the import fails
    try:
        # Loaded now, because it would otherwise import scipy with the first function.
        import numba.np.arraymath  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]


_LINE = b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "%s" 200 5 "-" "curl" "-" 0.1\n'


def compile_in_subprocesses() -> None:
    """Compile the loops and wait until they are cached; if that fails, readers compile them as before."""
    for step in (take_apart, put_together):
        code = f"from {__name__} import {step.__name__} as step; step()"
        # numba reads settings from its working directory.
        command, home = python_command("-c", code), process_temp_dir()
        subprocess.run(command, cwd=home, check=False, stderr=subprocess.DEVNULL)


def take_apart() -> None:
    """Compile the loops that split lines, two thirds of all, in a process without Arrow."""
    import numpy as np

    load_numba()
    from watchme_analysis.access_logs.engine.chunk import Selection
    from watchme_analysis.access_logs.engine.compiled_parser import CompiledLines
    from watchme_analysis.access_logs.engine.program import compile_program
    from watchme_analysis.access_logs.formats.known_formats import stock_formats
    from watchme_analysis.access_logs.line_blocks import ROOM_BYTES

    buf, none = np.zeros(ROOM_BYTES, np.uint8), np.empty(0, np.int64)
    buf.flags.writeable = False
    program = compile_program(stock_formats()[0], Selection().needed)
    if program is not None:
        CompiledLines(program, buf, (none, none), Selection())


def put_together() -> None:
    """Compile the loops that fill columns, by parsing some lines, including ambiguous lines."""
    load_with_less_memory(loop=True)
    from watchme_analysis.access_logs.engine.engine import Engine
    from watchme_analysis.access_logs.formats.known_formats import stock_format
    from watchme_analysis.access_logs.formats.log_format import compile_format

    requests = 5 * [b"GET /a?b HTTP/1.1", b"GET /\xff HTTP/1.1", b"\x16\x03"]
    log_format = compile_format(f"{stock_format('main').text} $request_time")
    Engine([log_format], UTC).read(b"".join(_LINE % one for one in requests))
