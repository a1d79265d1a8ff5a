"""Alarms for what discovery finds and for what a case holds: chains, exports, and tests of notifications."""

import pytest
from worlds.aws_front import FAST
from worlds.backlog_world import World
from worlds.memory_queues import MemoryQueues
from worlds.messages import messages_in, refusal
from worlds.stored_case import store_case

from watchme_analysis.alarms.chains import Chain
from watchme_analysis.cloudwatch.account_state import Scope
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.services.alarm_plans import (
    AlarmRequest,
    export_alarms,
    live_chains,
    plan_alarms,
    plan_verification,
)

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
SPEC = """
alarms:
  - {name: dead, over: dlq, metric: ApproximateNumberOfMessagesVisible, stat: Average, period_s: 300,
     threshold: 0}
"""


@pytest.fixture
def memory():
    account = MemoryQueues(rate_limits=FAST)
    account.responses["get_function_configuration"] = lambda made: {"Timeout": len(made["FunctionName"])}
    return account


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "alarms.yaml"
    path.write_text(SPEC)
    return str(path)


def queue(name, dlq=None, **more):
    policy = f'{{"deadLetterTargetArn": "{ARN}{dlq}", "maxReceiveCount": 3}}'
    return {
        "QueueArn": ARN + name,
        "VisibilityTimeout": "60",
        **({"RedrivePolicy": policy} if dlq else {}),
        **more,
    }


def test_chains_of_the_account(memory):
    def mapping(name):
        return {"EventSourceArn": ARN + name}

    scope = Scope(
        queues={
            "jobs": queue("jobs", "jobs-dlq"), "jobs-dlq": queue("jobs-dlq"),
            "drained-dlq": queue("drained-dlq"), "chained-dlq": queue("chained-dlq", "last-dlq"),
            "last-dlq": queue("last-dlq"), "free": queue("free"),
        },
        dead_letter=["jobs-dlq", "drained-dlq", "chained-dlq", "last-dlq"],
        functions=["ab", "abc", "lonely"],
        mappings={"ab": [mapping("jobs"), mapping("drained-dlq")], "abc": [mapping("jobs")], "lonely": []},
    )  # fmt: skip

    def settings(receives=3, timeout_s=None):
        return RecordedSettings(
            visibility_timeout_s=60.0, max_receive_count=receives, function_timeout_s=timeout_s
        )

    # A queue that two functions drain is in two chains; a DLQ has one only if it is drained, or has a DLQ.
    assert live_chains(memory, scope) == (
        Chain("jobs", "ab", "jobs-dlq", settings(timeout_s=2.0)),
        Chain("jobs", "abc", "jobs-dlq", settings(timeout_s=3.0)),
        Chain("drained-dlq", "ab", None, settings(None, 2.0)),
        Chain("chained-dlq", None, "last-dlq", settings()),
        Chain("free", None, None, settings(None)),
        Chain(None, "lonely", None, RecordedSettings(function_timeout_s=6.0)),
    )


def test_alarms_of_a_case_are_exported_with_their_back_test(tmp_path, spec):
    world = World(hours=1)
    world.fail(1, 32, 1.5, "ValueError: unreadable", tries=1)
    world.table("metrics")
    case = store_case(tmp_path / "case", **world.tables)
    found = export_alarms(AlarmRequest(case.path, spec=spec, topic="on-call"))
    [alarm] = found.definitions
    assert (alarm.name, alarm.parameters["AlarmActions"]) == ("jobs-dlq-dead", ["on-call"])
    assert alarm.evidence is not None
    assert alarm.evidence.times == 1
    alone = export_alarms(AlarmRequest(spec=spec, health_urls=("https://example.com",)))
    assert alone.definitions == ()
    assert refusal(export_alarms, AlarmRequest(spec=spec)) == {
        "error-alarms-nothing-to-watch": {"case": "None"}
    }


def test_alarms_are_planned_for_something_and_somebody(memory, spec):
    assert refusal(plan_alarms, memory, AlarmRequest(queues=("jobs",), spec=spec)) == {
        "error-topic-needed": {}
    }
    nothing = AlarmRequest(spec=spec, topic="on-call")
    assert refusal(plan_alarms, memory, nothing) == {"error-alarms-nothing-named": {}}
    assert memory.made == []


def test_named_alarms_are_tested_once(memory):
    def alarm(name, **more):
        return {"AlarmName": name, "AlarmActions": ["arn:aws:sns:eu-west-1:1:a"], "StateValue": "OK", **more}

    memory.responses["describe_alarms"] = {
        "MetricAlarms": [alarm("a"), alarm("b")],
        "CompositeAlarms": [alarm("c", AlarmRule='ALARM("b")')],
    }
    plan = plan_verification(memory, ["b", "a", "b"], each_alarm=True)
    assert [step.name for step in plan.steps] == ["test b", "restore b", "test a", "restore a"]
    assert (plan.account, plan.region) == ("123456789012", "eu-west-1")
    # Members of a composite alarm are found among all alarms.
    assert [step.resource for step in plan_verification(memory, ["c"]).steps][:1] == ["b"]
    assert [messages_in(each) for each in plan_verification(memory, ["a", "b"]).risks] == [
        {"alarm-verify-risk": {}}
    ]
    assert len(plan_verification(memory, ["a", "b"]).steps) == 2
    assert refusal(plan_verification, memory, ["a", "absent"]) == {
        "error-alarm-missing": {"alarm": "absent", "target": "eu-west-1"}
    }
