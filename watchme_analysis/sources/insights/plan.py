"""Windows for Logs Insights, planned so that each window's rows stay below the cap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Start of a bin in epoch seconds, and the events in it.
Counts = tuple[tuple[int, int], ...]

# A window is planned to be this full, so that uneven densities rarely overflow it.
FILL = 0.8
# Parts of a span that are this wide meet at whole seconds.
_WIDE_MS = 2000
# A part may be wider than asked for by so little of itself.
_ABOUT = 0.01


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time that a query is answerable for, in epoch milliseconds.

    StartQuery takes whole seconds with both ends included. A part of a window therefore filters by the
    millisecond, so that neighbours share no event and leave none out.

    Attributes
    ----------
    from_ms, to_ms
        Bounds, the end excluded.
    part
        Whether it is a part of a window; the whole is cut to the window afterwards.
    """

    from_ms: int
    to_ms: int
    part: bool = True

    @property
    def first(self) -> int:
        """First second to ask for."""
        return self.from_ms // 1000

    @property
    def end(self) -> int:
        """First second that is no more part of it."""
        return -(-self.to_ms // 1000)

    @property
    def length_ms(self) -> int:
        """Length in milliseconds."""
        return self.to_ms - self.from_ms

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.length_ms / 1000

    def __contains__(self, other: Span) -> bool:
        """Whether another span lies within this one."""
        return self.from_ms <= other.from_ms and other.to_ms <= self.to_ms

    def parts(self, count: int) -> list[Span]:
        """Return the span cut into about so many equal parts; [] for 1 ms."""
        return self.cut_at(self.steps(self.length_ms / max(2, count))) if self.length_ms > 1 else []

    def parts_for(self, rows: float, cap: int) -> list[Span]:
        """Return the span in as few parts as hold so many rows that lie evenly."""
        count = math.ceil(rows / (FILL * cap))
        return self.parts(count) if count > 1 else [Span(self.from_ms, self.to_ms)]

    def steps(self, width_ms: float) -> list[int]:
        """Return the milliseconds at which parts of about a width meet.

        A query scans whole seconds, so wide parts meet at them, and narrow ones share no more of them than
        their width asks for: each second is cut for itself.
        """
        if width_ms >= _WIDE_MS:
            count = math.ceil(self.length_ms / width_ms - _ABOUT)
            return [(self.from_ms + self.length_ms * n // count) // 1000 * 1000 for n in range(1, count)]
        seconds = range(self.first, self.end)
        if len(seconds) == 1:
            count = math.ceil(self.length_ms / width_ms - _ABOUT)
            return [self.from_ms + self.length_ms * n // count for n in range(1, count)]
        count = math.ceil(1000 / width_ms - _ABOUT)
        steps = (1000 * second + 1000 * n // count for second in seconds for n in range(count))
        return [step for step in steps if self.from_ms < step < self.to_ms]

    def cut_at(self, cuts: Iterable[int]) -> list[Span]:
        """Return the span cut at the milliseconds that lie inside it."""
        inside = sorted({cut for cut in cuts if self.from_ms < cut < self.to_ms})
        return [Span(a, b) for a, b in pairwise([self.from_ms, *inside, self.to_ms])]

    def narrowed(self, query: str) -> str:
        """Return the query for this span, with a filter in front where it is a part."""
        if not self.part:
            return query
        return (
            f"filter toMillis(@timestamp) >= {self.from_ms} and toMillis(@timestamp) < {self.to_ms} | {query}"
        )


@dataclass
class Task:
    """One started or waiting query of an answer."""

    answer: int
    span: Span
    counting: int = 0  # width of the bins when it counts, else 0
    depth: int = 0
    tries: int = 0
    telling: bool = False  # whether it asks how far an inclusive end reaches
    last: int = 0  # last second asked for
    bytes_seen: float = 0.0  # what it had scanned when it was polled last
    query_id: str = ""
    started_at: float = 0.0
    next_poll: float = 0.0
    not_before: float = 0.0


def epoch_ms(text: str) -> int:
    """Return an Insights time as epoch milliseconds."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def bin_seconds(span: Span, bins: int = 2000) -> int:
    """Return the width of the bins that a span is counted by."""
    return max(1, math.ceil(span.seconds / bins))


def spans_by_count(span: Span, counts: Iterable[tuple[int, float]], bin_s: int, cap: int) -> list[Span]:
    """Return spans that hold at most about ``FILL * cap`` rows each; a fuller bin is cut evenly.

    Parameters
    ----------
    span
        What is to be cut.
    counts
        Start of each bin (epoch seconds) and the rows in it, in order; bins without rows may be missing.
    bin_s
        Width of a bin in seconds.
    cap
        Rows that one query returns at most.
    """
    cuts: list[int] = []
    held = 0.0
    for start, rows in counts:
        if rows > FILL * cap:
            full = Span(start * 1000, (start + bin_s) * 1000)
            cuts += [full.from_ms, *full.steps(full.length_ms * FILL * cap / rows), full.to_ms]
            held = 0.0
        elif held + rows > FILL * cap:
            cuts.append(start * 1000)
            held = rows
        else:
            held += rows
    return span.cut_at(cuts)


def spans_from_edge(rest: Span, missing: float, width_ms: float, cap: int, rising: bool) -> list[Span]:
    """Return the rest of a cut window in spans as wide as the rows just before it let expect.

    Parameters
    ----------
    rest
        What was not returned; it begins (rising) or ends at the last row that was.
    missing
        Rows in it.
    width_ms
        Width that held ``FILL * cap`` rows at the end of what was returned.
    cap
        Rows that one query returns at most.
    rising
        Whether the oldest rows came first.
    """
    width = max(1.0, width_ms)
    count = math.ceil(missing / (FILL * cap))
    if width * count >= rest.length_ms:
        return rest.parts_for(missing, cap)
    reach = round(width * max(1, count - 1))
    edge = rest.from_ms + reach if rising else rest.to_ms - reach
    near = Span(rest.from_ms, edge) if rising else Span(edge, rest.to_ms)
    # What follows shares no second with it.
    second = edge // 1000 * 1000 + (1000 if rising else 0)
    return rest.cut_at([edge, second, *near.steps(width)])
