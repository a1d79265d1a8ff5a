"""Errors that a function logged by kind, and the last lines of its invocations that timed out."""

from collections import Counter

import pandas as pd
from worlds.one_queue import Tables
from worlds.queue_contexts import at

from watchme_analysis.queues.error_kinds import (
    LoggedErrors,
    TimeoutLogs,
    called_api,
    logged_errors,
    read_timeout_logs,
)


def event(place, text, ptr=None, **more):
    """Return an error that the function logged at an interval."""
    return {
        "ptr": ptr or f"p-{place}", "time": at(place), "function": "worker", "kind": "error",
        "error_type": text.split(":")[0], "message": text, "request_id": f"r-{place}",
    } | more  # fmt: skip


REFUSED = "ConnectionError: refused by 192.0.2.{} at 0x{}"
EVENTS = [
    event(1, "KeyError: 'a'"), event(2, REFUSED.format(1, "aa")), event(3, REFUSED.format(2, "bb")),
    event(3, REFUSED.format(2, "bb"), "p-of-another-query"),  # the same event
    event(4, "Task timed out after 3.00 seconds", kind="timeout", error_type=None),
    event(5, "TypeError: x", function="other"), event(6, "END", kind="end"),
    event(7, "refused", error_type="ConnectionError"),
]  # fmt: skip


def errors(*bounds, queries=()):
    tables = Tables(log_events=EVENTS, log_queries=list(queries))
    return logged_errors(tables.table("log_events"), tables.table("log_queries"), "worker", *bounds)


def test_errors_are_counted_once_by_kind_with_an_example_and_the_leading_one():
    assert errors() == LoggedErrors(
        Counter(unreachable=3, code_or_message=1, timeout=1),
        {
            "code_or_message": "KeyError: 'a'",
            "unreachable": REFUSED.format(1, "aa"),
            "timeout": "Task timed out after 3.00 seconds",
        },
        5, False, at(1), at(7), 5, REFUSED.format(1, "aa"), 2, open_outcomes=1,
    )  # fmt: skip
    assert errors().main == "unreachable" and errors().share("unreachable", "timeout") == 0.8
    bounded = errors(at(2), at(3))
    assert (bounded.total, bounded.first) == (1, at(2))
    assert errors(None, at(2)).main == "code_or_message" and errors(at(7)).total == 1
    none = errors(at(99))
    assert none == LoggedErrors(Counter(), {}, 0, False)
    assert none.main is None and none.share("timeout") == 0.0


def invocation(number, *lines, end="timeout"):
    """Return the events of an invocation: its start, its lines and its end."""
    kinds = [("start", "START"), *(("application", line) for line in lines), (end, end.upper())]
    return [
        event(number * 10 + place, text, request_id=f"r-{number}", kind=kind)
        for place, (kind, text) in enumerate(kinds)
    ]


def last_lines(*parts, bounds=(), function="worker"):
    events = [one for part in parts for one in part]
    return read_timeout_logs(Tables(log_events=events).table("log_events"), function, *bounds)


GOOD = invocation(0, "GET https://api.example.com/x", "done", end="end")


def test_timeouts_waited_for_a_call_or_hung_before_it():
    calling = invocation(1, "begin", "POST /v1/jobs")
    silent = invocation(2, "begin")
    past = invocation(3, "GET https://api.example.com/x", "parsed")  # its last line names no call
    found = last_lines(GOOD, calling, silent, past)
    assert found == TimeoutLogs(1, 1, ("p-13", "p-22"))
    assert found.total == 2
    # Without a good invocation that calls, an invocation without a call says nothing.
    assert last_lines(calling, silent) == TimeoutLogs(1, 0, ("p-13",))
    failed = [event(5, "x", request_id="r-0")]
    assert last_lines(GOOD, failed, silent) == TimeoutLogs()


def test_the_api_of_a_function_is_the_host_that_its_log_names_most():
    lines = [
        "POST http://user:pw@api.example.com:8013/items/1",
        "POST http://api.example.com:8013/items/2",
        "queue https://sqs.ap-northeast-1.amazonaws.com/123456789012/uploads",
        "GET https://other.example.com/",
    ]
    events = pd.DataFrame({"function": "worker", "message": lines})
    assert called_api(events, "worker") == "http://api.example.com:8013"
    assert called_api(events[:1], "worker") == "http://api.example.com:8013/items/1"
    assert called_api(events[2:3], "worker") is None
