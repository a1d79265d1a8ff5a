"""A corpus of `/health` cases reduced to what the inference engine sees, and how the rules do on it.

    python benchmarks/health_corpus.py collect SET[:VARIANT]=FOLDER... [--truth TRUTH] [--made-up] [--bundled]
    python benchmarks/health_corpus.py evaluate [--cases] [--corpus FILE]

``collect`` detects the signals in the cases of each folder and replaces the rows of these sets in the corpus:
case, variant, truth, and one row for each observation (signal, strength, value, rows). TRUTH, or the folder
``truth``, holds one ``CASE.json`` for each case with ``cause`` and perhaps ``secondary_cause`` and
``other_causes``. ``evaluate`` applies the current causes and rules to the corpus within seconds: no case is
opened.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from watchme_analysis.case.opening import open_case
from watchme_analysis.health import judge
from watchme_analysis.health.context_builder import health_context
from watchme_analysis.health.detectors import SIGNALS, detected
from watchme_analysis.health.diagnosis import situation
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(__file__).resolve().parent / "corpus" / "health.csv"
COLUMNS = ("set", "case", "variant", "truth", "also", "signal", "strength", "share", "value", "rows")
# Facts about a case that are no signals; they are stored as rows of their own.
SITUATION = ("incident", "timed", "edge_visible")
CONTROL = "none"
# Truth of a constructed case whose evidence names a layer at most.
OPEN = "open"
SURE = 0.9


@dataclass
class Entry:
    """One case with one variant of its evidence, as the corpus holds it."""

    part: str
    case: str
    variant: str
    truth: str
    also: tuple[str, ...]
    situation: judge.Situation
    observations: list[Observation] = field(default_factory=list)

    @property
    def right(self) -> set[str]:
        """The causes that are right."""
        return {self.truth, *self.also}


def read_corpus(path: Path = CORPUS) -> list[Entry]:
    """Return the entries of a corpus."""
    found: dict[tuple[str, ...], Entry] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = row["set"], row["case"], row["variant"]
            entry = found.setdefault(
                key,
                Entry(
                    *key,
                    row["truth"],
                    tuple(row["also"].split()),
                    judge.Situation(False, False, edge_visible=False),
                ),
            )
            if row["signal"] in SITUATION:
                entry.situation = replace(entry.situation, **{row["signal"]: True})
            elif row["signal"] in SIGNALS:
                value = float(row["value"]) if row["value"] else None
                one = Observation(
                    row["signal"], row["signal"], "", int(row["rows"]), None, value, None,
                    float(row["strength"]), share=float(row["share"]),
                )  # fmt: skip
                entry.observations.append(one)
    return list(found.values())


def rows_of(
    inv: Investigation, part: str, name: str, variant: str, truth: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the corpus rows of one case."""
    also = [truth.get("also"), truth.get("secondary_cause"), *(truth.get("other_causes") or [])]
    key = {
        "set": part, "case": name, "variant": variant, "truth": truth["cause"] or CONTROL,
        "also": " ".join(dict.fromkeys(str(one) for one in also if one)),
    }  # fmt: skip
    where = situation(inv.once(health_context))
    empty = {"strength": 1, "share": 1, "value": "", "rows": 0}
    # A case of which nothing holds still needs a row.
    yield key | empty | {"signal": "case"}
    for flag in SITUATION:
        if getattr(where, flag):
            yield key | empty | {"signal": flag}
    for one in inv.once(detected):
        value = "" if one.effect is None else f"{float(one.effect):.4g}"
        yield key | {
            "signal": one.signal,
            "strength": f"{one.strength:.3g}",
            "share": f"{one.share:.3g}",
            "value": value,
            "rows": int(one.rows),
        }


def recorded(argument: str, truths: Path | None) -> Iterator[tuple[str, str, str, Path, dict[str, Any]]]:
    """Yield set, case, variant, folder and truth of the cases of ``SET[:VARIANT]=FOLDER``."""
    label, _, folder = argument.partition("=")
    part, _, variant = label.partition(":")
    home = Path(folder)
    truth_home = truths if truths is not None else home / "truth"
    for path in sorted(home.iterdir()):
        truth = truth_home / f"{path.name}.json"
        if path.is_dir() and truth.is_file():
            yield part, path.name, variant or "complete", path, json.loads(truth.read_text(encoding="utf-8"))


