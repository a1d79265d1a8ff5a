"""Archive and purge of a queue: nothing is deleted that is not in a whole archive."""

import gzip
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from worlds.dead_letters import World, session_of
from worlds.messages import messages_in, refusal
from worlds.queue_worker import Worker
from worlds.stored_case import store_case

from watchme_analysis.case.actions import actions_in, read_actions
from watchme_analysis.cli.queue import queue_group
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.queue_archive import archive_queue, is_archive, read_archive
from watchme_analysis.remedies.queue_purge import journal_of, purge_queue, record_of
from watchme_analysis.storage.journal import open_journal, read_journal
from watchme_analysis.text.message import message

VISIBILITY_S = 120


@pytest.fixture
def world(queue_server):
    return World(queue_server, [("work",)] * 12, count_delay_s=0.0)


@pytest.fixture
def aws(clocked):
    return session_of(clocked)


@pytest.fixture
def archive(world, aws, tmp_path):
    return archive_queue(aws, "uploads-dlq", tmp_path / "a.gz", VISIBILITY_S)


def test_archive_holds_every_message_and_leaves_them(world, archive):
    bodies = {name: each["Body"] for name, each in archive.messages.items()}
    assert (archive.missed, bodies) == ((), world.planned)
    assert (archive.counts.total, archive.summary["count"], len(world.dlq.messages)) == (12, 12, 12)
    assert (is_archive(archive.path), archive.summary["senders"]) == (True, {"A": 12})


def test_damaged_archive_is_refused(archive, tmp_path, subtests):
    data = gzip.decompress(archive.path.read_bytes())
    lines = data.splitlines(keepends=True)
    damaged = {
        "a message is missing": b"".join(lines[:3] + lines[4:]),
        "a body was changed": data.replace(b"device-3", b"device-4", 1),
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


def test_everything_that_an_archive_may_lack_is_stated(world, aws, tmp_path):
    world.service.call_s = 50.0  # so that the first messages are visible again at the end of the reading
    late = archive_queue(aws, world.dlq.url, tmp_path / "late.gz", VISIBILITY_S)
    assert "archive-out-of-time" in [next(iter(messages_in(each))) for each in late.missed]
    world.service.call_s = 0.02
    world.service.settle()
    world.service.receive(world.dlq, 1, 30_000)
    found = archive_queue(aws, world.dlq.url, tmp_path / "a.gz", VISIBILITY_S)
    assert [messages_in(each) for each in found.missed] == [
        {"archive-count-differs": {"count": 12, "archived": 11}}, {"archive-in-flight": {"count": 1}},
    ]  # fmt: skip
    assert purge_queue(aws, world.dlq.url, found, "r", visibility_timeout_s=VISIBILITY_S).outcome == "refused"


def test_failure_leaves_no_file_and_no_hidden_message(world, aws, tmp_path):
    world.service.faults = {("ReceiveMessage", number): "error" for number in range(2, 40)}
    with pytest.raises(ServiceError):
        archive_queue(aws, world.dlq.url, tmp_path / "a.gz", VISIBILITY_S)
    assert list(tmp_path.iterdir()) == []
    now = world.service.clock.now
    assert all(each.visible_s <= now for each in world.dlq.messages.values())


def test_purge_empties_the_queue_and_writes_the_record(world, archive, clocked, tmp_path):
    used = session_of(clocked)
    case = store_case(tmp_path / "case", log_events=[
        {"request_id": "r", "function": "worker", "kind": "application",
         "message": f"message_id={next(iter(archive.messages))}"},
        {"request_id": "r", "function": "worker", "kind": "error", "message": "KeyError: 'id'",
         "error_type": "KeyError"},
    ]).path  # fmt: skip
    result = purge_queue(used, "uploads-dlq", archive, "lost", case=case, visibility_timeout_s=VISIBILITY_S)
    assert (result.outcome, result.deleted, world.dlq.messages) == ("complete", 12, {})
    record = json.loads(record_of(archive.path).read_text())
    assert (record["state"], record["reason"], record["count"]) == ("complete", "lost", 12)
    # The case states the errors with which the messages failed.
    assert (record["oldest"] <= record["newest"], record["errors"]) == (True, {"KeyError": 1})
    allowed = {call.action for call in calls_of("queue purge")}
    assert (
        used.actions - {"sts:GetCallerIdentity"} <= allowed <= used.actions | {"sqs:ChangeMessageVisibility"}
    )
    rows = actions_in(read_journal(journal_of(archive.path)), "queue purge")
    assert [row["outcome"] for row in rows] == ["done"]
    assert read_actions(case)[["remedy", "resource"]].values.tolist() == [["queue purge", "uploads-dlq"]]


def test_messages_are_compared_by_what_they_contain(world, archive, aws):
    first, second, *_ = world.dlq.messages.values()
    first.body = "other"
    second.attributes = {"kind": {"StringValue": "x", "DataType": "String"}}
    result = purge_queue(aws, world.dlq.url, archive, "lost", visibility_timeout_s=VISIBILITY_S)
    assert (result.outcome, result.deleted, set(result.left)) == ("stopped", 10, {first.id, second.id})
    assert world.dlq.messages.keys() == {first.id, second.id}


def test_deletion_that_sqs_refuses_is_not_recorded_as_done(world, archive, aws):
    kept, *_ = world.dlq.messages
    world.refuse_deletion(kept)
    result = purge_queue(aws, world.dlq.url, archive, "lost", visibility_timeout_s=VISIBILITY_S)
    assert ("purge-in-use" in messages_in(result.sentence), kept in result.uncertain) == (True, True)
    deleted = [each for each in read_journal(journal_of(archive.path)).entries if each["event"] == "deleted"]
    assert {name for each in deleted for name in each["ids"]} == set(archive.messages) - {kept}
    assert world.dlq.messages[kept].visible_s <= world.service.clock.now  # others can receive it at once


def test_purge_is_refused_before_anything_is_deleted(world, archive, aws, tmp_path):
    def why(archive):
        result = purge_queue(aws, world.dlq.url, archive, "lost", visibility_timeout_s=VISIBILITY_S)
        assert (result.outcome, result.deleted, result.record) == ("refused", 0, None)
        assert not record_of(archive.path).exists()
        return messages_in(result.sentence)["purge-refused"]["why"]

    assert why(replace(archive, arn=world.source.arn)) == "purge-other-queue"
    for part in ("123456789012", "ap-southeast-2"):
        elsewhere = archive.arn.replace(part, "us-east-1" if "-" in part else "210987654321")
        world.service.calls.clear()
        assert why(replace(archive, arn=elsewhere)) == "plan-other-place"
        assert set(world.service.calls) <= {"GetCallerIdentity"}  # not even read
    missed = (message("archive-in-flight", count=1),)
    assert why(replace(archive, missed=missed)) == "purge-incomplete-archive"

    def error(**options):
        return [*refusal(purge_queue, aws, world.dlq.url, archive, "lost", **options)]

    journal = journal_of(archive.path)
    for event, expected in (("intended", "archive"), ("sent", "remedy")):
        with open_journal(journal) as opened:
            opened.write("purge" if event == "intended" else "a message", event, plan="of another archive")
        assert error() == [f"error-purge-journal-{expected}"]
        journal.unlink()
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "probes.csv").write_text(
        "timestamp,vantage,path,status,seconds,error\n2026-03-02T04:00:00Z,a,/,200,1,\n"
    )
    assert error(case=raw) == ["error-case-is-raw"]
    record_of(archive.path).write_text("notes of somebody")
    assert error() == ["error-output-other-kind"]
    world.dlq.dlq = world.source
    assert error() == ["error-queue-with-redrive"]
    assert "DeleteMessageBatch" not in world.service.calls


