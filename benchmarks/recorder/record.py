"""Record a case of raw evidence from real programs under a chosen fault, or load an API step by step.

Needs Linux, Debian's nginx, and uvicorn, FastAPI and httpx, which the environment for development holds:

    .venv/bin/python benchmarks/recorder/record.py thread_pool recorded/threads
    .venv/bin/python benchmarks/recorder/record.py load --steps 5,10,20,40
    watchme diagnose health recorded/threads

See README.md beside this file for the scenarios and their parameters.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from collect_evidence import collect
from faults import APPS, CAUSES, Strength, heal, inject, limit_cpu
from processes import metrics
from testbed import HERE, Testbed, find_nginx, namespaces_allowed

from watchme_analysis.evidence import prober

SentRequest = tuple[float, str, int | None, float]


def print_line(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def load(url: str, rate_per_s: float, seconds: float, seen: list[SentRequest]) -> None:
    """Send jobs and reads at a fixed rate, independent of the responses.

    Parameters
    ----------
    url
        Base address.
    rate_per_s
        Jobs a second; with each comes a read, of ``/v1/report`` and ``/health`` in turn.
    seconds
        How long.
    seen
        List to append to: start (epoch seconds), path, status (None: no response) and duration in seconds
        of each request.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30, trust_env=False) as client:

        async def ask(method: str, path: str, name: str) -> None:
            start, began = time.time(), time.perf_counter()
            try:
                answer = await client.request(method, path, headers={"Host": "api.example.com"})
                status: int | None = answer.status_code
            except httpx.HTTPError:
                status = None
            seen.append((start, name, status, time.perf_counter() - began))

        begun, sent, tasks = time.monotonic(), 0, set()
        while (now := time.monotonic() - begun) < seconds:
            tasks.add(asyncio.create_task(ask("POST", f"/async-process/{sent:05d}", "/async-process")))
            reads = "/v1/report" if sent % 2 else "/health"
            tasks.add(asyncio.create_task(ask("GET", reads, reads)))
            sent += 1
            await asyncio.sleep(max(0.0, sent / rate_per_s - now))
        await asyncio.wait(tasks, timeout=30)


@contextmanager
def probes(testbed: Testbed, timeout_s: float) -> Iterator[list[Path]]:
    """Probe ``/health`` from inside, from the host and from outside while the block runs."""
    script = prober.__file__
    files, running = [], []
    for vantage, address, words in (
        ("inside", testbed.app_address, testbed.inside),
        ("host", testbed.app_address, []),
        ("outside", testbed.edge_url.removeprefix("http://"), []),
    ):
        files.append(testbed.work / f"probes-{vantage}.csv")
        options = [
            "--vantage",
            vantage,
            "--every",
            "1",
            "--timeout",
            str(timeout_s),
            "--output",
            str(files[-1]),
        ]
        urls = [f"http://{address}/health", f"http://{address}/v1/report"]
        command = [*words, sys.executable, script, *urls, *options]
        running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    try:
        yield files
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def table(seen: list[SentRequest], phases: list[tuple[str, float, float]]) -> list[str]:
    """Return text lines: requests, share answered and latencies of each path in each phase."""
    lines = [f"{'phase':<10}{'path':<18}{'requests':>9}{'answered':>10}{'p50 s':>9}{'p99 s':>9}"]
    for name, start, end in phases:
        for path in sorted({entry[1] for entry in seen}):
            found = [entry for entry in seen if entry[1] == path and start <= entry[0] < end]
            times = sorted(entry[3] for entry in found)
            if times:
                good = sum(entry[2] is not None and entry[2] < 500 for entry in found) / len(found)
                middle, p99 = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]
                lines.append(f"{name:<10}{path:<18}{len(found):>9}{good:>10.0%}{middle:>9.3f}{p99:>9.3f}")
    return lines


def record(options: argparse.Namespace, out: Path) -> None:
    """Record a scenario into a folder, and its truth into ``truth/NAME.json`` beside the folder."""
    seen: list[SentRequest] = []
    with _testbed(options) as testbed:
        with (
            metrics(testbed, testbed.work / "metrics.csv"),
            probes(testbed, options.client_timeout) as probed,
        ):
            # A daemon, so that Ctrl-C ends the recording and not only the waiting for it.
            sending = threading.Thread(
                target=lambda: asyncio.run(load(testbed.edge_url, options.rate, options.seconds, seen)),
                daemon=True,
            )
            began = time.time()
            sending.start()
            time.sleep(options.fault_at)
            fault_start = time.time()
            strength = Strength(options.delay, options.loss, options.clip_bytes, options.neighbours)
            inject(testbed, options.scenario, strength)
            confs = {name: (testbed.work / name).read_text() for name in ("nginx.conf", "edge.conf")}
            time.sleep(options.fault_for)
            fault_end = time.time()
            heal(testbed, options.scenario)
            sending.join()
            ended = time.time()
        collect(testbed, out, confs, probed)
    healthy = options.scenario == "healthy"
    truth = {
        "cause": CAUSES[options.scenario],
        "fault_start": None if healthy else fault_start,
        "fault_end": None if healthy else fault_end,
        "run_start": began,
        "run_end": ended,
        "parameters": {name: value for name, value in vars(options).items() if name != "out"},
    }
    truth_path = out.parent / "truth" / f"{out.name}.json"
    truth_path.parent.mkdir(exist_ok=True)
    truth_path.write_text(json.dumps(truth, indent=1) + "\n")
    phases = [("before", began, fault_start), ("fault", fault_start, fault_end), ("after", fault_end, ended)]
    for line in table(seen, phases):
        print_line(line)
    print_line(f"The evidence is in {out}. Next: watchme diagnose health {out}")


