"""The verdict on observations alone: what is named, what is not, and what changes nothing."""

from dataclasses import replace

import pytest

from watchme_analysis.health import judge
from watchme_analysis.health.detectors import SIGNALS, health_causes
from watchme_analysis.inference.causes import Cause
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import explained_away, weigh

KILLED = {
    "fate_refused": 0.84, "routed_well": 1.0, "some_paths": 1.0, "nginx_plain": 1.0, "nginx_passes_on": 1.0,
    "connect_quick": 1.0, "refused_at_own_port": 1.0, "arrivals_usual": 1.0,
}  # fmt: skip
INCIDENT = judge.Situation(incident=True, timed=True)


def seen(**strengths):
    return tuple(Observation(name, "It is so.", "access_log", 9, strength=s) for name, s in strengths.items())


FLOOD = dict.fromkeys(
    (
        "arrivals_up", "callers_wait", "connects_well", "same_upstream_served", "routed_well", "health_check",
        "inside_bad", "some_paths", "edge_passes_on", "nginx_passes_on",
        "connect_quick", "pool_full", "cpu_idle", "pool_work",
        "connected", "bystanders_wait",
    ),
    1.0,
) | {"fate_header_timeout": 0.84}  # fmt: skip


def test_callers_that_wait_under_a_flood_are_no_second_fault():
    """A flood fills the pool, and handlers that call something wait as all others do."""
    said = judge.decide(seen(**FLOOD), INCIDENT)
    assert (said.verdict, said.cause, said.other) == ("supported", "traffic_surge", None)


@pytest.mark.parametrize("lacking", ["incident", "timed", "edge_visible"])
def test_all_is_well_only_where_the_record_would_show_otherwise(lacking):
    calm = judge.Situation(incident=False, timed=True, edge_visible=True)
    well = seen(all_well=1.0)
    assert judge.decide(well, calm).verdict == "no_incident"
    assert judge.decide(well, replace(calm, **{lacking: lacking == "incident"})).verdict == "inconclusive"


def test_a_cause_none_of_whose_signals_shows_changes_nothing_in_any_recorded_case(corpus):
    """Adding a cause is safe: verdicts, probabilities and the order of the others stay as they were."""
    invented = Cause("invented", "health", "Invented", "invented", "process", "Look.")
    for entry in corpus.read_corpus():
        observed = explained_away(entry.observations, SIGNALS, {})
        before = weigh(health_causes(), observed, SIGNALS)
        after = weigh((*health_causes(), invented), observed, SIGNALS)
        others = [one for one in after.ranking if one.finding.cause != "invented"]
        assert [(one.finding.cause, one.status) for one in others] == [
            (one.finding.cause, one.status) for one in before.ranking
        ]
        for one, other in zip(before.ranking, others, strict=True):
            assert abs(one.probability - other.probability) < 0.01
        assert all(abs(after.layers[layer] - before.layers[layer]) <= 0.05 for layer in before.layers)
