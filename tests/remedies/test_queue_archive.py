"""Archive and purge of a queue: nothing is deleted that is not in a whole archive."""

import gzip
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import messages_in, refusal
from worlds.queue_worker import Worker

from watchme_analysis.case.actions import actions_in
from watchme_analysis.cli.queue import queue_group
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.remedies.queue_archive import (
    ReadingOptions,
    archive_queue,
    is_archive,
    read_archive,
)
from watchme_analysis.remedies.queue_purge import (
    PurgeResult,
    journal_of,
    purge_queue,
    record_of,
)
from watchme_analysis.remedies.queue_reader import QueueCounts
from watchme_analysis.storage.journal import open_journal, read_journal
from watchme_analysis.text.message import message

QUICK = ReadingOptions(1)


@pytest.fixture
def worker(front, moto_port):
    return Worker(front, moto_port)


@pytest.fixture
def aws(front):
    return Aws(rate_limits=FAST)


@pytest.fixture
def archive(worker, aws, tmp_path):
    worker.dead_letters(12)
    return archive_queue(aws, "uploads-dlq", tmp_path / "a.jsonl.gz", QUICK)


@pytest.mark.slow
def test_an_archive_holds_every_message_and_leaves_them(worker, archive):
    assert not archive.missed
    assert archive.messages.keys() == worker.in_dlq()
    assert (archive.counts.total, archive.summary["count"]) == (12, 12)
    assert {one["Body"] for one in archive.messages.values()} == {f"body {n}" for n in range(12)}
    assert is_archive(archive.path)
    assert sum(archive.summary["senders"].values()) == 12


def test_a_damaged_archive_is_refused(archive, tmp_path, subtests):
    data = gzip.decompress(archive.path.read_bytes())
    lines = data.splitlines(keepends=True)
    damaged = {
        "a message is missing": b"".join(lines[:3] + lines[4:]),
        "a body was changed": data.replace(b"body 3", b"body 4", 1),
        "the end is missing": b"".join(lines[:-1]),
        "cut off": data[:-5],
        "what is missed was removed": data.replace(b'"not_released": 0', b'"not_released": 1'),
        "empty": b"",
    }
    for name, content in damaged.items():
        assert content != data
        with subtests.test(name):
            other = tmp_path / "other.gz"
            other.write_bytes(gzip.compress(content))
            with pytest.raises(InputError, match="not a whole archive"):
                read_archive(other)
    (tmp_path / "torn.gz").write_bytes(archive.path.read_bytes()[:-20])
    with pytest.raises(InputError, match="not a whole archive"):
        read_archive(tmp_path / "torn.gz")


@pytest.mark.slow
def test_messages_that_another_reader_hides_are_stated_as_missing(worker, aws, tmp_path):
    worker.dead_letters(3)
    worker.sqs.receive_message(QueueUrl=worker.dlq, MaxNumberOfMessages=1, VisibilityTimeout=60)
    found = archive_queue(aws, worker.dlq, tmp_path / "a.gz", QUICK)
    assert len(found.messages) == 2
    assert {next(iter(messages_in(each))) for each in found.missed} == {
        "archive-count-differs",
        "archive-in-flight",
    }
    assert purge_queue(aws, worker.dlq, found, "r", reading=QUICK).outcome == "refused"


def test_a_failure_leaves_no_file_and_no_hidden_message(worker, aws, front, tmp_path):
    worker.dead_letters(12)
    front.faults["ReceiveMessage"].extend([None, "denied"])
    with pytest.raises(Exception, match="AccessDenied"):
        archive_queue(aws, worker.dlq, tmp_path / "a.gz", QUICK)
    assert list(tmp_path.iterdir()) == []
    assert len(worker.in_dlq()) == 12


