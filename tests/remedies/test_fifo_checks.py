"""Checks before a migration to FIFO, the account after it, and the advice, each rule from small values."""

import json
from dataclasses import fields, replace

import pytest
from worlds.aws_front import FAST
from worlds.event_sources import Orders
from worlds.messages import messages_in

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
from watchme_analysis.remedies.fifo_migration import MigrationOptions, Queue, Source, Switch
from watchme_analysis.services.fifo import read_traffic
from watchme_analysis.simulation.calibration import Agreement
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


def test_services_are_found_by_principal_or_by_condition_in_every_statement():
    def rules(*statements):
        return [
            (each.rule, each.status, messages_in(each.sentence))
            for each in checks_before(source(list(statements)), OPTIONS, QUIET, None)
            if each.rule in {"s3", "sns", "events", "senders"}
        ]

    bucket = {"Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:aws:s3:*:*:uploads"]}}}
    topic = {"Principal": {"Service": ["sns.amazonaws.com"]}}  # of any topic
    rule = "arn:aws:events:eu-west-1:123456789012:rule/orders"
    assert rules(bucket, topic, {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}}) == [
        ("s3", "problem", {"fifo-check-s3": {"names": ["arn:aws:s3:*:*:uploads"]}}),
        ("sns", "problem", {"fifo-check-sns": {"names": ["sns"]}}),
        ("events", "note", {"fifo-check-events": {"names": [rule]}}),
    ]
    assert rules({"Principal": {"AWS": "*"}}, "no statement") == [
        ("senders", "ok", {"fifo-check-senders": {}})
    ]
    alone = queue(Policy=json.dumps({"Statement": topic}))  # IAM takes a statement without a list as well
    assert found(replace(source(), queue=alone))["sns"] == ("problem", "fifo-check-sns")


