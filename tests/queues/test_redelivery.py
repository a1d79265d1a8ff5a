import numpy as np
import pandas as pd
from worlds.backlog_world import START, World

from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.redelivery import (
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


def test_messages_processed_twice_are_seen_by_their_second_deletes():
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
