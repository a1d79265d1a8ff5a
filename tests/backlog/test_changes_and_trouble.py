"""Which recorded change fits a trouble that shows only at times."""

import pytest
from worlds.backlog_world import World

from watchme_analysis.backlog.changes import (
    recorded_changes,
)
from watchme_analysis.queues.pipeline import pipelines


@pytest.mark.parametrize(("role", "queues"), [("worker-role", ("jobs",)), ("other-role", ())])
def test_what_is_done_to_a_role_touches_the_functions_that_run_under_it(role, queues):
    world = World()
    world.change(600, "DetachRolePolicy", role, roleName=role)
    world.table("functions")["role"] = "worker-role"
    (change,) = recorded_changes(world, pipelines(world))
    assert change.queues == queues and "consumer_failing" in change.begins
