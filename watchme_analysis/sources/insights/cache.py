"""Answers of Logs Insights kept on disk, so that what can't change any more is paid for once.

An entry holds the rows of a query from the start of its window up to a moment after which events may
still have been on their way. Asked again with a later end, only the rest is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from watchme_analysis.sources.aws.cache import SETTLED_AFTER, AnswerStore
from watchme_analysis.sources.insights.calls import Answer, InsightsQuery, Row
from watchme_analysis.sources.insights.text import ascending
from watchme_analysis.window import Window


@dataclass(frozen=True)
class Entry:
    """A kept answer.

    Attributes
    ----------
    until
        End of what can't change any more.
    end
        End of what was asked; what lies beyond ``until`` is for offline use.
    rows
        Rows in the query's order.
    statistics
        What the answer's retrieval said.
    taken_at
        When it was asked.
    """

    until: datetime
    end: datetime
    rows: list[Row]
    statistics: dict[str, Any]
    taken_at: datetime


def load_entry(store: AnswerStore, query: InsightsQuery) -> Entry | None:
    """Return what is kept of a query, None when nothing is or it can't be read."""
    kept = store.load(_identity(query))
    if kept is None:
        return None
    value = kept.value
    until, end = (datetime.fromisoformat(value[name]) for name in ("until", "end"))
    return Entry(until, end, value["rows"], value["statistics"], kept.taken_at)


def save_answer(store: AnswerStore, answer: Answer, now: datetime) -> None:
    """Keep a complete answer, and say of it up to when it is settled."""
    query = answer.query
    start, end = query.window.start, query.window.end
    if answer.truncated:
        return
    until = min(end, now - SETTLED_AFTER)
    if query.whole is not None and until < end:
        until = start
    if query.whole is None and any("@timestamp" not in row for row in answer.rows):
        return
    value = {
        "until": max(until, start),
        "end": end,
        "statistics": {"matched": answer.matched, "scanned": answer.scanned},
        "rows": answer.rows,
    }
    store.save(_identity(query), value, now)


def _identity(query: InsightsQuery) -> list[Any]:
    identity: list[Any] = [query.text, sorted(query.log_groups), query.window.start.isoformat()]
    if query.whole is not None:
        # Only windows of events put together give the whole, so anything else is kept by its end too.
        identity.append(query.window.end.isoformat())
    return identity


def rest_of(query: InsightsQuery, entry: Entry, offline: bool) -> InsightsQuery | None:
    """Return what is left to ask of a query, None when the entry covers it all."""
    covered = entry.end if offline else entry.until
    if covered >= query.window.end:
        return None
    if covered == query.window.start:
        return query
    window = Window(covered, query.window.end)
    first = int(window.start.timestamp()) - query.counts_bin_s
    counts = tuple((second, rows) for second, rows in query.counts if second > first)
    if query.counts and not counts:
        counts = ((first + query.counts_bin_s, 0),)
    return replace(query, window=window, counts=counts)


def answer_of(query: InsightsQuery, entry: Entry, rest: Answer | None) -> Answer:
    """Return the answer that an entry and the answer for what was left give together."""
    end = query.window.end if rest is None else rest.query.window.start
    inside = [row for row in entry.rows if query.whole is not None or _time(row) < end]
    answer = Answer(query, inside, matched=float(len(inside)))
    if query.whole is not None:
        answer.matched = entry.statistics.get("matched")
    answer.scanned = float(entry.statistics.get("scanned") or 0)
    answer.cached_at = entry.taken_at
    answer.notes.append(f"Read from the cache up to {end.isoformat()} (asked {entry.taken_at.isoformat()}).")
    if rest is not None:
        rows = [inside, rest.rows] if ascending(query.text) else [rest.rows, inside]
        answer.rows = [row for part in rows for row in part]
        answer.matched = len(inside) + (rest.matched if rest.matched is not None else len(rest.rows))
        answer.status, answer.truncated = rest.status, rest.truncated
        answer.scanned += rest.scanned
        # The cached part was paid for before.
        answer.bytes_scanned, answer.started = rest.bytes_scanned, rest.started
        answer.notes += rest.notes
    return answer


def _time(row: Row) -> datetime:
    return datetime.fromisoformat(row["@timestamp"]).replace(tzinfo=UTC)
