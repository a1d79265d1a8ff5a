"""Parquet files that appear when they are complete, in the place of files and objects."""

import errno

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from worlds.messages import messages_in

from watchme_analysis.access_logs import parquet
from watchme_analysis.access_logs.parquet import ParquetFile, write_parquet
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files import leftovers

TABLE = pa.table({"a": [1, 2, 3]})


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path, monkeypatch):
    left = leftovers.temporary_path(tmp_path / "rows")
    left.write_text("of a killed process")
    monkeypatch.setattr(leftovers, "_NEW_S", 0.0)
    with ParquetFile(tmp_path / "rows") as file:
        assert names(tmp_path) == []
        file.add(TABLE)
        file.add(TABLE.slice(0, 0))
        file.add(TABLE)
        assert (file.rows, names(tmp_path)) == (6, [])
    assert names(tmp_path) == ["rows"]
    found = pq.ParquetFile(tmp_path / "rows")
    assert (found.read()["a"].to_pylist(), found.metadata.num_row_groups) == ([1, 2, 3] * 2, 1)
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"
    assert write_parquet(tmp_path / "none", []) == 0
    assert names(tmp_path) == ["rows"]


def test_a_group_is_written_when_it_is_large_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    with ParquetFile(tmp_path / "rows") as file:
        file.add(TABLE)
        assert names(tmp_path) == []
        file.add(TABLE.slice(0, 1))
        (aside,) = names(tmp_path)
        assert leftovers.is_temporary_name(aside)
        file.add(TABLE)
    metadata = pq.ParquetFile(tmp_path / "rows").metadata
    assert [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)] == [4, 3]


def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 1)
    write_parquet(tmp_path / "rows", [TABLE])
    before = (tmp_path / "rows").read_bytes()
    with pytest.raises(KeyError), ParquetFile(tmp_path / "rows") as file:
        file.add(TABLE)
        raise KeyError
    assert (names(tmp_path), (tmp_path / "rows").read_bytes()) == (["rows"], before)


def test_a_place_that_cant_be_written_is_an_error_without_arrows_words(tmp_path):
    with pytest.raises(InputError) as caught:
        write_parquet(tmp_path / "missing" / "rows", [TABLE])
    said = messages_in(caught.value.args[0])["error-file-unwritable"]
    assert said["path"] == str(tmp_path / "missing" / "rows")
    with pytest.raises(InputError) as caught, parquet._named("rows"):
        raise OSError(errno.ENOSPC, "Failed to write rows to /tmp/rows")
    assert messages_in(caught.value.args[0])["error-file-unwritable"] == {
        "path": "rows",
        "reason": "reason-full",
    }
    with pytest.raises(ServiceError) as caught, parquet._named("s3://logs/rows"):
        raise OSError("no network")
    assert messages_in(caught.value.args[0])["error-file-unwritable"]["path"] == "s3://logs/rows"


class Store(fs.SubTreeFileSystem):
    """A store whose objects lie in a folder."""

    deleted = ()

    def delete_file(self, path):
        self.deleted = (*self.deleted, path)
        super().delete_file(path)


def test_an_object_is_deleted_when_writing_it_failed(tmp_path, monkeypatch):
    store = Store(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(parquet, "s3_store", lambda: store)
    assert write_parquet("s3://rows", [TABLE]) == 3
    assert pq.read_table(tmp_path / "rows")["a"].to_pylist() == [1, 2, 3]
    assert store.deleted == ()
    monkeypatch.setattr(parquet, "GROUP_ROWS", 1)
    with pytest.raises(KeyError), ParquetFile("s3://rows") as file:
        file.add(TABLE)
        raise KeyError
    assert (store.deleted, names(tmp_path)) == (("rows",), [])
    # Before anything was written there is nothing to delete.
    with pytest.raises(KeyError), ParquetFile("s3://rows"):
        raise KeyError
    assert store.deleted == ("rows",)
