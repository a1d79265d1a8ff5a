"""The accounting of a table: its representation, its counts, and what several parts sum up to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import AccountingError
from watchme_analysis.retrieval import Rejected, Retrieval, check_lines, combined
from watchme_analysis.text.message import message_of

START = datetime(2025, 12, 11, 1, tzinfo=UTC)
WHOLE = Retrieval(
    "nginx_access",
    "a.log, b.log, c.log",
    rows=1234,
    lines=1250,
    blank_lines=2,
    joined_lines=3,
    filtered=1,
    rejected=(Rejected("a.log", 7, "no time"),),
    start=START,
    end=START + timedelta(hours=1, seconds=5),
    truncated=True,
    query="select 1",
    bytes_scanned=2.5e9,
    cost_usd=0.0125,
    cached_at=datetime(2025, 12, 11, 12, tzinfo=timezone(timedelta(hours=9))),
    notes=("one", "two"),
)


def test_a_representation_states_rows_completeness_and_cost():
    assert repr(WHOLE) == (
        "<Retrieval: 1,234 rows of nginx_access (a.log, b.log and 1 more), rows are missing; "
        "2025-12-11 01:00:00 to 2025-12-11 02:00:05 UTC; 1 line outside the selection; 10 lines rejected; "
        "2.500 GB scanned, 0.0125 USD; partly from the cache of 2025-12-11 03:00:00 UTC; notes: 2>"
    )
    assert repr(Retrieval("s", "a, b", rows=1)) == "<Retrieval: 1 row of s (a, b), complete>"
    assert repr(Retrieval("s", "a", filtered=2)) == (
        "<Retrieval: 0 rows of s (a), complete; 2 lines outside the selection>"
    )
    assert repr(Retrieval("s", "a", bytes_scanned=0.0)) == (
        "<Retrieval: 0 rows of s (a), complete; 0.000 GB scanned>"
    )


def test_rejected_lines_are_those_that_nothing_else_accounts_for():
    # 1250 - 1234 rows - 2 blank - 3 joined - 1 outside.
    assert (WHOLE.rejected_lines, WHOLE.rejected_count) == (10, 10)
    # A lost tail is no line.
    assert replace(WHOLE, lines=1240).rejected_count == 1
    assert replace(WHOLE, lines=None).rejected_count == 1
    assert Retrieval("s", "a").rejected_lines == 0


def test_a_retrieval_as_json():
    assert replace(WHOLE, parts=(WHOLE,)).to_dict() == {
        "source": "nginx_access",
        "origin": "a.log, b.log, c.log",
        "rows": 1234,
        "lines": 1250,
        "blank_lines": 2,
        "joined_lines": 3,
        "left_out": 1,
        "rejected": 10,
        "start": "2025-12-11T01:00:00+00:00",
        "end": "2025-12-11T02:00:05+00:00",
        "truncated": True,
        "query": "select 1",
        "bytes_scanned": 2.5e9,
        "cost_usd": 0.0125,
        "cached_at": "2025-12-11T12:00:00+09:00",
        "notes": ["one", "two"],
    }
    empty = Retrieval("s", "a").to_dict()
    assert (empty["start"], empty["end"], empty["cached_at"], empty["rejected"]) == (None, None, None, 0)


def test_several_parts_are_summed_up():
    other = Retrieval(
        "nginx_access",
        "d.log",
        rows=1,
        lines=2,
        rejected=(Rejected("d.log", 2, "torn"),),
        start=START - timedelta(hours=1),
        end=START,
        bytes_scanned=1e9,
        cached_at=START,
        notes=("one", "of d.log"),
    )
    found = combined([WHOLE, other])
    assert replace(found, notes=(), parts=()) == Retrieval(
        "nginx_access",
        "a.log, b.log, c.log, d.log",
        rows=1235,
        lines=1252,
        blank_lines=2,
        joined_lines=3,
        filtered=1,
        rejected=(WHOLE.rejected[0], other.rejected[0]),
        start=START - timedelta(hours=1),
        end=START + timedelta(hours=1, seconds=5),
        truncated=True,
        query="select 1",
        bytes_scanned=3.5e9,
        cost_usd=0.0125,
        cached_at=START,
    )
    assert found.parts == (WHOLE, other)
    # Each note has its origin in front, unless it names it.
    assert [messages_in(message_of(note)) for note in found.notes[:3]] == [
        {"note-of-file": {"file": "a.log, b.log, c.log", "note": "one"}},
        {"note-of-file": {"file": "a.log, b.log, c.log", "note": "two"}},
        {"note-of-file": {"file": "d.log", "note": "one"}},
    ]
    assert found.notes[3:] == ("of d.log",)


@pytest.mark.parametrize(("lines", "accounted", "differ", "how"), [(5, 3, "2", "lost"), (5, 6, "1", "twice")])
def test_lines_that_are_lost_or_counted_twice(lines, accounted, differ, how):
    with pytest.raises(AccountingError) as raised:
        check_lines("a.log", lines, accounted)
    assert messages_in(raised.value.args[0]) == {
        "error-lines-unaccounted": {"file": "a.log", "differ": differ, "lines": "5", "how": how}
    }
    check_lines("a.log", 5, 5)
