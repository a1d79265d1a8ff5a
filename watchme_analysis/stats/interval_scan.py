"""Scan statistics: the interval in which something happened more often than elsewhere.

The likelihood ratio is Kulldorff's (Communications in Statistics 26, 1997), binomial for failures among
runs and Poisson for counts against an expected profile, here over intervals of time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# More candidate bounds than this are first looked at in coarser bins.
MAX_CANDIDATES = 500
# Hours whose median tells how busy that part of a day is, and how much busier than usual it may be.
DAYTIME_HOURS, BUSIEST = 11, 3.0


def rate_elevation(
    events: pd.Series, trials: pd.Series, period_s: int, kind: str = "raised_rate"
) -> Interval | None:
    """Return the interval in which events a trial are most clearly raised, or None without events.

    Parameters
    ----------
    events, trials
        Counts on the same grid; null counts as zero.
    period_s
        Period of the grid.
    """
    return _scan(events, trials, period_s, _binomial, kind)


def count_elevation(
    counts: pd.Series, expected: pd.Series, period_s: int, kind: str = "raised_count"
) -> Interval | None:
    """Return the interval in which counts most clearly exceed what was expected, or None."""
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
    profile = {}
    for phase, group in values.groupby(phases):
        ordered = np.sort(group.to_numpy())
        profile[phase] = float(ordered[: max(1, int(0.8 * len(ordered)))].mean())
    expected = pd.Series([profile[phase] for phase in phases], index=values.index)
    floor = 0.05 * max(float(expected.mean()), 1e-3)
    return (expected + floor) * _busy(values, expected)


def _busy(values: pd.Series, expected: pd.Series) -> pd.Series:
    """Return how many times the profile the hours around an interval saw: 1 to :data:`BUSIEST`."""
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
    """Find the best interval, coarse bins first where there are many candidates."""
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
