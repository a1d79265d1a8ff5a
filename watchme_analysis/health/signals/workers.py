"""Signals of servers whose workers serve one request each: whether all of them were taken.

Nginx's times show how many requests were open at the server. Those beyond its number wait in the queue of the
kernel, on every path.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from watchme_analysis.health.app_server import AppServer, app_server
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import Values, observation, of_joined
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE, MOST
from watchme_analysis.inference.signals import ENOUGH, Observation, by_count, detects
from watchme_analysis.requests.concurrency import open_at
from watchme_analysis.requests.fates import BY_EDGE, BY_NGINX, UNCONNECTED
from watchme_analysis.text.message import Choice, Code, Message, Resource, message

if TYPE_CHECKING:
    import pandas as pd

# Share of its workers that a server has in use at most when they are no bottleneck, as of a pool of threads.
FREE_SHARE = 0.75
# Strength where nothing shows that some handlers alone hold the workers: without CPU, all of them do.
UNPROVED = 0.5
# Factor between the slowdowns of two handlers from which one alone is slow; by choice.
ALIKE_RATIO = 4.0
# An incident lasts until the queue is empty again, when slow handlers are quick for some time; by choice.
LATE_QUANTILE = 0.75
# A worker goes on with what its caller no longer waits for.
_GIVEN_UP = ("header_timeout", "client_left", "body_timeout")


@detects("no_event_loop", group="server", needs=("app_processes", "app_log"))
@detects(
    "workers_full", "workers_free", group="workers", needs=("app_processes", "app_log", "access_log/times")
)
def workers(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of a server without a loop, and of requests that found its workers taken."""
    server = app_server(context)
    if server is not None and server.kind == "workers":
        yield observation(context, "no_event_loop", server.rows, server=named(server))
        if server.at_once is not None:
            yield from _occupied(context, server, server.at_once)


def named(server: AppServer) -> Message | Resource:
    """Return the server as a phrase, with how its workers serve."""
    if server.worker_class:
        return message(
            "health-server-of-class", program=Resource(server.program), kind=Code(server.worker_class)
        )
    return Resource(server.program)


def _occupied(context: HealthContext, server: AppServer, at_once: int) -> Iterator[Observation]:
    import pandas as pd

    rows, side = _timed_at_server(context)
    during = rows[rows["during"]]
    bad = during[during[f"{side}_bad"] & during["route"].isin(context.routes)]
    if len(bad) < FEWEST:
        return
    of_servers = [open_at(mine, mine[f"{side}_start"], side) for _, mine in rows.groupby("address")]
    open_then = pd.concat(of_servers)
    most = int(open_then[during.index].max())
    crowded = bad[open_then[bad.index] > at_once]
    pool: Values = {"server": named(server), "at_once": at_once, "open": most}
    effect = float(most), "requests"
    if len(crowded) >= max(ENOUGH, MOST * len(bad)):
        holders = _holders(context, rows, side, at_once)
        yield observation(
            context,
            "workers_full",
            of_joined(side, crowded),
            effect,
            strength=by_count(len(crowded)) * (1.0 if holders else UNPROVED),
            crowded=len(crowded),
            bad=len(bad),
            known=Choice("known" if holders else "unknown"),
            holders=holders,
            **pool,
        )
    elif most < FREE_SHARE * at_once and not context.fates["fate"].isin(_GIVEN_UP).any():
        yield observation(context, "workers_free", of_joined(side, during), effect, **pool)


def _timed_at_server(context: HealthContext) -> tuple[pd.DataFrame, str]:
    """Return timed requests that reached an affected service, and who timed them: Nginx, else the edge."""
    joined = context.joined
    side = "nginx" if joined["nginx_s"].notna().any() else "edge"
    address = joined["upstream_addr"].fillna(joined["route"].map(context.upstreams).astype("string"))
    mine = joined[f"{side}_s"].notna() & ~context.fate.isin(
        [*BY_EDGE, *BY_NGINX, *UNCONNECTED, "slow_connect"]
    )
    if context.services:
        mine &= address.isin(context.services)
    return joined[mine].assign(address=address[mine].fillna("")), side


def _holders(context: HealthContext, rows: pd.DataFrame, side: str, at_once: int) -> list[str]:
    """Return the routes that hold the workers, if others are far less slower than usual once they have one.

    A worker takes the oldest connection of the queue, so that the times at which requests end show when each
    began to be served. Without CPU all handlers are slower by much the same factor. Logs round times, which
    quantiles stand.
    """
    timed = rows[rows[f"{side}_start"] >= context.start - (context.end - context.start)]
    answered = timed["during"] & timed[f"{side}_status"].lt(499)
    served_s = _served_s(timed, side, at_once)[answered]
    by_route = served_s.groupby(timed.loc[answered, "route"])
    lasted_s = by_route.quantile(LATE_QUANTILE)[by_route.size() >= FEWEST_OF_ROUTE]
    calm = context.well_served[~context.well_served["during"]]
    usual_s = calm.groupby("route")[f"{side}_s"].median().reindex(lasted_s.index)
    slowdown = (lasted_s / usual_s).clip(lower=1.0).dropna()
    spared = slowdown <= slowdown.max() / ALIKE_RATIO
    return [str(route) for route in slowdown.index[~spared]] if spared.any() else []


def _served_s(rows: pd.DataFrame, side: str, at_once: int) -> pd.Series:
    """Return how long each request was served by a worker, in seconds, without its time in the queue."""
    import pandas as pd

    found: dict[object, float] = {}
    for _, mine in rows.groupby("address"):
        ordered = mine.sort_values(f"{side}_start", kind="stable")
        zero = ordered[f"{side}_start"].min()
        begun, ended = ((ordered[f"{side}_{at}"] - zero).dt.total_seconds() for at in ("start", "end"))
        free = [0.0] * at_once
        for row, arrived_s, ended_s in zip(ordered.index, begun, ended, strict=True):
            taken_s = max(arrived_s, heappop(free))
            heappush(free, max(taken_s, ended_s))
            found[row] = max(ended_s - taken_s, 0.0)
    return pd.Series(found, dtype="float64").reindex(rows.index)


DETECTORS = (workers,)
