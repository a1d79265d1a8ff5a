"""What the analysis of a queue concludes from its anomalies: harms, backlogs, first trouble, retries."""

from collections import Counter
from dataclasses import replace

import pytest
from worlds.one_queue import (
    DAY,
    EVERYTHING,
    INTERVAL,
    analysis,
    balance,
    pipeline_of,
    some,
)
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.queues import anomalies
from watchme_analysis.queues.latency_drift import LatencyDrift
from watchme_analysis.queues.retries import retries, well_after, well_between
from watchme_analysis.queues.standing import StandingInterval
from watchme_analysis.stats.intervals import Interval


def standing(start=4, end=8, peak=10.0, waiting_age_s=600.0, **more):
    return StandingInterval(
        start=at(start), end=at(end), kind="standing_messages", peak=peak, peak_visible=peak,
        peak_age_s=waiting_age_s, waiting_age_s=waiting_age_s, grew_from=at(start), **more,
    )  # fmt: skip


DRIFT = LatencyDrift(at(0), at(0), at(0), 12.0, 1.0, 2.0, 0.5, 0.8)


@together(
    ("facts", "harms"),
    [
        ({}, ()),
        ({"failures": INTERVAL}, ("failures",)),
        ({"balance": balance(dead_lettered=3)}, ("dead_letters",)),
        ({"balance": balance(dead_lettered=2)}, ()),
        ({"slow": INTERVAL}, ("slow",)),
        ({"episodes": (standing(),)}, ("backlog",)),
        ({"episodes": (standing(waiting_age_s=599.0),)}, ()),
        ({"episodes": (standing(waiting_age_s=None),)}, ()),
        ({"episodes": (standing(daily=True),)}, ()),
        ({"unpolled": INTERVAL}, ("starved",)),
        ({"redelivery": INTERVAL}, ("redelivery",)),
        ({"hidden": INTERVAL}, ("hidden",)),
        ({"drift": DRIFT}, ("creeping",)),
        ({"balance": balance(lost=1)}, ("lost",)),
        ({"unmatched_receives": INTERVAL}, ("taken_elsewhere",)),
    ],
)
def test_each_trouble_is_a_harm(facts, harms):
    # Durations were measured, but visibility and age were not, so slowness is not known to be harmless.
    pipeline = pipeline_of(queried=("sent",), sent=[10.0] * 20)
    assert analysis(pipeline, **facts).harms == harms


@together(
    ("changed", "is_gradual"),
    [
        ({}, True),
        ({"hours": 11.9}, False),
        ({"after_s": 1.9}, False),
        ({"steepest_share": 0.51}, False),
        ({"correlation": 0.79}, False),
    ],
)
def test_a_drift_is_gradual_from_half_a_day_and_a_doubling_on(changed, is_gradual):
    drift = replace(DRIFT, **changed)
    assert analysis(drift=drift).creeping == (drift if is_gradual else None)
    assert analysis().creeping is None


@together(
    ("state", "visible", "stalled"),
    [
        ("Disabled", 1, True),
        ("Disabling", 1, True),
        ("Disabled", 0, False),
        ("Enabled", 1, False),
        (None, 1, False),
    ],
)
def test_messages_behind_a_disabled_mapping_stand_still(state, visible, stalled):
    pipeline = pipeline_of(sent=[1.0], settings={"mapping_state": state})
    found = analysis(pipeline, balance=balance(visible=visible))
    assert found.stalled is stalled
    assert ("starved" in found.harms) is stalled


def test_late_messages_were_deleted_in_a_backlog_or_wait_in_it():
    pipeline = pipeline_of(deleted=[1.0] * 12, visible=[0.0] * 4 + [7.0] * 7 + [None])
    assert analysis(pipeline, episodes=(standing(4, 8), standing(8, 10, waiting_age_s=1.0))).late == 4
    # Still open, the seven that waited at last count too.
    assert analysis(pipeline, episodes=(standing(4, 12, is_open=True),)).late == 8 + 7
    assert analysis(pipeline, episodes=(standing(11, 12, is_open=True),)).late == 1


def test_the_worst_backlog_is_the_largest_for_its_time():
    short, long = standing(0, 2, peak=10.0), standing(4, 9, peak=5.0)
    assert analysis(episodes=(short, long)).worst == long
    assert analysis().worst is None


