"""Two faults of different layers at once: each explains bad requests that the other does not."""

from functools import partial

import pytest
from worlds.health_alike import chance, saying
from worlds.health_world import FAULT, HEALTH, OTHER, case, investigate

from watchme_analysis.health import diagnosis as health

EDGE, NGINX, NETWORK = "edge_config", "nginx_config", "docker_network"
REFUSED = {"at_nginx": False, "edge_status": 403}
HELD = {"edge_s": 7.0}
ASTRAY = {
    "status": 504, "header_s": 5.0, "address": "198.51.100.9:8017", "error": "upstream_timeout_header"
}  # fmt: skip


slow = partial(pytest.param, marks=pytest.mark.slow)


def gone(path, second):
    return {"status": 502, "header_s": 0.0, "error": "upstream_unreachable"} if path != OTHER else None


def lost(path, second):
    again = int(second * 4) % 3
    return None if path == OTHER or again == 2 else {"connect_s": (1.01, 3.04)[again]}


def stuck(path, second):
    wait = 3 - second % 3
    return {"header_s": wait, "inside_s": wait} if path != OTHER else None


def crowded(path, second):
    wait = 2.0 + (len(path) * 3.7 + second * 7.3) % 1.9
    return {"header_s": wait, "inside_s": wait} if path != OTHER else None


def half(front, inner):
    """Some health checks die at the first layer, all others go on to the second fault."""

    def fate(path, second):
        further = inner(path, second)
        inside = {name: value for name, value in (further or {}).items() if name.startswith("inside")}
        return inside | front if path == HEALTH and chance(path, round(second, 2)) < 0.5 else further

    return fate


def all_checks(front, inner):
    """All health checks die at the first layer, what else is requested meets the second fault."""
    return lambda path, second: front if path == HEALTH else inner(path, second)


def in_turn(front, inner):
    """One fault begins as the other ends."""

    def fate(path, second):
        if path == HEALTH and second < FAULT[0] + 17:
            return front
        return inner(path, second) if second >= FAULT[0] + 13 else None

    return fate


@pytest.mark.slow
def test_both_are_named_with_what_their_own_requests_show():
    said = health.diagnose(investigate(case(in_turn(ASTRAY, lost))))
    assert (said.verdict, said.cause, said.other_causes) == ("supported", NGINX, (NETWORK,))
    first, second = said.ranking[:2]
    assert first.status == second.status == "supported"
    for entry, other in ((first, second), (second, first)):
        shown = {item.signal for item in other.finding.evidence if item.weight > 0}
        against = {item.signal for item in entry.finding.evidence if item.weight < 0}
        assert not shown & against, "what the other fault did speaks against it"


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("fault", "causes"),
    [
        (half(REFUSED, gone), {EDGE, NETWORK}),
        slow(half(HELD, crowded), {EDGE, "app_saturation"}),
        slow(all_checks(HELD, stuck), {EDGE, "app_event_loop"}),
    ],
)
def test_of_two_faults_with_little_evidence_for_one_the_other_is_named_and_no_third(fault, causes):
    busy = {"cpu_pct": 100.0, "threads": 20.0} if "app_saturation" in causes else {}
    said = health.diagnose(investigate(case(fault, gauges=lambda second: busy)))
    assert said.verdict == "supported"
    assert {said.cause, *said.other_causes} <= causes


def test_a_path_that_nginx_denies_is_named_beside_another_service_that_stopped():
    """Refused connections at the port of a stopped process do not point to Nginx's configuration."""

    def fate(path, second):
        if path == HEALTH:
            return {"status": 403, "upstream": False, "error": "access_forbidden"}
        return {"status": 502, "header_s": 0.0, "error": "upstream_refused"} if path == OTHER else None

    made = case(fate)
    stopped = [(FAULT[0], "Finished server process [9]"), (FAULT[1], "Application startup complete.")]
    for second, words in stopped:
        saying(made, words, [second], "lifecycle", "INFO")
    said = health.diagnose(investigate(made))
    assert said.cause == NGINX
    assert {*said.other_causes} <= {"app_down"}
