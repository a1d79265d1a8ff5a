"""What the application's processes use, sampled once a second."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from stage import Stage

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MEMORY_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Usage(NamedTuple):
    """What a process and all that it started use."""

    cpu_s: float
    threads: int
    rss_mb: float
    open_files: int


def usage(pids: list[int]) -> Usage:
    """Return the sum over processes; one that ended meanwhile counts for nothing."""
    total = Usage(0.0, 0, 0.0, 0)
    for pid in pids:
        home = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            fields = (home / "stat").read_text().rpartition(")")[2].split()
            # User and system time, its own and that of children that ended.
            spent = sum(int(field) for field in fields[11:15]) / TICKS_PER_S
            rss_mb = int((home / "statm").read_text().split()[1]) * MEMORY_PAGE_MB
            files = sum(1 for _ in (home / "fd").iterdir())
            one = Usage(spent, int(fields[17]), rss_mb, files)
            total = Usage(*(sum(pair) for pair in zip(total, one, strict=True)))
    return total


@contextmanager
def metrics(stage: Stage, path: Path) -> Iterator[None]:
    """Write what the application's processes use into a CSV file while the block runs."""
    stop = threading.Event()

    def throttled() -> str:
        lines = (stage.group / "cpu.stat").read_text().splitlines() if stage.group is not None else []
        return next((line.split()[1] for line in lines if line.startswith("nr_throttled ")), "")

    def sample() -> None:
        with path.open("w") as file:
            file.write("timestamp,cpu_pct,in_flight,threads,rss_mb,open_files,nr_throttled\n")
            before, at = usage(stage.app_pids()), time.monotonic()
            while not stop.wait(1):
                now, used = time.monotonic(), usage(stage.app_pids())
                pct = max(0.0, used.cpu_s - before.cpu_s) / (now - at) * 100
                before, at = used, now
                row = (time.time(), pct, stage.open_requests(), *used[1:], throttled())
                file.write("{:.3f},{:.1f},{},{},{:.1f},{},{}\n".format(*row))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
