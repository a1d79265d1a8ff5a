"""Windows of a Logs Insights query put together: in order, each event once, within the window asked."""

from __future__ import annotations

from datetime import UTC, datetime

from watchme_analysis.sources.insights_calls import Answer, Row
from watchme_analysis.sources.insights_text import ascending


def join_pieces(answer: Answer, pieces: list[tuple[int, list[Row]]]) -> None:
    """Fill an answer's rows from the pieces of its windows.

    Parameters
    ----------
    answer
        Its rows are set; it is marked incomplete when fewer came than matched.
    pieces
        For each window where it stands in time and its rows.
    """
    query = answer.query
    if query.whole is not None:
        answer.rows = [row for _, rows in pieces for row in rows]
        return
    rising = ascending(query.text)
    joined = _once_each(sorted(pieces, key=lambda piece: piece[0], reverse=not rising))
    start, end = query.window.start, query.window.end
    inside = [row for row in joined if _within(row.get("@timestamp"), start, end)]
    if len(pieces) > 1:
        # Windows overlap in their boundary second, so the pieces' order is not yet the rows'.
        inside.sort(key=lambda row: row.get("@timestamp", ""), reverse=not rising)
    answer.rows = inside
    if answer.truncated:
        return
    if answer.matched is None:
        answer.matched = float(len(inside))
        return
    answer.matched = max(answer.matched - (len(joined) - len(inside)), float(len(inside)))
    missing = answer.matched - len(inside)
    if missing and len(pieces) > 1:
        answer.incomplete(f"{missing:.0f} of {answer.matched:.0f} rows that matched never came.")


def _once_each(pieces: list[tuple[int, list[Row]]]) -> list[Row]:
    seen: set[str] = set()
    rows: list[Row] = []
    for _, piece in pieces:
        for row in piece:
            ptr = row.get("@ptr")
            if ptr is not None:
                if ptr in seen:
                    continue
                seen.add(ptr)
            rows.append(row)
    return rows


def _within(text: str | None, start: datetime, end: datetime) -> bool:
    if not text:
        return True
    return start <= datetime.fromisoformat(text).replace(tzinfo=UTC) < end
