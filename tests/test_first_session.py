"""The first ten minutes of a newcomer: each step ends with an answer, or with the command that gives it.

Ten formats of access logs, six outputs of AWS and a whole repository, as these programs write them.
"""

import gzip
import json

import pytest
from click.testing import CliRunner

from watchme_analysis.cli import cli

TIME = "11/Dec/2025:10:10:30 +0900"
COMBINED = f'192.0.2.7 - - [{TIME}] "GET /health HTTP/1.1" 504 167 "-" "curl/8.5.0"'
# Lines of one request each that failed with status 504.
LOGS = {
    "combined with a trailing blank": COMBINED + " ",
    "combined with further fields": f'{COMBINED} 30.002 "192.0.2.20:8017"',
    "virtual host": f"www.example.com {COMBINED}",
    "LTSV": f"time:{TIME}\thost:192.0.2.7\treq:GET /health HTTP/1.1\tstatus:504\treqtime:30.002",
    "key=value": 'time=2025-12-11T10:10:30Z method=GET path="/health" status=504 duration=30.002s',
    "JSON": '{"timestamp":"2025-12-11T01:10:30Z","request":"/health","status":504,"response_time":30.002}',
    "Logpush": '{"ClientRequestMethod":"GET","ClientRequestURI":"/health","EdgeResponseStatus":504,'
    '"EdgeStartTimestamp":"2025-12-11T01:10:00Z","EdgeEndTimestamp":"2025-12-11T01:10:30Z"}',
    "API Gateway": '{"requestId":"1","ip":"192.0.2.7","requestTime":"11/Dec/2025:01:10:00 +0000",'
    '"httpMethod":"GET","resourcePath":"/health","status":"504","protocol":"HTTP/1.1"}',
    "uvicorn in a container": "2025-12-11T01:10:30.123456789Z INFO:     192.0.2.7:50312 - "
    '"GET /health HTTP/1.1" 504 Gateway Timeout',
    "W3C with quoted values": "#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent) "
    "time-taken\n"
    '2025-12-11 01:10:30 192.0.2.7 GET /health 504 "Mozilla/5.0 (X11)" 30.002',
}


def run(*words):
    found = CliRunner().invoke(cli, [str(word) for word in words])
    assert found.exit_code == 0, found.output or found.exception
    return found.stdout


@pytest.mark.parametrize("name", LOGS)
def test_an_access_log_ends_with_its_failures(tmp_path, name):
    log = tmp_path / "access.log"
    log.write_text(f"{LOGS[name]}\n")

    found = json.loads(run("access", log, "--json"))

    assert (found["requests"], found["rejected"], found["statuses"]) == (1, 0, {"504": 1})
    assert [row["key"] for row in found["groups"]] == ["/health"]


def test_a_log_in_a_format_of_its_own_ends_with_the_option_that_reads_it(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(f"192.0.2.7 | {TIME} | GET /health | 504\n" * 3)
    page = run("access", log)
    stated = "$remote_addr | $time_local | $request | $status"

    assert "--format" in page
    assert json.loads(run("access", log, "--format", stated, "--json"))["statuses"] == {"504": 3}


EVENT = "REPORT RequestId: 8f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0\tDuration: 900.00 ms\tMemory Size: 128 MB"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:asr-worker"
# Name of the file, its content, and the table that it fills.
OUTPUTS = {
    "aws logs tail": (
        "logs/asr-worker.log",
        f"2025-12-11T01:10:30.123000+00:00 2025/12/11/[$LATEST]1f2e {EVENT}\n",
        "log_events",
    ),
    "aws logs filter-log-events": (
        "logs/asr-worker.json",
        json.dumps(
            {
                "events": [
                    {
                        "logStreamName": "s",
                        "timestamp": 1765415430000,
                        "message": EVENT,
                        "ingestionTime": 1765415431000,
                    }
                ]
            }
        ),
        "log_events",
    ),
    "export to S3": (
        "asr-worker/2025-12-11-LATEST-1f2e/000000.gz",
        f"2025-12-11T01:10:30.123Z {EVENT}\n",
        "log_events",
    ),
    "Logs Insights console": (
        "logs/asr-worker.csv",
        f'@timestamp,@message\n2025-12-11 01:10:30.123,"{EVENT}"\n',
        "log_events",
    ),
    "aws cloudwatch get-metric-statistics": (
        "metrics/asr-worker-errors.json",
        json.dumps({"Label": "Errors", "Datapoints": [{"Timestamp": "2025-12-11T01:00:00Z", "Sum": 5.0}]}),
        "metrics",
    ),
    "aws lambda list-functions": (
        "functions/all.json",
        json.dumps({"Functions": [{"FunctionName": "asr-worker", "FunctionArn": ARN, "Timeout": 30}]}),
        "functions",
    ),
}


def laid(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return folder


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_of_aws_fills_its_table(tmp_path, name):
    file, text, table = OUTPUTS[name]
    laid(tmp_path / "evidence", {file: text})

    page = run("case", "import", tmp_path / "evidence", tmp_path / "case")
    rows = run("case", "sql", tmp_path / "case", f"select count(*) as n from {table}", "--csv")

    assert rows.split() == ["n", "1"]
    assert "watchme diagnose backlog" in page or "watchme case pull backlog" in page


def test_a_log_alone_is_diagnosed_with_its_error(tmp_path):
    file, text, _ = OUTPUTS["aws logs tail"]
    error = "[ERROR] Runtime.ImportModuleError: No module named 'requests'"
    laid(tmp_path / "evidence", {file: f"{text}2025-12-11T01:10:31.123000+00:00 s {error}\n"})

    found = json.loads(run("diagnose", "backlog", tmp_path / "evidence", "--json"))

    assert found["error"]["function"] == "asr-worker"
    assert (found["error"]["count"], found["error"]["total"]) == (1, 1)
    assert any("watchme case pull backlog" in one["how"] for one in found["missing_evidence"])


def test_another_output_of_aws_ends_with_the_commands_that_are_read(tmp_path):
    files = {OUTPUTS["aws lambda list-functions"][0]: OUTPUTS["aws lambda list-functions"][1]}
    laid(tmp_path / "evidence", {**files, "metrics/list.json": '{"Metrics": [{"MetricName": "Errors"}]}'})

    page = run("case", "import", tmp_path / "evidence", tmp_path / "case")

    assert "`aws cloudwatch get-metric-data`" in " ".join(page.split())


@pytest.mark.slow
def test_a_repository_is_one_page_and_names_the_evidence_that_a_diagnosis_needs(tmp_path):
    main = "from fastapi import FastAPI\napp = FastAPI()\n"
    main += "@app.get('/health')\nasync def health():\n    return {}\n"
    files = {
        "README.md": "a note\n",
        "Dockerfile": "FROM python:3.12\nCMD uvicorn main:app\n",
        "main.py": main,
    }
    files |= {f"src/part_{at}.py": "a = 1\n" for at in range(40)}
    files |= {f"tests/test_{at}.py": "a = 1\n" for at in range(40)}
    laid(tmp_path / "repository", files)

    page = run("case", "import", tmp_path / "repository", tmp_path / "case")

    assert len(page.splitlines()) < 40
    assert "app_handlers" in page
    assert "access_log" in page or "watchme probe" in page
