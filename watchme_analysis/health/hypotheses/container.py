"""Checks of the container and the host: what compose grants and publishes, and what neighbours take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from watchme_analysis.evidence.compose import ComposeService
from watchme_analysis.health.hypotheses.cpu import percent
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import quoted, select, within
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import Duration, Message, Number, Resource, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")
# How metrics of a whole machine or control group are called, in words of their names.
_MACHINE = re.compile(r"host|node|machine|system|total|group|cgroup")
_MACHINE_NAMES = re.compile(r"host|node|machine|system|ec2")
# From which share of a machine's CPU there is none left for who asks, and the most that the process may use
# of it itself.
FULL_PCT = 85.0
OWN_SHARE = 0.6
# How long a restart itself may take, from being called for to the server's first line.
RESTART_S = 15.0
# Share of time that a hypervisor takes or tasks stand waiting for CPU (PSI) that a caller notices.
STOLEN_PCT = 20.0


def answered_by_the_host(found: Facts) -> bool:
    """Tell whether connections end on the host, where Docker's proxy takes those to a published port."""
    return all(service.rsplit(":", 1)[0] in LOOPBACK for service in found.services)


def container_of(found: Facts) -> ComposeService | None:
    """Return the affected service's container as compose describes it, None where that can't be told.

    By the published port that Nginx asks, else by the name that the start commands give the address, else
    the only one there is.
    """
    services = found.compose_services
    if len(services) < 2:
        return services[0] if services else None
    processes = found.table("app_processes")
    for address in found.known_as(found.services[:1]):
        host, _, port = address.rpartition(":")
        names = set(processes.loc[processes["addr"] == host, "service"].dropna())
        for one in services:
            published = host in LOOPBACK and any(outer == port for _, outer, _ in one.ports)
            if published or one.name == host or one.name in names:
                return one
    return None


def variables(found: Facts) -> Mapping[str, str]:
    """Return the variables that compose sets for the affected service's container."""
    mine = container_of(found)
    return mine.environment if mine is not None else {}


@detects("host_cpu_full", group="host cpu", needs=("host_metrics",))
@detects("not_published", group="ports", needs=("compose_settings",))
@detects("networks_apart", group="networks", needs=("compose_settings",))
def container(found: Facts) -> list[Observation]:
    """Read what the machine has left, and whether compose publishes the port that Nginx asks."""
    return [*_machine(found), *_published(found), *_networks(found)]


