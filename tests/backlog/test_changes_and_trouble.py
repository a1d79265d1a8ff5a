"""Which recorded change fits a trouble that shows only at times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.backlog_world import START as STATE_START
from worlds.backlog_world import World

from watchme_analysis.backlog.changes import (
    recorded_changes,
    state_changes,
)
from watchme_analysis.queues.pipeline import pipelines

START = datetime(2026, 7, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(("role", "queues"), [("worker-role", ("jobs",)), ("other-role", ())])
def test_what_is_done_to_a_role_touches_the_functions_that_run_under_it(role, queues):
    world = World()
    world.change(600, "DetachRolePolicy", role, roleName=role)
    world.table("functions")["role"] = "worker-role"
    (change,) = recorded_changes(world, pipelines(world))
    assert change.queues == queues and "consumer_failing" in change.begins


@pytest.mark.parametrize(
    ("table", "name", "column", "cause"),
    [
        ("queues", "queue", "modified_at", "visibility_misconfig"),
        ("functions", "function", "last_modified", "consumer_failing"),
        ("event_source_mappings", "queue", "last_modified", "mapping_disabled"),
    ],
)
def test_a_state_changed_within_the_metrics_is_a_change_of_its_own_pipeline(table, name, column, cause):
    world = World()
    flows = pipelines(world)
    own = flows[0].function if name == "function" else flows[0].queue
    rows = world.table(table)
    rows = rows[rows[name] == own].iloc[:1]
    others = rows.assign(**{name: "another", column: STATE_START + pd.Timedelta(minutes=500)})
    rows = rows.assign(**{column: STATE_START + pd.Timedelta(minutes=600)})
    world.tables[table] = pd.concat([others, rows], ignore_index=True)
    (change,) = state_changes(world, flows, ())
    assert change.table == table
    assert change.time == STATE_START + pd.Timedelta(minutes=600)
    assert change.queues == (flows[0].queue,) and cause in (*change.begins, *change.undoes)
    assert state_changes(world, flows, (change,)) == (), "a recorded change is not repeated"
    for minutes, is_known in ((2, True), (3, False)):
        recorded = replace(change, time=change.time + timedelta(minutes=minutes))
        assert (state_changes(world, flows, (recorded,)) == ()) is is_known


@pytest.mark.slow
def test_a_state_changed_before_the_metrics_is_no_change():
    world = World()
    flows = pipelines(world)
    world.table("functions")["last_modified"] = STATE_START - pd.Timedelta(minutes=1)
    assert state_changes(world, flows, ()) == ()
