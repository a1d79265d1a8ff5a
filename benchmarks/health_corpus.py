"""A corpus of `/health` cases reduced to what the inference engine sees, and how the rules do on it.

    python benchmarks/health_corpus.py collect SET[:VARIANT]=FOLDER... [--truth TRUTH] [--made-up] [--bundled]
    python benchmarks/health_corpus.py evaluate [--cases] [--ablate] [--prune] [--corpus FILE]

``collect`` detects the signals in the cases of each folder and replaces the rows of these sets in the corpus:
case, variant, truth, and one row for each observation (signal, strength, value, rows). TRUTH, or the folder
``truth``, holds one ``CASE.json`` for each case with ``cause`` and perhaps ``secondary_cause`` and
``other_causes``. ``evaluate`` applies the current causes and rules to the corpus within seconds: no case is
opened. ``--ablate`` leaves out each signal and each grade in turn and lists what its absence changes.
``--prune`` lists contradictions that can be left out together: grades below decisive in the files of causes,
whose signal was observed.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.health import judge
from watchme_analysis.health.context import health_context
from watchme_analysis.health.detection import SIGNALS, detected, health_causes
from watchme_analysis.health.diagnosis import situation
from watchme_analysis.inference.causes import Cause, layer_grades
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(__file__).resolve().parent / "corpus" / "health.csv"
COLUMNS = ("set", "case", "variant", "truth", "also", "signal", "strength", "value", "rows")
# Facts about a case that are no signals; they are stored as rows of their own.
SITUATION = ("incident", "timed", "spared", "edge_visible")
CONTROL = "none"
# Truth of a constructed case whose evidence names a layer at most.
OPEN = "open"
SURE = 0.9
# Change of a confidence that leaves a verdict as it was.
NO_CHANGE = 0.02


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
                    judge.Situation(False, False, False, edge_visible=False),
                ),
            )
            if row["signal"] in SITUATION:
                entry.situation = replace(entry.situation, **{row["signal"]: True})
            elif row["signal"] in SIGNALS:
                value = float(row["value"]) if row["value"] else None
                one = Observation(
                    row["signal"], row["signal"], "", int(row["rows"]), None, value, None,
                    float(row["strength"]),
                )  # fmt: skip
                entry.observations.append(one)
    return list(found.values())


def rows_of(
    case: Case, part: str, name: str, variant: str, truth: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the corpus rows of one case."""
    inv = Investigation(case, "health")
    also = [truth.get("also"), truth.get("secondary_cause"), *(truth.get("other_causes") or [])]
    key = {
        "set": part, "case": name, "variant": variant, "truth": truth["cause"] or CONTROL,
        "also": " ".join(dict.fromkeys(str(one) for one in also if one)),
    }  # fmt: skip
    where = situation(inv.once(health_context))
    empty = {"strength": 1, "value": "", "rows": 0}
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
            fresh += rows_of(open_case(path), part, name, variant, truth)
    if options.bundled:
        for name, cause in (("health-healthy", CONTROL), ("health-threadpool", "app_threadpool")):
            fresh += rows_of(open_case(ROOT / "data" / name), "bundled", name, "complete", {"cause": cause})
    if options.made_up:
        sys.path.insert(0, str(ROOT / "tests"))
        from worlds.health_constructed import CONSTRUCTED
        from worlds.health_scenarios import SCENARIOS

        made_up = [("made up", build, cause) for build, cause in SCENARIOS.items()]
        made_up += [("constructed", one.build, one.cause or OPEN) for one in CONSTRUCTED]
        for part, build, cause in made_up:
            fresh += rows_of(build(), part, build.__name__, "complete", {"cause": cause})
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
    if said.cause == entry.truth or (said.cause in entry.right and said.second is not None):
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
    entries = read_corpus(options.corpus)
    found = decisions(entries)
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
    if options.ablate:
        ablate(entries, found)
    if options.prune:
        left_out = prunable(entries)
        print(f"\n{len(left_out)} contradictions can be left out together:\n")
        for signal, cause, grade in left_out:
            print(f"- {signal} for {cause} ({grade})")
    return 0


@contextmanager
def using(causes: tuple[Cause, ...]) -> Iterator[None]:
    """Let all rules weigh these causes meanwhile."""
    kept = judge.health_causes
    judge.health_causes = lambda: causes  # type: ignore[assignment]
    try:
        yield
    finally:
        judge.health_causes = kept


