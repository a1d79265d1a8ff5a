"""A service of a recording: its files, its process, its limits, and its restarts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from network import Namespace

APPS_FOLDER = Path(__file__).resolve().parent / "apps"
# Applications that are others with a changed line.
VARIANTS = {
    "deep_health": (
        "async_client",
        'return {"status": "ok"}',
        'return {"status": "ok", "store_bytes": len(await fetch("/health.txt"))}',
    )
}
CGROUP = Path("/sys/fs/cgroup")
# Docker waits 100 ms before the first restart and doubles that each time; a process that has run for 10 s
# resets it (https://docs.docker.com/engine/containers/start-containers-automatically/).
FIRST_RESTART_DELAY_S = 0.1
RESTART_RESET_S = 10.0


class Service:
    """A server's process that is started again whenever it ends without having been stopped.

    Parameters
    ----------
    name
        Name of the service, such as ``behavior``.
    work
        New folder for its files.
    address
        Host and port that the origin connects to.
    namespace
        Network namespace, or None if it runs on the host.
    command
        Command line with ``{host}`` and ``{port}``.
    environment
        Environment variables of the application.
    """

    def __init__(
        self,
        name: str,
        work: Path,
        address: str,
        namespace: Namespace | None,
        command: str,
        environment: dict[str, str],
    ) -> None:
        self.name, self.work, self.address, self.namespace = name, work, address, namespace
        self.template, self.environment = command, environment
        self.groups: list[Path] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._wanted, self._lock = False, threading.RLock()

    @property
    def log(self) -> Path:
        """Return the path of everything that the process has written."""
        return self.work / "app.out"

    @property
    def enter(self) -> list[str]:
        """Return the command prefix that enters the network of the service."""
        return self.namespace.enter if self.namespace else []

    @property
    def inside_address(self) -> str:
        """Return the address that a check from inside uses."""
        return f"127.0.0.1:{self.address.rpartition(':')[2]}" if self.namespace else self.address

    def command(self) -> str:
        """Return the command line, as it is stored in the case."""
        host, _, port = self.address.rpartition(":")
        return self.template.format(host="0.0.0.0" if self.namespace else host, port=port)

    def create(self, app: str) -> None:
        """Create the network namespace and the folder with the source of an application."""
        if self.namespace:
            self.namespace.create()
        self.gauges.mkdir(parents=True)
        name, *changed = VARIANTS.get(app, (app, "", ""))
        source = next(APPS_FOLDER.glob(f"{name}.*"))
        (self.work / f"app{source.suffix}").write_text(source.read_text().replace(*changed))
        if source.suffix == ".py":
            shutil.copy(APPS_FOLDER / "common.py", self.work)
        (self.work / "log.json").write_text(_log_config())
        self._log = self.log.open("ab")

    def start(self, **environment: str) -> None:
        """Start the process, with further environment variables for this start only."""
        with self._lock:
            self._wanted = True
            self._spawn(environment)
        threading.Thread(target=self._restart, args=(self.process,), daemon=True).start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the process; it is not started again."""
        with self._lock:
            self._wanted = False
            process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self) -> None:
        """Stop the process and delete its namespace and its control groups."""
        self.stop()
        if self._log:
            self._log.close()
        if self.namespace:
            self.namespace.delete()
        for group in self.groups:
            with contextlib.suppress(OSError):
                group.rmdir()

    def crash(self) -> None:
        """End the process by a segmentation fault, if it runs."""
        with self._lock:
            if self.process is not None and self.process.poll() is None:
                self.process.send_signal(signal.SIGSEGV)

    def limit(self, cpus: float | None, memory_mb: int | None) -> None:
        """Limit CPU and memory with control groups, as a container's ``cpus`` and ``mem_limit`` do.

        Raises
        ------
        RuntimeError
            When a control group cannot be created.
        """
        version_1 = (CGROUP / "cpu").is_dir()
        limits: dict[str, list[tuple[str, str]]] = {}
        if cpus:
            quota = str(int(cpus * 100_000))
            wanted = ("cpu.cfs_quota_us", quota) if version_1 else ("cpu.max", f"{quota} 100000")
            limits.setdefault("cpu" if version_1 else "", []).append(wanted)
        if memory_mb:
            size = str(memory_mb * 2**20)
            wanted = ("memory.limit_in_bytes", size) if version_1 else ("memory.max", size)
            limits.setdefault("memory" if version_1 else "", []).append(wanted)
        try:
            for controller, settings in limits.items():
                group = CGROUP / controller / f"watchme-{os.getpid()}-{self.name}"
                group.mkdir()
                self.groups.append(group)
                for file, value in settings:
                    (group / file).write_text(value)
        except OSError as error:
            raise RuntimeError(f"Limits of CPU or memory need a control group: {error}.") from error

    @property
    def gauges(self) -> Path:
        """Folder of files, one per process, in which the application counts its open requests."""
        return self.work / "gauges"

    def pids(self) -> list[int]:
        """Return the ids of the process and of all its child processes; empty while it does not run."""
        process = self.process
        if process is None or process.poll() is not None:
            return []
        found = [process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                tasks = Path(f"/proc/{pid}/task").iterdir()
                found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return found

    def open_requests(self) -> int | None:
        """Return the number of requests in flight; None if the application does not count them."""
        contents = [(self.gauges / str(pid)).read_bytes() for pid in self.pids() if self._counts(pid)]
        counts = [int(struct.unpack("<q", content)[0]) for content in contents if len(content) == 8]
        return sum(counts) if counts else None

    def _counts(self, pid: int) -> bool:
        return (self.gauges / str(pid)).exists()

    def _spawn(self, environment: dict[str, str]) -> None:
        # The shell joins the control groups before it becomes the process: a namespace hides /sys/fs/cgroup.
        join = "".join(f"echo $$ > {group}/cgroup.procs; " for group in self.groups)
        words = self.command().split()
        words = [*self.enter, *([] if words[0] == "env" else [sys.executable, "-m"]), *words]
        given = {"GAUGES": str(self.gauges), "HOME": str(self.work), "PYTHONUNBUFFERED": "1"}
        given |= self.environment | environment
        self.process = subprocess.Popen(
            ["sh", "-c", f'{join}exec "$@"', "sh", *words],
            cwd=self.work,
            env=os.environ | given,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def _restart(self, process: subprocess.Popen[bytes]) -> None:
        """Start the process again each time it ends, until it is stopped."""
        delay_s = FIRST_RESTART_DELAY_S
        while True:
            began = time.monotonic()
            process.wait()
            delay_s = FIRST_RESTART_DELAY_S if time.monotonic() - began > RESTART_RESET_S else delay_s
            time.sleep(delay_s)
            delay_s *= 2
            with self._lock:
                # A stop, or a start after it, ends the restarts of this process.
                if not self._wanted or self.process is not process:
                    return
                self._spawn({})
                process = self.process


def _log_config() -> str:
    """Return uvicorn's log configuration: times with milliseconds, process, logger."""
    handler = {"class": "logging.StreamHandler", "formatter": "timed", "stream": "ext://sys.stdout"}
    return json.dumps(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "timed": {"format": "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"}
            },
            "handlers": {"out": handler},
            "root": {"level": "INFO", "handlers": ["out"]},
        }
    )
