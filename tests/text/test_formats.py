from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from worlds.together import together

from watchme_analysis.text.formats import (
    as_sentence,
    counted,
    format_duration,
    format_number,
    format_percent,
    format_probability,
    format_time,
)


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ["row"], "0 rows"),
        (1, ["row"], "1 row"),
        (1500, ["row"], "1,500 rows"),
        (1, ["query", "queries"], "1 query"),
        (2, ["query", "queries"], "2 queries"),
    ],
)
def test_a_number_stands_with_its_noun(count, words, text):
    assert counted(count, *words) == text


@pytest.mark.parametrize(
    ("clause", "sentence"),
    [
        ("all threads are taken", "All threads are taken."),
        ("/health waits for a thread", "/health waits for a thread."),
        ("`sleep` in `main` blocks", "`sleep` in `main` blocks."),
        ("Task timed out.", "Task timed out."),
    ],
)
def test_a_clause_becomes_a_sentence(clause, sentence):
    assert as_sentence(clause) == sentence


@together(
    ("share", "decimals", "text"),
    [
        (0.0, 0, "0%"),
        (0.0049, 0, "<1%"),
        (0.005, 0, "<1%"),
        (0.25, 0, "25%"),
        (0.9951, 0, ">99%"),
        (1.0, 0, "100%"),
        (0.0004, 1, "<0.1%"),
        (0.1234, 1, "12.3%"),
        (0.9996, 1, ">99.9%"),
        (float("nan"), 0, "–"),
    ],
)
def test_a_percentage_is_not_rounded_to_nothing_or_everything(share, decimals, text):
    assert format_percent(share, decimals) == text


def test_missing_values_are_a_dash():
    nan = float("nan")
    assert {format_number(nan), format_percent(nan), format_duration(nan)} == {"–"}
    assert format_time(None, UTC) == "–"


def test_probabilities_are_never_certain():
    assert [format_probability(value) for value in (0.0, 0.5, 1.0)] == ["under 1%", "50%", "over 99%"]


def test_times_are_shown_in_the_readers_zone():
    zone = ZoneInfo("Asia/Tokyo")
    moment = datetime(2025, 12, 11, 1, 5, 20, tzinfo=UTC)
    assert format_time(moment, zone) == format_time("2025-12-11T01:05:20.000Z", zone) == "2025-12-11 10:05:20"
    assert format_time(moment, zone, seconds=False) == "2025-12-11 10:05"
