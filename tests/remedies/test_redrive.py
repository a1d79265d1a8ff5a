"""What a redrive refuses, sends, reports and leaves, in an account of `worlds.queue_service`."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.aws_front import FAST
from worlds.clocked_session import Plan
from worlds.dead_letters import World, session_of
from worlds.hostile_rows import hostile_documents
from worlds.messages import messages_in
from worlds.queue_worker import Worker
from worlds.quick_clock import QuickAws

from watchme_analysis.errors import InputError
from watchme_analysis.queues.redrive_list import ListedMessage
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.redrive import (
    RedriveLimits,
    RedriveTask,
    message_key,
    pending_messages,
    run_redrive,
)
from watchme_analysis.storage.journal import open_journal, read_journal

LIMITS = RedriveLimits(visibility_timeout_s=120, confirm_within_s=180.0, poll_s=10.0)
WORKS = ("work",)


@pytest.fixture
def world_of(queue_server):
    """Return a world; without a function's options, it logs the id of each processed message."""
    return lambda *scripts, **function: World(queue_server, scripts, function={"names": "after", **function})


@pytest.fixture
def run(clocked, tmp_path):
    """Return a function that runs a redrive with the same journal each time."""
    return lambda task, **options: run_redrive(
        task, tmp_path / "journal", session_of(clocked), LIMITS, **options
    )


@pytest.mark.slow
def test_a_fifo_queue_keeps_groups_and_gets_new_deduplication_ids(front, moto_port, tmp_path):
    worker = Worker(front, moto_port, fifo=True)
    ids = worker.dead_letters(3, MessageGroupId="g{}", MessageDeduplicationId="d{}")
    # The producer's id was seen by the source queue a moment ago.
    worker.sqs.send_message(
        QueueUrl=worker.queue, MessageBody="x", MessageGroupId="g0", MessageDeduplicationId="d0"
    )
    items = []
    for place, name in enumerate(ids):
        line = {"QueueUrl": worker.queue, "MessageBody": f"body {place}", "MessageAttributes": {}}
        line |= {"MessageGroupId": f"g{place}", "MessageDeduplicationId": f"d{place}"}
        items.append(ListedMessage(json.dumps(line), name, "uploads.fifo"))
    limits = RedriveLimits(rate_per_s=1e6, confirm_within_s=20, poll_s=2, late_s=1)
    task = RedriveTask(worker.queue, tuple(items), worker.dlq)
    audit = run_redrive(task, tmp_path / "journal", QuickAws(rate_limits=FAST), limits)
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 3})
    assert sorted(worker.done) == ["body 0", "body 1", "body 2", "x"]


def test_system_that_does_not_fit_is_refused_before_anything_is_sent(world_of, run):
    def why(world, **changed):
        audit = run(replace(world.task(), **changed))
        assert (audit.outcome, world.service.calls.count("SendMessage")) == ("refused", 0)
        return messages_in(audit.sentence)["redrive-refused"]["why"]

    world = world_of(WORKS)
    assert why(world, dlq_url=None) == "redrive-no-dlq"
    assert why(world, dlq_url=world.service.queue("other").url) == "redrive-other-dlq"
    world.service.functions["worker"].enabled = False
    assert why(world) == "redrive-no-consumer"
    for url in ("https://sqs.us-east-1.amazonaws.com/123456789012/uploads",
                "https://sqs.ap-southeast-2.amazonaws.com/210987654321/uploads"):  # fmt: skip
        world.service.calls.clear()
        assert why(world, queue_url=url) == "plan-other-place"
        assert set(world.service.calls) <= {"GetCallerIdentity"}


def test_policy_allows_the_calls_that_were_made(world_of, clocked, tmp_path):
    world, session = world_of(WORKS, WORKS), session_of(clocked)
    world.fails()  # a message that is not in the list is made visible again
    audit = run_redrive(world.task(), tmp_path / "j", session, LIMITS)
    assert (audit.states, json.loads(json.dumps(audit.to_dict()))["states"]) == (
        {"deleted": 2, "new": 1}, audit.states,
    )  # fmt: skip
    # A list from a file states no DLQ: its URL is looked up beside the run.
    allowed = {call.action for call in calls_of("redrive")} - {"sqs:GetQueueUrl"}
    assert session.actions - {"sts:GetCallerIdentity"} == allowed


