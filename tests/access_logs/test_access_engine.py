"""The compiled loop against the exact way, and both against what was written."""

import json
import string
from datetime import UTC

import pytest
from hypothesis import strategies as st
from worlds.access_samples import TIMED

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.known_formats import stock_format
from watchme_analysis.access_logs.formats.log_format import compile_format

UNQUOTED = (
    '$remote_addr [$time_iso8601] "$request" $status rt=$request_time urt=$upstream_response_time '
    "ua=$upstream_addr us=$upstream_status xff=$http_x_forwarded_for pipe=$pipe len=$request_length"
)
JSON = (
    '{"time":"$time_iso8601","msec":"$msec","client":"$http_cf_connecting_ip","addr":"$remote_addr",'
    '"method":"$request_method","uri":"$request_uri","args":"$args","status":"$status","bytes":"$bytes_sent",'
    '"body":"$body_bytes_sent","rt":"$request_time","urt":"$upstream_response_time","ua":"$upstream_addr",'
    '"us":"$upstream_status","host":"$host","http_host":"$http_host","agent":"$http_user_agent"}'
)
FORMATS = [
    stock_format("combined"),
    stock_format("main"),
    compile_format(TIMED, name="timed"),
    compile_format(UNQUOTED, name="unquoted"),
    compile_format(JSON, "json", "json"),
    compile_format('"$http_user_agent" $status [$time_local]', "none", "none"),
]


printable = st.text(string.printable[:-5] + "\x01\x7fé日", max_size=12)
seconds = st.decimals(0, 100, places=3).map(str)


def tries(value):
    return st.lists(value, min_size=1, max_size=3).flatmap(
        lambda found: st.sampled_from([", ", " : "]).map(lambda mark: mark.join(found))
    )


def listed(value):
    return st.one_of(st.just("-"), value, tries(st.one_of(value, st.just("-"))))


VALUES = {
    "remote_addr": st.one_of(st.ip_addresses().map(str), st.just("unix:")),
    "time_local": st.sampled_from(
        ["11/Dec/2025:10:10:30 +0900", "29/Feb/2024:23:59:59 -0330", "26/Oct/2025:02:30:00 +0100"]
    ),
    "time_iso8601": st.sampled_from(["2025-12-11T10:10:30+09:00", "2024-02-29T00:00:00-03:30"]),
    "msec": st.decimals(1_700_000_000, 1_900_000_000, places=3).map(str),
    "status": st.sampled_from(["200", "499", "504", "000"]),
    "request": st.one_of(
        printable,
        st.builds("{} {} HTTP/1.1".format, st.sampled_from(["GET", "M-SEARCH", "get"]), printable),
        st.builds("GET {} HTTP/{}".format, printable, st.sampled_from(["1.0", "2"])),
        st.builds("GET /{}?{} HTTP/1.1".format, printable, printable),
    ),
    "request_uri": st.one_of(printable, printable.map("/{}".format), st.just("/a?b=c")),
    "args": st.one_of(printable, st.just("b=c")),
    "request_method": st.sampled_from(["GET", "POST", ""]),
    "request_time": seconds,
    "upstream_connect_time": listed(seconds),
    "upstream_header_time": listed(seconds),
    "upstream_response_time": listed(seconds),
    "upstream_addr": listed(st.sampled_from(["192.0.2.20:80", "[2001:db8::1]:80", "unix:/a.sock", "pool"])),
    "upstream_status": listed(st.sampled_from(["200", "502"])),
    "request_id": st.just("8f1c"),
    "pipe": st.sampled_from(["p", "."]),
    **dict.fromkeys(("body_bytes_sent", "bytes_sent", "request_length"), st.integers(0, 10**12).map(str)),
}  # fmt: skip


def escaped(value, escape):
    """Write a value as nginx does (ngx_http_log_escape, ngx_escape_json)."""
    data = value.encode()
    if escape == "none":
        return data or b"-"
    if escape == "json":
        return json.dumps(value, ensure_ascii=False)[1:-1].encode()
    if not data:
        return b"-"
    return b"".join(
        b"\\x%02X" % byte if byte < 32 or byte > 126 or byte in b'"\\' else bytes([byte]) for byte in data
    )


@st.composite
def lines(draw, log_format):
    """Draw a line of a format and the values in it."""
    values = {name: draw(VALUES.get(name, printable)) for name in log_format.names}
    if log_format.escape == "json":
        values = {name: "" if value == "-" else value for name, value in values.items()}
    line = log_format.literals[0]
    for name, literal in zip(log_format.names, log_format.literals[1:], strict=True):
        line += escaped(values[name], log_format.escape) + literal
    return line, values


def each_way(formats, data, selection=None):
    found = [Engine(formats, UTC, selection, engine=engine).read(data) for engine in ENGINES[1:]]
    for chunk in found:
        assert chunk.lines == len(chunk.table) + len(chunk.rejected) + chunk.blank + chunk.filtered
        assert chunk.lines == len(data.splitlines()) if b"\r" not in data else True
    return found


def same(fast, exact):
    assert fast.table.schema == exact.table.schema
    for name in fast.table.column_names:
        assert fast.table[name].to_pylist() == exact.table[name].to_pylist(), name
    assert fast.rejected == exact.rejected
    assert (fast.lines, fast.blank, fast.filtered) == (exact.lines, exact.blank, exact.filtered)


LINE = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a?b HTTP/1.1" 200 12 "-" "curl"\n'


