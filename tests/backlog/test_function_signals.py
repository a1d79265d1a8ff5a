"""Signals of the function: each observation as a whole, on the facts that lead to it."""

from collections import Counter
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.queue_contexts import at, context_of, frame_of, said
from worlds.together import together

from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.signals import function
from watchme_analysis.backlog.signals.queue_context import Span
from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.timeout_logs import TimeoutLogs
from watchme_analysis.stats.intervals import Interval
from watchme_analysis.text.message import message

# Runs fail from the seventh to the ninth interval of twelve; the last three go well.
FAILURES = Interval(at(6), at(9), "failures", count=30.0, base=40.0, outside_rate=0.01)
FRAME = frame_of(
    invocations=[10.0] * 12,
    tried=[10.0] * 12,
    failed=[0.0] * 6 + [10.0] * 3 + [0.0] * 3,
    duration_avg_s=[1.0] * 6 + [9.0] * 3 + [1.0] * 3,
)
# Between the last good interval's start and the first bad interval's end, but within two intervals of this.
SPAN = Span(at(6), at(6), at(5), at(7), end=at(9), until=at(9))
FAILING = {"failures": FAILURES, "passed_share": 0.0, "failing_days": ((at(6), at(9)),)}
POINTS_OF_FAILURES = ("metrics", (("failed", "tried"), at(6), at(9)))


def changed(kind="function_code", minute=-1, **more):
    """Return a change of the function, one interval before the failures unless another is given."""
    return Change(
        time=at(6 + minute), event_id="e-1", event_name="UpdateFunctionCode20150331v2", user="deployer",
        resource="worker", what=message("backlog-changed-code"), queues=("jobs",), kind=kind, **more,
    )  # fmt: skip


def logged(counts, examples=None, **more):
    return LoggedErrors(Counter(counts), examples or {}, sum(counts.values()), False, **more)


@together(
    ("passed", "signal"),
    [
        (0.0, "all_invocations_fail"),
        (0.15, "all_invocations_fail"),
        (0.16, None),
        (0.49, None),
        (0.5, "some_invocations_fail"),
        (1.0, "some_invocations_fail"),
        (None, None),
    ],
)
def test_nearly_all_or_some_invocations_fail_and_between_them_nothing_is_said(passed, signal):
    found = said(function.failing_share(context_of(FRAME, **FAILING | {"passed_share": passed})))
    assert [(one["signal"], one["effect"]) for one in found] == (
        [] if signal is None else [(signal, 1 - passed)]
    )
    shares = [one["says"]["backlog-failures"]["share"] for one in found]
    assert shares == [one["effect"] for one in found]


def test_failing_invocations_are_counted_with_the_usual_rate_and_their_span():
    [found] = said(function.failing_share(context_of(FRAME, **FAILING)))
    assert found == {
        "signal": "all_invocations_fail",
        "says": {
            "backlog-failures": {
                "failed": 30, "tried": 40, "function": "worker", "attempts": "invocations",
                "span": (at(6), at(9)), "share": 1.0, "usual": 0.01,
            }
        },
        "rows": POINTS_OF_FAILURES,
        "effect": 1.0,
        "unit": "share",
        "span": SPAN,
    }  # fmt: skip


def test_invocations_that_fail_no_more_than_ever_succeed():
    queried = ("invocations", "errors", "failed", "tried")
    rare = frame_of(tried=[10.0] * 12, failed=[1.0, 2.0] + [0.0] * 10)
    assert said(function.failing_share(context_of(rare, queried=queried))) == [
        {
            "signal": "invocations_succeed",
            "says": {
                "backlog-failures-usual": {
                    "failed": 3, "tried": 120, "function": "worker", "attempts": "invocations"
                }
            },
            "rows": ("metrics", (("failed", "tried"), None, None)),
            "effect": 0.025,
            "unit": "share",
        }
    ]  # fmt: skip
    [none] = said(function.failing_share(context_of(frame_of(tried=[0.0], failed=[0.0]), queried=queried)))
    assert none["effect"] == 0.0
    assert said(function.failing_share(context_of(rare))) == [], "the counters were not queried"
    [messages] = said(function.failing_share(context_of(rare, queried=queried, by_message=True)))
    assert messages["says"]["backlog-failures-usual"]["attempts"] == "messages"


