"""The run in which bad observations are densest: where an incident begins and ends.

The contiguous run with the highest sum of log-likelihood ratios: Kadane's maximum subarray over a Bernoulli
scan statistic (Kulldorff 1997).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Share of bad observations in an incident and outside of one, for the scan; the second pair finds
# thin, intermittent trouble.
SCAN_SHARES = ((0.5, 0.02), (0.15, 0.01))
MIN_SCORE = 8.0
MIN_BAD = 4
# Anything shorter is a blip: a reload, a garbage collection, a deploy.
MIN_SPAN_S = 8.0
# Trouble no longer than this, apart from the rest by so much good time and so many good requests, is a
# start or reload of its own.
BLIP_S = 4.0
CALM_S = 6.0
CALM_ROWS = 5
# Share of strained observations from which time beside an incident belongs to it, and half its own share.
DENSE_STRAIN = 0.3
# Bounds are refined so often at most, and while the run's share is so many times that of the rest.
REFINED_TIMES, CLEARLY = 10, 2.0
# Shares that find the core of a run.
CORE_SHARES = (0.8, 0.2)


def densest_run(bad: Any, shares: tuple[float, float]) -> tuple[int, int, float]:
    """Return first and last index and score of the run where ``bad`` is densest.

    Parameters
    ----------
    bad
        Booleans in order of time.
    shares
        Share of bad observations inside and outside of an incident.
    """
    inside, outside = shares
    gain = math.log(inside / outside)
    loss = math.log((1 - inside) / (1 - outside))
    best, best_from, best_to = 0.0, 0, -1
    total, since = 0.0, 0
    for at, value in enumerate(bad):
        total += gain if value else loss
        if total <= 0:
            total, since = 0.0, at + 1
        elif total > best:
            best, best_from, best_to = total, since, at
    return best_from, best_to, best


def scan(rows: pd.DataFrame, column: str = "bad", least: float = MIN_SCORE) -> tuple[pd.DataFrame, float]:
    """Return the rows of the densest run that lasts, and its score; empty when too weak or too short."""
    for shares in SCAN_SHARES:
        first, last, score = densest_run(rows[column].to_numpy(), shares)
        run = rows.iloc[first : last + 1]
        if score < least or run[column].sum() < MIN_BAD:
            continue
        run = without_blips(run, column)
        if span_s(run[run[column]]) >= MIN_SPAN_S:
            return run, score
    return rows.iloc[:0], 0.0


def without_blips(run: pd.DataFrame, column: str) -> pd.DataFrame:
    """Cut what is short and far from the rest off a run: a start or reload before the trouble itself."""
    places = run[column].to_numpy().nonzero()[0]
    if len(places) < 2:
        return run
    seconds = (run["start"] - run["start"].iloc[0]).dt.total_seconds().to_numpy()[places]
    left, right = 0, len(places)
    for _ in range(len(places)):
        head = _blip(seconds[left:right], places[left:right])
        tail = _blip(-seconds[left:right][::-1], -places[left:right][::-1])
        if not head and not tail:
            break
        left, right = (left + head, right) if head else (left, right - tail)
    return run.iloc[places[left] : places[right - 1] + 1]


def _blip(seconds: Any, places: Any) -> int:
    """Return how many leading marks are a blip: few, short, far from a rest that is dense."""
    import numpy as np

    apart, between = np.diff(seconds), np.diff(places) - 1
    far = ((apart >= CALM_S) & (between >= CALM_ROWS)).nonzero()[0]
    if not len(far):
        return 0
    count = int(far[0]) + 1
    rest = apart[count:]
    is_dense = len(rest) > 0 and apart[far[0]] >= 3 * float(np.quantile(rest, 0.9))
    # A rest with such a gap of its own is trouble that comes again and again, from the first time on.
    is_dense = is_dense and float(rest.max()) < apart[far[0]]
    is_short = seconds[count - 1] - seconds[0] <= BLIP_S and count <= 0.3 * len(seconds)
    return count if is_dense and is_short else 0


def widened(pooled: pd.DataFrame, run: pd.DataFrame) -> pd.DataFrame:
    """Return the run with the strained time before and after it that is dense as well."""
    for shares in SCAN_SHARES:
        first, last, _ = densest_run(pooled["strained"].to_numpy(), shares)
        wider = without_blips(pooled.iloc[first : last + 1], "strained")
        if len(wider) > len(run) and run.index.isin(wider.index).mean() >= 0.8:
            begin, end = run.index[0], run.index[-1]
            before, after = wider[wider.index < begin], wider[wider.index > end]
            dense = max(DENSE_STRAIN, run["strained"].mean() / 2)
            parts = [part for part in (before, after) if part["strained"].mean() >= dense]
            return pooled.loc[pooled.index.isin(run.index.union([at for part in parts for at in part.index]))]
    return run


def span_s(bad: pd.DataFrame) -> float:
    """Return the seconds from the first to the last of some requests."""
    return float((bad["start"].iloc[-1] - bad["start"].iloc[0]).total_seconds()) if len(bad) else 0.0


def refined(rows: pd.DataFrame, run: pd.DataFrame, column: str = "bad") -> pd.DataFrame:
    """Return the run with the bounds that are likeliest for its own share of bad observations.

    The scan assumes shares that find a run: where nearly all is bad inside, thin trouble beside it looks like
    part of it, and where little is bad, its ends look like calm. So the shares are taken from the run and
    from the rest, the scan is made again, and so on until the bounds stay: each step makes the record
    likelier. That is done from the run and from its core, and the likelier result counts.

    Parameters
    ----------
    rows
        Judged requests in order of time.
    run
        Contiguous rows of them, as :func:`scan` returns them.
    column
        What counts as bad.
    """
    marks = rows[column].to_numpy(dtype=bool)
    first = int(rows.index.get_loc(run.index[0]))
    core, until, _ = densest_run(marks, CORE_SHARES)
    begun = [(first, first + len(run) - 1), *([(core, until)] if until >= core else [])]
    ends = [_settled(marks, bounds) for bounds in begun]
    begin, end = max(ends, key=lambda bounds: _likelihood(marks, bounds))
    # Both bounds were chosen among as many as there are rows: chance alone makes some likelier.
    if _likelihood(marks, (begin, end)) - _likelihood(marks, begun[0]) < 2 * math.log(len(marks)):
        return run
    begin, end = _with_bursts(rows, (begin, end), begun[0], column)
    found = without_blips(rows.iloc[begin : end + 1], column)
    return found if span_s(found[found[column]]) >= MIN_SPAN_S else run


def _with_bursts(
    rows: pd.DataFrame, bounds: tuple[int, int], scanned: tuple[int, int], column: str
) -> tuple[int, int]:
    """Return bounds widened to what they cut off that is dense and lasts: trouble that paused."""
    (begin, end), (first, last) = bounds, scanned
    for left, right in ((first, begin), (end + 1, last + 1)):
        part = rows.iloc[left:right]
        start, stop, score = densest_run(part[column].to_numpy(), CORE_SHARES)
        burst = part.iloc[start : stop + 1]
        if score >= MIN_SCORE and span_s(burst[burst[column]]) >= MIN_SPAN_S:
            begin, end = min(begin, left + start), max(end, left + stop)
    return begin, end


def _settled(marks: Any, bounds: tuple[int, int]) -> tuple[int, int]:
    """Return the bounds that the shares inside and outside of them lead back to."""
    for _ in range(REFINED_TIMES):
        inside, outside = _shares(marks, bounds)
        if inside < CLEARLY * outside:
            break
        begin, end, _ = densest_run(marks, (inside, outside))
        if (begin, end) == bounds:
            break
        bounds = (begin, end)
    return bounds


def _shares(marks: Any, bounds: tuple[int, int]) -> tuple[float, float]:
    """Return the share of marks inside and outside of bounds, half a one more of either kind."""
    first, last = bounds
    within, count = int(marks[first : last + 1].sum()), last + 1 - first
    inside = (within + 0.5) / (count + 1)
    return inside, (int(marks.sum()) - within + 0.5) / (len(marks) - count + 1)


def _likelihood(marks: Any, bounds: tuple[int, int]) -> float:
    """Return the log-likelihood of marks with one share inside of bounds and another outside."""
    first, last = bounds
    within, count = int(marks[first : last + 1].sum()), last + 1 - first
    rest, others = int(marks.sum()) - within, len(marks) - count
    parts = zip(_shares(marks, bounds), ((within, count), (rest, others)), strict=True)
    return sum(bad * math.log(share) + (size - bad) * math.log(1 - share) for share, (bad, size) in parts)
