"""Checks of the application's source: what it does on the event loop and on threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.container import container_of
from watchme_analysis.health.hypotheses.cpu import granted_part, is_idle
from watchme_analysis.health.hypotheses.facts import Facts, listed
from watchme_analysis.health.hypotheses.handlers import handlers_by_family
from watchme_analysis.health.hypotheses.process import gauges, own_source
from watchme_analysis.health.hypotheses.sql import quoted, select
from watchme_analysis.inference.signals import Observation, detects

if TYPE_CHECKING:
    import pandas as pd

BLOCKING = ("blocking_io", "blocking_sleep", "blocking_file", "cpu", "lock")

LOOPS, POOLS = ("event_loop", "background_event_loop"), ("thread_pool", "background_thread_pool")
# A pool has its size; threads that are started one by one have no bound.
OWN_THREADS = ("thread_pool", "unbounded_task")


@detects(
    "blocking_in_loop",
    "no_blocking_in_loop",
    "pool_work",
    "threads_of_its_own",
    group="source",
    needs=("app_calls",),
)
def source(found: Facts) -> list[Observation]:
    """Read from the source what runs on the event loop, on the thread pool and on threads of its own."""
    handlers, calls = own_source(found, "app_handlers"), own_source(found, "app_calls")
    if handlers.empty:
        return []
    seen = []

    def in_context(contexts: Sequence[str], kinds: Sequence[str] = BLOCKING) -> str:
        names = [
            f"{name} in ({', '.join(map(quoted, words))})"
            for name, words in (("kind", kinds), ("context", contexts))
        ]
        started = f"(context = '{LOOPS[0]}' and coalesce(starts_with(reached_from, 'startup '), false))"
        return select("app_calls", *names, f"not {started}", in_files(found, "app_calls", calls))

    blocking = calls[calls["kind"].isin(BLOCKING)]
    # What a start waits for holds the loop before anybody is served; tasks that it leaves behind run on.
    at_start = blocking["reached_from"].fillna("").str.startswith("startup ")
    blocking = blocking[~(at_start & blocking["context"].eq(LOOPS[0]))]
    on_loop = blocking[blocking["context"].isin(LOOPS)]
    # What computes holds the loop for as long as it uses CPU.
    unused = on_loop["kind"].eq("cpu") & _had_cpu_to_spare(found)
    on_loop = on_loop[~unused]
    if len(on_loop):
        words = _calls_in_words(on_loop)
        text = f"The source blocks the event loop: {words}."
        sql = in_context(LOOPS, [kind for kind in BLOCKING if kind != "cpu" or not unused.any()])
        seen.append(Observation("blocking_in_loop", text, "app_calls", len(on_loop), sql, detail=words))
    else:
        text = f"The source has {len(handlers)} handlers and no blocking call on the event loop"
        text += ", but for work that would take CPU, which the process had to spare." if unused.any() else "."
        sql = select("app_handlers", in_files(found, "app_handlers", handlers))
        seen.append(Observation("no_blocking_in_loop", text, "app_handlers", len(handlers), sql))
    known = handlers_by_family(handlers, calls, list(found.families))
    mine = [family for family in found.families if family in known and known[family].uses_threads]
    on_pool = blocking[blocking["context"].isin(POOLS)]
    if mine and len(on_pool):
        words = f"{listed(mine)} needs a thread of the pool that is shared with {_calls_in_words(on_pool)}"
        sql = in_context(POOLS)
        seen.append(
            Observation("pool_work", f"In the source {words}.", "app_calls", len(on_pool), sql, detail=words)
        )
    elsewhere = calls[
        calls["kind"].isin(OWN_THREADS)
        & calls["call"].fillna("").str.contains("submit|Executor|Thread", regex=True)
    ]
    if len(elsewhere):
        words = f"threads or executors of its own ({listed(sorted(set(elsewhere['call'])))})"
        seen.append(
            Observation(
                "threads_of_its_own",
                f"Next to the loop the source starts {words}.",
                "app_calls",
                len(elsewhere),
                select(
                    "app_calls",
                    f"kind in ({', '.join(map(quoted, OWN_THREADS))})",
                    "regexp_matches(call, 'submit|Executor|Thread')",
                    in_files(found, "app_calls", calls),
                ),
                detail=words,
            )
        )
    return seen


def in_files(found: Facts, table: str, own: pd.DataFrame) -> str:
    """Return the condition that a row of a table is of the service's own source; empty where all are."""
    files = sorted(own["file"].dropna().unique())
    return "" if len(own) == len(found.table(table)) else f"file in ({', '.join(map(quoted, files))})"


def _had_cpu_to_spare(found: Facts) -> bool:
    """Tell whether the CPU of the affected process was sampled in the incident, and low."""
    if not found.has("host_metrics"):
        return False
    wide = gauges(found)
    if "cpu_pct" not in wide:
        return False
    used = wide["cpu_pct"].dropna()
    before = used[used.index < found.start]
    mine = container_of(found)
    part = granted_part(mine.cpus if mine else None)
    return is_idle(used.loc[found.start : found.end], float(before.median()) if len(before) else 0.0, part)


def _calls_in_words(calls: pd.DataFrame) -> str:
    """Return the calls that matter, once each: ``urllib.request.urlopen in fetch (app.py:74)``."""
    words = []
    for call, function, file, line in zip(
        calls["call"], calls["function"], calls["file"], calls["line"], strict=True
    ):
        words.append(f"`{call}` in `{function}` ({file}:{line})")
    return listed(list(dict.fromkeys(words)), 3)
