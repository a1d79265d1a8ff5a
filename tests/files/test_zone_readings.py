"""Zones that times of a log state, and the zone of times without one."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from worlds.together import together

from watchme_analysis.files.zones import NotedZone, offset_in


@together(
    ("text", "minutes"),
    [
        (b"[11/Dec/2025:10:10:30 +0900] [11/Dec/2025:10:10:30 +0000]", 540),
        (b"2025-12-11T10:10:30-03:30 GET", -210),
        (b"2025-12-11T10:10:30+00:00", 0),
        (b"2025-12-11T10:10:30Z", None),
        (b"10:10:30 +2900", None),
        (b"10:10:30 +09000", None),
        (b"", None),
    ],
)
def test_the_first_time_with_an_offset_states_the_zone(text, minutes):
    assert offset_in(text) == (None if minutes is None else timezone(timedelta(minutes=minutes)))


def test_a_zone_records_whether_a_time_was_read_with_it():
    london = NotedZone(ZoneInfo("Europe/London"))
    assert (london.used, str(london)) == (False, "Europe/London")
    summer = datetime(2025, 7, 1, 12, tzinfo=london)
    assert not london.used
    assert summer.utcoffset() == timedelta(hours=1)
    assert london.used
    assert (summer.dst(), summer.tzname()) == (timedelta(hours=1), "BST")
    winter = datetime(2025, 12, 1, 12, tzinfo=london)
    assert (winter.utcoffset(), winter.dst(), winter.tzname()) == (timedelta(), timedelta(), "GMT")
    there = datetime(2025, 7, 1, 11, tzinfo=UTC).astimezone(london)
    assert (there.replace(tzinfo=None), there.tzinfo) == (datetime(2025, 7, 1, 12), london)
