"""Plans: applied once, resumed after a kill at any moment, refused when the system has changed, undone."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.kills import killed, kills, restarted

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.files import journal as journals
from watchme_analysis.files.journal import open_journal, read_journal
from watchme_analysis.remedies import apply as applying
from watchme_analysis.remedies.apply import actions_of, apply_plan, undo_plan
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, read_plan, write_plan
from watchme_analysis.remedies.policy import action_of, policy_of
from watchme_analysis.text.message import message

pytestmark = pytest.mark.usefixtures("front")
WHY = message("plan-nothing")


@pytest.fixture
def aws():
    return Aws(rate_limits=FAST)


@pytest.fixture
def queue(aws):
    name = f"plan-{datetime.now(UTC).timestamp()}".replace(".", "-")
    url = aws.call("sqs", "create_queue", QueueName=name)["QueueUrl"]
    yield url
    boto3.client("sqs").delete_queue(QueueUrl=url)


def attribute(url, name, value):
    call = Call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": [name]})
    return Condition(call, f"Attributes.{name}", value)


def setting(url, name, old, new):
    return Step(
        name=f"set {name}",
        resource=url,
        why=WHY,
        call=Call("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": {name: new}}),
        before=(attribute(url, name, old),),
        until=(attribute(url, name, new),),
        undo=(Call("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": {name: old}}),),
    )


def plan_of(aws, *steps, **options):
    return Plan("test", WHY, datetime.now(UTC), aws.account(), aws.region, steps=steps, **options)


@pytest.fixture
def plan(aws, queue):
    return plan_of(
        aws,
        setting(queue, "VisibilityTimeout", "30", "180"),
        setting(queue, "DelaySeconds", "0", "5"),
        relies_on=(attribute(queue, "VisibilityTimeout", "30"),),
    )


def current(aws, url, name):
    return applying.read_value(attribute(url, name, None), aws)


def test_a_plan_is_applied_verified_and_applied_once(aws, queue, plan, tmp_path, front):
    result = apply_plan(plan, tmp_path / "j", aws)
    assert (result.outcome, len(result.done)) == ("complete", 2)
    assert (current(aws, queue, "VisibilityTimeout"), current(aws, queue, "DelaySeconds")) == ("180", "5")
    calls = aws.calls
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert aws.calls == calls + 1  # the account alone is read


def test_a_plan_survives_its_file(plan, tmp_path):
    write_plan(plan, tmp_path / "plan.json")
    stored = read_plan(tmp_path / "plan.json")
    assert stored.to_dict() == plan.to_dict()
    assert stored.digest == plan.digest
    (tmp_path / "other").write_text("anything")
    with pytest.raises(InputError, match="is not a plan"):
        read_plan(tmp_path / "other")
    with pytest.raises(InputError, match="is not a plan"):
        write_plan(plan, tmp_path / "other")


def test_damaged_plans_are_one_sentence(plan, tmp_path, subtests):
    data = plan.to_dict()
    path = tmp_path / "plan.json"
    for key in data:
        for value in (None, [], {}, 3, "x", [{}], [[]]):
            with subtests.test(key=key, value=value):
                path.write_text(json.dumps({**data, key: value}))
                try:
                    read_plan(path)
                except InputError as error:
                    assert str(path) in str(error)


def test_a_changed_system_refuses_the_plan(aws, queue, plan, tmp_path):
    aws.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"VisibilityTimeout": "60"})
    result = apply_plan(plan, tmp_path / "j", aws)
    assert (result.outcome, result.sentence.values["why"].id) == ("refused", "plan-differs")
    assert current(aws, queue, "DelaySeconds") == "0"


def test_a_step_whose_state_changed_stops_before_its_call(aws, queue, plan, tmp_path):
    def meanwhile(step, _sentence):
        if step.name == "set VisibilityTimeout":
            aws.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"DelaySeconds": "1"})

    result = apply_plan(plan, tmp_path / "j", aws, meanwhile)
    assert (result.outcome, result.done) == ("stopped", ("set VisibilityTimeout",))
    assert current(aws, queue, "DelaySeconds") == "1"


def test_another_account_or_region_refuses_the_plan(aws, plan, tmp_path):
    result = apply_plan(replace(plan, account="210987654321"), tmp_path / "j", aws)
    assert (result.outcome, result.sentence.values["why"].id) == ("refused", "plan-other-place")


def test_a_journal_belongs_to_one_plan(aws, plan, tmp_path):
    apply_plan(plan, tmp_path / "j", aws)
    with pytest.raises(InputError, match="another plan"):
        apply_plan(replace(plan, remedy="other"), tmp_path / "j", aws)


def test_two_runs_at_once_are_refused(aws, plan, tmp_path):
    with open_journal(tmp_path / "j"), pytest.raises(InputError, match="Another run"):
        apply_plan(plan, tmp_path / "j", aws)


def reset(aws, url):
    aws.call(
        "sqs",
        "set_queue_attributes",
        QueueUrl=url,
        Attributes={"VisibilityTimeout": "30", "DelaySeconds": "0"},
    )


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_resumed(aws, queue, plan, tmp_path, subtests):
    def begin(moment):
        reset(aws, queue)
        return lambda: apply_plan(plan, tmp_path / f"j{moment}", restarted(aws))

    for moment in kills(begin):
        with subtests.test(moment=moment):
            assert apply_plan(plan, tmp_path / f"j{moment}", restarted(aws)).outcome == "complete"
            assert current(aws, queue, "DelaySeconds") == "5"
            journal = read_journal(tmp_path / f"j{moment}")
            assert [journal.event(step.name) for step in plan.steps] == ["done", "done"]
    # Two entries and the call of each step, two entries of the plan, and the journal's name in its folder.
    assert moment == 2 * 3 + 2 + 1


@pytest.mark.slow
def test_an_exception_that_nothing_catches_leaves_what_a_kill_leaves(aws, queue, plan, tmp_path):
    left = []
    for for_real in (False, True):
        reset(aws, queue)
        path = tmp_path / f"{for_real}"
        assert killed(lambda path=path: apply_plan(plan, path, restarted(aws)), 4, for_real=for_real)
        entries = [(entry["key"], entry["event"]) for entry in read_journal(path).entries]
        left.append((entries, current(aws, queue, "VisibilityTimeout"), path.read_bytes()[-1:]))
    assert left[0] == left[1]
    assert left[0][1] == "180"


@pytest.mark.slow
def test_a_journal_cut_anywhere_is_resumed(aws, queue, plan, tmp_path, subtests):
    """A power cut leaves any beginning of the journal; the steps of lost entries had not begun."""
    apply_plan(plan, tmp_path / "whole", aws)
    data = (tmp_path / "whole").read_bytes()
    ends = [position + 1 for position, byte in enumerate(data) if byte == ord("\n")]
    for cut in sorted({*ends, *(end - 7 for end in ends), 3}):
        with subtests.test(cut=cut):
            (tmp_path / "cut").write_bytes(data[:cut])
            written = data[:cut].count(b"\n")
            if written == 0:  # nothing had begun, so the system is as planned
                aws.call(
                    "sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"VisibilityTimeout": "30"}
                )
                aws.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"DelaySeconds": "0"})
            elif written <= 3:  # the second step had not begun
                aws.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"DelaySeconds": "0"})
            if written == 1:
                aws.call(
                    "sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"VisibilityTimeout": "30"}
                )
            assert apply_plan(plan, tmp_path / "cut", aws).outcome == "complete"
            assert current(aws, queue, "DelaySeconds") == "5"


def test_a_call_that_must_not_be_repeated_is_reported_as_uncertain(aws, queue, tmp_path):
    send = Step(
        "send",
        queue,
        WHY,
        Call("sqs", "send_message", {"QueueUrl": queue, "MessageBody": "x"}),
        is_repeatable=False,
    )
    plan = plan_of(aws, send)
    with open_journal(tmp_path / "j") as journal:
        journal.write("plan", journals.INTENDED, plan=plan.digest)
        journal.write("send", journals.INTENDED)
    result = apply_plan(plan, tmp_path / "j", aws)
    assert (result.outcome, result.sentence.values["why"].id) == ("stopped", "plan-step-uncertain")
    assert current(aws, queue, "ApproximateNumberOfMessages") == "0"


def test_a_reset_connection_is_not_repeated_for_such_a_call(aws, queue, tmp_path, front):
    send = Step(
        "send",
        queue,
        WHY,
        Call("sqs", "send_message", {"QueueUrl": queue, "MessageBody": "x"}),
        is_repeatable=False,
    )
    front.faults["SendMessage"].append("reset")
    result = apply_plan(plan_of(aws, send), tmp_path / "j", aws)
    assert result.outcome == "stopped"
    assert read_journal(tmp_path / "j").event("send") == "uncertain"
    assert front.calls["SendMessage"] == 1


@pytest.mark.slow
def test_a_value_of_a_response_reaches_later_steps(aws, queue, tmp_path):
    made = Step(
        "create",
        "copy",
        WHY,
        Call("sqs", "create_queue", {"QueueName": "plan-copy"}),
        keep={"url": "QueueUrl"},
    )
    url = {"$from": "create.url"}
    change = Call("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": {"DelaySeconds": "7"}})
    result = apply_plan(
        plan_of(aws, made, Step("set", "copy", WHY, change, until=(attribute(url, "DelaySeconds", "7"),))),
        tmp_path / "j",
        aws,
    )
    assert result.outcome == "complete"
    boto3.client("sqs").delete_queue(QueueUrl=read_journal(tmp_path / "j").last["create"]["made"]["url"])


def test_a_surprise_undoes_what_was_done(aws, queue, plan, tmp_path):
    wrong = Step(
        "wrong",
        queue,
        WHY,
        Call("sqs", "get_queue_url", {"QueueName": queue.rsplit("/")[-1]}),
        expect={"QueueUrl": "x"},
    )
    result = apply_plan(replace(plan, steps=(*plan.steps, wrong), undo_on_surprise=True), tmp_path / "j", aws)
    assert result.outcome == "undone"
    assert (current(aws, queue, "VisibilityTimeout"), current(aws, queue, "DelaySeconds")) == ("30", "0")


@pytest.mark.slow
def test_a_killed_undo_is_resumed(aws, queue, plan, tmp_path, subtests):
    wrong = Step("wrong", queue, WHY, until=(attribute(queue, "DelaySeconds", "9"),))
    surprised = replace(plan, steps=(*plan.steps, wrong), undo_on_surprise=True)

    def begin(moment):
        return lambda: apply_plan(surprised, tmp_path / f"j{moment}", restarted(aws))

    # The undo begins after the name of the journal, the beginning of the plan, two steps and the surprise.
    first = 1 + 1 + 2 * 3 + 1
    for moment in kills(begin, first=first, real=first + 2):
        with subtests.test(moment=moment):
            assert apply_plan(surprised, tmp_path / f"j{moment}", restarted(aws)).outcome == "undone"
            assert (current(aws, queue, "VisibilityTimeout"), current(aws, queue, "DelaySeconds")) == (
                "30",
                "0",
            )
    assert moment >= first + 2 * 3


def test_the_undo_of_a_plan_goes_backwards(aws, plan, tmp_path):
    apply_plan(plan, tmp_path / "j", aws)
    names = [step.name for step in undo_plan(plan, read_journal(tmp_path / "j")).steps]
    assert names == ["undo set DelaySeconds", "undo set VisibilityTimeout"]


@pytest.mark.slow
def test_a_condition_must_hold_without_a_break(queue):
    class Changing(Aws):
        """An account in which the attribute is not the same at each reading."""

        readings = 0
        shown = iter("50500")

        def call(self, service, operation, **parameters):
            self.readings += 1
            return {"Attributes": {"DelaySeconds": next(self.shown)}}

    account = Changing(rate_limits=FAST)
    condition = replace(attribute(queue, "DelaySeconds", "0"), within_s=5.0, held_s=0.1)
    applying.require(condition, account, {})
    assert account.readings == 5
    assert Condition.from_dict(condition.to_dict()) == condition
    assert "held_s" not in attribute(queue, "DelaySeconds", "0").to_dict()


def test_parameters_that_are_read_or_stand_for_a_time(aws, queue, tmp_path):
    read = Call("sqs", "get_queue_attributes", {"QueueUrl": queue, "AttributeNames": ["DelaySeconds"]})
    copied = {"$read": read.to_dict(), "select": "Attributes", "with": {"VisibilityTimeout": "77"}}
    step = Step(
        "copy", queue, WHY, Call("sqs", "set_queue_attributes", {"QueueUrl": queue, "Attributes": copied})
    )
    assert apply_plan(plan_of(aws, step), tmp_path / "j", aws).outcome == "complete"
    assert current(aws, queue, "VisibilityTimeout") == "77"
    assert read in plan_of(aws, step).calls
    now = datetime.fromisoformat(applying._resolved({"$now": 60}, aws, {}))
    assert 50 < (now - datetime.now(UTC)).total_seconds() < 61


@pytest.mark.slow
def test_the_policy_allows_the_calls_that_were_made(aws, plan, tmp_path):
    used = Aws(rate_limits=FAST)
    apply_plan(plan, tmp_path / "j", used)
    allowed = set(policy_of(plan.calls)["Statement"][0]["Action"])
    assert used.actions - {"sts:GetCallerIdentity"} == allowed
    assert action_of(Call("lambda", "invoke")) == "lambda:InvokeFunction"
    assert action_of(Call("sqs", "delete_message_batch")) == "sqs:DeleteMessage"


def test_actions_are_rows_of_what_was_done(aws, plan, tmp_path):
    apply_plan(plan, tmp_path / "j", aws)
    rows = actions_of(plan, read_journal(tmp_path / "j"))
    assert [(row["step"], row["outcome"]) for row in rows] == [
        ("set VisibilityTimeout", "done"),
        ("set DelaySeconds", "done"),
        ("plan", "done"),
    ]
