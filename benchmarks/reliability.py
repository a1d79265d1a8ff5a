"""Measure memory and time for evidence that is made to exhaust both, such as decompression bombs.

    .venv/bin/python benchmarks/reliability.py [--mib N]
    .venv/bin/python benchmarks/reliability.py --kills 200 [--seed S]

Each attack is a file in a temporary folder, and each command reads it in a process of its own. The table
states the stored and the unpacked size, the largest resident memory of the process, the time on the clock,
and the limits (`watchme_analysis/limits.py`) by which the loss is reported. The first row is a small harmless
log. Sizes are a tenth of those of the known attacks unless ``--mib 10240`` is given.

With ``--kills``, runs that deliver and remedies are killed at random moments instead: see
`benchmarks/delivery_kills.py` and `benchmarks/remedy_kills.py`.
"""

from __future__ import annotations

import argparse
import bz2
import json
import lzma
import os
import random
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MIB = 1 << 20
LINE = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health HTTP/1.1" 200 15 "-" "curl"\n'
CHILD = """
import json, resource, sys
from unittest import mock
from watchme_analysis.cli import main
code = 0
try:
    with mock.patch.object(sys, "argv", ["watchme", *json.loads(sys.argv[1])]):
        main()
except SystemExit as end:
    code = end.code or 0
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("PEAK", peak, file=sys.stderr)
sys.exit(code)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024, help="unpacked size of the largest bomb")
    parser.add_argument("--kills", type=int, help="kill deliveries and each remedy so many times instead")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first kill")
    options = parser.parse_args()
    if options.kills is not None:
        from delivery_kills import kills
        from remedy_kills import REMEDIES, kill_remedies

        print("deliveries:", kills(options.kills, random.Random(options.seed)), flush=True)
        sys.exit(kill_remedies(REMEDIES, options.kills, options.seed))
    mib = options.mib
    heads = f"{'command':7} {'file':15} {'attack':26} {'stored':>9} {'unpacked':>9}"
    print(f"{heads} {'memory':>9} {'time':>7}  reported")
    with tempfile.TemporaryDirectory() as folder:
        for command, name, what, content, unpacked in attacks(mib):
            place = Path(folder, f"{command}-{name}-{what.replace(' ', '-')}".replace("/", "-"))
            place.mkdir()
            path = place / name
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                for piece in content():
                    file.write(piece)
            (place / "probes.csv").write_text(
                "timestamp,vantage,path,status,seconds\n1765415400,host,/,200,0.1\n"
            )
            words = ["access", str(path), "--json"] if command == "access" else ["case", "import", str(place)]
            words += [] if command == "access" else [str(place.with_name(f"{place.name}-case"))]
            peak_mib, seconds, reported = measured(words, Path(folder))
            stored = path.stat().st_size
            path.unlink()
            print(
                f"{command:7} {name:15} {what:26} {size(stored):>9} {size(unpacked):>9} {peak_mib:5.0f} MiB "
                f"{seconds:5.1f} s  {reported}",
                flush=True,
            )


def size(count: int) -> str:
    """Return a number of bytes in a readable unit."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", MIB), ("kiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def measured(words: list[str], folder: Path) -> tuple[float, float, str]:
    """Return the peak memory in MiB and the seconds of a command, and the first sentence on a limit."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(words)],
        cwd=folder, capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    peak_kib = float(done.stderr.rpartition("PEAK ")[2].split()[0])
    text = done.stdout + done.stderr
    if words[0] == "case" and done.returncode == 0:
        text += json.dumps(json.loads(Path(words[3], "manifest.json").read_text()))
        text += rejected_reasons(Path(words[3]))
    # Each sentence that names a limit also names its variable.
    found = [key for key in LIMITS if f"WATCHME_LIMIT_{key.upper()}" in text]
    if found:
        reported = f"limit {', '.join(found)}"
    elif "its content is not" in " ".join(text.split()):
        reported = "not of the reader"
    else:
        reported = f"exit {done.returncode}"
    return peak_kib / 1024, seconds, "TRACEBACK" if "Traceback" in text else reported


LIMITS = (
    "file_mib", "unpacked_times", "line_mib", "rejected_lines", "lines", "settings", "nesting",
    "expression_chars", "file_s",
)  # fmt: skip


def rejected_reasons(case: Path) -> str:
    """Return the reasons of the rejected lines of a case."""
    import pyarrow.parquet as pq

    path = case / "tables" / "rejected_lines.parquet"
    return " ".join(pq.read_table(path)["reason"].to_pylist()) if path.exists() else ""


Attack = tuple[str, str, str, Callable[[], Iterator[bytes]], int]


def attacks(mib: int) -> Iterator[Attack]:
    """Yield command, file name, description, content and unpacked size of each attack."""
    aliases = f"x-a0: &a0 [{', '.join(['x'] * 9)}]\n" + "".join(
        f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 13)
    )
    yield "access", "access.log", "a small log", lambda: iter([LINE * 1000]), 1000 * len(LINE)
    for command, name in (
        ("access", "access.log"), ("import", "app.log"), ("import", "error.log"), ("import", "edge.jsonl")
    ):  # fmt: skip
        yield command, f"{name}.bz2", "bzip2 of zeros", lambda: packed(bz2.BZ2Compressor(), mib), mib * MIB
        yield command, f"{name}.xz", "xz of zeros", lambda: packed(lzma.LZMACompressor(), mib), mib * MIB
        yield (
            command, f"{name}.gz", "gzip of short lines",
            lambda: packed(zlib.compressobj(9, wbits=31), mib, b"x\n"), mib * MIB,
        )  # fmt: skip
        yield command, name, "one very long line", lambda: long_line(mib), mib * MIB
    yield "import", "compose.yml", "aliases for 9^13 values", lambda: iter([aliases.encode()]), 9**13
    yield "import", "metrics/a.json", "JSON of 200,000 levels", lambda: iter([b"[" * 200_000]), 200_000


def packed(packer: Any, mib: int, text: bytes = b"\0") -> Iterator[bytes]:
    """Yield the compressed form of so many MiB of a repeated text."""
    piece = (text * MIB)[:MIB]
    for _ in range(mib):
        yield packer.compress(piece)
    yield packer.flush()


def long_line(mib: int) -> Iterator[bytes]:
    """Yield a log whose second line has so many MiB."""
    yield LINE
    for _ in range(mib):
        yield b"x" * MIB
    yield b"\n" + LINE


if __name__ == "__main__":
    main()
