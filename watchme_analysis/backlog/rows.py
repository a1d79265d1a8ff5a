"""The rows behind a statement about a backlog: how many there are, and the query that returns them.

Both come from the same conditions, so that they can't say different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import (
    DLQ_SERIES,
    FUNCTION_SERIES,
    QUEUE_SERIES,
    Pipeline,
    metric_groups,
    preferred_key,
)
from watchme_analysis.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

Condition = tuple[str, str, Any]


class Rows(TypedDict):
    """Keywords of :class:`watchme_analysis.inference.findings.Evidence`: the rows behind a statement."""

    table: str
    rows: int
    sql: str


def matching(inv: Investigation, table: str, *conditions: Condition, once_by: Sequence[str] = ()) -> Rows:
    """Return the rows of a table that meet the conditions and lie in the investigation's window.

    A condition is ``(column, operator, value)``: ``=``, ``in`` (values), ``>=``, ``<``, ``null or`` (null or
    equal), ``known`` (not null; the value says nothing). Rows equal in the columns ``once_by`` count once:
    several queries of logs return the same event.
    """
    import numpy as np

    frame = inv.table(table)
    column = TABLES[table].time
    meets = np.ones(len(frame), dtype=bool)
    for name, operator, value in conditions:
        meets &= _mask(frame[name], operator, value).fillna(False).to_numpy(dtype=bool)
    rows = len(frame.loc[meets, [*once_by]].drop_duplicates()) if once_by else int(meets.sum())
    parts = [_sql(*condition) for condition in conditions]
    if inv.window is not None and column is not None:
        bounds = f"{_sql(column, '>=', inv.window.start)} and {_sql(column, '<', inv.window.end)}"
        parts.append(f"({column} is null or {bounds})")
    where = f" where {' and '.join(parts)}" if parts else ""
    distinct = f"distinct on ({', '.join(once_by)}) " if once_by else ""
    order = f" order by {column}" if column is not None and not once_by else ""
    return Rows(table=table, rows=rows, sql=f"select {distinct}* from {table}{where}{order}")


def _mask(column: Any, operator: str, value: Any) -> Any:
    if operator == "in":
        return column.isin(list(value))
    if operator == "null or":
        return column.isna() | (column == value)
    if operator == "known":
        return column.notna()
    return {"=": column.eq, ">=": column.ge, "<": column.lt}[operator](value)


def _sql(column: str, operator: str, value: Any) -> str:
    if operator == "in":
        return f"{column} in ({', '.join(_literal(item) for item in value)})" if value else "false"
    if operator == "null or":
        return f"({column} is null or {column} = {_literal(value)})"
    if operator == "known":
        return f"{column} is not null"
    return f"{column} {operator} {_literal(value)}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if hasattr(value, "isoformat"):
        return f"timestamptz '{value.isoformat()}'"
    return str(value)


def points(
    inv: Investigation,
    flows: Pipeline | Sequence[Pipeline],
    columns: Iterable[str],
    start: Any = None,
    end: Any = None,
) -> Rows:
    """Return the metric points that some columns of flows were read from, between half-open bounds.

    ``tried`` and ``failed`` stand for the columns that they are reckoned from.
    """
    index = metric_groups(inv)
    keys = []
    for pipeline in (flows,) if isinstance(flows, Pipeline) else flows:
        for column in dict.fromkeys(_behind(pipeline, columns)):
            key = _key(pipeline, column, index)
            if key is not None and key not in keys:
                keys.append(key)
    rows = sum(_between(index[key]["time"], start, end) for key in keys)
    parts = [
        f"(resource = {_literal(resource)} and metric = {_literal(metric)} and stat = {_literal(stat)} "
        f"and period_s = {period})"
        for resource, metric, stat, period in keys
    ]
    conditions = [f"({' or '.join(parts)})" if parts else "false", "time is not null"]
    conditions += [_sql("time", ">=", start)] if start is not None else []
    conditions += [_sql("time", "<", end)] if end is not None else []
    if inv.window is not None:
        conditions += [_sql("time", ">=", inv.window.start), _sql("time", "<", inv.window.end)]
    return Rows(
        table="metrics",
        rows=rows,
        sql=f"select * from metrics where {' and '.join(conditions)} order by time, resource, metric",
    )


def _behind(pipeline: Pipeline, columns: Iterable[str]) -> list[str]:
    """Return the columns that were measured: those that others are reckoned from."""
    by_message = pipeline.by_message
    measured = {
        "tried": ["received"] if by_message else ["invocations"],
        "failed": ["received", "deleted", "errors"] if by_message else ["errors"],
    }
    return [name for column in columns for name in measured.get(column, [column])]


def _key(pipeline: Pipeline, column: str, index: dict[Any, pd.DataFrame]) -> Any:
    for group, resource in (
        (QUEUE_SERIES, pipeline.queue),
        (DLQ_SERIES, pipeline.dlq),
        (FUNCTION_SERIES, pipeline.function),
    ):
        if column in group:
            _, metric, stats, _ = group[column]
            return preferred_key(index, resource, metric, stats)
    return None


def _between(times: Any, start: Any, end: Any) -> int:
    low = 0 if start is None else int(times.searchsorted(start))
    high = len(times) if end is None else int(times.searchsorted(end))
    return max(0, high - low)
