import os
import resource
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import InputError
from watchme_analysis.storage import leftovers
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically


@contextmanager
def room_for_1000_bytes():
    """A limit on every file of this process; as a fixture it would hold for pytest's own output as well."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_what_does_not_fit_leaves_what_was_there(tmp_path):
    path = tmp_path / "again.jsonl"
    with room_for_1000_bytes(), pytest.raises(OSError, match="too large"):
        write_atomically(path, b"x" * 2000)
    assert list(tmp_path.iterdir()) == []
    write_atomically(path, b"old")
    with room_for_1000_bytes(), pytest.raises(OSError, match="too large"):
        write_atomically(path, b"x" * 2000)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_the_file_is_named_by_its_own_name_where_none_can_be_made(tmp_path):
    path = tmp_path / "nowhere" / "again.jsonl"
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(path, b"new")
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_link_stays_one_and_its_file_is_replaced(tmp_path, mask):
    (tmp_path / "link").symlink_to("file")
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "link", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_pipe_is_written_to():
    out, into = os.pipe()
    with os.fdopen(out, "rb") as reader, os.fdopen(into, "wb"):
        write_atomically(Path(f"/dev/fd/{into}"), b"lines")
        assert os.read(reader.fileno(), 100) == b"lines"


def is_ours(first):
    return first.startswith(b"ours")


def test_an_output_replaces_only_its_own_kind(tmp_path):
    for name, content in (("ours", b"ours, from before"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        check_replaceable(tmp_path / name, is_ours, "page")
    (tmp_path / "other").write_bytes(b"notes")
    with pytest.raises(InputError) as caught:
        check_replaceable(tmp_path / "other", is_ours, "page")
    said = messages_in(caught.value.args[0])["error-output-other-kind"]
    assert said == {"path": str(tmp_path / "other"), "kind": "page"}
    # A folder and a missing file are for the writer to refuse or to make.
    check_replaceable(tmp_path, is_ours, "page")
    check_replaceable(tmp_path / "missing", is_ours, "page")


def test_what_a_killed_writer_left_is_removed(tmp_path, monkeypatch):
    left = leftovers.temporary_path(tmp_path / "page")
    left.write_bytes(b"half")
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 3600)
    write_atomically(tmp_path / "page", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["page"]
