# ruff: noqa: E501 - log lines stand as they are written
"""How fast an access log becomes a typed frame, against other ways, in interleaved rounds.

    python benchmarks/access_log_speed.py --lines 200000 --rounds 3

A log of a 19-variable format is written with a sidecar of what is in it; the frame read is compared with the
sidecar cell by cell before anything is timed. Ways that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from watchme_analysis.sources.access_logs import LogOptions, read_access_logs

FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $msec $request_id $http_cf_ray $request_time "$upstream_connect_time" '
    '"$upstream_header_time" "$upstream_response_time" "$upstream_addr" "$upstream_status" $request_length '
    "$host $upstream_cache_status"
)
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "capture-app/5.4",
    "worker/1.0",
    "bot \\x22quoted\\x22",
]
PATHS = [
    "/health",
    "/async-process",
    "/v1/results/{:012x}",
    "/v1/report",
    "/static/app.js",
    "/devices/{}/list",
]
START = 1765415400


def write_log(path: Path, lines: int) -> pd.DataFrame:
    """Write a log and return what is in it."""
    chance = random.Random(7)
    truth: dict[str, list[object]] = {name: [] for name in TRUTH}
    with path.open("w", encoding="ascii") as file:
        for at in range(lines):
            moment = START + at * 0.03
            target = PATHS[at % 6].format(chance.getrandbits(40))
            status = 200 if chance.random() < 0.93 else chance.choice([404, 499, 502, 504])
            first, second = chance.randrange(4000), chance.randrange(4000)
            tries = 0 if at % 6 == 4 else 2 if chance.random() < 0.01 else 1
            times = ["-", f"{second / 1000:.3f}", f"{first / 1000:.3f}, {second / 1000:.3f}"][tries]
            addresses = ["-", "192.0.2.11:8000", "192.0.2.11:8000, 192.0.2.12:8000"][tries]
            statuses = ["-", f"{status}", f"502, {status}"][tries]
            size, length = chance.randrange(20_000), chance.randrange(300, 2000)
            identity = f"{chance.getrandbits(128):032x}"
            clock = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(moment))
            file.write(
                f'198.51.100.{at % 250} - - [{clock}] "GET {target}?n={at} HTTP/1.1" {status} {size} "-" '
                f'"{AGENTS[at % 4]}" {moment:.3f} {identity} {at:016x}-NRT {first / 1000:.3f} "{times}" "{times}" '
                f'"{times}" "{addresses}" "{statuses}" {length} api.example.com {"MISS" if at % 3 else "HIT"}\n'
            )
            known = (second if tries == 1 else first + second) / 1000 if tries else None
            row = (
                round(moment * 1000),
                f"198.51.100.{at % 250}",
                target,
                f"n={at}",
                status,
                size,
                AGENTS[at % 4],
            )
            row += (identity, f"{at:016x}-NRT", first / 1000, known, tries, length)
            for name, value in zip(TRUTH, row, strict=True):
                truth[name].append(value)
    return pd.DataFrame(truth)


TRUTH = (
    "time",
    "client_addr",
    "path",
    "query",
    "status",
    "body_bytes",
    "user_agent",
    "request_id",
    "edge_ray_id",
    "request_time_s",
    "upstream_response_time_s",
    "upstream_tries",
    "request_length_bytes",
)


def check(path: Path, truth: pd.DataFrame) -> None:
    """Compare the frame read with what was written, cell by cell."""
    frame, (retrieval,) = read_access_logs([path], LogOptions(FORMAT))
    assert retrieval.lines == retrieval.rows == len(truth), retrieval
    for name in TRUTH:
        found = frame[name]
        if name == "time":
            found = found.dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
        wrong = ~((found == truth[name]) | (found.isna() & truth[name].isna())).fillna(False)
        assert not wrong.any(), f"{name}: {wrong.sum()} cells differ"
    print(f"{len(truth):,} lines: {len(TRUTH)} columns equal to what was written, cell by cell")


def by_regex(path: Path) -> None:
    """A compiled regular expression for each line, and typed columns of what it finds."""
    parts = re.split(r"(\$\w+)", FORMAT)
    pattern = re.compile(
        "".join(f"(?P<{one[1:]}>.*?)" if one.startswith("$") else re.escape(one) for one in parts) + "$"
    )
    with path.open(encoding="utf-8") as file:
        rows = [found.groupdict() for found in map(pattern.match, map(str.rstrip, file)) if found]
    frame = pd.DataFrame(rows)
    for name in ("status", "body_bytes_sent", "request_length"):
        frame[name] = pd.to_numeric(frame[name])
    frame["request_time"] = pd.to_numeric(frame["request_time"])
    frame["time"] = pd.to_datetime(pd.to_numeric(frame["msec"]), unit="s", utc=True)


def by_one_column(path: Path) -> None:
    """pyarrow's CSV reader with one column of whole lines: the floor."""
    import pyarrow.csv as pc

    pc.read_csv(
        path,
        read_options=pc.ReadOptions(column_names=["line"], block_size=8 << 20),
        parse_options=pc.ParseOptions(delimiter="\x01", quote_char=False),
    )


