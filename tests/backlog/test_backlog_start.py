from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from watchme_analysis.backlog.chain import QueueSignals
from watchme_analysis.backlog.judge import judge
from watchme_analysis.backlog.onset_order import host_moved
from watchme_analysis.backlog.signals import onset
from watchme_analysis.backlog.signals.onset import bad_messages_span
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span
from watchme_analysis.queues.pipeline import RecordedSettings

START = datetime(2026, 7, 4, 5, tzinfo=UTC)


def hit(frame, failures=None, **more):
    """Return as much of a queue's analysis as dates its failures."""
    queue = SimpleNamespace(
        pipeline=SimpleNamespace(frame=frame, settings=RecordedSettings(), period_s=60),
        failures=failures,
        passed_share=0.0,
        errors=SimpleNamespace(first=None, share=lambda *kinds: 0.0),
        by_item=Counter(),
        main_item_first_sent=None,
        worst=None,
    )
    for name, value in more.items():
        setattr(queue, name, value)
    return queue


def minute(number):
    return START + timedelta(minutes=number)


@pytest.mark.parametrize(
    ("devices", "sent", "first"),
    [
        ({"a": 3, "b": 2, "c": 2, "d": 1}, 180, 0),
        ({"a": 9, "b": 1}, 180, 180),
        ({"a": 9, "b": 1}, -200, -200),  # less long before the failures than these lasted
        ({"a": 9, "b": 1}, -300, 0),
    ],
)
def test_the_first_bad_message_of_one_of_many_senders_is_not_when_it_began(devices, sent, first):
    index = pd.date_range(START, periods=400, freq="60s")
    frame = pd.DataFrame({"tried": 1.0, "failed": 1.0}, index=index)
    failures = SimpleNamespace(start=START, end=minute(240))
    queue = hit(
        frame,
        failures,
        by_item=Counter(devices),
        main_item_first_sent=minute(sent),
        failing_days=((START, minute(240)),),
    )
    assert bad_messages_span(queue).start == minute(first)


@pytest.mark.parametrize(("passed_share", "last"), [(0.0, 9), (0.5, 5), (0.2, 8)])
def test_good_runs_that_can_have_passed_under_the_fault_do_not_bound_its_start(passed_share, last):
    index = pd.date_range(START, periods=20, freq="60s")
    frame = pd.DataFrame({"tried": 1.0, "failed": [0.0] * 10 + [1.0] * 10}, index=index)
    assert onset._last_good(hit(frame), minute(10), None, passed_share, 0.0) == minute(last)


def test_of_queues_throttled_together_the_first_tells_when_an_account_limit_began():
    def throttled(queue, first, last):
        span = Span(
            minute(first), minute(first), minute(first - 1), minute(first + 1), minute(last), minute(last)
        )
        seen = QueueObservation("throttled", "", "metrics", 1, queue=queue, span=span)
        return QueueSignals(queue, 60, True, (seen,))

    found = judge([throttled("worst", 60, 200), throttled("before", -90, 20), throttled("first", 40, 190)])
    assert found.likeliest == "throttled"
    assert found.span.start == minute(40)


def test_trouble_of_other_days_at_the_same_time_began_on_the_first_of_them():
    index = pd.date_range(START, periods=9 * 288, freq="300s")
    frame = pd.DataFrame({"tried": 3.0, "failed": 0.0}, index=index)
    days = [tuple(index[[12 + day, 24 + day]].to_pydatetime()) for day in (0, 7 * 288)]
    queue = hit(frame, SimpleNamespace(start=days[1][0], end=days[1][1]), failing_days=tuple(days))
    assert bad_messages_span(queue).start == days[0][0]


def test_good_intervals_between_bad_ones_do_not_bound_a_start_by_one_of_their_kind():
    """An API that comes and goes lets ten messages of one moment pass together."""
    index = pd.date_range(START, periods=40, freq="60s")
    bad = [0.0] * 20 + [10.0, 10.0, 0.0] * 6 + [10.0, 0.0]
    frame = pd.DataFrame({"tried": 10.0, "failed": bad}, index=index)
    queue = hit(frame, SimpleNamespace(start=minute(20), end=minute(39)))
    # A third of the intervals go well under it, so that three in a row still may: 0.3 ** 3 < 0.05.
    assert onset._last_good(queue, minute(20), None, 1 / 3, onset._all_well_share(queue)) == minute(17)


@pytest.mark.parametrize(
    ("cpu", "bounds"),
    [
        ([2.0] * 40, None),
        ([2.0] * 31 + [95.0] * 9, (30, 32)),
        ([2.0] * 32, (31, 32.2)),
        ([2.0] * 31 + [95.0] + [2.0] * 8, None),
        ([], None),
    ],
)
def test_a_host_that_leaves_its_usual_load_narrows_down_when_it_began(cpu, bounds):
    frame = pd.DataFrame({"cpu_pct": float("nan")}, index=pd.date_range(START, periods=200, freq="60s"))
    frame.iloc[: 5 * len(cpu) : 5, 0] = cpu
    good, shown = (START + timedelta(minutes=5 * point) for point in (30, 36))
    expected = bounds and tuple(START + timedelta(minutes=5 * point) for point in bounds)
    assert host_moved(frame, good, shown) == expected


@pytest.mark.parametrize(("last_s", "is_over"), [(1.0, True), (2.9, True), (3.1, False), (9.0, False)])
def test_a_drift_is_over_when_durations_are_nearer_to_those_before_it(last_s, is_over):
    frame = pd.DataFrame(
        {"duration_avg_s": [1.0] * 5 + [3.0, 5.0, 7.0, 9.0, 9.0] + [last_s] * 5},
        index=pd.date_range(START, periods=15, freq="60s"),
    )
    drift = SimpleNamespace(
        before_s=1.0, after_s=9.0, start=minute(5), start_low=minute(4), start_high=minute(6)
    )
    worst = SimpleNamespace(is_open=False, end=minute(11))
    assert onset.drift_span(hit(frame, creeping=drift, worst=worst)).end == (minute(11) if is_over else None)


@pytest.mark.parametrize(("lost", "is_exact"), [(0, True), (3, True), (7, False)])
def test_a_poller_that_asked_in_most_intervals_tells_when_it_stopped(lost, is_exact):
    asked = [15.0] * (10 - lost) + [float("nan")] * lost
    frame = pd.DataFrame(
        {"empty_receives": [*asked[1:], 15.0] + [0.0] * 10, "received": 0.0, "tried": 0.0, "failed": 0.0},
        index=pd.date_range(START, periods=20, freq="60s"),
    )
    queue = hit(frame, unpolled=SimpleNamespace(start=minute(14), end=minute(20), is_open=True))
    queue.pipeline.queried = {"empty_receives"}
    assert (onset.unpolled_span(queue).start == minute(10)) == is_exact
