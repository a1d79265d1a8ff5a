"""Redrives: every message processed before it leaves the DLQ, whatever ends a run."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.aws_front import FAST
from worlds.hostile_rows import hostile_documents
from worlds.kills import kills, restarted
from worlds.memory_queues import ARN, URL, MemoryQueues
from worlds.messages import messages_in
from worlds.queue_worker import Worker
from worlds.quick_clock import QuickAws

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.case.actions import actions_in
from watchme_analysis.config import WorkItemSettings
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.remedies.queue_reader import dead_letter_queue_url
from watchme_analysis.remedies.redrive import (
    RedriveItem,
    RedriveLimits,
    RedriveTask,
    pending_messages,
    run_redrive,
)
from watchme_analysis.storage.journal import open_journal, read_journal

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
def test_the_policy_allows_the_calls_that_were_made(worker, aws, tmp_path):
    worker.dead_letters(1)  # one that is not in the list is made visible again
    task = task_of(worker, worker.dead_letters(2))
    # A list from a file states no DLQ.
    found = dead_letter_queue_url(aws, task.queue_url)
    assert resource_name(found) == resource_name(task.dlq_url)
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


def test_message_arrives_byte_for_byte_as_its_sender_gave_it(worker, aws, tmp_path):
    attributes = {
        "text": {"DataType": "String", "StringValue": "größer, 高い"},
        "count": {"DataType": "Number.int", "StringValue": "0042"},
        "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
        # The bytes look like base64 themselves: decoding once more or once less would change them.
        "ascii": {"DataType": "Binary.b64", "BinaryValue": base64.b64encode(b"abc")},
    }
    # As the AWS CLI prints it and a case keeps it: binary values as base64 text.
    kept = {
        name: value
        | ({"BinaryValue": base64.b64encode(value["BinaryValue"]).decode()} if "BinaryValue" in value else {})
        for name, value in attributes.items()
    }
    line = json.dumps({"QueueUrl": worker.queue, "MessageBody": "高い", "MessageAttributes": kept})
    received = []
    worker.says = received.append  # and says no line more
    audit = run_redrive(RedriveTask(worker.queue, (RedriveItem(line),)), tmp_path / "j", aws, QUICK)
    assert (audit.outcome, received[0]["Body"], received[0]["MessageAttributes"]) == (
        "complete",
        "高い",
        attributes,
    )


BAD = [
    ({"MessageBody": "x" * 1_100_000}, "InvalidParameterValue"),
    ({"MessageAttributes": {"a": {"DataType": "Image", "StringValue": "x"}}}, "InvalidParameterValue"),
    ({"MessageAttributes": {"a": {"StringValue": "x"}}}, "DataType"),
    ({"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "no base64!"}}}, "'a' is not base64"),
    ({"MessageBody": "half a pair \ud83d"}, "not valid Unicode"),
]


def test_rejected_message_is_recorded_and_blocks_no_other(worker, aws, front, tmp_path):
    task = task_of(worker, worker.dead_letters(len(BAD) + 2))
    items = [
        replace(item, line=json.dumps(json.loads(item.line) | change))
        for item, (change, _) in zip(task.items, BAD, strict=False)
    ]
    task = replace(task, items=(*items, *task.items[len(BAD) :]))
    audit = run_redrive(task, tmp_path / "j", aws, QUICK)
    assert (audit.outcome, audit.states) == ("stopped", {"rejected": len(BAD), "deleted": 2})
    for row, (_, reason) in zip(audit.rows, BAD, strict=False):
        assert reason in row.reason, row
    sent = front.calls["SendMessage"]
    assert run_redrive(task, tmp_path / "j", aws, QUICK).states == audit.states
    assert front.calls["SendMessage"] == sent
    assert run_redrive(task, tmp_path / "j", aws, QUICK, retry_rejected=True).states == audit.states
    assert front.calls["SendMessage"] > sent


def line_of(queue, **more):
    attributes = {"resent_message_id": {"DataType": "String", "StringValue": "m0"}}
    return json.dumps({"QueueUrl": URL + queue, "MessageBody": "x", "MessageAttributes": attributes, **more})


FIFO = line_of("uploads.fifo", MessageGroupId="g", MessageDeduplicationId="d")


@pytest.mark.parametrize(("minutes", "pending"), [(1, [FIFO]), (6, [])])
def test_fifo_queue_takes_a_message_once_for_some_minutes(tmp_path, minutes, pending):
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    with open_journal(tmp_path / "j", lambda: at) as journal:
        journal.write(RedriveItem(FIFO).key, "sending", id="m0", queue=URL + "uploads.fifo")
    found, earlier = pending_messages([FIFO], read_journal(tmp_path / "j"))
    assert (found, earlier.unconfirmed) == (pending, [] if pending else ["m0"])


@pytest.mark.parametrize("event", ["sending", "sent", "rejected", "not sent"])
def test_journal_of_any_content_is_used_or_refused_in_one_sentence(tmp_path, event):
    entry = {
        "key": hashlib.sha256(FIFO.encode()).hexdigest()[:32], "id": "m0", "queue": URL + "uploads.fifo",
        "event": event, "at": "2025-12-11T01:00:00.000+00:00", "reason": "x",
    }  # fmt: skip
    path = tmp_path / "journal"
    lacking = [
        json.dumps({key: entry[key] for key in entry if key != left_out}).encode() for left_out in entry
    ]
    for content in [*hostile_documents(entry, 40), *lacking]:
        path.write_bytes(content + b"\n")
        try:
            pending_messages([FIFO], read_journal(path))
        except InputError as error:
            assert "\n" not in str(error)


def test_other_file_or_second_run_is_refused_before_anything_is_sent(worker, aws, front, tmp_path):
    task = task_of(worker, worker.dead_letters(1))
    (tmp_path / "list").write_text(task.items[0].line + "\n")
    with pytest.raises(InputError, match="list:1 is not a journal of watchme"):
        run_redrive(task, tmp_path / "list", aws, QUICK)
    with open_journal(tmp_path / "j") as journal, pytest.raises(InputError, match="Another run uses"):
        journal.write("plan", "intended")
        run_redrive(task, tmp_path / "j", aws, QUICK)
    with pytest.raises(InputError, match="another remedy"):
        run_redrive(task, tmp_path / "j", aws, QUICK)
    assert front.calls["SendMessage"] == 0


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


def run(memory, task, path, limits=AT_ONCE, **options):
    said = []
    audit = run_redrive(task, path, memory, limits, report=said.append, **options)
    assert memory.hidden & memory.held["dead"].keys() == set()  # whatever happens
    return audit, [messages_in(each) for each in said]


def why(audit):
    found = messages_in(audit.sentence)
    assert (audit.outcome, found.pop("redrive-stopped")) == ("stopped", {"why": next(iter(found))})
    return found


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


def test_an_account_or_region_of_another_queue_is_refused_before_any_call(memory, tmp_path):
    for url in (JOBS.replace("123456789012", "210987654321"), JOBS.replace("eu-west-1", "us-east-1")):
        memory.made.clear()
        audit, _ = run(memory, replace(small_task("a"), queue_url=url), tmp_path / "j")
        assert (audit.outcome, memory.made) == ("refused", [])
        assert "plan-other-place" in messages_in(audit.sentence)
    # A URL of another form states neither; the ARN of the queue does.
    memory.responses["get_queue_attributes"] = {
        "Attributes": {"QueueArn": ARN.replace("eu-west-1", "x") + "q"}
    }
    audit, _ = run(memory, replace(small_task("a"), queue_url="http://127.0.0.1/q"), tmp_path / "j")
    assert messages_in(audit.sentence)["plan-other-place"]["planned_region"] == "x"


def test_messages_of_no_queue_are_done_once_processed(memory, tmp_path):
    line = json.dumps({"QueueUrl": JOBS, "MessageBody": "a", "MessageAttributes": {}})
    task = RedriveTask(JOBS, (RedriveItem(line),), None)
    audit, _ = run(memory, task, tmp_path / "j")
    assert messages_in(audit.sentence) == {"redrive-complete-created": {"count": 1}}
    sent = "00000000-0000-4000-8000-000000000004"
    [row] = audit.rows
    assert (audit.outcome, row.state, row.sent_as, row.in_dlq) == ("complete", "processed", sent, None)
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
