from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from worlds.together import together

from watchme_analysis.errors import InputError
from watchme_analysis.window import Window, parse_span, parse_time, parse_zone

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2025, 12, 11, 3, 0, tzinfo=UTC)


def test_window_is_kept_in_utc_and_half_open():
    window = Window(datetime(2025, 12, 11, 10, 0, tzinfo=TOKYO), datetime(2025, 12, 11, 11, 0, tzinfo=TOKYO))
    assert window.start == datetime(2025, 12, 11, 1, 0, tzinfo=UTC)
    assert window.start.tzinfo is UTC
    assert window.contains(window.start)
    assert not window.contains(window.end)
    assert window.seconds == 3600


def test_window_refuses_naive_and_reversed_bounds():
    with pytest.raises(InputError, match="no time zone"):
        Window(datetime(2025, 12, 11), NOW)
    with pytest.raises(InputError, match="not after its start"):
        Window(NOW, NOW)


@together(
    ("text", "expected"),
    [
        ("2025-12-11T10:00+09:00", datetime(2025, 12, 11, 1, 0, tzinfo=UTC)),
        ("2025-12-11T10:00", datetime(2025, 12, 11, 1, 0, tzinfo=UTC)),
        ("2025-12-11", datetime(2025, 12, 10, 15, 0, tzinfo=UTC)),
        ("2025-12-11T01:00:00Z", datetime(2025, 12, 11, 1, 0, tzinfo=UTC)),
        ("1765414800", datetime(2025, 12, 11, 1, 0, tzinfo=UTC)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d12h", NOW - timedelta(hours=36)),
        ("now", NOW),
    ],
)
def test_times_are_read_in_the_zone_requested(text, expected):
    moment = parse_time(text, TOKYO, now=NOW)
    assert moment == expected
    assert moment.utcoffset() == timedelta(0)


def test_times_without_a_zone_are_utc_unless_stated():
    assert parse_time("2025-12-11T10:00") == datetime(2025, 12, 11, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2h30", "", "12:00", "5 m"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="is not a valid time"):
        parse_time(text, now=NOW)


def test_spans():
    assert parse_span("90s") == timedelta(seconds=90)
    assert parse_span("1.5h") == timedelta(minutes=90)
    assert parse_span("1m500ms") == timedelta(seconds=60.5)
    with pytest.raises(InputError, match="not a valid duration"):
        parse_span("1h 5")


def test_unknown_zone_is_refused_with_an_example():
    with pytest.raises(InputError, match="Europe/Berlin"):
        parse_zone("Asia/Nowhere")
    with pytest.raises(InputError):
        parse_zone("../etc/passwd")
