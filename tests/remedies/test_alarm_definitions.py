"""Alarms as definitions: what they watch, which can never fire, composite ones, and exports."""

import json
import shlex
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from worlds.http_service import http_service
from worlds.messages import messages_in

from watchme_analysis.alarms.backtest import Rule
from watchme_analysis.alarms.chains import Chain
from watchme_analysis.alarms.evidence import Evidence, is_better_together
from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.remedies.alarm_definitions import AlarmRequest, updated, wanted_alarms
from watchme_analysis.remedies.alarm_export import exported, health_check_usd
from watchme_analysis.text.message import message

TOPIC = "arn:aws:sns:ap-southeast-2:123456789012:on-call"


def test_a_composite_alarm_is_used_only_where_the_back_test_shows_that_it_is_better():
    said = message("alarm-evidence-none")
    noisy, calm = Evidence(60.0, 12, 4, said), Evidence(90.0, 1, 0, said)
    assert is_better_together(calm, [(noisy, 300.0), (noisy, 60.0)])
    assert not is_better_together(calm, [(noisy, 10.0)])  # it fires more than a period later
    assert not is_better_together(calm, [(calm, 300.0), (calm, 300.0)])
    assert not is_better_together(None, [(noisy, 300.0)])
    members = [
        AlarmSpec("dead", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 0.0)),
        AlarmSpec("late", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", Rule(300, 60.0)),
    ]
    both = AlarmSpec("both", "queue", composite='ALARM("dead") AND NOT ALARM("late")')
    evidence = {("dead", "q-dlq"): noisy, ("late", "q"): noisy, ("both", "q"): calm}
    chains = [Chain("q", None, "q-dlq")]
    found = wanted_alarms(AlarmRequest([both, *members], chains, TOPIC, evidence)).definitions
    assert [each.parameters["AlarmActions"] for each in found] == [[], [], [TOPIC]]
    assert found[-1].parameters["AlarmRule"] == 'ALARM("q-dlq-dead") AND NOT ALARM("q-late")'
    [note] = wanted_alarms(AlarmRequest([both, *members], chains, TOPIC)).notes
    assert note.id == "alarm-composite-not-better"


def test_exports_have_the_same_alarms_in_three_formats():
    """Templates are data, and refer to nothing that they do not define."""
    spec = AlarmSpec("dead", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 0.0))
    rate = AlarmSpec("rate", "function", ("Errors", "Invocations"), "Sum", Rule(300, 10.0))
    health = AlarmSpec("health", "probes", ("failed checks",), "", Rule(60, 0.0, 3, 3))
    urls = ("https://example.com/health",)
    request = AlarmRequest([spec, rate, health], [Chain("q", "f${x}", "q-dlq")], "on-call", health_urls=urls)
    made = wanted_alarms(request).definitions
    for check in (None, "canary", "lambda"):
        template = json.loads(exported(made, "cloudformation", "on-call", urls, check))
        alarms = [
            each["Properties"]["AlarmName"]
            for each in template["Resources"].values()
            if each["Type"] == "AWS::CloudWatch::Alarm"
        ]
        assert alarms == [each.name for each in made]
        known = {*template["Resources"], *template["Parameters"]}
        assert _references(template) <= known
    terraform = json.loads(exported(made, "terraform", "on-call", urls, "lambda"))["resource"]
    alarms = terraform["aws_cloudwatch_metric_alarm"].values()
    assert [each["alarm_name"] for each in alarms] == [each.name.replace("${", "$${") for each in made]
    [stack] = terraform["aws_cloudformation_stack"].values()
    inner = json.loads(stack["template_body"].replace("$${", "${"))
    assert _references(inner) <= {*inner["Resources"], *inner["Parameters"]}
    # The script has the parameters of each alarm, and its topic where it notifies somebody.
    lines = exported(made, "cli", "on-call").splitlines()
    assert lines[2] == "TOPIC=$(aws sns create-topic --name on-call --query TopicArn --output text)"
    words = shlex.split(lines[3])
    silent = {key: value for key, value in made[0].parameters.items() if key != "AlarmActions"}
    assert words[2:4] == ["put-metric-alarm", "--cli-input-json"] and json.loads(words[4]) == silent
    assert words[5:] == ["--alarm-actions", "$TOPIC"]
    # Actions of each kind are in every format, also those beside the topic.
    actions = {"AlarmActions": ["on-call", "arn:other"], "OKActions": ["on-call"]}
    more = replace(made[0], parameters={**made[0].parameters, **actions})
    assert '--alarm-actions "$TOPIC" arn:other --ok-actions "$TOPIC"' in exported([more], "cli", "on-call")
    [body] = json.loads(exported([more], "terraform", "on-call"))["resource"][
        "aws_cloudwatch_metric_alarm"
    ].values()
    assert (len(body["alarm_actions"]), len(body["ok_actions"])) == (2, 1)
    script = exported(made, "cli", TOPIC, urls, "canary")
    assert script.count("aws cloudwatch put-metric-alarm") == len(made)
    assert f"TOPIC={TOPIC}" in script
    assert health_check_usd("canary") > 50 > health_check_usd("lambda")


