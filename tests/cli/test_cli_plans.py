"""Plans as commands print, write, apply and undo them."""

import json
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner
from worlds.printed import is_error, lines_of, said

from watchme_analysis.cli.plans import applying_options, finish_plan, plan_lines, planning_options, run_plan
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, write_plan
from watchme_analysis.text.message import Resource, message

READ = Call("sqs", "get_queue_attributes", {"QueueUrl": "URL", "AttributeNames": ["All"]})
SET = Call("sqs", "set_queue_attributes", {"QueueUrl": "URL", "Attributes": {"VisibilityTimeout": "60"}})
BACK = Call("sqs", "set_queue_attributes", {"QueueUrl": "URL", "Attributes": {"VisibilityTimeout": "30"}})


def text(value):
    return message("value", value=Resource(value))


def plan_of(*steps, remedy="settings", **parts):
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return Plan(remedy, text("Title"), made, "123456789012", "ap-southeast-2", steps, **parts)


def test_a_plan_is_printed_with_its_reasons_and_each_step():
    steps = (
        Step("set", "orders", text("Why"), SET, undo=(BACK,)),
        Step("tag", "orders", text("Because"), READ),
        Step("wait", "orders", text("Patience")),
    )
    parts = {name: (text(f"one {name}"), text(f"two {name}")) for name in ("reasons", "costs", "notes")}
    assert [*plan_lines(plan_of(*steps, **parts), "en")] == [
        "Title",
        f"\n{said('plan-reasons')}:", "  - one reasons", "  - two reasons",
        f"\n{said('plan-costs')}:", "  - one costs", "  - two costs",
        # It has no risks, so no heading for them.
        f"\n{said('plan-notes')}:", "  - one notes", "  - two notes",
        f"\n{said('plan-steps', count=3)}:",
        "  1. set: Why", f"     {SET.command}",
        f"     {said('plan-undo-call', command=f'`{BACK.command}`')}",
        # Only a call without an undo is said to have none; a wait needs none.
        "  2. tag: Because", f"     {READ.command}", f"     {said('plan-no-undo')}",
        "  3. wait: Patience",
        "",
    ]  # fmt: skip
    risky = [*plan_lines(plan_of(risks=(text("Risk"),)), "en")]
    assert risky == ["Title", f"\n{said('plan-risks')}:", "  - Risk", f"\n{said('plan-nothing')}"]


def planned(plan, *words):
    @click.command()
    @planning_options("settings")
    def command(out, to, **_):
        return finish_plan(plan, to, out)

    return CliRunner().invoke(command, [*words, "--language", "en"], standalone_mode=False)


def test_a_plan_is_written_and_printed_in_each_form(tmp_path):
    plan = plan_of(Step("set", "orders", text("Why"), SET), Step("wait", "orders", text("Patience")))
    table = planned(plan)
    assert table.return_value == 0
    assert lines_of(table.stdout)[-1] == said("plan-how-to-apply", command="`watchme settings apply PLAN`")
    file = tmp_path / "settings plan.json"
    written = planned(plan, "--to", str(file), "--json")
    assert json.loads(written.stdout) == json.loads(file.read_text()) == plan.to_dict()
    command = f"`watchme settings apply '{file}'`"
    assert lines_of(planned(plan, "--to", str(file)).stdout)[-1] == said("plan-how-to-apply", command=command)
    rows = [json.loads(line) for line in planned(plan, "--output", "jsonl").stdout.splitlines()]
    assert rows == [
        {"step": "set", "resource": "orders", "why": "Why", "command": SET.command},
        {"step": "wait", "resource": "orders", "why": "Patience", "command": None},
    ]
    nothing = planned(plan_of())
    assert (nothing.return_value, lines_of(nothing.stdout)) == (0, ["Title", said("plan-nothing")])


