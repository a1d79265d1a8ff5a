"""Complete redrives: every message processed before it leaves the DLQ, whatever ends a run."""

import json

import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import messages_in
from worlds.queue_worker import Worker

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.errors import InputError
from watchme_analysis.files.journal import read_journal
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.remedies.verified_redrive import (
    RedriveItem,
    RedriveLimits,
    RedriveTask,
    actions_of_redrive,
    calls_of_redrive,
    run_redrive,
)

QUICK = RedriveLimits(rate_per_s=1e6, confirm_within_s=0.2, visibility_timeout_s=1, poll_s=0.04, settle_s=0.1)
BY_WORK = WorkItemSettings(item_keys=("device_id",), time_keys=("recorded_at",))


@pytest.fixture
def worker(front, moto_port):
    return Worker(front, moto_port)


@pytest.fixture
def aws(front):
    return Aws(rate_limits=FAST)


def task_of(worker, ids, **more):
    items = [
        RedriveItem(
            json.dumps(
                {
                    "QueueUrl": worker.queue,
                    "MessageBody": f"body {place}",
                    **{name: value.format(place) for name, value in more.items()},
                    "MessageAttributes": {
                        "resent_message_id": {"DataType": "String", "StringValue": message_id}
                    },
                }
            ),
            message_id,
        )
        for place, message_id in enumerate(ids)
    ]
    return RedriveTask(worker.queue, tuple(items), worker.dlq, function=worker.function)


def bodies(number):
    return [f"body {place}" for place in range(number)]


def test_each_message_is_processed_then_deleted(worker, aws, tmp_path):
    task = task_of(worker, worker.dead_letters(12))
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (audit.outcome, audit.states, audit.unexplained) == ("complete", {"deleted": 12}, 0)
    assert worker.done == bodies(12)
    assert worker.in_dlq() == set()
    assert all(row.request_id and row.sent_as and row.in_dlq is False for row in audit.rows)
    again = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (again.outcome, worker.done) == ("complete", bodies(12))
    journal = read_journal(tmp_path / "j")
    rows = actions_of_redrive(journal)
    assert [row["outcome"] for row in rows].count("deleted") == 12
    assert json.dumps(audit.to_dict())


def test_the_rest_waits_until_the_first_is_processed(worker, aws, front, tmp_path):
    worker.silent = True
    task = task_of(worker, worker.dead_letters(3))
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (audit.outcome, front.calls["SendMessage"]) == ("stopped", 1)
    assert messages_in(audit.sentence)["redrive-not-seen"]["message"] == task.items[0].message_id
    assert len(worker.in_dlq()) == 3


def test_a_failure_stops_the_run_and_deletes_only_what_was_processed(worker, aws, front, tmp_path):
    worker.fails = lambda body: body == "body 2"
    task = task_of(worker, worker.dead_letters(6))
    audit = run_redrive(task, tmp_path / "j", aws, RedriveLimits(**{**vars(QUICK), "poll_s": 0.0}))
    assert audit.outcome == "stopped"
    assert "ValueError" in messages_in(audit.sentence)["redrive-failed"]["error"]
    assert audit.states == {"deleted": 2, "failed": 1, "not_sent": 3}
    assert worker.in_dlq() == {item.message_id for item in task.items[2:]}


@pytest.mark.slow
def test_work_is_confirmed_by_its_item_where_the_log_names_no_message(worker, aws, tmp_path):
    worker.silent = True
    ids = worker.dead_letters(2)
    items = []
    for item, place in zip(task_of(worker, ids).items, range(2), strict=True):
        body = f"device_id=d{place} recorded_at=2026-01-01T00:00:0{place}Z"
        line = json.dumps({**json.loads(item.line), "MessageBody": body})
        items.append(RedriveItem(line, item.message_id, f"d{place}", f"2026-01-01T09:00:0{place}+09:00"))
    worker.says = lambda message: message["Body"]
    task = RedriveTask(worker.queue, tuple(items), worker.dlq)
    audit = run_redrive(task, tmp_path / "j", aws, QUICK, work_items=BY_WORK)
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 2})


def test_messages_outside_the_list_stay_and_are_named(worker, aws, tmp_path):
    ids = worker.dead_letters(4)
    task = task_of(worker, ids[:2])
    task = RedriveTask(task.queue_url, task.items, task.dlq_url, {ids[2]: "cannot-succeed"})
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert audit.states == {"deleted": 2, "excluded": 1, "new": 1}
    assert (audit.unexplained, audit.counts.total) == (0, 2)
    assert worker.in_dlq() == set(ids[2:])


