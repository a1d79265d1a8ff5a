import bz2
import errno
import gzip
import io
import lzma
import os
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pyarrow as pa
import pytest

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.access_logs.input import Input
from watchme_analysis.access_logs.line_blocks import (
    ROOM_BYTES,
    Block,
    Buffers,
    ahead,
    blocks_from,
    blocks_of,
    in_order,
)
from watchme_analysis.access_logs.scan import AccessScan, LogOptions, read_access_logs
from watchme_analysis.errors import InputError
from watchme_analysis.files.decompress import TruncatedError, filling, unpacked, unpacking


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


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_members_behind_one_another_are_one_file(pack):
    data = many(100)
    packed = pack(data[:777]) + pack(data[777:])
    packed += b"\0" * 100 if pack is not zstd else b""

    assert b"".join(unpacked(io.BytesIO(packed))) == data


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_torn_data_gives_its_good_part(tmp_path, pack):
    packed = pack(b"".join(line(at % 60, f"/{at * 7919 % 10007}") for at in range(60_000)))
    (tmp_path / "access.log").write_bytes(packed[: len(packed) // 2])

    frame, how = read_access_logs([tmp_path / "access.log"], columns=["status"])
    (retrieval,) = how.parts

    assert len(frame) > 5_000
    assert retrieval.truncated
    assert retrieval.rejected[-1].line == 0
    assert retrieval.lines == retrieval.rows + sum(one.line > 0 for one in retrieval.rejected)


def test_of_torn_zstandard_data_whole_blocks_are_kept():
    data = many(2500)
    found = []
    with pytest.raises(TruncatedError, match="ends early"):
        found.extend(unpacked(io.BytesIO(zstd(data)[:-50])))

    # Its blocks hold 128 KiB at most.
    assert len(b"".join(found)) >= 128 << 10
    assert data.startswith(b"".join(found))


@pytest.mark.parametrize(
    ("first", "advice"),
    [
        (b"PK\x03\x04", "unzip -p"),
        ("\ufeff".encode("utf-16-le"), "iconv -f UTF-16"),
        (b"PAR1", "Parquet file"),
    ],
)
def test_what_is_no_log_as_it_is_says_what_to_do(first, advice):
    with pytest.raises(TruncatedError, match=advice):
        list(unpacked(io.BytesIO(first + many(3).decode().encode("utf-16-le"))))


@pytest.mark.parametrize("pack", [bytes, *PACKINGS.values()], ids=["plain", *PACKINGS])
def test_an_archive_of_logs_says_how_to_unpack_it(pack):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("logs/access.log")
        info.size = 1 << 16
        tar.addfile(info, io.BytesIO(many(1000)))

    with pytest.raises(TruncatedError, match="tar -xOf"):
        list(unpacked(io.BytesIO(pack(archive.getvalue()))))


def test_damaged_gzip_is_torn():
    packed = gzip.compress(many(1000))

    with pytest.raises(TruncatedError, match="not gzip data"):
        list(unpacked(io.BytesIO(packed + b"something else")))


@pytest.mark.slow
def test_of_damaged_gzip_little_is_lost_before_the_damage():
    data = b"".join(line(at % 60, f"/{at * 7919 % 10007}") for at in range(60_000))
    packed = bytearray(gzip.compress(data))
    at = len(packed) * 9 // 10
    packed[at : at + 1000] = b"\xff" * 1000
    found = []
    with pytest.raises(TruncatedError, match="is damaged after"):
        found.extend(unpacked(io.BytesIO(packed)))

    assert b"".join(found)[: len(data) // 2] == data[: len(data) // 2]


def test_of_gzip_with_a_wrong_checksum_nothing_is_lost():
    data = many(10_000)
    packed = bytearray(gzip.compress(data[:1000]) + gzip.compress(data[1000:]))
    packed[-8] ^= 1
    found = []
    with pytest.raises(TruncatedError, match=f"is damaged after {len(data)} bytes"):
        found.extend(unpacked(io.BytesIO(packed)))

    assert b"".join(found) == data


def test_gzip_is_unpacked_to_where_it_is_wanted():
    data = many(20_000)
    room = bytearray(len(data))

    assert unpacking(io.BytesIO(gzip.compress(data)))(memoryview(room)) == len(data)
    assert room == data


@pytest.mark.slow
@pytest.mark.parametrize("stops", [OSError("gone"), KeyboardInterrupt()])
def test_what_was_unpacked_before_its_stream_failed_is_kept(stops):
    class Failing(io.BytesIO):
        def readinto1(self, room):
            count = super().readinto1(room)
            if not count:
                raise stops
            return count

    data = b"".join(line(at % 60, f"/{at * 7919 % 10007}") for at in range(60_000))
    packed = gzip.compress(data)
    found = b""
    with pytest.raises(type(stops)):
        for block in blocks_from(unpacking(Failing(packed[:-8])), 1 << 30):
            found += bytes(block)

    assert found == data


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


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path, locked):
    (tmp_path / "old").mkdir()
    for folder in (tmp_path, tmp_path / "old"):
        (folder / "access.log").write_bytes(line(30))
    locked.add("old")

    frame, how = read_access_logs([tmp_path])
    (unread, read) = how.parts

    assert (len(frame), read.rows) == (1, 1)
    assert (unread.origin, unread.truncated) == (str(tmp_path / "old"), True)
    with pytest.raises(InputError, match=r"old can't be read: Permission denied\.$"):
        read_access_logs([tmp_path / "old"])


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


def test_a_line_still_being_written_is_kept_apart(tmp_path):
    (tmp_path / "access.log").write_bytes(line(1) + line(2)[:50])

    frame, how = read_access_logs([tmp_path / "access.log"])
    (retrieval,) = how.parts

    assert len(frame) == 1
    assert [one.line for one in retrieval.rejected] == [2]
    assert any("no line end" in note for note in retrieval.notes)


def test_a_log_across_a_change_of_clocks_is_in_order(tmp_path):
    starts = ["26/Oct/2025:02:59:59 +0200", "26/Oct/2025:02:00:00 +0100", "26/Oct/2025:03:00:00 +0100"]
    for at, start in enumerate(reversed(starts)):
        data = line(1).replace(b"11/Dec/2025:10:10:01 +0900", start.encode())
        (tmp_path / f"access.log.{at}").write_bytes(data)

    frame, _ = read_access_logs([tmp_path])

    assert frame["time"].dt.strftime("%H:%M:%S").tolist() == ["00:59:59", "01:00:00", "02:00:00"]


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


@pytest.mark.slow
def test_a_huge_rejected_line_is_kept_in_part_with_its_size(tmp_path):
    (tmp_path / "access.log").write_bytes(line(1) + b"\xff" * 1_000_000 + b"\n")

    _, how = read_access_logs([tmp_path / "access.log"])
    (retrieval,) = how.parts

    (rejected,) = retrieval.rejected
    assert (rejected.line, rejected.size_bytes, len(rejected.text)) == (2, 1_000_000, 2_000)
    assert rejected.text.startswith(r"\xff")


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(many(3)))))

    assert len(read_access_logs(["-"])[0]) == 3


