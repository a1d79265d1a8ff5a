"""Causes before the application that look like each other: the right one, or an honest question.

`worlds/health_scenarios.py` holds the plain form of each cause, and `test_health_diagnosis.py` its verdict.
"""

import pytest
from worlds.health_alike import (
    CALM,
    EDGE,
    LOOP,
    NETWORK,
    NGINX,
    OPEN,
    SATURATION,
    at_times,
    between,
    calm,
    chance,
    probed_outside,
    restarting,
)
from worlds.health_constructed import container_created_anew
from worlds.health_world import HEALTH, OTHER, USUAL, case, in_fault, investigate, moment, without

from watchme_analysis.health import diagnosis as health

PLAIN = (("/", {"proxy_pass": f"http://{USUAL}"}),)
DELAYING = 'delaying request, excess: 3.100, by zone "checks"'
TIMES = (
    "request_time_s", "upstream_addr", "upstream_status", "upstream_response_time_s",
    "upstream_header_time_s", "upstream_connect_time_s", "edge_ray_id",
)  # fmt: skip


def on(path, **fate):
    return lambda requested, second: fate if requested == path else None


def on_all(**fate):
    return lambda requested, second: fate


def some_on_health(share, **fate):
    return lambda path, second: fate if path == HEALTH and chance(second) < share else None


def limit_of_requests_that_delays():
    def fate(path, second):
        held = {"own_s": between(1.5, 3, second), "error": "limit_req", "message": DELAYING}
        return held if path == HEALTH else None

    return case(fate, nginx=PLAIN)


def limit_of_connections_in_a_stock_log():
    made = case(some_on_health(0.8, status=503, upstream=False))
    made.table("access_log")[list(TIMES)] = None
    return without(made, "edge_log", "app_log", "host_metrics", "probes")


def kept_connections_are_reset():
    def fate(path, second):
        kind = "upstream_reset" if chance(second, path) < 0.5 else "upstream_closed"
        reset = {"status": 502, "header_s": 0.0, "error": kind}
        return reset if path != OTHER and chance(path, second) < 0.25 else None

    return case(fate)


def first_packets_lost_everywhere():
    """As when the host's table of connections is full."""

    def fate(path, second):
        drawn = chance(path, second)
        return {"connect_s": 1.02 if drawn < 0.4 else 3.05} if drawn < 0.7 else None

    return case(fate)


def lossy_link():
    def fate(path, second):
        drawn = chance(path, second)
        lost = {"connect_s": 1.02 if drawn < 0.4 else 3.05} if drawn < 0.6 else {"header_s": 0.222}
        return lost if path != OTHER and drawn < 0.75 else None

    return case(fate)


def container_off_its_network():
    return case(at_times(1, {"status": 502, "header_s": 3.1, "error": "upstream_unreachable"}))


def container_that_came_back_off_its_network():
    return restarting(container_off_its_network(), 31)


def nginx_can_not_resolve():
    message = "api.internal could not be resolved (3: Host not found)"
    return case(at_times(1, {"status": 502, "upstream": False, "error": "resolver", "message": message}))


def nginx_returns_503():
    own = (f"= {HEALTH}", {"return": "503"})
    return case(on(HEALTH, status=503, upstream=False), nginx=(*PLAIN, own))


def nginx_refuses_beside_a_held_loop():
    """First the loop stands still, then Nginx denies its callers too: inside the one shows, not the other."""

    def fate(path, second):
        left = 3 - second % 3
        held = {"header_s": left, "inside_s": left} if path != OTHER and second < 45 else {}
        return {"status": 403, "upstream": False, "inside_s": left} if second > 36 else held

    return case(fate)


def application_limits_callers():
    return case(some_on_health(0.8, status=429, header_s=0.003))


def origin_is_down():
    return case(on_all(at_nginx=False, edge_status=522, edge_s=6.0))


def prober_without_a_network():
    return probed_outside(calm(), error="Network is unreachable, while connecting", duration_s=0.01)


def prober_without_a_network_nor_edge_log():
    return without(prober_without_a_network(), "edge_log")


def prober_on_a_slow_link():
    return probed_outside(calm(), status=200, duration_s=4.0, connect_s=3.1)


def prober_on_a_slow_link_without_edge_log():
    return without(prober_on_a_slow_link(), "edge_log")


EXPIRED = "certificate verify failed: certificate has expired, while shaking hands over TLS"


def certificate_that_the_prober_rejects():
    return probed_outside(calm(), error=EXPIRED, duration_s=0.05)


def certificate_that_all_reject():
    made = probed_outside(calm(), error=EXPIRED, duration_s=0.05)
    log = made.table("access_log")
    served = log["time"].map(lambda at: not in_fault((at - moment(0)).total_seconds()))
    made._frames["access_log"] = log[served].reset_index(drop=True)
    return without(made, "edge_log")


ALIKE = {
    limit_of_requests_that_delays: {NGINX},
    limit_of_connections_in_a_stock_log: {NGINX, OPEN},
    kept_connections_are_reset: {NGINX, OPEN},
    first_packets_lost_everywhere: {NETWORK, SATURATION, OPEN},
    lossy_link: {NETWORK},
    container_that_came_back_off_its_network: {NETWORK, NGINX, OPEN},
    container_created_anew: {NGINX},
    nginx_can_not_resolve: {NGINX},
    nginx_returns_503: {NGINX},
    nginx_refuses_beside_a_held_loop: {NGINX, LOOP},
    application_limits_callers: {NGINX, OPEN},
    origin_is_down: {EDGE, NGINX, OPEN},
    prober_without_a_network_nor_edge_log: {CALM},
    prober_on_a_slow_link_without_edge_log: {CALM, OPEN},
    certificate_that_the_prober_rejects: {CALM, OPEN, EDGE},
    certificate_that_all_reject: {OPEN, EDGE},
}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("build", ALIKE, ids=lambda build: build.__name__)
def test_what_looks_alike_is_distinguished_or_left_open(build):
    said = health.diagnose(investigate(build()))
    found = said.verdict if said.verdict != "supported" else said.cause
    assert found in ALIKE[build], said.summary
