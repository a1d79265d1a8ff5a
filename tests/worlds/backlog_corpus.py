"""The stored signals of backlog cases: what the rules see of each, in each variant of its evidence."""

import json
from datetime import UTC, datetime
from pathlib import Path

from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.judge import Undoing
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span

CORPUS = Path(__file__).resolve().parents[2] / "benchmarks" / "corpus" / "backlog.jsonl"
SPAN = ("shown", "start", "earliest", "latest", "end", "until")


def read(path=CORPUS):
    """Return the corpus: each line with its signals by queue and the changes that can end a cause."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(line, [_queue(entry) for entry in line["queues"]], _undoing(line)) for line in lines]


def stored(one):
    """Return an observation as the corpus holds it."""
    span = one.span and [
        None if getattr(one.span, name) is None else round(getattr(one.span, name).timestamp())
        for name in SPAN
    ]
    return [
        one.signal,
        round(one.strength, 4),
        one.rows,
        one.effect and round(one.effect, 4),
        span,
        one.event,
    ]


def _queue(entry):
    def moment(value):
        return None if value is None else datetime.fromtimestamp(value, UTC)

    found = [
        QueueObservation(
            name, "", "", rows, None, effect, None, strength, queue=entry["queue"],
            span=span and Span(*map(moment, span)), event=event,
        )
        for name, strength, rows, effect, span, event in entry["signals"]
    ]  # fmt: skip
    return QueueSignals(entry["queue"], entry["period_s"], entry["harmed"], tuple(found))


def _undoing(line):
    return [
        Undoing(datetime.fromtimestamp(time, UTC), queue, tuple(causes))
        for time, queue, causes in line["undoing"]
    ]
