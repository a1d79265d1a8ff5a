"""Lines parsed one by one: their formats, what stands around them, and why they are refused."""

import json
from datetime import UTC

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.access_logs.engine.reference_parser import (
    ReferenceParser,
    format_values,
    mismatch_reason,
    reason_unmatched,
    with_extended,
)
from watchme_analysis.access_logs.formats.json_log import keys_in, shape_of, time_keys, values_of
from watchme_analysis.access_logs.formats.known_formats import stock_format, stock_formats
from watchme_analysis.access_logs.formats.log_format import compile_format

COMBINED = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl"'
SECOND = 1_765_415_430_000_000
OWN = compile_format("$status $request_time $host", name="own")


def read(line, formats=None, prepare=True):
    reader = ReferenceParser(stock_formats() if formats is None else formats, UTC)
    if prepare:
        reader.prepare([line] * 3)
    row, log_format = reader.row_and_format(line)
    return row, log_format and log_format.name, dict(+reader.used)


def refusal(line, formats=None):
    with pytest.raises(ValueError) as caught:
        read(line, formats)
    said = caught.value.args[0]
    return messages_in(getattr(said, "message", said))


def test_a_line_has_the_row_of_its_format():
    row, name, used = read(COMBINED)
    assert (name, used, row["path"], row["time"]) == ("combined", {"combined": 1}, "/a", SECOND)
    row, name, used = read(b'{"time":"2025-12-11T01:10:30Z","status":200,"uri":"/a"}')
    assert (name, used, row["path"], row["time"]) == (None, {"JSON": 1}, "/a", SECOND)
    row, name, used = read(b"time:2025-12-11T01:10:30Z\treq:GET /a HTTP/1.1\tstatus:200")
    assert (name, row["path"], [*used.values()]) == (None, "/a", [1])
    # A format whose values are invalid is not the last that is tried.
    formats = [
        compile_format("$request_time $status", name="first"),
        compile_format("$http_x_a $host", name="second"),
    ]
    row, name, used = read(b"- 9999999999999999999999", formats)
    assert (name, used) == ("second", {"second": 1})


def test_directives_say_what_the_fields_of_lines_are():
    reader = ReferenceParser(stock_formats(), UTC)
    first = b"#Fields: date time c-ip cs-method cs-uri-stem sc-status"
    reader.prepare([first])
    assert reader.is_directive(first) and not reader.is_directive(COMBINED)
    row, log_format = reader.row_and_format(b"2025-12-11 01:10:30 192.0.2.7 GET /a 200")
    assert (row["path"], row["status"], row["time"], log_format) == ("/a", 200, SECOND, None)
    assert sum(reader.used.values()) == 1
    with pytest.raises(ValueError) as caught:
        reader.row(b"#Remark: x")
    assert messages_in(caught.value.args[0].message) == {"reject-directive": {}}
    assert reader.is_directive(b"#Fields: c-ip sc-status cs-uri-stem")
    assert reader.row(b"192.0.2.8 404 /b")["status"] == 404
    # Only the first line tells whether a log has directives.
    reader = ReferenceParser(stock_formats(), UTC)
    reader.prepare([COMBINED, first])
    assert reader.fields is None
    reader.prepare([])
    assert reader.fields is None


def test_what_others_put_before_and_around_a_line_is_removed():
    for before in (b"\xef\xbb\xbf", b"web-1  | ", b"\x1b[32m"):
        assert read(before + COMBINED)[0]["path"] == "/a"
    coloured = COMBINED.replace(b"200", b"\x1b[32m200\x1b[0m")
    assert read(coloured)[0]["status"] == 200
    wrapped = json.dumps({"log": f"\x1b[32m{COMBINED.decode()}\n", "stream": "stdout"}).encode()
    row, name, used = read(wrapped)
    assert (row["path"], row["time"], name, used) == ("/a", SECOND, "combined", {"combined": 1})
    # The time of the wrapping counts for a program that writes none.
    timeless = [compile_format('$remote_addr "$request" $status', name="timeless")]
    inner = {"message": '192.0.2.7 "GET /a HTTP/1.1" 200', "time": "2025-12-11T01:10:30Z"}
    assert read(json.dumps(inner).encode(), timeless)[0]["time"] == SECOND
    assert read(json.dumps({"MESSAGE": inner["message"]}).encode(), timeless)[0]["time"] is None
    assert refusal(json.dumps({"log": "junk"}).encode())["reject-no-request"] == {"keys": "log"}
    prefixed = b'2025-12-11T01:10:30.123456789Z 192.0.2.7 "GET /a HTTP/1.1" 200'
    assert read(prefixed, timeless)[0]["time"] == SECOND + 123_456


