"""The command ``watchme fifo``: the advice and the checks in each form, and the options of a migration."""

import json

from worlds.printed import lines_of, said

from watchme_analysis.cli.fifo import _show_checks
from watchme_analysis.cli.output import Output
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.remedies.fifo_checks import Check
from watchme_analysis.text.message import Choice, Resource, message


def text(value):
    return message("value", value=Resource(value))


def document(value):
    return {"sentence": value, "message": text(value).to_dict()}


def shown(form, checks, capsys, *, is_after=False):
    _show_checks(checks, Output(form), Printer("en"), is_after=is_after)
    return capsys.readouterr().out


def test_checks_are_lines_with_their_status_and_a_count_of_problems(capsys):
    checks = Check("delay", "problem", text("Bad.")), Check("groups", "note", text("Look."))
    states = {name: said("fifo-check-status", status=Choice(name)) for name in ("problem", "note")}
    listed = [f"{states['problem']}: Bad.", f"{states['note']}: Look."]
    assert lines_of(shown("table", checks, capsys)) == [*listed, said("fifo-ready", problems=1)]
    after = lines_of(shown("table", checks, capsys, is_after=True))
    assert after == [*listed, said("fifo-accounted", problems=1)]
    rows = [{"rule": "delay", "status": "problem"}, {"rule": "groups", "status": "note"}]
    assert json.loads(shown("json", checks, capsys)) == [
        rows[0] | document("Bad."), rows[1] | document("Look.")
    ]  # fmt: skip
    assert [json.loads(line) for line in shown("jsonl", checks, capsys).splitlines()] == [
        rows[0] | {"sentence": "Bad."}, rows[1] | {"sentence": "Look."}
    ]  # fmt: skip


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
        assert (ended.returncode, ended.stderr) == (0, "")
        actions = [each for one in json.loads(ended.stdout)["Statement"] for each in one["Action"]]
        assert action in actions, words
