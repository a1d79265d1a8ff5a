"""The process that runs one query of an agent: ``python -P -m watchme_analysis.mcp.query_process CASE ROWS``.

The query comes over standard input, and the rows leave as Arrow's stream format over standard output. DuckDB
counts only a part of the memory that it takes, so the process itself is limited. With the exit code
:data:`REFUSED`, standard error holds the sentence.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import WatchmeError

# Memory that DuckDB uses at most, and of the process beyond that of an idle one.
DUCKDB_MIB, PROCESS_MIB = 1024, 2048
THREADS = 2
REFUSED, OUT_OF_MEMORY = 3, 4


def main(folder: str, most_rows: int) -> int:
    """Write the first rows of the query; one more than the most where it returns more."""
    import duckdb
    import pyarrow as pa

    case = open_case(Path(folder))
    case.database_settings |= {
        "memory_limit": f"{DUCKDB_MIB}MiB",
        "threads": THREADS,
        # What does not fit into memory is not written to a file instead.
        "temp_directory": "",
    }
    _limit_memory()
    try:
        rows = case.sql(_first_rows(sys.stdin.read(), most_rows + 1))
        table = pa.Table.from_pandas(rows.apply(_storable), preserve_index=False)
        with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
            stream.write_table(table)
    except (duckdb.OutOfMemoryException, MemoryError):
        return OUT_OF_MEMORY
    except WatchmeError as error:
        if isinstance(error.__cause__, duckdb.OutOfMemoryException):
            return OUT_OF_MEMORY
        sys.stderr.write(str(error))
        return REFUSED
    except duckdb.Error as error:  # in the middle of the rows
        sys.stderr.write(str(error).partition("\n")[0])
        return REFUSED
    return 0


def _first_rows(query: str, most: int) -> str:
    """Return a query for the first rows of a SELECT; anything else, such as EXPLAIN, unchanged."""
    import duckdb

    with suppress(duckdb.Error):
        (statement,) = duckdb.extract_statements(query)
        if statement.type == duckdb.StatementType.SELECT:
            # The end of the line ends a comment of the query.
            return f"select * from ({statement.query.strip().rstrip(';')}\n) limit {most}"
    return query


def _storable(values: Any) -> Any:
    """Return a column that Arrow can store; values of other types become text."""
    import pyarrow as pa

    try:
        pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError):
        return values.map(str, na_action="ignore")
    return values


def _limit_memory() -> None:
    """Limit the address space of this process, where the system can (not on macOS)."""
    import resource

    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (PROCESS_MIB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