def test_patterns_stand_for_files(tmp_path):
    (tmp_path / "a.log").write_bytes(line(1))
    (tmp_path / "b.log").write_bytes(line(2))

    assert len(read_access_logs([f"{tmp_path}/*.log"])[0]) == 2


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no access log .*nothing\.log"):
        read_access_logs([tmp_path / "nothing.log"])
    with pytest.raises(InputError, match="no column"):
        AccessScan([], selection=Selection(("colour",)))


def test_a_stated_configuration_defines_the_format(tmp_path):
    (tmp_path / "access.log").write_bytes(b"200 0.123\n")
    (tmp_path / "conf").mkdir()
    conf = tmp_path / "conf" / "web.conf"
    conf.write_text("log_format short '$status $request_time'; access_log /var/log/access.log short;")

    frame, _ = read_access_logs([tmp_path / "access.log"], nginx_conf=conf)

    assert frame["request_time_s"].tolist() == [0.123]


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


def test_a_plain_log_is_read_to_where_its_blocks_lie():
    class Stream(io.BytesIO):
        def read(self, size=-1):
            assert self.tell() == 0, "the rest would be copied"
            return super().read(size)

    data = many(20_000)
    found = list(blocks_from(unpacking(Stream(data)), 1 << 19))

    assert b"".join(map(bytes, found)) == data
    assert len(found) > 2


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_rows_do_not_lie_in_the_memory_of_their_block(engine):
    data = many(50) + b"garbage\n" + many(3)
    memory = bytearray(data + bytes(ROOM_BYTES))

    chunk = Engine(stock_formats(), UTC, engine=engine).read(Block(memory, 0, len(data)))
    before = chunk.table.to_pylist()
    memory[:] = b"#" * len(memory)

    assert chunk.table.to_pylist() == before
    assert [one.text for one in chunk.rejected] == [b"garbage"]


