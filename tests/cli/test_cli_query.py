import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from click.testing import CliRunner

from watchme_analysis.cli import cli

GROUPS = [f"/aws/lambda/watchme-worker-{n:02d}" for n in range(60)]
NOW = datetime.now(UTC)


def made(front, groups):
    """Create log groups with one timeout in each."""
    logs = boto3.client("logs")
    at = int((NOW - timedelta(hours=2)).timestamp() * 1000)
    for group in groups:
        logs.create_log_group(logGroupName=group)
        front.engine.load(
            group, [(at, f"{group} Task timed out after 30.02 seconds\n", "s"), (at, "fine", "s")]
        )
    return front


@pytest.fixture
def groups(front, tmp_path, monkeypatch):
    """Sixty log groups of workers: more than a query may name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return made(front, [*GROUPS, "/ecs/other"])


@pytest.fixture
def group(front, tmp_path, monkeypatch):
    """The log group of one worker, and another log group."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return made(front, [GROUPS[0], "/ecs/other"])


def run(*arguments):
    return CliRunner().invoke(cli, ["query", *arguments])


@pytest.mark.slow
def test_rows_of_many_groups_are_in_order_of_time_or_name_their_groups(groups, capsys):
    at = int((NOW - timedelta(hours=1)).timestamp() * 1000)
    for first, group in enumerate((GROUPS[0], GROUPS[55])):
        moments = range(at + first, at + 10, 2)
        groups.engine.load(group, [(moment, "[ERROR] KeyError: 'x'\n", "s") for moment in moments])
    code, rows, err = ask(capsys, "worker_errors")
    times = [row["@timestamp"] for row in rows if "KeyError" in row["@message"]]
    assert (code, len(times), times) == (0, 10, sorted(times))
    assert f"{GROUPS[0]} .. {GROUPS[49]}: 54 rows; 1 query" in err
    code, rows, _ = ask(capsys, "errors_by_type")
    fifties = [f"{GROUPS[0]} .. {GROUPS[49]}", f"{GROUPS[50]} .. {GROUPS[59]}"]
    assert [(row["log_groups"], row["errors"]) for row in rows] == [(fifties[0], 5), (fifties[1], 5)]
    _, rows, _ = ask(capsys, "errors_by_type", "--log-group", GROUPS[0])
    assert "log_groups" not in rows[0]


def ask(capsys, *arguments):
    code = cli.main(["query", "run", *arguments, "--output", "jsonl"], standalone_mode=False)
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_parameters_and_groups_by_hand(group):
    result = run("run", "worker_first", "-p", "rows=1", "--log-group", GROUPS[0])
    assert result.exit_code == 0, result.output
    assert group.started[0]["queryString"].endswith("limit 1")
    assert "1 query scanned" in result.stderr


def test_the_scan_is_estimated_before_and_a_ceiling_refuses_it(group):
    hour = int((NOW - timedelta(hours=2)).timestamp()) // 3600 * 3600
    group.metrics[("AWS/Logs", "IncomingBytes", (("LogGroupName", GROUPS[0]),))] = {hour: 2e9}
    arguments = ("run", "worker_timeouts", "--log-group", GROUPS[0])
    assert "expected to scan 2.000 GB, about 0.0100 USD" in run(*arguments).stderr
    started = len(group.started)
    refused = run(*arguments, "--refresh", "--max-scan-gb", "1")
    assert "--max-scan-gb" in str(refused.exception)
    assert len(group.started) == started
