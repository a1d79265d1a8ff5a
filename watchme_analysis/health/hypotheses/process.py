"""Checks of the process and host: CPU, threads, open requests, descriptors, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.container import container_of, variables
from watchme_analysis.health.hypotheses.cpu import FEWEST_SAMPLES, cpu
from watchme_analysis.health.hypotheses.facts import Facts, facts
from watchme_analysis.health.hypotheses.handlers import handlers_by_route, pool_tokens
from watchme_analysis.health.hypotheses.memory import memory
from watchme_analysis.health.hypotheses.sql import at_times, quoted, within
from watchme_analysis.health.running_source import of_applications, running_applications
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.observations import floats
from watchme_analysis.text.message import Choice, Count, Number, Value, message

if TYPE_CHECKING:
    import pandas as pd

# Gives the query for the samples of a metric of the affected process within the incident.
Samples = Callable[..., str]


def service_name(found: Facts, table: pd.DataFrame) -> str:
    """Return the name under which a table holds the affected service.

    The start commands name the service of an address; a file without a suffix is the main service's.
    """
    names = set(table["service"].fillna(""))
    hosts, addresses = found.hosts(found.services[:1]), set(found.known_as(found.services[:1]))
    processes = found.table("app_processes")
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
    return _busiest(found, table, names)


def own_source(found: Facts, name: str) -> pd.DataFrame:
    """Return ``app_handlers`` or ``app_calls`` without the source of other services; do not modify the frame.

    The start commands and compose files name the file that serves the affected address. Without them, a file
    such as ``app-NAME.py`` is the named service's. Of several applications that remain, the one that has the
    affected routes is used; if several have them, nobody can tell which one runs, and no row is returned.
    """
    return found.inv.once(_own_source)[name]


def _own_source(inv: Investigation) -> dict[str, pd.DataFrame]:
    """Return the source of the affected service by table; many detectors read it."""
    found = inv.once(facts)
    return {name: _of_affected_service(found, name) for name in ("app_handlers", "app_calls")}


def _of_affected_service(found: Facts, name: str) -> pd.DataFrame:
    table, processes = found.table(name), found.table("app_processes")
    every = set(found.table("app_handlers")["application_file"].dropna())
    services = found.compose_services
    addresses = found.known_as(found.services[:1])
    running = running_applications(addresses, processes, services, every)
    if running & every or (running and not every):
        return of_applications(table, running)
    hosts = found.hosts(found.services[:1])
    mine = set(processes.loc[processes["addr"].isin(hosts), "service"].dropna())
    if mine and len(table):
        named = table["file"].str.extract(r"(?:^|/)app-([^/]+)\.py", expand=False)
        if named.isin(mine).any():
            return table[named.isin(mine)]
        table = table[~named.isin(set(processes["service"].dropna()) - mine)]
    several = set(table["application_file"].dropna())
    if len(several) < 2:
        return table
    handlers, calls, routes = found.table("app_handlers"), found.table("app_calls"), list(found.routes)
    with_routes = {
        file
        for file in several
        if handlers_by_route(handlers[handlers["application_file"] == file], calls, routes)
    }
    return of_applications(table, with_routes) if len(with_routes) == 1 else table[:0]


def source_conditions(found: Facts, table: str, own: pd.DataFrame) -> tuple[str, ...]:
    """Return the conditions that a row of a table is of the service's own source; none if all rows are."""
    if len(own) == len(found.table(table)):
        return ()
    files = [quoted(file) for file in sorted(own["application_file"].dropna().unique())]
    free = [
        quoted(file) for file in sorted(own.loc[own["application_file"].isna(), "file"].dropna().unique())
    ]
    parts = [f"application_file in ({', '.join(files)})"] if files else []
    parts += [f"(application_file is null and file in ({', '.join(free)}))"] if free else []
    return (f"({' or '.join(parts)})",) if parts else ("false",)


