"""Sorting by time, on disk, of a table that may exceed memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchme_analysis.errors import CaseError
from watchme_analysis.schema import TABLES, empty
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

# Rows sorted at a time; rows of the same second stay together and may exceed it.
STRETCH_ROWS = 100_000


class Written(NamedTuple):
    """Number of rows of a written table, and its first and last time."""

    rows: int
    start: datetime | None
    end: datetime | None


def write_sorted(table: str, parts: Sequence[Path], path: Path) -> Written:
    """Write the rows of Parquet files as one table, sorted by time, file and row; return its size and times.

    CaseError when the rows can't be sorted or written, such as when the disk is full.
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
            # One interval at a time, held in memory as a whole: files that are already sorted are read only
            # once.
            for condition in _stretches(f'"{time}"', seconds):
                query = f"select {columns} from ({union}) where {condition} order by {time}, part, place"
                found = connection.sql(query, params=names).to_arrow_table().cast(schema)
                writer.write_table(found)
                rows += len(found)
    except (duckdb.Error, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise CaseError(
            error_message("error-case-table-unwritable", table=repr(table), folder=path.parent, reason=reason)
        ) from error
    return Written(rows, start, end)


def _stretches(time: str, seconds: pa.Table) -> Iterator[str]:
    """Yield SQL conditions that split the rows into intervals of similar size, rows without a time last."""
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
