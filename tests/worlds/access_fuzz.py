# ruff: noqa: E501, SIM905 - values stand in rows
"""Lines and formats of access logs, valid and damaged in the ways of real logs, and the compiled loop held against the
reference parser.

Everything follows from one seed: :func:`rounds` yields the same formats and lines for it anywhere. Fuzzers run as
long as WATCHME_FUZZ_SECONDS says, from the seed WATCHME_FUZZ_SEED.
"""

import os
import random
import time
from datetime import UTC
from itertools import count

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.formats.apache import compile_apache
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.access_logs.formats.log_variables import kind_of
from watchme_analysis.errors import FormatError

SECONDS = float(os.environ.get("WATCHME_FUZZ_SECONDS", "4"))
# The same logs every time: a change is refused for what it does. The nightly run draws others.
SEED = int(os.environ.get("WATCHME_FUZZ_SEED", "20251211"))
NAMES = (
    "remote_addr remote_user time_local time_iso8601 msec request status body_bytes_sent bytes_sent http_referer "
    "http_user_agent http_x_forwarded_for http_cf_ray http_x_request_id request_id request_time request_length "
    "upstream_connect_time upstream_header_time upstream_response_time upstream_addr upstream_status "
    "upstream_bytes_sent upstream_cache_status host http_host server_name scheme pipe request_method request_uri "
    "uri args query_string server_protocol connection gzip_ratio cookie_sid http_cf_connecting_ip server_port"
).split()
LITERALS = (
    " ", ' "', '" ', '" "', " - ", " [", "] ", "|", "\t", ", ", ";", ":", " rt=", " us=", ".", "=", '"', "-", "é",
)  # fmt: skip
APACHE = (
    r'%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D',
    "%v:%p %h %u %t %>s %O %{ms}T %X %q",
    '%{%Y-%m-%d %T}t.%{msec_frac}t %a "%m %U%q %H" %s',
)
TEXTS = (
    b"-", b"", b"curl/8.5.0", b"GET / HTTP/1.1", b"a b", b" - ", b"\\x22", b'\\"', b"\\", b"\\\\", b'"', b'""',
    b"192.0.2.7 - - [11/Dec/2025:10:10:30 +0900]", b"\xff\xfe", "日本".encode(), b"\xed\xa0\x80", b"\\ud800",
    b"\\u00e9", b"\0", b"\x7f", b"\t", b"x" * 300, b"/a?b=c", b"//", b"?", b"http://a/b", b"{", b"}", b", ", b" : ",
)  # fmt: skip
REQUESTS = (
    b"GET /a?b=c HTTP/1.1", b"POST /v1/results HTTP/2.0", b"GET / HTTP/2", b"get / HTTP/1.1", b"GET /a b HTTP/1.1",
    b"GET  / HTTP/1.1", b"GET /? HTTP/1.1", b"GET ? HTTP/1.1", b"GET /", b"GET * HTTP/1.1", b"PRI * HTTP/2.0",
    b"GET http://a.example.com/x?y HTTP/1.1", b"GET http://a HTTP/1.0", b"M-SEARCH / HTTP/1.1", b"GET / HTTP/1.12",
    b"GET HTTP/1.1", b"GET http://a?b#c HTTP/1.1", b"GET a+b.c-d://e#f HTTP/1.1", b"GET x:/y HTTP/1.1", b"A-_1 /x?y=?z",
    b"GET /a b", b"GET ", b"G", b"GET /a HTTP/x", b"http://a/b", b"GET 1://a/b HTTP/1.1", b"hello  there",
    b"\\x16\\x03\\x01\\x00", b"GET /a\\x22b HTTP/1.1", b"CONNECT a:443 HTTP/1.1", b"GET / HTTP/1.1 ", b"-", b"",
)  # fmt: skip
NUMBERS = (
    b"-", b"0", b"200", b"499", b"000", b"1e5", b"+1", b"-1", b" 1", b"1_0", b"0x1", b"abc", b"9" * 15, b"9" * 16,
    b"9" * 18, b"9223372036854775807", b"9223372036854775808", b"9" * 40, b"0.5", b"", "٣".encode(), b"12.",
)  # fmt: skip
DECIMALS = (
    b"-", b"0.000", b"0.001", b"30.000", b"123456789.123456", b"1234567890.1", b"0.1234567", b".5", b"5.", b"1,5",
    b"nan", b"inf", b"1e3", b"-0.1", b"0.0000004", b"",
)  # fmt: skip
LISTS = (
    b"-", b"0.001", b"0.001, 0.230", b"0.001 : 0.230", b"-, 0.230", b"0.1, - : 0.2", b"0.1,0.2", b"0.1, ", b", 0.1",
    b"0.1 :0.2", b"-, -", b"0.1 : ", b"502, 200", b"192.0.2.20:80, 192.0.2.21:80", b"unix:/a.sock", b"pool",
    b"[2001:db8::1]:80", b"0.1  0.2", b"",
)  # fmt: skip
ADDRESSES = (
    b"192.0.2.7", b"2001:db8::1", b"::1", b"unix:", b"fe80::1%eth0", b"host.example.com", b"1-2.example.com", b"-",
    b"999.999.999.999", b"1.2.3", b"::ffff:192.0.2.7", b"192.0.2.7,", b"", b"_x",
    b"1::2::3", b":1", b":1:2:3:4:5:6:7", b"1:2:3:4:5:6:7:", b":::", b"::", b"1::", b"1:2:3:4:5:6:7:8", b"1:2:3",
)  # fmt: skip
TIMES = {
    "time_local": (
        b"11/Dec/2025:10:10:30 +0900", b"29/Feb/2024:23:59:59 -0330", b"29/Feb/2025:00:00:00 +0000",
        b"31/Apr/2025:00:00:00 +0000", b"11/Dez/2025:10:10:30 +0900", b"11/Dec/2025:24:00:00 +0000",
        b"11/Dec/2025:10:10:60 +0000", b"11/Dec/2025:10:10:30 +9999", b"11/Dec/0000:10:10:30 +0000", b"-",
        b"26/Oct/2025:02:30:00 +0200", b"26/Oct/2025:02:30:00 +0100", b"01/Jan/1970:00:00:00 +0000",
    ),
    "time_iso8601": (
        b"2025-12-11T10:10:30+09:00", b"2025-12-11T10:10:30Z", b"2025-02-29T00:00:00+00:00", b"-",
        b"2025-12-11T10:10:30+0900", b"2025-12-11 10:10:30+09:00", b"2025-12-11T25:10:30Z", b"0000-01-01T00:00:00Z",
        b"2025-12-11T10:10:30-24:00",
    ),
    "msec": (
        b"1765415430.123", b"1765415430.1", b"0.000", b"99999999999.999", b"1765415430", b"-", b"1765415430.123456",
        b"9999999999.999",
    ),
}  # fmt: skip
PREFIXES = (
    b"<190>Dec 11 10:10:30 web1 nginx: ", b"Dec  1 10:10:30 nginx[7]: ", b"2025-12-11T01:10:30.123456789Z ",
    b"2025-12-11T01:10:30.1Z stdout F ", b"web-1  | ", b"web-1 | 2025-12-11 01:10:30,5 ", b"[pod/web-5d9c/nginx] ",
    b"<190>1 2025-12-11T01:10:30Z web1 nginx - - - ", b"\xef\xbb\xbfweb-1 | ", b"2025-12-11T10:10:30+09:00 ",
)  # fmt: skip
BYTES = (
    b'"', b" ", b"\\", b"\0", b"\r", b"-", b"[", b",", b":", b"\xff", b"\x1f", b"\x7f", b"9", b"\t", b"\xc3\xa9",
)  # fmt: skip


