"""Access logs in JSON: the usual order by every engine, any other by the names of the keys."""

from datetime import UTC

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.log_format import compile_format

FORMAT = compile_format(
    '{"time":"$time_iso8601","status":$status,"request":"$request","rt":$request_time,'
    '"agent":"$http_user_agent","ua":"$upstream_addr","urt":"$upstream_response_time"}',
    "json",
    "json",
)
WHOLE = (
    '{"time":"2025-12-11T10:10:30+09:00","status":504,"request":"GET /a?b=c HTTP/1.1","rt":30.001,'
    '"agent":"curl","ua":"192.0.2.20:80","urt":"30.000"}'
)


def rows(*lines, engine="exact"):
    chunk = Engine([FORMAT], UTC, engine=engine).read(b"\n".join(lines))
    assert chunk.lines == len(chunk.table) + len(chunk.rejected) + chunk.blank
    return chunk.table.drop_columns(["line"]).to_pylist(), [one.reason for one in chunk.rejected]


@pytest.mark.parametrize(
    ("agent", "read"),
    [
        (rb"\ud83d\ude00 \u65e5 \"q\" \\ \/ \t", '\U0001f600 日 "q" \\ / \t'),
        (rb"\ud800 half", r"\ud800 half"),
        (rb"half \udc00", r"half \udc00"),
        (b"caf\xe9 \xff", r"caf\xe9 \xff"),
        (b"\xff \\u0001", "\\xff \x01"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        (rb"broken \u12", r"broken \u12"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_what_no_text_can_hold_is_shown(agent, read, engine):
    line = WHOLE.encode().replace(b"curl", agent)

    (found,), _ = rows(line, engine=engine)

    assert found["user_agent"] == read


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_lines_that_are_no_request_are_refused(engine):
    hostile = [
        WHOLE.encode()[:-9],
        WHOLE.encode() * 2,
        b'{"a":' * 20_000,
        b'{"status":200,"request":"GET / HTTP/1.1","n":' + b"9" * 5000 + b"}",
        b'{"status":"abc","request":"GET / HTTP/1.1"}',
        b'{"status":NaN,"request":"GET / HTTP/1.1"}',
        b'{"level":"info"}',
        b"[1]",
    ]

    found, reasons = rows(*hostile, engine=engine)

    assert found == []
    assert len(reasons) == len(hostile)
