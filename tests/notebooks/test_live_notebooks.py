"""The notebooks by plain papermill: live against a server that answers as AWS does, then on the case."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from click.testing import CliRunner
from worlds.aws_examples import account_of_examples
from worlds.notebook_cells import bundle_of

from watchme_analysis.notebook import open_health
from watchme_analysis.report.request import notebooks_folder


def papermill(name, out, **parameters):
    """Run a notebook as ``papermill NAME.ipynb OUT -p ...`` does; return its result and its texts by cell."""
    from papermill.__main__ import papermill as command

    words = [word for key, value in parameters.items() for word in ("-p", key, str(value))]
    ran = CliRunner().invoke(
        command, [str(notebooks_folder() / f"{name}.ipynb"), str(out), "--no-progress-bar", *words]
    )
    cells = json.loads(out.read_text())["cells"]
    shown = {
        cell["id"]: "".join(
            "".join(output.get("data", {}).get("text/plain", "")) for output in cell["outputs"]
        )
        for cell in cells
        if cell["cell_type"] == "code"
    }
    return ran, shown


@pytest.fixture
def account(front, tmp_path, monkeypatch):
    """Fill the front with the queue ``uploads``, its DLQ, its function, and messages that fail."""
    account_of_examples(front, tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    at = int((now - timedelta(hours=2)).timestamp())
    queue, function = (("QueueName", "uploads"),), (("FunctionName", "asr-worker"),)
    for metric, value in (("ApproximateNumberOfMessagesVisible", 40), ("NumberOfMessagesDeleted", 0)):
        front.metrics[("AWS/SQS", metric, queue)] = {at + 60 * number: value for number in range(60)}
    for metric in ("Invocations", "Errors"):
        front.metrics[("AWS/Lambda", metric, function)] = {at + 60 * number: 4 for number in range(60)}
    sqs = boto3.client("sqs", region_name="ap-southeast-2")
    url = sqs.get_queue_url(QueueName="uploads")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"device_id": "d1"}))
    return front


@pytest.mark.slow
def test_a_notebook_pulls_its_evidence_and_repeats_it_without_a_network(account, tmp_path):
    where = {"profile": "prod", "region": "ap-southeast-2", "timezone": "UTC", "language": "en"}
    ran, live = papermill(
        "backlog_incident", tmp_path / "out.ipynb", queue="uploads", since="24h", max_usd=1, **where
    )
    assert ran.exit_code == 0, live
    (case,) = tmp_path.glob("backlog-uploads-*")
    assert case.name in live["open"] and "log queries scanned" in live["open"]
    calls = account.calls.total()
    del where["profile"], where["region"]
    ran, again = papermill("backlog_incident", tmp_path / "again.ipynb", case=case, queue="uploads", **where)
    assert ran.exit_code == 0, again
    assert account.calls.total() == calls
    for name in ("balance-reading", "onsets-reading", "findings-reading", "queries", "coverage"):
        assert again[name] == live[name] != "", name


@pytest.mark.slow
def test_a_system_is_pulled_with_the_requests_that_its_proxy_logged(account, tmp_path):
    (tmp_path / "watchme.toml").write_text('[systems.shop]\nlog_groups = ["/ecs/shop"]\n')
    begin = datetime.now(UTC) - timedelta(hours=1)
    lines = []
    for number in range(200):
        time = begin + timedelta(seconds=5 * number)
        status = 504 if 100 < number < 160 else 200
        text = (
            f'192.0.2.1 - - [{time:%d/%b/%Y:%H:%M:%S +0000}] "GET /health HTTP/1.1" {status} 1 "-" "curl"\n'
        )
        lines.append((int(1000 * time.timestamp()), text, "s"))
    boto3.client("logs", region_name="ap-southeast-2").create_log_group(logGroupName="/ecs/shop")
    account.engine.load("/ecs/shop", lines)
    where = {"profile": "prod", "region": "ap-southeast-2", "timezone": "UTC", "language": "en"}
    page = open_health(system="shop", since="24h", **where)
    assert "sort @timestamp asc" in bundle_of(page.queries)["text/plain"]
    assert bundle_of(page.verdict)["text/plain"].startswith("/health timed out for 59 of 60 requests")


@pytest.mark.slow
def test_an_unknown_parameter_is_refused(shorter, tmp_path):
    ran, _ = papermill("backlog_incident", tmp_path / "out.ipynb", case=shorter.path, profil="prod")
    assert ran.exit_code == 1
    assert "The parameter profil is unknown" in str(ran.exception)
