"""Settings: planned from simulations, applied in a safe order, undone, and never half changed."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import messages_in, refusal
from worlds.order_system import create_order_system

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.apply import apply_plan, undo_plan
from watchme_analysis.remedies.plan import Plan
from watchme_analysis.remedies.policy import policy_of
from watchme_analysis.remedies.queue_settings import (
    LiveSettings,
    changed_values,
    compared_figures,
    helpful,
    lowered,
    moved,
    raised,
    settings_plan,
    values_of,
)
from watchme_analysis.services.queue_settings import Simulated, live_settings, plan_settings
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.scenarios import Comparison, Load, Scenario
from watchme_analysis.simulation.settings import Outcome, PollerSettings, QueueSettings, Settings
from watchme_analysis.storage.journal import read_journal
from watchme_analysis.text.message import Duration, Number, message

LOAD = Load((1.0,))
BASE = Settings(QueueSettings(180.0, max_receive_count=3), PollerSettings(10), function_timeout_s=30.0)
BETTER = replace(
    BASE,
    queue=replace(BASE.queue, visibility_timeout_s=360.0, max_receive_count=5),
    poller=replace(BASE.poller, max_concurrency=2),
    function_timeout_s=60.0,
)


def row(name, settings, dead=(100, 101, 99), age_s=600.0, duplicates=0, load=LOAD):
    def outcome(number):
        values = {each.name: 0 for each in fields(Outcome)}
        values |= {"dead_lettered": number, "lost": number, "peak_age_s": age_s, "duplicates": duplicates}
        return Outcome(**{**values, "series": (), "drained_s": None, "mean_wait_s": None})

    return Comparison(Scenario(name, settings, load), tuple(map(outcome, dead)))


def simulations(*rows):
    return Simulated("orders", (row("as configured", BASE), *rows), ())


BEST = row("together", BETTER, dead=(1, 0, 2))


def test_only_measures_that_help_beyond_their_spread_are_chosen():
    def visibility(seconds):
        return replace(BASE, queue=replace(BASE.queue, visibility_timeout_s=seconds))

    rows = [
        row("as configured", BASE),
        row("noise", visibility(200.0), dead=(40, 100, 160)),
        row("a hundredth", visibility(210.0), dead=(99, 98, 97)),
        row("later", visibility(220.0), dead=(50, 50, 50), age_s=6000.0),
        row("loses", visibility(230.0), dead=(200, 201, 200), age_s=60.0),
        row("fifo", replace(BETTER, queue=replace(BETTER.queue, is_fifo=True)), dead=(0, 0, 0)),
        row("other load", BETTER, dead=(0, 0, 0), load=replace(LOAD, factor=10.0)),
        row("reserved", replace(BASE, poller=replace(BASE.poller, reserved_concurrency=2)), dead=(0, 0, 0)),
        BEST,
    ]
    assert [each.scenario.name for each in helpful(rows)] == ["together", "later"]
    assert raised(rows[0], rows[3]) == ("peak_age_s",)
    assert changed_values(BASE, BETTER) == {
        "visibility_timeout_s": 360.0,
        "max_receive_count": 5.0,
        "function_timeout_s": 60.0,
        "max_concurrency": 2.0,
    }


@pytest.fixture
def aws(front):
    create_order_system("ap-southeast-2")
    return Aws(rate_limits=FAST)


OLD = {"visibility_timeout_s": 180.0, "max_receive_count": 3.0, "function_timeout_s": 30.0}
NEW = {"visibility_timeout_s": 360.0, "max_receive_count": 5.0, "function_timeout_s": 60.0}


def current(aws):
    values = live_settings(aws, "orders").values()
    return {name: values[name] for name in OLD}, values["max_concurrency"]


@pytest.mark.slow
def test_a_measure_is_applied_in_a_safe_order_and_undone(aws, tmp_path):
    plan = plan_settings(aws, simulations(BEST))
    names = [step.name for step in plan.steps]
    assert names == [
        "visibility timeout",
        "function timeout",
        "receives before the DLQ",
        "maximum concurrency",
    ]
    # Conditions of the plan must hold at once; only the effect of a step may take time.
    assert {each.within_s for step in plan.steps for each in step.before} == {0.0}
    figures = [each for each in plan.reasons if each.id == "settings-figure"]
    assert [each.values["figure"].key for each in figures] == ["lost", "dead_lettered", "peak_age_s"]
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert current(aws) == (NEW, 2.0)
    policy = json.loads(live_settings(aws, "orders").attributes["RedrivePolicy"])
    assert policy["deadLetterTargetArn"].endswith(":orders-dlq")
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    assert apply_plan(reverse, tmp_path / "u", aws).outcome == "complete"
    assert current(aws) == (OLD, None)


def test_reserved_concurrency_is_removed_and_restored(aws, tmp_path):
    boto3.client("lambda").put_function_concurrency(
        FunctionName="orders-worker", ReservedConcurrentExecutions=2
    )
    reserved = replace(BASE, poller=replace(BASE.poller, reserved_concurrency=2))
    tried = Simulated("orders", (row("as configured", reserved), row("free", BASE, dead=(0, 0, 0))), ())
    plan = plan_settings(aws, tried)
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert live_settings(aws, "orders").reserved is None
    apply_plan(undo_plan(plan, read_journal(tmp_path / "j")), tmp_path / "u", aws)
    assert live_settings(aws, "orders").reserved == 2


def test_plans_are_refused_for_another_system_or_without_help(aws, tmp_path):
    with pytest.raises(InputError, match="No change of settings alone helps orders"):
        plan_settings(aws, simulations())
    later = row("later", BETTER, dead=(0, 0, 0), age_s=6000.0)
    with pytest.raises(InputError, match="also raises a figure: “later”"):
        plan_settings(aws, simulations(later))
    assert [each.id for each in plan_settings(aws, simulations(later), "later").risks] == ["settings-raised"]
    with pytest.raises(InputError, match="together"):
        plan_settings(aws, simulations(BEST), "other")
    low = replace(BETTER, queue=replace(BETTER.queue, visibility_timeout_s=50.0))
    with pytest.raises(InputError, match="which Lambda refuses"):
        plan_settings(aws, simulations(row("low", low, dead=(0, 0, 0))))
    plan = plan_settings(aws, simulations(BEST))
    boto3.client("lambda").update_function_configuration(FunctionName="orders-worker", Timeout=45)
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "refused"
    with pytest.raises(InputError, match="function_timeout_s of orders is 45 now, but 30 in the case"):
        plan_settings(aws, simulations(BEST))
    assert current(aws)[0] == {**OLD, "function_timeout_s": 45.0}


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_resumed(aws, tmp_path, subtests):
    """No setting is left half changed: the same command completes the plan, and its undo restores all."""
    whole = plan_settings(aws, simulations(BEST))
    # Two of the four settings: each kind of call is tested above.
    plan = replace(whole, steps=whole.steps[:2], relies_on=())
    for moment in kills(lambda moment: lambda: apply_plan(plan, tmp_path / f"j{moment}", restarted(aws))):
        with subtests.test(moment=moment):
            journal, undone = tmp_path / f"j{moment}", tmp_path / f"u{moment}"
            assert apply_plan(plan, journal, restarted(aws)).outcome == "complete"
            assert current(aws)[0] == {**NEW, "max_receive_count": 3.0}
            reverse = undo_plan(plan, read_journal(journal))
            assert apply_plan(reverse, undone, aws).outcome == "complete"
            assert current(aws) == (OLD, None)
    # Two entries and the call of each step, two entries of the plan, and the journal's name in its folder.
    assert moment == 2 * 3 + 2 + 1


def test_the_policy_allows_exactly_the_calls_that_are_made(aws, tmp_path):
    plan = plan_settings(aws, simulations(BEST))
    apply_plan(plan, tmp_path / "j", aws)
    apply_plan(undo_plan(plan, read_journal(tmp_path / "j")), tmp_path / "u", aws)
    allowed = set(policy_of(calls_of("settings"))["Statement"][0]["Action"])
    # Reserved concurrency is not changed here.
    unused = {"lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"}
    assert aws.actions - {"sts:GetCallerIdentity"} == allowed - unused
    assert plan.made <= datetime.now(UTC)


@pytest.mark.slow
def test_the_command_states_that_no_setting_repairs_broken_code(shorter, front, watchme):
    shown = watchme("settings", "plan", shorter.path, "--replications", "2", "--processes", "1")
    assert (shown.returncode, "No change of settings alone helps asr-queue" in shown.stderr) == (2, True)
    assert "sqs:SetQueueAttributes" in watchme("settings", "plan", "--print-policy").stdout


EMPTY = Plan("", message("settings-cost"), datetime(2026, 3, 2, tzinfo=UTC), "123456789012", "eu-west-1")
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
POLICY = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead", "maxReceiveCount": 3})


def live(**more):
    """Return the settings of the account, which are those of the simulation as configured."""
    attributes = {"VisibilityTimeout": "180", "RedrivePolicy": POLICY}
    return LiveSettings("orders", URL, attributes, "worker", 30.0, None, "u-1", None, **more)


def call_of(call):
    return f"{call.service}.{call.operation}", dict(call.parameters)


def shown(conditions):
    return [(call_of(each.call), each.select, each.value, each.within_s) for each in conditions]


def test_reasons_costs_and_risks_of_a_measure():
    worse = row("together", BETTER, dead=(1, 1), age_s=1200.0, duplicates=4)
    base = row("now", BASE, dead=(100, 100))
    agreements = [
        Agreement("peak_age_s", 900.0, 100.0, is_near=False, lowest=90.0, highest=110.0),
        Agreement("lost", 10.0, 10.0, is_near=True, lowest=9.0, highest=11.0),
    ]
    plan = settings_plan(base, worse, live(), agreements, EMPTY)
    assert (plan.remedy, messages_in(plan.title)) == (
        "settings", {"settings-plan": {"queue": "orders", "measure": "together"}}
    )  # fmt: skip
    exact = {"now_half": 0.0, "then_half": 0.0}
    assert [messages_in(each) for each in plan.reasons] == [
        {"settings-reason": {"count": 2, "measure": "together"}},
        {"settings-figure": {"figure": "lost", "now": 100.0, "then": 1.0, **exact}},
        {"settings-figure": {"figure": "dead_lettered", "now": 100.0, "then": 1.0, **exact}},
        {"settings-figure": {"figure": "peak_age_s", "now": 600.0, "then": 1200.0, **exact}},
        {"settings-figure": {"figure": "duplicates", "now": 0.0, "then": 4.0, **exact}},
    ]
    assert [type(each.values["now"]) for each in plan.reasons[1:]] == [Number, Number, Duration, Number]
    assert [messages_in(each) for each in plan.costs] == [{"settings-cost": {}}]
    assert [messages_in(each) for each in plan.risks] == [
        {"settings-raised": {"figure": "peak_age_s"}},
        {"settings-raised": {"figure": "duplicates"}},
        {"settings-doubt": {"figure": "peak_age_s", "recorded": 900.0, "simulated": 100.0}},
    ]
    # Figures that are zero in both are left out.
    quiet = [each["figure"].key for each in compared_figures(base, base, ["duplicates", "lost"])]
    assert quiet == ["lost"]


def test_the_visibility_timeout_is_never_below_the_function_timeout():
    low = Settings(QueueSettings(60.0, max_receive_count=3), PollerSettings(10), function_timeout_s=20.0)
    plan = settings_plan(row("now", BASE), row("low", low), live(), (), EMPTY)
    # Lowered together, the function goes first.
    assert [step.name for step in plan.steps] == ["function timeout", "visibility timeout"]
    equal = replace(low, queue=replace(low.queue, visibility_timeout_s=30.0), function_timeout_s=30.0)
    assert len(settings_plan(row("now", BASE), row("equal", equal), live(), (), EMPTY).steps) == 1
    below = row("below", replace(equal, function_timeout_s=31.0))
    assert refusal(settings_plan, row("now", BASE), below, live(), (), EMPTY) == {
        "error-visibility-below-timeout": {"hidden": "30", "timeout": "31"}
    }
    another = replace(live(), most=5)
    assert refusal(settings_plan, row("now", BASE), BEST, another, (), EMPTY) == {
        "error-setting-differs": {
            "name": "max_concurrency", "queue": "orders", "has": "value", "live": 5.0, "had": "nothing",
            "simulated": 0.0,
        }
    }  # fmt: skip


def test_settings_as_the_account_has_them():
    assert live().values() == {
        "visibility_timeout_s": 180.0, "max_receive_count": 3.0, "function_timeout_s": 30.0,
        "max_concurrency": None, "reserved_concurrency": None,
    }  # fmt: skip
    found = replace(live(), attributes={"VisibilityTimeout": "5"}, most=2, reserved=4)
    assert found.values() == {
        "visibility_timeout_s": 5.0, "max_receive_count": None, "function_timeout_s": 30.0,
        "max_concurrency": 2.0, "reserved_concurrency": 4.0,
    }  # fmt: skip
    assert replace(live(), attributes={"RedrivePolicy": "[]"}).redrive_policy == {}
    assert values_of(BETTER) == {
        "visibility_timeout_s": 360.0, "max_receive_count": 5.0, "function_timeout_s": 60.0,
        "max_concurrency": 2.0, "reserved_concurrency": None,
    }  # fmt: skip


def test_what_a_measure_changes():
    def changed(**more):
        return changed_values(BASE, replace(BASE, **more))

    assert changed() == {}
    assert changed(earlier=((60.0, BASE),)) == {}
    assert changed(function_timeout_s=60.0) == {"function_timeout_s": 60.0}
    assert changed(poller=replace(BASE.poller, max_concurrency=2)) == {"max_concurrency": 2.0}
    # More than settings, and reserved concurrency alone, are no measures of settings.
    assert changed(poller=replace(BASE.poller, batch_size=1)) is None
    assert changed(poller=replace(BASE.poller, reserved_concurrency=2)) is None
    reserved = replace(BASE, poller=replace(BASE.poller, reserved_concurrency=2))
    assert changed_values(reserved, BASE) == {"reserved_concurrency": None}


def test_a_figure_has_moved_beyond_both_intervals_and_by_a_relevant_difference():
    def between(before, after, least=1.0, name="lost"):
        return moved(row("a", BASE, dead=before), row("b", BASE, dead=after), name, least)

    assert between((10,), (8,)) == -1
    assert between((10,), (12,)) == 1
    assert between((10,), (9,)) == -1  # the smallest relevant difference itself
    assert between((10,), (9,), least=1.5) == 0
    # Two values two apart: an interval of 12.7 on either side.
    assert between((9, 11), (22, 22)) == 0
    assert between((9, 11), (23, 23)) == 1
    assert between((9, 11), (34, 36)) == 0
    assert between((10,), (10,), name="mean_wait_s") == 0  # unknown


def test_the_best_measure_changes_the_least():
    def measure(name, dead, visibility_s=200.0, age_s=600.0, **more):
        queue = replace(BASE.queue, visibility_timeout_s=visibility_s)
        return row(name, replace(BASE, queue=queue, **more), dead=dead, age_s=age_s)

    base = row("now", BASE, dead=(100,))
    rows = [
        measure("two settings", (5,), function_timeout_s=60.0),
        measure("one setting", (5,)),
        measure("best", (4,), 300.0),
        measure("older", (1,), 400.0, age_s=900.0),
        measure("a tenth", (90,), 500.0),  # the least that counts
        measure("too little", (91,), 600.0),
    ]
    assert [each.scenario.measure for each in helpful([base, *rows])] == [
        "best", "one setting", "two settings", "a tenth", "older"
    ]  # fmt: skip
    assert lowered(base, rows[0]) == ("lost", "dead_lettered")
    assert helpful([base]) == ()


def test_the_settings_of_a_queue_are_read(aws):
    boto3.client("lambda").put_function_concurrency(
        FunctionName="orders-worker", ReservedConcurrentExecutions=4
    )
    found = live_settings(aws, "orders")
    assert (found.queue, found.url.endswith("/orders"), found.function) == ("orders", True, "orders-worker")
    assert (found.timeout_s, found.reserved, found.most) == (30.0, 4, None)
    [mapping] = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert found.mapping == mapping["UUID"]
    boto3.client("sqs").create_queue(QueueName="lonely")
    assert refusal(live_settings, aws, "lonely") == {
        "error-settings-mappings": {"queue": "lonely", "number": "0"}
    }


def test_measures_by_name(aws):
    plan = plan_settings(aws, simulations(BEST), "together")
    assert len(plan.steps) == 4
    refused = refusal(plan_settings, aws, simulations(BEST), "other")
    assert refused["error-measure"] == {"measure": "'other'", "known": 1, "names": ["measure-quoted"]}
    assert refusal(plan_settings, aws, simulations()) == {
        "error-settings-no-help": {"queue": "orders", "traded": ""}
    }
