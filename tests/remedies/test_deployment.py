"""Deployments against a Lambda that really runs the code: tested, switched, watched, and rolled back."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.lambda_front import zipped
from worlds.messages import messages_in
from worlds.stored_case import store_case

from watchme_analysis.cli.deploy import deploy
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.remedies.apply import apply_plan
from watchme_analysis.remedies.deployment import (
    DeploymentOptions,
    plan_deployment,
    recorded_events,
    sqs_event,
)
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import render

OLD = "def lambda_handler(event, context):\n    return {'batchItemFailures': []}\n"
NEW = OLD + "# new\n"
RAISING = "def lambda_handler(event, context):\n    raise ValueError('no')\n"
PARTIAL = "def lambda_handler(event, context):\n    return {'batchItemFailures': [{'itemIdentifier': 'm'}]}\n"
LOGGING = "def lambda_handler(event, context):\n    print('[ERROR] could not be stored')\n"
MISSING = "import requests\n\n\n" + OLD
EVENT = sqs_event("{}", "m", "arn:aws:sqs:ap-southeast-2:123456789012:orders", {})
NAME = "orders"


@pytest.fixture
def lambdas(front):
    front.lambdas.create(NAME, zipped(lambda_function=OLD))
    return front.lambdas


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
def test_good_code_stays_in_either_log_format(lambdas, real_messages, tmp_path, log_format):
    lambdas.log_format = log_format
    aws = Aws(rate_limits=FAST)  # messages come while it waits
    plan = plan_of(aws, tmp_path, NEW, events=[], watch_s=20.0, watch_invocations=2)
    real_messages(NEW, 3)
    assert apply_plan(plan, tmp_path / "j", aws).done[-2:] == ("await", "watch")
    assert runs(lambdas, NEW)


def test_code_that_nothing_verifies_is_rolled_back(aws, lambdas, tmp_path):
    result = apply_plan(plan_of(aws, tmp_path, NEW, watch_s=0.3), tmp_path / "j", aws)
    assert (result.outcome, runs(lambdas, OLD)) == ("undone", True)
    found = messages_in(result.sentence)
    assert {"plan-never", "deploy-hint-unseen"} <= found.keys()


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


SENT = datetime(2026, 3, 2, 4, tzinfo=UTC)


def dead(message_id, body, minute, queue="orders-dlq", source="orders", **attributes):
    return {
        "queue": queue, "message_id": message_id, "body": body, "sent_at": SENT + timedelta(minutes=minute),
        "source_queue": source, "attributes": json.dumps(attributes) if attributes else None,
    }  # fmt: skip


def label(queue, language="en"):
    return render(message("deploy-event-dlq", queue=Resource(queue)), language)


@pytest.fixture
def case(tmp_path):
    """Two queues of the function `worker` with their DLQs, and one of another function."""
    arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
    return store_case(
        tmp_path / "case",
        queues=[
            {"queue": "orders", "dlq": "orders-dlq"}, {"queue": "bills", "dlq": "bills-dlq"},
            {"queue": "other", "dlq": "other-dlq"},
        ],
        event_source_mappings=[
            {"queue": "orders", "function": "worker", "state": "Enabled"},
            {"queue": "bills", "function": "worker", "state": "Enabled"},
            {"queue": "other", "function": "another", "state": "Enabled"},
        ],
        queue_messages=[
            dead("m2", "second", 2, DeadLetterQueueSourceArn=arn, SenderId="A"),
            dead("m1", "first", 1),
            dead("m3", None, 3),
            dead("m4", "of the DLQ's name", 1, "bills-dlq", None),
            dead("m5", "of another", 9, "other-dlq", "other"),
        ],
    )  # fmt: skip


def test_the_newest_message_of_each_dlq_of_the_function(case):
    arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
    attributes = {"DeadLetterQueueSourceArn": arn, "SenderId": "A"}
    assert recorded_events([], case, "worker", "en") == [
        # A reader that did not request the attributes: queue and region are unknown.
        (label("bills-dlq"), sqs_event("of the DLQ's name", "m4", "arn:aws:sqs:::bills", {})),
        (label("orders-dlq"), sqs_event("second", "m2", arn, attributes)),
    ]
    [(shown, event)] = recorded_events([], case, "another", "ja")
    assert (shown, event["Records"][0]["messageId"]) == (label("other-dlq", "ja"), "m5")
