import json

import pandas as pd
import pytest

from watchme_analysis.evidence.edge import looks_like, read_edge
from watchme_analysis.files.evidence_file import RawFile

RECORD = {
    "RayID": "8f1",
    "ClientIP": "192.0.2.7",
    "ClientRequestMethod": "GET",
    "ClientRequestURI": "/health?x=1",
    "EdgeStartTimestamp": 1765415400250000000,
    "EdgeEndTimestamp": 1765415430500000000,
    "EdgeResponseStatus": 504,
    "CacheCacheStatus": "DYNAMIC",
    "OriginIP": "",
    "OriginResponseStatus": 0,
    "OriginResponseDurationMs": 0,
}


def laid(folder, *records, name="edge.jsonl"):
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    (folder / name).write_text("".join(line + "\n" for line in lines))
    return RawFile(folder, name)


def test_what_can_not_be_read_is_kept_and_counted(tmp_path):
    bad = {**RECORD, "EdgeResponseStatus": "abc"}
    untimed = {**RECORD, "EdgeStartTimestamp": "soon"}

    frame, retrieval = read_edge(laid(tmp_path, RECORD, "", bad, '{"RayID":', "[1]", untimed))

    assert (len(frame), retrieval.lines, retrieval.blank_lines) == (1, 6, 1)
    assert [one.line for one in retrieval.rejected] == [3, 4, 5, 6]
    assert "EdgeResponseStatus" in retrieval.rejected[0].reason


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("{}", False), ("[]", False), (json.dumps(RECORD), True)]
)
def test_content_is_recognised(tmp_path, text, expected):
    assert looks_like(laid(tmp_path, text)) is expected


def test_every_column_of_a_request(tmp_path):
    record = {
        "RayID": "8f1",
        "ClientIP": "192.0.2.7",
        "ClientRequestHost": "api.example.com",
        "ClientRequestMethod": "GET",
        "ClientRequestPath": "/p",
        "ClientRequestURI": "/health?x=1",
        "ClientRequestUserAgent": "curl",
        "EdgeResponseStatus": "504",
        "EdgeResponseBytes": 9,
        "EdgeTimeToFirstByteMs": 1.5,
        "EdgeStartTimestamp": "2025-12-11T01:10:00.25Z",
        "EdgeEndTimestamp": "2025-12-11T01:10:30.5Z",
        "CacheCacheStatus": "MISS",
        "OriginIP": "192.0.2.8",
        "OriginResponseStatus": 502,
        "OriginResponseDurationMs": 7,
        "OriginTCPHandshakeDurationMs": 2,
        "Other": {"b": 1},
    }
    frame, how = read_edge(laid(tmp_path, record))
    found = frame.astype(object).where(frame.notna(), None).iloc[0].to_dict()
    assert found == {
        "file": "edge.jsonl",
        "line": 1,
        "ray_id": "8f1",
        "start": pd.Timestamp("2025-12-11T01:10:00.25Z"),
        "end": pd.Timestamp("2025-12-11T01:10:30.5Z"),
        "duration_ms": 30_250.0,
        "client_addr": "192.0.2.7",
        "host": "api.example.com",
        "method": "GET",
        "path": "/p",
        "uri": "/health?x=1",
        "user_agent": "curl",
        "status": 504,
        "body_bytes": 9,
        "ttfb_ms": 1.5,
        "cache_status": "miss",
        "origin_addr": "192.0.2.8",
        "origin_status": 502,
        "origin_duration_ms": 7.0,
        "origin_handshake_ms": 2.0,
        "extra": '{"Other": {"b": 1}}',
    }
    assert (how.start, how.end) == (found["start"], found["start"])