def test_a_prefix_is_one_if_most_lines_have_it_and_no_format_begins_so():
    prefixed, comment = b"web-1  | " + COMBINED, b"# collected today"
    for lines, is_prefixed in (
        ([prefixed], True), ([prefixed, COMBINED], False), ([prefixed, prefixed, COMBINED], True),
        ([prefixed, comment, comment], True), ([COMBINED], False), ([comment], False),
    ):  # fmt: skip
        reader = ReferenceParser(stock_formats(), UTC)
        reader.prepare(lines)
        assert reader.prefixed is is_prefixed, lines
    # A format that begins with a time takes what could be a prefix.
    timed = compile_format("$time_iso8601 $remote_addr $status", name="timed")
    reader = ReferenceParser([timed], UTC)
    reader.prepare([b"2025-12-11T01:10:30Z 192.0.2.7 200"])
    assert not reader.prefixed


@together(
    ("line", "message"),
    [
        (b"junk", {"reject-no-format": {}}),
        (b"{junk", {"reject-no-json": {}}),
        (b" [1]", {"reject-no-format": {}}),
        (b'{"a": 1}', {"reject-no-request": {"keys": "a"}}),
        (b"2025/12/11 01:10:30 [error] 31#31: x", {"reject-nginx-error": {}}),
        (b"[Thu Dec 11 10:10:30.123456 2025] [core:error] x", {"reject-apache-error": {}}),
    ],
)
def test_a_line_that_is_no_request_has_a_reason(line, message):
    assert refusal(line) == message
    if [*message] == ["reject-nginx-error"]:
        assert messages_in(reason_unmatched(line).message) == message


def test_many_keys_are_listed_in_part():
    keys = [f"{at:02}{'k' * 50}" for at in range(21)]
    listed = ", ".join(key[:40] for key in keys[:20])
    for count, more in ((20, ""), (21, ", …")):
        line = json.dumps(dict.fromkeys(keys[:count], 1)).encode()
        assert refusal(line)["reject-no-request"] == {"keys": listed + more}


@together(
    ("line", "place", "variable"),
    [
        (b"2x0 0.1 a", None, None),
        (b"200 x a", "from", "$request_time"),
        (b"200 0.1 a b", "more", "$host"),
        (b"200 0.1 \0a", "nul", "$status"),
    ],
)
def test_a_line_leaves_its_format_at_a_variable(line, place, variable):
    found = mismatch_reason(OWN, line)
    if place is None:
        assert found is None
    else:
        said = messages_in(found.message)["reject-mismatch"]
        assert said == {"format": "own", "place": place, "variable": variable}
    assert mismatch_reason(OWN, b"200 " + b"x" * (1 << 16)) is None


def test_of_a_format_with_very_many_variables_the_first_hundred_are_compared():
    many = compile_format(" ".join(f"$http_x_{at}" for at in range(102)), name="many")
    said = messages_in(mismatch_reason(many, b" ".join([b"a"] * 101)).message)["reject-mismatch"]
    assert (said["place"], said["variable"]) == ("behind", "$http_x_99")


def test_formats_are_in_the_order_of_a_sample():
    formats = [OWN, stock_format("combined"), stock_format("common")]

    def order(*lines):
        reader = ReferenceParser(formats, UTC)
        reader.order_formats(lines)
        return [one.name for one in reader.formats][:3], reader.others

    assert order() == (["own", "combined", "common"], [])
    assert order(COMBINED, b"junk") == (["combined", "own", "common"], [b"junk"])
    assert order(b"200 0.1 a", COMBINED) == (["own", "combined", "common"], [COMBINED])
    assert order(b"200 0.1 a", COMBINED, COMBINED)[0] == ["combined", "own", "common"]
    assert order(b"junk") == (["own", "combined", "common"], [b"junk"])
    longer = [COMBINED + b" x%d" % at for at in range(5)]
    found = with_extended(formats, longer, UTC)
    assert [one.name for one in found[:3]] == ["own", "combined", "common"]
    assert [one.name for one in found[3:]] == ["combined"] * 2
    assert with_extended(formats, [COMBINED], UTC) == formats


