"""Service times: how durations depend on the number of messages, and how much they vary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import TYPE_CHECKING

from watchme_analysis.queues.pipeline_anomalies import messages_a_run

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.queues.pipeline import Pipeline

# From so many messages a run on, in some interval, batches are more than one message now and then.
BATCHED = 1.2
# From so many intervals on, whose runs are that unlike in messages, the two times are told apart.
LEAST, SPREAD = 10, 0.3
# Intervals farther off than so many times the median are none of the usual ones.
FAR_OFF = 5.0
# So much of a run at least is left to its messages.
LEFT = 0.1
# An interval whose durations differ by less from the usual ones is a usual one.
UNUSUAL = 1.5
# An interval's maximum tells of the variation from so many runs on, and so many intervals must agree.
_FOR_MAXIMUM, _INTERVALS = 4, 2


@dataclass(frozen=True)
class RunTime:
    """A run of n messages takes ``fixed_s`` and n times ``each_s``; ``is_told`` where both were measured."""

    fixed_s: float = 0.0
    each_s: float = 0.0
    is_told: bool = False

    def of_message(self, run_s: float, messages: float) -> float:
        """Return how long each message took of a run of that length."""
        return max(run_s - min(self.fixed_s, (1 - LEFT) * run_s), 0.0) / max(messages, 1.0)


def run_time(pipeline: Pipeline) -> RunTime | None:
    """Return how long runs take by their messages; None where they take one each, or nothing tells.

    Fitted by least squares to the mean run time of each interval without a failure, each run counting alike.
    Where runs are too alike to tell, all of their time is taken to be that of their messages.
    """
    import numpy as np

    frame = pipeline.frame
    if (pipeline.settings.batch_size or 1) == 1 or "received" not in pipeline.asked:
        return None
    each = messages_a_run(pipeline)
    ran = frame["duration_avg_s"].notna() & (frame["invocations"] > 0) & frame["received"].notna()
    if not ran.any() or float(each[ran].max()) < BATCHED:
        return None
    calm = ran & (frame["failed"].fillna(0.0) == 0)
    chosen = calm if calm.sum() >= LEAST else ran
    n, run_s = each[chosen].to_numpy(), frame.loc[chosen, "duration_avg_s"].to_numpy()
    weights = frame.loc[chosen, "invocations"].to_numpy()
    share = float(np.average(run_s, weights=weights) / np.average(n, weights=weights))
    near = np.ones(len(n), dtype=bool)
    fixed, slope = 0.0, share
    for _ in range(3):
        if near.sum() < LEAST or np.sqrt(np.cov(n[near], aweights=weights[near])) < SPREAD:
            return RunTime(0.0, share)
        slope, fixed = np.polyfit(n[near], run_s[near], 1, w=np.sqrt(weights[near]))
        off = np.abs(run_s - fixed - slope * n) * np.sqrt(weights)
        near = off <= FAR_OFF * max(float(np.median(off)), 1e-9)
    if slope <= 0.0:
        return RunTime(0.0, share)
    # Runs without a time of their own, up to what chance makes of it.
    return RunTime(float(fixed), float(slope), True) if fixed > 0.0 else RunTime(0.0, share, True)


def in_messages(pipeline: Pipeline, spent: RunTime) -> pd.DataFrame:
    """Return a pipeline's metrics with the durations of its messages in place of those of its runs."""
    each, frame = messages_a_run(pipeline), pipeline.frame
    fixed = ((1 - LEFT) * frame["duration_avg_s"]).clip(upper=spent.fixed_s)
    return frame.assign(
        duration_avg_s=(frame["duration_avg_s"] - fixed) / each,
        duration_max_s=(frame["duration_max_s"] - fixed) / each,
        invocations=frame["invocations"] * each,
    )


def usual(frame: pd.DataFrame, batched: bool = False) -> tuple[float, float]:
    """Return mean and variation of the durations of intervals without a failed run.

    The maximum of runs of several messages tells more of how many they were than of how they vary.
    """
    measured = frame[frame["duration_avg_s"].notna()]
    calm = measured[measured["failed"].fillna(0) == 0]
    chosen = calm if len(calm) else measured
    usual_s = max(float(chosen["duration_avg_s"].median()), 0.001)
    spread = None if batched else _within(chosen)
    return usual_s, _between(chosen, usual_s) if spread is None else spread


def _within(frame: pd.DataFrame) -> float | None:
    """Return the variation within intervals, by how far their maximum lies above their mean; None if unknown.

    The highest of n lognormal times lies about z standard deviations above their median, z being that of the
    highest of n normal ones (Blom). This tells what runs differ by, without what intervals differ by.
    """
    many = frame[(frame["invocations"] >= _FOR_MAXIMUM) & frame["duration_max_s"].notna()]
    sigmas = []
    for row in many.itertuples():
        above = math.log(max(row.duration_max_s / row.duration_avg_s, 1.0))
        z = NormalDist().inv_cdf((row.invocations - 0.375) / (row.invocations + 0.25))
        # log(max) = log(mean) - sigma^2 / 2 + z sigma
        sigmas.append(z - math.sqrt(max(z * z - 2 * above, 0.0)))
    return math.sqrt(math.expm1(median(sigmas) ** 2)) if len(sigmas) >= _INTERVALS else None


def _between(frame: pd.DataFrame, usual_s: float) -> float:
    """Return the variation by what the means of intervals differ."""
    # Averages of n runs vary by a factor of the square root of n less than the runs.
    off = (frame["duration_avg_s"] / usual_s - 1) * frame["invocations"].fillna(1).clip(lower=1) ** 0.5
    near = off[off.abs() < UNUSUAL]
    return min(float((near**2).mean() ** 0.5) if len(near) else 0.3, 2.0)
