import gzip
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from watchme_analysis.cli_resend import resend
from watchme_analysis.errors import InputError
from watchme_analysis.importer import import_folder

DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    case = tmp_path_factory.mktemp("resend") / "case"
    import_folder(DATA / "backlog-dlq", case)
    return lambda *arguments: CliRunner().invoke(resend, [str(case), *arguments], catch_exceptions=False)


def test_the_list_goes_to_the_screen_and_the_count_beside_it(run):
    result = run()
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 991
    assert {line["QueueUrl"].rsplit("/", 1)[-1] for line in lines} == {"asr-queue"}
    assert len({line["MessageAttributes"]["resent_message_id"]["StringValue"] for line in lines}) == 991
    assert result.stderr == "991 messages to send again\n"


def test_the_list_goes_to_a_file(run, tmp_path):
    out = tmp_path / "again.jsonl"
    result = run("--out", str(out))
    assert result.stdout == ""
    assert out.read_text(encoding="utf-8").count("\n") == 991


def test_a_queue_without_dead_letters_has_none_and_an_unknown_one_is_said(run):
    assert run("--queue", "sed-queue").stderr == "0 messages to send again\n"
    with pytest.raises(InputError, match="knows no queue 'sed'; it has asr-queue"):
        run("--queue", "sed")


def test_a_case_without_messages_says_how_to_get_them():
    none = CliRunner().invoke(resend, [str(DATA / "backlog-healthy")], catch_exceptions=False)
    assert none.exit_code == 0
    assert none.stderr.splitlines()[0] == "0 messages to send again"
    assert "watchme pull backlog --queue NAME reads dead letters" in none.stderr


def test_what_the_sender_set_is_set_again(tmp_path):
    folder = tmp_path / "evidence"
    shutil.copytree(DATA / "backlog-dlq", folder)
    dump = folder / "queues" / "asr-queue-dlq-messages.json.gz"
    messages = json.loads(gzip.decompress(dump.read_bytes()))
    trace = {"DataType": "String", "StringValue": "t-1"}
    messages["Messages"][0]["MessageAttributes"] = {"trace": trace}
    dump.write_bytes(gzip.compress(json.dumps(messages).encode()))
    import_folder(folder, tmp_path / "case")
    result = CliRunner().invoke(resend, [str(tmp_path / "case")], catch_exceptions=False)
    lines = [json.loads(line)["MessageAttributes"] for line in result.stdout.splitlines()]
    first = messages["Messages"][0]["MessageId"]
    assert [line for line in lines if "trace" in line] == [
        {"trace": trace, "resent_message_id": {"DataType": "String", "StringValue": first}}
    ]
