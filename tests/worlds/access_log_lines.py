# ruff: noqa: E501 - agents stand as browsers send them
"""Access log lines of a format with 19 variables, hostile ones among them, and a sidecar of what is in them.

    python tests/worlds/access_log_lines.py access.log --lines 2000000

writes ``access.log``, ``access.truth.parquet`` (every row's columns and its line number) and
``access.truth.json`` (how many lines there are, which must be rejected, which are blank). The sidecar is made
from the values that the lines are written from, never by reading a line.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $msec $request_id $http_cf_ray $request_time "$upstream_connect_time" '
    '"$upstream_header_time" "$upstream_response_time" "$upstream_addr" "$upstream_status" $request_length '
    "$host"
)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "capture-app/5.4",
    "worker/1.0 python-requests/2.32",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "bot \\x22quoted\\x22",
)
START = 1_765_415_400
# One line in so many is not as ordinary ones are.
HOSTILE_EVERY = 200
# A query this long makes a line longer than the quick ways read.
_LONG = 70_000
_BATCH = 50_000
_UPSTREAMS = ("192.0.2.11:8000", "192.0.2.12:8000", "[2001:db8::12]:8000", "unix:/run/app.sock")


class Values(NamedTuple):
    """What a line is written from; times in milliseconds, the upstream's one for each try."""

    moment: int
    client: str
    user: str
    request: str
    status: int
    size: int
    referer: str
    agent: str
    identity: str
    ray: str
    taken: int
    tries: tuple[tuple[int, int, int, str, int], ...]
    length: int
    host: str


class Line(NamedTuple):
    """A line without its end, and the columns that must come of it: None if rejected, {} if blank."""

    data: bytes
    row: dict[str, Any] | None