def test_message_arrives_byte_for_byte_as_its_sender_gave_it(queue_server, run):
    attributes = {
        "text": {"DataType": "String", "StringValue": "größer, 高い"},
        "count": {"DataType": "Number.int", "StringValue": "0042"},
        "raw": {"DataType": "Binary", "BinaryValue": base64.b64encode(bytes(range(256))).decode()},
        # The bytes look like base64 themselves: decoding once more or once less would change them.
        "ascii": {"DataType": "Binary.b64", "BinaryValue": base64.b64encode(b"YWJj").decode()},
    }
    received = []
    world = World(
        queue_server, [], function={"names": "after", "named": lambda each: received.append(each) or each.id}
    )
    # As the AWS CLI prints it and a case keeps it: binary values as base64 text, as on the wire.
    line = {"QueueUrl": world.source.url, "MessageBody": "高い", "MessageAttributes": attributes}
    task = RedriveTask(world.source.url, (ListedMessage(json.dumps(line), None, "uploads"),))
    audit = run(task)
    [row] = audit.rows
    # A message of no queue is done once it was processed.
    assert messages_in(audit.sentence) == {"redrive-complete-created": {"count": 1}}
    assert (audit.outcome, row.state, row.sent_as) == ("complete", "processed", received[0].id)
    assert (received[0].body, received[0].attributes) == ("高い", attributes)