def test_command_archives_shows_the_plan_and_purges(front, moto_port, tmp_path):
    worker = Worker(front, moto_port)
    worker.dead_letters(2)
    path = tmp_path / "dlq.jsonl.gz"

    def run(*words):
        return CliRunner().invoke(queue_group, words, standalone_mode=False, catch_exceptions=False)

    archived = run("archive", "--queue", "uploads-dlq", "--to", str(path), "--json")
    assert (archived.return_value, json.loads(archived.stdout)["messages"]) == (0, 2)
    words = ["purge", "uploads-dlq", "--archive", str(path), "--reason", "lost"]
    plan = run(*words)
    assert (plan.return_value, len(worker.in_dlq())) == (0, 2)
    assert "sqs purge" not in plan.stdout and "--queue SOURCE --apply" in plan.stdout  # how to undo it
    done = run(*words, "--apply", "--json")
    document = json.loads(done.stdout)
    assert (done.return_value, document["outcome"]) == (0, "complete")
    assert (document["deleted"], document["uncertain"], worker.in_dlq()) == (2, 0, set())
    assert document["record"] == str(record_of(path))
    worker.sqs.send_message(QueueUrl=worker.dlq, MessageBody="later", DelaySeconds=900)
    partial = run("archive", "uploads-dlq", "--to", str(tmp_path / "partial.gz"), "--json")
    assert (partial.return_value, bool(json.loads(partial.stdout)["missed"])) == (1, True)
    assert "sqs:PurgeQueue" not in run("purge", "x", "--print-policy").stdout
    assert "sqs:DeleteMessage" not in run("archive", "x", "--print-policy").stdout
    for more in ([], ["--reason", "x"], ["--archive", __file__, "--reason", " "]):
        with pytest.raises(InputError, match="needs --archive"):
            run("purge", "x", *more)
