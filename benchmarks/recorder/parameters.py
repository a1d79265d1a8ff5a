"""The parameters of a recording: name, default and meaning of each, for command line, seeds and truth."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, fields
from typing import Any

APPS = (
    "event_loop",
    "thread_pool",
    "own_threads",
    "async_client",
    "deep_health",
    "sync_reads",
    "result_cache",
    "db_pool",
    "flask_reads",
    "node_api",
)


def _option(default: Any, text: str, kind: type | None = None, choices: tuple[str, ...] | None = None) -> Any:
    metadata = {"text": text, "kind": kind or type(default), "choices": choices}
    return field(default=default, metadata=metadata)


@dataclass
class Parameters:
    """All parameters of a recording; a scenario's seed draws some, and the command line overrides them."""

    seconds: float = _option(60.0, "length of the recording, or of each step of a load, in seconds")
    fault_at: float = _option(15.0, "seconds before the fault begins")
    fault_for: float = _option(30.0, "seconds that the fault lasts")
    rate: float = _option(8.0, "jobs per second; each comes with one read")
    clients: int = _option(6, "client addresses that share the usual load")
    body_bytes: int = _option(0, "size of the body of a job's request, in bytes")
    monitor_every: float = _option(
        0.0, "seconds between the health checks of a monitor (0: /health is one of the reads)"
    )
    probe_every: float = _option(1.0, "seconds between two probes of a path")
    client_timeout: float = _option(8.0, "timeout of the probes, in seconds")
    app: str = _option("thread_pool", "application", choices=APPS)
    server: str = _option("uvicorn", "server of the application", choices=("uvicorn", "gunicorn", "node"))
    workers: int = _option(1, "processes of uvicorn or gunicorn")
    threads: int = _option(1, "threads of each sync worker of gunicorn")
    worker_timeout: int = _option(30, "gunicorn's --timeout, in seconds")
    timeout_keep_alive: int | None = _option(
        None, "uvicorn's --timeout-keep-alive, in seconds (its own)", int
    )
    limit_concurrency: int | None = _option(None, "uvicorn's --limit-concurrency (none)", int)
    cpus: float | None = _option(None, "CPU limit in cores, as a container's cpus (none)", float)
    memory_mb: int | None = _option(None, "memory limit in MB, as a container's mem_limit (none)", int)
    fetch_timeout: float = _option(120.0, "time limit of the application for the store, in seconds")
    services: int = _option(1, "services behind the origin", int)
    faulty: str = _option("behavior", "service that faults concern", choices=("behavior", "emotion"))
    replicas: int = _option(1, "processes of the faulty service, each with an address of its own")
    retries: bool = _option(
        True, "the origin sends a failed request to another replica, and leaves the failed one out"
    )
    link_delay: float | None = _option(
        None,
        "link to the faulty service that can lose packets, with this delay each way, in seconds (none)",
        float,
    )
    names: bool = _option(False, "the origin has names of services instead of addresses, as with Compose")
    prefixes: bool = _option(False, "put each service behind a prefix that the origin strips")
    edge: bool = _option(True, "requests pass through the edge")
    log_format: str = _option(
        "timed", "format of the origin's access log", choices=("timed", "json", "combined")
    )
    error_level: str = _option(
        "notice", "level of the origin's error log", choices=("notice", "warn", "error")
    )
    keepalive: int = _option(0, "connections to a service that the origin keeps open (0: none)")
    client_limit: int = _option(0, "requests per second that the origin allows a client (0: no limit)")
    read_timeout: float = _option(
        5.0, "the origin's proxy_read_timeout and proxy_connect_timeout, in seconds"
    )
    delay: float = _option(6.0, "response time of the store during the fault or load, in seconds")
    summary_s: float = _option(0.2, "response time of the store for summaries at all times, in seconds")
    health_s: float = _option(0.0, "response time of the store for /health at all times, in seconds")
    clip_bytes: int = _option(1_500_000, "size of a clip during own_threads and memory_kills")
    loss: float = _option(30.0, "packets dropped in packet_loss, in %%")
    neighbours: int = _option(12, "busy processes in neighbours")
    crash_after: float = _option(4.0, "seconds that a process runs before each crash in segfault")
    flood_rate: float = _option(150.0, "requests per second of a flood, a burst or a scanner")
    flood_clients: int = _option(1, "client addresses of a flood or burst")
    limit_per_minute: int = _option(6, "requests of /health per minute allowed in rate_limit_health")
    connections: int = _option(7, "worker_connections of the origin in few_connections")
    probe_timeout: float = _option(1.0, "timeoutSeconds of the liveness probe in strict_probe")
    probe_period: float = _option(3.0, "periodSeconds of that probe")
    address_taken: bool = _option(False, "stale_address: another container has the old address")
    network: str = _option("auto", "where the application runs", choices=("auto", "namespace", "loopback"))

    def command(self) -> str:
        """Return the command line of the server, with ``{host}`` and ``{port}``."""
        if self.server == "node":
            return "env PORT={port} node app.js"
        if self.server == "gunicorn":
            asgi = "" if self.app == "flask_reads" else " --worker-class uvicorn.workers.UvicornWorker"
            threads = f" --threads {self.threads}" if self.threads > 1 else ""
            workers = f"--workers {self.workers}{threads}{asgi} --timeout {self.worker_timeout}"
            return f"gunicorn app:app --bind {{host}}:{{port}} {workers}"
        further = {"limit-concurrency": self.limit_concurrency, "timeout-keep-alive": self.timeout_keep_alive}
        given = "".join(f" --{name} {value}" for name, value in further.items() if value)
        start = f"uvicorn app:app --host {{host}} --port {{port}} --workers {self.workers}"
        return f"{start}{given} --log-config log.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each parameter; those not given are absent from the result of the parser."""
    for one in fields(Parameters):
        text, kind, choices = (one.metadata[name] for name in ("text", "kind", "choices"))
        default = "" if one.default is None or kind is bool else f" ({one.default})"
        words: dict[str, Any] = {"help": text + default, "default": argparse.SUPPRESS}
        if kind is bool:
            words["action"] = argparse.BooleanOptionalAction
        else:
            words |= {"type": kind, "choices": choices}
        parser.add_argument(f"--{one.name.replace('_', '-')}", **words)
