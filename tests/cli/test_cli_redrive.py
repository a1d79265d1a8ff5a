import json
import resource
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds.queue_worker import Worker
from worlds.shorter_case import MESSAGES, write_shorter

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli import cli
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
def test_the_list_goes_to_the_screen_and_the_count_beside_it(run):
    result = run()
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["QueueUrl"].rsplit("/", 1)[-1] for line in lines} == {"asr-queue"}
    ids = [line["MessageAttributes"]["resent_message_id"]["StringValue"] for line in lines]
    assert len(ids) == len(set(ids)) == MESSAGES
    assert result.stderr == f"{MESSAGES} messages to redrive\n"


@pytest.mark.slow
def test_the_list_goes_to_a_file(run, tmp_path):
    out = tmp_path / "again.jsonl"
    result = run("--to", str(out))
    assert result.stdout == ""
    assert out.read_text(encoding="utf-8").count("\n") == MESSAGES
    run("--to", str(out))  # a list is replaced by the same list
    assert out.read_text(encoding="utf-8").count("\n") == MESSAGES


@pytest.mark.slow
def test_the_list_has_other_forms_and_one_region(run, tmp_path):
    lines = [json.loads(line) for line in run("--output", "jsonl").stdout.splitlines()]
    assert json.loads(run("--json").stdout) == lines
    assert len(run("--output", "table").stdout.splitlines()) == MESSAGES + 1
    printed = json.loads(run("--plan", "--json", "--to", str(tmp_path / "not-written")).stdout)
    assert printed["messages"] == MESSAGES
    region = lines[0]["QueueUrl"].split(".")[1]
    assert run("--region", region).exit_code == 0
    with pytest.raises(InputError, match=region):
        run("--region", "nowhere-1")


