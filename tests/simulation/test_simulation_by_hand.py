"""Simulations of few messages whose complete outcome can be computed by hand: service times do not vary."""

from math import isnan
from types import SimpleNamespace

import pytest
from worlds.together import together

from watchme_analysis.simulation.queue import queue_of
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    PollerSettings,
    QueueSettings,
    Settings,
)

FIVE_S = ApiSettings(5.0, 0.0, slots=None)


def of(sent_s, with_times=False, groups=(), failing=(), **settings):
    """Return the outcome of messages sent at some seconds; each takes five seconds."""
    arrivals = Arrivals(sent_s, groups, frozenset(failing))
    return simulate(Settings(**{"api": FIVE_S} | settings), arrivals, with_times=with_times)


def test_one_at_a_time_messages_wait_for_the_one_before():
    one = PollerSettings(max_concurrency=1)
    found = of([0.0] * 20, poller=one, with_times=True)
    # Twenty messages of five seconds: the eleventh or twelfth of them has just ended after a minute.
    assert found.drained_s == 100.0 and found.invocations == 20
    assert found.done_s == tuple(5.0 * number for number in range(1, 21))
    assert found.mean_wait_s == pytest.approx(sum(5.0 * number for number in range(20)) / 20)
    # Sampled at 0 s before any was sent, and at 60 s.
    assert (found.peak_age_s, found.series[1][0], found.series[1][4]) == (60.0, 60.0, 60.0)
    assert found.series[1][1] + found.series[1][2] in (8, 9)
    # No message had waited for more than a minute when the queue was sampled.
    assert found.behind_s == 0.0
    later = of([0.0] * 30, poller=one)
    # At 120 s the oldest had waited for two minutes, and the last left at 150 s.
    assert (later.drained_s, later.behind_s) == (150.0, 150.0)


def test_a_message_that_always_fails_is_received_three_times_and_dies():
    found = of([0.0, 1.0], failing=[0], queue=QueueSettings(visibility_timeout_s=30.0, max_receive_count=3))
    # Received at 0, 30 and 60 s, and moved at 90 s.
    assert (found.invocations, found.errors, found.deleted) == (4, 3, 1)
    assert (found.dead_lettered, found.dead_unfailed, found.lost, found.drained_s) == (1, 0, 1, 90.0)
    unlimited = of([0.0], failing=[0], queue=QueueSettings(30.0, max_receive_count=None), horizon_s=100.0)
    assert (unlimited.invocations, unlimited.dead_lettered, unlimited.drained_s) == (4, 0, None)
    assert unlimited.visible + unlimited.in_flight == 1


def test_an_invocation_beyond_its_timeout_fails_though_its_work_is_done():
    queue = QueueSettings(visibility_timeout_s=30.0, max_receive_count=2)
    found = of([0.0], queue=queue, function_timeout_s=4.0, with_times=True)
    # Cut off at 4 s and 34 s, the API completes the work at 5 s and again at 35 s.
    assert (found.timeouts, found.errors, found.duplicates, found.lost) == (2, 2, 1, 0)
    assert (found.dead_lettered, found.drained_s) == (1, 60.0)
    assert isnan(found.done_s[0])


def test_messages_of_a_batch_follow_each_other_after_the_fixed_time():
    poller = PollerSettings(batch_size=3, start_batches=1)
    found = of([0.0] * 4, poller=poller, run_s=2.0, with_times=True)
    # The first receive finds the first message alone: 2 + 5 s. Then three: 2 + 15 s.
    assert found.done_s == (7.0, 24.0, 24.0, 24.0)


@together(
    ("partial", "is_fifo", "deleted_first", "errors"),
    [(False, False, 0, 1), (True, False, 2, 0), (True, True, 1, 0)],
)
def test_a_failed_message_returns_with_its_batch_alone_or_with_those_behind_it(
    partial, is_fifo, deleted_first, errors
):
    """Three messages of one batch, of which the second fails; the horizon is before its second receive."""
    # All three wait for the end of a pause.
    poller = PollerSettings(
        batch_size=3, pauses=((0.0, 1.0),), start_batches=1, partial_batch_responses=partial
    )
    queue = QueueSettings(visibility_timeout_s=300.0, is_fifo=is_fifo)
    found = of([0.0] * 3, failing=[1], poller=poller, queue=queue, horizon_s=100.0)
    assert (found.deleted, found.errors, found.invocations) == (deleted_first, errors, 1)
    assert found.in_flight == 3 - deleted_first


def queue(number=4, groups=(), now_s=0.0, **settings):
    """Return a queue in which so many messages wait, sent one second apart."""
    arrivals = Arrivals([float(place) for place in range(number)], groups)
    calendar = SimpleNamespace(now_s=now_s)
    found = queue_of(QueueSettings(**{"visibility_timeout_s": 30.0} | settings), arrivals, calendar)
    for message in range(number):
        found.send(message)
    return found
