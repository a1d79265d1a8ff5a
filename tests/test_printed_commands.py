"""Every command that a page, the terminal or a notice prints for a bundled case runs as it stands."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest
from worlds.documented_programs import write_programs

from watchme_analysis.cli import cli
from watchme_analysis.services.diagnose import diagnose
from watchme_analysis.text.command_words import commands_in, held_words

PROJECT = Path(__file__).resolve().parent.parent
NAMES = (
    "backlog-49",
    "backlog-dlq",
    "backlog-healthy",
    "health-healthy",
    "health-threadpool",
    "orders-failing",
)
OPERATOR = re.compile(r"[|<>;&$`\n]")
# What a test runs of watchme; of others the words are checked: they send messages, or requests for minutes.
RUNS = re.compile(r"watchme (case pull|diagnose|simulate) |watchme .*--help$")


def printed(found):
    """Return the commands of a diagnosis, in sentences and in the list of missing evidence."""
    sentences = [step["text"] for step in found["now"]]
    sentences += [*found["summary"], *(entry["next_test"] or "" for entry in found["ranking"])]
    # A comment behind a command is in the reader's language.
    commands = [command.partition("  #")[0] for sentence in sentences for command in commands_in(sentence)]
    assert [command for command in commands if held_words(command)] == [], "a placeholder in a command"
    lists = [missing["how"] for missing in found["missing_evidence"] if not held_words(missing["how"])]
    return dict.fromkeys([*commands, *(command.partition("  #")[0] for command in lists)])


def create_functions(front, *names):
    """Create functions and their log groups in the account that the environment points at."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    made = boto3.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lambda_function.py", "def lambda_handler(event, context): pass")
    about = {
        "Runtime": "python3.12",
        "Handler": "lambda_function.lambda_handler",
        "Role": made["Role"]["Arn"],
    }
    for name in names:
        code = {"ZipFile": packed.getvalue()}
        boto3.client("lambda").create_function(FunctionName=name, Code=code, **about)
        boto3.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        front.engine.load(f"/aws/lambda/{name}", [])


@pytest.fixture
def shell(tmp_path, front, watchme, monkeypatch):
    """Return a function that runs a command in a folder of evidence, as someone on call would.

    A command without a pipe or a redirection runs in this process, which saves the start of another one.
    """
    programs, here = tmp_path / "bin", tmp_path / "here"
    programs.mkdir()
    here.mkdir()
    write_programs(programs, sys.executable)
    (programs / "watchme").write_text(f'#!/bin/sh\nexec {sys.executable} -m watchme_analysis "$@"\n')
    (programs / "watchme").chmod(0o755)
    for name, text in (("event.json", "{}"), ("access.log", "192.0.2.7 - -\n")):
        (here / name).write_text(text)
    for queue in ("asr-queue", "orders", "uploads"):
        boto3.client("sqs").create_queue(QueueName=queue)
    create_functions(front, "asr-worker", "orders-consumer")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PYTHONPATH": str(PROJECT)}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(command):
        if command.startswith("watchme ") and not OPERATOR.search(command):
            return watchme(*shlex.split(command)[1:], cwd=here)
        return subprocess.run(
            ["bash", "-euc", command], cwd=here, env=env, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="module")
def passed():
    """The commands that ran without an error; each runs once for all cases."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_printed_command_runs_as_it_stands(bundled, shell, passed, name):
    commands = {}
    found = diagnose("health" if name.startswith("health") else "backlog", bundled(name).path)
    for language in ("en", "ja"):
        commands |= printed(found.to_dict(language))
    assert len(commands) > 3
    failed = {}
    for command in commands:
        words = command.split()
        if words[0] == "watchme" and not RUNS.match(command):
            parts = [part.strip("'\"") for part in words]
            cli.get_command(None, parts[1]).make_context(parts[1], parts[2:])
            continue
        if command in passed:
            continue
        ended = shell(command)
        if ended.returncode:
            failed[command] = ended.stderr[-600:]
        else:
            passed.add(command)
    assert failed == {}


@pytest.mark.parametrize(
    "command",
    [
        "docker logs CONTAINER",
        "docker logs --colour web",
        "docker exec web",
        "curl",
        "aws lambda list-functionz",
        "aws sqs get-queue-attributes",
        "aws lambda get-function --function-name FUNCTION",
        "aws lambda get-function --function-names worker",
        "aws lambda list-functions --query '['",
        "sudo py-spy record --pid 7",
    ],
)
def test_the_programs_refuse_what_their_manuals_do_not_have(shell, command):
    assert shell(command).returncode
