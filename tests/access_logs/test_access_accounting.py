"""The accounting of an access log: its chunks, its parts, and changes of the file meanwhile."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace

import pyarrow as pa
import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs import accounting
from watchme_analysis.access_logs.accounting import (
    AccessLogAccounting,
    format_notes,
    note_file_change,
    unreadable_log,
)
from watchme_analysis.access_logs.engine.chunk import Chunk, RejectedLine
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.input import find_inputs
from watchme_analysis.errors import AccountingError
from watchme_analysis.files.line_accounting import LineAccounting
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note


def table_of(*seconds):
    times = [None if one is None else one * 1_000_000 for one in seconds]
    return pa.table(
        {"time": pa.array(times, pa.timestamp("us", "UTC")), "line": list(range(1, len(times) + 1))}
    )


def chunk_of(table, rejected=(), *, lines=None, blank=0, filtered=0, formats=None, end=True):
    total = len(table) + len(rejected) + blank + filtered if lines is None else lines
    return Chunk(table, [*rejected], total, blank, filtered, Counter(formats), 0, end)


def at(second):
    return datetime.fromtimestamp(second, UTC)


def test_chunks_are_counted_one_after_the_other():
    account = AccessLogAccounting("access.log", ["tried"])
    first = chunk_of(table_of(20, None, 10), [RejectedLine(2, "short", b"x")], blank=1, formats={"main": 3})
    account.add(first, first.table)
    second = chunk_of(
        table_of(30), [RejectedLine(1, "long", b"yy")], filtered=2, formats={"own": 1}, end=False
    )
    account.add(second, second.table)
    for nothing in (table_of(), table_of(None)):
        account.add(chunk_of(nothing, end=False), nothing)

    assert account.formats == {"main": 3, "own": 1}
    assert account.retrieval() == Retrieval(
        "nginx_access",
        "access.log",
        rows=5,
        lines=10,
        blank_lines=1,
        filtered=2,
        # The second chunk begins behind five lines.
        rejected=(Rejected("access.log", 2, "short", "x", 1), Rejected("access.log", 6, "long", "yy", 2)),
        start=at(10),
        end=at(30),
        notes=(
            "tried",
            note("note-log-format-lines", lines=3, name=Resource("main")),
            note("note-log-format-lines", lines=1, name=Resource("own")),
            note("note-log-no-line-end"),
        ),
    )


def test_a_chunk_whose_lines_do_not_add_up_is_refused():
    with pytest.raises(AccountingError):
        AccessLogAccounting("access.log").add(chunk_of(table_of(1), lines=2), table_of(1))


def test_a_table_without_times_has_no_span():
    account = AccessLogAccounting("access.log")
    account.add(chunk_of(table_of(1)), table_of(1).drop_columns("time"))
    assert (account.retrieval().rows, account.retrieval().start) == (1, None)


def test_parts_add_up_with_their_formats_and_their_last_end():
    first, second = AccessLogAccounting("access.log", ["tried"]), AccessLogAccounting("access.log")
    first.add(chunk_of(table_of(20), formats={"main": 1}), table_of(20))
    second.add(chunk_of(table_of(10), formats={"main": 1, "own": 2}, end=False), table_of(10))
    first.merge(second)
    assert (first.formats, first.has_line_end, first.lines, first.span) == (
        {"main": 2, "own": 2},
        False,
        2,
        [10_000_000, 20_000_000],
    )
    # A part without lines has no end of its own.
    first.merge(AccessLogAccounting("access.log"))
    assert not first.has_line_end
    first.merge(LineAccounting("access.log", "nginx_access", lines=1, row_count=1))
    assert (first.lines, first.has_line_end) == (3, False)


def test_notes_keep_their_order():
    account = AccessLogAccounting("access.log", ["tried"])
    account.kept_rejected = 0
    account.add(
        chunk_of(table_of(), [RejectedLine(1, "short", b"x")], formats={"main": 1}, end=False), table_of()
    )
    ids = [one if one == "tried" else one.message.id for one in account.retrieval().notes]
    assert ids == ["tried", "note-log-format", "note-rejected-kept", "note-log-no-line-end"]


def test_formats_are_named_the_most_frequent_first():
    assert format_notes(Counter()) == []
    assert [messages_in(one.message) for one in format_notes(Counter(main=3))] == [
        {"note-log-format": {"name": "main"}}
    ]
    found = [messages_in(one.message) for one in format_notes(Counter(own=1, main=3))]
    assert [one["note-log-format-lines"] for one in found] == [
        {"lines": 3, "name": "main"},
        {"lines": 1, "name": "own"},
    ]


def changed(one):
    account = AccessLogAccounting(one.name)
    note_file_change(one, account)
    return [messages_in(said.message) for said in account.notes], account.is_truncated


def test_a_file_that_changes_meanwhile_is_noted(tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(b"first line\n" * 40)
    (one,) = find_inputs([str(log)])
    assert changed(one) == ([], False)
    assert changed(replace(one, size=None)) == ([], False)
    assert changed(replace(one, path=None)) == ([], False)
    log.write_bytes(b"first line\n" * 41)
    assert changed(one) == ([{"note-log-grew": {"bytes": 11}}], False)
    log.write_bytes(b"first line\n" * 38)
    assert changed(one) == ([{"note-log-shrank": {"bytes": 22}}], True)
    log.write_bytes(b"first line\n" * 40)
    log.rename(tmp_path / "access.log.1")
    log.write_bytes(b"another\n")
    assert changed(one) == ([{"note-log-rotated": {"file": str(tmp_path / "access.log.1")}}], False)
    for path in tmp_path.iterdir():
        path.unlink()
    assert changed(one) == ([{"note-log-moved": {}}], False)


LINE = b'192.0.2.7 - - [11/Dec/2025:10:10:30 +0900] "GET /a HTTP/1.1" 200 12 "-" "curl"\n'


def judged(data, monkeypatch, **changes):
    monkeypatch.setattr(accounting, "LARGE_BYTES", 10_000)
    values = {"name": "access.log", "size": len(data), "open_anywhere": lambda: BytesIO(data)}
    one = SimpleNamespace(**(values | changes))
    return unreadable_log(one, ReferenceParser(stock_formats(), UTC))


def test_a_large_log_without_any_request_is_not_read(monkeypatch):
    junk = b"".join(b"%05d is no request\n" % at for at in range(600))
    found = judged(junk, monkeypatch)
    # 48 places of 16 lines each, the last of which have fewer.
    reason = messages_in(found.rejected[0].reason.message)["reject-sampled"]
    assert 700 < reason["lines"] <= 48 * 16 + 16
    assert (found.source, found.origin, found.lines, found.rows, found.truncated) == (
        "nginx_access",
        "access.log",
        0,
        0,
        True,
    )
    assert [(one.line, one.text, one.size_bytes) for one in found.rejected[1:]] == [
        (at + 1, f"{at:05} is no request", 19) for at in range(5)
    ]
    assert found.rejected[0].line == 0


def test_a_log_may_be_readable_in_spite_of_its_beginning(monkeypatch):
    junk = b"".join(b"%05d is no request\n" % at for at in range(600))
    assert judged(junk + LINE * 30, monkeypatch) is None
    assert judged(junk, monkeypatch, open_anywhere=None) is None
    assert judged(junk, monkeypatch, size=None) is None
    assert judged(junk, monkeypatch, size=9_999) is None
    assert judged(junk[:10_000], monkeypatch) is not None
    # Compressed data and directives need the reader of the whole log.
    assert judged(b"\x1f\x8b" + junk, monkeypatch) is None
    assert judged(b"#Fields: a\n" + junk, monkeypatch) is None
    assert judged(junk + b"#Fields: a\n" + junk, monkeypatch) is not None


def test_few_long_lines_or_blank_ones_are_too_little_to_judge(monkeypatch):
    assert judged((b"x" * 70_000 + b"\n") * 60, monkeypatch) is None
    assert judged(b" \t\0\n" * 5_000, monkeypatch) is None
    lines = b"".join(b"%06d\n" % at for at in range(99)) + b"\n" * 10_000
    assert judged(lines, monkeypatch) is None
