"""Signals of the addresses that Nginx asks: another than usual, dead, wrong or stale; of kept connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.affected_service import own_rows
from watchme_analysis.health.app_server import own_processes, worker_kind
from watchme_analysis.health.application_errors import says
from watchme_analysis.health.context import HealthContext, commonest_upstreams
from watchme_analysis.health.rows import Values, lines, observation, of_joined, own_place
from watchme_analysis.health.signals.process_down import ENDED, READY
from watchme_analysis.health.thresholds import FEWEST, MOST, WHOLE, concerns
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.nginx_conf.defaults import seconds_of
from watchme_analysis.requests.fates import UNCONNECTED
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import Code, Duration, Message, Resource, message

if TYPE_CHECKING:
    import pandas as pd


# https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout
NGINX_KEEPS_S = 60.0
# Defaults of --timeout-keep-alive (uvicorn) and keep_alive_timeout (Hypercorn).
SERVERS_KEEP_S = {"uvicorn": 5.0, "hypercorn": 5.0}
# Longest time from the start of a process to the failures that follow from its deployment.
DEPLOYED = timedelta(minutes=1)
# Strength of a restart alone: a container that lost its network looks the same.
UNPROVED = 0.4


def error_kind(kind: str) -> Message | Resource:
    """Return the kind of a line in Nginx's error log as a noun phrase; one of another version as it is."""
    message_id = f"nginx-error-{kind.replace('_', '-')}"
    return message(message_id) if message_id in catalogue("en").ids else Resource(kind)


def usual_address(context: HealthContext) -> dict[str, str]:
    """Return by route the address that served it well, else the one of the next wider location."""
    good = context.well_served[context.well_served["upstream_addr"].notna()]
    usual = dict(commonest_upstreams(good))
    for route, endpoint in zip(context.routes, context.endpoints, strict=True):
        if route not in usual:
            wider = context.nginx_routes.wider(endpoint)
            if wider is not None and wider.addresses:
                usual[route] = context.resolved.get(wider.addresses[0], wider.addresses[0])
    return usual


def dead_server(context: HealthContext) -> tuple[list[Observation], list[str]]:
    """Return the observation of a server that fails while another of its upstream serves the same paths well.

    Nginx tries the next one, so that the access log's last address is the usual one and its time the
    dead one's; the error log names it. Packets to a server whose connections time out are lost on the way or
    dropped by a filter, so that such a server may be there. Returns what was seen, and of which routes.
    """
    errors = context.errors
    mine = errors[errors["upstream_addr"].notna() & route_templates(errors["path"]).isin(context.routes)]
    usual = {*context.serving, *context.known_as(context.services)}
    strange = mine[~mine["upstream_addr"].isin(usual) & mine["kind"].ne("upstream_timeout_connect")]
    routes = most_affected(strange, mine)
    strange, mine = (rows[route_templates(rows["path"]).isin(routes)] for rows in (strange, mine))
    if len(strange) < 2 or not context.services:
        return [], []
    seen = observation(
        context,
        "dead_server",
        lines("error_log", strange),
        strength=by_count(len(strange), 4),
        address=Resource(str(strange["upstream_addr"].mode().iloc[0])),
        kind=error_kind(str(strange["kind"].mode().iloc[0])),
        usual=context.services,
        errors=len(strange),
        total=len(mine),
        paths=routes,
    )
    return [seen], routes