def by_duckdb(path: Path) -> None:
    """DuckDB: lines as one column, taken apart by its regular expressions."""
    import duckdb

    parts = re.split(r"(\$\w+)", FORMAT)
    names = [one[1:] for one in parts if one.startswith("$")]
    quoted = [('([^"]*)' if before.endswith('"') else "([^ ]*)") for before in parts[0:-1:2]]
    quoted[2] = "([^]]*)"
    pattern = re.escape(parts[0])
    for group, after in zip(quoted, parts[2::2], strict=True):
        pattern += group + re.escape(after)
    pattern = pattern.replace("'", "''")
    duckdb.sql(
        f"select x.* from (select regexp_extract(line, '{pattern}', {names}) as x from "
        f"read_csv('{path}', columns={{'line': 'varchar'}}, delim='\x01', quote='', escape='', header=false))"
    ).df()


def by_goaccess(path: Path) -> None:
    """GoAccess writing its JSON report."""
    form = '%h %^ %^ [%d:%t %^] "%r" %s %b "%R" "%u" %^ %^ %^ %T %^'
    options = ["--date-format=%d/%b/%Y", "--time-format=%H:%M:%S", "--no-global-config", "-o", "json"]
    subprocess.run(["goaccess", str(path), f"--log-format={form}", *options], check=True, capture_output=True)


def by_advertools(path: Path) -> None:
    """Advertools' log reader, which writes a Parquet file."""
    import advertools

    fields = re.findall(r"\$(\w+)", FORMAT)
    pattern = "".join(
        "(.*?)" if one.startswith("$") else re.escape(one) for one in re.split(r"(\$\w+)", FORMAT)
    )
    out = path.with_suffix(".parquet")
    out.unlink(missing_ok=True)
    advertools.logs_to_df(
        str(path), str(out), str(path.with_suffix(".errors")), log_format=pattern + "$", fields=fields
    )
    pd.read_parquet(out)


def main() -> None:
    """Run the comparison."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "access.log"
        truth = write_log(path, asked.lines)
        check(path, truth)
        packed = path.with_suffix(".log.gz")
        packed.write_bytes(gzip.compress(path.read_bytes(), 6))
        ways: dict[str, Callable[[], object]] = {
            "watchme": lambda: read_access_logs([path], LogOptions(FORMAT)),
            "watchme, gzip": lambda: read_access_logs([packed], LogOptions(FORMAT)),
            "pyarrow, one column of lines": lambda: by_one_column(path),
            "regular expression per line": lambda: by_regex(path),
        }
        further = {
            "DuckDB": (find_spec("duckdb"), by_duckdb),
            "advertools": (find_spec("advertools"), by_advertools),
            "GoAccess, JSON report": (shutil.which("goaccess"), by_goaccess),
        }
        for name, (there, way) in further.items():
            if there:
                ways[name] = lambda way=way: way(path)
            else:
                print(f"{name}: not installed, left out")
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(asked.rounds):
            for name, way in ways.items():
                before = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - before)
        ours = statistics.median(seconds["watchme"])
        size = path.stat().st_size / 1e6
        print(f"{asked.lines:,} lines, {size:.0f} MB, medians of {asked.rounds} rounds")
        for name, found in seconds.items():
            median = statistics.median(found)
            print(
                f"{name:32} {median:8.3f} s {size / median:8.0f} MB/s {median / ours:8.2f} x watchme's time"
            )


if __name__ == "__main__":
    main()
