"""Alarms: planned for everything that is found, applied without losing anything, tested, and undone."""

import json
from dataclasses import replace

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import messages_in, refusal
from worlds.order_system import create_order_system
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.alarms.backtest import Rule
from watchme_analysis.alarms.chains import Chain
from watchme_analysis.alarms.evidence import Evidence
from watchme_analysis.alarms.specification import AlarmSpec, read_specs
from watchme_analysis.cloudwatch.account_state import describe_alarms
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.alarm_definitions import MARK, AlarmRequest, wanted_alarms
from watchme_analysis.remedies.alarms import (
    alarm_plan,
    plan_alarms,
    plan_verification,
    read_topic,
    verify_plan,
)
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.apply import apply_plan, undo_plan
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.message import message

REGION = "ap-southeast-2"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:on-call"
SPEC = """
alarms:
  - {name: dead-letters, over: dlq, metric: ApproximateNumberOfMessagesVisible, stat: Average, period_s: 300,
     threshold: 0, treat_missing_data: notBreaching}
  - {name: error-rate, over: function, ratio: [Errors, Invocations], stat: Sum, period_s: 300, threshold: 10}
  - {name: message-age, over: queue, metric: ApproximateAgeOfOldestMessage, stat: Maximum, period_s: 60,
     threshold: 600}
  - {name: health, over: probes, evaluation_periods: 3}
  - {name: both, composite: ALARM("dead-letters") AND ALARM("error-rate")}
"""


def sns():
    return boto3.client("sns")


def cloudwatch():
    return boto3.client("cloudwatch")


@pytest.fixture
def system(front):
    """A queue with DLQ and function."""
    create_order_system(REGION)


@pytest.fixture
def topic(front):
    sns().create_topic(Name="on-call")
    sns().subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:orders-dlq")


@pytest.fixture
def request_of(tmp_path):
    spec = tmp_path / "alarms.yaml"
    spec.write_text(SPEC)
    return AlarmRequest(read_specs(spec), topic="on-call")


def names():
    return sorted(each["AlarmName"] for each in cloudwatch().describe_alarms()["MetricAlarms"])


ALL = ["orders-dlq-dead-letters", "orders-message-age", "orders-worker-error-rate"]


@pytest.mark.slow
@pytest.mark.usefixtures("system")
def test_every_queue_function_and_dlq_gets_its_alarms_once(aws, request_of, tmp_path):
    emails = ("ops@example.com",)
    plan = plan_alarms(aws, request_of, queues=["orders"], emails=emails)
    assert names() == []
    # An alarm over two metrics costs as much as two alarms.
    assert messages_in(plan.costs[0])["alarm-cost"] == {"count": 3, "usd": 0.4}
    assert [step.name for step in plan.steps[:2]] == ["create topic on-call", "subscribe ops@example.com"]
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert names() == ALL
    rate = cloudwatch().describe_alarms(AlarmNames=["orders-worker-error-rate"])["MetricAlarms"][0]
    assert [each.get("Expression") for each in rate["Metrics"]] == [None, None, "100 * above / below"]
    assert rate["AlarmActions"] == [TOPIC]
    # Evidence of another back-test in the description is no difference.
    made = dict(plan.steps[2].call.parameters)
    made["AlarmDescription"] += f" {MARK} It fired."
    cloudwatch().put_metric_alarm(**made)
    again = plan_alarms(aws, replace(request_of, topic=TOPIC), queues=["orders"], emails=emails)
    assert (again.steps, again.costs) == ((), ())
    assert "alarm-unchanged" in {note.id for note in again.notes}
    # The reverse order: the topic goes last.
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    assert apply_plan(reverse, tmp_path / "undo", aws).outcome == "complete"
    assert (names(), sns().list_topics()["Topics"]) == ([], [])


@pytest.mark.usefixtures("system", "topic")
def test_what_an_alarm_has_already_stays(aws, request_of, tmp_path):
    other, mine = f"{TOPIC}-other", "orders-dlq-dead-letters"
    old = {
        "AlarmName": mine,
        "AlarmDescription": "Call Ana first.",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "orders-dlq"}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 10.0,
        "Unit": "Count",
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [other],
        "OKActions": [other],
    }
    client = cloudwatch()
    client.put_metric_alarm(**old, Tags=[{"Key": "team", "Value": "orders"}])
    client.put_metric_alarm(**{**old, "AlarmName": "unrelated", "OKActions": []})
    before = client.describe_alarms(AlarmNames=["unrelated"])["MetricAlarms"]
    plan = plan_alarms(aws, request_of, queues=["orders"])
    assert plan.steps[0].why.values["what"].key == "update"
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    found = client.describe_alarms(AlarmNames=[mine])["MetricAlarms"][0]
    assert (found["Threshold"], found["Unit"]) == (0.0, "Count")
    assert (found["AlarmActions"], found["OKActions"]) == ([other, TOPIC], [other])
    assert found["AlarmDescription"] == "Call Ana first."
    assert client.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [
        {"Key": "team", "Value": "orders"}
    ]
    assert client.describe_alarms(AlarmNames=["unrelated"])["MetricAlarms"] == before
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    assert apply_plan(reverse, tmp_path / "undo", aws).outcome == "complete"
    found = client.describe_alarms(AlarmNames=[mine])["MetricAlarms"][0]
    assert {key: found[key] for key in old} == old
    assert names() == [mine, "unrelated"]


