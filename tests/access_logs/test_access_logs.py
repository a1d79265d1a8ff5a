import bz2
import errno
import gzip
import lzma
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.line_blocks import (
    blocks_from,
    blocks_of,
)
from watchme_analysis.access_logs.scan import AccessScan, read_access_logs
from watchme_analysis.errors import InputError
from watchme_analysis.files.decompress import filling


def line(second, path="/a", size=12):
    time = f"11/Dec/2025:10:10:{second:02} +0900"
    return f'192.0.2.7 - - [{time}] "GET {path} HTTP/1.1" 200 {size} "-" "curl"\n'.encode()


def many(count, path="/a"):
    return b"".join(line(at % 60, f"{path}{at}") for at in range(count))


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


XZ = partial(lzma.compress, preset=0)  # the usual one takes ten times as long
PACKINGS = {"gzip": gzip.compress, "zstd": zstd, "bzip2": bz2.compress, "xz": XZ}


@pytest.mark.parametrize("pack", [bytes, *PACKINGS.values()], ids=["plain", *PACKINGS])
def test_packed_files_are_recognised_by_their_content(tmp_path, pack):
    (tmp_path / "access.log").write_bytes(pack(many(500)))

    frame, how = read_access_logs([tmp_path / "access.log"])
    (retrieval,) = how.parts

    assert frame["path"].tolist() == [f"/a{at}" for at in range(500)]
    assert frame["line"].tolist() == list(range(1, 501))
    assert (retrieval.lines, retrieval.rows) == (500, 500)


@pytest.fixture
def locked(monkeypatch):
    """Names of files and folders that may not be read, also by root."""
    names = set()

    def unless_locked(plain):
        def opened(path, *given, **named):
            if Path(path).name in names:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return plain(path, *given, **named)

        return opened

    monkeypatch.setattr(Path, "open", unless_locked(Path.open))
    monkeypatch.setattr(os, "scandir", unless_locked(os.scandir))
    return names


def test_what_may_not_be_read_is_named_and_the_others_are_read(tmp_path, locked):
    (tmp_path / "access.log").write_bytes(line(30))
    (tmp_path / "access.log.1").write_bytes(line(20))
    locked.add("access.log.1")

    frame, how = read_access_logs([tmp_path])
    (unread, read) = how.parts

    assert (len(frame), read.rows) == (1, 1)
    assert (unread.origin, unread.truncated) == (str(tmp_path / "access.log.1"), True)
    assert unread.rejected[0].reason == "it can't be read: Permission denied"
    locked.add("access.log")
    with pytest.raises(InputError, match=r"access\.log can't be read: Permission denied\.$"):
        read_access_logs([tmp_path])


def test_a_rotated_set_is_read_in_the_order_of_time(tmp_path):
    (tmp_path / "access.log").write_bytes(line(30))
    (tmp_path / "access.log.1").write_bytes(line(20))
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(line(10)))
    (tmp_path / "access.log.10.gz").write_bytes(gzip.compress(line(5)))

    frame, how = read_access_logs([tmp_path])
    retrievals = how.parts

    assert frame["time"].is_monotonic_increasing
    assert [one.origin.rpartition("/")[2] for one in retrievals] == [
        "access.log.10.gz",
        "access.log.2.gz",
        "access.log.1",
        "access.log",
    ]
    assert retrievals[0].start == datetime(2025, 12, 11, 1, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize("copied", [1, 3000])
def test_a_copy_is_counted_once_and_named(tmp_path, copied):
    data = many(3000)
    (tmp_path / "access.log.1").write_bytes(data)
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(b"".join(data.splitlines(True)[:copied])))
    (tmp_path / "access.log").write_bytes(many(10, "/b"))

    scan = AccessScan([tmp_path])
    rows = sum(len(chunk.table) for chunk in scan)

    assert rows == 3010
    assert len(scan.notes) == 1
    assert "access.log.1.gz is left out" in scan.notes[0]


