"""Which layer is named: the likeliest, or the last one that is not excluded."""

import pytest

from watchme_analysis.health import judge
from watchme_analysis.inference.signals import Observation

KILLED = {
    "fate_refused": 0.84, "routed_well": 1.0, "some_paths": 1.0, "nginx_plain": 1.0, "nginx_passes_on": 1.0,
    "connect_quick": 1.0, "refused_at_own_port": 1.0, "arrivals_usual": 1.0,
}  # fmt: skip


def layers(is_incident=True, **strengths):
    seen = tuple(Observation(name, "It is so.", "access_log", 9, strength=s) for name, s in strengths.items())
    return judge.layer_findings(judge.ranked(seen), seen, is_incident=is_incident)


def test_the_last_layer_that_is_not_excluded_is_named_if_it_is_likelier_than_not():
    found = layers(**KILLED)
    left = [one for one in found if one.status != "refuted"]
    assert [(one.layer, one.status) for one in left] == [("process", "supported")]
    assert 0.5 < left[0].probability < judge.NAMED_AT
    assert judge.named_layer(found) == "process"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            {"connect_quick": 0.0, "refused_at_own_port": 0.0, "refused": 1.0}, id="two layers are left"
        ),
        pytest.param({"is_incident": False}, id="no incident"),
    ],
)
def test_no_layer_is_named_otherwise(changed):
    assert judge.named_layer(layers(**KILLED | changed)) is None


FLOOD = dict.fromkeys(
    (
        "arrivals_up", "callers_wait", "connects_well", "same_upstream_served", "routed_well", "health_check",
        "inside_bad", "some_paths", "pool_paths", "edge_passes_on", "edge_plain", "nginx_passes_on",
        "connect_quick", "pool_full", "cpu_idle", "cpu_sampled", "no_blocking_in_loop", "pool_work",
        "inside_listens", "connected", "bystanders_wait",
    ),
    1.0,
) | {"fate_header_timeout": 0.84}  # fmt: skip


def test_callers_that_wait_under_a_flood_are_no_second_fault():
    """A flood fills the pool, and handlers that call something wait as all others do."""
    seen = tuple(Observation(name, "It is so.", "access_log", 9, strength=s) for name, s in FLOOD.items())
    situation = judge.Situation(incident=True, timed=True, spared=False)
    said = judge.decide(seen, situation)
    assert (said.verdict, said.cause, said.second) == ("supported", "traffic_surge", None)
    assert judge.named_layer(layers(**FLOOD)) == "client"
