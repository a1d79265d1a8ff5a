from zoneinfo import ZoneInfo

from worlds.together import together

from watchme_analysis.text.formats import in_zone, localised


@together(
    ("text", "shown"),
    [
        ("since 2025-12-11 01:00 UTC.", "since 2025-12-11 10:00 Asia/Tokyo."),
        ("at 2025-12-11 15:00:09 UTC", "at 2025-12-12 00:00:09 Asia/Tokyo"),
        ("2025-12-11 01:00 to 01:20 UTC", "2025-12-11 10:00 to 10:20 Asia/Tokyo"),
        ("2025-12-11 14:59 to 15:20 UTC", "2025-12-11 23:59 to 2025-12-12 00:20 Asia/Tokyo"),
        (
            "between 2025-12-10 01:00 and 2025-12-12 02:00 UTC",
            "between 2025-12-10 10:00 and 2025-12-12 11:00 Asia/Tokyo",
        ),
        (
            "from 2025-12-11 01:00 UTC to 2025-12-11 02:00 UTC",
            "from 2025-12-11 10:00 to 11:00 Asia/Tokyo",
        ),
        (
            "2025-12-11 01:00 UTC, 2025-12-11 02:00 UTC",
            "2025-12-11 10:00 Asia/Tokyo, 2025-12-11 11:00 Asia/Tokyo",
        ),
        ("12 of 14 requests; 2025-12-11 01:00", "12 of 14 requests; 2025-12-11 01:00"),
    ],
)
def test_utc_times_in_a_sentence_move_to_the_readers_zone(text, shown):
    assert in_zone(text, ZoneInfo("Asia/Tokyo")) == shown


def test_a_zone_with_summer_time():
    zone = ZoneInfo("America/New_York")
    assert in_zone("2025-07-01 12:00 UTC and 2025-12-01 12:00 UTC", zone) == (
        "2025-07-01 08:00 and 2025-12-01 07:00 America/New_York"
    )


def test_every_text_of_a_value_is_localised_and_nothing_else():
    value = {
        "summary": ["at 2025-12-11 01:00 UTC"],
        "rows": 3,
        "start": "2025-12-11T01:00:00+00:00",
        "end": None,
    }
    assert localised(value, ZoneInfo("Asia/Tokyo")) == value | {"summary": ["at 2025-12-11 10:00 Asia/Tokyo"]}