def _busiest(found: Facts, table: pd.DataFrame, names: set[str]) -> str:
    """Return the service whose name an affected path holds, else the one with most rows."""
    for route in found.routes:
        for name in sorted(names):
            if name and name in route:
                return name
    counts = table["service"].fillna("").value_counts()
    return str(counts.index[0]) if len(counts) else ""


def gauges(found: Facts) -> pd.DataFrame:
    """Return the metrics of the affected process, a column each, times as index; do not modify the frame."""
    return found.inv.once(_gauges)


def _gauges(inv: Investigation) -> pd.DataFrame:
    found = inv.once(facts)
    metrics = found.table("host_metrics")
    service = service_name(found, metrics)
    mine = metrics[metrics["service"].fillna("") == service].dropna(subset=["time", "value"])
    return mine.pivot_table(index="time", columns="metric", values="value", aggfunc="last").astype("float64")


@detects("pool_full", "pool_free", group="threads", needs=("host_metrics",))
@detects("not_arriving", group="in flight", needs=("host_metrics",))
@detects("cpu_full", "cpu_threads", "cpu_held", "cpu_idle", group="cpu", needs=("host_metrics",))
@detects(
    "files_full",
    group="descriptors",
    needs=(
        "host_metrics",
        "app_log",
    ),
)
@detects("memory_at_limit", "memory_lost", group="memory", needs=("host_metrics",))
@detects(
    "memory_full",
    group="memory",
    needs=(
        "host_metrics",
        "app_log",
    ),
)
def process(found: Facts) -> list[Observation]:
    """Read the gauges of the affected process."""
    metrics = found.table("host_metrics")
    seen: list[Observation] = []
    if len(metrics):
        service = service_name(found, metrics)
        wide = gauges(found)
        during = wide[(wide.index >= found.start) & (wide.index <= found.end)]
        before = wide[wide.index < found.start]
        if len(during) >= FEWEST_SAMPLES:
            mine = f"coalesce(service, '') = {quoted(service)}"

            def samples(metric: str, *conditions: str) -> str:
                said = (f"metric = {quoted(metric)}", "value is not null", *conditions)
                return within(found, "host_metrics", mine, *said)

            seen += _threads(found, during, samples)
            granted = container_of(found)
            others = _others_cpu(metrics, service, during)
            outer = waiting(found, during.index)
            open_too = during if outer is None else during.assign(waiting=outer)
            seen += cpu(open_too, others, before, samples, granted.cpus if granted else None)
            seen += _files(found, during, samples, granted.open_files if granted else None)
            log = found.table("app_log")
            own = log[log["service"].fillna("") == service_name(found, log)]
            bytes_granted = granted.memory_bytes if granted else None
            seen += memory(wide, found.start, found.end, samples, own, bytes_granted)
    return seen


def _others_cpu(metrics: pd.DataFrame, service: str, during: pd.DataFrame) -> pd.DataFrame:
    """Return the CPU of the other processes measured, a column each."""
    rest = metrics[(metrics["service"].fillna("") != service) & (metrics["metric"] == "cpu_pct")]
    rest = rest[(rest["time"] >= during.index.min()) & (rest["time"] <= during.index.max())].dropna(
        subset=["value"]
    )
    named = rest.assign(service=rest["service"].fillna(""))
    return named.pivot_table(index="time", columns="service", values="value", aggfunc="last").astype(
        "float64"
    )


