"""Signals of the application's source: calls on the event loop and on the thread pool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.affected_service import (
    container_of,
    gauges,
    own_handlers,
    own_source,
    source_conditions,
)
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.configuration import BLOCKING
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.handlers import origins
from watchme_analysis.health.rows import Rows, observation, quoted, select
from watchme_analysis.health.signals.cpu import granted_part, has_cpu_to_spare
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Code, CodePlace, Phrases, message

if TYPE_CHECKING:
    import pandas as pd

LOOPS, POOLS = ("event_loop", "background_event_loop"), ("thread_pool", "background_thread_pool")
# Calls for which a start waits hold the loop before anybody is served.
_NOT_STARTED = f"not (context = '{LOOPS[0]}' and coalesce(starts_with(reached_from, 'startup '), false))"


@detects("blocking_in_loop", "pool_work", group="source", needs=("app_calls",))
def source(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of what blocks, by the source, the event loop or a thread of the pool."""
    handlers, calls = own_source(context, "app_handlers"), own_source(context, "app_calls")
    if handlers.empty or server_kind(context) == "workers":
        return

    def in_context(contexts: Sequence[str], kinds: Sequence[str] = BLOCKING) -> str:
        names = [
            f"{name} in ({', '.join(map(quoted, words))})"
            for name, words in (("kind", kinds), ("context", contexts))
        ]
        return select("app_calls", *names, _NOT_STARTED, *source_conditions(context, "app_calls", calls))

    def seen(signal: str, found: pd.DataFrame, sql: str, **more: Any) -> Observation:
        rows, more["calls"] = Rows("app_calls", len(found), sql), calls_in_words(found)
        return observation(context, signal, rows, is_mechanism=True, **more)

    blocking = calls[calls["kind"].isin(BLOCKING)]
    # What a start waits for holds the loop before anybody is served; tasks that it leaves behind run on.
    at_start = blocking["reached_from"].fillna("").str.startswith("startup ")
    blocking = blocking[~(at_start & blocking["context"].eq(LOOPS[0]))]
    on_loop = blocking[blocking["context"].isin(LOOPS)]
    # What computes holds the loop for as long as it uses CPU.
    unused = on_loop["kind"].eq("cpu") & _had_cpu_to_spare(context)
    on_loop = on_loop[~unused]
    called = on_loop[_runs(on_loop, _used(context))]
    if len(called) and len(called) < len(on_loop):
        sql = _rows_of(context, called)
        yield seen("blocking_in_loop", called, sql, words="blocking-in-used-handlers")
    elif len(called):
        kinds = [kind for kind in BLOCKING if kind != "cpu" or not unused.any()]
        yield seen("blocking_in_loop", called, in_context(LOOPS, kinds))
    known = own_handlers(context)
    mine = [route for route in context.routes if route in known and known[route].uses_threads]
    on_pool = blocking[blocking["context"].isin(POOLS)]
    if mine and len(on_pool):
        yield seen("pool_work", on_pool, in_context(POOLS), paths=mine)


def _used(context: HealthContext) -> set[tuple[str, str]]:
    """Return the handlers that callers used, by application file and route; empty if that is unknown.

    Probes alone do not show what other callers use.
    """
    if not context.has("access_log") and not context.has("edge_log"):
        return set()
    routes = [str(route) for route in context.observed["route"].dropna().unique()]
    return {handler.origin for handler in own_handlers(context, routes).values()}


def _runs(calls: pd.DataFrame, used: set[tuple[str, str]]) -> pd.Series:
    """Return True for calls that ran: those of used handlers, and those that no handler leads to."""
    import pandas as pd

    ran = [
        not used or origin in used or origin[1].startswith(("middleware ", "startup "))
        for origin in origins(calls)
    ]
    return pd.Series(ran, index=calls.index, dtype=bool)


def unknown_calls(context: HealthContext) -> list[str]:
    """Return the calls of used handlers on the event loop of which it is unknown whether they block."""
    handlers = own_source(context, "app_handlers").fillna({"application_file": "", "method": "", "path": ""})
    if handlers.empty:
        return []
    used = _used(context)
    routes = zip(handlers["application_file"], handlers["method"] + " " + handlers["path"], strict=True)
    mine = handlers[[not used or route in used for route in routes]]
    return sorted({name for listed in mine["unknown_calls"].dropna() for name in json.loads(listed)})


def _rows_of(context: HealthContext, calls: pd.DataFrame) -> str:
    """Return the query for the calls of some handlers, kinds and contexts."""
    conditions = list(source_conditions(context, "app_calls", calls))
    for column in ("reached_from", "kind", "context"):
        values = sorted(calls[column].dropna().unique())
        conditions.append(f"{column} in ({', '.join(map(quoted, values))})")
    return select("app_calls", *conditions, _NOT_STARTED)


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
