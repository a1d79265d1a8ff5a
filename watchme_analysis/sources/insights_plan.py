"""Windows for Logs Insights, planned so that each window's rows stay below the cap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Start of a bin in epoch seconds, and the events in it.
Counts = tuple[tuple[int, int], ...]

# A window is planned to be this full, so that uneven densities rarely overflow it.
FILL = 0.8
# Parts of a span that are this wide meet at whole seconds.
_WIDE_MS = 2000
# A part may be wider than asked for by so little of itself.
_ABOUT = 0.01
# Up to so many windows are asked without knowing what share of the events a filter leaves.
_FEW = 8
# Where nothing is known, three of so many slices are asked first.
_SLICES = 48
# A filter that left nothing in three windows may still leave some elsewhere.
_LEAST_SHARE = 0.01


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


class Outlook:
    """Where the rows of a query are expected, and the windows to ask for them in.

    Events that came into a log group bound the rows from above. How many of them a filter leaves, or how
    many there are where nothing is known, three windows tell before the others are planned; they are
    windows like all others, so that nothing is scanned twice.

    Parameters
    ----------
    span
        The whole.
    counts, bin_s
        Start of each bin in epoch seconds and the events in it, and the width of the bins; no counts when
        nothing is known.
    cap
        Rows that one query returns at most.
    """

    def __init__(self, span: Span, counts: Counts, bin_s: int, cap: int) -> None:
        self.span, self.cap = span, cap
        self.known = bool(counts)
        self.bin_s = bin_s if counts else max(1, math.ceil(span.seconds / _SLICES))
        first = span.from_ms // 1000
        self.counts = counts or tuple((second, 1) for second in range(first, span.end, self.bin_s))
        self._gaps: list[Span] = []
        self._awaited = 0
        self._ratios: list[float] = []

    def first_spans(self) -> list[Span]:
        """Return what to ask for first: the whole, all windows, or three that tell how to cut the rest."""
        if self.known and sum(rows for _, rows in self.counts) <= FILL * self.cap:
            return [self.span]
        if self.known:
            spans = spans_by_count(self.span, self.counts, self.bin_s, self.cap)
            if len(spans) <= _FEW:
                return spans
        elif self.span.seconds < _SLICES:
            return [self.span]
        else:
            spans = self.span.cut_at(second * 1000 for second, _ in self.counts)
        middle = len(spans) // 2
        probes = [spans[0], spans[middle], spans[-1]]
        self._gaps = [Span(a.to_ms, b.from_ms) for a, b in pairwise(probes)]
        self._awaited = len(probes)
        return probes

    def next_spans(self, span: Span, matched: float | None) -> list[Span]:
        """Take up what a window held (None: it failed) and return what is to be asked now.

        The windows that the first three leave come with the last of these; otherwise there are none.
        """
        if not self._awaited:
            return []
        self._awaited -= 1
        expected = self.expected(span)
        if matched is not None and expected:
            self._ratios.append(matched / expected)
        if self._awaited:
            return []
        return [part for gap in self._gaps for part in self._cut(gap, self._ratio())]

    def spans_for(self, rest: Span, missing: float) -> list[Span]:
        """Return the rest of a cut window that holds so many rows, cut as the counts say; [] when they can't.

        Bins wider than a third of it say nothing about where in it the rows lie.
        """
        expected = self.expected(rest)
        if not self.known or not expected or rest.seconds < 3 * self.bin_s:
            return []
        return self._cut(rest, missing / expected)

    def expected(self, span: Span) -> float:
        """Return the events of the counts that lie in a span, those of a bin being spread evenly."""
        total = 0.0
        for second, rows in self.counts:
            start, end = second * 1000, (second + self.bin_s) * 1000
            shared = min(end, span.to_ms) - max(start, span.from_ms)
            total += rows * max(0, shared) / (end - start)
        return total

    def _ratio(self) -> float:
        """Return the rows to expect for an event counted.

        Where events are counted, the highest share of the three makes windows that nowhere overflow. Where
        nothing is known, one of the three may lie in a burst, and the middle one is told by the others.
        """
        if not self._ratios:
            return 1.0
        if self.known:
            return min(1.0, max(_LEAST_SHARE, *self._ratios))
        return max(median(self._ratios), 0.0)

    def _cut(self, span: Span, ratio: float) -> list[Span]:
        if not self.known:
            return span.parts_for(self.expected(span) * ratio, self.cap)
        counts = [
            (second, rows * ratio)
            for second, rows in self.counts
            if span.from_ms < (second + self.bin_s) * 1000 and second * 1000 < span.to_ms
        ]
        return spans_by_count(span, counts, self.bin_s, self.cap)
