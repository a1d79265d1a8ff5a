"""Deployments against a Lambda that really runs the code: tested, switched, watched, and rolled back."""

import base64
import hashlib
import io
import json
import os
import threading
import zipfile

import boto3
import pytest
from click.testing import CliRunner
from worlds.kills import kills, restarted
from worlds.lambda_front import zipped
from worlds.memory_queues import MemoryQueues
from worlds.messages import messages_in, refusal

from watchme_analysis.cli.deploy import deploy
from watchme_analysis.cloudwatch import session
from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies import deployment
from watchme_analysis.remedies.apply import apply_plan
from watchme_analysis.remedies.deployment import DeploymentOptions, plan_deployment, sqs_event
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.message import message

OLD = "def lambda_handler(event, context):\n    return {'batchItemFailures': []}\n"
NEW = OLD + "# new\n"
RAISING = "def lambda_handler(event, context):\n    raise ValueError('no')\n"
PARTIAL = "def lambda_handler(event, context):\n    return {'batchItemFailures': [{'itemIdentifier': 'm'}]}\n"
LOGGING = "def lambda_handler(event, context):\n    print('[ERROR] could not be stored')\n"
MISSING = "import requests\n\n\n" + OLD
EVENT = sqs_event("{}", "m", "arn:aws:sqs:ap-southeast-2:123456789012:orders", {}, "ap-southeast-2")
NAME = "orders"


@pytest.fixture
def lambdas(front):
    front.lambdas.create(NAME, zipped(lambda_function=OLD))
    return front.lambdas


@pytest.fixture
def aws(front):
    return session.Aws()


def plan_of(aws, tmp_path, code, **options):
    package = tmp_path / "package.zip"
    package.write_bytes(zipped(lambda_function=code))
    settings = {"events": [("event", EVENT)], "watch_s": 0.0, "late_s": 0.0, **options}
    return plan_deployment(
        package, NAME, aws, tmp_path / "plan.json", DeploymentOptions(**settings), skip_check=True
    )


def runs(lambdas, code, qualifier="$LATEST"):
    return lambdas.code_of(NAME, qualifier) == zipped(lambda_function=code)


@pytest.mark.slow
def test_good_code_is_deployed_and_the_old_one_kept_as_a_version(aws, lambdas, tmp_path):
    lambdas.pending = 3
    result = apply_plan(plan_of(aws, tmp_path, NEW), tmp_path / "j", aws)
    assert (result.outcome, result.done) == ("complete", ("keep", "update", "invoke 1"))
    assert runs(lambdas, NEW)
    assert runs(lambdas, OLD, "1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "select"),
    [
        (RAISING, "FunctionError"),
        (MISSING, "FunctionError"),
        (PARTIAL, "Payload.batchItemFailures || `[]`"),
        (LOGGING, "contains(LogResult || '', '[ERROR]')"),
    ],
    ids=["raises", "import", "batch", "log"],
)
def test_bad_code_is_rolled_back(aws, lambdas, tmp_path, code, select):
    result = apply_plan(plan_of(aws, tmp_path, code), tmp_path / "j", aws)
    assert result.outcome == "undone"
    assert result.sentence.values["why"].values["why"].values["select"].text == select
    assert runs(lambdas, OLD)


def test_an_alias_never_points_to_code_that_failed(aws, lambdas, tmp_path):
    lambdas.publish(NAME, None)
    lambdas.functions[NAME]["aliases"]["live"] = "1"
    apply_plan(plan_of(aws, tmp_path, RAISING, alias="live"), tmp_path / "j", aws)
    assert lambdas.functions[NAME]["aliases"]["live"] == "1"
    assert [qualifier for _, qualifier, _ in lambdas.invocations] == ["2"]
    (tmp_path / "second").mkdir()
    result = apply_plan(plan_of(aws, tmp_path / "second", NEW, alias="live"), tmp_path / "j2", aws)
    assert result.outcome == "complete"
    assert runs(lambdas, NEW, "live")


