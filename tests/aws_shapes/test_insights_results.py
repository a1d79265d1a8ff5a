import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.aws_shapes.insights_results import (
    finish,
    is_queries,
    is_query_result,
    query_result_parts,
    query_row,
    read_queries,
)
from watchme_analysis.config import LogWords
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.schema import TABLES
from watchme_analysis.text.message import message_of

REQUEST = "2a57dc6f-8079-4fb3-9f1d-08298c4d938b"
QUERY = {
    "logGroupName": "/aws/lambda/sed-worker",
    "startTime": 1765411200,
    "endTime": 1765414800,
    "queryString": "fields @timestamp, @message | sort @timestamp desc | limit 2",
    "output": "errors.json",
}


def event(message, ptr="p", time="2025-12-11 01:00:00.120"):
    values = {"@timestamp": time, "@message": message, "@ptr": ptr}
    return [{"field": name, "value": value} for name, value in values.items()]


@pytest.fixture
def read(tmp_path):
    def write(answer, requested=QUERY, name="errors.json"):
        folder = tmp_path / "logs"
        folder.mkdir(exist_ok=True)
        if requested:
            (folder / "queries.json").write_text(json.dumps([requested]))
        text = answer if isinstance(answer, str) else json.dumps(answer)
        (folder / name).write_text(text)
        events, queries = query_result_parts(RawFile(tmp_path, f"logs/{name}"))
        return events, queries.frame.iloc[0]

    return write


def test_an_answer_keeps_events_in_order_with_their_query(read):
    answer = {
        "results": [event("one\n", "a"), event("two\n", "b")],
        "statistics": {"recordsMatched": 5.0, "recordsScanned": 50.0, "bytesScanned": 1e9},
        "status": "Complete",
    }
    events, query = read(answer)
    assert list(events.frame.columns) == TABLES["log_events"].names
    assert events.frame.message.tolist() == ["one", "two"]
    assert events.frame.time.iloc[0] == pd.Timestamp("2025-12-11T01:00:00.120Z")
    assert set(events.frame.function) == {"sed-worker"}
    assert (query.rows, query["limit"], query.records_matched) == (2, 2, 5.0)
    assert query.truncated
    assert query.start == pd.Timestamp("2025-12-11T00:00Z")
    assert events.retrieval.bytes_scanned == 1e9


@pytest.mark.parametrize(
    ("rows", "matched", "status", "truncated"),
    [(1, 1, "Complete", False), (2, 2, "Complete", False), (2, 3, "Complete", True), (1, 1, "Running", True)],
)
def test_truncation(read, rows, matched, status, truncated):
    answer = {"results": [event(f"m{n}", str(n)) for n in range(rows)], "status": status}
    _, query = read({**answer, "statistics": {"recordsMatched": matched}})
    assert bool(query.truncated) is truncated


def test_an_answer_that_no_query_names_says_so(read):
    events, query = read({"results": [event("x")], "status": "Complete"}, requested=None)
    assert pd.isna(query.log_group)
    assert pd.isna(query["limit"])
    assert any("no entry of queries.json" in note for note in events.retrieval.notes)


def test_a_row_of_statistics_keeps_its_figures(read):
    row = [{"field": "bin(5m)", "value": "2025-12-11 01:05:00.000"}, {"field": "count(*)", "value": "17"}]
    events, _ = read({"results": [row], "status": "Complete"})
    found = events.frame.iloc[0]
    assert found.time == pd.Timestamp("2025-12-11T01:05Z")
    assert json.loads(found.fields) == {"bin(5m)": "2025-12-11 01:05:00.000", "count(*)": "17"}
    assert pd.isna(found.kind)


def test_the_group_of_a_row_wins_over_the_query(read):
    row = [*event("x"), {"field": "@log", "value": "123456789012:/aws/lambda/ser-worker"}]
    events, _ = read({"results": [row], "status": "Complete"})
    assert events.frame.function.tolist() == ["ser-worker"]


def test_a_torn_answer_is_truncated(read):
    text = json.dumps({"results": [event("one", "a"), event("two", "b")], "status": "Complete"})
    events, query = read(text[: text.index('"two"')])
    assert events.frame.message.dropna().tolist() == ["one"]
    assert query.truncated
    assert len(events.retrieval.rejected) == 1


def test_a_query_without_an_answer_is_listed(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "queries.json").write_text(json.dumps([QUERY, {**QUERY, "output": "recent.json"}]))
    (folder / "errors.json.gz").write_bytes(b"")
    frame, _ = read_queries(RawFile(tmp_path, "logs/queries.json"))
    assert frame.query_name.tolist() == ["recent"]
    assert frame.rows.isna().all()
    assert frame.truncated.all()


def notes_of(notes):
    """Return the message within each note of a file, and its values."""
    found = [messages_in(message_of(each)) for each in notes]
    return [each[each["note-of-file"]["note"]] | {"id": each["note-of-file"]["note"]} for each in found]


