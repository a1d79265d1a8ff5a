"""Signals of dependencies: handlers that wait for what they call, or for a free connection to it.

A client that awaits a free connection of its pool blocks no other request and often logs nothing (asyncpg,
HTTPX), while handlers that need no connection answer as usual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import (
    own_handlers,
    own_rows,
    own_source,
    source_rows,
    variables,
)
from watchme_analysis.health.application_errors import says
from watchme_analysis.health.configuration import BLOCKING
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.handlers import limit_sizes, origins
from watchme_analysis.health.rows import Values, lines, observation, of_joined
from watchme_analysis.health.signals.nginx import reloads
from watchme_analysis.health.signals.source import calls_in_words
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE, MOST
from watchme_analysis.inference.signals import ENOUGH, Observation, by_count, detects
from watchme_analysis.requests.concurrency import open_at
from watchme_analysis.text.message import Code, CodePlace, Names, Quotation, message

if TYPE_CHECKING:
    import pandas as pd

# Where a call that waits for another machine holds up its own handler alone.
_ALONE = {("async_wait", "event_loop"), ("blocking_io", "thread_pool"), ("blocking_io", "worker")}
# Waiting for a timer or a task of the same process calls no dependency.
_WITHIN = r"^(?:asyncio|anyio)\.(?!open_connection|open_unix_connection|connect_tcp)"
_COMBINED = r"asyncio\.(?:gather|wait_for|shield|create_task|ensure_future|TaskGroup.*)"
# Without a route of the same process that does well and calls nothing, all of it may be held up.
UNCONTESTED = 0.5
# How HTTP clients, database drivers and SDKs log that the other side did not answer in time or at all.
_TIMED_OUT = (
    r"(?:Read|Connect|Write)Timeout|(?:Read|Connect)TimeoutError|Max retries exceeded|ServerDisconnected"
    r"|EndpointConnectionError|[Dd]eadline [Ee]xceeded|(?:connection|request|read|query) timed out"
    r"|statement timeout|APITimeoutError|canceling statement due to"
    r"|ConnectError|ConnectionRefusedError|Connection refused|Name or service not known|name resolution"
)
# So many times more such lines than before, as a rate.
MORE = 3.0
# Clients whose pool makes callers wait when it is empty. Those of requests and boto3 make a connection more.
_WAITED_FOR = re.compile(
    r"(sqlalchemy|sqlmodel|psycopg_pool|asyncpg|aiomysql|aiopg|httpx|aiohttp|pymongo|motor)\b.*"
)


@detects("callers_wait", "bystanders_wait", group="dependency", needs=("app_calls",))
def callers(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of what the handlers of the affected routes call and those of others do not.

    A slow dependency holds up those who call it. A handler that calls nothing and waits as well waits for
    something that all of the process share.
    """
    handlers, calls = own_source(context, "app_handlers"), own_source(context, "app_calls")
    if handlers.empty:
        return
    outbound = _outbound(calls)
    origins = set(outbound["reached_from"].dropna())
    sizes = context.outer_during.groupby("route").size()
    calm = [name for name in context.calm_neighbours() if sizes.get(name, 0) >= FEWEST_OF_ROUTE]
    known = own_handlers(context, [*context.routes, *calm])
    names = {route: f"{one.method} {one.path}" for route, one in known.items()}
    waiting = [route for route in context.routes if names.get(route) in origins]
    is_open, busy = _with_unknown_calls(handlers), _with_calls(calls)
    idle = [
        name
        for name in context.routes
        if name in known
        and known[name].origin not in is_open | busy
        and sizes.get(name, 0) >= FEWEST_OF_ROUTE
    ]
    if idle:
        yield observation(context, "bystanders_wait", source_rows(context, "app_handlers"), paths=idle)
    if not waiting or _limit_may_be_short(context, waiting):
        return
    mine = outbound[outbound["reached_from"].isin([names[route] for route in waiting])]
    spared = [
        name
        for name in calm
        if name in known and names[name] not in origins and known[name].origin not in is_open
    ]
    called: Values = {"paths": Names(tuple(waiting)), "calls": calls_in_words(mine)}
    yield observation(
        context,
        "callers_wait",
        lines("app_calls", mine),
        (float(len(waiting)), "routes"),
        words="callers-wait-spared" if spared else "callers-wait",
        detail=message("health-callers-wait-detail", **called),
        strength=1.0 if spared and not idle else UNCONTESTED,
        spared=spared,
        **called,
    )


