import pytest
from worlds.together import together

from watchme_analysis.access_logs.formats.known_formats import stock_format
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.errors import FormatError

COMBINED = stock_format("combined")
LINE = b'192.0.2.7 - ann [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl/8.5"'


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
