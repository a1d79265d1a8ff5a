import numpy as np
import pandas as pd
import pytest

from watchme_analysis.stats.metric_onsets import OnsetRule, metric_onsets, onset_surprise


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


def test_too_little_is_silent():
    assert metric_onsets(daily(1).iloc[:2], OnsetRule()) == ()


@pytest.mark.slow
def test_two_hours_show_a_faint_shift_that_one_hour_does_not():
    series = daily(9, noise=1.0)
    at = series.index[288 * 7]
    series[at : at + pd.Timedelta(hours=3)] += 2.25
    assert metric_onsets(series, OnsetRule(hours=(1.0,))) == ()
    (onset,) = metric_onsets(series)
    assert at <= onset.time <= at + pd.Timedelta(hours=3)


def test_the_surprise_is_the_mean_of_the_ranks_and_of_the_distances_beyond_the_history():
    """Compared with a plain computation for one point."""
    series = daily(3, noise=0.5).resample("30min").mean()
    series.iloc[-1] += 1000.0
    rule = OnsetRule(days=2.0, surprise=0.1)
    found = onset_surprise(series, rule, 1.0).iloc[-1]
    hour, past = 2, 96
    rolled = series.rolling(hour)
    features = pd.DataFrame(
        {
            "last": series,
            "mean": rolled.mean(),
            "std": rolled.std(),
            "max": rolled.max(),
            "min": rolled.min(),
            "change": rolled.mean().diff(hour),
        }
    )
    for name, values in features.items():
        now = values.iloc[-1]
        history = values.iloc[-1 - hour - past + 1 : -hour].where(features["change"].notna()).dropna()
        high = (1 + (history >= now).sum()) / (len(history) + 1)
        low = (1 + (history <= now).sum()) / (len(history) + 1)
        rank = -np.log(min(1.0, 2 * min(high, low)))
        is_beyond = now > history.max() or now < history.min()
        assert found[name] == pytest.approx(rank + (3.0 if is_beyond else 0.0)), name
    assert found["last"] > 3.0 > found["min"]


def test_onsets_are_apart_by_hours_without_surprise():
    series = daily(8).resample("30min").mean()
    at = series.index[48 * 6]
    for hours, count in ((4, 1), (8, 2)):
        twice = series.copy()
        for begin, height in ((at, 300), (at + pd.Timedelta(hours=hours), 9000)):
            twice[begin : begin + pd.Timedelta(minutes=30)] += height
        assert len(metric_onsets(twice, OnsetRule(hours=(1.0,)))) == count, hours
