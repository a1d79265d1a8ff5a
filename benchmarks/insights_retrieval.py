"""Measure the retrieval of Logs Insights rows against awswrangler's, over one local server.

    python benchmarks/insights_retrieval.py [--peer PYTHON] [CASE ...]

PYTHON is an interpreter that has awswrangler, in an environment of its own (`python3 -m venv peers &&
peers/bin/pip install -r benchmarks/requirements-peers.txt`); without it this package is measured alone.
The server answers every call after 50 ms and lets every query run for half a second. It counts in a process
of its own, each client runs in a fresh one, so that peak memory is the client's.

Columns: recall and duplicates against what the server holds; whether the client says that rows are missing;
queries started; events scanned over the least that any plan can scan, which is each once, and those of a
second that holds more than the cap once for each answer they need (goal: at most 1.2, and 2 at a cap of
10,000); wall time over the time in which the server had a request or a query under way; peak memory. The
last lines measure how many rows a second become a frame, from the API's cells.

"planned" is what `watchme query` does: it asks CloudWatch how many events came in each minute. "blind" has
no such counts, as when they have expired.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Counts of each minute are kept for fifteen days.
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
START_MS = int(START.timestamp() * 1000)
HOUR_MS = 3_600_000
BURST_AT_MS = int(0.618 * HOUR_MS) + 417
GROUP = "/aws/lambda/sed-worker"
# Rows spread over an hour, rows in a burst, length of the burst in ms, cap.
CASES = {
    "25,000 rows": (25_000, 0, 0, 100_000),
    "25,000 rows, cap 10,000": (25_000, 0, 0, 10_000),
    "400,000 rows": (400_000, 0, 0, 100_000),
    "400,000 rows, cap 10,000": (400_000, 0, 0, 10_000),
    "30,000 in a second": (5_000, 30_000, 1_000, 100_000),
    "300,000 in 5 seconds": (5_000, 300_000, 5_000, 100_000),
    "30,000 in a minute, cap 10,000": (5_000, 30_000, 60_000, 10_000),
    "30,000 in a second, cap 10,000": (5_000, 30_000, 1_000, 10_000),
}
FRAME_ROWS = 100_000

SERVER = """
import json, sys, threading
sys.path.insert(0, sys.argv[1])
from worlds.aws_front import Server
server = Server()
front = server.front
front.polls, front.latency_s, front.query_s = 0, 0.05, 0.5
print(server.url, flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if "offsets" in order:
        moments = [order["start"] + at for at in order["offsets"]]
        events = [(moment, f"event {n} " + "x" * 80, "s") for n, moment in enumerate(moments)]
        front.engine.load(order["group"], events)
        print("ready", flush=True)
        front.busy.clear(); front.queries.clear(); front.started.clear(); front.calls.clear()
    else:
        running = [(q["ready_at"] - front.query_s, q["ready_at"]) for q in front.queries.values()]
        spans = sorted(front.busy + running)
        busy, until = 0.0, 0.0
        for begin, end in spans:
            busy += max(0.0, end - max(begin, until))
            until = max(until, end)
        scanned = sum(q["statistics"]["recordsScanned"] for q in front.queries.values())
        print(json.dumps({"busy": busy, "scanned": scanned, "queries": len(front.started)}), flush=True)
"""
OURS = """
import json, resource, sys, time
from datetime import datetime, timedelta
from watchme_analysis.cloudwatch.session import Aws, SessionTarget
from watchme_analysis.cloudwatch.insights.query_run import run_queries
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.scan_cost import incoming_volumes, with_scan_estimate
from watchme_analysis.cloudwatch.insights.frame import result_frame
from watchme_analysis.window import Window
import boto3, pandas
start, group, cap, known = json.loads(sys.argv[1])
start = datetime.fromisoformat(start)
window = Window(start, start + timedelta(hours=1))
began = time.monotonic()
aws = Aws(SessionTarget(region="ap-southeast-2"))
query = InsightsQuery("fields @timestamp, @message", (group,), window)
if known:
    query = with_scan_estimate(query, incoming_volumes(aws, [group], window))
answer = run_queries(aws, [query], row_limit=cap)[0]
frame = result_frame(answer)
wall = time.monotonic() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"wall": wall, "peak": peak, "rows": len(frame), "told": answer.truncated,
                  "unique": frame["@message"].nunique()}))
