from dataclasses import replace

import pandas as pd
from worlds.backlog_world import START, World

from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redelivery import unmatched_receives


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


def test_what_another_function_may_have_had_or_came_before_a_change_tells_nothing():
    world = filtered()
    own = world.tables["event_source_mappings"]
    world.tables["event_source_mappings"] = pd.concat([own.assign(uuid="u-2", function="other"), own])
    assert taken(world) is None
    late = pd.Timestamp(START + pd.Timedelta(minutes=1150))
    world.tables["event_source_mappings"] = own.assign(last_modified=late)
    assert taken(world) is None


def test_without_the_batch_size_or_the_receives_nothing_is_told():
    world = filtered()
    (pipeline,) = pipelines(world)
    assert unmatched_receives(replace(pipeline, queried=pipeline.queried - {"received"}), world) is None
    world.tables["event_source_mappings"] = world.tables["event_source_mappings"].assign(batch_size=pd.NA)
    assert taken(world) is None
