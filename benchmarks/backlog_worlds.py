"""Write made-up worlds with one fault each, or none, and their truth, for `backlog_accuracy.py`.

    .venv/bin/python benchmarks/backlog_worlds.py FOLDER FIRST_SEED NUMBER
    .venv/bin/python benchmarks/backlog_worlds.py FOLDER FIRST_SEED --situations

FOLDER/cases and FOLDER/truth are what `backlog_accuracy.py` asks for. Seeds 0 to 99 and the hundreds
from 200000, 300000, 400000 to 470000, 550000 to 566000, 600000 to 605000, 610000 to 633030, 700100 to 700378,
720000 to 723099 have been looked at; for a measure that is held out take others, and look at it once. With
--half-hourly a NUMBER of worlds has the rhythm of devices that all send together every half hour.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from worlds.backlog_draws import make
from worlds.backlog_situations import situations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("number", type=int, nargs="?", default=0)
    parser.add_argument("--situations", action="store_true", help="one world for each that people meet")
    parser.add_argument(
        "--half-hourly",
        action="store_true",
        help="let all devices send together every half hour, and nobody else",
    )
    options = parser.parse_args()
    (options.folder / "truth").mkdir(parents=True, exist_ok=True)
    plan = list(situations()) if options.situations else [("", None, None, None)] * options.number
    for seed, (kind, cause, accepted, twist) in enumerate(plan, options.first):
        name = f"w{seed:06d}{kind and '-'}{kind}"
        truth = make(seed, options.folder / "cases" / name, cause, twist, options.half_hourly)
        truth["accepted"] = accepted or [truth["cause"]]
        (options.folder / "truth" / f"{name}.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")
        print(name, truth["cause"])


if __name__ == "__main__":
    main()
