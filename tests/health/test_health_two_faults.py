"""Two faults of different layers at once: each is weighed by the requests that died at its layer."""

import pytest
from worlds.health_alike import chance, handlers
from worlds.health_world import FAULT, HEALTH, JOBS, OTHER, REPORT, case, investigate, moment
from worlds.messages import messages_in

from watchme_analysis.health.hypotheses import diagnosis as health
from watchme_analysis.text.render import render

EDGE, NGINX, NETWORK = "edge_config", "nginx_config", "docker_network"
REFUSED = {"at_nginx": False, "edge_status": 403}
HELD = {"edge_s": 7.0}
LIMITED = {"upstream": False, "status": 503, "error": "limit_conn"}
ASTRAY = {
    "status": 504, "header_s": 5.0, "address": "198.51.100.9:8017", "error": "upstream_timeout_header"
}  # fmt: skip


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
    """All health checks die at the first layer, what else is asked meets the second fault."""
    return lambda path, second: front if path == HEALTH else inner(path, second)


def in_turn(front, inner):
    """One fault begins as the other ends."""

    def fate(path, second):
        if path == HEALTH and second < FAULT[0] + 17:
            return front
        return inner(path, second) if second >= FAULT[0] + 13 else None

    return fate


def handed_over(first, then):
    """One fault ends a few seconds after the other has begun; what is connected late waits as well."""

    def fate(path, second):
        one = first(path, second) if second < FAULT[0] + 17 else None
        other = then(path, second) if second >= FAULT[0] + 13 else None
        both = {**(one or {}), **(other or {})}
        if one and other:
            both["header_s"] += one["connect_s"]
        return both or None

    return fate


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("fault", "causes"),
    [
        (half(REFUSED, gone), {EDGE, NETWORK}),
        (half(HELD, crowded), {EDGE, "app_saturation"}),
        (half(ASTRAY, stuck), {NGINX, "app_event_loop"}),
        (all_checks(HELD, stuck), {EDGE, "app_event_loop"}),
        (in_turn(ASTRAY, lost), {NGINX, NETWORK}),
        (handed_over(lost, stuck), {NETWORK, "app_event_loop"}),
    ],
)
def test_both_are_named_with_what_their_own_requests_show(fault, causes):
    busy = {"cpu_pct": 100.0, "threads": 20.0} if "app_saturation" in causes else {}
    made = case(fault, gauges=lambda second: busy)
    said = health.diagnose(investigate(made))
    assert said.verdict == "supported"
    assert {said.cause, *said.other_causes} == causes
    for entry in said.ranking[:2]:
        assert entry.status == "supported"
        assert entry.finding.log_odds > 1.0, "what the other fault did speaks against it"
    assert said.extra["confidence_from"]["route"] in ("one", "pair")


@pytest.mark.slow
@pytest.mark.xfail(reason="together the requests show the limit more clearly than the crowd")
def test_what_all_requests_together_name_leads():
    """A crowded process runs into a limit of Nginx: that shows more clearly than what brings it about."""
    busy = {"cpu_pct": 100.0, "threads": 20.0}
    said = health.diagnose(investigate(case(half(LIMITED, crowded), gauges=lambda second: busy)))
    assert (said.cause, said.other_causes) == ("app_saturation", (NGINX,))
    assert said.ranking[0].finding.log_odds < said.ranking[1].finding.log_odds


@pytest.mark.slow
def test_the_incident_lasts_from_the_first_of_two_faults_to_the_end_of_the_other():
    """The whole service is gone for a while; then the health check alone is refused, which weighs more."""

    def fate(path, second):
        if second < FAULT[0] + 9:
            return gone(path, second) if path != HEALTH or chance(second) < 0.4 else None
        return ASTRAY if path == HEALTH and second > FAULT[0] + 18 else None

    said = health.diagnose(investigate(case(fate)))
    assert {said.cause, *said.other_causes} == {NGINX, NETWORK}
    assert abs((said.incident_start - moment(FAULT[0])).total_seconds()) < 2
    assert abs((said.incident_end - moment(FAULT[1])).total_seconds()) < 2
    assert set(said.extra["endpoints"]) == {HEALTH, JOBS, REPORT}
    text = render(said.summary[0])
    assert text.index("That was the network") < text.index("That was Nginx's")
    assert len({entry.probability for entry in said.ranking[:2]}) == 1


@pytest.mark.slow
def test_a_few_slow_requests_beside_a_fault_are_no_second_one():
    def fate(path, second):
        if path == HEALTH:
            return REFUSED
        return {"header_s": 2.0} if path == JOBS and chance(path, round(second, 2)) < 0.15 else None

    inv = investigate(case(fate))
    bad = inv.once(health.facts).joined
    assert (bad["nginx_bad"]).sum() >= 6
    said = health.diagnose(inv)
    assert (said.cause, said.other_causes) == (EDGE, ())


@pytest.mark.slow
@pytest.mark.xfail(reason="what is left beside the dead server does not suffice for the pool")
def test_a_dead_server_that_some_requests_tried_first_beside_a_used_up_pool():
    """A few end at the dead server or at none, as the other had been given up while its pool was full."""
    dead = "192.0.2.99:8100"
    stuck = {"status": 504, "header_s": 5.0, "inside_s": 7.0, "error": "upstream_timeout_header"}
    tried = {"header_s": 4.0, "inside_s": 7.0, "error": "upstream_timeout_connect", "address": dead}

    def fate(path, second):
        if path == OTHER or (chance(path, round(second, 2)) < 0.5 and path != HEALTH):
            return None
        return stuck if path == HEALTH and chance(second) < 0.6 else tried | {"status": 502}

    places = {"healthz": "thread_pool", "jobs": "event_loop", "report": "event_loop"}
    full = {"in_flight": 80.0, "threads": 46.0}
    made = case(fate, handlers=handlers(**places), gauges=lambda second: full)
    log = made.table("access_log")
    asked = log["upstream_addr"].eq(dead)
    log.loc[asked, "upstream_raw"] = '{"upstream_addr": "192.0.2.99:8100, 192.0.2.11:8100"}'
    log.loc[asked, ["upstream_addr", "upstream_tries"]] = ["192.0.2.11:8100", 2]
    few = log.index[asked][::9]
    log.loc[few, "upstream_addr"] = "the_name_of_the_group"
    log.loc[log.index[asked][5:7], "upstream_addr"] = dead
    said = health.diagnose(investigate(made))
    assert {said.cause, *said.other_causes} == {NGINX, "app_threadpool"}
    detail = next(entry.finding.detail for entry in said.ranking if entry.finding.cause == NGINX)
    assert messages_in(detail)["health-dead-server-detail"]["address"] == dead
