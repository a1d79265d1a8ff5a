"""How fast an access log becomes a typed frame, against other ways, in interleaved rounds, with goals.

    python -m venv .venv-peers && .venv-peers/bin/pip install -r benchmarks/requirements-peers.txt
    python benchmarks/access_log_speed.py --peers .venv-peers/bin/python

Three logs are written, of 200,000 and 2,000,000 lines (about 670 MB), hostile lines among them, the third
of 100,000 clients, since GoAccess keeps each visitor. Every way reads in a process of its own, warm, with
memory at hand that a virtual machine would have to ask its host for, unless ``--memory-as-is`` is given;
medians of rounds in which the ways take turns are compared. What isn't installed is named and left out.
That every cell is right is proven by ``access_log_proof.py``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.access_log_lines import write_log

_HERE = Path(__file__).parent
_PEERS = ("polars", "advertools")


class Goal(NamedTuple):
    """A line of the table: a way on a log, and the ratio of its time to ours that is asked for.

    ``at_most`` turns the ratio round: ours to theirs, and no more than the goal.
    """

    text: str
    way: str
    log: str
    goal: float
    at_most: bool = False


GOALS = (
    Goal("GoAccess, JSON report, 200,000 lines", "goaccess", "few", 12),
    Goal("advertools, 200,000 lines", "advertools", "few", 8),
    Goal("GoAccess, JSON report, 2,000,000 lines", "goaccess", "many", 40),
    Goal("GoAccess, the same of 100,000 clients", "goaccess", "clients", 40),
    Goal("a compiled regular expression per line", "regex", "many", 12),
    Goal("DuckDB, its best expression", "duckdb", "many", 1),
    Goal("Polars, its best expression", "polars", "many", 1),
    Goal("pyarrow reading one column of lines (floor)", "one_column", "many", 8, at_most=True),
)
_CLIENTS = 100_000
_GZIP_GOAL = 1.2
_PEAK_GOAL_MB = 250


class Bench:
    """Runs ways in processes of their own and keeps what they took.

    Parameters
    ----------
    logs
        Logs by name.
    peers
        Python that has the peers which the project itself doesn't need, if any.
    options
        What each way is told further.
    """

    def __init__(self, logs: dict[str, Path], peers: Path | None, options: Sequence[str] = ()) -> None:
        self.logs = logs
        self.peers = peers
        self.options = options
        self.found: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def run(self, way: str, log: str, *further: str, **environment: str) -> dict[str, Any]:
        """Let a way read a log once and return what it took."""
        python = str(self.peers) if way in _PEERS and self.peers else sys.executable
        # Advertools gives up at a byte that is no UTF-8.
        path = self.logs["clean" if way == "advertools" else log]
        command = [python, str(_HERE / "access_log_ways.py"), way, str(path), *self.options, *further]
        # What a way writes besides, it writes before its result.
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, **environment}
        ).stdout
        taken: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return taken

    def rounds(self, ways: list[tuple[str, str]], count: int) -> None:
        """Let ways take turns."""
        for _ in range(count):
            for way, log in ways:
                self.found.setdefault((way, log), []).append(self.run(way, log))

    def seconds(self, way: str, log: str) -> float | None:
        """Return the median of what a way took on a log, None when it wasn't run."""
        found = self.found.get((way, log))
        return statistics.median(one["seconds"] for one in found) if found else None


