"""Signals of the application's source: calls on the event loop and on the thread pool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import container_of, gauges, own_source, source_conditions
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.configuration import BLOCKING
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.handlers import handlers_by_route, origins
from watchme_analysis.health.rows import quoted, select
from watchme_analysis.health.signals.cpu import granted_part, has_cpu_to_spare
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Code, CodePlace, Phrases, message

if TYPE_CHECKING:
    import pandas as pd

LOOPS, POOLS = ("event_loop", "background_event_loop"), ("thread_pool", "background_thread_pool")
# Calls for which a start waits hold the loop before anybody is served.
_NOT_STARTED = f"not (context = '{LOOPS[0]}' and coalesce(starts_with(reached_from, 'startup '), false))"


@detects("blocking_in_loop", "pool_work", group="source", needs=("app_calls",))
def source(context: HealthContext) -> list[Observation]:
    """Return observations of what blocks, by the source, the event loop or a thread of the pool."""
    handlers, calls = own_source(context, "app_handlers"), own_source(context, "app_calls")
    if handlers.empty or server_kind(context) == "workers":
        return []
    seen = []
    used = _used(context, handlers, calls)

    def in_context(contexts: Sequence[str], kinds: Sequence[str] = BLOCKING) -> str:
        names = [
            f"{name} in ({', '.join(map(quoted, words))})"
            for name, words in (("kind", kinds), ("context", contexts))
        ]
        return select("app_calls", *names, _NOT_STARTED, *source_conditions(context, "app_calls", calls))

    blocking = calls[calls["kind"].isin(BLOCKING)]
    # What a start waits for holds the loop before anybody is served; tasks that it leaves behind run on.
    at_start = blocking["reached_from"].fillna("").str.startswith("startup ")
    blocking = blocking[~(at_start & blocking["context"].eq(LOOPS[0]))]
    on_loop = blocking[blocking["context"].isin(LOOPS)]
    # What computes holds the loop for as long as it uses CPU.
    unused = on_loop["kind"].eq("cpu") & _had_cpu_to_spare(context)
    on_loop = on_loop[~unused]
    called = on_loop[_runs(on_loop, used)]
    if len(called):
        kinds = [kind for kind in BLOCKING if kind != "cpu" or not unused.any()]
        text, sql = message("health-blocking-in-loop", calls=calls_in_words(called)), in_context(LOOPS, kinds)
        if len(called) < len(on_loop):
            text = message("health-blocking-in-used-handlers", calls=calls_in_words(called))
            sql = _rows_of(context, "app_calls", called)
        seen.append(Observation("blocking_in_loop", text, "app_calls", len(called), sql, detail=text))
    known = handlers_by_route(handlers, calls, list(context.routes))
    mine = [route for route in context.routes if route in known and known[route].uses_threads]
    on_pool = blocking[blocking["context"].isin(POOLS)]
    if mine and len(on_pool):
        text = message("health-pool-work", paths=mine, calls=calls_in_words(on_pool))
        sql = in_context(POOLS)
        seen.append(Observation("pool_work", text, "app_calls", len(on_pool), sql, detail=text))
    return seen


def _used(context: HealthContext, handlers: pd.DataFrame, calls: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the handlers that callers used, by application file and route; empty if that is unknown.

    Probes alone do not show what other callers use.
    """
    if not context.has("access_log") and not context.has("edge_log"):
        return set()
    routes = [str(route) for route in context.observed["route"].dropna().unique()]
    return {handler.origin for handler in handlers_by_route(handlers, calls, routes).values()}


def _runs(calls: pd.DataFrame, used: set[tuple[str, str]]) -> pd.Series:
    """Return True for calls that ran: those of used handlers, and those that no handler leads to."""
    import pandas as pd

    ran = [
        not used or origin in used or origin[1].startswith(("middleware ", "startup "))
        for origin in origins(calls)
    ]
    return pd.Series(ran, index=calls.index, dtype=bool)


def _of_used(handlers: pd.DataFrame, used: set[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of used handlers; all if it is unknown which are used."""
    routes = zip(
        handlers["application_file"].fillna(""),
        handlers["method"].fillna("") + " " + handlers["path"].fillna(""),
        strict=True,
    )
    return handlers[[not used or route in used for route in routes]]


def _unknown_names(handlers: pd.DataFrame) -> list[str]:
    """Return the calls of handlers on the event loop of which it is unknown whether they block."""
    return sorted({name for listed in handlers["unknown_calls"].dropna() for name in json.loads(listed)})


def unknown_calls(context: HealthContext) -> list[str]:
    """Return the calls of used handlers on the event loop of which it is unknown whether they block."""
    handlers, calls = own_source(context, "app_handlers"), own_source(context, "app_calls")
    return _unknown_names(_of_used(handlers, _used(context, handlers, calls))) if len(handlers) else []


def _rows_of(context: HealthContext, table: str, rows: pd.DataFrame) -> str:
    """Return the query for rows of some handlers, or for calls of some handlers, kinds and contexts."""
    conditions = list(source_conditions(context, table, rows))
    if table == "app_calls":
        names = sorted(rows["reached_from"].dropna().unique())
        kinds, contexts = (sorted(rows[name].dropna().unique()) for name in ("kind", "context"))
        for column, values in (("reached_from", names), ("kind", kinds), ("context", contexts)):
            conditions.append(f"{column} in ({', '.join(map(quoted, values))})")
        conditions.append(_NOT_STARTED)
    elif len(rows) < len(context.table(table)):
        routes = sorted(set(rows["method"].fillna("") + " " + rows["path"].fillna("")))
        conditions.append(f"concat(method, ' ', path) in ({', '.join(map(quoted, routes))})")
    return select(table, *conditions)


def _had_cpu_to_spare(context: HealthContext) -> bool:
    """Return whether the CPU of the affected process was sampled in the incident, and low."""
    if not context.has("host_metrics"):
        return False
    wide = gauges(context)
    if "cpu_pct" not in wide:
        return False
    used = wide["cpu_pct"].dropna()
    before = used[used.index < context.start]
    mine = container_of(context)
    part = granted_part(mine.cpus if mine else None)
    return has_cpu_to_spare(
        used.loc[context.start : context.end], float(before.median()) if len(before) else 0.0, part
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


DETECTORS = (source,)
