"""Signals of the way from Nginx into the container: connections, ports, lost packets, stalled bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.affected_service import answered_by_the_host
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.incident import INSTANT_S, USUAL_QUANTILE
from watchme_analysis.health.rows import (
    Rows,
    Values,
    lines,
    observation,
    of_joined,
    of_observed,
    quoted,
    select,
)
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
from watchme_analysis.text.message import Code, Duration, Names, Resource, Text, message

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
    seen = [*_by_access_log(context)] if context.has("access_log") else []
    if context.has("error_log"):
        known = {one.signal for one in seen}
        seen += [*_by_error_log(context, known), *_full_socket(context, known)]
    return [*seen, *_local_address(context)]


def _passed_on(context: HealthContext) -> pd.DataFrame:
    """Return requests of the incident that Nginx passed to an affected service's usual address."""
    rows = context.joined_during
    seen = rows["seen_nginx"]
    if (seen & rows["upstream_addr"].notna()).any():
        return rows[seen & rows["upstream_addr"].isin(context.services)]
    # A log that names no address has the paths that the configuration sends there.
    return rows[seen & rows["route"].map(context.upstreams).isin(context.services)]


def _by_access_log(context: HealthContext) -> Iterator[Observation]:
    passed_on = _passed_on(context)
    if len(passed_on) < FEWEST_OF_ROUTE or passed_on["response_s"].isna().all():
        return
    parts = context.layer_times.loc[passed_on.index]
    yield from _connects(context, passed_on, parts)
    yield from _sent_again(context, passed_on)
    bad = passed_on[passed_on["nginx_bad"] & passed_on["route"].isin(context.routes)]
    # Requests whose time passed in the body, the header having come quickly.
    of_bad = parts.loc[bad.index]
    stalled = of_bad[made_slow(of_bad["body_s"], of_bad["total_s"])]
    if concerns(len(stalled), len(bad), MOST):
        middle_s, sizes = float(stalled["body_s"].median()), _body_sizes(context, passed_on)
        yield observation(
            context,
            "body_stalls",
            of_joined("nginx", passed_on.loc[stalled.index]),
            (middle_s, "s"),
            more=sizes,
            rule=sizes,
            strength=by_count(len(stalled)),
            stalled=len(stalled),
            bad=len(bad),
            time=Duration(middle_s),
        )


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


def _connects(context: HealthContext, passed_on: pd.DataFrame, parts: pd.DataFrame) -> Iterator[Observation]:
    """Yield observations of the time to connect; where it was long, whether the queue or packets failed."""
    usual_s = _usual_connects(context, passed_on)
    longest, limit = float(parts["connect_s"].max()), SLOW_CONNECT_S + float(usual_s.max())
    parts = parts.assign(connect_s=(parts["connect_s"] - usual_s).clip(lower=0.0))
    # Where no host has the address, the kernel asks for one for seconds (arp(7)): no packet was sent before.
    no_host = context.fates.loc[context.fates["fate"] == "unreachable", "row"]
    late = parts["connect_s"] > SLOW_CONNECT_S
    if late.any() and late.index[late].isin(no_host).mean() >= MOST:
        return
    tries = parts["connect_s"].notna()
    waited = parts.loc[tries, "connect_s"] > SLOW_CONNECT_S
    slow, total = int(waited.sum()), int(tries.sum())
    rows, share = of_joined("nginx", passed_on[tries]), slow / max(total, 1)
    if total >= FEWEST_OF_ROUTE and concerns(slow, total, LATE_SHARE):
        # Who gave up connecting after a second or more sent first packets again, in vain.
        in_vain = parts["gave_up_in"].eq("connect") & (parts["connect_s"] >= RECONNECT_S[0])
        again = int((parts.loc[tries, "connect_s"].map(_retransmitted) | in_vain[tries].fillna(False)).sum())
        is_sent_again = again >= MOST * slow
        outcome, queue_text = listen_queue.state(context, passed_on, parts, is_sent_again=is_sent_again)
        if outcome == "connect_slow" and _none_connected(context, passed_on):
            return
        connects: Values = {
            "services": Names(context.services),
            "slow": slow,
            "requests": total,
        }
        yield observation(
            context,
            outcome,
            rows,
            (share, "share"),
            words="connect-slow",
            more=queue_text,
            detail=message(
                "health-queue-full-detail" if "queue" in outcome else "health-connect-slow-detail", **connects
            ),
            strength=by_count(slow),
            limit=Duration(limit),
            longest=Duration(longest),
            again=again,
            **connects,
        )
    elif (
        total >= FEWEST_OF_ROUTE
        and passed_on["connect_s"].notna().any()
        and not answered_by_the_host(context)
    ):
        turned_away = context.errors["kind"].eq("upstream_refused").any()
        counts: Values = {"quick": total - slow, "requests": total}
        yield observation(
            context,
            "connect_quick",
            rows,
            (share, "share"),
            words="connect-quick-or-refused" if turned_away else "connect-quick",
            limit=Duration(limit),
            **counts,
        )


