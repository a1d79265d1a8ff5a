import json

import pandas as pd
import pytest

from watchme_analysis.aws_shapes.insights_results import (
    query_result_parts,
    read_queries,
)
from watchme_analysis.files.evidence_file import RawFile

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


@pytest.mark.parametrize(
    ("rows", "matched", "status", "truncated"),
    [(1, 1, "Complete", False), (2, 2, "Complete", False), (2, 3, "Complete", True), (1, 1, "Running", True)],
)
def test_truncation(read, rows, matched, status, truncated):
    answer = {"results": [event(f"m{n}", str(n)) for n in range(rows)], "status": status}
    _, query = read({**answer, "statistics": {"recordsMatched": matched}})
    assert bool(query.truncated) is truncated


def test_a_row_of_statistics_keeps_its_figures(read):
    row = [{"field": "bin(5m)", "value": "2025-12-11 01:05:00.000"}, {"field": "count(*)", "value": "17"}]
    events, _ = read({"results": [row], "status": "Complete"})
    found = events.frame.iloc[0]
    assert found.time == pd.Timestamp("2025-12-11T01:05Z")
    assert json.loads(found.fields) == {"bin(5m)": "2025-12-11 01:05:00.000", "count(*)": "17"}
    assert pd.isna(found.kind)


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
