"""A process that is not given the CPU: nothing in its source holds the loop, and yet it stands still.

Metrics of the machine or the control group show that best. Where there are none, three things together do:
the process stands still on every path, no call in its source can hold its loop, and it uses a little CPU all
the time, or threads next to the loop use much. A loop that waits uses none meanwhile, one that computes much.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchme_analysis.health.hypotheses.cpu import HELD_SAMPLES
from watchme_analysis.health.hypotheses.explains import EXPLAINS
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.process import gauges, own_source, waiting
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import message

STANDS_STILL = ("stop_and_go", "held_waits", "bunched", "bursts")
# All paths, and the loop's own among them: a full pool of threads is none of these.
ON_THE_LOOP = ("handler_off_pool", "loop_paths_too")
# Who is given a little CPU uses some in nearly every sample while so many requests wait; sampling rounds the
# least to nothing.
NOTHING_PCT, NOTHING_SHARE, WAITING = 0.5, 0.15, 2
# Threads that compute while the loop waits for them are what a source may show wrongly to be none.
THREADS_TELL = 0.6


@detects("starved", group="cpu", needs=("host_metrics",))
def starved(found: Facts, seen: Sequence[Observation]) -> list[Observation]:
    """Find a process that stands still though its source holds nothing that could hold its loop.

    Parameters
    ----------
    found
        The facts.
    seen
        What all checks saw. What explains the standstill already leaves nothing to find.
    """
    by = {one.signal: one for one in seen}
    explained = {name for one in seen for name in EXPLAINS.get(one.signal, ())}
    still = [by[name] for name in STANDS_STILL if name in by and name not in explained]
    on_loop = "all_paths" in by and any(name in by for name in ON_THE_LOOP)
    # A source without a single call that matters may be one of which little was read.
    is_read = "no_blocking_in_loop" in by and len(own_source(found, "app_calls")) > 0
    if not still or not on_loop or not is_read:
        return []
    if "cpu_idle" in by and _always_runs(found):
        cpu, text, strength = by["cpu_idle"], message("health-starved"), 1.0
    elif {"cpu_full", "threads_of_its_own"} <= set(by):
        cpu, text, strength = by["cpu_full"], message("health-starved-by-threads"), THREADS_TELL
    else:
        return []
    return [
        Observation(
            "starved", text, cpu.table, cpu.rows, cpu.sql, cpu.effect, cpu.effect_unit, strength, text
        )
    ]


def _always_runs(found: Facts) -> bool:
    """Tell whether the process used some CPU in nearly every sample while requests waited for it."""
    wide = gauges(found)
    used = wide.loc[found.start : found.end, "cpu_pct"].dropna()
    open_now = waiting(found, used.index)
    if open_now is not None:
        used = used[open_now >= WAITING]
    return len(used) >= HELD_SAMPLES and float((used <= NOTHING_PCT).mean()) <= NOTHING_SHARE
