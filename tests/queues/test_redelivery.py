from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redelivery import (
    find_hidden_messages,
    find_redelivery,
    unmatched_receives,
)


def filtered(batch=1, deleted=10):
    """Twelve hours of a world in which ten messages each half hour go to no run."""
    world = World()
    for minute in range(601, 1200, 30):
        world.at["invocations"][minute] = 0
        world.at["deleted"][minute] = deleted
    world.table("metrics")
    world.tables["event_source_mappings"] = world.table("event_source_mappings").assign(batch_size=batch)
    return world


def taken(world):
    (pipeline,) = pipelines(world)
    return unmatched_receives(pipeline, world)


def test_what_is_received_beyond_all_batches_went_to_no_run():
    found = taken(filtered())
    assert (found.count, found.base, found.deleted) == (200, 200, 200)
    assert found.start == START + pd.Timedelta(minutes=601)
    assert found.end == START + pd.Timedelta(minutes=1172)
    assert taken(filtered(deleted=0)).deleted == 0


def test_a_batch_holds_as_many_messages_as_its_mapping_says():
    """With ten a batch, the runs before and after had room for all; those that did not run stay."""
    found = taken(filtered(batch=10))
    assert found.count == 200
    world = filtered(batch=10)
    frame = world.tables["metrics"]
    extra = frame[(frame["metric"] == "Invocations")].iloc[:0]
    runs = [
        {"time": START + pd.Timedelta(minutes=minute), "value": 1.0, "namespace": "AWS/Lambda",
         "metric": "Invocations", "resource": world.function, "stat": "Sum", "period_s": 60}
        for minute in range(601, 1200, 30)
    ]  # fmt: skip
    world.tables["metrics"] = pd.concat([frame, extra, pd.DataFrame(runs)], ignore_index=True)
    assert taken(world) is None


def test_lost_points_and_throttled_deliveries_are_no_sign():
    world = World()
    for minute in range(601, 1200, 30):
        world.at["invocations"][minute] = 0
        world.at["throttles"][minute] = 10
    assert taken(world) is None
    world = World()
    frame = world.table("metrics")
    lost = (frame["metric"] == "Invocations") & frame["time"].between(
        START + pd.Timedelta(minutes=600), START + pd.Timedelta(minutes=1200)
    )
    world.tables["metrics"] = frame[~lost]
    assert taken(world) is None


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
    world.lose("NumberOfMessagesReceived", 607)
    (pipeline,) = pipelines(world)
    assert find_redelivery(pipeline) is None


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


def worked_on_twice(hours=12, **settings):
    """A queue whose messages all come back while they are worked on, from the third hour to the ninth."""
    world = World(hours=hours, visibility_s=8.0, **settings)
    for minute in range(1, 60 * hours, 5):
        world.run(minute, 4, 9.0)
    for minute in range(181, 541, 5):
        for name in ("received", "deleted", "invocations"):
            world.at[name][minute + 1] = 4
    return world


def only(world):
    (pipeline,) = pipelines(world)
    return pipeline


def test_receives_beyond_those_due_are_messages_that_came_back():
    found = find_redelivery(only(worked_on_twice()))
    assert found.start == START + pd.Timedelta(minutes=182)
    # Receives are summed over three minutes.
    assert START + pd.Timedelta(minutes=538) <= found.end <= START + pd.Timedelta(minutes=540)
    assert found.score > 50


def test_receives_that_failures_or_throttles_explain_are_no_surplus():
    world = worked_on_twice()
    world.at["throttles"][181:541:5] = 4
    assert find_redelivery(only(world)) is None
    world = worked_on_twice()
    for minute in range(182, 542, 5):
        world.at["errors"][minute], world.at["deleted"][minute] = 4, 0
    assert find_redelivery(only(world)) is None


def test_a_message_hidden_twice_as_long_as_any_run_all_the_time_does_not_come_back():
    pipeline = only(worked_on_twice())
    longest = pipeline.frame["duration_max_s"].max()
    for factor, modified, reported in ((2.0, 0, False), (1.9, 0, True), (2.0, 1, True), (2.0, None, True)):
        at = None if modified is None else (START + pd.Timedelta(minutes=modified)).to_pydatetime()
        known = replace(pipeline.settings, visibility_timeout_s=factor * longest, queue_modified_at=at)
        assert (find_redelivery(replace(pipeline, settings=known)) is not None) is reported, (
            factor,
            modified,
        )


def in_flight_for_hours(first=120, last=400, number=6, visible=0):
    world = World(hours=12, visibility_s=7200.0)
    world.at["in_flight"][first:last], world.at["visible"][first:last] = number, visible
    world.table("metrics")
    metrics = world.tables["metrics"]
    at_once = metrics[metrics["metric"] == "Invocations"]
    world.tables["metrics"] = pd.concat(
        [metrics, at_once.assign(metric="ConcurrentExecutions", stat="Maximum", value=1.0)], ignore_index=True
    )
    return world


@pytest.mark.parametrize(("last", "reported"), [(400, True), (170, False)])
def test_messages_in_flight_without_a_run_for_an_hour_are_hidden(last, reported):
    found = find_hidden_messages(only(in_flight_for_hours(last=last)))
    assert (found is not None) is reported
    if reported:
        assert (found.start, found.end) == tuple(START + pd.Timedelta(minutes=at) for at in (120, 400))
        assert not found.is_open