def test_logged_errors_are_quoted_by_kind_with_their_share_and_span():
    errors = logged({"unreachable": 3, "timeout": 1}, {"unreachable": "Connection refused"})
    facts = FAILING | {"errors": errors, "failing_logged": (at(5), at(10)), "run_before_s": 1.0}
    frame = FRAME.assign(duration_avg_s=[1.0] * 3 + [9.0] * 6 + [1.0] * 3)
    unreachable, timeout = said(function.errors(context_of(frame, **facts)))
    rows = (
        "log_events",
        (
            ("function", "=", "worker"), ("kind", "in", ("error", "timeout")),
            ("time", ">=", at(5)), ("time", "<", at(10)), "ptr",
        ),
    )  # fmt: skip
    values = {"total": 4, "function": "worker"}
    assert unreachable == {
        "signal": "errors_unreachable",
        "says": {
            "backlog-errors": values | {"kind": "unreachable", "errors": 3, "example": "Connection refused"}
        },
        "rows": rows,
        "effect": 0.75,
        "unit": "share",
        "strength": 0.75,
        "span": SPAN,
        "detail": {"backlog-error-quoted": {"error": "Connection refused"}},
    }
    assert timeout == {
        "signal": "errors_timeout",
        "says": {"backlog-errors": values | {"kind": "timeout", "errors": 1, "example": ""}},
        "rows": rows,
        "effect": 0.25,
        "unit": "share",
        "strength": 0.25,
        # Invocations waited already in three intervals before the first failure.
        "span": Span(at(3), at(3), at(2), at(4), end=at(9), until=at(9)),
    }
    # After a change of the function, a timeout may be the function's own.
    change = [changed()]
    names = [one["signal"] for one in said(function.errors(context_of(FRAME, changes=change, **facts)))]
    assert names == ["errors_unreachable", "errors_timeout_since_change"]


def test_errors_of_messages_have_the_span_of_the_bad_messages_and_truncation_is_said():
    errors = LoggedErrors(Counter({"code_or_message": 2, "server_error": 2, "message": 2}), {}, 6, True)
    # No invocation ran in the three intervals before the failures.
    paused = FRAME.assign(tried=[10.0] * 3 + [0.0] * 3 + [10.0] * 6)
    server, bad, code = said(function.errors(context_of(paused, **FAILING | {"errors": errors})))
    names = [one["signal"] for one in (server, bad, code)]
    assert names == ["errors_of_server", "errors_of_message", "errors_of_code_or_message"]
    # A start is at most two intervals before the first effect, but bad messages begin with their first.
    assert server["span"] == Span(at(6), at(5), at(2), at(7), end=at(9), until=at(9))
    assert code["span"] == bad["span"] == Span(at(6), at(6), at(2), at(7), end=at(9), until=at(9))
    assert code["rows"][1] == (("function", "=", "worker"), ("kind", "in", ("error", "timeout")), "ptr")
    assert code["says"]["backlog-errors-truncated"] == {}
    assert code["says"]["backlog-errors"]["kind"] == "code-or-message"


@together(
    ("total", "truncated", "dead", "queried", "is_said"),
    [
        (5, False, 0, (), True),
        (4, False, 0, (), False),
        (4, True, 0, (), True),
        (6, False, 2, (), True),  # three tries of two dead messages
        (5, False, 2, (), False),
        (5, False, 0, ("failed",), False),  # the metrics count failures, and there are none
    ],
)
def test_logged_errors_stand_in_for_failures_that_no_metric_counts(total, truncated, dead, queried, is_said):
    errors = LoggedErrors(Counter({"function": total}), {}, total, truncated)
    facts = {"errors": errors, "dead_lettered": dead, "settings": {"max_receive_count": 3}}
    found = said(function.errors(context_of(FRAME, queried=queried, **facts)))
    assert len(found) == is_said


