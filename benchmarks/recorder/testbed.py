"""The programs of a recording: store, services, origin and edge, each a real process."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubelet import Kubelet
from network import Namespace, Network, free_port, listening
from nginx_configs import Origin, Route, edge_conf
from parameters import Parameters
from services import Service

# Last part of the address of the second process of a service; the others follow.
REPLICAS = 21
HERE = Path(__file__).resolve().parent
START_LIMIT_S = 30
USUAL_DELAY_S = 0.02
USUAL_CLIP_BYTES = 4096
# Name, port, last part of the address, and prefix of each service.
SERVICES = (
    ("behavior", 8017, 11, "/behavior-analysis/features/"),
    ("emotion", 8018, 12, "/emotion-analysis/feature-extractor/"),
)


class Store(http.server.ThreadingHTTPServer):
    """Answers requests with ``clip_bytes`` after ``delay_s`` seconds; some paths take ``more_s`` longer.

    ``slow_for`` is the only address for which ``delay_s`` holds; None: it holds for all.
    """

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, host: str, more_s: dict[str, float]) -> None:
        self.delay_s, self.clip_bytes, self.more_s = USUAL_DELAY_S, USUAL_CLIP_BYTES, more_s
        self.slow_for: str | None = None
        self.closing = threading.Event()
        super().__init__((host, 0), _StoreHandler)
        self._serve()

    def refuse(self) -> None:
        """Stop listening, so that connections are refused."""
        self.shutdown()
        self.server_close()

    def listen_again(self) -> None:
        """Listen at the same address again."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _StoreHandler(http.server.BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        store, kind = self.server, self.path.split("/")[1]
        slow = store.slow_for in (None, self.client_address[0])
        store.closing.wait((store.delay_s if slow else USUAL_DELAY_S) + store.more_s.get(kind, 0.0))
        size = USUAL_CLIP_BYTES if kind in store.more_s else store.clip_bytes
        # The application may have given up.
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(bytes(size))

    def log_message(self, *_: Any) -> None:
        pass


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


