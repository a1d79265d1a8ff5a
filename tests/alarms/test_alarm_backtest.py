from datetime import timedelta

import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.alarms.backtest import History, Rule, backtest
from watchme_analysis.alarms.trials import standard_alarms
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import pipelines


def series(values, period_s=60):
    index = pd.date_range(START, periods=len(values), freq=f"{period_s}s")
    return pd.Series(values, index=index, dtype="float64")


def minutes(moment):
    return (moment - START.to_pydatetime()).total_seconds() / 60


def test_a_sliding_alarm_rings_within_a_minute_and_an_aligned_one_at_the_periods_end():
    values = series([0.0] * 7 + [100.0] * 13 + [0.0] * 20)
    sliding = backtest(History(values, "Average", 60), Rule(300, 50.0))
    aligned = backtest(History(values, "Average", 60), Rule(300, 50.0, sliding=False))
    assert [tuple(map(minutes, pair)) for pair in sliding.raised] == [(10, 23)]
    assert [tuple(map(minutes, pair)) for pair in aligned.raised] == [(10, 25)]


@pytest.mark.parametrize(("period_s", "after_s"), [(10, 100), (30, 100), (60, 120)])
def test_a_period_below_a_minute_is_evaluated_every_ten_seconds(period_s, after_s):
    values = series([0.0] * 9 + [100.0] + [0.0] * 20, 10)
    run = backtest(History(values, "Maximum", 10), Rule(period_s, 50.0))
    assert run.first == START + timedelta(seconds=after_s)


def test_missing_points_follow_the_treatment():
    values = series([100.0] + [None] * 9 + [100.0])
    quiet = backtest(
        History(values, "Maximum", 60), Rule(60, 50.0, treat_missing_data="notBreaching", extra_periods=0)
    )
    lasting = backtest(
        History(values, "Maximum", 60), Rule(60, 50.0, treat_missing_data="ignore", extra_periods=0)
    )
    assert len(quiet.raised) == 2
    assert len(lasting.raised) == 1
    assert lasting.in_alarm_at_end


@pytest.mark.slow
def test_the_teams_alarms_on_a_failing_function():
    world = World()
    world.fail(600, 1000, 0.2, "Runtime.ImportModuleError: no module")
    found = {(item["alarm"], item["resource"]): item for item in standard_alarms(world, pipelines(world))}
    dead = found["dlq_visible_gt_10_avg_300s_1of1", "jobs-dlq"]
    # Ten dead letters at minute 610 don't breach; twenty at minute 640 do, from the next whole period on.
    assert minutes(dead["first"]) == 645
    assert dead["in_alarm_at_end"]
    rate = found["error_rate_gt_10pct_300s_3of12", "job-runner"]
    assert minutes(rate["first"]) == 635
    assert found["age_gt_600_max_300s_1of1", "jobs"]["first"] is None


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", "OOA"),
        ("GreaterThanOrEqualToThreshold", "OAA"),
        ("LessThanThreshold", "AOO"),
        ("LessThanOrEqualToThreshold", "AAO"),
    ],
)
def test_a_threshold_is_compared_below_on_and_above_it(comparison, states):
    history = History(series([4.0, 5.0, 6.0]), "Maximum", 60)
    found = backtest(history, Rule(60, 5.0, comparison=comparison))
    assert "".join(state[0] for state in found.states) == states


def test_a_rule_that_can_not_be_evaluated_is_refused():
    history = History(series([1.0]), "Maximum", 60)
    for rule in (
        Rule(60, 0.0, comparison="Equal"),
        Rule(60, 0.0, evaluation_periods=10**9, datapoints_to_alarm=1),
        Rule(60, 0.0, evaluation_periods=1, datapoints_to_alarm=2),
        Rule(90, 0.0),
    ):
        with pytest.raises(InputError):
            backtest(history, rule)
    with pytest.raises(InputError):
        backtest(History(series([1.0]), "Median", 60), Rule(60, 0.0))
    for stat in ("p99", "tm90", "SampleCount"):
        assert backtest(History(series([1.0]), stat, 60), Rule(60, 0.0)).raised


def test_a_metric_without_points_is_evaluated_where_a_span_is_known():
    nothing = History(series([]), "Sum", 60)
    assert backtest(nothing, Rule(60, 0.0)).states.empty
    span = (START.to_pydatetime(), (START + timedelta(minutes=3)).to_pydatetime())
    found = backtest(nothing, Rule(60, 0.0, treat_missing_data="breaching"), span)
    assert found.states.tolist() == ["ALARM"] * 3 and found.in_alarm_at_end
    sparse = backtest(History(series([None, 5.0]), "Sum", 60), Rule(60, 0.0), span)
    assert [minutes(moment) for moment in sparse.states.index] == [1, 2, 3]
