# ruff: noqa: E501 - log lines stand as they are written
"""Nothing lost, nothing wrong: access logs with a sidecar of what is in them, compared cell by cell.

    python benchmarks/access_log_truth.py --lines 2000000

Lines are written with what clients and upstreams do to them (tries, escapes, garbage, IPv6, requests without any),
and with what machines do (torn, run into one, NUL bytes, blank, huge, bytes that are no UTF-8). The sidecar is made
of the values drawn, never of the lines. Every engine must give all rows with all columns, and the numbers of the
rejected lines.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from watchme_analysis.sources.access_columns import ACCESS_COLUMNS
from watchme_analysis.sources.access_engine import ENGINES
from watchme_analysis.sources.access_logs import LogOptions, read_access_logs

FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $msec $request_id $http_cf_ray $request_time "$upstream_connect_time" '
    '"$upstream_header_time" "$upstream_response_time" "$upstream_addr" "$upstream_status" $request_length '
    "$host $upstream_cache_status"
)
START = 1765415400
LINES_A_FILE = 200_000
COLUMNS = [column for column in ACCESS_COLUMNS if column not in ("file", "service")]
Row = dict[str, Any]


@dataclass
class Sidecar:
    """What a log holds: its rows by column, the numbers of lines that are none, and how many are blank."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    blank: int = 0


