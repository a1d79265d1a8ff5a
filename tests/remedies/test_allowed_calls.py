"""Plan files of somebody else: a remedy makes its own calls on named resources, and no others."""

import json
from datetime import UTC, datetime

import boto3
import pytest
from worlds.messages import refusal
from worlds.printed import said

from watchme_analysis.remedies.allowed_calls import read_plan
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, write_plan
from watchme_analysis.text.message import message

ACCOUNT, REGION = "123456789012", "ap-southeast-2"
URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/orders"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
DLQ = f"{ARN}-dlq"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
WHY = message("plan-nothing")
OLD, NEW = (json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": count}) for count in (3, 5))
CONFIGURED = Call("lambda", "get_function_configuration", {"FunctionName": "worker"})


def policy(text):
    return Call("sqs", "set_queue_attributes", {"QueueUrl": URL, "Attributes": {"RedrivePolicy": text}})


def read_policy(value):
    call = Call("sqs", "get_queue_attributes", {"QueueUrl": URL, "AttributeNames": ["RedrivePolicy"]})
    return Condition(call, "Attributes.RedrivePolicy", value)


def concurrency(most, uuid="u"):
    scaling = {"MaximumConcurrency": most}
    return Call("lambda", "update_event_source_mapping", {"UUID": uuid, "ScalingConfig": scaling})


def owned(arn=ARN):
    return Condition(Call("lambda", "get_event_source_mapping", {"UUID": "u"}), "EventSourceArn", arn)


def alarm(actions):
    return Call("cloudwatch", "put_metric_alarm", {"AlarmName": "age", "AlarmActions": actions})


def variables(value, name="QUEUE_URL", function="worker"):
    read = Call("lambda", "get_function_configuration", {"FunctionName": function}).to_dict()
    wanted = {"$read": read, "select": "Environment.Variables", "with": {name: value}}
    parameters = {"FunctionName": "worker", "Environment": {"Variables": wanted}}
    return Call("lambda", "update_function_configuration", parameters)


def plan_of(remedy, *steps, **parts):
    return Plan(remedy, WHY, datetime(2026, 1, 1, tzinfo=UTC), ACCOUNT, REGION, steps, **parts)


@pytest.fixture
def plans(tmp_path):
    """A plan of each remedy as it makes them."""
    package = tmp_path / "plan.json.package.zip"
    timeout = Call("lambda", "update_function_configuration", {"FunctionName": "worker", "Timeout": 60})
    code = {"FunctionName": "worker", "ZipFile": {"$file": str(package), "sha256": "0"}}
    switch = {"FunctionName": "worker", "Name": "live", "FunctionVersion": {"$from": "publish.version"}}
    listed = Call("lambda", "list_event_source_mappings", {"EventSourceArn": f"{ARN}.fifo"}).to_dict()
    polling = {"UUID": {"$read": listed, "select": "EventSourceMappings[0].UUID"}, "Enabled": True}
    fifo = {"QueueName": "orders.fifo", "Attributes": {"FifoQueue": "true"}}
    return {
        "settings": plan_of(
            "settings",
            Step("receives", "orders", WHY, policy(NEW), (read_policy(OLD),), undo=(policy(OLD),)),
            Step("timeout", "worker", WHY, timeout, until=(Condition(CONFIGURED, "Timeout", 60),)),
            Step(
                "concurrency",
                "orders",
                WHY,
                concurrency(2),
                (owned(),),
                undo=(concurrency(9),),
                undo_before=(owned(),),
            ),
            relies_on=(read_policy(OLD),),
        ),
        "deploy": plan_of(
            "deploy",
            Step("update", "worker", WHY, Call("lambda", "update_function_code", code)),
            Step("switch", "worker:live", WHY, Call("lambda", "update_alias", switch)),
        ),
        "alarms": plan_of(
            "alarms",
            Step("age", "orders", WHY, alarm([TOPIC])),
            Step("topic", TOPIC, WHY, Call("sns", "create_topic", {"Name": "on-call"})),
        ),
        "fifo": plan_of(
            "fifo",
            Step("create", "orders.fifo", WHY, Call("sqs", "create_queue", fifo)),
            Step("enable", "orders.fifo", WHY, Call("lambda", "update_event_source_mapping", polling)),
            Step("switch worker", "worker", WHY, variables(f"{URL}.fifo"), undo=(variables(f"{URL}.fifo"),)),
        ),
    }


def calls_in(value):
    """Yield every call in a plan's data, those of conditions, undos and readings too."""
    if isinstance(value, dict):
        if {"service", "operation", "parameters"} <= value.keys():
            yield value
        for each in value.values():
            yield from calls_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from calls_in(each)


EVIL = [
    ("iam", "create_user", {"UserName": "evil"}),
    ("s3", "delete_bucket", {"Bucket": "b"}),
    ("sqs", "purge_queue", {"QueueUrl": URL}),
    ("sqs", "add_permission", {"QueueUrl": URL, "Label": "x", "AWSAccountIds": ["1"], "Actions": ["*"]}),
    ("secretsmanager", "get_secret_value", {"SecretId": "s"}),
    ("lambda", "get_function", {"FunctionName": "worker"}),
    ("lambda", "invoke_async", {"FunctionName": "worker"}),
]
MORE = {
    "Policy": "{}", "Role": "arn", "Tags": [], "Environment": {"Variables": {"A": "1"}}, "Layers": [],
    "Attributes": {"Permission": "{}"}, "S3Bucket": "b", "InvocationType": "Event", "RoutingConfig": {},
    "$read": {"service": "iam", "operation": "create_user", "parameters": {}},
}  # fmt: skip


def test_each_remedy_accepts_its_own_plans(plans, tmp_path):
    for plan in plans.values():
        write_plan(plan, tmp_path / "plan.json")
        assert read_plan(tmp_path / "plan.json").digest == plan.digest
        (tmp_path / "plan.json").unlink()


def test_no_other_operation_or_parameter_is_accepted_anywhere_in_a_plan(plans, tmp_path, subtests):
    path = tmp_path / "plan.json"

    def refused(plan):
        path.write_text(json.dumps(data))
        found = refusal(read_plan, path)["error-plan-call"]
        return (found["path"], found["remedy"]) == (str(path), plan.remedy)

    for remedy, plan in plans.items():
        count = len([*calls_in(plan.to_dict())])
        for number in range(count):
            for service, operation, parameters in EVIL:
                data = json.loads(json.dumps(plan.to_dict()))
                call = [*calls_in(data)][number]
                call |= {"service": service, "operation": operation, "parameters": parameters}
                with subtests.test(remedy=remedy, number=number, operation=operation):
                    assert refused(plan)
            # Readings may state what they like, but no further call.
            reading = [*calls_in(plan.to_dict())][number]["operation"].startswith(("get_", "list_"))
            for name, value in MORE.items():
                data = json.loads(json.dumps(plan.to_dict()))
                call = [*calls_in(data)][number]
                call["parameters"] |= {name: value}
                if not reading or name == "$read":
                    with subtests.test(remedy=remedy, number=number, parameter=name):
                        assert refused(plan)


def test_plans_change_only_what_their_steps_name(tmp_path, subtests):
    path = tmp_path / "plan.json"
    other = OLD.replace("orders-dlq", "stolen")
    abroad = OLD.replace(ACCOUNT, "999999999999")
    host = "https://sqs.us-east-1.amazonaws.com"
    terminate = f"arn:aws:automate:{REGION}:ec2:terminate"

    def timeout(url):
        return Call(
            "sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": {"VisibilityTimeout": "0"}}
        )

    def policies(new, old, seen=OLD):
        return Step("receives", "orders", WHY, policy(new), (read_policy(seen),), undo=(policy(old),))

    code = {"FunctionName": "worker", "ZipFile": {"$file": "/etc/passwd", "sha256": "0"}}

    def step(call):
        return Step("x", "orders", WHY, call)

    wrong = {
        "another queue": ("settings", Step("x", "orders", WHY, timeout(f"{URL}-payments")), "resource"),
        "another account": ("settings", step(timeout(URL.replace(ACCOUNT, "9" * 12))), "place"),
        "another region": ("settings", step(timeout(f"{host}/{ACCOUNT}/orders")), "place"),
        "another DLQ": ("settings", policies(other, OLD), "parameter"),
        "a DLQ of others": ("settings", policies(abroad, abroad, abroad), "place"),
        "a policy that was not read": ("settings", policies(other, other), "parameter"),
        "an undo elsewhere": (
            "settings", Step("x", "orders", WHY, None, undo=(timeout(f"{URL}-payments"),)), "resource",
        ),
        "a mapping that is not read": ("settings", step(concurrency(1)), "resource"),
        "another mapping": (
            "settings", Step("x", "orders", WHY, concurrency(1, "other"), (owned(),)), "resource",
        ),
        "the mapping of another queue": (
            "settings", Step("x", "orders", WHY, concurrency(1), (owned(f"{ARN}-payments"),)), "resource",
        ),
        "an undo of a mapping that is not read": (
            "settings", Step("x", "orders", WHY, None, (owned(),), undo=(concurrency(9),)), "resource",
        ),
        "no resource at all": (
            "alarms", step(Call("cloudwatch", "put_metric_alarm", {"AlarmActions": [TOPIC]})), "nameless",
        ),
        "another action": ("alarms", Step("age", "orders", WHY, alarm([terminate])), "parameter"),
        "a file of the user": (
            "deploy", Step("update", "worker", WHY, Call("lambda", "update_function_code", code)), "file",
        ),
        "variables of another function": (
            "fifo", Step("x", "worker", WHY, variables(f"{URL}.fifo", function="secrets")), "resource",
        ),
        "another variable": ("fifo", Step("x", "worker", WHY, variables("/tmp/evil.so")), "parameter"),
        "a queue of others": (
            "fifo", Step("x", "worker", WHY, variables(f"{host}/999999999999/x")), "parameter",
        ),
    }  # fmt: skip
    for what, (remedy, step, reason) in wrong.items():
        with subtests.test(what):
            path.write_text(json.dumps(plan_of(remedy, step).to_dict()))
            assert refusal(read_plan, path)["error-plan-call"]["reason"] == reason
    for remedy in ("loadtest", "every-plan", "readings", "naming"):
        path.write_text(json.dumps(plan_of(remedy).to_dict()))
        assert refusal(read_plan, path) == {"error-plan-remedy": {"path": str(path), "remedy": remedy}}