def values_at(at: int, chance: random.Random) -> tuple[Values, dict[str, Any]]:
    """Return what the line of a number is written from, and the columns of its request."""
    kind = at % 7
    path, query = _TARGETS[kind](at, chance)
    method = "POST" if kind == 1 else "GET"
    protocol = "HTTP/2.0" if kind == 4 else "HTTP/1.1"
    status = 200 if chance.random() < 0.93 else chance.choice((304, 404, 499, 502, 504))
    taken = chance.randrange(4000)
    tries: tuple[tuple[int, int, int, str, int], ...] = ()
    if kind != 4:
        tries = ((taken // 8, taken // 2, taken, _UPSTREAMS[at % 2], status),)
        if chance.random() < 0.01:
            tries = ((1, 2, 3, _UPSTREAMS[2], 502), *tries)
    values = Values(
        moment=START * 1000 + at * 30,
        client=f"198.51.{at % 100}.{at % 250}" if kind != 5 else f"2001:db8::{at % 65521:x}",
        user="-" if kind != 6 else "batch",
        request=f"{method} {path}{'?' + query if query else ''} {protocol}",
        status=status,
        size=chance.randrange(90_000),
        referer="-" if kind < 3 else f"https://app.example.com/devices/{at % 977}/overview",
        agent=AGENTS[chance.randrange(len(AGENTS))],
        identity=f"{chance.getrandbits(128):032x}",
        ray=f"{at:016x}-NRT",
        taken=taken,
        tries=tries,
        length=chance.randrange(300, 2000),
        host="api.example.com",
    )
    return values, {"method": method, "path": path, "query": query, "protocol": protocol}


_TARGETS: tuple[Callable[[int, random.Random], tuple[str, str | None]], ...] = (
    lambda at, chance: ("/health", None),
    lambda at, chance: ("/async-process", f"job={at}&priority={at % 3}"),
    lambda at, chance: (f"/v1/results/{chance.getrandbits(48):012x}", f"n={at}&fields=state,score,frames"),
    lambda at, chance: ("/v1/report", f"from={at}&to={at + 60}"),
    lambda at, chance: ("/static/app.js", f"v={at % 13}"),
    lambda at, chance: (f"/devices/{chance.getrandbits(20)}/list", None),
    lambda at, chance: (f"/users/{at % 9973}/captures/latest.jpg", "size=large"),
)


def written(values: Values, clock: str) -> str:
    """Return the line of values as Nginx writes it; ``clock`` is their ``$time_local``."""

    def listed(at: int) -> str:
        return ", ".join(f"{one[at] / 1000:.3f}" for one in values.tries) or "-"

    addresses = ", ".join(one[3] for one in values.tries) or "-"
    statuses = ", ".join(str(one[4]) for one in values.tries) or "-"
    return (
        f'{values.client} - {values.user} [{clock}] "{values.request}" {values.status} {values.size} '
        f'"{values.referer}" "{values.agent}" {values.moment / 1000:.3f} {values.identity} {values.ray} '
        f'{values.taken / 1000:.3f} "{listed(0)}" "{listed(1)}" "{listed(2)}" "{addresses}" "{statuses}" '
        f"{values.length} {values.host}"
    )


def expected(values: Values, request: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that the values' line must become."""

    def known(text: str) -> str | None:
        # Nginx writes a hyphen for what is missing, and nothing for what was sent empty; both say nothing.
        return None if text in ("", "-") else text

    tries = values.tries
    sums = [sum(one[at] for one in tries) / 1000 if tries else None for at in range(3)]
    raw = None
    if len(tries) > 1:
        raw = {
            "upstream_addr": ", ".join(one[3] for one in tries),
            "upstream_connect_time": ", ".join(f"{one[0] / 1000:.3f}" for one in tries),
            "upstream_header_time": ", ".join(f"{one[1] / 1000:.3f}" for one in tries),
            "upstream_response_time": ", ".join(f"{one[2] / 1000:.3f}" for one in tries),
            "upstream_status": ", ".join(str(one[4]) for one in tries),
        }
    return {
        "time": values.moment,
        "request_id": known(values.identity),
        "edge_ray_id": known(values.ray),
        "client_addr": known(values.client),
        "remote_user": known(values.user),
        "method": None,
        "path": None,
        "query": None,
        "protocol": None,
        "request": None,
        "status": values.status,
        "body_bytes": values.size,
        "request_length_bytes": values.length,
        "request_time_s": values.taken / 1000,
        "upstream_connect_time_s": sums[0],
        "upstream_header_time_s": sums[1],
        "upstream_response_time_s": sums[2],
        "upstream_addr": tries[-1][3] if tries else None,
        "upstream_status": tries[-1][4] if tries else None,
        "upstream_tries": len(tries),
        "upstream_raw": json.dumps(raw) if raw else None,
        "cache_status": None,
        "host": known(values.host),
        "referer": known(values.referer),
        "user_agent": known(values.agent),
        "extra": None,
        **request,
    }


def _changed_rows(values: Values, request: dict[str, Any], text: Callable[[Values], str]) -> list[Line]:
    """Return strange lines that are requests all the same."""
    nothing = dict.fromkeys(("method", "path", "query", "protocol"))

    def line(parts: dict[str, Any], **changes: Any) -> Line:
        changed = values._replace(**changes)
        return Line(text(changed).encode(), expected(changed, parts))

    tls = "\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xFC\\x03\\x03"
    apache = 'tool \\"quoted\\" 2.0'
    plain = Line(text(values).encode(), expected(values, request))
    latin = values._replace(agent="Gerät")
    return [
        line(
            {**request, "path": "/long", "query": "q" * _LONG},
            request=f"{request['method']} /long?{'q' * _LONG} {request['protocol']}",
        ),
        line({**nothing, "request": tls}, request=tls, status=400, tries=()),
        line(nothing, request="", status=400, tries=()),
        line(nothing, request="-", status=400, tries=()),
        line({**nothing, "request": "hello  there"}, request="hello  there", status=400),
        line({**nothing, "method": "GET", "path": "/old"}, request="GET /old"),
        line(
            {"method": "GET", "path": "/a b", "query": "c d", "protocol": "HTTP/1.1"},
            request="GET /a b?c d HTTP/1.1",
        ),
        line(
            {"method": "GET", "path": "/x", "query": "y=1", "protocol": "HTTP/1.1"},
            request="GET http://api.example.com/x?y=1 HTTP/1.1",
        ),
        line(request, agent=apache),
        line(request, agent="監視 é"),
        line(request, referer=""),
        # A byte of Latin-1, as nothing but a foreign tool writes it.
        Line(text(latin).encode("latin-1"), expected(latin._replace(agent="Ger\\xe4t"), request)),
        plain._replace(data=plain.data + b"\r"),
        # What a write after a truncation leaves.
        plain._replace(data=bytes(4096) + plain.data),
    ]


def _refused(values: Values, text: Callable[[Values], str], chance: random.Random) -> list[Line]:
    """Return lines that are no request, in whatever way."""
    whole = text(values)
    head, rest = whole.split(" [", 1)
    # Before the last quotation mark, behind the address and the user.
    cut = chance.randrange(len(head) + 4, whole.rindex('"'))
    status = f'" {values.status} '
    bad = [
        whole[:cut],
        whole[:cut] + whole,
        f"{head} [31/Feb/2026:{rest[rest.index(':') + 1 :]}",
        whole.replace(status, '" 2x0 ', 1),
        whole.replace(status, '" 99999999999999999999 ', 1),
        whole.replace(f" {values.taken / 1000:.3f} ", " 0.1.2 ", 1),
        whole.replace(f" {values.moment / 1000:.3f} ", " 17654x.000 ", 1),
        f'{whole} "more"',
        '{"a": 1}',
        "A" * 1_000_000 if chance.random() < 0.02 else "A" * 1000,
    ]
    lines = [Line(one.encode(), None) for one in bad]
    # Whatever a line may hold, but for the byte that readers of one column split at.
    noise = re.sub(rb"[\r\n\x01]", b" ", chance.randbytes(300))
    return [*lines, Line(noise, None)]


def by_client(values: Values, number: int) -> Values:
    """Return values as a client of a number sends them, from an address kept for benchmarks (RFC 2544)."""
    address = f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"
    return values._replace(client=address, agent=AGENTS[number % len(AGENTS)])


def log_lines(count: int, seed: int = 7, clients: int | None = None) -> Iterator[Line]:
    """Yield lines in the order of their time.

    Parameters
    ----------
    count
        How many.
    seed
        Of the pseudo-random numbers; the same lines come of the same seed.
    clients
        How many clients there are, each with an address and an agent of its own, 131,072 at most; some
        66,000 addresses with any of the agents unless given.
    """
    chance = random.Random(seed)
    second, clock = -1, ""
    for at in range(count):
        values, request = values_at(at, chance)
        if clients is not None:
            values = by_client(values, chance.randrange(clients))
        if values.moment // 1000 != second:
            second = values.moment // 1000
            clock = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
        if at % HOSTILE_EVERY != HOSTILE_EVERY // 2:
            yield Line(written(values, clock).encode(), expected(values, request))
            continue

        def text(changed: Values, clock: str = clock) -> str:
            return written(changed, clock)

        strange = at // HOSTILE_EVERY
        if strange % 5 == 4:
            yield Line((b"", b"  \t", bytes(512))[strange % 3], {})
        elif strange % 2:
            found = _refused(values, text, chance)
            yield found[chance.randrange(len(found))]
        else:
            found = _changed_rows(values, request, text)
            # Long lines are rare, so that they don't make up the log.
            yield found[0 if chance.random() < 0.01 else chance.randrange(1, len(found))]


def write_log(path: Path, lines: int, seed: int = 7, clients: int | None = None) -> None:
    """Write a log and, beside it, what is in it; what is requested is as for :func:`log_lines`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rejected: list[int] = []
    blank: list[int] = []
    rows: list[dict[str, Any]] = []
    writer: pq.ParquetWriter | None = None
    schema: pa.Schema | None = None
    truth = path.with_suffix(".truth.parquet")
    with path.open("wb") as file:
        for number, line in enumerate(log_lines(lines, seed, clients), 1):
            file.write(line.data + b"\n")
            if line.row:
                rows.append({"line": number, **line.row})
            else:
                (rejected if line.row is None else blank).append(number)
            if len(rows) == _BATCH or (number == lines and rows):
                table = pa.Table.from_pylist(rows, schema or truth_schema())
                schema = table.schema
                writer = writer or pq.ParquetWriter(truth, schema)
                writer.write_table(table)
                rows = []
    if writer is not None:
        writer.close()
    counts = {"lines": lines, "seed": seed, "rejected": rejected, "blank": blank}
    path.with_suffix(".truth.json").write_text(json.dumps(counts), encoding="utf-8")


def truth_schema() -> Any:
    """Return the sidecar's schema: the table ``access_log`` but for the file's name; times in milliseconds."""
    import pyarrow as pa

    from watchme_analysis.schema import table_schema

    kinds = {"int": pa.int64(), "float": pa.float64(), "time": pa.int64()}
    return pa.schema(
        (column.name, kinds.get(column.kind, pa.large_string()))
        for column in table_schema("access_log").columns
        if column.name not in ("file", "service")
    )


def differences(log: Path, engine: str, truth: Path | None = None) -> list[str]:
    """Return what an engine reads otherwise than it was written, a sentence each; none when all is well.

    Parameters
    ----------
    log
        Written by :func:`write_log`, or a packed copy of such.
    engine
        Engine to read with.
    truth
        The log beside which the sidecar lies, where it is another.
    """
    import pyarrow.parquet as pq

    from watchme_analysis.access_logs.scan import AccessScan

    sidecar = truth or log
    written = pq.read_table(sidecar.with_suffix(".truth.parquet"), memory_map=True)
    counts = json.loads(sidecar.with_suffix(".truth.json").read_text(encoding="utf-8"))
    scan = AccessScan([log], log_format=FORMAT, engine=engine)
    found: list[str] = []
    rows = 0
    for chunk in scan:
        found += _cells(chunk.table, written.slice(rows, len(chunk.table)))
        rows += len(chunk.table)
    (account,) = scan.retrievals
    rejected = [one.line for one in account.rejected]
    # The first lines rejected are kept, and the others counted.
    refused = account.rejected_lines
    reported = {
        "rows": (rows, len(written)),
        "lines": (account.lines, counts["lines"]),
        "blank lines": (account.blank_lines, len(counts["blank"])),
        "rejected lines": (refused, len(counts["rejected"])),
        "numbers of rejected lines": (rejected, counts["rejected"][: len(rejected)]),
    }
    return found + [f"{name}: {a}, written {b}" for name, (a, b) in reported.items() if a != b]


def _cells(table: Any, written: Any) -> list[str]:
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
    """Write a log."""
    requested = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    requested.add_argument("path", type=Path)
    requested.add_argument("--lines", type=int, default=2_000_000)
    requested.add_argument("--seed", type=int, default=7)
    options = requested.parse_args()
    write_log(options.path, options.lines, options.seed)
    print(f"{options.path}: {options.lines:,} lines, {options.path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
