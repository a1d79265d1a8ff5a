"""The compiled loop made ready by processes of their own, where it has never been compiled.

The compiler keeps what it takes, up to 110 MB, until its process ends; whoever reads logs afterwards would
have that on top of what is read.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC

from watchme_analysis.access_logs.engine.memory import load_numba, load_with_less_memory

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
    from watchme_analysis.access_logs.engine.compiled import CompiledLines
    from watchme_analysis.access_logs.engine.program import compile_program
    from watchme_analysis.access_logs.formats.log_format import stock_formats
    from watchme_analysis.access_logs.line_blocks import ROOM_BYTES

    buf, none = np.zeros(ROOM_BYTES, np.uint8), np.empty(0, np.int64)
    buf.flags.writeable = False
    program = compile_program(stock_formats()[0], Selection().needed)
    if program is not None:
        CompiledLines(program, buf, (none, none), Selection())


def put_together() -> None:
    """Compile what copies the parts of lines to columns, by reading some lines with doubtful ones between."""
    load_with_less_memory(loop=True)
    from watchme_analysis.access_logs.engine.engine import Engine
    from watchme_analysis.access_logs.formats.log_format import STOCK, compile_format

    requests = 5 * [b"GET /a?b HTTP/1.1", b"GET /\xff HTTP/1.1", b"\x16\x03"]
    log_format = compile_format(f"{STOCK['main']} $request_time")
    Engine([log_format], UTC).read(b"".join(_LINE % one for one in requests))
