"""Rows of Logs Insights as a typed frame."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.sources.insights_calls import Answer, Row
from watchme_analysis.sources.insights_text import columns_of

if TYPE_CHECKING:
    import pandas as pd

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_WHOLE = re.compile(r"[+-]?(?:0|[1-9]\d*)")
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LARGEST = 2**63


def answer_frame(answer: Answer, *, flatten: bool = False) -> pd.DataFrame:
    """Return an answer's rows with typed columns.

    Parameters
    ----------
    answer
        Answer of a query.
    flatten
        Add a column ``message.NAME`` for each field of messages that are JSON objects. Fields never
        overwrite a column: ``timestamp`` of a message becomes ``message.timestamp``.

    Returns
    -------
    DataFrame
        Columns as the query names them, ``@`` kept, the same with and without rows as far as the query's
        text says. A column is a time (UTC), whole numbers, numbers or text, by all of its values; whole
        numbers beyond 64 bits stay text. Missing is null.
    """
    columns = columns_of(answer.query.text)
    rows: Sequence[Row | dict[str, Any]] = answer.rows
    if flatten:
        rows = [_flattened(row) for row in answer.rows]
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    return typed_frame(names, rows)


def typed_frame(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows of text as a frame whose columns are typed by all of their values."""
    import pandas as pd

    return pd.DataFrame({name: _typed([row.get(name) for row in rows]) for name in names})


def _typed(values: list[Any]) -> pd.Series:
    import pandas as pd

    texts = [value for value in values if value is not None]
    if texts and all(_TIME.fullmatch(text) for text in texts):
        times = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="%Y-%m-%d %H:%M:%S.%f")
        return times.dt.as_unit("us")
    if texts and all(_WHOLE.fullmatch(text) for text in texts):
        if all(-_LARGEST <= int(text) < _LARGEST for text in texts):
            whole = [int(value) if value is not None else None for value in values]
            return pd.Series(pd.array(whole, dtype="Int64"))
    elif texts and all(_NUMBER.fullmatch(text) for text in texts):
        numbers = [float(value) if value is not None else None for value in values]
        return pd.Series(pd.array(numbers, dtype="Float64"))
    return pd.Series(values, dtype="string")


def _flattened(row: Row) -> dict[str, Any]:
    try:
        value = json.loads(row.get("@message", ""))
    except ValueError:
        return dict(row)
    flat: dict[str, Any] = dict(row)
    if isinstance(value, dict):
        _flatten("message", value, flat)
    return flat


def _flatten(prefix: str, value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            _flatten(f"{prefix}.{name}", item, into)
    elif value is not None:
        into[prefix] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
