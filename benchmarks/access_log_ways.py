"""Ways of reading an access log into a typed frame: ours, and those of others, each at its best.

    python benchmarks/access_log_ways.py polars access.log

imports what the way needs, reads a few lines to be warm, then the log, and prints one JSON object: seconds,
peak memory in MB, rows. Each way is run in a process of its own, so that none has another's memory.

Before it reads, another process writes to much memory and lets it go. A virtual machine gives memory that it
doesn't use back to its host, and to get a gigabyte again took 0.1 to 2 seconds here: what is measured is who
reads, not who comes first. ``--memory-as-is`` leaves that out, ``--cold`` the few lines.
"""

from __future__ import annotations

import gzip
import json
import mmap
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from worlds.access_log_lines import FORMAT

FIELDS = re.findall(r"\$(\w+)", FORMAT)
WHOLE = ("status", "body_bytes_sent", "request_length")
DECIMAL = ("msec", "request_time", "upstream_connect_time", "upstream_header_time", "upstream_response_time")
_WARM_LINES = 2000
# So much of the memory that is free is asked of the host; no more than the ways need.
_READY_SHARE, _READY_BYTES, _PAGE_BYTES = 0.5, 8 << 30, 4096


def pattern() -> str:
    """Return the format as a regular expression that every tool knows and that never goes back far."""
    parts = re.split(r"(\$\w+)", FORMAT)
    found = _literal(parts[0])
    for before, after in zip(parts[0:-1:2], parts[2::2], strict=True):
        group = '([^"]*)' if before.endswith('"') else r"([^\]]*)" if before.endswith("[") else "([^ ]*)"
        found += group + _literal(after)
    return f"^{found}$"


def _literal(text: str) -> str:
    return re.sub(r"([\[\]])", r"\\\1", text)


def watchme(path: Path) -> int:
    """Our reader: every column of the table, every line accounted for."""
    from watchme_analysis.access_logs.scan import read_access_logs

    frame, _ = read_access_logs([path], log_format=FORMAT, engine="numba")
    return len(frame)


def watchme_exact(path: Path) -> int:
    """Our reader without numba: the reference parser."""
    from watchme_analysis.access_logs.scan import read_access_logs

    frame, _ = read_access_logs([path], log_format=FORMAT, engine="exact")
    return len(frame)


def aggregate(path: Path, engine: str = "numba") -> int:
    """Our streaming aggregate, as ``watchme access`` makes it."""
    from watchme_analysis.access_logs.engine.chunk import Selection
    from watchme_analysis.access_logs.scan import AccessScan
    from watchme_analysis.access_logs.summary import AccessSummary, columns_for

    summary = AccessSummary(compiled=engine == "numba")
    for chunk in AccessScan([path], Selection(columns_for("path")), log_format=FORMAT, engine=engine):
        summary.add(chunk.table)
    summary.by_key(), summary.total(), summary.upstreams(), summary.slowest()
    return summary.requests


def aggregate_exact(path: Path) -> int:
    """Our streaming aggregate without numba."""
    return aggregate(path, "exact")


