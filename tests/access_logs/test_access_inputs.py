"""What can be read but once, what is too much to be looked at first, and rows on their way to a file."""

import errno
import io
import os
import threading

import pyarrow as pa
import pytest

from watchme_analysis.access_logs.input import Input
from watchme_analysis.access_logs.parquet import ParquetFile, write_parquet
from watchme_analysis.access_logs.scan import read_access_logs
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


def tables(*sizes):
    return [pa.table({"at": list(range(size))}) for size in sizes]


def test_no_rows_and_failures_leave_nothing(tmp_path):
    assert write_parquet(tmp_path / "out", tables(0)) == 0
    with pytest.raises(ZeroDivisionError), ParquetFile(tmp_path / "out") as file:
        file.add(tables(200_000)[0])
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


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
