from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.errors import InputError
from watchme_analysis.window import Window, moment_of, parse_span, parse_time, parse_zone

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2025, 12, 11, 3, 0, tzinfo=UTC)


def test_window_is_kept_in_utc_and_half_open():
    window = Window(datetime(2025, 12, 11, 10, 0, tzinfo=TOKYO), datetime(2025, 12, 11, 11, 0, tzinfo=TOKYO))
    assert window.start == datetime(2025, 12, 11, 1, 0, tzinfo=UTC)
    assert window.start.tzinfo is UTC
    assert window.contains(window.start)
    assert not window.contains(window.end)
    assert window.seconds == 3600


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


def error_of(call, *arguments):
    with pytest.raises(InputError) as raised:
        call(*arguments)
    return messages_in(raised.value.args[0])


def test_errors_of_windows_and_times():
    naive = datetime(2025, 12, 11)
    assert error_of(Window, naive, NOW) == {"error-time-without-zone": {"time": "2025-12-11T00:00:00"}}
    assert error_of(Window, NOW, NOW) == {
        "error-window-backwards": {"end": NOW.isoformat(), "start": NOW.isoformat()}
    }
    assert error_of(parse_time, "x" * 61) == {"error-time-invalid": {"text": repr("x" * 60 + "…")}}
    assert error_of(parse_time, "x" * 60) == {"error-time-invalid": {"text": repr("x" * 60)}}
    assert error_of(parse_span, "5") == {"error-duration-invalid": {"text": "'5'"}}
    assert error_of(parse_span, "36526d") == {"error-duration-long": {"text": "'36526d'"}}
    assert error_of(parse_zone, "Mars") == {"error-zone-unknown": {"name": "'Mars'"}}
    assert error_of(moment_of, 7) == {"error-time-kind": {"value": "7"}}


@together(
    ("text", "known"),
    [
        ("1899-12-31T23:59:59Z", False),
        ("1900-01-01", True),
        ("2261-12-31T23:59:59Z", True),
        ("2262-01-01", False),
        ("0001-01-01T00:00:00+09:00", False),  # in UTC before the first year
        ("99999999999", False),
    ],
)
def test_years_that_can_be_stored(text, known):
    if known:
        assert parse_time(text).year in (1900, 2261)
    else:
        assert list(error_of(parse_time, text)) == ["error-time-range"]


def test_spans_of_each_unit_and_the_longest():
    spans = {"500ms": 0.5, "2s": 2, "3m": 180, "4h": 14_400, "5d": 432_000, "1w": 604_800, " 1d12h ": 129_600}
    assert {text: parse_span(text).total_seconds() for text in spans} == spans
    assert parse_span("36525d") == timedelta(days=36525)
    for wrong in ("", "1", "h", "1h x", "-1h", "１h"):
        assert list(error_of(parse_span, wrong)) == ["error-duration-invalid"]


def test_windows_in_words_and_bounds_of_python():
    window = Window(NOW, NOW + timedelta(hours=1))
    assert str(window) == "2025-12-11T03:00:00+00:00 .. 2025-12-11T04:00:00+00:00"
    assert not window.contains(NOW - timedelta(microseconds=1))
    assert window.contains(window.end - timedelta(microseconds=1))
    local = datetime(2025, 12, 11, 10)
    assert moment_of(local, TOKYO) == datetime(2025, 12, 11, 1, tzinfo=UTC)
    assert moment_of(local) == datetime(2025, 12, 11, 10, tzinfo=UTC)
    assert moment_of(local.replace(tzinfo=TOKYO)) == datetime(2025, 12, 11, 1, tzinfo=UTC)
    assert moment_of("1h", now=NOW) == moment_of(timedelta(hours=1), now=NOW) == NOW - timedelta(hours=1)
    before = datetime.now(UTC)
    assert before <= moment_of(timedelta(0)) <= datetime.now(UTC)
    assert before <= parse_time("now") <= datetime.now(UTC)
    assert parse_time("now", now=NOW.astimezone(TOKYO)).tzinfo is UTC
    assert parse_time("1765414800.5") == datetime(2025, 12, 11, 1, 0, 0, 500_000, tzinfo=UTC)
    assert parse_time("123456789") == datetime.fromtimestamp(123456789, UTC)
    assert list(error_of(parse_time, "500ms")) == ["error-time-invalid"]  # a span, but none of a log


def test_words_for_days_and_units_and_the_zone_of_japan_are_understood():
    now, japan = datetime(2026, 3, 2, 16, tzinfo=UTC), parse_zone("JST")
    assert parse_time("yesterday", UTC, now) == datetime(2026, 3, 1, tzinfo=UTC)
    # In Japan it is the third of March already.
    assert parse_time("today", japan, now) == datetime(2026, 3, 2, 15, tzinfo=UTC)
    for text in ("90m", "90 min", "1 hour 30 minutes", "1.5 hours", "1h30m"):
        assert parse_span(text) == timedelta(minutes=90)
        assert parse_time(text, UTC, now) == now - timedelta(minutes=90)
    for text in ("1 houres", "yesterdays", "hour"):
        with pytest.raises(InputError):
            parse_time(text, UTC, now)