def test_without_a_redrive_policy_a_dead_message_failed_once():
    errors = logged({"function": 6})
    assert len(said(function.errors(context_of(FRAME, errors=errors, dead_lettered=6)))) == 1
    assert said(function.errors(context_of(FRAME, errors=errors, dead_lettered=7))) == []


def code_look(share=1.0, **facts):
    """Return the context of failures of which a share is a Python error."""
    python = round(8 * share)
    errors = logged({"code_or_message": python, "timeout": 8 - python})
    return context_of(FRAME, **FAILING | {"errors": errors} | facts)


def test_a_python_error_in_all_invocations_is_of_the_code():
    assert said(function.code_errors(code_look(0.5))) == [
        {
            "signal": "errors_in_all_code",
            "says": {"backlog-errors-in-all-code": {"errors": 4, "total": 8, "function": "worker"}},
            "rows": ("log_events", (("function", "=", "worker"), ("kind", "=", "error"))),
            "span": SPAN,
        }
    ]
    for facts in (
        {"share": 0.375},
        {"failures": None},
        {"passed_share": 0.16},  # some pass, and no message is known to pass later
        {"by_item": Counter(a=5)},  # all of one item: its messages may be bad
    ):
        assert said(function.code_errors(code_look(**facts))) == [], facts
    assert len(said(function.code_errors(code_look(passed_share=0.15)))) == 1
    assert len(said(function.code_errors(code_look(passed_share=None)))) == 1


def test_a_python_error_at_one_try_of_two_is_of_the_code_as_no_message_passes_later_that_is_bad():
    # 30 failed tries; two dead messages took six of them, so at least 24 / 2 = 12 messages passed later.
    facts = {"passed_share": 0.5, "dead_lettered": 2, "settings": {"max_receive_count": 3}}
    assert len(said(function.code_errors(code_look(**facts)))) == 1
    # Ten dead messages took all thirty.
    assert said(function.code_errors(code_look(**facts | {"dead_lettered": 10}))) == []


@together(
    ("during", "before", "at_limit", "signal", "message_id", "effect"),
    [
        (9.0, 2.0, 0.5, "invocations_at_timeout", "backlog-invocations-at-timeout", 4.5),
        (9.0, None, 0.5, "invocations_at_timeout", "backlog-invocations-at-timeout", None),
        (9.0, 2.0, 0.49, "invocations_longer", "backlog-invocations-longer", 4.5),
        (3.0, 1.0, None, "invocations_longer", "backlog-invocations-longer", 3.0),
        (2.9, 1.0, None, "invocations_as_long", "backlog-invocations-as-long", 2.9),
        (0.41, 1.0, None, "invocations_as_long", "backlog-invocations-as-long", 0.41),
        (0.4, 1.0, None, "invocations_short", "backlog-invocations-short", 0.4),
        (9.0, None, None, None, None, None),
        (9.0, 0.0, None, None, None, None),
        (None, 1.0, 1.0, None, None, None),
    ],
)
def test_the_duration_of_failing_invocations_is_compared_with_the_one_before(
    during, before, at_limit, signal, message_id, effect
):
    facts = {"run_during_s": during, "run_before_s": before, "timed_out_share": at_limit}
    found = said(function.durations(context_of(FRAME, **FAILING | facts)))
    if signal is None:
        assert found == []
        return
    values = {"function": "worker", "during": during}
    if "timeout" in signal:
        values["share"] = at_limit
    else:
        values["before"] = before
    if "longer" in signal:
        values["ratio"] = effect
    expected = {
        "signal": signal,
        "says": {message_id: values},
        "rows": ("metrics", (("duration_avg_s", "duration_max_s"), None, at(9))),
        "span": SPAN,
    }
    assert found == [expected | ({} if effect is None else {"effect": effect, "unit": "ratio"})]


