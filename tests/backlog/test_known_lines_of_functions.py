"""Lines of a log alone say what failed; where metrics show harm or none, they change nothing."""

import json
import shutil
from pathlib import Path

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

DATA = Path(__file__).resolve().parents[2] / "data"
IMPORT_ERROR = (
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'worker': No module named 'requests'"
)


def diagnosed(folder, name, lines):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    case = import_folder(folder, folder.parent / f"{folder.name}-case").case
    return case, diagnose("backlog", case).to_dict()


@pytest.mark.parametrize("name", ["app.log", "lambda.txt"])
def test_an_error_with_one_cause_names_it(tmp_path, name):
    case, found = diagnosed(tmp_path / "evidence", name, [IMPORT_ERROR, IMPORT_ERROR])
    assert (found["verdict"], found["cause"]) == ("supported", "consumer_failing")
    assert found["confidence"] < 1
    assert found["queues"] == []
    evidence = [item for item in found["ranking"][0]["evidence"] if item["rows"]]
    assert [item["rows"] for item in evidence] == [len(case.sql(item["sql"])) for item in evidence]


def test_a_line_within_several_counts_their_events(tmp_path):
    lines = []
    for at in range(3):
        request = f"RequestId: 00000000-0000-4000-8000-00000000000{at}"
        error = ["Unable to import module 'index': Error", "    at require (internal/module.js:20:19)"]
        lines += [f"START {request} Version: $LATEST", *error, f"END {request}"]
        lines += [f"REPORT {request}\tDuration: 0.85 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB", ""]
    case, found = diagnosed(tmp_path / "evidence", "worker.log", lines)
    evidence = found["ranking"][0]["evidence"]
    rows = [len(case.sql(item["sql"])) for item in evidence if item["signal"].startswith("lambda-import")]
    assert rows == [3] == [item["rows"] for item in evidence if item["signal"].startswith("lambda-import")]


def test_an_error_with_several_causes_names_none(tmp_path):
    line = "SQS delete message failed: The receipt handle has expired."
    _, found = diagnosed(tmp_path / "evidence", "app.log", [line])
    assert (found["verdict"], found["cause"]) == ("inconclusive", None)
    assert "visibility_misconfig" in {entry["cause"] for entry in found["ranking"][:2]}


@pytest.mark.parametrize(
    "line",
    [
        '"errorMessage": "remaining connection slots are reserved for non-replication superuser connections"',
        "AxiosError: Request failed with status code 503",
    ],
)
def test_a_service_that_fails_a_consumer_is_its_downstream(tmp_path, line):
    _, found = diagnosed(tmp_path / "evidence", "lambda.txt", [line])
    assert (found["verdict"], found["cause"]) == ("inconclusive", None)
    first = {entry["cause"] for entry in found["ranking"][:2]}
    assert first == {"downstream_down", "downstream_slow"}
    steps = " ".join(step["text"] for step in found["now"])
    assert "/health" not in steps and "response time" not in steps, "the line's own commands decide"


@pytest.mark.parametrize(
    ("line", "likely"),
    [
        ("Error: getaddrinfo EMFILE sqs.eu-west-1.amazonaws.com", {"consumer_failing"}),
        ("ModuleNotFoundError: No module named 'worker.tasks'", {"consumer_failing"}),
        ("Out of memory: Killed process 812 (celery)", {"consumer_failing", "poison_messages"}),
        ("Error: connect ECONNREFUSED 192.0.2.7:6379", {"downstream_down", "consumer_failing"}),
        ("java.net.SocketTimeoutException: Read timed out", {"downstream_slow", "downstream_down"}),
        ("[CRITICAL] WORKER TIMEOUT (pid:8)", {"downstream_slow", "consumer_failing"}),
    ],
)
def test_what_any_program_prints_counts_for_the_queue_that_it_works_on(tmp_path, line, likely):
    _, found = diagnosed(tmp_path / "evidence", "worker.log", [line])
    assert {entry["cause"] for entry in found["ranking"][: len(likely)]} == likely
    steps = " ".join(step["text"] for step in found["now"])
    assert "function" not in steps, "no program but Lambda's is a function"


@pytest.mark.parametrize("example", sorted(path.name for path in DATA.glob("backlog-*")))
def test_a_line_changes_nothing_where_metrics_show_the_queue(tmp_path, example):
    said = {}
    for name, lines in (("without", []), ("with", [IMPORT_ERROR])):
        folder = tmp_path / name
        shutil.copytree(DATA / example, folder)
        _, said[name] = (
            diagnosed(folder, "app.log", lines)
            if lines
            else (None, diagnose("backlog", import_folder(folder, tmp_path / "plain").case).to_dict())
        )
    assert [said["with"][key] for key in ("verdict", "cause", "confidence")] == [
        said["without"][key] for key in ("verdict", "cause", "confidence")
    ]


def test_settings_alone_narrow_and_name_nothing(tmp_path):
    evidence = tmp_path / "evidence"
    arn = "arn:aws:{}:ap-northeast-1:123456789012:{}"
    files = {
        "queues/jobs.json": {
            "Attributes": {"QueueArn": arn.format("sqs", "jobs"), "VisibilityTimeout": "30"}
        },
        "functions/worker.json": {"FunctionName": "worker", "Timeout": 30},
        "functions/worker-concurrency.json": {"ReservedConcurrentExecutions": 1},
        "functions/worker-mappings.json": {
            "EventSourceMappings": [
                {
                    "UUID": "00000000-0000-0000-0000-000000000001",
                    "EventSourceArn": arn.format("sqs", "jobs"),
                    "FunctionArn": arn.format("lambda", "function:worker"),
                    "State": "Enabled",
                }
            ]
        },
    }
    for name, value in files.items():
        (evidence / name).parent.mkdir(parents=True, exist_ok=True)
        (evidence / name).write_text(json.dumps(value))
    found = diagnose("backlog", import_folder(evidence, tmp_path / "case").case).to_dict()
    assert (found["verdict"], found["cause"]) == ("inconclusive", None)
    assert [item["cause"] for item in found["ranking"][:2]] == ["throttled", "visibility_misconfig"]
