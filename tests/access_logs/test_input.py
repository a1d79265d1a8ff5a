"""Inputs by their names: files, folders, patterns and objects, and those that cannot be read."""

import gzip
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow import fs
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.access_logs import input as inputs
from watchme_analysis.access_logs.input import (
    REQUEST_BYTES,
    Input,
    find_inputs,
    input_of,
    now_at,
    readable,
    without_copies,
)
from watchme_analysis.access_logs.line_blocks import Buffers
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.decompress import TruncatedError
from watchme_analysis.retrieval import Rejected, Retrieval


def refusal(caught):
    return messages_in(caught.value.args[0])


def laid(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n")


def found(folder, *names, kind="access"):
    return [
        str(Path(one.name).relative_to(folder))
        for one in find_inputs([str(folder / name) for name in names], kind)
    ]


def test_names_stand_for_files_folders_and_patterns(tmp_path):
    laid(
        tmp_path, "access.log", "web/my-access.log.1.gz", "web/access.json", "error.log", "web/x.log", "b.log"
    )
    (tmp_path / "access.log.d").mkdir()
    assert found(tmp_path, "") == ["access.log", "web/access.json", "web/my-access.log.1.gz"]
    assert found(tmp_path, "", kind="error") == ["error.log"]
    assert found(tmp_path, "b.log", "web", "b.log") == ["b.log", "web/access.json", "web/my-access.log.1.gz"]
    assert found(tmp_path, "**/*.log") == ["access.log", "b.log", "error.log", "web/x.log"]
    (one,) = find_inputs([str(tmp_path / "b.log")])
    assert (one.path, one.size, one.begin) == (tmp_path / "b.log", 6, b"b.log\n")
    assert b"".join(one.pieces()) == one.open_anywhere().read() == b"b.log\n"
    (pipe,) = find_inputs(["-"])
    assert (pipe.name, pipe.path, pipe.size, pipe.open_anywhere, pipe.begin) == ("-", None, None, None, b"")


def test_names_of_nothing_are_errors(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        find_inputs([str(tmp_path / "empty")])
    said = refusal(caught)["error-folder-without-log"]
    assert said == {
        "folder": str(tmp_path / "empty"),
        "kind": "access",
        "names": "*access*.log* *access*.json*",
    }
    with pytest.raises(InputError) as caught:
        find_inputs([str(tmp_path / "empty")], "error")
    assert refusal(caught)["error-folder-without-log"]["names"] == "*error*.log*"
    with pytest.raises(InputError) as caught:
        find_inputs([str(tmp_path / "*.log")], "error")
    assert refusal(caught)["error-no-log"] == {"name": str(tmp_path / "*.log"), "kind": "error"}


def test_a_folder_and_a_pipe_are_inputs_without_a_beginning(tmp_path):
    folder = input_of(tmp_path)
    assert (folder.path, folder.size, folder.open_anywhere, folder.begin) == (tmp_path, 0, None, b"")
    pipe = input_of(Path("/dev/null"))
    assert (pipe.path, pipe.size, pipe.open_anywhere) == (None, None, None)
    assert pipe.open().read() == b""


def test_a_rotated_file_is_found_by_its_first_bytes(tmp_path):
    laid(tmp_path, "access.log", "other.log")
    (one,) = find_inputs([str(tmp_path / "access.log")])
    assert now_at(one.path, one.begin) == one.path
    (tmp_path / "sub").mkdir()
    one.path.rename(tmp_path / "access.log.1")
    assert now_at(one.path, one.begin) == tmp_path / "access.log.1"
    laid(tmp_path, "access.log.0")
    one.path.write_text("another\n")
    assert one.open().read() == b"access.log\n"
    (tmp_path / "access.log.1").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        now_at(one.path, one.begin)
    assert caught.value.filename == str(one.path)
    # An empty file has no beginning by which it could be found.
    assert now_at(tmp_path / "gone", b"") == tmp_path / "gone"
    with pytest.raises(TruncatedError) as caught:
        next(one.pieces())
    assert messages_in(caught.value.reason.message) == {"reject-gone": {}}


def test_a_short_log_that_has_grown_is_the_same(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b"one\n")
    one = input_of(path)
    path.write_bytes(b"one\ntwo\n")
    assert now_at(path, one.begin) == path
    path.rename(tmp_path / "access.log.1")
    path.write_bytes(b"three\n")
    assert one.open().read() == b"one\ntwo\n"


def test_only_the_first_256_bytes_identify_a_file(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b"a" * 300)
    one = input_of(path)
    assert one.begin == b"a" * 256
    path.write_bytes(b"a" * 256 + b"b" * 90)
    assert now_at(path, one.begin) == path


class Breaking(BytesIO):
    """A stream that fails after its content, or at once."""

    def __init__(self, data=b""):
        super().__init__(data)

    def read(self, size=-1):
        data = super().read(size)
        if not data:
            raise ConnectionResetError(104, "Connection reset by peer")
        return data

    read1 = read

    def readinto(self, room):
        data = self.read(len(room))
        room[: len(data)] = data
        return len(data)

    readinto1 = readinto


def test_what_was_read_before_a_failure_is_kept():
    for name in ("a.log", "s3://bucket/a.log"):
        pieces = Input(name, lambda: Breaking(b"a whole line\n")).pieces()
        assert next(pieces) == b"a whole line\n"
        with pytest.raises(TruncatedError) as caught:
            next(pieces)
        assert "reject-broke-off" in messages_in(caught.value.reason.message)
        with pytest.raises(ServiceError if name.startswith("s3") else InputError) as caught:
            next(Input(name, Breaking).pieces())
        assert refusal(caught)["error-file-unreadable"]["path"] == name


def test_a_head_is_read_as_far_as_it_goes():
    one = Input("a.log", lambda: Breaking(b"line\n" * 3))
    assert (one.head(5), one.head(7), one.head()) == (b"line\n", b"line\nli", b"line\n" * 3)
    long = Input("a.log", lambda: BytesIO(b"x" * 200_000))
    assert (len(long.head()), len(long.head(100))) == (65_536, 100)


class Store:
    """A store of objects with the interface of pyarrow's file systems."""

    def __init__(self, objects):
        self.objects = objects
        self.opened = []

    def get_file_info(self, place):
        if isinstance(place, fs.FileSelector):
            assert place.recursive and place.allow_not_found
            below = [name for name in self.objects if name.startswith(place.base_dir + "/")]
            folders = [SimpleNamespace(path=place.base_dir + "/sub", size=None, type=fs.FileType.Directory)]
            return [self.info(name) for name in reversed(below)] + folders
        if place in self.objects:
            return self.info(place)
        return SimpleNamespace(path=place, size=None, type=fs.FileType.Directory)

    def info(self, name):
        return SimpleNamespace(path=name, size=len(self.objects[name]), type=fs.FileType.File)

    def open_input_stream(self, key, compression, buffer_size):
        self.opened.append((key, compression, buffer_size))
        return BytesIO(self.objects[key])

    def open_input_file(self, key):
        return BytesIO(self.objects[key])


OBJECTS = {
    "logs/web/a.log": b"a\n",
    "logs/web/b.log.gz": gzip.compress(b"b\n"),
    "logs/web/sub/c.log": b"ccc\n",
}


def listed(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "s3_store", lambda: Store(OBJECTS))
        return [one.name.removeprefix("s3://logs/web/") for one in find_inputs([name])]


@together(
    ("name", "objects"),
    [
        ("s3://logs/web/a.log", ["a.log"]),
        ("s3://logs/web/", ["a.log", "b.log.gz", "sub/c.log"]),
        ("s3://logs", ["a.log", "b.log.gz", "sub/c.log"]),
        ("s3://logs/web/*.log", ["a.log", "sub/c.log"]),
        ("s3://logs/web/b*", ["b.log.gz"]),
        ("s3://logs/*/c.log", ["sub/c.log"]),
    ],
)
def test_names_of_objects_are_keys_prefixes_and_patterns(name, objects):
    assert listed(name) == objects


@together(
    ("name", "message"),
    [
        ("s3://logs/other/", {"error-s3-no-object": {"name": "s3://logs/other/"}}),
        ("s3://logs/web/*.zst", {"error-s3-no-object": {"name": "s3://logs/web/*.zst"}}),
        ("s3://", {"error-s3-no-bucket": {"name": "s3://"}}),
        ("s3://*", {"error-s3-no-bucket": {"name": "s3://*"}}),
    ],
)
def test_names_of_no_object_are_errors(name, message):
    with pytest.raises(InputError) as caught:
        listed(name)
    assert refusal(caught) == message


def test_an_object_is_opened_as_it_is_stored(monkeypatch):
    store = Store(OBJECTS)
    monkeypatch.setattr(inputs, "s3_store", lambda: store)
    (one,) = find_inputs(["s3://logs/web/b.log.gz"])
    assert (one.name, one.path, one.size) == (
        "s3://logs/web/b.log.gz",
        None,
        len(OBJECTS["logs/web/b.log.gz"]),
    )
    assert b"".join(one.pieces()) == b"b\n"
    assert store.opened == [("logs/web/b.log.gz", None, REQUEST_BYTES)]
    assert one.open_anywhere().read() == OBJECTS["logs/web/b.log.gz"]

    def fails(place):
        raise OSError("no network")

    monkeypatch.setattr(store, "get_file_info", fails)
    with pytest.raises(ServiceError) as caught:
        find_inputs(["s3://logs/web/"])
    assert refusal(caught)["error-s3-unlisted"]["name"] == "s3://logs/web/"


def test_the_store_has_the_endpoint_and_region_of_the_environment(monkeypatch):
    made = []
    monkeypatch.setattr(fs, "S3FileSystem", lambda **options: made.append(options))
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name in (None, *reversed(names)):
        if name:
            monkeypatch.setenv(name, f"value of {name}")
        inputs.s3_store()
    timeouts = {"connect_timeout": 10.0, "request_timeout": 60.0}
    assert made == [
        {
            "endpoint_override": endpoint and f"value of AWS_{endpoint}",
            "region": region and f"value of AWS_{region}",
        }
        | timeouts
        for endpoint, region in (
            (None, None),
            (None, "DEFAULT_REGION"),
            (None, "REGION"),
            ("ENDPOINT_URL", "REGION"),
            ("ENDPOINT_URL_S3", "REGION"),
        )
    ]


def test_inputs_that_cant_be_opened_are_unread(tmp_path):
    laid(tmp_path, "access.log")
    closed = input_of(tmp_path)
    pipe = Input("-", lambda: pytest.fail("a pipe waits for its writer"))
    kept, unread = readable([closed, input_of(tmp_path / "access.log"), pipe])
    assert [one.name for one in kept] == [str(tmp_path / "access.log"), "-"]
    (one,) = unread
    reason = one.rejected[0].reason
    assert one == Retrieval(
        "nginx_access", str(tmp_path), lines=0, rejected=(Rejected(str(tmp_path), 0, reason),), truncated=True
    )
    assert "reject-unreadable" in messages_in(reason.message)
    with pytest.raises(InputError) as caught:
        readable([closed])
    assert refusal(caught)["error-file-unreadable"]["path"] == str(tmp_path)


def copies(folder, **contents):
    """Return which inputs are kept, and the pairs of a copy and its whole."""
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    kept, notes = without_copies([input_of(folder / name) for name in contents])
    said = [messages_in(one.message)["access-note-copy"] for one in notes]
    pairs = [(Path(one["copy"]).name, Path(one["whole"]).name) for one in said]
    return [Path(one.name).name for one in kept], pairs


def test_the_beginning_of_another_log_is_its_copy(tmp_path):
    data = b"".join(b"%d\n" % at for at in range(30_000))
    assert copies(tmp_path, a=data, b=gzip.compress(data)) == (["a"], [("b", "a")])
    assert copies(tmp_path, a=data[:100], b=data) == (["b"], [("a", "b")])
    assert copies(tmp_path, a=data, b=data[:150_000], c=b"other\n") == (["a", "c"], [("b", "a")])
    # They differ behind their first bytes, or have none.
    assert copies(tmp_path, a=data, b=data[:150_000] + b"x\n") == (["a", "b"], [])
    assert copies(tmp_path, a=b"", b=data, c=b"") == (["a", "b", "c"], [])
    # Of compressed data that ends early, the undamaged part is compared.
    assert copies(tmp_path, a=data, b=gzip.compress(data)[:-3000])[1] == [("b", "a")]
    pipe = Input("-", lambda: pytest.fail("a pipe can be read only once"))
    assert without_copies([pipe, pipe]) == ([pipe, pipe], [])


def test_blocks_of_a_file_are_whole_lines(tmp_path):
    (tmp_path / "access.log").write_bytes(b"one\ntwo\nthree")
    one = input_of(tmp_path / "access.log")
    for each in (one, Input("-", lambda: BytesIO(b"one\ntwo\nthree"))):
        assert b"".join(bytes(block) for block in each.blocks(1 << 20, Buffers())) == b"one\ntwo\nthree"
