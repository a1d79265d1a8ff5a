"""A process that stands still: starved of CPU, or held by what its source shows or hides."""

import pytest
from worlds.health_alike import LOOP, ON_LOOP, ON_THREADS, SATURATION, calling, gauge, standing
from worlds.health_world import HEALTH, JOBS, case, context_of, in_fault, investigate

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.signals import cpu, event_loop, process, source, vantages
from watchme_analysis.inference.signals import observe

AWAITED = ("httpx.AsyncClient.get", "async_wait", "event_loop", "jobs")
BLOCKING = ("requests.get", "blocking_io", "event_loop", "jobs")
OWN_THREAD = ("concurrent.futures.ThreadPoolExecutor().submit", "thread_pool", "event_loop", "jobs")


def still(*calls, fate=None, handlers=ON_LOOP, cpu_pct=1.0):
    """The service stands still, its source makes some calls, and it uses so much CPU meanwhile."""
    made = case(fate or standing(4), handlers=handlers, gauges=lambda second: {"in_flight": 1.0})
    used = cpu_pct if callable(cpu_pct) else lambda second: cpu_pct
    made = gauge(made, "cpu_pct", lambda second: used(second) if in_fault(second) else 2.0 + second % 4)
    return calling(made, *calls) if calls else made


def starved(made):
    """Return the signal, from those of the detectors that it is drawn from."""
    found = context_of(made)
    topics = (vantages, event_loop, process, cpu, source)
    return cpu.starved(found, observe([one for topic in topics for one in topic.DETECTORS], found))


def only_on_threads(path, second):
    return standing(4)(path, second) if path in (HEALTH, JOBS) else None


@pytest.mark.slow
def test_a_process_that_nothing_holds_and_that_runs_a_little_is_not_given_the_cpu():
    made = still(*AWAITED)
    inv = investigate(made)
    (seen,) = [one for one in inv.once(health.detected) if one.signal == "starved"]
    assert len(made.sql(seen.sql)) == seen.rows
    said = health.diagnose(inv)
    assert said.cause == SATURATION
    assert said.ranking[0].finding.detail.id == "health-starved"


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: still(*BLOCKING), id="its source holds the loop"),
        pytest.param(still, id="no call of its source is known"),
        pytest.param(lambda: still(*AWAITED, cpu_pct=97.0), id="it computes"),
        pytest.param(
            lambda: still(*AWAITED, fate=only_on_threads, handlers=ON_THREADS), id="its loop answers"
        ),
        pytest.param(
            lambda: gauge(still(*AWAITED), "nr_throttled", lambda second: 9.0 * max(0, min(second, 60) - 30)),
            id="its control group tells",
        ),
    ],
)
def test_a_standstill_with_another_reason_is_no_sign_of_a_starved_process(made):
    assert not starved(made())


def test_what_a_process_uses_while_nobody_waits_says_nothing():
    def every_other_time(path, second):
        return standing(4)(path, second) if second // 8 % 2 else None

    assert starved(still(*AWAITED, fate=every_other_time, cpu_pct=lambda second: second // 8 % 2))


@pytest.mark.slow
def test_a_loop_that_uses_no_cpu_for_seconds_waits_for_something():
    """What its source calls may hide it."""
    made = still(*AWAITED, cpu_pct=lambda second: second % 4 // 3)
    assert not starved(made)
    assert health.diagnose(investigate(made)).cause in (LOOP, None)


def test_threads_next_to_the_loop_that_use_the_cpu_starve_it():
    (seen,) = starved(still(*OWN_THREAD, cpu_pct=97.0))
    assert seen.statement.id == "health-starved-by-threads"