def test_values_of_a_format_are_texts_or_none():
    plan = compile_format("$status $host $http_x_a")
    assert format_values(plan, b"- a \xff") == {"status": None, "host": "a", "http_x_a": "\\xff"}
    assert format_values(plan, b"junk") is None
    plan = compile_format('{"s":"$status","a":"$http_x_a","b":"$http_x_b"}', "json")
    assert format_values(plan, rb'{"s":"200","a":"\u00e9\n","b":""}') == {
        "status": "200",
        "http_x_a": "é\n",
        "http_x_b": None,
    }
    # Of two equal variables the first with a value counts.
    plan = compile_format("$host $host")
    assert [format_values(plan, line)["host"] for line in (b"a b", b"- b", b"- -")] == ["a", "b", None]


def test_keys_of_a_format_are_its_variables():
    plan = compile_format('{"code":"$status","where":"$request_uri"}', "json", "own")
    reader = ReferenceParser([plan], UTC)
    row = reader.row(b'{"where": "/a", "code": "200", "x": "500"}')
    assert (row["status"], row["path"], row["extra"]) == (200, "/a", '{"x": "500"}')
    assert reader.used == {"JSON": 1}
    earlier = compile_format('{"code":"$bytes_sent"}', "json", "other")
    assert ReferenceParser([plan, earlier], UTC).keys == {"code": "status", "where": "request_uri"}


@together(
    ("line", "values"),
    [
        (b"[1]", None),
        (b"{", None),
        (b'{"status": 200, "a": {"b": {}, "c": [1]}, "d": "-", "e": true}',
         {"status": "200", "a.b": "{}", "a.c": "[1]", "d": None, "e": "true"}),
        # The second key of a variable keeps its own name, unless the first has no value.
        (b'{"uri": "/a", "path": "/b"}', {"request_uri": "/a", "path": "/b"}),
        (b'{"uri": "", "path": "/b"}', {"request_uri": "/b"}),
    ],
)  # fmt: skip
def test_json_has_values_by_variable(line, values):
    assert values_of(line, {}) == values


def test_keys_are_dotted_and_those_of_times_are_known_by_the_program():
    assert keys_in(b'{"a": {"b": 1, "c": {}}, "d": 2}') == ["a.b", "a.c", "d"]
    assert time_keys(b"junk") is time_keys(b"[1]") is time_keys(b'{"a": 1}') is None
    line = (
        b'{"httpRequest":{"latency":"0.250s","requestMethod":"GET","requestUrl":"https://example.com/","status":200},'
        b'"timestamp":"2025-12-11T01:10:30Z"}'
    )
    assert time_keys(b"web-1  | " + line) == ["httpRequest.latency"]


@together(
    ("line", "names"),
    [
        (
            b'{"time":"2025-12-11T01:10:30Z","status":200,"uri":"/a"}',
            ("time_iso8601", "status", "request_uri"),
        ),
        (
            b'{"time":"2025-12-11T01:10:30.5Z","status":200,"uri":"/a"}',
            ("time_text", "status", "request_uri"),
        ),
        (b'{"time":1765415430.5,"status":200,"uri":"/a"}', ("msec", "status", "request_uri")),
        (b'{ "status" : 200 , "uri":"/a", "a":{"n":7} }', ("status", "request_uri", "a.n")),
        (b'{"status":200,"request":"/a"}', ("status", "request_uri")),
        (b'{"status":200,"request":"GET /a HTTP/1.1"}', ("status", "request")),
        (b'{"status":200,"uri":"/a","x":1.5}', None),  # whose text is not that of the number
        (b'{"status":200,"uri":"/a","x":"a\\\\b"}', None),
        (b'{"status":200,"uri":"/a","x":[]}', None),
        (b'{"status":200,"uri":"/a","x":01}', None),
        (b'{"status":200,"uri":"/a","duration":"5"}', None),  # its unit follows from each value
        (b'{"status":200,"uri":"/a","uri":"/b"}', None),
        (b'{"status":200,"uri":"/a"} ', None),
        (b'{"status":200}', None),
        (b'{"status":200,"uri":"/a","time":"2025-12-11T01:10:30.5Z","msec":"1765415430.5"}', None),
    ],
)
def test_the_shape_of_a_json_line_is_a_plan(line, names):
    plan = shape_of(line, {})
    assert (None if plan is None else plan.names) == names
    if plan is not None:
        assert plan.by_keys and plan.match(line) is not None
