"""What is taken from a pipeline for its simulation."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from watchme_analysis.queues.pipeline import COLUMNS, Pipeline, failed_tries
from watchme_analysis.queues.pipeline import RecordedSettings as Known
from watchme_analysis.schema import conform, empty
from watchme_analysis.simulation.fit import Recorded, fit, recorded
from watchme_analysis.text.message import message

MINUTES = 120


def pipeline(reports_failures=False, **changed):
    """Four messages every ten minutes, done within their minute, but for what is changed."""
    index = pd.date_range("2026-01-01", periods=MINUTES, freq="1min", tz="UTC")
    frame = pd.DataFrame(0.0, index=index, columns=list(COLUMNS))
    frame["duration_avg_s"] = frame["duration_max_s"] = np.nan
    frame.loc[frame.index[::10], ["sent", "received", "deleted", "invocations"]] = 4.0
    frame.loc[frame.index[::10], ["duration_avg_s", "duration_max_s"]] = 2.0
    for column, values in changed.items():
        for minute, value in values.items():
            frame.iloc[minute, frame.columns.get_loc(column)] = value
    frame = frame.join(failed_tries(frame, 60, reports_failures))
    known = Known(180.0, 345_600.0, 3, 30.0, reports_failures=reports_failures)
    return Pipeline("queue", "worker", None, 60, frame, known, frozenset(COLUMNS))


def fitted(*args, dead=0, **changed):
    return fit(pipeline(*args, **changed), Recorded(48.0, dead, 0.0, 0.0)).settings


def test_messages_that_a_function_gives_back_fail_though_it_counts_no_error():
    settings = fitted(True, deleted={50: 1.0})
    assert settings.poller.partial_batch_responses
    [fault] = settings.api.faults
    assert (fault.start_s, fault.calls, fault.failing_share) == (3000.0, 4, 0.75)


def test_one_message_that_fails_alone_is_bad_and_no_outage():
    alone = {55: 1.0}
    failing = {
        "sent": alone, "received": alone, "invocations": alone, "errors": alone, "duration_avg_s": {55: 2.0},
        "duration_max_s": {55: 2.0},
    }  # fmt: skip
    assert not fitted(dead=1, **failing).api.faults
    several = dict.fromkeys((55, 56), 1.0)
    two = dict(failing, sent=several, received=several, invocations=several, errors=several)
    two |= {"duration_avg_s": {55: 2.0, 56: 2.0}, "duration_max_s": {55: 2.0, 56: 2.0}}
    assert len(fitted(dead=2, **two).api.faults) == 2


def test_dead_letters_tell_the_receives_that_no_policy_does():
    queued = pipeline()
    without = replace(queued, settings=replace(queued.settings, max_receive_count=None), dlq="dead")
    messages = pd.DataFrame({"queue": "dead", "source_queue": "queue", "receive_count": [6, 6, 7]})
    messages = conform("queue_messages", messages)
    tables = SimpleNamespace(table=lambda name: messages if name == "queue_messages" else empty(name))
    assert recorded(without, tables).dead_receives == 5
    measured = Recorded(48.0, 3.0, 0.0, 0.0, dead_receives=5)
    found = fit(without, measured)
    assert found.settings.queue.max_receive_count == 5
    assert message("fit-receives-of-dlq", receives=5) in found.notes
    # Without a dead letter nothing speaks for a policy.
    assert fit(without, replace(measured, dead_lettered=0.0)).settings.queue.max_receive_count is None
