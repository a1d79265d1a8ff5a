"""How often the ``/health`` diagnosis is right, and how sure it is.

    python benchmarks/health_accuracy.py NAME=CASES... [--truth TRUTH] [--first-look]

CASES is a folder of folders, each a case or raw evidence, and NAME what to call them; its subfolder
``truth``, or TRUTH, holds one ``CASE.json`` for each with ``cause`` (``none`` for a healthy one), ``also``
(the second of two faults), ``fault_start``, ``fault_end`` and ``run_end`` (epoch seconds or null).
Prints a line per case and a reliability table. ``--first-look`` appends the verdicts to
``health_first_looks.csv``: once, for cases that the rules have not seen. ``health_calibration.py`` fits the
confidence on that file.
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

WINDOW_TOLERANCE_S = 10.0
# How long a caller or Nginx waits for a response in the recordings, at most.
PATIENCE_S = 12.0
ERROR_LEVELS = ("error", "crit", "alert", "emerg")
LAYER_OF = {one.cause: one.layer for one in causes("health")}


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


def judge(given: Given, layers: dict[str, Counter[str]]) -> tuple[Asked, float, bool]:
    """Print what is said of a case; return the verdict, the seconds, and whether the window is off.

    ``layers`` counts by set what is said of the layer, of controls and of faults that leave a trace.
    """
    said, took = ask(given.case)
    errors = window_error(said, given.truth)
    late = any(error is not None and abs(error) > WINDOW_TOLERANCE_S for error in errors)
    shown = " ".join("-" if error is None else f"{error:+.1f}s" for error in errors)
    without_effect = harmless(given)
    row = Asked(given.part, given.name, given.causes, said, without_effect)
    layer = layer_outcome(given, said)
    if given.truth.get("fault_start") is not None and not leaves_trace(given):
        layer = "no trace"
    layers.setdefault(given.part, Counter())[layer] += 1
    print(
        f"{given.name:22s} {row.outcome:5s} {'+'.join(sorted(given.causes)):15s} said {said.cause!s:15s} "
        f"{said.confidence:.2f} window {shown}{' LATE' if late else ''} {took:.2f}s"
        f"{' harmless' if without_effect else ''} layer {layer}"
    )
    return row, took, late


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
    parser.add_argument("--first-look", action="store_true", help="append to the first looks")
    options = parser.parse_args(arguments)
    sources = [recorded(argument, options.truth) for argument in options.cases]
    rows: list[Asked] = []
    layers: dict[str, Counter[str]] = {}
    spent, missed = [], 0
    for given in chain(*sources):
        row, took, late = judge(given, layers)
        rows.append(row)
        spent.append(took)
        missed += late
    whole = [row for row in rows if not row.harmless]
    silent = [row for row in rows if row.harmless]
    calm = sum(row.said.verdict == "no_incident" for row in silent)
    print(
        f"\n{len(silent)} injected faults harmed no caller and are left out below; in {calm} of them the "
        "verdict was that nothing happened"
    )
    for part in dict.fromkeys(row.part for row in whole):
        show(part, [row for row in whole if row.part == part])
    show("all sets", whole)
    for part, counts in layers.items():
        show_layers(part, counts)
    print(
        f"window over {WINDOW_TOLERANCE_S:.0f} s off: {missed}; a diagnosis takes "
        f"{sum(spent) / max(len(spent), 1):.2f} s on average, {max(spent, default=0.0):.2f} s at most "
        "(reading raw evidence not counted)"
    )
    if options.first_look:
        record_first_looks(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