def test_each_check_states_its_numbers():
    migrated = source(
        dlq_messages=7,
        reserved=3,
        BatchSize=100,
        ScalingConfig={"MaximumConcurrency": 2},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    options = replace(OPTIONS, switches=(Switch("checkout", "QUEUE_URL"),))
    traffic = Traffic(14.0, 90_000.0, 30_000.0, 300.0, 20.0, 3.0)
    messages = Messages({"a b": 2}, without_group=3, swallowed=1, with_group_id=4)
    checks = checks_before(migrated, options, traffic, messages)
    assert [(each.rule, each.status, messages_in(each.sentence)) for each in checks] == [
        ("senders", "ok", {"fifo-check-senders": {}}),
        # 30,000 a minute are 500 a second.
        (
            "throughput",
            "note",
            {"fifo-check-throughput-high": {"rate": 500.0, "limit": 300.0, "days": 14.0}},
        ),
        ("in_flight", "ok", {"fifo-check-in-flight": {"count": 20, "limit": 120_000}}),
        ("delays", "problem", {"fifo-check-delays": {"count": 3}}),
        ("batch", "note", {"fifo-check-batch": {"size": 100, "most": 10}}),
        ("partial_batch", "note", {"fifo-risk-partial": {"function": "worker"}}),
        # Old and new mapping run up to twice the two invocations of one.
        (
            "concurrency",
            "note",
            {"fifo-check-reserved": {"function": "worker", "reserved": 3, "both": 4}},
        ),
        ("group_ids", "problem", {"fifo-check-group-ids": {"names": ["a b"]}}),
        ("group_ids", "problem", {"fifo-check-no-group": {"count": 3, "total": 5}}),
        ("groups", "note", {"fifo-check-few-groups": {"groups": 1}}),
        ("deduplication", "problem", {"fifo-check-swallowed": {"count": 1, "total": 5}}),
        ("producers", "note", {"fifo-check-group-id-sent": {"count": 4, "total": 5}}),
        ("dlq", "note", {"fifo-check-dlq": {"dlq": "orders-dlq", "count": 7}}),
    ]


def test_a_queue_whose_producers_send_groups_already_passes_each_check():
    migrated = source(reserved=4, ScalingConfig={"MaximumConcurrency": 2})
    options = replace(OPTIONS, switches=(Switch("checkout", "QUEUE_URL"),))
    checks = checks_before(migrated, options, QUIET, Messages({"a": 2, "b": 3}, with_group_id=5))
    assert [(each.rule, each.status, messages_in(each.sentence)) for each in checks] == [
        ("senders", "ok", {"fifo-check-senders": {}}),
        ("throughput", "ok", {"fifo-check-throughput": {"rate": 1.0, "limit": 300.0, "days": 14.0}}),
        ("in_flight", "ok", {"fifo-check-in-flight": {"count": 20, "limit": 120_000}}),
        ("delays", "ok", {"fifo-check-no-delays": {"days": 14.0}}),
        ("groups", "ok", {"fifo-check-groups": {"groups": 2, "most": 2}}),
        ("deduplication", "ok", {"fifo-check-swallowed": {"count": 0, "total": 5}}),
        ("producers", "ok", {"fifo-check-group-id-sent": {"count": 5, "total": 5}}),
        ("dlq", "ok", {"fifo-check-dlq": {"dlq": "orders-dlq", "count": 0}}),
    ]
    # One group fewer than invocations: some of them have nothing to do.
    [few] = [
        each for each in checks_before(migrated, options, QUIET, Messages({"a": 2})) if each.rule == "groups"
    ]
    assert few.sentence.id == "fifo-check-few-groups"
    unread = checks_before(migrated, options, QUIET, Messages({}))
    assert [(each.rule, each.status) for each in unread][-2:] == [("groups", "unknown"), ("dlq", "ok")]
    without = checks_before(replace(migrated, dlq=None), options, QUIET, None)[-1]
    assert (without.rule, without.status, messages_in(without.sentence)) == (
        "dlq", "note", {"fifo-check-no-dlq": {"queue": "orders"}}
    )  # fmt: skip


def test_the_quotas_themselves_are_allowed():
    # 300 calls a second and 120,000 messages in flight.
    at_limit = replace(QUIET, peak_per_minute=18_000.0, most_in_flight=120_000.0)
    checks = found(traffic=at_limit)
    assert (checks["throughput"][0], checks["in_flight"][0]) == ("ok", "ok")
    above = found(traffic=replace(at_limit, peak_per_minute=18_001.0, most_in_flight=120_001.0))
    assert (above["throughput"][0], above["in_flight"][0]) == ("note", "problem")
    assert "in_flight" not in found(traffic=replace(QUIET, most_in_flight=None))
    assert found(messages=Messages({"a" * 128: 1, "!~": 1}))["groups"][0] == "note"
    assert found(messages=Messages({"a" * 129: 1}))["group_ids"][0] == "problem"
    long = checks_before(source(), OPTIONS, QUIET, Messages({"a" * 129: 1}))
    [said] = [each.sentence for each in long if each.rule == "group_ids"]
    assert said.values["names"].items == ("a" * 60,)
    # A delay of the queue holds for a FIFO queue as well.
    delayed = checks_before(replace(source(), queue=queue(DelaySeconds="30")), OPTIONS, QUIET, None)
    [said] = [each.sentence for each in delayed if each.rule == "delays"]
    assert messages_in(said) == {"fifo-check-delay-of-queue": {"delay": 30.0}}


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
    # Other work of the same group and key would be swallowed whenever it is sent within five minutes.
    other = messages_of([*rows, row("a", "1", 9000.0, body="y")], is_content_based=False)
    assert (other.joined, by_work.joined) == (1, 0)
    assert found(messages=other)["deduplication"] == ("problem", "fifo-check-joined")
    # Five minutes later the same id is delivered again; in between it is not, whatever the order of the rows.
    late = [row("a", "1", 300.0), row("a", "1", 0.0), row("a", "1", 299.9)]
    assert messages_of(late, is_content_based=False) == Messages({"a": 3}, 0, 1, 0)
    unknown = [row("a", None, 0.0), row("a", None, 1.0), row("a", "2", None), row("a", "2", None)]
    assert messages_of(unknown, is_content_based=False) == Messages({"a": 4}, 0, 0, 0)
    without_body = [row("a", "1", 0.0, body=None), row("a", "1", 1.0, body=None)]
    assert messages_of(without_body, is_content_based=True) == Messages({"a": 2}, 0, 0, 0)
    with_group = [{**row("a", "1", 0.0), "group_id": "a"}, row("b", "1", 0.0)]
    assert messages_of(with_group, is_content_based=False) == Messages({"a": 1, "b": 1}, 0, 0, 1)
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
    [said] = [each.sentence for each in checks_after([replace(lost, uncertain=1)], [])]
    assert messages_in(said) == {
        "fifo-account": {
            "queue": "orders", "before": 3, "sent": 5, "deleted": 4, "now": 1, "dead": 1,
            "unexplained": 2, "uncertain": 1,
        }
    }  # fmt: skip
    more = replace(whole, deleted=8, uncertain=1)  # more than were sent
    assert (more.unexplained, more.is_accounted) == (-2, False)
    # CloudWatch can't tell on which side of the beginning the messages of its minute are.
    assert replace(lost, uncertain=2).is_accounted


def outcomes(steps=(-1, 0, 1), in_flight=30, **values):
    empty = {each.name: 0 for each in fields(Outcome)} | {
        "series": ((0.0, 0, in_flight, 0, 0.0), (60.0, 0, 1, 0, 0.0)),
        "drained_s": None,
        "mean_wait_s": None,
    }
    return tuple(
        Outcome(**{**empty, **{name: mean + step for name, mean in values.items()}}) for step in steps
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


def test_the_advice_states_every_reason_in_order():
    base, fifo, fair = kinds_of(replace(BASE, poller=PollerSettings(20, 5.0, 2)), Load((1.0,)))
    # A FIFO queue has batches of ten at most, and no batching window.
    assert fifo.settings.poller == PollerSettings(10, 0.0, 2)
    assert (fifo.settings.queue.is_fifo, fair.settings.queue.is_fifo) == (True, False)
    assert (fifo.settings.queue.is_fair, fair.settings.queue.is_fair) == (False, True)
    assert [each.measure for each in (base, fifo, fair)] == ["as configured", "FIFO", "fair"]

    rows = [
        Comparison(base, outcomes(steps=(0, 0), others_wait_s=600.0, dead_lettered=5)),
        Comparison(fifo, outcomes(steps=(0, 0), others_wait_s=60.0, dead_lettered=5)),
        Comparison(fair, outcomes(steps=(-1, 1), others_wait_s=600.0)),
    ]
    agreements = [
        Agreement("peak_age_s", 900.0, 100.0, is_near=False, lowest=90.0, highest=110.0),
        Agreement("deleted", 10.0, 10.0, is_near=True, lowest=9.0, highest=11.0),
    ]
    advice = advice_of("orders", rows, Groups({"a": 8, "b": 2}, {"b": 3, "c": 0}), agreements)
    # Two values, one above and one below the mean: 12.706 (t of one degree of freedom) times 1.414 / 1.414.
    spread = pytest.approx(12.706, abs=0.001)
    exact = {"now_half": 0.0, "then_half": 0.0}
    assert (advice.queue, advice.kind) == ("orders", "fifo")
    assert messages_in(advice.verdict) == {"fifo-advice": {"kind": "fifo", "queue": "orders"}}
    assert [messages_in(each) for each in advice.reasons] == [
        {"fifo-advice-groups": {"count": 2, "messages": 10, "name": "a", "share": 0.8}},
        {"fifo-advice-figure": {"kind": "fifo", "figure": "dead_lettered", "now": 5.0, "then": 5.0, **exact}},
        {
            "fifo-advice-figure": {
                "kind": "fifo", "figure": "others_wait_s", "now": 600.0, "then": 60.0, **exact,
            }
        },
        {"fifo-advice-figure": {"kind": "fair", "figure": "dead_lettered", "now": 5.0, "then": 0.0, **exact}},
        {
            "fifo-advice-figure": {
                "kind": "fair", "figure": "others_wait_s", "now": 600.0, "then": 600.0, "now_half": 0.0,
                "then_half": spread,
            }
        },
        # Two invocations of 20 messages each: enough for a group to be noisy by the messages in flight.
        {
            "fifo-advice-criterion": {
                "is_reached": "yes", "peak": 30, "needed": 30, "share": 0.1, "batch": 20,
            }
        },
        # Three receives, 180 seconds apart; one group has failing messages.
        {
            "fifo-advice-blocks": {
                "blocked": 540.0, "receives": 3, "visibility": 180.0, "failing": 3, "groups": 1,
            }
        },
        {"fifo-advice-order": {}},
        {"settings-doubt": {"figure": "peak_age_s", "recorded": 900.0, "simulated": 100.0}},
        {"fifo-advice-next": {"kind": "fifo"}},
    ]  # fmt: skip


def test_the_advice_without_groups_or_dlq():
    load = Load((1.0,), groups=4)
    settings = replace(BASE, queue=replace(BASE.queue, max_receive_count=None))
    rows = [Comparison(each, outcomes(steps=(0, 0), in_flight=29)) for each in kinds_of(settings, load)]
    advice = advice_of("orders", rows, Groups({}, {}))
    assert [messages_in(each) for each in advice.reasons] == [
        {"fifo-advice-no-groups": {"count": 4}},
        {"fifo-advice-unreached": {"most": 2, "in_flight": 20, "needed": 30, "share": 0.1, "batch": 10}},
        {"fifo-risk-blocks-forever": {}},
        {"fifo-advice-order": {}},
        {"fifo-advice-next": {"kind": "neither"}},
    ]
    assert Groups({}, {}).of_load(load) is load
    # The most frequent group first, and equal ones by name.
    named = Groups({"b": 2, "c": 5, "a": 2}, {"a": 1}).of_load(load)
    assert named == replace(load, groups=3, shares=(5.0, 2.0, 2.0), failing_shares=(0.0, 1.0, 0.0))
    assert Groups({"a": 1}, {}).of_load(load).failing_shares == ()


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
