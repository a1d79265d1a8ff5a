"""Advice on FIFO and the migration of a queue: what is read of a case and of the account."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.backlog_world import World
from worlds.event_sources import Orders
from worlds.messages import messages_in, refusal
from worlds.stored_case import case_of, store_case

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.remedies.fifo_advice import Groups
from watchme_analysis.remedies.fifo_checks import Messages, Traffic
from watchme_analysis.remedies.fifo_migration import MigrationOptions, Source, Switch
from watchme_analysis.services.fifo import (
    accounted,
    advise,
    groups_of_case,
    messages_of_case,
    plan_migration,
    prepared,
    read_source,
    read_traffic,
    work_keys,
)
from watchme_analysis.storage.journal import DONE

ARN = "arn:aws:sqs:ap-southeast-2:123456789012:"
FUNCTION_ARN = "arn:aws:lambda:ap-southeast-2:123456789012:function:"
SENT = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def world(front, moto_port):
    world = Orders(front, moto_port)
    world.is_working = False
    return world


@pytest.fixture
def aws():
    return Aws(rate_limits=FAST)


def row(message_id, body, queue="orders-dlq", source="orders", **more):
    return {"message_id": message_id, "queue": queue, "source_queue": source, "body": body, **more}


def test_groups_are_those_of_failed_messages_and_of_work_in_the_log():
    def logged(request, text, kind="application", function="worker"):
        return {"request_id": request, "kind": kind, "function": function, "message": text}

    done = 'order_id="o-1" placed_at=2026-03-02T04:00:00Z'
    case = case_of(
        queue_messages=[
            row("1", '{"order_id": "o-2", "placed_at": "2026-03-02T04:00:00Z"}', group_id="eu"),
            row("2", '{"order_id": "o-2", "placed_at": "2026-03-02T04:01:00Z"}', work_item="o-2"),
            row("3", '{"order_id": "o-2", "placed_at": "2026-03-02T04:02:00Z"}', work_item="o-2"),
            row("4", "no work", None),
            row("5", '{"order_id": "o-9"}', queue="orders", source=None, work_item="o-9"),
            row("6", '{"order_id": "o-8"}', source="other", work_item="o-8"),
        ],
        log_events=[
            logged("r1", done),
            logged("r1", "END", "end"),
            logged("r2", done.replace("04:00", "04:05")),
            logged("r2", "END", "end"),
            logged("r3", done, function="another"),
            logged("r3", "END", "end", "another"),
        ],
    )
    # The group id, else the work item; work of another function is not that of the queue.
    failing = {"eu": 1, "o-2": 2, "o-9": 1}
    assert groups_of_case(case, "orders", "worker") == Groups({**failing, "o-1": 2}, failing)
    assert groups_of_case(case, "orders", None) == Groups(failing, failing)
    assert groups_of_case(case, "absent", None) == Groups({}, {})


def test_messages_of_a_case_by_the_key_of_their_group():
    def body(order, at):
        return json.dumps({"order": order, "at": at})

    case = case_of(
        queue_messages=[
            row("1", body(1, "x"), sent_at=SENT, group_id="1"),
            row("2", body(1, "x"), sent_at=SENT + timedelta(seconds=10)),  # the same work again
            row("3", body(1, "y"), sent_at=SENT + timedelta(seconds=10)),
            row("4", body(1, "x")),  # sent at an unknown time
            row("5", "[1]", queue="orders", source=None, sent_at=SENT),
            row("6", None, sent_at=SENT),
            row("7", body(2, "x"), source="other", sent_at=SENT),
        ]
    )
    options = MigrationOptions("orders.fifo", "orders-dlq.fifo", "order", ("at",))
    assert messages_of_case(case, "orders", options) == Messages({"1": 4}, 2, 1, 1)
    # By content, the same body within five minutes is the same message.
    by_content = replace(options, is_content_based=True)
    assert messages_of_case(case, "orders", by_content) == Messages({"1": 4}, 2, 1, 1)
    assert messages_of_case(case, "other", options) == Messages({"2": 1}, 0, 0, 0)


def test_keys_come_from_the_option_the_settings_or_the_bodies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # without watchme.toml
    bodies = [
        json.dumps({"order_id": f"o-{n % 3}", "placed_at": f"2026-03-02T04:{n:02}:00Z"}) for n in range(6)
    ]
    case = case_of(queue_messages=[row(str(n), body) for n, body in enumerate(bodies)])
    assert work_keys(case, None) == ("order_id", ("placed_at",))
    assert work_keys(case, "customer") == ("customer", ("placed_at",))
    assert work_keys(None, "customer") == ("customer", ())
    assert refusal(work_keys, None, None) == {"error-fifo-no-key": {}}


def test_advice_simulates_the_queue_of_a_case(tmp_path):
    world = World(hours=1)
    world.fail(1, 32, 1.5, "ValueError: unreadable", tries=1)
    world.table("metrics")
    case = store_case(tmp_path / "case", **world.tables)
    advice = advise(case.path, replications=1)
    assert (advice.queue, advice.kind) == ("jobs", "neither")
    said = {each.id: messages_in(each)[each.id] for each in advice.reasons}
    # 20 messages of seven devices failed, and the log names no work that was done.
    assert said["fifo-advice-groups"] == {"count": 7, "messages": 20, "name": "device-2", "share": 0.2}
    assert said["fifo-advice-blocks"] == {
        "blocked": 540.0, "receives": 3, "visibility": 180.0, "failing": 20, "groups": 7
    }  # fmt: skip
    assert "error-case-no-queue" in refusal(advise, case.path, "absent", replications=1)
    tables = {**world.tables, "queues": world.table("queues").assign(is_fifo=True)}
    fifo = store_case(tmp_path / "fifo", **tables)
    assert refusal(advise, fifo.path, replications=1) == {"error-fifo-already": {"queue": "jobs"}}


def test_all_that_a_migration_needs_of_the_account_is_read(world, aws):
    cloudwatch = boto3.client("cloudwatch")
    threshold = {"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}

    def metric(queue):
        return {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": queue}],
        }

    more = {"Period": 60, "Statistic": "Maximum", **threshold}
    cloudwatch.put_metric_alarm(AlarmName="dead", **metric("orders-dlq"), **more)
    cloudwatch.put_metric_alarm(AlarmName="elsewhere", **metric("other"), **more)
    function = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    dimensions = [{"Name": "FunctionName", "Value": "orders"}]  # a function with the name of the queue
    cloudwatch.put_metric_alarm(AlarmName="errors", **function, Dimensions=dimensions, **more)
    stat = {"Metric": metric("orders"), "Period": 60, "Stat": "Maximum"}
    cloudwatch.put_metric_alarm(
        AlarmName="growing",
        Metrics=[
            {"Id": "m", "MetricStat": stat, "ReturnData": False},
            {"Id": "e", "Expression": "RATE(m)", "ReturnData": True},
        ],
        **threshold,
    )
    source, name, dlq = read_source(aws, "orders")
    assert (name, dlq) == ("orders.fifo", "orders-dlq.fifo")
    [mapping] = world.front.event_sources.mappings.values()
    assert (source.queue.name, source.queue.url, source.queue.tags) == ("orders", world.url, {"team": "shop"})
    assert source.queue.attributes["VisibilityTimeout"] == "60"
    assert (source.dlq.name, source.dlq.arn, source.dlq.tags) == ("orders-dlq", ARN + "orders-dlq", {})
    assert source == Source(
        source.queue, source.dlq, mapping, 10.0, None, (("dead", "orders-dlq"), ("growing", "orders")), {}, []
    )

    # New queues that exist, and a mapping of the new queue with the same function, are read as well.
    world.sqs.create_queue(QueueName="v2.fifo", Attributes={"FifoQueue": "true"})
    world.front.event_sources.create(
        {"EventSourceArn": ARN + "v2.fifo", "FunctionName": "orders-worker", "BatchSize": 10}
    )
    boto3.client("lambda").put_function_concurrency(
        FunctionName="orders-worker", ReservedConcurrentExecutions=4
    )
    source, name, dlq = read_source(aws, "orders", "v2")
    assert (name, dlq, source.reserved) == ("v2.fifo", "v2-dlq.fifo", 4)
    assert list(source.existing) == ["v2.fifo"]
    assert source.existing["v2.fifo"]["QueueArn"] == ARN + "v2.fifo"
    assert [each["EventSourceArn"] for each in source.existing_mappings] == [ARN + "v2.fifo"]


def test_a_queue_with_another_number_of_mappings_is_refused(world, aws):
    sources = world.front.event_sources
    sources.create({"EventSourceArn": ARN + "orders.fifo", "FunctionName": "other", "BatchSize": 10})
    # Another function polls the new queue.
    assert refusal(read_source, aws, "orders") == {"error-fifo-polled": {"queue": "orders.fifo"}}
    [(uuid, mapping), _] = sources.mappings.items()
    sources.mappings = {uuid: {**mapping, "State": "Disabled"}}
    assert refusal(read_source, aws, "orders") == {
        "error-fifo-mappings": {"queue": "orders", "number": "1", "enabled": "0"}
    }
    second = {**mapping, "UUID": "u-2", "FunctionArn": FUNCTION_ARN + "checkout"}
    sources.mappings = {uuid: mapping, "u-2": second}
    assert refusal(read_source, aws, "orders") == {
        "error-fifo-mappings": {"queue": "orders", "number": "2", "enabled": "2"}
    }
    assert refusal(read_source, aws, "a.fifo") == {"error-fifo-already": {"queue": "a.fifo"}}


def test_a_queue_without_dlq(world, aws):
    world.sqs.create_queue(QueueName="plain")
    world.front.event_sources.create({"EventSourceArn": ARN + "plain", "FunctionName": "orders-worker"})
    source, name, dlq = read_source(aws, "plain")
    assert (source.dlq, name, dlq) == (None, "plain.fifo", "plain-dlq.fifo")
    assert source.existing == {}
    assert {step.name for step in plan_migration(aws, source, MigrationOptions(name, dlq, "id")).steps}


def test_traffic_of_fourteen_days(front, moto_port, aws):
    world = Orders(front, moto_port)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    minutes = {3: 10, 13: 0, 63: 20, 64: 5, 14 * 24 * 60 + 1: 1000}  # a minute without messages is silence
    for minute, sent in minutes.items():
        world.measure("orders", "NumberOfMessagesSent", sent, (datetime.now(UTC) - now).seconds + 60 * minute)
    world.measure("orders", "ApproximateNumberOfMessagesNotVisible", 7, 600)
    found = read_traffic(aws, "orders", now)
    assert found == Traffic(14.0, 35.0, 20.0, 3600.0, 7.0, None)
    assert read_traffic(aws, "other", now) == Traffic(14.0)
    [first, *_] = front.requested
    assert [first["StartTime"], first["EndTime"]] == [now.timestamp() - 14 * 86_400, now.timestamp()]


def test_options_are_filled_in_and_variables_are_looked_up(world, aws, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # without watchme.toml
    bodies = [json.dumps({"order_id": f"o-{n}", "placed_at": f"2026-03-02T04:{n:02}:00Z"}) for n in range(6)]
    case = store_case(tmp_path / "case", queue_messages=[row(str(n), body) for n, body in enumerate(bodies)])
    for minute in (5, 125):
        world.measure("orders", "NumberOfMessagesSent", 1, 60 * minute)
    wanted = MigrationOptions("", "", "", switches=(Switch("checkout", "QUEUE_URL"),), is_content_based=True)
    _, options, checks = prepared(aws, "orders", case.path, chosen=wanted)
    assert options == MigrationOptions(
        "orders.fifo",
        "orders-dlq.fifo",
        "order_id",
        ("placed_at",),
        switches=(Switch("checkout", "QUEUE_URL", world.url, world.url + ".fifo"),),
        is_content_based=True,
        window_s=10_800.0,  # one and a half times the silence of two hours
    )
    assert {check.rule: check.status for check in checks}["groups"] == "ok"
    _, chosen, checks = prepared(
        aws, "orders", group_key="id", name="v2", chosen=replace(wanted, window_s=5.0)
    )
    assert (chosen.name, chosen.dlq_name, chosen.group_key) == ("v2.fifo", "v2-dlq.fifo", "id")
    assert (chosen.time_keys, chosen.window_s) == ((), 5.0)
    assert {check.rule: check.status for check in checks}["groups"] == "unknown"
    assert prepared(aws, "orders", group_key="id")[1].wait_s == 900.0  # the default

    # A variable may hold the ARN or the name as well.
    def switched(value, variable="QUEUE_URL"):
        world.functions.update_function_configuration(
            FunctionName="checkout", Environment={"Variables": {"QUEUE_URL": value}}
        )
        chosen = MigrationOptions("", "", "", switches=(Switch("checkout", variable),))
        return prepared(aws, "orders", group_key="id", chosen=chosen)[1].switches[0]

    for old, new in ((ARN + "orders", ARN + "orders.fifo"), ("orders", "orders.fifo")):
        assert switched(old) == Switch("checkout", "QUEUE_URL", old, new)
    for variable, is_set in (("QUEUE_URL", "yes"), ("ABSENT", "no")):
        assert refusal(switched, "another", variable) == {
            "error-fifo-variable": {
                "variable": variable, "function": "checkout", "is_set": is_set, "queue": "orders"
            }
        }  # fmt: skip


def test_the_plan_has_the_problems_of_its_checks_as_risks(world, aws):
    world.measure("orders", "ApproximateNumberOfMessagesDelayed", 2, 600)
    source, options, checks = prepared(aws, "orders", group_key="order_id")
    plan = plan_migration(aws, source, options, checks)
    assert messages_in(plan.risks[-1]) == {"fifo-check-delays": {"count": 2}}
    assert (plan.account, plan.region) == ("123456789012", "ap-southeast-2")
    assert [each.id for each in plan_migration(aws, source, options).risks][-1] != "fifo-check-delays"


def migrated(world, aws, **journal):
    """Return the plan of a migration whose queues exist, and a journal of its counts."""
    source, options, _ = prepared(aws, "orders", group_key="order_id")
    plan = plan_migration(aws, source, options)
    dead = json.dumps({"deadLetterTargetArn": ARN + "orders-dlq.fifo", "maxReceiveCount": 3})
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    world.sqs.create_queue(QueueName="orders-dlq.fifo", Attributes=fifo)
    world.sqs.create_queue(QueueName="orders.fifo", Attributes={**fifo, "RedrivePolicy": dead})
    began = (datetime.now(UTC) - timedelta(minutes=10)).replace(second=30)
    counts = {"visible": "4", "in_flight": "2", "delayed": "1"}
    last = {
        "count messages": {"event": DONE, "at": began.isoformat(), "made": counts},
        "count DLQ": {"event": DONE, "at": began.isoformat(), "made": {**counts, "visible": "0"}},
        **journal,
    }
    return plan, SimpleNamespace(last=last), began


def test_the_account_of_both_queues_after_a_migration(world, aws):
    plan, journal, began = migrated(world, aws)
    ago_s = (datetime.now(UTC) - began).seconds
    for metric, queue, value, at in (
        ("NumberOfMessagesSent", "orders", 100, ago_s + 60),  # before the count began
        ("NumberOfMessagesSent", "orders", 3, ago_s),  # in the minute of the count
        ("NumberOfMessagesSent", "orders", 5, ago_s - 60),
        ("NumberOfMessagesDeleted", "orders", 9, ago_s - 120),
        ("NumberOfMessagesSent", "orders.fifo", 8, ago_s - 300),
        ("NumberOfMessagesDeleted", "orders.fifo", 6, ago_s - 300),
    ):
        world.measure(queue, metric, value, at)
    world.send(world.url)
    for _ in range(5):  # the DLQ held three messages at the beginning
        world.sqs.send_message(QueueUrl=world.url_of("orders-dlq"), MessageBody="dead")
    fifo = world.url_of("orders-dlq.fifo")
    world.sqs.send_message(QueueUrl=fifo, MessageBody="dead", MessageGroupId="a")
    world.measure("orders", "NumberOfMessagesSent", -1)  # that of this test, so that the numbers are round
    [old, new, states] = accounted(aws, plan, journal)
    # 7 + 8 - 9 - 1 - 2 = 3, which the three of the first minute explain.
    assert (old.rule, old.status, messages_in(old.sentence)["fifo-account"]) == (
        "account",
        "ok",
        {
            "queue": "orders", "before": 7, "sent": 8, "deleted": 9, "now": 1, "dead": 2,
            "unexplained": 3, "uncertain": 3,
        },
    )  # fmt: skip
    assert (new.status, messages_in(new.sentence)["fifo-account"]) == (
        "problem",
        {
            "queue": "orders.fifo", "before": 0, "sent": 8, "deleted": 6, "now": 0, "dead": 1,
            "unexplained": 1, "uncertain": 0,
        },
    )  # fmt: skip
    assert (states.rule, states.status, messages_in(states.sentence)) == (
        "mappings",
        "problem",
        {
            "fifo-check-mappings": {
                "old": "orders", "old_state": "Enabled", "new": "orders.fifo", "new_state": ["-"]
            }
        },
    )  # fmt: skip


def test_the_states_of_mappings_and_alarms_after_a_migration(world, aws):
    plan, journal, _ = migrated(world, aws)
    sources = world.front.event_sources
    [uuid] = sources.mappings
    sources.create({"EventSourceArn": ARN + "orders.fifo", "FunctionName": "orders-worker", "BatchSize": 10})
    alarm = {
        "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Threshold": 1, "Period": 60,
        "Statistic": "Maximum", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
    }  # fmt: skip
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="late", Dimensions=[{"Name": "QueueName", "Value": "orders"}], **alarm
    )

    def states():
        return [
            (each.rule, each.status, messages_in(each.sentence)) for each in accounted(aws, plan, journal)[2:]
        ]

    both = {"old": "orders", "old_state": "Enabled", "new": "orders.fifo", "new_state": ["Enabled"]}
    alarms = ("alarms", "note", {"fifo-check-alarms": {"names": ["late"], "new": "orders.fifo"}})
    assert states() == [("mappings", "problem", {"fifo-check-mappings": both}), alarms]
    sources.mappings[uuid]["State"] = "Disabled"
    done = {**both, "old_state": "Disabled"}
    assert states() == [("mappings", "ok", {"fifo-check-mappings": done}), alarms]
    cloudwatch.put_metric_alarm(
        AlarmName="late 2", Dimensions=[{"Name": "QueueName", "Value": "orders.fifo"}], **alarm
    )
    assert [rule for rule, *_ in states()] == ["mappings"]
    # Without the counts of a DLQ, and with a new queue that has none, only the old DLQ is read.
    del journal.last["count DLQ"]
    world.sqs.set_queue_attributes(QueueUrl=world.url_of("orders.fifo"), Attributes={"RedrivePolicy": ""})
    world.sqs.send_message(QueueUrl=world.url_of("orders-dlq"), MessageBody="dead")
    dead = [check.sentence.values["dead"].number for check in accounted(aws, plan, journal)[:2]]
    assert dead == [1, 0]
    plan = replace(plan, steps=tuple(step for step in plan.steps if step.name != "count DLQ"))
    assert [check.sentence.values["dead"].number for check in accounted(aws, plan, journal)[:2]] == [0, 0]
    for last in ({}, {"count messages": {"event": "started"}}):
        journal = SimpleNamespace(last=last)
        assert refusal(accounted, aws, plan, journal) == {"error-fifo-not-applied": {}}
