import numpy as np
import pandas as pd
import pytest

from watchme_analysis.stats.metric_onsets import metric_onsets


def daily(days, noise=0.05):
    index = pd.date_range("2025-12-01", periods=288 * days, freq="5min", tz="UTC")
    rng = np.random.default_rng(7)
    wave = 10 + 3 * np.sin(2 * np.pi * np.arange(len(index)) / 288)
    return pd.Series(wave + noise * rng.standard_normal(len(index)), index=index)


@pytest.mark.slow
def test_a_step_is_found_within_the_hour_and_once():
    series = daily(8)
    at = series.index[288 * 6]
    series[at:] += 30
    (onset,) = metric_onsets(series[: at + pd.Timedelta(hours=10)])
    assert at <= onset.time <= at + pd.Timedelta(hours=1)
    assert onset.uncertainty_s == 300


@pytest.mark.slow
def test_the_daily_wave_is_none():
    assert metric_onsets(daily(10)) == ()


@pytest.mark.slow
def test_a_gap_is_no_onset_and_no_zero():
    series = daily(8)
    series.iloc[288 * 6 : 288 * 6 + 60] = np.nan
    assert metric_onsets(series) == ()


@pytest.mark.slow
def test_order_and_repeats_of_the_points_do_not_matter():
    series = daily(8)
    series.iloc[288 * 6 :] += 30
    shuffled = pd.concat([series, series.iloc[:100]]).sample(frac=1.0, random_state=3)
    assert metric_onsets(shuffled) == metric_onsets(series)
