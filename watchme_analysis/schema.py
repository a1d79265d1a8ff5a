"""The data dictionary, ``schema.toml``: each table with its columns, their units and the meaning of null.

The data dictionary outranks the code: a source that yields another column is wrong. Column kinds are

========== ============================== =========================================================
kind       pandas dtype                   meaning
========== ============================== =========================================================
``text``   ``string``                     text; null is missing, never the empty string
``int``    ``Int64``                      whole number; null is missing, never zero
``float``  ``Float64``                    number; null is missing, never zero
``time``   ``datetime64[us, UTC]``        moment in UTC; NaT is missing
``bool``   ``boolean``                    true, false or null for unknown
``json``   ``string``                     a JSON value with sorted keys, as text
========== ============================== =========================================================
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

# Of a case's folder: the tables as they are here, and the manifest beside them.
FORMAT_VERSION = 1

Kind = Literal["text", "int", "float", "time", "bool", "json"]

DTYPES: dict[str, str] = {
    "text": "string",
    "int": "Int64",
    "float": "Float64",
    "time": "datetime64[us, UTC]",
    "bool": "boolean",
    "json": "string",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: name (its unit in the name), kind, meaning, and what null says."""

    name: str
    kind: Kind
    meaning: str
    null: str = "not recorded"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: name, one sentence about a row, its columns, and the column that orders it in time."""

    name: str
    row: str
    columns: tuple[Column, ...]
    time: str | None = None

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]


def _read_tables() -> dict[str, Table]:
    """Return the tables of ``schema.toml`` by name."""
    stated = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        name: Table(name, table["row"], tuple(map(_column, table["columns"].splitlines())), table.get("time"))
        for name, table in stated.items()
    }


def _column(line: str) -> Column:
    name, kind, *rest = (part.strip() for part in line.split("|"))
    return Column(name, kind, *rest)  # type: ignore[arg-type]


TABLES = _read_tables()


def table_schema(name: str) -> Table:
    """Return a table's entry in the data dictionary; an unknown name is an `InputError`."""
    if name not in TABLES:
        raise InputError(error_message("error-no-table", table=repr(name), known=", ".join(TABLES)))
    return TABLES[name]


# Longest column of nulls that is kept for the next table, in rows: kilobytes for each dtype.
_MOST_NULLS = 1 << 12


def empty(name: str) -> pd.DataFrame:
    """Return a table without rows, with the columns and dtypes of the data dictionary."""
    return _empty(name).copy()