def test_new_queue_grants_only_what_the_old_one_grants(tmp_path):
    path = tmp_path / "plan.json"

    def statement(principal, queue):
        return {"Effect": "Allow", "Principal": principal, "Action": "sqs:*", "Resource": queue}

    def created(*granted, read=True, polled=ARN, undo=False):
        old = json.dumps({"Statement": [statement({"AWS": ACCOUNT}, ARN)]})
        call = Call("sqs", "get_queue_attributes", {"QueueUrl": URL, "AttributeNames": ["Policy"]})
        attributes = {"FifoQueue": "true", "Policy": json.dumps({"Statement": [*granted]})}
        creation = Call("sqs", "create_queue", {"QueueName": "orders.fifo", "Attributes": attributes})
        step = Step("create", "orders.fifo", WHY, creation, undo=(creation,) if undo else ())
        mapping = Call("lambda", "get_event_source_mapping", {"UUID": "mapping"})
        conditions = (Condition(mapping, "EventSourceArn", polled),)
        conditions += (Condition(call, "Attributes.Policy", old),) if read else ()
        path.write_text(json.dumps(plan_of("fifo", step, relies_on=conditions).to_dict()))
        return path

    own = statement({"AWS": ACCOUNT}, f"{ARN}.fifo")
    assert read_plan(created(own)).steps
    for granted, more in (
        ([statement("*", f"{ARN}.fifo")], {}),
        ([own, statement({"AWS": "999999999999"}, f"{ARN}.fifo")], {}),
        ([own], {"read": False}),
        ([own], {"polled": f"{ARN}-public"}),
        ([own], {"polled": ARN.replace("sqs", "kinesis")}),
        ([own], {"undo": True}),
    ):
        found = refusal(read_plan, created(*granted, **more))["error-plan-call"]
        assert (found["reason"], found["part"]) == ("parameter", "Policy")


