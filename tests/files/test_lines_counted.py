"""The accounting of lines: what each outcome adds to it, and how those of a file's parts add up."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import AccountingError
from watchme_analysis.files import line_accounting
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.line_accounting import LineAccounting, TextAccounting
from watchme_analysis.retrieval import Rejected, Retrieval


def test_all_that_was_counted_is_in_the_retrieval():
    account = LineAccounting("app.log", "app_log", ["a note"])
    account.lines, account.row_count, account.blank_lines = 10, 3, 1
    account.joined_lines, account.filtered = 2, 3
    account.reject(4, "no time", b"caf\xe9")
    account.truncate("it ends early")
    account.widen_span([2_000_000, 1_500_000])
    account.widen_span([])
    account.widen_span([1_700_000])

    assert account.retrieval() == Retrieval(
        "app_log",
        "app.log",
        rows=3,
        lines=10,
        blank_lines=1,
        joined_lines=2,
        filtered=3,
        # A lost tail is listed, but is no line that was read.
        rejected=(Rejected("app.log", 4, "no time", "caf\\xe9", 4), Rejected("app.log", 0, "it ends early")),
        start=datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC),
        end=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC),
        truncated=True,
        notes=("a note",),
    )


def test_lines_that_do_not_add_up_are_refused_unless_rows_are_not_lines():
    account = LineAccounting("app.log", "app_log", lines=2, row_count=1)
    with pytest.raises(AccountingError):
        account.retrieval()
    account.has_row_per_line = False
    assert account.retrieval() == Retrieval("app_log", "app.log", rows=1)


def test_parts_of_a_file_add_up_and_their_lines_are_counted_on():
    first = LineAccounting("a.log", "app_log", ["one"], lines=4, row_count=2, blank_lines=1, span=[50, 70])
    first.reject(3, "short", b"x")
    later = LineAccounting("a.log", "app_log", ["one", "two"], lines=9, row_count=3, blank_lines=2, span=[20])
    later.joined_lines, later.filtered = 1, 1
    later.reject(2, "long", b"yy")
    later.reject(5, "short", b"z")
    later.truncate("it ends early")

    first.merge(later)

    assert first == LineAccounting(
        "a.log",
        "app_log",
        ["one", "two"],
        lines=13,
        row_count=5,
        blank_lines=3,
        joined_lines=1,
        filtered=1,
        rejected_lines=3,
        rejected=[
            Rejected("a.log", 3, "short", "x", 1),
            Rejected("a.log", 6, "long", "yy", 2),  # the second line of the later part, behind four others
            Rejected("a.log", 9, "short", "z", 1),
            Rejected("a.log", 0, "it ends early"),
        ],
        span=[20, 70],
        is_truncated=True,
    )
    first.merge(LineAccounting("a.log", "app_log"))
    assert (first.lines, first.is_truncated, first.span) == (13, True, [20, 70])


def test_texts_of_rejected_lines_are_kept_up_to_a_number():
    account = LineAccounting("a.log", "app_log", lines=2, kept_rejected=2)
    for line in (1, 2):
        account.reject(line, "short")
    assert (account.retrieval().truncated, account.retrieval().notes) == (False, ())

    account.lines += 1
    account.reject(3, "short")
    found = account.retrieval()
    account.truncate("it ends early")

    assert [one.line for one in found.rejected] == [1, 2]
    assert found.truncated
    assert [messages_in(one.message) for one in found.notes] == [
        {"note-rejected-kept": {"lines": 3, "kept": 2}}
    ]
    assert [one.line for one in account.retrieval().rejected] == [1, 2, 0]
    # What another part kept beyond the number is left out too.
    later = LineAccounting("a.log", "app_log", lines=1)
    later.reject(1, "short")
    account.merge(later)
    assert (account.rejected_lines, [one.line for one in account.rejected]) == (4, [1, 2, 0])


def test_rows_of_a_text_become_a_table_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(line_accounting, "_ROWS_AT_ONCE", 2)
    (tmp_path / "app.log").write_bytes(b"")
    account = TextAccounting(RawFile(tmp_path, "app.log"), "app_log", "app_log")
    rows = [(1, 2_000_000), (2, 1_000_000), (3, 3_000_000)]
    for line, time in rows:
        account.add({"line": line, "time": time})
        assert len(account.rows) == line % 2
    account.lines = 3

    frame, found = account.finish(["time"])

    assert frame["line"].tolist() == [1, 2, 3]
    assert frame["time"].tolist() == [pd.Timestamp(time, unit="us", tz=UTC) for _, time in rows]
    assert found == Retrieval(
        "app_log",
        "app.log",
        rows=3,
        lines=3,
        start=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        end=datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC),
    )


def test_a_text_without_times_or_rows_has_no_span(tmp_path):
    (tmp_path / "app.log").write_bytes(b"")
    raw = RawFile(tmp_path, "app.log")
    frame, found = TextAccounting(raw, "app_log", "app_log").finish(["time"])
    assert (len(frame), "time" in frame, found) == (0, True, Retrieval("app_log", "app.log", lines=0))
    account = TextAccounting(raw, "app_log", "app_log")
    account.add({"line": 1, "time": None})
    account.lines = 1
    assert account.finish(["time"])[1] == Retrieval("app_log", "app.log", rows=1, lines=1)


def test_a_line_over_the_limit_is_rejected_and_the_others_keep_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_LINE_MIB", "1")
    account = TextAccounting(RawFile(tmp_path, "app.log"), "app_log", "app_log")
    long = b"x" * ((1 << 20) + 1)
    assert [*account.lines_of(b"a\n" + long + b"\n" + long[1:] + b"\nb")] == [
        (1, b"a"),
        (3, long[1:]),  # exactly a mebibyte
        (4, b"b"),
    ]
    assert (account.lines, account.rejected_lines) == (4, 1)
    (one,) = account.rejected
    assert (one.line, one.size_bytes, one.text[:2]) == (2, len(long), "xx")
    assert messages_in(one.reason.message)["problem-long-line"]["bytes"] == str(len(long))
