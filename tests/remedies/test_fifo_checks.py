"""Checks before a migration to FIFO, the account after it, and the advice, each rule from small values."""

import json
from dataclasses import fields, replace

import pytest
from worlds.aws_front import FAST
from worlds.event_sources import Orders

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.remedies.fifo_advice import Groups, advice_of, kinds_of
from watchme_analysis.remedies.fifo_checks import (
    Messages,
    QueueCount,
    Traffic,
    checks_after,
    checks_before,
    messages_of,
)
from watchme_analysis.remedies.fifo_migration import MigrationOptions, Queue, Source
from watchme_analysis.services.fifo import read_traffic
from watchme_analysis.simulation.scenarios import Comparison, Load, arrivals_of
from watchme_analysis.simulation.settings import Outcome, PollerSettings, QueueSettings, Settings

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
OPTIONS = MigrationOptions("orders.fifo", "orders-dlq.fifo", "order_id", ("placed_at",))
QUIET = Traffic(14.0, 1000.0, 60.0, 300.0, 20.0, None)


def queue(name="orders", **attributes):
    return Queue(name, f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}", {
        "QueueArn": ARN + name, "VisibilityTimeout": "60", "DelaySeconds": "0", **attributes
    })  # fmt: skip


def source(policy=None, dlq_messages=0, reserved=None, **mapping):
    attributes = {} if policy is None else {"Policy": json.dumps({"Statement": policy})}
    dlq = queue("orders-dlq", ApproximateNumberOfMessages=str(dlq_messages))
    mapped = {
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:worker",
        "BatchSize": 10,
        **mapping,
    }
    return Source(queue(**attributes), dlq, mapped, 10.0, reserved)


def found(each=None, options=OPTIONS, traffic=QUIET, messages=None):
    checks = checks_before(each or source(), options, traffic, messages)
    return {check.rule: (check.status, check.sentence.id) for check in checks}


def test_a_queue_without_problems_is_ready():
    checks = found(messages=Messages({"a": 2, "b": 3}))
    assert {status for status, _ in checks.values()} == {"ok", "note"}
    assert checks["groups"] == ("note", "fifo-check-few-groups")


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
    statement = {
        "Principal": {"Service": f"{service}.amazonaws.com"}, "Condition": {"ArnLike": {"aws:SourceArn": arn}}
    }  # fmt: skip
    assert found(source([statement])).get(rule, (None,))[0] == status


def test_limits_and_delays():
    assert found(traffic=replace(QUIET, peak_per_minute=30_000.0))["throughput"][0] == "note"
    slow = replace(OPTIONS, is_high_throughput=False)
    assert found(options=slow, traffic=replace(QUIET, peak_per_minute=30_000.0))["throughput"][0] == "problem"
    assert found(traffic=replace(QUIET, most_in_flight=130_000.0))["in_flight"][0] == "problem"
    assert found(traffic=replace(QUIET, most_delayed=3.0))["delays"][0] == "problem"
    delayed = replace(source(), queue=queue(DelaySeconds="30"))
    assert found(delayed, traffic=replace(QUIET, most_delayed=3.0))["delays"][0] == "note"
    assert found(traffic=Traffic(14.0))["throughput"][0] == "unknown"