def collect(options: argparse.Namespace) -> int:
    """Replace rows in the corpus by those of the cases named."""
    fresh: list[dict[str, Any]] = []
    for argument in options.cases:
        for part, name, variant, path, truth in recorded(argument, options.truth):
            fresh += rows_of(Investigation(open_case(path), "health"), part, name, variant, truth)
    if options.bundled:
        for name, cause in (("health-healthy", CONTROL), ("health-threadpool", "app_threadpool")):
            inv = Investigation(open_case(ROOT / "data" / name), "health")
            fresh += rows_of(inv, "bundled", name, "complete", {"cause": cause})
    if options.made_up:
        sys.path.insert(0, str(ROOT / "tests"))
        from worlds.health_constructed import CONSTRUCTED
        from worlds.health_scenarios import SCENARIOS

        made_up = [("made up", build, cause) for build, cause in SCENARIOS.items()]
        made_up += [("constructed", one.build, one.cause or OPEN) for one in CONSTRUCTED]
        for part, build, cause in made_up:
            inv = Investigation(build(), "health")
            fresh += rows_of(inv, part, build.__name__, "complete", {"cause": cause})
    kept: list[dict[str, Any]] = []
    replaced = {(row["set"], row["variant"]) for row in fresh}
    if options.corpus.is_file():
        with options.corpus.open(encoding="utf-8", newline="") as file:
            kept = [row for row in csv.DictReader(file) if (row["set"], row["variant"]) not in replaced]
    rows = sorted(kept + fresh, key=lambda row: (row["set"], row["variant"], row["case"]))
    with options.corpus.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(fresh)} rows written to {options.corpus}, {len(rows)} in all", file=sys.stderr)
    return 0


def outcome(entry: Entry, said: judge.Decision) -> str:
    """Return ``right``, ``open``, ``wrong``, ``sure`` (wrong at 0.9 and above) or ``missed``."""
    if said.verdict == {CONTROL: "no_incident", OPEN: "inconclusive"}.get(entry.truth):
        return "right"
    if entry.truth == CONTROL:
        return "open" if said.verdict == "inconclusive" else "sure" if said.confidence >= SURE else "wrong"
    if said.verdict == "inconclusive":
        return "open"
    if said.verdict == "no_incident":
        return "missed"
    if said.cause == entry.truth or (said.cause in entry.right and said.other is not None):
        return "right"
    return "sure" if said.confidence >= SURE else "wrong"


def decisions(entries: Sequence[Entry]) -> list[tuple[Entry, judge.Decision]]:
    """Return the verdict on every entry by the current rules."""
    return [(entry, judge.decide(entry.observations, entry.situation)) for entry in entries]


def table(found: Sequence[tuple[Entry, judge.Decision]]) -> dict[tuple[str, str], Counter[str]]:
    """Return counts of outcomes by set and variant."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for entry, said in found:
        mine = counts.setdefault((entry.part, entry.variant), Counter())
        mine["cases"] += 1
        mine[outcome(entry, said)] += 1
        mine["accused"] += entry.truth == CONTROL and said.verdict == "supported"
    return counts


def show(counts: dict[tuple[str, str], Counter[str]]) -> None:
    """Print counts of outcomes as Markdown."""
    names = ("cases", "right", "open", "wrong", "sure", "missed", "accused")
    print("| set | variant | cases | right | open | wrong | wrong >= 0.9 | no incident | controls accused |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for (part, variant), mine in sorted(counts.items()):
        print(f"| {part} | {variant} | " + " | ".join(str(mine[name]) for name in names) + " |")


def evaluate(options: argparse.Namespace) -> int:
    """Print how the current rules do on the corpus."""
    found = decisions(read_corpus(options.corpus))
    if options.cases:
        for entry, said in found:
            first, second = said.ranking[:2]
            print(
                f"{entry.part:10s} {entry.variant:10s} {entry.case:28s} {outcome(entry, said):6s} "
                f"{entry.truth:15s} said {said.cause!s:15s} {said.confidence:.2f}  "
                f"{first.finding.cause} {first.finding.log_odds:+.1f}, "
                f"{second.finding.cause} {second.finding.log_odds:+.1f}"
            )
    show(table(found))
    return 0


def said_of(entry: Entry) -> tuple[object, float]:
    """Return all that a diagnosis names for an entry, and its confidence."""
    said = judge.decide(entry.observations, entry.situation)
    found = judge.layer_findings(said, entry.observations, is_incident=entry.situation.incident)
    status = tuple(sorted((one.layer, one.status) for one in found))
    refuted = frozenset(one.finding.cause for one in said.ranking if one.status == "refuted")
    return (said.verdict, said.cause, said.other, said.secondary, status, refuted), said.confidence


def main(arguments: list[str]) -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("collect")
    one.add_argument("cases", nargs="*", metavar="SET[:VARIANT]=FOLDER")
    one.add_argument("--truth", type=Path)
    one.add_argument("--made-up", action="store_true")
    one.add_argument("--bundled", action="store_true")
    one.set_defaults(run=collect)
    one = commands.add_parser("evaluate")
    one.add_argument("--cases", action="store_true")
    one.set_defaults(run=evaluate)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
