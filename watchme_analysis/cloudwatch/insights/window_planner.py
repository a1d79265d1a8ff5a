"""Windows for Logs Insights, planned so that each window's rows stay below the cap.

Where the rows of a Logs Insights query are expected, told by counts or by the windows asked first.

How far a query's inclusive end reaches, learned while asking, so that no second is scanned twice.

StartQuery takes whole seconds and includes the end, which may mean its first millisecond or the whole of
its second; AWS doesn't say. Windows are asked as if it meant the second. Rows that came from beyond a
second's first millisecond prove that; where none did, one small query tells. Should the end mean the
millisecond, each window owes what lies between it and the window's end, and that alone is asked. Events
that all carry whole seconds tell nothing; further windows then reach a second over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from watchme_analysis.aws_shapes.insights_query_text import Row

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
class QueryWindow:
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

    def __contains__(self, other: QueryWindow) -> bool:
        """Whether another span lies within this one."""
        return self.from_ms <= other.from_ms and other.to_ms <= self.to_ms

    def parts(self, count: int) -> list[QueryWindow]:
        """Return the span cut into about so many equal parts; [] for 1 ms."""
        return self.cut_at(self.steps(self.length_ms / max(2, count))) if self.length_ms > 1 else []

    def parts_for(self, rows: float, cap: int) -> list[QueryWindow]:
        """Return the span in as few parts as hold so many rows that lie evenly."""
        count = math.ceil(rows / (FILL * cap))
        return self.parts(count) if count > 1 else [QueryWindow(self.from_ms, self.to_ms)]

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

    def cut_at(self, cuts: Iterable[int]) -> list[QueryWindow]:
        """Return the span cut at the milliseconds that lie inside it."""
        inside = sorted({cut for cut in cuts if self.from_ms < cut < self.to_ms})
        return [QueryWindow(a, b) for a, b in pairwise([self.from_ms, *inside, self.to_ms])]

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
    span: QueryWindow
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


def bin_seconds(span: QueryWindow, bins: int = 2000) -> int:
    """Return the width of the bins that a span is counted by."""
    return max(1, math.ceil(span.seconds / bins))


def spans_by_count(
    span: QueryWindow, counts: Iterable[tuple[int, float]], bin_s: int, cap: int
) -> list[QueryWindow]:
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
            full = QueryWindow(start * 1000, (start + bin_s) * 1000)
            cuts += [full.from_ms, *full.steps(full.length_ms * FILL * cap / rows), full.to_ms]
            held = 0.0
        elif held + rows > FILL * cap:
            cuts.append(start * 1000)
            held = rows
        else:
            held += rows
    return span.cut_at(cuts)


def spans_from_edge(
    rest: QueryWindow, missing: float, width_ms: float, cap: int, rising: bool
) -> list[QueryWindow]:
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
    near = QueryWindow(rest.from_ms, edge) if rising else QueryWindow(edge, rest.to_ms)
    # What follows shares no second with it.
    second = edge // 1000 * 1000 + (1000 if rising else 0)
    return rest.cut_at([edge, second, *near.steps(width)])


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

    def __init__(self, span: QueryWindow, rows: float) -> None:
        self.span, self.rows = span, rows
        self._pieces = span.parts(min(_PIECES, span.end - span.first))
        first, count = len(self._pieces) // (2 * _TRIED), len(self._pieces)
        self._tried = [first + count * n // _TRIED for n in range(_TRIED)]
        self.awaited = [self._pieces[number] for number in self._tried]
        self._even = True

    def take(self, piece: QueryWindow, matched: float | None, cap: int) -> list[QueryWindow]:
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
                found += QueryWindow(gap[0].from_ms, gap[-1].to_ms).parts_for(usual * len(gap), cap)
            else:
                found += gap
        return found


class WindowPlanner:
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

    def __init__(
        self, span: QueryWindow, counts: Counts, bin_s: int, cap: int, *, all_rows: bool = False
    ) -> None:
        self.span, self.cap, self.all_rows = span, cap, all_rows
        self.known = bool(counts)
        self.bin_s = bin_s if counts else max(1, math.ceil(span.seconds / _SLICES))
        first = span.from_ms // 1000
        self.counts = counts or tuple((second, 1) for second in range(first, span.end, self.bin_s))
        self._trials: list[Trial] = []
        self._gaps: list[QueryWindow] = []
        self._awaited = 0
        self._ratios: list[float] = []

    def first_spans(self) -> list[QueryWindow]:
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
        self._gaps = [QueryWindow(a.to_ms, b.from_ms) for a, b in pairwise(probes)]
        self._awaited = len(probes)
        return probes

    def next_spans(self, span: QueryWindow, matched: float | None) -> list[QueryWindow]:
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

    def spans_for(self, rest: QueryWindow, missing: float) -> list[QueryWindow]:
        """Return the rest of a cut window that holds so many rows, cut as the counts say; [] when they can't.

        Bins wider than a third of it say nothing about where in it the rows lie.
        """
        expected = self.expected(rest)
        if not self.known or not expected or rest.seconds < 3 * self.bin_s:
            return []
        return self._cut(rest, missing / expected)

    def expected(self, span: QueryWindow) -> float:
        """Return the events of the counts that lie in a span, those of a bin being spread evenly."""
        total = 0.0
        for second, rows in self.counts:
            start, end = second * 1000, (second + self.bin_s) * 1000
            shared = min(end, span.to_ms) - max(start, span.from_ms)
            total += rows * max(0, shared) / (end - start)
        return total

    def _tried(self, spans: list[QueryWindow]) -> list[QueryWindow]:
        """Return windows in which a few bins that hold more than an answer are looked into first."""
        if not self.all_rows:
            return spans
        crowded = [
            Trial(QueryWindow(start * 1000, (start + self.bin_s) * 1000), rows)
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

    def _cut(self, span: QueryWindow, ratio: float) -> list[QueryWindow]:
        if not self.known:
            return span.parts_for(self.expected(span) * ratio, self.cap)
        counts = [
            (second, rows * ratio)
            for second, rows in self.counts
            if span.from_ms < (second + self.bin_s) * 1000 and second * 1000 < span.to_ms
        ]
        return spans_by_count(span, counts, self.bin_s, self.cap)


@dataclass
class EndBounds:
    """What is known of the end, and what is owed should it mean a millisecond.

    Attributes
    ----------
    whole
        Whether an end includes the whole of its second; None while that is not known.
    owed
        Answer and span of what windows may not have reached.
    witness
        Answer and millisecond of an event past the first millisecond of its second: asked for by its
        second alone, it comes only where an end includes the whole of it.
    asked
        Whether that was asked.
    doubtful
        Whether a window came without a witness: one may never come, so windows had better owe nothing.
    wide
        Whether a query must reach over more than one second, because one second alone was refused.
    """

    whole: bool | None = None
    owed: list[tuple[int, QueryWindow]] = field(default_factory=list)
    witness: tuple[int, int] | None = None
    asked: bool = False
    doubtful: bool = False
    wide: bool = False

    def last(self, span: QueryWindow, *, sure: bool) -> int:
        """Return the last second to ask for.

        Parameters
        ----------
        span
            What the query is answerable for.
        sure
            Whether all of it must come whatever an end means; nothing is owed then.
        """
        end = span.to_ms - 1
        hopeful = self.whole is None and not (sure or self.doubtful or self.wide)
        reached = end % 1000 == 0 or self.whole or hopeful
        last = end // 1000 if reached else end // 1000 + 1
        return max(last, span.first + 1) if self.wide else last

    def see(self, answer: int, rows: Sequence[Row], last: int) -> None:
        """Learn from rows in order of time; the query asked for them up to a second."""
        if self.whole is not None:
            return
        times = [row.get("@timestamp", "") for row in rows]
        past = [time for time in times if time and not time.endswith(".000")]
        if not past:
            self.doubtful = self.witness is None
            return
        self.doubtful = False
        # Its second is scanned once more, so it had better hold little; the last one may hold more than came.
        seconds = Counter(time[:-4] for time in past)
        quiet = min(seconds, key=lambda second: (second == past[-1][:-4], seconds[second]))
        self.witness = (answer, epoch_ms(next(time for time in past if time.startswith(quiet))))
        if last in {epoch_ms(past[end]) // 1000 for end in (0, -1)}:
            self.whole = True

    def owe(self, answer: int, span: QueryWindow, last: int) -> None:
        """Note what a window asked up to a second may not have reached."""
        if not self.whole and last * 1000 + 1 < span.to_ms:
            self.owed.append((answer, QueryWindow(max(span.from_ms, last * 1000 + 1), span.to_ms)))

    def due(self, *, idle: bool) -> list[tuple[int, QueryWindow]]:
        """Return what must be asked now, which it no longer owes.

        Parameters
        ----------
        idle
            Whether nothing else is left to do, so that nothing more will be learned.
        """
        if self.whole is None and not (idle and self.owed):
            return []
        # What nothing told by now nothing will.
        self.doubtful = self.whole is None
        due, self.owed = [] if self.whole else self.owed, []
        return due

    @property
    def question(self) -> tuple[int, QueryWindow] | None:
        """The answer and the span of one event by which to tell, None where that is not worth a query."""
        if self.whole is not None or self.asked or self.wide or self.witness is None or not self.owed:
            return None
        answer, moment = self.witness
        return answer, QueryWindow(moment, moment + 1)
