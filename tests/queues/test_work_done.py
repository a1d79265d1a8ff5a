"""Messages that logs name: those whose run ended well, and those whose run failed."""

from types import SimpleNamespace

import pandas as pd

from watchme_analysis.queues.work_items import failed_with, work_done
from watchme_analysis.schema import conform, empty

FIRST, SECOND = "0b1c2d3e-0000-4000-8000-000000000001", "0b1c2d3e-0000-4000-8000-000000000002"


def tables(*rows):
    names = ("request_id", "kind", "message", "error_type")
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    frame = frame.assign(file="log.json", function="worker", time=pd.Timestamp("2026-03-02T04:00:00Z"))
    events = conform("log_events", frame)
    return SimpleNamespace(
        table=lambda name: events if name == "log_events" else empty(name), work_items=None
    )


LOG = tables(
    ("a", "application", f'received {{"messageId": "{FIRST}"}}', None),
    ("a", "end", "END", None),
    ("b", "application", f"message_id={SECOND}", None),
    ("b", "error", "no answer", "TimeoutError"),
    ("b", "end", "END", None),
    ("c", "application", "nothing to do", None),
    ("c", "end", "END", None),
)


def test_messages_of_runs_that_ended_without_an_error_are_done():
    assert work_done(LOG).messages == {FIRST}


def test_a_failed_run_gives_its_error_to_the_messages_that_it_names():
    assert failed_with(LOG) == {SECOND: ("TimeoutError", "no answer")}
