"""Windows for Logs Insights: whole seconds planned so that each window's rows stay below the cap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

# A window is planned to be this full, so that uneven densities rarely overflow it.
FILL = 0.8


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds that a query asks for, both ends included, as StartQuery takes them.

    Neighbouring spans share a second: whether an inclusive end means its first millisecond or all of it,
    no event falls between two spans, and one that both return is known by its ``@ptr``.

    Attributes
    ----------
    first, last
        Epoch seconds.
    from_ms, to_ms
        Epoch milliseconds of a narrower part (half-open), where a single second overflows.
    """

    first: int
    last: int
    from_ms: int | None = None
    to_ms: int | None = None

    @property
    def seconds(self) -> int:
        """Seconds between the ends."""
        return self.last - self.first

    @property
    def order(self) -> int:
        """Where the span stands in time, in milliseconds."""
        return self.from_ms if self.from_ms is not None else self.first * 1000

    def halves(self) -> list[Span]:
        """Return the two halves of a span, or of a second's milliseconds; [] for one millisecond."""
        return self.parts(2)

    def parts(self, count: int) -> list[Span]:
        """Return the span cut into about equal parts; [] when it can't be cut."""
        if self.from_ms is None and self.seconds > 1:
            steps = min(max(2, count), self.seconds)
            cuts = [self.first + round(self.seconds * n / steps) for n in range(steps + 1)]
            return [Span(a, b) for a, b in pairwise(cuts)]
        start = self.first * 1000 if self.from_ms is None else self.from_ms
        end = (self.last + 1) * 1000 if self.to_ms is None else self.to_ms
        steps = min(max(2, count), end - start)
        if steps < 2:
            return []
        cuts = [start + round((end - start) * n / steps) for n in range(steps + 1)]
        return [replace(self, from_ms=a, to_ms=b) for a, b in pairwise(cuts)]

    def narrowed(self, query: str) -> str:
        """Return the query for this span: a filter in front where it is narrower than a second."""
        if self.from_ms is None:
            return query
        return (
            f"filter toMillis(@timestamp) >= {self.from_ms} and toMillis(@timestamp) < {self.to_ms} | {query}"
        )


def bin_seconds(span: Span, bins: int = 2000) -> int:
    """Return the width of the bins that a span is counted by."""
    return max(1, math.ceil(span.seconds / bins))


def spans_by_count(span: Span, counts: Iterable[tuple[int, int]], bin_s: int, cap: int) -> list[Span]:
    """Return spans that hold at most about ``FILL * cap`` rows each.

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
    cuts = [span.first]
    held = 0
    for start, rows in counts:
        # The bin's neighbours share a second with it, so a cut stands at the bin's start.
        begin = max(start, span.first)
        if held and held + rows > FILL * cap and span.first < begin < span.last:
            cuts.append(begin)
            held = 0
        held += rows
        after = start + bin_s
        if rows > FILL * cap and cuts[-1] < after < span.last:
            cuts.append(after)
            held = 0
    cuts.append(span.last)
    cuts = sorted(dict.fromkeys(cuts))
    return [Span(a, b) for a, b in pairwise(cuts)] or [span]
