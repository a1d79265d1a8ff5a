"""How right the backlog diagnosis is on recorded cases whose truth is known.

    .venv/bin/python benchmarks/backlog_accuracy.py CASES TRUTH [--rows]

CASES holds one folder a case (raw or imported), TRUTH one JSON file a case of the same name. Printed are,
per case, verdict, start, dead letters, work and alarms against the truth; then the sums, and how often
verdicts of a given confidence were right. With --rows the query of every statement is run and its rows are
counted.
"""

import argparse
import json
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--rows", action="store_true", help="run the query of every statement, too")
    options = parser.parse_args()
    sums, sure = Counter(), defaultdict(list)
    for folder in sorted(path for path in options.cases.iterdir() if path.is_dir()):
        truth_file = options.truth / f"{folder.name}.json"
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
