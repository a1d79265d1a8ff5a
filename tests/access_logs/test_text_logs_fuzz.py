# ruff: noqa: E501 - lines stand as they are logged
"""The readers of other logs on damaged lines: whatever comes, every line is a row, joined, blank or rejected."""

import random

import pandas as pd
import pytest
from worlds.access_fuzz import SECONDS, SEED, damaged, rounds_for

from watchme_analysis.access_logs import error_log as nginx_errors
from watchme_analysis.access_logs.access_log import read_access_log
from watchme_analysis.access_logs.error_log import read_error_log
from watchme_analysis.evidence import app_log, edge
from watchme_analysis.evidence.app_log import read_app_log
from watchme_analysis.evidence.edge import read_edge
from watchme_analysis.files.evidence_file import RawFile

LINES = {
    "error.log": (
        b"2025/12/11 10:10:30 [error] 31#32: *7 upstream timed out (110: Connection timed out) while reading response "
        b'header from upstream, client: 192.0.2.7, server: a, request: "GET /h?x HTTP/1.1", upstream: '
        b'"http://[2001:db8::1]:80/h", host: "a"',
        b"2025/12/11 10:10:30 [notice] 1#1: start worker process 32",
        b"2025/12/11 25:10:30 [error] 99999999999#1: *99999999999999999999 x, client: ",
        b'2025/12/11 10:10:30 [warn] 3#3: *1 a, client: unix:, server: , request: "\\x16", upstream: "http://[::", host: ""',
    ),
    "app.log": (
        b"2025-12-11 01:10:30,471 INFO [17] uvicorn.error: Application startup complete.",
        b'INFO:     192.0.2.7:48 - "GET /health HTTP/1.1" 200 OK',
        b"Traceback (most recent call last):",
        b'  File "app.py", line 1, in f',
        b'{"timestamp":"2025-12-11T01:10:30Z","level":"error","msg":"no \\ud800","pid":99999999999999999999,"exc_info":"T"}',
        b'{"log":"INFO:     x\\n","stream":"stderr","time":"2025-12-11T01:10:30.471000001Z"}',
        b"[2025-12-11 01:10:30 +0000] [17] [INFO] Booting worker with pid: 17",
        b'192.0.2.7 - - [11/Dec/2025:01:10:30 +0000] "GET / HTTP/1.1" 200 15 "-" "curl"',
        b"app-1  | 9999-99-99 01:10:30,471 ERROR: \x1b[31mno\x1b[0m",
    ),
    "edge.jsonl": (
        b'{"RayID":"8f1","ClientIP":"192.0.2.7","ClientRequestURI":"/a?b","EdgeStartTimestamp":1765415400250000000,'
        b'"EdgeEndTimestamp":"2025-12-11T01:10:30Z","EdgeResponseStatus":504,"CacheCacheStatus":"HIT"}',
        b'{"EdgeStartTimestamp":-1,"EdgeResponseStatus":1e999,"x":"\\ud800"}',
        b'{"EdgeStartTimestamp":99999999999999999999,"EdgeEndTimestamp":true,"RayID":{"a":["\\udc00"]}}',
        b'{"EdgeStartTimestamp":"0000-01-01T00:00:00Z","EdgeResponseBytes":9223372036854775808}',
    ),
    "access.log": (
        b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl"',
        b'{"time":"2025-12-11T10:10:30+09:00","status":200,"request":"GET / HTTP/1.1","agent":"\\ud800","a":{"b":1}}',
    ),
}  # fmt: skip
READERS = {
    "error.log": read_error_log,
    "app.log": read_app_log,
    "edge.jsonl": read_edge,
    "access.log": read_access_log,
}


@pytest.mark.fuzz
@pytest.mark.parametrize("name", LINES)
def test_no_line_is_lost_and_none_stops_the_reader(tmp_path, name):
    chance = random.Random(SEED)
    for turn in rounds_for(SECONDS / 4):
        lines = []
        for _ in range(chance.randint(1, 30)):
            line = chance.choice(LINES[name])
            for _ in range(chance.choice([0, 1, 1, 2])):
                line = damaged(chance, line, chance.choice(LINES[name]))
            lines.append(line)
        data = b"\n".join(lines) + b"\n"
        (tmp_path / name).write_bytes(data)
        shown = f"WATCHME_FUZZ_SEED={SEED}, round {turn}: {data!r}"
        try:
            frame, found = READERS[name](RawFile(tmp_path, name))
            frame.to_parquet(tmp_path / "out.parquet")
        except Exception as error:
            raise AssertionError(shown) from error
        assert found.lines == len(lines), shown
        accounted = len(frame) + len(found.rejected) + found.blank_lines + found.joined_lines
        assert accounted == len(lines), shown
        assert found.rows == len(frame), shown
        assert pd.Index(frame["line"]).is_unique, shown


@pytest.mark.parametrize(
    ("module", "read", "name"),
    [
        (app_log, read_app_log, "app.log"),
        (edge, read_edge, "edge.jsonl"),
        (nginx_errors, read_error_log, "error.log"),
    ],
)
def test_a_log_that_was_cut_while_it_was_written_begins_with_nothing(tmp_path, module, read, name):
    line = LINES[name][0]
    (tmp_path / name).write_bytes(b"\0" * 100 + line + b"\n" + b"\0" * 9 + b"\n" + line + b"\n")

    assert module.looks_like(RawFile(tmp_path, name))
    frame, found = read(RawFile(tmp_path, name))
    assert (len(frame), found.blank_lines, found.rejected) == (2, 1, ())
    assert frame.drop(columns="line").iloc[0].equals(frame.drop(columns="line").iloc[1])
