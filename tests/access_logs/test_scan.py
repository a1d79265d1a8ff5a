"""Scans of several logs: their order, times, fields and engines, and the limits that end them."""

import gzip
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs import scan as scans
from watchme_analysis.access_logs.accounting import AccessLogAccounting
from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.line_blocks import Block, blocks_of
from watchme_analysis.access_logs.scan import AccessScan, LogOptions, chunks_of, read_access_logs
from watchme_analysis.errors import FormatError, InputError
from watchme_analysis.files.zones import NotedZone


def line(minute=0, path="/a", zone="+0000", status=200):
    return (
        f'192.0.2.7 - - [11/Dec/2025:01:{minute:02}:30 {zone}] "GET {path} HTTP/1.1" {status} 12 "-" "curl"\n'
    )


def refusal(caught):
    return messages_in(caught.value.args[0])


def test_logs_are_read_in_the_order_of_their_first_requests(tmp_path):
    (tmp_path / "access.log").write_text(line(30, "/c"))
    (tmp_path / "access.log.1").write_text("junk\n" + line(20, "/b"))
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(line(10, "/a").encode()))
    found = AccessScan([tmp_path])
    chunks = [*found]
    assert [path for chunk in chunks for path in chunk.table["path"].to_pylist()] == ["/a", "/b", "/c"]
    assert [(one.origin, one.rows, one.rejected_lines) for one in found.retrievals] == [
        (str(tmp_path / "access.log.2.gz"), 1, 0),
        (str(tmp_path / "access.log.1"), 1, 1),
        (str(tmp_path / "access.log"), 1, 0),
    ]
    assert [*chunks[0].table["file"].unique().to_pylist()] == [str(tmp_path / "access.log.2.gz")]


def test_a_scan_again_has_other_columns_and_retrievals_of_its_own(tmp_path):
    (tmp_path / "access.log").write_text(line())
    first = AccessScan([tmp_path], selection=Selection(("path",), path_prefix="/a"))
    assert [chunk.table.column_names for chunk in first] == [["path", "line"]]
    again = first.again(["status"])
    assert [chunk.table.column_names for chunk in again] == [["status", "line", "path"]]
    assert (len(first.retrievals), len(again.retrievals)) == (1, 1)
    assert again.inputs is first.inputs


def test_unknown_columns_are_refused_with_those_that_exist(tmp_path):
    with pytest.raises(InputError) as caught:
        AccessScan([tmp_path], selection=Selection(("path", "colour", "b")))
    said = refusal(caught)["error-access-log-column"]
    assert said["columns"] == "b, colour" and "path" in said["known"].split(", ")


def test_very_many_logs_are_neither_ordered_nor_compared(tmp_path, monkeypatch):
    for name, minute in (("access.log", 30), ("b-access.log", 10), ("c-access.log", 30)):
        (tmp_path / name).write_text(line(minute))
    for many, names, notes in (
        (3, ["b-access.log", "access.log"], ["access-note-copy"]),
        (2, ["access.log", "b-access.log", "c-access.log"], ["access-note-not-compared"]),
    ):
        monkeypatch.setattr(scans, "MANY_INPUTS", many)
        found = AccessScan([tmp_path])
        assert [one.path.name for one in found.inputs] == names
        assert [one.message.id for one in found.notes] == notes
    assert messages_in(found.notes[0].message)["access-note-not-compared"] == {"logs": 3}