def test_every_column_of_an_event_and_of_its_query(read):
    """The second row has a field without a column, so that each row is read on its own."""
    plain = {
        "@timestamp": "2025-12-11 01:00:00.120",
        "@message": f"REPORT RequestId: {REQUEST}\tDuration: 5 ms\tBilled Duration: 6 ms\tMemory Size: 128 MB"
        "\tMax Memory Used: 40 MB\tInit Duration: 9 ms\n",
        "@logStream": "s",
        "@requestId": "stated",
        "@ptr": "p",
        "@log": "123456789012:/ecs/api",
    }
    expected = {
        "file": "logs/errors.json",
        "query_name": "errors",
        "log_group": "/ecs/api",
        "function": None,
        "time": pd.Timestamp("2025-12-11T01:00:00.120Z"),
        "message": plain["@message"][:-1],
        "log_stream": "s",
        "request_id": "stated",
        "ptr": "p",
        "kind": "report",
        "level": None,
        "error_type": None,
        "duration_ms": 5.0,
        "billed_ms": 6.0,
        "memory_mb": 128.0,
        "memory_used_mb": 40.0,
        "init_ms": 9.0,
        "fields": None,
    }
    for more in ({}, {"n": "7"}):
        cells = [{"field": name, "value": value} for name, value in (plain | more).items()]
        statistics = {"recordsMatched": 5, "recordsScanned": 50, "bytesScanned": 2e9}
        requested = {**QUERY, "usdPerGb": 0.01, "cachedAt": "2025-12-11T02:00:00Z"}
        answer = {"results": [cells], "statistics": statistics, "status": "Complete"}
        events, query = read(answer, requested)
        found = events.frame.astype(object).where(events.frame.notna(), None).iloc[0].to_dict()
        assert found == expected | {"fields": '{"n": "7"}' if more else None}
        assert query.to_dict() == {
            "file": "logs/errors.json",
            "query_name": "errors",
            "log_group": "/aws/lambda/sed-worker",
            "function": "sed-worker",
            "query": QUERY["queryString"],
            "start": pd.Timestamp("2025-12-11T00:00Z"),
            "end": pd.Timestamp("2025-12-11T01:00Z"),
            "rows": 1,
            "limit": 2,
            "records_matched": 5.0,
            "records_scanned": 50.0,
            "bytes_scanned": 2e9,
            "cost_usd": 0.02,
            "cached_at": pd.Timestamp("2025-12-11T02:00Z"),
            "status": "Complete",
            "truncated": False,
        }
        how = events.retrieval
        assert (how.source, how.rows, how.query, how.bytes_scanned, how.cost_usd) == (
            "cloudwatch_logs",
            1,
            QUERY["queryString"],
            2e9,
            0.02,
        )
        assert how.cached_at == pd.Timestamp("2025-12-11T02:00Z")
        assert (how.truncated, how.notes, how.rejected) == (False, (), ())


def test_messages_that_are_no_text_and_cells_that_are_none(read):
    row = [{"field": "@message", "value": {"b": 1, "a": 2}}, "no cell", {"field": "x"}]
    events, _ = read({"results": [row, "no row"], "status": "Complete"})
    (found,) = events.frame.to_dict("records")
    assert found["message"] == '{"a": 2, "b": 1}'
    assert found["fields"] == '{"x": null}'
    assert [each.text for each in events.retrieval.rejected] == ['"no row"']


def test_pages_of_a_result_in_one_file(read):
    pages = [
        {
            "results": [event("one")],
            "status": "Running",
            "statistics": {"recordsMatched": 1},
            "nextToken": "t",
        },
        {"results": [event("two")], "status": "Complete", "statistics": {"recordsMatched": 2}},
        {"results": None},
    ]
    events, query = read("\n".join(map(json.dumps, pages)), {**QUERY, "queryString": "fields @message"})
    assert events.frame.message.tolist() == ["one", "two"]
    assert (query.status, query.records_matched, query.rows, query.truncated) == ("Complete", 2.0, 2, False)
    events, query = read(json.dumps(pages[0] | {"status": "Complete"}))
    assert query.truncated and events.retrieval.truncated
    assert notes_of(events.retrieval.notes) == [{"id": "note-query-page"}]
    # Rows that --query left alone, and a document of another kind.
    events, query = read("\n".join(map(json.dumps, [[event("one")], 5])))
    assert (events.frame.message.tolist(), [each.text for each in events.retrieval.rejected]) == (
        ["one"],
        ["5"],
    )


@pytest.mark.parametrize(
    ("requested", "result", "notes"),
    [
        (None, {}, [{"id": "note-query-unknown"}]),
        (QUERY, {"status": "Timeout"}, [{"id": "note-query-status", "status": "Timeout"}]),
        (QUERY, {"status": "Complete"}, [{"id": "note-query-limit", "rows": 2}]),
        (
            QUERY,
            {"statistics": {"recordsMatched": 7}},
            [{"id": "note-query-limit-matched", "rows": 2, "matched": 7}],
        ),
        (QUERY, {"statistics": {"recordsMatched": 2}}, []),
        ({**QUERY, "queryString": "fields @message", "limit": 3}, {}, []),
        (
            {**QUERY, "queryString": "fields @message", "limit": 2},
            {},
            [{"id": "note-query-limit", "rows": 2}],
        ),
    ],
)
def test_what_a_result_lacks_is_noted(read, requested, result, notes):
    events, _ = read({"results": [event("a", "a"), event("b", "b")], **result}, requested)
    assert notes_of(events.retrieval.notes) == notes


