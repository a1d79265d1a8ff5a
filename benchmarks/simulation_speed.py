"""Measure how many messages a second one process simulates, and how near to Erlang's C formula it comes.

    .venv/bin/python benchmarks/simulation_speed.py [--messages N] [--rounds N]

A Poisson stream meets a limit of four at once and exponential service times. Speed is told by processor
time, which a busy machine stretches less, beside the clock. The waits are those of all rounds together,
with a 95 % interval: streams are stretched to their rate, and what service times were drawn longer or
shorter than on average is taken out by regression, as both means are known. The same stream is then given
to simpy and to ciw, where they are installed (`pip install simpy ciw`; the project doesn't need them),
and to the least there is: a heap of two events a message in plain Python. All take turns, so that a busy
minute hits all of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from heapq import heappop, heappush
from importlib.util import find_spec
from itertools import islice
from random import Random

from watchme_analysis.simulation.api import factors
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.scenarios import estimate
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    PollerSettings,
    QueueSettings,
    Settings,
)

FOREVER_S = 1e12
SERVERS = 4
UTILISATIONS = (0.5, 0.7, 0.8, 0.9)
RACED = 0.8
# No run of a second on average lasts so long; a queue's own limits.
TIMEOUT_S, VISIBILITY_S = 900.0, 5400.0
SETTINGS = Settings(
    queue=QueueSettings(VISIBILITY_S, FOREVER_S, None),
    poller=PollerSettings(start_batches=SERVERS, max_concurrency=SERVERS),
    api=ApiSettings(1.0, 1.0, slots=None, check_interval_s=FOREVER_S),
    function_timeout_s=TIMEOUT_S,
    horizon_s=FOREVER_S,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}")
    accuracy(options.messages, options.rounds)
    race(options.messages, options.rounds)
    print(f"load after: {os.getloadavg()[0]:.1f}")


def accuracy(messages: int, rounds: int) -> None:
    print("utilisation  messages/s (processor)  messages/s (clock)  mean wait / Erlang C")
    for utilisation in UTILISATIONS:
        processor, clock, waits, means = [], [], [], []
        for seed in range(rounds):
            sent = poisson(SERVERS * utilisation, messages, seed)
            started_s, worked_s = time.perf_counter(), time.process_time()
            outcome = simulate(SETTINGS, sent, seed)
            processor.append(messages / (time.process_time() - worked_s))
            clock.append(messages / (time.perf_counter() - started_s))
            waits.append(outcome.mean_wait_s / erlang_c_wait_s(SERVERS, SERVERS * utilisation))
            # The same numbers that the run drew, one a message.
            drawn = factors(1.0, Random(f"service times {seed}"))
            means.append(statistics.fmean(islice(drawn, messages)))
        slope = statistics.linear_regression(means, waits).slope if rounds > 2 else 0.0
        wait = estimate([wait - slope * (mean - 1.0) for wait, mean in zip(waits, means, strict=True)])
        half = "" if wait.half_width is None else f" ± {wait.half_width:.4f}"
        print(
            f"{utilisation:11.2f}  {statistics.median(processor):22,.0f}"
            f"  {statistics.median(clock):18,.0f}  {wait.mean:.4f}{half}"
        )


def race(messages: int, rounds: int) -> None:
    contenders: dict[str, Callable[[Arrivals], None]] = {
        "watchme_analysis": lambda sent: simulate(SETTINGS, sent, 0) and None,
        "heap alone": heap_alone,
        "simpy": with_simpy,
        "ciw": with_ciw,
    }
    there = {name: run for name, run in contenders.items() if name not in ("simpy", "ciw") or find_spec(name)}
    speeds: dict[str, list[float]] = {name: [] for name in there}
    for seed in range(rounds):
        for name, run in there.items():
            # The peers are slower by far: a part of the stream is enough to tell.
            many = messages // 10 if name in ("simpy", "ciw") else messages
            sent = poisson(SERVERS * RACED, many, seed)
            worked_s = time.process_time()
            run(sent)
            speeds[name].append(many / (time.process_time() - worked_s))
    base = statistics.median(speeds["watchme_analysis"])
    print(f"\nat utilisation {RACED}   messages/s (processor)   watchme_analysis over it")
    for name, found in speeds.items():
        print(f"{name:20}  {statistics.median(found):22,.0f}   {base / statistics.median(found):24.2f}")
    for name in sorted(set(contenders) - set(there)):
        print(f"{name:20}  not installed")


def heap_alone(sent: Arrivals) -> None:
    """Push and pop two events a message, and nothing else."""
    events = [(sent_s, number, True) for number, sent_s in enumerate(sent.sent_s[:SERVERS])]
    random = Random(0).random
    position = SERVERS
    while events:
        now_s, number, arrives = heappop(events)
        if arrives:
            heappush(events, (now_s + random(), number, False))
        elif position < len(sent.sent_s):
            heappush(events, (max(now_s, sent.sent_s[position]), position, True))
            position += 1


def with_simpy(sent: Arrivals) -> None:
    import simpy

    random = Random(0)
    environment = simpy.Environment()
    servers = simpy.Resource(environment, SERVERS)

    def message():
        with servers.request() as turn:
            yield turn
            yield environment.timeout(random.expovariate(1.0))

    def producer():
        for sent_s in sent.sent_s:
            yield environment.timeout(sent_s - environment.now)
            environment.process(message())

    environment.process(producer())
    environment.run()


def with_ciw(sent: Arrivals) -> None:
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(SERVERS * RACED)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[SERVERS],
    )
    ciw.seed(0)
    ciw.Simulation(network).simulate_until_max_customers(len(sent.sent_s))


def poisson(rate: float, many: int, seed: int) -> Arrivals:
    random, now_s, sent_s = Random(seed + 1000), 0.0, []
    for _ in range(many):
        now_s += random.expovariate(rate)
        sent_s.append(now_s)
    # The same number of messages in the time that it takes on average.
    scale = many / rate / now_s
    return Arrivals([time_s * scale for time_s in sent_s])


def erlang_c_wait_s(servers: int, load: float) -> float:
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked)) / (servers - load)


if __name__ == "__main__":
    main()
