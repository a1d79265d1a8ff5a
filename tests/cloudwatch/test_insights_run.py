"""Runs of queries against scripted responses: what is started, kept, queried again, stopped and noted."""

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.aws_front import FAST
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws
from worlds.together import together

from watchme_analysis.aws_shapes.insights_query_text import unsplittable_reason
from watchme_analysis.cloudwatch.insights import run as run_module
from watchme_analysis.cloudwatch.insights.frame import result_frame
from watchme_analysis.cloudwatch.insights.query_api import (
    FinishedQuery,
    InsightsQuery,
    fetch_pages,
    stop_query,
)
from watchme_analysis.cloudwatch.insights.run import QueryPool, Task, run_queries
from watchme_analysis.cloudwatch.insights.window_planner import QueryWindow
from watchme_analysis.cloudwatch.session import BusyError, RateLimits
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.text.message import message_of
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
FIRST = int(START.timestamp())
RAW = "fields @timestamp, @ptr | sort @timestamp asc"
HOUR = Window(START, START + timedelta(hours=1))


def written(second):
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def rows_at(*seconds):
    """Return rows of events at these seconds after the start, each with its pointer."""
    return [{"@timestamp": written(second), "@ptr": f"at {second}"} for second in seconds]


def done(rows, status="Complete", **statistics):
    return {"status": status, "rows": rows, "statistics": statistics}


def query(text=RAW, window=HOUR, group="g", **more):
    """A query of whose group one event is known, so that its window is queried whole first."""
    more.setdefault("counts", ((FIRST, 1),))
    return InsightsQuery(text, (group,), window, **more)


def notes_of(notes):
    """Return the message of each note: its id and values."""
    return [next(iter(messages_in(message_of(each)).items())) for each in notes]


def as_dict(result):
    found = vars(result).copy()
    found.pop("query")
    return found | {"notes": notes_of(result.notes)}


def test_a_result_of_one_query():
    account = ScriptedAws(
        [done([], "Running"), done(rows_at(1, 2), recordsMatched=2.0, recordsScanned=7, bytesScanned=9)]
    )
    result = run_queries(account, [query()])[0]
    assert as_dict(result) == {
        "rows": rows_at(1, 2),
        "status": "Complete",
        "truncated": False,
        "records_matched": 2.0,
        "records_scanned": 7.0,
        "bytes_scanned": 9.0,
        "queries_started": 1,
        "cached_at": None,
        "notes": [],
    }
    assert account.polled == [{"queryId": "query-1"}] * 2
    assert account.stopped == []
    # No call is repeated after the deadline; afterwards that no longer holds.
    assert account.retry_until == float("inf")


def test_groups_are_named_by_arn_if_one_is():
    account = ScriptedAws([done([])])
    run_queries(account, [InsightsQuery(RAW, ("a", "arn:aws:logs:x"), HOUR, counts=((FIRST, 1),))])
    assert account.started[0]["logGroupIdentifiers"] == ["a", "arn:aws:logs:x"]
    assert "logGroupNames" not in account.started[0]


@together(
    ("text", "language", "groups", "sent"),
    [
        ("fields a | limit 7", "CWLI", ("g",), {"logGroupNames": ["g"]}),
        ("SELECT a FROM `g`", "SQL", (), {"queryLanguage": "SQL"}),
        ("SELECT a FROM `g`", "SQL", ("g",), {"queryLanguage": "SQL"}),
        ("fields a | sort @timestamp", "PPL", ("g",), {"queryLanguage": "PPL", "logGroupNames": ["g"]}),
        ("SOURCE logGroups(namePrefix: ['a']) | fields b", "CWLI", (), {}),
    ],
)
def test_languages_and_sources(text, language, groups, sent):
    account = ScriptedAws([done([{"a": "1"}, {"b": "x"}])])
    result = run_queries(account, [InsightsQuery(text, groups, HOUR, query_language=language)])[0]
    started = account.started[0]
    assert {name: started[name] for name in ("logGroupNames", "queryLanguage") if name in started} == sent
    assert started["queryString"].endswith(text)
    if language != "CWLI":
        assert started["queryString"] == text
        assert result_frame(result).dtypes.astype(str).to_dict() == {"a": "Int64", "b": "string"}


def test_another_language_is_refused():
    with pytest.raises(InputError) as raised:
        InsightsQuery("select 1", ("g",), HOUR, query_language="sql92")
    assert "error-query-language" in messages_in(raised.value.args[0])


