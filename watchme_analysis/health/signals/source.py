"""Signals of the source: calls on the event loop and on threads, and the handlers of bad paths."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import container_of, gauges, own_source, source_conditions
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.handlers import Handler, handlers_by_route, origins
from watchme_analysis.health.rows import quoted, select
from watchme_analysis.health.signals.cpu import granted_part, has_cpu_to_spare
from watchme_analysis.health.signals.vantages import CLEAR_SHARE
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Choice, Code, CodePlace, Phrases, message

if TYPE_CHECKING:
    import pandas as pd

BLOCKING = ("blocking_io", "blocking_sleep", "blocking_file", "cpu", "lock")
LOOPS, POOLS = ("event_loop", "background_event_loop"), ("thread_pool", "background_thread_pool")
# Calls for which a start waits hold the loop before anybody is served.
_NOT_STARTED = f"not (context = '{LOOPS[0]}' and coalesce(starts_with(reached_from, 'startup '), false))"
# A pool has its size; threads that are started one by one have no bound.
OWN_THREADS = ("thread_pool", "unbounded_task")
# A path that takes less than this share of another's time was slowed, not held.
MILD_SHARE = 0.25
# The threads that plain handlers share, and those of asyncio's own executor.
POOL, EXECUTOR = "thread_pool", "executor"
THREAD_POOLS = (POOL, EXECUTOR)


@detects(
    "blocking_in_loop",
    "no_blocking_in_loop",
    "pool_work",
    "threads_of_its_own",
    group="source",
    needs=("app_calls",),
)
def source(found: HealthContext) -> list[Observation]:
    """Read from the source what runs on the event loop, on the thread pool and on threads of its own."""
    handlers, calls = own_source(found, "app_handlers"), own_source(found, "app_calls")
    if handlers.empty:
        return []
    seen = []
    used = _used(found, handlers, calls)

    def in_context(contexts: Sequence[str], kinds: Sequence[str] = BLOCKING) -> str:
        names = [
            f"{name} in ({', '.join(map(quoted, words))})"
            for name, words in (("kind", kinds), ("context", contexts))
        ]
        return select("app_calls", *names, _NOT_STARTED, *source_conditions(found, "app_calls", calls))

    blocking = calls[calls["kind"].isin(BLOCKING)]
    # What a start waits for holds the loop before anybody is served; tasks that it leaves behind run on.
    at_start = blocking["reached_from"].fillna("").str.startswith("startup ")
    blocking = blocking[~(at_start & blocking["context"].eq(LOOPS[0]))]
    on_loop = blocking[blocking["context"].isin(LOOPS)]
    # What computes holds the loop for as long as it uses CPU.
    unused = on_loop["kind"].eq("cpu") & _had_cpu_to_spare(found)
    on_loop = on_loop[~unused]
    called = on_loop[_runs(on_loop, used)]
    if len(called):
        kinds = [kind for kind in BLOCKING if kind != "cpu" or not unused.any()]
        text, sql = message("health-blocking-in-loop", calls=calls_in_words(called)), in_context(LOOPS, kinds)
        if len(called) < len(on_loop):
            text = message("health-blocking-in-used-handlers", calls=calls_in_words(called))
            sql = _rows_of(found, "app_calls", called)
        seen.append(Observation("blocking_in_loop", text, "app_calls", len(called), sql, detail=text))
    elif (understood := _understood(handlers, used)) is not None and len(understood):
        spare = Choice("cpu-to-spare" if unused.any() else "none")
        text = message("health-no-blocking-in-loop", handlers=len(understood), except_for=spare)
        if len(understood) < len(handlers):
            text = message(
                "health-no-blocking-in-used-handlers",
                used=len(understood),
                handlers=len(handlers),
                except_for=spare,
            )
        sql = _rows_of(found, "app_handlers", understood)
        seen.append(Observation("no_blocking_in_loop", text, "app_handlers", len(understood), sql))
    known = handlers_by_route(handlers, calls, list(found.routes))
    mine = [route for route in found.routes if route in known and known[route].uses_threads]
    on_pool = blocking[blocking["context"].isin(POOLS)]
    if mine and len(on_pool):
        text = message("health-pool-work", paths=mine, calls=calls_in_words(on_pool))
        sql = in_context(POOLS)
        seen.append(Observation("pool_work", text, "app_calls", len(on_pool), sql, detail=text))
    elsewhere = calls[
        calls["kind"].isin(OWN_THREADS)
        & calls["call"].fillna("").str.contains("submit|Executor|Thread", regex=True)
    ]
    if len(elsewhere):
        text = message("health-own-threads", calls=sorted(set(elsewhere["call"])))
        seen.append(
            Observation(
                "threads_of_its_own",
                text,
                "app_calls",
                len(elsewhere),
                select(
                    "app_calls",
                    f"kind in ({', '.join(map(quoted, OWN_THREADS))})",
                    "regexp_matches(call, 'submit|Executor|Thread')",
                    *source_conditions(found, "app_calls", calls),
                ),
                detail=text,
            )
        )
    return seen


def _used(found: HealthContext, handlers: pd.DataFrame, calls: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the handlers that callers used, by application file and route; empty if that is unknown.

    Probes alone do not show what other callers use.
    """
    if not found.has("access_log") and not found.has("edge_log"):
        return set()
    routes = [str(route) for route in found.observed["route"].dropna().unique()]
    return {handler.origin for handler in handlers_by_route(handlers, calls, routes).values()}


def _runs(calls: pd.DataFrame, used: set[tuple[str, str]]) -> pd.Series:
    """Return True for calls that ran: those of used handlers, and those that no handler leads to."""
    import pandas as pd

    ran = [
        not used or origin in used or origin[1].startswith(("middleware ", "startup "))
        for origin in origins(calls)
    ]
    return pd.Series(ran, index=calls.index, dtype=bool)


