"""The context of a `/health` diagnosis: its requests, joined and judged, and what they show together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from watchme_analysis.evidence.compose import ComposeService, compose_services
from watchme_analysis.health.application_errors import is_health_check, monitored_routes
from watchme_analysis.health.configuration import Location, Routes, resolved_names
from watchme_analysis.health.harm import URL_PATH
from watchme_analysis.health.incident import Incident, judge_requests
from watchme_analysis.health.replica_counts import replica_counts
from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, FEWEST_OF_ROUTE, MOST, concerns
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import ENOUGH
from watchme_analysis.requests.fates import SERVED, request_fates
from watchme_analysis.requests.layers import layer_times
from watchme_analysis.requests.observations import INNER

if TYPE_CHECKING:
    import pandas as pd


P = ParamSpec("P")
R = TypeVar("R")
# Option of an investigation that treats a slowdown as an incident, to find its cause.
KEEP_SLOWDOWN = "keep_slowdown"
_ADDRESS = re.compile(r"[\d.]+:\d+$|\[")
# Tables that are empty when all is well.
QUIET = ("error_log",)
# How much longer than usual a good response may take; a caller that gave up sooner has too short a timeout.
MARGIN = 1.5
# Share of what callers met that must have a duration before slowness can be ruled out; else so many probes
# from outside, over so much of the record, would have met it.
TIMED_SHARE = 0.3
PROBES_OF_RECORD, PROBED_SHARE = 20, 0.8


def once_per_context(compute: Callable[P, R]) -> Callable[P, R]:
    """Let a function of facts, and of arguments that can be keys, be computed once for each investigation.

    What it returns is shared between its callers, which must not modify it.
    """

    @wraps(compute)
    def remembered(*args: P.args, **options: P.kwargs) -> R:
        found, *rest = args
        memory: dict[Any, Any] = found.memory  # type: ignore[attr-defined]
        key = (compute, *rest, *sorted(options.items()))
        if key not in memory:
            memory[key] = compute(*args, **options)
        return memory[key]  # type: ignore[no-any-return]

    return remembered


@dataclass(frozen=True)
class HealthContext:
    """The evidence of one investigation, joined and judged; copy a frame before modifying it.

    ``joined`` holds requests followed through edge and Nginx, with ``edge_bad``, ``nginx_bad`` and ``during``
    (bool: begun within the incident), ``observed`` judged observations with ``during``. Of these,
    ``handler_refusals`` (by handlers of unmonitored endpoints) and ``held_back`` (beyond the usual, by a
    limit of Nginx) do not count as bad. ``slowdown`` is one that harmed no caller, where there is no
    incident.
    """

    inv: Investigation
    joined: pd.DataFrame
    observed: pd.DataFrame
    incident: Incident | None
    nginx_routes: Routes
    edge_routes: Routes
    handler_refusals: pd.DataFrame
    held_back: pd.DataFrame
    slowdown: Incident | None = None

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the case."""
        return self.inv.table(name)

    def has(self, name: str) -> bool:
        """Return whether a table holds rows."""
        return len(self.table(name)) > 0

    def collected(self, name: str) -> bool:
        """Return whether a table was brought: with rows, or as a log of errors that holds none."""
        return self.has(name) or (name in QUIET and name in self.inv.case.manifest["tables"])

    @property
    def start(self) -> datetime:
        """Start of the incident."""
        if self.incident is None:
            raise ValueError("there is no incident")
        return self.incident.start

    @property
    def end(self) -> datetime:
        """End of the incident, or of the data when it is still open."""
        if self.incident is None:
            raise ValueError("there is no incident")
        return self.incident.end

    @property
    def routes(self) -> tuple[str, ...]:
        """Routes affected, worst first."""
        return () if self.incident is None else self.incident.routes

    @cached_property
    def endpoints(self) -> tuple[str, ...]:
        """Paths affected: routes as they are, a route of one path by that path."""
        mine = self.observed["route"].isin(self.routes)
        paths = self.observed.loc[mine, ["route", "path"]].drop_duplicates()
        alone = paths.drop_duplicates("route", keep=False)
        only = dict(zip(alone["route"], alone["path"], strict=True))
        return tuple(str(only.get(route, route)) for route in self.routes)

    @cached_property
    def upstreams(self) -> dict[str, str]:
        """Usual upstream address by route: of good answers, else as configured."""
        found: dict[str, str] = {}
        # These columns alone: to choose rows of all of them takes most of the time.
        columns = ["route", "upstream_addr", "during", "nginx_bad"]
        passed_on = self.joined.loc[self.joined["upstream_addr"].notna(), columns]
        well = passed_on[~passed_on["nginx_bad"]]
        for chosen in (well[~well["during"]], well):
            for route, address in commonest_upstreams(chosen):
                found.setdefault(route, address)
        examples = self.joined[["route", "path"]].drop_duplicates("route").set_index("route")["path"]
        for route, path in examples.items():
            place = self.nginx_routes.wider(str(path)) or self.nginx_routes.serving(str(path))
            if str(route) not in found and place is not None and place.addresses:
                found[str(route)] = place.addresses[0]
        # Where nothing went well in the whole record, and a variable names the address.
        for route, address in commonest_upstreams(passed_on):
            found.setdefault(route, address)
        return found

    @cached_property
    def resolved(self) -> dict[str, str]:
        """Address by the name that the configuration has for it, where requests or start commands tell."""
        told = (self.joined, self.table("error_log"))
        return resolved_names(self.nginx_routes, told, self.table("app_processes"))

    @cached_property
    def memory(self) -> dict[Any, Any]:
        """Results of the functions that are computed once, see :func:`once_per_context`."""
        return {}

    @cached_property
    def outer(self) -> pd.DataFrame:
        """Observations of what callers met, not those from inside or the host."""
        return self.observed[~self.observed["vantage"].isin(INNER)]

    @cached_property
    def observed_during(self) -> pd.DataFrame:
        """Observations of the incident, from wherever."""
        return self.of_incident(self.observed, "start")

    @cached_property
    def outer_during(self) -> pd.DataFrame:
        """Those of the incident."""
        return self.of_incident(self.outer, "start")

    @cached_property
    def outer_affected(self) -> pd.DataFrame:
        """Those of the affected routes during the incident."""
        return self.affected[~self.affected["vantage"].isin(INNER)]

    @cached_property
    def outer_requests(self) -> pd.DataFrame:
        """Requests and outer probes, each once: the frame of :func:`judge_requests`."""
        return judge_requests(self.outer)

    @cached_property
    def joined_during(self) -> pd.DataFrame:
        """Joined requests of the incident."""
        return self.of_incident(self.joined, "start")

    @cached_property
    def well_served(self) -> pd.DataFrame:
        """Joined requests that Nginx logged and that were not bad."""
        return self.joined[self.joined["seen_nginx"] & ~self.joined["nginx_bad"]]

    @cached_property
    def serving(self) -> frozenset[str]:
        """Upstream addresses that served requests well."""
        return frozenset(map(str, self.well_served["upstream_addr"].dropna().unique()))

    @cached_property
    def errors(self) -> pd.DataFrame:
        """Lines of Nginx's error log that lie in the incident."""
        return self.of_incident(self.table("error_log"))

    @cached_property
    def all_fates(self) -> pd.DataFrame:
        """The fates of bad requests: the frame of :func:`request_fates`."""
        return request_fates(self.joined, self.table("error_log"), self.nginx_routes.places)

    @cached_property
    def fates(self) -> pd.DataFrame:
        """The fates of the bad requests that began in the incident."""
        return self.of_incident(self.all_fates, "start")

    @cached_property
    def layer_times(self) -> pd.DataFrame:
        """The time that each layer added to each joined request: the frame of :func:`layer_times`."""
        return layer_times(self.joined)

    def lines_of(self, fates: pd.DataFrame) -> pd.DataFrame:
        """Return the lines of Nginx's error log of some of :attr:`fates`."""
        return self.table("error_log").loc[fates.loc[fates["error_row"] >= 0, "error_row"]]

    @cached_property
    def fate(self) -> pd.Series:
        """The fate of each joined request: ``served``, or how it failed or was slow."""
        known = self.all_fates[self.all_fates["row"] >= 0].set_index("row")["fate"]
        return known.reindex(self.joined.index).fillna(SERVED).astype("string")

    @cached_property
    def compose_services(self) -> tuple[ComposeService, ...]:
        """Services of all compose files."""
        return compose_services(self.table("compose_settings"))

    @cached_property
    def affected(self) -> pd.DataFrame:
        """Observations of the affected routes during the incident, from wherever."""
        during = self.observed_during
        return during[during["route"].isin(self.routes)]

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Addresses of the affected routes, most affected first: failing replicas, else usual upstreams."""
        if self.replicas["failing"].any():
            failing = self.replicas[self.replicas["failing"]]
            return tuple(map(str, failing.sort_values("bad", ascending=False, kind="stable").index))
        counts: dict[str, int] = {}
        bad = self.observed_during.loc[self.observed_during["bad"], "route"].value_counts()
        for route in self.routes:
            if route in self.upstreams:
                address = self.upstreams[route]
                counts[address] = counts.get(address, 0) + int(bad.get(route, 0))
        return tuple(sorted(counts, key=lambda address: -counts[address]))

    @cached_property
    def replicas(self) -> pd.DataFrame:
        """How each of several servers served the affected routes: the frame of :func:`replica_counts`."""
        served = self.well_served.loc[self.well_served["route"].isin(self.routes), "upstream_addr"].dropna()
        stated = {server["address"] for path in self.endpoints for server in self.nginx_routes.servers(path)}
        known = {self.resolved.get(name, name) for name in stated}
        # A name and its address would be two servers.
        servers = {*map(str, served), *(name for name in known if _ADDRESS.match(name))}
        during = self.joined_during
        affected = during[during["route"].isin(self.routes)]
        fates = self.fates[self.fates["route"].isin(self.routes)]
        return replica_counts(affected, fates, servers)

    def known_as(self, services: Iterable[str]) -> list[str]:
        """Return services by all their names: as the configuration has them, and as logs do."""
        return [name for one in services for name in dict.fromkeys((one, self.resolved.get(one, one)))]

    def hosts(self, services: Iterable[str]) -> set[str]:
        """Return the names and addresses of services without their ports."""
        return {name.rsplit(":", 1)[0] for name in self.known_as(services)}

    def of_incident(self, frame: pd.DataFrame, column: str = "time") -> pd.DataFrame:
        """Return the rows of a frame that lie in the incident, by a column of times; none without one."""
        import pandas as pd

        if self.incident is None:
            return frame.iloc[:0]
        times, start, end = frame[column], pd.Timestamp(self.start), pd.Timestamp(self.end)
        # Most frames are in order of time: a slice of them copies nothing.
        if times.is_monotonic_increasing:
            first, until = times.searchsorted(start, side="left"), times.searchsorted(end, side="right")
            return frame.iloc[first:until]
        return frame[(times >= start) & (times <= end)]

    @once_per_context
    def rows(self, side: str, *, bad: bool, affected: bool = True) -> pd.DataFrame:
        """Return joined requests of the incident that a layer (``edge``, ``nginx``) saw as bad or good."""
        frame = self.joined_during
        chosen = frame[f"seen_{side}"] & (frame[f"{side}_bad"] == bad)
        if affected:
            chosen &= frame["route"].isin(self.routes)
        return frame[chosen]

    @cached_property
    def example_path(self) -> str:
        """A path of the affected routes that a command can ask for: one that was probed, else a GET."""
        mine = self.observed[self.observed["route"].isin(self.routes)]
        joined = self.joined[self.joined["route"].isin(self.routes)]
        gets = joined.loc[joined["method"].eq("GET").fillna(False).astype(bool)]
        for paths in (
            mine.loc[(mine["row"] < 0) & mine["vantage"].eq("outside"), "path"],
            gets.loc[gets["during"], "path"],
            gets["path"],
            mine["path"],
        ):
            if len(paths.dropna()):
                return str(paths.mode().iloc[0])
        return self.endpoints[0] if self.endpoints else self.checked_path

    @cached_property
    def checked_path(self) -> str:
        """The path that checks ask for: probed, of a container's health check, or requested and named so."""
        probed = self.table("probes")["path"].dropna()
        if len(probed):
            return str(probed.mode().iloc[0])
        settings = self.table("compose_settings")
        tests = settings.loc[settings["path"].str.startswith("healthcheck.test"), "value"].dropna()
        urls = (URL_PATH.search(text) for text in tests)
        stated = next((found[1] for found in urls if found), None)
        if stated is not None:
            return stated
        paths = self.observed["path"].dropna()
        named = paths[paths.map(is_health_check).astype(bool)]
        return str(named.mode().iloc[0]) if len(named) else "/"

    def is_same_service(self, route: str) -> bool | None:
        """Return whether a route belongs to an affected service; None where nothing shows it.

        The upstream decides where it is known. Otherwise services are told apart by their health checks:
        ``/billing/health`` is that of the routes below ``/billing/``. Without these, routes whose first
        segment is that of an affected route belong together. What Nginx serves itself belongs to none.
        """
        if route in self._served_by_nginx:
            return False
        mine = {self.upstreams[name] for name in self.routes if name in self.upstreams}
        if mine and route in self.upstreams:
            return self.upstreams[route] in mine
        own, services = self._checked_prefix(route), {self._checked_prefix(name) for name in self.routes}
        if own is not None and None not in services:
            return own in services
        prefixes = {first_segment(name) for name in self.routes} - {""}
        return True if first_segment(route) in prefixes else None

    @cached_property
    def _served_by_nginx(self) -> frozenset[str]:
        """Routes that a log with upstreams shows as served well without one, such as static files."""
        well = self.well_served
        served = well.loc[well["nginx_status"] < 400, ["route", "upstream_addr"]]
        if served["upstream_addr"].isna().all():
            return frozenset()
        passed_on = served["upstream_addr"].notna().groupby(served["route"]).any()
        return frozenset(map(str, passed_on.index[~passed_on]))

    def _checked_prefix(self, route: str) -> str | None:
        """Return the longest prefix of a route that has a health check of its own, None without one."""
        fitting = [prefix for prefix in self._checked_prefixes if route.startswith(prefix)]
        return max(fitting, key=len, default=None)

    @cached_property
    def _checked_prefixes(self) -> frozenset[str]:
        """Prefixes of the health checks that callers ask for, each with its last slash."""
        names = (str(name) for name in self.outer["route"].dropna().unique())
        return frozenset(name[: name.rindex("/") + 1] for name in names if is_health_check(name))

    @once_per_context
    def calm_routes(self) -> list[str]:
        """Return unaffected routes of all services that were served well, with five requests at least."""
        counts = self.outer_during.groupby("route")["strained"].agg(["size", "sum"])
        quiet = counts[(counts["size"] >= FEWEST_OF_ROUTE) & (counts["sum"] <= CALM_SHARE * counts["size"])]
        return [str(name) for name in quiet.index if name not in self.routes]

    @once_per_context
    def calm_neighbours(self) -> list[str]:
        """Return unaffected routes served by an affected service, with five requests at least."""
        return [name for name in self.calm_routes() if self.is_same_service(name)]

    @cached_property
    def own_location(self) -> Location | None:
        """The Nginx location that serves the most affected endpoint and none that did well."""
        shared = [self.nginx_routes.serving(path) for path in self.calm_neighbours()]
        places = map(self.nginx_routes.serving, self.endpoints)
        return next((place for place in places if place is not None and place not in shared), None)

    def calm_beside(self, route: str) -> list[str]:
        """Return the calm neighbours that the usual upstream of a route serves as well."""
        mine = self.upstreams.get(route)
        return [name for name in self.calm_neighbours() if self.upstreams.get(name) == mine]


