"""The command ``watchme alarms backtest``, also on evidence that is not as it should be."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from click.testing import CliRunner
from worlds.shorter_case import write_shorter

from watchme_analysis.cli.alarms import alarms
from watchme_analysis.cli.simulate import simulate
from watchme_analysis.errors import InputError


@pytest.fixture
def evidence(tmp_path):
    """Raw evidence to spoil."""
    return write_shorter(tmp_path / "evidence")


def backtest(folder, *options):
    return CliRunner().invoke(alarms, ["backtest", str(folder), *options], catch_exceptions=False)


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.slow
def test_what_would_be_better_is_printed_beside_the_back_test(shorter):
    result = backtest(shorter.path)
    assert result.exit_code == 0
    better = " ".join(result.output.partition("better: ")[2].split())
    assert "message-age on asr-queue: A message that always fails moves to the DLQ after" in better
    assert "instead: age above 270 s, 1 of 60 points, and an alarm on the first message in the DLQ" in better
    assert "It fires 6 times for one incident" in better
    first = " ".join(result.output.split("alarm  ")[0].split())
    assert "error-rate on asr-worker fires first without false alarms or repetitions" in first
    assert "By then 0 of 10 messages were seen in dead-letter queues" in first
    assert "The incident began with new code deployed on asr-worker at 2025-11-18 10:42" in first


@pytest.mark.slow
def test_settings_of_one_alarm_on_one_resource_stand_together(shorter, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    lines = backtest(shorter.path, "--sensitivity").stdout.splitlines()
    titles = [line for line in lines if line.startswith(("error-rate  ", "dead-letters  "))]
    assert titles == ["dead-letters  asr-queue-dlq", "error-rate  asr-worker"]
    below = lines[lines.index("error-rate  asr-worker") + 1 :]
    assert [line.split()[:5] for line in below[:3]] == [
        ["2.5", "%", "1", "of", "12"],
        ["2.5", "%", "3", "of", "12"],
        ["5", "%", "1", "of", "12"],
    ]


@pytest.mark.slow
def test_alarms_that_watch_nothing_in_the_case_are_named(bundled):
    result = backtest(bundled("health-healthy").path)
    assert "never fired: 8 of 8" in result.output
    said = next(line for line in result.output.splitlines() if line.startswith("not evaluated"))
    assert "dead-letters," in said
    assert "health-checks" not in said


@pytest.mark.slow
def test_points_that_contradict_one_another_are_reported(evidence):
    def contradict(answer):
        for series in answer["MetricDataResults"]:
            series["Timestamps"] += series["Timestamps"][:3]
            series["Values"] += [value + 1 for value in series["Values"][:3]]

    changed(evidence / "metrics" / "lambda.json", contradict)
    result = backtest(evidence)
    assert "had another value in an earlier response; the last is kept" in result.stderr


@pytest.mark.slow
def test_a_dump_without_its_queries_says_that_labels_were_read(evidence, shorter):
    whole = backtest(shorter.path).stdout
    (evidence / "metrics" / "metric-data-queries.json").unlink()
    result = backtest(evidence)
    assert "no list of queries beside it, so series are identified by their labels" in result.stderr
    # Alarms fire at the same times; those without distinguishable series are named, over two lines.
    at = [
        [line.split() for line in text.splitlines() if line.startswith("error-rate ")]
        for text in (whole, result.stdout)
    ]
    assert at[0] == at[1] != []
    named = " ".join(result.stdout.split())
    assert "ApproximateNumberOfMessagesVisible (Average) of asr-queue-dlq is not in the case" in named


@pytest.mark.slow
def test_statistics_that_no_alarm_reads_leave_it_untried_and_the_queue_unfitted(evidence):
    def as_trimmed_means(queries):
        for query in queries if isinstance(queries, list) else queries["MetricDataQueries"]:
            stat = query["MetricStat"]
            stat["Stat"] = {"Average": "IQM", "Maximum": "TM(10%:90%)"}.get(stat["Stat"], stat["Stat"])

    changed(evidence / "metrics" / "metric-data-queries.json", as_trimmed_means)
    rows = json.loads(backtest(evidence, "--json").stdout)
    untried = {row["alarm"]: row["note"] for row in rows if row["times_raised"] is None}
    assert untried["message-age"].startswith("ApproximateAgeOfOldestMessage (Maximum) of ")
    assert "is not in the case" in untried["message-age"]
    with pytest.raises(InputError, match="no average Duration"):
        CliRunner().invoke(simulate, [str(evidence), "--processes", "1"], catch_exceptions=False)


def test_alarms_of_a_file_are_tried_against_when_people_noticed(shorter, tmp_path):
    spec = tmp_path / "own.yaml"
    spec.write_text(
        "alarms:\n- {name: any-dead, over: dlq, metric: ApproximateNumberOfMessagesVisible, stat: Average,\n"
        "   period_s: 60, threshold: 0}\n"
    )
    words = ("--spec", str(spec), "--queue", "asr-queue", "--noticed", "2025-11-18T12:00", "--json")
    tried = {row["alarm"]: row for row in json.loads(backtest(shorter.path, *words).output)}
    assert list(tried) == ["any-dead"]
    first = datetime.fromisoformat(tried["any-dead"]["first"])
    noticed = datetime.fromisoformat("2025-11-18T12:00+09:00")
    assert tried["any-dead"]["lead_minutes"] == (noticed - first).total_seconds() / 60


@pytest.mark.slow
def test_the_list_has_required_alarms_and_those_of_a_case(watchme, evidence, tmp_path):
    required = [
        json.loads(line) for line in watchme("alarms", "list", "--output", "jsonl").stdout.splitlines()
    ]
    assert len(required) > 5 and {row["kind"] for row in required} == {"required"}
    alarm = {
        "AlarmName": "mine", "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": "uploads"}], "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 2, "Threshold": 30.0, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    (evidence / "alarms.json").write_text(json.dumps({"MetricAlarms": [alarm], "CompositeAlarms": []}))
    rows = json.loads(watchme("alarms", "list", evidence, "--json").stdout)
    assert rows[: len(required)] == required
    assert [(row["alarm"], row["kind"], row["on"]) for row in rows[len(required) :]] == [
        ("mine", "existing", "uploads")
    ]
    assert "mine" in watchme("alarms", "list", evidence).stdout
