import numpy as np
import pandas as pd
import pytest

from watchme_analysis.queues.pipeline_anomalies import lasting_rise

START = pd.Timestamp("2026-01-05T00:00:00Z")


def arrivals(hours, times=1.0, begin_min=0, seed=1):
    """Return counts a minute, busier by day, that are so many times as many from a minute on."""
    index = pd.date_range(START, periods=60 * hours, freq="1min")
    rate = np.where((index.hour >= 7) & (index.hour < 22), 1.0, 0.1)
    rate = rate * np.where(np.arange(len(index)) >= begin_min, times, 1.0)
    return pd.Series(np.random.default_rng(seed).poisson(rate).astype(float), index=index)


@pytest.mark.parametrize("begin", [60 * 33 + 17, 60 * 50 + 41])
def test_a_rise_that_stays_begins_where_it_began(begin):
    found = lasting_rise(arrivals(72, 8.0, begin))
    assert abs(found.start - (START + pd.Timedelta(minutes=begin))) <= pd.Timedelta(minutes=10)
    assert found.end == START + pd.Timedelta(hours=72)
    assert found.rate == pytest.approx(8.0, rel=0.2)


def test_days_that_are_busier_than_nights_are_no_rise():
    found = lasting_rise(arrivals(72))
    assert found is None or found.rate < 1.2


def test_what_falls_again_does_not_stay():
    counts = arrivals(72, 8.0, 60 * 33)
    counts[60 * 40 :] = 0.0
    assert lasting_rise(counts) is None


@pytest.mark.parametrize("hours", [0, 5, 30])
def test_a_day_must_lie_before_a_rise(hours):
    assert lasting_rise(arrivals(hours, 8.0, 60 * 3)) is None
