"""Windows for Logs Insights, planned so that each window's rows stay below the cap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

# A window is planned to be this full, so that uneven densities rarely overflow it.
FILL = 0.8


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time that a query is answerable for, in epoch milliseconds.

    StartQuery takes whole seconds with both ends included. A part of a window therefore filters by the
    millisecond, so that neighbours share no event and leave none out, whether an inclusive end means its
    first millisecond or the whole of its second.

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
    def last(self) -> int:
        """Last second to ask for."""
        return -(-self.to_ms // 1000)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.to_ms - self.from_ms) / 1000

    def parts(self, count: int) -> list[Span]:
        """Return the span cut into about equal parts, at whole seconds where it is long; [] for 1 ms."""
        count = max(2, count)
        unit = 1000 if self.seconds >= 2 * count else 1
        steps = [
            self.from_ms + (self.to_ms - self.from_ms) * n // count // unit * unit for n in range(1, count)
        ]
        return self.cut_at(steps) if self.to_ms - self.from_ms > 1 else []

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


def bin_seconds(span: Span, bins: int = 2000) -> int:
    """Return the width of the bins that a span is counted by."""
    return max(1, math.ceil(span.seconds / bins))


def spans_by_count(span: Span, counts: Iterable[tuple[int, int]], bin_s: int, cap: int) -> list[Span]:
    """Return spans that hold at most about ``FILL * cap`` rows each, a fuller bin alone in its own.

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
    held = 0
    for start, rows in counts:
        if held and held + rows > FILL * cap:
            cuts.append(start * 1000)
            held = 0
        held += rows
        if rows > FILL * cap:
            cuts.append((start + bin_s) * 1000)
            held = 0
    return span.cut_at(cuts)
