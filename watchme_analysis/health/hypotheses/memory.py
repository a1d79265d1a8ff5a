"""Checks of the memory of the affected process: at its limit, grown, or lost again and again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.inference.signals import Observation
from watchme_analysis.text.message import Number, Text, Value, message

if TYPE_CHECKING:
    import pandas as pd

# Memory this near its limit is at it: the kernel kills before the last sample.
NEAR_LIMIT = 0.85
# Memory that grew to so many times the usual, and by so much.
GROWN_RATIO, GROWN_MB = 3.0, 300.0
# A process that is ended for its memory loses half of it at once, having grown to so many times the usual
# and by so much; a deploy does that once.
LOST_SHARE, RISEN_RATIO, RISEN_MB, OFTEN = 0.5, 1.5, 50.0, 2


def memory(
    gauges: pd.DataFrame,
    start: datetime,
    end: datetime,
    samples: Callable[..., str],
    log: pd.DataFrame,
    granted_bytes: float | None = None,
) -> list[Observation]:
    """Judge the memory of the affected process.

    Parameters
    ----------
    gauges
        Metrics of the affected process, a column each, times as index.
    start, end
        Bounds of the incident.
    samples
        Gives the query for the samples of a metric.
    log
        What the process and those before and after it logged, as in ``app_log``; may be empty.
    granted_bytes
        How much memory the container may use, None where that is unknown.
    """
    if "rss_mb" not in gauges:
        return []
    sampled = gauges["rss_mb"].dropna()
    before, used = sampled[sampled.index < start], sampled.loc[start:end]
    if len(before) < 3 or used.empty:
        return []
    usual = float(before.median())
    most, granted = float(used.max()), granted_bytes / 2**20 if granted_bytes else float("nan")
    at_limit = most >= NEAR_LIMIT * granted and usual < NEAR_LIMIT * granted
    seen = []
    levels: dict[str, Value] = {"before": Number(round(usual)), "most": Number(round(most))}
    falls = _falls(sampled, usual).loc[start:end]
    is_given_back = len(falls) > 0 and _lived_through(start, falls.index[-1], log)
    if len(falls) >= OFTEN and not is_given_back:
        text = message(
            "health-memory-lost", **levels | {"most": Number(round(falls.max()))}, times=len(falls)
        )
        seen.append(_seen("memory_lost", text, used, samples))
    if at_limit:
        text = message("health-memory-at-limit", **levels, granted=Number(round(granted)))
        seen.append(_seen("memory_at_limit", text, used, samples))
    elif most >= GROWN_RATIO * usual and most - usual >= GROWN_MB and not seen and not is_given_back:
        text = message("health-memory-grown", **levels)
        seen.append(_seen("memory_full", text, used, samples, 0.5))
    return seen


def _falls(sampled: pd.Series, usual: float) -> pd.Series:
    """Return what was used before it was half or all gone at the next sample, by the time of that one."""
    grown = sampled.shift(1)
    high = (grown >= RISEN_RATIO * usual) & (grown - usual >= RISEN_MB)
    return grown[high & (sampled <= LOST_SHARE * grown)]


def _lived_through(start: datetime, last: datetime, log: pd.DataFrame) -> bool:
    """Tell whether who answers after memory was lost for the last time did so before it all, started once.

    Then work gave back what it had used. That a number of a process comes again is not enough: the first
    process of a container is always number 1.
    """
    answers = log[log["kind"].eq("access") & log["pid"].notna()]
    before, after = (
        set(answers.loc[part, "pid"]) for part in (answers["time"] < start, answers["time"] > last)
    )
    is_restarted = (log["kind"].eq("lifecycle") & (log["time"] >= start)).any()
    return bool(after) and after <= before and not is_restarted


def _seen(
    outcome: str, text: Text, used: pd.Series, samples: Callable[..., str], strength: float = 1.0
) -> Observation:
    return Observation(
        outcome,
        text,
        "host_metrics",
        len(used),
        samples("rss_mb"),
        float(used.max()),
        "MB",
        strength,
        text,
    )
