"""The memory that a table file takes when it is loaded, measured before it is.

A page of a few bytes may hold gigabytes, a dictionary repeats one text a million times, and the sizes in a
file's footer are only claims. DuckDB reads all of it within a limit of memory and does not repeat the texts.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.limits import MIB, Limits

if TYPE_CHECKING:
    import duckdb

# Bytes of the position of a text in a column.
_OFFSET_BYTES = 8


def exceeds_memory(path: Path, limits: Limits) -> bool:
    """Return whether a table takes more memory than the limits allow; a damaged file is an error of Arrow."""
    import duckdb
    import pyarrow.parquet as pq

    most = max(limits.table_mib * MIB, limits.unpacked_times * path.stat().st_size)
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        rows = max(int(file.metadata.num_rows), sum(int(group.num_rows) for group in groups))
        schema = file.schema_arrow
    widths: list[int | None] = [_fixed_bytes(field.type) for field in schema]
    fixed = rows * sum(_OFFSET_BYTES if width is None else width for width in widths)
    names = [
        field.name.replace('"', '""') for field, width in zip(schema, widths, strict=True) if width is None
    ]
    if fixed > most or not names:
        return fixed > most
    texts = " + ".join(f'coalesce(sum(strlen("{name}"::varchar)), 0)' for name in names)
    with _database().cursor() as connection:
        connection.execute(f"set global memory_limit = '{most // MIB}MiB'")
        try:
            found = connection.execute(f"select {texts} from read_parquet(?)", [str(path)]).fetchone()
        except duckdb.OutOfMemoryException:
            return True
    return found is None or fixed + int(found[0]) > most


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return a database of this process: its start takes longer than the measurement of most tables."""
    import duckdb

    return duckdb.connect(config={"temp_directory": "", "threads": 2})


def _fixed_bytes(kind: Any) -> int | None:
    """Return the bytes of each value of an Arrow type; None where they differ, as for texts."""
    import pyarrow as pa

    try:
        return None if pa.types.is_dictionary(kind) else max(1, int(kind.bit_width) // 8)
    except ValueError:
        return None