def rounds_for(seconds):
    """Count rounds until the time is over, twenty at least."""
    stop = time.monotonic() + seconds
    for turn in count(1):
        yield turn
        if turn >= 20 and time.monotonic() > stop:
            return


def a_format(chance):
    """Return a format: one of those in use, or one of random variables and literals."""
    turn = chance.random()
    if turn < 0.2:
        return compile_format(chance.choice(stock_formats()[:6]).text, name="stock")
    if turn < 0.3:
        return compile_apache(chance.choice(APACHE), "apache")
    names = chance.sample(NAMES, chance.randint(1, 12))
    escape = chance.choice(["default", "default", "json", "none"])
    if escape == "json" and chance.random() < 0.8:
        values = [f'"{name}":' + (f"${name}" if kind_of(name) == "int" else f'"${name}"') for name in names]
        return compile_format("{" + ",".join(values) + "}", "json", "json")
    if turn < 0.4:
        # Labelled values between tabs, and what says the same twice.
        pairs = "\t".join(f"{name[:3]}:${name}" for name in dict.fromkeys(["time_local", *names, "request"]))
        return compile_format(pairs, escape, "ltsv")
    if turn < 0.7:
        shapes = ("{} ", '"{}" ', "[{}] ", "n={} ")
        text = "".join(_shape(chance, shapes, name).format(f"${{{name}}}") for name in names)
    else:
        text = "".join(f"${{{name}}}{chance.choice(LITERALS)}" for name in names)
    return compile_format(text[: -1 if chance.random() < 0.8 else None], escape, "drawn")


def _shape(chance, shapes, name):
    return (
        '"{}" ' if name in ("request", "http_user_agent") and chance.random() < 0.8 else chance.choice(shapes)
    )


def a_value(chance, variable, escape):
    """Return what a variable may have been written as, mostly what it should."""
    pools = {
        "int": NUMBERS,
        "decimal": DECIMALS,
        "list": LISTS,
        "address": ADDRESSES,
        "token": TEXTS,
        **TIMES,
    }
    pool = REQUESTS if variable.name == "request" else pools.get(variable.kind, TEXTS)
    if chance.random() < 0.75:
        # The first of each pool are what nginx writes.
        return pool[chance.randrange(min(3, len(pool)))]
    if chance.random() < 0.1:
        return bytes(chance.randrange(256) for _ in range(chance.randint(0, 9))).replace(b"\n", b"")
    value = chance.choice(pool)
    return value.replace(b'"', b'\\"') if escape == "json" else value


