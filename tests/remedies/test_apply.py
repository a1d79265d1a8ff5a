"""Plans: applied once, resumed after a kill at any moment, refused when the system has changed, undone."""

import base64
import hashlib
import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.kills import killed, kills, restarted
from worlds.messages import messages_in, refusal
from worlds.together import together

from watchme_analysis.case.actions import actions_in
from watchme_analysis.cloudwatch.session import Aws, NotFoundError, ThrottledError
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.files import journal as journals
from watchme_analysis.remedies import apply as applying
from watchme_analysis.remedies.allowed_calls import read_plan
from watchme_analysis.remedies.apply import apply_plan, undo_plan
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, write_plan
from watchme_analysis.remedies.policy import action_of, policy_of
from watchme_analysis.storage.journal import open_journal, read_journal
from watchme_analysis.text.message import message

WHY = message("plan-nothing")


@pytest.fixture
def aws(front):
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
    rows = actions_in(read_journal(tmp_path / "j"), plan.remedy)
    assert [(row["step"], row["outcome"]) for row in rows] == [
        ("set VisibilityTimeout", "done"),
        ("set DelaySeconds", "done"),
        ("plan", "done"),
    ]


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


GETTING = "sqs get-queue-attributes"
SETTING = "sqs set-queue-attributes"


@together(
    ("readings", "condition", "waits"),
    [
        # At once, without a wait.
        ([{}], shows("A", "0"), []),
        # The pauses grow, and the last reading is at the end of the wait: 0.2 + 1 + 2 + 5 + 5 + 1.8 = 15.
        ([{}, {}, {}, {}, {}, {}, {"A": "5"}], shows("A", "5", 15.0), [0.2, 1.0, 2.0, 5.0, 5.0, 1.8]),
        # It must hold for a second after it began to, and again from the start after a break.
        ([{}, {}, {}], shows("A", "0", held_s=1.0), [0.2, 0.8]),
        (
            [{}, {"A": "5"}, {"A": "0"}, {}, {}],
            shows("A", "0", within_s=1.0, held_s=1.5),
            [0.2, 1.0, 1.5],
        ),
    ],
)
def test_readings_of_a_condition(readings, condition, waits):
    account = account_of(A="0")
    account.changes = dict(enumerate(readings))
    applying.require(condition, account, {})
    assert account.waits == waits