def test_logs_have_a_first_and_a_last_time(tmp_path):
    def at(minute):
        return datetime(2025, 12, 11, 1, minute, 30, tzinfo=UTC)

    (tmp_path / "access.log").write_text("junk\n" + line(20) + line(30) + "torn")
    assert AccessScan([tmp_path]).time_range() == (at(20), at(30))
    (tmp_path / "b-access.log").write_text(line(10) + line(25, path="/" + "x" * 70_000) + "\n" * 10)
    assert AccessScan([tmp_path]).time_range() == (at(10), None), "the last line is longer than what is read"
    (tmp_path / "b-access.log").write_text(line(10) + line(40, path="/" + "x" * 60_000))
    assert AccessScan([tmp_path]).time_range() == (at(10), at(40))
    (tmp_path / "c-access.log.gz").write_bytes(gzip.compress(line(5).encode()))
    assert AccessScan([tmp_path]).time_range() == (at(5), None), "the end of a packed log is not looked for"
    assert scans.last_time(SimpleNamespace(open_anywhere=None, size=5), None) is None
    assert scans.last_time(SimpleNamespace(open_anywhere=BytesIO, size=None), None) is None
    assert scans.time_range_of([]) == (None, None)


def test_the_zone_of_the_last_log_that_states_one_counts(tmp_path):
    (tmp_path / "a-access.log").write_text(line(1, zone="+0900"))
    (tmp_path / "b-access.log").write_text("2025-12-11 01:10:30 junk\n")
    assert AccessScan([tmp_path]).zone_written().utcoffset(None) == timedelta(hours=9)
    (tmp_path / "b-access.log").write_text(line(2, zone="-0330"))
    # Its first request is later, so that it comes last.
    assert AccessScan([tmp_path]).zone_written().utcoffset(None) == -timedelta(hours=3, minutes=30)
    (tmp_path / "a-access.log").write_text("junk\n")
    (tmp_path / "b-access.log").write_text("junk\n" * 900 + line(2, zone="-0330"))
    assert AccessScan([tmp_path]).zone_written() is UTC, "only the beginning is searched"


def test_an_assumed_zone_is_noted_when_a_time_was_read_with_it(tmp_path):
    (tmp_path / "access.log").write_text('{"time":"2025-12-11T01:10:30","status":200,"uri":"/a"}\n')
    for zone, uses in ((NotedZone(ZoneInfo("Asia/Tokyo"), is_assumed=True), True), (UTC, False)):
        found = AccessScan([tmp_path], LogOptions(zone=zone))
        for _ in found:
            pass
        assert found.uses_assumed_zone is uses
    (tmp_path / "access.log").write_text(line())
    found = AccessScan([tmp_path], LogOptions(zone=NotedZone(UTC, is_assumed=True)))
    assert len([*found]) == 1 and not found.uses_assumed_zone


def test_variables_and_further_fields_are_those_of_the_logs(tmp_path):
    (tmp_path / "nginx.conf").write_text(
        "http { log_format own '$remote_addr [$time_iso8601] $status $http_x_a $kind'; }"
    )
    (tmp_path / "access.log").write_text("192.0.2.7 [2025-12-11T01:10:30Z] 200 - x\n")
    found = AccessScan([tmp_path])
    assert {"remote_addr", "time_iso8601", "status", "http_x_a", "kind"} <= found.variables
    assert found.further_fields() == []
    (tmp_path / "access.log").write_text(
        '{"time":"2025-12-11T01:10:30Z","status":200,"uri":"/a","team":"x","http_x_b":"y"}\nno JSON\n'
        '{"time":"2025-12-11T01:10:31Z","status":200,"uri":"/a","shop":"x","team":"z"}\n'
    )
    assert AccessScan([tmp_path]).further_fields() == ["team", "shop"]
    assert AccessScan([tmp_path]).fields_of_times() == []


def test_the_most_common_format_of_the_first_log_is_found(tmp_path):
    (tmp_path / "access.log").write_text("\n" + line().partition(' "-"')[0] + "\n" + line(1) * 3 + "torn")
    assert AccessScan([tmp_path]).most_common_format().name == "combined"
    (tmp_path / "access.log").write_text("junk\n")
    with pytest.raises(FormatError) as caught:
        AccessScan([tmp_path]).most_common_format()
    assert refusal(caught) == {"error-no-known-log-format": {"names": str(tmp_path / "access.log")}}


