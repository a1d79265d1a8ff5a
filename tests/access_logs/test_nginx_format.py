import pytest
from worlds.together import together

from watchme_analysis.access_logs.formats.known_formats import stock_format
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.errors import FormatError

COMBINED = stock_format("combined")
LINE = b'192.0.2.7 - ann [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl/8.5"'


def test_a_line_is_taken_apart():
    assert COMBINED.match(LINE) == (
        b"192.0.2.7",
        b"ann",
        b"11/Dec/2025:10:10:30 +0900",
        b"GET /a HTTP/1.1",
        b"200",
        b"12",
        b"-",
        b"curl/8.5",
    )


@pytest.mark.parametrize("user", [b"john doe", b"a - b [c", b"[x] \\x22"])
def test_a_user_may_hold_spaces_and_brackets(user):
    assert COMBINED.match(LINE.replace(b"ann", user))[1] == user


def test_a_line_that_is_cut_at_any_byte_does_not_match():
    assert [at for at in range(len(LINE)) if COMBINED.match(LINE[:at]) is not None] == []


def test_a_line_that_is_cut_at_any_byte_and_joined_to_the_next_does_not_match():
    assert [at for at in range(1, len(LINE) - 1) if COMBINED.match(LINE[:at] + LINE) is not None] == []


@together(
    "changed",
    [
        LINE.replace(b" 200 ", b" 2x0 "),
        LINE.replace(b"11/Dec", b"11-Dec"),
        LINE.replace(b"192.0.2.7", b"192.0.2"),
        LINE + b" ",
        b" " + LINE,
        LINE.replace(b'"-"', b'"a"b"'),
    ],
)
def test_a_value_of_another_class_is_no_line(changed):
    assert COMBINED.match(changed) is None


@pytest.mark.parametrize("address", [b"2001:db8::7", b"::ffff:192.0.2.7", b"fe80::1%eth0", b"unix:", b"-"])
def test_addresses_of_every_family_are_read(address):
    assert COMBINED.match(LINE.replace(b"192.0.2.7", address))[0] == address


@together(
    "times",
    [b"-", b"0.001", b"0.001, 0.230", b"0.001 : 0.230", b"-, 0.230", b"0.001, - : 0.2, 1.000", b"0.001 : "],
)
def test_upstream_lists_are_read(times):
    plan = compile_format("$request_time $upstream_response_time [$upstream_addr]")

    assert plan.match(b"0.300 " + times + b" [192.0.2.20:80, unix:/run/a.sock]")[1] == times


def test_json_values_may_hold_escaped_quotation_marks():
    plan = compile_format('{"uri":"$request_uri","agent":"$http_user_agent"}', "json")

    assert plan.match(rb'{"uri":"/a\"b","agent":""}') == (rb"/a\"b", b"")


def test_a_word_in_quotation_marks_may_be_anything_a_client_says():
    plan = compile_format('{"host":"$host","length":"$content_length","status":$status}', "json")

    assert plan.match(rb'{"host":"a\"b c","length":"5, 5","status":400}') == (rb"a\"b c", b"5, 5", b"400")


def test_spaces_at_the_end_of_a_request_line_are_of_the_protocol():
    plan = compile_format('"$request_method $uri $server_protocol" $server_protocol $status')

    found = plan.match(b'"GET /a b HTTP/1.1  " HTTP/1.1   200')

    assert found == (b"GET", b"/a b", b"HTTP/1.1  ", b"HTTP/1.1  ", b"200")


def test_unescaped_text_ends_where_the_rest_of_the_line_fits():
    plan = compile_format('"$http_user_agent" $status', "none")

    assert plan.match(b'"say "200" loud" 404') == (b'say "200" loud', b"404")


def test_a_huge_line_is_decided_quickly():
    plan = compile_format("$http_a $http_b $http_c $status")

    assert plan.match(b" " * 1_000_000 + b"x") is None


@pytest.mark.parametrize(
    ("text", "escape", "said"),
    [
        ("$request_time$status", "default", "without anything between"),
        ("no variable", "default", "no variable"),
        ("$status", "yaml", "escape=yaml"),
    ],
)
def test_what_can_not_be_read_is_refused_with_a_sentence(text, escape, said):
    with pytest.raises(FormatError, match=said):
        compile_format(text, escape)


@pytest.mark.parametrize("address", [b"192.0.2.7", b"2001:db8::1a60", b"::1"])
def test_two_lines_run_into_one_are_none(address):
    line = address + b' - - [11/Dec/2025:10:10:30 +0900] "GET / HTTP/1.1" 200 1'

    assert compile_format(stock_format("common").text).match(line)
    # A part of an address before another one may make a third of them.
    for cut in range(len(address) + 1, len(line) - 1):
        assert compile_format(stock_format("common").text).match(line[:cut] + line) is None


@pytest.mark.parametrize(
    ("text", "escape", "line"),
    [
        ("$time_iso8601 $status $uri $body_bytes_sent", "default", b"2025-12-11T10:10:30+09:00 200 /a%s 12"),
        ("$time_local|$request|$status", "default", b"11/Dec/2025:10:10:30 +0900|GET /%s|200"),
        ("$msec $status $http_user_agent", "default", b"1765415430.123 200 curl/8.5 (x)%s"),
        (
            "$remote_addr $msec $http_user_agent",
            "default",
            b"192.0.2.7 1765415430.123 Chrome/120.0.0.0 Safari%s",
        ),
        ('$msec "$http_user_agent" $status', "none", b'1765415430.123 "say "200" loud%s" 404'),
    ],
)
def test_lines_whose_start_has_no_marks_are_none_where_two_are_one(text, escape, line):
    plan, whole = compile_format(text, escape), line.replace(b"%s", b"")

    assert plan.match(whole) is not None
    assert plan.match(whole + whole) is None
    assert plan.match(line.replace(b"%s", b" ") + whole) is None
    # What a browser calls itself, and a number, look like no time.
    assert plan.match(line.replace(b"%s", b" 120.0 1.234 10:10:30")) is not None


@pytest.mark.parametrize(("escape", "torn"), [("default", True), ("json", True), ("none", False)])
def test_bytes_that_a_crash_leaves_are_of_no_value(escape, torn):
    plan = compile_format("$status $http_user_agent $request_time", escape)

    assert (plan.match(b"200 cu\0\0\0rl 0.1") is None) == torn
