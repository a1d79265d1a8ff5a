"""Errors that are an application's own doing: answered at once, on endpoints beside the one asked about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.health.incident import Incident

# What a handler decides on, or stumbles over. Not here: what a proxy may bring about by a wrong path, method
# or name (redirects, 400, 404, 405), and what a gateway answers that has nobody behind it.
_OWN = (401, 403, 409, 410, 422, 429, 500, 501)
# The application's as well where the log tells its status from Nginx's, which refuses by it what is too much.
_PASSED_ON = (503,)
# What a path of a health check is called by custom.
_CHECK = re.compile(r"health|ready|readi|alive|live|ping|heartbeat|status", re.IGNORECASE)
# Share of an incident's bad requests that must be such errors.
_MOST = 0.9


def is_health_check(family: str) -> bool:
    """Tell whether a path is named as health checks are by custom."""
    return bool(_CHECK.search(family))


def monitored_routes(observed: pd.DataFrame) -> set[str]:
    """Return the path families asked about: of those probed the ones named like a health check, else all.

    Parameters
    ----------
    observed
        Frame of :func:`watchme_analysis.health.incident.judge_observations`.
    """
    probed = {str(family) for family in observed.loc[observed["table"] == "probes", "family"]}
    return {family for family in probed if is_health_check(family)} or probed


def application_errors(joined: pd.DataFrame, observed: pd.DataFrame, incident: Incident | None) -> pd.Series:
    """Tell which observations are errors of the application's own that make up an incident.

    An application that answers at once is neither stuck nor starved nor cut off: where the endpoint asked
    about did well, that is a fault of another handler.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.requests.observations.join_requests`.
    observed
        Frame of :func:`watchme_analysis.health.incident.judge_observations` of these and of probes.
    incident
        What was found in it.

    Returns
    -------
    pandas.Series
        Booleans on the index of ``observed``; all False where the incident is more than such errors, where an
        endpoint asked about is affected, and without probes.
    """
    import pandas as pd

    none = pd.Series(False, index=observed.index)
    asked = monitored_routes(observed)
    if incident is None or not asked or asked & set(incident.families):
        return none
    told = joined["upstream_status"].notna().any()
    status = joined["upstream_status" if told else "nginx_status"]
    status = status.where(joined["seen_nginx"], joined["origin_status"])
    statuses = (*_OWN, *_PASSED_ON) if told else _OWN
    mine = observed["family"].isin(incident.families) & observed["bad"]
    passed_on = observed["row"].map(status.isin(statuses)).fillna(False).astype(bool)
    passed_on |= (observed["table"] == "probes") & observed["status"].isin(_OWN)
    # Whose callers all leave, whenever they ask, takes longer than they wait: of its usual nothing is known.
    answered = set(observed.loc[observed["status"] < 400, "family"])
    passed_on |= (observed["status"] == 499) & ~observed["family"].isin(answered)
    own = passed_on & ~observed["slow"] & mine
    during = observed["start"].between(pd.Timestamp(incident.start), pd.Timestamp(incident.end))
    return own if own[during].sum() >= _MOST * max(int(mine[during].sum()), 1) else none
