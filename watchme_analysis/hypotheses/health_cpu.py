"""Checks of the CPU: full, shared with neighbours to the last, held at a ceiling, or idle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchme_analysis.hypotheses.health_facts import share
from watchme_analysis.hypotheses.health_seen import Seen

if TYPE_CHECKING:
    import pandas as pd

SATURATION = "app_saturation"
# A core is full when sampling leaves no more than this.
FULL_PCT = 88.0
IDLE_PCT = 35.0


def cpu(
    mine: pd.DataFrame,
    others: pd.DataFrame,
    before: pd.DataFrame,
    samples: Callable[..., str],
    cores: float | None = None,
) -> list[Seen]:
    """Judge the CPU of the affected process.

    Parameters
    ----------
    mine
        Metrics of the affected process in the incident, a column each, times as index.
    others
        ``cpu_pct`` of the other processes measured, a column each, over the same time.
    before
        Metrics of the affected process before the incident.
    samples
        Gives the query for the samples of a metric.
    cores
        How many cores the container may use, None where that is unknown.
    """
    if "cpu_pct" not in mine or mine["cpu_pct"].notna().sum() < 3:
        return []
    used = mine["cpu_pct"].dropna()
    usual = before["cpu_pct"].dropna() if "cpu_pct" in before else used.iloc[:0]
    calm = float(usual.median()) if len(usual) else 0.0
    middle, rows = float(used.median()), len(used)
    # One loop can't use more than a core, however many the container has.
    limit = FULL_PCT * min(cores or 1.0, 1.0)
    granted = f" of the {cores:g} cores granted" if cores and cores < 1 else ""
    full = int((used >= limit).sum())
    risen = middle >= 25 and middle >= 1.7 * calm + 5
    together = middle + float(others.median().sum()) if len(others) else middle
    flat = float(used.quantile(0.1)) >= 0.75 * middle
    if full >= 0.5 * rows and calm < limit:
        words = (
            f"CPU of the process{granted} was full in {share(full, rows)} samples (median {middle:.0f} %, "
            f"before {calm:.0f} %)"
        )
        strength = 1.0
    elif risen and together >= FULL_PCT:
        words = (
            f"the processes measured used {together:.0f} % CPU together, this one {middle:.0f} % "
            f"(before {calm:.0f} %)"
        )
        strength = 1.0
    elif risen and flat and middle < FULL_PCT:
        words = f"CPU of the process stood level at {middle:.0f} % (before {calm:.0f} %), as at a ceiling"
        strength = 0.6
    elif risen:
        words = f"CPU of the process rose to {middle:.0f} % (before {calm:.0f} %)"
        strength = 0.4
    else:
        return _idle(used, calm, samples("cpu_pct"))
    seen = [
        Seen(
            "cpu_full",
            f"{words[0].upper()}{words[1:]}.",
            "host_metrics",
            rows,
            samples("cpu_pct"),
            middle,
            "pct",
            strength,
            {SATURATION: words},
        )
    ]
    if "threads" in mine and "threads" in before and len(before):
        grown = float(mine["threads"].median() - before["threads"].max())
        if grown >= 3:
            text = f"{grown:.0f} more threads than before shared that CPU."
            rows, sql = int(mine["threads"].notna().sum()), samples("threads")
            seen.append(Seen("cpu_threads", text, "host_metrics", rows, sql, grown, "threads"))
    return seen


def _idle(used: pd.Series, calm: float, sql: str) -> list[Seen]:
    most = float(used.quantile(0.9))
    if most >= max(IDLE_PCT, 1.5 * calm):
        return []
    text = (
        f"CPU of the process stayed low (median {used.median():.0f} %, nine tenths of samples under "
        f"{most:.0f} %)."
    )
    return [Seen("cpu_idle", text, "host_metrics", len(used), sql, float(used.median()), "pct")]