@pytest.fixture
def real_messages(lambdas):
    """A function that invokes the function as its event source would, once the new code is there."""
    ended, threads = threading.Event(), []

    def begin(code, count):
        threads.append(threading.Thread(target=send, args=(code, count), daemon=True))
        threads[-1].start()

    def send(code, count):
        while not runs(lambdas, code) and not ended.wait(0.005):
            pass
        # They keep coming: those before the watch begins do not count.
        while not ended.is_set() and runs(lambdas, code):
            for _ in range(count):
                lambdas.run(NAME, EVENT)
            ended.wait(0.3)

    yield begin
    ended.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("failure", ["raises", "logs", "times out"])
def test_a_failure_is_found_in_either_log_format(aws, lambdas, real_messages, tmp_path, log_format, failure):
    lambdas.log_format = log_format
    logged = json.dumps({"level": "ERROR", "message": "not stored"})
    code = {
        "raises": RAISING,
        "logs": LOGGING if log_format == "Text" else f"def lambda_handler(*_):\n    print({logged!r})\n",
        "times out": NEW,
    }[failure]
    # The errors of real messages, which no test event shows.
    plan = plan_of(aws, tmp_path, code, events=[], watch_s=20.0, watch_invocations=2)
    lambdas.times_out = failure == "times out"
    real_messages(code, 2)
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "undone"
    assert runs(lambdas, OLD)
    # The event of a test shows them as well.
    event = plan_of(aws, tmp_path, code)
    assert apply_plan(event, tmp_path / "j2", aws).outcome == "undone"
    assert runs(lambdas, OLD)


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_good_code_stays_in_either_log_format(aws, lambdas, real_messages, tmp_path, log_format):
    lambdas.log_format = log_format
    plan = plan_of(aws, tmp_path, NEW, events=[], watch_s=20.0, watch_invocations=2)
    real_messages(NEW, 3)
    assert apply_plan(plan, tmp_path / "j", aws).done[-2:] == ("await", "watch")
    assert runs(lambdas, NEW)


def test_code_that_nothing_verifies_is_rolled_back(aws, lambdas, tmp_path):
    result = apply_plan(plan_of(aws, tmp_path, NEW, watch_s=0.3), tmp_path / "j", aws)
    assert (result.outcome, runs(lambdas, OLD)) == ("undone", True)
    found = messages_in(result.sentence)
    assert {"plan-never", "deploy-hint-unseen"} <= found.keys()


def test_a_weighted_alias_states_the_share_of_the_new_version(aws, lambdas, tmp_path):
    lambdas.publish(NAME, None)
    function = lambdas.functions[NAME]
    function["aliases"]["live"] = "1"
    function["weights"]["live"] = {"7": 0.25, "8": 0.15}
    plan = plan_of(aws, tmp_path, NEW, alias="live")
    [risk] = [each for each in plan.risks if each.id == "deploy-risk-weights"]
    values = messages_in(risk)["deploy-risk-weights"]
    assert (values["share"], values["others"]) == (pytest.approx(0.6), ["7", "8"])
    # The plan is for these weights.
    function["weights"]["live"] = {"7": 0.5}
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "refused"


def test_a_log_without_reports_refuses_the_watch(memory, tmp_path):
    logging = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    memory.responses["get_function_configuration"]["LoggingConfig"] = logging
    assert "error-deploy-no-reports" in refusal(planned_in, memory, tmp_path, NEW, watch_s=60.0)
    assert planned_in(memory, tmp_path, NEW).remedy == "deploy"


def test_real_messages_that_fail_roll_back(aws, lambdas, real_messages, tmp_path):
    plan = plan_of(aws, tmp_path, RAISING, events=[], watch_s=20.0, watch_invocations=2)
    real_messages(RAISING, 2)
    result = apply_plan(plan, tmp_path / "j", aws)
    assert result.outcome == "undone"
    assert "no" in json.dumps(result.sentence.to_dict())
    assert runs(lambdas, OLD)


