"""The command ``watchme alarms backtest``, also on evidence that is not as it should be."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from click.testing import CliRunner
from worlds.printed import is_error, lines_of, one_line, said
from worlds.shorter_case import write_shorter
from worlds.waiting_queue import write_waiting_queue

from watchme_analysis.cli.alarms import alarms
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Resource, message


@pytest.fixture
def evidence(tmp_path):
    """Raw evidence to spoil."""
    return write_shorter(tmp_path / "evidence")


def backtest(folder, *options):
    return CliRunner().invoke(alarms, ["backtest", str(folder), *options], catch_exceptions=False)


def test_alarms_of_a_file_are_tried_against_when_people_noticed(shorter, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    spec = tmp_path / "own.yaml"
    spec.write_text(
        "alarms:\n- {name: any-dead, over: dlq, metric: ApproximateNumberOfMessagesVisible, stat: Average,\n"
        "   period_s: 60, threshold: 0}\n"
        "- {name: age, over: queue, metric: ApproximateAgeOfOldestMessage, stat: Maximum, period_s: 60,\n"
        "   threshold: 600, evaluation_periods: 5}\n"
    )
    words = ("--spec", str(spec), "--queue", "asr-queue", "--noticed", "2025-11-18T12:00", "--language", "en")
    ended = backtest(shorter.path, *words)
    lines = lines_of(ended.stdout)
    assert lines[:2] == [
        said("backtest-incident", start="2025-11-18 11:01", zone="Asia/Tokyo"),
        said("backtest-noticed", time="2025-11-18 12:00", how=message("backtest-noticed-option")),
    ]
    # It fires 13 minutes after the first harm and 46 before people noticed.
    [row] = [line for line in lines if line.startswith("any-dead asr-queue-dlq 2025-11-18 11:14")]
    assert "13 min 46 min" in row
    assert any(line.startswith("Never fired: age (1)") for line in lines)
    # Of the age that no failing message reaches, something better is proposed.
    better = said("backtest-better", alarm="age", resource="asr-queue", finding="?").partition("?")[0].strip()
    assert sum(line.startswith(better) for line in lines) == 1
    first = said("backtest-instead", instead="?", effect="?").partition("?")[0].strip()
    assert sum(line.startswith(first) for line in lines) == 1


OWN = """
alarms:
- {name: health-checks, over: probes, metric: failed, stat: Sum, period_s: 60, threshold: 0}
- {name: dead, over: dlq, metric: ApproximateNumberOfMessagesVisible, stat: Average, period_s: 60,
   threshold: 0}
