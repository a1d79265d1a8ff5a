"""Signals of the way from Nginx into the container: connections, ports, lost packets, stalled bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.affected_service import answered_by_the_host
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.incident import INSTANT_S, USUAL_QUANTILE
from watchme_analysis.health.rows import lines, of_joined, of_observed, quoted, select
from watchme_analysis.health.running_source import LOOPBACK
from watchme_analysis.health.signals import listen_queue
from watchme_analysis.health.signals.listen_queue import LATE_SHARE, SLOW_CONNECT_S
from watchme_analysis.health.signals.upstreams import error_kind, started_at
from watchme_analysis.health.thresholds import (
    BY_CHANCE,
    CALM_SHARE,
    FEWEST,
    FEWEST_OF_ROUTE,
    MANY,
    MOST,
    PART,
    concerns,
)
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.layers import logs_connects, made_slow
from watchme_analysis.text.message import (
    Code,
    Count,
    Duration,
    Names,
    Resource,
    Text,
    Value,
    message,
    sentences,
)

if TYPE_CHECKING:
    import pandas as pd

# A lost first packet of a connection is sent again after 1, 3 and 7 s (RFC 6298), by Linux since 6.5 four
# times a second apart at first (tcp_syn_linear_timeouts).
SENT_AGAIN_S = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
# Linux sends an unanswered segment again after 200 ms at the earliest (TCP_RTO_MIN).
RETRANSMIT_S = (0.195, 0.26)
RECONNECT_S = (0.995, 1.07)
# Strength of time limits in the error log: a connection that nobody accepts runs into them as well.
BY_ERRORS = 0.5
# What the access log may have told already of connections that came late.
OF_CONNECTING = {"connect_slow", "connect_lost", "queue_full", "worker_queue_full"}


@detects("connect_lost", "connect_quick", "retransmitted", group="connect", needs=("access_log/times",))
@detects(
    "connect_slow",
    "queue_full",
    "worker_queue_full",
    group="connect",
    needs=("access_log/times", "error_log"),
)
@detects("refused_at_own_port", "unreachable", group="connect", needs=("error_log",))
@detects("body_stalls", group="body", needs=("access_log/times", "error_log"))
@detects("listens_locally", group="start command", needs=("app_processes",))
def network(context: HealthContext) -> list[Observation]:
    """Return observations of connections to the affected service, and of where responses were delayed."""
    seen = []
    if context.has("access_log"):
        seen += _by_access_log(context)
    if context.has("error_log"):
        known = {one.signal for one in seen}
        seen += _by_error_log(context, known) + _full_socket(context, known)
    return seen + _local_address(context)


def _passed_on(context: HealthContext) -> pd.DataFrame:
    """Return requests of the incident that Nginx passed to an affected service's usual address."""
    rows = context.joined_during
    seen = rows["seen_nginx"]
    if (seen & rows["upstream_addr"].notna()).any():
        return rows[seen & rows["upstream_addr"].isin(context.services)]
    # A log that names no address has the paths that the configuration sends there.
    return rows[seen & rows["route"].map(context.upstreams).isin(context.services)]


def _by_access_log(context: HealthContext) -> list[Observation]:
    passed_on = _passed_on(context)
    if len(passed_on) < FEWEST_OF_ROUTE or passed_on["response_s"].isna().all():
        return []
    parts = context.layer_times.loc[passed_on.index]
    seen = [*_connects(context, passed_on, parts), *_sent_again(context, passed_on)]
    bad = passed_on[passed_on["nginx_bad"] & passed_on["route"].isin(context.routes)]
    stalled = _stalled(parts.loc[bad.index])
    if concerns(len(stalled), len(bad), MOST):
        seen.append(_body(context, passed_on, stalled, len(bad)))
    return seen


