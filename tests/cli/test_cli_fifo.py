"""The command ``watchme fifo``: the advice and the checks in each form, and the options of a migration."""

import json

from worlds.printed import said

from watchme_analysis.text.message import Resource, message


def text(value):
    return message("value", value=Resource(value))


def document(value):
    return {"sentence": value, "message": text(value).to_dict()}


def test_a_queue_or_a_plan_is_checked_and_not_both(watchme, tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    for words in ((), ("orders", "--after", plan)):
        ended = watchme("fifo", "check", *words)
        assert ended.returncode == 2 and said("error-fifo-queue-or-plan") in ended.stderr


def test_applying_and_undoing_refuse_the_plan_of_another_command(watchme, tmp_path):
    from datetime import UTC, datetime

    from watchme_analysis.remedies.plan import Call, Plan, Step, write_plan

    path = tmp_path / "plan.json"
    call = Call("lambda", "delete_function_concurrency", {"FunctionName": "worker"})
    made = datetime(2026, 1, 1, tzinfo=UTC)
    for remedy in ("fifo", "settings"):
        steps = (Step("free", "worker", text("Why"), call, undo=(call,)),) if remedy == "settings" else ()
        path.unlink(missing_ok=True)
        write_plan(Plan(remedy, text("Title"), made, "123456789012", "ap-southeast-2", steps), path)
        for words in (
            ("fifo", "apply"), ("fifo", "undo"), ("settings", "apply"), ("settings", "undo"),
            ("alarms", "apply"), ("alarms", "undo"), ("deploy", "apply"), ("deploy", "rollback"),
        ):  # fmt: skip
            if words[0] == remedy:
                continue
            ended = watchme(*words, path)
            assert ended.returncode == 2
            assert said("error-plan-of-other-remedy", path=str(path), remedy=remedy) in ended.stderr
    # The policy is that of the calls in the plan, whichever command prints it.
    policy = watchme("fifo", "apply", path, "--print-policy")
    assert json.loads(policy.stdout)["Statement"][0]["Action"] == ["lambda:DeleteFunctionConcurrency"]
    assert policy.returncode == 0


def test_commands_that_plan_print_their_policy_without_a_case_or_a_queue(watchme):
    for words, action in (
        (("fifo", "plan"), "lambda:CreateEventSourceMapping"), (("fifo", "check"), "sqs:CreateQueue"),
        (("settings", "plan"), "sqs:SetQueueAttributes"), (("alarms", "plan"), "cloudwatch:PutMetricAlarm"),
        (("deploy", "plan"), "lambda:PublishVersion"), (("case", "pull"), "cloudwatch:GetMetricData"),
    ):  # fmt: skip
        ended = watchme(*words, "--print-policy")
        assert ended.returncode == 0, ended.stderr
        actions = [each for one in json.loads(ended.stdout)["Statement"] for each in one["Action"]]
        assert action in actions, words
