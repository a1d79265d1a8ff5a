"""Where the rows of a Logs Insights query are expected, told by counts or by the windows asked first."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median

from watchme_analysis.sources.insights.plan import FILL, Counts, Span, spans_by_count

# Up to so many windows are asked without knowing what share of the events a filter leaves.
_FEW = 8
# Where nothing is known, three of so many slices are asked first.
_SLICES = 48
# A filter that left nothing in three windows may still leave some elsewhere.
_LEAST_SHARE = 0.01
# As few crowded bins are a burst; more are a state, which would take too many pieces.
_BURSTS = 3
_PIECES = 60
_TRIED = 4
# A query more is worth so many events that may not have to be scanned again.
_WORTH = 1000
# The rows of a piece tell of evenness where they are at most so many times more or fewer than they would be.
_EVEN = 2.0


class Trial:
    """A bin fuller than an answer, of which a few pieces are asked first.

    Cut evenly, a bin whose rows lie close together is scanned nearly twice: once for the rows that come, and
    what these leave once more. To count them first would scan them as well. A few pieces, which are windows
    like all others, tell whether the bin may be cut evenly or must be piece by piece.

    Parameters
    ----------
    span
        The bin.
    rows
        Rows in it.
    """

    def __init__(self, span: Span, rows: float) -> None:
        self.span, self.rows = span, rows
        self._pieces = span.parts(min(_PIECES, span.end - span.first))
        first, count = len(self._pieces) // (2 * _TRIED), len(self._pieces)
        self._tried = [first + count * n // _TRIED for n in range(_TRIED)]
        self.awaited = [self._pieces[number] for number in self._tried]
        self._even = True

    def take(self, piece: Span, matched: float | None, cap: int) -> list[Span]:
        """Take up what a piece held (None: it failed); return the other windows with the last, else none."""
        self.awaited.remove(piece)
        usual = self.rows / len(self._pieces)
        self._even &= matched is not None and usual / _EVEN <= matched <= usual * _EVEN
        if self.awaited:
            return []
        found = []
        for before, after in pairwise([-1, *self._tried, len(self._pieces)]):
            gap = self._pieces[before + 1 : after]
            if gap and self._even:
                found += Span(gap[0].from_ms, gap[-1].to_ms).parts_for(usual * len(gap), cap)
            else:
                found += gap
        return found


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
    all_rows
        Whether every event that came in is a row, as no filter leaves any out.
    """

    def __init__(self, span: Span, counts: Counts, bin_s: int, cap: int, *, all_rows: bool = False) -> None:
        self.span, self.cap, self.all_rows = span, cap, all_rows
        self.known = bool(counts)
        self.bin_s = bin_s if counts else max(1, math.ceil(span.seconds / _SLICES))
        first = span.from_ms // 1000
        self.counts = counts or tuple((second, 1) for second in range(first, span.end, self.bin_s))
        self._trials: list[Trial] = []
        self._gaps: list[Span] = []
        self._awaited = 0
        self._ratios: list[float] = []

    def first_spans(self) -> list[Span]:
        """Return what to ask for first: the whole, all windows, or three that tell how to cut the rest."""
        if self.known and sum(rows for _, rows in self.counts) <= FILL * self.cap:
            return [self.span]
        if self.known:
            spans = spans_by_count(self.span, self.counts, self.bin_s, self.cap)
            if len(spans) <= _FEW or self.all_rows:
                return self._tried(spans)
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

        The windows that the first three leave come with the last of these, those that the pieces of a bin
        leave with the last of those; otherwise there are none.
        """
        if not self._awaited:
            trial = next((trial for trial in self._trials if span in trial.awaited), None)
            return trial.take(span, matched, self.cap) if trial else []
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

    def _tried(self, spans: list[Span]) -> list[Span]:
        """Return windows in which a few bins that hold more than an answer are looked into first."""
        if not self.all_rows:
            return spans
        crowded = [
            Trial(Span(start * 1000, (start + self.bin_s) * 1000), rows)
            for start, rows in self.counts
            if rows > max(self.cap, _WORTH * _PIECES)
        ]
        inside = [trial for trial in crowded if trial.span in self.span]
        if not inside or len(crowded) > _BURSTS:
            return spans
        self._trials = inside
        kept = [span for span in spans if not any(span in trial.span for trial in inside)]
        return kept + [piece for trial in inside for piece in trial.awaited]

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
