"""Messages are sent again once each, whatever ends a run: against moto's queues, through our own front."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from worlds.hostile_rows import hostile_documents
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import messages_in, refusal
from worlds.together import together

from watchme_analysis.cloudwatch.session import Aws, RateLimits, ThrottledError
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.remedies.redrive import (
    RedriveResult,
    Rejection,
    Target,
    check_owner,
    message_key,
    open_lines,
    pending_messages,
    send_one,
    targets,
)
from watchme_analysis.storage.journal import open_journal, read_journal

# Sends the lines of a file, each once.
RUN = """
import sys
from pathlib import Path
from watchme_analysis.cloudwatch.session import Aws, RateLimits
from watchme_analysis.storage.journal import open_journal
from watchme_analysis.remedies.redrive import RedriveResult, open_lines, send_one
lines, aws = Path(sys.argv[1]).read_text().splitlines(), Aws(rate_limits=RateLimits(gap_s=0.01, attempts=1))
print("begun", flush=True)
with open_journal(Path(sys.argv[2])) as journal:
    found = RedriveResult()
    for line in open_lines(lines, journal, found, retry_unconfirmed=False, retry_rejected=False):
        send_one(line, journal, lambda _: aws, found)
"""


def redrive(lines, path, aws_of, most=None, *, retry_unconfirmed=False, retry_rejected=False):
    """Send the messages that no earlier run has sent, until one stops it."""
    found, retry = RedriveResult(), {"retry_unconfirmed": retry_unconfirmed, "retry_rejected": retry_rejected}
    with open_journal(path) as journal:
        check_owner(journal)
        for line in open_lines(lines, journal, found, **retry):
            if found.stopped or (most is not None and found.sent + len(found.rejected) >= most):
                found.left += 1
            else:
                send_one(line, journal, aws_of, found)
    return found


def aws_of(region):
    return Aws(rate_limits=RateLimits(gap_s=0, attempts=1, backoff_s=0.001, max_backoff_s=0.001))


@pytest.fixture
def queue(front):
    return boto3.client("sqs").create_queue(QueueName="uploads")["QueueUrl"]


def messages(url, number, **more):
    return [
        json.dumps(
            {
                "QueueUrl": url,
                "MessageBody": f"body {place}",
                **{name: value.format(place) for name, value in more.items()},
                "MessageAttributes": {
                    "resent_message_id": {"DataType": "String", "StringValue": f"m{place}"}
                },
            }
        )
        for place in range(number)
    ]


def bodies(url):
    """Every message that the queue holds, by its body."""
    sqs, found = boto3.client("sqs"), []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in batch]
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found, key=lambda body: int(body.split()[1]))


def test_what_one_run_sent_no_other_sends(queue, tmp_path):
    journal, lines = tmp_path / "journal", messages(queue, 5)
    first = redrive(lines, journal, aws_of, 1)
    assert (first.sent, first.before, first.left, first.unconfirmed, first.stopped) == (1, 0, 4, [], "")
    listed, done = pending_messages(lines, journal)
    assert (listed, done.before, done.left) == (lines[1:], 1, 4)
    rest = redrive(lines, journal, aws_of)
    assert (rest.sent, rest.before, rest.left) == (4, 1, 0)
    again = redrive(lines, journal, aws_of)
    assert (again.sent, again.before, again.left) == (0, 5, 0)
    assert bodies(queue) == [f"body {place}" for place in range(5)]


def test_a_throttled_message_is_sent_in_the_end(queue, front, tmp_path):
    front.faults["SendMessage"].extend(["throttle"] * 3)
    found = redrive(messages(queue, 2), tmp_path / "journal", aws_of)
    assert (found.sent, found.left, found.stopped) == (2, 0, "")
    assert bodies(queue) == ["body 0", "body 1"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["denied", "throttle"])
def test_a_refusal_stops_and_loses_nothing(queue, front, tmp_path, fault):
    journal, lines = tmp_path / "journal", messages(queue, 3)
    redrive(lines, journal, aws_of, 1)
    front.faults["SendMessage"].extend([fault] * 50)
    found = redrive(lines, journal, aws_of)
    assert (found.sent, found.before, found.left, found.unconfirmed) == (0, 1, 2, [])
    assert "SendMessage" in found.stopped
    front.faults.clear()
    assert redrive(lines, journal, aws_of).sent == 2
    assert bodies(queue) == ["body 0", "body 1", "body 2"]


def test_attributes_arrive_byte_for_byte_as_a_sender_gave_them(queue, tmp_path):
    sqs = boto3.client("sqs")
    attributes = {
        "text": {"DataType": "String", "StringValue": "größer, 高い"},
        "count": {"DataType": "Number.int", "StringValue": "0042"},
        "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
        "icon": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG\r\n\x1a\n\x00"},
        # The bytes look like base64 themselves: decoding once more or once less would change them.
        "ascii": {"DataType": "Binary.b64", "BinaryValue": base64.b64encode(b"abc")},
        "empty_type": {"DataType": "String.json", "StringValue": "{}"},
    }
    first = sqs.send_message(QueueUrl=queue, MessageBody="body", MessageAttributes=attributes)
    (received,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])
    # As the AWS CLI prints it and a case keeps it: binary values as base64 text.
    kept = {
        name: {**value, "BinaryValue": base64.b64encode(value["BinaryValue"]).decode()}
        if "BinaryValue" in value
        else value
        for name, value in received["MessageAttributes"].items()
    }
    line = json.dumps({"QueueUrl": queue, "MessageBody": received["Body"], "MessageAttributes": kept})
    assert redrive([line], tmp_path / "journal", aws_of).sent == 1
    (again,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    assert again["MessageAttributes"] == attributes
    assert again["MD5OfMessageAttributes"] == first["MD5OfMessageAttributes"]
    assert again["MD5OfBody"] == first["MD5OfMessageBody"]


def damaged(line, **changes):
    return json.dumps({**json.loads(line), **changes})


TOO_LONG = "x" * 1_100_000
REJECTED = [
    ({"MessageBody": TOO_LONG}, "InvalidParameterValue: .*shorter than"),
    ({"MessageAttributes": {"a": {"DataType": "Image", "StringValue": "x"}}}, "InvalidParameterValue: .*'a'"),
    ({"MessageAttributes": {"a": {"StringValue": "x"}}}, "DataType"),
    ({"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "no base64!"}}}, "'a' is not base64$"),
    ({"MessageBody": "half a pair \ud83d"}, "not valid Unicode"),
]


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(("changes", "reason"), REJECTED)
def test_a_rejected_message_is_recorded_and_blocks_no_other(queue, front, tmp_path, changes, reason):
    journal, lines = tmp_path / "journal", messages(queue, 3)
    lines[1] = damaged(lines[1], **changes)
    first = redrive(lines, journal, aws_of)
    assert (first.sent, first.left, first.unconfirmed, first.stopped) == (2, 0, [], "")
    (rejected,) = first.rejected
    assert re.search(reason, rejected.reason)
    assert [json.loads(line)["event"] for line in journal.read_text().splitlines()].count("rejected") == 1
    tried = front.calls["SendMessage"]
    again = redrive(lines, journal, aws_of)
    assert (again.sent, again.before, again.rejected, again.rejected_before) == (0, 2, [], [rejected])
    assert front.calls["SendMessage"] == tried
    listed, done = pending_messages(lines, journal)
    assert (listed, done.rejected_before) == ([], [rejected])
    assert pending_messages(lines, journal, retry_rejected=True)[0] == [lines[1]]
    requested = redrive(lines, journal, aws_of, retry_rejected=True)
    assert (requested.sent, requested.rejected, requested.rejected_before) == (0, [rejected], [])
    assert bodies(queue) == ["body 0", "body 2"]


@pytest.mark.slow
def test_a_rejected_message_is_one_of_those_to_send_now(queue, front, tmp_path):
    journal, lines = tmp_path / "journal", messages(queue, 3)
    front.faults["SendMessage"].append("contents")
    first = redrive(lines, journal, aws_of, 1)
    assert (first.sent, first.left, first.rejected[0].message_id) == (0, 2, "m0")
    assert first.rejected[0].reason.startswith("InvalidMessageContents: ")
    second = redrive(lines, journal, aws_of, 1)
    assert (second.sent, second.left) == (1, 1)
    assert bodies(queue) == ["body 1"]


def test_a_missing_queue_stops_a_run_and_rejects_nothing(queue, tmp_path):
    journal, lines = tmp_path / "journal", messages(queue + "-gone", 2)
    found = redrive(lines, journal, aws_of)
    assert (found.sent, found.left, found.rejected) == (0, 2, [])
    assert "check name, region and profile" in found.stopped
    assert pending_messages(lines, journal)[0] == lines


def test_targets_name_queue_account_and_region():
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/a.fifo"
    other = "http://127.0.0.1:5000/strange"
    lines = [*messages(url, 3), *messages(other, 1)]
    assert targets(lines) == [
        Target("a.fifo", "123456789012", "eu-west-1", 3),
        Target(other, "unknown", "unknown", 1),
    ]


def test_after_a_broken_connection_a_message_is_not_sent_without_a_request(queue, front, tmp_path):
    journal, lines = tmp_path / "journal", messages(queue, 3)
    front.faults["SendMessage"].append("reset")
    broken = redrive(lines, journal, aws_of)
    assert (broken.sent, broken.left, broken.unconfirmed) == (0, 2, ["m0"])
    assert broken.stopped
    held = journal.read_bytes()
    listed, done = pending_messages(lines, journal)
    assert (listed, done.unconfirmed) == (lines[1:], ["m0"])
    assert pending_messages(lines, journal, retry_unconfirmed=True)[0] == lines
    assert journal.read_bytes() == held
    on = redrive(lines, journal, aws_of)
    assert (on.sent, on.unconfirmed) == (2, ["m0"])
    requested = redrive(lines[:1], journal, aws_of, retry_unconfirmed=True)
    assert (requested.sent, requested.before, requested.unconfirmed) == (1, 0, [])
    assert bodies(queue) == ["body 0", "body 1", "body 2"]


def test_where_nothing_can_be_reached_nothing_is_unsure(queue, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = redrive(messages(queue, 2), tmp_path / "journal", aws_of)
    assert (found.sent, found.left, found.unconfirmed) == (0, 2, [])
    assert "check the network" in found.stopped


@pytest.mark.parametrize(("minutes", "sent", "unsure"), [(1, 1, []), (6, 0, ["m0"])])
def test_a_fifo_queue_is_trusted_to_take_a_message_once_for_some_minutes(
    front, tmp_path, minutes, sent, unsure
):
    url = boto3.client("sqs").create_queue(QueueName="a.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    lines = messages(url, 1, MessageGroupId="g", MessageDeduplicationId="d{}")
    journal = tmp_path / "journal"
    redrive(lines, journal, aws_of)
    about = json.loads(journal.read_text().splitlines()[0])
    about["at"] = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    journal.write_text(json.dumps(about) + "\n")
    found = redrive(lines, journal, aws_of)
    assert (found.sent, found.unconfirmed) == (sent, unsure)
    assert bodies(url) == ["body 0"]


@pytest.mark.parametrize("event", ["sending", "sent", "rejected", "not sent"])
def test_a_journal_of_any_content_is_used_or_refused_in_one_sentence(tmp_path, event):
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads.fifo"
    lines = messages(url, 1, MessageGroupId="g", MessageDeduplicationId="d{}")
    entry = {
        "key": hashlib.sha256(lines[0].encode()).hexdigest()[:32], "id": "m0", "queue": url,
        "event": event, "at": "2025-12-11T01:00:00.000+00:00", "reason": "x",
    }  # fmt: skip
    journal = tmp_path / "journal"
    lacking = [
        json.dumps({key: entry[key] for key in entry if key != left_out}).encode() for left_out in entry
    ]
    for content in [*hostile_documents(entry, 40), *lacking]:
        journal.write_bytes(content + b"\n")
        try:
            pending_messages(lines, journal)
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.slow
def test_an_entry_that_a_kill_cut_off_counts_for_nothing_at_any_length(queue, tmp_path):
    journal, lines = tmp_path / "journal", messages(queue, 1)
    redrive(lines, journal, aws_of)
    about, done = journal.read_text().splitlines()
    for cut in (1, 5, 20, len(done) - 1):
        journal.write_text(f"{about}\n{done[:cut]}")
        for _ in range(2):  # the first ends the cut line, the second reads it as one
            assert redrive(lines, journal, aws_of).unconfirmed == ["m0"]
    for cut in (1, 5, 20, len(about) - 1):
        journal.write_text(about[:cut])
        assert redrive(lines, journal, aws_of).sent == 1


def test_an_entry_after_one_that_was_cut_off_counts(queue, front, tmp_path):
    journal, lines = tmp_path / "journal", messages(queue, 1)
    journal.write_text('{"key": "0123')
    front.faults["SendMessage"].append("reset")
    for _ in range(2):
        assert redrive(lines, journal, aws_of).unconfirmed == ["m0"]


def test_another_file_and_a_second_run_are_refused_before_anything_is_sent(queue, front, tmp_path):
    import fcntl

    other = tmp_path / "redrive.jsonl"
    other.write_text("".join(f"{line}\n" for line in messages(queue, 1)))
    with pytest.raises(InputError, match=r"redrive.jsonl:1 is not a journal of watchme"):
        redrive(messages(queue, 1), other, aws_of)
    with pytest.raises(InputError, match="can't be written"):
        redrive(messages(queue, 1), tmp_path, aws_of)
    with (tmp_path / "journal").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="Another run uses"):
            redrive(messages(queue, 1), tmp_path / "journal", aws_of)
    assert front.calls["SendMessage"] == 0


@pytest.mark.slow
def test_kills_lose_nothing_and_send_nothing_twice_unsaid(queue, front, tmp_path):
    front.latency_s = 0.02
    source, journal = tmp_path / "lines", tmp_path / "journal"
    source.write_text("\n".join(messages(queue, 40)))
    for wait_s in (0.15, 0.31, 0.22):
        run = subprocess.Popen(
            [sys.executable, "-c", RUN, source, journal], stdout=subprocess.PIPE, env=os.environ
        )
        run.stdout.readline()
        while run.poll() is None and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.01)
        assert journal.exists(), "the run ended before it wrote its journal"
        time.sleep(wait_s)
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
    last = redrive(source.read_text().splitlines(), journal, aws_of)
    held = bodies(queue)
    assert len(held) == len(set(held))
    missing = {f"body {place}" for place in range(40)} - set(held)
    assert missing <= {f"body {name[1:]}" for name in last.unconfirmed}
    assert len(last.unconfirmed) <= 3
    assert last.sent + last.before + len(last.unconfirmed) == 40


SQS_URL = URL + "uploads"


@pytest.fixture
def memory():
    account = MemoryQueues(rate_limits=RateLimits(backoff_s=0.5, max_backoff_s=5.0))
    account.held["uploads"] = {}
    return account


def refused_by_aws(code, text="said", error=ServiceError):
    """Return the error of a call that SQS answered with a code."""
    found = error(f"{code}: {text}.")
    found.__cause__ = ClientError({"Error": {"Code": code, "Message": text}}, "SendMessage")
    return found


def invalid(report):
    """Return the error of a message that boto3 refuses before it is sent."""
    found = ServiceError("invalid")
    found.__cause__ = ParamValidationError(report=report)
    return found


def entries(path):
    """Return the entries of a journal without times, seals, and what is for the table ``actions`` alone."""
    left_out = {"at", "seal", "step", "resource", "sentence", "call"}
    return [
        {key: value for key, value in one.items() if key not in left_out}
        for one in read_journal(path).entries
    ]


def test_what_is_sent_recorded_and_counted(memory, tmp_path):
    lines = [
        *messages(SQS_URL, 2),
        json.dumps({"QueueUrl": SQS_URL, "MessageBody": "c", "MessageAttributes": {}}),
    ]
    regions = []
    found = redrive(lines, tmp_path / "j", lambda region: regions.append(region) or memory, 2)
    assert found == RedriveResult(sent=2, left=1)
    assert regions == ["eu-west-1", "eu-west-1"]
    assert memory.made[0] == ("send_message", json.loads(lines[0]))
    key = hashlib.sha256(lines[0].encode()).hexdigest()[:32]
    sent = "00000000-0000-4000-8000-000000000001"
    assert entries(tmp_path / "j")[:2] == [
        {"key": key, "event": "sending", "id": "m0", "queue": SQS_URL},
        {"key": key, "event": "sent", "id": "m0", "queue": SQS_URL, "as": sent},
    ]
    # A message without an id in the DLQ has a placeholder, and a URL of another form no region.
    other = json.dumps({**json.loads(lines[2]), "QueueUrl": "http://127.0.0.1:5000/1/uploads"})
    memory.responses["send_message"] = {"MessageId": "s"}
    assert redrive([other], tmp_path / "k", lambda region: regions.append(region) or memory).sent == 1
    assert (regions[-1], entries(tmp_path / "k")[0]["id"]) == (None, "one without resent_message_id")


def test_a_throttled_message_is_tried_eight_times(memory, tmp_path):
    lines = messages(SQS_URL, 3)
    memory.problems["send_message"] = [ThrottledError("Rate exceeded")] * 7
    assert redrive(lines[:1], tmp_path / "j", lambda _: memory) == RedriveResult(sent=1)
    assert (len(memory.made), len(memory.waits)) == (8, 7)
    memory.problems["send_message"] = [ThrottledError("Rate exceeded")] * 8
    found = redrive(lines, tmp_path / "j", lambda _: memory)
    assert found == RedriveResult(before=1, left=2, stopped="Rate exceeded")
    assert [one["event"] for one in entries(tmp_path / "j")[2:]] == ["sending", "not sent"]


@together(
    ("error", "reason"),
    [
        (
            refused_by_aws("InvalidMessageContents", "odd  characters"),
            "InvalidMessageContents: odd characters",
        ),
        (refused_by_aws("AWS.SimpleQueueService.InvalidAttributeValue"), "InvalidAttributeValue: said"),
        (refused_by_aws("413", "long" * 100), "413: " + ("long" * 74)[:295]),
        # A server error with such a code concerns the queue.
        (refused_by_aws("InvalidParameterValue", error=RetryableServiceError), None),
        (refused_by_aws("AccessDenied"), None),
        (refused_by_aws("KmsAccessDenied"), None),
        (ServiceError("of another kind"), None),
        (invalid("Missing  DataType"), "Parameter validation failed: Missing DataType"),
    ],
)
def test_errors_of_a_single_message_and_of_all(error, reason):
    memory = MemoryQueues(held={"uploads": {}})
    memory.problems["send_message"] = [error]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        lines = messages(SQS_URL, 2)
        found = redrive(lines, path, lambda _: memory)
        if reason is not None:
            assert found == RedriveResult(sent=1, rejected=[Rejection("m0", reason)])
            assert entries(path)[1]["reason"] == reason
        elif error.retryable:  # it may have arrived
            assert found == RedriveResult(unconfirmed=["m0"], left=1, stopped=str(error))
            assert len(entries(path)) == 1
        else:
            assert (found.sent, found.left, found.rejected, bool(found.stopped)) == (0, 2, [], True)
            assert entries(path)[1]["event"] == "not sent"


def test_lines_of_earlier_runs_are_counted_by_their_last_entry(memory, tmp_path):
    lines = messages(SQS_URL, 5)
    with open_journal(tmp_path / "j") as journal:
        for line, event in zip(lines, ("sending", "rejected", "failed", "gone", "not sent"), strict=True):
            journal.write(message_key(line), event, queue=SQS_URL)
    expected = RedriveResult(
        before=2, unconfirmed=["m0"], rejected_before=[Rejection("m1", "unknown")], left=1
    )
    assert pending_messages(lines, tmp_path / "j") == ([lines[4]], expected)
    # A message that failed was sent and not confirmed.
    again = [lines[0], lines[2], lines[4]]
    assert pending_messages(lines, tmp_path / "j", retry_unconfirmed=True)[0] == again
    assert pending_messages(lines, tmp_path / "j", retry_rejected=True)[0] == [lines[1], lines[4]]
    (tmp_path / "k").write_text('{"key": "a", "event": "done", "at": "2026-03-02T04:00:00+00:00"}\n')
    path = str(tmp_path / "k")
    assert refusal(pending_messages, lines, tmp_path / "k") == {"error-redrive-journal": {"path": path}}
    assert refusal(redrive, lines, tmp_path / "k", None) == {"error-redrive-journal": {"path": path}}


def test_deduplication_ids_of_a_fifo_queue(memory, tmp_path):
    fifo = URL + "a.fifo"
    memory.held["a.fifo"] = {}
    [line] = messages(fifo, 1, MessageGroupId="g", MessageDeduplicationId="of the sender")
    key = message_key(line)
    # Another id than that of the sender, and the same at each attempt.
    memory.problems["send_message"] = [refused_by_aws("AccessDenied")]
    for _ in range(2):
        redrive([line], tmp_path / "j", lambda _: memory)
    ids = [made["MessageDeduplicationId"] for _, made in memory.made]
    assert ids == [f"redrive-{key}"] * 2
    assert entries(tmp_path / "j")[0] == {
        "key": key, "event": "sending", "id": "m0", "queue": fifo, "deduplication": f"redrive-{key}"
    }  # fmt: skip


def test_messages_that_can_not_be_sent_as_they_were(memory, tmp_path):
    lines = messages(SQS_URL, 2)
    lines[0] = damaged(lines[0], MessageAttributes={"a": {"DataType": "Binary", "BinaryValue": "?"}})
    lines[1] = damaged(lines[1], MessageBody="half \ud83d")
    found = redrive(lines, tmp_path / "j", lambda _: memory)
    assert [messages_in(one.reason.message) for one in found.rejected] == [
        {"redrive-body-no-base64": {"name": "'a'"}}, {"redrive-body-no-unicode": {}}
    ]  # fmt: skip
    assert [one["event"] for one in entries(tmp_path / "j")] == ["rejected", "rejected"]
    assert memory.made == []