@pytest.mark.slow
def test_real_messages_that_succeed_complete_it(aws, lambdas, real_messages, tmp_path):
    plan = plan_of(aws, tmp_path, NEW, events=[], watch_s=20.0, watch_invocations=2)
    real_messages(NEW, 2)
    assert apply_plan(plan, tmp_path / "j", aws).done[-2:] == ("await", "watch")


@pytest.mark.slow
@pytest.mark.parametrize("code", [NEW, PARTIAL], ids=["good", "partial"])
def test_a_deployment_killed_at_any_moment_ends_as_an_unkilled_one(aws, lambdas, tmp_path, code, subtests):
    wanted = "complete" if code is NEW else "undone"
    plans = []

    def begin(moment):
        lambdas.functions.clear()
        lambdas.create(NAME, zipped(lambda_function=OLD))
        plans.append(plan_of(aws, tmp_path, code))
        return lambda: apply_plan(plans[-1], tmp_path / f"j{moment}", restarted(aws))

    for moment in kills(begin):
        with subtests.test(moment=moment):
            assert apply_plan(plans[-1], tmp_path / f"j{moment}", restarted(aws)).outcome == wanted
            assert runs(lambdas, code if code is NEW else OLD)
    assert runs(lambdas, code if code is NEW else OLD)
    assert moment > 8


def test_code_that_changed_since_refuses_the_plan(aws, lambdas, tmp_path):
    plan = plan_of(aws, tmp_path, NEW)
    lambdas.update(NAME, zipped(lambda_function=RAISING))
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "refused"
    assert runs(lambdas, RAISING)


def run(*arguments):
    return CliRunner().invoke(
        deploy, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False
    )


def test_the_commands(lambdas, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "lambda_function.py").write_text(MISSING)
    plan = tmp_path / "plan.json"
    arguments = ("--function", NAME, "--to", plan, "--watch", "0", "--language", "en")
    refused = run("plan", tmp_path / "bad", *arguments)
    assert (refused.return_value, plan.exists()) == (1, False)
    (tmp_path / "bad" / "lambda_function.py").write_text(NEW)
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    planned = run("plan", tmp_path / "bad", *arguments, "--event", tmp_path / "event.json")
    assert planned.return_value == 0, planned.output
    policy = json.loads(run("apply", plan, "--print-policy").output)
    assert "lambda:InvokeFunction" in policy["Statement"][0]["Action"]
    applied = run("apply", plan, "--json", "--language", "ja")
    assert (applied.return_value, json.loads(applied.stdout)["outcome"]) == (0, "complete")
    back = run("rollback", plan, "--language", "en")
    assert back.return_value == 0, back.output
    assert runs(lambdas, OLD)
    assert read_journal(tmp_path / "plan.json.journal.jsonl").event("plan") == "done"


def test_the_front_answers_as_boto3_expects(lambdas):
    client = boto3.client("lambda")
    assert client.get_function_configuration(FunctionName=NAME)["LastUpdateStatus"] == "Successful"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_alias(FunctionName=NAME, Name="none")


@pytest.fixture
def memory(tmp_path):
    """An account with the function `orders`, whose code is a file."""
    old = tmp_path / "old.zip"
    old.write_bytes(zipped(lambda_function=OLD))
    account = MemoryQueues()
    account.responses = {
        "get_function_configuration": {
            "Handler": "lambda_function.lambda_handler", "Runtime": "python3.12", "PackageType": "Zip",
            "CodeSha256": code_hash(old.read_bytes()),
        },
        "get_function": {"Code": {"Location": old.as_uri()}},
        "get_alias": {"FunctionVersion": "4"},
    }  # fmt: skip
    return account