@pytest.mark.slow
def test_a_list_that_finds_no_room_leaves_no_part_of_it(run, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            run("--to", str(tmp_path / "again.jsonl"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_queue_without_dead_letters_has_none_and_an_unknown_one_is_said(run):
    assert run("--queue", "sed-queue").stderr == "0 messages to redrive\n"
    with pytest.raises(InputError, match="has no queue 'sed': its queues are asr-queue"):
        run("--queue", "sed")


@pytest.mark.slow
def test_a_case_without_messages_says_how_to_get_them(tmp_path):
    folder = write_shorter(tmp_path / "evidence")
    for path in (folder / "queues").glob("*-messages.json"):
        path.write_text('{"Messages": []}')
    none = CliRunner().invoke(redrive, [str(folder)], catch_exceptions=False)
    assert none.exit_code == 0
    assert none.stderr.splitlines()[0] == "0 messages to redrive"
    assert "`watchme case pull backlog --queue NAME` samples the DLQ" in none.stderr


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


@pytest.mark.slow
def test_sending_counts_from_run_to_run_and_ends_with_what_is_unsure(front, case, tmp_path):
    import boto3

    boto3.client("sqs", region_name="ap-northeast-1").create_queue(QueueName="asr-queue")

    def send(*more):
        return CliRunner().invoke(redrive, [str(case), "--send", *more], standalone_mode=False)

    first = send("2")
    assert first.return_value == 0
    assert first.stdout.startswith("sent 2 now, 0 before, 8 not yet\n")
    assert f"journal {tmp_path / 'case.redrive-journal.jsonl'}" in first.stdout
    listed = CliRunner().invoke(redrive, [str(case)], standalone_mode=False)
    assert listed.stdout.count("\n") == 8
    assert listed.stderr.startswith(
        "8 messages to redrive\n  left out 2: sent by an earlier run, recorded in "
    )
    front.faults["SendMessage"].append("reset")
    broken = send("3")
    assert broken.return_value == 1
    assert "sent 0 now, 2 before, 7 not yet" in broken.stdout
    assert "unconfirmed: 1 message may have been sent" in broken.stderr
    assert "stopped: sqs:SendMessage" in broken.stderr
    on = send("3")
    assert on.return_value == 1
    assert "sent 3 now, 2 before, 4 not yet" in on.stdout
    assert "left out 1: delivery unconfirmed (see --retry-unconfirmed)" in on.stderr
    assert "sent 1 now, 5 before, 4 not yet" in send("1", "--retry-unconfirmed").stdout
    assert front.calls["SendMessage"] == 7


@pytest.mark.slow
def test_the_target_is_shown_before_anything_is_sent(front, case):
    import boto3

    words = [str(case), "--send", "2"]
    front.faults["SendMessage"].append("denied")
    refused = CliRunner().invoke(redrive, words, standalone_mode=False)
    (url,) = {json.loads(line)["QueueUrl"] for line in run_lines(case)}
    account = url.split("/")[3]
    plan = f"sending 2 messages to queue asr-queue, account {account}, region ap-northeast-1\n"
    assert plan in refused.stderr
    assert refused.stderr.index(plan) < refused.stderr.index("stopped: ")
    boto3.client("sqs", region_name="ap-northeast-1").create_queue(QueueName="asr-queue")
    assert plan in CliRunner().invoke(redrive, words, standalone_mode=False).stderr


def run_lines(case):
    return CliRunner().invoke(redrive, [str(case)], standalone_mode=False).stdout.splitlines()


@pytest.mark.slow
def test_a_rejected_message_is_reported_by_each_run_and_tried_again_on_request(front, case):
    import boto3

    boto3.client("sqs", region_name="ap-northeast-1").create_queue(QueueName="asr-queue")

    def send(*more):
        return CliRunner().invoke(redrive, [str(case), "--send", *more], standalone_mode=False)

    front.faults["SendMessage"].append("contents")
    first = send("3")
    assert first.return_value == 1
    assert first.stdout.startswith("sent 2 now, 0 before, 7 not yet, 1 rejected\n")
    assert "rejected: SQS does not accept 1 message: " in first.stderr
    assert "(InvalidMessageContents: " in first.stderr
    second = send("1")
    assert second.return_value == 1
    assert "left out 1: rejected by SQS in an earlier run (see --retry-rejected)" in second.stderr
    assert second.stdout.startswith("sent 1 now, 2 before, 6 not yet, 1 rejected\n")
    third = send("1", "--retry-rejected")
    assert third.return_value == 0
    assert third.stdout.startswith("sent 1 now, 3 before, 6 not yet\n")


@pytest.mark.slow
@pytest.mark.parametrize("count", ["0", "-1", "some"])
def test_how_many_to_send_is_a_number_or_all(shorter, count):
    result = CliRunner().invoke(redrive, [str(shorter.path), "--send", count])
    assert result.exit_code == 2
    assert "is neither a number from 1 on nor 'all'" in result.stderr


def test_without_the_url_of_a_queue_nothing_is_sent(tmp_path, front):
    folder = write_shorter(tmp_path / "evidence")
    for path in (folder / "queues").glob("*.json"):
        if "messages" not in path.name:
            path.unlink()
    import_folder(folder, tmp_path / "case")
    result = CliRunner().invoke(redrive, [str(tmp_path / "case"), "--send", "all"], standalone_mode=False)
    assert isinstance(result.exception, InputError)
    assert "so nothing is sent" in str(result.exception)
    assert front.calls["SendMessage"] == 0


@pytest.mark.slow
def test_a_journal_lies_where_it_is_stated(front, case, tmp_path):
    import boto3

    journal = tmp_path / "elsewhere" / "sent.jsonl"
    journal.parent.mkdir()
    boto3.client("sqs", region_name="ap-northeast-1").create_queue(QueueName="asr-queue")
    words = [str(case), "--send", "1", "--journal", str(journal)]
    reported = [
        CliRunner().invoke(redrive, words, standalone_mode=False).stdout.splitlines() for _ in range(2)
    ]
    assert [lines[0] for lines in reported] == [
        "sent 1 now, 0 before, 9 not yet",
        "sent 1 now, 1 before, 8 not yet",
    ]
    assert journal.read_text().count('"sent"') == 2
    assert not list(tmp_path.glob("*.jsonl"))


def test_the_names_of_the_release_before_work_with_a_note(shorter):
    case = str(shorter.path)
    words = ["resend", case, "--unknown-too", "--send-unsure", "--send-rejected"]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert [line.split(";")[0] for line in result.stderr.splitlines()[:4]] == [
        "note: watchme resend is now called watchme redrive",
        "note: --unknown-too is now called --include-unknown",
        "note: --send-unsure is now called --retry-unconfirmed",
        "note: --send-rejected is now called --retry-rejected",
    ]
    listed = CliRunner().invoke(cli, ["--help"]).stdout
    assert "redrive" in listed
    assert "resend" not in listed
    assert "unknown-too" not in CliRunner().invoke(cli, ["redrive", "--help"]).stdout


def test_a_journal_of_the_release_before_is_used_on(front, case, tmp_path):
    import boto3

    journal = tmp_path / "case.resent.jsonl"
    boto3.client("sqs", region_name="ap-northeast-1").create_queue(QueueName="asr-queue")
    CliRunner().invoke(redrive, [str(case), "--send", "1", "--journal", str(journal)], standalone_mode=False)
    again = CliRunner().invoke(redrive, [str(case), "--send", "1"], standalone_mode=False)
    assert again.stdout.startswith("sent 1 now, 1 before, 8 not yet")
    assert [path.name for path in tmp_path.glob("*.jsonl")] == [journal.name]


@pytest.fixture
def worker(front, moto_port, case, monkeypatch):
    """The pipeline of the case in the account: its DLQ holds the messages of the case."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    return Worker(front, moto_port, "asr-queue")


@pytest.mark.slow
def test_a_complete_redrive_ends_with_an_audit_and_rows_in_the_case(worker, case, tmp_path):
    from watchme_analysis.case.opening import open_case

    worker.dead_letters(2)
    audit = tmp_path / "audit.json"
    words = [str(case), "--apply", "--rate", "1000", "--to", str(audit)]
    planned = CliRunner().invoke(redrive, [str(case), "--plan"], standalone_mode=False)
    assert planned.return_value == 0
    assert worker.done == []
    result = CliRunner().invoke(redrive, words, standalone_mode=False)
    assert result.return_value == 0, result.output
    assert len(worker.done) == MESSAGES
    states = json.loads(audit.read_text())["states"]
    assert states == {"gone": MESSAGES, "new": 2}
    frame = open_case(case).table("actions")
    assert list(frame["outcome"]).count("processed") == MESSAGES
    assert set(frame["remedy"]) == {"redrive"}


def test_the_policy_is_printed_without_a_case_of_messages(run):
    policy = json.loads(run("--print-policy").stdout)
    assert "sqs:DeleteMessage" in policy["Statement"][0]["Action"]


def test_send_and_apply_exclude_each_other(run):
    with pytest.raises(InputError, match="exclude each other"):
        run("--send", "1", "--apply")


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
    assert (result.return_value, sorted(worker.done)) == (0, sorted(bodies))


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


def test_a_move_task_needs_one_confirmed_message_and_is_followed(front, worker, case):
    front.move_one = worker.move_one
    words = [str(case), "--move-task", "start"]
    untested = CliRunner().invoke(redrive, words, standalone_mode=False)
    assert (untested.return_value, front.move_tasks) == (2, [])
    first = [str(case), "--apply", "--limit", "1"]
    assert CliRunner().invoke(redrive, first, standalone_mode=False).return_value == 1
    worker.dead_letters(MESSAGES - 1)
    moved = CliRunner().invoke(redrive, words, standalone_mode=False)
    assert (moved.return_value, len(front.move_tasks)) == (0, 1)
    rows = [json.loads(line) for line in (case / "actions.jsonl").read_text().splitlines()]
    assert [row["outcome"] for row in rows if row["step"] == "move task"] == ["done"]
    assert worker.in_dlq() == set()
    cancelled = CliRunner().invoke(redrive, [str(case), "--move-task", "cancel"], standalone_mode=False)
    assert cancelled.return_value == 0