def a_line(chance, log_format):
    """Return a line of a format."""
    line = log_format.literals[0]
    for variable, literal in zip(log_format.variables, log_format.literals[1:], strict=True):
        line += a_value(chance, variable, log_format.escape) + literal
    return line


def damaged(chance, line, other):
    """Return a line as a crash, a rotation, a full disk or a stranger may leave it."""
    at = chance.randint(0, len(line))
    to = chance.randint(at, min(len(line), at + 8))
    ways = (
        lambda: line,
        lambda: line[:at],
        lambda: line[at:],
        lambda: line[:at] + other,
        lambda: line + other,
        lambda: b"\0" * chance.choice([1, 7, 4096]) + line,
        lambda: line[:at] + b"\0" * 5 + line[at:],
        lambda: line[:at] + chance.choice(BYTES) + line[at:],
        lambda: line[:at] + line[to:],
        lambda: line[:to] + line[at:],
        lambda: line.replace(b'"', b'""'),
        lambda: line.replace(chance.choice(BYTES), chance.choice(BYTES)),
        lambda: b"",
        lambda: b" \t" * chance.randint(1, 3),
        lambda: b"\0" * 100,
        lambda: line + b"\r",
        lambda: b" " + line,
        lambda: b"\xef\xbb\xbf" + line,
    )
    return chance.choice(ways)().replace(b"\n", b"")


def rounds(seed):
    """Yield formats and chunks of lines without end."""
    chance = random.Random(seed)
    while True:
        try:
            formats = [a_format(chance) for _ in range(chance.choice([1, 1, 2]))]
        except FormatError:
            continue
        lines = []
        for _ in range(chance.randint(1, 40)):
            log_format = chance.choice(formats)
            line = a_line(chance, log_format)
            for _ in range(chance.choice([0, 0, 1, 1, 2])):
                line = damaged(chance, line, a_line(chance, log_format))
            lines.append(line)
        if chance.random() < 0.15:
            prefix = chance.choice(PREFIXES)
            lines = [prefix + line if chance.random() < 0.95 else line for line in lines]
        if chance.random() < 0.01:
            lines.append(lines[0] + chance.choice([b"x", b'"', b" ", b"\\x"]) * 1_000_000)
        yield formats, chance.choice([b"\n", b"\n", b"\r\n"]).join(lines) + chance.choice([b"", b"\n"])


def differences(formats, data, selection=None, decode=False):
    """Return sentences about what the compiled loop reads otherwise than the reference parser, or loses."""
    exact, chunk = (
        Engine(formats, UTC, selection, engine=name, decode=decode).read(data) for name in ("exact", "numba")
    )
    return [f"{name} loses lines" for name, one in (("exact", exact), ("numba", chunk)) if _loses(one)] + (
        chunk_differences(chunk, exact)
    )


def _loses(chunk):
    return chunk.lines != len(chunk.table) + len(chunk.rejected) + chunk.blank + chunk.filtered


def chunk_differences(chunk, exact):
    """Return sentences about what differs in a chunk."""
    found = []
    if (chunk.lines, chunk.blank, chunk.filtered) != (exact.lines, exact.blank, exact.filtered):
        found.append("counts otherwise")
    if chunk.rejected != exact.rejected:
        found.append(f"refuses {chunk.rejected[:2]} and not {exact.rejected[:2]}")
    if chunk.formats != exact.formats:
        found.append(f"finds the formats {chunk.formats}, not {exact.formats}")
    if chunk.table.schema != exact.table.schema:
        found.append(f"has the schema {chunk.table.schema}")
    elif chunk.table["line"] == exact.table["line"]:
        for column in exact.table.column_names:
            if not chunk.table[column].equals(exact.table[column]):
                pairs = zip(chunk.table[column].to_pylist(), exact.table[column].to_pylist(), strict=True)
                where = zip(exact.table["line"].to_pylist(), pairs, strict=True)
                found.append(f"{column} {[one for one in where if one[1][0] != one[1][1]][:3]}")
    else:
        found.append("has rows of other lines")
    return found


def selections(chance):
    """Return what may be requested of a log, and whether escapes are decoded."""
    bounds = {"since": 1765415430_000000} if chance.random() < 0.2 else {}
    prefix = {"path_prefix": "/a"} if chance.random() < 0.2 else {}
    columns = {"columns": tuple(chance.sample(Selection().columns, 5))} if chance.random() < 0.3 else {}
    return Selection(**bounds, **prefix, **columns), chance.random() < 0.3


def smallest(formats, data, selection, decode):
    """Return as few of the lines as still show a difference."""
    lines = data.split(b"\n")
    at = 0
    while at < len(lines) and len(lines) > 1:
        fewer = lines[:at] + lines[at + 1 :]
        if differences(formats, b"\n".join(fewer), selection, decode):
            lines = fewer
        else:
            at += 1
    return b"\n".join(lines)
