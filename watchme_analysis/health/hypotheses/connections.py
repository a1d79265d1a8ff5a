"""Check of the pools of connections that handlers wait for in silence, without holding the event loop.

A client that awaits a free connection of its pool blocks nobody and often logs nothing: asyncpg and HTTPX
wait for one without a word, while handlers that need none answer as ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.app import BLOCKING
from watchme_analysis.health.hypotheses.container import variables
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.handlers import handlers_by_route, limit_sizes
from watchme_analysis.health.hypotheses.process import own_source
from watchme_analysis.health.hypotheses.sql import LOGS, of_joined
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Code, CodePlace, Count, Names, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Clients whose pool makes callers wait when it is empty. Those of requests and boto3 make a connection more.
_WAITED_FOR = re.compile(
    r"(sqlalchemy|sqlmodel|psycopg_pool|asyncpg|aiomysql|aiopg|httpx|aiohttp|pymongo|motor)\b.*"
)
# Share of bad requests that must have met an empty pool, and how many at least.
MOST, FEWEST = 0.6, 6
# Without an endpoint that needs no connection and did well, a loop that is held looks the same.
UNCONTESTED = 0.6


@detects("connections_full", group="connections", needs=("app_calls",))
def connections(found: Facts) -> list[Observation]:
    """Find more open requests that need a connection of a pool than it has, while all else did well."""
    calls = own_source(found, "app_calls")
    limits = calls[calls["kind"].eq("limit") & calls["call"].fillna("").str.fullmatch(_WAITED_FOR)]
    for client, rows in limits.groupby(limits["call"].str.split(".").str[0]):
        needing = _needing(found, str(client))
        size = sum(limit_sizes(rows, found.table("app_processes"), variables(found))) * _workers(found)
        if needing and size > 0:
            seen = _judged(found, needing, rows, int(size))
            if seen is not None:
                return [seen]
    return []


def _needing(found: Facts, client: str) -> dict[str, bool]:
    """Return by route whether its handler awaits a client before it answers; no route when none does."""
    calls = own_source(found, "app_calls")
    waits = calls[calls["kind"].eq("async_wait")]
    direct = waits["call"].str.startswith(f"{client}.").fillna(False).astype(bool)
    # Who is handed an object without a type is known to await one of its methods by that name alone.
    last = r"([^.]+)$"
    wrappers = waits.loc[direct & waits["context"].eq("unknown"), "function"].str.extract(last)[0].dropna()
    by_name = waits["call"].str.extract(last)[0].isin(wrappers) & ~direct
    awaited = waits[(direct | by_name) & waits["context"].eq("event_loop")]
    users = set(awaited["reached_from"].dropna())
    routes = [str(name) for name in found.joined["route"].dropna().unique()]
    known = handlers_by_route(own_source(found, "app_handlers"), calls, routes)
    needing = {route: f"{one.method} {one.path}" in users for route, one in known.items()}
    return needing if any(needing.values()) else {}


def _workers(found: Facts) -> int:
    """Return how many processes serve requests, each with pools of its own."""
    workers = found.table("app_processes")["workers"].dropna()
    return max(int(workers.max()) if len(workers) else 1, 1)


def _judged(found: Facts, needing: dict[str, bool], limits: pd.DataFrame, size: int) -> Observation | None:
    mine = [route for route in found.routes if needing.get(route)]
    calm = [route for route in found.calm_neighbours() if route in needing]
    others = [route for route in found.routes if needing.get(route) is False]
    if not mine or others or any(needing[route] for route in calm):
        return None
    calls = own_source(found, "app_calls")
    may_block = calls["kind"].isin(BLOCKING) & calls["context"].isin(["event_loop", "background_event_loop"])
    if not calm and may_block.any():
        return None
    # The stock format of Nginx's log has no times; those of the edge, which passes them on, do as well.
    side = "nginx" if found.joined["nginx_s"].notna().any() else "edge"
    rows = found.joined[found.joined[f"seen_{side}"] & found.joined[f"{side}_s"].notna()]
    rows = rows[rows["route"].map(needing).fillna(False).astype(bool)]
    rows = rows[rows["upstream_addr"].isna() | rows["upstream_addr"].isin(found.services)]
    bad = rows[rows["during"] & rows[f"{side}_bad"]]
    crowded = bad[_open_at(rows, bad[f"{side}_start"], side) > size]
    if len(crowded) < max(FEWEST, MOST * len(bad)):
        return None
    limit = limits.iloc[0]
    pool: dict[str, Value] = {
        "pool": Code(str(limit["call"])),
        "place": CodePlace(str(limit["file"]), int(limit["line"])),
        "size": Count(size),
        "paths": Names(tuple(mine)),
    }
    waited = message("health-connections-full", **pool, crowded=len(crowded), bad=len(bad))
    spared = message("health-connections-spared", calm=calm) if calm else None
    text = sentences(waited, spared)
    detail = message("health-connections-full-detail", **pool)
    return Observation(
        "connections_full",
        text,
        LOGS[side],
        len(crowded),
        of_joined(side, crowded),
        float(size),
        "connections",
        1.0 if calm else UNCONTESTED,
        detail,
    )


def _open_at(rows: pd.DataFrame, moments: pd.Series, side: str) -> pd.Series:
    """Return how many of some requests a layer had open at moments, those that began then included."""
    import numpy as np
    import pandas as pd

    begun, ended = (np.sort(rows[f"{side}_{name}"].to_numpy()) for name in ("start", "end"))
    at = moments.to_numpy()
    count = np.searchsorted(begun, at, side="right") - np.searchsorted(ended, at, side="right")
    return pd.Series(count, index=moments.index)
