"""Plan the time windows of a Logs Insights query, so that the rows of each window stay below the row limit.

A query over raw events is split by time, because one query returns at most ``row_limit`` rows. Every query
that is started scans (and costs) its whole window again, so windows are planned before anything is scanned:

1. :class:`WindowPlanner` takes the number of events that arrived per bin (a CloudWatch metric, see
   :mod:`~watchme_analysis.cloudwatch.insights.scan_cost`) and cuts the window into parts that hold at most
   ``TARGET_FILL`` of the limit. Three of them run first if a filter leaves an unknown share of the events,
   or if no counts are known.
2. :class:`CrowdedBin` runs a few pieces of a single overfull bin first, to see whether its rows lie evenly.
3. :func:`windows_by_count` and :func:`windows_from_edge` cut the rest of a window that overflowed
   nevertheless.

:class:`EndBounds` holds the observations on the inclusive ``endTime`` of StartQuery, so that no second is
scanned twice.
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
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.message import Quotation
from watchme_analysis.text.render import error_message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Start of each bin (epoch seconds) and the number of events in it.
Counts = tuple[tuple[int, int], ...]

# Planned share of the row limit: a margin, so that uneven densities rarely overflow a window.
TARGET_FILL = 0.8
# Parts at least this wide (milliseconds) start at whole seconds, because StartQuery scans whole seconds.
_WHOLE_SECOND_WIDTH_MS = 2000
# A part may be wider than requested by this share, rather than adding one more part.
_WIDTH_TOLERANCE = 0.01
# Up to this many windows run without first measuring the share of the events that a filter leaves.
_MAX_DIRECT_WINDOWS = 8
# Without counts, the window is cut into this many slices, of which three run first.
_SLICES = 48
# Least assumed share of events that a filter leaves: three windows without a match do not prove that there is
# none.
_MIN_SHARE = 0.01
# Up to this many overfull bins are a burst and run piece by piece; more would take too many queries.
_MAX_CROWDED_BINS = 3
# Pieces of a crowded bin, and the number of them that run first.
_PIECES = 60
_PROBED_PIECES = 4
# An additional query is worthwhile if it may save scanning this many events again.
_EVENTS_PER_QUERY = 1000
# Rows lie evenly in a bin when every probed piece holds its share within this factor.
_EVEN_FACTOR = 2.0
# Bins of a count query over one window: StartQuery returns up to 10,000 rows, so 2,000 are safe.
_COUNT_BINS = 2000


@dataclass(frozen=True, slots=True)
class QueryWindow:
    """Half-open interval of time in epoch milliseconds whose rows one query returns.

    StartQuery takes whole seconds and includes both ends. A part of a window therefore also filters by the
    millisecond, so that neighbouring parts share no event and leave none out.

    Attributes
    ----------
    from_ms, to_ms
        Bounds in epoch milliseconds, the end excluded.
    is_part
        True for a part of a query's window. The rows of a whole window are cut to it after they arrive.
    """

    from_ms: int
    to_ms: int
    is_part: bool = True

    @property
    def first_second(self) -> int:
        """Epoch second in which the window starts."""
        return self.from_ms // 1000

    @property
    def end_second(self) -> int:
        """First epoch second after the window."""
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
        """Return True when the other window lies within this window."""
        return self.from_ms <= other.from_ms and other.to_ms <= self.to_ms

    def parts(self, count: int) -> list[QueryWindow]:
        """Return about ``count`` equal parts; [] for a window of one millisecond."""
        return self.cut_at(self.cut_points(self.length_ms / max(2, count))) if self.length_ms > 1 else []

    def parts_for(self, rows: float, row_limit: int) -> list[QueryWindow]:
        """Return the fewest parts that hold ``rows`` evenly distributed rows within the row limit."""
        count = math.ceil(rows / (TARGET_FILL * row_limit))
        return self.parts(count) if count > 1 else [QueryWindow(self.from_ms, self.to_ms)]

    def cut_points(self, width_ms: float) -> list[int]:
        """Return the epoch milliseconds at which parts of about ``width_ms`` meet.

        A query scans whole seconds. Wide parts therefore meet at whole seconds; narrow parts are cut within
        each second, so that a second is scanned only by the parts that lie in it.
        """
        if width_ms >= _WHOLE_SECOND_WIDTH_MS:
            count = math.ceil(self.length_ms / width_ms - _WIDTH_TOLERANCE)
            return [(self.from_ms + self.length_ms * n // count) // 1000 * 1000 for n in range(1, count)]
        seconds = range(self.first_second, self.end_second)
        if len(seconds) == 1:
            count = math.ceil(self.length_ms / width_ms - _WIDTH_TOLERANCE)
            return [self.from_ms + self.length_ms * n // count for n in range(1, count)]
        count = math.ceil(1000 / width_ms - _WIDTH_TOLERANCE)
        points = (1000 * second + 1000 * n // count for second in seconds for n in range(count))
        return [point for point in points if self.from_ms < point < self.to_ms]

    def cut_at(self, points: Iterable[int]) -> list[QueryWindow]:
        """Return the parts between those epoch milliseconds that lie inside the window."""
        inside = sorted({point for point in points if self.from_ms < point < self.to_ms})
        return [QueryWindow(a, b) for a, b in pairwise([self.from_ms, *inside, self.to_ms])]

    def with_filter(self, query_text: str) -> str:
        """Return the query text with a filter for this window in front, where the window is a part."""
        if not self.is_part:
            return query_text
        bounds = f"toMillis(@timestamp) >= {self.from_ms} and toMillis(@timestamp) < {self.to_ms}"
        return f"filter {bounds} | {query_text}"


@dataclass
class Task:
    """One StartQuery call that is waiting or running.

    Attributes
    ----------
    query_index
        Index of the :class:`InsightsQuery` that the task belongs to.
    window
        Time window whose rows the task returns.
    count_bin_s
        Bin width in seconds of a query that counts rows instead of returning them; 0 for any other.
    depth
        Number of times that the window was cut because more rows matched than were returned.
    attempts
        Number of failed attempts to start or run it so far.
    is_end_probe
        True for the query that measures the extent of an inclusive end (:class:`EndBounds`).
    last_second
        ``endTime`` of the StartQuery call, in epoch seconds.
    bytes_scanned
        Bytes that the running query had scanned at its latest poll.
    query_id
        Id that StartQuery returned.
    started_at, next_poll, not_before
        Monotonic times in seconds: start of the query, its next poll, and the earliest (next) attempt to
        start.
    """

    query_index: int
    window: QueryWindow
    count_bin_s: int = 0
    depth: int = 0
    attempts: int = 0
    is_end_probe: bool = False
    last_second: int = 0
    bytes_scanned: float = 0.0
    query_id: str = ""
    started_at: float = 0.0
    next_poll: float = 0.0
    not_before: float = 0.0


def epoch_ms(text: str) -> int:
    """Return the epoch milliseconds of a time in a row, see :func:`row_time`."""
    return (row_time(text) - _EPOCH) // timedelta(milliseconds=1)


def row_time(text: str) -> datetime:
    """Return the time of a row, such as ``2025-12-11 01:00:00.000`` (UTC).

    Raises
    ------
    ServiceError
        If it is no time.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ServiceError(error_message("error-insights-time", time=Quotation(text))) from None


