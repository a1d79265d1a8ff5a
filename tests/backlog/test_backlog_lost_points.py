"""Lost points, limits that were lifted again, purges: what must not mislead a verdict or a start."""

import json

import pytest
from worlds.backlog_world import World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.accounting import balance_frame as balance

pytestmark = pytest.mark.slow


def ask(world):
    return diagnose(Investigation(world, "backlog"))


def test_lost_points_make_no_dead_letters_and_are_named_in_the_balance():
    world = World()
    world.lose("NumberOfMessagesSent", 601)
    world.tables["queues"] = world.table("queues").iloc[:0]
    world.tables["queue_messages"] = world.table("queue_messages").iloc[:0]
    (row,) = balance(world).itertuples()
    assert row.dead_lettered == 0
    assert "1 interval lacks a point" in row.reasons


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