def restart_reason(found: Facts, restarts: pd.Series) -> Message | None:
    """Return in a sentence that the container's own health check explains its restarts; None if it doesn't.

    What watches a health check restarts a container once it is unhealthy: between the check's soonest and
    latest moment after the trouble began, or ever again where the check asks a port at which nobody listens.

    Parameters
    ----------
    found
        The facts.
    restarts
        Times at which the process was started in the incident.
    """
    mine = container_of(found)
    if mine is None or mine.health is None or restarts.empty:
        return None
    checked = re.search(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(\d+)", mine.health.test)
    ports = _listening(found, mine)
    if checked and ports and checked[1] not in ports:
        return message("health-restart-wrong-port", port=Resource(checked[1]), listening=sorted(ports))
    after = (restarts.min() - found.start).total_seconds()
    if mine.health.soonest_s <= after <= mine.health.latest_s + RESTART_S:
        return message(
            "health-restart-unhealthy",
            soonest=Duration(mine.health.soonest_s),
            latest=Duration(mine.health.latest_s),
            after=Duration(round(after)),
        )
    return None


def _listening(found: Facts, mine: ComposeService) -> set[str]:
    """Return the ports at which the container's server listens, by its start command."""
    processes = found.table("app_processes")
    same = processes[processes["service"].fillna("").isin([mine.name, ""])]
    ports = {str(int(port)) for port in same["port"].dropna()}
    return ports | set(re.findall(r"(?:--port[= ]|--bind[= ]\S*:|-b \S*:)(\d+)", mine.command))


def _networks(found: Facts) -> list[Observation]:
    """Find that Nginx's container shares no network with the one that it asks by name."""
    table = found.table("compose_settings")
    services = {one.name: one for one in found.compose_services}
    images = table[table["path"].eq("image") & table["value"].str.contains("nginx", case=False, na=False)]
    proxies = [services[name] for name in dict.fromkeys(images["service"].dropna()) if name in services]
    for address in found.services[:1]:
        target = services.get(address.rpartition(":")[0])
        if target is None or target.network_mode or not proxies or target in proxies:
            continue
        if any(one.network_mode or set(one.networks) & set(target.networks) for one in proxies):
            continue
        apart = message(
            "health-networks-apart",
            service=Resource(target.name),
            networks=target.networks,
            proxy=Resource(proxies[0].name),
            proxy_networks=proxies[0].networks,
        )
        text = sentences(message("health-asked-by-name", address=Resource(address)), apart)
        names = ", ".join(quoted(one.name) for one in (target, *proxies))
        rows = table["service"].isin([target.name, *(one.name for one in proxies)])
        rows &= table["path"].str.startswith("networks")
        sql = select("compose_settings", f"service in ({names})", "path like 'networks%'")
        return [Observation("networks_apart", text, "compose_settings", int(rows.sum()), sql, detail=apart)]
    return []


def _machine(found: Facts) -> list[Observation]:
    metrics = found.table("host_metrics").dropna(subset=["time", "value"])
    for (service, metric), rows in metrics.groupby([metrics["service"].fillna(""), "metric"]):
        short = _short_of_cpu(found, str(service), str(metric), rows)
        if short is None or _own_use(found, metrics) >= OWN_SHARE * FULL_PCT:
            continue
        said = (f"metric = {quoted(str(metric))}", f"coalesce(service, '') = {quoted(str(service))}")
        sql = within(found, "host_metrics", *said, "value is not null")
        count = len(found.of_incident(rows))
        return [
            Observation(
                "host_cpu_full",
                sentences(short, message("health-little-own-cpu")),
                "host_metrics",
                count,
                sql,
                float(found.of_incident(rows)["value"].median()),
                "pct",
                by_count(count),
                short,
            )
        ]
    return []


def _short_of_cpu(found: Facts, service: str, metric: str, rows: pd.DataFrame) -> Message | None:
    """Return in a sentence that a metric of the machine shows no CPU left, None when it does not."""
    during, before = found.of_incident(rows)["value"], rows.loc[rows["time"] < found.start, "value"]
    if len(during) < 3:
        return None
    middle, usual = float(during.median()), float(before.median()) if len(before) else 0.0
    name = metric.lower()
    is_machine = _MACHINE.search(name) or (
        name.startswith("cpu") and _MACHINE_NAMES.fullmatch(service.lower())
    )
    if "steal" in name or ("cpu" in name and re.search(r"psi|pressure|some", name)):
        if middle >= STOLEN_PCT and middle >= 2 * usual:
            levels: dict[str, Value] = {"now": percent(middle), "before": percent(usual)}
            return message("health-metric-stood", metric=Resource(metric), **levels)
    elif "throttl" in name:
        grows = bool((rows["value"].diff().dropna() >= 0).all())
        now, then = (
            (float(during.diff().mean()), float(before.diff().mean()) if len(before) > 2 else 0.0)
            if grows
            else (middle, usual)
        )
        if now > 0 and now >= 3 * max(then, 0.0):
            rates = {"now": Number(now), "before": Number(then)}
            known = "rose" if grows else "stood"
            return message(f"health-metric-{known}", metric=Resource(metric), **rates)
    # A sum over cores exceeds 100 % and says nothing of what is left.
    elif "cpu" in name and is_machine and rows["value"].max() <= 100.5:
        return _full(metric, middle, usual)
    return None


def _full(metric: str, middle: float, usual: float) -> Message | None:
    if middle < FULL_PCT or usual >= FULL_PCT - 10:
        return None
    levels: dict[str, Value] = {"now": percent(middle), "before": percent(usual)}
    return message("health-metric-of-host", metric=Resource(metric), **levels)


def _own_use(found: Facts, metrics: pd.DataFrame) -> float:
    """Return the median CPU of the affected process in the incident, 0 where it is not measured."""
    rows = found.of_incident(metrics[metrics["metric"] == "cpu_pct"])
    named = rows["service"].fillna("")
    mine = rows[~named.str.lower().str.fullmatch(_MACHINE_NAMES.pattern).astype(bool)]
    middles = mine.groupby(mine["service"].fillna(""))["value"].median()
    return float(middles.max()) if len(middles) else 0.0


def _published(found: Facts) -> list[Observation]:
    """Find that no container publishes the port of the host at which Nginx asks the service."""
    services = found.compose_services
    ports = {outer: one.name for one in services for _, outer, _ in one.ports if outer.isdigit()}
    if not ports:
        return []
    joined = found.joined
    good = joined[joined["seen_nginx"] & ~joined["nginx_bad"] & ~joined["during"]]
    for address in found.services[:1]:
        host, _, port = address.rpartition(":")
        served = int((good["upstream_addr"] == address).sum())
        if host not in LOOPBACK or port in ports or served < 3:
            continue
        gone = message(
            "health-not-published",
            port=Resource(port),
            published=(f"{outer} ({name})" for outer, name in ports.items()),
        )
        text = sentences(message("health-published-before", address=Resource(address), requests=served), gone)
        sql = select("compose_settings", "path like 'ports%'")
        count = int(found.table("compose_settings")["path"].str.startswith("ports").sum())
        return [Observation("not_published", text, "compose_settings", count, sql, detail=gone)]
    return []