def test_rows_are_expected_by_the_size_of_the_logs(tmp_path):
    (tmp_path / "access.log").write_bytes(b"x" * 1000)
    (tmp_path / "b-access.log.gz").write_bytes(b"y" * 100)
    found = AccessScan([tmp_path])
    found.block_bytes = 500
    # 1,000 bytes, and 100 that are unpacked to fifteen times as many, make five blocks of ten rows.
    assert found.expected_rows(10) == 10 + 55


def test_a_share_of_the_stored_bytes_was_read(tmp_path):
    for name, minutes in (("a-access.log", (1,)), ("b-access.log", (2, 3, 4))):
        (tmp_path / name).write_text("".join(map(line, minutes)))
    found = AccessScan([tmp_path])
    assert found.share_read() == 0
    for _ in found:
        shares = found.share_read()
        assert 0 <= shares <= 1
    assert found.share_read() == 1
    found.retrievals.pop()
    assert found.share_read() == 1, "the second was read to its end and closed"
    found._stream = None
    assert found.share_read() == 0.25
    found.retrievals.pop()
    found._stream = BytesIO(b"x" * 10_000)
    found._stream.seek(10)
    assert found.share_read() == 10 / sum(one.size for one in found.inputs)
    found._stream.seek(10_000)
    assert found.share_read() == 0.25, "a log may grow while it is read"
    assert AccessScan(["-"]).share_read() is None


def test_a_large_log_that_is_none_is_skipped_on_request(tmp_path, monkeypatch):
    monkeypatch.setattr("watchme_analysis.access_logs.accounting.LARGE_BYTES", 1000)
    (tmp_path / "access.log").write_text("junk\n" * 900)
    found = AccessScan([tmp_path])
    found.skips_unreadable = True
    assert [*found] == []
    assert [(one.lines, one.truncated) for one in found.retrievals] == [(0, True)]


