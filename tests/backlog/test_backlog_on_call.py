"""Verdicts over troubles of which several have a cause that the list lacks."""

import pytest
from worlds.backlog_draws import make
from worlds.backlog_situations import PLAN, alone
from worlds.backlog_world import World
from worlds.messages import messages_in

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

KNOWN = {name: rest for name, *rest in PLAN}


def diagnose_world(tmp_path, name, seed):
    cause, _, twist = KNOWN[name]
    truth = make(seed, tmp_path / "raw", cause, alone(twist))
    return diagnose(Investigation(open_case(tmp_path / "raw"), "backlog")), truth


def test_a_function_that_was_given_less_memory_breaks_by_itself(tmp_path):
    found, _ = diagnose_world(tmp_path, "memory lowered", 702006)
    assert found.cause == "consumer_failing", found.summary
    assert found.extra["change"]["event_name"].startswith("UpdateFunctionConfiguration")
    own = next(item for item in found.ranking if item.finding.cause == "consumer_failing").finding
    assert 8.0 in [item.effect for item in own.evidence if item.check == "settings"]
    assert found.confidence >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("first", "before"), [(0, True), (300, False)])
def test_a_window_that_begins_within_an_outage_says_so(first, before):
    world = World(hours=12)
    world.fail(first, 600, 0.2, "HTTPError: 503 Server Error: Service Unavailable for url: http://192.0.2.1/")
    found = diagnose(Investigation(world, "backlog"))
    assert found.cause == "downstream_down"
    assert ("backlog-perhaps-before" in messages_in(found.summary[0])) == before


def test_a_dlq_that_was_purged_since_is_not_redriven(tmp_path):
    found, _ = diagnose_world(tmp_path, "dead letters purged", 702006)
    assert found.cause == "downstream_down"
    assert found.extra["lost"] >= found.extra["dead_letters_of_incident"] > 0
    assert "redrive" not in {step.kind for step in found.now}
