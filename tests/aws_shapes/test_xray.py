"""Traces of X-Ray: the time of each segment of its own, and the segment that failed first."""

import json

import pytest
from worlds.messages import messages_in

from watchme_analysis.aws_shapes.xray import read_traces
from watchme_analysis.files.evidence_file import RawFile

START = 1765415430.0


def segment(name, begun, ended, *inner, **more):
    times = {"start_time": START + begun, "end_time": START + ended}
    return {"id": name, "name": name, **times, "subsegments": inner, **more}


def read(tmp_path, *documents):
    segments = [{"Id": one["id"], "Document": json.dumps(one)} for one in documents]
    (tmp_path / "traces.json").write_text(json.dumps({"Traces": [{"Id": "1-a", "Segments": segments}]}))
    frame, how = read_traces(RawFile(tmp_path, "traces.json"))
    return frame.set_index("name"), [messages_in(note.message) for note in how.notes]


def test_own_time_excludes_calls_under_way(tmp_path):
    # Two calls that overlap for a second, and a segment of another document.
    calls = segment("first", 1, 3), segment("second", 2, 4)
    frame, notes = read(tmp_path, segment("api", 0, 10, *calls), segment("worker", 5, 7, parent_id="api"))

    assert frame["own_ms"].to_dict() == {"api": 5000.0, "first": 2000.0, "second": 2000.0, "worker": 2000.0}
    assert frame["parent_id"].fillna("").to_dict() == {
        "api": "",
        "first": "api",
        "second": "api",
        "worker": "api",
    }
    assert [note["note-trace-time"]["name"] for note in notes if "note-trace-time" in note] == ["api"]


def test_the_deepest_failing_segment_is_named(tmp_path):
    cause = {"exceptions": [{"type": "ThrottlingException", "message": "rate exceeded"}]}
    table = segment(
        "DynamoDB", 1, 3, fault=True, cause=cause, aws={"operation": "PutItem", "table_name": "orders"}
    )
    frame, notes = read(tmp_path, segment("api", 0, 4, table, segment("SQS", 3, 4), fault=True))

    failed = [note["note-trace-failed"] for note in notes if "note-trace-failed" in note]
    assert [(one["name"], one["failures"]) for one in failed] == [("DynamoDB", 1)]
    row = frame.loc["DynamoDB"]
    assert (row["exception"], row["operation"], row["resource"]) == (
        "ThrottlingException",
        "PutItem",
        "orders",
    )


@pytest.mark.parametrize("document", ["", "[]", "{", '{"id": 3}'])
def test_a_damaged_segment_costs_no_other(tmp_path, document):
    good = json.dumps(segment("api", 0, 1))
    traces = {"Traces": [{"Id": "1-a", "Segments": [{"Document": document}, {"Document": good}, "x"]}]}
    (tmp_path / "traces.json").write_text(json.dumps(traces))

    frame, _ = read_traces(RawFile(tmp_path, "traces.json"))

    assert frame["name"].dropna().tolist() == ["api"]


def test_a_summary_has_its_duration_in_milliseconds(tmp_path):
    summary = {"Id": "1-a", "Duration": 0.25, "HasFault": False}
    (tmp_path / "summaries.json").write_text(json.dumps({"TraceSummaries": [summary]}))

    frame, _ = read_traces(RawFile(tmp_path, "summaries.json"))

    assert frame["duration_ms"].tolist() == [250.0]
