"""The programs of a recording: store, application, origin and edge, each a real process on loopback.

With root on Linux and the command ``ip``, the application runs in a network namespace of its own and is
reached over a pair of virtual interfaces, as a container is.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nginx_configs

HERE = Path(__file__).resolve().parent
APP_PORT = 8017
START_LIMIT_S = 20


class Store(http.server.ThreadingHTTPServer):
    """Answers every request with ``clip_bytes`` after ``delay_s`` seconds."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, host: str) -> None:
        self.delay_s, self.clip_bytes = 0.02, 4096
        self.closing = threading.Event()
        super().__init__((host, 0), _StoreHandler)


class _StoreHandler(http.server.BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        self.server.closing.wait(self.server.delay_s)
        self.send_response(200)
        size = self.server.clip_bytes
        self.send_header("Content-Length", str(size))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(bytes(size))

    def log_message(self, *_: Any) -> None:
        pass


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def find_nginx() -> str | None:
    """Return the path of Nginx, or None; /usr/sbin is searched even if it is not in PATH."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def wait_for(ready: Callable[[], bool], what: str) -> None:
    """Wait until ``ready()`` is true.

    Raises
    ------
    RuntimeError
        When it is still false after :data:`START_LIMIT_S` seconds.
    """
    end = time.monotonic() + START_LIMIT_S
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not start within {START_LIMIT_S} s.")
        time.sleep(0.05)


def listening(host: str, port: int) -> bool:
    """Return True if connections to the address are accepted."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def namespaces_allowed() -> bool:
    """Return True if this process may create and enter network namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"watchme-try-{os.getpid()}"
    words = (["add", name], ["exec", name, "true"])
    made = [subprocess.run(["ip", "netns", *tail], capture_output=True, check=False) for tail in words]
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return all(done.returncode == 0 for done in made)


@dataclass
class Testbed:
    """The running programs of a recording; a context manager that starts and stops them.

    Attributes
    ----------
    work
        Folder for configurations, logs and sockets.
    app_source
        The application's module, a file of ``apps``.
    workers, limit_concurrency, read_timeout_s
        Settings of uvicorn and of the origin's Nginx (seconds).
    isolated
        True if the application runs in a network namespace of its own.
    group
        Control group of the application, or None.
    """

    work: Path
    app_source: Path
    read_timeout_s: float
    workers: int = 1
    limit_concurrency: int | None = None
    isolated: bool = False
    group: Path | None = None
    store: Store = field(init=False)
    edge_port: int = field(init=False)
    origin_port: int = field(init=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _files: list[Any] = field(default_factory=list)

    def __enter__(self) -> Testbed:
        try:
            self._start()
        except BaseException as error:
            for log in sorted((self.work / "logs").glob("*")):
                error.add_note(f"{log.name}: {log.read_text(errors='replace')[-2000:]}")
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(list(self.processes.values())):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for file in self._files:
            file.close()
        if hasattr(self, "store"):
            self.store.closing.set()
            self.store.shutdown()
            self.store.server_close()
        if self.isolated:
            subprocess.run(["ip", "netns", "delete", self._namespace], capture_output=True, check=False)

    @property
    def _namespace(self) -> str:
        return f"watchme-{os.getpid()}"

    @property
    def inside(self) -> list[str]:
        """Return the command prefix that enters the application's network namespace."""
        return ["ip", "netns", "exec", self._namespace] if self.isolated else []

    @property
    def interfaces(self) -> tuple[str, str]:
        """Return the names of the two interfaces: the host's end and the container's end."""
        return f"wm{os.getpid()}h", f"wm{os.getpid()}c"

    @property
    def edge_url(self) -> str:
        """Address of the edge."""
        return f"http://127.0.0.1:{self.edge_port}"

    @property
    def app_address(self) -> str:
        """Address and port of the application as the host sees it."""
        return f"{self._app_host}:{self._app_port}"

    @property
    def gauges(self) -> Path:
        """Folder of files, one per process, in which the application counts its open requests."""
        return self.work / "gauges"

    def app_pids(self) -> list[int]:
        """Return the process ids of the application and of all its child processes."""
        found = [self.processes["app"].pid]
        for pid in found:
            with contextlib.suppress(OSError):
                tasks = Path(f"/proc/{pid}/task").iterdir()
                found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return found

    def command(self) -> str:
        """Return the command line of the application, as it is stored in the case."""
        limit = f" --limit-concurrency {self.limit_concurrency}" if self.limit_concurrency else ""
        host = "0.0.0.0" if self.isolated else self._app_host
        return (
            f"uvicorn app:app --host {host} --port {self._app_port} --workers {self.workers}{limit} "
            "--log-config log.json"
        )

    def reload_origin(self, health: str | None) -> None:
        """Reload the origin with ``/health`` routed to another address, or (None) to the application."""
        path = self.work / "nginx.conf"
        path.write_text(
            nginx_configs.origin_conf(self.origin_port, self.app_address, self.read_timeout_s, health)
        )
        self.processes["origin"].send_signal(signal.SIGHUP)

    def reload_edge(self, health_port: int | None) -> None:
        """Reload the edge with ``/health`` routed to another origin port, or (None) to the usual one."""
        conf = nginx_configs.edge_conf(self.edge_port, self.origin_port, health_port)
        (self.work / "edge.conf").write_text(conf)
        self.processes["edge"].send_signal(signal.SIGHUP)

    def start_neighbour(self, name: str) -> None:
        """Start a busy process in the application's control group, as on a crowded host."""
        self._run(name, [sys.executable, "-c", "while True: pass"])
        if self.group is not None:
            (self.group / "cgroup.procs").write_text(str(self.processes[name].pid))

    def end_neighbours(self) -> None:
        """Kill all processes started by :meth:`start_neighbour`."""
        for name in [name for name in self.processes if name.startswith("neighbour-")]:
            process = self.processes.pop(name)
            process.kill()
            process.wait()

    def open_requests(self) -> int:
        """Return the number of requests in flight in the application."""
        contents = [gauge.read_bytes() for gauge in self.gauges.iterdir()]
        return sum(int(struct.unpack("<q", content)[0]) for content in contents if len(content) == 8)

    def _start(self) -> None:
        self._app_host, self._app_port, store_host = "127.0.0.1", free_port(), "127.0.0.1"
        if self.isolated:
            # The range is set aside for tests between networks (RFC 2544).
            net = f"198.18.{os.getpid() % 256}"
            self._app_host, self._app_port, store_host = f"{net}.2", APP_PORT, f"{net}.1"
            self._connect_namespace(store_host)
        for folder in ("logs", "tmp"):
            (self.work / folder).mkdir()
        self.store = Store(store_host)
        threading.Thread(target=self.store.serve_forever, daemon=True).start()
        self._start_app(f"http://{store_host}:{self.store.server_port}")
        self.origin_port, self.edge_port = free_port(), free_port()
        origin = nginx_configs.origin_conf(self.origin_port, self.app_address, self.read_timeout_s, None)
        (self.work / "nginx.conf").write_text(origin)
        (self.work / "edge.conf").write_text(nginx_configs.edge_conf(self.edge_port, self.origin_port, None))
        nginx = find_nginx() or "nginx"
        for name, conf in (("origin", "nginx.conf"), ("edge", "edge.conf")):
            log = f"logs/{name}-error.log"
            self._run(name, [nginx, "-p", str(self.work), "-e", log, "-c", str(self.work / conf)])
        wait_for(lambda: listening("127.0.0.1", self.origin_port), "The origin's Nginx")
        wait_for(lambda: listening("127.0.0.1", self.edge_port), "The edge's Nginx")

    def _connect_namespace(self, host: str) -> None:
        ns, (ours, theirs) = self._namespace, self.interfaces
        for command in (
            f"ip netns add {ns}",
            f"ip link add {ours} type veth peer name {theirs} netns {ns}",
            f"ip addr add {host}/30 dev {ours}",
            f"ip link set {ours} up",
            f"ip -n {ns} addr add {self._app_host}/30 dev {theirs}",
            f"ip -n {ns} link set {theirs} up",
            f"ip -n {ns} link set lo up",
        ):
            subprocess.run(command.split(), check=True)

    def _start_app(self, store_url: str) -> None:
        folder = self.work / "app"
        folder.mkdir()
        shutil.copy(self.app_source, folder / "app.py")
        shutil.copy(HERE / "apps" / "common.py", folder / "common.py")
        (folder / "log.json").write_text(nginx_configs.log_config())
        self.gauges.mkdir()
        gauges = str(self.gauges)
        environment = os.environ | {"STORE_URL": store_url, "GAUGES": gauges, "PYTHONUNBUFFERED": "1"}
        words = [sys.executable, "-m", *self.command().split()]
        self._run("app", [*self.inside, *words], cwd=folder, env=environment)
        wait_for(lambda: listening(self._app_host, self._app_port), "The application")

    def _run(self, name: str, command: list[str], **options: Any) -> None:
        log = (self.work / "logs" / f"{name}.out").open("wb")
        self._files.append(log)
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **options)