def _waits_s(requests: pd.DataFrame) -> pd.Series:
    """Return how long responses let Nginx wait once it was connected, in seconds."""
    return requests["header_s"].fillna(requests["response_s"]) - requests["connect_s"].fillna(0.0)


def _sent_again(context: HealthContext, passed_on: pd.DataFrame) -> Iterator[Observation]:
    """Yield the observation of waits that cluster at the times after which TCP sends a lost packet again.

    A far upstream may always take as long.
    """
    waits = _waits_s(passed_on[passed_on["nginx_status"] < 400])
    long = waits[waits > RETRANSMIT_S[0] / 2]
    # Where the log has no connect time, the wait for a lost first packet is part of the answer's.
    first, second = long.between(*RETRANSMIT_S), long.between(*RECONNECT_S)
    between = int((long < RETRANSMIT_S[0]).sum())
    around = int(long.between(0.5, 2.0).sum())
    clustered = first if first.sum() >= second.sum() else second
    hits = int(clustered.sum())
    if hits < FEWEST_OF_ROUTE or hits < 0.15 * len(long):
        return
    if between > PART * hits or (clustered is second and hits < MOST * around):
        return
    calm = context.well_served[~context.well_served["during"]]
    usual = _waits_s(calm[calm["route"].isin(passed_on["route"])])
    bounds = RETRANSMIT_S if clustered is first else RECONNECT_S
    if usual.between(*bounds).mean() < MOST * hits / len(waits):
        yield observation(
            context,
            "retransmitted",
            of_joined("nginx", passed_on.loc[long.index[clustered]]),
            (hits / len(long), "share"),
            strength=by_count(hits, MANY),
            hits=hits,
            waits=len(long),
            time=Duration(0.2 if clustered is first else 1.0),
        )


def _retransmitted(connect_s: float) -> bool:
    return any(again <= connect_s <= again + 0.12 for again in SENT_AGAIN_S)


def _body_sizes(context: HealthContext, passed_on: pd.DataFrame) -> Text | None:
    """Return a sentence that the stalled responses are usually larger than those that did well; else None."""
    calm = passed_on[~passed_on["nginx_bad"] & ~passed_on["route"].isin(context.routes)]
    usual = context.joined[context.joined["route"].isin(context.routes) & ~context.joined["nginx_bad"]]
    small, large = calm["nginx_bytes"].quantile(0.95), usual["nginx_bytes"].quantile(0.05)
    return message("health-body-sizes", large=round(large), small=round(small)) if large > small else None


