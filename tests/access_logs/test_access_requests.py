"""Request lines by the compiled loop, against the exact way to split one."""

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.together import together

from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.formats.known_formats import stock_format
from watchme_analysis.access_logs.formats.log_format import compile_format

COLUMNS = ("method", "path", "query", "protocol", "request")
HEAD = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "'
TAIL = b'" 400 150 "-" "curl"\n'
PIECES = (
    "GET", "P-_1", "get", " ", "/", "/a", "?", "b=c", "#", "*", "://", ":/", "http", "x+y.z", ":443", "1",
    " HTTP/1.1", " HTTP/2", "HTTP/", " HTTP/1.", '\\"', "\\x16", "\\", "~", "GET /", "GET http://a",
)  # fmt: skip
SCANNED = (
    "hello  there", "\\x16\\x03\\x01\\x02", "GET /old", "GET / HTTP/2", "OPTIONS * HTTP/1.1",
    "GET http://api.example.com/x?y=1 HTTP/1.1", "GET  / HTTP/1.1", "-", "",
)  # fmt: skip


def read(*requests, engine="numba"):
    reader = Engine([compile_format(stock_format("combined").text)], UTC, engine=engine)
    return reader.read(b"".join(HEAD + one.encode() + TAIL for one in requests))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_a_request_line_is_split_as_the_exact_way_splits_it(request):
    found, expected = read(request).table, read(request, engine="exact").table
    assert found.select(COLUMNS).to_pylist() == expected.select(COLUMNS).to_pylist()


@together("request_line", SCANNED)
def test_what_scanners_send_needs_no_second_look(request_line):
    assert read("GET / HTTP/1.1", request_line).reference_lines == 0


def test_a_host_without_a_path_is_left_to_the_exact_way():
    chunk = read("GET http://api.example.com HTTP/1.1")
    assert (chunk.reference_lines, chunk.table["path"].to_pylist()) == (1, ["/"])