def test_a_query_has_one_to_fifty_groups():
    assert len(InsightsQuery(RAW, ("g",) * 50, HOUR).log_groups) == 50
    for number in (0, 51):
        with pytest.raises(InputError) as raised:
            InsightsQuery(RAW, ("g",) * number, HOUR)
        assert messages_in(raised.value.args[0]) == {
            "error-query-groups": {"most": "50", "number": str(number)}
        }


def test_a_query_that_is_refused_does_not_affect_the_other():
    refused = ServiceError("no access")
    account = ScriptedAws([done(rows_at(1))], refused)
    one, other = run_queries(account, [query(), query(group="secret")])
    assert (one.rows, one.status, one.notes) == (rows_at(1), "Complete", [])
    assert (other.status, other.truncated, other.queries_started) == ("Refused", True, 0)
    assert notes_of(other.notes) == [("insights-refused", {"groups": ["secret"], "error": "error-as-is"})]


def test_the_other_windows_of_a_refused_query_are_not_started():
    """Four minutes of a full window each: the first is refused, and the next query runs."""
    minutes = tuple((FIRST + 60 * number, 80) for number in range(4))
    account = ScriptedAws(ServiceError("no access"), [done(rows_at(1))])
    refused, other = run_queries(account, [query(counts=minutes), query(group="other")], row_limit=100)
    assert (refused.status, other.status, len(account.started)) == ("Refused", "Complete", 2)
    # Where all are refused, the first error is raised.
    account = ScriptedAws(ServiceError("first"), ServiceError("second"))
    with pytest.raises(ServiceError, match="first"):
        run_queries(account, [query(), query(group="other")])


def test_no_query_is_no_result():
    assert run_queries(ScriptedAws(), []) == []


def test_rows_without_pointers_cannot_be_split():
    rows = [{"@timestamp": written(1)}, {"@timestamp": written(2)}]
    account = ScriptedAws([done(rows, recordsMatched=9.0)])
    result = run_queries(account, [query()], row_limit=2)[0]
    assert (result.rows, result.truncated, result.records_matched) == (rows, True, 9.0)
    hour = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    assert notes_of(result.notes) == [("insights-rows-missing", hour | {"reason": "pointers"})]


def test_rows_that_the_service_counted_and_did_not_return():
    hour = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    account = ScriptedAws([done(rows_at(1), resultCount=3, recordsMatched=1.0)])
    result = run_queries(account, [query()])[0]
    assert (result.rows, result.truncated) == (rows_at(1), True)
    assert notes_of(result.notes) == [("insights-shortfall", hour | {"rows": 1, "counted": 3})]


@together(
    ("text", "status", "starts"),
    [
        ("stats count(*)", "Timeout", 1),  # which cannot be split
        (RAW, "Failed", 2),  # which is started once more
        (RAW, "Cancelled", 1),
    ],
)
def test_a_query_that_did_not_complete(text, status, starts):
    account = ScriptedAws(*[[done(rows_at(1), status)]] * starts)
    result = run_queries(account, [query(text)])[0]
    assert (result.rows, result.status, result.truncated) == (rows_at(1), status, True)
    assert result.queries_started == starts
    hour = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    assert notes_of(result.notes) == [("insights-ended", hour | {"status": status})]


@together(
    ("text", "rows", "truncated"),
    [
        ("stats count(*) by x", 3, False),
        ("stats count(*) by x", 4, True),
        ("stats count(*) by x | limit 4", 4, False),  # as many as the query itself asks for
        ("stats count(*) by x | limit 5", 4, True),
    ],
)
def test_a_query_that_cannot_be_split_and_returns_as_many_rows_as_it_may(text, rows, truncated):
    account = ScriptedAws([done([{"x": str(number)} for number in range(rows)], recordsMatched=40.0)])
    result = run_queries(account, [query(text)], row_limit=4)[0]
    assert (len(result.rows), result.truncated, result.records_matched) == (rows, truncated, 40.0)
    reason = next(iter(messages_in(message_of(unsplittable_reason(text)))))
    expected = [("insights-unsplittable", {"rows": 4, "reason": reason})]
    assert notes_of(result.notes) == (expected if truncated else [])


def test_at_the_deadline_nothing_is_started():
    account = ScriptedAws()
    (result,) = run_queries(account, [query()], deadline_s=0)
    assert (result.status, result.truncated, notes_of(result.notes)) == (
        "Timeout",
        True,
        [("insights-deadline", {})],
    )
    assert account.started == []