def _with_unknown_calls(handlers: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the handlers with a call of which it is unknown whether it keeps them waiting."""
    found = handlers[handlers[["unknown_calls", "unknown_in_threads"]].fillna("[]").ne("[]").any(axis=1)]
    files, methods, paths = (found[name].fillna("") for name in ("application_file", "method", "path"))
    return set(zip(files, methods + " " + paths, strict=True))


def _with_calls(calls: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the handlers that block, wait or compute before they respond.

    The thread that a handler or its dependency runs on is no call of it.
    """
    thread = calls["kind"].eq("thread_pool") & calls["call"].eq("fastapi.Depends")
    # The coroutines of the same process that it combines are calls of their own.
    combined = calls["call"].fillna("").str.fullmatch(_COMBINED)
    before = calls["context"].isin(["event_loop", "thread_pool", "worker"])
    return set(origins(calls[before & ~thread & ~combined]))


def _limit_may_be_short(context: HealthContext, routes: list[str]) -> bool:
    """Return True where requests ended at Nginx's time limit, and they may always take longer than that.

    Neither a log nor a probe shows how long these routes take when all is well, and Nginx may have loaded
    another limit.
    """
    mine = context.fates[context.fates["route"].isin(routes)]
    if mine["fate"].eq("header_timeout").mean() < MOST:
        return False
    usual = context.observed[context.observed["route"].isin(routes) & ~context.observed["during"]]
    if usual["duration_s"].notna().sum() >= FEWEST:
        return False
    return all(one.signal != "not_reloaded" for one in reloads(context))


@detects("client_timeouts", group="dependency log", needs=("app_log",))
def client_timeouts(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of lines in which the application says that what it called did not respond."""
    log = own_rows(context, "app_log")
    mine = log[~log["kind"].eq("access") & log["time"].notna()]
    hits = mine[says(mine["message"], _TIMED_OUT)]
    during = context.of_incident(hits)
    if len(during) < FEWEST:
        return
    before = hits[hits["time"] < context.start]
    earlier_s = max((context.start - context.table("app_log")["time"].min()).total_seconds(), 1.0)
    lasted_s = max((context.end - context.start).total_seconds(), 1.0)
    if len(during) / lasted_s >= MORE * len(before) / earlier_s:
        last = str(during["message"].iloc[-1]).strip().splitlines()[-1][:120]
        yield observation(
            context,
            "client_timeouts",
            lines("app_log", during),
            (float(len(during)), "lines"),
            is_mechanism=True,
            strength=by_count(len(during)),
            lines=len(during),
            error=Quotation(last),
        )


def _outbound(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the calls for which a handler alone waits, and that ask another machine."""
    import pandas as pd

    place = zip(calls["kind"], calls["context"], strict=True)
    rows = calls[pd.Series([one in _ALONE for one in place], index=calls.index, dtype=bool)]
    return rows[~rows["call"].fillna("").str.contains(_WITHIN, regex=True)]


@detects("connections_full", group="connections", needs=("app_calls",))
def connections(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of more open requests that need a connection of a pool than the pool has."""
    calls = own_source(context, "app_calls")
    limits = calls[calls["kind"].eq("limit") & calls["call"].fillna("").str.fullmatch(_WAITED_FOR)]
    for client, rows in limits.groupby(limits["call"].str.split(".").str[0]):
        needing = _needing(context, str(client))
        size = sum(limit_sizes(rows, context.table("app_processes"), variables(context))) * _workers(context)
        seen = _judged(context, needing, rows, int(size)) if needing and size > 0 else None
        if seen is not None:
            yield seen
            return


def _needing(context: HealthContext, client: str) -> dict[str, bool]:
    """Return by route whether its handler awaits a client before it answers; no route when none does."""
    calls = own_source(context, "app_calls")
    waits = calls[calls["kind"].eq("async_wait")]
    direct = waits["call"].str.startswith(f"{client}.").fillna(False).astype(bool)
    # Who is handed an object without a type is known to await one of its methods by that name alone.
    last = r"([^.]+)$"
    wrappers = waits.loc[direct & waits["context"].eq("unknown"), "function"].str.extract(last)[0].dropna()
    by_name = waits["call"].str.extract(last)[0].isin(wrappers) & ~direct
    awaited = waits[(direct | by_name) & waits["context"].eq("event_loop")]
    users = set(awaited["reached_from"].dropna())
    routes = [str(name) for name in context.joined["route"].dropna().unique()]
    known = own_handlers(context, routes)
    needing = {route: f"{one.method} {one.path}" in users for route, one in known.items()}
    return needing if any(needing.values()) else {}


def _workers(context: HealthContext) -> int:
    """Return how many processes serve requests, each with pools of its own."""
    workers = context.table("app_processes")["workers"].dropna()
    return max(int(workers.max()) if len(workers) else 1, 1)


def _judged(
    context: HealthContext, needing: dict[str, bool], limits: pd.DataFrame, size: int
) -> Observation | None:
    mine = [route for route in context.routes if needing.get(route)]
    calm = [route for route in context.calm_neighbours() if route in needing]
    others = [route for route in context.routes if needing.get(route) is False]
    if not mine or others or any(needing[route] for route in calm):
        return None
    calls = own_source(context, "app_calls")
    may_block = calls["kind"].isin(BLOCKING) & calls["context"].isin(["event_loop", "background_event_loop"])
    if not calm and may_block.any():
        return None
    # The stock format of Nginx's log has no times; those of the edge, which passes them on, do as well.
    side = "nginx" if context.joined["nginx_s"].notna().any() else "edge"
    rows = context.joined[context.joined[f"seen_{side}"] & context.joined[f"{side}_s"].notna()]
    rows = rows[rows["route"].map(needing).fillna(False).astype(bool)]
    rows = rows[rows["upstream_addr"].isna() | rows["upstream_addr"].isin(context.services)]
    bad = rows[rows["during"] & rows[f"{side}_bad"]]
    crowded = bad[open_at(rows, bad[f"{side}_start"], side) > size]
    if len(crowded) < max(ENOUGH, MOST * len(bad)):
        return None
    limit = limits.iloc[0]
    return observation(
        context,
        "connections_full",
        of_joined(side, crowded),
        (float(size), "connections"),
        more=message("health-connections-spared", calm=calm) if calm else None,
        strength=1.0 if calm else UNCONTESTED,
        pool=Code(str(limit["call"])),
        place=CodePlace(str(limit["file"]), int(limit["line"])),
        size=size,
        paths=mine,
        crowded=len(crowded),
        bad=len(bad),
    )


DETECTORS = (callers, client_timeouts, connections)
