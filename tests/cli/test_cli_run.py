"""The command ``watchme run``: against the fake of AWS, and its errors."""

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from worlds.receivers import MailServer, Webhook

NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEMS = """
[systems.orders]
queue = "orders"
[systems.refunds]
queue = "refunds"
destinations = ["pages"]
[destinations.pages]
type = "markdown"
folder = "pages"
when = "every-run"
[run]
window = "6h"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with settings, outside of which nothing is cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "watchme.toml").write_text(SYSTEMS)
    return folder


def event(queue, time=NOW - timedelta(minutes=30)):
    dimensions = [{"name": "QueueName", "value": queue}]
    return {
        "AlarmName": "age",
        "NewStateValue": "ALARM",
        "StateChangeTime": time.isoformat(),
        "Trigger": {"Dimensions": dimensions, "Period": 60, "EvaluationPeriods": 1},
    }


def with_backlog(front):
    """Fill the account with two queues of which one has a growing backlog that nobody polls."""
    sqs = boto3.client("sqs")
    minute = int((NOW - timedelta(hours=6)).timestamp()) // 60 * 60
    for name in ("orders", "refunds"):
        sqs.create_queue(QueueName=name)
        dimensions = (("QueueName", name),)
        for metric, value in (
            ("NumberOfMessagesSent", lambda n: 5),
            ("NumberOfMessagesReceived", lambda n: 0),
            ("NumberOfMessagesDeleted", lambda n: 0),
            ("ApproximateNumberOfMessagesVisible", lambda n: 5 * n),
            ("ApproximateAgeOfOldestMessage", lambda n: 60 * n),
        ):
            front.metrics["AWS/SQS", metric, dimensions] = {minute + 60 * n: value(n) for n in range(360)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "There is no system 'nobody'"),
        (["--event", "event.json"], "not one of a CloudWatch alarm"),
        (["--digest", "90m"], "must be whole days"),
        (["--digest", "7d", "--event", "event.json"], "--digest does not go with --event"),
        (["--wait", "soon"], "'soon' is not a valid duration"),
    ],
)
def test_bad_input_runs_nothing(project, watchme, front, words, said):
    (project / "event.json").write_text("{}")
    ended = watchme("run", *words, cwd=project)
    assert ended.returncode == 2 and said in ended.stderr and ended.stdout == ""
    assert not (project / ".watchme").exists()


def test_a_failed_system_does_not_keep_the_others_from_running(project, watchme, front):
    ended = watchme("run", "--offline", cwd=project)
    line = json.loads(ended.stdout)
    assert ended.returncode == 1 and ended.stdout.count("\n") == 1
    assert [(each["system"], each["status"]) for each in line["systems"]] == [
        ("orders", "failed"),
        ("refunds", "failed"),
    ]
    assert "without --offline" in line["systems"][0]["error"]
    assert "the cache lacks" in (project / ".watchme" / "run.log").read_text().lower()


def test_a_digest_needs_no_evidence(project, watchme, front):
    line = json.loads(watchme("run", "orders", "--digest", "7d", cwd=project).stdout)
    assert (line["status"], line["systems"][0]["digest"]["runs"]) == ("ok", 0)
    assert not front.calls


@pytest.mark.slow
def test_an_alarm_on_standard_input_leads_to_a_postmortem_once(project, watchme, front, monkeypatch):
    with_backlog(front)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(event("refunds"))))
    ended = watchme("run", "--event", "-", cwd=project)
    line = json.loads(ended.stdout)["systems"][0]
    assert (ended.returncode, line["system"], line["status"]) == (0, "refunds", "ok"), line
    assert line["questions"]["backlog"]["changes"] == ["new-incident"]
    assert [each["status"] for each in line["deliveries"]] == ["confirmed"]
    pages = sorted((project / "pages").glob("*.md"))
    assert len(pages) == 1 and "refunds" in pages[0].read_text()
    calls = dict(front.calls)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(event("refunds"))))
    toml = (project / "watchme.toml").read_text().replace("every-run", "changes")
    (project / "watchme.toml").write_text(toml)
    again = json.loads(watchme("run", "--event", "-", "--offline", cwd=project).stdout)["systems"][0]
    assert (again["status"], again["deliveries"]) == ("ok", [])
    assert front.calls["GetMetricData"] == calls["GetMetricData"]


TO_ALL = """
[systems.orders]
queue = "orders"
destinations = ["site", "chat", "mail", "topic"]
[destinations.site]
type = "s3"
bucket = "reports"
language = "ja"
[destinations.chat]
type = "slack"
webhook = "env:CHAT_URL"
language = "ja"
[destinations.mail]
type = "email"
to = ["on-call@example.com"]
from = "watchme@example.com"
smtp = "127.0.0.1:{port}"
tls = "none"
language = "ja"
[destinations.topic]
type = "sns"
topic = "{topic}"
format = "amazon-q"
language = "en"
[run]
window = "4h"
"""


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


@pytest.mark.slow
def test_an_incident_reaches_every_destination_once_and_its_end_the_same_thread(
    tmp_path, project, watchme, front, monkeypatch
):
    with_recovery(front)
    where = {"LocationConstraint": "ap-southeast-2"}
    s3, sqs, sns = boto3.client("s3"), boto3.client("sqs"), boto3.client("sns")
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration=where)
    topic = sns.create_topic(Name="chat")["TopicArn"]
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:ap-southeast-2:123456789012:inbox")
    chat, mail = Webhook(), MailServer()
    monkeypatch.setenv("CHAT_URL", chat.url)
    (project / "watchme.toml").write_text(TO_ALL.format(port=mail.port, topic=topic))

    def run(state, hours):
        told = event("orders", NOW - timedelta(hours=hours)) | {"NewStateValue": state}
        (project / "event.json").write_text(json.dumps(told))
        ended = watchme("run", "--event", "event.json", cwd=project)
        return json.loads(ended.stdout)["systems"][0]

    def published():
        found = sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(each["Body"])["Message"]) for each in found]

    first = run("ALARM", 3)
    assert first["status"] == "ok", first
    assert first["questions"]["backlog"]["changes"] == ["new-incident"]
    assert [each["status"] for each in first["deliveries"]] == ["confirmed"] * 4
    again = run("ALARM", 3)
    assert (again["status"], again["deliveries"]) == ("ok", [])
    begun = published()
    assert len(chat.posted) == len(mail.mails) == len(begun) == 1
    buttons = [each for each in json.loads(chat.posted[0][1])["blocks"] if each["type"] == "actions"]
    assert "X-Amz-Signature" in buttons[0]["elements"][0]["url"]
    ended = run("OK", 1)
    assert ended["questions"]["backlog"]["changes"] == ["resolved"], ended
    threads = {each["metadata"]["threadId"] for each in [*begun, *published()]}
    assert len(threads) == 1 and len(chat.posted) == len(mail.mails) == 2
    names = [each["Key"] for each in s3.list_objects_v2(Bucket="reports")["Contents"]]
    assert sum(name.endswith("report.html") for name in names) == 2 and "index.html" in names
    secrets = (project / ".watchme" / "run.log").read_text() + json.dumps([first, again, ended])
    assert "secret-part" not in secrets
    chat.close()
    mail.close()