def test_above_the_ceiling_nothing_more_is_started():
    minutes = tuple((FIRST + 60 * number, 80) for number in range(2))
    one_slot = replace(FAST, concurrent_queries=1)
    account = ScriptedAws([done(rows_at(1), bytesScanned=2.5e9)], limits=one_slot)
    (result,) = run_queries(account, [query(counts=minutes)], row_limit=100, max_scan_bytes=2.4e9)
    assert (result.status, result.truncated, len(account.started)) == ("Stopped", True, 1)
    assert notes_of(result.notes) == [("insights-ceiling", {"gigabytes": "2.500"})]
    assert result.rows == rows_at(1)
    # Exactly at the ceiling, the second window still runs.
    account = ScriptedAws([done(rows_at(1), bytesScanned=2.5e9)], [done([])], limits=one_slot)
    (result,) = run_queries(account, [query(counts=minutes)], row_limit=100, max_scan_bytes=2.5e9)
    assert (result.status, len(account.started)) == ("Complete", 2)


def test_a_failing_service_leaves_the_results_that_are_complete():
    """The second query ends and the third fails in the same round of polls."""
    broken = RetryableServiceError("no response")
    account = ScriptedAws(
        [done([], "Running", bytesScanned=30.0), broken], [done(rows_at(1), bytesScanned=5.0)], limits=FAST
    )
    first, second = run_queries(account, [query(), query(group="other")])
    assert (second.rows, second.truncated) == (rows_at(1), False)
    assert (first.status, first.truncated) == ("Broken off", True)
    assert notes_of(first.notes) == [("insights-broken", {"error": "error-as-is"})]
    assert account.stopped == ["query-1"]
    assert first.bytes_scanned == 30.0  # the stopped query is charged for them
    # In the same round, the query that ended is kept although the poll of the next one fails.
    account = ScriptedAws([done(rows_at(1))], [broken, broken])
    first, second = run_queries(account, [query(), query(group="other")])
    assert [(each.status, each.truncated) for each in (first, second)] == [
        ("Complete", False),
        ("Broken off", True),
    ]
    # No result is complete: the error itself.
    with pytest.raises(RetryableServiceError, match="no response"):
        run_queries(ScriptedAws([broken], [broken]), [query(), query(group="other")])


def test_queries_that_cannot_be_stopped_are_noted():
    account = ScriptedAws([done([], "Running")] * 1 + [ServiceError("refused")])
    account.stop_errors.extend([OSError("no route")] * 3)
    results = []

    def keep(_):
        results.append(1)

    with pytest.raises(ServiceError, match="refused"):
        run_queries(account, [query()], progress=keep)
    assert account.stopped == ["query-1"] * 3
    account = ScriptedAws([done([], "Running"), RetryableServiceError("gone")], [done([])])
    account.stop_errors.extend([OSError("no route")] * 3)
    first, _ = run_queries(account, [query(), query(group="other")])
    assert notes_of(first.notes) == [
        ("insights-broken", {"error": "error-as-is"}),
        ("insights-not-stopped", {"query": "query-1", "error": "error-as-is"}),
    ]


def test_progress_counts_queries_and_rows():
    seen = []
    account = ScriptedAws([done([], "Running"), done([], "Running")], [done(rows_at(1, 2))])
    account.pages_of["query-1"] = deque()
    account.scripts[0].append(done([]))
    run_queries(account, [query(), query(group="other")], progress=seen.append)
    found = [values for _, values in notes_of(seen)]
    assert found[0] == {"running": 1, "waiting": 0, "rows": 2}
    assert found[-1] == {"running": 0, "waiting": 0, "rows": 2}


class RefusedError(Exception):
    def __init__(self, code):
        self.response = {"Error": {"Code": code}}


def test_stopping_a_query_is_attempted_three_times():
    account = ScriptedAws()
    assert stop_query(account, "q") is None
    assert (account.stopped, account.actions, account.backoffs) == (["q"], {"logs:StopQuery"}, [])
    account.stop_errors.append(RefusedError("InvalidParameterException"))
    assert stop_query(account, "q") is None, "it has ended already"
    assert len(account.stopped) == 2
    errors = [RefusedError("Throttling"), OSError("a"), OSError("b")]
    account.stop_errors.extend(errors)
    assert stop_query(account, "q") is errors[2]
    assert (len(account.stopped), account.backoffs) == (5, [0, 1, 2])
    account.stop_errors.extend([OSError("a"), None])
    assert stop_query(account, "q") is None


