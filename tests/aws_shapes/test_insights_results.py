import json

import pandas as pd
import pytest

from watchme_analysis.aws_shapes.insights_results import query_result_parts, read_queries
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.schema import TABLES

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
