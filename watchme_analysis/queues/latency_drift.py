"""Durations that drift upwards over hours or days: size, start and shape of the drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.stats.comparison import rank_correlation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

BINS = 60
MIN_BINS = 12
# Knots whose weighted sum of squares is within this of the minimum form the 95 % interval (chi-square, 1 df).
AS_GOOD = 3.84
# Most points of a fit, the largest share of the time at which a knot may lie, and rounds with finer knots.
MOST_POINTS, KNOTS_TO, REFINED = 800, 0.95, 2
# Sections of the rise whose variance is measured separately, and the fewest intervals of a section.
STRETCHES, MIN_STRETCH = 5, 8
# A timeout flattens the rise near its end, so only the part up to this share of its maximum is fitted.
LOWER = 0.5


@dataclass(frozen=True)
class LatencyDrift:
    """A rise of the average duration.

    Attributes
    ----------
    start
        Start of the rise, by the best fit of a level that grows from there on.
    start_low, start_high
        Starts whose fit is about as good: 95 % of chi-square.
    hours
        Length of the rise in hours.
    before_s, after_s
        Median duration in seconds before the start and at the end of the rise.
    steepest_share
        Share of the whole rise within its steepest tenth of the time: near 1 for a step, about 0.1 to 0.3
        for a gradual drift.
    correlation
        Rank correlation of the duration with time during the rise, 0 for a duration that is constant.
    """

    start: datetime
    start_low: datetime
    start_high: datetime
    hours: float
    before_s: float
    after_s: float
    steepest_share: float
    correlation: float

    @property
    def growth(self) -> float:
        """Factor by which the duration grew."""
        return self.after_s / self.before_s if self.before_s > 0 else float("inf")


def find_latency_drift(pipeline: Pipeline) -> LatencyDrift | None:
    """Return the rise of a function's average duration over the window; None with too few invocations.

    The window is cut into at most 60 equal bins, each represented by its median. The rise ends where the
    duration is first within a tenth of the highest bin, because a timeout limits any further rise.
    """
    import numpy as np
    import pandas as pd

    frame = pipeline.frame[["duration_avg_s", "invocations"]].dropna()
    if len(frame) < MIN_BINS:
        return None
    span = (frame.index[-1] - frame.index[0]).total_seconds()
    width = max(span / BINS, pipeline.period_s, 1.0)
    places = ((frame.index - frame.index[0]).total_seconds() // width).astype(int)
    medians = frame["duration_avg_s"].groupby(places).median()
    if len(medians) < MIN_BINS:
        return None
    smooth = medians.rolling(3, center=True, min_periods=1).median()
    top = int(np.argmax(smooth.to_numpy() >= 0.9 * smooth.max()))
    if top < MIN_BINS // 2:
        return None
    rising = medians.iloc[: top + 1]
    hours = rising.index.to_numpy(dtype=float) * width / 3600.0
    values = np.log(np.maximum(rising.to_numpy(dtype=float), 1e-3))
    half = int(medians.index[int(np.argmax(smooth.to_numpy() >= LOWER * smooth.max()))])
    knot, low, high = _knot(frame, (half + 0.5) * width / 3600.0)
    after = hours >= knot
    if after.sum() < 3:
        return None
    before_s = (
        float(np.exp(np.median(values[hours <= knot]))) if (hours <= knot).any() else float(rising.iloc[0])
    )
    origin = frame.index[0]
    correlation = rank_correlation(pd.Series(hours[after]), pd.Series(values[after]))
    return LatencyDrift(
        start=_at(origin, knot),
        start_low=_at(origin, low),
        start_high=_at(origin, high),
        hours=float(hours[-1] - knot),
        before_s=before_s,
        after_s=float(smooth.iloc[top]),
        steepest_share=_steepest_share(values[after]),
        correlation=0.0 if np.isnan(correlation) else correlation,
    )


def _at(origin: pd.Timestamp, hours: float) -> datetime:
    return (origin + timedelta(hours=float(hours))).to_pydatetime()  # type: ignore[no-any-return]


def _knot(frame: pd.DataFrame, end_hours: float) -> tuple[float, float, float]:
    """Return the hour at which the duration leaves its level, and the range of hours that fit as well.

    The averages of intervals up to ``end_hours``, weighted by their precision, are fitted by least squares
    with a level that grows from the knot on by ``a (exp(r (t - knot)) - 1) / r``: linearly where r is zero,
    else exponentially. Means are fitted, not logarithms, because the average of a few invocations is an
    unbiased estimate of their mean, and its logarithm is not.
    """
    import numpy as np

    t, y, runs = _points(frame, end_hours)
    if len(t) < MIN_BINS:
        return 0.0, 0.0, 0.0
    last = KNOTS_TO * float(t[-1])
    knots: Any = np.linspace(0.0, last, 61)
    rates: Any = np.concatenate([[0.0], np.geomspace(0.05, 12.0, 40) / float(t[-1])])
    # The first fit assumes that the spread grows with the level; the second measures it on both sides of the
    # knot.
    weights = runs / np.maximum(y, 1e-6) ** 2
    for _ in range(2):
        misfit = _misfits(t, y, weights, knots, rates)
        knot, rate = np.unravel_index(int(misfit.argmin()), misfit.shape)
        weights = _by_precision(t, y, runs, float(knots[knot]))
    misfit = _misfits(t, y, weights, knots, rates)
    rate = np.unravel_index(int(misfit.argmin()), misfit.shape)[1]
    # Refine the rates first, then the knots near the best coarse knots.
    near = rates[max(1, rate - 2) : rate + 3]
    rates = np.concatenate([[0.0], np.linspace(near[0], near[-1], 61)])
    for _ in range(REFINED):
        best = _misfits(t, y, weights, knots, rates).min(axis=1)
        good, step = knots[best <= best.min() + AS_GOOD], float(knots[1] - knots[0])
        knots = np.linspace(max(0.0, float(good.min()) - step), min(last, float(good.max()) + step), 61)
    best = _misfits(t, y, weights, knots, rates).min(axis=1)
    good = knots[best <= best.min() + AS_GOOD]
    return float(knots[int(np.argmin(best))]), float(good.min()), float(good.max())


def _points(frame: pd.DataFrame, end_hours: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hours, average durations and invocations of the intervals up to an hour, merged if many."""
    import numpy as np

    hours = (frame.index - frame.index[0]).total_seconds().to_numpy() / 3600.0
    values = frame["duration_avg_s"].to_numpy(dtype=float)
    runs = frame["invocations"].to_numpy(dtype=float)
    kept = (hours <= end_hours) & (values > 0) & (runs > 0)
    hours, values, runs = hours[kept], values[kept], runs[kept]
    if not len(hours):
        return hours, values, runs
    width = max(float(hours[-1]) / MOST_POINTS, 1e-9)
    _, places = np.unique((hours // width).astype(int), return_inverse=True)
    total = np.bincount(places, runs)
    return np.bincount(places, runs * hours) / total, np.bincount(places, runs * values) / total, total


def _by_precision(t: np.ndarray, y: np.ndarray, runs: np.ndarray, knot: float) -> np.ndarray:
    """Return weights: invocations over the variance of one invocation, by section before and after a knot.

    The duration hardly changes between neighbouring intervals of a section, so their differences estimate
    the variance independently of the fitted curve.
    """
    import numpy as np

    flat = t < knot
    differ = np.diff(y) ** 2 / (1.0 / runs[1:] + 1.0 / runs[:-1])
    weights = runs / max(float(differ.mean()), 1e-9)
    for part in (np.flatnonzero(flat), *np.array_split(np.flatnonzero(~flat), STRETCHES)):
        if len(part) >= MIN_STRETCH:
            weights[part] = runs[part] / max(float(differ[part[:-1]].mean()), 1e-9)
    return weights


def _misfits(
    t: np.ndarray, y: np.ndarray, weights: np.ndarray, knots: np.ndarray, rates: np.ndarray
) -> np.ndarray:
    """Return the weighted sum of squared residuals of the best level and growth, by knot and rate."""
    import numpy as np

    whole, mean, square = weights.sum(), weights @ y, weights @ y**2
    left = np.empty((len(knots), len(rates)))
    for place, knot in enumerate(knots):
        later = np.maximum(t - knot, 0.0)[None, :]
        safe = np.maximum(rates, 1e-9)[:, None]
        shape = np.expm1(safe * later) / safe
        first, second, both = shape @ weights, shape**2 @ weights, shape @ (weights * y)
        free = whole * second - first**2
        growth = np.maximum(
            (whole * both - first * mean) / np.maximum(free, 1e-12 * whole * second + 1e-30), 0
        )
        level = (mean - growth * first) / whole
        left[place] = (
            square - 2 * level * mean - 2 * growth * both
            + level**2 * whole + 2 * level * growth * first + growth**2 * second
        )  # fmt: skip
    return left


def _steepest_share(values: np.ndarray) -> float:
    """Return the largest share of the rise within a tenth of its time."""
    import numpy as np

    rise = values[-1] - values[0]
    if rise <= 0:
        return 1.0
    window = max(2, round(0.1 * len(values)))
    steps = values[window:] - values[:-window] if len(values) > window else np.array([rise])
    return float(max(steps.max(), 0.0) / rise)
