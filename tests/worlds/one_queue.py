"""One queue of few intervals with the metrics and tables that a test states, and its analysis.

Other columns are null, and other tables are empty.
"""

import json
from dataclasses import replace

import pandas as pd

from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.schema import conform, empty
from watchme_analysis.text.message import message_of
from worlds.messages import messages_in
from worlds.queue_contexts import at, frame_of

HOUR = 12  # intervals of five minutes
DAY = 24 * HOUR
EVERYTHING = (
    "sent", "received", "deleted", "visible", "in_flight", "age_s", "dlq_visible", "dlq_in_flight",
    "invocations", "errors", "throttles", "tried", "failed", "duration_avg_s", "concurrency",
)  # fmt: skip


def pipeline_of(queried=EVERYTHING, dlq="jobs-dlq", settings=None, queue="jobs", **columns):
    """Return the queue with its function, DLQ and settings; all of these columns are known unless stated."""
    known = RecordedSettings(**(settings or {}))
    return Pipeline(queue, "worker", dlq, 300, frame_of(**columns), known, frozenset(queried))


class Tables:
    """Tables with these rows; all others are empty."""

    name = "made-up"
    argument = "CASE"
    unread = ()
    window = None

    def __init__(self, **rows):
        self.tables = {name: conform(name, pd.DataFrame(part)) for name, part in rows.items() if part}

    def table(self, name):
        """Return a table of the glossary."""
        return self.tables.get(name, empty(name))

    def coverage(self):
        """Return nothing, as no file was read."""
        return {}


def ids(notes):
    """Return the messages of notes by id."""
    found = {}
    for note in notes:
        found |= messages_in(message_of(note))
    return found


def some(number, *places, value=10.0, base=0.0):
    """Return values of which those within the places (first, last) differ."""
    return [value if any(first <= k < last for first, last in places) else base for k in range(number)]


def snapshot(visible, in_flight=0, **more):
    """Return the description of the DLQ."""
    return {"queue": "jobs-dlq", "visible": visible, "in_flight": in_flight, "delayed": 0} | more


def purge(name="PurgeQueue", interval=20, **more):
    """Return a recorded change of the DLQ."""
    return {
        "time": at(interval), "event_name": name, "read_only": False, "resource": "jobs-dlq",
        "resources": '["jobs-dlq"]',
    } | more  # fmt: skip


def message_in(queue, number, source="jobs"):
    """Return a message of a queue."""
    return {"queue": queue, "message_id": f"m-{number}", "source_queue": source, "sent_at": at(0)}


SHARED = [
    {"queue": "jobs", "dlq": "jobs-dlq"}, {"queue": "more", "dlq": "jobs-dlq"}, snapshot(4)
]  # fmt: skip


def event(name, resource="worker", interval=5, resources=None, **more):
    """Return a recorded change of a resource."""
    return {
        "time": at(interval), "event_id": "e-1", "event_name": name, "user": "deployer", "read_only": False,
        "resource": resource, "resources": json.dumps([resource] if resources is None else resources),
        "parameters": json.dumps(more.pop("parameters", {})),
    } | more  # fmt: skip


def investigation(window=None, **given):
    """Return an investigation of these tables, of a window alone where one is given."""
    inv = Investigation(Tables(**given), "backlog")
    return inv if window is None else replace(inv, window=window)
