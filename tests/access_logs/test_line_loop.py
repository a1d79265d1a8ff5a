"""Values that the compiled loop finds in lines, and lines that it leaves to the reference parser.

Each case is one line. What the loop accepts is compared with a literal value and with the whole row of the
reference parser.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.columns import rows_table
from watchme_analysis.access_logs.engine.compiled_parser import CompiledLines, line_bounds
from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.engine.line_loop import find_lines
from watchme_analysis.access_logs.engine.program import compile_program
from watchme_analysis.access_logs.formats.json_log import shape_of
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.line_blocks import ROOM_BYTES

# The result for a line that the loop leaves to the reference parser.
LEFT = object()


def rows_of(text, lines, escape="default"):
    """Return the row of each line in the compiled loop, LEFT for those that it leaves."""
    plan = compile_format(text, escape) if isinstance(text, str) else text
    selection = Selection()
    program = compile_program(plan, selection.needed)
    assert program.fits_compiled_parser
    data = b"".join(line + b"\n" for line in lines)
    # Bytes that an earlier block left behind the lines must not be read as a part of them.
    buf = np.frombuffer(data + b"1" * ROOM_BYTES, np.uint8)
    bounds = line_bounds(buf, len(data))
    exact = Engine([plan], UTC, engine="exact").read(data).table
    expected = {row["line"] - 1: row for row in exact.to_pylist()}

    compiled = CompiledLines(program, buf, bounds, selection)
    table = compiled.table({}, rows_table([], selection.needed))
    found = {row["line"] - 1: row for row in table.to_pylist()}
    assert [*found] == sorted(found)
    assert compiled.others.tolist() == sorted(set(range(len(lines))) - set(found))
    for at, row in found.items():
        assert row == expected[at], lines[at]
    return [found.get(at, LEFT) for at in range(len(lines))]


def check(text, column, cases, escape="default"):
    """Compare a column with the value of each case, which stands between two parts of a line."""
    plain, before, behind = text
    lines = {value: before + value.encode() + behind for value in cases}
    rows = rows_of(plain, [*lines.values()], escape)
    values = {value: row if row is LEFT else row[column] for value, row in zip(cases, rows, strict=True)}
    wrong = {value: found for value, found in values.items() if found != cases[value]}
    assert wrong == {}, {value: cases[value] for value in wrong}


ADDRESSES = {
    "192.0.2.1": "192.0.2.1",
    "0.0.0.0": "0.0.0.0",
    "999.999.999.999": "999.999.999.999",
    "-": None,
    "::": "::",
    "::1": "::1",
    "1::": "1::",
    "2001:db8::7": "2001:db8::7",
    "2001:DB8::AF:af": "2001:DB8::AF:af",
    "1:2:3:4:5:6:7:8": "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:ffff": "1:2:3:4:5:6:7:ffff",
    "1::3:4:5:6:7:8": "1::3:4:5:6:7:8",
    # A value of another shape may be that of a torn line, or of a variable with the name of the client.
    **dict.fromkeys(
        (
            "1234.0.2.1", "1.1234.1.1", "1.1.1.1234", "192.0.2", "192.0.2.1.1", "192..2.1", ".0.2.1",
            "192.0.2.",
            "192.0.2.a", "192.0.2.1x", "1.2.3:4", "a.b.c.d", "192a0.2.1", "12.a.2.1",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1::2", "1::2:", ":1:2:3:4:5:6:7", "12345::1",
            "::12345", ":::", "::ffff:192.0.2.1", "fe80::1%eth0", "g::1", "::g", ":", "1", "1:2", "unix:",
            "example.com", "", "--", "192.0.2.1 ", " 192.0.2.1", "1 2", "/::1", "@::1", "`::1",
        ),
        LEFT,
    ),
}  # fmt: skip


def test_an_address_is_of_one_shape():
    check(("$remote_addr|$status", b"", b"|200"), "client_addr", ADDRESSES)
    # The literal behind a value is missing at the end of a line.
    check(("$status|$remote_addr", b"200|", b""), "client_addr", ADDRESSES)


def test_whole_numbers_have_up_to_fifteen_digits():
    cases = {
        "0": 0, "5": 5, "000": 0, "12345678": 12345678, "123456789": 123456789, "1" * 15: int("1" * 15),
        "1234567890123456": LEFT, "1" * 17: LEFT, "-": None, "": LEFT, "1.0": LEFT, "1.": LEFT, "-1": LEFT,
        "1a": LEFT, "a": LEFT, "1 ": LEFT, "/": LEFT, ":": LEFT,
    }  # fmt: skip
    check(("$status|$body_bytes_sent|$pid", b"200|", b"|7"), "body_bytes", cases)
    check(("$status|$body_bytes_sent", b"200|", b""), "body_bytes", cases)


def test_decimals_have_up_to_nine_digits_and_six_places():
    cases = {
        "0.001": 0.001, "1": 1.0, "0": 0.0, "12345678.5": 12345678.5, "123456789": 123456789.0,
        "123456789.123456": 123456789.123456, "0.000001": 0.000001, "1234567890": LEFT, "1234567890.5": LEFT,
        "0.1234567": LEFT, "0.12345678": LEFT, "0.123456789": LEFT, "1.": LEFT, ".5": LEFT, "1.a": LEFT,
        "-": None, "": LEFT, "1,5": LEFT, "1.5.5": LEFT,
    }  # fmt: skip
    # Arrow reads numbers of up to fifteen characters.
    check(("$status|$request_time|$pid", b"200|", b"|7"), "request_time_s", cases)
    check(("$status|$request_time", b"200|", b""), "request_time_s", cases)


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def test_epochs_have_a_fraction():
    second = datetime(2025, 12, 11, 1, 10, 30, tzinfo=UTC)
    cases = {
        "1765415430.123": second + timedelta(milliseconds=123),
        "1765415430.5": second + timedelta(milliseconds=500),
        "1765415430.000001": second + timedelta(microseconds=1),
        "0.001": datetime(1970, 1, 1, 0, 0, 0, 1000, UTC),
        "9999999999.999": datetime(2286, 11, 20, 17, 46, 39, 999000, UTC),
        # Every request has a time, so that a dash is a torn line.
        **dict.fromkeys(
            ("1765415430", "11765415430.123", "1765415430.", "1765415430.1234567", "-", "", "x"), LEFT
        ),
    }
    check(("$status|$msec|$pid", b"200|", b"|7"), "time", cases)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
LENGTHS = [(at, name, days) for at, (name, days) in enumerate(zip(MONTHS, DAYS, strict=True), 1)]
LOCAL = {
    **{f"01/{name}/2024:00:00:00 +0000": moment(f"2024-{at:02}-01T00:00:00Z") for at, name, _ in LENGTHS},
    **{f"28/{name}/2025:00:00:00 +0000": moment(f"2025-{at:02}-28T00:00:00Z") for at, name, _ in LENGTHS},
    **{
        f"{days}/{name}/2023:23:59:59 +0000": moment(f"2023-{at:02}-{days}T23:59:59Z")
        for at, name, days in LENGTHS
    },
    **{f"{days + 1}/{name}/2023:23:59:59 +0000": LEFT for _, name, days in LENGTHS},
    "29/Feb/2024:12:00:00 +0000": moment("2024-02-29T12:00:00Z"),
    "29/Feb/2000:12:00:00 +0000": moment("2000-02-29T12:00:00Z"),
    "29/Feb/1900:12:00:00 +0000": LEFT,
    "01/Mar/1900:12:00:00 +0000": moment("1900-03-01T12:00:00Z"),
    "31/Dec/1999:12:00:00 +0000": moment("1999-12-31T12:00:00Z"),
    "01/Jan/0001:00:00:00 +0000": moment("0001-01-01T00:00:00Z"),
    "11/Dec/2025:10:10:30 +0900": moment("2025-12-11T10:10:30+09:00"),
    "11/Dec/2025:10:10:30 -0330": moment("2025-12-11T10:10:30-03:30"),
    "11/Dec/2025:10:10:30 +2359": moment("2025-12-11T10:10:30+23:59"),
    **dict.fromkeys(
        (
            "01/Jan/0000:00:00:00 +0000", "00/Jan/2025:00:00:00 +0000", "11/Dec/2025:24:00:00 +0000",
            "11/Dec/2025:23:60:00 +0000", "11/Dec/2025:23:59:60 +0000", "11/Dec/2025:10:10:30 +2400",
            "11/Dec/2025:10:10:30 +0060", "11/Dec/2025:10:10:30 09000", "11/dec/2025:10:10:30 +0900",
            "11-Dec/2025:10:10:30 +0900", "11/Dec-2025:10:10:30 +0900", "11/Dec/2025 10:10:30 +0900",
            "11/Dec/2025:10-10:30 +0900", "11/Dec/2025:10:10-30 +0900", "11/Dec/2025:10:10:30T+0900",
            "1x/Dec/2025:10:10:30 +0900", "11/Dec/202x:10:10:30 +0900", "11/Dec/2025:1x:10:30 +0900",
            "11/Dec/2025:10:1x:30 +0900", "11/Dec/2025:10:10:3x +0900", "11/Dec/2025:10:10:30 +09x0",
            "11/Dec/2025:10:10:30 +x900", "11/Dec/2025:10:10:30 +090", "11/Dec/2025:10:10:30", "-", "",
        ),
        LEFT,
    ),
}  # fmt: skip


def test_local_times_are_checked_and_moved_to_utc():
    check(("$status [$time_local]", b"200 [", b"]"), "time", LOCAL)


ISO = {
    "2025-12-11T10:10:30+09:00": moment("2025-12-11T10:10:30+09:00"),
    "2025-12-11T10:10:30-03:30": moment("2025-12-11T10:10:30-03:30"),
    "2025-12-11T10:10:30Z": moment("2025-12-11T10:10:30Z"),
    "2024-02-29T00:00:00Z": moment("2024-02-29T00:00:00Z"),
    **dict.fromkeys(
        (
            "2025-13-11T10:10:30Z", "2025-00-11T10:10:30Z", "2025-12-32T10:10:30Z", "2025/12-11T10:10:30Z",
            "2025-12/11T10:10:30Z", "2025-12-11 10:10:30Z", "2025-12-11T10.10:30Z", "2025-12-11T10:10.30Z",
            "2025-12-11T10:10:30+0900", "2025-12-11T10:10:30+09-00", "2025-12-11T10:10:30+09:0",
            "2025-12-11T10:10:30+24:00", "2025-12-11T10:10:30 09:00", "2025-12-11T10:10:30",
            "2025-12-11T10:10:3",
            "202x-12-11T10:10:30Z", "2025-1x-11T10:10:30Z", "2025-12-1xT10:10:30Z", "2025-12-11T1x:10:30Z",
            "2025-12-11T10:1x:30Z", "2025-12-11T10:10:3xZ", "2025-12-11T10:10:30.5Z", "-", "",
        ),
        LEFT,
    ),
}  # fmt: skip


def test_iso_times_are_checked_and_moved_to_utc():
    check(("$status [$time_iso8601]", b"200 [", b"]"), "time", ISO)


def test_a_time_that_repeats_is_not_taken_for_the_one_before():
    for text, times in (
        ("$status [$time_local]", [one for one, found in LOCAL.items() if found is not LEFT]),
        ("$status [$time_iso8601]", [one for one, found in ISO.items() if found is not LEFT]),
    ):
        expected = LOCAL | ISO
        # Twice in a row, and then another one that differs somewhere.
        order = [one for at in range(len(times)) for one in (times[at], times[at], times[at - 1])]
        found = rows_of(text, [f"200 [{one}]".encode() for one in order])
        assert [row["time"] for row in found] == [expected[one] for one in order]
    # They differ in the first character alone, and in the last.
    order = ["11/Dec/2025:10:10:30 +0900", "21/Dec/2025:10:10:30 +0900", "21/Dec/2025:10:10:30 +0901"]
    order += ["2025-12-11T10:10:30+09:00", "2026-12-11T10:10:30+09:00", "2026-12-11T10:10:30+09:01"]
    local, iso = order[:3], order[3:]
    both = rows_of("$status [$time_local]", [f"200 [{one}]".encode() for one in local])
    both += rows_of("$status [$time_iso8601]", [f"200 [{one}]".encode() for one in iso])
    assert [row["time"].isoformat()[:16] for row in both] == [
        "2025-12-11T01:10", "2025-12-21T01:10", "2025-12-21T01:09",
        "2025-12-11T01:10", "2026-12-11T01:10", "2026-12-11T01:09",
    ]  # fmt: skip


def tries(*values):
    return {"upstream_response_time_s": values[0], "upstream_tries": values[1]}


def test_times_of_upstreams_are_added_up():
    cases = {
        "0.001": (0.001, 1), "5": (5.0, 1), "0.5, 0.25": (0.75, 2), "0.5 : 0.25": (0.75, 2),
        "0.5, 0.25 : 1, 2": (3.75, 4), "-": (None, 0), "-, 0.5": (0.5, 2), "0.5, -": (0.5, 2),
        "-, -": (None, 2),
        "1234567.123456": (1234567.123456, 1), "0.000001": (0.000001, 1),
    }  # fmt: skip
    left = [
        "12345678", "123456789", "12345678.5", "0.1234567", "0.12345678", "0.", ".5", "0.5,0.25", "0.5 :0.25",
        "0.5: 0.25", "0.5, ", "0.5, x", "x", "", "0.5,  0.25", "--", "0.5 ; 0.25", "0.5, 12345678",
    ]  # fmt: skip
    for text, line in (
        ("$status|$upstream_response_time|$pid", "200|{}|7"),
        ('$status "$upstream_response_time" $pid', '200 "{}" 7'),
    ):
        lines = [line.format(one).encode() for one in [*cases, *left]]
        # Arrow leaves the check of longer numbers to the reference parser, which reads several tries.
        further = ["12345678", "123456789", "12345678.5", "0.5, 12345678"]
        further += ["0.1234567", "0.12345678", "0.5, "]
        found = rows_of(text, lines)
        for (value, (seconds, count)), row in zip(cases.items(), found, strict=False):
            assert (row["upstream_response_time_s"], row["upstream_tries"]) == (seconds, count), value
            raw = f'{{"upstream_response_time": "{value}"}}'
            assert row["upstream_raw"] == (None if count < 2 else raw), value
        assert [value for value, row in zip(left, found[len(cases) :], strict=True) if row is not LEFT] == []


def test_statuses_and_addresses_of_upstreams_are_those_of_the_last_try():
    cases = {
        ("200", "192.0.2.1:80"): (200, "192.0.2.1:80", 1),
        ("502, 200", "192.0.2.1:80, 192.0.2.2:80"): (200, "192.0.2.2:80", 2),
        ("502 : 504", "192.0.2.1:80 : unix:/run/a.sock"): (504, "unix:/run/a.sock", 2),
        ("502, -", "192.0.2.1:80, 192.0.2.2:80"): (None, "192.0.2.2:80", 2),
        ("-, 200", "-, 192.0.2.2:80"): (200, "192.0.2.2:80", 2),
        ("502, 200", "192.0.2.2:80, -"): (200, None, 2),
        ("200", "192.0.2.1:80, 192.0.2.2:80, 192.0.2.3:80"): (200, "192.0.2.3:80", 3),
        ("200, 200, 200", "192.0.2.1:80"): (200, "192.0.2.1:80", 3),
        ("-", "-"): (None, None, 0),
        ("1234567", "a"): (1234567, "a", 1),
    }
    left = [
        ("2.5", "a"),
        ("12345678", "a"),
        ("x", "a"),
        ("", "a"),
        ("200", ""),
        ("200", "a, "),
        ("200", "a,b"),
    ]
    left += [("200", 'a"b'), ("200", "a b"), ("200", "a :b"), ("502,", "a")]
    for text, line in (
        ("$status|$upstream_status|$upstream_addr", "504|{}|{}"),
        ('$status "$upstream_status" "$upstream_addr"', '504 "{}" "{}"'),
    ):
        lines = [line.format(*one).encode() for one in [*cases, *left]]
        found = rows_of(text, lines)
        for (value, expected), row in zip(cases.items(), found, strict=False):
            assert (row["upstream_status"], row["upstream_addr"], row["upstream_tries"]) == expected, value
            raw = f'{{"upstream_addr": "{value[1]}", "upstream_status": "{value[0]}"}}'
            assert row["upstream_raw"] == (raw if expected[2] > 1 else None), value
        assert [value for value, row in zip(left, found[len(cases) :], strict=True) if row is not LEFT] == []


REQUESTS = {
    "GET /a?b=c HTTP/1.1": ("GET", "/a", "b=c", "HTTP/1.1", None),
    "VERSION-CONTROL_2 /a HTTP/2": ("VERSION-CONTROL_2", "/a", None, "HTTP/2", None),
    "G / HTTP/1.0": ("G", "/", None, "HTTP/1.0", None),
    "GET /a b?c d HTTP/1.1": ("GET", "/a b", "c d", "HTTP/1.1", None),
    "GET /a? HTTP/1.1": ("GET", "/a", None, "HTTP/1.1", None),
    "GET /a?b?c HTTP/1.1": ("GET", "/a", "b?c", "HTTP/1.1", None),
    "GET ?b HTTP/1.1": ("GET", None, "b", "HTTP/1.1", None),
    "GET http://example.com/a?b HTTP/1.1": ("GET", "/a", "b", "HTTP/1.1", None),
    "GET HTTP+a.b-1://example.com:80/a HTTP/1.1": ("GET", "/a", None, "HTTP/1.1", None),
    "GET http://example.com?b HTTP/1.1": ("GET", None, "b", "HTTP/1.1", None),
    "GET http://example.com#b HTTP/1.1": ("GET", "#b", None, "HTTP/1.1", None),
    "GET http:/a HTTP/1.1": ("GET", "http:/a", None, "HTTP/1.1", None),
    "GET http:a HTTP/1.1": ("GET", "http:a", None, "HTTP/1.1", None),
    "GET http//a HTTP/1.1": ("GET", "http//a", None, "HTTP/1.1", None),
    "GET 1http://example.com/a HTTP/1.1": ("GET", "1http://example.com/a", None, "HTTP/1.1", None),
    "OPTIONS * HTTP/1.1": ("OPTIONS", "*", None, "HTTP/1.1", None),
    "CONNECT example.com:443 HTTP/1.1": ("CONNECT", "example.com:443", None, "HTTP/1.1", None),
    "GET /a": ("GET", "/a", None, None, None),
    "GET /a?b": ("GET", "/a", "b", None, None),
    "GET /a HTTP/1.": ("", None, None, None, "GET /a HTTP/1."),
    "GET /a HTTP/x": ("", None, None, None, "GET /a HTTP/x"),
    "GET /a HTTP/1.x": ("", None, None, None, "GET /a HTTP/1.x"),
    "GET /a HTTP/1x1": ("", None, None, None, "GET /a HTTP/1x1"),
    "GET /a HTTP/10": ("", None, None, None, "GET /a HTTP/10"),
    "GET /a http/1.1": ("", None, None, None, "GET /a http/1.1"),
    "GET /a b": ("", None, None, None, "GET /a b"),
    "GET  /a HTTP/1.1": ("", None, None, None, "GET  /a HTTP/1.1"),
    "GET /a  HTTP/1.1": ("", None, None, None, "GET /a  HTTP/1.1"),
    "GET  HTTP/1.1": ("", None, None, None, "GET  HTTP/1.1"),
    "GET HTTP/1.1": ("", None, None, None, "GET HTTP/1.1"),
    "GET a": ("", None, None, None, "GET a"),
    "GET ": ("", None, None, None, "GET "),
    "GET": ("", None, None, None, "GET"),
    "get /a HTTP/1.1": ("", None, None, None, "get /a HTTP/1.1"),
    "1GET /a HTTP/1.1": ("", None, None, None, "1GET /a HTTP/1.1"),
    "_GET /a HTTP/1.1": ("", None, None, None, "_GET /a HTTP/1.1"),
    "G:T /a HTTP/1.1": ("", None, None, None, "G:T /a HTTP/1.1"),
    "G@T /a HTTP/1.1": ("", None, None, None, "G@T /a HTTP/1.1"),
    "G[T /a HTTP/1.1": ("", None, None, None, "G[T /a HTTP/1.1"),
    "G/T /a HTTP/1.1": ("", None, None, None, "G/T /a HTTP/1.1"),
    "quit": ("", None, None, None, "quit"),
    r"\x16\x03\x01": ("", None, None, None, r"\x16\x03\x01"),
    r"GET /a\x22?b\x22 HTTP/1.1": ("GET", r"/a\x22", r"b\x22", "HTTP/1.1", None),
    "-": (None, None, None, None, None),
    "": (None, None, None, None, None),
    # Targets alone, as some JSON has them under the name of the request line, and a host without a path.
    "/a": LEFT,
    "http://example.com/a": LEFT,
    "GET http://example.com HTTP/1.1": LEFT,
    "GET /é HTTP/1.1": LEFT,
}


def test_requests_are_taken_apart():
    lines = {one: f'200 "{one}"'.encode() for one in REQUESTS}
    found = rows_of('$status "$request"', [*lines.values()])
    columns = ("method", "path", "query", "protocol", "request")
    parts = {
        request: LEFT if row is LEFT else tuple(row[column] for column in columns)
        for request, row in zip(REQUESTS, found, strict=True)
    }
    assert parts == {
        request: expected if expected is LEFT else (expected[0] or None, *expected[1:])
        for request, expected in REQUESTS.items()
    }


def test_a_target_alone_begins_with_a_slash():
    cases = {
        "/a?b=c": ("/a", "b=c"), "/": ("/", None), "/a?": ("/a", None), "/a b": ("/a b", None),
        "-": (None, None),
        "http://example.com/a": LEFT, "a": LEFT, "*": LEFT, "/a ": LEFT, "": (None, None),
    }  # fmt: skip
    lines = [f'200 "{one}"'.encode() for one in cases]
    found = rows_of('$status "$request_uri"', lines)
    assert {
        target: LEFT if row is LEFT else (row["path"], row["query"])
        for target, row in zip(cases, found, strict=True)
    } == cases


def test_parts_that_another_variable_may_fill_are_left_where_they_are_missing():
    text = '$status "$request" $request_method "$uri"'
    cases = {
        'GET /a HTTP/1.1" GET "/b': "/a",
        'GET /a" GET "/b': LEFT,
        'GET ?b HTTP/1.1" GET "/b': LEFT,
        'quit" - "/b': LEFT,
        '-" GET "/b': LEFT,
    }
    check((text, b'200 "', b'"'), "path", cases)


QUOTED = {
    "curl/8.5": "curl/8.5",
    "": None,
    "-": None,
    "--": "--",
    "-a": "-a",
    "a-": "a-",
    "a | b": "a | b",
    r"\x22quoted\x22": r"\x22quoted\x22",
    r"a\\": r"a\\",
    "監視 é": "監視 é",
    "a" * 31: "a" * 31,
    "a" * 32: "a" * 32,
    "a" * 33: "a" * 33,
    "a" * 70: "a" * 70,
    "a\x1fb": LEFT,
    "a\x7fb": LEFT,
    "a\tb": LEFT,
    "a\\\x1f": LEFT,
    "a\\é": LEFT,
    'a" b': LEFT,
}


def test_quoted_texts_end_at_the_quotation_mark():
    check(('$status "$http_user_agent" $pid', b'200 "', b'" 7'), "user_agent", QUOTED)
    last = {value: found for value, found in QUOTED.items() if value != 'a" b'}
    check(('$status "$http_user_agent"', b'200 "', b'"'), "user_agent", last)
    # A backslash before the last quotation mark escapes it, and the text has no end.
    assert rows_of('$status "$http_user_agent"', [b'200 "a\\"', b'200 "a', b'200 "']) == [LEFT] * 3


CHARACTERS = [
    "\x80", "\xbf", "\xc0", "\u07ff", "\u0800", "\u0fff", "\u1000", "\ud7ff", "\ue000", "\uffff",
    "\U00010000", "\U0003ffff", "\U00040000", "\U0010ffff",
]  # fmt: skip
NO_CHARACTERS = [
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2\x7f", b"\xc2\xc0", b"\xdf",
    b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe1\x80",
    b"\xe1\x80\x7f", b"\xe1\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf",
    b"\xf1\x80\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xff",
]  # fmt: skip


def test_characters_are_those_of_utf_8():
    lines = [f'200 "a{one}b{one}"'.encode() for one in CHARACTERS]
    found = rows_of('$status "$http_user_agent"', lines)
    assert [row["user_agent"] for row in found] == [f"a{one}b{one}" for one in CHARACTERS]
    lines = [b'200 "a' + one + b'b"' for one in NO_CHARACTERS]
    assert rows_of('$status "$http_user_agent"', lines) == [LEFT] * len(lines)


def test_texts_without_quotation_marks_end_at_the_literal():
    cases = {
        "curl": "curl", "a b": "a b", "a | b": "a | b", "-": None, "--": "--", "a  xb": "a  xb",
        "": None, 'a"b': LEFT, "é": LEFT, "a\x1fb": LEFT, "a\x7f": LEFT,
    }  # fmt: skip
    check(("$status $http_user_agent x7 $pid", b"200 ", b" x7 7"), "user_agent", cases)
    # Up to the end of the line.
    cases |= {"curl x7 7": "curl x7 7"}
    check(("$status $http_user_agent", b"200 ", b""), "user_agent", cases)


def test_words_have_no_spaces():
    cases = {
        "example.com": "example.com", "-": None, "a-": "a-", "": None, "a b": LEFT, 'a"': LEFT, "é": LEFT,
        "a\x7f": LEFT, "a;b": LEFT,
    }  # fmt: skip
    check(("$status $host;$pid", b"200 ", b";7"), "host", cases)
    cases |= {"a;b": "a;b"}
    check(("$status $host", b"200 ", b""), "host", cases)


def test_json_has_empty_values_and_leaves_escapes():
    text = '{"s":"$status","a":"$http_user_agent","h":"$host","b":"$body_bytes_sent"}'
    lines = {
        ("200", "curl", "example.com", "12"): ("curl", "example.com", 12),
        ("200", "", "", ""): (None, None, None),
        ("200", "-", "-", "-"): (None, None, None),
        ("200", "a\\\\b", "h", "1"): LEFT,
        ("200", "a", "h\\\\", "1"): LEFT,
        ("200", "é", "h", "1"): ("é", "h", 1),
    }
    plain = '{{"s":"{}","a":"{}","h":"{}","b":"{}"}}'
    found = rows_of(text, [plain.format(*one).encode() for one in lines], "json")
    assert [
        LEFT if row is LEFT else (row["user_agent"], row["host"], row["body_bytes"]) for row in found
    ] == [*lines.values()]


def test_a_number_of_json_has_a_value_and_no_leading_zero():
    plain = '{{"time":"2025-12-11T10:10:30Z","path":"/a","status":200,"bytes":{}}}'
    cases = {
        "12": 12,
        "0": 0,
        "10": 10,
        "00": LEFT,
        "012": LEFT,
        "": LEFT,
        "-": LEFT,
        "null": LEFT,
        "1.5": LEFT,
    }
    plan = shape_of(plain.format(12).encode(), {})
    found = rows_of(plan, [plain.format(one).encode() for one in cases])
    assert [LEFT if row is LEFT else row["body_bytes"] for row in found] == [*cases.values()]


def test_a_line_is_of_the_format_from_its_first_literal_to_its_last():
    text = '[$time_iso8601] $status; rt=$request_time ms "$http_user_agent" end of line'
    line = b'[2025-12-11T10:10:30Z] 200; rt=0.5 ms "curl" end of line'
    wrong = [
        line[1:], line[:-1], line + b" ", b" " + line, line.replace(b"; rt", b"; Rt"),
        line.replace(b" ms", b" mS"),
        line.replace(b"end", b"End"), line.replace(b"of line", b"of linE"), line.replace(b"] ", b"]  "),
        b"", b"[",
    ]  # fmt: skip
    found = rows_of(text, [line, *wrong, line])
    assert [row is LEFT for row in found] == [False] + [True] * len(wrong) + [False]


def test_a_very_long_line_is_left():
    text = '$status "$http_user_agent"'
    fits, long = ((b'200 "' + b"x" * (size - 6) + b'"') for size in (1 << 16, (1 << 16) + 1))
    found = rows_of(text, [fits, long])
    assert (len(found[0]["user_agent"]), found[1]) == ((1 << 16) - 6, LEFT)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 100])
def test_lines_are_found_at_any_distance(size):
    data = b"a" * size + b"\nb\r\n\r\n\nc\n" + b"d" * 40 + b"\n\r" + b"\n"
    buf = np.frombuffer(data + b"\n" * ROOM_BYTES, np.uint8)
    expected = [one.removesuffix(b"\r") for one in data.split(b"\n")[:-1]]
    starts, ends = line_bounds(buf, len(data))
    assert [data[start:end] for start, end in zip(starts, ends, strict=True)] == expected
    # Of less room than lines, all are counted.
    some = np.full((2, 3), -1, np.int64)
    assert find_lines(buf, len(data), *some) == len(expected)
    assert some.tolist() == [starts[:3].tolist(), ends[:3].tolist()]
    # A line without its end is none.
    assert len(line_bounds(buf, len(data) - 1)[0]) == len(expected) - 1


def test_more_lines_than_expected_are_found():
    data = b"\n" * 1000
    buf = np.frombuffer(data + bytes(ROOM_BYTES), np.uint8)
    starts, ends = line_bounds(buf, 1000)
    assert starts.tolist() == ends.tolist() == [*range(1000)]


def test_a_line_may_begin_within_an_unquoted_text():
    """A write that was torn by another line: only text without spaces cannot hold one."""
    text = "$remote_addr - $remote_user [$time_local] $status"
    line = b"192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] 200"
    torn = b"192.0.2.7 - us" + line
    spaced = b"192.0.2.7 - a user [11/Dec/2025:10:10:30 +0900] 200"
    found = rows_of(text, [line, torn, spaced, spaced.replace(b"a user", b"a - b")])
    assert [LEFT if row is LEFT else row["status"] for row in found] == [200, LEFT, 200, LEFT]
    # Where a time begins each line, a text without one is whole.
    text = "$time_iso8601|$http_user_agent|$status"
    line = b"2025-12-11T10:10:30+09:00|Mozilla/5.0 (X11; Linux)|200"
    inside = line.replace(b"X11", b"2025-12-11T10:10:30+09:00|X11")
    found = rows_of(text, [line, inside, line.replace(b"X11", b"2025-12-11T10:10:30Z|X11"), line])
    assert [LEFT if row is LEFT else row["user_agent"] for row in found] == [
        "Mozilla/5.0 (X11; Linux)", LEFT, LEFT, "Mozilla/5.0 (X11; Linux)",
    ]  # fmt: skip


def test_a_chunk_may_begin_with_a_request_without_a_time():
    text = '[$time_text] "$request" $status'
    line = b'[2025-12-11T10:10:30.5+09:00] "GET /a HTTP/1.1" 200'
    nothing = line.replace(line[1:29], b"-")
    found = rows_of(text, [nothing, line, line, nothing])
    assert [row if row is LEFT else row["time"] for row in found] == [
        LEFT, *[datetime(2025, 12, 11, 1, 10, 30, 500_000, UTC)] * 2, LEFT,
    ]  # fmt: skip


def extras(text, lines, column="extra"):
    """Return a column of each line."""
    found = rows_of(text, [line.encode() for line in lines])
    return [row if row is LEFT else row[column] for row in found]


def test_a_variable_that_replaces_or_repeats_another_is_not_kept():
    text = '$status|$body_bytes_sent|$bytes_sent|"$host"|"$http_host"|"$server_name"'
    cases = {
        '200|1|1|"a"|"a"|"a"': None,
        '200|1|2|"a"|"b"|"a"': '{"bytes_sent": "2", "http_host": "b"}',
        '200|-|2|"-"|"b"|"c"': '{"server_name": "c"}',
        '200|-|-|"-"|"-"|"c"': None,
        '200|1|-|"a"|"-"|"ab"': '{"server_name": "ab"}',
    }
    assert dict(zip(cases, extras(text, cases), strict=True)) == cases
    assert extras(text, cases, "body_bytes") == [1, 1, 2, None, 1]
    assert extras(text, cases, "host") == ["a", "a", "b", "c", "a"]


def test_parts_that_a_request_line_repeats_are_not_kept():
    text = '$status|"$request"|"$request_uri"|"$uri"|"$args"|"$request_method"|"$server_protocol"'
    line = '200|"GET /a?b=c HTTP/1.1"|"{}"|"{}"|"{}"|"{}"|"{}"'
    cases = {
        ("/a?b=c", "/a", "b=c", "GET", "HTTP/1.1"): None,
        ("/x", "/a", "b=c", "GET", "HTTP/1.1"): '{"request_uri": "/x"}',
        ("/a?b=c", "/i.html", "-", "POST", "HTTP/2.0"): (
            '{"request_method": "POST", "server_protocol": "HTTP/2.0", "uri": "/i.html"}'
        ),
        ("/a?b=c", "/a?b=c", "b", "b=c", "GET"): '{"args": "b", "server_protocol": "GET"}',
    }
    found = extras(text, [line.format(*one) for one in cases])
    assert dict(zip(cases, found, strict=True)) == cases
    # Without a query the target is the path.
    plain = line.replace("?b=c", "").format("/a", "/a", "-", "GET", "HTTP/1.1")
    assert extras(text, [plain]) == [None]


def test_a_query_of_its_own_fills_what_a_target_lacks():
    text = '$status|"$uri"|"$args"'
    lines = ['200|"/a"|"b=c"', '200|"/a?b=c"|"b=c"', '200|"/a?b=c"|"d"', '200|"/a"|"-"']
    rows = rows_of(text, [line.encode() for line in lines])
    assert [row if row is LEFT else (row["query"], row["extra"]) for row in rows] == [
        ("b=c", None),
        ("b=c", None),
        ("b=c", '{"args": "d"}'),
        (None, None),
    ]


def test_durations_are_in_seconds():
    for name, value, seconds in (
        ("request_time", "1.5", 1.5),
        ("request_time_ms", "1500", 1.5),
        ("request_time_us", "1500000", 1.5),
    ):
        (row, missing) = rows_of(f"$status|${name}", [f"200|{value}".encode(), b"200|-"])
        assert (row["request_time_s"], missing["request_time_s"]) == (seconds, None)


def test_every_time_of_an_upstream_has_a_column():
    names = ("connect", "header", "response")
    text = "$status " + " ".join(f'"$upstream_{name}_time"' for name in names)
    (row,) = rows_of(text, [b'200 "0.1, 0.2" "0.3, -" "-, -"'])
    assert [row[f"upstream_{name}_time_s"] for name in names] == [0.3, 0.3, None]
    assert row["upstream_raw"] == (
        '{"upstream_connect_time": "0.1, 0.2", "upstream_header_time": "0.3, -",'
        ' "upstream_response_time": "-, -"}'
    )


def test_other_variables_are_kept_in_the_order_of_their_names():
    text = '"$http_x_b" "$http_x_a" $status'
    lines = [rb'"b\x22\\" "a" 200', b'"-" "a" 200', b'"b" "-" 200', b'"-" "-" 200']
    assert [row["extra"] for row in rows_of(text, lines)] == [
        r'{"http_x_a": "a", "http_x_b": "b\\x22\\\\"}',
        '{"http_x_a": "a"}',
        '{"http_x_b": "b"}',
        None,
    ]


def test_a_list_without_quotation_marks_ends_at_a_space_without_a_colon():
    lines = [b"192.0.2.1:80 a:b", b"192.0.2.1:80 ab:", b"192.0.2.1:80 : 192.0.2.2:80 ab"]
    rows = rows_of("$upstream_addr $http_x_a", lines)
    assert [(row["upstream_addr"], row["extra"]) for row in rows] == [
        ("192.0.2.1:80", '{"http_x_a": "a:b"}'),
        ("192.0.2.1:80", '{"http_x_a": "ab:"}'),
        ("192.0.2.2:80", '{"http_x_a": "ab"}'),
    ]