def test_the_action_that_an_alarm_has_already_is_kept(tmp_path):
    from watchme_analysis.remedies.alarm_definitions import DEFINED, defined

    terminate = f"arn:aws:automate:{REGION}:ec2:terminate"
    existing = defined({"AlarmName": "age", "AlarmActions": [terminate]})
    call = Call("cloudwatch", "describe_alarms", {"AlarmNames": ["age"]})
    before = Condition(call, f"MetricAlarms[0] && MetricAlarms[0].{DEFINED}", existing)
    own = Step("age", "orders", WHY, alarm([terminate, TOPIC]), (before,))
    write_plan(plan_of("alarms", own), tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json").steps == (own,)


def test_an_evil_plan_makes_no_call_at_all(front, watchme, tmp_path):
    boto3.client("s3").create_bucket(
        Bucket="precious", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    path = tmp_path / "evil.plan.json"
    evil = Step("longer", "orders", WHY, Call("s3", "delete_bucket", {"Bucket": "precious"}))
    path.write_text(json.dumps(plan_of("settings", evil).to_dict()))
    front.calls.clear()
    for words in (["apply"], ["undo"], ["apply", "--print-policy"], ["apply", "--dry-run"]):
        ended = watchme("settings", words[0], path, *words[1:])
        assert (ended.returncode, ended.stdout) == (2, "")
        assert said(
            "error-plan-call", path=str(path), remedy="settings", call="s3 delete-bucket",
            reason="operation", part="",
        ) in ended.stderr  # fmt: skip
    assert not front.calls
    assert [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]] == ["precious"]
