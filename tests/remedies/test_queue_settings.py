"""Settings: planned from simulations, applied in a safe order, undone, and never half changed."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import refusal
from worlds.order_system import create_order_system
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.allowed_calls import calls_of
from watchme_analysis.remedies.apply import apply_plan, undo_plan
from watchme_analysis.remedies.live_queue import DrainedQueue, Queue, read_drained_queue
from watchme_analysis.remedies.queue_settings import (
    changed_values,
    helpful,
    live_values,
    plan_settings,
    raised,
    settings_plan,
)
from watchme_analysis.simulation.scenarios import Comparison, Load, Scenario
from watchme_analysis.simulation.settings import Outcome, PollerSettings, QueueSettings, Settings
from watchme_analysis.storage.journal import read_journal

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


def tried(*rows):
    return (row("as configured", BASE), *rows)


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


def live(aws):
    return read_drained_queue(aws, "orders", "error-settings-mappings")


def current(aws):
    values = live_values(live(aws))
    return {name: values[name] for name in OLD}, values["max_concurrency"]


@pytest.mark.slow
def test_a_measure_is_applied_in_a_safe_order_and_undone(aws, tmp_path):
    plan = plan_settings(aws, "orders", tried(BEST))
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
    policy = json.loads(live(aws).queue.attributes["RedrivePolicy"])
    assert policy["deadLetterTargetArn"].endswith(":orders-dlq")
    reverse = undo_plan(plan, read_journal(tmp_path / "j"))
    assert apply_plan(reverse, tmp_path / "u", aws).outcome == "complete"
    assert current(aws) == (OLD, None)


def test_reserved_concurrency_is_removed_and_restored(aws, tmp_path):
    boto3.client("lambda").put_function_concurrency(
        FunctionName="orders-worker", ReservedConcurrentExecutions=2
    )
    reserved = replace(BASE, poller=replace(BASE.poller, reserved_concurrency=2))
    found = (row("as configured", reserved), row("free", BASE, dead=(0, 0, 0)))
    plan = plan_settings(aws, "orders", found)
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "complete"
    assert live(aws).reserved is None
    apply_plan(undo_plan(plan, read_journal(tmp_path / "j")), tmp_path / "u", aws)
    assert live(aws).reserved == 2


def test_plans_are_refused_for_another_system_or_without_help(aws, tmp_path):
    with pytest.raises(InputError, match="No change of settings alone helps orders"):
        plan_settings(aws, "orders", tried())
    later = row("later", BETTER, dead=(0, 0, 0), age_s=6000.0)
    with pytest.raises(InputError, match="also raises a figure: “later”"):
        plan_settings(aws, "orders", tried(later))
    assert [each.id for each in plan_settings(aws, "orders", tried(later), measure="later").risks] == [
        "settings-raised"
    ]
    with pytest.raises(InputError, match="together"):
        plan_settings(aws, "orders", tried(BEST), measure="other")
    low = replace(BETTER, queue=replace(BETTER.queue, visibility_timeout_s=50.0))
    with pytest.raises(InputError, match="which Lambda refuses"):
        plan_settings(aws, "orders", tried(row("low", low, dead=(0, 0, 0))))
    plan = plan_settings(aws, "orders", tried(BEST))
    boto3.client("lambda").update_function_configuration(FunctionName="orders-worker", Timeout=45)
    assert apply_plan(plan, tmp_path / "j", aws).outcome == "refused"
    with pytest.raises(InputError, match="function_timeout_s of orders is 45 now, but 30 in the case"):
        plan_settings(aws, "orders", tried(BEST))
    assert current(aws)[0] == {**OLD, "function_timeout_s": 45.0}


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_resumed(aws, tmp_path, subtests):
    """No setting is left half changed: the same command completes the plan, and its undo restores all."""
    whole = plan_settings(aws, "orders", tried(BEST))
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
    plan = plan_settings(aws, "orders", tried(BEST))
    apply_plan(plan, tmp_path / "j", aws)
    apply_plan(undo_plan(plan, read_journal(tmp_path / "j")), tmp_path / "u", aws)
    allowed = {call.action for call in calls_of("settings")}
    # Reserved concurrency is not changed here.
    unused = {"lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"}
    assert aws.actions - {"sts:GetCallerIdentity"} == allowed - unused
    assert plan.made <= datetime.now(UTC)


URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
POLICY = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead", "maxReceiveCount": 3})


MAPPING = {"FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:worker", "UUID": "u-1"}
QUEUE = Queue("orders", URL, {"VisibilityTimeout": "180", "RedrivePolicy": POLICY})
LIVE = DrainedQueue(QUEUE, None, MAPPING, None, {"Timeout": 30})


def test_the_visibility_timeout_is_never_below_the_function_timeout():
    def steps(settings, live=LIVE):
        measure = row("measure", settings)
        aws = ScriptedAws(get_caller_identity=lambda: {"Account": "123456789012"})
        return [step.name for step in settings_plan(aws, row("now", BASE), measure, live).steps]

    low = Settings(QueueSettings(60.0, max_receive_count=3), PollerSettings(10), function_timeout_s=20.0)
    # Lowered together, the function goes first.
    assert steps(low) == ["function timeout", "visibility timeout"]
    equal = replace(low, queue=replace(low.queue, visibility_timeout_s=30.0), function_timeout_s=30.0)
    assert steps(equal) == ["visibility timeout"]
    assert "error-visibility-below-timeout" in refusal(steps, replace(equal, function_timeout_s=31.0))
    # The account has a limit that the simulation has not.
    differs = refusal(
        steps, BETTER, replace(LIVE, mapping=MAPPING | {"ScalingConfig": {"MaximumConcurrency": 5}})
    )["error-setting-differs"]
    assert (differs["name"], differs["live"], differs["had"]) == ("max_concurrency", 5.0, "nothing")
