"""The signal of a proxy that keeps idle connections for longer than its upstream does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import own_rows
from watchme_analysis.health.app_server import own_processes, worker_kind
from watchme_analysis.health.application_errors import says
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import Values, lines, observation
from watchme_analysis.health.signals.process_down import ENDED
from watchme_analysis.health.thresholds import WHOLE, concerns
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.nginx_conf.defaults import seconds_of
from watchme_analysis.text.message import Duration

if TYPE_CHECKING:
    import pandas as pd

# https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout
NGINX_KEEPS_S = 60.0
# Defaults of --timeout-keep-alive (uvicorn) and keep_alive_timeout (Hypercorn).
SERVERS_KEEP_S = {"uvicorn": 5.0, "hypercorn": 5.0}


@detects(
    "keepalive_race", group="upstream connections", needs=("error_log", "app_processes", "config_directives")
)
def keepalive_race(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of requests dropped on kept connections that the upstream closes first.

    Nginx may send a request over an idle connection at the moment at which the upstream's own time limit ends
    and closes it. It tries a request that is not idempotent no second time (``proxy_next_upstream``).
    """
    fates = context.fates[context.fates["route"].isin(context.routes)]
    dropped = fates[fates["fate"].eq("connection_dropped") & (fates["error_row"] >= 0)]
    if not concerns(len(dropped), len(fates), WHOLE):
        return
    log = context.of_incident(own_rows(context, "app_log"))
    kept_s = _kept_s(context.table("config_directives"))
    processes = own_processes(context)
    closed_s = processes["timeout_keep_alive_s"].fillna(processes["server"].map(SERVERS_KEEP_S)).min()
    # A sync worker of gunicorn keeps no connection, and a process that ends drops what it was working on.
    if worker_kind(context) == "sync" or says(log["message"], ENDED).any():
        return
    if kept_s is not None and closed_s < kept_s:
        limits: Values = {"kept": Duration(kept_s), "closed": Duration(float(closed_s))}
        yield observation(
            context,
            "keepalive_race",
            lines("error_log", context.lines_of(dropped)),
            strength=by_count(len(dropped)),
            dropped=len(dropped),
            bad=len(fates),
            **limits,
        )


def _kept_s(directives: pd.DataFrame) -> float | None:
    """Return for how long Nginx keeps idle connections to upstreams, in seconds; None where it keeps none."""
    mine = directives[directives["layer"] == "nginx"]
    keeping = mine.loc[mine["directive"] == "keepalive", "parent"].dropna()
    if keeping.empty:
        return None
    stated = mine[mine["directive"].eq("keepalive_timeout") & mine["parent"].isin(keeping)]
    limits = (seconds_of(json.loads(args)[0]) for args in stated["args"])
    return max((one for one in limits if one is not None), default=NGINX_KEEPS_S)


DETECTORS = (keepalive_race,)
