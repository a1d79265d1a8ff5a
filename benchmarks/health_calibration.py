"""Figures of the ``/health`` diagnosis' calibration: what is printed, and what ships with the package."""

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

from watchme_analysis.health.hypotheses.decision import CEILING
from watchme_analysis.health.hypotheses.signals import health_causes
from watchme_analysis.inference.findings import Diagnosis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.reliability import EDGES, Bin, Weighed, brier, left_out, reliability

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "watchme_analysis" / "health" / "hypotheses" / "calibration.json"
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
            found.append((min(chances[top], CEILING), top in case.truth))
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


def unseen() -> dict[str, Any]:
    """Return the figures of first looks: how many verdicts, how many left open, and bins of the others."""
    with FIRST_LOOKS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    told = [(float(row["confidence"]), row["outcome"] == "right") for row in rows if row["outcome"] != "open"]
    return {
        "of": ", ".join(dict.fromkeys(row["set"] for row in rows)),
        "cases": len(rows),
        "open": len(rows) - len(told),
        "bins": [_bin(one) for one in reliability(told)],
        "brier": round(brier(told), 4),
    }


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
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "sets": sets,
        "harmless": {
            "cases": len(silent),
            "no_incident": sum(row.said.verdict == "no_incident" for row in silent),
        },
        "edges": [list(pair) for pair in pairwise(EDGES)],
        "unseen": unseen(),
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
        f"Measured on {found['date']}.",
        "",
        "### First looks",
        "",
        f"{first['cases']} verdicts on recordings that the rules had not seen ({len(names)} sets, {names[0]} "
        f"to {names[-1]}). {first['open']} are inconclusive; the table counts the others. Brier score: "
        f"{first['brier']:.4f}.",
        "",
        *_bins(first["bins"]),
        "",
        "### All sets with the current rules",
        "",
        "The rules have seen these cases, so the figures show what was learned, not what to expect.",
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


def _bins(bins: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        f"| {one['low']:.2f} to {one['high']:.2f} | {one['count']} | {one['right']} | "
        f"{one['right'] / one['count']:.2f} | {one['interval'][0]:.2f} to {one['interval'][1]:.2f} | "
        f"{one['mean']:.2f} |"
        for one in bins
    ]
    head = "| confidence | verdicts | right | share | 95 % interval | mean confidence |"
    return [head, "|---|--:|--:|--:|---|--:|", *rows]
