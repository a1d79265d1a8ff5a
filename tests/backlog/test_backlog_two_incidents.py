"""Incidents of two queues at different times, and messages that left: for ever, or back into their queue."""

import pytest
from worlds.backlog_draws import make

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

pytestmark = pytest.mark.slow

HOUR = 3600


def diagnose_world(tmp_path, seed, cause, twist, **options):
    make(seed, tmp_path / "raw", cause, twist)
    return diagnose(Investigation(open_case(tmp_path / "raw"), "backlog", options=options))


def down_elsewhere(hours_before):
    """Return a twist that breaks another queue's API for two hours, so long before the fault."""

    def twist(world, options):
        other = next(queue for queue in world.queues if queue not in world.hit)
        start = world.fault[0] - hours_before * HOUR
        other.function.api.faults.append((start, start + 2 * HOUR, "down", None))

    return twist


@pytest.mark.parametrize(("hours_before", "separate"), [(8, True), (0, False)])
def test_trouble_of_another_queue_at_another_time_is_distinguished(tmp_path, hours_before, separate):
    found = diagnose_world(tmp_path, 700106, "consumer_failing", down_elsewhere(hours_before))
    assert found.cause == "consumer_failing"
    assert len(found.extra["queues"]) == 2
    assert found.confidence >= 0.9
    assert (found.extra["dead_letters_of_incident"] < found.extra["dead_letters"]) is separate
