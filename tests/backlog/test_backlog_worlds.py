"""Verdicts over made-up worlds: other names, regions and rhythms, each cause, and what looks like another."""

from datetime import datetime

import pytest
from worlds.backlog_draws import CAUSES, make, upload
from worlds.backlog_situations import alone, stray
from worlds.messages import messages_in
from worlds.statement_rows import check_backlog

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

pytestmark = pytest.mark.slow


def diagnose_world(tmp_path, seed, cause, tweak=None):
    truth = make(seed, tmp_path / "raw", cause, alone(tweak))
    return diagnose(Investigation(open_case(tmp_path / "raw"), "backlog")), truth


def reports_failures(world, options):
    for queue in world.queues:
        queue.partial = True
        queue.batch = 1 if queue.fifo else 5


def tight_reserve(world, options):
    for queue in world.queues:
        queue.function.reserved, queue.max_receives = 3, 10


def one_bad_message(world, options):
    reports_failures(world, options)
    options["missing_points"] = 0.003
    upload(world, 0.5 * world.seconds, world.devices[0], world.queues[0], poison="404")


@pytest.fixture(scope="module", params=CAUSES)
def of_each_cause(request, tmp_path_factory):
    """The investigation of a world of each cause, with the cause and the world's truth.

    It has two queues and lasts a day: a small one that still has a queue which nothing happens to.
    """
    home = tmp_path_factory.mktemp(request.param)
    truth = make(2306, home / "raw", request.param)
    return Investigation(open_case(home / "raw"), "backlog"), request.param, truth


@pytest.fixture(scope="module")
def checked():
    """The messages of statements whose rows were compared for a world before."""
    return set()


def test_every_statement_gives_its_rows(of_each_cause, checked):
    inv, *_ = of_each_cause
    check_backlog(inv.case, inv.once(diagnose), checked)


def test_each_cause_is_found_and_its_dead_letters_are_counted(of_each_cause):
    inv, cause, truth = of_each_cause
    found = inv.once(diagnose)
    assert found.cause == cause
    assert found.extra["queues"] == truth["queues_affected"]
    assert found.extra["dead_letters"] == truth["messages_lost_to_dlq"]
    assert found.extra["dead_lettered_work"] == truth["dead_lettered_work"]
    assert (found.incident_end is None) == (truth["incident_end"] is None)
    assert not any("backlog-one-receive" in messages_in(text) for text in found.summary)
    if truth["incident_start"] is not None:
        # A creep has no sharp start; its bounds hold it nine times in ten.
        begun = datetime.fromisoformat(truth["incident_start"])
        slack = 2 * truth["window"]["period_s"] * (30 if cause == "slow_leak" else 1)
        near = abs((found.incident_start - begun).total_seconds()) <= slack
        early = datetime.fromisoformat(found.extra["incident_start_earliest"])
        assert near or early <= begun <= datetime.fromisoformat(found.extra["incident_start_latest"])


def test_messages_that_a_function_reports_as_failed_did_fail(tmp_path):
    found, truth = diagnose_world(tmp_path, 32, "consumer_failing", reports_failures)
    assert found.cause == "consumer_failing"
    assert found.extra["queues"] == truth["queues_affected"]


@pytest.mark.parametrize("tweak", [one_bad_message, tight_reserve])
def test_nothing_is_wrong_where_points_are_lost_or_one_message_is_bad(tmp_path, tweak):
    found, _ = diagnose_world(tmp_path, 33, "healthy", tweak)
    assert (found.verdict, found.cause) == ("no_incident", "healthy")
    assert found.extra["lost"] == 0


def test_a_few_bad_messages_here_and_there_are_no_incident(tmp_path):
    found, truth = diagnose_world(tmp_path, 502, "healthy", stray(6))
    assert truth["messages_lost_to_dlq"] == found.extra["dead_letters"] == 6
    assert found.cause == "healthy"
    assert 0.7 <= found.confidence <= 0.97
    counted = [item.weight for item in found.ranking[0].finding.evidence if item.check == "dead letters"]
    assert [weight < 0 for weight in counted] == [True]


@pytest.mark.parametrize("how", [{"first": 0.5, "last": 0.52}, {"one_device": True}])
def test_as_few_that_come_together_or_from_one_device_are(tmp_path, how):
    assert diagnose_world(tmp_path, 502, "healthy", stray(6, **how))[0].cause == "poison_messages"