def first_segment(route: str) -> str:
    """Return the first segment of a route with several segments, else an empty text."""
    parts = route.strip("/").split("/")
    return parts[0] if len(parts) > 1 else ""


def most_affected(
    context: HealthContext, rows: pd.DataFrame, bad: pd.DataFrame
) -> tuple[pd.DataFrame, int] | None:
    """Return bad requests of a kind and their base, where they are many of all or most of one endpoint's.

    Beside a fault of the whole service, one endpoint may have a fault of its own.
    """
    if concerns(len(rows), len(bad)):
        return rows, len(bad)
    counts, totals = (frame["route"].value_counts() for frame in (rows, bad))
    for route in context.routes:
        count, total = int(counts.get(route, 0)), int(totals.get(route, 0))
        if count >= ENOUGH and count >= MOST * total and route in _asked_about(context):
            return rows[rows["route"] == route], total
    return None


@once_per_context
def _asked_about(context: HealthContext) -> frozenset[str]:
    """Return the routes that the question is about: the probed ones, without probes the health checks."""
    observed = context.observed
    probed = frozenset(observed.loc[observed["row"] < 0, "route"].dropna().unique())
    return probed or frozenset(route for route in context.routes if is_health_check(route))


def commonest_upstreams(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the routes of requests, in order, each with its commonest upstream (the first by name)."""
    counts = rows.groupby(["route", "upstream_addr"]).size()
    return [(str(route), str(address)) for route, address in counts.groupby(level="route").idxmax()]


def short_of_usual(context: HealthContext, rows: pd.DataFrame, column: str) -> pd.Series:
    """Return, for each request, whether a column of seconds is shorter than its endpoint takes at least."""
    return rows["route"].map(usual_answers_s(context)).astype("float64") * MARGIN > rows[column]


def longest_answer_s(context: HealthContext, rows: pd.DataFrame) -> float:
    """Return the longest that an endpoint of some requests usually takes; NaN where none is known."""
    usual = usual_answers_s(context)
    return max((usual[route] for route in rows["route"].unique() if route in usual), default=float("nan"))


@once_per_context
def usual_answers_s(context: HealthContext) -> dict[str, float]:
    """Return by route the time that nine of ten good answers take inside, else outside the incident."""
    observed = context.observed[["route", "vantage", "during", "bad", "duration_s"]]
    good = observed[~observed["bad"] & observed["duration_s"].notna()]
    inside = good[good["vantage"] == "inside"]
    calm = good[~good["during"] & good["vantage"].isin(["nginx", "edge", "outside"])]
    times: dict[str, float] = {}
    for rows in (inside, calm):
        counts = rows["route"].value_counts()
        often = rows[rows["route"].isin(counts.index[counts >= FEWEST])]
        for route, usual_s in often.groupby("route")["duration_s"].quantile(0.9).items():
            times.setdefault(str(route), float(usual_s))
    return times


def is_timed(context: HealthContext) -> bool:
    """Return whether the evidence would have shown a slow endpoint."""
    outer = context.outer
    timed = outer["duration_s"].notna()
    if len(outer) > 0 and timed.mean() >= TIMED_SHARE:
        return True
    probed = outer.loc[timed & (outer["vantage"] == "outside"), "start"]
    if len(probed) < PROBES_OF_RECORD:
        return False
    whole, covered = (moments.max() - moments.min() for moments in (outer["start"], probed))
    return bool(covered >= PROBED_SHARE * whole)


def spared(context: HealthContext) -> list[str]:
    """Return the endpoints asked about that the affected process served well all along."""
    if context.inv.options.get("endpoint"):
        return []
    return sorted(monitored_routes(context.observed) & set(context.calm_neighbours()))


def edge_visible(context: HealthContext) -> bool:
    """Return True when the case has what the edge or callers before it saw: Nginx's log cannot clear them."""
    return bool(context.observed["vantage"].isin(["edge", "outside"]).any())