def _usual_connects(context: HealthContext, passed_on: pd.DataFrame) -> pd.Series:
    """Return the time that a connection to the upstream of each request usually takes, in seconds.

    It is a round trip, which is long where the upstream is far away. Connections of the time outside of the
    incident show it; kept ones, which take no time, do not.
    """
    mine = context.well_served[["upstream_addr", "connect_s", "during"]].dropna()
    new = mine[~mine["during"] & (mine["connect_s"] > 0)].groupby("upstream_addr")["connect_s"]
    usual = new.quantile(USUAL_QUANTILE)[new.size() >= MANY]
    if not mine["during"].all():
        return passed_on["upstream_addr"].map(usual).astype("float64").fillna(0.0)
    every = mine.groupby("upstream_addr")["connect_s"].quantile(USUAL_QUANTILE)
    return passed_on["upstream_addr"].map(every).astype("float64").fillna(0.0)


def _none_connected(context: HealthContext, passed_on: pd.DataFrame) -> bool:
    """Return whether no connection came about from the first to the last one that did not: none was late."""
    import pandas as pd

    if not logs_connects(context.joined):
        return False
    tried = passed_on[passed_on["response_s"].notna()]
    failed = tried.loc[tried["connect_s"].isna(), "nginx_start"]
    made = tried["nginx_start"] + pd.to_timedelta(tried["connect_s"], unit="s")
    return len(failed) >= FEWEST and not made.between(failed.min(), failed.max()).any()


def _connects(context: HealthContext, passed_on: pd.DataFrame, parts: pd.DataFrame) -> list[Observation]:
    """Return observations of the time to connect; where it was long, whether the queue or packets failed."""
    usual_s = _usual_connects(context, passed_on)
    longest, limit = float(parts["connect_s"].max()), SLOW_CONNECT_S + float(usual_s.max())
    parts = parts.assign(connect_s=(parts["connect_s"] - usual_s).clip(lower=0.0))
    # Where no host has the address, the kernel asks for one for seconds (arp(7)): no packet was sent before.
    no_host = context.fates.loc[context.fates["fate"] == "unreachable", "row"]
    late = parts["connect_s"] > SLOW_CONNECT_S
    if late.any() and late.index[late].isin(no_host).mean() >= MOST:
        return []
    tries = parts["connect_s"].notna()
    waited = parts.loc[tries, "connect_s"] > SLOW_CONNECT_S
    slow, total = int(waited.sum()), int(tries.sum())
    connects: dict[str, Value] = {
        "services": Names(context.services),
        "slow": Count(slow),
        "requests": Count(total),
    }
    connected = of_joined("nginx", passed_on[tries])
    if total >= FEWEST_OF_ROUTE and concerns(slow, total, LATE_SHARE):
        # Who gave up connecting after a second or more sent first packets again, in vain.
        in_vain = parts["gave_up_in"].eq("connect") & (parts["connect_s"] >= RECONNECT_S[0])
        again = int((parts.loc[tries, "connect_s"].map(_retransmitted) | in_vain[tries].fillna(False)).sum())
        text: Text = message(
            "health-connect-slow", **connects, limit=Duration(limit), longest=Duration(longest), again=again
        )
        outcome, queue_text = listen_queue.state(
            context, passed_on, parts, is_sent_again=again >= MOST * slow
        )
        if outcome == "connect_slow" and _none_connected(context, passed_on):
            return []
        text = sentences(text, queue_text)
        detail = message(
            "health-queue-full-detail" if "queue" in outcome else "health-connect-slow-detail", **connects
        )
        return [Observation(outcome, text, *connected, slow / total, "share", by_count(slow), detail)]
    if (
        total >= FEWEST_OF_ROUTE
        and passed_on["connect_s"].notna().any()
        and not answered_by_the_host(context)
    ):
        turned_away = context.errors["kind"].eq("upstream_refused").any()
        text = message(
            "health-connect-quick-or-refused" if turned_away else "health-connect-quick",
            quick=total - slow,
            requests=total,
            services=context.services,
            limit=Duration(limit),
        )
        return [Observation("connect_quick", text, *connected, slow / total, "share")]
    return []


def _waits_s(requests: pd.DataFrame) -> pd.Series:
    """Return how long responses let Nginx wait once it was connected, in seconds."""
    return requests["header_s"].fillna(requests["response_s"]) - requests["connect_s"].fillna(0.0)


