"""Onsets in a single metric: times from which an hour or two differ from all hours of the days before.

Six features of the last hour (last value, mean, spread, highest, lowest, change from the hour before) are
ranked among all values of the same feature over the last days. The empirical probability of such an extreme
value, as a negative natural logarithm, is the feature's surprise; values beyond all earlier ones add to it in
proportion to their distance. The mean of the six decides, so that one outlier is no onset. The same is done
for the last two hours, and the greater surprise counts. No distribution of the metric is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FEATURES = ("last", "mean", "std", "max", "min", "change")
# Share of the history that must be known before anything is surprising.
LEAST_HISTORY = 0.15
# Share of the history at either end beyond which a rank is computed; other ranks can't be surprising.
TAIL = 0.05


@dataclass(frozen=True)
class OnsetRule:
    """Thresholds of an onset.

    ``hours`` are the lengths of the windows that are compared, ``days`` that of the history. The mean
    ``surprise`` of the features is at least that; 4.9 is a probability of 1 in 130 for each of them.
    ``beyond`` is added for each range of the history (5th to 95th percentile) by which a value lies beyond
    it, for at most ``most_beyond`` ranges. After ``quiet_hours`` without surprise an onset is a new one.
    """

    hours: tuple[float, ...] = (1.0, 2.0)
    days: float = 6.0
    surprise: float = 4.9
    beyond: float = 3.0
    most_beyond: float = 1.0
    quiet_hours: float = 6.0


@dataclass(frozen=True)
class Onset:
    """The start of unusual values of a metric, and the mean surprise of its features.

    ``time`` is the start of the first interval up to which one or two hours were surprising;
    ``uncertainty_s`` is the length of an interval in seconds.
    """

    time: datetime
    surprise: float
    uncertainty_s: float


def metric_onsets(series: pd.Series, rule: OnsetRule | None = None) -> tuple[Onset, ...]:
    """Return the onsets of a metric, in order of time; none before a share of the history is known.

    The values are by time (UTC) on a regular grid, which may have gaps. Order does not matter; of points with
    the same time the last counts.
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
    """Return the surprise of the last hours by time, with a column for each of :data:`FEATURES`.

    It is the negative logarithm of the two-sided empirical probability, plus the addition for values beyond
    the history; zero in windows that can't reach the rule's surprise. The known values are in order of time,
    without nulls.
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
    # Ranks are computed only where they could reach the threshold.
    possible = np.where(outside, np.log((past + 1) / 2), np.log(1 / (2 * TAIL))) + beyond.fillna(0.0)
    places = np.flatnonzero((possible.mean(axis=1) >= rule.surprise) & high.notna().all(axis=1))
    values, added = features.to_numpy(dtype=float), beyond.to_numpy(dtype=float)
    surprise = np.zeros(values.shape)
    for place in places:
        history = values[max(0, place - hour - past + 1) : place - hour + 1]
        surprise[place] = _ranks(values[place], history) + added[place]
    return pd.DataFrame(surprise, index=features.index, columns=list(FEATURES))


def _features(known: pd.Series, hour: int) -> pd.DataFrame:
    """Return the features of the window up to each point; null for a window with a gap."""
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
    # A window with a gap spans more time than the others.
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
