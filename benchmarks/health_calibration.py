"""How sure a ``/health`` verdict is: the map from probability and signals to confidence, and its figures.

    python benchmarks/health_calibration.py

fits the map on the first looks in ``health_first_looks.csv`` and on the stored corpus, whose cases the rules
have seen: the looks alone are few. It writes the map with its figures into ``calibration.json`` and
``docs/generated/health-accuracy.md``. No recording is needed.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from watchme_analysis.inference.confidence import SIGNALS, confidence_at
from watchme_analysis.inference.findings import Diagnosis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.reliability import (
    EDGES,
    FirstLook,
    brier,
    confidence_points,
    read_first_looks,
    reliability,
    wilson,
)

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "watchme_analysis" / "health" / "calibration.json"
# Verdicts on recordings that the rules had not seen, as they were when first asked.
FIRST_LOOKS = Path(__file__).with_name("health_first_looks.csv")
PAGE = ROOT / "docs" / "generated" / "health-accuracy.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


@dataclass(frozen=True)
class Asked:
    """One verdict on one case.

    ``part`` is the set that the case belongs to, ``truth`` the causes that are right; ``harmless`` says that
    the injected fault harmed no caller.
    """

    part: str
    case: str
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


def decided(rows: Sequence[Asked]) -> list[tuple[float, bool]]:
    """Return confidence and whether it was right of the verdicts that name a cause or none."""
    return [(row.said.confidence, row.outcome == "right") for row in rows if row.outcome != "open"]


def show(title: str, rows: Sequence[Asked]) -> None:
    """Print counts, the reliability table and the scores of some verdicts."""
    counts = {name: sum(row.outcome == name for row in rows) for name in ("right", "open", "wrong")}
    surest = sum(row.outcome == "wrong" and row.said.confidence >= 0.9 for row in rows)
    first = sum(row.likeliest for row in rows)
    print(f"\n{title}: {len(rows)} verdicts, {counts}; the likeliest cause is right in {first}")
    print(f"  wrong at 0.9 and above: {surest} ({surest / max(len(rows), 1):.1%})")
    print("  confidence    verdicts  right  share (95 % interval)   mean confidence")
    for one in reliability(decided(rows)):
        low, high = one.interval
        print(
            f"  {one.low:.2f}-{one.high:.2f} {one.count:13d} {one.right:6d}  {one.share:.2f} "
            f"({low:.2f}-{high:.2f}) {one.mean:17.2f}"
        )
    print(f"  Brier's score of the decided: {brier(decided(rows)):.4f}")


def record_first_looks(rows: Sequence[Asked]) -> None:
    """Append verdicts to the first looks."""
    with FIRST_LOOKS.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in rows:
            if not row.harmless:
                source = row.said.extra["confidence_from"]
                confidence = f"{row.said.confidence:.4g}"
                writer.writerow(
                    [row.part, row.outcome, confidence, source["signals"], f"{source['probability']:.4g}"]
                )


def seen_looks() -> list[FirstLook]:
    """Return the decided verdicts on the stored corpus."""
    import health_corpus

    return [
        FirstLook(entry.part, said.signals, said.probability, said.confidence, outcome == "right")
        for entry, said in health_corpus.decisions(health_corpus.read_corpus())
        if (outcome := health_corpus.outcome(entry, said)) != "open" and said.verdict != "inconclusive"
    ]


def fitted() -> dict[str, Any]:
    """Return the map, and how first looks fare with it."""
    looks, rows = read_first_looks(FIRST_LOOKS), list(csv.DictReader(FIRST_LOOKS.open(encoding="utf-8")))
    points = confidence_points([*looks, *seen_looks()])
    stated = [(confidence_at(points, look.probability, look.signals), look.is_right) for look in looks]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "confidence": points,
        "edges": [list(pair) for pair in pairwise(EDGES)],
        "unseen": {
            "of": ", ".join(dict.fromkeys(row["set"] for row in rows)),
            "cases": len(rows),
            "open": len(rows) - len(looks),
            "signals": [_of_signals(key, looks, points) for key in SIGNALS],
            "bins": [_bin(one.low, one.high, one.count, one.right, one.mean) for one in reliability(stated)],
            "brier": round(brier(stated), 4),
            "brier_stated_then": round(brier([(look.confidence, look.is_right) for look in looks]), 4),
        }
        if looks
        else {},
    }


def _bin(low: float, high: float, count: int, right: int, mean: float) -> dict[str, Any]:
    interval = [round(bound, 3) for bound in wilson(right, count)]
    return {
        "low": low, "high": high, "count": count, "right": right, "mean": round(mean, 3), "interval": interval
    }  # fmt: skip


def _of_signals(key: str, looks: Iterable[FirstLook], points: Mapping[str, Any]) -> dict[str, Any]:
    mine = [look for look in looks if look.key == key]
    right = sum(look.is_right for look in mine)
    promised = sum(confidence_at(points, look.probability, look.signals) for look in mine)
    interval = [round(bound, 3) for bound in wilson(right, len(mine))]
    return {
        "signals": key, "count": len(mine), "right": right,
        "promised": round(promised / max(len(mine), 1), 3), "interval": interval,
    }  # fmt: skip


def write(found: Mapping[str, Any]) -> None:
    """Write figures into the package and the page on calibration."""
    SHIPPED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{page(found)}\n{END}{after}", encoding="utf-8")
    print(f"written: {SHIPPED} and {PAGE}", file=sys.stderr)


def page(found: Mapping[str, Any]) -> str:
    """Return the figures as Markdown."""
    first = found["unseen"]
    if not first:
        return (
            f"Fitted on {found['date']} on the stored corpus, whose cases the rules have seen: provisional."
        )
    names = first["of"].split(", ")
    lines = [
        f"Fitted on {found['date']}. {first['cases']} verdicts on recordings that the rules had not seen "
        f"({len(names)} sets, {names[0]} to {names[-1]}). {first['open']} are inconclusive; the tables count "
        "the others.",
        "",
        "| independent signals | verdicts | promised | right | 95 % interval | confidence at probability |",
        "|---|--:|--:|--:|---|---|",
        *(_row_of_signals(one, found["confidence"][one["signals"]]) for one in first["signals"]),
        "",
        "The same verdicts by confidence:",
        "",
        "| confidence | verdicts | right | share | 95 % interval | mean confidence |",
        "|---|--:|--:|--:|---|--:|",
        *(
            f"| {one['low']:.2f} to {one['high']:.2f} | {one['count']} | {one['right']} | "
            f"{one['right'] / one['count']:.2f} | {one['interval'][0]:.2f} to {one['interval'][1]:.2f} | "
            f"{one['mean']:.2f} |"
            for one in first["bins"]
        ),
        "",
        f"Brier score: {first['brier']:.4f}; {first['brier_stated_then']:.4f} with the confidence stated "
        "then, by the map of that time.",
    ]
    return "\n".join(lines)


def _row_of_signals(one: Mapping[str, Any], points: Sequence[Sequence[float]]) -> str:
    low, high = one["interval"]
    shown = ", ".join(f"{confidence:.2f} at {probability:.2f}" for probability, confidence in points)
    name = one["signals"] if one["signals"] != SIGNALS[-1] else f"{one['signals']} or more"
    return (
        f"| {name} | {one['count']} | {one['promised']:.2f} | {one['right']} | {low:.2f} to {high:.2f} | "
        f"{shown} |"
    )


if __name__ == "__main__":
    write(fitted())
