"""Record a case of raw evidence from real programs under a chosen fault, or load an API step by step.

Needs Linux, Debian's nginx, and uvicorn, FastAPI and httpx, which the environment for development holds:

    .venv/bin/python benchmarks/recorder/record.py thread_pool recorded/threads
    .venv/bin/python benchmarks/recorder/record.py load --steps 5,10,20,40
    watchme diagnose health recorded/threads

See README.md beside this file for the scenarios and their parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from collect_evidence import collect
from network import enter_own_network, namespaces_allowed
from parameters import Parameters, add_options
from processes import metrics
from scenarios import SCENARIOS, drawn_parameters
from testbed import Testbed, find_nginx
from traffic import HOST, READS, Callers, Stream, table

from watchme_analysis.evidence import prober

# Last part of the addresses of the first client and of the monitor.
FIRST_CLIENT, MONITOR = 10, 9
# Share of the load that a second service receives.
SECOND_SHARE = 0.3


def print_line(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def probes(testbed: Testbed) -> Iterator[list[Path]]:
    """Probe the first service from inside, from the host and from outside while the block runs.

    ``/health`` of a second service is probed from outside only.
    """
    files, running, target = [], [], testbed.services[0]
    front, prefix = testbed.front, testbed.prefix(target.name)
    others = [f"{front}{testbed.prefix(service.name)}/health" for service in testbed.services[1:]]
    options, behind = testbed.options, testbed.origin.routes[0].addresses[0]
    vantages: tuple[tuple[str, list[str], list[str]], ...] = (
        ("inside", target.enter, [f"{target.inside_address}{path}" for path in ("/health", "/v1/report")]),
        ("host", testbed.resolving, [f"{behind}{path}" for path in ("/health", "/v1/report")]),
        ("outside", [], [*(f"{front}{prefix}{path}" for path in ("/health", "/v1/report")), *others]),
    )
    for vantage, enter, places in vantages:
        files.append(testbed.work / f"probes-{vantage}.csv")
        words = ["--vantage", vantage, "--every", f"{options.probe_every:g}", "--to", str(files[-1])]
        words += ["--timeout", f"{options.client_timeout:g}", "--header", f"Host: {HOST}"]
        urls = [f"http://{place}" for place in places]
        command = [*enter, sys.executable, prober.__file__, *urls, *words]
        running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    try:
        yield files
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def streams(testbed: Testbed) -> list[Stream]:
    """Return the usual load: a stream for each service."""
    options, found = testbed.options, []
    for service in testbed.services:
        first = service is testbed.services[0]
        reads = READS[options.app] + (() if options.monitor_every else ("/health",))
        rate = options.rate if first else options.rate * SECOND_SHARE
        prefix = testbed.prefix(service.name)
        found.append(Stream(prefix, rate, reads, options.body_bytes, options.monitor_every))
    return found


def record(name: str, options: Parameters, seed: int | None, out: Path) -> None:
    """Record a scenario into a folder, and its truth into ``truth/NAME.json`` beside the folder."""
    scenario = SCENARIOS[name]
    with ExitStack() as stack:
        testbed = stack.enter_context(running_testbed(options))
        addresses = [testbed.network.client(FIRST_CLIENT + number) for number in range(options.clients)]
        callers = Callers(
            f"http://{testbed.front}", addresses, testbed.network.client(MONITOR), random.Random(seed)
        )
        with ExitStack() as observed:
            for service in (*testbed.services, *testbed.replicas):
                observed.enter_context(metrics(service, service.work / "metrics.csv"))
            probed = observed.enter_context(probes(testbed))
            # A daemon, so that Ctrl-C ends the recording and not only the waiting for it.
            sending = threading.Thread(
                target=callers.run, args=(streams(testbed), options.seconds), daemon=True
            )
            began = time.time()
            sending.start()
            time.sleep(options.fault_at)
            fault_start = time.time()
            testbed.active.set()
            scenario.begin(testbed, options)
            names = ("nginx.conf", "edge.conf") if options.edge else ("nginx.conf",)
            confs = {name: (testbed.work / name).read_text() for name in names}
            time.sleep(max(0.0, fault_start + options.fault_for - time.time()))
            testbed.active.clear()
            scenario.end(testbed, options)
            fault_end = time.time()
            sending.join()
            ended = time.time()
        collect(testbed, out, confs, probed)
    faulty = scenario.cause != "none"
    truth = {
        "id": out.name,
        "scenario": name,
        "service": options.faulty,
        "cause": scenario.cause,
        "layer": scenario.layer,
        "secondary_cause": scenario.secondary_cause,
        "other_causes": list(scenario.other_causes),
        "note": scenario.fault,
        "fault_start": fault_start if faulty else None,
        "fault_end": fault_end if faulty else None,
        "event_window": [fault_start, fault_end],
        "run_start": began,
        "run_end": ended,
        "seed": seed,
        "parameters": {"scenario": name} | asdict(options),
    }
    truth_path = out.parent / "truth" / f"{out.name}.json"
    truth_path.parent.mkdir(exist_ok=True)
    truth_path.write_text(json.dumps(truth, indent=1) + "\n")
    phases = [("before", began, fault_start), ("fault", fault_start, fault_end), ("after", fault_end, ended)]
    for line in table(callers.sent, phases):
        print_line(line)
    print_line(f"The evidence is in {out}. Next: watchme diagnose health {out}")


def load_test(options: Parameters, steps: list[float], url: str | None) -> None:
    """Raise the rate step by step and print requests, shares answered and latencies of each step."""
    phases = []
    reads = ("/health", "/v1/report")

    def run(callers: Callers) -> None:
        for rate in steps:
            start = time.time()
            callers.run([Stream("", rate, reads)], options.seconds)
            phases.append((f"{rate:g}/s", start, time.time()))

    if url:
        callers = Callers(url)
        run(callers)
    else:
        with running_testbed(options) as testbed:
            testbed.store.delay_s = options.delay
            callers = Callers(f"http://{testbed.front}")
            run(callers)
    for line in table(callers.sent, phases):
        print_line(line)


@contextmanager
def running_testbed(options: Parameters) -> Iterator[Testbed]:
    """Start the programs in a temporary folder, and stop them after the block."""
    isolated = options.network == "namespace" or (options.network == "auto" and namespaces_allowed())
    with tempfile.TemporaryDirectory(prefix="watchme-record-") as folder:
        Path(folder).chmod(0o755)
        with Testbed(Path(folder), options, isolated) as testbed:
            yield testbed


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("scenario", choices=[*SCENARIOS, "load"])
    add("out", nargs="?", type=Path, help="new folder for the evidence")
    add("--seed", type=int, help="draw the parameters that are not given from this number")
    add("--steps", default="5,10,20,40", help="load: jobs per second, step by step (5,10,20,40)")
    add("--url", help="load: base address of a service of your own to load instead")
    add_options(parser)
    return parser


def parameters_of(scenario: str, seed: int | None, given: dict[str, Any]) -> Parameters:
    """Return the parameters of a recording: those given, else drawn, else the scenario's defaults."""
    if scenario == "load":
        return Parameters(**given)
    usual = dict(SCENARIOS[scenario].defaults) if seed is None else drawn_parameters(scenario, seed)
    return Parameters(**usual | given)


