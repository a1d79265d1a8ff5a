"""Parts of a fit and of its calibration: assumptions, faults, shares of failures and what is varied."""

import math

import pytest
from worlds.queue_contexts import frame_of
from worlds.together import together

from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.simulation.durations import RunTime
from watchme_analysis.simulation.fit import (
    Recorded,
    failing_shares,
    faults_of,
    pauses_of,
)
from watchme_analysis.simulation.settings import (
    FaultInterval,
)


def pipeline_of(frame, **settings):
    queried = frozenset(frame.columns)
    return Pipeline("jobs", "worker", "jobs-dlq", 300, frame, RecordedSettings(**settings), queried)


SENT = {name: [4.0] * 6 for name in ("sent", "received", "invocations", "tried")}


def flow(**columns):
    """Return a flow of four messages in each of six intervals, of two seconds each."""
    usual = {"failed": [0.0] * 6, "duration_avg_s": [2.0] * 6, "duration_max_s": [2.5] * 6}
    settings = {"function_timeout_s": 30.0, "max_receive_count": 3} | columns.pop("settings", {})
    return pipeline_of(frame_of(**SENT | usual | columns), **settings)


def test_an_interval_in_which_nearly_all_fail_is_a_fault_with_its_calls_and_repeats():
    all_fail = flow(failed=[0.0, 4.0, 3.6, 3.5, 0.0, 0.0])
    found = faults_of(all_fail, 2.0, 0.3, 30.0)
    assert [(one.start_s, one.failing_share, one.calls, one.repeats) for one in found] == [
        (300.0, 1.0, 4, 0), (600.0, 0.9, 4, 0)
    ]  # fmt: skip
    # Where some failures pass, all of these intervals are, each with the usual duration.
    some = faults_of(all_fail, 2.0, 0.3, 30.0, None, True)
    assert [(one.start_s, one.failing_share, one.mean_s) for one in some] == [
        (300.0, 1.0, 2.0), (600.0, 0.9, 2.0), (900.0, 0.875, 2.0)
    ]  # fmt: skip
    again = flow(failed=[0.0, 4.0] + [0.0] * 4, tried=[4.0, 6.0] + [4.0] * 4)
    [one] = faults_of(again, 2.0, 0.3, 30.0, None, True)
    assert (one.failing_share, one.calls, one.repeats) == (pytest.approx(2 / 3), 6, 2)
    alone = flow(failed=[0.0, 1.0] + [0.0] * 4, tried=[4.0, 1.0] + [4.0] * 4, sent=[4.0, 1.0] + [4.0] * 4)
    assert faults_of(alone, 2.0, 0.3, 30.0) == (), "a message that fails alone is bad"


def test_of_a_batch_that_times_out_the_first_message_alone_was_processed():
    spent = RunTime(1.0, True)
    cut = flow(
        failed=[0.0, 2.0] + [0.0] * 4, duration_max_s=[2.5, 30.0] + [2.5] * 4, received=[8.0] * 6,
        tried=[2.0] * 6, invocations=[2.0] * 6, settings={"batch_size": 4},
    )  # fmt: skip
    [one] = faults_of(cut, 0.25, 0.2, 30.0, spent)
    assert one.run_s > 30.0 and one.mean_s == pytest.approx(one.run_s - 1.0)
    partly = flow(
        failed=[0.0, 1.0] + [0.0] * 4, duration_max_s=[2.5, 30.0] + [2.5] * 4, received=[8.0] * 6,
        tried=[2.0] * 6, invocations=[2.0] * 6, settings={"batch_size": 4},
    )  # fmt: skip
    [one] = faults_of(partly, 0.25, 0.2, 30.0, spent)
    # Half are cut off: four messages of a batch vary by half as much together.
    sigma = math.sqrt(math.log1p(0.04 / 4))
    assert one.run_s == pytest.approx(30.0 * math.exp(sigma**2 / 2))
    assert one.mean_s == pytest.approx((one.run_s - 1.0) / 4)


@together(
    ("failed", "dead", "receives", "sent", "faults", "expected"),
    [
        # Six failed tries, of which two dead messages took all three each.
        ([0.0] * 5 + [6.0], 2.0, 3, 24.0, (), (2 / 24, 0.0)),
        ([0.0] * 5 + [8.0], 2.0, 3, 24.0, (), (2 / 24, 2 / 24)),
        ([0.0] * 5 + [6.0], 9.0, 3, 24.0, (), (2 / 24, 0.0)),  # no more than the failures allow
        ([0.0] * 5 + [6.0], 2.0, None, 24.0, (), (0.0, 6 / 24)),
        ([0.0] * 5 + [6.0], None, 3, 24.0, (), (0.0, 6 / 24)),
        ([0.0] * 6, 2.0, 3, 24.0, (), (0.0, 0.0)),
        ([0.0] * 5 + [6.0], 2.0, 3, None, (), (0.0, 0.0)),
        # Failures within a fault are not of single messages.
        ([0.0] * 5 + [6.0], 2.0, 3, 24.0, (FaultInterval(1500.0, 1800.0, 1.0, 0.5),), (0.0, 0.0)),
        ([0.0] * 5 + [6.0], 2.0, 3, 24.0, (FaultInterval(1500.0, 1800.0, 15.0),), (0.0, 0.0)),
        ([0.0] * 5 + [6.0], 2.0, 3, 24.0, (FaultInterval(1500.0, 1800.0, 14.9),), (2 / 24, 0.0)),
    ],
)
def test_failures_are_of_messages_that_always_fail_or_at_random(
    failed, dead, receives, sent, faults, expected
):
    measured = Recorded(sent, dead, 0.0, 0.0)
    found = failing_shares(flow(failed=failed, settings={"max_receive_count": receives}), measured, faults)
    assert found == pytest.approx(expected)


@together(
    ("columns", "pauses"),
    [
        ({}, ((300.0, 1200.0),)),
        ({"received": [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]}, ((300.0, 900.0),)),  # two intervals are ten minutes
        ({"received": [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]}, ()),
        ({"invocations": [1.0] * 6}, ()),
        ({"visible": [0.0] * 6}, ()),
        ({"visible": [0.0, 5.0, None, 5.0, 0.0, 0.0]}, ((300.0, 1200.0),)),
        ({"received": [None] * 6, "invocations": [None] * 6}, ()),
    ],
)
def test_waiting_messages_that_were_not_received_for_ten_minutes_are_a_pause(columns, pauses):
    usual = {
        "visible": [0.0, 5.0, 5.0, 5.0, 0.0, 0.0], "received": [1.0, 0.0, 0.0, None, 1.0, 1.0],
        "invocations": [1.0, 0.0, 0.0, 0.0, 1.0, 1.0],
    }  # fmt: skip
    assert pauses_of(frame_of(**usual | columns), 300) == pauses