def _sent_again(context: HealthContext, passed_on: pd.DataFrame) -> list[Observation]:
    """Return an observation of waits that cluster at the times after which TCP sends a lost packet again.

    A far upstream may always take as long.
    """
    services = context.services
    waits = _waits_s(passed_on[passed_on["nginx_status"] < 400])
    long = waits[waits > RETRANSMIT_S[0] / 2]
    # Where the log has no connect time, the wait for a lost first packet is part of the answer's.
    first, second = long.between(*RETRANSMIT_S), long.between(*RECONNECT_S)
    between = int((long < RETRANSMIT_S[0]).sum())
    around = int(long.between(0.5, 2.0).sum())
    clustered = first if first.sum() >= second.sum() else second
    hits = int(clustered.sum())
    if hits < FEWEST_OF_ROUTE or hits < 0.15 * len(long):
        return []
    if between > PART * hits or (clustered is second and hits < MOST * around):
        return []
    calm = context.well_served[~context.well_served["during"]]
    usual = _waits_s(calm[calm["route"].isin(passed_on["route"])])
    bounds = RETRANSMIT_S if clustered is first else RECONNECT_S
    if usual.between(*bounds).mean() >= MOST * hits / len(waits):
        return []
    text = message(
        "health-retransmitted",
        hits=hits,
        waits=len(long),
        services=services,
        time=Duration(0.2 if clustered is first else 1.0),
    )
    detail = message("health-retransmitted-detail", services=services, hits=hits)
    rows = of_joined("nginx", passed_on.loc[long.index[clustered]])
    return [
        Observation("retransmitted", text, *rows, hits / len(long), "share", by_count(hits, MANY), detail)
    ]


def _retransmitted(connect_s: float) -> bool:
    return any(again <= connect_s <= again + 0.12 for again in SENT_AGAIN_S)


def _stalled(parts: pd.DataFrame) -> pd.DataFrame:
    """Return requests whose time passed in the body, the header having come quickly."""
    return parts[made_slow(parts["body_s"], parts["total_s"])]


def _body(context: HealthContext, passed_on: pd.DataFrame, stalled: pd.DataFrame, bad: int) -> Observation:
    middle = float(stalled["body_s"].median())
    calm = passed_on[~passed_on["nginx_bad"] & ~passed_on["route"].isin(context.routes)]
    usual = context.joined[context.joined["route"].isin(context.routes) & ~context.joined["nginx_bad"]]
    sizes = None
    if len(calm) and usual["nginx_bytes"].notna().any():
        small, large = float(calm["nginx_bytes"].quantile(0.95)), float(usual["nginx_bytes"].quantile(0.05))
        if large > small:
            sizes = message("health-body-sizes", large=round(large), small=round(small))
    stands = message(
        "health-body-stalls", stalled=len(stalled), bad=bad, paths=context.endpoints, time=Duration(middle)
    )
    text = sentences(stands, sizes)
    detail = sentences(message("health-body-stalls-detail", paths=context.endpoints), sizes)
    rows = of_joined("nginx", passed_on.loc[stalled.index])
    return Observation("body_stalls", text, *rows, middle, "s", by_count(len(stalled)), detail)


def _by_error_log(context: HealthContext, seen_signals: set[str]) -> list[Observation]:
    """Return what the lines of the bad requests show where the access log has no times."""
    fates = context.fates
    mine = fates[fates["address"].isin(context.known_as(context.services)) & (fates["error_row"] >= 0)]
    if len(mine) < FEWEST:
        return []
    seen = []

    def signal(name: str, rows: pd.DataFrame, how: Text | None = None, **more: Any) -> Observation:
        logged = context.lines_of(rows)
        kind = error_kind(str(logged["kind"].mode().iloc[0]))
        values: dict[str, Value] = {"services": Names(context.services), "kind": kind}
        text = message("health-upstream-errors", **values, errors=len(rows), total=len(mine))
        how = how or message("health-upstream-errors-detail", **values)
        return Observation(name, text, *lines("error_log", logged), detail=how, **more)

    turned_away = mine[mine["fate"].isin(["refused", "unreachable"])]
    if concerns(len(turned_away), len(mine)):
        own = {*context.serving, *started_at(context)}
        if str(turned_away["fate"].mode().iloc[0]) == "unreachable":
            seen.append(signal("unreachable", turned_away))
        # Nginx asks the port that serves at other times, or at which a process is started.
        elif turned_away.loc[turned_away["fate"].eq("refused"), "address"].isin(own).all():
            seen.append(signal("refused_at_own_port", turned_away))
    late = mine[mine["fate"].eq("connect_timeout")]
    is_told = seen_signals & OF_CONNECTING or _none_connected(context, _passed_on(context))
    if concerns(len(late), len(mine)) and not is_told:
        how = message("health-connect-timeout-detail", services=context.services, times=len(late))
        seen.append(signal("connect_slow", late, strength=BY_ERRORS, how=how))
    stopped = mine[mine["fate"].eq("body_timeout")]
    if concerns(len(stopped), len(mine)) and "body_stalls" not in seen_signals:
        how = message("health-body-stalls-detail", paths=context.endpoints)
        seen.append(signal("body_stalls", stopped, strength=BY_ERRORS, how=how))
    return seen


