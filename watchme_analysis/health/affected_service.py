"""The affected service in the tables of a case: container, source, gauges and open requests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from watchme_analysis.evidence.compose import ComposeService
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.health.handlers import Handler, handlers_by_route, pool_tokens
from watchme_analysis.health.rows import Rows, quoted, select, within
from watchme_analysis.health.running_source import LOOPBACK, of_applications, running_applications
from watchme_analysis.requests.concurrency import open_at

if TYPE_CHECKING:
    import pandas as pd

_ADDRESS = re.compile(r"[\d.]+|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?")


def answered_by_the_host(context: HealthContext) -> bool:
    """Return whether connections end on the host, where Docker's proxy takes those to a published port."""
    return all(service.rsplit(":", 1)[0] in LOOPBACK for service in context.services)


def container_of(context: HealthContext) -> ComposeService | None:
    """Return the affected service's container as compose describes it, None when that is unknown.

    By the published port that Nginx asks, else by the name that the start commands give the address, else
    the only one there is.
    """
    services = context.compose_services
    if len(services) < 2:
        return services[0] if services else None
    processes = context.table("app_processes")
    for address in context.known_as(context.services[:1]):
        host, _, port = address.rpartition(":")
        names = set(processes.loc[processes["addr"] == host, "service"].dropna())
        for one in services:
            published = host in LOOPBACK and any(outer == port for _, outer, _ in one.ports)
            if published or one.name == host or one.name in names:
                return one
    return None


def named_service(context: HealthContext) -> str | None:
    """Return the affected service's name as start commands and file names state it; None if it is unknown.

    By the address that Nginx asks, else the only name there is.
    """
    processes = context.table("app_processes")
    hosts = context.hosts(context.services[:1])
    names = set(processes.loc[processes["addr"].isin(hosts), "service"].dropna())
    if not names:
        tables = (processes, context.table("app_log"), context.table("host_metrics"))
        names = {name for table in tables for name in table["service"].fillna("").unique()}
    return str(names.pop()) or None if len(names) == 1 else None


@once_per_context
def own_containers(context: HealthContext, table: str) -> pd.DataFrame:
    """Return the affected service's rows of ``container_events`` or ``container_settings``; do not modify.

    A container belongs to it by its address, or by the name that Nginx, start commands or compose files have
    for the service. Where none of these is known, the only service there is counts, else the one that an
    affected path names; of evidence without a request, every container.
    """
    rows = context.table(table)
    names = containers_named(context) or ()
    mine = rows["service"].fillna(rows["object"]).isin(names) | _host(rows["address"]).isin(_hosts(context))
    return rows[mine]


@once_per_context
def containers_named(context: HealthContext) -> frozenset[str] | None:
    """Return the names of the affected service in the tables of containers; None where they are unknown."""
    import pandas as pd

    parts = [context.table(name) for name in ("container_events", "container_settings")]
    rows = pd.concat([part[["object", "service", "address"]] for part in parts], ignore_index=True)
    known = rows["service"].fillna(rows["object"])
    every = {str(name) for name in known.dropna()}
    hosts = _hosts(context)
    by_address = set(known[_host(rows["address"]).isin(hosts)].dropna())
    if by_address:
        return frozenset(by_address)
    stated = {host.split(".")[0] for host in hosts if not _ADDRESS.fullmatch(host)} - {"localhost", "unix"}
    composed, named = container_of(context), named_service(context)
    stated |= {name for name in (composed and composed.name, named) if name}
    if stated:
        # A Service is often named like its workload with an ending, or the other way round.
        alike = {name for name in every for one in stated if f"{name}-".startswith(f"{one}-")}
        return frozenset(every & stated or alike)
    # Without a request, the evidence is about its containers.
    if (not hosts and context.outer.empty) or (len(every) == 1 and rows["address"].isna().all()):
        return frozenset(every)
    in_paths = {name for name in every for route in context.routes if f"/{name}/" in f"{route}/"}
    return frozenset(in_paths) or None


def _hosts(context: HealthContext) -> set[str]:
    """Return names and addresses of the affected services; without an incident, of all that Nginx asked."""
    errors = context.table("error_log")["upstream_addr"].dropna()
    asked = context.services or (*map(str, errors.unique()), *context.upstreams.values())
    return context.hosts(asked) - {*LOOPBACK}


def _host(addresses: pd.Series) -> pd.Series:
    return addresses.str.replace(r":\d+$", "", regex=True)


def variables(context: HealthContext) -> Mapping[str, str]:
    """Return the variables that compose sets for the affected service's container."""
    mine = container_of(context)
    return mine.environment if mine is not None else {}


def service_name(context: HealthContext, table: pd.DataFrame) -> str:
    """Return the name under which a table holds the affected service.

    The start commands name the service of an address; a file without a suffix is the main service's.
    """
    names = set(table["service"].fillna("").unique())
    hosts, addresses = context.hosts(context.services[:1]), set(context.known_as(context.services[:1]))
    processes = context.table("app_processes")
    for addr, port, service in zip(processes["addr"], processes["port"], processes["service"], strict=True):
        if not isinstance(addr, str) or not isinstance(service, str):
            continue
        if addr in hosts and (f"{addr}:{port}" in addresses or len(set(processes["addr"])) == len(processes)):
            if service in names:
                return service
            others = {str(name) for name in processes["service"].dropna()} - {service}
            if "" in names and not (names - {""}) - others:
                return ""
    if "" in names:
        return ""
    return _busiest(context, table, names)


