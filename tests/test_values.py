from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.values import (
    across_repeated_hours,
    duration_s,
    microseconds,
    number,
    span_ms,
    split_request,
    split_target,
    whole_number,
)

JAN_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


@together(
    ("value", "moment"),
    [
        # The unit of an epoch follows from its size, up to seconds of the year 5138.
        (10**11 - 1, (10**11 - 1) * 10**6),
        (10**11, 10**14),
        (10**14 - 1, (10**14 - 1) * 1000),
        (10**14, 10**14),
        (10**17 - 1, 10**17 - 1),
        (10**17, 10**14),
        (-(10**17) - 1, -(10**14) - 1),
        (10**20 - 1, 10**17 - 1),
        (10**20, None),
        ("1767225600.5", JAN_US + 500_000),
        ("-1.25", -1_250_000),
        ("1767225600.1234567", JAN_US + 123_456),
        ("1767225600123.9", JAN_US + 123_000),
        ("1.7672256e9", JAN_US),
        ("1E20", None),
        ("1e19", 10**16),
        ("0" * 39 + "1", 10**6),
        ("0" * 40 + "1", None),
        ("01/Jan/2026:00:00:00 +0000", JAN_US),
        ("01/Jan/2026:09:00:00,25 +0900", JAN_US + 250_000),
        ("31/Dec/2025:20:30:00.1234567 -0330", JAN_US + 123_456),
        ("01/Jan/2026:00:00:00", JAN_US - 9 * 3600 * 10**6),  # in the zone of the log
        ("01/Jam/2026:00:00:00 +0000", None),
        ("2026-01-01 00:00:00.5 UTC", JAN_US + 500_000),
        ("2026/01/01 00:00:00,5Z", JAN_US + 500_000),
        ("2026-01-01", JAN_US - 9 * 3600 * 10**6),
        ("20260101T000000Z", JAN_US),
        ("2026-W01", None),  # ten characters are the shortest date
        ("W2026-01-01", None),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("9999-12-31T23:59:59-00:01", None),
    ],
)
def test_a_time_has_its_microseconds(value, moment):
    assert microseconds(value, timezone(timedelta(hours=9))) == moment


def test_the_second_pass_of_a_repeated_hour_is_shifted():
    # In London clocks go back at 02:00 on 26 October 2025, so that 01:00 to 02:00 occurs twice.
    zone, minute = ZoneInfo("Europe/London"), 60 * 10**6
    start = microseconds("2025-10-26T00:00:00Z")  # 01:00 there, the first time
    hour = 60 * minute
    first = [start + at * minute for at in (-30, 10, 41)]
    second = [start + at * minute for at in (10, 50)]
    assert across_repeated_hours([*first, *second, start + 2 * hour], zone) == [
        *first,
        *[moment + hour for moment in second],
        start + 2 * hour,
    ]
    # A line that is out of order by up to half an hour begins no second pass.
    late = [start + 40 * minute, start + 10 * minute, start + 41 * minute]
    assert across_repeated_hours(late, zone) == late
    assert across_repeated_hours([late[0], late[1] - 1], zone) == [late[0], late[1] - 1 + hour]
    # Nor does it in a zone or an hour without such a change.
    assert across_repeated_hours([start + 40 * minute, start], UTC) == [start + 40 * minute, start]
    assert across_repeated_hours([], zone) == []


@together(
    ("value", "found"),
    [("1.5", 1.5), (" -2e3 ", -2000.0), (3, 3.0), ("", None), (" - ", None), (None, None), ("+0", 0.0)],
)
def test_a_number_is_finite(value, found):
    assert number(value) == found


@together("value", [True, False, "nan", "inf", "1e999", "1.", ".5", "1,5", "0x10", "1 2"])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError) as caught:
        number(value)
    assert messages_in(caught.value.args[0]) == {"value-no-number": {"value": repr(value)}}


@together(
    ("value", "found"),
    [
        (2**63 - 1, 2**63 - 1), (-(2**63) + 1, -(2**63) + 1), ("-12", -12), (12.0, 12), ("1e3", 1000),
        ("9" * 19, None), (-(2**63), None), ("1" * 41, None), (0.5, None), ("", ""), (None, ""),
    ],
)  # fmt: skip
def test_a_whole_number_fits_in_a_column(value, found):
    if found is None:
        with pytest.raises(ValueError) as caught:
            whole_number(value)
        (said,) = messages_in(caught.value.args[0])
        assert said == ("value-no-whole-number" if value == 0.5 else "value-too-large")
    else:
        assert whole_number(value) == (found if found != "" else None)


@together(
    ("text", "seconds"),
    [
        ("0.004s", 0.004), ("12 ms", 0.012), (" 3us ", 3e-6), ("3µs", 3e-6), ("250ns", 2.5e-7),
        ("1m5s", 65), ("1h0m0.5s", 3600.5),
        ("12", None), ("12 m", None), ("-1s", None), ("1.s", None), (12, None), (None, None),
        ("1" * 18 + "s", float("1" * 18)), ("1" * 19 + "s", None),
    ],
)  # fmt: skip
def test_a_duration_has_a_unit(text, seconds):
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


@together(
    ("start", "end", "estimate", "found"),
    [
        (0, 1_500, None, 1.5),  # a part of a second: exact
        (500, 1_000_500, 7.0, 1000.0),
        (0, 2_000_000, None, 2000.0),  # more than the error of whole seconds
        (0, 1_000_000, None, None),
        (0, 0, None, None),
        (0, 1_000_000, 3.0, 3.0),
        (0, 3_000_000, 2000.0, 2000.0),  # a second off, which whole seconds may be
        (0, 3_000_000, 1999.0, 3000.0),
        (0, 3_000_000, 4000.0, 4000.0),
        (0, 0, 0.0, None),
        (0, 2_000_000, -1.0, 2000.0),
    ],
)
def test_milliseconds_between_times_in_whole_seconds(start, end, estimate, found):
    assert span_ms(start, end, estimate) == found


@together(
    ("line", "parts"),
    [
        ("GET /a?b=c HTTP/1.1", ("GET", "/a", "b=c", "HTTP/1.1")),
        ("VERSION-CONTROL /a HTTP/2", ("VERSION-CONTROL", "/a", None, "HTTP/2")),
        ("GET /a b HTTP/1.0", ("GET", "/a b", None, "HTTP/1.0")),
        ("GET /a", ("GET", "/a", None, None)),
        ("GET http://example.com/a? HTTP/1.1", ("GET", "/a", None, "HTTP/1.1")),
        ("GET http://example.com?b HTTP/1.1", ("GET", None, "b", "HTTP/1.1")),
        ("GET http://example.com HTTP/1.1", ("GET", "/", None, "HTTP/1.1")),
        ("OPTIONS * HTTP/1.1", ("OPTIONS", "*", None, "HTTP/1.1")),
        ("GET /a b", None),
        ("get /a HTTP/1.1", None),
        ("GET  HTTP/1.1", None),
        ("GET /a HTTP/1.10", None),  # no protocol, and an old request has no spaces
        ("", None),
        ("\\x16\\x03", None),
    ],
)
def test_a_request_line_has_parts(line, parts):
    expected = parts and dict(zip(("method", "path", "query", "protocol"), parts, strict=True))
    assert split_request(line) == expected


@together(
    ("target", "parts"),
    [("/a?b?c", ("/a", "b?c")), ("?", (None, None)), ("", (None, None)), ("a://b#c", ("#c", None))],
)
def test_a_target_has_a_path_and_a_query(target, parts):
    assert split_target(target) == parts
