"""Reproduce a figure of the documents.

    .venv/bin/python benchmarks/run.py                # the names, and the page of each
    .venv/bin/python benchmarks/run.py NAME [OPTION ...]

Four figures are measured here, what a user waits for as ratios against the least that could be waited for:
`package`, what `import watchme_analysis` adds to a bare interpreter; `report`, a report against papermill and
an HTML export of a notebook that only imports pandas and matplotlib; `diagnosis`, that of a backlog against a
script that only reads the same files into one frame; `import`, in MB of unpacked files per second. Contenders
take turns, so that a busy minute hits all of them; figures are medians, each with its quartiles. Beside the
time on the clock stands the processor time of all processes that a contender starts: where the two tell
different ratios, the machine was busy otherwise. `--rounds N` states the rounds.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = ROOT / "data"
WATCHME = Path(sys.executable).with_name("watchme")
REPORTED = {"health": DATA / "health-threadpool", "backlog": DATA / "backlog-dlq"}
# Figures that a script beside this one measures: its path and first words, and the page of the figures.
SCRIPTS = {
    "access-logs": ("access_log_speed.py", "docs/speed.md"),
    "access-log-proof": ("access_log_proof.py", "docs/decisions.md"),
    "log-retrieval": ("insights_retrieval.py", "docs/generated/log-retrieval.md"),
    "kills": ("remedy_kills.py", "docs/generated/kills.md"),
    "hops": ("hops.py", "docs/architecture.md"),
    "public-logs": ("public_logs.py", "docs/generated/public-logs.md"),
    "recordings": ("recorder/record_set.py", "docs/generated/health-accuracy.md"),
    "scenarios": ("recorder/scenarios.py", "docs/generated/scenarios.md"),
    "health": ("health_accuracy.py", "docs/generated/health-accuracy.md"),
    "health-confidence": ("health_calibration.py", "docs/accuracy.md"),
    "health-corpus": ("health_corpus.py evaluate", "docs/generated/health-accuracy.md"),
    "backlog": ("backlog_accuracy.py", "docs/generated/backlog-accuracy.md"),
    "backlog-confidence": ("backlog_calibration.py", "docs/accuracy.md"),
    "backlog-corpus": ("backlog_corpus.py evaluate", "docs/generated/backlog-accuracy.md"),
    "onsets": ("nab_score.py", "docs/generated/backlog-accuracy.md"),
}

LEAST_NOTEBOOK = """
import sys
import nbformat, papermill
from nbconvert import HTMLExporter
from nbformat import v4
folder = sys.argv[1]
cells = [v4.new_code_cell("import pandas\\nimport matplotlib.pyplot"), v4.new_code_cell("")]
kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder + "/in.ipynb")
papermill.execute_notebook(folder + "/in.ipynb", folder + "/out.ipynb", progress_bar=False)
page, _ = HTMLExporter().from_filename(folder + "/out.ipynb")
open(folder + "/out.html", "w").write(page)
"""

# Reads the points of metrics and the rows of logs, and puts them in the order of their times: nothing else.
LEAST_READER = """
import gzip, json, sys
from pathlib import Path
import pandas
frames = []
for path in sorted(Path(sys.argv[1]).rglob("*.json*")):
    data = path.read_bytes()
    found = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    if not isinstance(found, dict):
        continue
    for series in found.get("MetricDataResults", ()):
        frames.append(pandas.DataFrame({key: series[key] for key in ("Timestamps", "Values", "Label")}))
        frames[-1]["time"] = pandas.to_datetime(series["Timestamps"], utc=True, format="ISO8601")
    if found.get("results"):
        rows = [{cell["field"]: cell["value"] for cell in row} for row in found["results"]]
        frames.append(pandas.DataFrame(rows))
        frames[-1]["time"] = pandas.to_datetime(frames[-1]["@timestamp"], utc=True, format="ISO8601")