def _by_error_log(context: HealthContext, seen_signals: set[str]) -> Iterator[Observation]:
    """Yield what the lines of the bad requests show where the access log has no times."""
    fates = context.fates
    mine = fates[fates["address"].isin(context.known_as(context.services)) & (fates["error_row"] >= 0)]
    if len(mine) < FEWEST:
        return

    def signal(name: str, rows: pd.DataFrame, **more: Any) -> Observation:
        logged = context.lines_of(rows)
        more |= {"kind": error_kind(str(logged["kind"].mode().iloc[0])), "total": len(mine)}
        behind = lines("error_log", logged)
        return observation(context, name, behind, words="upstream-errors", errors=len(rows), **more)

    turned_away, late, stopped = (
        mine[mine["fate"].isin(names)]
        for names in (["refused", "unreachable"], ["connect_timeout"], ["body_timeout"])
    )
    if concerns(len(turned_away), len(mine)):
        own = {*context.serving, *started_at(context)}
        if str(turned_away["fate"].mode().iloc[0]) == "unreachable":
            yield signal("unreachable", turned_away)
        # Nginx asks the port that serves at other times, or at which a process is started.
        elif turned_away.loc[turned_away["fate"].eq("refused"), "address"].isin(own).all():
            yield signal("refused_at_own_port", turned_away)
    is_told = seen_signals & OF_CONNECTING or _none_connected(context, _passed_on(context))
    if concerns(len(late), len(mine)) and not is_told:
        how = message("health-connect-timeout-detail", services=context.services, times=len(late))
        yield signal("connect_slow", late, strength=BY_ERRORS, detail=how)
    if concerns(len(stopped), len(mine)) and "body_stalls" not in seen_signals:
        how = message("health-body-stalls-detail", paths=context.endpoints)
        yield signal("body_stalls", stopped, strength=BY_ERRORS, detail=how)


def _full_socket(context: HealthContext, seen_signals: set[str]) -> Iterator[Observation]:
    """Yield the observation of connections that a full listen queue of a Unix socket turned away (unix(7)).

    A loop takes connections unless it is held. Workers take none while all of them serve, and the server may
    be either where nothing shows which.
    """
    errors = context.errors
    mine = errors[route_templates(errors["path"]).isin(context.routes)]
    full = mine[mine["kind"] == "upstream_queue_full"]
    if not concerns(len(full), len(mine)) or seen_signals & {"queue_full", "worker_queue_full"}:
        return
    services = Names(tuple(sorted(set(full["upstream_addr"].dropna()))))
    yield observation(
        context,
        "queue_full" if server_kind(context) == "loop" else "worker_queue_full",
        lines("error_log", full),
        words="upstream-errors",
        detail=message("health-socket-queue-full-detail", services=services, times=len(full)),
        errors=len(full),
        total=len(mine),
        services=services,
        kind=error_kind("upstream_queue_full"),
    )


