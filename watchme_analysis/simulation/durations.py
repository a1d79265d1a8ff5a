"""Service times: the dependence of durations on the number of messages, and their variation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import TYPE_CHECKING

from watchme_analysis.queues.pipeline_anomalies import messages_a_run

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.queues.pipeline import Pipeline

# Messages per invocation from which, in some interval, batches are more than an occasional message.
BATCHED = 1.2
# Fewest intervals for a fit of the fixed duration.
MIN_FIT_INTERVALS = 10
# Smallest standard deviation of messages per invocation for that fit.
MIN_BATCH_SPREAD = 0.3
# Intervals with a residual of more than this many medians are outliers.
OUTLIER_MEDIANS = 5.0
# Smallest share of a duration that belongs to the messages.
MIN_MESSAGE_SHARE = 0.1
# Deviation from the usual duration, as a share of it, below which an interval counts as usual.
MAX_DEVIATION = 1.5
# Fewest invocations of an interval whose maximum shows the variation, and fewest such intervals.
_MIN_INVOCATIONS = 4
_MIN_MAXIMUM_INTERVALS = 2


@dataclass(frozen=True)
class RunTime:
    """Durations: a batch takes ``fixed_s`` and then a time for each message; measured if ``is_measured``."""

    fixed_s: float = 0.0
    is_measured: bool = False

    def of_message(self, run_s: float, messages: float) -> float:
        """Return the time in seconds per message of an invocation with that duration."""
        return max(run_s - min(self.fixed_s, (1 - MIN_MESSAGE_SHARE) * run_s), 0.0) / max(messages, 1.0)


def run_time(pipeline: Pipeline) -> RunTime | None:
    """Return the duration by number of messages; None with single messages or without data.

    It is fitted by least squares to the mean duration of each interval without a failure, weighted by
    invocations. If the batch sizes vary too little, the whole duration is attributed to the messages.
    """
    import numpy as np

    frame = pipeline.frame
    if (pipeline.settings.batch_size or 1) == 1 or "received" not in pipeline.queried:
        return None
    each = messages_a_run(pipeline)
    ran = frame["duration_avg_s"].notna() & (frame["invocations"] > 0) & frame["received"].notna()
    if not ran.any() or float(each[ran].max()) < BATCHED:
        return None
    without_failures = ran & (frame["failed"].fillna(0.0) == 0)
    chosen = without_failures if without_failures.sum() >= MIN_FIT_INTERVALS else ran
    n, run_s = each[chosen].to_numpy(), frame.loc[chosen, "duration_avg_s"].to_numpy()
    weights = frame.loc[chosen, "invocations"].to_numpy()
    near = np.ones(len(n), dtype=bool)
    fixed, slope = 0.0, 0.0
    for _ in range(3):
        if (
            near.sum() < MIN_FIT_INTERVALS
            or np.sqrt(np.cov(n[near], aweights=weights[near])) < MIN_BATCH_SPREAD
        ):
            return RunTime()
        slope, fixed = np.polyfit(n[near], run_s[near], 1, w=np.sqrt(weights[near]))
        off = np.abs(run_s - fixed - slope * n) * np.sqrt(weights)
        near = off <= OUTLIER_MEDIANS * max(float(np.median(off)), 1e-9)
    if slope <= 0.0:
        return RunTime()
    # A fixed part below zero is noise, so the whole duration is attributed to the messages.
    return RunTime(float(fixed), True) if fixed > 0.0 else RunTime(0.0, True)


def in_messages(pipeline: Pipeline, spent: RunTime) -> pd.DataFrame:
    """Return a pipeline's metrics with durations per message in place of durations per invocation."""
    each, frame = messages_a_run(pipeline), pipeline.frame
    fixed = ((1 - MIN_MESSAGE_SHARE) * frame["duration_avg_s"]).clip(upper=spent.fixed_s)
    return frame.assign(
        duration_avg_s=(frame["duration_avg_s"] - fixed) / each,
        duration_max_s=(frame["duration_max_s"] - fixed) / each,
        invocations=frame["invocations"] * each,
    )


def usual_duration(frame: pd.DataFrame, batched: bool = False) -> tuple[float, float]:
    """Return mean in seconds and variation of the durations of intervals without a failed invocation.

    With batches, the maximum reflects the batch sizes more than the variation, so it is not used.
    """
    measured = frame[frame["duration_avg_s"].notna()]
    without_failures = measured[measured["failed"].fillna(0) == 0]
    chosen = without_failures if len(without_failures) else measured
    usual_s = max(float(chosen["duration_avg_s"].median()), 0.001)
    spread = None if batched else _within(chosen)
    return usual_s, _between(chosen, usual_s) if spread is None else spread


def _within(frame: pd.DataFrame) -> float | None:
    """Return the variation within intervals, from the distance of maximum and mean; None if unknown.

    The maximum of n lognormal times lies about z standard deviations above their median, where z is the
    expected maximum of n normal variables (Blom). This excludes the variation between intervals.
    """
    many = frame[(frame["invocations"] >= _MIN_INVOCATIONS) & frame["duration_max_s"].notna()]
    sigmas = []
    for row in many.itertuples():
        above = math.log(max(row.duration_max_s / row.duration_avg_s, 1.0))
        z = NormalDist().inv_cdf((row.invocations - 0.375) / (row.invocations + 0.25))
        # log(max) = log(mean) - sigma^2 / 2 + z sigma
        sigmas.append(z - math.sqrt(max(z * z - 2 * above, 0.0)))
    return math.sqrt(math.expm1(median(sigmas) ** 2)) if len(sigmas) >= _MIN_MAXIMUM_INTERVALS else None


def _between(frame: pd.DataFrame, usual_s: float) -> float:
    """Return the variation estimated from the means of intervals."""
    # The standard error of a mean of n durations is smaller by the square root of n.
    off = (frame["duration_avg_s"] / usual_s - 1) * frame["invocations"].fillna(1).clip(lower=1) ** 0.5
    near = off[off.abs() < MAX_DEVIATION]
    return min(float((near**2).mean() ** 0.5) if len(near) else 0.3, 2.0)