def test_durations_without_failures_or_after_a_change():
    facts = {"run_during_s": 9.0, "run_before_s": 1.0, "timed_out_share": 1.0}
    assert said(function.durations(context_of(FRAME, **facts))) == []
    [since] = said(function.durations(context_of(FRAME, changes=[changed()], **FAILING | facts)))
    assert since["signal"] == "invocations_at_timeout_since_change"


def test_slow_invocations_that_lead_into_failures_begin_the_wait_but_not_the_failures():
    # Already three intervals before the first failure, invocations took nine seconds.
    frame = FRAME.assign(duration_avg_s=[1.0] * 3 + [9.0] * 6 + [1.0] * 3)
    facts = FAILING | {"run_during_s": 9.0, "run_before_s": 1.0}
    [longer] = said(function.durations(context_of(frame, **facts)))
    assert longer["span"] == Span(at(3), at(3), at(2), at(4), end=at(9), until=at(9))
    for during_s in (0.1, 2.0):
        [short] = said(function.durations(context_of(frame, **facts | {"run_during_s": during_s})))
        assert short["span"] == SPAN


@together("lacking", ["function_timeout_s", "run_before_s", "failures", "limit_lowered"])
def test_a_lowered_timeout_is_below_the_durations_before(lacking):
    facts = FAILING | {"run_before_s": 12.0, "limit_lowered": True}
    limit = {"settings": {"function_timeout_s": 10.0}}
    assert said(function.timeout_lowered(context_of(FRAME, **facts, **limit))) == [
        {
            "signal": "timeout_lowered",
            "says": {"backlog-timeout-lowered": {"function": "worker", "before": 12.0, "limit": 10.0}},
            "rows": ("functions", (("function", "=", "worker"),)),
            "effect": 10.0,
            "unit": "s",
        }
    ]
    without = facts | limit | ({"settings": {}} if lacking == "function_timeout_s" else {lacking: None})
    assert said(function.timeout_lowered(context_of(FRAME, **without))) == []


def memory_look(during_s=4.0, before_s=2.0, mb=(1024.0, 512.0), changes=(), recorded=(), **facts):
    """Return the context of failures whose runs had these megabytes before and during them."""
    events = pd.DataFrame(
        [
            ("worker", at(6), mb[1]), ("worker", at(2), mb[0]), ("worker", at(1), 9999.0),
            ("worker", at(8), 9999.0), ("other", at(5), 64.0), ("worker", at(5), None),
        ],
        columns=["function", "time", "memory_mb"],
    )  # fmt: skip
    tables = {"log_events": events, "changes": pd.DataFrame({"time": list(recorded)})}
    inv = SimpleNamespace(table=tables.get)
    facts = FAILING | {"run_before_s": before_s, "run_during_s": during_s} | facts
    return context_of(FRAME, changes=changes, inv=inv, **facts)


def test_less_memory_is_found_between_the_last_run_before_and_the_first_after():
    expected = {
        "signal": "memory_lowered",
        "says": {
            "backlog-memory-lowered": {
                "function": "worker", "time": at(6), "before_mb": 1024, "after_mb": 512,
                "before": 2.0, "during": 4.0,
            }
        },
        "rows": ("log_events", (("function", "=", "worker"), ("memory_mb", "known", None))),
        "effect": 2.0,
        "unit": "times less",
        "strength": 0.6,  # undated
    }  # fmt: skip
    assert said(function.memory_lowered(memory_look())) == [expected]
    [dated] = said(function.memory_lowered(memory_look(changes=[changed("function_configuration")])))
    assert dated["says"]["backlog-memory-lowered"]["time"] == at(5) and "strength" not in dated


@together(
    ("facts", "is_said"),
    [
        ({"recorded": [at(1)]}, False),  # changes are recorded, and none is of this function
        ({"mb": (512.0, 512.0)}, False),
        ({"mb": (511.0, 512.0)}, False),
        ({"during_s": 3.0}, False),  # half as long again is no effect of the processor
        ({"during_s": 3.1}, True),
        ({"during_s": 6.0}, True),  # twice less memory, and half as long again
        ({"during_s": 6.1}, False),
        ({"failures": None}, False),
        ({"run_before_s": None}, False),
        ({"run_during_s": None}, False),
    ],
)
def test_less_memory_explains_durations_up_to_its_ratio(facts, is_said):
    found = [one["effect"] for one in said(function.memory_lowered(memory_look(**facts)))]
    assert found == ([2.0] if is_said else [])


