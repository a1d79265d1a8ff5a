"""Simulations of few messages whose complete outcome can be computed by hand: service times do not vary."""

from dataclasses import replace
from math import inf, isnan
from types import SimpleNamespace

import pytest
from worlds.together import together

from watchme_analysis.errors import InputError
from watchme_analysis.simulation.event_calendar import EventCalendar
from watchme_analysis.simulation.pipeline import PollerConditions, SimulatedPipeline
from watchme_analysis.simulation.queue import DEAD, EXPIRED, IN_FLIGHT, VISIBLE, StandardQueue, queue_of
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    Backoff,
    BreakerSettings,
    EarlierSetting,
    FaultInterval,
    Outcome,
    PollerSettings,
    QueueSettings,
    Settings,
)

FIVE_S = ApiSettings(5.0, 0.0, slots=None)


def of(sent_s, with_times=False, groups=(), failing=(), **settings):
    """Return the outcome of messages sent at some seconds; each takes five seconds."""
    arrivals = Arrivals(sent_s, groups, frozenset(failing))
    return simulate(Settings(**{"api": FIVE_S} | settings), arrivals, with_times=with_times)


def test_three_messages_are_done_five_seconds_after_they_were_sent():
    assert of([0.0, 10.0, 70.0], with_times=True) == Outcome(
        sent=3, deleted=3, visible=0, in_flight=0, dead_lettered=0, expired=0, dead_unfailed=0, lost=0,
        duplicates=0, invocations=3, errors=0, timeouts=0, throttles=0, unhealthy=0, restarts=0,
        breaker_openings=0, peak_visible=0, peak_age_s=0.0, drained_s=75.0, behind_s=0.0, mean_wait_s=0.0,
        others_wait_s=None, series=((0.0, 0, 0, 0, 0.0), (60.0, 0, 0, 0, 0.0)), done_s=(5.0, 15.0, 75.0),
    )  # fmt: skip


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


def test_messages_beyond_their_retention_expire_each_minute():
    queue = QueueSettings(visibility_timeout_s=30.0, retention_s=70.0, max_receive_count=None)
    pauses = ((0.0, 1000.0),)
    found = of([0.0, 55.0], queue=queue, poller=PollerSettings(pauses=pauses))
    # Aged 70 s at 70 s and 125 s, they are dropped at the minutes 120 s and 180 s.
    assert (found.expired, found.lost, found.drained_s, found.invocations) == (2, 2, 180.0, 0)
    assert [row[1] for row in found.series] == [0, 2, 1, 0]
    assert [row[4] for row in found.series] == [0.0, 60.0, 65.0, 0.0]


def test_a_pause_ends_with_a_receive():
    found = of([0.0, 20.0], poller=PollerSettings(pauses=((10.0, 50.0),)), with_times=True)
    assert found.done_s == (5.0, 55.0)
    edge = of([10.0, 49.9, 50.0], poller=PollerSettings(pauses=((10.0, 50.0),)), with_times=True)
    assert edge.done_s == (55.0, 55.0, 55.0)


def test_a_batching_window_waits_until_the_batch_is_full_or_the_window_has_passed():
    poller = PollerSettings(batch_size=2, batching_window_s=20.0, start_batches=1)
    found = of([0.0, 10.0, 100.0], poller=poller, with_times=True)
    # The second fills the batch at 10 s; its messages take five seconds each. The third waits for 20 s.
    assert found.done_s == (20.0, 20.0, 125.0)
    assert found.invocations == 2


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
    poller = PollerSettings(
        batch_size=3, batching_window_s=1.0, start_batches=1, partial_batch_responses=partial
    )
    queue = QueueSettings(visibility_timeout_s=300.0, is_fifo=is_fifo)
    found = of([0.0] * 3, failing=[1], poller=poller, queue=queue, horizon_s=100.0)
    assert (found.deleted, found.errors, found.invocations) == (deleted_first, errors, 1)
    assert found.in_flight == 3 - deleted_first


def test_a_batch_whose_messages_all_fail_is_an_error_with_partial_responses_too():
    poller = PollerSettings(batch_size=2, batching_window_s=1.0, partial_batch_responses=True)
    found = of([0.0] * 2, failing=[0, 1], poller=poller, horizon_s=100.0)
    assert (found.errors, found.invocations) == (1, 1)


