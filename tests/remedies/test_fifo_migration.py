"""Migration to FIFO: every message of both queues processed once, whatever happens, and back again."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from worlds.aws_front import FAST
from worlds.event_sources import Orders
from worlds.kills import killed, kills, restarted

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.allowed_calls import calls_of, read_plan
from watchme_analysis.remedies.apply import apply_plan, undo_plan
from watchme_analysis.remedies.fifo_checks import checks_after
from watchme_analysis.remedies.fifo_migration import MigrationOptions, Switch, migration_plan
from watchme_analysis.remedies.fifo_source import prepared
from watchme_analysis.remedies.plan import write_plan
from watchme_analysis.storage.journal import open_journal, read_journal

OPTIONS = MigrationOptions(
    switches=(Switch("checkout", "QUEUE_URL"),), window_s=0.5, wait_s=0.1, settle_s=0.0
)
# Each kill costs a migration and a way back. Most steps have three moments: every fourth is each of them in
# turn.
KILL_EVERY = 4


@pytest.fixture
def world(front, moto_port):
    return Orders(front, moto_port)


def planned(aws, queue="orders", options=OPTIONS, **more):
    source, chosen, *_ = prepared(aws, queue, options, group_key="order_id", **more)
    return migration_plan(aws, source, chosen)


def ready(world, aws, waiting=3, **more):
    """Return the plan for a queue that holds messages sent two hours ago, and let its producer send on.

    Messages are processed from the first step that changes something on.
    """
    world.is_working = False
    for _ in range(waiting):
        world.send(ago_s=7200)
    plan = planned(aws, world.name, **more)

    def send():
        if world.variables()["QUEUE_URL"].endswith(".fifo") and len(world.sent) < 2 * waiting:
            world.send()

    def work():
        world.is_working = True

    world.front.before["GetMetricData"].append(send)
    world.front.before["CreateQueue"].append(work)
    return plan


def states(world):
    """State of the mapping of each queue, and the messages that each holds."""
    found = {}
    for mapping in world.front.event_sources.mappings.values():
        queue = mapping["EventSourceArn"].rpartition(":")[2]
        if queue in {world.name, f"{world.name}.fifo"}:
            attributes = world.attributes(queue)
            held = (
                attributes["ApproximateNumberOfMessages"],
                attributes["ApproximateNumberOfMessagesNotVisible"],
            )
            found[queue.removeprefix(world.name)] = (mapping["State"], *map(int, held))
    return found


MIGRATED = {"": ("Disabled", 0, 0), ".fifo": ("Enabled", 0, 0)}
BACK = {"": ("Enabled", 0, 0), ".fifo": ("Disabled", 0, 0)}


def test_the_traffic_moves_and_comes_back_without_a_message_lost(world, aws, tmp_path):
    plan = ready(world, aws)
    world.front.event_sources.settling = 1  # each change of a mapping takes a reading
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert states(world) == MIGRATED
    assert world.processed == dict.fromkeys(world.sent, 1)
    new = world.attributes("orders.fifo")
    redrive = {"deadLetterTargetArn": world.arn("orders-dlq.fifo"), "maxReceiveCount": 3}
    assert json.loads(new["RedrivePolicy"]) == redrive
    assert json.loads(new["Policy"])["Statement"][0]["Resource"] == world.arn("orders.fifo")
    assert (new["VisibilityTimeout"], new["DeduplicationScope"]) == ("60", "messageGroup")
    tags = world.sqs.list_queue_tags(QueueUrl=world.url_of("orders.fifo"))["Tags"]
    assert tags == {"team": "shop"}
    allowed = json.loads(world.front.allow_policies["orders-dlq.fifo"])
    assert allowed["sourceQueueArns"] == [world.arn("orders.fifo")]
    [mapping] = [each for each in world.front.event_sources.mappings.values() if each["BatchSize"] == 10]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert "MaximumBatchingWindowInSeconds" not in mapping

    checks = checks_after(aws, plan, read_journal(tmp_path / "j"))
    assert [each.status for each in checks] == ["ok"] * 3
    names = ("before", "sent", "deleted", "now", "dead", "unexplained")
    accounts = [
        [each.sentence.values[name].number for name in names] for each in checks if each.rule == "account"
    ]
    assert accounts == [[3, 0, 3, 0, 0, 0], [0, 3, 3, 0, 0, 0]]

    world.age(7200)  # the metrics of the new queue are of the past
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    assert apply_plan(reverse, tmp_path / "u", aws).outcome == "complete"
    assert states(world) == BACK
    assert world.variables() == {"QUEUE_URL": world.url, "TOKEN": "hidden-value"}
    # The other variables of a function may be secrets: neither plan nor journal has them.
    assert "hidden-value" not in (tmp_path / "j").read_text() + json.dumps(plan.to_dict())


@pytest.mark.slow
def test_a_producer_that_was_forgotten_stops_the_run_until_it_is_switched(world, aws, tmp_path):
    plan = ready(world, aws)

    # It sends during each reading, since a reading at the turn of a minute sees nothing of the minute before.
    def send_on():
        world.send(world.url)

    world.front.before["GetMetricData"].append(send_on)
    stopped = apply_plan(plan, tmp_path / "j", aws)
    world.front.before["GetMetricData"].remove(send_on)
    assert (stopped.outcome, stopped.sentence.values["step"].text) == ("stopped", "drain")
    assert stopped.sentence.values["why"].values["hint"].id == "fifo-hint-drain"
    assert states(world)[""][0] == "Enabled"  # it is still processed
    world.age(7200)
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert world.processed == dict.fromkeys(world.sent, 1)


@pytest.mark.slow
def test_without_a_switch_the_run_waits_for_people_to_switch_producers(world, aws, tmp_path):
    plan = ready(world, aws, options=replace(OPTIONS, switches=()))
    stopped = apply_plan(plan, tmp_path / "j", aws)
    assert stopped.sentence.values["why"].values["hint"].id == "fifo-hint-switch"
    world.functions.update_function_configuration(
        FunctionName="checkout", Environment={"Variables": {"QUEUE_URL": f"{world.url}.fifo"}}
    )
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert states(world) == MIGRATED


def test_the_order_is_kept_if_wanted(world, aws, tmp_path):
    world.failing = {json.dumps({"order_id": "o-0", "placed_at": "2026-01-01T00:00:00Z"})}
    plan = ready(world, aws, options=replace(OPTIONS, keeps_order=True))
    stopped = apply_plan(plan, tmp_path / "j", aws)
    # A message of the old queue still fails, so nothing of the new queue is processed.
    assert stopped.sentence.values["step"].text == "drain"
    assert set(world.order) == {"orders"}
    # Undone from here, the messages of the new queue are processed before it is no longer polled.
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    names = [step.name for step in reverse.steps]
    assert names == ["undo switch checkout", "undo hold mapping", "undo hold mapping 2"]
    world.age(7200)
    assert apply_plan(reverse, tmp_path / "u", aws).outcome == "complete"
    assert states(world) == {"": ("Enabled", 0, 1), ".fifo": ("Disabled", 0, 0)}
    assert set(world.order) == {"orders", "orders.fifo"}


def test_a_changed_queue_refuses_the_plan(world, aws, tmp_path):
    plan = ready(world, aws)
    world.sqs.set_queue_attributes(QueueUrl=world.url_of("orders"), Attributes={"VisibilityTimeout": "90"})
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "refused"
    assert states(world) == {"": ("Enabled", 3, 0)}


def revoked(queue):
    """Return a change of the account: a queue grants nothing any more."""
    return lambda world: world.sqs.set_queue_attributes(
        QueueUrl=world.url_of(queue), Attributes={"Policy": ""}
    )


def moved(world):
    """Let the mapping of the plan poll another queue."""
    (mapping,) = world.front.event_sources.mappings.values()
    mapping["EventSourceArn"] = world.arn("other")


def replaced(world):
    """Give the queue another DLQ."""
    redrive = {"deadLetterTargetArn": world.arn("other"), "maxReceiveCount": 3}
    kept = world.attributes("orders")["Policy"]  # which moto removes otherwise
    world.sqs.set_queue_attributes(
        QueueUrl=world.url_of("orders"), Attributes={"RedrivePolicy": json.dumps(redrive), "Policy": kept}
    )


LATER = {
    "queue": ("orders", revoked("orders")),
    "DLQ": ("orders-dlq", revoked("orders-dlq")),
    "queue of another mapping": ("orders", moved),
    "DLQ of another queue": ("orders-dlq", replaced),
}


@pytest.mark.parametrize(("queue", "change"), LATER.values(), ids=LATER)
@pytest.mark.parametrize("is_begun", [False, True])
def test_plan_that_grants_what_the_live_queue_does_not_is_refused(
    world, aws, tmp_path, queue, change, is_begun
):
    world.sqs.create_queue(QueueName="other")
    granted = json.dumps({"Version": "2012-10-17", "Statement": [statement(world.arn(queue))]})
    world.sqs.set_queue_attributes(QueueUrl=world.url_of(queue), Attributes={"Policy": granted})
    write_plan(ready(world, aws), tmp_path / "plan.json")
    plan = read_plan(tmp_path / "plan.json")
    change(world)
    with open_journal(tmp_path / "j") as journal:
        if is_begun:  # as the sender of a plan could write it
            journal.write("plan", "intended", plan=plan.digest, remedy=plan.remedy)
            for step in plan.steps:
                journal.write(step.name, "intended")
    world.front.calls.clear()
    result = apply_plan(plan, tmp_path / "j", aws)
    assert result.outcome == "refused", result
    changing = {"CreateQueue", "TagQueue", "SetQueueAttributes", "UpdateEventSourceMapping"}
    assert not changing & world.front.calls.keys()


def statement(arn):
    return {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "sqs:*", "Resource": arn}


def test_plans_are_refused_for_what_can_not_be_migrated(world, aws):
    with pytest.raises(InputError, match="FIFO queue already"):
        planned(aws, "orders.fifo")
    with pytest.raises(InputError, match="no name of a FIFO queue"):
        planned(aws, name="orders v2")
    with pytest.raises(InputError, match="names another queue"):
        planned(aws, options=replace(OPTIONS, switches=(Switch("checkout", "TOKEN"),)))
    world.sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})
    with pytest.raises(InputError, match="differs in VisibilityTimeout"):
        planned(aws)
    assert planned(aws, name="orders-v2").steps[-2].resource == "orders"


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_resumed(front, moto_port, aws, tmp_path, subtests):
    """Every message is processed once, and the migration and its way back are completed.

    `benchmarks/remedy_kills.py` kills many runs, at any time.
    """
    worlds, plans, is_undo_killed = {}, {}, True

    def begin(moment):
        front.before.clear()
        front.metrics.clear()
        world = worlds[moment] = Orders(front, moto_port, f"orders{moment}")
        plans[moment] = ready(world, aws, waiting=1)
        return lambda: apply_plan(plans[moment], tmp_path / f"j{moment}", restarted(aws))

    for moment in kills(begin, every=KILL_EVERY):
        with subtests.test(moment=moment):
            world, plan = worlds[moment], plans[moment]
            journal, undone = tmp_path / f"j{moment}", tmp_path / f"u{moment}"
            assert apply_plan(plan, journal, restarted(aws)).outcome == "complete"
            assert states(world) == MIGRATED
            if is_undo_killed:
                world.age(7200)
                reverse = undo_plan(plan, read_journal(journal))
                is_undo_killed = killed(partial(apply_plan, reverse, undone, restarted(aws)), moment)
                assert apply_plan(reverse, undone, restarted(aws)).outcome == "complete"
                assert states(world) == BACK
            assert world.processed == dict.fromkeys(world.sent, 1)
    # Two entries of ten steps with a call, one of two that wait, eight calls, the plan's and the folder's.
    number = 2 * 10 + 2 + 8 + 2 + 1
    assert number - KILL_EVERY < moment <= number


@pytest.mark.slow
def test_the_policy_allows_exactly_the_calls_that_are_made(world, aws, tmp_path):
    plan = ready(world, aws)
    write_plan(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json").digest == plan.digest
    planning = set(aws.actions)
    used = Aws(rate_limits=FAST)
    apply_plan(plan, tmp_path / "j", used)
    checks_after(used, plan, read_journal(tmp_path / "j"))
    world.age(7200)
    apply_plan(undo_plan(plan, read_journal(tmp_path / "j")), tmp_path / "u", used)
    nothing = {"sts:GetCallerIdentity"}
    allowed = {call.action for call in calls_of("fifo")}
    assert (planning | used.actions) - nothing == allowed
    applied = {call.action for call in plan.calls}
    assert used.actions - nothing - {"cloudwatch:DescribeAlarms"} == applied
    assert plan.made <= datetime.now(UTC)