def test_pages_of_a_result():
    account = ScriptedAws()
    account.pages_of["q"] = deque(
        [done(rows_at(2)) | {"nextToken": "b"}, done(rows_at(3)) | {"nextToken": "b"}]
    )
    first = done(rows_at(1), recordsMatched=3.0) | {"nextToken": "a"}
    found = fetch_pages(account, "q", first)
    assert found == FinishedQuery("Complete", rows_at(1, 2, 3), {"recordsMatched": 3.0})
    assert account.polled == [{"queryId": "q", "nextToken": token} for token in "ab"]
    # The token expired, so the pages are read again; the second time it is an error.
    expired = ServiceError("expired")
    account.pages_of["q"] = deque([expired, first, done(rows_at(2)), expired, first, expired])
    assert fetch_pages(account, "q", first).rows == rows_at(1, 2)
    with pytest.raises(ServiceError, match="expired"):
        fetch_pages(account, "q", first)
    assert fetch_pages(account, "q", {"rows": []}) == FinishedQuery("Unknown", [], {})


def test_a_pool_waits_for_a_free_slot():
    """Other clients use the slots of the account: the pool holds back, and raises its limit one by one."""
    account = ScriptedAws(limits=replace(FAST, concurrent_queries=3))
    tasks = [Task(number, QueryWindow(0, 1000)) for number in range(4)]
    busy = [None, None, BusyError("full")]

    def start(task):
        if busy and (error := busy.pop(0)):
            raise error
        return f"q{task.query_index}"

    queries = QueryPool(account, float("inf"), start, None)
    queries.add(tasks)
    account.pages_of = {f"q{number}": deque([done([])]) for number in range(4)}
    ended = queries.poll()
    assert [task.query_index for task, _ in ended] == [0, 1]
    assert ([task.query_index for task in queries.waiting], tasks[2].attempts) == ([2, 3], 1)
    assert account.backoffs == [1]
    assert [task.query_index for task, _ in queries.poll()] == [2, 3]
    assert queries.idle
    assert queries.poll() == []


def test_one_slot_is_always_used():
    account = ScriptedAws()
    busy = [BusyError("full")]

    def start(task):
        if busy:
            raise busy.pop()
        return "q"

    queries = QueryPool(account, float("inf"), start, None)
    queries.add([Task(0, QueryWindow(0, 1000))])
    account.pages_of["q"] = deque([done([])])
    assert queries.poll() == []
    assert not queries.idle
    assert len(queries.poll()) == 1


def test_polls_of_a_query(monkeypatch):
    """First after 0.3 s, then after a quarter of its age, at most every 15 s; later queries not before it."""
    clock = Clock()
    monkeypatch.setattr(run_module, "time", clock)
    account = ScriptedAws(limits=RateLimits(concurrent_queries=1))
    account.sleep = clock.sleep
    queries = QueryPool(account, 1000.0, lambda task: f"q{task.query_index}", None)
    queries.add([Task(number, QueryWindow(0, 1000)) for number in range(2)])
    running = done([], "Running", bytesScanned=5.0)
    account.pages_of = {"q0": deque([running] * 4 + [done([])]), "q1": deque([done([])])}
    for _ in range(5):
        queries.poll()
    assert [task.query_index for task in queries.waiting] == [1]
    # 0.3 s, three times the least wait, and a quarter of 1.2 s.
    assert clock.waits == pytest.approx([0.3, 0.3, 0.3, 0.3, 0.3])
    queries.poll()
    # The first query took 1.5 s, so the next one is not polled before four fifths of that.
    assert clock.waits[-1] == pytest.approx(1.2)
    assert queries.idle


def test_a_long_query_is_polled_every_quarter_of_a_minute(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(run_module, "time", clock)
    account = ScriptedAws(limits=RateLimits(first_poll_s=100.0))
    account.sleep = clock.sleep
    queries = QueryPool(account, 130.0, lambda task: "q", None)
    queries.add([Task(0, QueryWindow(0, 1000))])
    account.pages_of = {"q": deque([done([], "Scheduled", bytesScanned=5.0)] * 9)}
    for _ in range(4):
        queries.poll()
    # Until the deadline, which ends the last wait.
    assert clock.waits == pytest.approx([100.0, 15.0, 15.0, 0.0])
    assert queries.running[0].bytes_scanned == 5.0


class Clock:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now, self.waits = 0.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += max(0.0, seconds)