@pytest.fixture
def queue(front):
    """A queue in the account, and the plan that doubles its visibility timeout."""
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]

    def call(seconds):
        attributes = {"VisibilityTimeout": str(seconds)}
        return Call("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": attributes})

    def timeout():
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        return found["Attributes"]["VisibilityTimeout"]

    read = Call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["VisibilityTimeout"]})
    step = Step(
        "longer",
        "orders",
        text("Why"),
        call(60),
        until=(Condition(read, "Attributes.VisibilityTimeout", "60"),),
        undo=(call(30),),
        undo_until=(Condition(read, "Attributes.VisibilityTimeout", "30"),),
    )
    return timeout, step


def run(path, *words, remedy="settings", is_undo=False):
    @click.command()
    @applying_options
    def command(out, path, **options):
        return run_plan(path, remedy, out, options, is_undo=is_undo)

    return CliRunner().invoke(command, [str(path), *words, "--language", "en"], standalone_mode=False)


def test_a_plan_is_applied_and_undone_with_its_steps_printed(queue, tmp_path):
    timeout, step = queue
    path = tmp_path / "plan.json"
    write_plan(plan_of(step), path)
    applied = run(path)
    assert (applied.return_value, timeout(), applied.stderr) == (0, "60", "")
    heading, call, done, result, undo = lines_of(applied.stdout)
    assert (heading, call) == (said("plan-calls", count=1), f"longer: {step.call.command}")
    assert done.startswith("longer: ")
    assert undo == said("plan-undo-how", command=f"`watchme settings undo {path}`")
    document = json.loads(run(path, "--json").stdout)
    assert document == {
        "sentence": result,
        "message": document["message"],
        "outcome": "complete",
        "done": ["longer"],
        "journal": str(tmp_path / "plan.json.journal.jsonl"),
        "calls": [{"step": "longer", **step.call.to_dict()}],
    }
    undone = run(path, is_undo=True)
    # The undo has worked; no undo of the undo is offered.
    assert (undone.return_value, timeout(), len(lines_of(undone.stdout))) == (0, "30", 4)


def test_a_dry_run_shows_every_call_and_makes_none(queue, front, tmp_path):
    timeout, step = queue
    path = tmp_path / "plan.json"
    write_plan(plan_of(step, undo_on_surprise=True), path)
    front.calls.clear()
    calls = [{"step": "longer", **each.to_dict()} for each in (step.call, *step.undo)]
    shown = run(path, "--dry-run")
    assert (shown.return_value, lines_of(shown.stdout)[1:]) == (
        0, [f"longer: {each.command}" for each in (step.call, *step.undo)]
    )  # fmt: skip
    assert json.loads(run(path, "--dry-run", "--json").stdout) == {"calls": calls}
    assert json.loads(run(path, "--dry-run", "--json", is_undo=True).stdout) == {"calls": calls[1:]}
    assert not front.calls and [each.name for each in tmp_path.iterdir()] == ["plan.json"]
    assert timeout() == "30"


def test_the_rows_of_a_run_are_its_steps_and_its_end_is_said_beside_them(queue, tmp_path):
    _, step = queue
    path, journal = tmp_path / "plan.json", tmp_path / "own.jsonl"
    write_plan(plan_of(step), path)
    rows = run(path, "--output", "jsonl", "--journal", str(journal))
    [row] = [json.loads(line) for line in rows.stdout.splitlines()]
    assert (row.keys(), row["step"]) == ({"step", "sentence"}, "longer")
    # The calls, before they are made, and the end.
    assert len(lines_of(rows.stderr)) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["own.jsonl", "plan.json"]


def test_a_plan_of_another_remedy_or_region_is_refused(queue, tmp_path):
    timeout, step = queue
    path = tmp_path / "plan.json"
    write_plan(plan_of(step), path)
    other = run(path, remedy="alarms")
    assert is_error(other.exception, "error-plan-of-other-remedy", path=path, remedy="settings")
    elsewhere = run(path, "--region", "us-east-1", "--json")
    assert (elsewhere.return_value, json.loads(elsewhere.stdout)["outcome"]) == (2, "refused")
    assert timeout() == "30"