def _understood(handlers: pd.DataFrame, used: set[tuple[str, str]]) -> pd.DataFrame | None:
    """Return the used handlers, or None if one of them makes a call that may block or not."""
    routes = zip(
        handlers["application_file"].fillna(""),
        handlers["method"].fillna("") + " " + handlers["path"].fillna(""),
        strict=True,
    )
    mine = handlers[[not used or route in used for route in routes]]
    return mine if mine["unknown_calls"].fillna("[]").eq("[]").all() else None


def _rows_of(found: HealthContext, table: str, rows: pd.DataFrame) -> str:
    """Return the query for rows of some handlers, or for calls of some handlers, kinds and contexts."""
    conditions = list(source_conditions(found, table, rows))
    if table == "app_calls":
        names = sorted(rows["reached_from"].dropna().unique())
        kinds, contexts = (sorted(rows[name].dropna().unique()) for name in ("kind", "context"))
        for column, values in (("reached_from", names), ("kind", kinds), ("context", contexts)):
            conditions.append(f"{column} in ({', '.join(map(quoted, values))})")
        conditions.append(_NOT_STARTED)
    elif len(rows) < len(found.table(table)):
        routes = sorted(set(rows["method"].fillna("") + " " + rows["path"].fillna("")))
        conditions.append(f"concat(method, ' ', path) in ({', '.join(map(quoted, routes))})")
    return select(table, *conditions)


def _had_cpu_to_spare(found: HealthContext) -> bool:
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
    return has_cpu_to_spare(
        used.loc[found.start : found.end], float(before.median()) if len(before) else 0.0, part
    )


def calls_in_words(calls: pd.DataFrame) -> Phrases:
    """Return the calls that matter, once each: ``urllib.request.urlopen in fetch (app.py:74)``."""
    certain = calls["is_certain"].fillna(True).astype(bool)
    columns = [calls[name] for name in ("call", "function", "file", "line")]
    named = (
        message(
            # The source leaves open which of several objects is called.
            "health-call" if is_certain else "health-possible-call",
            call=Code(str(call)),
            function=Code(str(function)),
            place=CodePlace(str(file), int(line)),
        )
        for call, function, file, line, is_certain in zip(*columns, certain, strict=True)
        if isinstance(line, Integral)
    )
    return Phrases(tuple(dict.fromkeys(named)), 3)


@detects("pool_paths", "loop_paths_too", "handler_off_pool", group="handlers", needs=("app_handlers",))
def handler_paths(found: HealthContext) -> list[Observation]:
    """Return whether the bad paths are those whose handlers need a thread of one pool."""
    table = own_source(found, "app_handlers")
    if table.empty:
        return []
    calm, sizes = found.calm_neighbours(), found.outer_during.groupby("route").size()
    known = handlers_by_route(table, own_source(found, "app_calls"), list(sizes.index))
    runs = {route: _place(handler) for route, handler in known.items()}
    bad_pool = [f for f in found.routes if runs.get(f) in THREAD_POOLS]
    # Each pool has threads of its own: a full one takes none from the other.
    used = {runs[route] for route in bad_pool} or set(THREAD_POOLS)
    bad_loop = [f for f in found.routes if runs.get(f) == "event_loop" and sizes.get(f, 0) >= 5]
    mild = _far_quicker(found, bad_loop, bad_pool)
    bad_loop = [route for route in bad_loop if route not in mild]
    calm_pool = [f for f in calm if runs.get(f) in used]
    calm_loop = [f for f in (*calm, *mild) if f in runs and f not in calm_pool]
    sql = select("app_handlers", *source_conditions(found, "app_handlers", table))
    if bad_pool and not bad_loop and calm_loop and not calm_pool:
        others = {runs[route] for route in calm_loop} - {"event_loop"}
        text = message(
            "health-pool-paths",
            bad=bad_pool,
            good=calm_loop,
            elsewhere=Choice("other-threads" if others else "loop"),
        )
        return [Observation("pool_paths", text, "app_handlers", len(table), sql)]
    if bad_loop and calm_pool:
        text = message("health-loop-paths-pool-well", bad=bad_loop, good=calm_pool)
        return [Observation("loop_paths_too", text, "app_handlers", len(table), sql)]
    if bad_loop and not bad_pool:
        text = message("health-handler-off-pool", bad=bad_loop)
        return [Observation("handler_off_pool", text, "app_handlers", len(table), sql)]
    if bad_loop:
        text = message("health-loop-paths-too", bad=bad_loop)
        return [Observation("loop_paths_too", text, "app_handlers", len(table), sql)]
    return []


def _place(handler: Handler) -> str:
    """Return what a handler needs to answer: a thread of one of two pools, or the event loop alone."""
    if not handler.uses_threads:
        return handler.runs_on
    return EXECUTOR if handler.on_executor else POOL


def _far_quicker(found: HealthContext, routes: list[str], than: list[str]) -> list[str]:
    """Return the routes that were slowed a little while others stood still: a busy machine does that.

    What failed was not slowed a little, however soon it did.
    """
    rows = found.observed[found.observed["during"] & found.observed["vantage"].isin(["edge", "nginx"])]
    failing = rows.groupby("route")["failed"].mean() > CLEAR_SHARE
    times = rows.groupby("route")["duration_s"].median()
    longest = float(times.reindex(than).max()) if than else float("nan")
    quick = [route for route in routes if times.get(route, float("nan")) < MILD_SHARE * longest]
    return [route for route in quick if not failing.get(route, False)]
