"""The incident of docs/walkthrough.md, played to its end: every command of the page runs here, in its order.

The functions' code really runs, the messages are in moto's SQS, and three days pass on the world's clock. The
outputs that the page shows are those of the commands: run this file with ``WATCHME_WRITE_PAGE=1`` to write
them again, and read the page afterwards.
"""

import json
import os
import re
import shlex
from pathlib import Path

import boto3
import jmespath
import pytest
from botocore.loaders import Loader
from worlds.lambda_front import zipped
from worlds.three_days import DAYS, DEVICES, MESSAGES, REPEATED, ThreeDays

from watchme_analysis.cli import cli
from watchme_analysis.remedies.apply import plain

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[1] / "docs" / "walkthrough.md"
GOOD = """import json


def lambda_handler(event, context):
    for record in event["Records"]:
        print("received", record["messageId"], record["body"])
        print("processed", record["messageId"])
    return {"batchItemFailures": []}
"""
BAD = GOOD.replace("import json\n", "import json\n\nimport requests\n", 1)
# A block of commands, and the block of their output where the page shows it.
BLOCK = re.compile(r"```sh\n(?P<commands>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL)
# An excerpt of the postmortem.
EXCERPT = re.compile(r"```markdown\n(?P<output>.*?)```", re.DOTALL)
FILE = re.compile(r"`(?P<name>[\w.]+)`[^`]*:\n\n```(?:toml|yaml|json)\n(?P<text>.*?)```", re.DOTALL)


def aws(arguments, folder):
    """Return the output of ``aws SERVICE OPERATION --PARAMETER VALUE --query EXPRESSION``."""
    service, operation, *options = arguments
    given = dict(zip(options[::2], options[1::2], strict=True))
    query = given.pop("--query", "@")
    model = Loader().load_service_model(service, "service-2")
    name = "".join(word.capitalize() for word in operation.split("-"))
    known = {
        "--" + re.sub(r"(?<!^)(?=[A-Z])", "-", each).lower(): each
        for each in model["shapes"][model["operations"][name]["input"]["shape"]]["members"]
    }
    parameters = {
        known[option]: (folder / value.removeprefix("fileb://")).read_bytes()
        if value.startswith("fileb://")
        else value
        for option, value in given.items()
    }
    client, method = boto3.client(service), operation.replace("-", "_")
    if client.can_paginate(method):
        answer = client.get_paginator(method).paginate(**parameters).build_full_result()
    else:
        answer = getattr(client, method)(**parameters)
    return json.dumps(jmespath.search(query, plain(answer)), indent=4) + "\n"


def commands(block):
    """Return the commands of a block in their order, and the exit code that it states for each."""
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        command, _, comment = line.partition(" #")
        if command.strip():
            code = re.search(r"exits with (\d)", comment)
            found.append((shlex.split(command), int(code[1]) if code else 0))
    return found


def masked(line):
    """Return a line without what differs from run to run, or moves with the weights of a verdict."""
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12,}", "ID", line)
    line = re.sub(r"\d{4}-\d\d-\d\d([T ][\d:.]+)?(\+00:00|Z| Etc/GMT[+-]?\d*)?", "TIME", line)
    # An error more or less is logged, by where the days begin.
    line = re.sub(r"\d,\d{3}(?= logged errors)", "0", line)
    return re.sub(r"\d+\.\d+|[+-]?\d+(?=%)", "0", line).strip()


@pytest.fixture
def world(front, moto_port, tmp_path, monkeypatch):
    made = ThreeDays(front, moto_port, GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("WATCHME_TIME_ZONE", made.zone)
    for name, code in (("new", BAD), ("old", GOOD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lambda_function.py").write_text(code)
    (tmp_path / "new.zip").write_bytes(zipped(lambda_function=BAD))
    return made


def test_the_incident_is_played_to_its_end(world, tmp_path, capsys):
    page = PAGE.read_text(encoding="utf-8")
    for file in FILE.finditer(page):
        (tmp_path / file["name"]).write_text(file["text"], encoding="utf-8")
    said, outputs = {}, []
    for block in BLOCK.finditer(page):
        output = ""
        for arguments, code in commands(block["commands"]):
            program, *words = arguments
            if program == "aws":
                output += aws(words, tmp_path)
            else:
                exit_code = cli.main(words, standalone_mode=False)
                printed = capsys.readouterr()
                assert (arguments, exit_code or 0) == (arguments, code), printed.out + printed.err
                output += printed.out
                said[" ".join(words)] = printed.out
            if words[1] == "update-function-code":
                world.play()
                world.evaluate_alarms()
            if words[0] == "redrive" and "--plan" in words:
                # Each message is waited for twice as long; the page states the time of the case.
                for pipeline in (world.uploads, world.daily):
                    pipeline.queue.visibility_s = 1
        outputs.append((block, output))
    uploads, daily = world.uploads, world.daily
    # Each recording was processed once, and every day of every device was analysed once.
    assert len(set(uploads.done)) == len(uploads.done) == MESSAGES - REPEATED
    assert len(set(daily.done)) == len(daily.done) == DEVICES * DAYS
    assert (uploads.dlq.messages, daily.dlq.messages) == ({}, {})
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["states"] == {"deleted": MESSAGES - REPEATED, "excluded": REPEATED}
    assert len({row["message_id"] for row in audit["messages"]}) == MESSAGES
    assert audit["unexplained"] == 0
    notices = boto3.client("sqs").receive_message(QueueUrl=world.inbox, MaxNumberOfMessages=10)["Messages"]
    assert any("uploads-dlq-dead-letters" in each["Body"] for each in notices)
    (postmortem,) = (tmp_path / "postmortem").rglob("*.md")
    text = postmortem.read_text()
    assert "No module named 'requests'" in text
    taken = text.partition("## Actions taken")[2].partition("##")[0]
    assert f"{MESSAGES - REPEATED - 1} more" in taken
    outputs += [(excerpt, text) for excerpt in EXCERPT.finditer(page)]
    if os.environ.get("WATCHME_WRITE_PAGE"):
        write_page(page, outputs)
        return
    for block, output in outputs:
        rest = iter([masked(line) for line in output.splitlines()])
        for line in (block["output"] or "").splitlines():
            # Membership in the iterator finds the lines in their order.
            assert line == "…" or masked(line) in rest, f"the page shows {line!r}, but not here:\n{output}"


def write_page(page, outputs):
    """Write the outputs into the page; a long one keeps the lines that are shown, so far as they exist."""
    for block, output in reversed(outputs):
        if block["output"] is None:
            continue
        lines = [line.rstrip() for line in output.strip("\n").splitlines()]
        if "…" in block["output"].splitlines():
            by_text = {masked(line): line for line in lines}
            lines = [by_text.get(masked(line), line) for line in block["output"].splitlines()]
        page = page[: block.start("output")] + "\n".join(lines) + "\n" + page[block.end("output") :]
    PAGE.write_text(page, encoding="utf-8")