BAD = [
    ({"MessageBody": "x" * 1_100_000}, "InvalidParameterValue"),
    ({"MessageAttributes": {"a": {"DataType": "Image", "StringValue": "x"}}}, "InvalidParameterValue"),
    ({"MessageAttributes": {"a": {"StringValue": "x"}}}, "DataType"),
    ({"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "no base64!"}}}, "'a' is not base64"),
    ({"MessageBody": "half a pair \ud83d"}, "not valid Unicode"),
]


def test_rejected_message_is_recorded_and_blocks_no_other(world_of, run):
    world = world_of(*[WORKS] * (len(BAD) + 2))
    task = world.task()
    items = [
        replace(item, line=json.dumps(json.loads(item.line) | change))
        for item, (change, _) in zip(task.items, BAD, strict=False)
    ]
    task = replace(task, items=(*items, *task.items[len(BAD) :]))
    audit = run(task)
    assert (audit.outcome, audit.states) == ("stopped", {"rejected": len(BAD), "deleted": 2})
    for row, (_, reason) in zip(audit.rows, BAD, strict=False):
        assert reason in row.reason, row
    sent = world.service.calls.count("SendMessage")
    assert run(task).states == audit.states
    assert world.service.calls.count("SendMessage") == sent
    assert run(task, retry_rejected=True).states == audit.states
    assert world.service.calls.count("SendMessage") > sent


@pytest.mark.parametrize(
    ("script", "function", "state", "reason"),
    [
        ("raise", {"names": "both"}, "failed", "OSError"),
        ("late timeout", {"names": "both"}, "failed", "timed out"),
        ("raise", {}, "failed", "moved to the DLQ again"),
        ("work", {"names": "never"}, "sent", "not-seen"),
        ("work", {"names": "before"}, "sent", "not-stated"),
        ("skip", {}, "sent", "not-stated"),
        ("claim", {"reports": True}, "failed", ""),
    ],
)
def test_message_without_proof_stays_in_the_dlq_and_stops_the_run(
    world_of, run, script, function, state, reason
):
    world = world_of((script,), WORKS, **function)
    audit = run(world.task())
    assert audit.outcome == "stopped"
    assert [(row.state, row.in_dlq) for row in audit.rows[:2]] == [(state, True), ("not_sent", True)]
    assert reason in audit.rows[0].reason
    world.scripts = {}  # the function is corrected
    vars(world.service.functions["worker"]).update(names="after", reports=False)
    # Lambda may process the copy at a further attempt; otherwise it is sent again, on demand alone.
    assert run(world.task()).rows[0].sends == 1
    audit = run(world.task(), retry_unconfirmed=True)
    assert (audit.outcome, audit.states["deleted"]) == ("complete", 2)


def test_row_of_a_message_sent_again_states_nothing_of_the_send_before(world_of, run):
    world = world_of(("raise",), names="both")
    failed = run(world.task()).rows[0]
    vars(world.service.functions["worker"]).update(names="never")
    world.scripts = {}
    again = run(world.task(), retry_unconfirmed=True).rows[0]
    assert failed.request_id
    assert (again.state, again.reason, again.request_id) == ("sent", "not-seen", None)
    assert (again.sends, again.sent_as != failed.sent_as) == (2, True)


def test_messages_that_left_the_dlq_are_sent_from_an_archive_alone(world_of, run):
    world = world_of(WORKS, WORKS, WORKS)
    world.service.count_delay_s = 0.0
    world.discards()
    audit = run(world.task())
    assert audit.outcome == "stopped"
    [left] = [row for row in audit.rows if row.state != "deleted"]
    assert (left.state, left.reason, left.sends) == ("not_sent", "not-received", 0)
    audit = run(replace(world.task(), is_archived=True))
    assert (audit.outcome, audit.states) == ("complete", {"deleted": 2, "gone": 1})


def test_interrupted_run_makes_what_it_holds_visible(world_of, clocked, tmp_path):
    world = world_of(WORKS, WORKS)

    class Interrupted(Plan):
        def before(self, operation):
            super().before(operation)
            if operation == "SendMessage":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_redrive(world.task(), tmp_path / "j", session_of(clocked, Interrupted()), LIMITS)
    now = world.service.clock.now
    assert [each.visible_s <= now for each in world.dlq.messages.values()] == [True, True]


def test_interrupted_wait_for_the_counts_loses_no_result(world_of, run):
    def interrupt(said):
        if said.id == "queue-counts-settling":
            raise KeyboardInterrupt

    world = world_of(WORKS)
    world.service.count_delay_s = 60.0
    audit = run(world.task(), report=interrupt)
    assert (audit.outcome, audit.states, audit.unexplained) == ("complete", {"deleted": 1}, None)


FIFO = ListedMessage(
    json.dumps(
        {
            "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads.fifo", "MessageBody": "x",
            "MessageAttributes": {}, "MessageGroupId": "g", "MessageDeduplicationId": "d",
        }
    ),
    "m0", "uploads.fifo",
)  # fmt: skip


@pytest.mark.parametrize(("minutes", "pending"), [(1, [FIFO]), (6, [])])
def test_fifo_queue_takes_a_message_once_for_some_minutes(tmp_path, minutes, pending):
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    with open_journal(tmp_path / "j", lambda: at) as journal:
        journal.write(message_key(FIFO.line), "sending", id="m0", queue="uploads.fifo")
    found, earlier = pending_messages([FIFO], read_journal(tmp_path / "j"))
    assert (found, earlier.unconfirmed) == (pending, [] if pending else ["m0"])


@pytest.mark.parametrize("event", ["sending", "sent", "rejected", "not sent"])
def test_journal_of_any_content_is_used_or_refused_in_one_sentence(tmp_path, event):
    entry = {
        "key": hashlib.sha256(FIFO.line.encode()).hexdigest()[:32], "id": "m0", "queue": "uploads.fifo",
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


def test_other_file_or_second_run_is_refused_before_anything_is_sent(world_of, run, tmp_path):
    world, journal = world_of(WORKS), tmp_path / "journal"
    journal.write_text(world.task().items[0].line + "\n")
    with pytest.raises(InputError, match="journal:1 is not a journal of watchme"):
        run(world.task())
    journal.unlink()
    with open_journal(journal) as opened, pytest.raises(InputError, match="Another run uses"):
        opened.write("plan", "intended")
        run(world.task())
    with pytest.raises(InputError, match="another remedy"):
        run(world.task())
    assert "SendMessage" not in world.service.calls
