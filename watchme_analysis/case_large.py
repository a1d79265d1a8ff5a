"""A table that may be larger than memory: its parts put in the order of time on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.errors import CaseError
from watchme_analysis.schema import TABLES, empty

if TYPE_CHECKING:
    from datetime import datetime

# What sorting may take; past it DuckDB goes on on disk.
SORT_MEMORY = "256MB"
_BATCH_ROWS = 50_000


class Written(NamedTuple):
    """Rows of a table that was written, and its first and last moment."""

    rows: int
    start: datetime | None
    end: datetime | None


def write_sorted(table: str, parts: Sequence[Path], path: Path) -> Written:
    """Write the rows of Parquet files as one table, in the order of its time, of the files, of their rows.

    Parameters
    ----------
    table
        Name in the glossary, of a table with a time.
    parts
        Files with the table's columns.
    path
        File to write. The folder beside it takes what does not fit into memory.

    Raises
    ------
    CaseError
        When the rows can't be put in order, as when the disk is full.
    """
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Table.from_pandas(empty(table), preserve_index=False).schema
    time = TABLES[table].time
    assert time is not None
    columns = ", ".join(f'"{name}"' for name in schema.names)
    source = "read_parquet(?, file_row_number = true)"
    union = " union all ".join(
        f"select {columns}, {at} as part, file_row_number as place from {source}" for at in range(len(parts))
    )
    names = [str(part) for part in parts]
    rows, start, end = 0, None, None
    try:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"set memory_limit = '{SORT_MEMORY}'")
            connection.execute("set temp_directory = ?", [str(path.parent)])
            bounds = connection.sql(f'select min("{time}"), max("{time}") from ({union})', params=names)
            start, end = (column[0].as_py() for column in bounds.to_arrow_table().columns)
            query = f'select {columns} from ({union}) order by "{time}" nulls last, part, place'
            reader = connection.sql(query, params=names).to_arrow_reader(_BATCH_ROWS)
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                    rows += len(batch)
    except (duckdb.Error, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise CaseError(f"The table {table!r} can't be written to {path.parent}: {reason}") from error
    return Written(rows, start, end)
