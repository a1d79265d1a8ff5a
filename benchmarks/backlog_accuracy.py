"""How right the backlog diagnosis is on cases whose truth is known: recorded ones, or made-up worlds.

    .venv/bin/python benchmarks/run.py backlog FOLDER [--rows]
    .venv/bin/python benchmarks/run.py backlog FOLDER --first SEED [--number N | --situations]

FOLDER/cases holds one folder a case (raw or imported), FOLDER/truth one JSON file a case of the same name.
``--first`` writes worlds with one fault each, or none, into FOLDER before. Printed are, per case, verdict,
start, dead letters, work and alarms against the truth; then the sums, and how often verdicts of a given
confidence were right. With --rows the query of every statement is run and its rows are counted.

Seeds 0 to 99 and the hundreds from 200000, 300000, 400000 to 470000, 550000 to 566000, 600000 to 605000,
610000 to 633030, 700100 to 700378, 720000 to 723099 have been looked at; for a measure that is held out take
others, and look at it once. With --half-hourly a NUMBER of worlds has the rhythm of devices that all send
together every half hour.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.backlog_draws import make
from worlds.backlog_situations import situations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, help="seed of the first world to write")
    parser.add_argument("--number", type=int, default=100, help="worlds to write")
    parser.add_argument("--situations", action="store_true", help="one world for each that people meet")
    parser.add_argument("--half-hourly", action="store_true", help="let all devices send every half hour")
    parser.add_argument("--rows", action="store_true", help="run the query of every statement, too")
    options = parser.parse_args()
    if options.first is not None:
        write_worlds(options)
    cases, truths = options.folder / "cases", options.folder / "truth"
    sums, sure = Counter(), defaultdict(list)
    for folder in sorted(path for path in cases.iterdir() if path.is_dir()):
        truth_file = truths / f"{folder.name}.json"
        if not truth_file.is_file():
            continue
        truth = json.loads(truth_file.read_text(encoding="utf-8"))
        case = open_case(folder)
        found = diagnose(Investigation(case, "backlog"))
        marks = compare(found, truth)
        sums.update({name: mark for name, mark in marks.items() if isinstance(mark, bool)})
        sums["cases"] += 1
        sure[round(found.confidence, 1)].append(marks["cause"])
        print(
            folder.name, found.verdict, found.cause, found.secondary_cause, f"{found.confidence:.2f}", marks
        )
        if options.rows:
            stated = [item for entry in found.ranking for item in entry.finding.evidence]
            sums["statements"] += len(stated)
            sums["statements that give their rows"] += sum(
                len(case.sql(item.sql)) == item.rows for item in stated
            )
    print("\n".join(f"{name}: {number} of {sums['cases']}" for name, number in sorted(sums.items())))
    for level, rights in sorted(sure.items()):
        print(f"confidence {level:.1f}: {sum(rights)} of {len(rights)} right")


def write_worlds(options):
    """Write made-up worlds and their truth."""
    (options.folder / "truth").mkdir(parents=True, exist_ok=True)
    plan = list(situations()) if options.situations else [("", None, None, None)] * options.number
    for seed, (kind, cause, accepted, twist) in enumerate(plan, options.first):
        name = f"w{seed:06d}{kind and '-'}{kind}"
        truth = make(seed, options.folder / "cases" / name, cause, twist, options.half_hourly)
        truth["accepted"] = accepted or [truth["cause"]]
        (options.folder / "truth" / f"{name}.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")


def compare(found, truth):
    """Return what agrees: True or False, and minutes for times."""
    extra = found.extra
    start = None if truth["incident_start"] is None else datetime.fromisoformat(truth["incident_start"])
    minutes = (found.incident_start - start).total_seconds() / 60 if start and found.incident_start else None
    bound = 2 * truth["window"]["period_s"] / 60
    alarms = [
        (item["first"] and datetime.fromisoformat(item["first"]))
        == ((known := truth["first_alarm"][item["alarm"]]["by_resource"][item["resource"]]["first"])
            and datetime.fromisoformat(known))
        for item in (extra["alarms"] if "first_alarm" in truth else ())
    ]  # fmt: skip
    told = (extra["incident_start_earliest"], extra["incident_start_latest"])
    early, late = (moment and datetime.fromisoformat(moment) for moment in told)
    near = start is None or (minutes is not None and abs(minutes) <= bound)
    return {
        "cause": found.cause in truth.get("accepted", [truth["cause"]]),
        "secondary": found.secondary_cause == truth["secondary_cause"],
        "start within two periods": near,
        "start bracketed": near or (early is not None and early <= start <= late),
        "start error min": minutes,
        "open or closed": (found.incident_end is None) == (truth["incident_end"] is None),
        "queues": extra["queues"] == sorted(truth["queues_affected"]),
        "change": (extra["change"] or {}).get("event_name") in [*truth["change_event_names"], None]
        and bool(extra["change"]) == bool(truth["change_event_names"]),
        "dead letters": extra["dead_letters"] == truth["messages_lost_to_dlq"],
        "lost": extra["lost"] == truth["messages_expired"] + truth["dlq_messages_purged"],
        "dead-lettered work": _days(extra["dead_lettered_work"]) == _days(truth["dead_lettered_work"]),
        "missed work": _days(extra["missed_work"]) == _days(truth["missed_work"]),
        "alarms": all(alarms),
    }


def _days(work):
    """Return items and local dates of work: recorded truths state no moments."""
    return None if work is None else {(item, when[:10]) for item, when in work}


if __name__ == "__main__":
    main()
