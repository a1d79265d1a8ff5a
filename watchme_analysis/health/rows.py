"""Statements about ``/health`` in the words of the catalogues, with the queries that return their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from watchme_analysis.health.context import HealthContext
from watchme_analysis.inference.signals import Observation
from watchme_analysis.schema import TABLES
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import Code, Message, Names, Text, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Values of a message by name: what :func:`message` takes.
Values: TypeAlias = dict[str, Any]
# Values that a remedy may name, beside those of sentences.
Facts: TypeAlias = Mapping[str, Value]
# The log that each layer keeps of requests.
LOGS = {"edge": "edge_log", "nginx": "access_log"}
# So many lines that follow each other are written as a range.
_RANGE = 4


class Rows(NamedTuple):
    """The rows behind a statement: the table (or tables), their number, and the query that returns them."""

    table: str
    rows: int
    sql: str


def observation(  # noqa: PLR0913  an observation has these parts
    context: HealthContext,
    signal: str,
    rows: Rows,
    effect: tuple[float, str] | tuple[None, None] = (None, None),
    *,
    words: str = "",
    more: Text | None = None,
    detail: Text | None = None,
    rule: Text | None = None,
    is_mechanism: bool = False,
    strength: float = 1.0,
    share: float = 1.0,
    facts: Facts | None = None,
    **values: Any,
) -> Observation:
    """Return the observation of a signal in the words of the messages ``health-WORDS`` and ``...-detail``.

    ``words`` are the signal's id unless stated; only a mechanism has the second message. Each message takes
    the ``values`` that it names, and ``paths``, ``services`` and ``place`` from the context. ``more`` ends
    the statement, and ``rule`` the mechanism, which is ``detail`` if that is stated. ``is_mechanism``: the
    statement says the mechanism as well. ``effect`` is a value with its unit.
    """
    name = f"health-{words or signal.replace('_', '-')}"
    known = dict(message(name, **values).values)

    def said(message_id: str) -> Message:
        names = catalogue("en").names(message_id)
        known.update({each: _OF_CONTEXT[each](context) for each in _OF_CONTEXT.keys() & names - known.keys()})
        return message(message_id, **{each: value for each, value in known.items() if each in names})

    text = sentences(said(name), more)
    if detail is None and f"{name}-detail" in catalogue("en").ids:
        detail = said(f"{name}-detail")
    mechanism = text if is_mechanism else sentences(detail, rule) or None
    value, unit = effect
    return Observation(signal, text, *rows, value, unit, strength, mechanism, share, facts or {})


def own_place(context: HealthContext) -> Message:
    """Return the Nginx location of the affected endpoints as a phrase."""
    place = context.own_location
    if place is not None:
        return message("nginx-location", location=Code(place.label))
    return message("nginx-location-of", paths=context.endpoints)


# Values that every message may name.
_OF_CONTEXT: dict[str, Callable[[HealthContext], Value]] = {
    "paths": lambda context: Names(context.endpoints),
    "services": lambda context: Names(context.services),
    "place": own_place,
}


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def within(context: HealthContext, table: str, *conditions: str) -> str:
    """Return the query for a table's rows of the incident that meet the conditions."""
    if context.incident is None:
        return select(table, *conditions)
    start, end = context.start.isoformat(), context.end.isoformat()
    span = f"{TABLES[table].time} between timestamptz {quoted(start)} and timestamptz {quoted(end)}"
    return select(table, span, _windowed(context, table), *conditions)


def _windowed(context: HealthContext, table: str) -> str:
    """Return the condition that a row lies in the window looked at; empty when that is the whole case."""
    window, column = context.inv.window, TABLES[table].time
    if window is None or column is None:
        return ""
    start, end = (f"timestamptz {quoted(bound.isoformat())}" for bound in (window.start, window.end))
    return f"{column} >= {start} and {column} < {end}"


def select(table: str, *conditions: str) -> str:
    """Return the query for a table's rows that meet the conditions."""
    where = " and ".join(condition for condition in conditions if condition)
    return f"select * from {table}" + (f" where {where}" if where else "")


def lines(table: str, rows: pd.DataFrame) -> Rows:
    """Return a table's rows that stand in the files and lines of some rows."""
    condition = _standing(rows["file"], rows["line"])
    return Rows(table, len(rows), f"select * from {table} where {condition}")


def of_joined(side: str, rows: pd.DataFrame) -> Rows:
    """Return what a layer (``edge``, ``nginx``) logged of some joined requests."""
    table = LOGS[side]
    condition = _standing(rows[f"{side}_file"], rows[f"{side}_line"])
    return Rows(table, len(rows), f"select * from {table} where {condition}")


def of_observed(rows: pd.DataFrame) -> Rows:
    """Return what tables hold of some observations, whichever tables those are.

    Rows of several tables are put below each other with what all of them have: table, file, line, the time
    that the table is ordered by, path and status (null in ``error_log``).
    """
    groups = [(str(table), group) for table, group in rows.groupby("table", sort=True)]
    if len(groups) == 1:
        return lines(*groups[0])
    parts = []
    for table, group in groups:
        moment = "start" if table == "edge_log" else "time"
        status = "null::bigint" if table == "error_log" else "status"
        parts.append(
            f"select '{table}' as source, file, line, {moment} as time, path, {status} as status "
            f"from {table} where {_standing(group['file'], group['line'])}"
        )
    sql = " union all ".join(parts) + " order by time"
    return Rows(", ".join(table for table, _ in groups), len(rows), sql)


def _standing(files: pd.Series, numbers: pd.Series) -> str:
    """Return the condition that a row stands in some files and lines, given for each of the same rows."""
    import pandas as pd

    lines_of: dict[str, set[int]] = {}
    for file, line in zip(files.to_numpy(dtype=object), numbers.to_numpy(dtype=object), strict=True):
        if isinstance(file, str):
            known = lines_of.setdefault(file, set())
            if not pd.isna(line):
                known.add(int(line))
    parts = [f"(file = {quoted(file)} and ({_numbers(sorted(lines_of[file]))}))" for file in sorted(lines_of)]
    return "(" + " or ".join(parts) + ")" if parts else "false"


def _numbers(numbers: list[int]) -> str:
    """Return the condition that a line's number is one of these, runs of them as ranges."""
    breaks = [0, *(place for place, (a, b) in enumerate(pairwise(numbers), 1) if b != a + 1), len(numbers)]
    runs = [numbers[first:last] for first, last in pairwise(breaks)]
    ranges = [f"line between {run[0]} and {run[-1]}" for run in runs if len(run) >= _RANGE]
    single = [str(number) for run in runs if len(run) < _RANGE for number in run]
    return " or ".join([*ranges, *([f"line in ({', '.join(single)})"] if single else [])]) or "false"


def at_times(times: Iterable[Any]) -> str:
    """Return the condition that a row's time is one of these."""
    return f"time in ({', '.join(f'timestamptz {quoted(time.isoformat())}' for time in times)})"
