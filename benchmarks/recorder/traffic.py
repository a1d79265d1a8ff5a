"""The callers of a recording: the usual load of several clients, a monitor, and the table of responses."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import httpx

HOST = "api.example.com"
# Paths that callers read, by application; {number} is that of a recent job.
READS = (
    dict.fromkeys(("event_loop", "thread_pool", "own_threads"), ("/v1/report",))
    | dict.fromkeys(("result_cache", "db_pool"), ("/v1/report", "/v1/results/{number}"))
    | dict.fromkeys(
        ("async_client", "deep_health", "sync_reads", "flask_reads", "node_api"),
        ("/v1/report", "/v1/results/{number}", "/v1/summary"),
    )
)
MAX_REDIRECTS = 5
CLIENT_TIMEOUT_S = 30


class Sent(NamedTuple):
    """A request: start (epoch seconds), route, status (None: no response) and duration in seconds."""

    start: float
    route: str
    status: int | None
    seconds: float


@dataclass(frozen=True)
class Stream:
    """A steady load of one service.

    Attributes
    ----------
    prefix
        Path in front of the service's own paths.
    rate_per_s
        Jobs per second, independent of the responses. Each comes with one read.
    reads
        Paths that are read.
    body_bytes
        Size of a job's request body.
    monitor_every_s
        Seconds between the requests of ``/health`` of a monitor; 0: no monitor.
    """

    prefix: str
    rate_per_s: float
    reads: tuple[str, ...]
    body_bytes: int = 0
    monitor_every_s: float = 0.0


class Callers:
    """Clients that send requests to one address.

    Parameters
    ----------
    url
        Base address.
    addresses
        Source address of each client; None: left to the system.
    monitor
        Source address of the monitor.
    rng
        Draws the gaps between requests (a Poisson process); None: equal gaps.
    """

    def __init__(
        self,
        url: str,
        addresses: Sequence[str | None] = (None,),
        monitor: str | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.url, self.addresses, self.monitor, self.rng = url, addresses, monitor, rng
        self.sent: list[Sent] = []

    def run(self, streams: Sequence[Stream], seconds: float) -> None:
        """Send all streams for some seconds, and wait for the responses."""
        asyncio.run(self._send(streams, seconds))

    async def _send(self, streams: Sequence[Stream], seconds: float) -> None:
        clients = [self._client(address, "capture-app/5.4") for address in self.addresses]
        monitor = self._client(self.monitor, "uptime-monitor/2.1")
        end = time.monotonic() + seconds
        try:
            async with asyncio.TaskGroup() as group:
                for stream in streams:
                    group.create_task(self._stream(stream, clients, end, group))
                    if stream.monitor_every_s:
                        group.create_task(self._watch(stream, monitor, end, group))
        finally:
            for client in (*clients, monitor):
                await client.aclose()

    async def _stream(
        self, stream: Stream, clients: list[httpx.AsyncClient], end: float, group: asyncio.TaskGroup
    ) -> None:
        due = time.monotonic()
        for number in itertools.count():
            gap = 1 / stream.rate_per_s
            due += self.rng.expovariate(1 / gap) if self.rng else gap
            if due >= end:
                return
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            client = clients[number % len(clients)]
            pair = [
                ("POST", "/async-process/{number}"),
                ("GET", stream.reads[number % len(stream.reads)]),
            ]
            if self.rng:
                # Otherwise each route would reach the same replica every time.
                pair[1] = ("GET", self.rng.choice(stream.reads))
                self.rng.shuffle(pair)
            for method, route in pair:
                path = stream.prefix + route.format(number=f"{number:05d}")
                body = bytes(stream.body_bytes) if method == "POST" else None
                group.create_task(self._ask(client, method, path, stream.prefix + route, body))

    async def _watch(
        self, stream: Stream, monitor: httpx.AsyncClient, end: float, group: asyncio.TaskGroup
    ) -> None:
        path = f"{stream.prefix}/health"
        while time.monotonic() < end:
            group.create_task(self._ask(monitor, "GET", path, path, None))
            await asyncio.sleep(stream.monitor_every_s)

    async def _ask(
        self, client: httpx.AsyncClient, method: str, path: str, route: str, body: bytes | None
    ) -> None:
        start, began = time.time(), time.perf_counter()
        try:
            answer = await client.request(method, path, headers={"Host": HOST}, content=body)
            status: int | None = answer.status_code
        except httpx.HTTPError:
            status = None
        self.sent.append(Sent(start, route, status, time.perf_counter() - began))

    def _client(self, address: str | None, agent: str) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=5)
        return httpx.AsyncClient(
            base_url=self.url,
            timeout=CLIENT_TIMEOUT_S,
            # Without TLS, loading certificates for each client would only delay the first requests.
            transport=httpx.AsyncHTTPTransport(verify=False, local_address=address, limits=limits),
            headers={"User-Agent": agent},
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
        )


def table(sent: list[Sent], phases: list[tuple[str, float, float]]) -> list[str]:
    """Return text lines: requests, share answered, latencies and statuses of each route in each phase."""
    width = max((len(one.route) for one in sent), default=0) + 2
    head = f"{'phase':<10}{'path':<{width}}{'requests':>9}{'answered':>10}{'p50 s':>9}{'p99 s':>9}"
    lines = [f"{head}  statuses"]
    for name, start, end in phases:
        for route in sorted({one.route for one in sent}):
            found = [one for one in sent if one.route == route and start <= one.start < end]
            if not found:
                continue
            times = sorted(one.seconds for one in found)
            good = sum(one.status is not None and one.status < 500 for one in found) / len(found)
            middle, p99 = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]
            statuses = [one.status for one in found]
            counts = " ".join(
                f"{one or 'none'}:{statuses.count(one)}" for one in sorted(set(statuses), key=str)
            )
            numbers = f"{len(found):>9}{good:>10.0%}{middle:>9.3f}{p99:>9.3f}"
            lines.append(f"{name:<10}{route:<{width}}{numbers}  {counts}")
    return lines
