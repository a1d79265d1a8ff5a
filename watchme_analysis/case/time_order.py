"""A table that may be larger than memory: its parts put in the order of time on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.errors import CaseError
from watchme_analysis.schema import TABLES, empty

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

# Rows put in order at a time, but for those of one second more.
STRETCH_ROWS = 100_000


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
        File to write.

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
    rows = 0
    try:
        with duckdb.connect() as connection, pq.ParquetWriter(path, schema, compression="zstd") as writer:
            connection.execute("set TimeZone = 'UTC'")
            bounds = connection.sql(f'select min("{time}"), max("{time}") from ({union})', params=names)
            start, end = (column[0].as_py() for column in bounds.to_arrow_table().columns)
            seconds = connection.sql(
                f"select epoch(date_trunc('second', \"{time}\"))::bigint as second, count(*) as rows "
                f"from ({union}) group by second order by second nulls last",
                params=names,
            ).to_arrow_table()
            # A stretch of time after the other, each held as a whole: files in order are read but once.
            for condition in _stretches(f'"{time}"', seconds):
                query = f"select {columns} from ({union}) where {condition} order by {time}, part, place"
                found = connection.sql(query, params=names).to_arrow_table().cast(schema)
                writer.write_table(found)
                rows += len(found)
    except (duckdb.Error, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise CaseError(f"The table {table!r} can't be written to {path.parent}: {reason}") from error
    return Written(rows, start, end)


def _stretches(time: str, seconds: pa.Table) -> Iterator[str]:
    """Yield conditions that part the rows by time, about as many in each; those without a time come last."""
    edges: list[int] = []
    held = 0
    for second, count in zip(*(column.to_pylist() for column in seconds.columns), strict=True):
        if second is None:
            break
        if not edges or held + count > STRETCH_ROWS:
            edges.append(second)
            held = 0
        held += count
    for start, stop in zip_longest(edges, edges[1:]):
        before = f" and {time} < to_timestamp({stop})" if stop is not None else ""
        yield f"{time} >= to_timestamp({start}){before}"
    if seconds.num_rows and not seconds["second"][-1].is_valid:
        yield f"{time} is null"
