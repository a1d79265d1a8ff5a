import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from watchme_analysis.access_logs.access_log import looks_like, read, read_access_log
from watchme_analysis.files.evidence_file import RawFile, Spill

COMBINED = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /health?x=1 HTTP/1.1" 504 167 "-" "curl/8.5"\n'
TIMED = (
    '$remote_addr [$time_iso8601] $msec "$request" $status $body_bytes_sent rt=$request_time '
    "uct=$upstream_connect_time urt=$upstream_response_time ua=$upstream_addr us=$upstream_status "
    'ray=$http_cf_ray kind=$sent_http_content_type "$http_user_agent"'
)
TIMED_LINE = (
    b'192.0.2.7 [2025-12-11T10:10:30+09:00] 1765415430.125 "POST /a HTTP/1.1" 202 44 rt=1.231 '
    b"uct=0.001, 0.002 urt=1.000, 0.230 ua=192.0.2.20:80, 192.0.2.21:80 us=502, 202 "
    b'ray=8f1-NRT kind=text/html "curl/8.5"\n'
)


def laid(folder, content, name="access.log", conf=None, **settings):
    (folder / name).write_bytes(content)
    if conf is not None:
        (folder / "nginx.conf").write_text(conf)
    return RawFile(folder, name, settings=settings)


def conf(*formats, logs=("access_log logs/access.log timed;",)):
    return "events {}\nhttp {\n" + "\n".join([*formats, *logs]) + "\n}\n"


def timed(text=TIMED, escape=""):
    half = len(text) // 2
    return f"log_format timed {escape} '{text[:half]}'\n    '{text[half:]}';"


def row(frame, at=0):
    return {name: value for name, value in frame.iloc[at].items() if not pd.isna(value)}


def test_combined_is_read_without_a_configuration(tmp_path):
    frame, retrieval = read_access_log(laid(tmp_path, COMBINED))

    assert row(frame) == {
        "file": "access.log",
        "line": 1,
        "time": pd.Timestamp("2025-12-11T01:10:30Z"),
        "client_addr": "192.0.2.7",
        "method": "GET",
        "path": "/health",
        "query": "x=1",
        "protocol": "HTTP/1.1",
        "status": 504,
        "body_bytes": 167,
        "user_agent": "curl/8.5",
    }
    assert (retrieval.rows, retrieval.lines, retrieval.rejected) == (1, 1, ())
    assert retrieval.start == retrieval.end == datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)


def test_the_format_of_the_configuration_beside_the_log_is_used(tmp_path):
    frame, _ = read_access_log(laid(tmp_path, TIMED_LINE, conf=conf(timed())))

    found = row(frame)
    assert found["time"] == pd.Timestamp("2025-12-11T01:10:30.125Z")
    assert found["request_time_s"] == 1.231
    assert found["upstream_connect_time_s"] == 0.003
    assert found["upstream_response_time_s"] == 1.23
    assert (found["upstream_addr"], found["upstream_status"], found["upstream_tries"]) == (
        "192.0.2.21:80",
        202,
        2,
    )
    assert json.loads(found["upstream_raw"])["upstream_status"] == "502, 202"
    assert found["edge_ray_id"] == "8f1-NRT"
    assert json.loads(found["extra"]) == {"sent_http_content_type": "text/html"}


def test_the_directive_that_names_the_file_decides_between_formats(tmp_path):
    formats = ("log_format a '$status $request_length';", "log_format b '$status $body_bytes_sent';")
    logs = ("access_log /var/log/nginx/access-web.log a;", "access_log /var/log/nginx/access-api.log b;")
    raw = laid(tmp_path, b"200 12\n", "access-api.log.1", conf(*formats, logs=logs))

    frame, _ = read_access_log(raw)

    assert (frame["body_bytes"].tolist(), frame["service"].tolist()) == ([12], ["api"])


@pytest.mark.parametrize(
    "line",
    [
        b'{"time":"2025-12-11T10:10:30+09:00","msec":"1765415430.125","status":"202","uri":"/a?b","urt":""}',
        b'{"time": 1765415430.125, "status": 202, "uri": "/a?b", "urt": null}',
        b'{"msec": "1765415430.125", "uri": "/a?b", "status": "202", "more": {"x": 1}}',
    ],
)
@pytest.mark.parametrize("configured", [True, False])
def test_json_is_read_by_its_format_or_its_keys(tmp_path, line, configured):
    text = (
        '{"time":"$time_iso8601","msec":"$msec","status":"$status","uri":"$request_uri",'
        '"urt":"$upstream_response_time"}'
    )
    raw = laid(tmp_path, line + b"\n", conf=conf(timed(text, "escape=json")) if configured else None)

    frame, retrieval = read_access_log(raw)

    assert retrieval.rejected == ()
    found = row(frame)
    assert (found["status"], found["path"], found["query"]) == (202, "/a", "b")
    assert found["time"] == pd.Timestamp("2025-12-11T01:10:30.125Z")
    assert "upstream_response_time_s" not in found


def test_every_line_is_a_row_rejected_or_blank(tmp_path):
    junk = b"\n \r\nnonsense\n" + b"\0" * 50 + b"\n" + b"\xff\xfe\x80\n" + COMBINED[:40]
    content = COMBINED + junk + COMBINED + b"\0\0\0" + COMBINED

    frame, retrieval = read_access_log(laid(tmp_path, content))

    assert retrieval.lines == 8
    assert (retrieval.rows, retrieval.blank_lines) == (2, 3)
    assert [(one.line, one.text[:8]) for one in retrieval.rejected] == [
        (4, "nonsense"),
        (6, "\\xff\\xfe\\"[:8]),
        (7, "192.0.2."),
    ]
    assert frame["line"].tolist() == [1, 8]


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\0\0", b"a,b\n1,2\n", b'{"RayID":"1"}\n', b"2025/12/11 01:10:30 [error] 1#1: x\n"],
)
def test_what_is_no_access_log_is_not_taken_for_one(tmp_path, content):
    assert not looks_like(laid(tmp_path, content))


def test_a_large_log_is_written_to_the_spilled_rows(tmp_path):
    data = COMBINED * 30 + b"junk\n"
    (tmp_path / "access-web.log").write_bytes(data)
    (tmp_path / "spilled").mkdir()
    raw = RawFile(tmp_path, "access-web.log", spill=Spill(tmp_path / "spilled", 100))
    (part,) = read(raw)
    frame, retrieval = read_access_log(RawFile(tmp_path, "access-web.log"))
    assert (part.table, len(part.frame), part.retrieval) == ("access_log", 0, retrieval)
    assert [one.name for one in (tmp_path / "spilled").iterdir()] == [part.spilled.name]
    assert (len(part.spilled.stem), part.spilled.suffix) == (16, ".parquet")
    rows = pd.read_parquet(part.spilled)
    assert rows["line"].tolist() == frame["line"].tolist()
    assert rows["file"].unique().tolist() == ["access-web.log"]
    assert rows["service"].unique().tolist() == ["web"]
    # A log without any request has no rows to spill.
    (tmp_path / "access-none.log").write_bytes(b"junk\n" * 30)
    (part,) = read(RawFile(tmp_path, "access-none.log", spill=Spill(tmp_path / "spilled", 100)))
    assert (part.spilled, part.retrieval.rejected_lines) == (None, 30)
