"""Answers of Logs Insights kept on disk, so that what can't change any more is paid for once.

An entry holds the rows of a query from the start of its window up to a moment after which events may
still have been on their way. Asked again with a later end, only the rest is asked.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from watchme_analysis.sources.insights_calls import Answer, InsightsQuery, Row
from watchme_analysis.sources.insights_text import ascending
from watchme_analysis.window import Window

# Events of a window may still be on their way for so long after its end.
SETTLED_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Entry:
    """A kept answer.

    Attributes
    ----------
    until
        End of what it covers; None when it covers nothing.
    rows
        Rows in the query's order.
    statistics
        What the answer's retrieval said.
    taken_at
        When it was asked.
    """

    until: datetime
    rows: list[Row]
    statistics: dict[str, Any]
    taken_at: datetime


@dataclass(frozen=True)
class Cache:
    """Kept answers of one account and region.

    Attributes
    ----------
    folder
        Where they lie.
    place
        Account and region that they are of.
    """

    folder: Path
    place: str

    def _path(self, query: InsightsQuery) -> Path:
        identity: list[Any] = [
            self.place,
            query.text,
            sorted(query.log_groups),
            query.window.start.isoformat(),
        ]
        if query.whole is not None:
            # Only windows of events put together give the whole, so anything else is kept by its end too.
            identity.append(query.window.end.isoformat())
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.json.gz"

    def load(self, query: InsightsQuery) -> Entry | None:
        """Return what is kept of a query, None when nothing is or it can't be read."""
        try:
            data = json.loads(gzip.decompress(self._path(query).read_bytes()))
            moments = [datetime.fromisoformat(data[name]) for name in ("until", "taken_at")]
            return Entry(moments[0], data["rows"], data["statistics"], moments[1])
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def save(self, answer: Answer, now: datetime) -> None:
        """Keep the settled part of a complete answer."""
        query = answer.query
        until = min(query.window.end, now - SETTLED_AFTER)
        if answer.truncated or until <= query.window.start:
            return
        if query.whole is not None and until < query.window.end:
            return
        rows = [row for row in answer.rows if query.whole is not None or _time(row) < until]
        if query.whole is None and any("@timestamp" not in row for row in rows):
            return
        path = self._path(query)
        path.parent.mkdir(parents=True, exist_ok=True)
        statistics = {
            "matched": answer.matched if until == query.window.end else float(len(rows)),
            "scanned": answer.scanned,
            "bytes_scanned": answer.bytes_scanned,
        }
        data = {
            "until": until.isoformat(),
            "taken_at": now.isoformat(),
            "statistics": statistics,
            "rows": rows,
        }
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(gzip.compress(json.dumps(data, ensure_ascii=False).encode(), 6))
        unfinished.replace(path)


def rest_of(query: InsightsQuery, entry: Entry) -> InsightsQuery | None:
    """Return what is left to ask of a query, None when the entry covers it all."""
    if entry.until >= query.window.end:
        return None
    window = Window(entry.until, query.window.end)
    return InsightsQuery(query.text, query.log_groups, window, query.name)


def answer_of(query: InsightsQuery, entry: Entry, rest: Answer | None) -> Answer:
    """Return the answer that an entry and the answer for what was left give together."""
    inside = [row for row in entry.rows if query.whole is not None or _time(row) < query.window.end]
    answer = Answer(query, inside, matched=float(len(inside)))
    if query.whole is not None:
        answer.matched = entry.statistics.get("matched")
    answer.scanned = float(entry.statistics.get("scanned") or 0)
    answer.notes.append(
        f"Read from the cache up to {entry.until.isoformat()} (asked {entry.taken_at.isoformat()})."
    )
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