def _full_socket(context: HealthContext, seen_signals: set[str]) -> list[Observation]:
    """Return an observation of connections that a full listen queue of a Unix socket turned away (unix(7)).

    A loop takes connections unless it is held. Workers take none while all of them serve, and the server may
    be either where nothing shows which.
    """
    errors = context.errors
    mine = errors[route_templates(errors["path"]).isin(context.routes)]
    full = mine[mine["kind"] == "upstream_queue_full"]
    if not concerns(len(full), len(mine)) or seen_signals & {"queue_full", "worker_queue_full"}:
        return []
    kind = error_kind("upstream_queue_full")
    services = Names(tuple(sorted(set(full["upstream_addr"].dropna()))))
    text = message("health-upstream-errors", errors=len(full), total=len(mine), services=services, kind=kind)
    detail = message("health-socket-queue-full-detail", services=services, times=len(full))
    outcome = "queue_full" if server_kind(context) == "loop" else "worker_queue_full"
    return [Observation(outcome, text, *lines("error_log", full), detail=detail)]


def _local_address(context: HealthContext) -> list[Observation]:
    """Return an observation of a server that listens on its container's loopback address alone."""
    processes = context.table("app_processes")
    if processes.empty:
        return []
    hosts = context.hosts(context.services)
    mine = processes[processes["addr"].isin(hosts) | processes["addr"].isna()]
    local = mine[mine["host"].isin(["127.0.0.1", "localhost", "::1"])]
    remote = hosts - {"127.0.0.1", "localhost", "::1"}
    if local.empty or not remote:
        return []
    host = Resource(str(local["host"].iloc[0]))
    command = Code(str(local["command"].iloc[0]))
    text = message("health-listens-locally", host=host, addresses=sorted(remote), command=command)
    detail = message("health-listens-locally-detail", host=host)
    return [Observation("listens_locally", text, *lines("app_processes", local), detail=detail)]


@detects("connect_slow_from_host", group="connect", needs=("probes/host", "probes/inside"))
def probe_connects(context: HealthContext) -> list[Observation]:
    """Return an observation of connections that are slow from the host and quick from inside.

    Both go to one queue of the kernel, which accepts without the application: only the way differs.
    """
    inside, host = _connected_probes(context, "inside"), _connected_probes(context, "host")
    probes = context.table("probes")
    calm = probes[probes["vantage"].eq("host") & ~probes["time"].between(context.start, context.end)]
    usual_s = calm["connect_s"].astype("float64").quantile(USUAL_QUANTILE)
    limit_s = SLOW_CONNECT_S + (float(usual_s) if usual_s > 0 else 0.0)
    slow = host[host["connect_s"] > limit_s]
    if not concerns(len(slow), len(host), CALM_SHARE):
        return []
    by_chance = (1 - len(slow) / len(host)) ** len(inside)
    if (inside["connect_s"] > SLOW_CONNECT_S).any() or len(inside) < FEWEST or by_chance > BY_CHANCE:
        return []
    longest = float(slow["connect_s"].max())
    connects: dict[str, Value] = {"services": Names(context.services), "longest": Duration(longest)}
    text = message(
        "health-connect-slow-from-host",
        **connects,
        slow=len(slow),
        probes=len(host),
        limit=Duration(limit_s),
        inside=len(inside),
        longest_inside=Duration(float(inside["connect_s"].max())),
    )
    detail = message("health-connect-slow-from-host-detail", **connects)
    strength = by_count(len(slow))
    return [
        Observation("connect_slow_from_host", text, *lines("probes", slow), longest, "s", strength, detail)
    ]


