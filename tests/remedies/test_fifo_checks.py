"""Checks before a migration to FIFO from small values, what is read of case and account, and the account."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from worlds.event_sources import Orders
from worlds.messages import messages_in
from worlds.stored_case import case_of

from watchme_analysis.remedies.fifo_checks import checks_after, checks_before
from watchme_analysis.remedies.fifo_migration import MigrationOptions, Source, Switch, migration_plan
from watchme_analysis.remedies.fifo_source import Messages, Traffic, messages_of_case, prepared, read_source
from watchme_analysis.remedies.live_queue import Queue
from watchme_analysis.storage.journal import DONE

ARN = "arn:aws:sqs:ap-southeast-2:123456789012:"
OPTIONS = MigrationOptions("orders.fifo", "orders-dlq.fifo", "order_id", ("placed_at",))
QUIET = Traffic(14.0, 60.0, 300.0, 20.0, None)
SENT = datetime(2026, 3, 2, 4, tzinfo=UTC)


def queue(name="orders", **attributes):
    return Queue(name, f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}", {
        "QueueArn": ARN + name, "VisibilityTimeout": "60", "DelaySeconds": "0", **attributes
    })  # fmt: skip


def source(policy=None, dlq_messages=0, reserved=None, **mapping):
    attributes = {} if policy is None else {"Policy": json.dumps({"Statement": policy})}
    dlq = queue("orders-dlq", ApproximateNumberOfMessages=str(dlq_messages))
    function = "arn:aws:lambda:eu-west-1:123456789012:function:worker"
    return Source(queue(**attributes), dlq, {"FunctionArn": function, "BatchSize": 10, **mapping}, reserved)


def found(each=None, options=OPTIONS, traffic=QUIET, messages=None):
    checks = checks_before(each or source(), options, traffic, messages)
    return {check.rule: (check.status, check.sentence.id) for check in checks}


@pytest.mark.parametrize(
    ("service", "arn", "rule", "status"),
    [
        ("s3", "arn:aws:s3:::uploads", "s3", "problem"),
        ("sns", "arn:aws-cn:sns:cn-north-1:123456789012:orders", "sns", "problem"),
        ("sns", "arn:aws:sns:eu-west-1:123456789012:orders.fifo", "sns", None),
        ("events", "arn:aws:events:eu-west-1:123456789012:rule/orders", "events", "note"),
    ],
)
def test_senders_that_can_not_send_to_a_fifo_queue_are_problems(service, arn, rule, status):
    principal = {"Principal": {"Service": f"{service}.amazonaws.com"}}
    condition = {"Condition": {"ArnLike": {"aws:SourceArn": arn}}}
    assert found(source([principal | condition])).get(rule, (None,))[0] == status
    # One of the two is enough, and IAM takes a statement without a list as well.
    assert found(source(condition)).get(rule, (None,))[0] == status
    assert found(source(["no statement", principal]))[rule][0] in ("problem", "note")


def test_each_check_states_its_numbers():
    migrated = source(
        dlq_messages=7,
        reserved=3,
        BatchSize=100,
        ScalingConfig={"MaximumConcurrency": 2},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    options = replace(OPTIONS, switches=(Switch("checkout", "QUEUE_URL"),))
    traffic = Traffic(14.0, 30_000.0, 300.0, 20.0, 3.0)
    messages = Messages({"a b": 2}, without_group=3, swallowed=1, with_group_id=4, joined=1)
    checks = checks_before(migrated, options, traffic, messages)
    assert [(each.status, messages_in(each.sentence)) for each in checks] == [
        ("ok", {"fifo-check-senders": {}}),
        # 30,000 a minute are 500 a second.
        ("note", {"fifo-check-throughput-high": {"rate": 500.0, "limit": 300.0, "days": 14.0}}),
        ("ok", {"fifo-check-in-flight": {"count": 20, "limit": 120_000}}),
        ("problem", {"fifo-check-delays": {"count": 3}}),
        ("note", {"fifo-check-batch": {"size": 100, "most": 10}}),
        ("note", {"fifo-risk-partial": {"function": "worker"}}),
        # Old and new mapping run up to twice the two invocations of one.
        ("note", {"fifo-check-reserved": {"function": "worker", "reserved": 3, "both": 4}}),
        ("problem", {"fifo-check-group-ids": {"names": ["a b"]}}),
        ("problem", {"fifo-check-no-group": {"count": 3, "total": 5}}),
        ("note", {"fifo-check-few-groups": {"groups": 1}}),
        ("problem", {"fifo-check-swallowed": {"count": 1, "total": 5}}),
        ("problem", {"fifo-check-joined": {"count": 1}}),
        ("note", {"fifo-check-group-id-sent": {"count": 4, "total": 5}}),
        ("note", {"fifo-check-dlq": {"dlq": "orders-dlq", "count": 7}}),
    ]


def row(message_id, body, queue="orders-dlq", source="orders", sent_s=None, **more):
    sent_at = None if sent_s is None else SENT + timedelta(seconds=sent_s)
    return {
        "message_id": message_id, "queue": queue, "source_queue": source, "body": body, "sent_at": sent_at,
        **more,
    }  # fmt: skip


def test_messages_with_the_same_deduplication_id_are_counted():
    def body(order, at):
        return json.dumps({"order": order, "at": at})

    options = MigrationOptions("orders.fifo", "orders-dlq.fifo", "order", ("at",))
    case = case_of(
        queue_messages=[
            row("1", body(1, "x"), sent_s=300, group_id="1"),
            row("2", body(1, "x"), sent_s=0),  # delivered, whatever the order of the rows
            row("3", body(1, "x"), sent_s=299),  # within five minutes: swallowed
            row("4", body(1, "x") + " ", sent_s=9000),  # the same work with another body
            row("5", body(1, "x")),  # sent at an unknown time
            row("6", "[1]", queue="orders", source=None, sent_s=0),
            row("7", None, sent_s=0),
            row("8", body(2, "x"), source="other", sent_s=0),
            # Another group, and another work of a group: other messages.
            row("9", body(2, "x"), sent_s=1),
            row("10", body(1, "y"), sent_s=1),
        ]
    )
    by_work = messages_of_case(case, "orders", options)
    assert by_work == Messages({"1": 6, "2": 1}, without_group=2, swallowed=1, with_group_id=1, joined=1)
    # By content, the body itself is the id.
    by_content = messages_of_case(case, "orders", replace(options, is_content_based=True))
    assert (by_content.swallowed, by_content.joined) == (1, 0)
    assert messages_of_case(case, "other", options) == Messages({"2": 1})


# The account


@pytest.fixture
def world(front, moto_port):
    world = Orders(front, moto_port)
    world.is_working = False
    return world


def test_a_queue_without_dlq_is_migrated(world, aws):
    world.sqs.create_queue(QueueName="plain")
    world.front.event_sources.create({"EventSourceArn": ARN + "plain", "FunctionName": "orders-worker"})
    source, name, dlq = read_source(aws, "plain")
    assert (source.dlq, name, dlq) == (None, "plain.fifo", "plain-dlq.fifo")
    plan = migration_plan(aws, source, MigrationOptions(name, dlq, "id", ("at",)))
    steps = {step.name for step in plan.steps}
    assert "create queue" in steps and not steps & {"create DLQ", "count DLQ"}
    # Works of two groups at the same time are two messages.
    said = {each.id: messages_in(each)[each.id] for each in plan.reasons}
    assert said["fifo-send-deduplication"] == {"keys": ["id", "at"]}


def migrated(world, aws):
    """Return the plan of a migration whose queues exist, and a journal of its counts ten minutes ago."""
    source, options, *_ = prepared(aws, "orders", MigrationOptions(), group_key="order_id")
    plan = migration_plan(aws, source, options)
    dead = json.dumps({"deadLetterTargetArn": ARN + "orders-dlq.fifo", "maxReceiveCount": 3})
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    world.sqs.create_queue(QueueName="orders-dlq.fifo", Attributes=fifo)
    world.sqs.create_queue(QueueName="orders.fifo", Attributes={**fifo, "RedrivePolicy": dead})
    began = (datetime.now(UTC) - timedelta(minutes=10)).replace(second=30)
    counted = {"event": DONE, "at": began.isoformat(), "made": {"visible": "4", "in_flight": "2"}}
    last = {"count messages": counted, "count DLQ": {**counted, "made": {"visible": "3"}}}
    return plan, SimpleNamespace(last=last), began


def test_every_message_is_accounted_for_or_reported(world, aws):
    plan, journal, began = migrated(world, aws)
    ago_s = (datetime.now(UTC) - began).seconds
    for metric, queue, value, at in (
        ("NumberOfMessagesSent", "orders", 100, ago_s + 60),  # before the count began
        ("NumberOfMessagesSent", "orders", 3, ago_s),  # in the minute of the count
        ("NumberOfMessagesSent", "orders", 5, ago_s - 60),
        ("NumberOfMessagesDeleted", "orders", 8, ago_s - 120),
        ("NumberOfMessagesSent", "orders.fifo", 8, ago_s - 300),
        ("NumberOfMessagesDeleted", "orders.fifo", 6, ago_s - 300),
    ):
        world.measure(queue, metric, value, at)
    world.send(world.url)
    world.measure("orders", "NumberOfMessagesSent", -1)  # that of this test, so that the numbers are round
    for _ in range(5):  # the DLQ held three messages at the beginning
        world.sqs.send_message(QueueUrl=world.url_of("orders-dlq"), MessageBody="dead")
    fifo = world.url_of("orders-dlq.fifo")
    world.sqs.send_message(QueueUrl=fifo, MessageBody="dead", MessageGroupId="a")
    [old, new, states] = checks_after(aws, plan, journal)
    # 6 + 8 - 8 - 1 - 2 = 3, which the three of the first minute explain.
    assert (old.status, messages_in(old.sentence)["fifo-account"]) == (
        "ok",
        {
            "queue": "orders", "before": 6, "sent": 8, "deleted": 8, "now": 1, "dead": 2,
            "unexplained": 3, "uncertain": 3,
        },
    )  # fmt: skip
    # 8 - 6 - 1 = 1, which nothing explains.
    account = messages_in(new.sentence)["fifo-account"]
    assert (new.status, account["unexplained"], account["uncertain"]) == ("problem", 1, 0)
    assert (states.rule, states.status) == ("mappings", "problem")


def test_the_commands_check_plan_and_print_the_policy(front, moto_port, watchme, tmp_path):
    Orders(front, moto_port)
    key = ("--group-key", "order_id")
    checked = watchme("fifo", "check", "orders", *key, "--json")
    assert checked.returncode == 0, checked.stderr
    assert {row["rule"] for row in json.loads(checked.stdout)} >= {"throughput", "delays", "groups", "dlq"}
    shown = watchme("fifo", "plan", "orders", *key, "--language", "ja", "--to", tmp_path / "plan.json")
    assert (shown.returncode, "MessageGroupId" in shown.stdout) == (0, True)
    delayed = ("AWS/SQS", "ApproximateNumberOfMessagesDelayed", (("QueueName", "orders"),))
    front.metrics[delayed] = {int(front.now().timestamp()) - 300: 2}
    refused = watchme("fifo", "plan", "orders", *key, "--to", tmp_path / "other.json")
    assert (refused.returncode, (tmp_path / "other.json").exists()) == (1, False)
    # The problems become risks of the plan, if that is wanted.
    risky = watchme("fifo", "plan", "orders", *key, "--skip-check", "--json")
    assert json.loads(risky.stdout)["risks"][-1]["id"] == "fifo-check-delays"
    assert "sqs:CreateQueue" in watchme("fifo", "check", "--print-policy").stdout
    assert watchme("fifo", "check", "--after", tmp_path / "plan.json").returncode == 2
