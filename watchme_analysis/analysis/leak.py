"""Run times that creep up over days: a ramp, its growth and where it begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.flows import Flow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

BINS = 60
MIN_BINS = 12
# Knots within these units of log-likelihood of the best make the interval. That is wider than the usual 2, as
# the true curve is none of the fitted ones; on made-up creeps it then held the start nine times in ten.
NEARLY_AS_GOOD = 4.0
# Stretches of the rise whose spread is measured apart, and intervals that one must have.
STRETCHES, MIN_STRETCH = 5, 8
REFINED = 3


@dataclass(frozen=True)
class Ramp:
    """A rise of the run time.

    Attributes
    ----------
    start
        Where the rise begins by the best broken-line fit to the logarithm.
    start_low, start_high
        Starts whose fit is nearly as good (2 units of log-likelihood).
    hours
        From the start to the end of the rise.
    before_s, after_s
        Median run time before the start and at the end of the rise.
    steepest_share
        Share of the whole rise that the steepest tenth of its time makes up: near 1 for a step, about
        0.1 to 0.3 for a creep.
    correlation
        Rank correlation of run time with time during the rise.
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
        """Times the run time grew."""
        return self.after_s / self.before_s if self.before_s > 0 else float("inf")


def run_time_ramp(flow: Flow) -> Ramp | None:
    """Return how a function's run time rose over the window, or None with too few runs.

    Parameters
    ----------
    flow
        The flow; its average duration, weighted by invocations, is read.

    Notes
    -----
    The window is cut into at most 60 equal bins, each its median. The rise ends where the run time first
    comes within a tenth of the highest bin: what a timeout cuts off can't rise further.
    """
    import numpy as np

    frame = flow.frame[["duration_avg_s", "invocations"]].dropna()
    if len(frame) < MIN_BINS:
        return None
    span = (frame.index[-1] - frame.index[0]).total_seconds()
    width = max(span / BINS, flow.period_s, 1.0)
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
    knot, low, high = _knot(frame, width, top)
    after = hours >= knot
    if after.sum() < 3:
        return None
    before_s = (
        float(np.exp(np.median(values[hours <= knot]))) if (hours <= knot).any() else float(rising.iloc[0])
    )
    origin = frame.index[0]
    return Ramp(
        start=_at(origin, knot),
        start_low=_at(origin, low),
        start_high=_at(origin, high),
        hours=float(hours[-1] - knot),
        before_s=before_s,
        after_s=float(smooth.iloc[top]),
        steepest_share=_steepest_share(hours[after], values[after]),
        correlation=_rank_correlation(hours[after], values[after]),
    )


def _at(origin: pd.Timestamp, hours: float) -> datetime:
    return (origin + timedelta(hours=float(hours))).to_pydatetime()  # type: ignore[no-any-return]


