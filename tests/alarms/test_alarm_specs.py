import json

import pytest
from worlds.backlog_world import START, World
from worlds.hostile_rows import hostile_documents

from watchme_analysis.alarms.specification import parse_specs, read_specs
from watchme_analysis.alarms.trials import backtest_alarms, backtest_frame
from watchme_analysis.errors import WatchmeError
from watchme_analysis.queues.pipeline import pipelines

IMPORT = "Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'"
RATE = {
    "name": "rate",
    "over": "function",
    "ratio": ["Errors", "Invocations"],
    "stat": "Sum",
    "period_s": 300,
    "threshold": 10,
    "evaluation_periods": 12,
    "datapoints_to_alarm": 3,
    "treat_missing_data": "notBreaching",
}


def failing():
    world = World()
    world.fail(600, 1000, 0.1, IMPORT)
    return world


@pytest.mark.slow
def test_the_teams_alarms_ring_where_they_should():
    world = failing()
    start = START.to_pydatetime()
    frame = backtest_frame(backtest_alarms(world, pipelines(world), read_specs()), start, 86400.0).set_index(
        "alarm"
    )
    assert frame.loc["dlq_visible_gt_10_avg_300s_1of1", "times_raised"] == 1
    assert frame.loc["age_gt_600_max_60s_1of1", "times_raised"] == 0
    any_dead, ten_dead = (
        frame.loc[name, "minutes_after_start"]
        for name in ("dead-letters-any", "dlq_visible_gt_10_avg_300s_1of1")
    )
    assert any_dead < ten_dead
    assert frame.loc["duration-near-timeout", "times_raised"] == 0


@pytest.mark.slow
def test_rings_before_the_incident_are_in_vain():
    world = failing()
    tried = backtest_alarms(world, pipelines(world), parse_specs({"alarms": [RATE]}))
    (item,) = tried
    rings = len(item.run.raised)
    assert rings > 1
    assert backtest_frame(tried, None, 86400.0)["false_a_week"].item() == pytest.approx(7.0 * rings)
    assert backtest_frame(tried, START.to_pydatetime(), 86400.0)["false_a_week"].item() == 0


def test_a_specification_of_any_content_is_used_or_refused_in_one_sentence(tmp_path):
    path = tmp_path / "alarms.yaml"
    document = {
        "alarms": [
            {"name": "errors", "over": "function", "ratio": ["Errors", "Invocations"], "stat": "Sum",
             "period_s": 300, "threshold": 10, "evaluation_periods": 12, "datapoints_to_alarm": 3,
             "treat_missing_data": "notBreaching"},
            {"name": "both", "over": "dlq", "composite": 'ALARM("errors") AND NOT ALARM("slow")'},
            {"name": "slow", "over": "function", "metric": "Duration", "stat": "p99", "period_s": 60,
             "of_timeout": 0.9, "low_samples": "ignore"},
        ]
    }  # fmt: skip
    path.write_text(json.dumps(document))
    assert len(read_specs(path)) == len(document["alarms"])
    for content in hostile_documents(document, 25):
        path.write_bytes(content)
        try:
            read_specs(path)
        except WatchmeError as error:
            assert "\n" not in str(error)
