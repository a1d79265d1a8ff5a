"""The context of a `/health` diagnosis: requests, their incident, and whether it did harm and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_of, same_endpoint
from watchme_analysis.health.affected_service import containers_named, own_containers
from watchme_analysis.health.application_errors import handler_refusals, monitored_routes
from watchme_analysis.health.configuration import routes
from watchme_analysis.health.context import KEEP_SLOWDOWN, HealthContext
from watchme_analysis.health.harm import WELL, harmed, time_limits_s
from watchme_analysis.health.incident import Incident, find_incident, judge_observations
from watchme_analysis.health.rate_limits import held_back, refused_at_limit
from watchme_analysis.health.thresholds import FEWEST
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.requests.fates import attempts
from watchme_analysis.requests.followed import FollowedRequests, follow_requests
from watchme_analysis.requests.layers import LAYERS, slow_uploads
from watchme_analysis.requests.observations import INNER, join_requests, observations

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case


def health_context(inv: Investigation) -> HealthContext:
    """Return the facts of an investigation; use as ``inv.once(health_context)``."""
    error_log = inv.table("error_log")
    joined = join_requests(inv.table("access_log"), inv.table("edge_log"), error_log)
    nginx, edge = routes(inv.table("config_directives"))
    seen = observations(joined, inv.table("probes"), error_log, nginx.places)
    observed = _one_name(judge_observations(seen))
    for side in ("edge", "nginx"):
        waiting = joined.index[slow_uploads(joined, side)]
        mine = (observed["vantage"] == side) & observed["row"].isin(waiting)
        observed.loc[mine, ["slow", "bad", "strained"]] = False
    endpoint = inv.options.get("endpoint")
    refused = refused_at_limit(observed, joined, error_log, nginx)
    about = {route_of(endpoint)} if endpoint else monitored_routes(observed)
    held = held_back(observed, refused, error_log, about.__contains__)
    observed.loc[held, ["failed", "bad", "strained"]] = False
    incident = find_incident(observed, route_of(endpoint) if endpoint else None)
    own = handler_refusals(joined, observed, None if endpoint else incident)
    if own.any():
        observed.loc[own, ["failed", "bad", "strained"]] = False
        incident = find_incident(observed)
    every = HealthContext(inv, joined, observed, None, nginx, edge, observed[own], observed[held])
    context = _about(every, observed, incident)
    if incident is None or inv.options.get(KEEP_SLOWDOWN):
        return context
    settings = inv.table("container_settings")
    harm = harmed(observed, time_limits_s(observed, (nginx, edge), settings, context.compose_services))
    if _is_harmful(context, harm):
        return context
    # Beside a slowdown, what failed or waited near a limit may be an incident of its own.
    judged = observed.copy()
    judged.loc[~harm.any(axis=1), ["slow", "bad", "strained"]] = False
    beside = find_incident(judged, route_of(endpoint) if endpoint else None)
    return _about(every, judged if beside is None else observed, beside, slowdown=incident)


def _about(
    context: HealthContext,
    observed: pd.DataFrame,
    incident: Incident | None,
    slowdown: Incident | None = None,
) -> HealthContext:
    """Return the context of an incident: which requests and observations lie in it, and which are bad."""
    joined = context.joined.assign(during=_during(context.joined["start"], incident))
    for side in ("edge", "nginx"):
        mine = observed[(observed["vantage"] == side) & (observed["row"] >= 0)].set_index("row")["bad"]
        joined[f"{side}_bad"] = mine.reindex(joined.index).fillna(False).astype(bool)
    observed = observed.assign(during=_during(observed["start"], incident))
    # Side by side in memory by type, so that a selection of rows copies a third of the pieces: detectors make
    # hundreds of them.
    found = replace(
        context, joined=joined.copy(), observed=observed.copy(), incident=incident, slowdown=slowdown
    )
    # Probes inside and on the host ask one replica, and do not state which.
    if found.replicas["failing"].any():
        return replace(found, observed=found.observed[~found.observed["vantage"].isin(INNER)])
    return found


def _is_harmful(context: HealthContext, harm: pd.DataFrame) -> bool:
    """Return whether a caller of the affected routes failed in an incident, or several waited near a limit.

    A failed health check or an end of a container on the way of these requests is harm as well. ``harm``
    comes from :func:`harmed`.
    """
    observed = context.observed
    mine = harm.loc[observed.index[observed["during"] & observed["route"].isin(context.routes)]]
    if mine["failed"].any() or mine["near"].sum() >= FEWEST:
        return True
    events = _on_the_way(context)
    troubled = events[~events["kind"].isin(WELL)]
    return bool(troubled["time"].isna().any() or len(context.of_incident(troubled)))


def _on_the_way(context: HealthContext) -> pd.DataFrame:
    """Return the events of containers that affected requests pass: the service's, and Nginx's by its name.

    While it is unknown which containers are the service's, each may be.
    """
    events = context.table("container_events")
    if containers_named(context) is None:
        return events
    own = events.index.isin(own_containers(context, "container_events").index)
    proxy = events["object"].str.contains("nginx") | events["service"].str.contains("nginx")
    return events[own | proxy.fillna(False).astype(bool)]


def followed(inv: Investigation) -> FollowedRequests:
    """Return every request followed through all layers; use as ``inv.once(followed)``.

    Its frame has the columns ``fate`` and, in seconds, ``spent_edge_s``, ``spent_nginx_s``,
    ``spent_connect_s``, ``spent_header_s`` and ``spent_body_s`` (:func:`requests.layers.layer_times`) as
    well.
    """
    found = inv.once(health_context)
    paths = found.joined["path"].dropna().unique()
    inner = found.nginx_routes.passed_as(str(path) for path in paths)
    spent = found.layer_times[[f"{layer}_s" for layer in LAYERS]].add_prefix("spent_")
    joined = found.joined.assign(fate=found.fate).join(spent)
    return follow_requests(joined, inv.table("app_log"), inner)


def requests_view(case: Case) -> pd.DataFrame:
    """Return the frame that queries know as ``requests``: that of :func:`followed`, its index as ``row``."""
    return Investigation(case, "health").once(followed).frame.rename_axis("row").reset_index()


def attempts_view(case: Case) -> pd.DataFrame:
    """Return the frame that queries know as ``attempts``: that of :func:`attempts`."""
    return attempts(Investigation(case, "health").once(health_context).joined)


def _one_name(observed: pd.DataFrame) -> pd.DataFrame:
    """Return observations with the outside name of endpoints that were asked inside or on the host."""
    outer = observed[~observed["vantage"].isin(INNER)]
    known = [str(name) for name in outer["route"].unique()]
    probed = [str(name) for name in outer.loc[outer["vantage"] == "outside", "route"].unique()]
    if not known:
        return observed
    inner = observed["vantage"].isin(INNER)
    names = {
        route: same_endpoint(str(route), probed) or same_endpoint(str(route), known) or route
        for route in observed.loc[inner, "route"].unique()
    }
    observed.loc[inner, "route"] = observed.loc[inner, "route"].map(names).astype("string")
    return observed


def _during(times: pd.Series, incident: Incident | None) -> pd.Series:
    import pandas as pd

    if incident is None:
        return pd.Series(False, index=times.index)
    return (times >= pd.Timestamp(incident.start)) & (times <= pd.Timestamp(incident.end))
