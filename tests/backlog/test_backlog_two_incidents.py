"""Incidents of two queues at different times, and messages that left: for ever, or back into their queue."""

import pytest
from worlds.backlog_draws import make
from worlds.backlog_situations import alone, dead_letters_purged, redriven
from worlds.messages import messages_in

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


def unreported(twist):
    """Return a twist whose changes of queues nobody recorded."""

    def reported_nothing(world, options):
        twist(world, options)
        options["changes"] = [item for item in options["changes"] or [] if item[1] != "StartMessageMoveTask"]

    return reported_nothing


@pytest.mark.parametrize("twist", [redriven, unreported(redriven), dead_letters_purged])
def test_dead_letters_that_left_are_expected_of_nobody_and_those_that_went_back_are_not_lost(tmp_path, twist):
    found = diagnose_world(tmp_path, 700020, "downstream_down", alone(twist))
    if twist is not dead_letters_purged:
        assert found.extra["dead_letters"] > 10
        assert found.extra["lost"] == 0
    if twist in (redriven, dead_letters_purged):
        assert not [
            item for item in found.missing_evidence if "missing-dead-letters-what" in messages_in(item.what)
        ]