@pytest.mark.parametrize("size", [500, 4 << 20])
def test_memory_is_used_again_once_it_is_given_back(size):
    buffers = Buffers()
    pieces = [b"a line\n" * (size // 50)] * 60
    memories = set()
    found = b""
    for block in blocks_from(filling(pieces), size, buffers):
        memories.add(id(block.data))
        found += bytes(block)
        buffers.give(block)

    assert found == b"".join(pieces)
    assert len(memories) == 2


def test_a_piece_larger_than_the_memory_held_finds_room():
    line = b"x" * (3 << 20) + b"\n"
    blocks = [bytes(block) for block in blocks_from(filling([b"short\nand ", line * 3, b"tail"]), 5 << 20)]

    assert b"".join(blocks) == b"short\nand " + line * 3 + b"tail"
    assert blocks[0].endswith(line)


def test_the_next_block_is_made_while_one_is_worked_on():
    is_made = Event()

    def blocks():
        yield 1
        is_made.set()
        yield 2
        raise TruncatedError("torn")

    found = ahead(blocks())

    assert next(found) == 1
    assert is_made.wait(10)
    assert next(found) == 2
    with pytest.raises(TruncatedError):
        next(found)


def test_turns_at_python_are_short_while_results_are_made():
    before = sys.getswitchinterval()
    found = in_order(lambda _: sys.getswitchinterval(), range(20), threads=2)

    assert sys.getswitchinterval() == before
    assert next(found) < before / 5
    found.close()
    assert sys.getswitchinterval() == before


def test_overlapping_scans_leave_the_process_as_it_was():
    before = sys.getswitchinterval()

    # Each ends while the next one runs, so that none ends as the last that began.
    running = [in_order(str, range(20), threads=2)]
    next(running[0])
    for _ in range(3):
        running.append(in_order(str, range(20), threads=2))
        next(running[-1])
        running.pop(0).close()
        assert sys.getswitchinterval() < before / 5, "a scan still runs"
    running.pop().close()

    assert sys.getswitchinterval() == before


def test_scans_in_many_threads_leave_the_process_as_it_was():
    before = sys.getswitchinterval()

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(lambda: list(in_order(str, range(5), threads=2))) for _ in range(40)]
        assert all(one.result() == list("01234") for one in found)

    assert sys.getswitchinterval() == before


def test_an_interval_that_the_program_sets_during_a_scan_stays():
    before = sys.getswitchinterval()
    found = in_order(str, range(20), threads=2)
    next(found)
    try:
        sys.setswitchinterval(0.02)
        found.close()
        assert sys.getswitchinterval() == pytest.approx(0.02)
    finally:
        sys.setswitchinterval(before)


def test_results_come_in_order_and_a_failure_comes_last():
    def failing():
        yield from range(20)
        raise TruncatedError("torn")

    found = in_order(lambda one: one * 2, failing(), threads=4)

    assert [next(found) for _ in range(20)] == list(range(0, 40, 2))
    with pytest.raises(TruncatedError):
        next(found)


# Line by line, by the directives above, or by the shape of lines.
S3 = (
    b"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be bucket1 [06/Feb/2019:00:00:38 +0000] "
    b"192.0.2.3 - 3E57427F33A59F07 REST.GET.OBJECT a.txt "
    b'"GET /bucket1/a.txt HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" -\n'
)
W3C = b"#Fields: date time cs-method cs-uri-stem sc-status\n2026-11-25 00:53:44 GET /a 200\n"
JSON = b'{"time":"2025-12-11T10:10:30Z","status":200,"request":"GET / HTTP/1.1"}\n'
READ_BY_LOOP = {"combined": (line(1), True), "S3": (S3, False), "W3C": (W3C, False), "JSON": (JSON, True)}


@pytest.mark.parametrize(("written", "loop"), READ_BY_LOOP.values(), ids=READ_BY_LOOP)
def test_the_loop_is_loaded_only_for_lines_that_it_reads(tmp_path, monkeypatch, written, loop):
    monkeypatch.setattr("watchme_analysis.access_logs.scan.FAST_FROM", 1)
    (tmp_path / "access.log").write_bytes(written)

    scan = AccessScan([tmp_path / "access.log"])

    assert scan.uses_compiled_parser is loop
    assert [chunk.lines for chunk in scan] == [written.count(b"\n")]
    assert AccessScan([tmp_path / "access.log"], LogOptions(engine="numba")).uses_compiled_parser


def test_a_log_is_looked_into_once_to_tell_whether_the_loop_reads_it(tmp_path, monkeypatch):
    monkeypatch.setattr("watchme_analysis.access_logs.scan.FAST_FROM", 1)
    (tmp_path / "access.log").write_bytes(S3)
    scan = AccessScan([tmp_path / "access.log"])
    requested = []
    head = Input.head
    monkeypatch.setattr(Input, "head", lambda one, *size: requested.append(one.name) or head(one, *size))

    assert not scan.uses_compiled_parser and len(list(scan)) == 1
    assert len(requested) == 1


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
