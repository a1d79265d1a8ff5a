"""Existing alarms, health checks, when people noticed, and what would be better."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.alarms.advice import advise
from watchme_analysis.alarms.specification import existing_alarms, parse_specs, read_specs
from watchme_analysis.alarms.time_to_detect import first_reaction
from watchme_analysis.alarms.trials import backtest_alarms, backtest_frame
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.schema import conform

HOUR = pd.Timedelta(hours=1)
IMPORT = "Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'"
DAY_S = 86_400.0
AT = START.to_pydatetime()


class Held:
    """A world with further tables."""

    def __init__(self, world, **tables):
        self.world, self.tables = world, tables

    def table(self, name):
        return self.tables.get(name, self.world.table(name))


@pytest.fixture(scope="module")
def failing():
    world = World()
    world.fail(600, 1000, 0.1, IMPORT)
    return world


def described(*alarms):
    rows = [{"alarm": alarm["AlarmName"], "definition": json.dumps(alarm)} for alarm in alarms]
    return conform("alarms", pd.DataFrame(rows))


def of_queue(metric, stat, name="q", resource="jobs-dlq"):
    dimension = {"Name": "QueueName" if "jobs" in resource else "FunctionName", "Value": resource}
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {"MetricName": metric, "Dimensions": [dimension]},
            "Period": 300,
            "Stat": stat,
        },
        "ReturnData": False,
    }


THRESHOLD = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "TreatMissingData": "notBreaching",
}
PLAIN = {
    "AlarmName": "dead",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "jobs-dlq"}],
    "Statistic": "Average",
    "Period": 300,
    "Threshold": 10.0,
    **THRESHOLD,
}
MATH = {
    "AlarmName": "rate",
    "Threshold": 10.0,
    "Metrics": [
        {"Id": "rate", "Expression": "100 * share", "ReturnData": True},
        {"Id": "share", "Expression": "e / i", "ReturnData": False},
        of_queue("Errors", "Sum", "e", "job-runner"),
        of_queue("Invocations", "Sum", "i", "job-runner"),
    ],
    **THRESHOLD,
}
BAND = {
    "AlarmName": "band",
    "Metrics": [{"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(x, 2)"}],
    **THRESHOLD,
}
BOTH = {"AlarmName": "both", "AlarmRule": 'ALARM("dead") AND ALARM("rate")'}


@pytest.mark.slow
def test_the_alarms_of_a_case_are_tried_like_proposed_ones(failing):
    case = Held(failing, alarms=described(PLAIN, MATH, BAND, BOTH))
    specs = existing_alarms(case)
    frame = backtest_frame(backtest_alarms(case, pipelines(case), specs), AT, DAY_S).set_index("alarm")
    proposed = backtest_frame(
        backtest_alarms(failing, pipelines(failing), read_specs()), AT, DAY_S
    ).set_index("alarm")
    assert frame.loc["dead", "first"] == proposed.loc["dlq_visible_gt_10_avg_300s_1of1", "first"]
    assert frame.loc["dead", "note"] == "", "points of a minute are as fine as an alarm of five needs them"
    assert frame.loc["rate", "first"] < frame.loc["dead", "first"]
    assert pd.isna(frame.loc["band", "times_raised"])
    assert "can't be evaluated" in frame.loc["band", "note"]
    assert frame.loc["both", "first"] >= frame.loc["dead", "first"]


def probed(*failed):
    rows = [
        {
            "time": START + pd.Timedelta(seconds=30 * place),
            "vantage": "outside",
            "path": "/health",
            "status": None if bad else 200,
            "duration_s": 10.0 if bad else 0.2,
        }
        for place, bad in enumerate(failed)
    ]
    return conform("probes", pd.DataFrame(rows))


def test_three_failed_health_checks_in_a_row_ring():
    case = Held(World(), probes=probed(0, 1, 1, 0, 1, 1, 1, 1, 0, 0))
    [spec] = parse_specs({"alarms": [{"name": "h", "over": "probes", "evaluation_periods": 3}]})
    [tried] = backtest_alarms(case, pipelines(case), (spec,))
    assert tried.resource == "/health from outside"
    # The third in a row began at 180 s and was given up 10 s later.
    assert [tuple((each - AT).total_seconds() for each in pair) for pair in tried.run.raised] == [
        (190, 240.2)
    ]


def change(minutes, event, resource="jobs", error_code=None):
    return {
        "time": START + pd.Timedelta(minutes=minutes),
        "event_name": event,
        "user": "somebody",
        "resource": resource,
        "error_code": error_code,
    }


def test_people_noticed_when_they_first_touched_what_was_affected():
    rows = [
        change(9, "PurgeQueue"),
        change(12, "UpdateFunctionCode20150331v2", "job-runner"),  # what began it
        change(30, "UpdateFunctionCode20150331v2", "another-function"),
        change(40, "DescribeAlarms"),
        change(45, "UpdateFunctionCode20150331v2", "job-runner"),  # as on any day: nothing came of it
        change(50, "PurgeQueue", error_code="AccessDenied"),  # AWS refused it
        change(55, "PurgeQueue"),
        change(300, "UpdateFunctionCode20150331v2", "job-runner"),
    ]
    case = Held(World(), changes=conform("changes", pd.DataFrame(rows)))
    start = AT + pd.Timedelta(minutes=10)
    found = first_reaction(case, pipelines(case), start)
    assert (found.at - AT).total_seconds() == 55 * 60
    assert "PurgeQueue" in found.how
    later = AT + pd.Timedelta(minutes=60)
    assert first_reaction(case, pipelines(case), later) is None
    assert first_reaction(case, pipelines(case), later, AT + pd.Timedelta(minutes=301)).how.startswith(
        "somebody called Upd"
    )
    tested = json.dumps({"newState": {"stateValue": "ALARM", "stateReason": "a test"}})
    rang = pd.DataFrame(
        [
            {"time": START + pd.Timedelta(minutes=after), "alarm": name, "to_state": "ALARM", "data": data}
            for after, name, data in ((70, "age", tested), (80, "another", None), (200, "age", None))
        ]
    )
    watched = pd.DataFrame([{"alarm": "age", "resource": "jobs"}, {"alarm": "another", "resource": "other"}])
    case = Held(case, alarm_history=conform("alarm_history", rang), alarms=conform("alarms", watched))
    assert first_reaction(case, pipelines(case), later).how == "the alarm age fired"
    assert first_reaction(case, pipelines(case), later, AT + pd.Timedelta(minutes=70)) is None, (
        "long after its end"
    )
    assert first_reaction(case, pipelines(case), None) is None
    assert first_reaction(World(), pipelines(World()), start) is None


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("hours", [5, -5])
def test_rings_for_another_incident_are_none_of_this_one_in_lessons_too(hours):
    world = World()
    world.at["age_s"][600:640] = [400.0] * 40
    [spec] = [spec for spec in read_specs() if spec.name == "age_gt_600_max_60s_1of1"]
    rang = AT + pd.Timedelta(minutes=600)
    start, span = rang + hours * HOUR, {"jobs": [(rang - HOUR, rang + HOUR)]}
    early = replace(spec, rule=replace(spec.rule, threshold=270.0))
    tried = backtest_alarms(world, pipelines(world), [early])
    (row,) = backtest_frame(tried, start, DAY_S, elsewhere=span).itertuples()
    assert row.times_raised and pd.isna(row.minutes_after_start) and row.false_a_week == 0
    [age] = advise(world, pipelines(world), [spec], start, DAY_S, span)
    assert age.effect == "does not fire for the incident, no false alarm"