class Testbed:
    """The running programs of a recording; a context manager that starts and stops them.

    Attributes
    ----------
    work
        Folder for configurations, logs and sources.
    network
        Addresses of edge and origin.
    services
        The services behind the origin. The first is probed from inside, and its files have plain names.
    replicas
        The further processes of the faulty service.
    origin
        Settings of the host's Nginx.
    processes
        The other processes by name: ``origin``, ``edge``, and those of faults.
    active
        Set while a fault lasts; threads of a fault end with it.
    """

    def __init__(self, work: Path, options: Parameters, isolated: bool) -> None:
        self.work, self.options = work, options
        self.network = Network.create(isolated)
        self.services: list[Service] = []
        self.replicas: list[Service] = []
        self.kubelet: Kubelet | None = None
        self.processes: dict[str, subprocess.Popen[Any]] = {}
        self.active = threading.Event()

    def __enter__(self) -> Testbed:
        try:
            self._start()
        except BaseException as error:
            for log in sorted(self.work.glob("**/*.out")) + sorted(self.work.glob("logs/*-error.log")):
                error.add_note(f"{log.name}: {log.read_text(errors='replace')[-2000:]}")
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.active.clear()
        for name in reversed(list(self.processes)):
            self.end_process(name)
        for service in (*self.services, *self.replicas):
            service.remove()
        if hasattr(self, "store"):
            self.store.closing.set()
            self.store.shutdown()
            self.store.server_close()

    @property
    def target(self) -> Service:
        """Return the service that faults concern."""
        return next(service for service in self.services if service.name == self.options.faulty)

    @property
    def other(self) -> Service:
        """Return the service that faults do not concern."""
        return next(service for service in self.services if service.name != self.options.faulty)

    @property
    def front(self) -> str:
        """Host and port that callers use."""
        return self.network.edge if self.options.edge else self.network.origin

    def prefix(self, service: str) -> str:
        """Return the path in front of a service's own paths, without the last slash."""
        return next(route.prefix for route in self.origin.routes if route.service == service).rstrip("/")

    def reload_origin(self, **settings: Any) -> None:
        """Reload the origin with changed settings; without any, with its usual configuration."""
        (self.work / "nginx.conf").write_text(replace(self.origin, **settings).text())
        self.processes["origin"].send_signal(signal.SIGHUP)

    def reload_edge(self, health_address: str | None) -> None:
        """Reload the edge with ``/health`` of the faulty service routed to an address, or (None) as usual."""
        rule = f"{self.prefix(self.target.name)}/health {health_address}" if health_address else ""
        (self.work / "edge.conf").write_text(edge_conf(self.network.edge, self.network.origin, rule))
        self.processes["edge"].send_signal(signal.SIGHUP)

    def lose_packets(self, share_pct: float) -> None:
        """Drop a percentage of the TCP segments that the link carries to the faulty service."""
        self.processes["link"].stdin.write(f"{share_pct:g}\n")
        self.processes["link"].stdin.flush()

    def await_service(self, service: Service) -> None:
        """Wait until a service accepts connections."""
        wait_for(lambda: listening(service.address), f"The service {service.name}")

    def start_process(self, name: str, command: list[str], **options: Any) -> None:
        """Start a further process; the end of the recording stops it."""
        with (self.work / "logs" / f"{name}.out").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **options)

    def end_process(self, name: str) -> None:
        """Stop a process that :meth:`start_process` started."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> None:
        for folder in ("logs", "tmp"):
            (self.work / folder).mkdir()
        options = self.options
        more_s = {"summaries": options.summary_s, "health.txt": options.health_s}
        self.store = Store(self.network.store_host, more_s)
        for name, port, last, _ in SERVICES[: options.services]:
            self.services.append(self._new_service(name, port, last))
            if name == options.faulty:
                self.replicas = [
                    self._new_service(f"{name}-{number + 2}", port, REPLICAS + number)
                    for number in range(options.replicas - 1)
                ]
        self.target.limit(options.cpus, options.memory_mb)
        if options.link_delay is not None and self.target.namespace:
            self.processes["link"] = self.target.namespace.connect_by_link(options.link_delay)
        for service in (*self.services, *self.replicas):
            service.start()
        for service in (*self.services, *self.replicas):
            self.await_service(service)
        self.write_hosts()
        bare = ("/", "/emotion/")
        self.origin = Origin(
            listen=self.network.origin,
            routes=tuple(
                Route(service.name, known[3] if options.prefixes else path, self._addresses(service))
                for service, known, path in zip(self.services, SERVICES, bare, strict=False)
            ),
            edge=self.network.edge.rpartition(":")[0] if options.edge else None,
            log_format=options.log_format,
            read_timeout_s=options.read_timeout,
            client_limit=options.client_limit,
            keepalive=options.keepalive,
            error_level=options.error_level,
            retries=options.retries,
            faulty=options.faulty,
        )
        (self.work / "nginx.conf").write_text(self.origin.text())
        self._start_nginx("origin", "nginx.conf", self.network.origin)
        if options.edge:
            (self.work / "edge.conf").write_text(edge_conf(self.network.edge, self.network.origin))
            self._start_nginx("edge", "edge.conf", self.network.edge)

    def _addresses(self, service: Service) -> tuple[str, ...]:
        """Return the addresses of a service in the origin's configuration."""
        if self.options.names:
            return (f"{service.name}:{service.address.rpartition(':')[2]}",)
        replicas = self.replicas if service is self.target else []
        return tuple(one.address for one in (service, *replicas))

    def write_hosts(self) -> None:
        """Write the names and addresses of the services to the file that :attr:`resolving` uses."""
        hosts = [f"{one.address.rpartition(':')[0]} {one.name}\n" for one in self.services]
        (self.work / "hosts").write_text("".join(["127.0.0.1 localhost\n", *hosts]))

    @property
    def resolving(self) -> list[str]:
        """Return the command prefix under which names of services are resolved, if the origin has names."""
        mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
        words = ["unshare", "--mount", "sh", "-c", mount, str(self.work / "hosts")]
        return words if self.options.names else []

    def _new_service(self, name: str, port: int, last: int) -> Service:
        options, namespace, address = self.options, None, f"127.0.0.1:{free_port()}"
        if self.network.isolated:
            namespace = Namespace(f"watchme-{os.getpid()}-{name}", f"172.28.0.{last}")
            address = f"{namespace.address}:{port}"
        environment = {
            "STORE_URL": f"http://{self.network.store_host}:{self.store.server_port}",
            "FETCH_TIMEOUT_S": f"{options.fetch_timeout:g}",
        }
        service = Service(
            name,
            self.work / name,
            address,
            namespace,
            options.command(),
            environment,
        )
        service.create(options.app)
        return service

    def _start_nginx(self, name: str, conf: str, address: str) -> None:
        log = f"logs/{name}-error.log"
        nginx = find_nginx() or "nginx"
        resolving = self.resolving if name == "origin" else []
        self.start_process(
            name, [*resolving, nginx, "-p", str(self.work), "-e", log, "-c", str(self.work / conf)]
        )
        wait_for(lambda: listening(address), f"The Nginx of the {name}")

    def start_neighbour(self, name: str) -> None:
        """Start a busy process in the control groups of the faulty service, as on a crowded host."""
        join = "".join(f"echo $$ > {group}/cgroup.procs; " for group in self.target.groups)
        words = ["sh", "-c", f'{join}exec "$@"', "sh", sys.executable, "-c", "while True: pass"]
        self.start_process(name, words)
