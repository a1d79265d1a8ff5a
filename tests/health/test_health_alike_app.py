"""Causes of the application and its host that look like each other: the right one, or an honest question."""

import pytest
from worlds.health_alike import (
    DEPENDENCY,
    DOWN,
    LOOP,
    ON_LOOP,
    ON_THREADS,
    OPEN,
    POOL,
    SATURATION,
    at_times,
    calling,
    chance,
    every,
    gauge,
    granting,
    restarting,
    saying,
    slow,
    standing,
    started,
)
from worlds.health_world import HEALTH, JOBS, OTHER, REPORT, Signals, case, in_fault, investigate, without

from watchme_analysis.health import diagnosis as health

SERVICE, NEEDY = (HEALTH, JOBS, REPORT), (HEALTH, JOBS)
AWAITED = ("httpx.AsyncClient.get", "async_wait", "event_loop", "healthz", "jobs")
ON_A_THREAD = ("requests.get", "blocking_io", "thread_pool", "healthz", "jobs")


def slow_dependency_of_all_paths():
    return case(slow(SERVICE, 2.2, 4.4), gauges=lambda second: {"cpu_pct": 4.0, "in_flight": 16.0})


def slow_dependency_on_threads_to_spare():
    few = {"threads": 14.0, "in_flight": 8.0}
    return calling(case(slow(NEEDY, 1.2, 2.6), handlers=ON_THREADS, gauges=lambda second: few), *ON_A_THREAD)


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


def slow_paths_that_little_tells_of():
    return without(case(slow(NEEDY, 4, 8)), "host_metrics", "app_log", "edge_log")


def server_limits_connections():
    away = {"status": 503, "inside_status": 503, "header_s": 0.002}
    made = case(at_times(0.7, away), processes=started(limit_concurrency=10))
    return saying(made, "Exceeded concurrency limit.", every(1), level="WARNING")


def throttled_by_its_quota():
    made = case(standing(4), gauges=lambda second: {"cpu_pct": 20.0})
    return gauge(made, "nr_throttled", lambda second: 9.0 * max(0, min(second, 60) - 30))


def throttled_unmeasured():
    return without(case(standing(4)), "host_metrics")


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


def short_queue_of_connections():
    def fate(path, second):
        again = 1.02 if chance(path, second) < 0.5 else 0.0
        return None if path == OTHER else {"connect_s": again, "inside_s": again + 0.01}

    return case(fate, processes=started(backlog=2))


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


def answers(path, status, **more):
    """The application answers a path at once with a status, inside as well."""
    said = {"status": status, "header_s": 0.01, "inside_status": status, **more}
    return case(lambda requested, second: said if requested == path else None)


def not_ready_after_a_deploy():
    return restarting(answers(HEALTH, 503), 29.5)


ALIKE = {
    slow_dependency_of_all_paths: {OPEN},
    slow_dependency_on_threads_to_spare: {DEPENDENCY, OPEN},
    loop_held_by_a_dependency: {LOOP},
    loop_held_until_its_queue_is_full: {LOOP},
    slow_paths_that_little_tells_of: {POOL, SATURATION, OPEN},
    server_limits_connections: {SATURATION},
    throttled_by_its_quota: {SATURATION},
    throttled_unmeasured: {SATURATION, OPEN},
    surge_of_callers: {SATURATION},
    restarted_once: {DOWN},
    killed_for_its_memory: {SATURATION},
    short_queue_of_connections: {SATURATION, OPEN},
    out_of_descriptors: {SATURATION},
    collecting_garbage_at_the_limit: {SATURATION},
    disk_of_the_application_is_full: {SATURATION},
    not_ready_after_a_deploy: {OPEN},
}


@pytest.mark.slow
@pytest.mark.parametrize("build", ALIKE, ids=lambda build: build.__name__)
def test_what_looks_alike_is_distinguished_or_left_open(build):
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
