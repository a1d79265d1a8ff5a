"""How often the ``/health`` diagnosis is right, how sure it is, and what it does without evidence.

    python benchmarks/health_accuracy.py CASES --truth TRUTH [--ablate] [--json FILE]

CASES is a folder of folders, each a case or raw evidence; TRUTH holds one ``NAME.json`` for each with
``cause`` (``none`` for a healthy one), ``fault_start``, ``fault_end`` and ``run_end`` (epoch seconds or
null). Prints a line per case, a reliability table, and, with ``--ablate``, the same verdicts with each
table taken away in turn and with only the poorest evidence left.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from watchme_analysis.case import Case, open_case
from watchme_analysis.hypotheses import health
from watchme_analysis.hypotheses.base import Diagnosis, Investigation
from watchme_analysis.schema import TABLES, empty

WINDOW_TOLERANCE_S = 10.0
ABLATED = (
    "probes", "access_log", "error_log", "edge_log", "app_log", "host_metrics", "config_directives",
    "app_handlers", "app_calls", "app_processes",
)  # fmt: skip
TIMING = (
    "request_id", "edge_ray_id", "request_time_s", "upstream_connect_time_s", "upstream_header_time_s",
    "upstream_response_time_s", "upstream_addr", "upstream_status", "host", "cache_status",
)  # fmt: skip


def only(case: Case, kept: set[str]) -> Case:
    """Return the case with all other tables empty."""
    frames = {name: case.table(name) if name in kept else empty(name) for name in TABLES}
    tables = {name: entry for name, entry in case.manifest["tables"].items() if name in kept}
    return Case(case.path, {**case.manifest, "tables": tables}, frames)


def stock_log(case: Case) -> Case:
    """Return the case as if Nginx wrote its stock ``combined`` format."""
    log = case.table("access_log").copy()
    log["time"] = log["time"].dt.floor("s")
    for name in TIMING:
        log[name] = empty("access_log")[name].reindex(log.index)
    case._frames["access_log"] = log
    return case


def without_inside(case: Case) -> Case:
    """Return the case without probes from inside the container."""
    probes = case.table("probes")
    case._frames["probes"] = probes[probes["vantage"] != "inside"].reset_index(drop=True)
    return case


def ablations(case: Case) -> Iterator[tuple[str, Case]]:
    """Yield names and cases with evidence taken away."""
    everything = set(TABLES)
    for name in ABLATED:
        if len(case.table(name)):
            yield f"no {name}", only(case, everything - {name})
    yield "no inside probes", without_inside(only(case, everything))
    yield "no source", only(case, everything - {"app_handlers", "app_calls"})
    yield (
        "no configuration",
        only(case, everything - {"config_directives", "edge_settings", "app_processes", "compose_settings"}),
    )
    yield "logs alone", only(case, {"access_log", "error_log", "edge_log", "app_log"})
    yield "probes alone", only(case, {"probes"})
    yield "combined log alone", stock_log(only(case, {"access_log"}))
    yield "combined log and errors", stock_log(only(case, {"access_log", "error_log"}))
    yield "combined log for timed", stock_log(only(case, everything))


def ask(case: Case) -> tuple[Diagnosis, float]:
    """Return the diagnosis and the seconds it took."""
    begun = time.perf_counter()
    return health.diagnose(Investigation(case, "health")), time.perf_counter() - begun


def window_error(said: Diagnosis, truth: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return the errors of start and end in seconds; an open end is right when the fault outlasts the run."""
    if said.incident_start is None or truth["fault_start"] is None:
        return None, None
    start = said.incident_start.timestamp() - truth["fault_start"]
    if said.incident_end is not None:
        return start, said.incident_end.timestamp() - truth["fault_end"]
    return start, 0.0 if truth["fault_end"] >= truth["run_end"] - 1 else truth["run_end"] - truth["fault_end"]


def outcome(said: Diagnosis, cause: str) -> str:
    """Return ``right``, ``open`` (inconclusive) or ``wrong``."""
    if said.verdict == "inconclusive":
        return "open"
    return "right" if said.cause == cause else "wrong"


def reliability(rows: list[tuple[float, str]]) -> list[tuple[str, int, float, float]]:
    """Return range, count, mean confidence and share right of the decided verdicts."""
    edges = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01)
    table = []
    for low, high in pairwise(edges):
        inside = [row for row in rows if low <= row[0] < high and row[1] != "open"]
        if inside:
            mean = sum(row[0] for row in inside) / len(inside)
            right = sum(row[1] == "right" for row in inside) / len(inside)
            table.append((f"{low:.2f}-{min(high, 1):.2f}", len(inside), mean, right))
    return table


def report(title: str, rows: list[tuple[float, str]]) -> None:
    """Print counts and the reliability table."""
    counts = {name: sum(row[1] == name for row in rows) for name in ("right", "open", "wrong")}
    sure = sum(row[1] == "wrong" and row[0] >= 0.7 for row in rows)
    print(f"{title}: {len(rows)} verdicts, {counts}, wrong at 0.7 and above: {sure}")
    for span, count, mean, right in reliability(rows):
        print(f"  confidence {span}: {count:4d} verdicts, mean {mean:.2f}, right {right:.2f}")


def main(arguments: list[str]) -> int:
    """Run the evaluation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    full: list[tuple[float, str]] = []
    cut: list[tuple[float, str]] = []
    written, spent, missed = [], [], 0
    for folder in sorted(path for path in options.cases.iterdir() if path.is_dir()):
        truth_file = options.truth / f"{folder.name}.json"
        if not truth_file.is_file():
            continue
        truth = json.loads(truth_file.read_text(encoding="utf-8"))
        case = open_case(folder)
        said, took = ask(case)
        spent.append(took)
        verdict = outcome(said, truth["cause"])
        full.append((said.confidence, verdict))
        errors = window_error(said, truth)
        late = any(error is not None and abs(error) > WINDOW_TOLERANCE_S for error in errors)
        missed += late
        shown = " ".join("-" if error is None else f"{error:+.1f}s" for error in errors)
        print(
            f"{folder.name:18s} {verdict:5s} {truth['cause']:15s} said {said.cause!s:15s} "
            f"{said.confidence:.2f} window {shown}{' LATE' if late else ''} {took:.2f}s"
        )
        entry = {
            "case": folder.name,
            "truth": truth["cause"],
            "said": said.cause,
            "confidence": said.confidence,
        }
        written.append({**entry, "evidence": "all"})
        if options.ablate:
            for name, poorer in ablations(case):
                less, _ = ask(poorer)
                result = outcome(less, truth["cause"])
                cut.append((less.confidence, result))
                written.append({**entry, "said": less.cause, "confidence": less.confidence, "evidence": name})
                if result == "wrong":
                    print(f"    {name:24s} wrong: {less.cause} {less.confidence:.2f}")
    report("all evidence", full)
    print(
        f"window over {WINDOW_TOLERANCE_S:.0f} s off: {missed}; mean "
        f"{sum(spent) / max(len(spent), 1):.2f} s each"
    )
    if cut:
        report("with evidence taken away", cut)
    if options.json:
        options.json.write_text(json.dumps(written, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
