"""docs/deliver.md, played: from an alarm to every destination, and to the end of the incident."""

import configparser
import email
import email.policy
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from worlds.receivers import Webhook, mail_server, own_authority
from worlds.settings_file import write_settings

from watchme_analysis.delivery.state import State

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[1] / "docs" / "deliver.md").read_text(encoding="utf-8")
NOW = datetime.now(UTC).replace(microsecond=0)
TOPIC = "arn:aws:sns:ap-southeast-2:123456789012:on-call"
JAPANESE = re.compile(r"[ぁ-んァ-ヶ]")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def commands():
    lines = "".join(blocks("sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines]


def with_recovery(front):
    """Fill the account with a queue that nobody polls from four hours ago to two hours ago."""
    boto3.client("sqs").create_queue(QueueName="orders")
    start = int((NOW - timedelta(hours=9)).timestamp()) // 60 * 60
    stopped, polled = 300, 420
    series = {
        "NumberOfMessagesSent": lambda n: 5,
        "ApproximateNumberOfMessagesVisible": lambda n: (
            5 * (n - stopped)
            if stopped <= n < polled
            else max(0, 600 - 60 * (n - polled))
            if n >= polled
            else 0
        ),
        "ApproximateAgeOfOldestMessage": lambda n: 60 * (n - stopped) if stopped <= n < polled + 5 else 0,
    }
    series["NumberOfMessagesReceived"] = series["NumberOfMessagesDeleted"] = lambda n: (
        5 if n < stopped else 0 if n < polled else 65 if n < polled + 10 else 5
    )
    for metric, value in series.items():
        points = {start + 60 * n: value(n) for n in range(540)}
        front.metrics["AWS/SQS", metric, (("QueueName", "orders"),)] = points


ALARM = {
    "AlarmName": "orders-age",
    "NewStateValue": "ALARM",
    "StateChangeTime": (NOW - timedelta(hours=3)).isoformat(),
    "Trigger": {
        "Dimensions": [{"name": "QueueName", "value": "orders"}],
        "Period": 60,
        "EvaluationPeriods": 1,
    },
}


class Machine:
    """A user's machine: their home, a systemctl that records its calls, and what the unit starts."""

    def __init__(self, home, monkeypatch):
        self.home, self.log = home, home / "systemctl.log"
        programs = home / "bin"
        programs.mkdir()
        (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(self.log))}\n')
        (programs / "systemctl").chmod(0o755)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("PATH", f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))

    def start(self, unit):
        """Run what a service starts, as systemd does: in its folder, without a shell."""
        path = self.home / ".config" / "systemd" / "user" / unit
        if shutil.which("systemd-analyze"):
            done = subprocess.run(
                ["systemd-analyze", "--user", "verify", path], capture_output=True, text=True, check=False
            )
            assert not [line for line in done.stderr.splitlines() if unit in line], done.stderr
        service = configparser.ConfigParser(interpolation=None)
        service.optionxform = str
        service.read(path)
        done = subprocess.run(
            shlex.split(service["Service"]["ExecStart"]),
            cwd=service["Service"]["WorkingDirectory"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


def test_the_page_is_played_to_its_end(tmp_path, watchme, front, monkeypatch):
    with_recovery(front)
    project = tmp_path / "project"
    project.mkdir()
    machine = Machine(tmp_path, monkeypatch)
    authority, context = own_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    chat = Webhook(context)
    secret = tmp_path / ".config" / "watchme" / "slack-webhook"
    secret.parent.mkdir(parents=True)
    secret.write_text(chat.url)
    s3, sqs, sns = boto3.client("s3"), boto3.client("sqs"), boto3.client("sns")
    published, results, counts = [], [], []

    def arrived():
        """Return how many pages, messages in chat, mails and notifications have arrived."""
        once = {"MaxNumberOfMessages": 10, "VisibilityTimeout": 43_200}
        found = sqs.receive_message(QueueUrl=inbox, **once).get("Messages", [])
        published.extend(json.loads(json.loads(each["Body"])["Message"]) for each in found)
        pages = s3.list_objects_v2(Bucket="reports-example").get("Contents", [])
        count = sum(each["Key"].endswith("report.html") for each in pages)
        return count, len(chat.posted), len(mails), len(published)

    with mail_server(context) as (port, mails):
        first, *rest = commands()
        assert watchme(*first[1:], cwd=project).returncode == 0
        (tables,) = blocks("toml")
        (line,) = re.findall(r"`(destinations = .*?)`", PAGE)
        stated = (
            (project / "watchme.toml").read_text().replace("[systems.orders]", f"[systems.orders]\n{line}")
        )
        assert line in stated
        tables = tables.replace("smtp.example.com:587", f"127.0.0.1:{port}")
        write_settings(project, f"{stated}\n{tables}")
        where = {"LocationConstraint": "ap-southeast-2"}
        s3.create_bucket(Bucket="reports-example", CreateBucketConfiguration=where)
        assert sns.create_topic(Name="on-call")["TopicArn"] == TOPIC
        inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = "arn:aws:sqs:ap-southeast-2:123456789012:inbox"
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
        (project / "alarm.json").write_text(json.dumps(ALARM))
        for words in rest:
            if words[0] == "systemctl":
                results.append(json.loads(machine.start(words[-1])))
            else:
                done = watchme(*words[1:], cwd=project)
                assert done.returncode == 0, (words, done.stdout, done.stderr)
                if words[1] == "notify":
                    assert arrived() == (0, 1, 1, 1)
                    for sent in (chat.posted, mails, published):
                        sent.clear()
                if words[1] != "run":
                    continue
                results.append(json.loads(done.stdout))
            counts.append(arrived())
    chat.close()
    assert "enable --now watchme-all.timer" in machine.log.read_text()
    # One of each for the alarm, none for the same alarm again, and one more for the end.
    assert counts == [(1, 1, 1, 1), (1, 1, 1, 1), (2, 2, 2, 2)], results
    found = [each["systems"][0]["questions"]["backlog"]["changes"] for each in results]
    assert found == [["new-incident"], [], ["resolved"]]
    read = [email.message_from_bytes(each, policy=email.policy.default) for each in mails]
    assert len({each["References"] for each in read}) == 1 and "orders" in read[0]["Subject"]
    assert not JAPANESE.search(read[0].get_body(("plain",)).get_content())
    assert len({each["metadata"]["threadId"] for each in published}) == 1
    assert all(JAPANESE.search(each["content"]["title"]) for each in published)
    posted = json.loads(chat.posted[0][1])
    assert JAPANESE.search(posted["text"])
    assert "X-Amz-Signature" in posted["blocks"][-1]["elements"][0]["url"]
    # 600 messages waited while nobody polled; those that arrived until the queue was empty were late, too.
    *_, last = State(project / ".watchme").runs("orders")
    assert 600 <= last["figures"]["backlog"]["late"] <= 700
    assert results[-1]["systems"][0]["telemetry"]["metrics_requested"] > 0
    log = (project / ".watchme" / "run.log").read_text()
    assert "secret-part" not in log + json.dumps(results)
