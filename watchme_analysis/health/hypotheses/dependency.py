"""Detectors of handlers that wait for what they call, while the rest of their process does well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.app import calls_in_words
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.handlers import handlers_by_route
from watchme_analysis.health.hypotheses.process import own_source, service_name, source_conditions
from watchme_analysis.health.hypotheses.sql import lines, select
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import Quotation, message

if TYPE_CHECKING:
    import pandas as pd

# Where a call that waits for another machine holds up its own handler alone.
_ALONE = {("async_wait", "event_loop"), ("blocking_io", "thread_pool")}
# What waits for a timer or a task of the same process asks nobody.
_WITHIN = r"^(?:asyncio|anyio)\.(?!open_connection|open_unix_connection|connect_tcp)"
# Requests from which a route shows how it fares.
FEWEST = 5
# Without a route of the same process that does well and calls nothing, all of it may be held up.
UNCONTESTED = 0.5
# How HTTP clients, database drivers and SDKs log that the other side did not answer in time or at all.
_TIMED_OUT = (
    r"(?:Read|Connect|Write)Timeout|(?:Read|Connect)TimeoutError|Max retries exceeded|ServerDisconnected"
    r"|EndpointConnectionError|[Dd]eadline [Ee]xceeded|(?:connection|request|read|query) timed out"
    r"|statement timeout|APITimeoutError|canceling statement due to"
)
# So many times more such lines than before, as a rate.
MORE = 3.0


@detects("callers_wait", "bystanders_wait", group="dependency", needs=("app_calls",))
def callers(found: Facts) -> list[Observation]:
    """Compare the affected routes with what their handlers call.

    A slow dependency holds up those who call it. A handler that calls nothing and waits as well waits for
    something that all of the process share.
    """
    handlers, calls = own_source(found, "app_handlers"), own_source(found, "app_calls")
    if handlers.empty:
        return []
    outbound = _outbound(calls)
    origins = set(outbound["reached_from"].dropna())
    outer = found.observed[found.observed["during"] & ~found.observed["vantage"].isin(["inside", "host"])]
    sizes = outer.groupby("route").size()
    calm = [name for name in found.calm_neighbours() if sizes.get(name, 0) >= FEWEST]
    known = handlers_by_route(handlers, calls, [*found.routes, *calm])
    calling = {route: f"{one.method} {one.path}" in origins for route, one in known.items()}
    waiting = [route for route in found.routes if calling.get(route)]
    idle = [name for name in found.routes if calling.get(name) is False and sizes.get(name, 0) >= FEWEST]
    seen = []
    if idle:
        text = message("health-bystanders-wait", paths=idle)
        sql = select("app_handlers", *source_conditions(found, "app_handlers", handlers))
        seen.append(Observation("bystanders_wait", text, "app_handlers", len(handlers), sql))
    if not waiting:
        return seen
    mine = outbound[
        outbound["reached_from"].isin([f"{known[name].method} {known[name].path}" for name in waiting])
    ]
    spared = [name for name in calm if calling.get(name) is False]
    calls_made = calls_in_words(mine)
    text = message("health-callers-wait", paths=waiting, calls=calls_made)
    if spared:
        text = message("health-callers-wait-spared", paths=waiting, calls=calls_made, spared=spared)
    return [
        *seen,
        Observation(
            "callers_wait",
            text,
            "app_calls",
            len(mine),
            lines("app_calls", mine),
            float(len(waiting)),
            "routes",
            1.0 if spared and not idle else UNCONTESTED,
            message("health-callers-wait-detail", paths=waiting, calls=calls_made),
        ),
    ]


@detects("client_timeouts", group="dependency log", needs=("app_log",))
def client_timeouts(found: Facts) -> list[Observation]:
    """Find lines in which the application says that what it called did not answer."""
    log = found.table("app_log")
    if log.empty:
        return []
    service = service_name(found, log)
    mine = log[log["service"].fillna("").eq(service) & ~log["kind"].eq("access") & log["time"].notna()]
    hits = mine[mine["message"].str.contains(_TIMED_OUT, regex=True).fillna(False).astype(bool)]
    during = found.of_incident(hits)
    if len(during) < 3:
        return []
    before = hits[hits["time"] < found.start]
    earlier_s = max((found.start - log["time"].min()).total_seconds(), 1.0)
    lasted_s = max((found.end - found.start).total_seconds(), 1.0)
    if len(during) / lasted_s < MORE * len(before) / earlier_s:
        return []
    last = str(during["message"].iloc[-1]).strip().splitlines()[-1][:120]
    text = message("health-client-timeouts", lines=len(during), error=Quotation(last))
    sql = lines("app_log", during)
    return [
        Observation(
            "client_timeouts",
            text,
            "app_log",
            len(during),
            sql,
            float(len(during)),
            "lines",
            by_count(len(during)),
            text,
        )
    ]


def _outbound(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the calls for which a handler alone waits, and that ask another machine."""
    import pandas as pd

    place = zip(calls["kind"], calls["context"], strict=True)
    rows = calls[pd.Series([one in _ALONE for one in place], index=calls.index, dtype=bool)]
    return rows[~rows["call"].fillna("").str.contains(_WITHIN, regex=True)]
