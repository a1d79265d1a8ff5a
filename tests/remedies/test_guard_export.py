"""The guard as the action of an alarm: the template by all that EventBridge and IAM would do with it."""

import json
import shlex

import pytest
from worlds.settings_file import write_settings

INSTANCE = "i-0123456789abcdef0"
WORDS = (
    "guard",
    "http://127.0.0.1:8017/health",
    "--docker",
    "my api",
    "--evidence",
    "/var/lib/watchme",
    "--export",
)
NAMED = (*WORDS, "--alarm", "health", "--ssm", INSTANCE)
SYSTEM = f"""[systems.orders]
queue = "orders"
instance = "{INSTANCE}"
api = "https://example.com/orders"
health = "/ready"
port = 8017
"""


def resolved(value, **parameters):
    """Return a value of a template with the functions of CloudFormation applied."""
    own = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"} | parameters
    if isinstance(value, list):
        return [resolved(each, **parameters) for each in value]
    if not isinstance(value, dict):
        return value
    [(name, of), *others] = value.items()
    if name == "Ref":
        return own[of]
    if name == "Fn::Join":
        return of[0].join(resolved(of[1], **parameters))
    if name == "Fn::Sub":
        for each, text in own.items():
            of = of.replace(f"${{{each}}}", text)
        return of
    return {key: resolved(each, **parameters) for key, each in [(name, of), *others]}


def matches(pattern, event):
    """Return whether an event matches a pattern of exact values, as EventBridge matches it."""
    if isinstance(pattern, list):
        return event in pattern
    return isinstance(event, dict) and all(
        key in event and matches(of, event[key]) for key, of in pattern.items()
    )


def event(alarm="health", state="ALARM", kind="CloudWatch Alarm State Change"):
    """Return an event with the fields that AWS documents for a change of an alarm's state."""
    return {
        "version": "0", "detail-type": kind, "source": "aws.cloudwatch", "account": "123456789012",
        "region": "us-east-1", "resources": [f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{alarm}"],
        "detail": {"alarmName": alarm, "state": {"value": state}, "previousState": {"value": "OK"}},
    }  # fmt: skip


@pytest.fixture
def exported(watchme):
    def export(*words, **options):
        ended = watchme(*words, **options)
        assert ended.returncode == 0, ended.stderr
        resources = json.loads(ended.stdout)["Resources"].values()
        by_type = {each["Type"]: each["Properties"] for each in resources}
        return by_type["AWS::Events::Rule"], by_type["AWS::IAM::Role"]

    return export


def command_of(rule, program="watchme"):
    """Return the words of the only command that the target runs."""
    [target] = resolved(rule["Targets"], Program=program, GuardRole="")
    [command] = json.loads(target["Input"])["commands"]
    return shlex.split(command)


def test_only_this_alarm_in_alarm_starts_the_guard(exported):
    rule, _ = exported(*NAMED)
    others = (event("health-2"), event(state="OK"), event(kind="CloudWatch Alarm Configuration Change"))
    assert matches(rule["EventPattern"], event())
    assert not any(matches(rule["EventPattern"], other) for other in others)


def test_the_target_runs_the_guard_and_not_the_restart(exported, watchme, tmp_path):
    rule, _ = exported(*NAMED, "--cooldown", "20m", "--most-per-day", "2")
    program, *words = command_of(rule, "/opt/watchme/bin/watchme")
    assert program == "/opt/watchme/bin/watchme"
    # The options survive a round trip: the exported words, exported again, are the same command.
    again, _ = exported(words[0], "--export", "--alarm", "health", "--ssm", INSTANCE, *words[1:])
    assert command_of(again)[1:] == words
    assert {"--docker=my api", "--evidence=/var/lib/watchme", "--most-per-day=2", "--failures=1"} <= {*words}
    assert words[-1] == "http://127.0.0.1:8017/health" and not {"--export", "--alarm", "--ssm"} & {*words}
    stated, _ = exported(*NAMED, "--failures", "4")
    assert "--failures=4" in command_of(stated)


def test_the_role_sends_this_document_to_this_instance_only(exported):
    rule, role = exported(*NAMED)
    [target] = resolved(rule["Targets"], Program="watchme")
    [policy] = resolved(role["Policies"])
    document = "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "ssm:SendCommand",
            "Resource": [document, f"arn:aws:ec2:us-east-1:123456789012:instance/{INSTANCE}"],
        }
    ]
    assert target["Arn"] == document
    assert target["RunCommandParameters"]["RunCommandTargets"] == [
        {"Key": "InstanceIds", "Values": [INSTANCE]}
    ]


def test_a_system_states_url_instance_and_health_alarm(exported, watchme, tmp_path):
    write_settings(tmp_path, SYSTEM)
    rule, role = exported("guard", "--docker", "api", "--evidence", "/e", "--export", cwd=tmp_path)
    assert command_of(rule)[-1] == "http://127.0.0.1:8017/ready"
    assert INSTANCE in json.dumps(role)
    created = watchme("alarms", "export", "--format", "cloudformation", cwd=tmp_path)
    [name] = rule["EventPattern"]["detail"]["alarmName"]
    assert name.endswith("https://example.com/ready") and f'"AlarmName": "{name}"' in created.stdout