def _threads(found: Facts, during: pd.DataFrame, samples: Samples) -> list[Observation]:
    seen = []
    calls = own_source(found, "app_calls")
    handlers = handlers_by_route(own_source(found, "app_handlers"), calls, list(found.routes))
    tokens = pool_tokens(calls, found.table("app_processes"), handlers.values(), variables(found))
    threads = during["threads"].dropna() if "threads" in during else None
    open_now = during["in_flight"].dropna() if "in_flight" in during else None
    rows, sql = (0, "") if threads is None else (len(threads), samples("threads"))
    most_open = float(open_now.max()) if open_now is not None else float("nan")
    if tokens is None:
        # Nobody can tell whether all of an unknown number are taken.
        pass
    elif threads is not None:
        most = float(threads.max())
        flat = int((threads >= most - 1).sum())
        crowded = most_open > tokens or open_now is None
        if most >= tokens and flat >= 0.4 * rows and crowded:
            known = Choice("unknown" if open_now is None else "known")
            open_most = 0 if open_now is None else round(most_open)
            counts: dict[str, Value] = {
                "threads": Count(round(most)),
                "known": known,
                "requests": Count(open_most),
            }
            text = message("health-pool-full", **counts, flat=flat, samples=rows)
            detail = message("health-pool-full-detail", **counts, pool=tokens)
            seen.append(
                Observation("pool_full", text, "host_metrics", rows, sql, most, "threads", detail=detail)
            )
        elif most < tokens * 0.75 and not most_open >= tokens / 2:
            text = message("health-pool-free", threads=round(most), pool=tokens)
            seen.append(Observation("pool_free", text, "host_metrics", rows, sql, most, "threads"))
    elif open_now is not None and most_open < tokens * 0.75:
        text = message("health-pool-free-by-requests", requests=round(most_open), pool=tokens)
        sql = samples("in_flight")
        seen.append(
            Observation("pool_free", text, "host_metrics", len(open_now), sql, most_open, "requests", 0.7)
        )
    if open_now is not None:
        seen += _not_arriving(found, open_now, samples)
    return seen


def waiting(found: Facts, at: pd.Index) -> pd.Series | None:
    """Return how many requests Nginx had open at the affected service at some moments; None: unknown."""
    import numpy as np
    import pandas as pd

    rows = found.joined[found.joined["seen_nginx"] & found.joined["upstream_addr"].isin(found.services[:1])]
    if rows.empty or not rows["nginx_s"].notna().any():
        return None
    begun, ended = (np.sort(rows[name].to_numpy()) for name in ("nginx_start", "nginx_end"))
    moments = at.to_numpy()
    now = np.searchsorted(begun, moments, side="right") - np.searchsorted(ended, moments, side="right")
    return pd.Series(now, index=at, dtype="float64")


def _not_arriving(found: Facts, gauge: pd.Series, samples: Samples) -> list[Observation]:
    """Compare the requests that Nginx had open with those that the process knew of."""
    outer = waiting(found, gauge.index)
    if outer is None:
        return []
    busy = (outer >= 2).to_numpy()
    if busy.sum() < 3:
        return []
    outside, inside = float(outer[busy].mean()), float(gauge[busy].mean())
    if inside > 0.4 * outside:
        return []
    text = message("health-not-arriving", samples=busy.sum(), outside=Number(outside), inside=Number(inside))
    sql = samples("in_flight", at_times(gauge.index[busy]))
    return [
        Observation("not_arriving", text, "host_metrics", int(busy.sum()), sql, outside - inside, "requests")
    ]


def _files(
    found: Facts, during: pd.DataFrame, samples: Samples, granted: float | None = None
) -> list[Observation]:
    name = next((column for column in during if column in ("open_files", "fds", "open_fds")), None)
    if name is None:
        return []
    files = during[name].dropna()
    limits = floats(found.table("app_processes")["open_files_limit"])
    known = [limit for limit in (*limits, granted or float("nan")) if limit >= files.max()]
    most = float(files.max()) if len(files) else 0.0
    limit = min(known, default=float("nan"))
    if len(files) >= 3 and most >= 0.95 * limit:
        text = message("health-files-full", files=round(most), limit=round(limit))
        return [
            Observation(
                "files_full",
                text,
                "host_metrics",
                len(files),
                samples(str(name)),
                most,
                "files",
                detail=text,
            )
        ]
    return []