def test_conditions_that_do_not_hold_or_can_not_be_read(tmp_path):
    account = account_of(A="0")
    values = {"call": GETTING, "select": "Attributes.A", "found": '"0"', "wanted": '"5"'}
    with pytest.raises(applying.SurpriseError) as raised:
        applying.require(shows("A", "5"), account, {})
    assert not isinstance(raised.value, applying.NeverError)
    assert (messages_in(raised.value.sentence), raised.value.event) == ({"plan-differs": values}, "failed")
    with pytest.raises(applying.NeverError) as raised:
        applying.require(shows("A", "5", 1.0), account, {})
    assert messages_in(raised.value.sentence) == {"plan-never": {"within": 1.0, **values}}
    assert account.waits == [0.2, 0.8]
    account.problems = {"get_queue_attributes": [NotFoundError("absent"), ServiceError("denied")]}
    applying.require(shows("A", None), account, {})  # what does not exist is null
    with pytest.raises(applying.SurpriseError) as raised:
        applying.require(shows("A", "0"), account, {})
    assert messages_in(raised.value.sentence) == {"plan-call-failed": {"call": GETTING, "error": "denied"}}
    # A long response is cut.
    account.attributes = {"A": "x" * 300}
    with pytest.raises(applying.SurpriseError) as raised:
        applying.require(shows("A", {"b": "é", "a": 1}), account, {})
    found = messages_in(raised.value.sentence)["plan-differs"]
    assert (found["found"], found["wanted"]) == ('"' + "x" * 199 + "…", '{"a": 1, "b": "é"}')
    account.attributes = {"A": "x" * 198}  # with its quotation marks 200 characters, the most that are shown
    with pytest.raises(applying.SurpriseError) as raised:
        applying.require(shows("A", None), account, {})
    assert messages_in(raised.value.sentence)["plan-differs"]["found"] == '"' + "x" * 198 + '"'


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
        (once, RetryableServiceError("broken"), "uncertain"),
        (once, ServiceError("broken"), "not done"),
        (once, ThrottledError("broken"), "not done"),  # AWS did not accept the call
        (step_of("A"), RetryableServiceError("broken"), "not done"),
    ):
        assert stopped(step, problem) == (
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


def test_a_call_that_must_not_act_twice_is_made_once(tmp_path):
    account = Aws(rate_limits=replace(FAST, attempts=3))
    single = applying.without_retries(account)
    assert (single.rate_limits, single.actions) == (replace(FAST, attempts=1), account.actions)
    assert single.actions is account.actions  # the policy counts its calls as well


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


def test_a_wait_may_end_without_being_seen(tmp_path):
    wait = Step("wait", "queue", WHY, until=(shows("A", "5", 1.0),), may_be_unseen=True)
    plan = small_plan(wait, step_of("B"))
    account = account_of(A="0", B="0")
    result, reports = applied(plan, tmp_path / "j", account)
    assert (result.outcome, result.done) == ("complete", ("set B",))
    complete = message("plan-complete", count=1)
    assert messages_in(result.sentence) == {
        "plan-unseen": {"complete": "plan-complete", "steps": ["wait"]}, **messages_in(complete)
    }  # fmt: skip
    assert reports == [("wait", "plan-step-unseen"), ("set B", "plan-step-done")]
    assert ("wait", "unseen") in [(each["key"], each["event"]) for each in entries(tmp_path / "j")]
    account.attributes["A"] = "5"
    assert applied(plan, tmp_path / "j", account)[1] == []  # it is not waited for again


def test_an_undo_after_a_surprise_goes_on_after_a_kill_and_may_fail(tmp_path):
    wrong = step_of("B", old="7")
    plan = small_plan(step_of("A"), wrong, undo_on_surprise=True)
    account = account_of(A="0", B="0")
    result, reports = applied(plan, tmp_path / "j", account)
    why = {
        "plan-stopped": {"step": "set B", "why": "plan-differs"},
        "plan-differs": {"call": GETTING, "select": "Attributes.B", "found": '"0"', "wanted": '"7"'},
    }
    assert (result.outcome, result.done) == ("undone", ())
    assert messages_in(result.sentence) == {"plan-undone": {"why": "plan-stopped"}, **why}
    # The step that failed before its call has changed nothing, so there is nothing of it to undo.
    assert reports == [
        ("set A", "plan-step-done"),
        ("set B", "plan-differs"),
        ("undo set A", "plan-step-done"),
    ]
    assert account.attributes == {"A": "0", "B": "0"}
    calls = len(account.made)
    again, reports = applied(plan, tmp_path / "j", account)
    assert (again, reports, len(account.made)) == (result, [], calls)

    # A step that failed after its call is undone as well.
    account = account_of(A="0", B="0")
    never = step_of("B", until=(shows("B", "7"),))
    result, reports = applied(small_plan(never, undo_on_surprise=True), tmp_path / "called", account)
    assert (reports[-1], account.attributes["B"]) == (("undo set B", "plan-step-done"), "0")

    account = account_of(A="0", B="0")
    why["plan-differs"] = {"call": GETTING, "select": "Attributes.B", "found": '"5"', "wanted": '"7"'}
    refused = [ServiceError("broken")]
    account.refused_from, account.problems = 1, {"set_queue_attributes": refused}
    bad_undo = small_plan(never, step_of("A"), undo_on_surprise=True)
    result, reports = applied(bad_undo, tmp_path / "bad", account)
    assert (result.outcome, result.done) == ("stopped", ())
    assert messages_in(result.sentence) == {
        "plan-undo-failed": {"why": "plan-stopped", "undo": "plan-call-failed"},
        **why,
        "plan-call-failed": {"call": SETTING, "error": "broken"},
    }
    assert reports == [("set B", "plan-differs"), ("undo set B", "plan-call-failed")]
    last = entries(tmp_path / "bad")[-1]
    assert (last["key"], last["event"], last["sentence"]["id"]) == (
        "undo set B",
        "not done",
        "plan-call-failed",
    )


def test_a_plan_is_refused_elsewhere_with_another_journal_or_file(tmp_path):
    account = account_of(A="0")
    result, _ = applied(replace(small_plan(step_of("A")), region="us-east-1"), tmp_path / "j", account)
    assert messages_in(result.sentence) == {
        "plan-refused": {"why": "plan-other-place"},
        "plan-other-place": {
            "account": "123456789012", "region": "eu-west-1", "planned_account": "123456789012",
            "planned_region": "us-east-1",
        },
    }  # fmt: skip
    assert (result.outcome, result.done, entries(tmp_path / "j")) == ("refused", (), [])
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
    assert refusal(applying._resolved, [{"$from": "x.y"}], account, {}) == {
        "error-plan-reference": {"name": "'x.y'"}
    }


def test_readings_and_responses_become_plain_values():
    account = account_of(A="0")
    read = {"$read": {"service": "sqs", "operation": "get_queue_attributes", "parameters": {}}}
    assert applying._resolved({"x": [{**read, "select": "Attributes.A"}]}, account, {}) == {"x": ["0"]}
    merged = {**read, "select": "Attributes", "with": {"B": {"C": "1"}}}
    assert applying._resolved(merged, account, {}) == {"A": "0", "B": {"C": "1"}}
    absent = refusal(applying._resolved, {**read, "select": "B"}, account, {}, error=NotFoundError)
    assert absent == {"error-plan-reading": {"call": GETTING, "select": "B"}}
    at = datetime(2026, 3, 2, 5, tzinfo=timezone(timedelta(hours=1)))
    log = base64.b64encode(b"END RequestId").decode()
    assert applying.plain(
        {"at": at, "LogResult": log, "list": (1, b'{"a": 1}'), "bytes": b"\xff", "stream": io.BytesIO(b"[2]")}
    ) == {
        "at": "2026-03-02T04:00:00.000+00:00",
        "LogResult": "END RequestId",
        "list": [1, {"a": 1}],
        "bytes": "\ufffd",
        "stream": [2],
    }


def test_the_items_of_all_pages_are_one_response():
    account = account_of()
    pages = [{"Items": [1], "Owner": "a", "Token": "x"}, {"Items": [2, 3], "Owner": "b"}, {"More": [4]}]
    account.client = lambda service: SimpleNamespace(can_paginate=lambda operation: True)
    account.pages = lambda service, operation, **parameters: iter(pages)
    found = applying.read_value(Condition(Call("lambda", "list_functions"), "@", None), account)
    assert found == {"Items": [1, 2, 3], "Owner": "b", "Token": "x", "More": [4]}


def test_plans_that_can_not_be_are_refused(plan, tmp_path):
    data = plan.to_dict()
    first, second = data["steps"]
    with pytest.raises(ValueError, match="same name"):
        Plan.from_dict({**data, "steps": [first, {**second, "name": first["name"]}]})
    with pytest.raises(ValueError, match="zone"):
        Plan.from_dict({**data, "made": "2026-03-02T04:00:00"})
    with pytest.raises(ValueError, match="format"):
        Plan.from_dict({**data, "format_version": 0})
    unreadable = refusal(read_plan, tmp_path / "absent")["error-plan-unreadable"]
    assert unreadable["path"] == str(tmp_path / "absent")
