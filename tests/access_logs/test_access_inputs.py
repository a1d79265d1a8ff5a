"""What can be read but once, what is too much to be looked at first, and rows on their way to a file."""

import errno
import gc
import io
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from watchme_analysis.access_logs import parquet as access_parquet
from watchme_analysis.access_logs import scan as access_logs
from watchme_analysis.access_logs.input import Input
from watchme_analysis.access_logs.parquet import ParquetFile, write_parquet
from watchme_analysis.access_logs.scan import AccessScan, read_access_logs
from watchme_analysis.errors import InputError
from watchme_analysis.files.decompress import TruncatedError

LINE = '192.0.2.7 - - [11/Dec/2025:10:10:{:02} +0900] "GET /{} HTTP/1.1" 200 12 "-" "curl"\n'


def test_a_pipe_is_read_but_once(tmp_path):
    pipe = tmp_path / "access.fifo"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(LINE.format(1, "a") + LINE.format(2, "b")))
    writer.start()

    frame, how = read_access_logs([pipe])
    (retrieval,) = how.parts

    writer.join()
    assert frame["path"].tolist() == ["/a", "/b"]
    assert retrieval.origin == str(pipe)


def test_of_very_many_logs_none_is_looked_at_first(tmp_path, monkeypatch):
    monkeypatch.setattr(access_logs, "MANY_INPUTS", 2)
    for name, second in (("access.log.1", 2), ("access.log.2", 1), ("access.log.3", 1)):
        (tmp_path / name).write_text(LINE.format(second, "a"))

    scan = AccessScan([tmp_path])

    assert [one.name.rpartition(".")[2] for one in scan.inputs] == ["1", "2", "3"]
    assert "3 logs are read in the order of their names" in scan.notes[0]
    monkeypatch.undo()
    assert [one.name.rpartition(".")[2] for one in AccessScan([tmp_path]).inputs] == ["2", "1"]


def tables(*sizes):
    return [pa.table({"at": list(range(size))}) for size in sizes]


@pytest.mark.parametrize(
    ("limit", "most", "groups"),
    [("GROUP_ROWS", 10, [10, 2, 10, 10, 10, 2]), ("_GROUP_BYTES", 80, [12, 32])],
    ids=["rows", "bytes"],
)
def test_small_tables_are_written_as_large_groups(tmp_path, monkeypatch, limit, most, groups):
    monkeypatch.setattr(access_parquet, limit, most)

    assert write_parquet(tmp_path / "out", tables(4, 0, 5, 3, 2, 30)) == 44

    file = pq.ParquetFile(tmp_path / "out")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == groups
    assert file.read()["at"].to_pylist() == [at for size in (4, 5, 3, 2, 30) for at in range(size)]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_no_rows_and_failures_leave_nothing(tmp_path):
    assert write_parquet(tmp_path / "out", tables(0)) == 0
    with pytest.raises(ZeroDivisionError), ParquetFile(tmp_path / "out") as file:
        file.add(tables(200_000)[0])
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


def test_two_at_once_write_to_the_same_name(tmp_path):
    (tmp_path / "out.part").write_text("another's")
    with ParquetFile(tmp_path / "out") as one:
        one.add(tables(5)[0])
        with ParquetFile(tmp_path / "out") as other:
            one._write()
            other.add(tables(7)[0])
        assert pq.read_table(tmp_path / "out").num_rows == 7

    assert pq.read_table(tmp_path / "out").num_rows == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.part"]


@pytest.mark.slow
def test_what_is_no_file_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=pipe.read_bytes)
    reader.start()
    with pytest.raises(InputError, match="can't be written"):  # Parquet is not written front to back
        write_parquet(pipe, tables(5))
    gc.collect()  # the error holds the writer, whose end of the pipe keeps the reader waiting
    reader.join(10)
    assert not reader.is_alive()
    assert pipe.is_fifo()
    (tmp_path / "link").symlink_to("file")
    assert write_parquet(tmp_path / "link", tables(5)) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "pipe"]
    assert (tmp_path / "link").is_symlink()


def test_a_place_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="can't be written: No such file or directory"):
        write_parquet(tmp_path / "none" / "out", tables(1))


@pytest.mark.slow
def test_a_folder_is_looked_through_once_for_all_its_logs(tmp_path, monkeypatch):
    seen = []

    def counted(folder):
        seen.append(folder.name)
        return sorted(folder.glob("*"))

    monkeypatch.setattr(Path, "iterdir", counted)
    for folder, name in (("a", "timed"), ("b", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "nginx.conf").write_text(
            f"log_format {name} '$msec $status {name} $request_uri';"
        )
        for at in range(20):
            line = f"176541543{at % 10}.250 200 {name} /{at}\n"
            (tmp_path / folder / f"access-{at}.log").write_text(line)

    _, how = read_access_logs([tmp_path])
    accounts = how.parts

    assert sorted(seen) == ["a", "b"]
    assert [one.rows for one in accounts] == [1] * 40
    assert {(Path(one.origin).parent.name, one.notes) for one in accounts} == {
        ("a", ("log_format timed",)),
        ("b", ("log_format other",)),
    }


def test_what_fails_at_once_is_unread_and_what_fails_later_is_torn():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if not (found := super().read(size)):
                raise OSError(errno.EIO, "Input/output error")
            return found

        read1 = read

        def readinto1(self, room):
            return super().readinto(room) or self.read()

    with pytest.raises(InputError, match=r"^a\.log can't be read: Input/output error\.$"):
        list(Input("a.log", Failing).pieces())
    found = []
    with pytest.raises(TruncatedError, match=r"^reading it broke off: Input/output error$"):
        found.extend(Input("a.log", lambda: Failing(b"line\n" * 100)).pieces())
    assert found == [b"line\n" * 100]