def test_reserved_concurrency_throttles_what_the_poller_received():
    poller = PollerSettings(reserved_concurrency=1, throttle_retry_s=4.0)
    queue = QueueSettings(visibility_timeout_s=60.0, max_receive_count=3)
    found = of([0.0, 0.0], poller=poller, queue=queue, with_times=True)
    # The second batch is tried again within 2 to 6 s until the first has ended at 5 s.
    assert found.done_s[0] == 5.0 and 10.0 < found.done_s[1] < 16.0
    assert found.throttles in (1, 2, 3) and found.invocations == 2
    at_once = of([0.0, 0.0], poller=replace(poller, throttle_patience_s=0.0), queue=queue, with_times=True)
    # Dropped at once, its message returns when its visibility timeout of a minute has passed.
    assert (at_once.throttles, at_once.done_s) == (1, (5.0, 65.0))
    once = replace(queue, max_receive_count=1)
    dies = of([0.0] * 2, poller=replace(poller, throttle_patience_s=0.0), queue=once)
    assert (dies.dead_lettered, dies.dead_unfailed, dies.errors) == (1, 1, 0)


def pipeline_of(arrivals=10, **settings):
    calendar = EventCalendar()
    found = SimulatedPipeline(Settings(api=FIVE_S, **settings), Arrivals([0.0] * arrivals), 0, calendar)
    return found, calendar


def test_a_poller_adds_batches_each_minute_with_a_backlog_and_starts_over_without():
    pipeline, _ = pipeline_of(poller=PollerSettings(start_batches=5, max_batches=700))
    allowed = []
    for visible, batches in ((1, 5), (1, 65), (1, 365), (1, 300), (1, 665), (0, 700), (1, 5)):
        pipeline.batches = batches
        pipeline._scale(visible)
        allowed.append(pipeline.allowed)
    # 60 batches first, then 300 each; none while fewer are used; at most 700.
    assert allowed == [65, 365, 665, 665, 700, 5, 65]


@together(
    ("errors", "throttles", "invocations", "allowed"),
    [
        (0, 0, 100, 40),
        (20, 0, 100, 40),  # a fifth is not above a fifth
        (21, 0, 100, 20),
        (0, 25, 95, 20),
        (0, 24, 96, 40),
    ],
)
def test_a_poller_backs_off_above_a_share_of_failed_and_throttled_attempts(
    errors, throttles, invocations, allowed
):
    poller = PollerSettings(start_batches=40, backoff=Backoff(0.2, 0.5, 5))
    pipeline, _ = pipeline_of(poller=poller)
    # What was counted up to the minute before does not count again.
    pipeline.errors, pipeline.invocations = 1000, 1000
    pipeline._scale(1)
    pipeline.allowed = 40
    pipeline.errors += errors
    pipeline.throttles += throttles
    pipeline.invocations += invocations
    pipeline.ramps = 3
    pipeline._scale(1)
    assert pipeline.allowed == allowed
    assert pipeline.ramps == (0 if allowed == 20 else 3)
    calm, _ = pipeline_of(poller=replace(poller, backs_off=False))
    calm.errors = calm.invocations = 10
    calm._scale(1)
    assert calm.allowed == 40


def test_a_poller_backs_off_to_its_least_batches_or_its_maximum():
    for most, least in ((None, 5), (3, 3)):
        pipeline, _ = pipeline_of(poller=PollerSettings(start_batches=7, max_concurrency=most))
        assert pipeline.allowed == min(7, most or 7)
        pipeline.errors = pipeline.invocations = 10
        pipeline._scale(1)
        assert pipeline.allowed == least