@pytest.mark.usefixtures("system", "topic")
def test_a_composite_alarm_is_created_after_its_members_and_deleted_before_them(aws, tmp_path):
    said = message("alarm-evidence-none")
    noisy, calm = Evidence(60.0, 12, 4, said), Evidence(90.0, 1, 0, said)
    members = [
        AlarmSpec("dead", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 0.0)),
        AlarmSpec("old", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", Rule(300, 60.0)),
    ]
    both = AlarmSpec("both", "queue", composite='ALARM("dead") AND ALARM("old")')
    evidence = {("dead", "orders-dlq"): noisy, ("old", "orders"): noisy, ("both", "orders"): calm}
    chains = [Chain("orders", None, "orders-dlq")]
    wanted = wanted_alarms(AlarmRequest([both, *members], chains, TOPIC, evidence))
    plan = alarm_plan(aws, wanted, describe_alarms(aws), read_topic(aws, TOPIC))
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    [made] = describe_alarms(aws)["CompositeAlarms"]
    assert made["AlarmRule"] == 'ALARM("orders-dlq-dead") AND ALARM("orders-old")'
    assert alarm_plan(aws, wanted, describe_alarms(aws), read_topic(aws, TOPIC)).steps == ()
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    assert reverse.steps[0].name == "undo orders-both"
    assert apply_plan(reverse, tmp_path / "u", aws).outcome == "complete"
    assert describe_alarms(aws) == {"MetricAlarms": [], "CompositeAlarms": []}


