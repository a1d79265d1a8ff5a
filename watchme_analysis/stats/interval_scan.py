"""Scan statistics: the interval of time in which events are denser than elsewhere.

The likelihood ratio is Kulldorff's (Communications in Statistics 26, 1997). Two shapes of data have a scan
each: :func:`rate_elevation` and :func:`count_elevation` search counts on a regular grid (binomial for
failures among trials, Poisson for counts against an expected profile); :func:`densest_run` searches single
observations of any spacing, in one pass, for given shares inside and outside.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# More candidate bounds than this are first looked at in coarser bins.
MAX_CANDIDATES = 500
# Hours whose median shows how busy that part of a day is.
DAYTIME_HOURS = 11
# Times by which a part of a day may be busier than the mean.
BUSIEST = 3.0
# Rounds of fitting bounds and shares to each other, at most.
FITTED_TIMES = 10
# Times by which the share inside must exceed that outside for another round.
CLEARLY = 2.0


def rate_elevation(
    events: pd.Series, trials: pd.Series, period_s: int, kind: str = "raised_rate"
) -> Interval | None:
    """Return the interval in which events per trial are most clearly raised, or None without events.

    Events and trials are counts on the same grid of ``period_s``; null counts as zero.
    """
    return _scan(events, trials, period_s, _binomial, kind)


def count_elevation(
    counts: pd.Series, expected: pd.Series, period_s: int, kind: str = "raised_count"
) -> Interval | None:
    """Return the interval in which counts most clearly exceed the expected ones, or None without events.

    Both are on the same grid of ``period_s``; null counts as zero.
    """
    return _scan(counts, expected, period_s, _poisson, kind)


def expected_arrivals(sent: pd.Series, period_s: int) -> pd.Series:
    """Return the arrivals to expect in each interval from the rhythm within the hour.

    Many producers send on the half hour; the profile is the mean over the hours of each minute's lower
    four fifths, so that a surge does not raise its own expectation, plus a twentieth of the overall rate
    for arrivals that come a minute early or late. Where days are busier than nights, the profile rises
    with the median of the hours around, up to :data:`BUSIEST` times: a surge of some hours does not move
    that median, and a longer one not far enough to hide.
    """
    import numpy as np
    import pandas as pd

    values = sent.fillna(0.0)
    if values.empty:
        return values
    phases = (values.index.minute * 60 + values.index.second) // period_s
    counts, means = values.to_numpy(), np.empty(len(values))
    for phase in np.unique(phases):
        is_phase = np.asarray(phases == phase)
        ordered = np.sort(counts[is_phase])
        means[is_phase] = ordered[: max(1, int(0.8 * len(ordered)))].mean()
    expected = pd.Series(means, index=values.index)
    floor = 0.05 * max(float(expected.mean()), 1e-3)
    return (expected + floor) * _busy(values, expected)


def _busy(values: pd.Series, expected: pd.Series) -> pd.Series:
    """Return by how many times the hours around an interval exceed the profile: 1 to :data:`BUSIEST`."""
    hourly = values.resample("1h").sum()
    usual = expected.resample("1h").sum()
    ratio = (hourly / usual.where(usual > 0)).rolling(DAYTIME_HOURS, center=True, min_periods=4).median()
    level = ratio.fillna(1.0).clip(1.0, BUSIEST)
    return level.reindex(values.index, method="ffill").fillna(1.0)


def _xlogx(value: np.ndarray, ratio: np.ndarray) -> Any:
    """Return ``value * log(ratio)``, zero where the value is."""
    import numpy as np

    return np.where(value > 0, value * np.log(np.where(ratio > 0, ratio, 1.0)), 0.0)


def _binomial(inside: Any, base: Any, total: float, whole: float) -> Any:
    """Return the binomial log-likelihood ratio, zero where the rate inside is not the higher one."""
    import numpy as np

    outside, rest = total - inside, np.maximum(whole - base, 1e-9)
    base = np.maximum(base, 1e-9)
    p, q, r = inside / base, outside / rest, total / max(whole, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (
            _xlogx(inside, p / r)
            + _xlogx(base - inside, (1 - p) / max(1 - r, 1e-12))
            + _xlogx(outside, q / r)
            + _xlogx(rest - outside, (1 - q) / max(1 - r, 1e-12))
        )
    return np.where(p > q, ratio, 0.0)


def _poisson(inside: Any, base: Any, total: float, whole: float) -> Any:
    """Return the Poisson log-likelihood ratio against the expected counts."""
    import numpy as np

    base = np.maximum(base, 1e-9)
    return np.where(inside > base, _xlogx(inside, inside / base) - (inside - base), 0.0)


def _scan(events: pd.Series, base: pd.Series, period_s: int, score: Any, kind: str) -> Interval | None:
    """Return the interval with the highest score; many candidates are searched in coarse bins first."""
    import numpy as np

    hits = events.fillna(0.0).to_numpy(dtype=float)
    trials = base.fillna(0.0).to_numpy(dtype=float)
    total, whole = float(hits.sum()), float(trials.sum())
    places = np.flatnonzero(hits > 0)
    if not len(places) or whole <= 0:
        return None
    if score is _poisson:
        places = np.flatnonzero(hits > trials)
        if not len(places):
            return None
    seen = np.concatenate([[0.0], np.cumsum(hits)])
    tried = np.concatenate([[0.0], np.cumsum(trials)])

    def best(starts: Any, ends: Any) -> tuple[int, int, float]:
        inside = seen[ends + 1][None, :] - seen[starts][:, None]
        within = tried[ends + 1][None, :] - tried[starts][:, None]
        value = np.where(ends[None, :] >= starts[:, None], score(inside, within, total, whole), -1.0)
        i, j = np.unravel_index(int(np.argmax(value)), value.shape)
        return int(starts[i]), int(ends[j]), float(value[i, j])

    step = max(1, -(-len(places) // MAX_CANDIDATES))
    coarse = np.unique(np.concatenate([places[::step], places[-1:]]))
    first, last, value = best(coarse, coarse)
    while step > 1:
        near = [_around(places, edge, step) for edge in (first, last)]
        step = max(1, -(-max(map(len, near)) // MAX_CANDIDATES))
        first, last, value = best(near[0][::step], near[1][::step])
    index = events.index
    inside, within = seen[last + 1] - seen[first], tried[last + 1] - tried[first]
    rest = whole - within
    return Interval(
        start=index[first].to_pydatetime(),
        end=index[last].to_pydatetime() + timedelta(seconds=period_s),
        kind=kind,
        count=float(inside),
        base=float(within),
        outside_rate=float((total - inside) / rest) if rest > 1e-9 else 0.0,
        score=value,
    )


def _around(places: Any, edge: int, step: int) -> Any:
    """Return the candidates between the neighbours of an edge in the coarser choice."""
    import numpy as np

    at = int(np.searchsorted(places, edge))
    return places[max(0, at - step) : at + step + 1]


def densest_run(is_bad: Any, shares: tuple[float, float]) -> tuple[int, int, float]:
    """Return the first and last index and the score of the run in which ``is_bad`` is densest.

    ``shares`` are those of bad observations inside and outside of the run. It is the contiguous run with the
    highest log-likelihood ratio (Kadane's maximum subarray), which is the score; ``last`` is before ``first``
    when nothing is bad.
    """
    inside, outside = shares
    gain = math.log(inside / outside)
    loss = math.log((1 - inside) / (1 - outside))
    best, best_from, best_to = 0.0, 0, -1
    total, since = 0.0, 0
    for at, value in enumerate(is_bad):
        total += gain if value else loss
        if total <= 0:
            total, since = 0.0, at + 1
        elif total > best:
            best, best_from, best_to = total, since, at
    return best_from, best_to, best


def likeliest_bounds(is_bad: Any, bounds: tuple[int, int]) -> tuple[int, int]:
    """Return bounds (first and last index) fitted to the shares of bad observations in and outside of them.

    The shares are taken from the bounds, the densest run is searched for these shares, and so on until the
    bounds stay: each round makes the record likelier.
    """
    for _ in range(FITTED_TIMES):
        inside, outside = _shares(is_bad, bounds)
        if inside < CLEARLY * outside:
            break
        begin, end, _ = densest_run(is_bad, (inside, outside))
        if (begin, end) == bounds:
            break
        bounds = (begin, end)
    return bounds


def _shares(is_bad: Any, bounds: tuple[int, int]) -> tuple[float, float]:
    """Return the shares inside and outside of bounds, each with half an observation more of either kind."""
    first, last = bounds
    within, count = int(is_bad[first : last + 1].sum()), last + 1 - first
    inside = (within + 0.5) / (count + 1)
    return inside, (int(is_bad.sum()) - within + 0.5) / (len(is_bad) - count + 1)


def bounds_likelihood(is_bad: Any, bounds: tuple[int, int]) -> float:
    """Return the log-likelihood of booleans with one share inside of bounds and another outside."""
    first, last = bounds
    within, count = int(is_bad[first : last + 1].sum()), last + 1 - first
    rest, others = int(is_bad.sum()) - within, len(is_bad) - count
    parts = zip(_shares(is_bad, bounds), ((within, count), (rest, others)), strict=True)
    return sum(bad * math.log(share) + (size - bad) * math.log(1 - share) for share, (bad, size) in parts)