@together(
    ("field", "value", "read", "expected"),
    [
        ("visibility_timeout_s", 7.0, lambda found: found.queue.visibility_s, 7.0),
        ("visibility_timeout_s", None, lambda found: found.queue.visibility_s, 300.0),
        ("function_timeout_s", 7.0, lambda found: found.timeout_s, 7.0),
        ("function_timeout_s", None, lambda found: found.timeout_s, 30.0),
        ("max_receive_count", 7, lambda found: found.queue.max_receives, 7),
        ("max_receive_count", None, lambda found: found.queue.max_receives, inf),
        ("reserved_concurrency", 7, lambda found: found.reserved, 7),
        ("reserved_concurrency", None, lambda found: found.reserved, inf),
        ("max_concurrency", 7, lambda found: (found.most, found.allowed), (7, 5)),
        ("max_concurrency", 2.0, lambda found: (found.most, found.allowed), (2, 2)),
        ("max_concurrency", 9999, lambda found: (found.most, found.allowed), (1250, 5)),
        ("max_concurrency", None, lambda found: (found.most, found.allowed), (1250, 5)),
    ],
)
def test_a_setting_that_is_changed_takes_effect(field, value, read, expected):
    pipeline, _ = pipeline_of()
    pipeline._set(field, value)
    assert read(pipeline) == expected
    # Raised again, the poller starts with at least its first batches.
    if (field, value) == ("max_concurrency", 2.0):
        pipeline._set(field, 100)
        assert (pipeline.most, pipeline.allowed) == (100, 5)
        pipeline.allowed = 60
        pipeline._set(field, 50)
        assert pipeline.allowed == 50


def test_settings_before_their_changes_hold_until_then():
    earlier = (
        EarlierSetting("max_concurrency", 20.0, 1),
        EarlierSetting("max_concurrency", 50.0, 2),
        EarlierSetting("function_timeout_s", 20.0, 4.0),
    )
    queue = QueueSettings(visibility_timeout_s=100.0, max_receive_count=2)
    found = of([0.0, 30.0, 30.0, 30.0, 60.0], earlier=earlier, queue=queue, with_times=True)
    # Cut off at 4 s, the first is received again at 100 s. At 30 s two run at a time.
    assert found.done_s == (105.0, 35.0, 35.0, 40.0, 65.0)
    assert found.timeouts == 1


def test_messages_in_flight_keep_the_visibility_timeout_of_their_receive():
    earlier = (EarlierSetting("visibility_timeout_s", 10.0, 40.0),)
    queue = QueueSettings(visibility_timeout_s=100.0, max_receive_count=2)
    found = of([0.0, 20.0], failing=[0, 1], queue=queue, earlier=earlier)
    # The first returns at 40 s and is hidden for 100 s from then; the second at 120 s and 220 s.
    assert (found.invocations, found.drained_s, found.dead_lettered) == (4, 220.0, 2)


def test_a_running_invocation_keeps_the_timeout_of_its_start():
    earlier = (EarlierSetting("function_timeout_s", 2.0, 4.0),)
    found = of([0.0], earlier=earlier, horizon_s=50.0)
    assert found.timeouts == 1


BREAKER = BreakerSettings(failures_to_open=2, pause_s=100.0)


def conditions(breaker=BREAKER, **poller):
    calendar = EventCalendar()
    settings = Settings(poller=PollerSettings(**poller), breaker=breaker)
    queue = queue_of(settings.queue, Arrivals([0.0] * 10), calendar)
    return PollerConditions(settings, calendar, queue, lambda _: None), calendar


def test_a_breaker_opens_after_failures_in_a_row_and_then_tries_one_batch():
    found, calendar = conditions()
    for has_failed in (True, False, True):
        found.note(has_failed)
        assert not found.are_closed(0)
    found.note(True)
    assert found.breaker_openings == 1 and found.are_closed(0)
    assert [entry[0] for entry in calendar.entries] == [100.0], "it wakes up when the pause is over"
    found.note(True)
    assert found.breaker_openings == 1, "what fails during the pause opens it no further"
    calendar.now_s = 99.9
    assert found.are_closed(0)
    calendar.now_s = 100.0
    assert not found.are_closed(0) and found.are_closed(1), "a single batch is tried"
    found.note(True)
    assert found.breaker_openings == 2 and found.are_closed(0)
    calendar.now_s = 200.0
    found.note(False)
    assert not found.are_closed(5)
    found.note(True)
    assert found.breaker_openings == 2, "it counts from the start again"


@together(
    ("poller", "breaker", "are_there"),
    [
        ({}, None, False),
        ({}, BREAKER, True),
        ({"pauses": ((0.0, 1.0),)}, None, True),
        ({"batching_window_s": 0.1}, None, True),
    ],
)
def test_a_poller_has_conditions_where_one_is_configured(poller, breaker, are_there):
    found, _ = conditions(breaker, **poller)
    assert found.are_there is are_there
    found.note(True)
    assert found.breaker_openings == 0