"""
PEER = """
import json, resource, sys, time
from datetime import datetime, timedelta
import awswrangler, boto3
start, group, cap, _ = json.loads(sys.argv[1])
start = datetime.fromisoformat(start)
began = time.monotonic()
frame = awswrangler.cloudwatch.read_logs(
    "fields @timestamp, @message", [group], start, start + timedelta(hours=1), limit=cap,
    boto3_session=boto3.Session(region_name="ap-southeast-2"))
wall = time.monotonic() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"wall": wall, "peak": peak, "rows": len(frame), "told": False,
                  "unique": frame["message"].nunique()}))
"""
CELLS = """
import json, sys, time
from datetime import datetime, timedelta
start = datetime.fromisoformat("2025-12-11T01:00:00+00:00")
def cells_of(n):
    time = str(start + timedelta(milliseconds=36 * n + 1))[:23]
    values = {"@timestamp": time, "@message": f"event {n} " + "x" * 80, "@ptr": f"ptr-{n}"}
    return [{"field": name, "value": value} for name, value in values.items()]
cells = [cells_of(n) for n in range(int(sys.argv[1]))]
def best(build):
    times = []
    for _ in range(3):
        began = time.monotonic()
        build()
        times.append(time.monotonic() - began)
    print(len(cells) / min(times))
"""
OUR_FRAME = """
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult, rows_from_cells
from watchme_analysis.cloudwatch.insights.frame import result_frame
from watchme_analysis.window import Window
query = InsightsQuery("fields @timestamp, @message", ("g",), Window(start, start + timedelta(hours=1)))
import pandas
best(lambda: result_frame(QueryResult(query, rows_from_cells(cells))))
"""
PEER_FRAME = """
import awswrangler.cloudwatch as cloudwatch
cloudwatch.run_query = lambda **_: cells
best(lambda: cloudwatch.read_logs("", ["g"]))
"""


def offsets_of(even: int, burst: int, burst_ms: int) -> list[int]:
    """Return the milliseconds of a case's events; a burst begins anywhere."""
    spread = random.Random(1)
    offsets = [spread.randrange(HOUR_MS) for _ in range(even)]
    return offsets + [BURST_AT_MS + spread.randrange(burst_ms) for _ in range(burst)]


def least(offsets: list[int], cap: int) -> int:
    """Return the events that any plan has to scan: windows are of whole seconds, answers of a cap."""
    seconds = Counter(at // 1000 for at in offsets)
    return sum(rows * math.ceil(rows / cap) for rows in seconds.values())


class Host:
    """The server in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(ROOT / "tests")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._answer()

    def ask(self, **order: object) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def run(python: str, code: str, url: str, *arguments: str) -> str:
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    environment = {**os.environ, **keys, "AWS_ENDPOINT_URL": url}
    done = subprocess.run(
        [python, "-c", code, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="names of cases; all unless given")
    parser.add_argument("--peer", help="interpreter that has awswrangler")
    options = parser.parse_args()
    clients = {"planned": (sys.executable, OURS, True), "blind": (sys.executable, OURS, False)}
    if options.peer:
        clients["awswrangler"] = (options.peer, PEER, False)
    host = Host()
    heads = ("case", "client", "recall", "doubled", "told", "queries", "scanned", "wall", "peak MB")
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for name in options.cases or CASES:
        even, burst, burst_ms, cap = CASES[name]
        offsets = offsets_of(even, burst, burst_ms)
        for client, (python, code, known) in clients.items():
            host.ask(offsets=offsets, start=START_MS, group=GROUP)
            asked = json.dumps([START.isoformat(), GROUP, cap, known])
            got = json.loads(run(python, code, host.url, asked))
            server = json.loads(host.ask())
            missing = "–" if got["unique"] == len(offsets) else ("yes" if got["told"] else "no")
            print(
                f"| {name} | {client} | {got['unique'] / len(offsets):.4f} | {got['rows'] - got['unique']} "
                f"| {missing} | {server['queries']} | {server['scanned'] / least(offsets, cap):.2f} "
                f"| {got['wall'] / server['busy']:.2f} ({got['wall']:.1f} s) | {got['peak']:.0f} |",
                flush=True,
            )
    frames = {"this package": (sys.executable, OUR_FRAME)}
    if options.peer:
        frames["awswrangler"] = (options.peer, PEER_FRAME)
    for client, (python, code) in frames.items():
        rate = float(run(python, CELLS + code, host.url, str(FRAME_ROWS)))
        print(f"{client}: {rate:,.0f} rows/s become a frame")
    host.process.kill()


if __name__ == "__main__":
    main()