def _versions(peers: Path | None) -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in ("numba", "pyarrow", "pandas", "duckdb"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if peers:
        code = "import importlib.metadata as m; print(*(m.version(n) for n in ('polars', 'advertools')))"
        output = subprocess.run([str(peers), "-c", code], check=True, capture_output=True, text=True).stdout
        found.update(zip(_PEERS, output.split(), strict=True))
    if shutil.which("goaccess"):
        output = subprocess.run(["goaccess", "--version"], check=True, capture_output=True, text=True).stdout
        found["goaccess"] = output.split()[2].rstrip(".")
    return found


def _write(folder: Path, lines: dict[str, int]) -> dict[str, Path]:
    logs = {}
    for name, count in lines.items():
        logs[name] = folder / f"{name}.log"
        if not logs[name].exists():
            write_log(logs[name], count, clients=_CLIENTS if name == "clients" else None)
    clean = logs["clean"] = folder / "clean.log"
    clean.write_bytes(logs["few"].read_bytes().decode(errors="backslashreplace").encode())
    logs["packed"] = folder / "many.log.gz"
    if not logs["packed"].exists():
        with logs["many"].open("rb") as plain, gzip.open(logs["packed"], "wb", 6) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
    return logs


def _table(bench: Bench) -> list[tuple[str, str, str, str]]:
    rows = []
    for text, way, log, goal, at_most in GOALS:
        theirs, ours = bench.seconds(way, log), bench.seconds("watchme", log)
        if theirs is None or ours is None:
            rows.append((text, "not run", "", ""))
            continue
        ratio = ours / theirs if at_most else theirs / ours
        met = ratio <= goal if at_most else ratio >= goal
        sign = "<=" if at_most else ">="
        rows.append(
            (text, f"{theirs:.2f} s", f"{ratio:.1f}x", f"{sign} {goal:g}x{'' if met else '  MISSED'}")
        )
    packed, plain = bench.seconds("watchme", "packed"), bench.seconds("watchme", "many")
    if packed is not None and plain is not None:
        ratio = packed / plain
        missed = "" if ratio <= _GZIP_GOAL else "  MISSED"
        rows.append(
            ("ours, gzip against plain", f"{packed:.2f} s", f"{ratio:.2f}x", f"<= {_GZIP_GOAL:g}x{missed}")
        )
    for way, text in (("aggregate", "the loop"), ("aggregate_exact", "the reference parser")):
        for log in ("few", "many"):
            for one in bench.found.get((way, log), ())[:1]:
                missed = "" if one["peak_mb"] <= _PEAK_GOAL_MB else "  MISSED"
                rows.append(
                    (
                        f"peak memory of the aggregate by {text}, {one['rows']:,} rows",
                        f"{one['seconds']:.2f} s",
                        f"{one['peak_mb']:.0f} MB",
                        f"<= {_PEAK_GOAL_MB} MB{missed}",
                    )
                )
    return rows


def main() -> None:
    """Run the comparison."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--lines", type=int, default=2_000_000, help="Lines of the larger log.")
    options.add_argument("--peers", type=Path, help="Python with Polars and advertools.")
    options.add_argument("--folder", type=Path, help="Where the logs are kept, to be written but once.")
    options.add_argument(
        "--memory-as-is",
        action="store_true",
        help="Don't have a virtual machine's memory at hand beforehand.",
    )
    options.add_argument("--only", nargs="*", help="Only these ways, and ours.")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        logs = _write(folder, {"few": 200_000, "many": asked.lines, "clients": asked.lines})
        bench = Bench(logs, asked.peers, ["--memory-as-is"] if asked.memory_as_is else [])
        missing = set() if asked.peers else set(_PEERS)
        if not shutil.which("goaccess"):
            missing.add("goaccess")
        print(*(f"{name}: not installed, left out" for name in sorted(missing)), sep="\n")
        before = os.getloadavg()
        ways = [(goal.way, goal.log) for goal in GOALS if goal.way not in missing]
        if asked.only is not None:
            ways = [one for one in ways if one[0] in asked.only]
        # GoAccess takes minutes for the larger logs, and is asked once.
        slow = [one for one in ways if one[0] == "goaccess" and one[1] != "few"]
        turns = [one for one in ways if one not in slow]
        turns += [("watchme", log) for log in ("few", "many", "packed", "clients")]
        bench.rounds(turns, asked.rounds)
        bench.rounds(slow, 1)
        if asked.only is None:
            bench.rounds(
                [(way, log) for way in ("aggregate", "aggregate_exact") for log in ("few", "many")], 1
            )
        after = os.getloadavg()
        size = logs["many"].stat().st_size / 1e6
        ours = bench.seconds("watchme", "many") or 1.0
        print(", ".join(f"{name} {text}" for name, text in _versions(asked.peers).items()))
        print(
            f"{asked.lines:,} lines, {size:.0f} MB: {ours:.2f} s, {size / ours:.0f} MB/s; medians "
            f"of {asked.rounds} rounds, {os.cpu_count()} cores, load {before[0]:.1f} before, "
            f"{after[0]:.1f} after, memory {'as it was' if asked.memory_as_is else 'at hand'}"
        )
        cold = bench.run("watchme", "few", "--cold")["seconds"]
        first = bench.run("watchme", "few", "--cold", NUMBA_CACHE_DIR=str(Path(temporary) / "numba"))[
            "seconds"
        ]
        print(
            f"200,000 lines: {bench.seconds('watchme', 'few') or 0:.2f} s warm, {cold:.2f} s in a fresh "
            f"process, {first:.2f} s when the loop is compiled for the first time"
        )
        print()
        for row in (("against", "theirs", "measured", "goal"), *_table(bench)):
            print(f"{row[0]:62} {row[1]:>9} {row[2]:>9}  {row[3]}")


if __name__ == "__main__":
    main()
