"""The command ``watchme redrive`` on accounts: created messages, an archive, a list, and nothing to send."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds.queue_worker import Worker
from worlds.shorter_case import write_shorter

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli.queue import queue_group
from watchme_analysis.cli.redrive import redrive
from watchme_analysis.errors import InputError


def run(*words, command=redrive):
    return CliRunner().invoke(command, [*map(str, words)], standalone_mode=False)


@pytest.mark.slow
def test_a_case_without_messages_says_how_to_get_them(tmp_path):
    folder = write_shorter(tmp_path / "evidence")
    for path in (folder / "queues").glob("*-messages.json"):
        path.write_text('{"Messages": []}')
    none = run(folder)
    assert (none.return_value, none.stderr.splitlines()[0]) == (0, "0 messages to redrive")
    assert "`watchme case pull backlog --queue asr-queue --since 2h` samples the DLQ" in none.stderr


def test_without_the_url_of_a_queue_nothing_is_sent(tmp_path, front):
    folder = write_shorter(tmp_path / "evidence")
    for path in (folder / "queues").glob("*.json"):
        if "messages" not in path.name:
            path.unlink()
    import_folder(folder, tmp_path / "case")
    result = run(tmp_path / "case", "--apply")
    assert isinstance(result.exception, InputError)
    assert "so nothing is sent" in str(result.exception)
    assert front.calls["SendMessage"] == 0


def test_the_policy_is_printed_without_a_case_of_messages():
    assert "sqs:DeleteMessage" in json.loads(run("--print-policy").stdout)["Statement"][0]["Action"]


def test_policy_of_a_case_receives_from_its_dlqs_alone(shorter):
    statements = json.loads(run(shorter.path, "--print-policy").stdout)["Statement"]
    [receiving] = [each for each in statements if "sqs:ReceiveMessage" in each["Action"]]
    dlqs = shorter.table("queues")["dlq"].dropna().unique()
    assert receiving["Resource"] == sorted(f"arn:aws:sqs:*:*:{name}" for name in dlqs)


@pytest.mark.slow
def test_messages_are_created_for_work_that_no_message_names(
    front, moto_port, shorter, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    worker = Worker(front, moto_port, "asr-queue")
    # A copy, beside which a journal may lie.
    case = Path(shutil.copytree(shorter.path, tmp_path / "case"))
    body = tmp_path / "body.json"
    body.write_text('{"device_id": "{item}", "local_date": "{day}"}')
    words = [case, "--create", body, "--queue", "asr-queue"]
    shown = run(*words)
    assert (shown.return_value, worker.done) == (0, [])
    bodies = [json.loads(line)["MessageBody"] for line in shown.stdout.splitlines()]
    assert len(bodies) == len(set(bodies)) > 0
    assert json.loads(bodies[0]).keys() == {"device_id", "local_date"}
    result = run(*words, "--apply", "--rate", "1000")
    assert (result.return_value, sorted(worker.done)) == (0, sorted(bodies)), result.output


@pytest.mark.slow
def test_an_archive_is_redriven_without_a_case(front, moto_port, tmp_path):
    worker = Worker(front, moto_port)
    worker.dead_letters(3)
    archive, audit = tmp_path / "dlq.jsonl.gz", tmp_path / "audit.json"
    assert run("archive", "uploads-dlq", "--to", archive, command=queue_group).return_value == 0
    words = ["--from", archive, "--queue", "uploads"]
    listed = run(*words)
    assert listed.stdout.count("\n") == 3
    run(*words, "--apply", "--limit", "1")
    assert (len(worker.done), len(worker.in_dlq())) == (1, 2)
    assert run(*words, "--apply", "--to", audit).return_value == 0
    assert (sorted(worker.done), worker.in_dlq()) == (["body 0", "body 1", "body 2"], set())
    assert json.loads(audit.read_text())["states"] == {"deleted": 3}
    (tmp_path / "list").write_text(listed.stdout)
    assert run("--from", tmp_path / "list").stdout == listed.stdout
    (tmp_path / "list").write_text("anything")
    assert "neither an archive" in str(run("--from", tmp_path / "list").exception)
