"""The accounting of lines: what each outcome adds to it, and how those of a file's parts add up."""

import pytest

from watchme_analysis.errors import AccountingError
from watchme_analysis.files.line_accounting import LineAccounting
from watchme_analysis.retrieval import Rejected, Retrieval


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
