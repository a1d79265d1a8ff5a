"""Results of Logs Insights as columns, without an object of Python for each cell.

A result of 10,000 rows has 50,000 cells, each an object with the name and the value of a field. Arrow reads
such a file into two columns, of names and of values, in half the time that Python takes for the objects
alone. It is strict: whatever differs from the shape that GetQueryResults documents is left to the general
reader, which takes each row for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class ResultColumns(NamedTuple):
    """A response of GetQueryResults.

    Attributes
    ----------
    rows
        Number of rows.
    fields
        Values of each field, in the order of the rows; None where a row lacks the field.
    statistics
        Figures of the query by name: ``recordsMatched``, ``recordsScanned``, ``bytesScanned``.
    status
        Status of the query; None if the response states none.
    has_next_page
        Whether the response names a next page.
    """

    rows: int
    fields: dict[str, list[str | None]]
    statistics: dict[str, float | None]
    status: str | None
    has_next_page: bool


def result_columns(data: bytes) -> ResultColumns | None:
    """Return a response of GetQueryResults; None for anything that is not exactly of its documented shape.

    Parameters
    ----------
    data
        Content of a file.

    Notes
    -----
    Of a field that a row repeats, the last value counts, as in an object of JSON.

    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json

    options: dict[str, Any] = {
        # In one block, since a document may have line breaks anywhere.
        "read_options": pa.json.ReadOptions(block_size=len(data) + 1, use_threads=False),
        "parse_options": pa.json.ParseOptions(_response_schema(), unexpected_field_behavior="ignore"),
    }
    try:
        response = pa.json.read_json(pa.BufferReader(data), **options)
        response.validate(full=True)  # JSON has to be UTF-8
    except (pa.ArrowException, OverflowError):
        return None
    results = response["results"].combine_chunks()
    if len(response) != 1 or results.null_count:
        return None
    rows = results.flatten()
    cells = rows.flatten()
    names = cells.field("field")
    if rows.null_count or cells.null_count or names.null_count:
        return None
    row_of_cell = pc.list_parent_indices(rows).to_numpy()
    statistics = response["statistics"][0].as_py() or {}
    return ResultColumns(
        len(rows),
        _by_name(names, cells.field("value"), row_of_cell, len(rows)),
        statistics,
        response["status"][0].as_py(),
        bool(response["nextToken"][0].as_py()),
    )


def _by_name(names: pa.Array, values: pa.Array, row_of_cell: Any, rows: int) -> dict[str, list[str | None]]:
    """Return the values of each name by row."""
    import numpy as np
    import pyarrow as pa

    encoded = names.dictionary_encode()
    codes = encoded.indices.to_numpy()
    found = {}
    for code, name in enumerate(encoded.dictionary.to_pylist()):
        cells = np.flatnonzero(codes == code)
        cell_of_row = np.full(rows, -1)
        cell_of_row[row_of_cell[cells]] = cells
        found[name] = values.take(pa.array(cell_of_row, mask=cell_of_row < 0)).to_pylist()
    return found


def _response_schema() -> pa.Schema:
    import pyarrow as pa

    text, figure = pa.string(), pa.float64()
    cell = pa.struct({"field": text, "value": text})
    names = ("recordsMatched", "recordsScanned", "bytesScanned")
    return pa.schema(
        {
            "results": pa.list_(pa.list_(cell)),
            "statistics": pa.struct(dict.fromkeys(names, figure)),
            "status": text,
            "nextToken": text,
        }
    )
