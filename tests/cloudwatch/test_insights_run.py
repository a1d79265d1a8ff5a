"""Runs of queries against scripted responses: what is started, kept, queried again, stopped and noted."""

from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws
from worlds.together import together

from watchme_analysis.cloudwatch.insights.frame import result_frame
from watchme_analysis.cloudwatch.insights.query_api import (
    InsightsQuery,
)
from watchme_analysis.cloudwatch.insights.run import run_queries
from watchme_analysis.errors import RetryableServiceError, ServiceError
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