def test_a_purge_empties_the_queue_and_writes_the_record(worker, aws, archive):
    used = Aws(rate_limits=FAST)
    result = purge_queue(used, "uploads-dlq", archive, "lost", reading=QUICK)
    assert (result.outcome, result.deleted) == ("complete", 12)
    assert worker.in_dlq() == set()
    record = json.loads(record_of(archive.path).read_text())
    assert (record["state"], record["reason"], record["count"]) == ("complete", "lost", 12)
    assert record["oldest"] <= record["newest"]
    allowed = {action_of(call) for call in calls_of("queue purge")}
    assert (
        used.actions - {"sts:GetCallerIdentity"} <= allowed <= used.actions | {"sqs:ChangeMessageVisibility"}
    )
    rows = actions_in(read_journal(journal_of(archive.path)), "queue purge")
    assert [row["outcome"] for row in rows] == ["done"]


@pytest.mark.slow
def test_a_purge_killed_at_any_moment_is_resumed(worker, aws, tmp_path, subtests):
    options = {"reading": QUICK}

    def begin(moment):
        worker.dlq = worker.sqs.create_queue(QueueName=f"m{moment}-dlq")["QueueUrl"]
        worker.dead_letters(2)
        found = archive_queue(aws, worker.dlq, tmp_path / f"a{moment}", QUICK)
        return lambda: purge_queue(restarted(aws), worker.dlq, found, "r", **options)

    for moment in kills(begin):
        with subtests.test(moment=moment):
            found = read_archive(tmp_path / f"a{moment}")
            result = purge_queue(restarted(aws), worker.dlq, found, "r", **options)
            assert (result.outcome, result.counts.total) == ("complete", 0)
            record = json.loads(record_of(found.path).read_text())
            assert (record["count"], record["state"]) == (2, "complete")
            assert record["deleted"] + len(record["uncertain"]) == 2
    assert moment > 5


@pytest.mark.slow
def test_an_archive_killed_at_any_moment_is_repeated(worker, aws, tmp_path, subtests):
    worker.dead_letters(2)

    def begin(moment):
        return lambda: archive_queue(restarted(aws), worker.dlq, tmp_path / f"a{moment}", QUICK)

    for moment in kills(begin):
        path = tmp_path / f"a{moment}"
        with subtests.test(moment=moment):
            assert not path.exists() or not read_archive(path).missed
            if not path.exists():
                found = archive_queue(restarted(aws), worker.dlq, path, QUICK)
                assert (len(found.messages), found.missed) == (2, ())
    assert moment > 3
    assert len(worker.in_dlq()) == 2


def test_the_command_archives_shows_the_plan_and_purges(worker, tmp_path):
    worker.dead_letters(2)
    path = tmp_path / "dlq.jsonl.gz"

    def run(*words):
        return CliRunner().invoke(queue_group, words, standalone_mode=False, catch_exceptions=False)

    archived = run("archive", "--queue", "uploads-dlq", "--to", str(path), "--json")
    assert (archived.return_value, json.loads(archived.stdout)["messages"]) == (0, 2)
    words = ["purge", "uploads-dlq", "--archive", str(path), "--reason", "lost"]
    plan = run(*words)
    assert (plan.return_value, len(worker.in_dlq())) == (0, 2)
    assert "--apply" in plan.stdout
    assert "sqs purge" not in plan.stdout and "--queue SOURCE --apply" in plan.stdout  # how to undo it
    done = run(*words, "--apply", "--json")
    document = json.loads(done.stdout)
    assert (done.return_value, document["outcome"]) == (0, "complete")
    assert (document["deleted"], document["uncertain"], worker.in_dlq()) == (2, 0, set())
    assert document["record"] == str(record_of(path))
    assert "sqs:PurgeQueue" not in run("purge", "x", "--print-policy").stdout
    assert "sqs:DeleteMessage" not in run("archive", "x", "--print-policy").stdout


def test_a_purge_needs_an_archive_and_a_reason(worker):
    for more in ([], ["--reason", "x"], ["--archive", __file__, "--reason", " "]):
        with pytest.raises(InputError, match="needs --archive"):
            CliRunner().invoke(
                queue_group, ["purge", "x", *more], standalone_mode=False, catch_exceptions=False
            )


DLQ = URL + "dead"
MINUTE = ReadingOptions(60)


@pytest.fixture
def memory():
    account = MemoryQueues(rate_limits=FAST)
    account.held["dead"] = {}
    return account


