"""Verdicts over troubles of which several have a cause that the list lacks."""

from datetime import datetime

import pytest
from worlds.backlog_draws import make, upload
from worlds.backlog_on_call import PLAN
from worlds.backlog_troubles import breaks
from worlds.backlog_world import World
from worlds.messages import messages_in

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

KNOWN = {name: rest for name, *rest in PLAN}


def asked(tmp_path, name, seed):
    cause, _, twist = KNOWN[name]
    truth = make(seed, tmp_path / "raw", cause, twist)
    return diagnose(Investigation(open_case(tmp_path / "raw"), "backlog")), truth


@pytest.mark.slow
@pytest.mark.xfail(reason="the finding of healthy holds no receives without an invocation as evidence")
@pytest.mark.parametrize(
    ("name", "seed"),
    [("filter drops all", 601001), ("second consumer", 601002), ("looked at in the console", 601003)],
)
def test_messages_that_went_to_no_run_are_told_and_laid_at_no_causes_door(tmp_path, name, seed):
    found, truth = asked(tmp_path, name, seed)
    assert found.cause is None
    assert found.confidence < 0.4
    assert found.extra["queues"] == truth["queues_affected"]
    begun = (found.incident_start.timestamp() - _seconds(truth["incident_start"])) / 3600
    # In the night hardly anything is sent that could show it.
    assert -0.2 <= begun <= 6.0
    healthy = next(item for item in found.ranking if item.finding.cause == "healthy")
    assert any((item.effect or 0) > 10 for item in healthy.finding.evidence)
    assert abs(found.incident_end.timestamp() - _seconds(truth["incident_end"])) <= 3600


@pytest.mark.slow
def test_code_that_fails_now_and_then_is_the_functions_own_fault_also_without_a_trail(tmp_path):
    found, _ = asked(tmp_path, "half the runs, no trail", 601025)
    assert found.cause == "consumer_failing", found.summary
    assert 0.7 <= found.confidence <= 0.95


@pytest.mark.slow
def test_messages_that_pass_at_a_later_try_are_no_bad_ones_also_where_many_die(tmp_path):
    twist = breaks("keyerror", None, 0.65, event="UpdateFunctionCode20150331v2")
    make(701004, tmp_path / "raw", "consumer_failing", twist)
    found = diagnose(Investigation(open_case(tmp_path / "raw"), "backlog"))
    assert found.cause == "consumer_failing", found.summary
    assert found.extra["dead_letters"] > 10


@pytest.mark.slow
def test_a_function_that_was_given_less_memory_breaks_by_itself(tmp_path):
    found, _ = asked(tmp_path, "memory lowered", 702006)
    assert found.cause == "consumer_failing", found.summary
    assert found.extra["change"]["event_name"].startswith("UpdateFunctionConfiguration")
    own = next(item for item in found.ranking if item.finding.cause == "consumer_failing").finding
    assert 8.0 in [item.effect for item in own.evidence if item.check == "settings"]
    assert found.confidence >= 0.9


@pytest.mark.slow
@pytest.mark.xfail(
    reason="the chain lays the slowness at the API, and the memory of the function is not weighed"
)
def test_less_memory_without_a_recorded_change_leaves_it_open_whose_the_slowness_is(tmp_path):
    found, _ = asked(tmp_path, "memory lowered", 702001)
    assert found.cause in (None, "consumer_failing"), found.summary
    assert found.confidence < 0.8


@pytest.mark.slow
def test_a_burst_that_kept_nobody_waiting_is_not_blamed_for_messages_that_die_all_the_time(tmp_path):
    found, _ = asked(tmp_path, "one receive, glitches", 703001)
    assert found.cause != "arrival_surge", found.summary
    assert found.confidence < 0.4
    assert found.extra["dead_letters"] > 50


@pytest.mark.slow
@pytest.mark.xfail(reason="grades are coarser than the weights that this bound was made for")
def test_single_messages_that_die_weigh_once_however_many_queues_they_are_of(tmp_path):
    def bad_ones(world, options):
        for queue in world.queues:
            for share in (0.12, 0.25, 0.41, 0.63, 0.77):
                upload(world, share * world.seconds, world.rng.choice(world.devices), queue, poison="404")

    make(704002, tmp_path / "raw", "healthy", bad_ones)
    found = diagnose(Investigation(open_case(tmp_path / "raw"), "backlog"))
    healthy = next(item.finding for item in found.ranking if item.finding.cause == "healthy")
    stray = [item for item in healthy.evidence if item.check.startswith("dead letters")]
    assert len(stray) > 1
    assert sum(item.weight for item in stray) >= -0.5 - 1e-9


@pytest.mark.slow
def test_messages_that_producers_delay_are_healthy(tmp_path):
    assert asked(tmp_path, "delayed", 601004)[0].cause == "healthy"


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(("first", "before"), [(0, True), (300, False)])
def test_a_window_that_begins_within_an_outage_says_so(first, before):
    world = World(hours=12)
    world.fail(first, 600, 0.2, "HTTPError: 503 Server Error: Service Unavailable for url: http://192.0.2.1/")
    found = diagnose(Investigation(world, "backlog"))
    assert found.cause == "downstream_down"
    assert ("backlog-perhaps-before" in messages_in(found.summary[1])) == before


def _seconds(text):
    return datetime.fromisoformat(text).timestamp()
