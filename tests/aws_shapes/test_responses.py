from datetime import UTC, datetime, timedelta, timezone

import pytest
from worlds.together import together

from watchme_analysis.aws_shapes.responses import integer, number, utc_time


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12345678", 12345678.0), (" 1e3 ", 1000.0), (0.25, 0.25), (None, None), ("-", None)],
)
def test_numbers_of_responses_are_parsed(value, expected):
    assert number(value) == expected


@together("value", ["1_000", "Infinity", "nan", "12x", True, [1], {}, "1" * 400])
def test_values_that_are_not_numbers_are_unknown(value):
    assert number(value) is None


def test_whole_numbers_follow_the_same_rules():
    assert integer("9007199254740993") == 9007199254740993
    assert integer("1_000") is None


@together(
    ("value", "hour"),
    [
        ("2026-03-02T04:00:00+09:00", -5),
        ("2026-03-02T04:00:00", 2),
        ("2026-03-02 04:00:00Z", 4),
        ("20260302T040000", 2),
        ("20260302T040000+0900", -5),
        (datetime(2026, 3, 2, 4), 2),
        (1772424000, 4),
        ("1772424000000", 4),
    ],
)
def test_times_without_a_zone_are_in_the_zone_given_and_others_in_their_own(value, hour):
    expected = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)
    assert utc_time(value, timezone(timedelta(hours=2))) == expected
    assert utc_time(value).utcoffset() == timedelta(0)