@pytest.mark.usefixtures("system", "topic")
def test_an_alarm_of_the_same_name_on_something_else_refuses_the_plan(aws, request_of):
    cloudwatch().put_metric_alarm(
        AlarmName="orders-message-age",
        Namespace="AWS/SQS",
        MetricName="NumberOfMessagesSent",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    with pytest.raises(InputError, match="orders-message-age exists and watches something else"):
        plan_alarms(aws, request_of, queues=["orders"])


@pytest.mark.slow
@pytest.mark.usefixtures("system", "topic")
def test_a_rule_that_another_alarm_has_is_not_repeated(aws, request_of, tmp_path):
    plan = plan_alarms(aws, request_of, queues=["orders"])
    by_name = {step.name: step.call.parameters for step in plan.steps}
    cloudwatch().put_metric_alarm(**{**by_name["orders-message-age"], "AlarmName": "old-age"})
    again = plan_alarms(aws, request_of, queues=["orders"])
    assert [step.name for step in again.steps] == [name for name in by_name if name != "orders-message-age"]
    assert "alarm-covered" in {note.id for note in again.notes}


def test_a_topic_that_nobody_would_hear_of_is_refused(aws):
    sns().create_topic(Name="on-call", Attributes={"KmsMasterKeyId": "alias/aws/sns"})
    with pytest.raises(InputError, match="alias/aws/sns"):
        read_topic(aws, TOPIC)
    sns().set_topic_attributes(TopicArn=TOPIC, AttributeName="KmsMasterKeyId", AttributeValue="alias/own")
    with pytest.raises(InputError, match="no confirmed subscription"):
        read_topic(aws, TOPIC)
    assert read_topic(aws, TOPIC, ["ops@example.com"]).emails == ("ops@example.com",)
    assert not read_topic(aws, f"{TOPIC}-new").exists


@pytest.mark.slow
@pytest.mark.usefixtures("system", "topic")
def test_a_notification_is_tested_once_and_the_state_restored(aws, request_of, tmp_path, front):
    apply_plan(plan_alarms(aws, request_of, queues=["orders"]), tmp_path / "j", aws)
    plan = plan_verification(aws, ALL)
    assert [step.name for step in plan.steps] == [f"test {ALL[0]}", f"restore {ALL[0]}"]
    assert apply_plan(plan, tmp_path / "v", aws).outcome == "complete"
    assert len(front.alarm_history) == 1
    states = {each["StateValue"] for each in cloudwatch().describe_alarms()["MetricAlarms"]}
    assert states == {"INSUFFICIENT_DATA"}
    assert len(plan_verification(aws, ALL, each_alarm=True).steps) == 6


@pytest.fixture
def composite(front):
    """A composite alarm over two alarms that notify nobody, and one that does more than notify."""
    client, common = cloudwatch(), {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent"}
    common |= {"Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1, "Threshold": 1.0}
    for name, actions in (("a", []), ("b", []), ("stops", ["arn:aws:automate:ap-southeast-2:ec2:stop"])):
        client.put_metric_alarm(
            **common, AlarmName=name, ComparisonOperator="GreaterThanThreshold", AlarmActions=actions
        )
    return lambda rule: client.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[TOPIC])


@pytest.mark.usefixtures("topic")
def test_a_composite_alarm_is_tested_through_its_members(aws, composite, tmp_path, front):
    composite('ALARM("a") AND (ALARM("b") OR ALARM("stops")) AND NOT OK("c")')
    plan = plan_verification(aws, ["both"])
    assert [step.name for step in plan.steps if step.call] == [
        "test both: a",
        "test both: b",
        "restore both: a",
        "restore both: b",
    ]
    assert "alarm-verify-unmarked" in {risk.id for risk in plan.risks}
    assert apply_plan(plan, tmp_path / "v", aws).outcome == "complete"
    assert [each["AlarmName"] for each in front.alarm_history] == ["both"]
    [both] = describe_alarms(aws)["CompositeAlarms"]
    assert both["StateValue"] == "OK"


@pytest.mark.slow
@pytest.mark.usefixtures("system", "topic")
def test_a_notification_that_fails_is_reported_and_the_state_restored(aws, request_of, tmp_path):
    apply_plan(plan_alarms(aws, request_of, queues=["orders"]), tmp_path / "j", aws)
    sns().set_topic_attributes(TopicArn=TOPIC, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns")
    plan = plan_verification(aws, ALL)
    [test, restore] = plan.steps
    until = tuple(replace(each, within_s=0.01) for each in test.until)
    plan = replace(plan, steps=(replace(test, until=until), restore))
    assert apply_plan(plan, tmp_path / "v", aws).outcome == "undone"
    states = {each["StateValue"] for each in cloudwatch().describe_alarms()["MetricAlarms"]}
    assert states == {"INSUFFICIENT_DATA"}


@pytest.mark.slow
@pytest.mark.usefixtures("system")
def test_a_run_killed_at_any_moment_is_resumed(aws, request_of, tmp_path, subtests):
    """No alarm is half made, and each is made once."""
    plan = plan_alarms(aws, request_of, queues=["orders"], emails=["ops@example.com"])
    plan = replace(plan, steps=plan.steps[:3], relies_on=())
    topics, alarms = sns(), cloudwatch()

    def begin(moment):
        topics.delete_topic(TopicArn=TOPIC)
        alarms.delete_alarms(AlarmNames=ALL)
        return lambda: apply_plan(plan, tmp_path / f"j{moment}", restarted(aws))

    for moment in kills(begin):
        with subtests.test(moment=moment):
            result = apply_plan(plan, tmp_path / f"j{moment}", restarted(aws))
            assert (result.outcome, len(result.done)) == ("complete", 3)
            assert len(alarms.describe_alarms()["MetricAlarms"]) == 1
    # Two entries and the call of each step, two entries of the plan, and the journal's name in its folder.
    assert moment == 3 * 3 + 2 + 1


@pytest.mark.usefixtures("system")
def test_the_policy_allows_exactly_the_calls_that_are_made(request_of, tmp_path):
    used = Aws(rate_limits=FAST)
    plan = plan_alarms(used, request_of, emails=["ops@example.com"], everything=True)
    apply_plan(plan, tmp_path / "j", used)
    apply_plan(plan_verification(used, ALL), tmp_path / "v", used)
    apply_plan(undo_plan(plan, read_journal(tmp_path / "j")), tmp_path / "u", used)
    allowed = {call.action for call in calls_of("alarms")}
    # Composite alarms are not among these alarms.
    assert used.actions - {"sts:GetCallerIdentity"} == allowed - {"cloudwatch:PutCompositeAlarm"}


def test_commands_plan_apply_verify_and_undo(system, topic, request_of, watchme, tmp_path):
    path = tmp_path / "alarms.plan.json"
    source = ("--live", "--queue", "orders", "--spec", tmp_path / "alarms.yaml", "--topic", "on-call")
    shown = watchme("alarms", "plan", *source, "--to", path)
    assert shown.returncode == 0, shown.stderr
    assert f"watchme alarms apply {path}" in shown.stdout
    assert "message-age" in shown.stdout
    assert "3 receives × 3 min" in shown.stdout
    printed = json.loads(watchme("alarms", "plan", *source, "--json").stdout)
    assert printed | {"made": ""} == json.loads(path.read_text()) | {"made": ""}
    policy = json.loads(watchme("alarms", "apply", path, "--print-policy").stdout)
    assert "cloudwatch:PutMetricAlarm" in policy["Statement"][0]["Action"]
    applied = watchme("alarms", "apply", path, "--output", "jsonl")
    steps = [json.loads(line)["step"] for line in applied.stdout.splitlines()]
    assert (applied.returncode, steps) == (0, [step["name"] for step in printed["steps"]])
    assert names() == ALL
    assert watchme("alarms", "verify", "--plan", path, "--language", "ja").returncode == 0
    assert watchme("alarms", "undo", path).returncode == 0
    assert names() == []
    assert watchme("alarms", "plan", *source[:-2]).returncode == 2
    assert watchme("alarms", "plan").returncode == 2


def test_every_dlq_of_the_account_or_of_several_systems_gets_an_alarm(
    system, topic, request_of, watchme, tmp_path
):
    sqs = boto3.client("sqs")
    for name in ("uploads", "daily"):
        target = f"arn:aws:sqs:{REGION}:123456789012:{name}-dlq"
        redrive = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 3})
        sqs.create_queue(QueueName=f"{name}-dlq")
        sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})
    names_of = ("uploads", "daily", "orders")
    text = "".join(f"[systems.{name}]\nqueue = '{name}'\n" for name in names_of)
    (tmp_path / "watchme.toml").write_text(text)
    source = ("--spec", tmp_path / "alarms.yaml", "--topic", "on-call", "--json")

    def dlqs(*words):
        made = watchme("alarms", "plan", *words, *source, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        steps = [step["name"] for step in json.loads(made.stdout)["steps"]]
        return {name.removesuffix("-dead-letters") for name in steps if name.endswith("-dead-letters")}

    assert dlqs("--all") == {"orders-dlq", "uploads-dlq", "daily-dlq"}
    assert dlqs("--live", "--system", "uploads", "--system", "daily") == {"uploads-dlq", "daily-dlq"}
    (tmp_path / "watchme.toml").write_text(text + "alarms = 'own.yaml'\n")
    assert watchme("config", "trust", "watchme.toml", cwd=tmp_path).returncode == 0
    refused = watchme(
        "alarms", "plan", "--live", "--system", "uploads", "--system", "orders", "--topic", "t", cwd=tmp_path
    )
    assert refused.returncode == 2 and "--spec" in refused.stderr


def alarm(name, actions=(TOPIC,), state="OK", **more):
    return {"AlarmName": name, "AlarmActions": list(actions), "StateValue": state, **more}


def test_which_alarms_are_tested():
    other = f"{TOPIC}-other"
    alarms = [
        alarm("silent", []),
        alarm("disabled", ActionsEnabled=False),
        alarm("firing", state="ALARM"),
        alarm("stops", [TOPIC, "arn:aws:automate:eu-west-1:ec2:stop"]),
        alarm("okays", OKActions=["arn:aws:lambda:eu-west-1:123456789012:function:f"]),
        alarm("tested"),
        alarm("again"),
        alarm("both", [TOPIC, other]),
        alarm("other", [other]),
    ]
    by_name = {each["AlarmName"]: each for each in alarms}
    aws = ScriptedAws(get_caller_identity=lambda: {"Account": "123456789012"})
    plan = verify_plan(aws, alarms, by_name)
    # One for each action; with `both`, the other topic is tested.
    assert [step.name for step in plan.steps] == [
        "test tested", "restore tested", "test both", "restore both"
    ]  # fmt: skip
    assert messages_in(plan.title) == {"alarm-verify-plan": {"count": 2}}
    assert [messages_in(each) for each in plan.notes] == [
        {"alarm-verify-silent": {"alarm": "silent"}},
        {"alarm-verify-silent": {"alarm": "disabled"}},
        {"alarm-verify-in-alarm": {"alarm": "firing"}},
        {"alarm-verify-acts": {"alarm": "stops", "acting": ["stops"]}},
        {"alarm-verify-acts": {"alarm": "okays", "acting": ["okays"]}},
    ]
    each = verify_plan(aws, alarms, by_name, each_alarm=True)
    assert messages_in(each.title) == {"alarm-verify-plan": {"count": 4}}
    assert refusal(verify_plan, aws, alarms[:3], by_name) == {"error-alarms-untestable": {}}
