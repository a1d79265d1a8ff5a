"""Queries of an agent over a case, with limits of time, memory and rows."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from watchme_analysis.errors import QueryError
from watchme_analysis.installation import python_command
from watchme_analysis.mcp.query_process import OUT_OF_MEMORY, PROCESS_MIB, REFUSED
from watchme_analysis.storage.process_temp_dir import process_temp_dir
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case

# Seconds that a query may take. Most take less than one, most of it for the start of the process.
MOST_SECONDS = 30
# Rows that a query may return.
MOST_ROWS = 100_000


def limited_query(case: Case, query: str, seconds: float = MOST_SECONDS) -> pd.DataFrame:
    """Return the rows of a query, run in a process of its own that is ended at a limit.

    Raises a QueryError when DuckDB refuses the query, or it reaches a limit.
    """
    import pyarrow as pa

    command = python_command("-m", "watchme_analysis.mcp.query_process")
    # Each thread of these libraries reserves memory that would count.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    try:
        done = subprocess.run(
            [*command, str(case.path.absolute()), str(MOST_ROWS)],
            input=query.encode("utf-8", "replace"),
            capture_output=True,
            timeout=seconds,
            cwd=process_temp_dir(),
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise QueryError(error_message("error-sql-time", seconds=f"{seconds:.0f}")) from error
    if done.returncode == REFUSED:
        raise QueryError(done.stderr.decode("utf-8", "replace"))
    if done.returncode:
        is_memory = done.returncode == OUT_OF_MEMORY or done.returncode < 0
        if is_memory:
            raise QueryError(error_message("error-sql-memory", mib=f"{PROCESS_MIB:,}"))
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or [str(done.returncode)])[-1]
        raise QueryError(error_message("error-sql-refused", case=case.name, reason=last))
    rows: pd.DataFrame = pa.ipc.open_stream(done.stdout).read_all().to_pandas()
    if len(rows) > MOST_ROWS:
        raise QueryError(error_message("error-sql-rows", rows=f"{MOST_ROWS:,}"))
    return rows
