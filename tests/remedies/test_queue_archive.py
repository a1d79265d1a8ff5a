"""Archive and purge of a queue: nothing is deleted that is not in a whole archive."""

import gzip
import json

import pytest
from click.testing import CliRunner
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import messages_in
from worlds.queue_worker import Worker

from watchme_analysis.cli.queue import queue_group
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.files.journal import read_journal
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.remedies.queue_archive import ReadingLimits, archive_queue, is_archive, read_archive
from watchme_analysis.remedies.queue_purge import (
    actions_of_purge,
    calls_of_purge,
    journal_of,
    purge_queue,
    record_of,
)

QUICK = ReadingLimits(visibility_timeout_s=1, settle_s=0.2)


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


@pytest.mark.slow
def test_an_archive_is_not_replaced(archive, aws):
    with pytest.raises(InputError, match="choose another place"):
        archive_queue(aws, "uploads-dlq", archive.path, QUICK)


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
    assert purge_queue(aws, worker.dlq, found, "r", limits=QUICK).outcome == "refused"


@pytest.mark.slow
def test_a_queue_whose_messages_could_move_is_not_read(worker, aws, front, tmp_path):
    with pytest.raises(InputError, match="redrive policy of its own"):
        archive_queue(aws, worker.queue, tmp_path / "a.gz", QUICK)
    assert front.calls["ReceiveMessage"] == 0


def test_a_failure_leaves_no_file_and_no_hidden_message(worker, aws, front, tmp_path):
    worker.dead_letters(12)
    front.faults["ReceiveMessage"].extend([None, "denied"])
    with pytest.raises(Exception, match="AccessDenied"):
        archive_queue(aws, worker.dlq, tmp_path / "a.gz", QUICK)
    assert list(tmp_path.iterdir()) == []
    assert len(worker.in_dlq()) == 12


@pytest.mark.parametrize("method", ["delete", "purge"])
def test_a_purge_empties_the_queue_and_writes_the_record(worker, aws, archive, method):
    used = Aws(rate_limits=FAST)
    result = purge_queue(used, "uploads-dlq", archive, "lost", method=method, limits=QUICK, purge_s=0)
    assert (result.outcome, result.deleted) == ("complete", 12 if method == "delete" else None)
    assert worker.in_dlq() == set()
    record = json.loads(record_of(archive.path).read_text())
    assert (record["state"], record["reason"], record["count"]) == ("complete", "lost", 12)
    assert record["oldest"] <= record["newest"]
    allowed = {action_of(call) for call in calls_of_purge(worker.dlq, method)}
    assert used.actions <= allowed <= used.actions | {"sqs:ChangeMessageVisibility"}
    rows = actions_of_purge(read_journal(journal_of(archive.path)), archive.url)
    assert [row["outcome"] for row in rows] == ["done"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["delete", "purge"])
def test_a_message_that_is_not_archived_stays(worker, aws, archive, front, method):
    (late,) = worker.dead_letters(1)
    result = purge_queue(aws, worker.dlq, archive, "r", method=method, limits=QUICK, purge_s=0)
    assert (result.outcome, result.left) == ("stopped", (late,))
    assert worker.in_dlq() == ({late} if method == "delete" else {late, *archive.messages})
    assert front.calls["PurgeQueue"] == 0


def test_a_purge_within_a_minute_of_another_waits(worker, aws, archive, front):
    front.faults["PurgeQueue"].append("purging")
    said = []
    result = purge_queue(
        aws, worker.dlq, archive, "r", method="purge", limits=QUICK, purge_s=0.01, report=said.append
    )
    assert result.outcome == "complete"
    assert [each.id for each in said] == ["purge-waits"]
    assert front.calls["PurgeQueue"] == 2


def test_an_archive_of_another_queue_is_refused(worker, aws, archive, front):
    other = worker.sqs.create_queue(QueueName="other-dlq")["QueueUrl"]
    result = purge_queue(aws, other, archive, "r", limits=QUICK)
    assert (result.outcome, messages_in(result.sentence)["purge-refused"]["why"]) == (
        "refused",
        "purge-other-queue",
    )
    assert front.calls["DeleteMessageBatch"] == 0


@pytest.mark.slow
def test_failed_entries_are_repeated_individually(worker, aws, archive, front):
    front.failed_entries["DeleteMessageBatch"].append(("3", False))
    assert purge_queue(aws, worker.dlq, archive, "r", limits=QUICK).outcome == "complete"
    assert worker.in_dlq() == set()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["delete", "purge"])
def test_a_purge_killed_at_any_moment_is_resumed(worker, aws, tmp_path, subtests, method):
    options = {"method": method, "limits": QUICK, "purge_s": 0}

    def begin(moment):
        # A queue of its own: SQS purges one queue once in a minute.
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
            assert record["deleted"] == (2 if method == "delete" else None)
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
    assert run(*words, "--apply").return_value == 0
    assert worker.in_dlq() == set()
    assert "sqs:PurgeQueue" in run("purge", "x", "--method", "purge", "--print-policy").stdout
    assert "sqs:DeleteMessage" not in run("archive", "x", "--print-policy").stdout


def test_a_purge_needs_an_archive_and_a_reason(worker):
    with pytest.raises(InputError, match="needs --archive"):
        CliRunner().invoke(queue_group, ["purge", "x"], standalone_mode=False, catch_exceptions=False)
