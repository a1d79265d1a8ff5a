"""The command ``watchme fifo``: the advice and the checks in each form, and the options of a migration."""

import json
from pathlib import Path

import click
import pytest
from worlds.printed import lines_of, said

from watchme_analysis.cli.fifo import _chosen, _show_checks, _switch
from watchme_analysis.cli.output import Output
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.remedies.fifo_advice import Advice
from watchme_analysis.remedies.fifo_checks import Check
from watchme_analysis.remedies.fifo_migration import MigrationOptions, Switch
from watchme_analysis.text.message import Choice, Resource, message
from watchme_analysis.text.render import error_sentence


def text(value):
    return message("value", value=Resource(value))


def document(value):
    return {"sentence": value, "message": text(value).to_dict()}


def test_the_advice_is_its_verdict_and_each_reason(watchme, small_case, monkeypatch):
    asked = []

    def advise(case, **options):
        asked.append((case, options))
        return Advice("orders", "fair", text("Fair helps."), (text("One."), text("Two.")))

    monkeypatch.setattr("watchme_analysis.services.fifo.advise", advise)
    words = ("fifo", "advise", small_case.path, "--queue", "orders", "--seed", "4", "--processes", "1")
    assert lines_of(watchme(*words).stdout) == ["Fair helps.", "- One.", "- Two."]
    about = {"queue": "orders", "kind": "fair"}
    found = json.loads(watchme(*words, "--json").stdout)
    assert found == {
        **about,
        "verdict": document("Fair helps."),
        "reasons": [document("One."), document("Two.")],
    }
    rows = [json.loads(line) for line in watchme(*words, "--output", "jsonl").stdout.splitlines()]
    assert rows == [{**about, "sentence": sentence} for sentence in ("Fair helps.", "One.", "Two.")]
    options = {"queue": "orders", "replications": 10, "seed": 4, "processes": 1}
    assert asked == [(Path(small_case.path), options)] * 3


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


def test_options_of_a_migration_are_those_of_the_command():
    usual = {"standard_throughput": False, "content_based": False}
    names = {"name": "", "dlq_name": "", "group_key": ""}
    # `fifo check` has no options for switches, order, wait and window.
    assert _chosen(usual) == MigrationOptions(
        **names, switches=(), keeps_order=False, is_high_throughput=True, is_content_based=False,
        window_s=0.0, wait_s=0.0,
    )  # fmt: skip
    stated = {"standard_throughput": True, "content_based": True, "switches": ("checkout:URL",),
              "keep_order": True, "window_s": 60.0, "wait_s": 5.0}  # fmt: skip
    assert _chosen(stated) == MigrationOptions(
        **names, switches=(Switch("checkout", "URL"),), keeps_order=True, is_high_throughput=False,
        is_content_based=True, window_s=60.0, wait_s=5.0,
    )  # fmt: skip


def test_a_switch_names_a_function_and_a_variable():
    # The ARN of a function has colons of its own.
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:checkout"
    assert _switch(f"{arn}:QUEUE_URL") == Switch(arn, "QUEUE_URL")
    for wrong in ("checkout", "checkout:", ":QUEUE_URL"):
        with pytest.raises(click.UsageError) as refused:
            _switch(wrong)
        assert refused.value.message == error_sentence("error-fifo-switch", text=wrong)


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


def test_the_measure_of_the_settings_is_planned_from_the_simulation(watchme, small_case, monkeypatch):
    from datetime import UTC, datetime

    from watchme_analysis.remedies.plan import Plan

    asked = []
    made = Plan("settings", text("Title"), datetime(2026, 1, 1, tzinfo=UTC), "123456789012", "eu-west-1")

    def simulated(*values):
        asked.append(values)
        return "tried"

    def plan_settings(aws, tried, measure):
        asked.append((aws.region, tried, measure))
        return made

    monkeypatch.setattr("watchme_analysis.services.queue_settings.simulated", simulated)
    monkeypatch.setattr("watchme_analysis.services.queue_settings.plan_settings", plan_settings)
    words = ("--queue", "orders", "--measure", "m", "--replications", "3", "--seed", "7", "--processes", "1")
    ended = watchme("settings", "plan", small_case.path, *words, "--region", "eu-west-1", "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, made.to_dict())
    assert asked == [(Path(small_case.path), "orders", 3, 7, 1), ("eu-west-1", "tried", "m")]
    ended = watchme("settings", "plan")
    assert ended.returncode == 2 and "CASE" in ended.stderr