@together(
    ("request_", "group"),
    [
        ({"logGroupNames": ["arn:aws:logs:r:1:log-group:/ecs/api:*"]}, "/ecs/api"),
        ({"logGroupIdentifiers": ["/ecs/api"]}, "/ecs/api"),
        ({"logGroupNames": ["a", "b"]}, None),
        ({"logGroupNames": "a"}, None),
        ({"logGroupName": "a", "logGroupNames": ["b"]}, "a"),
        ({}, None),
    ],
)
def test_the_group_of_a_query(request_, group):
    row = query_row("f", request_, {}, None, 1)
    assert row["log_group"] == group


@together(
    ("request_", "statistics", "rows", "limit", "truncated"),
    [
        ({}, {}, None, None, True),  # a query without a result
        ({}, {}, 10_000, None, False),
        ({"query": "fields a"}, {}, 9999, 10_000, False),
        ({"query": "fields a"}, {}, 10_000, 10_000, True),
        ({"query": "fields a"}, {"recordsMatched": 10_000}, 10_000, 10_000, False),
        ({"query": "fields a"}, {"recordsMatched": 10_001}, 10_000, 10_000, True),
        ({"query": "fields a", "limit": "5"}, {}, 5, 5, True),
        ({"query": "fields a | limit 7", "limit": 5}, {}, 5, 7, False),
        ({"query": 5}, {}, 5, 10_000, False),
    ],
)
def test_rows_at_the_limit_may_be_cut(request_, statistics, rows, limit, truncated):
    row = query_row("f", request_, statistics, "Complete", rows)
    assert (row["limit"], row["truncated"]) == (limit, truncated)
    assert query_row("f", request_, statistics, None, rows)["truncated"] == truncated
    assert query_row("f", request_, statistics, "Failed", rows)["truncated"]


def test_scanned_bytes_have_a_price():
    costs = [
        query_row("f", request_, {"bytesScanned": 1e9}, None, 1)["cost_usd"]
        for request_ in ({}, {"usdPerGb": 0.0}, {"usdPerGb": 2})
    ]
    assert costs == [0.005, 0.0, 2.0]
    assert query_row("f", {}, {}, None, 1)["cost_usd"] is None
    frame = pd.DataFrame({"bytes_scanned": [1e9, None, 2e9], "cost_usd": [0.01, None, 0.02]})
    same, (note,) = finish("log_queries", frame)
    assert same is frame
    found = messages_in(message_of(note))
    assert (found["size-gb"]["gb"], found["price-usd"]["usd"]) == ("3.000", "0.0300")
    assert finish("log_events", frame) == (frame, [])
    assert finish("log_queries", frame.iloc[1:2])[1] == []


def test_listed_queries(tmp_path):
    (tmp_path / "logs").mkdir()
    other = {"queryString": "fields a"}
    (tmp_path / "logs/queries.json").write_text(json.dumps({"queries": [QUERY, other, 5]}))
    frame, how = read_queries(RawFile(tmp_path, "logs/queries.json"))
    assert frame.query_name.isna().tolist() == [False, True]
    assert frame.query_name[0] == "errors"
    assert frame["query"].tolist() == [QUERY["queryString"], "fields a"]
    assert frame.file.isna().all()
    assert [each.text for each in how.rejected] == ["5"]
    assert notes_of(how.notes) == [
        {"id": "note-query-without-result", "query": "errors"},
        {"id": "note-query-without-result", "query": "fields a"},
    ]


@together(
    ("name", "text", "kind"),
    [
        ("logs/a.json", '[ [ { "field": "a"', "result"),
        ("logs/a.json", "[]", "result"),
        ("other/a.json", "[]", None),
        ("logs/a.json", '{"results": []}', "result"),
        ("logs/a.json", '{"results": [[{"field": 1}]], "status": "Complete"}', "result"),
        ("logs/a.json", '{"results": 5, "statistics": {"recordsMatched": 1}}', "result"),
        ("logs/a.json", '{"a": 1, "results": [1]}', None),
        ("logs/a.json", '[{"queryString": "x"}]', "queries"),
        ("logs/a.json", "{}", None),
    ],
)
def test_files_are_recognized(name, text, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.parent.mkdir()
        path.write_text(text)
        raw = RawFile(Path(folder), name)
        assert (is_query_result(raw), is_queries(raw)) == (kind == "result", kind == "queries")


def test_words_of_errors_are_those_of_the_settings(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.json").write_text(json.dumps({"results": [event("kaputt")]}))
    for words, kind in ((LogWords(), "application"), (LogWords(error=("kaputt",)), "error")):
        raw = RawFile(tmp_path, "logs/a.json", settings={"log_words": words})
        assert next(query_result_parts(raw)).frame.kind.tolist() == [kind]
