"""Lost points, limits that were lifted again, purges: what must not mislead a verdict or a start."""

import json

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.backlog.frames import balance
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redelivery import find_redelivery

pytestmark = pytest.mark.slow


def ask(world):
    return diagnose(Investigation(world, "backlog"))


def lose(world, metric, minute):
    table = world.table("metrics")
    here = (table["metric"] == metric) & (table["time"] == START + pd.Timedelta(minutes=minute))
    world.tables["metrics"] = table[~here]


def nightly_batch(messages=200, first=605, each=8):
    """A healthy queue to which a batch comes at once, and which takes half an hour for it."""
    world = World()
    world.at["sent"][first] = messages
    for minute in range(first, first + messages // each):
        for name in ("received", "deleted", "invocations"):
            world.at[name][minute] += each
        world.at["duration_avg_s"][minute] = world.at["duration_max_s"][minute] = 1.5
        world.at["visible"][minute] = messages - each * (minute - first + 1)
        world.at["age_s"][minute] = 60.0 * (minute - first)
    return world


def test_a_point_lost_while_messages_wait_makes_no_surplus_of_receives():
    world = nightly_batch()
    lose(world, "NumberOfMessagesReceived", 607)
    (pipeline,) = pipelines(world)
    assert find_redelivery(pipeline) is None


def test_lost_points_make_no_dead_letters_and_are_named_in_the_balance():
    world = World()
    lose(world, "NumberOfMessagesSent", 601)
    world.tables["queues"] = world.table("queues").iloc[:0]
    world.tables["queue_messages"] = world.table("queue_messages").iloc[:0]
    (row,) = balance(world).itertuples()
    assert row.dead_lettered == 0
    assert "1 interval lacks a point" in row.reasons


@pytest.mark.xfail(reason="the chain does not name a change whose first harm is later and small")
def test_a_limit_that_was_lifted_later_is_named_though_few_deliveries_hit_it_at_first():
    world = World()
    for minute in range(631, 900, 30):
        world.at["throttles"][minute : minute + 4] = 20
    for minute in range(575, 600, 5):
        world.run(minute, 1, 1.5)
    world.change(570, "PutFunctionConcurrency20171031", "job-runner", reservedConcurrentExecutions=1)
    world.change(920, "DeleteFunctionConcurrency20171031", "job-runner", functionName="job-runner")
    metrics = world.table("metrics")
    peak = metrics[metrics["metric"] == "Invocations"].assign(metric="ConcurrentExecutions", stat="Maximum")
    limited = (peak["time"] >= START + pd.Timedelta(minutes=570)) & (
        peak["time"] < START + pd.Timedelta(minutes=920)
    )
    peak["value"] = peak["value"].where(~limited, 1.0)
    world.tables["metrics"] = pd.concat([metrics, peak], ignore_index=True)
    found = ask(world)
    assert found.cause == "throttled"
    assert found.extra["change"]["event_name"] == "PutFunctionConcurrency20171031"


def test_a_surplus_begins_with_the_first_message_received_again():
    world, draw = World(), np.random.default_rng(5)
    for minute in range(1439):
        world.run(minute, int(draw.poisson(0.3)), 9.0)
    sent = world.at["sent"].copy()
    for minute in range(702, 1439):
        for name in ("received", "deleted", "invocations"):
            world.at[name][minute + 1] += sent[minute]
    first = 703 + int(np.flatnonzero(sent[702:])[0])
    (pipeline,) = pipelines(world)
    assert find_redelivery(pipeline).start == START + pd.Timedelta(minutes=first)


def test_the_few_of_many_messages_that_were_worked_on_twice_are_seen_by_their_second_deletes():
    world = World()
    for minute in range(1439):
        world.run(minute, 1, 9.0)
    for minute in range(700, 1200, 40):
        for name in ("received", "deleted", "invocations"):
            world.at[name][minute] += 1
    found = find_redelivery(pipelines(world)[0])
    assert (found.start, found.end) == (
        START + pd.Timedelta(minutes=700),
        START + pd.Timedelta(minutes=1181),
    )
    # Twelve dead letters that came back into the queue were not sent either.
    world.at["dlq_visible"][:650], world.at["dlq_visible"][650:] = 13, 0
    world.tables = {}
    assert find_redelivery(pipelines(world)[0]) is None


def test_a_purge_does_not_end_a_mapping_that_is_still_off():
    world = World()
    for minute in range(600, 1440):
        for name in ("received", "deleted", "invocations", "duration_avg_s", "duration_max_s"):
            world.at[name][minute] = 0
        waiting = world.at["sent"][600 : minute + 1].sum()
        world.at["visible"][minute] = waiting if minute < 1100 else 0
    world.at["sent"][1100:] = 0
    world.state = "Disabled"
    world.change(1100, "PurgeQueue", "jobs", queueUrl=json.dumps("jobs"))
    found = ask(world)
    assert (found.cause, found.incident_end) == ("mapping_disabled", None)


def test_where_no_run_before_would_have_shown_it_a_fault_may_be_as_old_as_the_data():
    world = World(visibility_s=8.0)
    for minute in range(601, 1440, 30):
        world.run(minute, 10, 9.0)
        for name in ("received", "deleted", "invocations"):
            world.at[name][minute + 1] = 6
    found = ask(world)
    assert found.cause == "visibility_misconfig"
    assert pd.Timestamp(found.extra["incident_start_earliest"]) == START
    assert found.incident_start == START + pd.Timedelta(minutes=601)
