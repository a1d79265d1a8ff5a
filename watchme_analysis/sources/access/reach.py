"""From when to when logs reach, told by their first and last lines alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from watchme_analysis.sources.access.input import Input
from watchme_analysis.sources.access.line_reader import LineReader
from watchme_analysis.sources.lines import split_lines
from watchme_analysis.sources.raw import PACKED_MAGIC

# So many lines tell whether something stands before each.
_FIRST_LINES = 32
_TAIL_BYTES = 1 << 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_time(one: Input, reader: LineReader) -> int | None:
    """Return the time of a log's first request, microseconds since the epoch; None where none is near."""
    lines = split_lines(one.head())
    reader.look_at(lines[:_FIRST_LINES])
    return _first(lines, reader)


def last_time(one: Input, reader: LineReader) -> int | None:
    """Return the time of a log's last request, as :func:`first_time`; None for what is packed or a pipe."""
    if one.open_anywhere is None or one.size is None:
        return None
    with one.open_anywhere() as stream:
        head = stream.read(_TAIL_BYTES)
        if head.startswith(PACKED_MAGIC):
            return None
        stream.seek(max(0, one.size - _TAIL_BYTES))
        tail = stream.read(_TAIL_BYTES)
    reader.look_at(split_lines(head)[:_FIRST_LINES])
    return _first(reversed(split_lines(tail)), reader)


def _first(lines: Iterable[bytes], reader: LineReader) -> int | None:
    for line in lines:
        try:
            time = reader.row(line).get("time")
        except ValueError:
            continue
        if isinstance(time, int):
            return time
    return None


def reach_of(logs: Iterable[tuple[Input, LineReader]]) -> tuple[datetime | None, datetime | None]:
    """Return the first and last time of logs; None for the last one where not every log tells its own."""
    firsts, lasts = [], []
    for one, reader in logs:
        firsts.append(first_time(one, reader) if one.size else None)
        lasts.append(last_time(one, reader))
    known = [moment for moment in lasts if moment is not None]
    ends = known if len(known) == len(lasts) else []
    begins = [moment for moment in firsts if moment is not None]
    return _moment(min(begins, default=None)), _moment(max(ends, default=None))


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
