"""Resource use of a service's processes, sampled once per second."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from services import Service

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MEMORY_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Usage(NamedTuple):
    """Resource use of a process and its children: CPU seconds, threads, RSS in MB, open files."""

    cpu_s: float
    threads: int
    rss_mb: float
    open_files: int


def usage(pids: list[int]) -> Usage:
    """Return the sum over processes; a process that has ended meanwhile is left out."""
    total = Usage(0.0, 0, 0.0, 0)
    for pid in pids:
        home = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            fields = (home / "stat").read_text().rpartition(")")[2].split()
            # User and system time of the process and of its children that have ended.
            spent = sum(int(field) for field in fields[11:15]) / TICKS_PER_S
            rss_mb = int((home / "statm").read_text().split()[1]) * MEMORY_PAGE_MB
            files = sum(1 for _ in (home / "fd").iterdir())
            one = Usage(spent, int(fields[17]), rss_mb, files)
            total = Usage(*(sum(pair) for pair in zip(total, one, strict=True)))
    return total


@contextmanager
def metrics(service: Service, path: Path) -> Iterator[None]:
    """Sample resource use into a CSV file while the block runs; no row while the service does not run."""
    stop = threading.Event()

    def throttled() -> str:
        files = [group / "cpu.stat" for group in service.groups]
        lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
        return next((line.split()[1] for line in lines if line.startswith("nr_throttled ")), "")

    def sample() -> None:
        with path.open("w") as file:
            file.write("timestamp,cpu_pct,in_flight,threads,rss_mb,open_files,nr_throttled\n")
            pids = service.pids()
            main, spent_s, at = pids[:1], usage(pids).cpu_s, time.monotonic()
            while not stop.wait(1):
                pids = service.pids()
                if pids[:1] != main:
                    # A new process counts its CPU time from zero.
                    main, spent_s = pids[:1], 0.0
                now, used = time.monotonic(), usage(pids)
                pct = max(0.0, used.cpu_s - spent_s) / (now - at) * 100
                spent_s, at = used.cpu_s, now
                if used.threads:
                    in_flight = service.open_requests()
                    row = (time.time(), pct, "" if in_flight is None else in_flight, *used[1:], throttled())
                    file.write("{:.3f},{:.1f},{},{},{:.1f},{},{}\n".format(*row))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
