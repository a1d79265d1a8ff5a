"""The command ``watchme run``: against the fake of AWS, and its errors."""

import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from worlds.settings_file import write_settings

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
    write_settings(folder, SYSTEMS)
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
    japanese = json.loads(watchme("run", "--offline", "--language", "ja", cwd=project).stdout)
    for each in japanese["systems"]:
        assert re.search("[ぁ-ん]", each["error"])
    rows = watchme("run", "--offline", "--output", "jsonl", cwd=project).stdout.splitlines()
    assert [json.loads(row)["system"] for row in rows] == ["orders", "refunds"]
    shown = watchme("run", "--offline", "--output", "table", cwd=project).stdout
    named = [text.split(":")[0] for text in shown.splitlines() if not text.startswith("  ")]
    assert named == ["orders", "refunds"]
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
    write_settings(project, toml)
    again = json.loads(watchme("run", "--event", "-", "--offline", cwd=project).stdout)["systems"][0]
    assert (again["status"], again["deliveries"]) == ("ok", [])
    assert front.calls["GetMetricData"] == calls["GetMetricData"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    summary = watchme("run", "refunds", "--offline", "--language", "ja", cwd=project).stdout
    assert summary.startswith("refunds backlog") and "{" not in summary
    assert "原因は未確定" in summary or "原因を特定" in summary