@pytest.mark.parametrize(
    ("requested", "taken"),
    [
        ({"since": 1765415430_000000}, [1, 2]),
        ({"since": 1765415431_000000}, [2]),
        ({"until": 1765415431_000000}, [1]),
        ({"path_prefix": "/a"}, [1]),
        ({"path_prefix": "/b", "until": 1765415431_000000}, []),
    ],
)
def test_windows_and_prefixes_leave_rows_out_and_count_them(requested, taken):
    later = LINE.replace(b":30 ", b":31 ").replace(b"/a", b"/b")

    for chunk in each_way(FORMATS[:1], LINE + later + b"junk\n", Selection(**requested)):
        assert chunk.table["line"].to_pylist() == taken
        assert (chunk.filtered, len(chunk.rejected)) == (2 - len(taken), 1)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_last_line_that_may_be_cut_is_kept_apart(engine):
    read = Engine([compile_format("$remote_addr $status $request_time")], UTC, engine=engine).read
    lines = b"192.0.2.7 200 0.001\n192.0.2.7 200 30.00"

    cut, whole = read(lines), read(lines + b"1\n")

    assert cut.table["request_time_s"].to_pylist() == [0.001]
    assert [(one.line, one.text) for one in cut.rejected] == [(2, b"192.0.2.7 200 30.00")]
    assert whole.table["request_time_s"].to_pylist() == [0.001, 30.001]


def test_a_format_that_changes_within_a_file_is_followed():
    other = FORMATS[3]
    start = b'192.0.2.7 [2025-12-11T10:10:30+09:00] "GET / HTTP/1.1" 200 rt=0.001 '
    line = start + b"urt=- ua=- us=- xff=- pipe=. len=7\n"

    for chunk in each_way([FORMATS[0], other], LINE * 3 + line * 5):
        assert chunk.formats == {"combined": 3, "unquoted": 5}
        assert not chunk.rejected


LTSV = (
    "time:$time_local\thost:$remote_addr\treq:$request\tstatus:$status\tmethod:$request_method"
    "\turi:$request_uri\targs:$args\tua:$http_user_agent\tapptime:$upstream_response_time\tvhost:$host"
)
STARTS = {
    "ltsv": (
        LTSV,
        b"time:11/Dec/2025:10:10:30 +0900\thost:192.0.2.7\treq:GET /a?b=c HTTP/1.1\tstatus:200\tmethod:GET"
        b"\turi:/old?b=c\targs:b=c\tua:Mozilla/5.0 (X11; Linux)\tapptime:0.001, 0.2\tvhost:api.example.com",
    ),
    "bare target": (
        "$remote_addr [$time_local] $request_method $uri $args $status",
        b"192.0.2.7 [11/Dec/2025:10:10:30 +0900] GET /a b=c 200",
    ),
    "bare request": (
        "$time_iso8601|$request|$status|$http_user_agent",
        b"2025-12-11T10:10:30+09:00|GET /a?b=c HTTP/1.1|200|Mozilla/5.0 (X11; Linux)",
    ),
    "request and its parts": (
        '$remote_addr [$time_local] "$request" $status "$uri" "$args" $server_protocol',
        b'192.0.2.7 [11/Dec/2025:10:10:30 +0900] "GET /a?b=c HTTP/1.1" 200 "/index.html" "b=c" HTTP/1.1',
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_lines_run_into_one_in_a_bare_text_are_no_request(engine):
    plan, line = compile_format(LTSV, name="ltsv"), STARTS["ltsv"][1]
    torn = line.partition(b" (X11")[0] + b" "

    chunk = Engine([plan], UTC, engine=engine).read(b"\n".join([line, torn + line, line, b""]))

    assert chunk.table["line"].to_pylist() == [1, 3]
    assert [one.line for one in chunk.rejected] == [2]


WIDE = {
    "nginx": (
        '$remote_addr [$time_local] "$request" $status "$http_user_agent" "$http_x_team"',
        "default",
        '192.0.2.7 [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 "{}" "{}"',
    ),
    "json": (
        '{"time":"$time_iso8601","request":"$request","status":$status,"ua":"$http_user_agent","t":"$http_x_team"}',
        "json",
        '{{"time":"2025-12-11T10:10:30+09:00","request":"GET /a HTTP/1.1","status":200,"ua":"{}","t":"{}"}}',
    ),
}
# The first and the last character of each width, and what is none.
CHARACTERS = (
    "\x80",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U0010ffff",
    "監視 é\u3000",
)
NO_CHARACTERS = (
    b"\x80", b"\xc1\xbf", b"\xc3", b"\xc3b", b"\xe7\x9bb", b"\xe0\x9f\xbf", b"\xe7\x9b",
    b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff",
)  # fmt: skip


@pytest.mark.parametrize(("text", "escape", "line"), WIDE.values(), ids=WIDE)
def test_texts_beyond_ascii_need_no_second_look(text, escape, line):
    plan = compile_format(text, escape)
    lines = [line.format(f"a{one}b", one).encode() + b"\n" for one in CHARACTERS]
    doubtful = [line.format("a|b", "|").encode().replace(b"|", one) + b"\n" for one in NO_CHARACTERS]
    doubtful.append(line.format("a", "b").encode().replace(b"/a", "/é".encode()) + b"\n")

    for data, seen_again in ((b"".join(lines), 0), (b"".join(doubtful), len(doubtful))):
        chunk, exact = (Engine([plan], UTC, engine=one).read(data) for one in ("numba", "exact"))
        assert chunk.reference_lines == seen_again
        same(chunk, exact)
        assert not chunk.rejected