def taken_out(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of an upstream with a server marked ``down``, while the others fail."""
    for endpoint in context.endpoints:
        servers = context.nginx_routes.servers(endpoint)
        down = [one["address"] for one in servers if "down" in one["options"]]
        left = [one["address"] for one in servers if "down" not in one["options"]]
        if not down or context.serving.intersection(context.known_as(left)):
            continue
        marked = context.table("config_directives")
        marked = marked[marked["directive"].eq("server") & marked["args"].str.contains('"down"', regex=False)]
        yield observation(
            context,
            "server_down",
            lines("config_directives", marked),
            more=message("health-server-down-others", left=left) if left else None,
            is_mechanism=True,
            path=Resource(endpoint),
            servers=down,
            mark=Code("down"),
        )
        return


def started_at(context: HealthContext) -> list[str]:
    """Return the addresses (``host:port``) at which processes listen by their start commands, sorted."""
    processes = context.table("app_processes").dropna(subset=["addr", "port"])
    places = zip(processes["addr"], processes["port"].astype("int64"), strict=True)
    return [f"{host}:{port}" for host, port in sorted(set(places))]


@detects("wrong_port", group="upstream port", needs=("error_log", "app_processes"))
def wrong_port(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a refused port on which, by the start commands, no process listens."""
    fates = context.fates[context.fates["route"].isin(context.routes)]
    refused = context.lines_of(fates[fates["fate"].eq("refused") & fates["address"].notna()])
    if len(refused) < FEWEST:
        return
    address = str(refused["upstream_addr"].mode().iloc[0])
    refused = refused[refused["upstream_addr"] == address]
    host, _, _ = address.rpartition(":")
    listens = [one for one in started_at(context) if one.rpartition(":")[0] == host]
    if listens and address not in listens:
        values: Values = {"address": Resource(address), "listens": listens, "errors": len(refused)}
        strength = by_count(len(refused))
        yield observation(context, "wrong_port", lines("error_log", refused), strength=strength, **values)


def is_group(address: pd.Series) -> pd.Series:
    """Return, for each logged address, whether it is the name of an upstream block: no server was left."""
    return ~address.str.contains(":", regex=False).fillna(True).astype(bool)


def most_affected(part: pd.DataFrame, whole: pd.DataFrame) -> list[str]:
    """Return the routes that have half of their rows or more in a part.

    Beside a fault of the whole service, one endpoint may have a fault of its own.
    """
    sizes = route_templates(whole["path"]).value_counts()
    shares = route_templates(part["path"]).value_counts() / sizes
    return [str(route) for route in shares.index[(shares >= MOST).fillna(False)]]


def elsewhere_by_errors(
    context: HealthContext, mine: pd.DataFrame, usual: dict[str, str]
) -> Iterator[Observation]:
    """Yield the observation, by the error log alone, of affected paths that fail at their own address."""
    failing = mine[mine["upstream_addr"].notna()]
    expected = route_templates(failing["path"]).map(usual)
    moved = failing[expected.notna() & (expected != failing["upstream_addr"]).fillna(False)]
    routes = most_affected(moved, failing)
    moved, failing = (rows[route_templates(rows["path"]).isin(routes)] for rows in (moved, failing))
    if len(moved) < FEWEST:
        return
    yield observation(
        context,
        "moved_upstream",
        lines("error_log", moved),
        words="moved-upstream-by-errors",
        address=Resource(str(moved["upstream_addr"].mode().iloc[0])),
        kind=error_kind(str(moved["kind"].mode().iloc[0])),
        errors=len(moved),
        total=len(failing),
        paths=routes,
        usual=sorted(set(expected.loc[moved.index])),
    )


@detects("stale_address", group="upstream", needs=("app_log", "access_log/times", "error_log"))
def stale_address(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of connections to an address from before the process was started.

    Nginx resolves the names of its upstreams when it loads its configuration (ngx_http_upstream_module,
    `resolve`), and a container that is created anew may get another address. A process that is started and
    stays, while the address that served before does not connect, is somewhere else, or cut off. The address
    at which it is served afterwards shows which.
    """
    fates = context.fates[context.fates["route"].isin(context.routes)]
    failed = fates[fates["fate"].isin(UNCONNECTED) & fates["fate"].ne("slow_connect")]
    if len(failed) < WHOLE * len(fates):
        return
    found = None
    if runs_at := _runs_at(context, failed):
        found = _named_elsewhere(context, failed, runs_at)
    elif failed["address"].isin(context.serving).all():
        found = _started_since(context, failed)
    if found is not None:
        yield found


def _started_since(context: HealthContext, failed: pd.DataFrame) -> Observation | None:
    """Return the observation of a process that was started, and is not served at the address of before."""
    import pandas as pd

    log = own_rows(context, "app_log")
    log = log[log["time"].between(pd.Timestamp(context.start) - DEPLOYED, pd.Timestamp(context.end))]
    started = log.loc[says(log["message"], f"{READY}|Started server process"), "time"]
    ended = log.loc[says(log["message"], ENDED), "time"]
    if started.empty or (ended > started.max()).any():
        return None
    # What failed since shows it: before, the process was not there.
    since = failed[failed["start"] > started.max()]
    if len(since) < FEWEST or len(since) < MOST * len(failed):
        return None
    asked = set(since["address"])
    good = context.well_served[context.well_served["route"].isin(context.routes)]
    later = set(good.loc[good["start"] > since["start"].max(), "upstream_addr"].dropna())
    moved = later and not later & asked and {_port(one) for one in later} == {_port(one) for one in asked}
    if later and not moved:
        return None
    return observation(
        context,
        "stale_address",
        lines("error_log", context.lines_of(since)),
        more=message("health-stale-address-moved", usual=sorted(later)) if moved else None,
        strength=1.0 if moved else UNPROVED,
        address=sorted(asked),
        failed=len(since),
        at=started.max().to_pydatetime(),
    )


def _runs_at(context: HealthContext, failed: pd.DataFrame) -> list[str]:
    """Return where containers of the configured name run, if connections fail at none of these addresses.

    A container of several networks has an address in each, of which one is recorded: another network's says
    nothing, and Docker's networks differ in the first half of their addresses.
    """
    import pandas as pd

    asked = set(failed["address"].dropna())
    names = {name.rpartition(":")[0] for name, address in context.resolved.items() if address in asked}
    tables = [context.table(name) for name in ("container_settings", "container_events")]
    processes = context.table("app_processes")[["service", "addr"]]
    tables.append(processes.set_axis(["service", "address"], axis=1).assign(object=processes["service"]))
    rows = pd.concat([table[["object", "service", "address"]] for table in tables]).dropna(subset=["address"])
    mine = rows[rows["service"].isin(names) | rows["object"].isin(names)]
    hosts = set(mine["address"].str.replace(r":\d+$", "", regex=True))
    failing = {one.rpartition(":")[0] for one in asked}
    is_near = {one.split(".")[:2] == other.split(".")[:2] for one in hosts for other in failing}
    return sorted(hosts) if hosts.isdisjoint(failing) and is_near == {True} else []


def _named_elsewhere(context: HealthContext, failed: pd.DataFrame, runs_at: list[str]) -> Observation | None:
    """Return the observation of an upstream's name whose container has another address than Nginx asks."""
    good = context.well_served[context.well_served["upstream_addr"].isin(failed["address"])]
    if len(failed) < FEWEST or (good["start"] > failed["start"].max()).any():
        return None
    stale: Values = {"address": sorted(set(failed["address"])), "failed": len(failed)}
    return observation(
        context,
        "stale_address",
        lines("error_log", context.lines_of(failed)),
        words="stale-address-container",
        detail=message("health-stale-address-detail", place=own_place(context), **stale),
        runs_at=runs_at,
        **stale,
    )


def _port(address: str) -> str:
    return address.rpartition(":")[2]


@detects("one_replica", group="replicas", needs=("access_log",))
def one_replica(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of replicas that failed while others served the same routes."""
    counts = context.replicas
    failing, others = counts[counts["failing"]], counts[~counts["failing"]]
    if failing.empty:
        return
    is_logged = bool(others["requests"].any())
    served = context.well_served["route"].isin(context.routes) & context.well_served["during"]
    rows = context.fates.loc[context.fates["address"].isin(failing.index), "row"]
    yield observation(
        context,
        "one_replica",
        of_joined("nginx", context.joined.loc[rows[rows >= 0]]),
        words="one-replica" if is_logged else "one-replica-by-lines",
        strength=by_count(int(failing["bad"].sum())),
        failing=failing.index,
        bad=failing["bad"].sum(),
        requests=failing["requests"].sum(),
        others=others.index,
        well=(others["requests"] - others["bad"]).sum() if is_logged else served.sum(),
        of_others=others["requests"].sum(),
    )


@detects(
    "keepalive_race", group="upstream connections", needs=("error_log", "app_processes", "config_directives")
)
def keepalive_race(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of requests dropped on kept connections that the upstream closes first.

    Nginx may send a request over an idle connection at the moment at which the upstream's own time limit ends
    and closes it. It tries a request that is not idempotent no second time (``proxy_next_upstream``).
    """
    fates = context.fates[context.fates["route"].isin(context.routes)]
    dropped = fates[fates["fate"].eq("connection_dropped") & (fates["error_row"] >= 0)]
    if not concerns(len(dropped), len(fates), WHOLE):
        return
    log = context.of_incident(own_rows(context, "app_log"))
    kept_s = _kept_s(context.table("config_directives"))
    processes = own_processes(context)
    closed_s = processes["timeout_keep_alive_s"].fillna(processes["server"].map(SERVERS_KEEP_S)).min()
    # A sync worker of gunicorn keeps no connection, and a process that ends drops what it was working on.
    if worker_kind(context) == "sync" or says(log["message"], ENDED).any():
        return
    if kept_s is not None and closed_s < kept_s:
        limits: Values = {"kept": Duration(kept_s), "closed": Duration(float(closed_s))}
        yield observation(
            context,
            "keepalive_race",
            lines("error_log", context.lines_of(dropped)),
            strength=by_count(len(dropped)),
            dropped=len(dropped),
            bad=len(fates),
            **limits,
        )


def _kept_s(directives: pd.DataFrame) -> float | None:
    """Return for how long Nginx keeps idle connections to upstreams, in seconds; None where it keeps none."""
    mine = directives[directives["layer"] == "nginx"]
    keeping = mine.loc[mine["directive"] == "keepalive", "parent"].dropna()
    if keeping.empty:
        return None
    stated = mine[mine["directive"].eq("keepalive_timeout") & mine["parent"].isin(keeping)]
    limits = (seconds_of(json.loads(args)[0]) for args in stated["args"])
    return max((one for one in limits if one is not None), default=NGINX_KEEPS_S)


DETECTORS = (wrong_port, stale_address, one_replica, keepalive_race)