def missing_packages(options: Parameters) -> str:
    """Return how to install what a recording lacks; empty if nothing is missing."""
    if options.server == "node" and shutil.which("node") is None:
        return "node was not found; on Debian: apt-get install nodejs"
    needed = {"gunicorn": options.server == "gunicorn", "sqlalchemy": options.app == "db_pool"}
    if not any(wanted and find_spec(package) is None for package, wanted in needed.items()):
        return ""
    folder = Path(sys.prefix) / "recorder"
    file = Path(__file__).with_name("requirements.txt")
    return (
        f"{options.server if options.server == 'gunicorn' else 'SQLAlchemy'} was not found; install it: "
        f"{sys.executable} -m pip install --require-hashes --no-deps --target {folder} -r {file}; "
        f"then set PYTHONPATH={folder}"
    )


def main(words: list[str] | None = None) -> None:
    """Parse the command line, then record a case or run a load test."""
    # Nginx's error log and uvicorn's lines carry no zone: a recording must not depend on the machine's.
    os.environ["TZ"] = "UTC"
    parser = arguments()
    given = vars(parser.parse_args(words))
    scenario, out, seed, steps, url = (
        given.pop(name) for name in ("scenario", "out", "seed", "steps", "url")
    )
    options = parameters_of(scenario, seed, given)
    loads = scenario == "load"
    if not loads and (out is None or out.exists()):
        parser.error("give a new folder for the evidence")
    needs_namespace = not loads and SCENARIOS[scenario].defaults.get("network") == "namespace"
    if needs_namespace and (options.network == "loopback" or not namespaces_allowed()):
        parser.error(f"{scenario} needs a network namespace: Linux, root, ip and unshare")
    if not loads and options.fault_at + options.fault_for > options.seconds:
        parser.error("the fault must end within the recording: raise --seconds")
    if (options.prefixes or options.faulty == "emotion") and not loads:
        options.services = 2
    if missing := missing_packages(options):
        parser.error(missing)
    if find_nginx() is None and not url:
        parser.error("nginx was not found; on Debian: apt-get install nginx-light")
    if not url and options.network != "loopback" and namespaces_allowed():
        enter_own_network()
    if loads:
        load_test(options, [float(step) for step in steps.split(",")], url)
    else:
        record(scenario, options, seed, out)


if __name__ == "__main__":
    # Ended by another program, it cleans up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("Stopped; nothing was kept.") from None
    except RuntimeError as error:
        raise SystemExit("\n".join([str(error), *getattr(error, "__notes__", ())])) from None
