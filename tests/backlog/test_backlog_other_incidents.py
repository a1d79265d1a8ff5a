"""More than one incident of the same queue: distinguished by hours, or the same that comes back each day."""

from datetime import datetime, timedelta

import pytest
from worlds.backlog_draws import HOUR, make, upload
from worlds.backlog_situations import alone, stopped_by_hand

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation


def diagnose_world(tmp_path, seed, cause, twist):
    truth = make(seed, tmp_path / "raw", cause, alone(twist))
    return truth, diagnose(Investigation(open_case(tmp_path / "raw"), "backlog"))


def down_before(hours):
    """Return a twist that takes the API of the queue that is hit down for two hours, so long before."""

    def twist(world, options):
        start = world.fault[0] - hours * HOUR
        world.hit[0].function.api.faults.append((start, start + 2 * HOUR, "down", None))

    return twist


@pytest.mark.slow
def test_an_earlier_incident_of_a_queue_has_its_window_and_cause(tmp_path):
    truth, found = diagnose_world(tmp_path, 702016, "consumer_failing", down_before(12))
    assert found.cause == "consumer_failing"
    (other,) = found.extra["other_incidents"]
    begun = datetime.fromisoformat(truth["incident_start"]) - timedelta(hours=12)
    assert abs(datetime.fromisoformat(other["start"]) - begun) < timedelta(hours=1)
    assert abs(datetime.fromisoformat(other["end"]) - begun - timedelta(hours=2)) < timedelta(hours=1)
    assert other["cause"] == "downstream_down"
    assert other["queue"] in found.extra["queues"]
    assert other["moved"]
    assert found.confidence >= 0.9


@pytest.mark.slow
def test_the_marks_of_another_incidents_cause_do_not_leave_this_ones_open(tmp_path):
    truth, found = diagnose_world(tmp_path, 702016, "mapping_disabled", down_before(12))
    (other,) = found.extra["other_incidents"]
    assert {found.cause, other["cause"]} == {"downstream_down", "mapping_disabled"}
    begun = {found.cause: found.incident_start, other["cause"]: datetime.fromisoformat(other["start"])}
    switched_off = datetime.fromisoformat(truth["incident_start"])
    assert abs(begun["mapping_disabled"] - switched_off) < timedelta(minutes=2)
    assert abs(begun["downstream_down"] - switched_off + timedelta(hours=12)) < timedelta(hours=1)


def nightly(world, options):
    """Let each night bring more than the workers take within the hour, beside an outage at another time."""
    queue, moment = world.hit[0], (world.fault[0] + 8 * HOUR) % (24 * HOUR)
    queue.max_concurrency, queue.batch, queue.visibility_s = 2, 1, 3600.0
    queue.function.own_s, queue.function.timeout_s = 10.0, 300.0
    while moment < world.seconds:
        for _ in range(300):
            upload(world, moment + world.rng.uniform(0, 20), world.rng.choice(world.devices), queue)
        moment += 24 * HOUR


@pytest.mark.slow
@pytest.mark.parametrize("twist", [nightly, stopped_by_hand])
def test_a_rhythm_and_what_an_incident_leads_to_are_no_other_incident(tmp_path, twist):
    _, found = diagnose_world(tmp_path, 702006, "downstream_down", twist)
    assert found.cause == "downstream_down"
    assert found.extra["other_incidents"] == []
