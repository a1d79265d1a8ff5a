"""Measure the back-test of 20 alarms over 14 days of minutes, against counting breaching points alone.

    .venv/bin/python benchmarks/alarm_speed.py [--rounds N]

Half of the points are missing, so that the rules for missing points are at work; the peer is what can't be
done without: a rolling count of breaching points in pandas, which knows nothing of those rules. They take
turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import numpy as np
import pandas as pd

from watchme_analysis.alarms.backtest import History, Rule, backtest
from watchme_analysis.alarms.evaluation import TREATMENTS

DAYS = 14
ALARMS = 20
GOAL_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    random = np.random.default_rng(0)
    index = pd.date_range("2025-12-01", periods=DAYS * 1440, freq="60s", tz="UTC")
    alarms = []
    for number in range(ALARMS):
        there = random.random(len(index)) < 0.5
        series = pd.Series(random.exponential(5.0, len(index)), index=index)[there]
        periods = (1, 3, 12)[number % 3]
        rule = Rule(
            (60, 300)[number % 2],
            10.0,
            periods,
            max(1, periods // 4),
            treat_missing_data=TREATMENTS[number % 4],
        )
        alarms.append((History(series, ("Maximum", "Average")[number % 2], 60), rule))
    print(f"load before: {os.getloadavg()[0]:.1f}")
    ours, least = [], []
    for _ in range(rounds):
        started_s = time.perf_counter()
        for history, rule in alarms:
            backtest(history, rule)
        ours.append(time.perf_counter() - started_s)
        started_s = time.perf_counter()
        for history, rule in alarms:
            points = history.series.reindex(index).rolling(rule.period_s // 60, min_periods=1).max()
            (points > rule.threshold).rolling(rule.evaluation_periods).sum()
        least.append(time.perf_counter() - started_s)
    told = statistics.median(ours)
    print(f"{ALARMS} alarms, {DAYS} days of minutes: {told:.2f} s (goal {GOAL_S:.0f} s)")
    print(
        f"counting breaching points alone: {statistics.median(least):.2f} s; "
        f"ours over it: {told / statistics.median(least):.0f}"
    )
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
