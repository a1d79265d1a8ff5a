"""Measure the retrieval of Logs Insights rows: complete, without waste, and how fast.

Run with ``python benchmarks/insights_retrieval.py``. A local front answers after 50 ms; recall and
duplicates are counted against what it holds. "scanned" is the events scanned over the events held: 1.00 is
the least that can be. Add names of cases to run some alone.
"""

import os
import random
import resource
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from aws_front import Server

from watchme_analysis.sources.aws_client import Aws, Place
from watchme_analysis.sources.insights import run_query
from watchme_analysis.sources.insights_calls import InsightsQuery
from watchme_analysis.sources.insights_frame import answer_frame
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
GROUP = "/aws/lambda/sed-worker"
CASES = {
    # rows spread evenly, rows in one second, cap, whether a count per minute is known beforehand
    "25k": (25_000, 0, 100_000, False),
    "25k-cap10k": (25_000, 0, 10_000, False),
    "400k": (400_000, 0, 100_000, False),
    "400k-known": (400_000, 0, 100_000, True),
    "400k-cap10k": (400_000, 0, 10_000, False),
    "400k-cap10k-known": (400_000, 0, 10_000, True),
    "burst30k-cap10k": (5_000, 30_000, 10_000, False),
}


def measure(name: str) -> None:
    even, burst, cap, known = CASES[name]
    spread = random.Random(1)
    offsets = [spread.randrange(HOUR_MS) for _ in range(even)]
    offsets += [HOUR_MS // 2 + spread.randrange(1000) for _ in range(burst)]
    start_ms = int(START.timestamp() * 1000)
    server = Server(moto_port=0)
    server.front.engine.load(GROUP, [(start_ms + at, f"event {n}", "s") for n, at in enumerate(offsets)])
    server.front.latency_s = 0.05
    os.environ.update(AWS_ENDPOINT_URL=server.url, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    counts: tuple[tuple[int, int], ...] = ()
    if known:
        counts = tuple(sorted(Counter((start_ms + at) // 60_000 * 60 for at in offsets).items()))
    window = Window(START, START + timedelta(hours=1))
    query = InsightsQuery("fields @timestamp, @message", (GROUP,), window, counts=counts)
    began = time.monotonic()
    answer = run_query(Aws(Place(region="ap-southeast-2")), query, cap=cap)
    wall = time.monotonic() - began
    got = Counter(row["@message"] for row in answer.rows)
    began = time.monotonic()
    answer_frame(answer)
    frame_s = time.monotonic() - began
    print(
        f"{name:<20} recall {len(got) / len(offsets):.4f}  duplicates {sum(got.values()) - len(got)}  "
        f"truncated {answer.truncated}  queries {answer.started}  calls {sum(server.front.calls.values())}  "
        f"scanned {answer.scanned / len(offsets):.2f}  wall {wall:.1f} s  "
        f"frame {len(answer.rows) / frame_s:,.0f} rows/s  "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB with the server"
    )
    server.close()


for case in sys.argv[1:] or CASES:
    measure(case)
