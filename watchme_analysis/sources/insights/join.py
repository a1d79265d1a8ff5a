"""Windows of a Logs Insights query put together: in order, each event once, within the window asked."""

from __future__ import annotations

from datetime import UTC, datetime

from watchme_analysis.sources.insights.calls import Answer, Row
from watchme_analysis.sources.insights.plan import FILL, Span, epoch_ms
from watchme_analysis.sources.insights.text import ascending


def join_pieces(answer: Answer, pieces: list[tuple[int, list[Row]]]) -> None:
    """Fill an answer's rows from the pieces of its windows.

    Parameters
    ----------
    answer
        Its rows are set, and how many matched where all came.
    pieces
        For each window its start in epoch milliseconds and its rows; windows share no event.
    """
    query = answer.query
    if query.whole is not None:
        answer.rows = [row for _, rows in pieces for row in rows]
        return
    rising = ascending(query.text)
    joined = _once_each(sorted(pieces, key=lambda piece: piece[0], reverse=not rising))
    start, end = query.window.start, query.window.end
    inside = [row for row in joined if _within(row.get("@timestamp"), start, end)]
    answer.rows = inside
    if not answer.truncated:
        # Every window's rows were as many as matched, so all that lie in the window are here.
        answer.matched = float(len(inside))


def complete_part(rows: list[Row], span: Span, rising: bool) -> tuple[list[Row], Span]:
    """Return the rows of a cut window that came whole, and the span that is left to ask.

    Parameters
    ----------
    rows
        First rows of the window.
    span
        The window.
    rising
        Whether the oldest came first.

    Returns
    -------
    kept, rest
        The millisecond at the edge may be cut, so it belongs to the rest. No rows and the whole span where
        nothing is known to be whole.
    """
    times = [row.get("@timestamp", "") for row in rows]
    if not times or not all(times) or sorted(times, reverse=not rising) != times:
        return [], span
    edge = epoch_ms(times[-1])
    rest = Span(max(edge, span.from_ms), span.to_ms) if rising else Span(span.from_ms, edge + 1)
    if rest.to_ms - rest.from_ms >= span.to_ms - span.from_ms:
        return [], span
    return [row for row, moment in zip(rows, times, strict=True) if moment != times[-1]], rest


def filled_width_ms(rows: list[Row], cap: int) -> float:
    """Return the width in milliseconds that a window may have, by how close the last quarter of rows lies."""
    last = rows[-max(2, len(rows) // 4) :]
    between = abs(epoch_ms(last[-1]["@timestamp"]) - epoch_ms(last[0]["@timestamp"]))
    return max(1, between) / len(last) * FILL * cap


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
