"""Signals of known log lines, which say what happened where nothing else shows a backlog."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.rows import matching
from watchme_analysis.backlog.signals.queue_context import QueueObservation
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.known_lines import GROUP, Written, statement, weighed_messages, written
from watchme_analysis.inference.signals import detects

# Different texts of one message that a statement counts, by choice: its query names each of them.
MOST_NAMED = 1_000


@detects(*weighed_messages("backlog"), group=GROUP, needs=["log_events"])
def known_lines(inv: Investigation) -> Iterator[QueueObservation]:
    """Return an observation of each known message that names a fault, of no queue in particular."""
    found: dict[str, list[Written]] = {}
    for table in ("log_events", "app_log"):
        frame = inv.table(table)
        for name, shown in written("backlog", table, frame, frame["message"].astype("string").fillna("")):
            found.setdefault(name, []).append(shown)
    for name, texts in found.items():
        first = texts[0]
        named = [each.sample for each in texts if each.table == first.table][:MOST_NAMED]
        rows = matching(inv, first.table, ("message", "in", named))
        yield QueueObservation(name, statement("backlog", name, first, rows["rows"]), **rows)


DETECTORS = (known_lines,)
