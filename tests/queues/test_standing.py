"""Intervals in which messages stood in a queue, those that recur, and the analysis that puts all together."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from worlds.one_queue import DAY, EVERYTHING, HOUR, Tables, analysis, message_in, pipeline_of, some
from worlds.queue_contexts import at, frame_of
from worlds.together import together

from watchme_analysis.queues import latency_drift, redelivery, standing
from watchme_analysis.queues.anomalies import analyse_queue
from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.pipeline_anomalies import clustering, find_slow_invocations
from watchme_analysis.queues.standing import StandingInterval, is_minor_beside, on_other_days
from watchme_analysis.queues.timeout_logs import TimeoutLogs
from watchme_analysis.stats.intervals import Interval


def stood(length=24, **columns):
    """Return the intervals in which a queue with these series held messages."""
    padded = {name: list(values) + [0.0] * (length - len(values)) for name, values in columns.items()}
    return standing.standing_intervals(pipeline_of(**padded))


def test_an_interval_states_its_peaks_ages_and_bounds():
    [found] = stood(
        visible=[0.0, 0.0, 3.0, 9.0, 5.0, 0.0], in_flight=[0.0, 0.0, 1.0, 2.0, 0.0, 4.0],
        age_s=[0.0, 0.0, 100.0, 900.0, None, 700.0],
    )  # fmt: skip
    # As texts, because a missing number is not equal to itself.
    assert repr(found) == repr(StandingInterval(
        start=at(2), end=at(6), kind="standing_messages", peak=11.0, peak_visible=9.0, peak_age_s=900.0,
        # Four messages have stood for two intervals at most where four or more are visible.
        waiting_age_s=900.0, grew_from=at(2), daily=False,
    ))  # fmt: skip
    assert stood(visible=[0.0]) == ()


def test_an_age_counts_as_waiting_for_as_long_as_four_messages_stood():
    # One old message, beside which four more wait for one interval of 300 s.
    [found] = stood(visible=[1.0, 1.0, 4.0, 1.0], age_s=[5000.0] * 4)
    assert (found.peak_age_s, found.waiting_age_s) == (5000.0, 300.0)
    [few] = stood(visible=[3.0, 3.0], age_s=[5000.0] * 2)
    assert few.waiting_age_s is None
    [unknown] = stood(visible=[9.0, 9.0], age_s=[None] * 24)
    assert (unknown.peak_age_s, unknown.waiting_age_s) == (None, None)


@together(
    ("visible", "bounds"),
    [
        ([5.0, 0.0, 0.0, 5.0], [(0, 4)]),  # two empty intervals do not end it
        ([5.0, 0.0, 0.0, 0.0, 5.0], [(0, 1), (4, 5)]),
        ([5.0, None, None, 5.0], [(0, 4)]),
        ([5.0, None, None, None, 0.0, 0.0, 5.0], [(0, 3), (6, 7)]),
    ],
)
def test_short_gaps_do_not_end_an_interval(visible, bounds):
    assert [(one.start, one.end) for one in stood(visible=visible)] == [
        (at(first), at(last)) for first, last in bounds
    ]


@together(("visible", "is_open"), [([0.0] * 21 + [5.0], True), ([0.0] * 20 + [5.0], False)])
def test_an_interval_near_the_end_is_open(visible, is_open):
    [found] = stood(visible=visible)
    assert found.is_open is is_open


def test_growth_begins_where_the_stock_exceeds_the_peaks_of_smaller_intervals():
    usual = [3.0, 0.0, 0.0, 0.0]
    *_, found = stood(visible=[*usual * 2, 2.0, 3.0, 4.0, 30.0, 3.0, 0.0])
    assert (found.start, found.grew_from, found.peak) == (at(8), at(9), 30.0)
    [alone] = stood(visible=[1.0, 1.0, 50.0, 60.0])
    assert alone.grew_from == at(1), "a fiftieth of the peak is not yet a backlog"


def test_intervals_at_the_same_time_of_another_day_are_daily():
    def peaks(second=10.0, shift=0, age_s=0.0):
        visible = some(2 * DAY, (24, 30), (DAY + 24 + shift, DAY + 30 + shift))
        visible = [second if value and place > DAY else value for place, value in enumerate(visible)]
        age = [age_s if place in range(24, 30) else 0.0 for place in range(2 * DAY)]
        return [one.daily for one in standing.standing_intervals(pipeline_of(visible=visible, age_s=age))]

    assert peaks() == [True, True]
    assert peaks(second=5.0) == [True, True] and peaks(second=4.9) == [False, True]
    assert peaks(shift=4) == [True, True] and peaks(shift=5) == [False, False]
    assert peaks(age_s=900.0) == [False, True], "the other has no age"


SURGE = Interval(at(10), at(20), "surge")


def backlog(grew=12, peak=1000.0, waiting_age_s=600.0, daily=False):
    return StandingInterval(
        start=at(grew), end=at(grew + 9), kind="standing_messages", peak=peak, peak_visible=peak,
        peak_age_s=None, waiting_age_s=waiting_age_s, grew_from=at(grew), daily=daily,
    )  # fmt: skip


@together(
    ("failures", "episodes", "dead", "minor"),
    [
        (Interval(at(5), at(9), "f", 90.0), (backlog(),), 10, True),
        (Interval(at(5), at(9), "f", 90.0), (backlog(),), 11, False),
        (Interval(at(10), at(12), "f", 1.0), (backlog(),), 0, False),  # began with the surge
        (None, (backlog(),), 0, False),
        (Interval(at(5), at(9), "f", 90.0), (backlog(grew=9),), 0, False),
        (Interval(at(5), at(9), "f", 90.0), (backlog(grew=10),), 0, True),
        (Interval(at(5), at(9), "f", 90.0), (backlog(grew=20),), 0, False),
        (Interval(at(5), at(9), "f", 90.0), (backlog(daily=True),), 0, False),
        (Interval(at(5), at(9), "f", 90.0), (backlog(waiting_age_s=599.0),), 0, False),
        (Interval(at(5), at(9), "f", 90.0), (backlog(waiting_age_s=None),), 0, False),
        (Interval(at(5), at(9), "f", 90.0), (), 0, False),
    ],
)
def test_failures_before_a_surge_are_minor_beside_its_backlog(failures, episodes, dead, minor):
    assert is_minor_beside(failures, SURGE, episodes, dead) is minor


def counts(*places, days=4):
    return pd.Series(frame_of(x=some(days * DAY, *places))["x"])


@together(
    ("places", "alike", "days"),
    [
        ([(24, 36), (DAY + 24, DAY + 36)], True, [(24, 36)]),
        ([(28, 38), (DAY + 24, DAY + 36)], True, [(28, 38)]),
        ([(24, 30), (DAY + 24, DAY + 36)], True, [(24, 30)]),  # half as much
        ([(24, 29), (DAY + 24, DAY + 36)], True, []),
        # An hour before as well, it neither begins nor ends at that time.
        ([(10, 36), (DAY + 24, DAY + 36)], True, []),
        ([(10, 36), (DAY + 24, DAY + 36)], False, [(20, 36)]),
        ([(DAY + 24, DAY + 36)], True, []),
    ],
)
def test_other_days_have_about_as_much_at_the_same_time(places, alike, days):
    found = on_other_days(counts(*places), at(DAY + 24), at(DAY + 36), alike=alike)
    assert found == tuple((at(first), at(last)) for first, last in days)


def test_days_that_are_not_covered_are_left_out_and_no_event_recurs_nowhere():
    events = counts((0, 6), (DAY, DAY + 6), (3 * DAY, 3 * DAY + 6))
    assert [first for first, _ in on_other_days(events, at(DAY), at(DAY + 6))] == [at(0), at(3 * DAY)]
    assert on_other_days(counts(), at(DAY), at(DAY + 6)) == ()
    long = counts((0, 2 * DAY), (2 * DAY, 4 * DAY))
    assert on_other_days(long, at(0), at(2 * DAY)) == (), "an interval of two days is no time of day"


def test_the_analysis_of_a_queue_joins_metrics_logs_and_messages():
    """Each message fails for three hours. Five of six dead letters are of one item."""
    length = 8 * HOUR
    failed = some(length, (48, 84))
    pipeline = pipeline_of(
        tried=[10.0] * length, failed=failed, invocations=[10.0] * length, sent=[10.0] * length,
        dlq_visible=[0.0] * 60 + [6.0] * (length - 60),
        duration_avg_s=[1.0] * 48 + [9.0] * 36 + [1.0] * 12, duration_max_s=[1.5] * 48 + [30.0] * 48,
        settings={"function_timeout_s": 30.0, "max_receive_count": 3},
    )  # fmt: skip
    messages = [
        message_in("jobs-dlq", place) | {"work_item": "a" if place else "b", "sent_at": at(50 + place)}
        for place in range(6)
    ] + [message_in("jobs-dlq", 9, "other") | {"work_item": "c"}]
    events = [
        {
            "ptr": str(place), "time": at(interval), "function": "worker", "kind": "error",
            "error_type": "ConnectionError", "message": "ConnectionError: refused",
        }
        for place, interval in enumerate((46.9, 47, 50, 84.9, 85))
    ]  # fmt: skip
    found = analyse_queue(pipeline, Tables(queue_messages=messages, log_events=events))
    assert (found.failures.start, found.failures.end) == (at(48), at(84))
    assert (found.failures.count, found.failures.base) == (360.0, 360.0)
    assert (found.passed_share, found.timed_out_share) == (0.0, 1.0)
    assert (found.run_before_s, found.run_during_s) == (1.0, 9.0)
    # Logged within an interval of the failures.
    assert (found.errors.total, found.errors.first, found.errors.main) == (3, at(47), "unreachable")
    assert found.by_item == Counter(a=5, b=1) and found.main_item_first_sent == at(51)
    assert found.dead_lettered == 6 and found.timeout_logs == TimeoutLogs()
    assert (found.surge, found.throttles, found.hidden, found.unmatched_receives) == (None,) * 4
    assert (found.slow.start, found.slow.end) == (at(48), at(84))
    assert found.harms == ("dead_letters", "failures", "slow")
    quiet = analyse_queue(pipeline_of(sent=[1.0] * 24), Tables())
    assert quiet.harms == () and quiet.by_item == Counter() and quiet.main_item_first_sent is None
    assert quiet.errors == LoggedErrors(Counter(), {}, 0, False)


def test_failures_that_come_together_cluster_by_messages():
    failed = some(20 * HOUR, (100, 103), value=1.0)
    columns = {"tried": [1.0] * 20 * HOUR, "failed": failed}
    once = clustering(pipeline_of(**columns))
    assert once > 5.0
    thrice = pipeline_of(settings={"max_receive_count": 3}, **columns)
    assert clustering(thrice) == pytest.approx(once / 3)
    assert analysis(thrice).clustering == clustering(thrice)
    assert clustering(pipeline_of(tried=[1.0] * 9, failed=[0.0] * 9)) == 0.0


def test_without_durations_or_invocations_nothing_is_slow_or_drifts():
    assert find_slow_invocations(pipeline_of(sent=[1.0] * 24, failed=[0.0] * 24)) is None
    for values in ([1.0] * 11, [1.0] * 24):
        flow = pipeline_of(duration_avg_s=values, invocations=[1.0] * len(values))
        assert latency_drift.find_latency_drift(flow) is None


def test_a_steady_rise_is_dated_and_measured():
    """Durations are one second for a day, then rise by a tenth of a second each hour for a day."""
    rise = [1.0 + 0.1 * max(0, place - DAY) / HOUR for place in range(2 * DAY)]
    found = latency_drift.find_latency_drift(pipeline_of(duration_avg_s=rise, invocations=[5.0] * 2 * DAY))
    assert abs(found.start - at(DAY)) < timedelta(hours=1)
    assert found.start_low <= found.start <= found.start_high
    assert (found.before_s, found.correlation) == (pytest.approx(1.0), pytest.approx(1.0))
    # The rise ends within a tenth of its highest: 3.4 s, of which 90 % are reached after some twenty hours.
    assert 3.0 < found.after_s < 3.4 and 18.0 < found.hours < 24.0
    assert found.growth == found.after_s / found.before_s
    assert 0.1 <= found.steepest_share < 0.3


@together(
    ("values", "share"),
    [([1.0, 1.0], 1.0), ([2.0, 1.0], 1.0), ([0.0] * 10 + [1.0] * 10, 1.0), (list(range(21)), 0.1)],
)
def test_the_steepest_tenth_of_a_rise(values, share):
    assert latency_drift._steepest_share(np.array(values, dtype=float)) == pytest.approx(share)


def unmatched(length=2 * HOUR, batch_size=10, mapping=(), **columns):
    usual = {"received": [20.0] * length, "invocations": [0.0] * length, "throttles": [0.0] * length}
    flow = pipeline_of(settings={"batch_size": batch_size}, **usual | {"deleted": [20.0] * length} | columns)
    mappings = [{"uuid": "u", "queue": "jobs", "last_modified": None} | dict(mapping)]
    return redelivery.unmatched_receives(flow, Tables(event_source_mappings=mappings))


def test_receives_beyond_all_batches_had_no_invocation():
    found = unmatched()
    assert (found.start, found.end, found.kind) == (at(0), at(24), "unmatched_receives")
    assert (found.count, found.base, found.deleted) == (480.0, 480.0, 480.0)
    # Each invocation, and each throttle, takes a batch of ten.
    one = unmatched(invocations=[1.0] * 24)
    assert (one.count, one.deleted) == (240.0, 240.0)
    assert unmatched(throttles=[2.0] * 24) is None
    assert unmatched(invocations=[1.0] * 24, deleted=[9.0] * 24).deleted == 0.0
    assert unmatched(length=11) is None and unmatched(length=12) is not None, "an hour at least"
    late = unmatched(mapping={"last_modified": at(6)})
    assert (late.start, late.count) == (at(6), 360.0)
    assert unmatched(mapping={"last_modified": at(99)}) is None
    assert unmatched(batch_size=None) is None
    lost = unmatched(invocations=[None] * 24, duration_avg_s=[1.0] * 24)
    assert lost is None, "durations without a count of invocations are lost points"


@together(
    ("received", "is_found"),
    [
        ([1.0] * 10 + [0.0] * 14, False),
        ([0.0] * 6 + [1.0] * 12 + [0.0] * 6, True),
        ([0.5] * 18 + [0.0] * 6, False),
    ],
)
def test_ten_receives_without_an_invocation_are_the_fewest(received, is_found):
    assert (unmatched(received=received) is not None) is is_found
    known = pipeline_of(EVERYTHING[:1], settings={"batch_size": 10}, received=[20.0] * 24)
    mapping = [{"uuid": "u", "queue": "jobs"}]
    assert redelivery.unmatched_receives(known, Tables(event_source_mappings=mapping)) is None
