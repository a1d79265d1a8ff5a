"""Queries through the cache, their estimates, and the log queries of a pull."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.insights.cached import (
    QueryOptions,
    query_cached,
)
from watchme_analysis.cloudwatch.insights.incident_queries import (
    run_log_queries,
)
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.response_cache import CacheMissError, ResponseCache
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.message import message_of
from watchme_analysis.window import Window

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
FIRST = int(START.timestamp())
END = START + timedelta(minutes=2)
RAW = "fields @timestamp, @message | sort @timestamp asc"
NEWEST = "fields @timestamp, @message"
COUNT = "stats count(*) as n"


def written(second):
    return (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def rows_at(*seconds):
    return [{"@timestamp": written(second), "@message": "a", "@ptr": f"at {second}"} for second in seconds]


def done(rows, status="Complete", **statistics):
    return [{"status": status, "rows": rows, "statistics": statistics}]


def query(text=RAW, end=END, group="g", start=START, **more):
    more.setdefault("counts", ((FIRST, 1), (FIRST + 60, 1), (FIRST + 120, 1), (FIRST + 180, 1)))
    return InsightsQuery(text, (group,), Window(start, end), **more)


def notes_of(notes):
    return [next(iter(messages_in(message_of(each)).items())) for each in notes]


@pytest.fixture
def store(tmp_path):
    return ResponseCache(tmp_path, "here")


def ask(store, asked, *scripts, **how):
    """Return the result of a query through a cache, and the account that was called."""
    aws = ScriptedAws(*scripts)
    before = datetime.now(UTC)
    (result,) = query_cached(aws, [asked], QueryOptions(replace(store, **how)))
    if result.cached_at is not None:
        assert result.cached_at <= before
    return result, aws


def test_settled_rows_are_scanned_once(store):
    first, _ = ask(store, query(), done(rows_at(1, 2), recordsScanned=7, bytesScanned=9))
    assert (first.rows, first.bytes_scanned, first.cached_at) == (rows_at(1, 2), 9, None)
    again, aws = ask(store, query())
    assert (aws.started, again.rows, again.records_matched) == ([], rows_at(1, 2), 2.0)
    assert (again.bytes_scanned, again.queries_started, again.records_scanned) == (0, 0, 7)
    assert again.cached_at is not None
    ((name, values),) = notes_of(again.notes)
    assert (name, values["end"]) == ("insights-cached", END.isoformat())
    assert values["taken"] == again.cached_at.isoformat()
    # An earlier end: the rows before it.
    part, aws = ask(store, query(end=START + timedelta(seconds=2)))
    assert (aws.started, part.rows, part.records_matched) == ([], rows_at(1), 1.0)
    with pytest.raises(CacheMissError) as raised:
        ask(store, query("fields @message", name="mine"), offline=True)
    assert messages_in(raised.value.args[0])["error-cache-lacks"]["name"] == "mine"
    with pytest.raises(CacheMissError) as raised:
        ask(store, query("fields @message"), offline=True)
    assert messages_in(raised.value.args[0])["error-cache-lacks"]["name"] == "'fields @message'"


@pytest.mark.parametrize(("text", "order"), [(RAW, [1, 2, 130]), (NEWEST, [130, 2, 1])])
def test_of_a_longer_window_the_rest_is_queried(store, text, order):
    rows = rows_at(1, 2) if text == RAW else rows_at(2, 1)
    ask(store, query(text), done(rows, recordsScanned=7, bytesScanned=9))
    longer = query(text, end=START + timedelta(minutes=4))
    result, aws = ask(store, longer, done(rows_at(130), recordsScanned=2, bytesScanned=3))
    (started,) = aws.started
    assert (started["startTime"] - FIRST, started["endTime"] - FIRST) == (120, 240)
    assert result.rows == rows_at(*order)
    assert (result.query, result.records_matched) == (longer, 3.0)
    # The cached part was paid for before.
    assert (result.bytes_scanned, result.records_scanned, result.queries_started) == (3, 9, 1)
    assert [name for name, _ in notes_of(result.notes)] == ["insights-cached"]
    assert notes_of(result.notes)[0][1]["end"] == END.isoformat()
    # Now all of it is in the cache.
    assert ask(store, longer)[0].rows == rows_at(*order)


def test_of_a_window_that_ends_now_the_settled_part_is_used(store):
    now = datetime.now(UTC).replace(microsecond=0)
    start = now - timedelta(minutes=30)
    text = (now - timedelta(minutes=20)).strftime("%Y-%m-%d %H:%M:%S.000")
    late = (now - timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M:%S.000")
    rows = [{"@timestamp": moment, "@ptr": moment} for moment in (text, late)]
    asked = query(start=start, end=now, counts=((int(start.timestamp()), 1),))
    ask(store, asked, done(rows))
    result, aws = ask(store, asked, done(rows[1:]))
    # Events of the last quarter of an hour may still have been on their way.
    settled = aws.started[0]["startTime"]
    assert now.timestamp() - 15 * 60 - 2 <= settled <= now.timestamp() - 15 * 60 + 60
    assert result.rows == rows
    assert ask(store, asked, offline=True)[0].rows == rows


def test_a_query_over_several_events_is_stored_with_its_end(store):
    ask(store, query(COUNT), done([{"n": "5"}], recordsMatched=5))
    again, aws = ask(store, query(COUNT))
    assert (aws.started, again.rows, again.records_matched) == ([], [{"n": "5"}], 5)
    assert len(ask(store, query(COUNT, end=START + timedelta(minutes=3)), done([]))[1].started) == 1
    # What is not settled runs again, except offline.
    now = datetime.now(UTC)
    recent = query(COUNT, start=now - timedelta(hours=1), end=now - timedelta(minutes=5))
    ask(store, recent, done([{"n": "5"}]))
    assert ask(store, recent, offline=True)[0].rows == [{"n": "5"}]
    assert ask(store, recent, done([{"n": "6"}]))[0].rows == [{"n": "6"}]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("SOURCE logGroups(namePrefix: ['/app'], class: ['INFREQUENT_ACCESS']) | stats count(*)", "CWLI"),
        ("SELECT `@message` FROM `/app/a`", "SQL"),
        ("source = [lg:`/app/a`] | stats count()", "PPL"),
    ],
)
def test_a_query_that_names_its_groups_is_sent_as_written(store, text, language):
    _, aws = ask(store, replace(query(text, query_language=language), log_groups=()), done([{"n": "5"}]))
    (sent,) = aws.started
    assert sent["queryString"] == text
    assert sent.get("queryLanguage", "CWLI") == language
    assert not sent.keys() & {"logGroupNames", "logGroupIdentifiers"}


def test_the_same_text_in_another_language_is_another_query(store):
    ask(store, query(COUNT), done([{"n": "5"}]))
    assert ask(store, query(COUNT, query_language="PPL"), done([{"n": "6"}]))[0].rows == [{"n": "6"}]
    assert ask(store, query(COUNT))[0].rows == [{"n": "5"}]


def test_an_event_that_is_returned_twice_is_one_row(store):
    assert ask(store, query(), done(rows_at(1, 2, 2, 3)))[0].rows == rows_at(1, 2, 3)


def test_a_group_that_is_refused_does_not_affect_the_others(store):
    queries = {group: [query(group=group, name=f"n-{group}")] for group in "abc"}
    scripts = [done(rows_at(1), bytesScanned=5), ServiceError("no access"), done(rows_at(2), "Cancelled")]
    seen = []
    options = QueryOptions(store)
    pulled = run_log_queries(ScriptedAws(*scripts), queries, options, 0.01, seen.append)
    assert seen
    assert list(pulled.responses) == ["n-a", "n-c"]
    assert [(str(entry["logGroupName"]), entry.get("usdPerGb")) for entry in pulled.query_entries] == [
        ("a", 0.01),
        ("b", None),
        ("c", 0.01),
    ]
    reasons = [
        (notes_of([part]) if part != "n-c" else part, notes_of([why]))
        for part, why in pulled.failures.items()
    ]
    assert reasons[0][0] == [("pull-part-logs-of", {"group": "b"})]
    assert reasons[0][1] == [("sentences", {"sentences": ["insights-refused"]})]
    assert reasons[1][0] == "n-c"
    assert reasons[1][1] == [("sentences", {"sentences": ["insights-ended"]})]
    assert (pulled.notes, pulled.bytes_scanned) == ([], 5)
    # Offline, only what is in the cache.
    offline = QueryOptions(replace(store, offline=True))
    pulled = run_log_queries(ScriptedAws(), queries, offline, 0.01)
    assert list(pulled.responses) == ["n-a"]
    assert [notes_of([part]) for part in pulled.failures] == [
        [("pull-part-logs-of", {"group": group})] for group in "bc"
    ]
    assert [entry.get("usdPerGb") for entry in pulled.query_entries] == [0.01, None, None]
    assert notes_of(pulled.notes) == [("note-of-file", {"file": "n-a", "note": "insights-cached"})]