@pytest.mark.slow
def test_a_log_that_is_cut_or_grows_while_it_is_read_says_so(tmp_path):
    cut, grown = tmp_path / "cut.access.log", tmp_path / "grown.access.log"
    cut.write_bytes(many(20_000))
    grown.write_bytes(many(20_000, "/b"))
    scan = AccessScan([cut, grown])

    cut.write_bytes(many(3_000) + line(7)[:30])
    with grown.open("ab") as file:
        file.write(many(2, "/late"))
    rows = sum(len(chunk.table) for chunk in scan)

    first, second = scan.retrievals
    assert rows == first.rows + second.rows == 23_002
    assert (first.truncated, second.truncated) == (True, False)
    assert any("smaller than when the reading began" in note for note in first.notes)
    assert any("grew while it was read" in note for note in second.notes)
    assert [one.line for one in first.rejected] == [3_001]


def test_a_log_that_is_rotated_before_it_is_read_is_found_again(tmp_path):
    names = [tmp_path / name for name in ("access.log", "access.log.1", "access.log.2")]
    for at, name in enumerate(names):
        name.write_bytes(many(50, f"/{at}-"))
    scan = AccessScan(names)
    chunks = iter(scan)

    # As logrotate does it, once the first is read: all move on, the last is deleted, a new one begins.
    first = scan.inputs[0].path
    found = [next(chunks)]
    for at in (2, 1):
        names[at - 1].rename(names[at])
    names[0].write_bytes(many(3, "/new"))
    found += chunks

    paths = [path for chunk in found for path in chunk.table["path"].to_pylist()]
    assert first == names[0]
    assert paths == [f"/{at}-{turn}" for at in (0, 1) for turn in range(50)]
    accounts = {one.origin: one for one in scan.retrievals}
    assert [accounts[str(name)].truncated for name in names] == [False, False, True]
    assert f"it was rotated while the logs were read: it is {names[2]} now" in accounts[str(names[1])].notes
    assert accounts[str(names[2])].rejected[-1].line == 0


def test_a_log_that_is_gone_ends_the_others_not(tmp_path):
    (tmp_path / "access.log").write_bytes(line(2))
    (tmp_path / "access.log.1").write_bytes(line(1))
    scan = AccessScan([tmp_path])
    (tmp_path / "access.log.1").unlink()

    assert [chunk.table["path"].to_pylist() for chunk in scan] == [["/a"]]
    gone, read = scan.retrievals
    assert (gone.truncated, gone.rejected[0].reason) == (True, "it was gone before it was read")
    assert not read.truncated


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no access log .*nothing\.log"):
        read_access_logs([tmp_path / "nothing.log"])
    with pytest.raises(InputError, match="no column"):
        AccessScan([], selection=Selection(("colour",)))


def test_blocks_end_at_line_ends_and_lose_nothing():
    data = many(200) + b"x" * 5000 + b"\n" + b"tail"
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]

    for blocks in (
        [bytes(block) for block in blocks_of(data, 300)],
        [bytes(block) for block in blocks_from(filling(pieces), 300)],
        [bytes(block) for block in blocks_from(filling([data]), 300)],
    ):
        assert b"".join(blocks) == data
        assert all(block.endswith(b"\n") for block in blocks[:-1])


def test_a_window_before_now_selects_the_rows_of_a_rotated_set(tmp_path):
    now = datetime.now(UTC)
    for name, ago_h in (("access.log", 1), ("access.log.1", 5)):
        written = f"{now - timedelta(hours=ago_h):%d/%b/%Y:%H:%M:%S +0000}"
        request = f'192.0.2.1 - - [{written}] "GET /{name} HTTP/1.1" 200 1 "-" "-"\n'
        (tmp_path / name).write_text(request)
    frame, how = read_access_logs(f"{tmp_path}/access.log*", since="2h")
    assert frame.path.tolist() == ["/access.log"]
    assert str(frame.time.dtype) == "datetime64[us, UTC]"
    assert (how.rows, how.filtered, how.lines, len(how.parts)) == (1, 1, 2, 2)
    assert "1 row of " in repr(how) and "1 line outside the selection" in repr(how)
    older, _ = read_access_logs(tmp_path, since=timedelta(hours=6), until=now - timedelta(hours=2))
    assert older.path.tolist() == ["/access.log.1"]
    with pytest.raises(InputError, match="swap or widen"):
        read_access_logs(tmp_path, since="1h", until="2h")


def test_no_names_give_an_empty_frame_with_the_columns():
    frame, how = read_access_logs([], columns=["time", "status"])

    assert (list(frame), len(frame), how.rows, how.truncated) == (["time", "status"], 0, 0, False)