def test_the_mapping_and_the_dlq():
    checks = found(
        source(
            dlq_messages=7,
            reserved=3,
            BatchSize=100,
            ScalingConfig={"MaximumConcurrency": 2},
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
    )
    assert checks["batch"] == ("note", "fifo-check-batch")
    assert checks["partial_batch"] == ("note", "fifo-risk-partial")
    assert checks["concurrency"] == ("note", "fifo-check-reserved")
    assert checks["dlq"][0] == "note"


def test_groups_and_deduplication_ids():
    def row(group, key, sent_s, body="x"):
        return {"group": group, "key": key, "sent_s": sent_s, "body": body, "group_id": None}

    rows = [
        row("a", "1", 0.0),
        row("a", "1", 299.0),
        row("a", "1", 600.0),
        row("b", "1", 1.0),
        row(None, "1", 2.0),
    ]
    by_work = messages_of(rows, is_content_based=False)
    assert (by_work.groups, by_work.without_group, by_work.swallowed) == ({"a": 3, "b": 1}, 1, 1)
    assert messages_of(rows, is_content_based=True).swallowed == 3
    checks = found(messages=by_work)
    assert checks["group_ids"] == ("problem", "fifo-check-no-group")
    assert checks["deduplication"][0] == "problem"
    assert found(messages=Messages({"a b": 1}))["group_ids"] == ("problem", "fifo-check-group-ids")
    assert found()["groups"][0] == "unknown"


def test_every_message_is_accounted_for_or_reported():
    whole = QueueCount("orders", before=3, now=1, sent=5, deleted=6, dead_lettered=1)
    assert (whole.unexplained, whole.is_accounted) == (0, True)
    lost = replace(whole, deleted=4)
    assert [each.status for each in checks_after([whole, lost], [])] == ["ok", "problem"]
    # CloudWatch can't tell on which side of the beginning the messages of its minute are.
    assert replace(lost, uncertain=2).is_accounted


def outcomes(**values):
    empty = {each.name: 0 for each in fields(Outcome)} | {
        "series": (),
        "drained_s": None,
        "mean_wait_s": None,
    }
    return tuple(
        Outcome(**{**empty, **{name: mean + step for name, mean in values.items()}}) for step in (-1, 0, 1)
    )


BASE = Settings(QueueSettings(180.0), PollerSettings(10, max_concurrency=2))


def advised(now, fifo, fair, settings=BASE):
    rows = [
        Comparison(scenario, outcomes(**values))
        for scenario, values in zip(kinds_of(settings, Load((1.0,))), (now, fifo, fair), strict=True)
    ]
    return advice_of("orders", rows, Groups({"a": 8, "b": 2}, {"b": 1}))


def test_the_advice_prefers_what_needs_no_migration_and_accepts_no_harm():
    slow, quick = {"others_wait_s": 600.0}, {"others_wait_s": 60.0}
    assert advised(slow, quick, quick).kind == "fair"
    assert advised(slow, quick, slow).kind == "fifo"
    assert advised(slow, slow, slow).kind == "neither"
    assert advised(slow, {**quick, "dead_lettered": 90}, slow).kind == "neither"
    twice = {"duplicates": 90}
    assert advised({**slow, **twice}, quick, {**quick, **twice}).kind == "fifo"


def test_the_reasons_have_the_numbers_of_the_case():
    reasons = {each.id: each for each in advised({}, {}, {}).reasons}
    assert reasons["fifo-advice-groups"].values["share"].value == 0.8
    assert reasons["fifo-advice-unreached"].values["in_flight"].number == 20
    assert reasons["fifo-advice-blocks"].values["blocked"].seconds == 540.0
    free = replace(BASE, poller=PollerSettings(10))
    assert "fifo-advice-criterion" in {each.id for each in advised({}, {}, {}, free).reasons}


def test_groups_of_a_load_have_the_shares_of_the_case():
    load = Groups({"a": 900, "b": 100}, {"b": 50}).of_load(Load((2000.0,), failing_share=0.05))
    arrivals = arrivals_of(load, 1)
    assert {arrivals.groups[message] for message in arrivals.failing} == {1}
    assert 150 < list(arrivals.groups).count(1) < 250
    assert 70 < len(arrivals.failing) < 130


def test_traffic_is_read_from_cloudwatch(front, moto_port):
    world = Orders(front, moto_port)
    for ago_s in (10_000, 4000, 400):
        world.measure("orders", "NumberOfMessagesSent", 90, ago_s)
    world.measure("orders", "ApproximateNumberOfMessagesDelayed", 4, 400)
    traffic = read_traffic(Aws(rate_limits=FAST), "orders")
    assert (traffic.sent, traffic.peak_per_minute, traffic.most_delayed) == (270.0, 90.0, 4.0)
    assert traffic.longest_gap_s == pytest.approx(6000, abs=60)
    assert traffic.most_in_flight is None


def test_the_commands_check_plan_and_print_the_policy(front, moto_port, watchme, tmp_path):
    Orders(front, moto_port)
    key = ("--group-key", "order_id")
    checked = watchme("fifo", "check", "orders", *key, "--json")
    assert checked.returncode == 0, checked.stderr
    assert {row["rule"] for row in json.loads(checked.stdout)} >= {"throughput", "delays", "groups", "dlq"}
    shown = watchme("fifo", "plan", "orders", *key, "--language", "ja", "--to", tmp_path / "plan.json")
    assert (shown.returncode, "MessageGroupId" in shown.stdout) == (0, True)
    front.metrics["AWS/SQS", "ApproximateNumberOfMessagesDelayed", (("QueueName", "orders"),)] = dict(
        front.metrics
    ) or {int(front.now().timestamp()) - 300: 2}
    refused = watchme("fifo", "plan", "orders", *key, "--to", tmp_path / "other.json")
    assert (refused.returncode, (tmp_path / "other.json").exists()) == (1, False)
    assert watchme("fifo", "plan", "orders", *key, "--skip-check").returncode == 0
    assert "sqs:CreateQueue" in watchme("fifo", "check", "--print-policy").stdout
    assert watchme("fifo", "check").returncode == 2
    assert watchme("fifo", "check", "--after", tmp_path / "plan.json").returncode == 2
