"""The incident of docs/walkthrough.md, played to its end: every command of the page runs here, in its order.

The function's code really runs, the messages are in moto's SQS, and the metrics of the hours before are made
up to fit them.
"""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from worlds.lambda_front import zipped
from worlds.queue_worker import Worker

from watchme_analysis.cli import cli
from watchme_analysis.remedies.deployment import sqs_event

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[1] / "docs" / "walkthrough.md"
MESSAGES, MINUTES = 24, 150
REASON = "Unable to import module 'lambda_function': No module named 'requests'"
MEMORY = "Memory Size: 256 MB\tMax Memory Used: 90 MB\t"
GOOD = """import json


def lambda_handler(event, context):
    for record in event["Records"]:
        print("processing", record["messageId"], record["body"])
    return {"batchItemFailures": []}
"""
BAD = GOOD.replace("import json\n", "import json\n\nimport requests\n", 1)


class Pipeline(Worker):
    """A worker whose invocations run the code that is deployed."""

    def _invoke(self, message):
        event = sqs_event(message["Body"], message["MessageId"], self.arn(self.queue), {}, "ap-southeast-2")
        found, _ = self.front.lambdas.run(self.function, event)
        if "error" not in found:
            self.done.append(message["Body"])
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def drive(self):
        """Receive and invoke until the queue is empty: what fails three times is in the DLQ then."""
        while batch := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages"):
            for message in batch:
                self._invoke(message)


@pytest.fixture
def pipeline(front, moto_port):
    made = Pipeline(front, moto_port)
    front.lambdas.create(made.function, zipped(lambda_function=GOOD))
    return made


def record(front, pipeline, start):
    """Fill metrics and log of the function with hours that went well, then hours that fail."""
    queue, dlq = (("QueueName", "uploads"),), (("QueueName", "uploads-dlq"),)
    function = (("FunctionName", pipeline.function),)
    first = int((start - timedelta(minutes=MINUTES)).timestamp())
    series = {
        ("AWS/SQS", "NumberOfMessagesSent", queue): {},
        ("AWS/SQS", "NumberOfMessagesReceived", queue): {},
        ("AWS/SQS", "NumberOfMessagesDeleted", queue): {},
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue): {},
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", dlq): {},
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", queue): {},
        ("AWS/Lambda", "Invocations", function): {},
        ("AWS/Lambda", "Errors", function): {},
        ("AWS/Lambda", "Duration", function): {},
    }
    lines, dead = [], 0
    for minute in range(2 * MINUTES):
        at = first + 60 * minute
        is_failing = minute >= MINUTES
        sent = int(minute % (MINUTES // MESSAGES) == 0 and (not is_failing or dead < MESSAGES))
        dead += sent if is_failing else 0
        runs = sent * (3 if is_failing else 1)
        values = (
            sent,
            runs,
            0 if is_failing else sent,
            0,
            dead,
            60 if sent and is_failing else 0,
            runs,
            runs if is_failing else 0,
        )
        for points, value in zip(series.values(), values, strict=False):
            points[at] = value
        if runs:
            series["AWS/Lambda", "Duration", function][at] = 210.0
        for number in range(runs):
            request = f"00000000-0000-4000-8000-{minute:06d}{number:06d}"
            lines.append((1000 * at + 10 * number, f"START RequestId: {request} Version: $LATEST\n"))
            if is_failing:
                error = f"[ERROR] Runtime.ImportModuleError: {REASON}\n"
                lines.append((1000 * at + 10 * number + 1, error))
            report = f"REPORT RequestId: {request}\tDuration: 210.00 ms\tBilled Duration: 300 ms\t{MEMORY}\n"
            lines.append((1000 * at + 10 * number + 2, report))
    front.metrics.update(series)
    front.engine.load(pipeline.group, [(at, line, "s") for at, line in lines])
    front.metrics["AWS/Logs", "IncomingBytes", (("LogGroupName", pipeline.group),)] = {first: 5e5}


def date_messages(start):
    """Give the messages of the DLQ the times at which the metrics count them."""
    from moto.sqs.models import sqs_backends

    (queue,) = (
        queue
        for account in sqs_backends.values()
        for backend in account.values()
        for name, queue in backend.queues.items()
        if name == "uploads-dlq"
    )
    step = MINUTES // MESSAGES
    for number, message in enumerate(queue._messages):
        sent = start + timedelta(minutes=step * number)
        message._attributes = getattr(message, "_attributes", {})
        message.sent_timestamp = int(sent.timestamp() * 1000)


def commands():
    """Return the commands of the page in their order, and the exit code that it states for each."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            command, _, comment = line.partition("#")
            if command.strip():
                code = re.search(r"exits with (\d)", comment)
                found.append((shlex.split(command), int(code[1]) if code else 0))
    return found


def test_the_incident_is_played_to_its_end(front, pipeline, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    for name, code in (("new", BAD), ("old", GOOD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lambda_function.py").write_text(code)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)

    def people_deploy_without_the_gate():
        boto3.client("lambda").update_function_code(
            FunctionName=pipeline.function, ZipFile=zipped(lambda_function=BAD)
        )
        for number in range(MESSAGES):
            pipeline.sqs.send_message(
                QueueUrl=pipeline.queue, MessageBody=json.dumps({"device_id": f"d{number}", "n": number})
            )
        pipeline.drive()
        record(front, pipeline, start)
        date_messages(start)
        assert len(pipeline.in_dlq()) == MESSAGES

    outputs = []
    for number, (arguments, code) in enumerate(commands()):
        if arguments[:2] == ["aws", "lambda"]:
            people_deploy_without_the_gate()
            continue
        exit_code = cli.main(arguments[1:], standalone_mode=False)
        output = capsys.readouterr().out
        outputs.append((" ".join(arguments[1:3]), output))
        assert (number, arguments, exit_code or 0) == (number, arguments, code), output
    said = dict(outputs)
    assert "`requests` is imported at lambda_function.py" in said["deploy check"]
    assert "No module named 'requests'" in said["diagnose backlog"]
    assert pipeline.in_dlq() == set()
    assert len(pipeline.done) == MESSAGES
    (postmortem,) = (tmp_path / "postmortem").rglob("*.md")
    text = postmortem.read_text()
    assert "No module named 'requests'" in text
    taken = text.partition("## Actions taken")[2].partition("##")[0]
    assert "uploads-worker" in taken
    assert f"{MESSAGES - 1} more" in taken
    assert "watchme deploy rollback back.json" in said["deploy apply"]