def load_test(options: argparse.Namespace) -> None:
    """Raise the rate step by step and print requests, shares answered and latencies of each step."""
    seen: list[SentRequest] = []
    phases = []
    steps = [float(step) for step in options.steps.split(",")]

    def run(url: str) -> None:
        for rate in steps:
            start = time.time()
            asyncio.run(load(url, rate, options.seconds, seen))
            phases.append((f"{rate:g}/s", start, time.time()))

    if options.url:
        run(options.url)
    else:
        with _testbed(options) as testbed:
            testbed.store.delay_s = options.delay
            run(testbed.edge_url)
    for line in table(seen, phases):
        print_line(line)


@contextmanager
def _testbed(options: argparse.Namespace) -> Iterator[Testbed]:
    name = options.app or APPS.get(options.scenario, "thread_pool")
    isolated = options.network == "namespace" or (options.network == "auto" and namespaces_allowed())
    with tempfile.TemporaryDirectory(prefix="watchme-record-") as folder:
        Path(folder).chmod(0o755)
        source = HERE / "apps" / f"{name}.py"
        testbed = Testbed(
            Path(folder), source, options.read_timeout, options.workers, options.limit_concurrency, isolated
        )
        group = None
        try:
            with testbed:
                group = limit_cpu(testbed, options.cpus) if options.cpus else None
                if options.scenario == "neighbours" and group is None:
                    raise SystemExit(
                        "The scenario neighbours needs permission to create a control group for the CPU."
                    )
                yield testbed
        finally:
            if group is not None:
                group.rmdir()


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("scenario", choices=[*CAUSES, "load"])
    add("out", nargs="?", type=Path, help="new folder for the evidence")
    add("--seconds", type=float, default=60, help="length of the recording, or of each step of a load (60)")
    add("--fault-at", type=float, default=15, help="seconds before the fault begins (15)")
    add("--fault-for", type=float, default=30, help="seconds that it lasts (30)")
    add("--rate", type=float, default=8, help="jobs a second (8)")
    add("--delay", type=float, help="seconds that the store takes in the fault or load (6; event_loop: 1.5)")
    add("--read-timeout", type=float, default=5, help="proxy_read_timeout of the origin, in seconds (5)")
    add("--client-timeout", type=float, default=8, help="time limit of the probes, in seconds (8)")
    add("--workers", type=int, default=1, help="processes of uvicorn (1)")
    add("--limit-concurrency", type=int, help="uvicorn's --limit-concurrency (none)")
    add("--loss", type=float, default=30, help="packet_loss: share of packets dropped, in %% (30)")
    add("--clip-bytes", type=int, default=1_500_000, help="own_threads: size of a clip (1500000)")
    add(
        "--cpus",
        type=float,
        help="cores that the application may use, as a container's cpus (no limit; neighbours: 0.25)",
    )
    add("--neighbours", type=int, default=12, help="neighbours: busy processes that share its cores (12)")
    add(
        "--app",
        choices=["event_loop", "thread_pool", "own_threads"],
        help="application, where the scenario leaves it open",
    )
    add(
        "--network",
        choices=["auto", "namespace", "loopback"],
        default="auto",
        help="where the application runs",
    )
    add("--steps", default="5,10,20,40", help="load: jobs a second, step by step (5,10,20,40)")
    add("--url", help="load: base address of a service of your own to load instead")
    return parser


def main(words: list[str] | None = None) -> None:
    """Parse the command line, then record a case or run a load test."""
    parser = arguments()
    options = parser.parse_args(words)
    if options.delay is None:
        options.delay = 1.5 if options.scenario == "event_loop" else 6.0
    if options.cpus is None and options.scenario == "neighbours":
        options.cpus = 0.25
    loads = options.scenario == "load"
    if not loads and (options.out is None or options.out.exists()):
        parser.error("give a new folder for the evidence")
    if options.scenario == "packet_loss" and (options.network == "loopback" or not namespaces_allowed()):
        parser.error("packet_loss needs a network namespace: Linux, root, and ip")
    if not loads and options.fault_at + options.fault_for > options.seconds:
        parser.error("the fault must end within the recording: raise --seconds")
    if find_nginx() is None and not options.url:
        parser.error("nginx was not found; on Debian: apt-get install nginx-light")
    if loads:
        load_test(options)
    else:
        record(options, options.out)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("Stopped; nothing was kept.") from None
    except RuntimeError as error:
        raise SystemExit("\n".join([str(error), *getattr(error, "__notes__", ())])) from None
