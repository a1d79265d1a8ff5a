"""A limit on the time that reading a file may take."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from watchme_analysis.config import load_config
from watchme_analysis.errors import WatchmeError
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.limits import MIB
from watchme_analysis.text.render import error_message


class TimeLimitError(WatchmeError):
    """Reading a file was stopped because it took too long."""


@contextmanager
def time_limit(size_bytes: int) -> Iterator[None]:
    """Stop what is inside when it takes longer than a file of this size may.

    Only the main thread of a process can be stopped, and only on systems with interval timers.

    Raises TimeLimitError when the time has passed.
    """
    limits = load_config().limits
    seconds = limits.file_s + size_bytes / MIB

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(
            error_message("problem-time", seconds=f"{seconds:.0f}", limit=limit_reached(limits, "file_s"))
        )

    is_main = threading.current_thread() is threading.main_thread()
    # A timer of somebody else is left alone.
    if not is_main or not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