def test_memory_before_or_after_only_shows_no_change():
    for moments in ([at(1), at(2)], [at(7), at(8)], []):
        events = pd.DataFrame({"function": "worker", "time": moments, "memory_mb": 512.0})
        tables = {"log_events": events, "changes": pd.DataFrame()}
        facts = FAILING | {"run_before_s": 2.0, "run_during_s": 4.0}
        seen = context_of(FRAME, inv=SimpleNamespace(table=tables.get), **facts)
        assert said(function.memory_lowered(seen)) == []


def test_the_last_lines_of_timeouts_say_whether_they_waited_for_a_call():
    values = {"invocations": 4, "function": "worker", "calling": 3, "before": 1}
    common = {
        "says": {"backlog-last-lines": values},
        "rows": ("log_events", (("ptr", "in", ("p1", "p2")),)),
        "unit": "share",
    }
    assert said(function.last_lines(context_of(FRAME, timeout_logs=TimeoutLogs(3, 1, ("p1", "p2"))))) == [
        common | {"signal": "waits_for_call", "effect": 0.75, "strength": 0.75},
        common | {"signal": "hangs_before_call", "effect": 0.25, "strength": 0.25},
    ]
    [only] = said(function.last_lines(context_of(FRAME, timeout_logs=TimeoutLogs(0, 2, ("p1",)))))
    assert (only["signal"], only["effect"]) == ("hangs_before_call", 1.0)
    assert said(function.last_lines(context_of(FRAME))) == []


def test_the_change_right_before_failures_is_reported_with_its_row():
    facts = FAILING | {"first_trouble": lambda: at(6)}
    [found] = said(function.changed(context_of(FRAME, changes=[changed()], **facts)))
    assert found == {
        "signal": "function_changed",
        "says": {
            "backlog-change-recorded": {
                "time": at(5), "user": "deployer", "resource": "worker", "change": "backlog-changed-code"
            },
            "backlog-changed-code": {},
            "backlog-change-then-trouble": {"lead": 300.0},
        },
        "rows": ("changes", (("event_id", "=", "e-1"), ("event_name", "=", "UpdateFunctionCode20150331v2"))),
        "effect": 5.0,
        "unit": "min",
        "span": Span(at(5), at(5), at(5), at(5)),
        "event": "UpdateFunctionCode20150331v2",
    }  # fmt: skip


def test_a_function_that_ran_well_since_its_last_change_was_not_broken_by_it():
    facts = FAILING | {"settings": {"function_modified_at": at(4)}}
    assert said(function.changed(context_of(FRAME, **facts))) == [
        {
            "signal": "unchanged_and_ran_well",
            "says": {
                "backlog-ran-well-since-change": {
                    "function": "worker", "time": at(4), "succeeded": 20, "attempts": "invocations"
                }
            },
            "rows": ("functions", (("function", "=", "worker"),)),
            "effect": 20.0,
            "unit": "tries",
        }
    ]  # fmt: skip


def ended_look(changes=(), frame=FRAME, **facts):
    """Return the context of failures right after a change, with further changes."""
    return context_of(frame, changes=[changed(), *changes], **FAILING | facts)


def test_failures_after_a_change_end_by_the_next_one_or_by_themselves():
    [alone] = said(function.ended(ended_look()))
    assert alone == {
        "signal": "ended_by_itself",
        "says": {"backlog-ended-by-itself": {"end": at(9)}},
        "rows": ("changes", (("time", ">=", at(6)),)),
    }
    [undone] = said(function.ended(ended_look([changed(minute=3, settings={})])))
    assert undone == {
        "signal": "ended_by_change",
        "says": {"backlog-ended-by-change": {"end": at(9), "time": at(9)}},
        "rows": ("changes", (("event_id", "=", "e-1"), ("event_name", "=", "UpdateFunctionCode20150331v2"))),
    }


