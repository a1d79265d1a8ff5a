"""Queues whose functions call APIs on one host, fitted together: they share its processors.

A function posts to its API, is answered at once, and the API works on. While the host keeps up, answers are
quick; once unfinished work piles up they take longer and longer, until callers give up and come again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.simulation.durations import in_messages, run_time
from watchme_analysis.simulation.fit import Fit
from watchme_analysis.simulation.settings import Host

if TYPE_CHECKING:
    import pandas as pd

CORES = 2.0
# CPU in percent from which on a host has nothing left to give.
FULL_PCT = 90.0
# So many times as long as usual are runs of a function whose API a full host slows.
SLOWED = 3.0
# Calm work is added up over so long, so that what goes on after an answer is in it.
_BIN = "30min"
_URL_HOST = re.compile(r"https?://([^/:\"\s]+)")
_LEAST = 3
LATE_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class SharedFit:
    """Fits of several flows that share a host, in the order of the flows, and what was taken from the record.

    Attributes
    ----------
    fits
        One a flow.
    host
        What they share.
    note
        How it was found, in a sentence.
    """

    fits: tuple[Fit, ...]
    host: Host
    note: str


def sharing(flows: Sequence[Pipeline], tables: Tables) -> tuple[Pipeline, ...]:
    """Return the flows that a full host slows; none where CPU was not measured, or never was at its end.

    Functions that are configured to call another host than the most of them are left out.
    """
    slowed = []
    for flow in flows:
        frame = flow.frame
        ran = frame[frame["duration_avg_s"].notna()]
        full = ran["cpu_pct"] >= FULL_PCT
        calm = ran[(ran["cpu_pct"] < FULL_PCT) & (ran["errors"].fillna(0) == 0)]
        if full.sum() < _LEAST or len(calm) < _LEAST or flow.function is None:
            continue
        if ran.loc[full, "duration_avg_s"].max() >= SLOWED * calm["duration_avg_s"].median():
            slowed.append(flow)
    hosts = {flow.queue: _called(tables, flow) for flow in slowed}
    named = [host for host in hosts.values() if host]
    most = max(named, key=named.count, default=None)
    return tuple(flow for flow in slowed if hosts[flow.queue] in {None, most})


def _called(tables: Tables, flow: Pipeline) -> str | None:
    """Return the host that a function's environment names."""
    functions = tables.table("functions")
    rows = functions[functions["function"] == flow.function]["environment"].dropna()
    texts = [str(value) for text in rows for value in json.loads(text).values()]
    return next((found[1] for text in texts if (found := _URL_HOST.search(text))), None)


def shared_fit(flows: Sequence[Pipeline], fits: Sequence[Fit], cores: float = CORES) -> SharedFit | None:
    """Return fits to flows that share a host; None when the record doesn't show how its work piles up.

    Parameters
    ----------
    flows
        Of :func:`sharing`.
    fits
        Of each flow alone.
    cores
        Processors of the host. Work is counted in them, so that the outcome hardly depends on it.

    Notes
    -----
    What a run costs the host is its CPU in the half hours in which it had time left, over the runs. From that
    follows how much work was unfinished in each interval until runs began to fail, and how much longer
    answers took by it.
    """
    seconds = float(flows[0].period_s)
    cpu = flows[0].frame["cpu_pct"]
    runs = _summed(flows, "invocations")
    cost_s = _cost_s(cpu, runs, cores, seconds)
    if cost_s is None:
        return None
    slowdown = _slowdown(flows, fits)
    failing = _summed(flows, "errors") > runs / 2
    end = failing.idxmax() if failing.any() else cpu.index[-1]
    left_s, most, work_s = 0.0, cores * seconds * float(cpu.max()) / 100.0, []
    for time, many in runs.loc[:end].items():
        work_s.append(left_s)
        left_s = max(left_s + many * cost_s - most, 0.0)
        if time == end:
            break
    curve = _curve(work_s, list(slowdown.loc[:end]))
    if curve is None:
        return None
    found = []
    for fitted in fits:
        usual_s = fitted.settings.api.mean_s
        api = replace(
            fitted.settings.api,
            spells=(),
            slots=None,
            background_s=cost_s,
            answers=tuple((work, times * usual_s) for work, times in curve),
            late_share=0.5,
        )
        found.append(replace(fitted, settings=replace(fitted.settings, api=api)))
    names = ", ".join(flow.queue for flow in flows)
    begins_s = max(work for work, times in curve if times == 1.0)
    note = (
        f"{names} are simulated together: their APIs share one host of {cores:g} processors (--cores). A run "
        f"costs it {cost_s:.1f} s of one processor, by its CPU in calm half hours. With {begins_s:.0f} s of "
        f"work unfinished answers begin to take longer, with {curve[-1][0]:.0f} s they take "
        f"{curve[-1][1]:.0f} times as long: read off the minutes before most runs failed, and taken to go on "
        "alike beyond."
    )
    return SharedFit(tuple(found), Host(cores), note)


