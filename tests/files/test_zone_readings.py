"""Zones that times of a log state, and the zone of times without one."""

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.case.importer import import_folder
from watchme_analysis.files.zones import NotedZone, offset_in
from watchme_analysis.text.message import message_of
from watchme_analysis.values import microseconds


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


def test_local_times_that_occur_twice_or_never_are_noted(tmp_path):
    # Clocks went forward at 2025-03-30 02:00 and back at 2025-10-26 03:00.
    lines = ["2025-03-30 02:30:00,000", "2025-03-30 03:30:00,000", "2025-10-26 01:59:59,000"]
    lines += ["2025-10-26 02:00:00,000", "2025-10-26 02:30:00,000", "2025-10-26 02:30:00,000"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "app.log").write_text("".join(f"{time} ERROR app line\n" for time in lines))
    for zone, kinds in (("Europe/Berlin", {"skipped": 1, "repeated": 2}), ("Asia/Tokyo", {}), ("UTC", {})):
        case = import_folder(tmp_path / "in", tmp_path / zone.replace("/", "-"), zone_name=zone).case
        notes = case.manifest["tables"]["app_log"]["notes"]
        assert len(notes) == len(kinds)
        for kind, count in kinds.items():
            (text,) = [one for one in notes if ("twice" in one) == (kind == "repeated")]
            assert f"{count} " in text
            assert zone in text
    noted = NotedZone(ZoneInfo("Europe/Berlin"))
    assert microseconds("2025-10-26 02:30:00", noted) == microseconds("2025-10-26 02:30:00+02:00")
    said = [messages_in(message_of(one)) for one in noted.notes()]
    assert said == [
        {"note-times-repeated": {"times": 1, "zone": "Europe/Berlin", "first": "2025-10-26 02:30:00"}}
    ]