def test_an_interrupted_scan_is_accounted_for(tmp_path, monkeypatch):
    (tmp_path / "access.log").write_text(line())
    found = AccessScan([tmp_path])

    def interrupted(*_):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(scans, "chunks_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(found)
    (one,) = found.retrievals
    assert (one.truncated, one.lines) == (True, 0)
    assert messages_in(one.rejected[0].reason.message) == {"access-note-not-finished": {}}


def chunked(lines, monkeypatch, **limits):
    """Return the retrieval of lines that are read line by line."""
    for key, value in limits.items():
        monkeypatch.setenv(f"WATCHME_LIMIT_{key.upper()}", str(value))
    account = AccessLogAccounting("access.log")
    data = "".join(lines).encode()
    rows = sum(
        len(chunk.table)
        for chunk in chunks_of(
            lambda _: blocks_of(data, 1), Engine(stock_formats(), UTC, engine="exact"), account, {}, 1
        )
    )
    assert rows == account.row_count
    return account.retrieval()


def test_a_log_with_more_rejected_lines_than_rows_is_given_up(monkeypatch):
    found = chunked([line(), *["junk\n"] * 9], monkeypatch, rejected_lines=3)
    assert (found.rows, found.lines, found.truncated) == (1, 5, True)
    said = messages_in(found.rejected[-1].reason.message)
    assert said["problem-log-unknown"]["lines"] == "5"
    assert said["limit-reached"]["limit"] == "rejected_lines = 3"
    found = chunked([*[line()] * 6, *["junk\n"] * 6], monkeypatch, rejected_lines=3)
    assert (found.rows, found.lines, found.truncated) == (6, 12, False)


def test_a_log_may_take_a_time_and_more_for_what_was_read(monkeypatch):
    moments = iter([0.0, 10.0, 10.1])
    monkeypatch.setattr(scans, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    found = chunked([line()] * 5, monkeypatch, file_s=10)
    # At the second line 10.1 s have passed, which is more than 10 s and a part of a second for its bytes.
    assert (found.rows, found.truncated) == (2, True)
    said = messages_in(found.rejected[-1].reason.message)
    assert said["problem-log-time"] == {"lines": "2", "seconds": "10", "limit": "limit-reached"}


def test_a_long_line_is_rejected_with_its_size():
    blocks = [Block(line().encode(), 0, len(line())), Block(b"beginning", 0, 9, line_bytes=9 << 20)]
    account = AccessLogAccounting("access.log")
    chunks = [
        *chunks_of(lambda _: iter(blocks), Engine(stock_formats(), UTC, engine="exact"), account, {}, 1)
    ]
    assert [(one.lines, len(one.table), len(one.rejected)) for one in chunks] == [(1, 1, 0), (1, 0, 1)]
    (one,) = account.rejected
    assert (one.line, one.text) == (2, "beginning")
    assert messages_in(one.reason.message)["problem-long-line"]["bytes"] == str(9 << 20)


def test_a_window_is_given_as_times_or_spans(tmp_path, monkeypatch):
    (tmp_path / "access.log").write_text("".join(line(minute, f"/{minute}") for minute in (1, 2, 3)))
    since, until = "2025-12-11T01:02:30Z", datetime(2025, 12, 11, 1, 3, 30, tzinfo=UTC)
    frame, found = read_access_logs(tmp_path / "access.log", since=since, until=until)
    assert (frame["path"].tolist(), found.filtered) == (["/2"], 2)
    assert read_access_logs([str(tmp_path)], since=since)[0]["path"].tolist() == ["/2", "/3"]
    assert read_access_logs(str(tmp_path), until=until)[0]["path"].tolist() == ["/1", "/2"]
    # Without a zone it is the reader's.
    monkeypatch.setenv("WATCHME_TIME_ZONE", "Asia/Tokyo")
    assert len(read_access_logs(str(tmp_path), since="2025-12-11T10:03:30")[0]) == 1
    with pytest.raises(InputError):
        read_access_logs(str(tmp_path), since=until, until=since)
    frame, _ = read_access_logs(str(tmp_path), columns=("status", "path"))
    assert list(frame.columns) == ["status", "path"]


def test_the_retrieval_of_several_logs_names_copies_and_unread_ones(tmp_path):
    (tmp_path / "access.log").write_text(line())
    (tmp_path / "access.log.1").write_text(line())
    frame, found = read_access_logs([tmp_path])
    assert (len(frame), found.rows) == (1, 1)
    assert "access-note-copy" in [one.message.id for one in found.notes if hasattr(one, "message")]


def test_a_log_that_changes_while_it_is_read_is_noted(tmp_path):
    (tmp_path / "access.log").write_text(line())
    found = AccessScan([tmp_path])
    for _ in found:
        with (tmp_path / "access.log").open("a") as file:
            file.write(line())
    (one,) = found.retrievals
    assert sorted(said.message.id for said in one.notes) == ["note-log-format", "note-log-grew"]


def test_the_format_of_most_lines_is_the_most_common(tmp_path):
    common = line().partition(' "-"')[0] + "\n"
    (tmp_path / "access.log").write_text(common * 3)
    assert AccessScan([tmp_path]).most_common_format().name == "common"
    (tmp_path / "a-access.log").write_text("junk\n" * 3)
    assert AccessScan([tmp_path]).most_common_format().name == "common", "the first log has none"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp932", "CP932"), ("euc_jp", "EUC-JP"), ("iso2022_jp", "ISO-2022-JP"), ("utf-8", None)],
)
def test_encoding_of_a_stream_is_noted_unless_it_is_utf8(monkeypatch, encoding, name):
    text = "".join(line(minute, "/検索/カタカナとひらがな") for minute in range(30))
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(text.encode(encoding))))
    found = AccessScan(["-"])
    assert sum(chunk.table.num_rows for chunk in found) == 30
    [noted] = found.retrievals
    said = [each for each in noted.notes if "note-encoding-kept" in messages_in(each)]
    assert len(said) == (name is not None)
    assert all(f"iconv -f {name} -t UTF-8" in each for each in said)
