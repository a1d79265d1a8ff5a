import json

import pytest
from click.testing import CliRunner
from worlds.backlog_world import START, World
from worlds.hostile_rows import hostile_documents
from worlds.together import together

from watchme_analysis.alarms.sensitivity import variants
from watchme_analysis.alarms.specification import parse_specs, read_specs
from watchme_analysis.alarms.trials import backtest_alarms, backtest_frame
from watchme_analysis.cli.alarms import alarms
from watchme_analysis.errors import InputError, WatchmeError
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


@together(
    ("change", "message"),
    [
        ({"name": ""}, "no name"),
        ({"threshhold": 3}, "threshhold"),
        ({"ratio": ["Errors"]}, "two metrics"),
        ({"of_timeout": 0.5}, "either threshold or of_timeout"),
        ({"datapoints_to_alarm": 13}, "alarm 1 of the specification: An alarm on 13 of 12"),
        ({"threshold": "five"}, "alarm 1 of the specification: threshold is 'five', and must be a number"),
        ({"period_s": [60]}, r"period_s is \[60\], and must be a whole number"),
        ({"evaluation_periods": None}, "evaluation_periods is None"),
        ({"composite": "ALARM(a) XOR"}, "alarm 1 of the specification: The composite rule"),
        ({"stat": "Mean"}, "alarm 1 of the specification: stat is 'Mean', and must be Sum, .* such as p99"),
        ({"period_s": 90}, "alarm 1 of the specification: period_s is 90, and must be 10, 20, 30 or a mult"),
        ({"period_s": 0}, "period_s is 0"),
    ],
)
def test_a_bad_specification_is_refused_in_a_sentence(change, message):
    with pytest.raises(InputError, match=message):
        parse_specs({"alarms": [{**RATE, **change}]})


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


@pytest.mark.slow
def test_the_command_tells_first_ring_and_delay(shorter):
    result = CliRunner().invoke(alarms, ["backtest", str(shorter.path), "--json"])
    assert result.exit_code == 0, result.output
    rows = [row for row in json.loads(result.output) if row["times_raised"]]
    # The names of a diagnosis, with those of the file beside them.
    names = {row["alarm"]: row["label"] for row in rows}
    assert (names["dlq_visible_gt_10_avg_300s_1of1"], names["dead-letters-any"]) == ("dead-letters", "")
    assert names["error_rate_gt_10pct_300s_3of12"] == "error-rate"
    assert all(row["minutes_after_start"] > 0 for row in rows)


def varied(remove="", **fields):
    """Return threshold, share of the timeout, M, N and factor of each variant of an alarm."""
    spec = {
        "name": "one", "over": "function", "metric": "Errors", "stat": "Sum", "period_s": 60, "threshold": 8,
    } | fields  # fmt: skip
    (parsed,) = parse_specs({"alarms": [{key: value for key, value in spec.items() if key != remove}]})
    return [
        (
            one.rule.threshold,
            one.of_timeout,
            one.rule.datapoints_to_alarm,
            one.rule.evaluation_periods,
            factor,
        )
        for one, factor in variants(parsed)
    ]


def test_an_alarm_is_varied_by_its_threshold_and_its_m_of_n():
    found = varied()
    assert [each[0] for each in found[::3]] == [2.0, 4.0, 8.0, 16.0, 32.0]
    assert [each[2:] for each in found[:3]] == [(1, 1, 0.25), (2, 2, 0.25), (3, 3, 0.25)]
    several = varied(evaluation_periods=5, datapoints_to_alarm=3)
    assert [each[2:4] for each in several[:3]] == [(1, 5), (3, 5), (5, 5)]
    assert len(several) == len(found) == 15
    # A threshold of 0 is raised in steps of one.
    assert [(each[0], each[4]) for each in varied(threshold=0)[::3]] == [(0.0, 1.0), (1.0, 2.0), (3.0, 4.0)]
    # Neither a duration above the timeout nor a percentage from 100 on can be reached.
    timeout = varied("threshold", metric="Duration", stat="Maximum", of_timeout=0.5)
    assert [each[1] for each in timeout[::3]] == [0.125, 0.25, 0.5]
    rates = varied("metric", ratio=["Errors", "Invocations"], threshold=50)
    assert [each[0] for each in rates[::3]] == [12.5, 25.0, 50.0]
