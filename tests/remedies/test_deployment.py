"""Deployments against a Lambda that really runs the code: tested, switched, watched, and rolled back."""

import json
import threading

import boto3
import pytest
from click.testing import CliRunner
from worlds.kills import kills, restarted
from worlds.lambda_front import zipped

from watchme_analysis.cli.deploy import deploy
from watchme_analysis.cloudwatch import session
from watchme_analysis.files.journal import read_journal
from watchme_analysis.remedies.apply import apply_plan
from watchme_analysis.remedies.deployment import DeploymentOptions, plan_deployment, sqs_event

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
    settings = {"events": [("event", EVENT)], "watch_s": 0.0, **options}
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


def real_messages(lambdas, code, count):
    """Invoke the function as its event source would, once the new code is there."""

    def run():
        for _ in range(2000):
            if runs(lambdas, code):
                break
            threading.Event().wait(0.005)
        for _ in range(count):
            lambdas.run(NAME, EVENT)

    threading.Thread(target=run, daemon=True).start()


def test_real_messages_that_fail_roll_back(aws, lambdas, tmp_path):
    plan = plan_of(aws, tmp_path, RAISING, events=[], watch_s=20.0, watch_invocations=2)
    real_messages(lambdas, RAISING, 2)
    result = apply_plan(plan, tmp_path / "j", aws)
    assert result.outcome == "undone"
    assert "no" in json.dumps(result.sentence.to_dict())
    assert runs(lambdas, OLD)


@pytest.mark.slow
def test_real_messages_that_succeed_complete_it(aws, lambdas, tmp_path):
    plan = plan_of(aws, tmp_path, NEW, events=[], watch_s=20.0, watch_invocations=2)
    real_messages(lambdas, NEW, 2)
    assert apply_plan(plan, tmp_path / "j", aws).done[-2:] == ("await", "watch")


def test_without_real_messages_the_result_says_so(aws, lambdas, tmp_path):
    result = apply_plan(plan_of(aws, tmp_path, NEW, watch_s=0.3), tmp_path / "j", aws)
    assert (result.outcome, result.sentence.id) == ("complete", "plan-unseen")
    assert runs(lambdas, NEW)


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
    assert (applied.return_value, json.loads(applied.output)["outcome"]) == (0, "complete")
    back = run("rollback", plan, "--language", "en")
    assert back.return_value == 0, back.output
    assert runs(lambdas, OLD)
    assert read_journal(tmp_path / "plan.json.journal.jsonl").event("plan") == "done"


def test_the_front_answers_as_boto3_expects(lambdas):
    client = boto3.client("lambda")
    assert client.get_function_configuration(FunctionName=NAME)["LastUpdateStatus"] == "Successful"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_alias(FunctionName=NAME, Name="none")
