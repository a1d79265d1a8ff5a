from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from worlds.together import together

from watchme_analysis.text.formats import (
    as_sentence,
    format_bytes,
    format_duration,
    format_number,
    format_percent,
    format_time,
)


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


def test_times_are_shown_in_the_readers_zone():
    zone = ZoneInfo("Asia/Tokyo")
    moment = datetime(2025, 12, 11, 1, 5, 20, tzinfo=UTC)
    assert format_time(moment, zone) == format_time("2025-12-11T01:05:20.000Z", zone) == "2025-12-11 10:05:20"
    assert format_time(moment, zone, seconds=False) == "2025-12-11 10:05"


@together(
    ("value", "digits", "text"),
    [
        (0.0, 3, "0"), (0.012345, 3, "0.0123"), (999.5, 3, "1,000"), (1234567.0, 4, "1,234,567"),
        (12.0, 3, "12"), (-0.5, 3, "-0.5"), (1.0, 1, "1"), (1.26, 2, "1.3"), (float("inf"), 3, "∞"),
        (float("-inf"), 3, "−∞"), (100.0, 2, "100"), (10.0, 3, "10"),
    ],
)  # fmt: skip
def test_a_number_has_so_many_significant_figures(value, digits, text):
    assert format_number(value, digits) == text


@together(
    ("seconds", "text"),
    [
        (0.0, "0 s"), (0.0005, "< 1 ms"), (0.001, "1 ms"), (0.85, "850 ms"), (0.9994, "999 ms"),
        (0.9995, "1 s"), (52.0, "52 s"), (99.4, "99.4 s"), (99.5, "1 min 40 s"), (120.0, "2 min"),
        (250.0, "4 min 10 s"), (3599.6, "1 h"), (3569.0, "59 min 29 s"), (3570.0, "1 h"),
        (5400.0, "1 h 30 min"), (84_600.0, "1 d"), (84_599.0, "23 h 30 min"), (273_600.0, "3 d 4 h"),
        (-250.0, "−4 min 10 s"),
    ],
)  # fmt: skip
def test_a_duration_has_one_unit_or_two(seconds, text):
    assert format_duration(seconds) == text
    assert format_duration(timedelta(seconds=seconds)) == text


@together(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (999.4, "999 B"), (999.5, "1 kB"), (1000, "1 kB"), (37_700_000, "37.7 MB"),
     (2.5e9, "2.5 GB"), (999.4e9, "999 GB"), (1e12, "1 TB"), (-2000, "-2 kB")],
)  # fmt: skip
def test_a_size_has_the_unit_that_suits_it(size, text):
    assert format_bytes(size) == text
