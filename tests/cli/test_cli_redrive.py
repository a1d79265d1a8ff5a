import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds.queue_worker import Worker
from worlds.shorter_case import MESSAGES, write_shorter

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli.redrive import redrive
from watchme_analysis.errors import InputError


@pytest.fixture
def run(shorter):
    case = str(shorter.path)
    return lambda *arguments: CliRunner().invoke(redrive, [case, *arguments], catch_exceptions=False)


@pytest.fixture
def case(shorter, tmp_path):
    """A copy of a case with ten messages in a DLQ, beside which a journal may lie."""
    return Path(shutil.copytree(shorter.path, tmp_path / "case"))


@pytest.mark.slow
def test_a_case_without_messages_says_how_to_get_them(tmp_path):
    folder = write_shorter(tmp_path / "evidence")
    for path in (folder / "queues").glob("*-messages.json"):
        path.write_text('{"Messages": []}')
    none = CliRunner().invoke(redrive, [str(folder)], catch_exceptions=False)
    assert none.exit_code == 0
    assert none.stderr.splitlines()[0] == "0 messages to redrive"
    assert "`watchme case pull backlog --queue asr-queue --since 2h` samples the DLQ" in none.stderr


@pytest.mark.slow
def test_what_the_sender_set_is_set_again(tmp_path):
    folder = write_shorter(tmp_path / "evidence")
    dump = folder / "queues" / "asr-queue-dlq-messages.json"
    messages = json.loads(dump.read_text())
    trace = {"DataType": "String", "StringValue": "t-1"}
    messages["Messages"][0]["MessageAttributes"] = {"trace": trace}
    dump.write_text(json.dumps(messages))
    import_folder(folder, tmp_path / "case")
    result = CliRunner().invoke(redrive, [str(tmp_path / "case")], catch_exceptions=False)
    lines = [json.loads(line)["MessageAttributes"] for line in result.stdout.splitlines()]
    first = messages["Messages"][0]["MessageId"]
    assert [line for line in lines if "trace" in line] == [
        {"trace": trace, "resent_message_id": {"DataType": "String", "StringValue": first}}
    ]


def test_without_the_url_of_a_queue_nothing_is_sent(tmp_path, front):
    folder = write_shorter(tmp_path / "evidence")
    for path in (folder / "queues").glob("*.json"):
        if "messages" not in path.name:
            path.unlink()
    import_folder(folder, tmp_path / "case")
    result = CliRunner().invoke(redrive, [str(tmp_path / "case"), "--apply"], standalone_mode=False)
    assert isinstance(result.exception, InputError)
    assert "so nothing is sent" in str(result.exception)
    assert front.calls["SendMessage"] == 0


@pytest.fixture
def worker(front, moto_port, case, monkeypatch):
    """The pipeline of the case in the account: its DLQ holds the messages of the case."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    return Worker(front, moto_port, "asr-queue")


@pytest.mark.slow
def test_messages_that_are_not_in_the_dlq_are_not_sent(worker, case, tmp_path):
    from watchme_analysis.case.opening import open_case

    worker.dead_letters(2)
    audit = tmp_path / "audit.json"
    words = [str(case), "--apply", "--rate", "1000", "--to", str(audit)]
    planned = CliRunner().invoke(redrive, [str(case), "--plan"], standalone_mode=False)
    assert planned.return_value == 0
    assert worker.done == []
    result = CliRunner().invoke(redrive, words, standalone_mode=False)
    # The messages of the case are not in this DLQ, so that none of them is sent.
    assert (result.return_value, worker.done) == (1, [])
    assert json.loads(audit.read_text())["states"] == {"not_sent": MESSAGES, "new": 2}
    assert f"{MESSAGES} not sent: they could not be received from the DLQ" in result.stdout
    assert open_case(case).table("actions").empty


def test_the_policy_is_printed_without_a_case_of_messages(run):
    policy = json.loads(run("--print-policy").stdout)
    assert "sqs:DeleteMessage" in policy["Statement"][0]["Action"]


@pytest.mark.slow
def test_messages_are_created_for_work_that_no_message_names(worker, case, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"device_id": "{item}", "local_date": "{day}"}')
    words = [str(case), "--create", str(body), "--queue", "asr-queue"]
    shown = CliRunner().invoke(redrive, words, standalone_mode=False)
    assert (shown.return_value, worker.done) == (0, [])
    bodies = [json.loads(line)["MessageBody"] for line in shown.stdout.splitlines()]
    assert len(bodies) == len(set(bodies)) > 0
    assert json.loads(bodies[0]).keys() == {"device_id", "local_date"}
    result = CliRunner().invoke(redrive, [*words, "--apply", "--rate", "1000"], standalone_mode=False)
    assert (result.return_value, sorted(worker.done)) == (0, sorted(bodies)), result.output


@pytest.mark.slow
def test_an_archive_is_redriven_without_a_case(front, moto_port, tmp_path):
    from watchme_analysis.cli.queue import queue_group

    worker = Worker(front, moto_port)
    worker.dead_letters(3)
    archive = tmp_path / "dlq.jsonl.gz"
    words = ["archive", "uploads-dlq", "--to", str(archive)]
    assert CliRunner().invoke(queue_group, words, standalone_mode=False).return_value == 0
    words = ["--from", str(archive), "--queue", "uploads"]
    listed = CliRunner().invoke(redrive, words, standalone_mode=False)
    assert listed.stdout.count("\n") == 3
    assert CliRunner().invoke(redrive, [*words, "--apply"], standalone_mode=False).return_value == 0
    assert (sorted(worker.done), worker.in_dlq()) == (["body 0", "body 1", "body 2"], set())
    (tmp_path / "list").write_text(listed.stdout)
    again = CliRunner().invoke(redrive, ["--from", str(tmp_path / "list")], standalone_mode=False)
    assert again.stdout == listed.stdout


def test_a_file_of_something_else_is_one_sentence(tmp_path):
    (tmp_path / "other").write_text("anything")
    words = ["--from", str(tmp_path / "other")]
    result = CliRunner().invoke(redrive, words, standalone_mode=False)
    assert isinstance(result.exception, InputError)
    assert "neither an archive" in str(result.exception)
