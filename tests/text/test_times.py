"""Times within sentences are shown in the time zone of the reader."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from watchme_analysis.text.message import Instant, TimeSpan, message
from watchme_analysis.text.render import note, render

TOKYO = ZoneInfo("Asia/Tokyo")


def utc(month, day, hour, minute=0):
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


def test_a_note_that_is_stored_in_utc_is_shown_in_the_readers_zone():
    stored = note("value", value=TimeSpan(utc(12, 11, 14, 50), utc(12, 11, 15, 10)))

    assert str(stored) == "2025-12-11 14:50:00 to 15:10:00 UTC"
    assert render(stored) == str(stored)
    assert render(stored, zone=TOKYO) == "2025-12-11 23:50:00 to 2025-12-12 00:10:00 Asia/Tokyo"


def test_a_zone_with_summer_time():
    zone = ZoneInfo("America/New_York")
    shown = [render(message("value", value=Instant(utc(month, 1, 12))), zone=zone) for month in (7, 12)]
    assert shown == ["2025-07-01 08:00:00 America/New_York", "2025-12-01 07:00:00 America/New_York"]


def test_a_plain_text_from_evidence_stays_as_it_was_written():
    text = "upstream failed at 2025-12-11 01:00 UTC"
    assert render(text, zone=TOKYO) == text
