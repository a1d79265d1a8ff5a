"""The harm of a slowdown: callers that failed or left, and waits near a time limit.

Without harm, a slowdown is a degradation and no incident. Time limits come from the case: health checks of
containers and load balancers, read timeouts of the edge and Nginx, and callers that gave up. A caller
without a known limit is given that of a health check on the internet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import same_endpoint
from watchme_analysis.evidence.compose import ComposeService
from watchme_analysis.health.configuration import Routes
from watchme_analysis.health.incident import SLOW_RATIO
from watchme_analysis.nginx_conf.defaults import PROXY_READ_TIMEOUT_S, seconds_of
from watchme_analysis.requests.observations import CLIENT_CLOSED

if TYPE_CHECKING:
    import pandas as pd

# Seconds that Route 53 waits for the status of a response once it is connected, the shortest limit of the
# health checks on the internet that cannot be changed:
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
CHECK_TIMEOUT_S = 2.0
# Share of a time limit from which a wait is near it, by choice: no further slowdown of the same size fits.
NEAR_LIMIT = 0.5
# Time limit of an HTTP client in the command of a health check, such as `curl --max-time 2` or `wget -T 2`.
CLIENT_LIMIT = re.compile(r"(?:--max-time|--timeout|-m|-T)[\s=\"',]+(\d+(?:\.\d+)?)")
URL_PATH = re.compile(r"https?://[^/\s\"']+(/[^\s\"'\\]*)")
# Kinds of events of containers that neither show a failed health check nor an end.
WELL = ("started", "healthy", "other")


def time_limits_s(
    observed: pd.DataFrame,
    layers: Sequence[Routes],
    container_settings: pd.DataFrame,
    services: Sequence[ComposeService],
) -> dict[str, float]:
    """Return for each route the shortest time in seconds after which a caller or proxy gives up.

    ``layers`` are the locations of Nginx, and those of the edge; health checks of ``services`` count.
    """
    left = observed[_gave_up(observed) & (observed["duration_s"] > SLOW_RATIO * observed["usual_s"])]
    # A load balancer ends each request that stays silent for its idle timeout.
    least = min([CHECK_TIMEOUT_S, *container_settings["idle_timeout_s"].dropna()])
    found = dict.fromkeys(map(str, observed["route"].unique()), least)
    for route, left_s in left.groupby("route")["duration_s"].min().items():
        found[str(route)] = min(found[str(route)], float(left_s))
    paths = {str(one.route): str(one.path) for one in observed.drop_duplicates("route").itertuples()}
    for route, path in paths.items():
        for layer in layers:
            place = layer.serving(path)
            waited_s = seconds_of(place.value("proxy_read_timeout") or "") if place else None
            found[route] = min(found[route], waited_s or PROXY_READ_TIMEOUT_S)
    inner = layers[0].passed_as(paths.values())
    for checked, limit_s in _checks(container_settings, services):
        for route, path in paths.items():
            if any(same_endpoint(checked, [name]) for name in (route, path, inner.get(path, path))):
                found[route] = min(found[route], limit_s)
    return found


def _checks(
    container_settings: pd.DataFrame, services: Sequence[ComposeService]
) -> Iterator[tuple[str, float]]:
    """Yield path and time limit in seconds of each health check that asks for a path."""
    known = container_settings[container_settings[["path", "timeout_s"]].notna().all(axis=1)]
    for path, timeout_s in zip(known["path"], known["timeout_s"], strict=True):
        yield str(path), float(timeout_s)
    for check in (service.health for service in services):
        if check is not None and (asked := URL_PATH.search(check.test)):
            of_client = (float(limit) for limit in CLIENT_LIMIT.findall(check.test))
            yield asked[1], min([check.timeout_s, *of_client])


def _gave_up(observed: pd.DataFrame) -> pd.Series:
    """Return which callers ended their requests themselves: a 499, or a probe without a response."""
    silent = observed["failed"] & observed["status"].isna()
    return silent | observed["status"].eq(CLIENT_CLOSED).fillna(False).astype(bool)


def harmed(observed: pd.DataFrame, limits_s: dict[str, float]) -> pd.DataFrame:
    """Return for each observation whether its caller ``failed`` (bool) or waited ``near`` a limit (bool).

    A server that did not respond in time before another one did, and a caller that left a late response,
    failed as well.
    """
    import pandas as pd

    slow = observed["bad"] | observed["strained"]
    late = ~(observed["duration_s"] <= SLOW_RATIO * observed["usual_s"]).fillna(False)
    failed = observed["failed"] | (observed["bad"] & observed["error"].notna()) | (_gave_up(observed) & late)
    limit_s = observed["route"].map(limits_s).astype("float64")
    near = slow & (observed["duration_s"] >= NEAR_LIMIT * limit_s).fillna(False)
    return pd.DataFrame({"failed": failed.astype(bool), "near": near.astype(bool)}, index=observed.index)