def throttled(invocations=980.0, throttles=20.0, first=4, last=8, **facts):
    """Return a queue with throttles between two of twenty intervals."""
    pipeline = pipeline_of(
        invocations=[invocations] + [0.0] * 19, throttles=[throttles] + [0.0] * 19, sent=[100.0] + [0.0] * 19,
        received=[facts.pop("received", 100.0)] + [0.0] * 19,
    )  # fmt: skip
    interval = Interval(at(first), at(last), "throttles", count=throttles)
    return analysis(pipeline, throttles=interval, **facts)


@together(
    ("queue", "is_harm"),
    [
        (throttled(), True),
        (throttled(981.0), False),  # below 2 % of all attempts
        (throttled(throttles=19.0, invocations=0.0), False),
        # Throttled from the first tenth to the last, a limit is permanent, and harms by what comes of it.
        (throttled(first=1, last=18), False),
        (throttled(first=1, last=18, received=102.0), False),
        (throttled(first=1, last=18, received=102.1), True),
        (throttled(first=1, last=18, balance=balance(dead_lettered=3)), True),
        (throttled(first=1, last=18, episodes=(standing(),)), True),
        (throttled(first=2, last=18), True),
        (throttled(first=1, last=17), True),
    ],
)
def test_throttles_harm_in_numbers_unless_a_permanent_limit_has_no_consequences(queue, is_harm):
    assert ("throttles" in queue.harms) is is_harm


def test_throttles_are_a_share_of_the_attempts_and_always_there_from_edge_to_edge():
    assert throttled().throttled_share == 0.02
    assert analysis(pipeline_of(sent=[1.0])).throttled_share == 0.0
    assert throttled(first=1, last=18).throttled_always
    assert not throttled().throttled_always and not analysis().throttled_always


@together(
    ("visible", "facts", "harmless"),
    [
        ([0.0, 3.0, 0.0, 3.0], {}, True),
        ([0.0, 3.0, 3.0, 0.0], {}, False),  # in two intervals in a row
        ([3.0, None, 3.0, 0.0], {}, True),
        ([0.0] * 4, {"failures": INTERVAL}, False),
        ([0.0] * 4, {"episodes": (standing(),)}, False),
        ([0.0] * 4, {"queried": ("failed", "visible")}, False),
        ([0.0] * 4, {"slow": None}, False),
    ],
)
def test_slow_invocations_are_harmless_where_nothing_failed_or_waited(visible, facts, harmless):
    facts = {"slow": Interval(at(1), at(5), "slow")} | facts
    queried = facts.pop("queried", EVERYTHING)
    pipeline = pipeline_of(queried, visible=[9.0, *visible, 9.0, 9.0])
    assert analysis(pipeline, **facts).slow_harmless is harmless


def test_the_first_trouble_is_the_earliest_of_all_but_a_permanent_limit():
    names = ("failures", "slow", "redelivery", "unpolled", "unmatched_receives", "hidden", "throttles")
    for name in names:
        assert analysis(**{name: INTERVAL}).first_trouble() == at(4), name
        late = {"episodes": (standing(6),), name: INTERVAL}
        assert analysis(**late).first_trouble() == at(4), name
    assert analysis(episodes=(standing(6),)).first_trouble() == at(6)
    assert analysis().first_trouble() is None
    assert throttled(first=1, last=18).first_trouble() == at(1)
    assert throttled(first=1, last=18, failures=INTERVAL).first_trouble() == at(4)
    assert throttled(first=2, last=8, failures=INTERVAL).first_trouble() == at(2)


@together(
    ("timeout", "before", "lowered"),
    [(10.0, 10.1, True), (10.0, 10.0, False), (None, 10.1, False), (10.0, None, False)],
)
def test_a_timeout_below_the_usual_duration_was_lowered(timeout, before, lowered):
    pipeline = pipeline_of(sent=[1.0], settings={"function_timeout_s": timeout})
    assert analysis(pipeline, run_before_s=before).limit_lowered is lowered


@together(
    ("counts", "piled"),
    [
        ({"a": 4}, False),  # fewer than five
        ({"a": 4, "b": 2}, True),  # two thirds
        ({"a": 3, "b": 2}, False),
        ({"a": 8, **dict.fromkeys(range(12), 1)}, True),  # 0.4, and three times an even share
        ({"a": 7, **dict.fromkeys(range(12), 1)}, False),
        ({"a": 4, **dict.fromkeys(range(6), 1)}, False),  # of seven items, 0.4 is less than three shares
        ({"a": 4, "b": 2, "c": 2, "d": 2}, False),
        ({"a": 39, **{str(k): 1 for k in range(61)}}, False),
    ],
)
def test_dead_letters_are_piled_on_one_item_far_beyond_its_share(counts, piled):
    assert anomalies.piled_on_one(Counter(counts)) is piled