@together(
    ("facts", "signal"),
    [
        # A change a moment after the first good invocation, which began at the interval's start.
        ({"changes": [changed(minute=3.1)]}, "ended_by_itself"),
        ({"changes": [changed(minute=0)]}, "ended_by_itself"),
        ({"changes": [changed("concurrency_set", minute=2)]}, "ended_by_itself"),
        ({"changes": [changed(minute=2)]}, "ended_by_change"),
        # Errors that name a place say more; timeouts do not.
        ({"errors": logged({"function": 3, "timeout": 2})}, None),
        ({"errors": logged({"function": 2, "timeout": 2})}, "ended_by_itself"),
        ({"failures": None}, None),
    ],
)
def test_what_counts_as_the_end_of_failures(facts, signal):
    found = [one["signal"] for one in said(function.ended(ended_look(**facts)))]
    assert found == ([] if signal is None else [signal])


def test_only_failures_after_a_change_that_ended_are_said_to_have_ended():
    assert said(function.ended(context_of(FRAME, **FAILING))) == []
    open_frame = FRAME.iloc[:9]
    assert said(function.ended(ended_look(frame=open_frame))) == []


def test_a_change_of_another_queue_ends_nothing():
    other = Change(**{**vars(changed(minute=2)), "queues": ("other",)})
    assert [one["signal"] for one in said(function.ended(ended_look([other])))] == ["ended_by_itself"]


def test_no_invocation_after_the_failures_leaves_the_change_as_their_end():
    # Messages were tried well, but no invocation is counted after the failures.
    silent = FRAME.assign(invocations=[10.0] * 9 + [0.0, None, None])
    found = said(function.ended(ended_look([changed(minute=5)], silent)))
    assert [one["signal"] for one in found] == ["ended_by_change"]
    one_run = FRAME.assign(invocations=[10.0] * 9 + [0.0, 1.0, None])
    found = said(function.ended(ended_look([changed(minute=5)], one_run)))
    assert [one["signal"] for one in found] == ["ended_by_itself"]


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        ({"event_id": None}, {"backlog-change-recorded"}),
        ({"user": None}, {"backlog-change-recorded", "backlog-user-unknown"}),
        ({"table": "functions", "event_name": ""}, {"backlog-change-in-configuration"}),
        ({"table": "queues", "event_name": "", "resource": "jobs"}, {"backlog-change-in-configuration"}),
    ],
)
def test_a_change_names_its_row_by_the_best_that_is_known(more, ids):
    change = Change(**{**vars(changed()), **more})
    [found] = said(function.changed(context_of(FRAME, changes=[change], **FAILING)))
    assert {name for name in found["says"] if name != "backlog-changed-code"} == {
        *ids, "backlog-change-then-few-runs"
    }  # fmt: skip
    assert (
        found["rows"]
        == {
            "changes": (
                "changes",
                (
                    ("event_id", "=", "e-1") if change.event_id else ("time", "=", at(5)),
                    ("event_name", "=", change.event_name),
                ),
            ),
            "functions": ("functions", (("function", "=", "worker"),)),
            "queues": ("queues", (("queue", "=", "jobs"),)),
        }[change.table]
    )
    assert found.get("strength", 1.0) == (1.0 if change.is_recorded else 0.8)
    assert found["event"] == (change.event_name or "function_code")
    assert "effect" not in found


def test_a_change_within_the_first_bad_interval_is_said_to_be_in_it():
    facts = FAILING | {"first_trouble": lambda: at(6)}
    [found] = said(function.changed(context_of(FRAME, changes=[changed(minute=0.5)], **facts)))
    assert found["says"]["backlog-change-in-first-interval"] == {}
    assert found["effect"] == -2.5
    [same] = said(function.changed(context_of(FRAME, changes=[changed(minute=0)], **facts)))
    assert same["says"]["backlog-change-then-trouble"] == {"lead": 0.0}
