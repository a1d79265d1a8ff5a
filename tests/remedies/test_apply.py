"""Plans: applied once, resumed after a kill at any moment, refused when the system has changed, undone."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import messages_in, refusal
from worlds.stored_case import store_case

from watchme_analysis.case.actions import actions_in, read_actions
from watchme_analysis.cloudwatch.session import Aws, ThrottledError
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.remedies import apply as applying
from watchme_analysis.remedies.allowed_calls import read_plan
from watchme_analysis.remedies.apply import apply_plan, journal_of, undo, undo_plan
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, write_plan
from watchme_analysis.storage import journal as journals
from watchme_analysis.storage.journal import open_journal, read_journal
from watchme_analysis.text.message import message

WHY = message("plan-nothing")


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
    # Those of the plan, of the fixture and of the check of the account.
    made = aws.actions - {"sqs:CreateQueue", "sts:GetCallerIdentity"}
    assert made == {call.action for call in plan.calls}
    calls = aws.calls
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert aws.calls == calls + 1  # the account alone is read


def test_a_condition_is_about_every_page(aws):
    topic = aws.call("sns", "create_topic", Name="many")["TopicArn"]
    for number in range(101):  # SNS lists a hundred on a page
        queue = f"arn:aws:sqs:{aws.region}:123456789012:queue-{number}"
        aws.call("sns", "subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue)
    listing = Call("sns", "list_subscriptions_by_topic", {"TopicArn": topic})
    assert applying.read_value(Condition(listing, "length(Subscriptions)", 101), aws) == 101


def test_a_plan_survives_its_file(plan, tmp_path):
    plan = replace(plan, remedy="settings", steps=plan.steps[:1])
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
    data = replace(plan, remedy="settings", steps=plan.steps[:1]).to_dict()
    path = tmp_path / "plan.json"
    for key in data:
        for value in (None, [], {}, 3, "x", [{}], [[]]):
            with subtests.test(key=key, value=value):
                path.write_text(json.dumps({**data, key: value}))
                try:
                    read_plan(path)
                except InputError as error:
                    assert str(path) in str(error)


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


def test_parameters_that_are_read_or_stand_for_a_time(aws, queue, tmp_path):
    read = Call("sqs", "get_queue_attributes", {"QueueUrl": queue, "AttributeNames": ["DelaySeconds"]})
    copied = {"$read": read.to_dict(), "select": "Attributes", "with": {"VisibilityTimeout": "77"}}
    step = Step(
        "copy", queue, WHY, Call("sqs", "set_queue_attributes", {"QueueUrl": queue, "Attributes": copied})
    )
    assert apply_plan(plan_of(aws, step), tmp_path / "j", aws).outcome == "complete"
    assert current(aws, queue, "VisibilityTimeout") == "77"
    assert read in plan_of(aws, step).calls


@dataclass
class Account(Aws):
    """An account of attributes in memory; its waits are recorded and take no time.

    ``changes[n]`` are attributes that somebody sets before the reading ``n``, counted from zero; ``problems``
    are raised by an operation, one for each call, once ``refused_from`` changes were made.
    """

    attributes: dict = field(default_factory=dict)
    changes: dict = field(default_factory=dict)
    problems: dict = field(default_factory=dict)
    made: list = field(default_factory=list)
    waits: list = field(default_factory=list)
    readings: int = 0
    refused_from: int = 0

    region = "eu-west-1"

    def account(self):
        return "123456789012"

    def client(self, service):
        return SimpleNamespace(can_paginate=lambda operation: False)

    def sleep(self, seconds):
        self.waits.append(round(seconds, 3))

    def call(self, service, operation, **parameters):
        if self.problems.get(operation) and len(self.made) >= self.refused_from:
            raise self.problems[operation].pop(0)
        if operation.startswith("get_"):
            self.attributes |= self.changes.get(self.readings, {})
            self.readings += 1
            return {"Attributes": dict(self.attributes)}
        self.made.append((operation, parameters))
        self.attributes |= parameters["Attributes"]
        return {"Result": "done", "Number": len(self.made)}


def account_of(**attributes):
    return Account(rate_limits=FAST, attributes=attributes)


def shows(name, value, within_s=0.0, held_s=0.0):
    return Condition(Call("sqs", "get_queue_attributes"), f"Attributes.{name}", value, within_s, held_s)


def change(name, value):
    return Call("sqs", "set_queue_attributes", {"Attributes": {name: value}})


def step_of(name, old="0", new="5", **more):
    options = {
        "call": change(name, new),
        "before": (shows(name, old),),
        "until": (shows(name, new),),
        "undo": (change(name, old),),
        **more,
    }
    return Step(f"set {name}", f"queue {name}", WHY, **options)


def small_plan(*steps, **options):
    made = datetime(2026, 3, 2, tzinfo=UTC)
    return Plan("test", WHY, made, "123456789012", "eu-west-1", steps=steps, **options)


def applied(plan, path, account):
    """Return the result of a plan, and the id of what was reported for each step."""
    reports = []
    result = apply_plan(plan, path, account, lambda step, said: reports.append((step.name, said.id)))
    return result, reports


def entries(path):
    return [
        {key: value for key, value in entry.items() if key != "at"} for entry in read_journal(path).entries
    ]


SETTING = "sqs set-queue-attributes"


def test_a_stopped_step_is_on_record_with_its_reason(tmp_path):
    hint = message("plan-step-settled")

    def stopped(step, *problems, **attributes):
        account = account_of(A="0", **attributes)
        account.problems = {"set_queue_attributes": list(problems)}
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        plan = small_plan(step)
        result, reports = applied(plan, path, account)
        assert (result.outcome, result.done) == ("stopped", ())
        [(name, said)] = [(each["key"], each) for each in entries(path) if "sentence" in each]
        found = messages_in(result.sentence)
        assert (name, found["plan-stopped"]["step"]) == ("set A", "set A")
        assert (said["sentence"]["id"], reports) == (
            found["plan-stopped"]["why"],
            [("set A", said["sentence"]["id"])],
        )
        [row] = actions_in(read_journal(path), plan.remedy)
        assert (row["step"], row["outcome"], row["message"]) == ("set A", said["event"], said["sentence"])
        return said["event"], found

    failed = {"plan-call-failed": {"call": SETTING, "error": "broken"}}
    once = step_of("A", is_repeatable=False)
    for step, problem, event in (
        (once, [RetryableServiceError("broken")], "uncertain"),
        (once, [ServiceError("broken")], "not done"),
        (once, [ThrottledError("broken")] * 8, "not done"),  # AWS did not accept the call
        (step_of("A"), [RetryableServiceError("broken")], "not done"),
    ):
        assert stopped(step, *problem) == (
            event, {"plan-stopped": {"step": "set A", "why": "plan-call-failed"}, **failed}
        )  # fmt: skip
    # A hint is for people who are waited for.
    never = step_of("A", until=(shows("B", "9", 1.0),), hint=hint)
    event, found = stopped(never)
    assert (event, found["plan-stopped"]["why"]) == ("failed", "plan-hint")
    assert found["plan-hint"] == {"why": "plan-never", "hint": "plan-step-settled"}
    event, found = stopped(step_of("A", old="1", hint=hint))
    assert (event, found["plan-stopped"]["why"]) == ("failed", "plan-differs")
    event, found = stopped(step_of("A", expect={"Result": "other"}))
    assert found["plan-unexpected"] == {
        "call": SETTING, "select": "Result", "found": '"done"', "wanted": '"other"'
    }  # fmt: skip


def interrupted(path, plan, step, event="intended"):
    with open_journal(path) as journal:
        journal.write("plan", journals.INTENDED, plan=plan.digest)
        journal.write(step, event)


def test_an_interrupted_step_is_settled_by_reading(tmp_path):
    def resumed(step, event="intended", account=None, **problems):
        account = account or account_of(A="5")
        account.problems = problems
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        plan = small_plan(step)
        interrupted(path, plan, step.name, event)
        result, reports = applied(plan, path, account)
        last = entries(path)[-2]["event"]
        return result.outcome, [said for _, said in reports], len(account.made), last

    # The call has happened, so it is not made again, and what held before it does no longer.
    for event in ("intended", "uncertain"):
        assert resumed(step_of("A"), event) == ("complete", ["plan-step-settled"], 0, "done")
    # It has not: the call is made.
    assert resumed(step_of("A"), account=account_of(A="0"))[:3] == ("complete", ["plan-step-done"], 1)
    # One of two conditions holds.
    half = step_of("A", until=(shows("B", "0"), shows("A", "5")))
    assert resumed(half, account=account_of(A="0", B="0"))[:3] == ("complete", ["plan-step-done"], 1)
    # A failed or refused call is made again if its state is as before.
    assert resumed(step_of("A"), "not done", account_of(A="0"))[:3] == ("complete", ["plan-step-done"], 1)
    assert resumed(step_of("A"), "failed")[:3] == ("stopped", ["plan-differs"], 0)
    # The response that is to be kept is lost, so the call is repeated.
    keeping = step_of("A", keep={"number": "Number"})
    assert resumed(keeping)[:3] == ("complete", ["plan-step-done"], 1)
    assert resumed(replace(keeping, is_repeatable=False))[:3] == ("stopped", ["plan-step-uncertain"], 0)
    outcome, reports, made, last = resumed(step_of("A"), get_queue_attributes=[ServiceError("denied")])
    assert (outcome, reports, made, last) == ("stopped", ["plan-call-failed"], 0, "intended")
    wait = Step("set A", "queue", WHY, until=(shows("A", "5"),))
    assert resumed(wait)[:3] == ("complete", ["plan-step-done"], 0)


def test_a_step_that_worked_late_is_finished_by_the_next_run(tmp_path):
    """AWS applies a change after the run has given up; the state of before is gone by then."""

    class Slow(Account):
        """Accepts a change, which shows only later."""

        def call(self, service, operation, **parameters):
            response = super().call(service, operation, **parameters)
            if not operation.startswith("get_"):
                self.attributes |= dict.fromkeys(self.attributes, "pending")
            return response

    for repeatable in (True, False):
        path = tmp_path / f"{repeatable}"
        account = Slow(rate_limits=FAST, attributes={"A": "0"})
        plan = small_plan(step_of("A", until=(shows("A", "5", 2.0),), is_repeatable=repeatable))
        assert applied(plan, path, account)[0].outcome == "stopped"
        # Nothing shows it yet: the next run waits again, and does not call again.
        assert applied(plan, path, account)[1] == [("set A", "plan-never")]
        account.attributes["A"] = "5"
        assert applied(plan, path, account)[1] == [("set A", "plan-step-settled")]
        assert (applied(plan, path, account)[0].outcome, len(account.made)) == ("complete", 1)


def test_a_step_of_somebody_else_is_not_claimed(tmp_path):
    """The call was never made, so a state that others brought about is not called done, and not undone."""
    account = account_of(A="1")
    plan = small_plan(step_of("A"))
    assert applied(plan, tmp_path / "j", account)[1] == [("set A", "plan-differs")]
    account.attributes["A"] = "5"
    result, reports = applied(plan, tmp_path / "j", account)
    assert (result.outcome, reports) == ("stopped", [("set A", "plan-differs")])
    assert undo_plan(plan, read_journal(tmp_path / "j")).steps == ()


def test_an_undo_after_a_surprise_is_done_once_and_may_fail(tmp_path):
    wrong = step_of("B", old="7")
    plan = small_plan(step_of("A"), step_of("C"), wrong, undo_on_surprise=True)
    account = account_of(A="0", B="0", C="0")
    result, reports = applied(plan, tmp_path / "j", account)
    assert (result.outcome, result.done, account.attributes) == ("undone", (), {"A": "0", "B": "0", "C": "0"})
    # The step that failed before its call has changed nothing; of the others, the last is undone first.
    assert [name for name, _ in reports[2:]] == ["set B", "undo set C", "undo set A"]
    calls = len(account.made)
    assert applied(plan, tmp_path / "j", account) == (result, [])
    assert len(account.made) == calls

    # A step that failed after its call is undone as well; where that fails, both reasons are stated.
    never = step_of("B", until=(shows("B", "7"),))
    account = account_of(A="0", B="0")
    result, reports = applied(small_plan(never, undo_on_surprise=True), tmp_path / "called", account)
    assert (reports[-1], account.attributes["B"]) == (("undo set B", "plan-step-done"), "0")
    account = account_of(A="0", B="0")
    account.refused_from, account.problems = 1, {"set_queue_attributes": [ServiceError("broken")]}
    result, _ = applied(small_plan(never, step_of("A"), undo_on_surprise=True), tmp_path / "bad", account)
    assert (result.outcome, result.done) == ("stopped", ())
    found = messages_in(result.sentence)
    assert found["plan-undo-failed"] == {"why": "plan-stopped", "undo": "plan-call-failed"}
    last = entries(tmp_path / "bad")[-1]
    assert (last["key"], last["event"], last["sentence"]["id"]) == (
        "undo set B", "not done", "plan-call-failed"
    )  # fmt: skip


def test_steps_and_undos_are_recorded_in_a_case(tmp_path):
    case = store_case(tmp_path / "case", queues=[{"queue": "jobs"}]).path
    account = account_of(A="0", B="0")
    account.refused_from, account.problems = 1, {"set_queue_attributes": [ServiceError("denied")]}
    plan, journal = small_plan(step_of("A"), step_of("B")), journal_of(tmp_path / "plan.json")
    assert apply_plan(plan, journal, account, case=case).outcome == "stopped"
    undone = undo(plan, journal, account, case=case)
    assert (undone.outcome, undone.journal) == ("complete", tmp_path / "plan.json.journal.jsonl.undo")
    assert account.attributes == {"A": "0", "B": "0"}
    assert read_actions(case)[["step", "outcome"]].values.tolist() == [
        ["set A", "done"], ["set B", "not done"], ["undo set A", "done"], ["plan", "done"]
    ]  # fmt: skip


@pytest.mark.parametrize("place", [{"account": "unknown"}, {"region": "unknown"}, {"region": "us-east-1"}])
def test_a_plan_is_refused_where_it_does_not_state_this_account_and_region(tmp_path, place):
    account = account_of(A="0")
    result, _ = applied(replace(small_plan(step_of("A")), **place), tmp_path / "j", account)
    assert "plan-other-place" in messages_in(result.sentence)
    assert (result.outcome, entries(tmp_path / "j")) == ("refused", [])


def test_a_plan_is_refused_when_the_system_the_journal_or_a_file_differs(tmp_path):
    account = account_of(A="0")
    changed = small_plan(step_of("A"), relies_on=(shows("A", "1"),))
    result, _ = applied(changed, tmp_path / "j", account)
    assert (result.outcome, account.made) == ("refused", [])
    assert messages_in(result.sentence)["plan-refused"] == {"why": "plan-differs"}
    with open_journal(tmp_path / "other") as journal:
        journal.write("a message", "sent")
    path = str(tmp_path / "other")
    refused = refusal(apply_plan, small_plan(), tmp_path / "other", account)
    assert refused == {"error-journal-other-remedy": {"path": path}}

    file = tmp_path / "code"
    file.write_bytes(b"code")
    content = {"$file": str(file), "sha256": hashlib.sha256(b"code").hexdigest()}
    plan = small_plan(step_of("A", call=change("A", [content])))
    assert applied(plan, tmp_path / "f", account)[0].outcome == "stopped"  # [b"code"] is not "5"
    assert account.attributes["A"] == [b"code"]
    file.write_bytes(b"other")
    assert refusal(apply_plan, plan, tmp_path / "g", account) == {
        "error-plan-file-changed": {"path": str(file)}
    }
    file.unlink()
    gone = refusal(apply_plan, plan, tmp_path / "h", account)
    assert gone["error-plan-file-unreadable"]["path"] == str(file)
