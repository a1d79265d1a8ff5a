"""Onsets in one metric by itself: when an hour of it looks like none of the days before.

For each of six features of the last hour (last value, mean, spread, highest, lowest, change against the
hour before) it is told how far it lies beyond all that the same feature showed over the last days; nothing
is assumed of the metric's distribution. Two features must agree, so that one odd value is no onset.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FEATURES = ("last", "mean", "std", "max", "min", "change")


@dataclass(frozen=True)
class OnsetRule:
    """When an hour counts as an onset.

    Attributes
    ----------
    hours
        Length of the window that is looked at.
    days
        How far back it is compared with.
    margin
        By how much of the history's own range (5th to 95th percentile) features must leave it.
    agreeing
        How many features must.
    quiet_hours
        After an onset, how long none is reported: the history has to take the new level in.
    """

    hours: float = 1.0
    days: float = 4.0
    margin: float = 0.5
    agreeing: int = 2
    quiet_hours: float = 12.0


@dataclass(frozen=True)
class Onset:
    """An onset: when, by which feature, how far beyond the history's range (in ranges), uncertainty."""

    time: datetime
    feature: str
    excess: float
    uncertainty_s: float


def metric_onsets(series: pd.Series, rule: OnsetRule | None = None) -> tuple[Onset, ...]:
    """Return the onsets of a metric.

    Parameters
    ----------
    series
        Values by time (UTC), regular but for gaps; a gap stays a gap and is no value.
    rule
        Window, history and margin.

    Returns
    -------
    tuple of Onset
        In order of time. Nothing is reported before a quarter of the history has been seen.
    """
    import numpy as np
    import pandas as pd

    rule = rule or OnsetRule()
    known = series.dropna().sort_index()
    known = known[~known.index.duplicated(keep="last")]
    if len(known) < 3:
        return ()
    excess = onset_excess(known, rule)
    ordered = np.sort(excess.to_numpy(), axis=1)
    best = pd.Series(ordered[:, -min(rule.agreeing, len(FEATURES))], index=excess.index)
    period = known.index.to_series().diff().median()
    found: list[Onset] = []
    quiet = timedelta(hours=rule.quiet_hours)
    for moment in best.index[best > rule.margin]:
        if found and moment - found[-1].time < quiet:
            continue
        feature = str(excess.loc[moment].idxmax())
        found.append(
            Onset(moment.to_pydatetime(), feature, float(best[moment]), float(period.total_seconds()))
        )
    return tuple(found)


def onset_excess(known: pd.Series, rule: OnsetRule) -> pd.DataFrame:
    """Return by time and feature how far the last hour lies beyond the days before, in their own ranges."""
    import numpy as np
    import pandas as pd

    period_s = float(known.index.to_series().diff().median().total_seconds())
    hour = max(2, round(rule.hours * 3600.0 / period_s))
    past = max(4 * hour, round(rule.days * 86400.0 / period_s))
    rolled = known.rolling(hour, min_periods=hour)
    mean = rolled.mean()
    features: dict[str, Any] = {
        "last": known,
        "mean": mean,
        "std": rolled.std(),
        "max": rolled.max(),
        "min": rolled.min(),
        "change": mean - mean.shift(hour),
    }
    # An hour with a gap in it spans more than an hour, and is no hour to compare.
    stamps = known.index.to_series()
    whole = (stamps - stamps.shift(2 * hour - 1)).dt.total_seconds() <= 1.2 * 2 * hour * period_s
    beyond = {}
    for name in FEATURES:
        values = features[name].where(whole)
        before = values.shift(hour).rolling(past, min_periods=past // 4)
        high, low = before.max(), before.min()
        usual = before.quantile(0.95) - before.quantile(0.05)
        width = np.maximum(usual, 0.02 * np.maximum(high.abs(), low.abs())) + 1e-12
        beyond[name] = np.maximum(values - high, low - values) / width
    return pd.DataFrame(beyond).fillna(0.0)