@once_per_context
def own_rows(context: HealthContext, table: str) -> pd.DataFrame:
    """Return the affected service's rows of ``app_log`` or ``host_metrics``; do not modify the frame."""
    rows = context.table(table)
    mine = rows["service"].fillna("") == service_name(context, rows)
    return rows if mine.all() else rows[mine]


def own_within(context: HealthContext, table: str, *conditions: str) -> str:
    """Return the query for those rows of the incident that meet the conditions."""
    service = service_name(context, context.table(table))
    return within(context, table, f"coalesce(service, '') = {quoted(service)}", *conditions)


def samples(context: HealthContext, metric: str, count: int, *conditions: str) -> Rows:
    """Return the samples of a metric of the affected process within the incident, which are so many."""
    said = (f"metric = {quoted(metric)}", "value is not null", *conditions)
    return Rows("host_metrics", count, own_within(context, "host_metrics", *said))


@once_per_context
def own_source(context: HealthContext, name: str) -> pd.DataFrame:
    """Return ``app_handlers`` or ``app_calls`` without the source of other services; do not modify the frame.

    The start commands and compose files name the file that serves the affected address. Without them, a file
    such as ``app-NAME.py`` is the named service's. Of several applications that remain, the one that has the
    affected routes is used; if several have them, the one that runs is unknown, and no row is returned.
    """
    every = set(context.table("app_handlers")["application_file"].dropna())
    addresses = context.known_as(context.services[:1])
    processes = context.table("app_processes")
    running = running_applications(addresses, processes, context.compose_services, every)
    if running & every or (running and not every):
        return of_applications(context.table(name), running)
    return _of_affected_service(context, name)


def own_handlers(context: HealthContext, routes: Sequence[str] | None = None) -> dict[str, Handler]:
    """Return the handlers of routes, by default the affected ones, in the service's own source."""
    wanted = list(context.routes if routes is None else routes)
    return handlers_by_route(own_source(context, "app_handlers"), own_source(context, "app_calls"), wanted)


def pool_threads(context: HealthContext) -> int | None:
    """Return how many threads the handlers of the affected routes share; None where that is unknown."""
    calls, handlers = own_source(context, "app_calls"), own_handlers(context).values()
    return pool_tokens(calls, context.table("app_processes"), handlers, variables(context))


def _of_affected_service(context: HealthContext, name: str) -> pd.DataFrame:
    """Return the rows of a table that its file names and the affected routes show to be the service's."""
    table, processes = context.table(name), context.table("app_processes")
    hosts = context.hosts(context.services[:1])
    mine = set(processes.loc[processes["addr"].isin(hosts), "service"].dropna())
    if mine and len(table):
        named = table["file"].str.extract(r"(?:^|/)app-([^/]+)\.py", expand=False)
        if named.isin(mine).any():
            return table[named.isin(mine)]
        table = table[~named.isin(set(processes["service"].dropna()) - mine)]
    several = set(table["application_file"].dropna())
    if len(several) < 2:
        return table
    handlers, calls, routes = context.table("app_handlers"), context.table("app_calls"), list(context.routes)
    with_routes = {
        file
        for file in several
        if handlers_by_route(handlers[handlers["application_file"] == file], calls, routes)
    }
    return of_applications(table, with_routes) if len(with_routes) == 1 else table[:0]


def source_conditions(context: HealthContext, table: str, own: pd.DataFrame) -> tuple[str, ...]:
    """Return the conditions that a row of a table is of the service's own source; none if all rows are."""
    if len(own) == len(context.table(table)):
        return ()
    files = [quoted(file) for file in sorted(own["application_file"].dropna().unique())]
    free = [
        quoted(file) for file in sorted(own.loc[own["application_file"].isna(), "file"].dropna().unique())
    ]
    parts = [f"application_file in ({', '.join(files)})"] if files else []
    parts += [f"(application_file is null and file in ({', '.join(free)}))"] if free else []
    return (f"({' or '.join(parts)})",) if parts else ("false",)


def _busiest(context: HealthContext, table: pd.DataFrame, names: set[str]) -> str:
    """Return the service whose name an affected path holds, else the one with most rows."""
    for route in context.routes:
        for name in sorted(names):
            if name and name in route:
                return name
    counts = table["service"].fillna("").value_counts()
    return str(counts.index[0]) if len(counts) else ""


def source_rows(context: HealthContext, table: str) -> Rows:
    """Return the rows of ``app_handlers`` or ``app_calls`` of the service's own source."""
    own = own_source(context, table)
    return Rows(table, len(own), select(table, *source_conditions(context, table, own)))


@once_per_context
def gauges(context: HealthContext) -> pd.DataFrame:
    """Return the metrics of the affected process, a column each, times as index; do not modify the frame."""
    mine = own_rows(context, "host_metrics").dropna(subset=["time", "value"])
    return mine.pivot_table(index="time", columns="metric", values="value", aggfunc="last").astype("float64")


def waiting(context: HealthContext, at: pd.Index) -> pd.Series | None:
    """Return how many requests Nginx had open at the affected service at some moments; None: unknown."""
    import pandas as pd

    mine = context.joined["seen_nginx"] & context.joined["upstream_addr"].isin(context.services[:1])
    rows = context.joined[mine]
    if rows.empty or not rows["nginx_s"].notna().any():
        return None
    return open_at(rows, pd.Series(at, index=at), "nginx").astype("float64")