def ordinary(chance: random.Random, at: int) -> tuple[bytes, Row]:
    """Return a line and what is in it."""
    millis = START * 1000 + at * 30
    status = chance.choice([200, 200, 200, 202, 404, 499, 502, 504])
    request, parts = a_request(chance, at)
    agent, agent_read = a_text(chance)
    referer, referer_read = (b"-", None) if chance.random() < 0.7 else a_text(chance)
    client = f"2001:db8::{at % 9999:x}" if chance.random() < 0.1 else f"198.51.100.{at % 250}"
    user = chance.choice(["-", "-", "ann", "a b"])
    size, length = chance.randrange(10**9), chance.randrange(300, 2000)
    spent = chance.randrange(60_000)
    upstream, tried = a_list_of_tries(chance, status)
    identity, ray = f"{chance.getrandbits(128):032x}", f"{at:016x}-NRT"
    cache = chance.choice(["-", "HIT", "MISS"])
    clock = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(millis // 1000))
    line = (
        f"{client} - {user} [{clock}] ".encode()
        + b'"%s" %d %d "%s" "%s" ' % (request, status, size, referer, agent)
        + f"{millis // 1000}.{millis % 1000:03d} {identity} {ray} {spent / 1000:.3f} {upstream} {length} ".encode()
        + f"api.example.com {cache}".encode()
    )
    row = {
        "time": millis * 1000,
        "request_id": identity,
        "edge_ray_id": ray,
        "client_addr": client,
        "remote_user": None if user == "-" else user,
        "status": status,
        "body_bytes": size,
        "request_length_bytes": length,
        "request_time_s": spent / 1000,
        "cache_status": None if cache == "-" else cache,
        "host": "api.example.com",
        "referer": referer_read,
        "user_agent": agent_read,
        **parts,
        **tried,
    }
    return line, row


def a_request(chance: random.Random, at: int) -> tuple[bytes, Row]:
    """Return a request line as nginx writes it, and its columns."""
    turn = chance.random()
    if turn < 0.9:
        method, path = (
            chance.choice(["GET", "POST"]),
            chance.choice(["/health", f"/v1/results/{at:x}", "//", "/a%20b"]),
        )
        query = f"n={at}&x=%22" if chance.random() < 0.3 else None
        protocol = chance.choice(["HTTP/1.1", "HTTP/2.0", "HTTP/1.0"])
        target = path + (f"?{query}" if query else "")
        parts = {"method": method, "path": path, "query": query, "protocol": protocol}
        return f"{method} {target} {protocol}".encode(), parts
    cases: list[tuple[bytes, Row]] = [
        (b"-", {}),
        (b"", {}),
        (rb"\x16\x03\x01\x00\xEE\x01", {"request": r"\x16\x03\x01\x00\xEE\x01"}),
        (b"GET /old", {"method": "GET", "path": "/old"}),
        (b"GET http://a.example.com/b?c HTTP/1.1", {"method": "GET", "path": "/b", "query": "c", "protocol": "HTTP/1.1"}),
        (b"GET /a b HTTP/1.1", {"method": "GET", "path": "/a b", "protocol": "HTTP/1.1"}),
        (rb"GET /caf\xC3\xA9\x22 HTTP/1.1", {"method": "GET", "path": r"/caf\xC3\xA9\x22", "protocol": "HTTP/1.1"}),
        (b"get / HTTP/1.1", {"request": "get / HTTP/1.1"}),
        (b"GET /q? HTTP/1.1", {"method": "GET", "path": "/q", "protocol": "HTTP/1.1"}),
    ]  # fmt: skip
    return chance.choice(cases)


def a_text(chance: random.Random) -> tuple[bytes, str | None]:
    """Return a text as it is logged, and as it is read."""
    cases: list[tuple[bytes, str | None]] = [
        (b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",) * 2,  # type: ignore[list-item]
        (b"-", None),
        (b"", None),
        (rb"say \x22hi\x22 \x5C", r"say \x22hi\x22 \x5C"),
        (b" - [x] - ", " - [x] - "),
        ("日本".encode(), "日本"),
        (b"\xff\xfe", r"\xff\xfe"),
    ]
    logged, read = cases[0] if chance.random() < 0.9 else chance.choice(cases)
    return logged, read.decode() if isinstance(read, bytes) else read


def a_list_of_tries(chance: random.Random, status: int) -> tuple[str, Row]:
    """Return the upstream variables as nginx writes them, and their columns."""
    tries = chance.choices([0, 1, 2, 3], [20, 75, 4, 1])[0]
    mark = chance.choice([", ", ", ", " : "])
    addresses = [f"192.0.2.{10 + turn}:8000" for turn in range(tries)]
    statuses = ["502"] * (tries - 1) + [str(status)] * bool(tries)
    columns: Row = {"upstream_tries": tries}
    logged = {"upstream_addr": addresses, "upstream_status": statuses}
    for name in ("upstream_connect_time", "upstream_header_time", "upstream_response_time"):
        millis = [chance.randrange(30_000) for _ in range(tries)]
        # A try that never got so far has none.
        known = [turn == tries - 1 or name == "upstream_response_time" for turn in range(tries)]
        logged[name] = [
            f"{one / 1000:.3f}" if there else "-" for one, there in zip(millis, known, strict=True)
        ]
        total = sum(one for one, there in zip(millis, known, strict=True) if there)
        columns[name + "_s"] = total / 1000 if tries else None
    texts = {name: mark.join(values) or "-" for name, values in logged.items()}
    columns["upstream_addr"] = addresses[-1] if tries else None
    columns["upstream_status"] = status if tries else None
    columns["upstream_raw"] = json.dumps(texts, sort_keys=True) if tries > 1 else None
    order = (*list(logged)[2:], "upstream_addr", "upstream_status")
    return " ".join(f'"{texts[name]}"' for name in order), columns


def write(path: Path, lines: int, first: int, seed: int) -> Sidecar:
    """Write a log of so many lines and return its sidecar."""
    chance = random.Random(seed)
    sidecar = Sidecar()
    with path.open("wb") as file:
        for number in range(1, lines + 1):
            line, row = ordinary(chance, first + number)
            turn = chance.random()
            if turn < 0.97:
                sidecar.rows.append({**row, "line": number})
            elif turn < 0.98:
                line = chance.choice([b"", b" ", b"\t", b"\0" * 500])
                sidecar.blank += 1
            elif turn < 0.985:
                line = b"\0" * chance.choice([1, 4096]) + line
                sidecar.rows.append({**row, "line": number})
            elif turn < 0.9851:
                line += b"x" * 100_000
                sidecar.rows.append(
                    {**row, "line": number, "cache_status": f"{row['cache_status'] or '-'}{'x' * 100_000}"}
                )
            else:
                line = spoiled(chance, line)
                sidecar.rejected.append(number)
            file.write(line + b"\n")
    return sidecar


def spoiled(chance: random.Random, line: bytes) -> bytes:
    """Return a line that no longer is one: torn, run into the next, or with a value that is none."""
    ways: list[Callable[[], bytes]] = [
        lambda: line[: chance.randrange(1, line.index(b" api.example.com"))],
        lambda: line[: chance.randrange(20, line.index(b" api.example.com"))] + line,
        lambda: line[line.index(b"[") :],
        lambda: line.replace(b"/Dec/2025:", b"/Dez/2025:", 1),
        lambda: line.replace(b" api.example.com", b"x api.example.com", 1),
        lambda: line.replace(b'" "', b'" " "', 1),
        lambda: line + b" one more",
    ]
    return chance.choice(ways)()


def compare(path: Path, sidecar: Sidecar, lines: int, engine: str) -> int:
    """Compare what an engine reads with the sidecar; return the number of cells compared."""
    frame, (retrieval,) = read_access_logs([path], LogOptions(FORMAT, engine=engine))
    assert retrieval.lines == lines, (retrieval.lines, lines)
    assert retrieval.blank_lines == sidecar.blank, (retrieval.blank_lines, sidecar.blank)
    rejected = [one.line for one in retrieval.rejected]
    assert rejected == sidecar.rejected, sorted(set(rejected) ^ set(sidecar.rejected))[:5]
    assert len(frame) == len(sidecar.rows)
    for column in COLUMNS:
        expected = [row.get(column) for row in sidecar.rows]
        found = frame[column]
        if column == "time":
            found = found.dt.tz_localize(None).astype("datetime64[us]").astype("int64")
        values = [None if value is pd.NA else value for value in found.array]
        if values != expected:
            at = next(at for at, pair in enumerate(zip(values, expected, strict=True)) if pair[0] != pair[1])
            line = sidecar.rows[at]["line"]
            raise AssertionError(f"{engine}, line {line}, {column}: {values[at]!r}, not {expected[at]!r}")
    return len(COLUMNS) * len(sidecar.rows)


def main() -> None:
    """Write, read by every engine, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--engines", nargs="+", default=["numba", "arrow"], choices=ENGINES[1:])
    asked = parser.parse_args()
    cells, rejected, size = dict.fromkeys(asked.engines, 0), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "access.log"
        for first in range(0, asked.lines, LINES_A_FILE):
            lines = min(LINES_A_FILE, asked.lines - first)
            sidecar = write(path, lines, first, asked.seed + first)
            rejected += len(sidecar.rejected)
            size += path.stat().st_size
            for engine in asked.engines:
                cells[engine] += compare(path, sidecar, lines, engine)
    print(f"{asked.lines:,} lines, {size / 1e6:.0f} MB, {rejected:,} of them no request and rejected as such")
    for engine, count in cells.items():
        print(f"{engine}: {count:,} cells equal to what was written")


if __name__ == "__main__":
    main()
