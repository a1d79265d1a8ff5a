"""Onsets in one metric by itself: when an hour of it, or two, look like none of the days before.

Six features of the last hour (last value, mean, spread, highest, lowest, change against the hour before) are
each ranked among all that the same feature showed over the last days. The empirical probability of so
extreme a value is the feature's surprise, in natural logarithms; what lies beyond everything seen adds to it
by how far beyond it lies. The mean of the six decides, so that one odd value is no onset. The same is asked
of the last two hours, in which what is odd for long stands out from what is odd for a moment, and the more
surprising of the two counts. Nothing is assumed of the metric's distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FEATURES = ("last", "mean", "std", "max", "min", "change")
# Before this part of the history has been seen, nothing is surprising.
LEAST_HISTORY = 0.15
# Inside this share of the history at either end no rank is counted: it would surprise nobody.
TAIL = 0.05


@dataclass(frozen=True)
class OnsetRule:
    """When a stretch counts as an onset.

    Attributes
    ----------
    hours
        Lengths of the windows that are looked at.
    days
        How far back it is compared with.
    surprise
        From which mean surprise of the features on: 4.9 is like one in 130 for each of them at once.
    beyond, most_beyond
        What lying beyond the history adds: ``beyond`` for each time the history's range (5th to 95th
        percentile), up to ``most_beyond`` ranges.
    quiet_hours
        How long it must have been quiet before an onset is a new one.
    """

    hours: tuple[float, ...] = (1.0, 2.0)
    days: float = 6.0
    surprise: float = 4.9
    beyond: float = 3.0
    most_beyond: float = 1.0
    quiet_hours: float = 6.0


@dataclass(frozen=True)
class Onset:
    """An onset.

    Attributes
    ----------
    time
        Start of the first interval at which the hour, or two, up to it was surprising.
    surprise
        Mean surprise of the features.
    uncertainty_s
        Length of an interval: within it nothing tells when.
    """

    time: datetime
    surprise: float
    uncertainty_s: float


def metric_onsets(series: pd.Series, rule: OnsetRule | None = None) -> tuple[Onset, ...]:
    """Return the onsets of a metric.

    Parameters
    ----------
    series
        Values by time (UTC), regular but for gaps; a gap stays a gap and is no value. Order and repeated
        points do not matter: of points with one time the last counts.
    rule
        Window, history and how surprising.

    Returns
    -------
    tuple of Onset
        In order of time. Nothing is reported before a part of the history has been seen.
    """
    import pandas as pd

    rule = rule or OnsetRule()
    known = series.dropna()
    known = known[~known.index.duplicated(keep="last")].sort_index()
    if len(known) < 3:
        return ()
    means = [onset_surprise(known, rule, hours).mean(axis=1) for hours in rule.hours]
    total = pd.concat(means, axis=1).max(axis=1)
    period_s = float(known.index.to_series().diff().median().total_seconds())
    found: list[Onset] = []
    last, quiet = None, timedelta(hours=rule.quiet_hours)
    for moment in total.index[total >= rule.surprise]:
        if last is None or moment - last >= quiet:
            found.append(Onset(moment.to_pydatetime(), float(total[moment]), period_s))
        last = moment
    return tuple(found)


def onset_surprise(known: pd.Series, rule: OnsetRule, hours: float) -> pd.DataFrame:
    """Return by time and feature how surprising the last hours were.

    Parameters
    ----------
    known
        Values by time, in order, without nulls.
    rule
        What to compare with.
    hours
        Length of the window.

    Returns
    -------
    pandas.DataFrame
        :data:`FEATURES`: minus the logarithm of the two-sided empirical probability, plus what lies beyond.
        Zero in windows that can't reach the rule's surprise, whose ranks are not counted.
    """
    import numpy as np
    import pandas as pd

    period_s = float(known.index.to_series().diff().median().total_seconds())
    hour = max(2, round(hours * 3600.0 / period_s))
    past = max(4 * hour, round(rule.days * 86400.0 / period_s))
    features = _features(known, hour)
    before = features.shift(hour).rolling(past, min_periods=max(2 * hour, round(LEAST_HISTORY * past)))
    high, low, above, below = before.max(), before.min(), before.quantile(1 - TAIL), before.quantile(TAIL)
    width = np.maximum(above - below, 0.02 * np.maximum(high.abs(), low.abs())) + 1e-12
    beyond = (np.maximum(features - high, low - features) / width).clip(0.0, rule.most_beyond) * rule.beyond
    outside = (features > above) | (features < below)
    # The most that ranks could add tells where counting them is worth while.
    possible = np.where(outside, np.log((past + 1) / 2), np.log(1 / (2 * TAIL))) + beyond.fillna(0.0)
    places = np.flatnonzero((possible.mean(axis=1) >= rule.surprise) & high.notna().all(axis=1))
    values, added = features.to_numpy(dtype=float), beyond.to_numpy(dtype=float)
    surprise = np.zeros(values.shape)
    for place in places:
        history = values[max(0, place - hour - past + 1) : place - hour + 1]
        surprise[place] = _ranks(values[place], history) + added[place]
    return pd.DataFrame(surprise, index=features.index, columns=list(FEATURES))


def _features(known: pd.Series, hour: int) -> pd.DataFrame:
    """Return the features of the window up to each point; null where it has a gap in it."""
    import pandas as pd

    rolled = known.rolling(hour, min_periods=hour)
    mean = rolled.mean()
    features = pd.DataFrame(
        {
            "last": known,
            "mean": mean,
            "std": rolled.std(),
            "max": rolled.max(),
            "min": rolled.min(),
            "change": mean - mean.shift(hour),
        }
    )
    # An hour with a gap in it spans more than an hour, and is none to compare.
    stamps = known.index.to_series()
    spans = (stamps - stamps.shift(2 * hour - 1)).dt.total_seconds()
    usual = stamps.diff().median().total_seconds()
    return features.where(spans <= 1.2 * 2 * hour * usual)


def _ranks(values: Any, history: np.ndarray) -> Any:
    """Return the surprise of each feature's value by its two-sided rank in its history."""
    import numpy as np

    known = (~np.isnan(history)).sum(axis=0)
    as_high = (1 + (history >= values).sum(axis=0)) / (known + 1)
    as_low = (1 + (history <= values).sum(axis=0)) / (known + 1)
    return -np.log(np.minimum(1.0, 2 * np.minimum(as_high, as_low)))
