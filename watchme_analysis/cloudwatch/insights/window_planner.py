"""Plan the time windows of a Logs Insights query, so that the rows of each window stay below the row limit.

One query over raw events returns at most ``row_limit`` rows, so its window is split by time. Every query that
is started scans (and costs) its whole window, so windows are planned before anything is scanned:
:func:`first_windows` cuts by the events that arrived per bin (a CloudWatch metric, see
:mod:`~watchme_analysis.cloudwatch.insights.scan_cost`), and :func:`windows_by_count` also cuts the rest of a
window that reached the limit nevertheless, by a count of its rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

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
# By choice: windows of a query whose number of rows is unknown. A window that overflows is scanned twice, so
# several windows cost less than one.
_UNSURE_WINDOWS = 8
# By choice: a window of unknown rows below this length (seconds) runs whole.
_SHORT_WINDOW_S = 60
# Bins of a count query over one window: StartQuery returns up to 10,000 rows, so 2,000 are safe.
_COUNT_BINS = 2000


@dataclass(frozen=True, slots=True)
class QueryWindow:
    """Half-open interval of time in epoch milliseconds whose rows one query returns.

    StartQuery takes whole seconds and includes both ends; AWS does not document whether all of the last
    second is included. A query therefore covers the second after its window as well and filters by the
    millisecond, so that neighbouring windows share no event and leave none out.
    """

    from_ms: int
    to_ms: int

    def __str__(self) -> str:
        """Return the bounds, for the log."""
        return " to ".join(
            datetime.fromtimestamp(bound / 1000, UTC).isoformat() for bound in (self.from_ms, self.to_ms)
        )

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

    def parts(self, count: int) -> list[QueryWindow]:
        """Return about ``count`` equal parts; [] for a window of one millisecond."""
        return self.cut_at(self.cut_points(self.length_ms / max(2, count))) if self.length_ms > 1 else []

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
        """Return the query text with a filter for this window in front."""
        bounds = f"toMillis(@timestamp) >= {self.from_ms} and toMillis(@timestamp) < {self.to_ms}"
        return f"filter {bounds} | {query_text}"


def epoch_ms(text: str) -> int:
    """Return the epoch milliseconds of a time in a row, which may be in that unit; see :func:`row_time`."""
    return int(text) if text.isdecimal() else (row_time(text) - _EPOCH) // timedelta(milliseconds=1)


def first_ms(moment: datetime) -> int:
    """Return the first whole epoch millisecond at or after a time."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))


def row_time(text: str) -> datetime:
    """Return the time of a row, such as ``2025-12-11 01:00:00.000`` (UTC); ServiceError if it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ServiceError(error_message("error-insights-time", time=Quotation(text))) from None


def count_bin_seconds(window: QueryWindow) -> int:
    """Return the bin width in seconds with which the rows of a window are counted."""
    return max(1, math.ceil(window.seconds / _COUNT_BINS))


def first_windows(
    window: QueryWindow, counts: Counts, bin_s: int, row_limit: int, *, unfiltered: bool
) -> list[QueryWindow]:
    """Return the windows of a query that can be split, by the events that arrived per bin, if they are known.

    ``unfiltered`` is True when every event is a row. A filter leaves an unknown share of the events, so such
    a query gets a few windows only, and those that overflow are split by a count of their rows.
    """
    if not counts:
        return [window] if window.seconds < _SHORT_WINDOW_S else window.parts(_UNSURE_WINDOWS)
    most_rows = TARGET_FILL * row_limit
    if not unfiltered:
        most_rows = max(most_rows, sum(rows for _, rows in counts) / _UNSURE_WINDOWS)
    return windows_by_count(window, counts, bin_s, most_rows)


def windows_by_count(
    window: QueryWindow, counts: Iterable[tuple[int, float]], bin_s: int, most_rows: float
) -> list[QueryWindow]:
    """Return parts that hold at most about ``most_rows`` rows each, by the rows per bin.

    ``counts`` are starts of bins of ``bin_s`` (epoch seconds) with their rows, in order of time; bins without
    rows may be missing. A bin with more rows than a part may hold is cut evenly.
    """
    cuts: list[int] = []
    held = 0.0
    for start, rows in counts:
        if rows > most_rows:
            full = QueryWindow(start * 1000, (start + bin_s) * 1000)
            cuts += [full.from_ms, *full.cut_points(full.length_ms * most_rows / rows), full.to_ms]
            held = 0.0
        elif held + rows > most_rows:
            cuts.append(start * 1000)
            held = rows
        else:
            held += rows
    return window.cut_at(cuts)