def _summed(flows: Sequence[Pipeline], column: str) -> pd.Series:
    import pandas as pd

    return pd.concat([flow.frame[column].fillna(0.0) for flow in flows], axis=1).sum(axis=1)


def _cost_s(cpu: pd.Series, runs: pd.Series, cores: float, seconds: float) -> float | None:
    """Return what a run costs, in seconds of one processor."""
    idle = float(cpu[runs == 0].median()) if (runs == 0).any() else 0.0
    used_s = (cpu - idle) / 100.0 * cores * seconds
    sums = used_s.resample(_BIN).sum(min_count=1)
    counts, highest = runs.resample(_BIN).sum(), cpu.resample(_BIN).mean()
    calm = (counts > 0) & (highest < FULL_PCT / 2) & sums.notna()
    if calm.sum() < _LEAST:
        return None
    cost_s = float((sums[calm] / counts[calm]).median())
    return cost_s if cost_s > 0 else None


def _slowdown(flows: Sequence[Pipeline], fits: Sequence[Fit]) -> pd.Series:
    """Return how many times as long as usual runs took, on average over the flows."""
    import pandas as pd

    return pd.concat(
        [_of_messages(flow) / fitted.settings.api.mean_s for flow, fitted in zip(flows, fits, strict=True)],
        axis=1,
    ).mean(axis=1)


def _of_messages(flow: Pipeline) -> pd.Series:
    """Return how long messages took, which is what runs took where they have one each."""
    spent = run_time(flow)
    frame = flow.frame if spent is None else in_messages(flow, spent)
    return frame["duration_avg_s"]


def _curve(work_s: Sequence[float], slowdown: Sequence[float]) -> tuple[tuple[float, float], ...] | None:
    """Return pairs of unfinished work and slowdown, both ascending, from the first that is slowed on."""
    pairs = sorted(
        (work, times) for work, times in zip(work_s, slowdown, strict=True) if not math.isnan(times)
    )
    slowed = [pair for pair in pairs if pair[1] >= SLOWED / 2]
    if not slowed:
        return None
    before = [work for work, times in pairs if times < SLOWED / 2 and work < slowed[-1][0]]
    found = [(0.0, 1.0)]
    if before:
        found.append((max(before), 1.0))
    for work, times in slowed:
        if work > found[-1][0] and times > found[-1][1]:
            found.append((work, times))
    return tuple(found) if len(found) > 1 and found[-1][1] >= SLOWED else None


def late_shares(shared: SharedFit) -> Iterator[SharedFit]:
    """Return the fit with each share of the calls that are worked on after their callers gave up."""
    for share in LATE_SHARES:
        changed = [
            replace(
                fitted,
                settings=replace(fitted.settings, api=replace(fitted.settings.api, late_share=share)),
            )
            for fitted in shared.fits
        ]
        note = (
            f"{shared.note} {share:.0%} of the calls whose callers have given up are worked on all the same. "
            "Both come nearest to the record; neither is published or measured."
        )
        yield replace(shared, fits=tuple(changed), note=note)
