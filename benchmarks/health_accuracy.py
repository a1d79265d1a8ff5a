"""How often the ``/health`` diagnosis is right, how sure it is, and what it does without evidence.

    python benchmarks/health_accuracy.py NAME=CASES... [--truth TRUTH] [--made-up] [--ablate] [--first-look]

CASES is a folder of folders, each a case or raw evidence, and NAME what to call them; its subfolder
``truth``, or TRUTH, holds one ``CASE.json`` for each with ``cause`` (``none`` for a healthy one), ``also``
(the second of two faults), ``fault_start``, ``fault_end`` and ``run_end`` (epoch seconds or null).
``--made-up`` adds the made-up faults of the tests. Prints a line per case and a reliability table; with
``--ablate [NAME...]`` also the same verdicts with each table taken away in turn and with only the poorest
evidence left. ``--first-look`` appends the verdicts to ``health_first_looks.csv``: once, for cases that the
rules have not seen. ``health_calibration.py`` fits the confidence on that file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from health_calibration import Asked, record_first_looks, show

from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.health import diagnosis as health
from watchme_analysis.inference.causes import causes
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.requests.observations import join_requests
from watchme_analysis.schema import TABLES, empty

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.health_scenarios import SCENARIOS

WINDOW_TOLERANCE_S = 10.0
# How long a caller or Nginx waits for a response in the recordings, at most.
PATIENCE_S = 12.0
ERROR_LEVELS = ("error", "crit", "alert", "emerg")
LAYER_OF = {one.cause: one.layer for one in causes("health")}
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


@dataclass(frozen=True)
class Given:
    """A case whose truth is known: the set it belongs to, its name, the case and the truth."""

    part: str
    name: str
    case: Case
    truth: dict[str, Any]

    @property
    def causes(self) -> frozenset[str]:
        """The causes that are right."""
        return frozenset(str(self.truth[name]) for name in ("cause", "also") if self.truth.get(name))


def recorded(argument: str, truths: Path | None) -> Iterator[Given]:
    """Yield the cases of ``NAME=FOLDER`` that have a truth."""
    part, _, folder = argument.rpartition("=")
    home = Path(folder)
    truth_home = truths if truths is not None and not (home / "truth").is_dir() else home / "truth"
    for path in sorted(home.iterdir()):
        truth = truth_home / f"{path.name}.json"
        if path.is_dir() and truth.is_file():
            found = json.loads(truth.read_text(encoding="utf-8"))
            yield Given(part or home.name, path.name, open_case(path), found)


def made_up() -> Iterator[Given]:
    """Yield the made-up faults of the tests, whose times are none of a recording."""
    for build, cause in SCENARIOS.items():
        yield Given("made up", build.__name__, build(), {"cause": cause, "fault_start": None})


def shows_harm(seen: pd.DataFrame, during: pd.Series) -> bool:
    """Return whether a fault shows in the requests of an endpoint, by the logs alone.

    Over 2 % more of them than at other times got a refusal, a redirect or a failure while it lasted, or over
    2 % came half a second later than 99 of 100 at other times, or half of them half a second later than half
    at other times.
    """
    seconds = seen["edge_s"].fillna(seen["nginx_s"])
    status = seen["edge_status"].fillna(seen["nginx_status"])
    spoilt = (status >= 300) & (status != 304)
    for _, rows in seen.groupby("route"):
        inside, outside = rows.index[during[rows.index]], rows.index[~during[rows.index]]
        late = seconds[inside] > seconds[outside].quantile(0.99) + 0.5
        more = spoilt[inside].mean() - (spoilt[outside].mean() if len(outside) else 0.0)
        slower = seconds[inside].median() - seconds[outside].median()
        if len(inside) >= 5 and (late.mean() > 0.02 or more > 0.02 or slower > 0.5):
            return True
    return False


def logged_requests(given: Given) -> tuple[pd.DataFrame, pd.Series]:
    """Return the requests of the logs, and which of them began while the fault lasted.

    Without times a request has the moment of its end.
    """
    seen = join_requests(given.case.table("access_log"), given.case.table("edge_log"))
    patience_s = 0.0 if is_timed(seen) else PATIENCE_S
    return seen, seen["start"].between(*fault_window(given, patience_s)).astype(bool)


def fault_window(given: Given, patience_s: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return when the fault began, and when its last requests had ended."""
    start, end = given.truth["fault_start"], given.truth["fault_end"] + patience_s
    return pd.Timestamp(start, unit="s", tz="UTC"), pd.Timestamp(end, unit="s", tz="UTC")


def is_timed(seen: pd.DataFrame) -> bool:
    """Return whether logs state how long nearly all of their requests took."""
    return len(seen) > 0 and bool(seen["edge_s"].fillna(seen["nginx_s"]).notna().mean() > 0.9)


def harmless(given: Given) -> bool:
    """Return whether an injected fault harmed no caller, by timed logs; then *no incident* is right."""
    if given.truth.get("fault_start") is None or given.truth.get("fault_end") is None:
        return False
    seen, during = logged_requests(given)
    return is_timed(seen) and not shows_harm(seen, during)