def readable(code):
    """Return a zip whose files everybody may read, as Lambda needs it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        entry = zipfile.ZipInfo("lambda_function.py")
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, code)
    return made.getvalue()


def planned_in(memory, tmp_path, code, *, skip_check=False, **options):
    package = tmp_path / "package.zip"
    package.write_bytes(readable(code))
    settings = DeploymentOptions(**{"events": [("event", EVENT)], "watch_s": 0.0, **options})
    return plan_deployment(package, NAME, memory, tmp_path / "plan.json", settings, skip_check=skip_check)


def code_hash(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def content(path):
    return {"$file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_what_refuses_a_deployment(memory, tmp_path, monkeypatch):
    package = tmp_path / "package.zip"

    def planned(code=NEW, **options):
        return planned_in(memory, tmp_path, code, **options)

    found = planned(MISSING)
    assert found.verdict == message("deploy-problems", count=1)
    risky = planned(MISSING, skip_check=True)
    assert risky.risks[0] == found.problems[0]
    assert risky.reasons == (message("deploy-checked", verdict=found.verdict, count=found.modules),)
    configuration = memory.responses["get_function_configuration"]
    configuration["PackageType"] = "Image"
    assert refusal(planned) == {"error-function-image": {"function": NAME}}
    del configuration["PackageType"]  # Lambda leaves it out for a zip
    assert planned().remedy == "deploy"
    size = len(readable(NEW))
    monkeypatch.setattr(deployment, "_UPLOAD_BYTES", size)
    assert planned().remedy == "deploy"
    monkeypatch.setattr(deployment, "_UPLOAD_BYTES", size - 1)
    assert refusal(planned) == {"error-package-size": {"package": str(package), "bytes": f"{size:,}"}}
    monkeypatch.setattr(deployment, "_UPLOAD_BYTES", size)
    # The code to go back to must be that which runs.
    configuration["CodeSha256"] = "other"
    assert refusal(planned, error=ServiceError) == {"error-code-not-running": {"function": NAME}}
    memory.responses["get_function"] = {"Code": {"Location": (tmp_path / "gone").as_uri()}}
    gone = refusal(planned, error=ServiceError)["error-code-not-downloaded"]
    assert gone["function"] == NAME


def test_a_folder_is_packed_the_same_way_each_time(memory, tmp_path):
    folder = tmp_path / "folder"
    (folder / "lib" / "__pycache__").mkdir(parents=True)
    (folder / "lambda_function.py").write_text(NEW)
    (folder / "lib" / "tool.sh").write_text("exit")
    (folder / "lib" / "tool.sh").chmod(0o755)
    (folder / "lib" / "__pycache__" / "a.pyc").write_text("compiled")
    packed = []
    for at in (1, 2):
        os.utime(folder / "lambda_function.py", (at, at))
        plan_path = tmp_path / f"{at}.json"
        plan_deployment(folder, NAME, memory, plan_path, DeploymentOptions(), skip_check=True)
        packed.append(plan_path.with_name(f"{at}.json.package.zip").read_bytes())
    assert packed[0] == packed[1]
    with zipfile.ZipFile(io.BytesIO(packed[0])) as archive:
        entries = [
            (each.filename, oct(each.external_attr >> 16), each.compress_type) for each in archive.filelist
        ]
        assert archive.read("lambda_function.py").decode() == NEW
    assert entries == [
        ("lambda_function.py", "0o644", zipfile.ZIP_DEFLATED), ("lib/tool.sh", "0o755", zipfile.ZIP_DEFLATED)
    ]  # fmt: skip


def test_a_message_as_lambda_passes_it():
    attributes = {"SentTimestamp": "1"}
    assert sqs_event("half \ud83d", "m", "arn:aws:sqs:eu-west-1:1:q", attributes, "eu-west-1") == {
        "Records": [
            {
                "messageId": "m",
                "receiptHandle": "recorded",
                "body": "half \ud83d",
                "attributes": attributes,
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(b"half \xed\xa0\xbd").hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q",
                "awsRegion": "eu-west-1",
            }
        ]
    }
