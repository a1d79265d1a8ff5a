"""Diagnoses and cases as text for a terminal: which numbers and parts of them are shown."""

from datetime import UTC, datetime

import pytest

from watchme_analysis.present.console import case_text, value_table

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def test_numbers_of_a_query_stand_to_the_right_and_words_to_the_left():
    rows = [(1234567, 0.123456789, "a", None, True), (8, None, "b\nc", 2, False)]
    assert value_table(("n", "x", "word", "m", "flag"), rows).splitlines() == [
        "        n         x  word   m  flag",
        "1,234,567  0.123457  a      -  True",
        "        8         -  b ⏎ c  2  False",
    ]


def window(start, end):
    return {"rows": 1, "rejected": 0, "truncated": False, "start": start, "end": end, "notes": []}


def windows(*bounds):
    """Return the time ranges of tables as they are shown, and the shared part of them."""
    tables = {f"t{number}": window(*pair) for number, pair in enumerate(bounds)}
    lines = case_text({"name": "case", "tables": tables, "inputs": []}, {}, UTC).splitlines()
    head = next(at for at, line in enumerate(lines) if line.endswith("UTC)"))
    shown = [line.partition(" -  ")[2].strip() for line in lines[head + 1 :] if line.startswith("t")]
    return lines[head].rpartition("(")[2][:-1], shown


def test_time_ranges_leave_out_the_date_or_year_that_all_share():
    day = "2026-03-02T{}:00Z".format
    assert windows((day("04:00"), day("05:30")), (day("06:00"), day("06:00")), (None, None)) == (
        "2026-03-02, UTC", ["04:00:00 .. 05:30:00", "06:00:00", "-"],
    )  # fmt: skip
    assert windows((day("04:00"), "2026-03-04T05:30:00Z"), (day("06:00"), day("07:00"))) == (
        "2026, UTC", ["03-02 04:00 .. 03-04 05:30", "03-02 06:00:00 .. 07:00:00"],
    )  # fmt: skip
    assert windows((day("04:00"), "2027-03-04T05:30:00Z")) == (
        "UTC", ["2026-03-02 04:00 .. 2027-03-04 05:30"],
    )  # fmt: skip
