"""Causes that look like each other: each is distinguished by what it shows alone."""

import pytest
from worlds.health_alike import (
    CALM,
    DOWN,
    LOOP,
    NETWORK,
    NGINX,
    ON_LOOP,
    SATURATION,
    at_times,
    between,
    calling,
    calm,
    chance,
    every,
    gauge,
    granting,
    probed_outside,
    restarting,
    saying,
    slow,
    standing,
    started,
)
from worlds.health_constructed import container_created_anew
from worlds.health_world import (
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    USUAL,
    Signals,
    case,
    in_fault,
    investigate,
    without,
)

from watchme_analysis.health import diagnosis as health

SERVICE, NEEDY = (HEALTH, JOBS, REPORT), (HEALTH, JOBS)
PLAIN = (("/", {"proxy_pass": f"http://{USUAL}"}),)
DELAYING = 'delaying request, excess: 3.100, by zone "checks"'


def loop_held_by_a_dependency():
    made = case(standing(4), handlers=ON_LOOP, gauges=lambda second: {"cpu_pct": 3.0, "in_flight": 10.0})
    return calling(made, "requests.get", "blocking_io", "event_loop", "jobs")


def loop_held_until_its_queue_is_full():
    def fate(path, second):
        left = 10 - second % 10
        again = 1.02 if chance(path, second) < 0.5 else 3.05
        late = {"connect_s": again if left > 3 else 0.0, "header_s": max(left - 3, 0.5), "inside_s": left}
        return None if path == OTHER else late

    return case(fate, handlers=ON_LOOP, processes=started(backlog=8))


def server_limits_connections():
    away = {"status": 503, "inside_status": 503, "header_s": 0.002}
    made = case(at_times(0.7, away), processes=started(limit_concurrency=10))
    return saying(made, "Exceeded concurrency limit.", every(1), level="WARNING")


def throttled_by_its_quota():
    made = case(standing(4), gauges=lambda second: {"cpu_pct": 20.0})
    return gauge(made, "nr_throttled", lambda second: 9.0 * max(0, min(second, 60) - 30))


def surge_of_callers():
    busy = {"threads": 30.0, "in_flight": 20.0}
    return case(slow(SERVICE, 1.5, 4), gauges=lambda second: busy | {"cpu_pct": 97.0 + 3.0 * chance(second)})


def down(path, second):
    gone = {"status": 502, "header_s": 0.0, "error": "upstream_refused", "inside_status": None}
    return gone if path != OTHER else None


def restarted_once():
    made = case(lambda path, second: down(path, second) if 35 <= second < 47 else None)
    return restarting(made, 46.8)


def memory_comes_and_goes(made):
    made.table("app_log")["pid"] = 1
    return gauge(made, "rss_mb", lambda second: 150.0 + 300.0 * (second % 6) if in_fault(second) else 150.0)


def killed_for_its_memory():
    made = memory_comes_and_goes(case(lambda path, second: down(path, second) if second % 6 < 3 else None))
    return granting(restarting(made, 33, 39, 45, 51, 57), "2g")


def loop_held_by_large_work_that_gives_back_its_memory():
    return memory_comes_and_goes(case(standing(4)))


def out_of_descriptors():
    stuck = {"status": 504, "header_s": 5.0, "error": "upstream_timeout_header", "inside_s": 5.0}
    made = case(at_times(1, stuck), gauges=lambda second: {"open_files": 1024.0})
    return saying(made, "OSError: [Errno 24] Too many open files", every(0.5))


def collecting_garbage_at_the_limit():
    made = case(standing(4), gauges=lambda second: {"cpu_pct": 99.0})
    return granting(
        gauge(made, "rss_mb", lambda second: 1990.0 if in_fault(second) else 600.0 + 20 * second), "2g"
    )


def disk_of_the_application_is_full():
    made = case(at_times(1, {"status": 500, "header_s": 0.005, "inside_status": 500}))
    return saying(made, "OSError: [Errno 28] No space left on device", every(0.5))


def on(path, **fate):
    return lambda requested, second: fate if requested == path else None


def limit_of_requests_that_delays():
    def fate(path, second):
        held = {"own_s": between(1.5, 3, second), "error": "limit_req", "message": DELAYING}
        return held if path == HEALTH else None

    return case(fate, nginx=PLAIN)


def lossy_link():
    def fate(path, second):
        drawn = chance(path, second)
        lost = {"connect_s": 1.02 if drawn < 0.4 else 3.05} if drawn < 0.6 else {"header_s": 0.222}
        return lost if path != OTHER and drawn < 0.75 else None

    return case(fate)


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


def prober_without_a_network():
    return probed_outside(calm(), error="Network is unreachable, while connecting", duration_s=0.01)


def prober_without_a_network_nor_edge_log():
    return without(prober_without_a_network(), "edge_log")


ALIKE = {
    loop_held_by_a_dependency: {LOOP},
    loop_held_until_its_queue_is_full: {LOOP},
    server_limits_connections: {SATURATION},
    throttled_by_its_quota: {SATURATION},
    surge_of_callers: {SATURATION},
    restarted_once: {DOWN},
    killed_for_its_memory: {SATURATION},
    out_of_descriptors: {SATURATION},
    collecting_garbage_at_the_limit: {SATURATION},
    disk_of_the_application_is_full: {SATURATION},
    limit_of_requests_that_delays: {NGINX},
    lossy_link: {NETWORK},
    container_created_anew: {NGINX},
    nginx_can_not_resolve: {NGINX},
    nginx_returns_503: {NGINX},
    nginx_refuses_beside_a_held_loop: {NGINX, LOOP},
    prober_without_a_network_nor_edge_log: {CALM},
}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("build", ALIKE, ids=lambda build: build.__name__)
def test_what_looks_alike_is_distinguished(build):
    said = health.diagnose(investigate(build()))
    found = said.verdict if said.verdict != "supported" else said.cause
    assert found in ALIKE[build], said.summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "is_lost"),
    [(killed_for_its_memory, True), (loop_held_by_large_work_that_gives_back_its_memory, False)],
)
def test_memory_is_lost_by_who_is_started_again_and_given_back_by_who_answers_on(build, is_lost):
    assert ("memory_lost" in Signals(build())) is is_lost