@detects("cut_from_host", group="host and inside", needs=("probes/host", "probes/inside"))
def cut_from_host(context: HealthContext) -> list[Observation]:
    """Return an observation of connections from the host that end at once, while those from inside do not.

    It may meet few of the requests: then most moments have more good than bad ones. A process that dies or
    refuses does so to callers inside as well, and one that is stuck ends nothing at once. A prober that is
    cut off before and after the incident as well asks at a wrong place.
    """
    import pandas as pd

    mine = context.observed[context.observed["route"].isin(context.routes)]
    ended = mine["failed"] & mine["status"].isna() & (mine["duration_s"] < INSTANT_S)
    always = ended[~mine["during"] & (mine["vantage"] == "host")].any()
    mine = mine[mine["during"]]
    host = mine[mine["vantage"] == "host"]
    cut = host[ended[host.index]]
    if always or not concerns(len(cut), len(host), CALM_SHARE):
        return []
    inside = mine[mine["vantage"] == "inside"]
    # No probe from the host is nearer in time than their usual interval.
    interval_s = float(host.sort_values("start").groupby("route")["start"].diff().dt.total_seconds().median())
    reach = pd.Timedelta(seconds=interval_s)
    near = inside[[bool(cut["start"].between(at - reach, at + reach).any()) for at in inside["start"]]]
    by_chance = (1 - len(cut) / len(host)) ** len(near)
    if near["failed"].any() or len(near) < FEWEST or by_chance > BY_CHANCE:
        return []
    text = message(
        "health-cut-from-host",
        cut=len(cut),
        probes=len(host),
        paths=context.endpoints,
        inside=len(near),
        near=Duration(interval_s),
    )
    detail = message("health-cut-from-host-detail", services=context.services, cut=len(cut), probes=len(host))
    return [
        Observation(
            "cut_from_host",
            text,
            *of_observed(cut),
            len(cut) / len(host),
            "share",
            by_count(len(cut)),
            detail,
        )
    ]


def _connected_probes(context: HealthContext, vantage: str) -> pd.DataFrame:
    """Return a vantage's probes of the incident that connected to an affected service."""
    mine = context.affected.loc[context.affected["vantage"] == vantage, ["file", "line"]]
    probes = context.table("probes").dropna(subset=["connect_s"])
    return probes.merge(mine.drop_duplicates(), on=["file", "line"])


@detects("networks_apart", group="networks", needs=("compose_settings",))
def networks(context: HealthContext) -> list[Observation]:
    """Return an observation of two containers without a common network: Nginx's and the one that it names."""
    table = context.table("compose_settings")
    services = {one.name: one for one in context.compose_services}
    images = table[table["path"].eq("image") & table["value"].str.contains("nginx", case=False, na=False)]
    proxies = [services[name] for name in dict.fromkeys(images["service"].dropna()) if name in services]
    for address in context.services[:1]:
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


@detects("not_published", group="ports", needs=("compose_settings",))
def published(context: HealthContext) -> list[Observation]:
    """Return an observation of a host's port that Nginx passes requests to and no container publishes."""
    services = context.compose_services
    ports = {outer: one.name for one in services for _, outer, _ in one.ports if outer.isdigit()}
    if not ports:
        return []
    good = context.well_served[~context.well_served["during"]]
    for address in context.services[:1]:
        host, _, port = address.rpartition(":")
        served = int((good["upstream_addr"] == address).sum())
        if host not in LOOPBACK or port in ports or served < FEWEST:
            continue
        gone = message(
            "health-not-published",
            port=Resource(port),
            published=(f"{outer} ({name})" for outer, name in ports.items()),
        )
        text = sentences(message("health-published-before", address=Resource(address), requests=served), gone)
        sql = select("compose_settings", "path like 'ports%'")
        count = int(context.table("compose_settings")["path"].str.startswith("ports").sum())
        return [Observation("not_published", text, "compose_settings", count, sql, detail=gone)]
    return []


DETECTORS = (network, probe_connects, cut_from_host, published, networks)