pandas.concat(frames, ignore_index=True).sort_values("time")
"""
# Rows of each query of logs in the drawn case: all that its functions wrote.
ALL_LOGS = 40_000


@dataclass(frozen=True)
class Sample:
    """One run: seconds on the clock, and of processor time with all child processes."""

    clock_s: float
    cpu_s: float


def main() -> None:
    measured = {
        "package": lambda rounds: measure_package(rounds * 6),
        "report": measure_reports,
        "diagnosis": measure_diagnosis,
        "import": measure_import,
    }
    pages = dict.fromkeys(measured, "docs/speed.md") | {name: page for name, (_, page) in SCRIPTS.items()}
    if len(sys.argv) < 2 or sys.argv[1] not in pages:
        raise SystemExit("\n".join(f"{name:20} {page}" for name, page in pages.items()))
    name, *words = sys.argv[1:]
    if name in SCRIPTS:
        script, *first = SCRIPTS[name][0].split()
        raise SystemExit(subprocess.call([sys.executable, HERE / script, *first, *words]))
    parser = argparse.ArgumentParser(prog=f"run.py {name}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the slow contenders (default 5)")
    options = parser.parse_args(words)
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {load()} before")
    measured[name](options.rounds)
    print(f"load {load()} after")


def measure_package(rounds: int) -> None:
    taken = take_turns(
        {
            "bare interpreter": lambda: run(sys.executable, "-c", "pass"),
            "import watchme_analysis": lambda: run(sys.executable, "-c", "import watchme_analysis"),
        },
        rounds,
    )
    bare, ours = (statistics.median(sample.clock_s for sample in samples) for samples in taken.values())
    print(f"=> importing the package adds {(ours - bare) * 1000:.1f} ms to a bare interpreter (goal: 50)\n")


def measure_reports(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contenders = {
            "least notebook": lambda: run(sys.executable, "-c", LEAST_NOTEBOOK, folder),
            **{f"report {question}": reporter(question, case, folder) for question, case in REPORTED.items()},
        }
        taken = take_turns(contenders, rounds)
    least = taken.pop("least notebook")
    for name, samples in taken.items():
        clock, cpu = (ratio(samples, least, figure) for figure in ("clock_s", "cpu_s"))
        print(f"=> {name}: {clock:.2f}x the least notebook, by processor time {cpu:.2f}x (goal: 2.00)")
    print()


def measure_diagnosis(rounds: int) -> None:
    """Diagnose 200,000 rows, nearly all of metrics in one case and most of logs in the other."""
    sys.path.insert(0, str(ROOT / "tests"))
    from worlds.backlog_draws import make, people

    def busy_and_logged(world, options):
        """Let twice as many devices send, and return all logs."""
        options.update(logs="all", talks=True, log_rows=ALL_LOGS, period=60)
        world.period = 60
        people(world)

    with tempfile.TemporaryDirectory() as folder:
        make(6, Path(folder) / "logs", "downstream_down", busy_and_logged)
        kept = f"{folder}/case"
        run(WATCHME, "case", "import", REPORTED["backlog"], kept)
        contenders = {}
        for name, raw in {"metrics": REPORTED["backlog"], "logs": Path(folder) / "logs"}.items():
            contenders[f"least reader, {name}"] = lambda raw=raw: run(sys.executable, "-c", LEAST_READER, raw)
            contenders[f"diagnose, {name}"] = lambda raw=raw: run(
                WATCHME, "diagnose", "backlog", raw, "--json"
            )
        contenders["diagnose a case"] = lambda: run(WATCHME, "diagnose", "backlog", kept, "--json")
        taken = take_turns(contenders, rounds)
    for name, peer in (("metrics", "metrics"), ("logs", "logs"), ("a case", "metrics")):
        samples = taken["diagnose a case" if name == "a case" else f"diagnose, {name}"]
        cpu = ratio(samples, taken[f"least reader, {peer}"], "cpu_s")
        least = min(sample.cpu_s for sample in samples)
        print(
            f"=> diagnosis, {name}: {cpu:.2f}x the least reader, {least:.2f} s of a processor (goal: 3.00 s)"
        )
    print()


def ratio(samples: list[Sample], others: list[Sample], figure: str) -> float:
    return statistics.median(getattr(sample, figure) for sample in samples) / statistics.median(
        getattr(sample, figure) for sample in others
    )


def reporter(question: str, case: Path, folder: str) -> Callable[[], None]:
    return lambda: run(WATCHME, "report", question, case, "--to", f"{folder}/reports")


def measure_import(rounds: int) -> None:
    """Import the largest bundled case."""
    case = max([*DATA.glob("health-*"), *DATA.glob("backlog-*")], key=unpacked_bytes)
    with tempfile.TemporaryDirectory() as folder:
        targets = iter(range(rounds))
        command = f"import {case.name}"
        taken = take_turns(
            {command: lambda: run(WATCHME, "case", "import", case, f"{folder}/{next(targets)}")}, rounds
        )
    size = unpacked_bytes(case) / 1e6
    speed = size / statistics.median(sample.clock_s for sample in taken[command])
    print(f"=> {size:.1f} MB of evidence (unpacked) at {speed:.1f} MB/s, start of the process included")


def take_turns(contenders: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[Sample]]:
    """Run every contender once a round; return its samples and print them in brief."""
    taken: dict[str, list[Sample]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            begun, spent = time.perf_counter(), os.times()
            contender()
            after = os.times()
            cpu = after.children_user + after.children_system - spent.children_user - spent.children_system
            taken[name].append(Sample(time.perf_counter() - begun, cpu))
    for name, samples in taken.items():
        times = [sample.clock_s for sample in samples]
        low, middle, high = statistics.quantiles(times, n=4) if len(times) > 1 else times * 3
        cpu = statistics.median(sample.cpu_s for sample in samples)
        print(f"{name:24} {middle:7.3f} s  ({low:.3f} to {high:.3f}, {rounds} rounds), processor {cpu:.2f} s")
    return taken


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")


def unpacked_bytes(case: Path) -> int:
    files = [path for path in case.rglob("*") if path.is_file()]
    return sum(
        len(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path.stat().st_size
        for path in files
    )


def load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


if __name__ == "__main__":
    main()
