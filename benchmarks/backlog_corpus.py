"""A corpus of backlog cases reduced to what the rules see, and how the rules do on it.

    .venv/bin/python benchmarks/backlog_corpus.py collect SET=FOLDER... --truth TRUTH
    .venv/bin/python benchmarks/backlog_corpus.py evaluate [--cases] [--corpus FILE]

``collect`` detects the signals in the cases of each folder and replaces these cases in the corpus. A line
holds all that the rules see of one case in one variant: the signals of each harmed queue (strength, rows,
effect, interval), the changes that can end a cause, and the truth. TRUTH holds one ``CASE.json`` a case.
Variants: `complete`, and the evidence that people often have alone: `metrics`, `logs` (of the functions) or
`state` (queues, functions, mappings, messages).

``evaluate`` applies the current causes, grades and links to the corpus within seconds: no case is opened.
Right: the named cause is accepted; open: none is named; wrong: another one is. Starts are right within two
metric intervals, ends where both are open or both closed.
"""

import argparse
import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from worlds.backlog_corpus import CORPUS, read, stored

from watchme_analysis.backlog.chain import observed
from watchme_analysis.backlog.context import backlog_context
from watchme_analysis.backlog.judge import judge
from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.schema import empty

VARIANTS = {
    "complete": None,
    "metrics": {"metrics", "metric_queries"},
    "logs": {"log_events", "log_queries"},
    "state": {"queues", "queue_messages", "functions", "event_source_mappings"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("collect")
    one.add_argument("cases", nargs="+", metavar="SET=FOLDER")
    one.add_argument("--truth", type=Path, required=True)
    one = commands.add_parser("evaluate")
    one.add_argument("--cases", action="store_true", help="print each case that is not right")
    options = parser.parse_args()
    if options.command == "collect":
        for entry in options.cases:
            name, _, folder = entry.partition("=")
            collect(options.corpus, name, Path(folder), options.truth)
        return
    print_figures(evaluate(read(options.corpus), show=options.cases))


def evaluate(lines, show=False):
    """Return counts by variant."""
    counts = {}
    for line, queues, undoing in lines:
        truth, found = line["truth"], judge(queues, undoing)
        of = counts.setdefault((line["set"], line["variant"]), Counter())
        mark = "open" if found.cause is None else "right" if found.cause in truth["accepted"] else "wrong"
        of.update([mark, "cases"])
        sure = found.ranking[0].probability
        of["wrong at 0.9"] += mark == "wrong" and sure >= 0.9
        if show and (mark == "wrong" or (mark == "open" and line["variant"] == "complete")):
            top = [(one.finding.cause, round(one.finding.log_odds, 1)) for one in found.ranking[:3]]
            print(mark, line["case"], line["variant"], truth["accepted"], f"{sure:.2f}", top)
        if line["variant"] == "complete" and mark == "right":
            of["secondary"] += found.secondary_cause == truth["secondary"]
            start = None if found.span is None else found.span.start.timestamp()
            known = truth["start"] is not None and start is not None
            near = known and abs(start - truth["start"]) <= 2 * truth["period"]
            near = near or (found.cause == "healthy" and truth["start"] is None)
            within = near or (known and _within(found.span, truth["start"]))
            ends = found.cause == "healthy" or (found.end is None) == (truth["end"] is None)
            of["start within two periods"] += near
            of["start within bounds"] += within
            of["open or closed"] += ends
            if show and not within and known:
                print(
                    "start", line["case"], found.cause, round((start - truth["start"]) / truth["period"], 1)
                )
            if show and found.secondary_cause != truth["secondary"]:
                print("secondary", line["case"], truth["secondary"], found.secondary_cause)
            if show and not ends:
                print("end", line["case"], found.cause, found.end, truth["end"])
    return counts


def _within(span, moment):
    return span.earliest.timestamp() <= moment <= span.latest.timestamp()


def print_figures(counts):
    for key, of in sorted(counts.items()):
        print(*key, ", ".join(f"{name} {number}" for name, number in sorted(of.items()) if number))


def collect(path, name, cases, truths):
    """Reduce the cases of a folder to what the rules see and store them in place of earlier ones."""
    kept_lines = {}
    if path.is_file():
        lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        kept_lines = {(line["case"], line["variant"]): line for line in lines}
    for folder in sorted(entry for entry in cases.iterdir() if entry.is_dir()):
        truth_file = truths / f"{folder.name}.json"
        if not truth_file.is_file():
            continue
        case, truth = open_case(folder), _truth(json.loads(truth_file.read_text(encoding="utf-8")))
        for variant, kept in VARIANTS.items():
            line = {"set": name, "case": folder.name, "variant": variant, "truth": truth}
            line |= reduced(Investigation(only(case, kept), "backlog"))
            kept_lines[folder.name, variant] = line
    path.parent.mkdir(exist_ok=True)
    text = "".join(f"{json.dumps(kept_lines[key], separators=(',', ':'))}\n" for key in sorted(kept_lines))
    path.write_text(text, encoding="utf-8")


def only(case, tables):
    """Return the case with some of its tables; all of them where None."""
    if tables is None:
        return case
    other = Case(case.path, case.manifest)
    other._frames = {name: case.table(name) if name in tables else empty(name) for name in case.tables}
    return other


def reduced(inv):
    """Return the signals and changes of an investigation as JSON, of queues that were harmed."""
    context = inv.once(backlog_context)
    queues = observed(inv, context)
    return {
        "queues": [
            {
                "queue": queue.queue,
                "period_s": queue.period_s,
                "harmed": queue.harmed,
                "signals": [stored(one) for one in queue.observations],
            }
            for place, queue in enumerate(queues)
            if queue.harmed or place == 0
        ],
        "undoing": [
            [change.time.timestamp(), queue, list(change.undoes)]
            for change in context.changes
            for queue in change.queues
            if change.undoes
        ],
    }


def _truth(truth):
    def moment(text):
        return None if text is None else datetime.fromisoformat(text).timestamp()

    return {
        "accepted": truth.get("accepted", [truth["cause"]]),
        "secondary": truth["secondary_cause"],
        "start": moment(truth["incident_start"]),
        "end": moment(truth["incident_end"]),
        "period": truth["window"]["period_s"],
    }


if __name__ == "__main__":
    main()
