"""How specifications and definitions of alarms become rules: every field, its default and its words."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.one_queue import Tables, pipeline_of
from worlds.queue_contexts import at, frame_of
from worlds.together import together

from watchme_analysis.alarms.backtest import AlarmRun, Rule
from watchme_analysis.alarms.specification import (
    AlarmSpec,
    MathInput,
    existing_alarms,
    parse_specs,
)
from watchme_analysis.alarms.trials import (
    AlarmBacktest,
    backtest_alarms,
    backtest_frame,
    try_alarm,
)
from watchme_analysis.errors import InputError
from watchme_analysis.queues.pipeline import Pipeline, RecordedSettings
from watchme_analysis.text.message import message_of

ENTRY = {"name": "a", "over": "queue", "metric": "M", "stat": "Sum", "period_s": 300, "threshold": 5}


def parsed(remove=(), **fields):
    entry = {key: value for key, value in (ENTRY | fields).items() if key not in remove}
    [spec] = parse_specs({"alarms": [entry]})
    return spec


def test_an_entry_becomes_a_rule_with_cloudwatchs_defaults():
    usual = AlarmSpec("a", "queue", ("M",), "Sum", Rule(300, 5.0))
    assert parsed() == usual
    assert usual.rule == Rule(
        300, 5.0, evaluation_periods=1, datapoints_to_alarm=1, comparison="GreaterThanThreshold",
        treat_missing_data="missing", extra_periods=2, lone_point="keep", low_samples="evaluate",
        sliding=True,
    )  # fmt: skip
    stated = {
        "evaluation_periods": 5, "datapoints_to_alarm": 2, "comparison": "LessThanThreshold",
        "treat_missing_data": "ignore", "extra_periods": 3, "lone_point": "ok", "low_samples": "ignore",
    }  # fmt: skip
    assert parsed(**stated).rule == Rule(300, 5.0, **stated)
    assert parsed(evaluation_periods=5).rule.datapoints_to_alarm == 5, "N of N where M is not stated"
    assert parsed(("metric",), ratio=["E", "I"]).metrics == ("E", "I")
    share = parsed(("threshold",), of_timeout=1)
    assert (share.of_timeout, share.rule.threshold) == (1.0, 0.0)


@together(
    ("remove", "fields", "refused"),
    [
        ((), {"period_s": 30}, False),
        ((), {"period_s": 60}, False),
        ((), {"period_s": 59}, True),
        ((), {"period_s": 90}, True),
        # A day of periods of less than an hour, and a week of longer ones.
        ((), {"period_s": 60, "evaluation_periods": 1440}, False),
        ((), {"period_s": 60, "evaluation_periods": 1441}, True),
        ((), {"period_s": 3600, "evaluation_periods": 168}, False),
        ((), {"period_s": 3600, "evaluation_periods": 169}, True),
        (("stat",), {}, True),
        (("metric",), {}, True),
        (("threshold",), {}, True),
        ((), {"of_timeout": 0.5}, True),
        ((), {"stat": "p99.9"}, False),
        ((), {"stat": "p101"}, True),
        ((), {"threshold": float("inf")}, True),
        ((), {"threshold": 10**400}, True),
        ((), {"period_s": 60.0}, True),
        ((), {"over": 5}, True),
        (("metric",), {"ratio": "Errors"}, True),
        ((), {"lone_point": "perhaps"}, True),
        ((), {"treat_missing_data": "perhaps"}, True),
        ((), {"evaluation_periods": 2, "datapoints_to_alarm": 3}, True),
        ((), {"name": ""}, True),
    ],
)
def test_an_entry_is_used_or_refused(remove, fields, refused):
    if refused:
        with pytest.raises(InputError):
            parsed(remove, **fields)
    else:
        parsed(remove, **fields)


def existing(**definition):
    """Return the alarm of a definition of CloudWatch."""
    rows = pd.DataFrame([{"alarm": "a", "definition": json.dumps({"AlarmName": "a"} | definition)}])
    [spec] = existing_alarms(SimpleNamespace(table={"alarms": rows}.get))
    return spec


PLAIN = {
    "MetricName": "M", "Statistic": "Sum", "Period": 300, "Threshold": 5.0,
    "ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 3,
    "Dimensions": [{"Name": "Other", "Value": "x"}, {"Name": "QueueName", "Value": "jobs"}],
}  # fmt: skip


def test_an_existing_alarm_is_read_with_its_defaults():
    rule = Rule(300, 5.0, 3, 3, "LessThanThreshold", "missing")
    assert existing(**PLAIN) == AlarmSpec("a", "jobs", ("M",), "Sum", rule)
    more = {
        "DatapointsToAlarm": 2, "TreatMissingData": "breaching", "EvaluateLowSampleCountPercentile": "ignore",
        "Statistic": None, "ExtendedStatistic": "p99",
    }  # fmt: skip
    stated = replace(rule, datapoints_to_alarm=2, treat_missing_data="breaching", low_samples="ignore")
    assert existing(**PLAIN | more) == AlarmSpec("a", "jobs", ("M",), "p99", stated)
    bare = existing(MetricName="M", Statistic="Sum", ComparisonOperator="LessThanThreshold")
    assert bare == AlarmSpec("a", "a", ("M",), "Sum", Rule(60, 0.0, 1, 1, "LessThanThreshold"))


def metric(name, metric_name, dimensions=(), **more):
    """Return a query of one metric."""
    stat = {
        "Metric": {"MetricName": metric_name, "Dimensions": list(dimensions)},
        "Period": 120,
        "Stat": "Sum",
    }
    return {"Id": name, "MetricStat": stat, "ReturnData": False} | more


QUEUE = [{"Name": "QueueName", "Value": "jobs"}]


def test_an_existing_alarm_on_an_expression_has_the_expressions_of_others_inlined():
    queries = [
        {"Id": "x", "Expression": "100 * y", "ReturnData": True}, {"Id": "y", "Expression": "e / i"},
        metric("e", "Errors"), metric("i", "Invocations", QUEUE),
    ]  # fmt: skip
    found = existing(Metrics=queries, ComparisonOperator="GreaterThanThreshold")
    assert (found.over, found.metrics, found.stat) == ("jobs", (), "")
    assert found.expression == "100 * (e / i)"
    assert found.inputs == (MathInput("e", "", "Errors", "Sum"), MathInput("i", "jobs", "Invocations", "Sum"))
    assert found.rule == Rule(120, 0.0), "the period is that of the first metric"
    single = existing(Metrics=[metric("m", "M", QUEUE, ReturnData=True)], ComparisonOperator="x")
    assert (single.expression, single.over) == ("m", "jobs")
    # By default a query returns its data.
    implicit = {key: value for key, value in metric("m", "M").items() if key != "ReturnData"}
    assert existing(Metrics=[implicit], ComparisonOperator="x").expression == "m"
    circle = [{"Id": "a", "Expression": "b + b"}, {"Id": "b", "Expression": "a + a"}]
    assert len(existing(Metrics=circle, ComparisonOperator="x").expression) < 10**6


@together(
    ("namespace", "of_metric", "treatment"),
    [("AWS/DynamoDB", None, "ignore"), (None, "AWS/DynamoDB", "ignore"), ("AWS/SQS", "AWS/SQS", "breaching")],
)
def test_existing_alarms_on_dynamodb_ignore_missing_data(namespace, of_metric, treatment):
    query = metric("m", "M", ReturnData=True)
    query["MetricStat"]["Metric"]["Namespace"] = of_metric
    definition = {"Namespace": namespace, "Metrics": [query], "TreatMissingData": "breaching"}
    assert existing(**definition).rule.treat_missing_data == treatment


def test_definitions_that_can_not_be_read_are_alarms_without_metrics():
    for text in ("{", "[]", json.dumps({"AlarmRule": "AND"}), json.dumps({"Period": "x"})):
        rows = pd.DataFrame([{"alarm": "a", "definition": text}, {"alarm": "b", "definition": None}])
        assert existing_alarms(SimpleNamespace(table={"alarms": rows}.get)) == (AlarmSpec("a", "a"),)
    assert existing(AlarmRule='ALARM("b")') == AlarmSpec("a", "a", composite='ALARM("b")')


@together(
    ("raised", "start", "elsewhere", "minutes", "false", "lead"),
    [
        ([(0, 2)], None, (), None, 1, None),
        ([(12, 14)], 12, (), 0.0, 0, 60.0),
        ([(0, 13)], 12, (), 0.0, 0, 60.0),  # an hour early, and still in alarm
        ([(0, 12)], 12, (), None, 1, None),
        ([(-1, 13)], 12, (), None, 1, None),  # in alarm since longer ago
        ([(20, None)], 12, (), 40.0, 0, 20.0),
        ([(0, 2), (14, 15), (16, 17)], 12, (), 10.0, 1, 50.0),
        ([(0, 2), (14, 15)], 12, ((at(-9), at(-8)),), 10.0, 0, 50.0),
        ([(20, 21)], 12, ((at(0), at(8)),), None, 0, None),  # within an hour of the other's end
        ([(21, 22)], 12, ((at(0), at(8)),), 45.0, 0, 15.0),
        ([(30, 31)], 12, ((at(20), None),), None, 0, None),
        ([], 12, (), None, 0, None),
    ],
)
def test_a_row_of_a_back_test_counts_from_the_start_and_what_is_false(
    raised, start, elsewhere, minutes, false, lead
):
    times = tuple((at(begin), None if end is None else at(end)) for begin, end in raised)
    item = AlarmBacktest(parsed(), "jobs", AlarmRun(times, pd.Series(dtype="string")), "as is")
    begun = None if start is None else at(start)
    [row] = backtest_frame([item], begun, 86_400.0, at(24), {"jobs": elsewhere}).to_dict("records")
    found = [None if pd.isna(row[name]) else row[name] for name in ("minutes_after_start", "lead_minutes")]
    assert found == [minutes, lead]
    assert (row["false_a_week"], row["times_raised"]) == (7.0 * false, len(raised))
    texts = ("a", "jobs", "as is", parsed().in_words)
    assert (row["alarm"], row["resource"], row["note"], row["rule"]) == texts
    assert row["in_alarm_at_end"] is (bool(raised) and raised[-1][1] is None)
    first = None if pd.isna(row["first"]) else row["first"].to_pydatetime()
    assert first == (times[0][0] if times else None)


def tries(spec, timeout=None):
    columns = ["resource", "metric", "stat", "period_s", "points", "time", "value"]
    empty = pd.DataFrame({name: [] for name in columns})
    settings = RecordedSettings(function_timeout_s=timeout)
    flow = Pipeline("jobs", "worker", None, 60, frame_of(sent=[1.0]), settings)
    found = try_alarm(SimpleNamespace(table=lambda name: empty), spec, "worker", flow, (at(0), at(9)))
    assert (found.run, found.queue, found.resource, found.spec) == (None, "jobs", "worker", spec)
    return messages_in(message_of(found.note))


def test_an_alarm_that_can_not_be_tried_says_why():
    share = parsed(("threshold",), metric="Duration", of_timeout=0.9, over="function")
    assert tries(share) == {"trial-no-timeout": {"resource": "worker"}}
    assert tries(share, 30.0) == {
        "trial-no-metric": {"metric": "Duration", "stat": "Sum", "resource": "worker"}
    }
    assert tries(AlarmSpec("band", "worker")) == {"trial-not-static": {}}
    math = AlarmSpec("m", "x", expression="e", inputs=(MathInput("e", "other", "Errors", "Sum"),))
    assert tries(math)["trial-no-metric"]["resource"] == "other"


def recorded(metric_name, *values, resource="jobs", stat="Sum", first=0):
    """Return a point of a metric in each interval of 300 s."""
    return [
        {
            "time": at(first + place), "namespace": "AWS/X", "metric": metric_name, "resource": resource,
            "stat": stat, "period_s": 300, "value": value,
        }
        for place, value in enumerate(values)
    ]  # fmt: skip


def tried(spec, *points):
    """Return the back-test of an alarm on six intervals of a queue."""
    flow = pipeline_of(sent=[1.0] * 6, settings={"function_timeout_s": 4.0})
    [found] = backtest_alarms(Tables(metrics=[one for part in points for one in part]), (flow,), (spec,))
    raised = [] if found.run is None else [tuple(pair) for pair in found.run.raised]
    return found, raised, messages_in(message_of(found.note))


def test_ratios_expressions_and_shares_of_timeouts_are_compared_in_their_units():
    ratio = parsed(("metric",), ratio=["E", "I"], threshold=10)
    parts = recorded("E", 1.0, 2.0, 1.0), recorded("I", 10.0, 10.0, 10.0)
    assert tried(ratio, *parts)[1] == [(at(2), at(3))]
    inputs = (MathInput("e", "jobs", "E", "Sum"), MathInput("i", "jobs", "I", "Sum"))
    math = AlarmSpec("m", "jobs", rule=Rule(300, 8.0), expression="i - e", inputs=inputs)
    # The last point stays within the range of three periods.
    assert tried(math, *parts)[1] == [(at(1), at(2)), (at(3), at(6))]
    refused, _, notes = tried(replace(math, expression="i -"), *parts)
    assert refused.run is None and "error-metric-math" in notes
    share = parsed(("threshold",), of_timeout=0.5, metric="Duration", over="function", stat="Maximum")
    spent = recorded("Duration", 2000.0, 2001.0, 1.0, resource="worker", stat="Maximum")
    assert tried(share, spent)[1] == [(at(2), at(3))], "half of four seconds, in milliseconds"


@together(
    ("rule", "raised", "message_id"),
    [
        ("ALARM(q) AND ALARM(other)", None, "trial-depends"),
        ("ALARM(q) OR ALARM(other)", None, "trial-depends"),
        ("ALARM(q) OR TRUE OR ALARM(other)", True, None),
        ("ALARM(q) AND FALSE AND ALARM(other)", False, None),
    ],
)
def test_a_composite_alarm_needs_those_that_decide_it(rule, raised, message_id):
    specs = (
        replace(parsed(), name="q"), replace(parsed(metric="unseen"), name="other"),
        AlarmSpec("both", "queue", composite=rule),
    )  # fmt: skip
    flow = pipeline_of(sent=[1.0] * 6)
    *_, both = backtest_alarms(Tables(metrics=recorded("M", 1.0, 9.0, 1.0)), (flow,), specs)
    assert (both.run is None) is (raised is None)
    assert raised is None or bool(both.run.raised) is raised
    notes = messages_in(message_of(both.note))
    assert notes == ({message_id: {"alarms": ["other"]}} if message_id else {})


def test_an_alarm_of_a_file_that_is_a_standard_alarm_has_its_name_everywhere():
    entry = {
        "name": "too old", "over": "queue", "metric": "ApproximateAgeOfOldestMessage", "stat": "Maximum",
        "period_s": 60, "threshold": 600, "treat_missing_data": "notBreaching",
    }  # fmt: skip
    both = {"name": "both", "composite": """ALARM("too old") AND NOT OK('later')"""}
    entries = [entry, entry | {"name": "later", "threshold": 601}, entry | {"name": "again"}, both]
    age, later, again, composite = parse_specs({"alarms": entries})
    assert (age.name, age.label) == ("age_gt_600_max_60s_1of1", "too old")
    assert [(one.name, one.label) for one in (later, again)] == [("later", ""), ("again", "")]
    assert composite.composite == 'ALARM("age_gt_600_max_60s_1of1") AND NOT OK("later")'
