"""Write tables of requests to Parquet as they arrive, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.input import s3_store
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.storage.leftovers import in_use, remove_leftovers, temporary_path
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pyarrow as pa

# Readers decompress whole row groups; chunks of a log alone would result in thousands of small groups.
GROUP_ROWS = 100_000
# Rows wait in memory, plain and compressed, until their group is complete.
_GROUP_BYTES = 8 << 20
# Texts that hardly repeat are compressed better without a dictionary, which also takes memory.
_DICTIONARY_BYTES = 32 << 10


class ParquetFile:
    """A Parquet file that appears under its name when it is complete; the name may be an ``s3://`` URL.

    A path that is not a regular file, such as ``/dev/null``, is written directly.

    It is a context manager. Without rows no file is written, and an error in its body leaves no file.
    Concurrent writers of the same name do not interfere: the last to finish wins.

    Raises InputError if the file cannot be written. Raises ServiceError if the object cannot be written.
    """

    def __init__(self, name: str | Path) -> None:
        self.name = str(name)
        self.rows = 0
        self._held: list[pa.Table] = []
        self._writer: Any = None
        self._path = path = Path(self.name).resolve()
        is_file = not self._is_object and (path.is_file() or not path.exists())
        self._aside = temporary_path(path) if is_file else None
        self._lock = ExitStack()
        if is_file:
            remove_leftovers(path.parent)

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with _named(self.name):
                if kind is None:
                    self._write()
                if self._writer is not None:
                    self._writer.close()
                if self._writer is None:
                    return
                if self._aside is not None:
                    if kind is None:
                        self._aside.replace(self._path)
                elif self._is_object and kind is not None:
                    # Closing, which is unavoidable, created an object of the rows so far.
                    s3_store().delete_file(self.name.removeprefix("s3://"))
        finally:
            self._lock.close()
            if self._aside is not None:
                self._aside.unlink(missing_ok=True)

    def add(self, table: pa.Table) -> None:
        """Write rows, with the same columns each time."""
        if len(table):
            self.rows += len(table)
            self._held.append(table)
            held = sum(map(len, self._held)), sum(one.nbytes for one in self._held)
            if held[0] >= GROUP_ROWS or held[1] >= _GROUP_BYTES:
                with _named(self.name):
                    self._write()

    @property
    def _is_object(self) -> bool:
        return self.name.startswith("s3://")

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._held:
            return
        table = pa.concat_tables(self._held)
        self._held = []
        if self._writer is None:
            # An object appears when it is closed.
            where = self.name.removeprefix("s3://") if self._is_object else self._aside or self._path
            store = s3_store() if self._is_object else None
            self._writer = pq.ParquetWriter(
                where,
                table.schema,
                compression="zstd",
                filesystem=store,
                dictionary_pagesize_limit=_DICTIONARY_BYTES,
            )
            if self._aside is not None:
                self._lock.enter_context(in_use(self._aside))
        self._writer.write_table(table, row_group_size=GROUP_ROWS)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Arrow puts the path and its own words into the reason of an error that has a number.
        reason = OSError(error.errno, os.strerror(error.errno)) if error.errno else error
        problem = ServiceError if name.startswith("s3://") else InputError
        raise problem(error_message("error-file-unwritable", path=name, reason=reason)) from error


def write_parquet(name: str | Path, tables: Iterable[pa.Table]) -> int:
    """Return the number of rows after writing tables to a Parquet file as they arrive.

    Raises InputError if the file cannot be written. Raises ServiceError if the object cannot be written.
    """
    with ParquetFile(name) as file:
        for table in tables:
            file.add(table)
    return file.rows