"""


@pytest.fixture
def own(tmp_path):
    """A file with an alarm that the small case has data for, and one that it has none for."""
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    return file


def test_a_back_test_has_its_rows_in_json(watchme, small_case, own):
    ended = watchme("alarms", "backtest", small_case.path, "--spec", own, "--json")
    rows = json.loads(ended.stdout)
    rule = message(
        "alarm-rule", kind=Choice("checks"), what=Resource("failed checks Sum"), sign=Resource(">"),
        limit=Resource("0"), period=Resource("60"), points=Resource("1"), periods=Resource("1"),
    )  # fmt: skip
    assert [row["resource"] for row in rows] == ["/health from inside", "/health from outside"]
    quiet, fired = ({name: row[name] for name in row if name != "resource"} for row in rows)
    assert fired.pop("false_a_week") == pytest.approx(604_800 / 31)
    # The check of 10:00:10 failed when its 30 seconds had passed.
    assert fired == {
        "alarm": "health-checks", "label": "", "rule": one_line(rule),
        "first": "2025-12-11T01:00:40.000000Z",
        "cleared": None, "times_raised": 1, "minutes_after_start": None, "lead_minutes": None,
        "in_alarm_at_end": True, "note": "",
    }  # fmt: skip
    assert quiet == {
        "alarm": "health-checks", "label": "", "rule": one_line(rule), "first": None, "cleared": None,
        "times_raised": 0,
        "minutes_after_start": None, "lead_minutes": None, "false_a_week": 0.0, "in_alarm_at_end": False,
        "note": "",
    }  # fmt: skip


def test_a_case_without_times_has_nothing_to_test_alarms_on(tmp_path):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "queues").mkdir()
    (tmp_path / "evidence" / "queues" / "jobs.json").write_text('{"Attributes": {"VisibilityTimeout": "30"}}')
    with pytest.raises(InputError) as refused:
        backtest(tmp_path / "evidence")
    assert is_error(refused.value, "error-alarms-no-times", case=tmp_path / "evidence")


HOSTILE = "\"><script>alert(1)</script> $(touch ran) `touch ran`; 'x' ${AWS::Region} %{y}\x1b[2J"
AGE = {
    "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Statistic": "Maximum",
    "Period": 60, "Dimensions": [{"Name": "QueueName", "Value": "uploads"}], "EvaluationPeriods": 1,
    "Threshold": 60.0, "ComparisonOperator": "GreaterThanThreshold", "AlarmName": "age",
}  # fmt: skip


def test_hostile_definitions_are_tested_and_exported_as_plain_text(watchme, tmp_path, monkeypatch):
    folder = write_waiting_queue(tmp_path / "evidence")
    wrong = [AGE | {name: value} for name in AGE for value in (None, 5, -1e308, "x", [], {}, [None], True)]
    named = [AGE | {"AlarmName": name, "AlarmDescription": HOSTILE} for name in (HOSTILE, "a" * 99_999)]
    rules = [{"AlarmName": "c", "AlarmRule": rule} for rule in ('ALARM("' * 999, 5, HOSTILE)]
    document = {"MetricAlarms": [*named, *wrong, None, 5], "CompositeAlarms": [*rules, None, "x"]}
    (folder / "alarms.json").write_text(json.dumps(document))
    ended = watchme("alarms", "backtest", folder, "--json")
    assert ended.returncode == 0, ended.stderr
    fired = {row["alarm"]: row["first"] for row in json.loads(ended.stdout)}
    assert fired[HOSTILE] == fired["a" * 99_999] is not None
    shown = watchme("alarms", "backtest", folder)
    assert (shown.returncode, "\x1b" in shown.stdout) == (0, False), shown.stderr
    # As the name of a required alarm: a shell that runs the script passes it on as it is.
    spec, calls = tmp_path / "own.yaml", tmp_path / "calls"
    alarm = {"name": HOSTILE, "over": "queue", "metric": AGE["MetricName"], "stat": "Maximum"}
    spec.write_text(json.dumps({"alarms": [alarm | {"period_s": 60, "threshold": 60}]}))
    (tmp_path / "aws").write_text(f'#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done >>{calls}\n')
    (tmp_path / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    script = watchme("alarms", "export", folder, "--spec", spec, "--format", "cli").stdout
    subprocess.run(["sh"], input=script, text=True, cwd=tmp_path, check=True)
    created = calls.read_text().split("\0")
    parameters = json.loads(created[created.index("--cli-input-json") + 1])
    assert parameters["AlarmName"].endswith(HOSTILE) and not (tmp_path / "ran").exists()
    script = watchme("alarms", "export", folder, "--spec", spec, "--format", "terraform").stdout
    [made] = json.loads(script)["resource"]["aws_cloudwatch_metric_alarm"].values()
    assert "$${AWS::Region} %%{y}" in made["alarm_name"]  # Terraform would replace ${...}


def test_the_required_alarms_are_listed_beside_those_of_the_case(watchme, evidence, own):
    alarm = {
        "AlarmName": "mine", "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": "uploads"}], "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 2, "Threshold": 30.0, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    for file in evidence.rglob("*.json"):
        file.unlink()
    (evidence / "alarms.json").write_text(json.dumps({"MetricAlarms": [alarm], "CompositeAlarms": []}))
    rows = json.loads(watchme("alarms", "list", evidence, "--spec", own, "--json").stdout)

    def rule(what, limit, periods, kind="value"):
        return said(
            "alarm-rule", kind=Choice(kind), what=what, sign=">", limit=limit, period="60", points=periods,
            periods=periods,
        )  # fmt: skip

    assert rows == [
        {"alarm": "health-checks", "label": "", "kind": "required", "on": "probes",
         "rule": rule("failed checks Sum", "0", "1", "checks")},
        {"alarm": "dead", "label": "", "kind": "required", "on": "dlq",
         "rule": rule("ApproximateNumberOfMessagesVisible Average", "0", "1")},
        {"alarm": "mine", "label": "", "kind": "existing", "on": "uploads",
         "rule": rule("ApproximateAgeOfOldestMessage Maximum", "30 s", "2")},
    ]  # fmt: skip
    table = lines_of(watchme("alarms", "list", "--spec", own).stdout)
    heads = " ".join(said(f"alarms-column-{name}") for name in ("alarm", "kind", "on", "rule"))
    kind = said("alarms-kind-required")
    assert table == [
        heads, *(f"{row['alarm']} {kind} {row['on']} {one_line(row['rule'])}" for row in rows[:2])
    ]  # fmt: skip