def count_bin_seconds(window: QueryWindow) -> int:
    """Return the bin width in seconds with which the rows of a window are counted."""
    return max(1, math.ceil(window.seconds / _COUNT_BINS))


def windows_by_count(
    window: QueryWindow, counts: Iterable[tuple[int, float]], bin_s: int, row_limit: int
) -> list[QueryWindow]:
    """Return parts that hold at most about ``TARGET_FILL * row_limit`` rows each, by the rows per bin.

    Parameters
    ----------
    window
        Window to cut.
    counts
        Start of each bin (epoch seconds) and its rows, in order of time; bins without rows may be missing.
        A bin with more rows than a part may hold is cut evenly.
    bin_s
        Width of a bin in seconds.
    row_limit
        Largest number of rows that one query returns.
    """
    cuts: list[int] = []
    held = 0.0
    for start, rows in counts:
        if rows > TARGET_FILL * row_limit:
            full = QueryWindow(start * 1000, (start + bin_s) * 1000)
            width_ms = full.length_ms * TARGET_FILL * row_limit / rows
            cuts += [full.from_ms, *full.cut_points(width_ms), full.to_ms]
            held = 0.0
        elif held + rows > TARGET_FILL * row_limit:
            cuts.append(start * 1000)
            held = rows
        else:
            held += rows
    return window.cut_at(cuts)


