"""Scans of several logs: their order, times, fields and engines, and the limits that end them."""

import gzip
import sys
from io import BufferedReader, BytesIO, RawIOBase, TextIOWrapper

import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs.scan import AccessScan


def line(minute=0, path="/a", zone="+0000", status=200):
    return (
        f'192.0.2.7 - - [11/Dec/2025:01:{minute:02}:30 {zone}] "GET {path} HTTP/1.1" {status} 12 "-" "curl"\n'
    )


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


def test_a_large_log_that_is_none_is_skipped_on_request(tmp_path):
    (tmp_path / "access.log").write_text("junk\n" * 4_000_000)
    found = AccessScan([tmp_path])
    found.skips_unreadable = True
    assert [*found] == []
    assert [(one.lines, one.truncated) for one in found.retrievals] == [(0, True)]


class Interrupted(RawIOBase):
    """A stream whose first read is interrupted by Ctrl-C."""

    def readable(self):
        return True

    def readinto(self, room):
        raise KeyboardInterrupt


def test_an_interrupted_scan_is_accounted_for(monkeypatch):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BufferedReader(Interrupted())))
    found = AccessScan(["-"])
    with pytest.raises(KeyboardInterrupt):
        list(found)
    (one,) = found.retrievals
    assert (one.truncated, one.lines) == (True, 0)
    assert messages_in(one.rejected[0].reason.message) == {"access-note-not-finished": {}}


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


@pytest.mark.parametrize(
    ("lines", "said", "truncated"),
    [
        (40, set(), False),
        (41, {"note-log-grew"}, False),
        (39, {"note-log-shrank"}, True),
        (0, {"note-log-shrank"}, True),
    ],
)
def test_a_log_that_changes_while_it_is_read_says_so(tmp_path, lines, said, truncated):
    log = tmp_path / "access.log"
    log.write_text(line() * 40)
    found = AccessScan([log])
    for _ in found:
        log.write_text(line() * lines)
    (one,) = found.retrievals
    assert {note.message.id for note in one.notes} - {"note-log-format"} == said
    assert (one.rows, one.truncated) == (40, truncated)