def leaves_trace(given: Given) -> bool:
    """Return whether a fault leaves a trace in the files at hand.

    That is harm to requests (:func:`shows_harm`), three lines of errors in Nginx's log, or a route that no
    request of was logged while five were to be expected.
    """
    seen, during = logged_requests(given)
    errors = given.case.table("error_log")
    errors = errors[errors["level"].isin(ERROR_LEVELS)]
    # A request that waits is logged when its time limit ends.
    if errors["time"].between(*fault_window(given, PATIENCE_S)).sum() >= 3 or shows_harm(seen, during):
        return True
    fault_s = given.truth["fault_end"] - given.truth["fault_start"]
    outside_s = max(given.truth["run_end"] - given.truth["run_start"] - fault_s, 1.0)
    counts = pd.crosstab(seen["route"], during).reindex(columns=[False, True], fill_value=0)
    expected = counts[False] * fault_s / outside_s
    return bool((counts[True].eq(0) & (expected >= 5)).any())


def layer_outcome(given: Given, said: Diagnosis) -> str:
    """Return what a diagnosis says of the layer at fault; that of a control is right when none is named."""
    # Of two faults at different layers none is the layer, and the cause that is named first counts.
    named = said.extra["layer"] or (LAYER_OF[said.cause] if said.verdict == "supported" else None)
    layers = said.extra["layers"]
    left = [one["layer"] for one in layers if one["status"] != "refuted"]
    true = {LAYER_OF[cause] for cause in given.causes} - {"none"}
    if not true:
        return "accused" if named else "spared"
    if named:
        return "right" if named in true else "wrong"
    if not true & set(left) and said.verdict != "no_incident":
        return "wrong"
    return "one of two" if len(left) <= 2 else "open"


def judge(given: Given, layers: dict[str, Counter[str]], *, ablate: bool) -> tuple[list[Asked], float, bool]:
    """Print what is said of a case; return the verdicts, the seconds, and whether the window is off.

    ``layers`` counts by set what is said of the layer, of controls and of faults that leave a trace.
    """
    said, took = ask(given.case)
    errors = window_error(said, given.truth)
    late = any(error is not None and abs(error) > WINDOW_TOLERANCE_S for error in errors)
    shown = " ".join("-" if error is None else f"{error:+.1f}s" for error in errors)
    without_effect = harmless(given)
    rows = [Asked(given.part, given.name, "all", given.causes, said, without_effect)]
    layer = layer_outcome(given, said)
    if given.truth.get("fault_start") is not None and not leaves_trace(given):
        layer = "no trace"
    layers.setdefault(given.part, Counter())[layer] += 1
    print(
        f"{given.name:22s} {rows[0].outcome:5s} {'+'.join(sorted(given.causes)):15s} said {said.cause!s:15s} "
        f"{said.confidence:.2f} window {shown}{' LATE' if late else ''} {took:.2f}s"
        f"{' harmless' if without_effect else ''} layer {layer}"
    )
    for name, poorer in ablations(given.case) if ablate else ():
        rows.append(Asked(given.part, given.name, name, given.causes, ask(poorer)[0], without_effect))
        if rows[-1].outcome == "wrong":
            print(f"    {name:24s} wrong: {rows[-1].said.cause} {rows[-1].said.confidence:.2f}")
    return rows, took, late


def show_layers(part: str, counts: Counter[str]) -> None:
    """Print how often the layer was named, of the faults of a set that leave a trace in its files."""
    faults = sum(counts[name] for name in ("right", "one of two", "open", "wrong"))
    named = counts["right"] / max(faults, 1)
    either = (counts["right"] + counts["one of two"]) / max(faults, 1)
    print(
        f"layers, {part}: of {faults} faults with a trace {counts['right']} named ({named:.0%}), "
        f"{counts['one of two']} one of two ({either:.0%} in all), {counts['open']} open, "
        f"{counts['wrong']} wrong; {counts['no trace']} without a trace; "
        f"{counts['accused']} of {counts['accused'] + counts['spared']} controls accused"
    )


def main(arguments: list[str]) -> int:
    """Run the evaluation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="NAME=CASES")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--made-up", action="store_true")
    parser.add_argument(
        "--ablate", nargs="*", metavar="NAME", help="sets to take evidence from; all if none named"
    )
    parser.add_argument("--first-look", action="store_true", help="append to the first looks")
    options = parser.parse_args(arguments)
    sources = [recorded(argument, options.truth) for argument in options.cases]
    rows: list[Asked] = []
    layers: dict[str, Counter[str]] = {}
    spent, missed = [], 0
    for given in chain(*sources, made_up() if options.made_up else ()):
        ablate = options.ablate is not None and (not options.ablate or given.part in options.ablate)
        found, took, late = judge(given, layers, ablate=ablate)
        rows += found
        spent.append(took)
        missed += late
    told = [row for row in rows if not row.harmless]
    whole = [row for row in told if row.evidence == "all"]
    silent = [row for row in rows if row.harmless and row.evidence == "all"]
    calm = sum(row.said.verdict == "no_incident" for row in silent)
    print(
        f"\n{len(silent)} injected faults harmed no caller and are left out below; in {calm} of them the "
        "verdict was that nothing happened"
    )
    for part in dict.fromkeys(row.part for row in whole):
        show(f"{part}, all evidence", [row for row in whole if row.part == part])
    show("all sets, all evidence", whole)
    for part, counts in layers.items():
        show_layers(part, counts)
    print(
        f"window over {WINDOW_TOLERANCE_S:.0f} s off: {missed}; a diagnosis takes "
        f"{sum(spent) / max(len(spent), 1):.2f} s on average, {max(spent, default=0.0):.2f} s at most "
        "(reading raw evidence not counted)"
    )
    if options.ablate is not None:
        cut = [row for row in told if row.evidence != "all"]
        for part in dict.fromkeys(row.part for row in cut):
            show(f"{part}, evidence taken away", [row for row in cut if row.part == part])
        show("all sets, evidence taken away", cut)
    if options.first_look:
        record_first_looks(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