def _local_address(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a server that listens on its container's loopback address alone."""
    processes = context.table("app_processes")
    hosts = context.hosts(context.services)
    mine = processes[processes["addr"].isin(hosts) | processes["addr"].isna()]
    loopback = {"127.0.0.1", "localhost", "::1"}
    local = mine[mine["host"].isin(loopback)]
    if len(local) and hosts - loopback:
        host, command = Resource(str(local["host"].iloc[0])), Code(str(local["command"].iloc[0]))
        values: Values = {"host": host, "addresses": sorted(hosts - loopback), "command": command}
        yield observation(context, "listens_locally", lines("app_processes", local), **values)


@detects("connect_slow_from_host", group="connect", needs=("probes/host", "probes/inside"))
def probe_connects(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of connections that are slow from the host and quick from inside.

    Both go to one queue of the kernel, which accepts without the application: only the way differs.
    """
    inside, host = _connected_probes(context, "inside"), _connected_probes(context, "host")
    probes = context.table("probes")
    calm = probes[probes["vantage"].eq("host") & ~probes["time"].between(context.start, context.end)]
    usual_s = calm["connect_s"].astype("float64").quantile(USUAL_QUANTILE)
    limit_s = SLOW_CONNECT_S + (float(usual_s) if usual_s > 0 else 0.0)
    slow = host[host["connect_s"] > limit_s]
    if not concerns(len(slow), len(host), CALM_SHARE):
        return
    by_chance = (1 - len(slow) / len(host)) ** len(inside)
    if (inside["connect_s"] > SLOW_CONNECT_S).any() or len(inside) < FEWEST or by_chance > BY_CHANCE:
        return
    longest_s = float(slow["connect_s"].max())
    yield observation(
        context,
        "connect_slow_from_host",
        lines("probes", slow),
        (longest_s, "s"),
        strength=by_count(len(slow)),
        slow=len(slow),
        probes=len(host),
        limit=Duration(limit_s),
        longest=Duration(longest_s),
        inside=len(inside),
        longest_inside=Duration(float(inside["connect_s"].max())),
    )


@detects("cut_from_host", group="host and inside", needs=("probes/host", "probes/inside"))
def cut_from_host(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of connections from the host that end at once, while those from inside do not.

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
        return
    inside = mine[mine["vantage"] == "inside"]
    # No probe from the host is nearer in time than their usual interval.
    interval_s = float(host.sort_values("start").groupby("route")["start"].diff().dt.total_seconds().median())
    reach = pd.Timedelta(seconds=interval_s)
    near = inside[[bool(cut["start"].between(at - reach, at + reach).any()) for at in inside["start"]]]
    by_chance = (1 - len(cut) / len(host)) ** len(near)
    if near["failed"].any() or len(near) < FEWEST or by_chance > BY_CHANCE:
        return
    yield observation(
        context,
        "cut_from_host",
        of_observed(cut),
        (len(cut) / len(host), "share"),
        strength=by_count(len(cut)),
        cut=len(cut),
        probes=len(host),
        inside=len(near),
        near=Duration(interval_s),
    )


def _connected_probes(context: HealthContext, vantage: str) -> pd.DataFrame:
    mine = context.affected.loc[context.affected["vantage"] == vantage, ["file", "line"]]
    probes = context.table("probes").dropna(subset=["connect_s"])
    return probes.merge(mine.drop_duplicates(), on=["file", "line"])


@detects("networks_apart", group="networks", needs=("compose_settings",))
def networks(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of two containers without a common network: Nginx's and the one that it names."""
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
        apart_names = [target.name, *(one.name for one in proxies)]
        count = table["service"].isin(apart_names) & table["path"].str.startswith("networks")
        named = f"service in ({', '.join(map(quoted, apart_names))})"
        sql = select("compose_settings", named, "path like 'networks%'")
        rows = Rows("compose_settings", int(count.sum()), sql)
        asked: Values = {"more": apart, "detail": apart, "address": Resource(address)}
        yield observation(context, "networks_apart", rows, words="asked-by-name", **asked)


@detects("not_published", group="ports", needs=("compose_settings",))
def published(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a host's port that Nginx passes requests to and no container publishes."""
    ports = {
        outer: one.name for one in context.compose_services for _, outer, _ in one.ports if outer.isdigit()
    }
    good = context.well_served[~context.well_served["during"]]
    for address in context.services[:1] if ports else ():
        host, _, port = address.rpartition(":")
        served = int((good["upstream_addr"] == address).sum())
        if host not in LOOPBACK or port in ports or served < FEWEST:
            continue
        names = [f"{outer} ({name})" for outer, name in ports.items()]
        gone = message("health-not-published", port=Resource(port), published=names)
        count = int(context.table("compose_settings")["path"].str.startswith("ports").sum())
        rows = Rows("compose_settings", count, select("compose_settings", "path like 'ports%'"))
        before: Values = {"more": gone, "detail": gone, "address": Resource(address), "requests": served}
        yield observation(context, "not_published", rows, words="published-before", **before)


DETECTORS = (network, probe_connects, cut_from_host, published, networks)
