"""Convert the rows of Logs Insights, which are text, to a typed frame, and a result to its Retrieval."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.insights_query_text import Row, column_kinds, query_facts
from watchme_analysis.cloudwatch.insights.query_api import INSIGHTS_LANGUAGE, QueryResult
from watchme_analysis.prices import USD_PER_GB, cost_usd
from watchme_analysis.retrieval import Retrieval

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Forms that all values of a column must have to be read as times, whole numbers or numbers.
_TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$"
_WHOLE = r"^-?(?:0|[1-9]\d*)$"
_MILLISECONDS = r"^\d{13}$"
# Whole numbers of 16 digits or more lose digits as floating point numbers.
_LONG = r"^-?[1-9]\d{15,}$"
# Prefix of the columns that ``flatten`` adds.
_FLATTENED = "message."
_NUMBER = r"^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$"


def result_frame(result: QueryResult, *, flatten: bool = False) -> pd.DataFrame:
    """Return the rows of a query result with typed columns, named as in the query, including ``@``.

    As far as the query's text determines them, the columns are the same with and without rows. A column holds
    times (UTC), whole numbers, numbers or text: as the query's text determines (``@timestamp``, ``bin(..)``,
    ``count(..)``, ``@message``), else by all of its values. Whole numbers beyond 64 bits, or mixed with
    fractions at a loss of digits, stay text. Missing values are null.

    ``flatten`` adds a column ``message.NAME`` for each field of messages that are JSON objects; it never
    overwrites a column.
    """
    text = result.query.text
    if result.query.query_language != INSIGHTS_LANGUAGE:
        return typed_frame([*dict.fromkeys(chain.from_iterable(result.rows))], result.rows)
    # ``pattern`` and others return columns of their own instead of those that the text names.
    facts = query_facts(text)
    columns = [*facts.columns] if facts.determines_columns or not result.rows else []
    known = set(columns)
    rows: Sequence[Row | dict[str, Any]] = result.rows
    if flatten:
        rows = [_flattened(row) for row in result.rows]
    names = list(dict.fromkeys([*columns, *chain.from_iterable(rows)]))
    if facts.determines_columns:
        # @timestamp was added to split the query, even if the query does not return it.
        names = [name for name in names if name in known or name.startswith(_FLATTENED)]
    return typed_frame(names, rows, column_kinds(text))


def retrieval_of(result: QueryResult, usd_per_gb: float = USD_PER_GB) -> Retrieval:
    """Return the Retrieval of a query result: query, bytes scanned, cost, and whether rows are missing."""
    return Retrieval(
        "cloudwatch_logs",
        ", ".join(result.query.log_groups),
        rows=len(result.rows),
        start=result.query.window.start,
        end=result.query.window.end,
        truncated=result.truncated,
        query=result.query.text,
        bytes_scanned=result.bytes_scanned,
        cost_usd=cost_usd(result.bytes_scanned, usd_per_gb),
        cached_at=result.cached_at,
        notes=tuple(result.notes),
    )


def typed_frame(
    names: Sequence[str], rows: Sequence[dict[str, Any]], kinds: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return rows of text as a frame with the named columns.

    ``kinds`` holds the kind of each column where it is known, see
    :func:`~watchme_analysis.aws_shapes.insights_query_text.column_kinds`; the kind of others follows from
    their values.
    """
    import pandas as pd

    given = kinds or {}
    return pd.DataFrame({name: _typed([row.get(name) for row in rows], given.get(name)) for name in names})


def _typed(values: list[Any], kind: str | None) -> pd.Series:
    """Return a column of text as times, numbers or text, by its kind or else by all of its values."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array(values, pa.string())
    is_empty = texts.null_count == len(texts)

    def fits(wanted: str, pattern: str) -> bool:
        # pc.all skips nulls; for a column of nulls alone it returns null, so only the known kind counts.
        matching = pc.all(pc.match_substring_regex(texts, pattern)).as_py() is True
        return kind == wanted if is_empty else matching and kind != "text"

    if fits("time", _TIME):
        times = pc.assume_timezone(pc.cast(texts, pa.timestamp("us")), "UTC")
        return pd.Series(times.to_pandas()).dt.as_unit("us")
    if kind == "time" and fits("time", _MILLISECONDS):
        times = pc.cast(pc.cast(texts, pa.int64()), pa.timestamp("ms", tz="UTC"))
        return pd.Series(times.to_pandas()).dt.as_unit("us")
    if kind != "number" and fits("whole", _WHOLE):
        try:
            return pd.Series(pd.array(pc.cast(texts, pa.int64()), dtype="Int64"))
        except pa.ArrowInvalid:  # beyond 64 bits
            return pd.Series(values, dtype="string")
    if fits("number", _NUMBER) and not _loses_digits(texts):
        return pd.Series(pd.array(pc.cast(texts, pa.float64()), dtype="Float64"))
    return pd.Series(pd.array(texts, dtype="string"))


def _loses_digits(texts: pa.Array) -> bool:
    """Return True when a column holds whole numbers with more digits than a floating point number keeps."""
    import pyarrow.compute as pc

    return pc.any(pc.match_substring_regex(texts, _LONG)).as_py() is True


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