def said_of(entry: Entry) -> tuple[object, float]:
    """Return all that a diagnosis names for an entry, and its confidence."""
    said = judge.decide(entry.observations, entry.situation)
    found = judge.layer_findings(said.ranking, entry.observations, is_incident=entry.situation.incident)
    beside = None if said.second is None else said.second.finding.cause
    status = tuple(sorted((one.layer, one.status) for one in found))
    refuted = frozenset(one.finding.cause for one in said.ranking if one.status == "refuted")
    return (said.verdict, said.cause, beside, said.secondary, status, refuted), said.confidence


def prunable(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """Return contradictions that no verdict, layer, refutation or confidence needs: signal, cause and grade.

    Each is left out together with all before it, and put back if that changes what is named or moves a
    confidence by more than :data:`NO_CHANGE`.
    """
    original = health_causes()
    having: dict[str, list[Entry]] = {}
    for entry in entries:
        for signal in {one.signal for one in entry.observations}:
            having.setdefault(signal, []).append(entry)
    before = {id(entry): said_of(entry) for entry in entries}
    current = {cause.cause: cause for cause in original}
    of_layers = {cause.cause: layer_grades("health", cause.layer) for cause in original}
    grades = sorted(
        (-cause.signals[signal].log_odds, len(having[signal]), cause.cause, signal)
        for cause in original
        for signal in cause.signals
        if signal in having
        and signal not in of_layers[cause.cause]
        and cause.signals[signal].grade in ("-weak", "-fair", "-strong")
    )
    left_out = []
    for _, _, name, signal in grades:
        cause = current[name]
        rest = {key: grade for key, grade in cause.signals.items() if key != signal}
        current[name] = replace(cause, signals=rest)
        with using(tuple(current.values())):
            is_needed = any(
                named != before[id(entry)][0] or abs(confidence - before[id(entry)][1]) > NO_CHANGE
                for entry in having[signal]
                for named, confidence in (said_of(entry),)
            )
        if is_needed:
            current[name] = cause
        else:
            left_out.append((signal, name, cause.signals[signal].grade))
    return sorted(left_out)


def ablate(entries: Sequence[Entry], found: Sequence[tuple[Entry, judge.Decision]]) -> int:
    """Print for every signal and grade which outcomes and confidences its absence changes."""
    before = [(outcome(entry, said), said.confidence) for entry, said in found]
    original = health_causes()
    counted = Counter(one.signal for entry in entries for one in entry.observations)

    def changes(causes: Any, chosen: Sequence[int]) -> tuple[int, int, int, float]:
        judge.health_causes = lambda: causes  # type: ignore[assignment]
        better = worse = 0
        most = 0.0
        for place in chosen:
            said = judge.decide(entries[place].observations, entries[place].situation)
            now = outcome(entries[place], said)
            then, confidence = before[place]
            better += now == "right" != then
            worse += then == "right" != now or (now in ("wrong", "sure") and then not in ("wrong", "sure"))
            if now == then:
                most = max(most, abs(said.confidence - confidence))
        return len(chosen), better, worse, most

    print(
        "\n| left out | observed in | better | worse | largest change of confidence |\n|---|--:|--:|--:|--:|"
    )
    for name in SIGNALS:
        having = [
            place
            for place, entry in enumerate(entries)
            if any(one.signal == name for one in entry.observations)
        ]
        without = tuple(
            replace(cause, signals={key: grade for key, grade in cause.signals.items() if key != name})
            for cause in original
        )
        _, better, worse, most = changes(without, having)
        print(f"| {name} | {counted[name]} | {better} | {worse} | {most:.2f} |")
        for cause in original:
            if name not in cause.signals or not having:
                continue
            only = tuple(
                replace(one, signals={key: grade for key, grade in one.signals.items() if key != name})
                if one is cause
                else one
                for one in original
            )
            _, better, worse, most = changes(only, having)
            grade = cause.signals[name].grade
            print(f"| - {name} for {cause.cause} ({grade}) | | {better} | {worse} | {most:.2f} |")
    judge.health_causes = lambda: original  # type: ignore[assignment]
    return 0


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
    one.add_argument("--ablate", action="store_true")
    one.add_argument("--prune", action="store_true")
    one.set_defaults(run=evaluate)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
