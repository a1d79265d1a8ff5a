"""The compiled loop against the exact way, and both against what was written."""

from datetime import UTC

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.known_formats import stock_format
from watchme_analysis.access_logs.formats.log_format import compile_format

UNQUOTED = (
    '$remote_addr [$time_iso8601] "$request" $status rt=$request_time urt=$upstream_response_time '
    "ua=$upstream_addr us=$upstream_status xff=$http_x_forwarded_for pipe=$pipe len=$request_length"
)

LINE = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a?b HTTP/1.1" 200 12 "-" "curl"\n'


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_last_line_that_may_be_cut_is_kept_apart(engine):
    read = Engine([compile_format("$remote_addr $status $request_time")], UTC, engine=engine).read
    lines = b"192.0.2.7 200 0.001\n192.0.2.7 200 30.00"

    cut, whole = read(lines), read(lines + b"1\n")

    assert cut.table["request_time_s"].to_pylist() == [0.001]
    assert [(one.line, one.text) for one in cut.rejected] == [(2, b"192.0.2.7 200 30.00")]
    assert whole.table["request_time_s"].to_pylist() == [0.001, 30.001]


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_format_that_changes_within_a_file_is_followed(engine):
    formats = [stock_format("combined"), compile_format(UNQUOTED, name="unquoted")]
    start = b'192.0.2.7 [2025-12-11T10:10:30+09:00] "GET / HTTP/1.1" 200 rt=0.001 '
    line = start + b"urt=- ua=- us=- xff=- pipe=. len=7\n"

    chunk = Engine(formats, UTC, engine=engine).read(LINE * 3 + line * 5)

    assert chunk.formats == {"combined": 3, "unquoted": 5}
    assert not chunk.rejected


LTSV = (
    "time:$time_local\thost:$remote_addr\treq:$request\tstatus:$status\tmethod:$request_method"
    "\turi:$request_uri\targs:$args\tua:$http_user_agent\tapptime:$upstream_response_time\tvhost:$host"
)
LTSV_LINE = (
    b"time:11/Dec/2025:10:10:30 +0900\thost:192.0.2.7\treq:GET /a?b=c HTTP/1.1\tstatus:200\tmethod:GET"
    b"\turi:/old?b=c\targs:b=c\tua:Mozilla/5.0 (X11; Linux)\tapptime:0.001, 0.2\tvhost:api.example.com"
)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_lines_run_into_one_in_a_bare_text_are_no_request(engine):
    plan, line = compile_format(LTSV, name="ltsv"), LTSV_LINE
    torn = line.partition(b" (X11")[0] + b" "

    chunk = Engine([plan], UTC, engine=engine).read(b"\n".join([line, torn + line, line, b""]))

    assert chunk.table["line"].to_pylist() == [1, 3]
    assert [one.line for one in chunk.rejected] == [2]


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("day", [b"5/Dec", b" 5/Dec"])
def test_a_day_may_have_one_digit(engine, day):
    read = Engine([stock_format("combined")], UTC, engine=engine).read

    one, two = (
        read(LINE.replace(b"11/Dec", written)).table["time"].to_pylist() for written in (day, b"05/Dec")
    )

    assert one == two != [None]
