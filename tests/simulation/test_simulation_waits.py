"""Simulated waits against what queueing theory says."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from random import Random

import pytest

from watchme_analysis.simulation.api import factors
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    PollerSettings,
    QueueSettings,
    Settings,
)

FOREVER_S = 1e12


def poisson(rate, many, seed):
    random, now_s, sent_s = Random(seed), 0.0, []
    for _ in range(many):
        now_s += random.expovariate(rate)
        sent_s.append(now_s)
    return sent_s


def erlang_c_wait_s(servers, load):
    """Mean wait in units of a service time, by the recursion of Erlang's B formula."""
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked)) / (servers - load)


def limited(servers, where, variation):
    """So many at once, either by the mapping's maximum concurrency or by the API's slots."""
    in_mapping = where == "mapping"
    return Settings(
        queue=QueueSettings(FOREVER_S, FOREVER_S, None),
        poller=PollerSettings(start_batches=1250, max_concurrency=servers if in_mapping else None),
        api=ApiSettings(1.0, variation, None if in_mapping else servers, check_interval_s=FOREVER_S),
        function_timeout_s=FOREVER_S,
        horizon_s=FOREVER_S,
    )


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize("where", ["mapping", "api"])
@pytest.mark.parametrize(("servers", "utilisation"), [(2, 0.5), (4, 0.95), (4, 1.2)])
def test_waits_with_equal_service_times_are_exactly_those_of_the_recursion(servers, utilisation, where):
    sent_s = poisson(servers * utilisation, 3000, 1)
    free_s, waits_s = [0.0] * servers, []
    for time_s in sent_s:
        start_s = max(time_s, heappop(free_s))
        heappush(free_s, start_s + 1.0)
        waits_s.append(start_s - time_s)
    found = simulate(limited(servers, where, variation=0.0), Arrivals(sent_s))
    assert found.mean_wait_s == pytest.approx(math.fsum(waits_s) / len(waits_s), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["mapping", "api"])
@pytest.mark.parametrize("variation", [1.0, 0.5])
def test_waits_with_random_service_times_are_exactly_those_of_the_recursion(variation, where):
    # Of which Erlang's formula is the mean; the numbers are those that the run draws, one a message.
    sent_s = poisson(3.6, 20_000, 2)
    drawn = factors(variation, Random("service times 5"))
    free_s, waits_s = [0.0] * 4, []
    for time_s in sent_s:
        start_s = max(time_s, heappop(free_s))
        heappush(free_s, start_s + next(drawn))
        waits_s.append(start_s - time_s)
    found = simulate(limited(4, where, variation), Arrivals(sent_s), seed=5)
    assert found.mean_wait_s == pytest.approx(math.fsum(waits_s) / len(waits_s), rel=1e-9)


@pytest.mark.slow
def test_waits_are_those_of_erlang_c():
    """The mean of the random service times; above, both places that limit them give the recursion's waits."""
    servers, utilisation, waits_s = 4, 0.8, []
    for seed in range(8):
        rate = servers * utilisation
        sent_s = poisson(rate, 50_000, seed + 100)
        # The same number of messages in the time that it takes on average: one source of noise less.
        scale = len(sent_s) / rate / sent_s[-1]
        messages = Arrivals([time_s * scale for time_s in sent_s])
        waits_s.append(simulate(limited(servers, "api", variation=1.0), messages, seed).mean_wait_s)
    expected_s = erlang_c_wait_s(servers, servers * utilisation)
    assert math.fsum(waits_s) / len(waits_s) == pytest.approx(expected_s, rel=0.02)
