"""Fit the map from probability and signals to confidence of backlog verdicts on first looks.

    python benchmarks/backlog_calibration.py                      # fit and write the map
    python benchmarks/backlog_calibration.py SET=FOLDER...        # look at new worlds first, once

FOLDER holds ``cases`` and ``truth`` as ``backlog_accuracy.py`` reads them. A look diagnoses each case and
adds a row to ``backlog_first_looks.csv``: set, outcome (``right``, ``open`` or ``wrong``), confidence, number
of independent signals and the engine's probability. Looks count only when no rule was changed because of
these cases. The map goes into ``calibration.json`` beside the rules of the question.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.weighing import independent_signals
from watchme_analysis.services.diagnose import diagnose

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.reliability import confidence_points, read_first_looks, wilson

ROOT = Path(__file__).resolve().parent.parent
FIRST_LOOKS = Path(__file__).with_name("backlog_first_looks.csv")
SHIPPED = ROOT / "watchme_analysis" / "backlog" / "calibration.json"


def main() -> None:
    for argument in sys.argv[1:]:
        if "=" not in argument:
            raise SystemExit(__doc__)
        name, _, folder = argument.partition("=")
        _look(name, Path(folder))
    looks = read_first_looks(FIRST_LOOKS)
    points = confidence_points(looks)
    right = sum(look.is_right for look in looks)
    figures = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "looks": len(looks),
        "right": right,
        "confidence": points,
    }
    SHIPPED.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    low, high = wilson(right, len(looks))
    print(f"{right} of {len(looks)} decided verdicts were right ({low:.2f} to {high:.2f}). Map: {points}")


def _look(name: str, folder: Path) -> None:
    counts: Counter[str] = Counter()
    with FIRST_LOOKS.open("a", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        for case in sorted((folder / "cases").iterdir()):
            truth = json.loads((folder / "truth" / f"{case.name}.json").read_text(encoding="utf-8"))
            found = diagnose("backlog", open_case(str(case)))
            is_right = found.cause in truth.get("accepted", [truth["cause"]])
            outcome = "open" if found.cause is None else "right" if is_right else "wrong"
            top = found.ranking[0]
            signals = independent_signals(top.finding)
            rows.writerow((name, outcome, round(found.confidence, 4), signals, round(top.probability, 4)))
            counts[outcome] += 1
    print(name, dict(counts))


if __name__ == "__main__":
    main()
