"""Nothing lost, nothing wrong: every cell of every row against the sidecar of a written log.

    python benchmarks/access_log_proof.py --lines 2000000

writes a log with hostile lines among ordinary ones, reads it with every engine, and compares what was read
with what was written: the rows and each of their columns, the lines rejected, and the blank ones.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.logs import AccessScan, LogOptions

if TYPE_CHECKING:
    import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))
from worlds.access_log_lines import FORMAT, write_log


def differences(log: Path, engine: str, truth: Path | None = None) -> list[str]:
    """Return what an engine reads otherwise than it was written, a sentence each; none when all is well.

    Parameters
    ----------
    log
        Written by :func:`access_log_lines.write_log`, or a packed copy of such.
    engine
        Engine to read with.
    truth
        The log beside which the sidecar lies, where it is another.
    """
    import pyarrow.parquet as pq

    sidecar = truth or log
    written = pq.read_table(sidecar.with_suffix(".truth.parquet"), memory_map=True)
    counts = json.loads(sidecar.with_suffix(".truth.json").read_text(encoding="utf-8"))
    scan = AccessScan([log], LogOptions(FORMAT, engine=engine))
    found: list[str] = []
    rows = 0
    for chunk in scan:
        found += _cells(chunk.table, written.slice(rows, len(chunk.table)))
        rows += len(chunk.table)
    (account,) = scan.retrievals
    rejected = [one.line for one in account.rejected]
    # The first lines rejected are kept, and the others counted.
    refused = account.rejected_lines
    told = {
        "rows": (rows, len(written)),
        "lines": (account.lines, counts["lines"]),
        "blank lines": (account.blank_lines, len(counts["blank"])),
        "rejected lines": (refused, len(counts["rejected"])),
        "numbers of rejected lines": (rejected, counts["rejected"][: len(rejected)]),
    }
    return found + [f"{name}: {a}, written {b}" for name, (a, b) in told.items() if a != b]


def _cells(table: pa.Table, written: pa.Table) -> list[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for name in written.column_names:
        column, truth = table[name], written[name]
        if name == "time":
            column = pc.cast(column, pa.timestamp("ms", "UTC")).cast(pa.int64())
        if len(column) == len(truth) and column.cast(truth.type).equals(truth):
            continue
        pairs = zip(table["line"].to_pylist(), column.to_pylist(), truth.to_pylist(), strict=False)
        wrong = [one for one in pairs if one[1] != one[2]]
        for line, is_, should in wrong[:3]:
            found.append(f"line {line}: {name} is {is_!r}, written {should!r}")
    return found


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