@cache
def _empty(name: str) -> pd.DataFrame:
    """Return an empty table, made once: pandas takes longer for its columns than for a query."""
    import pandas as pd

    return pd.DataFrame(
        {column.name: pd.Series(dtype=DTYPES[column.kind]) for column in table_schema(name).columns}
    )


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with exactly the columns of the data dictionary, in order and dtype.

    A column that it lacks becomes null.

    Raises
    ------
    InputError
        When the frame has a column that the data dictionary lacks, so that nothing is dropped in silence, or
        a value that doesn't fit its kind.
    """
    import pandas as pd

    schema = table_schema(name)
    _check_columns(name, frame.columns)
    if len(frame) == 0:  # `frame.empty` is also true of rows without columns
        return empty(name)
    dtypes = _dtypes(name)
    if list(frame.columns) == schema.names and all(map(eq, frame.dtypes, dtypes.values())):
        return frame.reset_index(drop=True)
    columns: dict[str, Any] = {}
    for column in schema.columns:
        dtype = dtypes[column.name]
        values = frame[column.name] if column.name in frame.columns else None
        # Not by its name alone: texts whose null is NaN have the same.
        if values is not None and values.dtype == dtype:
            columns[column.name] = values.array
            continue
        # A column of nothing but nulls may have any dtype on the way here.
        if values is None or values.isna().all():
            columns[column.name] = _nulls(name, column.name, len(frame))
            continue
        try:
            columns[column.name] = values.astype(dtype).array
        except (TypeError, ValueError) as error:
            raise _unfitting(name, column, error) from error
    return pd.DataFrame(columns)


def frame_of_values(
    name: str, rows: Sequence[Mapping[str, Any]], *, keeps_empty: bool = False
) -> pd.DataFrame:
    """Return rows, as mappings of columns to values, as a table; see :func:`frame_of_columns`.

    A folder of AWS responses has tens of files with few rows each. To convert each column once takes a third
    of the time of a frame whose types are inferred first and converted then.
    """
    # Nearly all rows have the same columns.
    present = dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, rows))))
    values = {column: [row.get(column) for row in rows] for column in present}
    return frame_of_columns(name, values, len(rows), keeps_empty=keeps_empty)


def frame_of_columns(
    name: str, columns: Mapping[str, Sequence[Any]], rows: int, *, keeps_empty: bool = False
) -> pd.DataFrame:
    """Return columns of values as a table with all columns of the data dictionary; errors as for `conform`.

    A column that is left out is null, and so is an empty text unless ``keeps_empty``. A whole number as a
    time is microseconds since the epoch.
    """
    import pandas as pd

    schema = table_schema(name)
    _check_columns(name, columns)
    if not rows:
        return empty(name)
    arrays: dict[str, Any] = {}
    dtypes = _dtypes(name)
    for column in schema.columns:
        values = columns.get(column.name, ())
        if column.kind == "text" and not keeps_empty and "" in values:
            values = [None if value == "" else value for value in values]
        if all(value is None for value in values):
            arrays[column.name] = _nulls(name, column.name, rows)
            continue
        try:
            arrays[column.name] = _array_of(values, column.kind, dtypes[column.name])
        except (TypeError, ValueError) as error:
            raise _unfitting(name, column, error) from error
    return pd.DataFrame(arrays)


def _array_of(values: Sequence[Any], kind: Kind, dtype: Any) -> Any:
    """Return values, of which some are not null, as a column of a kind and its dtype."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if kind == "time":
        if {int, type(None)}.issuperset(map(type, values)):
            return _times_of(values)
        series = pd.Series(values)
        return (series if series.dtype == dtype else pd.to_datetime(series, utc=True).astype(dtype)).array
    if kind in ("text", "json") and {str, type(None)}.issuperset(map(type, values)):
        # pandas would look at each value for what it may be, which takes twice to five times as long.
        return pd.arrays.ArrowStringArray(pa.array(values, pa.large_string()), dtype=dtype)
    if kind == "float" and {float, type(None)}.issuperset(map(type, values)):
        numbers = np.array(values, dtype="float64")
        return pd.arrays.FloatingArray(numbers, np.isnan(numbers))
    return pd.array(values, dtype=dtype)


def _times_of(moments_us: Iterable[int | None]) -> Any:
    """Return microseconds since the epoch as a column of times; None becomes NaT."""
    import numpy as np
    import pandas as pd

    missing = np.iinfo(np.int64).min
    values = np.array([missing if moment is None else moment for moment in moments_us], dtype=np.int64)
    return pd.Series(values.view("datetime64[us]")).dt.tz_localize("UTC").array


def _check_columns(name: str, columns: Iterable[str]) -> None:
    names = table_schema(name).names
    unknown = [column for column in columns if column not in names]
    if unknown:
        raise InputError(
            error_message("error-table-no-column", table=repr(name), columns=", ".join(map(repr, unknown)))
        )


def _nulls(name: str, column: str, rows: int) -> Any:
    """Return a column of a table with so many nulls, for a frame that copies it: others share its memory."""
    dtype = _dtypes(name)[column]
    # Few lengths, so that most columns are part of one that is there.
    longer = 1 << (rows - 1).bit_length()
    return _nulls_of(dtype, longer)[:rows] if longer <= _MOST_NULLS else _nulls_of.__wrapped__(dtype, rows)


@cache
def _nulls_of(dtype: Any, rows: int) -> Any:
    """Return an array of so many nulls."""
    import pandas as pd

    return pd.Series(dtype=dtype).array.take([-1] * rows, allow_fill=True)


def _unfitting(name: str, column: Column, error: Exception) -> InputError:
    place = {"column": repr(column.name), "table": repr(name)}
    return InputError(error_message("error-column-kind", **place, kind=column.kind, reason=error))


@cache
def _dtypes(name: str) -> dict[str, Any]:
    """Return the dtype of each column, in order; to look one up takes pandas longer than to compare it."""
    import pandas as pd

    return {
        column.name: pd.api.types.pandas_dtype(DTYPES[column.kind]) for column in table_schema(name).columns
    }
