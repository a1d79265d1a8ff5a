"""Figures of the ``/health`` diagnosis' calibration: what is printed, and what ships with the package.

    python benchmarks/health_calibration.py

fits the maps from probability to confidence, one for each route to a verdict, on the first looks in
``health_first_looks.csv``. It writes them with their figures into ``calibration.json`` and
``docs/calibration.md``; figures of other sets stay as ``health_accuracy.py --ship`` wrote them. No recording
is needed.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from watchme_analysis.health.detection import health_causes
from watchme_analysis.inference.confidence import ROUTES, mapped
from watchme_analysis.inference.findings import Diagnosis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.reliability import (
    EDGES,
    Bin,
    FirstLook,
    Weighed,
    brier,
    confidence_map,
    left_out,
    read_first_looks,
    reliability,
    wilson,
)

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "watchme_analysis" / "health" / "calibration.json"
# Verdicts on recordings that the rules had not seen, as they were when first asked; the rules went on since.
FIRST_LOOKS = Path(__file__).with_name("health_first_looks.csv")
PAGE = ROOT / "docs" / "calibration.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


@dataclass(frozen=True)
class Asked:
    """One verdict on one case with some of its evidence.

    ``part`` is the set that the case belongs to, ``evidence`` what was left of it (``all``), ``truth`` the
    causes that are right; ``harmless`` says that the injected fault harmed no caller.
    """

    part: str
    case: str
    evidence: str
    truth: frozenset[str]
    said: Diagnosis
    harmless: bool = False

    @property
    def outcome(self) -> str:
        """``right``, ``open`` (inconclusive) or ``wrong``."""
        if self.said.verdict == "inconclusive":
            return "open"
        return "right" if self.said.cause in self.truth else "wrong"

    @property
    def likeliest(self) -> bool:
        """Whether the cause ranked first is right, decided or not."""
        return self.said.ranking[0].finding.cause in self.truth

    def weighed(self) -> Weighed:
        """Return the case as its causes were weighed."""
        odds = {entry.finding.cause: entry.finding.log_odds for entry in self.said.ranking}
        priors = {entry.cause: entry.prior for entry in health_causes()}
        return Weighed(f"{self.part}/{self.case}", self.truth, odds, priors)


def decided(rows: Sequence[Asked]) -> list[tuple[float, bool]]:
    """Return confidence and whether it was right of the verdicts that name a cause or none."""
    return [(row.said.confidence, row.outcome == "right") for row in rows if row.outcome != "open"]


def show(title: str, rows: Sequence[Asked]) -> None:
    """Print counts, the reliability table and the scores of some verdicts."""
    counts = {name: sum(row.outcome == name for row in rows) for name in ("right", "open", "wrong")}
    sure = sum(row.outcome == "wrong" and row.said.confidence >= 0.7 for row in rows)
    surest = sum(row.outcome == "wrong" and row.said.confidence >= 0.9 for row in rows)
    first = sum(row.likeliest for row in rows)
    print(f"\n{title}: {len(rows)} verdicts, {counts}; the likeliest cause is right in {first}")
    print(f"  wrong at 0.7 and above: {sure} ({sure / max(len(rows), 1):.1%}), at 0.9 and above: {surest}")
    print("  confidence    verdicts  right  share (95 % interval)   mean confidence")
    for one in reliability(decided(rows)):
        low, high = one.interval
        print(
            f"  {one.low:.2f}-{one.high:.2f} {one.count:13d} {one.right:6d}  {one.share:.2f} "
            f"({low:.2f}-{high:.2f}) {one.mean:17.2f}"
        )
    print(f"  Brier's score of the decided: {brier(decided(rows)):.4f}")


def show_left_out(rows: Sequence[Asked]) -> dict[str, Any]:
    """Print and return what a factor of all weights, fitted without a case, makes of that case."""
    cases = [row.weighed() for row in rows]
    scales = left_out(cases)
    as_is, fitted = [], []
    for case in cases:
        for found, scale in ((as_is, 1.0), (fitted, scales[case.group])):
            chances = case.probabilities(scale)
            top = max(chances, key=lambda cause: chances[cause])
            found.append((chances[top], top in case.truth))
    spread = (min(scales.values()), max(scales.values()))
    print(
        f"\ncross-validated over {len(scales)} cases: the factor of all weights that fits the other cases "
        f"best is {spread[0]:g} to {spread[1]:g}; Brier's score of the likeliest cause is "
        f"{brier(as_is):.4f} with the weights as they are, {brier(fitted):.4f} with the factor fitted "
        "without the case"
    )
    return {"factor": spread, "brier": round(brier(as_is), 4), "brier_fitted": round(brier(fitted), 4)}


def _bin(one: Bin) -> dict[str, Any]:
    low, high = one.interval
    return {
        "low": one.low, "high": one.high, "count": one.count, "right": one.right,
        "mean": round(one.mean, 3), "interval": [round(low, 3), round(high, 3)],
    }  # fmt: skip


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def fitted(looks: Sequence[FirstLook]) -> dict[str, list[list[float]]]:
    """Return the points of the confidence map of each route."""
    return {
        route: confidence_map((look.probability, look.is_right) for look in looks if look.route == route)
        for route in ROUTES
    }


def unseen_set(looks: Sequence[FirstLook]) -> list[tuple[float, bool]]:
    """Return confidence and outcome of each look, by maps fitted without the set that it belongs to."""
    found = []
    for part in dict.fromkeys(look.part for look in looks):
        maps = fitted([look for look in looks if look.part != part])
        mine = [look for look in looks if look.part == part]
        found += [(mapped(look.probability, maps[look.route]), look.is_right) for look in mine]
    return found


def unseen() -> dict[str, Any]:
    """Return the maps fitted on first looks, and the figures of these by route and by confidence."""
    with FIRST_LOOKS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    looks = read_first_looks(FIRST_LOOKS)
    maps = fitted(looks)
    stated = [(mapped(look.probability, maps[look.route]), look.is_right) for look in looks]
    routes = []
    for route in ROUTES:
        mine = [one for one, look in zip(stated, looks, strict=True) if look.route == route]
        right = sum(is_right for _, is_right in mine)
        promised = sum(confidence for confidence, _ in mine) / len(mine)
        interval = [round(bound, 3) for bound in wilson(right, len(mine))]
        routes.append(
            {
                "route": route, "count": len(mine), "right": right, "promised": round(promised, 3),
                "interval": interval,
            }
        )  # fmt: skip
    return {
        "confidence": maps,
        "unseen": {
            "date": _today(),
            "of": ", ".join(dict.fromkeys(row["set"] for row in rows)),
            "cases": len(rows),
            "open": len(rows) - len(stated),
            "routes": routes,
            "bins": [_bin(one) for one in reliability(stated)],
            "brier": round(brier(stated), 4),
            "brier_stated_then": round(brier([(look.confidence, look.is_right) for look in looks]), 4),
            "brier_without_own_set": round(brier(unseen_set(looks)), 4),
        },
    }


def record_first_looks(rows: Sequence[Asked]) -> None:
    """Append the verdicts on cases with their whole evidence to the first looks."""
    with FIRST_LOOKS.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in rows:
            if row.evidence == "all" and not row.harmless:
                source = row.said.extra["confidence_from"]
                writer.writerow(
                    [
                        row.part, row.outcome, f"{row.said.confidence:.4g}", source["route"] or "",
                        f"{source['probability']:.4g}",
                    ]
                )  # fmt: skip


def ship(rows: Sequence[Asked], about: dict[str, str], crossed: dict[str, Any]) -> None:
    """Write the figures that reports quote, and say where they are."""
    whole = [row for row in rows if row.evidence == "all" and not row.harmless]
    cut = [row for row in rows if row.evidence != "all" and not row.harmless]
    silent = [row for row in rows if row.evidence == "all" and row.harmless]
    sets = []
    for part in dict.fromkeys(row.part for row in whole):
        mine = [row for row in whole if row.part == part]
        counts = {name: sum(row.outcome == name for row in mine) for name in ("right", "open", "wrong")}
        sets.append({"name": part, "what": about.get(part, ""), "cases": len(mine), **counts})
    found = {
        "date": _today(),
        "sets": sets,
        "harmless": {
            "cases": len(silent),
            "no_incident": sum(row.said.verdict == "no_incident" for row in silent),
        },
        "edges": [list(pair) for pair in pairwise(EDGES)],
        **unseen(),
        "bins": [_bin(one) for one in reliability(decided(whole))],
        "brier": round(brier(decided(whole)), 4),
        "cross_validated": crossed,
        "evidence_taken_away": {
            "of": ", ".join(dict.fromkeys(row.part for row in cut)),
            "verdicts": len(cut),
            "wrong_from_0.7": sum(row.outcome == "wrong" and row.said.confidence >= 0.7 for row in cut),
            "open": sum(row.outcome == "open" for row in cut),
            "bins": [_bin(one) for one in reliability(decided(cut))],
            "brier": round(brier(decided(cut)), 4) if decided(cut) else None,
        },
    }
    write(found)


def write(found: Mapping[str, Any]) -> None:
    """Write figures into the package and the page on calibration."""
    SHIPPED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page(found)}\n{END}{after}", encoding="utf-8")
    print(f"\nwritten: {SHIPPED} and {PAGE}", file=sys.stderr)


def page(found: Mapping[str, Any]) -> str:
    """Return the figures as Markdown: first looks, then all sets with the current rules."""
    first, cut, crossed = found["unseen"], found["evidence_taken_away"], found["cross_validated"]
    names, (low, high) = first["of"].split(", "), crossed["factor"]
    sets = [
        f"| {part['name']} | {part['cases']} | {part['right']} | {part['wrong']} | {part['open']} |"
        for part in found["sets"]
    ]
    lines = [
        "### First looks, and the confidence fitted on them",
        "",
        f"Fitted on {first['date']}. {first['cases']} verdicts on recordings that the rules had not seen "
        f"({len(names)} sets, {names[0]} to {names[-1]}). {first['open']} are inconclusive; the tables count "
        "the others.",
        "",
        "| route | verdicts | promised | right | share | 95 % interval | confidence at probability |",
        "|---|--:|--:|--:|--:|---|---|",
        *(_route(one, found["confidence"][one["route"]]) for one in first["routes"]),
        "",
        "The same verdicts by confidence:",
        "",
        *_bins(first["bins"]),
        "",
        f"Brier score: {first['brier']:.4f}; {first['brier_without_own_set']:.4f} if each set is judged by "
        f"maps fitted on the other sets; {first['brier_stated_then']:.4f} with the confidence stated at the "
        "time.",
        "",
        "### All sets with the current rules",
        "",
        f"Measured on {found['date']}. The rules have seen these cases, so the figures show what was "
        "learned, not what to expect.",
        "",
        "| set | cases | right | wrong | inconclusive |",
        "|---|--:|--:|--:|--:|",
        *sets,
        "",
        f"Injected faults that harmed no request are not counted ({found['harmless']['cases']} here). Brier "
        f"score of the decided verdicts: {found['brier']:.4f}. The factor on all weights that fits the other "
        f"cases best is {low:g} to {high:g} (cross-validated; 1 means that the weights are neither too bold "
        "nor too cautious).",
    ]
    if cut["verdicts"]:
        wrong = cut["wrong_from_0.7"]
        lines += [
            "",
            f"With tables removed ({cut['of']}): {cut['verdicts']} verdicts, {cut['open']} inconclusive, "
            f"{wrong} wrong with a confidence of 0.7 or more ({wrong / cut['verdicts']:.1%}).",
        ]
    return "\n".join(lines)


def _route(one: Mapping[str, Any], points: Sequence[Sequence[float]]) -> str:
    low, high = one["interval"]
    shown = ", ".join(f"{confidence:.2f} at {probability:.2f}" for probability, confidence in points)
    return (
        f"| `{one['route']}` | {one['count']} | {one['promised']:.2f} | {one['right']} | "
        f"{one['right'] / one['count']:.2f} | {low:.2f} to {high:.2f} | {shown} |"
    )


def _bins(bins: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        f"| {one['low']:.2f} to {one['high']:.2f} | {one['count']} | {one['right']} | "
        f"{one['right'] / one['count']:.2f} | {one['interval'][0]:.2f} to {one['interval'][1]:.2f} | "
        f"{one['mean']:.2f} |"
        for one in bins
    ]
    head = "| confidence | verdicts | right | share | 95 % interval | mean confidence |"
    return [head, "|---|--:|--:|--:|---|--:|", *rows]


def main() -> int:
    """Fit the maps on the first looks anew; keep the other figures."""
    found = json.loads(SHIPPED.read_text(encoding="utf-8"))
    write({**found, **unseen()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
