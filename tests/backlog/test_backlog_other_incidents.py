"""More than one incident of the same queue: distinguished by hours, or the same that comes back each day."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from worlds.backlog_draws import HOUR, make, upload
from worlds.backlog_troubles import stopped_by_hand
from worlds.backlog_twists import alone
from worlds.backlog_world import START, World

from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.backlog.other_incidents import incidents_elsewhere
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import pipelines


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
def test_an_earlier_incident_of_the_same_queue_is_reported_with_its_window_and_its_cause(tmp_path):
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


def daily(number):
    """Return a twist that takes the API down at the same time of so many days, and at no other."""

    def twist(world, options):
        first = world.fault[0] % (24 * HOUR) + HOUR
        world.hit[0].function.api.faults = [
            (first + day * 24 * HOUR, first + day * 24 * HOUR + 1.5 * HOUR, "down", None)
            for day in range(number)
        ]
        world.fault = (first, first + (number - 1) * 24 * HOUR + 1.5 * HOUR)

    return twist


@pytest.mark.slow
def test_an_outage_of_each_day_begins_with_the_first(tmp_path):
    truth, found = diagnose_world(tmp_path, 702005, "downstream_down", daily(2))
    assert found.cause == "downstream_down"
    assert abs(found.incident_start - datetime.fromisoformat(truth["incident_start"])) < timedelta(hours=1)
    assert found.extra["other_incidents"] == []
    assert found.confidence >= 0.7


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


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize(
    ("rivals", "named", "reserved", "expected"),
    [
        (("slow_leak", "mapping_disabled"), "mapping_disabled", None, ["sleeping"]),
        (("slow_leak", "mapping_disabled"), None, None, []),
        (("slow_leak", "throttled"), "throttled", None, []),
        (("slow_leak", "throttled"), "throttled", 1, ["sleeping"]),
        (("slow_leak", "downstream_slow"), "downstream_slow", 1, []),
    ],
)
def test_a_setting_of_another_queue_rivals_no_cause_of_the_worst_one(rivals, named, reserved, expected):
    world = World()
    (pipeline,) = pipelines(world)
    pipeline = replace(
        pipeline, queue="sleeping", settings=replace(pipeline.settings, reserved_concurrency=reserved)
    )
    worst = SimpleNamespace(harms=("creeping",), pipeline=SimpleNamespace(queue="worst"))
    other = SimpleNamespace(harms=("starved", "throttles"), pipeline=pipeline)
    requested = []

    def ask(inv):
        requested.append(inv.options["queue"])
        return SimpleNamespace(cause=named, incident_start=START, incident_end=None, confidence=0.9)

    ranking = [SimpleNamespace(finding=SimpleNamespace(cause=item)) for item in rivals]
    seen = ("mapping_disabled", "throttled")
    shown_by = {cause: "sleeping" if cause in seen else "worst" for cause in rivals}
    judged = SimpleNamespace(ranking=ranking, shown_by=shown_by)
    context = BacklogContext((worst, other), (worst, other), ())
    others = incidents_elsewhere(Investigation(world, "backlog"), context, judged, ask)
    assert [item.queue for item in others] == expected
    assert requested == (
        ["sleeping"] if "mapping_disabled" in rivals or (reserved and named == "throttled") else []
    )
