"""Queries that return the rows behind a statement about ``/health``."""

from __future__ import annotations

from watchme_analysis.hypotheses.health_facts import Facts

# Columns whose difference gives the start of a row, by table.
_START = {
    "access_log": "time - to_microseconds(cast(coalesce(request_time_s, 0) * 1e6 as bigint))",
    "edge_log": "start",
    "probes": "time",
    "error_log": "time",
    "app_log": "time",
    "host_metrics": "time",
}


def quoted(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def within(found: Facts, table: str, *conditions: str) -> str:
    """Return the query for a table's rows of the incident that meet the conditions."""
    if found.incident is None:
        return select(table, *conditions)
    start, end = found.start.isoformat(), found.end.isoformat()
    span = f"{_START[table]} between timestamptz {quoted(start)} and timestamptz {quoted(end)}"
    return select(table, span, *conditions)


def select(table: str, *conditions: str) -> str:
    """Return the query for a table's rows that meet the conditions."""
    where = " and ".join(condition for condition in conditions if condition)
    return f"select * from {table}" + (f" where {where}" if where else "")


def of_paths(found: Facts, families: tuple[str, ...] | list[str] | None = None) -> str:
    """Return the condition that a path belongs to families, those affected unless given."""
    parts = []
    for family in found.families if families is None else families:
        if "*" in family:
            parts.append(f"path like {quoted(family.replace('*', '%'))}")
        else:
            parts.append(f"path = {quoted(family)}")
    return "(" + " or ".join(parts) + ")" if parts else ""
