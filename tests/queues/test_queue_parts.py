"""What happened in one queue of few intervals: trouble, retries, harms, DLQ stock, balance and forecast."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.looks import NO_ERRORS, at, frame_of
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.queues import accounting, anomalies, dlq_stock, episodes, work_items
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.dlq_stock import DeadLetterStock
from watchme_analysis.queues.drain import drain_rows
from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.latency_drift import LatencyDrift
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.queues.retries import retries, well_after, well_between
from watchme_analysis.queues.standing import StandingInterval
from watchme_analysis.queues.work_done import Failed
from watchme_analysis.schema import conform, empty
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import message_of
from watchme_analysis.text.render import label, render
from watchme_analysis.window import Window

HOUR = 12  # intervals of five minutes
DAY = 24 * HOUR
EVERYTHING = (
    "sent", "received", "deleted", "visible", "in_flight", "age_s", "dlq_visible", "invocations", "errors",
    "throttles", "tried", "failed", "duration_avg_s", "concurrency",
)  # fmt: skip


def pipeline_of(queried=EVERYTHING, dlq="jobs-dlq", settings=None, **columns):
    known = RecordedSettings(**(settings or {}))
    return Pipeline("jobs", "worker", dlq, 300, frame_of(**columns), known, frozenset(queried))


class Tables:
    """Tables with these rows; all others are empty."""

    window = None

    def __init__(self, **rows):
        self.tables = {name: conform(name, pd.DataFrame(part)) for name, part in rows.items() if part}

    def table(self, name):
        return self.tables.get(name, empty(name))


def ids(notes):
    """Return the messages of notes by id."""
    found = {}
    for note in notes:
        found |= messages_in(message_of(note))
    return found


def trouble_of(hours=6, start=0, end=6 * HOUR, **columns):
    usual = {"tried": [10.0] * hours * HOUR, "failed": [0.0] * hours * HOUR}
    return episodes.trouble_within(pipeline_of(**usual | columns), at(start), at(end))


def some(number, *places, value=10.0, base=0.0):
    """Return values of which those within the places (first, last) differ."""
    return [value if any(first <= k < last for first, last in places) else base for k in range(number)]


def test_trouble_within_a_part_of_the_window_is_failures_waiting_or_idleness():
    failed = some(6 * HOUR, (24, 36))
    found = trouble_of(failed=failed, age_s=some(6 * HOUR, (24, 30), value=90.0))
    assert (found.start, found.end, found.kind) == (at(24), at(36), "trouble")
    assert (found.count, found.base, found.age_s, found.only_waited) == (120.0, 120.0, 90.0, False)
    assert trouble_of(failed=failed, end=24) is None
    assert trouble_of(failed=failed, start=6 * HOUR, end=7 * HOUR) is None
    assert trouble_of() is None


def test_messages_that_were_not_received_are_trouble():
    visible, received = some(6 * HOUR, (24, 36)), some(6 * HOUR, (0, 24), (36, 72))
    found = trouble_of(visible=visible, received=received)
    assert (found.start, found.end, found.only_waited) == (at(24), at(36), False)
    assert (found.count, found.age_s) == (0.0, 0.0)


def test_messages_that_waited_long_are_trouble_of_their_own():
    columns = {
        "visible": some(6 * HOUR, (24, 36)), "age_s": some(6 * HOUR, (28, 36), value=900.0),
        "received": [1.0] * 6 * HOUR,
    }  # fmt: skip
    found = trouble_of(**columns)
    assert (found.start, found.end, found.age_s, found.only_waited) == (at(24), at(36), 900.0, True)
    young = columns | {"age_s": some(6 * HOUR, (28, 36), value=599.0)}
    assert trouble_of(**young) is None
    assert trouble_of(start=25, **columns) is None, "it grew before the part"
    # Failures within belong to it, those apart from it do not extend it.
    both = trouble_of(failed=some(6 * HOUR, (30, 40)), **columns)
    assert (both.start, both.end, both.only_waited) == (at(24), at(40), False)
    apart = trouble_of(failed=some(6 * HOUR, (50, 60)), **columns)
    assert (apart.start, apart.end) == (at(50), at(60))


def test_trouble_at_the_same_time_of_other_days_is_none():
    for name in ("failed", "idle"):
        places = [(day * DAY + 24, day * DAY + 36) for day in range(3)]
        length = 3 * DAY + HOUR
        if name == "failed":
            columns = {"failed": some(length, *places), "tried": [10.0] * length}
        else:
            columns = {
                "visible": some(length, *places), "received": some(length, *places, value=0.0, base=1.0),
                "tried": [1.0] * length, "failed": [0.0] * length,
            }  # fmt: skip
        pipeline = pipeline_of(**columns)
        found = episodes.trouble_within(pipeline, at(DAY), at(2 * DAY))
        assert found is None, name


@together(
    ("ages", "settled"),
    [
        ([0.0, 700.0, 700.0, 599.0, 700.0], 3),
        ([0.0, 600.0, 600.0, 600.0, 600.0], 4),  # old to the end
        ([900.0, 0.0, 599.0, None, 0.0], 1),
        ([0.0, None, 600.0, None, 0.0], 1),  # calm at once
    ],
)
def test_an_incident_is_settled_without_old_messages(ages, settled):
    assert episodes.settled_after(pipeline_of(age_s=ages), at(1)) == at(settled)
    assert episodes.settled_after(pipeline_of(age_s=ages), at(99)) == at(99)


BALANCE = SimpleNamespace(visible=0, in_flight=0, dead_lettered=0, lost=0)


def analysis(pipeline=None, **facts):
    """Return the analysis of a queue with these facts, and nothing else wrong."""
    nothing = dict.fromkeys(
        ("failures", "slow", "timed_out_share", "passed_share", "run_before_s", "run_during_s", "surge",
         "throttles", "redelivery", "unpolled", "drift")
    )  # fmt: skip
    nothing |= {"balance": BALANCE, "errors": NO_ERRORS, "surge_daily": False, "episodes": ()}
    return QueueAnalysis(pipeline or pipeline_of(sent=[10.0] * 20), **nothing | facts)


def balance(**values):
    return SimpleNamespace(**vars(BALANCE) | values)


def standing(start=4, end=8, peak=10.0, waiting_age_s=600.0, **more):
    return StandingInterval(
        start=at(start), end=at(end), kind="standing_messages", peak=peak, peak_visible=peak,
        peak_age_s=waiting_age_s, waiting_age_s=waiting_age_s, grew_from=at(start), **more,
    )  # fmt: skip


INTERVAL = Interval(at(4), at(8), "any", count=20.0)
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


def stock(visible, tables=None, **more):
    pipeline = pipeline_of(dlq_visible=visible, sent=[0.0] * len(visible), **more)
    return dlq_stock.dead_letter_stock(pipeline, tables or Tables())


def snapshot(visible, in_flight=0, **more):
    return {"queue": "jobs-dlq", "visible": visible, "in_flight": in_flight, "delayed": 0} | more


def test_a_dlq_that_fills_is_counted_from_its_stock():
    found = stock([2.0] * 20 + [5.0] * 10, Tables(queues=[snapshot(6, 1)]))
    # The description of the queue is the last count.
    assert found == DeadLetterStock(moved=5, held=2, at_end=7, first_seen=at(20), exact=False, notes=())
    empty_before = stock([0.0] * 20 + [5.0] * 10, Tables(queues=[snapshot(5)]))
    assert (empty_before.moved, empty_before.held, empty_before.exact) == (5, 0, True)
    # Without a description the last points count, approximately.
    assert stock([0.0] * 20 + [5.0] * 10) == DeadLetterStock(
        moved=5, at_end=5, first_seen=at(20), exact=False
    )
    # A single message more than those held is noise.
    assert stock([2.0] * 20 + [3.0] * 10).first_seen is None


def purge(name="PurgeQueue", interval=20, **more):
    return {
        "time": at(interval), "event_name": name, "read_only": False, "resource": "jobs-dlq",
        "resources": '["jobs-dlq"]',
    } | more  # fmt: skip


FALLEN = [0.0] + [40.0] * 19 + [0.0] * 200


@together(
    ("tables", "more", "way"),
    [
        ({}, {}, "left_for_unknown_reason"),
        ({"changes": [purge()]}, {}, "purged"),
        ({"changes": [purge(interval=22)]}, {}, "purged"),
        ({"changes": [purge(interval=23)]}, {}, "purged"),  # three periods are the slack
        ({"changes": [purge(interval=23.1)]}, {}, "left_for_unknown_reason"),
        ({"changes": [purge(error_code="AccessDenied")]}, {}, "left_for_unknown_reason"),
        ({"changes": [purge(resource="other", resources='["other"]')]}, {}, "left_for_unknown_reason"),
        ({"changes": [purge(resource=None)]}, {}, "purged"),
        ({"changes": [purge("StartMessageMoveTask")]}, {}, "redriven"),
        # As many messages were sent to the source queue at once, and at hardly any other time.
        ({}, {"sent": some(220, (20, 21), value=40.0)}, "redriven"),
        ({}, {"sent": some(220, (20, 21), value=39.0)}, "left_for_unknown_reason"),
        ({}, {"sent": [40.0] * 220}, "left_for_unknown_reason"),
    ],
)
def test_messages_that_left_a_dlq_are_counted_by_the_way(tables, more, way):
    pipeline = pipeline_of(**{"dlq_visible": FALLEN, "sent": [0.0] * 220} | more)
    found = dlq_stock.dead_letter_stock(pipeline, Tables(**tables))
    ways = ("purged", "expired", "redriven", "left_for_unknown_reason")
    assert {name: getattr(found, name) for name in ways} == dict.fromkeys(ways, 0) | {way: 40}
    assert found.lost == (0 if way == "redriven" else 40)
    assert ids(found.notes) == {"stock-left": {"messages": 40, "dlq": "jobs-dlq"}}
    assert (found.moved, found.at_end, found.exact) == (40, 0, False)


@together(("age", "is_expired"), [(99.0, True), (98.9, False)])
def test_messages_that_reached_the_retention_of_the_dlq_expired(age, is_expired):
    point = {
        "time": at(19), "namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage",
        "resource": "jobs-dlq", "stat": "Maximum", "period_s": 300, "value": age,
    }  # fmt: skip
    settings = {"settings": {"dlq_retention_s": 100.0}}
    assert (stock(FALLEN, Tables(metrics=[point]), **settings).expired == 40) is is_expired
    assert stock(FALLEN, Tables(metrics=[point])).expired == 0


def message_in(queue, number, source="jobs"):
    return {"queue": queue, "message_id": f"m-{number}", "source_queue": source, "sent_at": at(0)}


SHARED = [
    {"queue": "jobs", "dlq": "jobs-dlq"}, {"queue": "more", "dlq": "jobs-dlq"}, snapshot(4)
]  # fmt: skip


@together(
    ("messages", "columns", "moved", "by"),
    [
        # A complete dump names the source of each message.
        ([(1, "jobs"), (2, "jobs"), (3, "jobs"), (4, "more")], {}, 3, "messages"),
        # Else the counters tell: ten sent and eight deleted.
        ([(1, "jobs")], {"sent": [10.0], "deleted": [8.0]}, 2, "counters"),
        ([(1, "jobs")], {"sent": [10.0], "deleted": [10.0]}, 1, "counters"),
        ([(1, "jobs")], {"sent": [10.0], "deleted": [1.0]}, 4, "counters"),
        # Without counters, the share in the messages that were seen.
        ([(1, "jobs"), (2, "more")], {"queried": ()}, 2, "counters"),
        ([], {"queried": ()}, 4, "counters"),
    ],
)
def test_a_shared_dlq_is_divided_by_its_messages_or_by_counters(messages, columns, moved, by):
    columns = dict(columns)
    queried = columns.pop("queried", EVERYTHING)
    padded = {name: values + [0.0] * 9 for name, values in columns.items()}
    pipeline = pipeline_of(queried, dlq_visible=[0.0] * 5 + [4.0] * 5, **padded)
    rows = [message_in("jobs-dlq", number, source) for number, source in messages]
    found = dlq_stock.dead_letter_stock(pipeline, Tables(queues=SHARED, queue_messages=rows))
    assert (found.moved, found.moved_by_all, found.exact) == (moved, 4, by == "messages")
    assert ids(found.notes)["stock-shared"] == {"dlq": "jobs-dlq", "queues": ["more"], "by": by}


@together(
    ("queues", "messages", "queried", "expected"),
    [
        ([snapshot(3)], [], EVERYTHING, (3, 3, "stock-no-metric")),
        ([snapshot(1)], [message_in("jobs-dlq", k) for k in (1, 2, 2)], (), (2, 2, "stock-no-metric")),
        ([snapshot(0)], [], (), (0, 0, None)),
        ([], [], EVERYTHING, (0, 0, None)),
        ([], [], (), (None, 0, "stock-unknown")),
    ],
)
def test_without_a_series_the_description_and_the_messages_count(queues, messages, queried, expected):
    pipeline = pipeline_of(queried, sent=[0.0] * 3)
    found = dlq_stock.dead_letter_stock(pipeline, Tables(queues=queues, queue_messages=messages))
    moved, at_end, note = expected
    assert (found.moved, found.at_end) == (moved, at_end)
    assert set(ids(found.notes)) == ({note} if note else set())
    assert found.exact is (note != "stock-no-metric")


def test_a_queue_without_a_dlq_moves_nothing_and_another_policy_is_noted():
    none = dlq_stock.dead_letter_stock(pipeline_of(dlq=None, sent=[0.0]), Tables())
    assert (none.moved, set(ids(none.notes))) == (0, {"stock-no-dlq"})
    other = Tables(queues=[{"queue": "jobs", "dlq": "new-dlq"}])
    found = dlq_stock.dead_letter_stock(pipeline_of(dlq_visible=[0.0] * 9), other)
    assert ids(found.notes)["stock-other-policy"] == {"named": "new-dlq", "dlq": "jobs-dlq"}
    window = Tables()
    window.window = Window(at(0), at(3))
    assert dlq_stock.dead_letter_stock(pipeline_of(sent=[0.0] * 3), window).moved == 0


def test_the_oldest_messages_sent_before_the_window_were_held():
    rows = [message_in("jobs-dlq", k) | {"sent_at": at(k)} for k in (-1, -3, 2, -2)]
    frame = Tables(queue_messages=rows).table("queue_messages")
    pipeline = pipeline_of(sent=[0.0])
    assert list(dlq_stock.from_before(frame, pipeline, 2)) == [1, 3]
    assert list(dlq_stock.from_before(frame, pipeline, 9)) == [1, 3, 0]
    assert list(dlq_stock.from_before(frame, pipeline, 0)) == []


def accounted(tables=None, settings=None, **columns):
    """Return the balance of a queue with these series; what is not named is 0."""
    length = max((len(values) for values in columns.values()), default=12)
    usual = {name: [0.0] * length for name in EVERYTHING if name not in ("tried", "failed")}
    pipeline = pipeline_of(settings=settings, **usual | columns)
    return accounting.queue_balance(pipeline, tables or Tables())


def first(value, length=12):
    return [value] + [0.0] * (length - 1)


def test_every_message_sent_is_deleted_waiting_or_dead():
    found = accounted(
        sent=first(20.0), received=first(20.0), deleted=first(12.0), visible=[0.0] * 9 + [3.0] * 3,
        in_flight=[0.0] * 11 + [1.0], dlq_visible=[0.0] * 4 + [4.0] * 8, age_s=[9999.0] * 12,
    )  # fmt: skip
    assert (found.sent, found.received, found.deleted, found.stock_before) == (20, 20, 12, 0)
    assert (found.visible, found.in_flight, found.dead_lettered, found.unexplained) == (3, 1, 4, 0)
    assert (found.expired, found.purged, found.duplicate_deletes, found.lost) == (0, 0, 0, 0)
    # Ten messages stood for an interval of 300 s each, over twenty arrivals.
    assert found.mean_stay_s == pytest.approx((3 * 3 + 1) * 300 / 20)
    assert (found.retry_amplification, found.reasons) == (1.0, ())


@together(
    ("columns", "settings", "tables", "field", "number", "message_id"),
    [
        ({"deleted": [0.0, 25.0] + [0.0] * 10}, {}, {}, "duplicate_deletes", 5, "balance-duplicates"),
        ({"deleted": first(15.0)}, {}, {}, "unexplained", 5, "balance-unexplained"),
        (
            {"deleted": first(15.0)}, {}, {"changes": [purge(resource="jobs", interval=5)]}, "purged", 5,
            "balance-purged",
        ),
        # Half of the remainder vanished at once without a receive.
        (
            {"deleted": first(15.0), "visible": [0.0] * 3 + [3.0] * 3 + [0.0] * 6}, {}, {}, "purged", 5,
            "balance-purged",
        ),
        (
            {"deleted": first(15.0), "visible": [0.0] * 3 + [2.0] * 3 + [0.0] * 6}, {}, {}, "unexplained", 5,
            "balance-unexplained",
        ),
        (
            {"deleted": first(15.0), "age_s": [98.0] * 12}, {"retention_s": 100.0}, {}, "expired", 5,
            "balance-expired",
        ),
        (
            {"deleted": first(15.0), "age_s": [97.9] * 12}, {"retention_s": 100.0}, {}, "unexplained", 5,
            "balance-unexplained",
        ),
    ],
)  # fmt: skip
def test_a_remainder_is_a_loss_only_with_evidence(columns, settings, tables, field, number, message_id):
    found = accounted(Tables(**tables), settings, **{"sent": first(20.0), "received": first(20.0)} | columns)
    fields = ("duplicate_deletes", "unexplained", "purged", "expired")
    assert {name: getattr(found, name) for name in fields} == dict.fromkeys(fields, 0) | {field: number}
    assert set(ids(found.reasons)) == {message_id}
    assert found.lost == (number if field in ("purged", "expired") else 0)


def test_unknown_counters_leave_the_balance_open():
    pipeline = pipeline_of(queried=("sent",), sent=[5.0], deleted=[5.0], dlq_visible=[0.0])
    found = accounting.queue_balance(pipeline, Tables())
    assert (found.sent, found.received, found.deleted, found.unexplained) == (5, None, None, None)
    assert set(ids(found.reasons)) == {"balance-open"}
    assert found.retry_amplification is None and found.mean_stay_s is None


@together(
    ("age", "is_impossible"),
    [(2400.0, False), (2399.0, True)],  # 3000 s against the oldest and two intervals
)
def test_a_mean_stay_beyond_the_oldest_message_is_impossible(age, is_impossible):
    pipeline = pipeline_of(
        sent=first(1.0), visible=[1.0] * 8 + [0.0] * 4, in_flight=first(2.0), age_s=first(age)
    )
    stay_s, note = accounting.mean_stay(pipeline)
    assert stay_s == 3000.0
    assert (note is not None) is is_impossible
    if is_impossible:
        assert ids([note])["balance-stay"] == {"stay": 3000.0, "oldest": age}


@together(
    ("sent", "received", "deleted", "visible", "in_flight", "before"),
    [
        (5.0, 9.0, 0.0, 3.0, 0.0, 4),  # more were received than sent
        (5.0, 3.0, 0.0, 9.0, 0.0, 4),
        (5.0, 5.0, 8.0, 0.0, 2.0, 3),  # more were deleted than received
        (5.0, 5.0, 1.0, 0.0, 9.0, 4),
        (5.0, 5.0, 5.0, 5.0, 5.0, 0),
        (9.0, 2.0, 1.0, 1.0, 1.0, 0),
        (5.0, None, None, 7.0, None, 2),
    ],
)
def test_the_stock_before_is_the_least_that_explains_the_first_interval(
    sent, received, deleted, visible, in_flight, before
):
    frame = frame_of(
        sent=[sent, 99.0], received=[received, 0.0], deleted=[deleted, 0.0], visible=[visible, 0.0],
        in_flight=[in_flight, 0.0],
    )  # fmt: skip
    assert accounting.stock_before(frame) == before
    assert accounting.stock_before(frame.iloc[:0]) == 0


def test_the_description_of_a_queue_is_its_end_unless_a_window_was_selected():
    tables = Tables(queues=[{"queue": "jobs", "visible": 4, "in_flight": 2, "delayed": 3}])
    columns = {"visible": [0.0] * 9 + [8.0, None, None], "in_flight": [0.0] * 9 + [1.0, 6.0, None]}
    assert (accounted(tables, **columns).visible, accounted(tables, **columns).in_flight) == (7, 2)
    tables.window = Window(at(0), at(12))
    found = accounted(tables, **columns)
    assert (found.visible, found.in_flight) == (8, 6), "the last of three points"


def test_a_balance_by_interval_counts_what_each_leaves_to_the_next():
    length = 2 * HOUR
    pipeline = pipeline_of(
        sent=first(20.0, length), received=first(20.0, length), deleted=first(12.0, length),
        visible=[3.0] * length, in_flight=[1.0] * length, dlq_visible=[0.0] * HOUR + [4.0] * HOUR,
    )  # fmt: skip
    one, two = accounting._by_interval(pipeline, Tables(), 3600.0, "en")
    assert one == {
        "queue": "jobs", "start": at(0), "end": at(HOUR), "sent": 20, "received": 20, "deleted": 12,
        "stock_before": 0, "visible": 3, "in_flight": 1, "dead_lettered": 0, "expired": None, "purged": None,
        "duplicate_deletes": None, "unexplained": 4, "reasons": label("balance-step-delayed", "en"),
        "retry_amplification": 1.0, "mean_stay_s": None,
    }  # fmt: skip
    # Four were left, four more died: the remainder of the hour before.
    assert (two["stock_before"], two["dead_lettered"], two["unexplained"]) == (4, 4, -4)
    assert (two["retry_amplification"], two["start"]) == (None, at(HOUR))
    unknown, _ = accounting._by_interval(
        replace(pipeline, queried=frozenset({"sent"})), Tables(), 3600.0, "en"
    )
    assert (unknown["received"], unknown["visible"], unknown["unexplained"]) == (None, None, None)
    assert unknown["reasons"] == label("balance-step-unknown", "en")
    shared, _ = accounting._by_interval(pipeline, Tables(queues=SHARED), 3600.0, "en")
    assert (shared["dead_lettered"], shared["unexplained"]) == (None, None)
    assert shared["reasons"] == label("balance-step-shared-dlq", "en")


def forecast(settings=None, **columns):
    frame = drain_rows((pipeline_of(settings=settings, **columns),))
    return None if frame.empty else frame.iloc[0].to_dict()


def test_a_backlog_drains_at_its_capacity_minus_the_arrivals():
    # A day of sixty messages an hour; while messages waited, ten were deleted in each five minutes.
    found = forecast(
        sent=[5.0] * DAY, visible=[0.0] * (DAY - 10) + [60.0] * 10, received=[5.0] * DAY,
        deleted=[5.0] * (DAY - 10) + [10.0] * 10, in_flight=[0.0] * (DAY - 1) + [6.0],
    )  # fmt: skip
    end = at(DAY)
    assert (found["queue"], found["at"], found["backlog"]) == ("jobs", end, 66.0)
    assert (found["arrivals_per_min"], found["capacity_per_min"]) == (1.0, 2.0)
    for name in ("drained_at", "drained_at_low", "drained_at_high"):
        assert found[name] == end + timedelta(minutes=66), name
    assert found["head_of_line_delay_s"] == 60.0 * 66 / 2
    assert found["note"] == ""


def test_bounds_of_a_forecast_take_quantiles_and_the_last_half_hour():
    deleted = [10.0] * (DAY - 10) + [15.0, 25.0] * 5
    found = forecast(
        sent=[5.0] * (DAY - 6) + [12.0] * 6, visible=[0.0] * (DAY - 10) + [60.0] * 10,
        received=[5.0] * DAY, deleted=deleted,
    )  # fmt: skip
    end = at(DAY)
    # Capacities are 3 and 5 a minute, arrivals 1, and 2.4 in the last half hour.
    assert found["capacity_per_min"] == 4.0
    assert found["drained_at"] == end + timedelta(minutes=20)
    assert found["drained_at_low"] == end + timedelta(minutes=15)
    assert found["drained_at_high"] == end + timedelta(minutes=100)


def test_without_a_consumer_the_capacity_is_that_of_the_busiest_intervals():
    columns = {"sent": [5.0] * DAY, "visible": [0.0] * (DAY - 1) + [60.0], "received": [0.0] * DAY}
    deleted = [20.0] * 10 + [1.0] * (DAY - 10)
    found = forecast({"mapping_state": "Disabled"}, deleted=deleted, **columns)
    assert found["capacity_per_min"] == 4.0
    for name in ("drain-mapping-off", "drain-busiest-intervals"):
        assert label(name, "en") in found["note"]
    assert found["note"].startswith(label("drain-mapping-off", "en"))
    never = forecast(deleted=[5.0] * DAY, **columns)
    assert pd.isna(never["drained_at"]) and never["head_of_line_delay_s"] == 3600.0
    unknown = forecast(deleted=[None] * DAY, **columns)
    assert unknown["capacity_per_min"] == 0.0 and pd.isna(unknown["head_of_line_delay_s"])


@together(
    ("visible", "in_flight", "is_backlog"),
    [(1.0, 0.0, True), (0.0, 4.0, True), (0.0, 3.0, False), (0.5, 3.5, True), (0.9, 0.0, False)],
)
def test_a_message_that_waits_or_four_in_flight_are_a_backlog(visible, in_flight, is_backlog):
    found = forecast(sent=[1.0] * 4, visible=[0.0] * 3 + [visible], in_flight=[0.0] * 3 + [in_flight])
    assert (found is not None) is is_backlog
    assert drain_rows((pipeline_of(sent=[]),)).empty
    lost = forecast(sent=[1.0] * 4, visible=[0.0, 5.0, None, None], in_flight=[0.0] * 4)
    assert lost["backlog"] == 5.0, "a lost point does not empty a queue"


def errors(**counts):
    return LoggedErrors(Counter(counts), {}, sum(counts.values()), False)


@together(
    ("error", "facts", "own_fault", "expected"),
    [
        (Failed("HTTPError", "404 Client Error"), {}, False, False),
        (Failed("KeyError", "'x'"), {}, False, None),
        (Failed("ConnectionError", "refused"), {}, False, True),
        (Failed("ConnectionError", "refused"), {}, True, None),
        (None, {"passed_share": 0.15}, False, True),
        (None, {"passed_share": 0.16, "failures": INTERVAL}, False, None),
        (None, {}, False, True),  # nothing failed, and failures were counted
        (None, {"errors": errors(message=19, timeout=1)}, False, False),
        (None, {"errors": errors(message=18, timeout=2)}, False, None),
        (None, {"errors": errors(timeout=19, message=1)}, False, True),
        (None, {"errors": errors(timeout=18, code_or_message=2)}, False, None),
        (None, {"errors": errors(timeout=18, other=2), "passed_share": 0.1}, False, True),
        (None, {"errors": errors(timeout=20)}, True, None),
    ],
)
def test_a_dead_letter_can_succeed_where_the_message_is_not_the_cause(error, facts, own_fault, expected):
    found = analysis(**facts)
    assert work_items._recoverable(found, "{}", error, own_fault=own_fault) is expected
    assert work_items._recoverable(found, None, error, own_fault=own_fault) is None


def test_a_case_ends_with_its_window_or_its_last_interval():
    signs = (analysis(pipeline_of(sent=[1.0] * 3)), analysis(pipeline_of(sent=[])))
    tables = Tables()
    assert work_items._end(tables, signs) == at(3)
    assert work_items._end(tables, ()) is None
    tables.window = Window(at(0), at(2))
    assert work_items._end(tables, signs) == at(2)


def test_notes_are_texts_in_a_language():
    found = dlq_stock.dead_letter_stock(pipeline_of(dlq=None, sent=[0.0]), Tables())
    assert render(found.notes[0], "ja") == label("stock-no-dlq", "ja")