@together(
    ("dead", "sent", "failed", "items", "sporadic"),
    [
        (3, 101.0, 9.0, {}, True),
        (2, 101.0, 9.0, {}, False),
        (3, 100.0, 9.0, {}, False),  # 3 % of the messages
        (10, 999.0, 30.0, {}, True),
        (11, 999.0, 33.0, {}, False),
        (3, 101.0, 8.0, {}, False),  # three tries each
        (5, 999.0, 15.0, {"a": 5}, False),
    ],
)
def test_few_dead_letters_of_many_messages_are_sporadic(dead, sent, failed, items, sporadic):
    pipeline = pipeline_of(sent=[sent], failed=[failed], settings={"max_receive_count": 3})
    assert anomalies.are_sporadic(pipeline, dead, Counter(items)) is sporadic
    found = analysis(pipeline, balance=balance(dead_lettered=dead), by_item=Counter(items))
    assert found.only_sporadic is sporadic
    assert not analysis(pipeline, balance=balance(dead_lettered=dead), failures=INTERVAL).only_sporadic
    assert anomalies.are_sporadic(pipeline_of(sent=[sent], failed=[3.0]), 3, Counter()) is (sent > 100.0)


def test_failing_days_are_those_at_the_same_time_oldest_first():
    failed = some(3 * DAY, (24, 36), (DAY + 24, DAY + 36))
    pipeline = pipeline_of(failed=failed)
    own = Interval(at(DAY + 24), at(DAY + 36), "failures")
    days = ((at(24), at(36)), (at(DAY + 24), at(DAY + 36)))
    assert analysis(pipeline, failures=own).failing_days == days
    assert analysis(pipeline).failing_days == ()
    assert analysis(pipeline, failures=own).failing_logged == (at(DAY + 23), at(DAY + 37))


def tried(failed, dead=1, receives=3, **facts):
    failed, settings = [0.0] * 3 + list(failed) + [0.0] * 3, {"max_receive_count": receives}
    pipeline = pipeline_of(tried=[4.0] * 12, failed=failed, settings=settings)
    interval = Interval(at(3), at(9), "failures")
    counted = balance(dead_lettered=dead, **facts)
    return retries(analysis(pipeline, failures=interval, balance=counted))


def test_failed_attempts_are_divided_by_the_fate_of_their_messages():
    found = tried((4.0, 4.0, 1.0, 0.0, 0.0, 0.0))
    # Nine failed: three of the dead message, and at most two of each message that passed at its third try.
    assert (found.dead, found.failed, found.spent, found.passed) == (1, 9.0, 3.0, 15.0)
    assert found.passed_later == pytest.approx(3.0 / 4.0)
    assert (found.always_fail, found.pass_later, found.lies_in_the_message) == (False, True, False)
    # Four and four in a row are longer than three tries of one message.
    assert not found.alone
    waiting = tried((4.0, 4.0, 1.0, 0.0, 0.0, 0.0), visible=1, in_flight=1)
    assert waiting.passed_later == 0.0
    once = tried((1.0, 0.0, 0.0, 0.0, 0.0, 0.0), receives=1)
    assert (once.spent, once.passed_later, once.alone) == (1.0, 0.0, True)
    assert once.always_fail and once.lies_in_the_message


@together(
    ("failed", "dead", "receives"),
    [((1.0,) * 6, 0, 3), ((1.0,) * 6, 1, None), ((0.0,) * 6, 1, 3)],
)
def test_without_failures_dead_letters_or_a_limit_nothing_is_known_of_retries(failed, dead, receives):
    assert tried(failed, dead, receives) is None


def test_failures_at_the_usual_rate_are_none_of_the_retries():
    pipeline = pipeline_of(tried=[4.0] * 12, failed=[1.0] * 12, settings={"max_receive_count": 3})
    interval = Interval(at(3), at(9), "failures")
    assert retries(analysis(pipeline, failures=interval, balance=balance(dead_lettered=1))) is None


def test_the_share_of_successes_between_two_moments():
    found = analysis(pipeline_of(tried=[4.0, 4.0, 4.0, None], failed=[4.0, 1.0, None, None]))
    assert well_between(found, at(1), at(2)) == 0.75
    assert well_between(found, at(1.5), at(3)) == pytest.approx(7 / 8), "with the interval of the moment"
    assert well_after(found, at(2)) == 1.0
    assert well_after(found, at(3)) is None
    assert well_after(analysis(pipeline_of(tried=[])), at(3)) is None
