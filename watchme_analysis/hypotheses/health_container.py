"""Checks of the container and the host: what compose grants and publishes, and what neighbours take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from watchme_analysis.analysis.compose_services import ComposeService, compose_services
from watchme_analysis.hypotheses.health_facts import Facts, listed
from watchme_analysis.hypotheses.health_seen import Seen
from watchme_analysis.hypotheses.health_sql import quoted, select, within

if TYPE_CHECKING:
    import pandas as pd

NETWORK, SATURATION = "docker_network", "app_saturation"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")
# How metrics of a whole machine or control group are called, in words of their names.
_MACHINE = re.compile(r"host|node|machine|system|total|group|cgroup")
_MACHINE_NAMES = re.compile(r"host|node|machine|system|ec2")
# From which share of a machine's CPU there is none left for who asks, and the most that the process may use
# of it itself.
FULL_PCT = 85.0
OWN_SHARE = 0.6
# Share of time that a hypervisor takes or tasks stand waiting for CPU (PSI) that a caller notices.
STOLEN_PCT = 20.0


def container_of(found: Facts) -> ComposeService | None:
    """Return the affected service's container as compose describes it, None where that can't be told.

    By the published port that Nginx asks, else by the name that the start commands give the address, else
    the only one there is.
    """
    services = compose_services(found.table("compose_settings"))
    if len(services) < 2:
        return services[0] if services else None
    processes = found.table("app_processes")
    for address in found.services[:1]:
        host, _, port = address.rpartition(":")
        names = set(processes.loc[processes["addr"] == host, "service"].dropna())
        for one in services:
            published = host in LOOPBACK and any(outer == port for _, outer, _ in one.ports)
            if published or one.name == host or one.name in names:
                return one
    return None


def container(found: Facts) -> list[Seen]:
    """Read what the machine has left, and whether compose publishes the port that Nginx asks."""
    return [*_machine(found), *_published(found)]


def _machine(found: Facts) -> list[Seen]:
    metrics = found.table("host_metrics").dropna(subset=["time", "value"])
    for (service, metric), rows in metrics.groupby([metrics["service"].fillna(""), "metric"]):
        words = _short_of_cpu(found, str(service), str(metric), rows)
        if words is None or _own_use(found, metrics) >= OWN_SHARE * FULL_PCT:
            continue
        said = (f"metric = {quoted(str(metric))}", f"coalesce(service, '') = {quoted(str(service))}")
        sql = within(found, "host_metrics", *said, "value is not null")
        count = len(found.of_incident(rows))
        return [
            Seen(
                "host_cpu_full",
                f"{words[0].upper()}{words[1:]}, while the process itself used little CPU.",
                "host_metrics",
                count,
                sql,
                float(found.of_incident(rows)["value"].median()),
                "pct",
                min(1.0, count / 6),
                {SATURATION: words},
            )
        ]
    return []


def _short_of_cpu(found: Facts, service: str, metric: str, rows: pd.DataFrame) -> str | None:
    """Return in words that a metric of the machine shows no CPU left, None when it does not."""
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
            return f"{metric} stood at {middle:.0f} % (before {usual:.0f} %)"
    elif "throttl" in name:
        grows = bool((rows["value"].diff().dropna() >= 0).all())
        now, then = (
            (float(during.diff().mean()), float(before.diff().mean()) if len(before) > 2 else 0.0)
            if grows
            else (middle, usual)
        )
        if now > 0 and now >= 3 * max(then, 0.0):
            return (
                f"{metric} rose by {now:.1f} a sample (before {then:.1f})"
                if grows
                else (f"{metric} stood at {now:.1f} (before {then:.1f})")
            )
    # A sum over cores exceeds 100 % and says nothing of what is left.
    elif "cpu" in name and is_machine and rows["value"].max() <= 100.5:
        return _full(metric, middle, usual)
    return None


def _full(metric: str, middle: float, usual: float) -> str | None:
    if middle < FULL_PCT or usual >= FULL_PCT - 10:
        return None
    return f"{metric} of the host stood at {middle:.0f} % (before {usual:.0f} %)"


def _own_use(found: Facts, metrics: pd.DataFrame) -> float:
    """Return the median CPU of the affected process in the incident, 0 where it is not measured."""
    rows = found.of_incident(metrics[metrics["metric"] == "cpu_pct"])
    named = rows["service"].fillna("")
    mine = rows[~named.str.lower().str.fullmatch(_MACHINE_NAMES.pattern).astype(bool)]
    middles = mine.groupby(mine["service"].fillna(""))["value"].median()
    return float(middles.max()) if len(middles) else 0.0


def _published(found: Facts) -> list[Seen]:
    """Find that no container publishes the port of the host at which Nginx asks the service."""
    services = compose_services(found.table("compose_settings"))
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
        said = listed(f"{outer} ({name})" for outer, name in ports.items())
        words = f"no container publishes port {port} any more, at which Nginx asks; published are {said}"
        text = f"Nginx asked {address}, which served {served} requests well before; by compose {words}."
        sql = select("compose_settings", "path like 'ports%'")
        count = int(found.table("compose_settings")["path"].str.startswith("ports").sum())
        return [Seen("not_published", text, "compose_settings", count, sql, details={NETWORK: words})]
    return []