def test_a_limit_leaves_the_rest(worker, aws, tmp_path):
    task = task_of(worker, worker.dead_letters(3))
    one = run_redrive(task, tmp_path / "j", aws, RedriveLimits(**{**vars(QUICK), "most": 1}))
    assert (one.outcome, one.states) == ("stopped", {"deleted": 1, "not_sent": 2})
    assert run_redrive(task, tmp_path / "j", aws, QUICK).outcome == "complete"


@pytest.mark.slow
def test_failed_entries_of_a_deletion_are_repeated_individually(worker, aws, front, tmp_path):
    front.failed_entries["DeleteMessageBatch"].extend([("0", False), ("0", False)])
    task = task_of(worker, worker.dead_letters(3))
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 3})
    assert worker.in_dlq() == set()


@pytest.mark.slow
def test_throttling_is_waited_for_and_a_reset_is_reported(worker, aws, front, tmp_path):
    task = task_of(worker, worker.dead_letters(3))
    front.faults["SendMessage"].extend(["throttle", None, "reset"])
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert audit.outcome == "stopped"
    assert audit.states == {"deleted": 1, "unconfirmed": 1, "not_sent": 1}
    rest = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert rest.states == {"deleted": 2, "unconfirmed": 1}
    again = run_redrive(task, tmp_path / "j", aws, QUICK, retry_unconfirmed=True)
    assert (again.outcome, worker.done.count("body 1")) == ("complete", 1)


@pytest.mark.slow
def test_a_fifo_queue_keeps_groups_and_gets_new_deduplication_ids(front, moto_port, aws, tmp_path):
    worker = Worker(front, moto_port, fifo=True)
    more = {"MessageGroupId": "g{}", "MessageDeduplicationId": "d{}"}
    ids = worker.dead_letters(3, **more)
    # The producer's id was seen by the source queue a moment ago.
    worker.sqs.send_message(
        QueueUrl=worker.queue, MessageBody="x", MessageGroupId="g0", MessageDeduplicationId="d0"
    )
    audit = run_redrive(task_of(worker, ids, **more), tmp_path / "j", aws, QUICK)
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 3})
    assert sorted(worker.done) == [*bodies(3), "x"]


@pytest.mark.parametrize("reason", ["redrive-no-consumer", "redrive-other-dlq"])
def test_a_system_that_does_not_fit_is_refused(worker, aws, front, tmp_path, reason):
    task = task_of(worker, worker.dead_letters(1))
    if reason == "redrive-no-consumer":
        worker.mapping["State"] = "Disabled"
    else:
        other = worker.sqs.create_queue(QueueName="other")["QueueUrl"]
        task = RedriveTask(task.queue_url, task.items, other)
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (audit.outcome, front.calls["SendMessage"]) == ("refused", 0)
    assert reason in messages_in(audit.sentence)["redrive-refused"].values()


@pytest.mark.slow
def test_a_queue_with_its_own_redrive_policy_is_not_read(worker, aws, tmp_path):
    task = task_of(worker, worker.dead_letters(1))
    with pytest.raises(InputError, match="redrive policy of its own"):
        run_redrive(RedriveTask(task.queue_url, task.items, worker.queue), tmp_path / "j", aws, QUICK)


@pytest.mark.slow
def test_the_policy_allows_the_calls_that_were_made(worker, aws, tmp_path):
    task = task_of(worker, worker.dead_letters(2))
    run_redrive(task, tmp_path / "j", aws, QUICK)
    assert aws.actions | {"sqs:ChangeMessageVisibility"} == {
        action_of(call) for call in calls_of_redrive(task)
    }


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_resumed(worker, aws, tmp_path, subtests):
    tasks = []

    def begin(moment):
        worker.done.clear()
        worker.clear_dlq()
        tasks.append(task_of(worker, worker.dead_letters(2)))
        return lambda: run_redrive(tasks[-1], tmp_path / f"j{moment}", restarted(aws), QUICK)

    for moment in kills(begin):
        with subtests.test(moment=moment):
            audit = run_redrive(tasks[-1], tmp_path / f"j{moment}", restarted(aws), QUICK)
            worker.work()
            unconfirmed = audit.states.get("unconfirmed", 0)
            assert unconfirmed <= 1
            assert len(worker.done) == len(set(worker.done))
            assert len(worker.in_dlq()) == unconfirmed
            assert audit.states.get("deleted", 0) + unconfirmed == 2
            assert len(worker.done) + unconfirmed >= 2
    assert moment > 10