def test_everything_that_an_archive_may_lack_is_stated(memory, tmp_path):
    memory.put("dead", "a")
    # Nothing is received when the first message may be visible again at once.
    late = archive_queue(memory, "dead", tmp_path / "late.gz", ReadingOptions(0))
    assert [messages_in(each) for each in late.missed] == [
        {"archive-count-differs": {"count": 1, "archived": 0}},
        {"archive-out-of-time": {"visibility": 0.0}},
    ]
    memory.attributes["dead"] = {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "3",
    }
    memory.answers["change_message_visibility_batch"] = [
        {"Failed": [{"Id": "0", "SenderFault": True, "Code": "AccessDenied"}]}
    ]
    path = tmp_path / "hidden.gz"
    hidden = archive_queue(memory, "dead", path, MINUTE)  # the message stays hidden
    assert [messages_in(each) for each in hidden.missed] == [
        {"archive-count-differs": {"count": 4, "archived": 1}},
        {"archive-in-flight": {"count": 1}},
        {"archive-delayed": {"count": 3}},
    ]
    assert hidden.counts == QueueCounts(0, 1, 3)
    assert json.loads(gzip.decompress(path.read_bytes()).splitlines()[-1])["not_released"] == 1


@pytest.fixture
def archived(memory, tmp_path):
    """An archive of two messages, with the calls of its reading left out."""
    memory.put("dead", "a", "b", SentTimestamp="1772424000000", SenderId="A")
    archive = archive_queue(memory, "dead", tmp_path / "a.gz", MINUTE)
    memory.made.clear()
    return archive


def record_in(archive):
    return json.loads(record_of(archive.path).read_text())


def test_messages_are_compared_by_what_they_contain(memory, archived):
    memory.held["dead"]["m1"]["Body"] = "other"  # although the stated hash is the same
    memory.held["dead"]["m2"]["MessageAttributes"] = {"kind": {"StringValue": "x", "DataType": "String"}}
    result = purge_queue(memory, DLQ, archived, "lost", reading=MINUTE)
    assert (result.deleted, result.left) == (0, ("m1", "m2"))
    assert "delete_message_batch" not in memory.operations()


def test_a_purge_is_refused_before_anything_is_written(memory, archived, tmp_path):
    def why(archive):
        result = purge_queue(memory, DLQ, archive, "lost", reading=MINUTE)
        counts = QueueCounts(2, 0, 0)
        assert result == PurgeResult("refused", result.sentence, 0, (), (), counts, None)
        assert not record_of(archive.path).exists()
        found = messages_in(result.sentence)
        return found[found.pop("purge-refused")["why"]]

    other = "arn:aws:sqs:eu-west-1:123456789012:other"
    assert why(replace(archived, arn=other)) == {"queue": other, "archive": "a.gz"}
    for elsewhere in ("arn:aws:sqs:eu-west-1:210987654321:dead", "arn:aws:sqs:us-east-1:123456789012:dead"):
        memory.made.clear()
        refused = purge_queue(memory, DLQ, replace(archived, arn=elsewhere), "lost", reading=MINUTE)
        assert (refused.outcome, refused.counts, memory.made) == ("refused", None, [])  # not even read
        assert "plan-other-place" in messages_in(refused.sentence)
    missed = (message("archive-in-flight", count=1),)
    assert why(replace(archived, missed=missed)) == {"archive": "a.gz", "missed": "archive-in-flight"}
    path = str(journal_of(archived.path))
    with open_journal(journal_of(archived.path)) as journal:
        journal.write("purge", "intended", plan="of another archive")
    assert refusal(purge_queue, memory, DLQ, archived, "lost") == {
        "error-purge-journal-archive": {"path": path}
    }
    journal_of(archived.path).unlink()
    with open_journal(journal_of(archived.path)) as journal:
        journal.write("a message", "sent")
    assert refusal(purge_queue, memory, DLQ, archived, "lost") == {
        "error-purge-journal-remedy": {"path": path}
    }
    record_of(archived.path).write_text("notes of somebody")
    assert "error-purge-journal-remedy" not in refusal(purge_queue, memory, DLQ, archived, "lost")
    memory.attributes["dead"] = {"RedrivePolicy": "{}"}
    assert "error-queue-with-redrive" in refusal(purge_queue, memory, DLQ, archived, "lost")
