"""Errors of the application itself: fast error responses on endpoints other than the monitored one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from watchme_analysis.health.thresholds import WHOLE

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.health.incident import Incident

# Statuses that a handler returns, or with which it fails. Not here: statuses that a proxy may cause by a
# wrong path, method or name (redirects, 400, 404, 405), and those of a gateway without an upstream.
_OWN = (401, 403, 409, 410, 422, 429, 500, 501)
# Statuses of limits in Nginx, too, which count where the log has the upstream's status.
_PASSED_ON = (503,)
# Usual names of health checks.
_CHECK = re.compile(r"health|ready|readi|alive|live|ping|heartbeat|status", re.IGNORECASE)


def is_health_check(route: str) -> bool:
    """Return True when a route has a name of health checks."""
    return bool(_CHECK.search(route))


def monitored_routes(observed: pd.DataFrame) -> set[str]:
    """Return the monitored routes: the probed ones that are named like a health check, else all probed ones.

    Parameters
    ----------
    observed
        Frame of :func:`watchme_analysis.health.incident.judge_observations`.
    """
    probed = {str(route) for route in observed.loc[observed["table"] == "probes", "route"]}
    return {route for route in probed if is_health_check(route)} or probed


def application_errors(joined: pd.DataFrame, observed: pd.DataFrame, incident: Incident | None) -> pd.Series:
    """Return which observations are the application errors that make up an incident.

    An application that responds fast is not blocked, has resources and is reachable: where the monitored
    endpoint is well, such errors are a fault of another handler.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.requests.observations.join_requests`.
    observed
        Frame of :func:`watchme_analysis.health.incident.judge_observations` of these and of probes.
    incident
        The incident in them.

    Returns
    -------
    pandas.Series
        Booleans on the index of ``observed``. All are False where the incident contains other failures, where
        a monitored endpoint is affected, and without probes.
    """
    import pandas as pd

    none = pd.Series(False, index=observed.index)
    monitored = monitored_routes(observed)
    if incident is None or not monitored or monitored & set(incident.routes):
        return none
    has_upstream = joined["upstream_status"].notna().any()
    status = joined["upstream_status" if has_upstream else "nginx_status"]
    status = status.where(joined["seen_nginx"], joined["origin_status"])
    statuses = (*_OWN, *_PASSED_ON) if has_upstream else _OWN
    mine = observed["route"].isin(incident.routes) & observed["bad"]
    passed_on = observed["row"].map(status.isin(statuses)).fillna(False).astype(bool)
    passed_on |= (observed["table"] == "probes") & observed["status"].isin(_OWN)
    # A route whose clients always leave takes longer than they wait, so its usual status is unknown.
    answered = set(observed.loc[observed["status"] < 400, "route"])
    passed_on |= (observed["status"] == 499) & ~observed["route"].isin(answered)
    own = passed_on & ~observed["slow"] & mine
    during = observed["start"].between(pd.Timestamp(incident.start), pd.Timestamp(incident.end))
    return own if own[during].sum() >= WHOLE * max(int(mine[during].sum()), 1) else none
