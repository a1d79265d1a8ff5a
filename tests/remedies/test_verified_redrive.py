"""Complete redrives: every message processed before it leaves the DLQ, whatever ends a run."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.memory_queues import ARN, URL, MemoryQueues
from worlds.messages import messages_in
from worlds.queue_worker import Worker

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.journal import open_journal, read_journal
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.remedies.queue_reader import QueueCounts
from watchme_analysis.remedies.verified_redrive import (
    AuditRow,
    RedriveAudit,
    RedriveItem,
    RedriveLimits,
    RedriveTask,
    actions_of_redrive,
    calls_of_redrive,
    run_redrive,
)
from watchme_analysis.text.message import Resource, message

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


JOBS, DEAD = URL + "jobs", URL + "dead"
AT_ONCE = RedriveLimits(
    rate_per_s=1e6, confirm_within_s=60.0, visibility_timeout_s=60, poll_s=5.0, settle_s=0.0
)
REQUEST = "99999999-0000-4000-8000-{:012}"
MAPPING = {"State": "Enabled", "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:worker"}


@pytest.fixture
def memory():
    """A queue `jobs` whose function works when its log is read; bodies in ``fails`` fail."""
    account = MemoryQueues(rate_limits=FAST)
    account.fails, account.silent, events = set(), set(), []
    account.put("dead", "a", "b", "c")
    account.held["jobs"] = {}
    account.attributes["jobs"] = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN + "dead"})}

    def work(parameters):
        for name, one in list(account.held["jobs"].items()):
            body = one["Body"]
            if body in account.silent:
                continue
            request = REQUEST.format(len(events))
            lines = [f"START RequestId: {request}", f"handling {name}", f"END RequestId: {request}"]
            if body in account.fails:
                lines.insert(2, f"[ERROR] ValueError: {body}")
            for line in lines:
                at = int(datetime.now(UTC).timestamp() * 1000)
                events.append(
                    {"eventId": str(len(events)), "timestamp": at, "logStreamName": "s", "message": line}
                )
            del account.held["jobs"][name]
        return {"events": list(events)}

    account.responses = {
        "list_event_source_mappings": {"EventSourceMappings": [MAPPING]},
        "get_function_configuration": {},
        "filter_log_events": work,
    }
    return account


def small_task(*bodies, dlq=DEAD, **more):
    """Return the task of messages m1, m2, and so on, in the DLQ."""
    items = [
        RedriveItem(
            json.dumps(
                {
                    "QueueUrl": JOBS,
                    "MessageBody": body,
                    "MessageAttributes": {
                        "resent_message_id": {"DataType": "String", "StringValue": f"m{n}"}
                    },
                }
            ),
            f"m{n}",
        )
        for n, body in enumerate(bodies, 1)
    ]
    return RedriveTask(JOBS, tuple(items), dlq, **{"function": "worker", **more})


def entries_of(path):
    """Return key or id of the message, event and further values of each entry."""
    found = []
    for entry in read_journal(path).entries:
        more = {
            key: value for key, value in entry.items() if key not in {"key", "event", "id", "queue", "at"}
        }
        found.append((entry.get("id", entry["key"]), entry["event"], *([more] if more else [])))
    return found


def run(memory, task, path, limits=AT_ONCE, **options):
    said = []
    audit = run_redrive(task, path, memory, limits, report=said.append, **options)
    assert memory.hidden & memory.held["dead"].keys() == set()  # whatever happens
    return audit, [messages_in(each) for each in said]


def test_each_entry_row_and_report_of_a_redrive(memory, tmp_path):
    task = small_task("a", "b")
    audit, said = run(memory, task, tmp_path / "j", replace(AT_ONCE, poll_s=0.0, rate_per_s=0.5))
    sent = ["00000000-0000-4000-8000-000000000004", "00000000-0000-4000-8000-000000000005"]
    requests = [REQUEST.format(0), REQUEST.format(3)]
    rows = [AuditRow(f"m{n}", "deleted", "", sent[n - 1], requests[n - 1], in_dlq=False) for n in (1, 2)]
    new = AuditRow("m3", "new", in_dlq=True)
    sentence = message("redrive-complete", count=2)
    assert audit == RedriveAudit("complete", sentence, (*rows, new), QueueCounts(1, 0, 0), 0, tmp_path / "j")
    assert audit.to_dict() == {
        "outcome": "complete",
        "message": sentence.to_dict(),
        "states": {"deleted": 2, "new": 1},
        "dlq": {"visible": 1, "in_flight": 0, "delayed": 0},
        "unexplained": 0,
        "journal": str(tmp_path / "j"),
        "messages": [
            {
                "message_id": f"m{n}", "state": "deleted", "reason": "", "sent_as": sent[n - 1],
                "request_id": requests[n - 1], "in_dlq": False,
            }
            for n in (1, 2)
        ]
        + [
            {
                "message_id": "m3", "state": "new", "reason": "", "sent_as": None, "request_id": None,
                "in_dlq": True,
            }
        ],
    }  # fmt: skip
    assert said == [{"redrive-first-processed": {}}, {"redrive-progress": {"sent": 1, "count": 1}}]
    # The second message is sent two seconds after the first was deleted.
    assert memory.waits == [pytest.approx(2.0, abs=0.1)]
    assert entries_of(tmp_path / "j") == [
        ("m1", "sending"),
        ("m1", "sent", {"as": sent[0]}),
        ("m1", "processed", {"request_id": requests[0], "seen_by": "message"}),
        ("hold", "holding", {"handles": {f"m{n}": f"handle-m{n}" for n in (1, 2, 3)}}),
        ("m1", "deleting"),
        ("m1", "deleted"),
        ("hold", "released"),
        ("m2", "sending"),
        ("m2", "sent", {"as": sent[1]}),
        ("m2", "processed", {"request_id": requests[1], "seen_by": "message"}),
        ("hold", "holding", {"handles": {f"m{n}": f"handle-m{n}" for n in (2, 3)}}),
        ("m2", "deleting"),
        ("m2", "deleted"),
        ("hold", "released"),
    ]
    journal = read_journal(tmp_path / "j")
    assert {entry["queue"] for entry in journal.entries if entry["key"] == "hold"} == {DEAD}
    actions = actions_of_redrive(journal)
    assert [(row["step"], row["outcome"], row["call"], row["number"]) for row in actions] == [
        ("m1", "sent", "sqs send-message", 1), ("m1", "processed", None, 2), ("m1", "deleted", None, 5),
        ("m2", "sent", "sqs send-message", 8), ("m2", "processed", None, 9), ("m2", "deleted", None, 12),
    ]  # fmt: skip
    assert actions[0] == {
        "time": journal.entries[1]["at"], "remedy": "redrive", "step": "m1", "resource": "jobs",
        "call": "sqs send-message", "outcome": "sent", "number": 1,
        "message": message("redrive-event-sent", message=Resource("m1")).to_dict(),
        "plan": journal.entries[0]["at"] + task.items[0].key,
    }  # fmt: skip
    assert actions_of_redrive(SimpleNamespace(entries=[])) == []
    # A second run reads the log and the DLQ, and neither sends nor deletes.
    memory.made.clear()
    assert run(memory, task, tmp_path / "j")[0].rows == tuple(replace(row, in_dlq=None) for row in rows)
    assert not {"send_message", "receive_message"} & set(memory.operations())


def test_messages_of_no_queue_are_done_once_processed(memory, tmp_path):
    line = json.dumps({"QueueUrl": JOBS, "MessageBody": "a", "MessageAttributes": {}})
    task = RedriveTask(JOBS, (RedriveItem(line),), None)
    audit, _ = run(memory, task, tmp_path / "j")
    assert (audit.outcome, audit.sentence) == ("complete", message("redrive-complete-created", count=1))
    sent = "00000000-0000-4000-8000-000000000004"
    assert audit.rows == (AuditRow(None, "processed", "", sent, REQUEST.format(0), None),)
    assert (audit.counts, audit.unexplained) == (None, None)
    # Its action is known by the id that it was sent with.
    assert [row["step"] for row in actions_of_redrive(read_journal(tmp_path / "j"))] == [sent, sent]
    assert [call.operation for call in calls_of_redrive(task)] == [
        "get_queue_attributes", "send_message", "list_event_source_mappings", "get_function_configuration",
        "filter_log_events",
    ]  # fmt: skip
    own = [(call.operation, call.parameters) for call in calls_of_redrive(small_task("a"))[5:]]
    operations = ("receive_message", "delete_message_batch", "change_message_visibility_batch")
    assert own == [(operation, {"QueueUrl": DEAD}) for operation in operations]


def test_a_failed_message_stops_the_run_with_its_error(memory, tmp_path):
    memory.fails = {"b"}
    audit, _ = run(memory, small_task("a", "b", "c"), tmp_path / "j", replace(AT_ONCE, poll_s=0.0))
    assert audit.outcome == "stopped"
    assert messages_in(audit.sentence) == {
        "redrive-stopped": {"why": "redrive-failed"},
        "redrive-failed": {"message": "m2", "error": "[ERROR] ValueError: b"},
    }
    assert [(row.message_id, row.state, row.reason, row.in_dlq) for row in audit.rows] == [
        ("m1", "deleted", "", None),  # the DLQ was not read to its end
        ("m2", "failed", "[ERROR] ValueError: b", None),
        ("m3", "not_sent", "", None),
    ]
    failed = [entry for entry in entries_of(tmp_path / "j") if entry[1] == "failed"]
    details = {"request_id": REQUEST.format(3), "seen_by": "message", "reason": "[ERROR] ValueError: b"}
    assert failed == [("m2", "failed", details)]


def test_a_message_that_no_log_shows_stops_the_run(memory, tmp_path):
    memory.silent = {"a"}
    memory.responses["get_function_configuration"] = {"LoggingConfig": {"LogGroup": "group"}}
    audit, _ = run(memory, small_task("a", "b"), tmp_path / "j", replace(AT_ONCE, confirm_within_s=0.0))
    assert messages_in(audit.sentence) == {
        "redrive-stopped": {"why": "redrive-not-seen"},
        "redrive-not-seen": {"message": "m1", "log": "group", "within": 0.0},
    }
    assert audit.states == {"sent": 1, "not_sent": 1}
    # Shown at last by the whole log, which is read from five minutes before the first message on, it goes on.
    (tmp_path / "j").unlink()
    memory.made.clear()
    shown, memory.held["jobs"] = memory.responses["filter_log_events"], {}

    def whole(parameters):
        starts = [made["startTime"] for operation, made in memory.made if operation == "filter_log_events"]
        if len(starts) > 1 and starts[-1] == starts[0] != starts[1]:
            memory.silent.clear()
        later = int(datetime.now(UTC).timestamp() * 1000)
        note = {"eventId": "note", "timestamp": later, "logStreamName": "s", "message": "of another"}
        found = shown(parameters)
        return {"events": [*found["events"], note]}

    memory.responses["filter_log_events"] = whole
    audit, _ = run(memory, small_task("a"), tmp_path / "j", replace(AT_ONCE, confirm_within_s=0.0))
    assert audit.states["deleted"] == 1


def test_the_log_is_read_again_after_a_pause(memory, tmp_path):
    memory.silent = {"a"}
    memory.on_sleep = memory.silent.clear
    audit, _ = run(memory, small_task("a"), tmp_path / "j")
    assert (audit.outcome, memory.waits) == ("complete", [5.0])


def test_errors_of_calls_stop_the_run_but_not_the_deletion(memory, tmp_path):
    def why(audit):
        found = messages_in(audit.sentence)
        assert (audit.outcome, found.pop("redrive-stopped")) == ("stopped", {"why": next(iter(found))})
        return found

    memory.problems["send_message"] = [None, ServiceError("denied")]
    audit, _ = run(memory, small_task("a", "b"), tmp_path / "sending", replace(AT_ONCE, most=2))
    assert why(audit) == {"redrive-call-failed": {"error": "denied"}}
    assert audit.states == {"deleted": 1, "not_sent": 1}
    memory.problems["filter_log_events"] = [None, ServiceError("broken")]
    audit, _ = run(memory, small_task("b"), tmp_path / "reading")
    assert why(audit) == {"redrive-call-failed": {"error": "broken"}}
    assert audit.states == {"sent": 1}
    memory.problems["receive_message"] = [ServiceError("late")] * 2
    audit, _ = run(memory, small_task("c"), tmp_path / "deleting")
    assert why(audit) == {"redrive-call-failed": {"error": "late"}}
    assert audit.states == {"processed": 1}
    # What was received is released, also when the run is interrupted.
    memory.problems["receive_message"] = [None, None, KeyboardInterrupt()]
    memory.held["dead"] = {}
    memory.put("dead", "a")
    task = small_task("x", "y")
    with pytest.raises(KeyboardInterrupt):
        run_redrive(task, tmp_path / "keyboard", memory, AT_ONCE)
    assert memory.hidden & memory.held["dead"].keys() == set()


def test_handles_of_a_killed_run_are_released_first(memory, tmp_path):
    task = small_task("a")
    with open_journal(tmp_path / "j") as journal:
        journal.write("hold", "holding", queue=DEAD, handles={"m3": "handle-m3"})
        journal.write("hold", "released", queue=DEAD)
        journal.write("hold", "holding", queue=DEAD, handles={"m1": "handle-m1", "m2": "handle-m2"})
        journal.write(task.items[0].key, "deleted", id="m1", queue=JOBS)
    memory.hidden |= {"m1", "m2", "m3"}
    run_redrive(task, tmp_path / "j", memory, AT_ONCE)
    released = [made for operation, made in memory.made if operation == "change_message_visibility_batch"]
    assert [[one["ReceiptHandle"] for one in made["Entries"]] for made in released] == [["handle-m2"]]
    assert entries_of(tmp_path / "j")[-1] == ("hold", "released")


def test_messages_that_left_the_dlq_are_settled_by_its_counts(memory, tmp_path):
    task = small_task("a", "b")
    with open_journal(tmp_path / "j") as journal:
        for item, event in zip(task.items, ("processed", "deleting"), strict=True):
            journal.write(item.key, event, id=item.message_id, queue=JOBS)
    # Neither is in the DLQ: one was removed by somebody, the deletion of the other has worked.
    memory.held["dead"] = {}
    audit, _ = run(memory, task, tmp_path / "j")
    assert (audit.outcome, [row.state for row in audit.rows]) == ("complete", ["gone", "deleted"])

    with open_journal(tmp_path / "k") as journal:
        journal.write(task.items[0].key, "processed", id="m1", queue=JOBS)
        journal.write(task.items[1].key, "deleted", id="m2", queue=JOBS)
    # SQS counts two messages that were not received, so nothing can be said.
    memory.attributes["dead"] = {"ApproximateNumberOfMessages": "2"}
    audit, _ = run(memory, task, tmp_path / "k")
    assert [row.state for row in audit.rows] == ["processed", "deleted"]
    assert messages_in(audit.sentence) == {"redrive-incomplete": {"count": 1}}
    assert (audit.outcome, audit.unexplained, audit.counts) == ("stopped", 2, QueueCounts(2, 0, 0))


def test_hidden_messages_of_the_dlq_are_waited_for(memory, tmp_path):
    task = small_task("a")
    with open_journal(tmp_path / "j") as journal:
        journal.write(task.items[0].key, "processed", id="m1", queue=JOBS)
    memory.hidden.add("m1")
    memory.on_sleep = memory.hidden.clear  # its visibility timeout is over
    audit, _ = run(memory, task, tmp_path / "j")
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 1, "new": 2})


def test_messages_that_came_back_or_are_left_out_are_named(memory, tmp_path):
    memory.put("dead", "d")
    memory.attributes["dead"] = {"ApproximateNumberOfMessages": "4"}
    task = small_task("a", "b", excluded={"m3": "cannot-succeed", "gone": "processed"})
    returned = "00000000-0000-4000-8000-000000000005"  # the first message was sent as this one
    memory.before["receive_message"] = [
        lambda: memory.held["dead"].setdefault(returned, {"MessageId": returned, "Body": "a"})
    ]
    audit, _ = run(memory, task, tmp_path / "j")
    assert [(row.message_id, row.state, row.reason, row.in_dlq) for row in audit.rows] == [
        ("m1", "deleted", "", False),
        ("m2", "deleted", "", False),
        ("m3", "excluded", "cannot-succeed", True),
        ("gone", "excluded", "processed", False),
        (returned, "returned", "", True),
        ("m4", "new", "", True),
    ]
    # One more message than was received.
    assert (audit.outcome, audit.unexplained) == ("stopped", 1)
    assert messages_in(audit.sentence) == {"redrive-incomplete": {"count": 0}}


def test_a_limit_and_messages_of_earlier_runs(memory, tmp_path):
    task = small_task("a", "b", "c")
    audit, said = run(memory, task, tmp_path / "j", replace(AT_ONCE, most=2))
    assert (audit.states, said) == ({"deleted": 2, "not_sent": 1}, [{"redrive-first-processed": {}}])
    assert messages_in(audit.sentence) == {"redrive-incomplete": {"count": 1}}
    # One was processed already, so that no message is tried alone.
    audit, said = run(memory, task, tmp_path / "j")
    assert (audit.outcome, said) == ("complete", [])
    # Unconfirmed and rejected messages of an earlier run are left, or sent if requested.
    with open_journal(tmp_path / "k") as journal:
        for item, event in zip(task.items, ("sending", "rejected", "not sent"), strict=True):
            journal.write(item.key, event, id=item.message_id, queue=JOBS, reason="bad")
    audit, _ = run(memory, task, tmp_path / "k", replace(AT_ONCE, confirm_within_s=0.0))
    states = [(row.state, row.reason) for row in audit.rows[:3]]
    assert states == [("unconfirmed", ""), ("rejected", "bad"), ("gone", "")]
    assert messages_in(audit.sentence) == {"redrive-incomplete": {"count": 2}}
    memory.silent = set()
    audit, _ = run(memory, task, tmp_path / "k", retry_unconfirmed=True, retry_rejected=True)
    assert [row.state for row in audit.rows[:3]] == ["gone"] * 3


def test_the_function_of_the_task_or_the_first_that_is_enabled(memory, tmp_path):
    def mapping(name, state="Enabled", **more):
        return {"State": state, "FunctionArn": MAPPING["FunctionArn"].replace("worker", name), **more}

    def function_of(*mappings, **more):
        memory.responses["list_event_source_mappings"] = {"EventSourceMappings": list(mappings)}
        memory.made.clear()
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        audit = run_redrive(small_task(**more), path, memory, AT_ONCE)
        listed = [made for operation, made in memory.made if operation == "list_event_source_mappings"]
        assert all(made == {"EventSourceArn": ARN + "jobs"} for made in listed)
        asked = [made for operation, made in memory.made if operation == "get_function_configuration"]
        return asked[0]["FunctionName"] if asked else messages_in(audit.sentence)

    assert function_of(mapping("other"), mapping("worker")) == "worker"
    assert function_of(mapping("other"), mapping("worker"), function=None) == "other"
    assert function_of(mapping("other"), mapping("worker", "Disabled")) == "other"
    for state in ("Enabling", "Updating"):
        assert function_of(mapping("other", state)) == "other"
    refused = {"redrive-refused": {"why": "redrive-no-consumer"}, "redrive-no-consumer": {"queue": "jobs"}}
    assert function_of(mapping("worker", "Disabling")) == refused
    memory.attributes["jobs"] = {}
    assert function_of(mapping("worker")) == {
        "redrive-refused": {"why": "redrive-other-dlq"},
        "redrive-other-dlq": {"queue": "jobs", "dlq": "dead"},
    }


def test_a_batch_of_a_function_that_reports_its_failures(memory, tmp_path):
    request = REQUEST.format(1)
    sent = "00000000-0000-4000-8000-{:012}"

    def events(parameters):
        lines = [
            f"START RequestId: {request}",
            f"handling {sent.format(4)}",
            f"[ERROR] ValueError {sent.format(9)}",
            f"END RequestId: {request}",
        ]
        at = int(datetime.now(UTC).timestamp() * 1000)
        return {
            "events": [
                {"eventId": str(n), "timestamp": at, "logStreamName": "s", "message": line}
                for n, line in enumerate(lines)
            ]
        }

    memory.responses["filter_log_events"] = events
    mapping = {**MAPPING, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    memory.responses["list_event_source_mappings"] = {"EventSourceMappings": [mapping]}
    audit, _ = run(memory, small_task("a"), tmp_path / "j")
    assert audit.states["deleted"] == 1  # another message of the batch failed