def windows_from_edge(
    rest: QueryWindow, missing_rows: float, width_ms: float, row_limit: int, *, ascending: bool
) -> list[QueryWindow]:
    """Return the rest of an overfull window in parts, assuming the density of the last returned rows.

    Parameters
    ----------
    rest
        Interval whose rows were not returned. It begins (ascending) or ends (descending) at the last row that
        was returned.
    missing_rows
        Number of rows in it.
    width_ms
        Width that held ``TARGET_FILL * row_limit`` rows near that edge.
    row_limit
        Largest number of rows that one query returns.
    ascending
        True when the oldest rows came first.
    """
    width = max(1.0, width_ms)
    count = math.ceil(missing_rows / (TARGET_FILL * row_limit))
    if width * count >= rest.length_ms:
        return rest.parts_for(missing_rows, row_limit)
    reach = round(width * max(1, count - 1))
    edge = rest.from_ms + reach if ascending else rest.to_ms - reach
    near = QueryWindow(rest.from_ms, edge) if ascending else QueryWindow(edge, rest.to_ms)
    # The part beyond the edge starts at a whole second, so that it does not scan the edge's second again.
    second = edge // 1000 * 1000 + (1000 if ascending else 0)
    return rest.cut_at([edge, second, *near.cut_points(width)])


