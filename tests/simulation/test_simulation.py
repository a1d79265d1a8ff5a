"""The simulated queue, poller, function and API."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchme_analysis.errors import InputError
from watchme_analysis.simulation.queue import IN_FLIGHT, VISIBLE, FifoQueue
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    BreakerSettings,
    FaultInterval,
    PollerSettings,
    QueueSettings,
    Settings,
)


def fields(**values):
    return st.fixed_dictionaries(values)


QUEUES = fields(
    visibility_timeout_s=st.floats(1, 400),
    retention_s=st.floats(60, 2000),
    max_receive_count=st.none() | st.integers(1, 4),
    is_fifo=st.booleans(),
    is_fair=st.booleans(),
).map(lambda values: QueueSettings(**values))
POLLERS = fields(
    batch_size=st.integers(1, 4),
    pauses=st.sampled_from([(), ((100.0, 105.0),)]),
    max_concurrency=st.none() | st.integers(2, 4),
    reserved_concurrency=st.none() | st.integers(1, 3),
    throttle_patience_s=st.none() | st.floats(0, 60),
    partial_batch_responses=st.booleans(),
).map(lambda values: PollerSettings(**values))
APIS = fields(
    mean_s=st.floats(0.5, 40),
    variation=st.sampled_from([0.0, 0.3, 1.0]),
    slots=st.none() | st.integers(1, 3),
    restarts_when_unhealthy=st.booleans(),
    faults=st.sampled_from(
        [(), (FaultInterval(100, 400, 60.0, 0.5, is_unhealthy=True, is_cured_by_restart=True),)]
    ),
).map(lambda values: ApiSettings(**values))
SETTINGS = fields(
    queue=QUEUES,
    poller=POLLERS,
    api=APIS,
    function_timeout_s=st.floats(1, 60),
    breaker=st.none() | st.just(BreakerSettings(3, 60)),
    horizon_s=st.sampled_from([300.0, 5000.0]),
).map(lambda values: Settings(**values))


@st.composite
def arrivals(draw):
    sent_s = sorted(draw(st.lists(st.floats(0, 900), max_size=60)))
    groups = [draw(st.integers(0, 3)) for _ in sent_s]
    failing = draw(st.sets(st.integers(0, 59), max_size=5))
    return Arrivals(sent_s, groups, frozenset(message for message in failing if message < len(sent_s)))


@given(SETTINGS, arrivals(), st.integers(0, 9))
def test_every_message_is_accounted_for(settings, messages, seed):
    outcome = simulate(settings, messages, seed)
    kept = outcome.visible + outcome.in_flight
    assert outcome.sent == outcome.deleted + kept + outcome.dead_lettered + outcome.expired
    # Those sent after the horizon stay with their producers, all others must have been taken in.
    assert outcome.sent == sum(sent_s <= settings.horizon_s for sent_s in messages.sent_s)
    assert (outcome.drained_s is None) == bool(kept)
    assert outcome.dead_unfailed <= outcome.dead_lettered
    assert outcome.lost <= outcome.dead_lettered + outcome.expired
    if settings.queue.max_receive_count is None:
        assert outcome.dead_lettered == 0
    assert simulate(settings, messages, seed) == outcome


BURST = Arrivals([0.1 * message for message in range(300)])


def test_reserved_concurrency_moves_healthy_messages_to_the_dlq_maximum_does_not():
    settings = Settings(
        queue=QueueSettings(visibility_timeout_s=300.0, max_receive_count=3),
        api=ApiSettings(15.0, 0.3, slots=None),
        function_timeout_s=60.0,
    )
    reserved = PollerSettings(reserved_concurrency=2, throttle_patience_s=0.0)
    turned_away = simulate(replace(settings, poller=reserved), BURST)
    assert turned_away.errors == 0
    assert turned_away.dead_lettered == turned_away.dead_unfailed == turned_away.lost > 100
    mapped = simulate(replace(settings, poller=PollerSettings(max_concurrency=2)), BURST)
    assert (mapped.throttles, mapped.dead_lettered, mapped.deleted) == (0, 0, 300)
    # A poller that tries throttled batches until their visibility timeout has passed loses a few.
    kept = simulate(replace(settings, poller=replace(reserved, throttle_patience_s=None)), BURST)
    assert kept.throttles > 0
    assert 0 < kept.dead_unfailed == kept.dead_lettered < 15


@pytest.mark.slow
@given(st.lists(st.integers(0, 2), min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_a_fifo_queue_never_overtakes_within_a_group(groups, random):
    messages = Arrivals([float(message) for message in range(len(groups))], groups)
    queue = FifoQueue(QueueSettings(visibility_timeout_s=30.0, max_receive_count=3, is_fifo=True), messages)
    for message in range(len(groups)):
        queue.send(message)
    now_s = 100.0
    for _ in range(60):
        now_s += random.uniform(0, 20)
        while queue.hidden and queue.hidden[0][0] <= now_s:
            receipt = queue.hidden.popleft()
            if queue.is_hidden(receipt):
                queue.come_back(receipt[1])
        held = {groups[message] for message, state in enumerate(queue.state) if state == IN_FLIGHT}
        receipts = queue.receive(now_s, random.randint(1, 4))
        taken = [message for _, message, _ in receipts]
        assert not held & {groups[message] for message in taken}
        for position, message in enumerate(taken):
            before = [other for other in range(message) if groups[other] == groups[message]]
            # What was sent before it has left the queue, or comes with it, in order.
            assert all(queue.state[other] != VISIBLE for other in before)
            assert all(other in taken[:position] for other in before if queue.state[other] == IN_FLIGHT)
        for receipt in receipts:
            if random.random() < 0.5:
                queue.delete(receipt)
    assert queue.sent == len(groups)
    assert queue.left == sum(state <= IN_FLIGHT for state in queue.state)


def test_a_fair_queue_serves_quiet_groups_before_a_noisy_one():
    """Two consumers, 60 messages of group 0 at once, then one of another group each minute."""
    sent_s = [*([0.0] * 60), *(60.0 * minute for minute in range(1, 6))]
    groups = [*([0] * 60), *range(1, 6)]
    settings = Settings(
        queue=QueueSettings(),
        poller=PollerSettings(max_concurrency=2),
        api=ApiSettings(10.0, 0.0, slots=None),
    )
    waits = {}
    for kind in ("is_fair", "is_fifo", "standard"):
        queue = settings.queue if kind == "standard" else replace(settings.queue, **{kind: True})
        outcome = simulate(replace(settings, queue=queue), Arrivals(sent_s, groups))
        assert outcome.deleted == 65
        waits[kind] = outcome.others_wait_s, outcome.drained_s
    # The backlog takes 300 s. A fair queue holds nothing back, and serves others at the next free consumer.
    assert waits["standard"][0] > 100.0
    assert waits["is_fair"][0] <= 10.0
    assert waits["is_fair"][1] == waits["standard"][1]
    # In a FIFO queue, the noisy group has one consumer, and the others the second.
    assert (waits["is_fifo"][0], waits["is_fifo"][1]) == (0.0, 600.0)


def test_a_circuit_breaker_saves_receives_while_the_api_fails():
    api = ApiSettings(1.0, 0.0, slots=None, faults=(FaultInterval(0.0, 1000.0, failing_share=1.0),))
    settings = Settings(queue=QueueSettings(visibility_timeout_s=60.0), api=api)
    messages = Arrivals([float(message) for message in range(100)])
    without = simulate(settings, messages)
    with_breaker = simulate(replace(settings, breaker=BreakerSettings(3, 300.0)), messages)
    assert without.dead_lettered == 100
    assert with_breaker.breaker_openings >= 3
    assert with_breaker.dead_lettered < 10


def test_scaling_starts_with_five_batches_and_adds_sixty_after_a_minute():
    settings = Settings(
        api=ApiSettings(1000.0, 0.0, slots=None),
        function_timeout_s=5000.0,
        queue=QueueSettings(visibility_timeout_s=30_000.0),
    )
    outcome = simulate(settings, Arrivals([1.0] * 1000))
    in_flight = [row[2] for row in outcome.series[:5]]
    assert in_flight == [0, 5, 65, 365, 665]


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        (Arrivals([2.0, 1.0]), "go back in time"),
        (Arrivals([1.0, 2.0], [1]), "1 message groups were given for 2 messages"),
    ],
)
def test_arrivals_must_make_sense(messages, sentence):
    with pytest.raises(InputError, match=sentence):
        simulate(Settings(), messages)


def test_settings_must_make_sense():
    with pytest.raises(InputError, match="maximum concurrency above 0"):
        Settings(poller=PollerSettings(max_concurrency=0))
