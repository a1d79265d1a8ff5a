"""Nothing lost, nothing wrong: every cell of every row against the sidecar of a written log.

    python benchmarks/access_log_proof.py --lines 2000000

writes a log with hostile lines among ordinary ones, reads it with every engine, and compares what was read
with what was written: the rows and each of their columns, the lines rejected, and the blank ones.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
import tempfile
import time
from pathlib import Path

from watchme_analysis.access_logs.engine.engine import ENGINES

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.access_log_lines import differences, write_log


def main() -> None:
    """Write a log, and read it with every engine."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--lines", type=int, default=2_000_000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--engine", action="append", choices=ENGINES, help="Only this one; again for more.")
    options.add_argument("--log", type=Path, help="A log written before, instead of writing one.")
    asked = options.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        log = asked.log or Path(folder) / "access.log"
        if asked.log is None:
            write_log(log, asked.lines, asked.seed)
        packed = Path(folder) / "packed.log.gz"
        with log.open("rb") as plain, gzip.open(packed, "wb", 1) as target:
            shutil.copyfileobj(plain, target, 1 << 20)
        for engine in asked.engine or ENGINES[1:]:
            for path in (log, packed) if engine != "exact" else (log,):
                before = time.perf_counter()
                found = differences(path, engine, log)
                print(f"{engine:6} {path.suffix:5} {time.perf_counter() - before:7.1f} s ", end="")
                print("equal, cell by cell" if not found else f"DIFFERS: {len(found)}")
                print(*found[:20], sep="\n", end="\n" if found else "")
                wrong += len(found)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