class CrowdedBin:
    """Bin that holds more rows than one query returns; a few of its pieces run first.

    If a bin whose rows lie close together is cut evenly, it is scanned nearly twice: once for the rows that
    are returned, and once more for the rest. Counting its rows first would scan it as well. A few pieces,
    which are windows like all others, show whether the bin may be cut evenly or has to run piece by piece.

    Parameters
    ----------
    window
        The bin.
    rows
        Number of rows in it.
    """

    def __init__(self, window: QueryWindow, rows: float) -> None:
        self.window, self.rows = window, rows
        self._pieces = window.parts(min(_PIECES, window.end_second - window.first_second))
        first, count = len(self._pieces) // (2 * _PROBED_PIECES), len(self._pieces)
        self._probed = [first + count * n // _PROBED_PIECES for n in range(_PROBED_PIECES)]
        self.pending = [self._pieces[number] for number in self._probed]
        self._is_even = True

    def record(self, piece: QueryWindow, matched: float | None, row_limit: int) -> list[QueryWindow]:
        """Record the rows of a probed piece (None: its query failed).

        Returns
        -------
        list
            All other windows of the bin once the last piece is recorded, before that none.
        """
        self.pending.remove(piece)
        expected = self.rows / len(self._pieces)
        self._is_even &= matched is not None and expected / _EVEN_FACTOR <= matched <= expected * _EVEN_FACTOR
        if self.pending:
            return []
        windows = []
        for before, after in pairwise([-1, *self._probed, len(self._pieces)]):
            gap = self._pieces[before + 1 : after]
            if gap and self._is_even:
                whole_gap = QueryWindow(gap[0].from_ms, gap[-1].to_ms)
                windows += whole_gap.parts_for(expected * len(gap), row_limit)
            else:
                windows += gap
        return windows


class WindowPlanner:
    """Windows of a splittable query.

    The events that arrived in a log group bound the rows from above. The share that a filter leaves, or the
    number of events without known counts, is measured by three windows that run before the others are
    planned. Their rows are part of the result, so nothing is scanned twice.

    Parameters
    ----------
    window
        Window of the query.
    counts, bin_s
        Start of each bin (epoch seconds) with the events that arrived in it, and the bin width in seconds; no
        counts when they are unknown.
    row_limit
        Largest number of rows that one query returns.
    unfiltered
        True when every event is a row, because the query filters none out.
    """

    def __init__(
        self, window: QueryWindow, counts: Counts, bin_s: int, row_limit: int, *, unfiltered: bool = False
    ) -> None:
        self.window, self.row_limit, self.unfiltered = window, row_limit, unfiltered
        self.has_counts = bool(counts)
        self.bin_s = bin_s if counts else max(1, math.ceil(window.seconds / _SLICES))
        seconds = range(window.first_second, window.end_second, self.bin_s)
        # Without counts, every slice is assumed to hold the same number of events.
        self.counts = counts or tuple((second, 1) for second in seconds)
        self._crowded_bins: list[CrowdedBin] = []
        self._gaps: list[QueryWindow] = []
        self._pending_probes = 0
        self._shares: list[float] = []

    def first_windows(self) -> list[QueryWindow]:
        """Return the windows to run first: the whole, all parts, or three probes."""
        if self.has_counts and sum(rows for _, rows in self.counts) <= TARGET_FILL * self.row_limit:
            return [self.window]
        if self.has_counts:
            windows = windows_by_count(self.window, self.counts, self.bin_s, self.row_limit)
            if len(windows) <= _MAX_DIRECT_WINDOWS or self.unfiltered:
                return self._with_crowded_bins(windows)
        elif self.window.seconds < _SLICES:
            return [self.window]
        else:
            windows = self.window.cut_at(second * 1000 for second, _ in self.counts)
        middle = len(windows) // 2
        probes = [windows[0], windows[middle], windows[-1]]
        self._gaps = [QueryWindow(a.to_ms, b.from_ms) for a, b in pairwise(probes)]
        self._pending_probes = len(probes)
        return probes

    def next_windows(self, window: QueryWindow, matched: float | None) -> list[QueryWindow]:
        """Return the windows to run next, after the matched rows of a window (None: its query failed).

        The windows between the three probes are returned with the last probe, those between the probed pieces
        of a crowded bin with the last piece. Otherwise the list is empty.
        """
        if not self._pending_probes:
            crowded = next((item for item in self._crowded_bins if window in item.pending), None)
            return crowded.record(window, matched, self.row_limit) if crowded else []
        self._pending_probes -= 1
        expected = self.expected_rows(window)
        if matched is not None and expected:
            self._shares.append(matched / expected)
        if self._pending_probes:
            return []
        return [part for gap in self._gaps for part in self._cut(gap, self._share())]

    def windows_for(self, rest: QueryWindow, missing_rows: float) -> list[QueryWindow]:
        """Return the rest of an overfull window, cut by the counts; [] when they do not help.

        Bins wider than a third of the rest do not show the position of the rows in it.
        """
        expected = self.expected_rows(rest)
        if not self.has_counts or not expected or rest.seconds < 3 * self.bin_s:
            return []
        return self._cut(rest, missing_rows / expected)

    def expected_rows(self, window: QueryWindow) -> float:
        """Return the counted events in a window, assuming that those of a bin lie evenly."""
        total = 0.0
        for second, rows in self.counts:
            start, end = second * 1000, (second + self.bin_s) * 1000
            shared = min(end, window.to_ms) - max(start, window.from_ms)
            total += rows * max(0, shared) / (end - start)
        return total

    def _with_crowded_bins(self, windows: list[QueryWindow]) -> list[QueryWindow]:
        """Return the windows, those of a few overfull bins replaced by the bins' probed pieces."""
        if not self.unfiltered:
            return windows
        crowded = [
            CrowdedBin(QueryWindow(start * 1000, (start + self.bin_s) * 1000), rows)
            for start, rows in self.counts
            if rows > max(self.row_limit, _EVENTS_PER_QUERY * _PIECES)
        ]
        inside = [item for item in crowded if item.window in self.window]
        if not inside or len(crowded) > _MAX_CROWDED_BINS:
            return windows
        self._crowded_bins = inside
        kept = [window for window in windows if not any(window in item.window for item in inside)]
        return kept + [piece for item in inside for piece in item.pending]

    def _share(self) -> float:
        """Return the rows to expect per counted event.

        With counts, the highest share of the three probes yields windows that do not overflow. Without, a
        probe may have hit a burst, so the median is used.
        """
        if not self._shares:
            return 1.0
        if self.has_counts:
            return min(1.0, max(_MIN_SHARE, *self._shares))
        return max(median(self._shares), 0.0)

    def _cut(self, window: QueryWindow, share: float) -> list[QueryWindow]:
        if not self.has_counts:
            return window.parts_for(self.expected_rows(window) * share, self.row_limit)
        counts = [
            (second, rows * share)
            for second, rows in self.counts
            if window.from_ms < (second + self.bin_s) * 1000 and second * 1000 < window.to_ms
        ]
        return windows_by_count(window, counts, self.bin_s, self.row_limit)


@dataclass
class EndBounds:
    """Extent of the inclusive ``endTime`` of StartQuery, and the gaps that it leaves.

    ``endTime`` is a whole second. AWS does not document whether it includes the first millisecond of that
    second or all of it. Queries are started as if it included all of it. A returned row from later in the
    second proves that; without such a row, one small query tests it (the end probe). If the end includes only
    the first millisecond, each window left a gap between it and the window's end, and only the gaps are
    queried. If all events carry whole seconds, no test is possible, and later windows reach one second
    further.

    Attributes
    ----------
    includes_second
        True if the end includes all of its second; None while unknown.
    gaps
        Query index and interval that a window may have missed.
    probe_event
        Query index and epoch millisecond of an event after the first millisecond of its second. A query for
        its second alone returns it only if the end includes the whole second.
    probed
        True once the end probe was started.
    uncertain
        True after a window without such an event: there may never be one, so windows should leave no gaps.
    needs_two_seconds
        True once a query for one second alone was refused, so that every query covers at least two.
    """

    includes_second: bool | None = None
    gaps: list[tuple[int, QueryWindow]] = field(default_factory=list)
    probe_event: tuple[int, int] | None = None
    probed: bool = False
    uncertain: bool = False
    needs_two_seconds: bool = False

    def last_second(self, window: QueryWindow, *, leave_no_gap: bool) -> int:
        """Return the ``endTime`` in epoch seconds for a window.

        Parameters
        ----------
        window
            Window whose rows the query returns.
        leave_no_gap
            True when all of its rows must be returned, independent of the extent of the end.
        """
        last_ms = window.to_ms - 1
        assume_second = self.includes_second is None and not (
            leave_no_gap or self.uncertain or self.needs_two_seconds
        )
        reached = last_ms % 1000 == 0 or self.includes_second or assume_second
        last = last_ms // 1000 if reached else last_ms // 1000 + 1
        return max(last, window.first_second + 1) if self.needs_two_seconds else last

    def observe(self, query_index: int, rows: Sequence[Row], last_second: int) -> None:
        """Update the bounds from the rows, in order of time, of a query with ``endTime`` ``last_second``."""
        if self.includes_second is not None:
            return
        times = [row.get("@timestamp", "") for row in rows]
        past = [time for time in times if time and not time.endswith(".000")]
        if not past:
            self.uncertain = self.probe_event is None
            return
        self.uncertain = False
        # The probe scans its second again, so a second with few rows is best. The last second may hold more
        # rows than were returned.
        seconds = Counter(time[:-4] for time in past)
        quiet = min(seconds, key=lambda second: (second == past[-1][:-4], seconds[second]))
        self.probe_event = (query_index, epoch_ms(next(time for time in past if time.startswith(quiet))))
        if last_second in {epoch_ms(past[end]) // 1000 for end in (0, -1)}:
            self.includes_second = True

    def add_gap(self, query_index: int, window: QueryWindow, last_second: int) -> None:
        """Record the interval that a window queried up to ``last_second`` may have missed."""
        reached_ms = last_second * 1000 + 1
        if not self.includes_second and reached_ms < window.to_ms:
            self.gaps.append((query_index, QueryWindow(max(window.from_ms, reached_ms), window.to_ms)))

    def due_gaps(self, *, idle: bool) -> list[tuple[int, QueryWindow]]:
        """Return and remove the gaps to query now.

        Parameters
        ----------
        idle
            True when no other query is left, so that no further observation is possible.
        """
        if self.includes_second is None and not (idle and self.gaps):
            return []
        self.uncertain = self.includes_second is None
        due, self.gaps = [] if self.includes_second else self.gaps, []
        return due

    @property
    def probe(self) -> tuple[int, QueryWindow] | None:
        """Query index and window (one event) of the end probe; None if the probe is impossible or useless."""
        known = self.includes_second is not None or self.probed or self.needs_two_seconds
        if known or self.probe_event is None or not self.gaps:
            return None
        query_index, event_ms = self.probe_event
        return query_index, QueryWindow(event_ms, event_ms + 1)
