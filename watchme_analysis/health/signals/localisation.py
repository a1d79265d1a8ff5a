"""Signals of the layer in which an incident lies: what the fates of its requests exclude and what remains.

Nginx's access and error log suffice; configuration, durations and other vantages narrow the answer further.
`health/causes/_layers.toml` holds the grades of these signals by layer; each cause has those of its layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.application_errors import is_health_check
from watchme_analysis.health.context import HealthContext, first_segment, most_affected, short_of_usual
from watchme_analysis.health.rows import Facts, Rows, Values, lines, observation, of_joined
from watchme_analysis.health.signals import edge, nginx
from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, FEWEST_OF_ROUTE, MANY, MOST, PART, WHOLE
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.fates import BY_NGINX, FATES, LATE, UNCONNECTED
from watchme_analysis.text.message import Duration, Quotation, Resource, Text, TimeSpan, message

if TYPE_CHECKING:
    import pandas as pd

# Fates of requests that lost their time connecting.
CONNECTING = (*UNCONNECTED, "slow_connect")
# Bad requests without a single lost connection by which lost packets are excluded: with one in ten packets
# lost, so many connections would all succeed with a probability below 5 %.
FEWEST_CONNECTED = 15
# Served requests per bad one up to which a route was never served.
NEVER_SHARE = 0.02
# Ratio to the quickest route of the process up to which a route usually waits for nothing, and the resolution
# of Nginx's durations, by which two medians may differ.
AS_QUICK_RATIO = 1.5
RESOLUTION_S = 0.001
# Part of a wait by whose end a later request must be served, and how many waits are looked at.
PART_OF_WAIT = 0.5
MOST_WAITS = 500
# Fates that exclude no layer, and the one of which `body_stalls` says more.
VAGUE = ("client_left", "unknown", "slow_body")
# Fates that name what Nginx or the edge itself did, and not only how far a request came.
OF_NGINX = (*BY_NGINX, "slow_nginx", "tls_failed", "edge_tls_failed")
OF_EDGE = ("edge_responded", "held_by_edge", "never_arrived", "sent_elsewhere")
# Fates of which more is known than their number, by requests.
DETAILED = {
    "edge_responded": edge.responded,
    "held_by_edge": edge.held,
    "sent_elsewhere": edge.sent_elsewhere,
    "nginx_responded": nginx.responded,
    "tls_failed": nginx.distrusted,
}
# How Nginx logs what its name server said (ngx_resolver_strerror): a time limit or a failure of its own, or
# that the name does not exist.
NO_ANSWER = r"\((?:110|1|2|4|5): "
NO_SUCH_NAME = r"\(3: "
NEEDS = ("access_log", "error_log")


@detects(
    *(f"fate_{name}" for name in FATES if name not in (*VAGUE, *OF_NGINX, *OF_EDGE)),
    group="fate",
    needs=NEEDS,
)
@detects(*(f"fate_{name}" for name in OF_NGINX), group="nginx", needs=NEEDS)
@detects(*(f"fate_{name}" for name in OF_EDGE), group="edge", needs=("edge_log",))
@detects(
    "only_connects_fail",
    "one_route_unconnected",
    "none_connected",
    "closed_at_once",
    group="connecting",
    needs=NEEDS,
)
@detects("name_server_fails", "name_unknown", group="names", needs=("error_log",))
@detects("connects_well", "same_upstream_served", group="packets", needs=NEEDS)
@detects("routed_well", "served_between", group="routing", needs=NEEDS)
@detects("served_beside", group="beside", needs=NEEDS)
@detects("all_routes", "health_check", "waits_for_nothing", group="routes", needs=NEEDS)
def localised(context: HealthContext) -> Iterator[Observation]:
    """Yield what the fates of the bad requests, and of those served meanwhile, show about the layers."""
    fates = context.fates[context.fates["route"].isin(context.routes)]
    if fates.empty:
        return
    joined = context.joined_during
    # Other replicas that serve the same routes well say nothing about the way to the failing one.
    if context.replicas["failing"].any():
        others = context.replicas.index[~context.replicas["failing"]]
        joined = joined[~joined["upstream_addr"].isin(others) | joined.index.isin(fates["row"])]
    view = _View(context, joined, fates)
    for topic in (
        _fates,
        _unresolved,
        _unconnected,
        _closed_at_once,
        _connected,
        _routing,
        _served_between,
        _whole_service,
        _waits_for_nothing,
        _served_beside,
    ):
        yield from topic(view)


@dataclass(frozen=True)
class _View:
    """The bad requests of an incident with their fates, and what was served well beside them."""

    context: HealthContext
    joined: pd.DataFrame
    fates: pd.DataFrame

    @property
    def total(self) -> int:
        return len(self.fates)

    def seen(self, signal: str, rows: Rows, **values: Any) -> Observation:
        """Return the observation of a signal: see :func:`watchme_analysis.health.rows.observation`."""
        return observation(self.context, signal, rows, **values)

    def of(self, names: Iterable[str]) -> pd.DataFrame:
        """Return the bad requests with one of some fates."""
        return self.fates[self.fates["fate"].isin(list(names))]

    @cached_property
    def calm(self) -> pd.DataFrame:
        """Return the requests of unaffected routes that were served well, by Nginx's log."""
        joined = self.joined
        unaffected = joined["seen_nginx"] & ~joined["route"].isin(self.context.routes)
        seen = joined[unaffected & (joined["nginx_status"] < 400)]
        bad = seen.groupby("route")["nginx_bad"].agg(["size", "mean"])
        keep = bad.index[(bad["size"] >= FEWEST_OF_ROUTE) & (bad["mean"] <= CALM_SHARE)]
        return seen[seen["route"].isin(keep)]

    @cached_property
    def served(self) -> pd.DataFrame:
        """Return the requests that were served well, of affected routes too."""
        joined = self.joined
        well = joined["seen_nginx"] & ~joined["nginx_bad"] & (joined["nginx_status"] < 400)
        return joined[well & ~joined.index.isin(self.fates["row"])]

    @cached_property
    def all_routes(self) -> list[str]:
        """Return the affected routes when they are at least three and no other route of theirs was served."""
        sizes = self.joined.loc[self.joined["seen_nginx"], "route"].value_counts()
        routes = [route for route in self.context.routes if sizes.get(route, 0) >= FEWEST_OF_ROUTE]
        routes = [route for route in routes if not _is_file(route)]
        bad = set(self.fates["route"])
        routes = [route for route in routes if route in bad]
        if len(routes) < FEWEST:
            return []
        calm = (str(name) for name in self.calm["route"].unique())
        if any(self.context.is_same_service(name) is not False for name in calm if not _is_file(name)):
            return []
        return routes

    def logged(self, rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
        """Return columns of the joined requests of some bad ones."""
        return self.joined.loc[rows.loc[rows["row"] >= 0, "row"], list(columns)]

    def timed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return route, status and duration at Nginx of some bad requests, where the duration is known."""
        return self.logged(rows, "route", "nginx_status", "nginx_s").dropna(subset=["nginx_s"])

    def addresses(self, rows: pd.DataFrame) -> set[str]:
        """Return the upstreams of requests: as logged, else as configured for their routes."""
        logged = set(rows["upstream_addr"].dropna())
        if logged:
            return logged
        known = self.context.upstreams
        named = {known[str(route)] for route in rows["route"].unique() if str(route) in known}
        return {self.context.resolved.get(name, name) for name in named}

    def rows(self, rows: pd.DataFrame) -> Rows:
        """Return the lines behind some bad requests: of the error log where it has half of them."""
        with_line = rows[rows["error_row"] >= 0]
        if len(with_line) >= MOST * len(rows):
            return lines("error_log", self.context.lines_of(with_line))
        side = "nginx" if self.logged(rows, "seen_nginx")["seen_nginx"].mean() >= 0.5 else "edge"
        logged = self.logged(rows, f"seen_{side}", f"{side}_file", f"{side}_line")
        return of_joined(side, logged[logged[f"seen_{side}"]])


def _fates(view: _View) -> Iterator[Observation]:
    """Yield an observation for each frequent fate.

    A fate that names who acted counts in full for its cause, beside another one too. Each excludes the other
    layers of its share of the bad requests.
    """
    context = view.context
    for fate in map(str, view.fates["fate"].value_counts().index.difference(VAGUE, sort=False)):
        rows, total = view.of([fate]), view.total
        is_named = fate in (*OF_NGINX, *OF_EDGE)
        if len(rows) < PART * total:
            found = most_affected(context, rows, view.fates) if is_named else None
            if found is None:
                continue
            rows, total = found
        addresses = rows["address"].dropna().unique()
        part = len(rows) / view.total
        strength = by_count(len(rows)) * (1.0 if is_named else part)
        detail: Text | None = None
        facts: Facts = {}
        if fate == "limited":
            detail, facts = nginx.limited(context, context.lines_of(rows))
        elif fate in DETAILED:
            requests = context.joined.loc[rows.loc[rows["row"] >= 0, "row"]]
            detail, facts = DETAILED[fate](context, requests)
        elif fate == "never_arrived":
            strength = min(strength, edge.nginx_was_there(context))
        yield view.seen(
            f"fate_{fate}",
            view.rows(rows),
            detail=detail,
            strength=strength,
            share=part if is_named else 1.0,
            facts=facts,
            count=len(rows),
            bad=total,
            span=TimeSpan(rows["start"].min().to_pydatetime(), rows["start"].max().to_pydatetime()),
            upstream=addresses if len(addresses) else message("health-the-upstream"),
        )


def _unresolved(view: _View) -> Iterator[Observation]:
    """Yield observations of what name servers said of the upstream's name."""
    said = view.context.lines_of(view.of(("unresolved",)))
    for pattern in (NO_ANSWER, NO_SUCH_NAME):
        hits = said[said["message"].str.contains(pattern).fillna(False)]
        if len(hits) >= FEWEST and len(hits) >= PART * view.total:
            yield view.seen(
                "name_server_fails" if pattern == NO_ANSWER else "name_unknown",
                lines("error_log", hits),
                is_mechanism=True,
                strength=len(hits) / view.total,
                lines=len(hits),
                error=Quotation(hits["message"].iloc[0]),
            )


def _unconnected(view: _View) -> Iterator[Observation]:
    """Yield observations of what failed connections have in common."""
    rows = view.of(CONNECTING)
    rows = rows[rows["address"].notna()]
    if len(rows) < FEWEST:
        return
    # A process that ends is refused for a moment before its container is gone.
    silent = rows[rows["fate"] != "refused"]
    connected = len(_between(rows, view.served)) + _connected_late(view, rows)
    if len(silent) >= WHOLE * view.total and connected <= NEVER_SHARE * len(rows):
        hosts = rows["address"].str.rpartition(":")[0].unique()
        yield view.seen("none_connected", view.rows(rows), upstream=sorted(map(str, hosts)), bad=len(rows))
    elif len(silent) == len(rows) >= WHOLE * view.total and len(view.served) >= FEWEST_CONNECTED:
        yield view.seen("only_connects_fail", view.rows(rows), served=len(view.served))
    yield from _one_route(view, rows)


def _connected_late(view: _View, rows: pd.DataFrame) -> int:
    """Return how many of some requests were connected in the end, before the last of them failed."""
    import pandas as pd

    logged = view.logged(rows, "nginx_status", "nginx_start", "connect_s")
    late = logged[logged["nginx_status"] < 499]
    failed = logged.loc[logged["nginx_status"] >= 499, "nginx_start"]
    if failed.empty:
        return len(late)
    moments = late["nginx_start"] + pd.to_timedelta(late["connect_s"].fillna(0.0), unit="s")
    return int((moments <= failed.max()).sum())


def _one_route(view: _View, rows: pd.DataFrame) -> Iterator[Observation]:
    """Yield the observation of failed connections of some routes, beside served ones of their service."""
    calm = view.calm
    failing = set(rows["address"])
    if len(rows) < WHOLE * view.total or calm.empty or view.addresses(calm) & failing:
        return
    beside = {str(name) for name in calm["route"].unique() if not _is_file(str(name))}
    services = {first_segment(name) for name in beside}
    if all(first_segment(route) in services for route in rows["route"].astype(str).unique()):
        failed = view.rows(rows)
        yield view.seen("one_route_unconnected", failed, upstream=sorted(failing), others=sorted(beside))


def _is_file(route: str) -> bool:
    return "." in route.rpartition("/")[2]


def _closed_at_once(view: _View) -> Iterator[Observation]:
    """Yield the observation of connections closed sooner than any response, while others were served.

    A process that ends drops what it was working on, and refuses connections afterwards.
    """
    rows = view.of(("connection_dropped",))
    lasted_s = view.logged(rows, "nginx_s")["nginx_s"].dropna()
    if len(rows) < MOST * view.total or len(lasted_s) < FEWEST_CONNECTED:
        return
    served = _between(rows, view.served)
    if len(served) < FEWEST_OF_ROUTE:
        return
    at_once = lasted_s <= float(served["nginx_s"].median()) + RESOLUTION_S
    if at_once.mean() >= WHOLE:
        counts: Values = {"closed": at_once.sum(), "bad": view.total, "served": len(served)}
        yield view.seen("closed_at_once", view.rows(rows), **counts)


def _connected(view: _View) -> Iterator[Observation]:
    """Yield observations of established connections, which contradict lost packets."""
    late = view.of(("header_timeout",))
    if len(late) >= FEWEST_CONNECTED and view.of(("connect_timeout", "unreachable", "slow_connect")).empty:
        yield view.seen("connects_well", view.rows(late), late=len(late))
    calm = view.calm
    rows = view.of((*LATE, "unavailable", "application_error", "connection_dropped"))
    addresses = set(rows["address"].dropna()) or view.addresses(rows.assign(upstream_addr=rows["address"]))
    own = int(view.served["route"].isin(view.context.routes).sum())
    # A route of which most requests were served may have lost packets: shorter responses lose fewer.
    if len(rows) < WHOLE * view.total or calm.empty or len(rows) < own:
        return
    routes = calm.groupby("route", observed=True)
    shared = [name for name, rows_of_route in routes if view.addresses(rows_of_route) & addresses]
    same = calm[calm["route"].isin(shared)]
    if len(same) >= FEWEST_OF_ROUTE:
        names: Values = {"others": sorted(map(str, same["route"].unique())), "upstream": sorted(addresses)}
        yield view.seen("same_upstream_served", of_joined("nginx", same), served=len(same), **names)


def _served_between(view: _View) -> Iterator[Observation]:
    """Yield the observation of a single route that was served now and then while it failed."""
    rows = view.of(LATE)
    if len(rows) < max(WHOLE * view.total, FEWEST_CONNECTED) or view.all_routes:
        return
    addresses = set(rows["address"].dropna())
    others = view.addresses(view.calm) if len(view.calm) else set()
    serving = others | set(view.served["upstream_addr"].dropna())
    is_shared = bool(addresses & serving)
    # Durations, where they are known, tell more of a route that leads where others lead: see `_routing`.
    is_told_by_durations = is_shared and len(view.timed(rows)) >= MOST * len(rows)
    leads_elsewhere = bool(addresses and serving) and not is_shared
    if is_told_by_durations or leads_elsewhere or rows["start"].dt.floor("s").nunique() < MANY:
        return
    between = _between(rows, view.served)
    if len(between) >= max(CALM_SHARE * len(rows), FEWEST_OF_ROUTE):
        yield view.seen("served_between", of_joined("nginx", between), served=len(between))


def _routing(view: _View) -> Iterator[Observation]:
    """Yield the observation that Nginx chose an upstream that works, and did not give up too soon."""
    rows = view.of((*CONNECTING, *LATE, "connection_dropped", "slow_body"))
    if len(rows) < max(WHOLE * view.total, FEWEST):
        return
    served = view.served
    late = rows[rows["fate"].isin(LATE)]
    if len(late):
        timed = view.timed(late)
        cut = timed[timed["nginx_status"] == 504]
        # Without durations a time limit that is too short for the route looks the same.
        if len(timed) < MOST * len(late):
            is_cut_short = not view.all_routes
        else:
            is_cut_short = short_of_usual(view.context, cut, "nginx_s").mean() > CALM_SHARE
        if is_cut_short:
            return
    addresses = set(rows["address"].dropna())
    where: Any = message("health-the-upstream")
    if view.joined["upstream_addr"].notna().any():
        logged = served[served["upstream_addr"].isin(addresses)]
        where = sorted(set(logged["upstream_addr"]))
    else:
        logged = served.iloc[:0] if _has_another_server(view, addresses) else _between(rows, served)
    if len(logged) >= FEWEST_OF_ROUTE:
        yield view.seen("routed_well", of_joined("nginx", logged), upstream=where, served=len(logged))


def _has_another_server(view: _View, addresses: set[str]) -> bool:
    """Return whether another server than those of the bad requests may have served the others.

    The configuration names several, the error log does, or Nginx tried another one where one failed.
    """
    context = view.context
    places = (context.nginx_routes.serving(path) for path in context.endpoints)
    named = {name for place in places if place is not None for name in place.addresses}
    known = {context.resolved.get(name, name) for name in named}
    lines = context.errors[context.errors["upstream_addr"].notna()]
    lines = lines[route_templates(lines["path"]).isin(context.routes)]
    tried = set(lines["upstream_addr"])
    is_retried = len(lines) > int(view.fates["error_row"].ge(0).sum())
    return len(known) > 1 or len(addresses | tried) > 1 or is_retried


def _between(rows: pd.DataFrame, served: pd.DataFrame) -> pd.DataFrame:
    """Return served requests of the bad requests' routes between the first and the last bad one of each."""
    spans = rows.groupby("route")["start"].agg(["min", "max"])
    first, last = served["route"].map(spans["min"]), served["route"].map(spans["max"])
    return served[(served["start"] > first).fillna(False) & (served["start"] < last).fillna(False)]


def _whole_service(view: _View) -> Iterator[Observation]:
    """Yield observations that all routes of a service were affected, or that a health check was."""
    rows = view.fates[view.fates["route"].isin(view.all_routes)]
    if len(rows):
        yield view.seen("all_routes", view.rows(rows), paths=sorted(map(str, rows["route"].unique())))
    named = [name for name in view.fates["route"].unique() if is_health_check(str(name))]
    checks = view.fates[view.fates["route"].isin(named)]
    if len(checks) >= FEWEST:
        paths = sorted(map(str, checks["route"].unique()))
        yield view.seen("health_check", view.rows(checks), words="check-affected", paths=paths)


def _waits_for_nothing(view: _View) -> Iterator[Observation]:
    """Yield the observation of late routes that usually respond as quickly as any other of their process.

    A route that calls a dependency takes a round trip longer than the framework alone, whose time the
    quickest route shows.
    """
    late = view.of(LATE)
    if len(late) < WHOLE * view.total or len(late) < FEWEST:
        return
    usual = view.context.well_served
    usual = usual[~usual["during"] & (usual["nginx_status"] < 400) & usual["header_s"].notna()]
    counts = usual.groupby("route")["header_s"].agg(["size", "median"])
    usual_s = counts.loc[counts["size"] >= MANY, "median"]
    mine = usual_s[usual_s.index.isin(late["route"].unique())]
    others = [route for route in usual_s.index if view.context.is_same_service(str(route)) is True]
    others_s = usual_s[[route for route in others if route not in mine.index]]
    if set(late["route"]) - set(mine.index) or others_s.empty:
        return
    if mine.max() <= AS_QUICK_RATIO * others_s.min() + RESOLUTION_S:
        yield view.seen(
            "waits_for_nothing",
            of_joined("nginx", usual[usual["route"].isin(mine.index)]),
            usual=Duration(float(mine.max())),
            other=Resource(str(others_s.idxmin())),
            quickest=Duration(float(others_s.min())),
        )


def _served_beside(view: _View) -> Iterator[Observation]:
    """Yield the observation of later requests of the same routes, served while the bad ones still waited.

    One process serves requests that need the same thing in order. Where some overtake the others, those that
    wait are stuck in one of several processes, or on their way.
    """
    import numpy as np
    import pandas as pd

    late = view.of(LATE)
    waiting = view.logged(late, "route", "nginx_start", "nginx_s").dropna()
    if len(late) < WHOLE * view.total or len(waiting) < FEWEST_CONNECTED:
        return
    waiting = waiting.iloc[:: math.ceil(len(waiting) / MOST_WAITS)]
    served = view.served.loc[:, ["route", "nginx_start", "nginx_end"]]
    served = served[served["route"].isin(waiting["route"].unique())].sort_values("nginx_start")
    served_of = dict(list(served.groupby("route")))
    overtaken = 0
    for route, mine in waiting.groupby("route"):
        others = served_of.get(route, served.iloc[:0])
        starts, ends = (others[name].to_numpy() for name in ("nginx_start", "nginx_end"))
        first = np.searchsorted(starts, mine["nginx_start"].to_numpy(), side="right")
        until = mine["nginx_start"] + pd.to_timedelta(mine["nginx_s"] * PART_OF_WAIT, unit="s")
        last = np.searchsorted(starts, until.to_numpy(), side="right")
        overtaken += sum(
            bool((ends[begin:end] <= limit).any())
            for begin, end, limit in zip(first, last, until.to_numpy(), strict=True)
        )
    if overtaken >= MOST * len(waiting):
        yield view.seen("served_beside", view.rows(late), overtaken=overtaken, bad=len(waiting))


DETECTORS = (localised,)