def regex(path: Path) -> int:
    """A compiled regular expression for each line, and typed columns of what it finds."""
    import pandas as pd

    match = re.compile(pattern()).match
    with path.open(encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        rows = [found.groups() for found in map(match, file) if found]
    frame = pd.DataFrame(rows, columns=FIELDS)
    for name in (*WHOLE, *DECIMAL):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    frame["time"] = pd.to_datetime(frame["msec"], unit="s", utc=True)
    return len(frame)


def one_column(path: Path) -> int:
    """pyarrow's CSV reader with one column of whole lines: the floor."""
    import pyarrow as pa
    from pyarrow import csv

    table = csv.read_csv(
        path,
        read_options=csv.ReadOptions(column_names=["line"], block_size=8 << 20),
        parse_options=csv.ParseOptions(delimiter="\x01", quote_char=False),
        convert_options=csv.ConvertOptions(column_types={"line": pa.binary()}),
    )
    return len(table)


def duckdb(path: Path) -> int:
    """DuckDB: lines as one column, taken apart by its regular expressions."""
    import duckdb as db

    typed = ", ".join(
        f"try_cast(x.{name} as bigint) as {name}"
        if name in WHOLE
        else f"try_cast(x.{name} as double) as {name}"
        if name in DECIMAL
        else f"x.{name}"
        for name in FIELDS
    )
    escaped = pattern().replace("'", "''")
    frame = db.sql(
        f"select {typed}, to_timestamp(try_cast(x.msec as double)) as time from (select "
        f"regexp_extract(line, '{escaped}', {FIELDS}) as x from read_csv('{path}', "
        "columns={'line': 'varchar'}, delim='\x01', quote='', escape='', header=false, ignore_errors=true, "
        "strict_mode=false, max_line_size=4000000, auto_detect=false)) where x.status <> ''"
    ).df()
    return len(frame)


def polars(path: Path) -> int:
    """Polars: lines as one column, taken apart by its regular expressions, in its lazy engine."""
    import polars as pl

    lines = pl.scan_csv(
        path,
        separator="\x01",
        has_header=False,
        quote_char=None,
        new_columns=["line"],
        schema={"line": pl.String},
        encoding="utf8-lossy",
    )
    named = pattern()
    for name in FIELDS:
        named = re.sub(r"\((?!\?)", f"(?P<{name}>", named, count=1)
    found = lines.select(pl.col("line").str.extract_groups(named).alias("x")).unnest("x")
    typed = found.with_columns(
        *(pl.col(name).cast(pl.Int64, strict=False) for name in WHOLE),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in DECIMAL),
    ).with_columns(time=(pl.col("msec") * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC")))
    return typed.filter(pl.col("request").is_not_null()).collect().height


def advertools(path: Path) -> int:
    """Advertools' log reader, which writes a Parquet file, and that file as a frame."""
    import advertools as adv
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "log.parquet"
        adv.logs_to_df(
            str(path), str(out), str(Path(folder) / "errors.txt"), log_format=pattern(), fields=FIELDS
        )
        return len(pd.read_parquet(out))


def goaccess(path: Path) -> int:
    """GoAccess writing its JSON report."""
    form = '%h %^ %^ [%d:%t %^] "%r" %s %b "%R" "%u" %^ %^ %^ %T %^'
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        options = ["--date-format=%d/%b/%Y", "--time-format=%H:%M:%S", "--no-global-config", "-o", str(out)]
        command = ["goaccess", str(path), f"--log-format={form}", "--num-tests=0", *options]
        subprocess.run(command, check=True, capture_output=True)
        return int(json.loads(out.read_text(encoding="utf-8"))["general"]["valid_requests"])


WAYS: dict[str, Callable[[Path], int]] = {
    way.__name__: way
    for way in (
        watchme,
        watchme_exact,
        aggregate,
        aggregate_exact,
        regex,
        one_column,
        duckdb,
        polars,
        advertools,
        goaccess,
    )
}


def measured(name: str, path: Path, *, warm: bool = True, ready: bool = True) -> dict[str, Any]:
    """Return how long a way takes in this process, the process' peak memory, and how many rows it found."""
    way = WAYS[name]
    if warm and name != "goaccess":
        # A few lines alone, packed or not: a whole log leaves memory behind that the next one finds at hand.
        opened = gzip.open if path.suffix == ".gz" else open
        with tempfile.TemporaryDirectory() as folder:
            few = Path(folder) / f"few{path.suffix}"
            with opened(path, "rb") as log, opened(few, "wb") as warming:
                warming.write(b"".join(log.readline() for _ in range(_WARM_LINES)))
            way(few)
    if ready:
        subprocess.run([sys.executable, __file__, "--get-memory"], check=True)
    before = time.perf_counter()
    rows = way(path)
    seconds = time.perf_counter() - before
    return {"seconds": seconds, "peak_mb": _peak_mb(), "rows": rows}


def get_memory() -> None:
    """Write to memory, page by page."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with mmap.mmap(-1, min(_READY_BYTES, int(_READY_SHARE * free))) as memory:
        for at in range(0, len(memory), _PAGE_BYTES):
            memory[at] = 1


def _peak_mb() -> float:
    """Return the most memory that this process had; what ``getrusage`` tells begins with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if "--get-memory" in sys.argv:
        get_memory()
    else:
        warm, ready = "--cold" not in sys.argv, "--memory-as-is" not in sys.argv
        print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]), warm=warm, ready=ready)))