@pytest.mark.parametrize("check", ["canary", "lambda"])
def test_the_exported_health_check_writes_the_metric_of_its_alarm(front, check):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}/200"
    with http_service(lambda path: int(path[1:])) as base:
        urls = {f"{base}/200": 0.0, f"{base}/503": 1.0, refused: 1.0}
        resources = json.loads(exported((), "cloudformation", "", list(urls), check))["Resources"]
        name = {"lambda": "HealthCheckFunction", "canary": "HealthCheckCanary"}[check]
        code = resources[name]["Properties"]["Code"]
        names = {}
        exec(code.get("ZipFile") or code["Script"], names)
        names["handler"]({}, None)
    [policy] = resources["HealthCheckRole"]["Properties"]["Policies"]
    allowed = {each["Action"] for each in policy["PolicyDocument"]["Statement"]}
    assert {f"cloudwatch:{operation}" for operation in front.calls} <= allowed
    request = AlarmRequest(
        [AlarmSpec("health", "probes", ("failed checks",), "", Rule(60, 0.0, 3, 3))], [], TOPIC
    )
    now = datetime.now(UTC)
    for url, failed in urls.items():
        [alarm] = wanted_alarms(replace(request, health_urls=(url,))).definitions
        same = {name: alarm.parameters[name] for name in ("Namespace", "MetricName", "Dimensions")}
        found = boto3.client("cloudwatch").get_metric_statistics(
            **same,
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=alarm.parameters["Period"],
            Statistics=[alarm.parameters["Statistic"]],
        )
        assert [each[alarm.parameters["Statistic"]] for each in found["Datapoints"]] == [failed]


def _references(value):
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["Ref"]} if "Ref" in value else set()
    own |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
    return own.union(*map(_references, value.values()))


SETTINGS = RecordedSettings(visibility_timeout_s=180.0, max_receive_count=3, function_timeout_s=30.0)


def test_what_is_left_out_is_noted_once():
    dead = AlarmSpec("dead", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 0.0))
    more = AlarmSpec("more", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 5.0))
    slow = AlarmSpec("slow", "function", ("Duration",), "Maximum", Rule(60, 0.0), of_timeout=0.8)
    gone = AlarmSpec("gone", "other-queue", ("NumberOfMessagesSent",), "Sum", Rule(60, 0.0))
    health = AlarmSpec("health", "probes", ("failed checks",), "", Rule(60, 0.0))
    empty = AlarmSpec("empty", "queue")
    age = AlarmSpec("age", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", Rule(60, 600.0))
    chains = [
        Chain("q", "f", None), Chain("q", "g", "q-dlq", SETTINGS), Chain(None, "h", None, SETTINGS)
    ]  # fmt: skip
    found = wanted_alarms(AlarmRequest([dead, more, slow, gone, health, empty, age], chains, TOPIC))
    assert [each.name for each in found.definitions] == [
        "q-dlq-dead", "q-dlq-more", "g-slow", "h-slow", "q-age"
    ]  # fmt: skip
    assert [messages_in(each) for each in found.notes] == [
        {"alarm-without-dlq": {"queue": "q"}},
        {"alarm-without-timeout": {"alarm": "slow", "function": "f"}},
        {"alarm-without-resource": {"alarm": "gone", "resource": "other-queue"}},
        {"alarm-without-url": {"alarm": "health"}},
    ]
    # Three receives, three minutes apart, are no older than 540 seconds.
    assert [each.id for each in found.cannot_fire] == ["alarm-age-is-never-reached"]


EXISTING = {
    "AlarmName": "q-dead",
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "q"}, {"Name": "A", "Value": "b"}],
    "Statistic": "Average",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "AlarmActions": ["one", "two"],
    "OKActions": [],
    "StateValue": "OK",
    "AlarmArn": "arn",
}


def test_an_update_keeps_what_people_have_set():
    existing = {
        **EXISTING,
        "AlarmDescription": "Call Ana. [watchme] old",
        "ActionsEnabled": False,
        "Unit": "Count",
    }
    wanted = {
        "AlarmName": "q-dead", "Threshold": 5.0, "AlarmActions": ["two", "three"], "ActionsEnabled": True,
        "AlarmDescription": "Generated. [watchme] new", "InsufficientDataActions": ["one"],
    }  # fmt: skip
    kept = (
        "Namespace",
        "MetricName",
        "Dimensions",
        "Statistic",
        "Period",
        "EvaluationPeriods",
        "ComparisonOperator",
    )
    assert updated(existing, wanted) == {
        **{name: EXISTING[name] for name in kept},
        "AlarmName": "q-dead",
        "Unit": "Count",
        "Threshold": 5.0,
        "ActionsEnabled": False,
        "AlarmActions": ["one", "two", "three"],
        "InsufficientDataActions": ["one"],
        "AlarmDescription": "Call Ana. [watchme] new",
    }
