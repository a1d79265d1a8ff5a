"""Measure how many messages a second one process simulates, and how near to Erlang's C formula it comes.

    .venv/bin/python benchmarks/simulation_speed.py [--messages N] [--rounds N]

A Poisson stream meets a limit of four at once and exponential service times. Speed is told by processor time,
which a busy machine stretches less, beside the clock; the waits are those of all rounds together.
"""

from __future__ import annotations

import argparse
import statistics
import time
from random import Random

from watchme_analysis.analysis.simulation import simulate
from watchme_analysis.analysis.simulation_scenarios import estimate
from watchme_analysis.analysis.simulation_settings import (
    ApiSettings,
    Arrivals,
    PollerSettings,
    QueueSettings,
    Settings,
)

FOREVER_S = 1e12
SERVERS = 4
UTILISATIONS = (0.5, 0.7, 0.8, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    settings = Settings(
        queue=QueueSettings(FOREVER_S, FOREVER_S, None),
        poller=PollerSettings(start_batches=SERVERS, max_concurrency=SERVERS),
        api=ApiSettings(1.0, 1.0, slots=None, check_interval_s=FOREVER_S),
        function_timeout_s=FOREVER_S,
        horizon_s=FOREVER_S,
    )
    print("utilisation  messages/s (processor)  messages/s (clock)  mean wait / Erlang C")
    for utilisation in UTILISATIONS:
        processor, clock, waits = [], [], []
        for seed in range(options.rounds):
            messages = poisson(SERVERS * utilisation, options.messages, seed)
            started_s, worked_s = time.perf_counter(), time.process_time()
            outcome = simulate(settings, messages, seed)
            processor.append(options.messages / (time.process_time() - worked_s))
            clock.append(options.messages / (time.perf_counter() - started_s))
            waits.append(outcome.mean_wait_s / erlang_c_wait_s(SERVERS, SERVERS * utilisation))
        wait = estimate(waits)
        half = "" if wait.half_width is None else f" ± {wait.half_width:.4f}"
        print(
            f"{utilisation:11.2f}  {statistics.median(processor):22,.0f}"
            f"  {statistics.median(clock):18,.0f}  {wait.mean:.4f}{half}"
        )


def poisson(rate: float, many: int, seed: int) -> Arrivals:
    random, now_s, sent_s = Random(seed + 1000), 0.0, []
    for _ in range(many):
        now_s += random.expovariate(rate)
        sent_s.append(now_s)
    return Arrivals(sent_s)


def erlang_c_wait_s(servers: int, load: float) -> float:
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked)) / (servers - load)


if __name__ == "__main__":
    main()