def test_a_batching_window_begins_anew_after_each_batch():
    found, calendar = conditions(None, batch_size=2, batching_window_s=20.0)
    found.queue.send(0)
    assert found.are_closed(0)
    assert [entry[0] for entry in calendar.entries] == [20.0]
    calendar.now_s = 19.0
    assert found.are_closed(0) and len(calendar.entries) == 1
    calendar.now_s = 20.0
    assert not found.are_closed(0)
    calendar.now_s = 30.0
    assert found.are_closed(0)
    found.queue.send(1)
    assert not found.are_closed(0), "the batch is full"
    found.queue.receive(30.0, 2)
    found.queue.send(2)
    assert found.are_closed(0) and calendar.entries[-1][0] == 50.0


def queue(number=4, groups=(), now_s=0.0, **settings):
    """Return a queue in which so many messages wait, sent one second apart."""
    arrivals = Arrivals([float(place) for place in range(number)], groups)
    calendar = SimpleNamespace(now_s=now_s)
    found = queue_of(QueueSettings(**{"visibility_timeout_s": 30.0} | settings), arrivals, calendar)
    for message in range(number):
        found.send(message)
    return found


def test_a_receive_hides_messages_and_a_delete_needs_the_latest_receipt():
    found = queue()
    first, second = found.receive(10.0, 2)
    assert (first, second) == ((40.0, 0, 1), (40.0, 1, 1))
    assert (found.count(VISIBLE), found.count(IN_FLIGHT), found.left) == (2, 2, 4)
    assert found.is_hidden(first)
    found.come_back(0)
    assert not found.is_hidden(first)
    [again] = found.receive(50.0, 1)
    assert again == (80.0, 0, 2), "what returns is received before what was never received"
    found.delete(first)
    assert found.left == 4, "an older receipt deletes nothing"
    found.delete(again)
    found.delete(again)
    assert found.left == 3
    found.come_back(1)
    found.delete(second)
    assert found.left == 2, "a message that returned is deleted by its latest receipt"


def test_messages_return_behind_the_others_where_the_order_says_so_or_after_three_receives():
    later = queue(2, returns_first=False)
    later.receive(0.0, 1)
    later.come_back(0)
    assert [message for _, message, _ in later.receive(40.0, 2)] == [1, 0]
    often = queue(2, max_receive_count=9)
    for _ in range(3):
        assert often.receive(0.0, 1)[0][1] == 0
        often.come_back(0)
    assert often.receive(0.0, 1)[0][1] == 0
    often.come_back(0)
    assert often.receive(0.0, 1)[0][1] == 1


def test_messages_received_too_often_die_and_old_ones_expire_at_a_receive():
    found = queue(2, max_receive_count=1)
    found.receive(0.0, 1)
    found.come_back(0)
    assert [message for _, message, _ in found.receive(1.0, 5)] == [1]
    assert (found.dead, found.state[0], found.left) == (1, DEAD, 1)
    old = queue(3, retention_s=10.0)
    assert [message for _, message, _ in old.receive(11.0, 5)] == [2], "aged ten seconds and more"
    assert (old.state[0], old.state[1], old.dead, old.left) == (EXPIRED, EXPIRED, 0, 1)


def test_all_messages_beyond_their_retention_expire_also_those_in_flight():
    found = queue(4, retention_s=10.0)
    found.receive(0.0, 1)
    found.expire(11.0)
    assert [found.state[place] == EXPIRED for place in range(4)] == [True, True, False, False]
    assert found.left == 2
    found.expire(12.0)
    assert found.left == 1


def test_the_age_is_that_of_the_oldest_with_at_most_three_receives():
    found = queue(2, max_receive_count=9)
    assert (found.age_s(10.0), found.oldest_s(10.0)) == (10.0, 10.0)
    for _ in range(3):
        found.receive(0.0, 1)
        assert found.age_s(10.0) == 10.0, "a third receive counts until it returns"
        found.come_back(0)
    assert (found.age_s(10.0), found.oldest_s(10.0)) == (9.0, 10.0)
    found.delete((0.0, 0, 3))
    assert found.oldest_s(10.0) == 9.0
    assert (StandardQueue(QueueSettings(), Arrivals([])).age_s(5.0), queue(0).oldest_s(5.0)) == (0.0, 0.0)
    unsent = StandardQueue(QueueSettings(), Arrivals([0.0]))
    assert (unsent.age_s(5.0), unsent.oldest_s(5.0)) == (0.0, 0.0)


