"""Record a set of cases: each scenario with each seed.

    nice -n -5 .venv/bin/python benchmarks/recorder/record_set.py recorded/mine --seeds 100-101
    nice -n -5 .venv/bin/python benchmarks/recorder/record_set.py recorded/mine --seeds 7 --scenarios denied

Further options are those of record.py and win over what a seed draws, such as ``--no-edge``.
Evidence goes to ``health/ID``, truth to ``truth/ID.json``, and the callers' statuses and latencies to
``responses/ID.txt``. A case appears when it is complete; cases that exist are not recorded again.

Two sets exist. Rules may be written while looking at the first; the second is only for first looks. PACE is
``--probe-every 15 --monitor-every 30 --rate 0.3 --clients 2 --seconds 330 --fault-at 120 --fault-for 60
--log-format combined --error-level error --prefixes --no-edge``; the first set uses 10 seconds, 0.4,
3 clients, 140 and 40 instead.

    set          seed        scenarios                               further options
    development  101         all but those from gunicorn on
    development  101         stopped, routing                        PACE
    development  103         slow_dependency                         PACE
    development  103         stopped, routing, slow_start            --faulty emotion --prefixes
    development  103         flood_cpu                               --limit-concurrency 20 --cpus 0.3
    development  103         slow_dependency_pool                    --workers 2 --rate 9
    development  9700, 9701  those from gunicorn on
    held out     202         all but those from gunicorn on
    held out     204         segfault, denied, crash_on_start        --faulty emotion --prefixes
    held out     204         flood_cpu                               --limit-concurrency 30 --cpus 0.25
                                                                     --flood-clients 8
    held out     204         event_loop                              --workers 2
    held out     204         missing_module, dependency_timeout,     PACE
                             wrong_port, healthy
    held out     9800, 9801  those from gunicorn on
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scenarios import SCENARIOS

RECORD = Path(__file__).with_name("record.py")


def planned(scenarios: list[str], seeds: list[int], prefix: str) -> list[tuple[str, str, int]]:
    """Return identifier, scenario and seed of each case of a set."""
    pairs = [(scenario, seed) for seed in seeds for scenario in scenarios]
    return [(f"{prefix}{number:02d}", scenario, seed) for number, (scenario, seed) in enumerate(pairs, 1)]


def record_case(out: Path, case: tuple[str, str, int], further: list[str]) -> str:
    """Record a case in a temporary folder, move it to its place, and return a line about it."""
    identifier, scenario, seed = case
    if (out / "health" / identifier).exists():
        return f"{identifier} {scenario} {seed}: exists"
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=out) as folder:
        words = [
            sys.executable,
            str(RECORD),
            scenario,
            f"{folder}/{identifier}",
            "--seed",
            str(seed),
            *further,
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{identifier} {scenario} {seed}: failed\n{done.stderr[-3000:]}"
        (out / "responses" / f"{identifier}.txt").write_text(done.stdout)
        (Path(folder) / "truth" / f"{identifier}.json").rename(out / "truth" / f"{identifier}.json")
        (Path(folder) / identifier).rename(out / "health" / identifier)
    return f"{identifier} {scenario} {seed}: recorded"


def take_priority() -> None:
    """Give the session the niceness of this process, where Linux schedules by session.

    With autogroups, ``nice`` only orders the processes within a session (see sched(7)).
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(os.nice(0)))


def main() -> None:
    """Parse the command line and record the set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the set")
    parser.add_argument("--seeds", required=True, help="a number, or first and last with a hyphen: 100-115")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, separated by commas (all)")
    parser.add_argument("--prefix", default="r", help="first letters of the identifiers (r)")
    parser.add_argument("--jobs", type=int, default=3, help="recordings at the same time (3)")
    options, further = parser.parse_known_args()
    scenarios = options.scenarios.split(",")
    if unknown := set(scenarios) - set(SCENARIOS):
        parser.error(f"unknown scenarios: {', '.join(sorted(unknown))}")
    first, _, last = options.seeds.partition("-")
    seeds = list(range(int(first), int(last or first) + 1))
    for folder in ("health", "truth", "responses"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    take_priority()
    with ThreadPoolExecutor(options.jobs) as pool:
        cases = planned(scenarios, seeds, options.prefix)
        for line in pool.map(lambda case: record_case(options.out, case, further), cases):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