def _knot(frame: pd.DataFrame, width: float, top: int) -> tuple[float, float, float]:
    """Return the hour at which the run time leaves its level, and the span of nearly as good hours.

    Fitted are the curves of :func:`_fits` to every interval's average up to the end of the rise, on a
    logarithmic scale; a curve with a further parameter must fit better for it.
    """
    import numpy as np

    hours = (frame.index - frame.index[0]).total_seconds().to_numpy() / 3600.0
    values = frame["duration_avg_s"].to_numpy(dtype=float)
    # Near its end a timeout bends the rise; its lower half tells where it begins.
    inside = (hours <= (top + 0.5) * width / 3600.0) & (values > 0) & (values <= 0.5 * values.max())
    stride = max(1, int(inside.sum()) // 800)
    t, y = hours[inside][::stride], values[inside][::stride]
    runs = frame["invocations"].to_numpy(dtype=float)[inside][::stride]
    if len(t) < MIN_BINS:
        return 0.0, 0.0, 0.0
    step = float(t[-1]) * 0.9 / 60.0
    knots: Any = np.linspace(0.0, float(t[-1]) * 0.9, 61)
    fits = [_fits(t, y, runs, knot) for knot in knots]
    # What grows has another spread than what stays: each part is weighed by its own, found from a first fit.
    first = float(knots[int(np.argmin(np.min(np.array(fits), axis=1)))])
    runs = _by_precision(t, y, runs, first)
    fits = [_fits(t, y, runs, knot) for knot in knots]
    # The coarse search finds the neighbourhood, and finer ones the moment within it.
    likelihood: Any = _likelihood(len(t), fits)
    for _ in range(2):
        near = knots[likelihood >= likelihood.max() - NEARLY_AS_GOOD]
        low, high = max(0.0, float(near.min()) - step), min(float(t[-1]) * 0.9, float(near.max()) + step)
        knots, step = np.linspace(low, high, 61), (high - low) / 60.0
        likelihood = _likelihood(len(t), [_fits(t, y, runs, knot) for knot in knots])
    near = knots[likelihood >= likelihood.max() - NEARLY_AS_GOOD]
    return float(knots[int(np.argmax(likelihood))]), float(near.min()), float(near.max())


def _by_precision(t: np.ndarray, y: np.ndarray, runs: np.ndarray, knot: float) -> np.ndarray:
    """Return weights: runs over the variance of one, which is taken from stretches before and after a knot.

    Within a stretch the run time is nearly a line on a logarithmic scale, so that what neighbours differ by
    tells the variance, whatever curve is fitted.
    """
    import numpy as np

    flat = t < knot
    stretches = (np.flatnonzero(flat), *np.array_split(np.flatnonzero(~flat), STRETCHES))
    weights = runs.astype(float)
    logs = np.log(y)
    for part in stretches:
        if len(part) < MIN_STRETCH:
            continue
        one, other = part[:-1], part[1:]
        spread = (logs[other] - logs[one]) ** 2 / (1.0 / runs[one] + 1.0 / runs[other])
        weights[part] = runs[part] / max(float(np.mean(spread)), 1e-6)
    return weights / float(np.mean(weights))


def _likelihood(points: int, misfits: list[tuple[float, float, float]]) -> np.ndarray:
    """Return the log-likelihood of each knot by the curve that is best there, less what its parameters cost.

    The cost is Schwarz's criterion. Which curve the rise follows is not known, so that the span of nearly as
    good knots is that of all of them.
    """
    import numpy as np

    parameters = np.array([1, 1, 2])
    found = -0.5 * points * np.log(np.array(misfits)) - 0.5 * parameters * np.log(points)
    return np.asarray(found.max(axis=1))


def _fits(t: np.ndarray, y: np.ndarray, runs: np.ndarray, knot: float) -> tuple[float, float, float]:
    """Return the mean squared log residuals, weighted by runs, of the best curves with their knot there.

    The curves: a level that grows by a constant rate, one that grows by a constant amount, and
    ``level + a (exp(k (t - knot)) - 1)``, which has both as special cases.
    """
    import numpy as np

    flat = t < knot
    later = t[~flat] - knot
    if len(later) < 3:
        return float("inf"), float("inf"), float("inf")
    level = (
        float(np.exp(np.average(np.log(y[flat]), weights=runs[flat]))) if flat.sum() >= 3 else float(y.min())
    )
    before = float(np.sum(runs[flat] * np.log(y[flat] / level) ** 2))
    grown, own = np.log(y[~flat] / level), runs[~flat]

    def misfit(after: float) -> float:
        return float(max((before + after) / runs.sum(), 1e-12))

    rate = max(float((own * later * grown).sum() / max((own * later**2).sum(), 1e-12)), 0.0)
    constant_rate = float((own * (grown - rate * later) ** 2).sum())
    rates = np.linspace(1e-4, 12.0, 40)[:, None] / max(float(later[-1]), 1e-9)
    shape = np.expm1(rates * later[None, :])
    weight = (own / y[~flat] ** 2)[None, :]
    scale = (weight * shape * (y[~flat] - level)).sum(1) / np.maximum((weight * shape**2).sum(1), 1e-12)
    scale = np.maximum(scale, 1e-9)
    # Relative errors favour low curves; a few Gauss-Newton steps make it the best on a logarithmic scale.
    for _ in range(REFINED):
        fitted = level + scale[:, None] * shape
        slope = shape / fitted
        gain = (own * slope * np.log(y[~flat] / fitted)).sum(1) / np.maximum((own * slope**2).sum(1), 1e-12)
        scale = np.maximum(scale + gain, 0.1 * scale)
    both = (own * np.log(y[~flat] / (level + scale[:, None] * shape)) ** 2).sum(1)
    return misfit(constant_rate), misfit(float(both[0])), misfit(float(both.min()))


def _steepest_share(hours: np.ndarray, values: np.ndarray) -> float:
    """Return the largest share of the rise that lies in one tenth of its time."""
    import numpy as np

    rise = values[-1] - values[0]
    if rise <= 0:
        return 1.0
    window = max(2, round(0.1 * len(values)))
    steps = values[window:] - values[:-window] if len(values) > window else np.array([rise])
    return float(max(steps.max(), 0.0) / rise)


def _rank_correlation(hours: Any, values: Any) -> float:
    import numpy as np

    if len(values) < 3:
        return 0.0
    ranks = [np.argsort(np.argsort(item)) for item in (hours, values)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
