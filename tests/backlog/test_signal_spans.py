"""When a signal began and ended: every bound of its span, in intervals of five minutes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from worlds.queue_contexts import at, frame_of, queue_of
from worlds.together import together

from watchme_analysis.backlog.signals import onset
from watchme_analysis.backlog.signals.queue_context import Span
from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.latency_drift import LatencyDrift
from watchme_analysis.queues.redelivery import UnmatchedReceives
from watchme_analysis.stats.intervals import Interval


def runs(failed=(), tried=(1.0,) * 12, **columns):
    """Return a frame with an attempt in each interval, of which these fail."""
    failed = [1.0 if place in failed else 0.0 for place in range(len(tried))]
    return frame_of(tried=list(tried), failed=failed, **columns)


def failing(first=6, after=9, passed=0.0, frame=None, days=None, **facts):
    """Return a queue with failures in some intervals."""
    frame = runs(range(first, after)) if frame is None else frame
    return queue_of(
        frame,
        failures=Interval(at(first), at(after), "failures"),
        passed_share=passed,
        failing_days=days or ((at(first), at(after)),),
        **facts,
    )


def test_without_its_trouble_no_signal_has_a_span():
    queue = queue_of()
    for name in dir(onset):
        if name.endswith("_span"):
            assert getattr(onset, name)(queue) is None, name


def test_failures_begin_between_the_last_good_interval_and_the_end_of_the_first_bad_one():
    assert onset.failures_span(failing()) == Span(at(6), at(6), at(5), at(7), end=at(9), until=at(9))
    # No attempt in the interval after the end: all is well with the next one.
    later = runs(range(6, 9), tried=[1.0] * 9 + [0.0] * 2 + [1.0])
    assert onset.failures_span(failing(frame=later)).until == at(11)
    # Nothing before: it may have begun before the window, of which the first interval bounds it.
    first = failing(0, 3)
    assert onset.failures_span(first) == Span(
        at(0), at(0.5), at(0), at(1), end=at(3), until=at(3), perhaps_before=True
    )


def test_failures_are_open_where_no_attempt_went_well_after_them():
    for frame in (
        runs(range(6, 12)),
        runs(range(6, 9), tried=[1.0] * 9 + [0.0] * 3),
        runs([*range(6, 9), 10], tried=[1.0] * 9 + [0.0, 1.0, 0.0]),
    ):
        found = onset.failures_span(failing(frame=frame))
        assert (found.end, found.until) == (None, None)


def test_failures_of_several_days_last_from_the_first_to_the_last():
    frame = runs([2, 3, 8])
    found = onset.failures_span(failing(8, 9, frame=frame, days=((at(2), at(4)), (at(8), at(9)))))
    assert found == Span(at(2), at(2), at(1), at(3), end=at(9), until=at(9))


@together(
    ("good", "is_over"),
    [(4, False), (5, True)],  # half of the attempts pass: 0.5 ** 4 > 0.05 > 0.5 ** 5
)
def test_attempts_that_the_fault_may_let_pass_do_not_end_it(good, is_over):
    frame = runs([6, 7, 8], tried=[1.0] * (9 + good))
    assert (onset.failures_span(failing(6, 9, 0.5, frame)).end == at(9)) is is_over


@together(
    ("good", "is_over"),
    [(7, False), (8, True)],  # two of three intervals go well: (2 / 3) ** 7 > 0.05 > (2 / 3) ** 8
)
def test_intervals_that_the_fault_may_let_pass_do_not_end_it(good, is_over):
    frame = runs([6], tried=[1.0] * (9 + good))
    assert (onset.failures_span(failing(6, 9, 0.0, frame)).end == at(9)) is is_over


@together(
    ("logged", "timed_out", "main", "shown"),
    [
        (at(6.5), 1.0, "server_error", at(6.5)),
        (at(6), 1.0, "server_error", at(6)),
        (at(7), 1.0, "server_error", at(7)),
        (at(7.1), 1.0, "server_error", at(7)),  # not the first bad interval's
        (at(5.9), 1.0, "server_error", at(7)),
        (None, 1.0, "server_error", at(7)),
        # An attempt that timed out after a minute began a minute before its log line.
        (at(6.5), 0.5, "timeout", at(6.3)),
        (at(6.5), 0.49, "timeout", at(6.5)),
        (at(6.5), None, "timeout", at(6.5)),
    ],
)
def test_the_first_logged_error_within_the_first_bad_interval_bounds_the_start(
    logged, timed_out, main, shown
):
    errors = LoggedErrors(Counter({main: 4}), {}, 4, False, first=logged)
    settings = {"function_timeout_s": 60.0}
    found = onset.failures_span(failing(errors=errors, timed_out_share=timed_out, settings=settings))
    assert found.latest == shown
    assert found.start == at(5) + (shown - at(5)) / 2
    untimed = onset.failures_span(failing(errors=errors, timed_out_share=timed_out))
    assert untimed.latest == (at(6.5) if main == "timeout" else shown)


def test_a_start_is_at_most_two_intervals_before_the_first_effect():
    # The last attempt before was seven intervals earlier.
    frame = runs(range(8, 11), tried=[1.0] * 2 + [0.0] * 6 + [1.0] * 4)
    found = onset.failures_span(failing(8, 11, frame=frame))
    assert (found.earliest, found.start, found.latest) == (at(1), at(7), at(9))


@pytest.mark.parametrize(("kind", "is_narrowed"), [("unreachable", True), ("function", False)])
def test_the_hosts_load_narrows_the_start_unless_the_errors_are_of_code_or_message(kind, is_narrowed):
    """Twenty-six usual points of the host, then five intervals far above them; one attempt in each fifth."""
    tried = [1.0] * 26 + [0.0] * 9 + [1.0] * 5
    frame = runs([35], tried=tried, cpu_pct=[2.0] * 30 + [90.0] * 10)
    errors = LoggedErrors(Counter({kind: 1, "overload": 1}), {}, 2, False)
    found = onset.failures_span(failing(35, 36, frame=frame, errors=errors))
    # The load left its range in the thirtieth interval; a change at the end of the one before is possible.
    bounds = (at(29), at(31)) if is_narrowed else (at(25), at(36))
    assert (found.earliest, found.latest) == bounds
    slow = queue_of(frame, slow=Interval(at(35), at(36), "slow"), errors=errors)
    assert (onset.slow_span(slow).earliest, onset.slow_span(slow).latest) == bounds
    # Slow attempts that lead into the failures are bounded by the host as well.
    later = {"cpu_pct": [2.0] * 30 + [90.0] * 10, "duration_avg_s": [1.0] * 26 + [None] * 9 + [9.0] * 5}
    late = runs([36], tried=tried, **later)
    waited = onset.waiting_span(failing(36, 37, frame=late, errors=errors, run_before_s=1.0))
    assert (waited.shown, waited.earliest, waited.latest) == (at(35), *bounds)


def test_slow_invocations_that_lead_into_failures_begin_their_wait():
    durations = [1.0] * 2 + [3.0] * 2 + [9.0] * 5 + [1.0] * 3
    frame = runs(range(6, 9), duration_avg_s=durations)
    queue = failing(frame=frame, run_before_s=1.0)
    assert onset.waiting_span(queue) == Span(at(2), at(2), at(1), at(3), end=at(9), until=at(9))
    assert onset.waiting_span(failing(frame=frame)) == onset.failures_span(failing(frame=frame))
    quick = frame.assign(duration_avg_s=[1.0] * 2 + [2.9] * 4 + [9.0] * 6)
    assert onset.waiting_span(failing(frame=quick, run_before_s=1.0)).shown == at(6)
    gap = frame.assign(duration_avg_s=[1.0] * 2 + [3.0, 1.0, 9.0, None, 9.0] + [9.0] * 5)
    assert onset.waiting_span(failing(frame=gap, run_before_s=1.0)).shown == at(4)
    whole = frame.assign(duration_avg_s=9.0)
    assert onset.waiting_span(failing(frame=whole, run_before_s=1.0)).shown == at(0)


def test_slow_attempts_that_pass_under_the_fault_do_not_bound_its_wait():
    # Half of the attempts pass: only of five in a row, one was certainly well.
    frame = runs([8], tried=[1.0] * 12, duration_avg_s=[1.0] * 6 + [9.0] * 6)
    half = queue_of(
        frame, failures=Interval(at(8), at(9), "failures"), passed_share=0.5, run_before_s=1.0,
        failing_days=((at(8), at(9)),),
    )  # fmt: skip
    assert (onset.waiting_span(half).shown, onset.waiting_span(half).earliest) == (at(6), at(1))


def standing(start, end, is_open=False, grew=None):
    """Return a backlog between two intervals, that grew from the first unless another is given."""
    grew_from = at(start if grew is None else grew)
    return SimpleNamespace(start=at(start), end=at(end), is_open=is_open, grew_from=grew_from)


@together(
    ("later", "episodes", "end", "until"),
    [
        ([1.0, 0.0, 0.0], [], at(9), at(9)),
        ([0.0, None, 0.0], [], None, None),
        ([0.0, None, 0.5], [], at(9), at(9)),
        # A backlog that stood at the end is drained later; two intervals of slack on either side.
        ([1.0] * 3, [standing(5, 12)], at(9), at(12)),
        ([1.0] * 3, [standing(11, 12)], at(9), at(12)),
        ([1.0] * 3, [standing(11.1, 12)], at(9), at(9)),
        ([1.0] * 3, [standing(2, 7.1)], at(9), at(9)),
        ([1.0] * 3, [standing(2, 7, is_open=True)], at(9), at(9)),
        ([1.0] * 3, [standing(2, 7.1, is_open=True)], at(9), None),
        ([1.0] * 3, [standing(8, 10, is_open=True), standing(8, 12)], at(9), None),
    ],
)
def test_slow_invocations_end_where_later_ones_ran_and_their_backlog_is_drained(later, episodes, end, until):
    frame = runs(invocations=[1.0] * 9 + later)
    queue = queue_of(frame, slow=Interval(at(6), at(9), "slow"), episodes=episodes)
    expected = Span(at(6), at(6), at(5), at(7), end=end, until=until)
    assert onset.slow_span(queue) == onset.waiting_span(queue) == expected


def test_a_backlog_begins_where_it_grew_from_and_is_open_at_the_windows_end():
    queue = queue_of(runs(), worst=standing(3, 9, grew=4))
    assert onset.backlog_span(queue) == Span(at(4), at(4), at(3), at(5), end=at(9), until=at(9))
    is_open = queue_of(runs(), worst=standing(3, 9, is_open=True, grew=4))
    assert onset.backlog_span(is_open) == Span(at(4), at(4), at(3), at(5))


DRIFT = LatencyDrift(at(3), at(2), at(4), 15.0, 1.0, 4.0, 0.2, 0.9)
OVER = runs(range(6, 9), duration_avg_s=[1.0] * 3 + [4.0] * 4 + [1.0] * 5)
ON = runs(range(6, 9), duration_avg_s=[1.0] * 3 + [4.0] * 9)


@together(
    ("queue", "end", "until"),
    [
        (queue_of(ON, creeping=DRIFT, worst=standing(3, 8)), None, None),
        (queue_of(OVER, creeping=DRIFT, worst=standing(3, 8)), at(8), at(8)),
        (queue_of(OVER, creeping=DRIFT, worst=standing(3, 8, is_open=True)), None, None),
        (queue_of(OVER, creeping=DRIFT), None, None),
        # Durations were long until the failures: they are its end.
        (failing(frame=OVER.assign(duration_avg_s=[4.0] * 7 + [1.0] * 5), creeping=DRIFT), at(9), at(9)),
        (failing(frame=ON, creeping=DRIFT, after=10), None, None),
        # Quick again before the failures, the drift has nothing to do with them: three intervals before.
        (failing(frame=OVER.assign(duration_avg_s=[4.0] * 2 + [1.0] * 10), creeping=DRIFT), at(9), at(3)),
    ],
)
def test_a_drift_ends_with_its_backlog_or_its_failures(queue, end, until):
    assert onset.drift_span(queue) == Span(at(3), at(3), at(2), at(4), end, until)


def test_the_latest_start_of_a_drift_is_not_before_the_likeliest():
    early = replace(DRIFT, start_high=at(2))
    assert onset.drift_span(queue_of(ON, creeping=early)).latest == at(3)


@together(
    ("end", "episodes", "found", "until"),
    [
        (8, [], at(8), at(8)),
        (9, [], None, None),  # within the last three intervals
        (8.9, [standing(4, 11)], at(8.9), at(11)),
    ],
)
def test_a_surge_lasts_while_its_end_is_within_the_last_three_intervals(end, episodes, found, until):
    queue = queue_of(runs(), surge=Interval(at(4), at(end), "surge"), episodes=episodes)
    assert onset.surge_span(queue) == Span(at(4), at(4), at(3), at(5), found, until)


@together(
    ("reserved", "is_open", "earliest", "end"),
    [
        # Three ran at once while one delivery was throttled; more ran in the first interval alone.
        (None, False, at(0), at(9)),
        (None, True, at(0), None),
        (2, False, at(1), None),  # a reserve that is still set has not ended; three ran at once
        (3, False, at(0), None),
        (0, False, at(4), at(9)),
    ],
)
def test_an_invocation_beside_fewer_than_the_limit_says_nothing_about_it(reserved, is_open, earliest, end):
    fourth = 0.0 if reserved else 3.0
    columns = {
        "throttles": [0.0] * 6 + [5.0, None, 1.0] + [0.0] * 3,
        "concurrency": [9.0, 3.0, 2.0, 2.0, fourth, None, 2.0, 2.0, 3.0, 2.0, 2.0, 2.0],
    }
    throttles = Interval(at(6), at(9), "throttles", is_open=is_open)
    queue = queue_of(runs(**columns), throttles=throttles, settings={"reserved_concurrency": reserved})
    found = onset.throttled_span(queue)
    assert (found.shown, found.earliest, found.latest) == (at(6), earliest, at(7))
    assert (found.end, found.until, found.perhaps_before) == (end, None, False)


REDELIVERY = Interval(at(8), at(10), "redelivery")


@together(
    ("limit", "longest", "facts", "earliest", "end"),
    [
        # Without a timeout on record, all good attempts count.
        (None, [10.0] * 12, {}, at(7), at(10)),
        # An attempt that went wrong began a timeout and an interval before its message came back: the last
        # good one that exceeded five minutes began before the sixth interval.
        (300.0, [301.0] * 12, {}, at(5), None),
        (300.0, [300.0] * 4 + [301.0] + [300.0] * 7, {}, at(4), at(10)),
        (300.0, [None] * 12, {}, at(0), at(10)),
        # From its 0.9 quantile on, durations beyond the timeout keep the trouble open.
        (300.0, [10.0] * 9 + [301.0] * 3, {}, at(0), None),
        (300.0, [10.0] * 11 + [301.0], {}, at(0), at(10)),
        (300.0, [10.0] * 12, {"redelivery": Interval(at(8), at(10), "r", is_open=True)}, at(0), None),
        (300.0, [301.0] * 12, {"redelivery": None, "hidden": REDELIVERY}, at(5), at(10)),
    ],
)
def test_messages_that_came_back_were_received_a_timeout_before(limit, longest, facts, earliest, end):
    facts = {"redelivery": REDELIVERY, "settings": {"visibility_timeout_s": limit}} | facts
    found = onset.redelivery_span(queue_of(runs(duration_max_s=longest), **facts))
    assert (found.shown, found.earliest, found.latest, found.end) == (at(8), earliest, at(9), end)
    assert not found.perhaps_before


UNPOLLED = Interval(at(6), at(9), "unpolled")


@together(
    ("facts", "end", "until"),
    [
        ({}, at(9), at(9)),
        ({"settings": {"mapping_state": "Enabled"}, "episodes": [standing(6, 11)]}, at(9), at(11)),
        ({"settings": {"mapping_state": "Disabled"}}, None, None),
        ({"unpolled": Interval(at(6), at(9), "unpolled", is_open=True)}, None, None),
    ],
)
def test_an_unpolled_interval_ends_unless_its_mapping_is_off(facts, end, until):
    found = onset.unpolled_span(queue_of(runs(), **{"unpolled": UNPOLLED} | facts))
    assert found == Span(at(6), at(6), at(5), at(7), end, until)


@together(
    ("empty", "received", "start"),
    [
        ([1.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0], 4),  # polled in three of six
        ([1.0, None, 1.0, 0.0, 0.0, None], [0.0] * 6, None),  # in fewer than half, points may be missing
        ([0.0] * 6, [0.0] * 6, None),
        ([1.0] * 6, [None] * 6, 6),
        ([1.0] * 4 + [None, 0.0], [0.0] * 4 + [None, None], 4),
    ],
)
def test_polls_that_found_nothing_date_the_last_poll(empty, received, start):
    frame = runs(empty_receives=empty + [0.0] * 6, received=received + [0.0] * 6)
    queue = queue_of(frame, queried=("empty_receives",), unpolled=UNPOLLED)
    usual = Span(at(6), at(6), at(5), at(7), at(9), at(9))
    exact = usual if start is None else Span(at(6), at(start), at(start - 1), at(start + 1), at(9), at(9))
    assert onset.unpolled_span(queue) == exact
    unknown = queue_of(frame, unpolled=UNPOLLED)
    assert onset.unpolled_span(unknown) == usual


def test_without_an_interval_before_the_last_poll_is_unknown():
    frame = runs(empty_receives=[1.0] * 12, received=[0.0] * 12)
    queue = queue_of(frame, queried=("empty_receives",), unpolled=Interval(at(0), at(9), "unpolled"))
    assert onset.unpolled_span(queue).perhaps_before


@together(
    ("facts", "expected"),
    [
        # The messages of one item: from the interval in which its first was sent, though failures stood out
        # three intervals later, as long as they last at most.
        ({"main_item_first_sent": at(4.4)}, Span(at(4), at(4), at(3), at(5), at(9), at(9))),
        ({"main_item_first_sent": at(3)}, Span(at(3), at(3), at(2), at(4), at(9), at(9))),
        ({"main_item_first_sent": at(2.9)}, Span(at(6), at(6), at(5), at(7), at(9), at(9))),
        ({"main_item_first_sent": at(9)}, Span(at(9), at(9), at(5), at(10), at(9), at(9))),
        ({"main_item_first_sent": at(9.1)}, Span(at(6), at(6), at(5), at(7), at(9), at(9))),
        (
            {"main_item_first_sent": at(4.4), "by_item": Counter(a=2, b=2, c=1)},
            Span(at(6), at(6), at(5), at(7), at(9), at(9)),
        ),
        ({}, Span(at(6), at(6), at(5), at(7), at(9), at(9))),
    ],
)
def test_bad_messages_begin_with_the_first_of_their_item(facts, expected):
    queue = failing(**{"by_item": Counter(a=9, b=1)} | facts)
    assert onset.bad_messages_span(queue) == expected


def test_bad_messages_without_failures_begin_with_the_first_trouble():
    facts = {"first_trouble": lambda: at(4)}
    assert onset.bad_messages_span(queue_of(runs(), **facts)) == Span(at(4), at(4), at(3), at(5))
    over = queue_of(runs(), worst=standing(4, 9), **facts)
    assert onset.bad_messages_span(over) == Span(at(4), at(4), at(3), at(5), at(9), at(9))
    lasting = queue_of(runs(), worst=standing(4, 9, is_open=True), **facts)
    assert onset.bad_messages_span(lasting).end is None
    # Without an attempt that went well before, the start itself is the earliest.
    assert onset.bad_messages_span(queue_of(runs(range(12)), **facts)).earliest == at(4)
    # What is not known to have been tried, or failed, was not well.
    lost = queue_of(runs(tried=[1.0] * 3 + [None] + [1.0] * 8), **facts)
    assert onset.bad_messages_span(lost).earliest == at(2)
    uncounted = queue_of(runs().assign(failed=None), **facts)
    assert onset.bad_messages_span(uncounted).earliest == at(3)
    # The item's first message dates failures only.
    item = {"by_item": Counter(a=9), "main_item_first_sent": at(2)}
    assert onset.bad_messages_span(queue_of(runs(), **item, **facts)).start == at(4)


@together(("end", "found"), [(13, None), (11, at(11)), (11.1, None)])
def test_receives_without_an_invocation_end_an_hour_before_the_windows_end(end, found):
    taken = UnmatchedReceives(start=at(2), end=at(end), kind="unmatched_receives", deleted=0.0)
    # The last interval begins twelve intervals, which is an hour, after the eleventh.
    queue = queue_of(runs(tried=[1.0] * 24), unmatched_receives=taken)
    assert onset.unmatched_span(queue) == Span(at(2), at(2), at(2), at(2), found, found)
    assert timedelta(hours=1) == 12 * (at(1) - at(0))
