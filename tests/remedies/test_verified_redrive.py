"""Complete redrives: every message processed before it leaves the DLQ, whatever ends a run."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.memory_queues import ARN, URL, MemoryQueues
from worlds.messages import messages_in
from worlds.queue_worker import Worker
from worlds.quick_clock import QuickAws

from watchme_analysis.case.actions import actions_in
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.remedies.queue_reader import QueueCounts
from watchme_analysis.remedies.redrive import seal_of
from watchme_analysis.remedies.verified_redrive import (
    AuditRow,
    RedriveAudit,
    RedriveItem,
    RedriveLimits,
    RedriveTask,
    run_redrive,
)
from watchme_analysis.storage.journal import open_journal, read_journal
from watchme_analysis.text.message import message

QUICK = RedriveLimits(rate_per_s=1e6, confirm_within_s=20, poll_s=2, late_s=1)
BY_WORK = WorkItemSettings(item_keys=("device_id",), time_keys=("recorded_at",))


@pytest.fixture
def worker(front, moto_port):
    return Worker(front, moto_port)


@pytest.fixture
def aws(front):
    return QuickAws(rate_limits=FAST)


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
    rows = actions_in(journal, "redrive")
    assert [row["outcome"] for row in rows].count("deleted") == 12
    assert [row.sends for row in again.rows] == [1] * 12
    assert json.dumps(audit.to_dict())


@pytest.mark.parametrize("reason", ["not-seen", "not-stated"])
def test_the_rest_waits_until_the_first_is_processed(worker, aws, front, tmp_path, reason):
    # A log without ids shows nothing, and one that only names an id proves nothing.
    worker.silent, worker.is_curt = reason == "not-seen", reason == "not-stated"
    task = task_of(worker, worker.dead_letters(3))
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (audit.outcome, front.calls["SendMessage"]) == ("stopped", 1)
    assert messages_in(audit.sentence)[f"redrive-{reason}"]["message"] == task.items[0].message_id
    assert [(row.state, row.reason, row.in_dlq) for row in audit.rows] == [
        ("sent", reason, True), ("not_sent", "", True), ("not_sent", "", True)
    ]  # fmt: skip
    assert len(worker.in_dlq()) == 3


def test_a_failure_stops_the_run_and_deletes_only_what_was_processed(worker, aws, front, tmp_path):
    worker.fails = lambda body: body == "body 2"
    task = task_of(worker, worker.dead_letters(6))
    audit = run_redrive(task, tmp_path / "j", aws, replace(QUICK, poll_s=0.0))
    assert audit.outcome == "stopped"
    assert "ValueError" in messages_in(audit.sentence)["redrive-failed"]["error"]
    # Messages that were sent before the failure was seen are confirmed as well.
    assert audit.states["failed"] == 1 and audit.states["not_sent"] >= 1
    left = {row.message_id for row in audit.rows if row.state != "deleted"}
    assert worker.in_dlq() == left >= {task.items[2].message_id, task.items[5].message_id}
    assert sorted(worker.done) == [f"body {n}" for n, row in enumerate(audit.rows) if row.state == "deleted"]


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
    one = run_redrive(task, tmp_path / "j", aws, replace(QUICK, most=1))
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
    worker.dead_letters(1)  # one that is not in the list is made visible again
    task = task_of(worker, worker.dead_letters(2))
    run_redrive(task, tmp_path / "j", aws, QUICK)
    assert aws.actions - {"sts:GetCallerIdentity"} == {action_of(call) for call in calls_of("redrive")}


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
            if audit.states.keys() & {"not_sent", "processed"}:
                # The run was killed before it recorded what it had received: hidden until their time is over.
                assert (audit.outcome, audit.unexplained > 0) == ("stopped", True)
                continue
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
    rate_per_s=1e6, confirm_within_s=60.0, visibility_timeout_s=60, poll_s=5.0, late_s=20.0
)
REQUEST = "99999999-0000-4000-8000-{:012}"
MAPPING = {"State": "Enabled", "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:worker"}


class Pipeline(MemoryQueues):
    """Queues `jobs` and `dead`, and a function that works when its log is read.

    Attributes
    ----------
    behaviour
        What the function does with a body: ``work`` (by default), ``fail``, ``silent`` (logs no id),
        ``curt`` (logs the id on receipt only), ``warn`` (a warning that it skips the message), ``again``
        (works, and the message is received again), ``back`` (works, and the message moves to the DLQ),
        ``unreported`` (its REPORT line does not arrive), ``timeout`` (that line arrives late).
    """

    def prepare(self):
        self.behaviour, self.events, self.later, self.sent = {}, [], [], []
        self.put("dead", "a", "b", "c")
        self.held["jobs"] = {}
        self.attributes["jobs"] = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN + "dead"})}
        self.responses = {
            "list_event_source_mappings": {"EventSourceMappings": [MAPPING]},
            "get_function_configuration": {},
            "filter_log_events": self.read,
        }
        return self

    def read(self, parameters):
        for due, act in [each for each in self.later if each[0] <= self.now()]:
            self.later.remove((due, act))
            act()
        for name, one in list(self.held["jobs"].items()):
            del self.held["jobs"][name]
            self.sent.append((name, one["Body"]))
            self.invoke(name, one)
        return {"events": list(self.events)}

    def invoke(self, name, one):
        how = self.behaviour.get(one["Body"], "work")
        request = REQUEST.format(len(self.events))
        lines = [f"START RequestId: {request}"]
        if how != "silent":
            lines.append(f"handling {name}")
        end = [f"END RequestId: {request}"]
        report = f"REPORT RequestId: {request}\tDuration: 1.00 ms"
        if how == "fail":
            lines.append(f"[ERROR] ValueError: {one['Body']}")
        elif how == "warn":
            lines.append(f"[WARNING] skipping {name}: nothing to be done")
        elif how in {"work", "again", "back", "unreported", "timeout"}:
            lines.append(f"processed {name}")
        if how == "timeout":
            self.after(5, lambda: self.log(f"{report}\tStatus: timeout"))
        elif how != "unreported":
            end.append(report)
        self.log(*lines, *end)
        if how == "again":
            self.after(15, lambda: self.invoke(name, one))
        if how == "back":
            self.after(15, lambda: self.held["dead"].update({name: one}))

    def after(self, seconds, act):
        self.later.append((self.now() + timedelta(seconds=seconds), act))

    def log(self, *lines):
        at = int(self.now().timestamp() * 1000)
        self.events += [
            {
                "eventId": str(len(self.events) + n), "timestamp": at, "logStreamName": "s", "message": line
            }
            for n, line in enumerate(lines)
        ]  # fmt: skip


@pytest.fixture
def memory():
    return Pipeline(rate_limits=FAST).prepare()


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


def why(audit):
    found = messages_in(audit.sentence)
    assert (audit.outcome, found.pop("redrive-stopped")) == ("stopped", {"why": next(iter(found))})
    return found


def test_each_entry_and_row_of_a_redrive(memory, tmp_path):
    task = small_task("a", "b")
    audit, said = run(memory, task, tmp_path / "j")
    sent = [f"00000000-0000-4000-8000-{n:012}" for n in (4, 5)]
    requests = [REQUEST.format(0), REQUEST.format(5)]
    rows = [
        AuditRow(f"m{n}", "deleted", "", sent[n - 1], requests[n - 1], in_dlq=False, sends=1) for n in (1, 2)
    ]
    new = AuditRow("m3", "new", in_dlq=True)
    sentence = message("redrive-complete", count=2)
    assert audit == RedriveAudit(
        "complete", sentence, (*rows, new), QueueCounts(1, 0, 0), 0, tmp_path / "j", 1e6
    )
    assert audit.to_dict()["messages"][1] == {
        "message_id": "m2", "state": "deleted", "reason": "", "sent_as": sent[1], "request_id": requests[1],
        "in_dlq": False, "sends": 1,
    }  # fmt: skip
    assert [next(iter(each)) for each in said] == [
        "redrive-confirming", "redrive-first-processed", "redrive-confirming"
    ]  # fmt: skip
    events = [entry[:2] for entry in entries_of(tmp_path / "j") if entry[0] != "hold"]
    assert events == [
        (name, event)
        for name in ("m1", "m2")
        for event in ("sending", "sent", "processed", "deleting", "deleted")
    ]
    actions = actions_in(read_journal(tmp_path / "j"), "redrive")
    assert [(row["step"], row["outcome"]) for row in actions] == [
        (name, outcome) for name in ("m1", "m2") for outcome in ("sent", "processed", "deleted")
    ]
    assert actions_in(SimpleNamespace(entries=[]), "redrive") == []
    # A second run neither sends nor receives.
    memory.made.clear()
    assert run(memory, task, tmp_path / "j")[0].rows == tuple(replace(row, in_dlq=None) for row in rows)
    assert not {"send_message", "receive_message"} & set(memory.operations())


@pytest.mark.parametrize(
    ("how", "state", "reason"),
    [
        ("fail", "failed", "[ERROR] ValueError: a"),
        ("silent", "sent", "not-seen"),
        ("curt", "sent", "not-stated"),
        ("warn", "sent", "not-stated"),
        ("unreported", "sent", "not-seen"),
        ("again", "failed", "received again after an invocation without an error"),
        ("back", "failed", "moved to the DLQ again"),
    ],
)
@pytest.mark.parametrize("place", ["first", "rest"])
def test_a_message_without_proof_stays_in_the_dlq(memory, tmp_path, how, state, reason, place):
    body = "a" if place == "first" else "b"
    memory.behaviour = {body: how}
    audit, _ = run(memory, small_task("a", "b", "c"), tmp_path / "j")
    [row] = [row for row in audit.rows if row.message_id == ("m1" if place == "first" else "m2")]
    assert (row.state, row.reason, row.in_dlq) == (
        state,
        reason.replace("ValueError: a", f"ValueError: {body}"),
        True,
    )
    assert audit.outcome == "stopped"
    assert row.message_id in memory.held["dead"]
    states = [each.state for each in audit.rows[:3]]
    assert states == ([state, "not_sent", "not_sent"] if place == "first" else ["deleted", state, "deleted"])
    # It is not sent again without a request; with one, the second send is counted.
    sent = memory.sent.copy()
    memory.behaviour = {}
    run(memory, small_task("a", "b", "c"), tmp_path / "j")
    assert [each for each in memory.sent if each not in sent] == (
        [] if place == "rest" else [(name, body) for name, body in memory.sent[1:]]
    )
    assert body not in [each for _, each in memory.sent[len(sent) :]]
    audit, _ = run(memory, small_task("a", "b", "c"), tmp_path / "j", retry_unconfirmed=True)
    assert (audit.outcome, sum(row.sends > 1 for row in audit.rows)) == ("complete", 1)


def test_a_success_that_comes_late_is_confirmed_by_the_next_run(memory, tmp_path):
    # The function is busy with other messages for longer than a run waits.
    read = memory.responses["filter_log_events"]
    memory.responses["filter_log_events"] = {"events": []}
    audit, _ = run(memory, small_task("a", "b"), tmp_path / "j")
    assert [(row.state, row.reason) for row in audit.rows[:2]] == [("sent", "not-seen"), ("not_sent", "")]
    memory.responses["filter_log_events"] = read
    audit, _ = run(memory, small_task("a", "b"), tmp_path / "j")
    assert (audit.outcome, [row.sends for row in audit.rows[:2]]) == ("complete", [1, 1])


def test_a_report_that_states_a_timeout_may_arrive_after_the_end(memory, tmp_path):
    memory.behaviour = {"a": "timeout"}
    audit, _ = run(memory, small_task("a"), tmp_path / "j", replace(AT_ONCE, poll_s=1.0))
    assert (audit.rows[0].state, "m1" in memory.held["dead"]) == ("failed", True)


def test_no_other_operator_can_send_a_message_that_is_held(memory, tmp_path):
    other = []

    def second():
        if not other:
            memory.on_sleep = None
            other.append(run_redrive(small_task("a", "b", "c"), tmp_path / "k", memory, AT_ONCE))

    # The other one has a copy of the case and a journal of its own.
    memory.on_sleep = second
    audit, _ = run(memory, small_task("a", "b", "c"), tmp_path / "j")
    assert audit.states == {"deleted": 3}
    assert {(row.state, row.reason) for row in other[0].rows} == {("not_sent", "hidden")}
    assert other[0].outcome == "stopped"
    assert sorted(body for _, body in memory.sent) == ["a", "b", "c"]
    # Nor does it send what the first has deleted.
    again, _ = run(memory, small_task("a", "b", "c"), tmp_path / "k")
    assert (again.outcome, len(memory.sent)) == ("stopped", 3)


def test_messages_that_left_the_dlq_are_skipped(memory, tmp_path):
    del memory.held["dead"]["m2"]
    audit, _ = run(memory, small_task("a", "b", "c"), tmp_path / "j")
    assert [(row.state, row.reason) for row in audit.rows] == [
        ("deleted", ""), ("not_sent", "not-received"), ("deleted", "")
    ]  # fmt: skip
    assert audit.outcome == "stopped"
    # An archive holds them, so that they are sent from it.
    audit, _ = run(memory, small_task("a", "b", "c", is_archived=True), tmp_path / "j")
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 2, "gone": 1})


def test_held_messages_stay_hidden_while_a_run_waits(memory, tmp_path):
    memory.attributes["jobs"] = {**memory.attributes["jobs"], "VisibilityTimeout": "900"}
    run(memory, small_task("a"), tmp_path / "j")
    # Twice the visibility timeout of the source queue passes, in which the hold of a minute is extended.
    extended = [
        made for operation, made in memory.made
        if operation == "change_message_visibility_batch" and made["Entries"][0]["VisibilityTimeout"]
    ]  # fmt: skip
    assert len(extended) >= 1800 / 60
    assert sum(wait for wait in memory.waits if wait > 0) >= 1799


def test_a_message_that_is_not_held_any_more_is_not_sent(memory, tmp_path):
    def lose():
        # Its time is over, and somebody else receives and deletes it.
        if memory.held["dead"].pop("m2", None):
            entries = memory.made[-1][1]["Entries"]
            place = [each["ReceiptHandle"] for each in entries].index("handle-m2")
            memory.answers["change_message_visibility_batch"] = [
                {
                    "Successful": [{"Id": each["Id"]} for each in entries if each["Id"] != str(place)],
                    "Failed": [{"Id": str(place), "SenderFault": True, "Code": "MessageNotInflight"}],
                }
            ]

    memory.before["change_message_visibility_batch"] = [lose]
    audit, _ = run(memory, small_task("a", "b", "c"), tmp_path / "j", replace(AT_ONCE, late_s=40.0))
    assert [body for _, body in memory.sent] == ["a", "c"]
    assert [(row.state, row.reason) for row in audit.rows] == [
        ("deleted", ""), ("not_sent", "not-received"), ("deleted", "")
    ]  # fmt: skip


def test_an_account_or_region_of_another_queue_is_refused_before_any_call(memory, tmp_path):
    for url in (JOBS.replace("123456789012", "210987654321"), JOBS.replace("eu-west-1", "us-east-1")):
        memory.made.clear()
        audit, _ = run(memory, replace(small_task("a"), queue_url=url), tmp_path / "j")
        assert (audit.outcome, memory.made) == ("refused", [])
        assert "redrive-other-place" in messages_in(audit.sentence)
    # A URL of another form states neither; the ARN of the queue does.
    memory.responses["get_queue_attributes"] = {
        "Attributes": {"QueueArn": ARN.replace("eu-west-1", "x") + "q"}
    }
    audit, _ = run(memory, replace(small_task("a"), queue_url="http://127.0.0.1/q"), tmp_path / "j")
    assert messages_in(audit.sentence)["redrive-other-place"]["queue_region"] == "x"


def test_messages_of_no_queue_are_done_once_processed(memory, tmp_path):
    line = json.dumps({"QueueUrl": JOBS, "MessageBody": "a", "MessageAttributes": {}})
    task = RedriveTask(JOBS, (RedriveItem(line),), None)
    audit, _ = run(memory, task, tmp_path / "j")
    assert (audit.outcome, audit.sentence) == ("complete", message("redrive-complete-created", count=1))
    sent = "00000000-0000-4000-8000-000000000004"
    assert audit.rows == (AuditRow(None, "processed", "", sent, REQUEST.format(0), None, 1),)
    assert (audit.counts, audit.unexplained) == (None, None)
    # Its action is known by the id that it was sent with.
    assert [row["step"] for row in actions_in(read_journal(tmp_path / "j"), "redrive")] == [sent, sent]
    refused, _ = run(memory, replace(small_task("a"), dlq_url=None), tmp_path / "k")
    assert "redrive-no-dlq" in messages_in(refused.sentence)


def test_errors_of_calls_stop_the_run_but_not_the_deletion(memory, tmp_path):
    memory.problems["send_message"] = [None, ServiceError("denied")]
    audit, _ = run(memory, small_task("a", "b"), tmp_path / "sending")
    assert why(audit) == {"redrive-call-failed": {"error": "denied"}}
    assert audit.states == {"deleted": 1, "not_sent": 1, "new": 1}
    memory.problems["filter_log_events"] = [ServiceError("broken")]
    task = replace(small_task("a", "b"), items=small_task("a", "b").items[1:])
    audit, _ = run(memory, task, tmp_path / "reading")
    assert why(audit) == {"redrive-call-failed": {"error": "broken"}}
    assert audit.states["deleted"] == 1  # the log was read again to confirm what was sent
    memory.problems["receive_message"] = [ServiceError("late")]
    audit, _ = run(memory, small_task("x", "y", "c"), tmp_path / "receiving")
    assert (why(audit), audit.states) == ({"redrive-call-failed": {"error": "late"}}, {"not_sent": 3})
    # A message that can't be made visible again is visible by itself later, and the audit is complete.
    memory.behaviour = {"c": "fail"}
    memory.problems["change_message_visibility_batch"] = [ServiceError("refused")]
    audit = run_redrive(small_task("x", "y", "c"), tmp_path / "releasing", memory, AT_ONCE)
    assert ([*why(audit)], audit.states) == (["redrive-failed"], {"not_sent": 2, "failed": 1})
    memory.hidden.clear()
    # What was received is released, also when the run is interrupted.
    memory.problems["send_message"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        run_redrive(small_task("x", "y", "c"), tmp_path / "keyboard", memory, AT_ONCE)
    assert memory.hidden & memory.held["dead"].keys() == set()


def test_handles_of_a_killed_run_are_released_first(memory, tmp_path):
    task = small_task("a")
    with open_journal(tmp_path / "j") as journal:
        journal.write("hold", "holding", queue=DEAD, handles={"m3": "handle-m3"})
        journal.write("hold", "released", queue=DEAD, names=["m3"])
        journal.write("hold", "holding", queue=DEAD, handles={"m1": "handle-m1", "m2": "handle-m2"})
    memory.hidden |= {"m1", "m2"}
    audit, _ = run(memory, task, tmp_path / "j")
    released = [made for operation, made in memory.made if operation == "change_message_visibility_batch"]
    assert [one["ReceiptHandle"] for one in released[0]["Entries"]] == ["handle-m1", "handle-m2"]
    assert audit.states == {"deleted": 1, "new": 2}
    assert entries_of(tmp_path / "j")[-1] == ("hold", "released")


def test_a_journal_alone_deletes_no_message(memory, tmp_path):
    """It may have come with the list; the log of the function decides."""
    task = small_task("a", "b", "c")
    for event in ("processed", "deleting"):
        with open_journal(tmp_path / event) as journal:
            for number, item in enumerate(task.items[:2]):
                key, about = item.key, {"id": item.message_id, "queue": JOBS}
                if number:  # the journal states no send of the first
                    journal.write(key, "sending", **about)
                    journal.write(
                        key, "sent", **about, **{"as": f"00000000-0000-4000-8000-00000000999{number}"}
                    )
                journal.write(key, event, **about)
        memory.made.clear()
        memory.behaviour = {"a": "fail", "b": "fail", "c": "fail"}
        audit, _ = run(memory, task, tmp_path / event)
        assert (audit.outcome, memory.held["dead"].keys()) == ("stopped", {"m1", "m2", "m3"})
        assert "delete_message_batch" not in memory.operations()
        assert not {"processed", "deleted"} & {row.state for row in audit.rows}


def test_processed_messages_that_are_not_in_the_dlq_are_settled_by_its_counts(memory, tmp_path):
    """Neither is in the DLQ: one was removed by somebody, the deletion of the other has worked."""
    task = small_task("a", "b")

    def journal_of(*events):
        with open_journal(tmp_path / events[1], memory.now) as journal:
            for item, event in zip(task.items, events, strict=True):
                sent_as = str(uuid.uuid4())
                about = {"id": item.message_id, "queue": JOBS}
                journal.write(item.key, "sending", **about)
                seal = seal_of(item.key, sent_as)
                journal.write(item.key, "sent", **about, **{"as": sent_as, "seal": seal})
                journal.write(item.key, event, **about)
                memory.invoke(sent_as, {"Body": item.message_id})
        memory.held["dead"] = {}
        return tmp_path / events[1]

    audit, _ = run(memory, task, journal_of("processed", "deleting"))
    assert (audit.outcome, [row.state for row in audit.rows]) == ("complete", ["gone", "deleted"])
    # SQS counts two messages that were not received, so nothing can be said.
    memory.attributes["dead"] = {"ApproximateNumberOfMessages": "2"}
    audit, _ = run(memory, task, journal_of("processed", "deleted"))
    assert [row.state for row in audit.rows] == ["processed", "deleted"]
    assert messages_in(audit.sentence) == {"redrive-incomplete": {"count": 1}}
    assert (audit.outcome, audit.unexplained, audit.counts) == ("stopped", 2, QueueCounts(2, 0, 0))


def test_messages_that_are_left_out_are_named(memory, tmp_path):
    memory.put("dead", "d")
    task = small_task("a", "b", excluded={"m3": "cannot-succeed", "gone": "processed"})
    audit, _ = run(memory, task, tmp_path / "j")
    assert [(row.message_id, row.state, row.reason, row.in_dlq) for row in audit.rows] == [
        ("m1", "deleted", "", False),
        ("m2", "deleted", "", False),
        ("m3", "excluded", "cannot-succeed", True),
        ("gone", "excluded", "processed", False),
        ("m4", "new", "", True),
    ]
    assert (audit.outcome, audit.unexplained) == ("complete", 0)


def test_unconfirmed_and_rejected_messages_of_an_earlier_run_are_left(memory, tmp_path):
    task = small_task("a", "b", "c")
    with open_journal(tmp_path / "j") as journal:
        for item, event in zip(task.items, ("sending", "rejected", "not sent"), strict=True):
            journal.write(item.key, event, id=item.message_id, queue=JOBS, reason="bad")
    audit, _ = run(memory, task, tmp_path / "j")
    states = [(row.state, row.reason) for row in audit.rows[:3]]
    assert states == [("unconfirmed", ""), ("rejected", "bad"), ("deleted", "")]
    assert messages_in(audit.sentence) == {"redrive-incomplete": {"count": 2}}
    audit, _ = run(memory, task, tmp_path / "j", retry_unconfirmed=True, retry_rejected=True)
    assert [(row.state, row.sends) for row in audit.rows] == [("deleted", 2), ("deleted", 1), ("deleted", 1)]


def test_work_confirms_a_message_only_by_invocations_after_its_send(memory, tmp_path):
    memory.behaviour = {"a": "silent", "b": "silent"}
    work = "device_id=d1 recorded_at=2026-01-01T00:00:00Z"

    def task(*works):
        items = [
            replace(item, work_item=name, work_key="2026-01-01T00:00:00Z")
            for item, name in zip(small_task(*"ab"[: len(works)]).items, works, strict=True)
        ]
        return replace(small_task("a"), items=tuple(items))

    def invocation():
        request = REQUEST.format(900 + len(memory.events))
        memory.log(
            f"START RequestId: {request}", f"processed {work}", f"END RequestId: {request}",
            f"REPORT RequestId: {request}\tDuration: 1.00 ms",
        )  # fmt: skip

    invocation()
    memory.sleep(60)
    audit, _ = run(memory, task("d1"), tmp_path / "j", work_items=BY_WORK)
    assert (audit.states["sent"], audit.rows[0].reason) == (1, "not-seen")
    # Of two messages of one work, an invocation with it shows neither.
    memory.after(1, invocation)
    audit, _ = run(memory, task("d1", "d1"), tmp_path / "k", work_items=BY_WORK)
    assert audit.rows[0].reason == "not-seen"
    memory.after(1, invocation)
    audit, _ = run(memory, task("d1"), tmp_path / "l", work_items=BY_WORK)
    assert audit.rows[0].state == "deleted"


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