def test_a_fifo_queue_gives_out_a_group_in_order_and_waits_for_it():
    found = queue(4, groups=[0, 0, 1, 0], is_fifo=True, max_receive_count=9)
    taken = [message for _, message, _ in found.receive(0.0, 2)]
    assert taken == [0, 1], "the first group fills the batch"
    [other] = found.receive(0.0, 5)
    assert other[1] == 2 and found.receive(0.0, 5) == [], "the rest of the group waits"
    found.delete((30.0, 0, 1))
    assert found.receive(0.0, 5) == []
    found.come_back(1)
    assert [message for _, message, _ in found.receive(40.0, 5)] == [1, 3]
    found.come_back(2)
    found.delete(other)
    assert found.state[2] == VISIBLE, "a late delete is refused"


def test_a_message_of_a_fifo_group_that_leaves_in_flight_frees_its_group():
    found = queue(2, groups=[0, 0], is_fifo=True, retention_s=10.5)
    found.receive(0.0, 1)
    assert found.receive(0.0, 1) == []
    found.expire(11.0)
    assert [message for _, message, _ in found.receive(11.0, 5)] == [1]


def test_a_fair_queue_gives_out_quiet_groups_before_noisy_ones():
    groups = [0] * 40 + [1]
    found = queue(41, groups=groups, is_fair=True)
    assert [message for _, message, _ in found.receive(0.0, 1)] == [0]
    assert len(found.receive(0.0, 28)) == 28
    # 29 in flight are below thirty, so the oldest message is next; with thirty, the group is noisy.
    assert found.receive(0.0, 1)[0][1] == 29
    assert found.receive(0.0, 1)[0][1] == 40
    assert found.receive(0.0, 1)[0][1] == 30, "nothing is held back without a quiet message"


def test_what_returns_to_a_fair_queue_is_first_of_its_group_and_counts_as_work():
    found = queue(4, groups=[0, 0, 1, 1], is_fair=True)
    first = found.receive(0.0, 1)
    assert first[0][1] == 0
    found.come_back(0)
    assert found._in_flight[0] == 0
    # Its group has had no time of work at once, so the oldest message is next: the one that returned.
    assert found.receive(0.0, 1)[0][1] == 0
    found._calendar.now_s = 100.0
    # A hundred seconds with one message in flight make the group busy, beyond a tenth of all work.
    assert found.receive(100.0, 1)[0][1] == 2
    found.delete((30.0, 0, 2))
    assert found._in_flight[0] == 0 and found.left == 3
    found.delete((30.0, 0, 2))
    assert found._in_flight[0] == 0
    found.expire(1e9)
    assert (found.left, found._in_flight[1]) == (0, 0)


@together(
    ("sent_s", "groups"), [([1.0, 0.0], ()), ([0.0, 2.0, 1.0], ()), ([0.0, 1.0], (1,)), ([0.0], (1, 2))]
)
def test_arrivals_out_of_order_or_with_groups_of_some_are_refused(sent_s, groups):
    with pytest.raises(InputError):
        simulate(Settings(), Arrivals(sent_s, groups))
    assert simulate(Settings(api=FIVE_S), Arrivals([0.0, 0.0], (1, 2))).deleted == 2


def test_a_fault_makes_calls_longer_for_its_time():
    slow = FaultInterval(10.0, 20.0, mean_s=8.0)
    api = replace(FIVE_S, faults=(slow,))
    assert of([0.0, 10.0, 19.9, 20.0], api=api, with_times=True).done_s == pytest.approx(
        (5.0, 18.0, 27.9, 25.0)
    )


def test_a_simulation_ends_at_its_horizon():
    found = of([0.0, 10.0, 21.0], horizon_s=20.0, with_times=True)
    assert (found.sent, found.deleted, found.drained_s) == (2, 2, 15.0)
    cut = of([0.0, 10.0], horizon_s=12.0)
    assert (cut.sent, cut.deleted, cut.in_flight, cut.drained_s) == (2, 1, 1, None)
