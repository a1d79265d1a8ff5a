"""New and keep-alive connections: which kind each request used, and the results of each kind.

A new connection needs a route, a free place in the backlog, a file descriptor and a process that accepts; a
keep-alive connection needs a response alone. So a fault that affects only new connections lies in one of
these. A fault that affects only keep-alive connections lies in their state: one side or a firewall dropped
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.requests.observations import floats

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

HOPS = ("to_nginx", "to_app")
NEW, KEPT, NOT_TOLD = "new", "kept", "not told"
# Nginx closes an idle connection to its upstream after 60 s unless keepalive_timeout is set: a port that
# comes again later belongs to another connection.
_KEPT_FOR_S = 60.0
# Share of reused ports up to which no connection is kept: of 28,000 ports (net.ipv4.ip_local_port_range) a
# few in a hundred come again by chance within a minute, at ten connections a second.
_BY_CHANCE = 0.05
# Requests of an address from which this share is known.
_FEWEST = 20


def keepalive_ports(app_log: pd.DataFrame) -> pd.Series:
    """Return which responses an application sent over a connection that had carried another one before.

    uvicorn's access lines name the port of their peer. Null where none is logged (behind ``--proxy-headers``
    it is 0); index of ``app_log``.
    """
    ports = app_log["client_port"].fillna(0).gt(0) & app_log["time"].notna()
    rows = app_log.loc[ports, ["service", "client_addr", "client_port", "time"]].sort_values("time")
    keys = ["service", "client_addr", "client_port"]
    idle = rows.groupby(keys, dropna=False)["time"].diff().dt.total_seconds()
    return (idle <= _KEPT_FOR_S).astype("boolean").reindex(app_log.index)


def connections_used(followed: pd.DataFrame) -> pd.DataFrame:
    """Return the kind of connection over which each request came to Nginx and went on to the application.

    ``to_nginx`` and ``to_app`` are ``new``, ``kept`` or ``not told``, null where the request did not go
    there. To Nginx, it is known from ``$connection_requests``, else the edge's handshake with its origin; to
    the application its log, by the port of the peer, else ``$upstream_connect_time``: one of 0.000 is that of
    a kept connection, or of a new one that took less than half a millisecond, unless the application's log
    shows that none is kept.
    """
    import numpy as np
    import pandas as pd

    requests, handshake = floats(followed["connection_requests"]), floats(followed["handshake_s"])
    unanswered = floats(followed["origin_status"]) == 0
    to_nginx = np.select(
        [requests == 1, requests > 1, handshake > 0, (handshake == 0) & ~unanswered, handshake == 0],
        [NEW, KEPT, NEW, KEPT, NOT_TOLD],
        default="",
    )
    kept = followed["app_kept"]
    connect = floats(followed["connect_s"])
    reached_app = followed["upstream_addr"].notna().to_numpy(bool)
    if not reached_app.any():
        reached_app = ~np.isnan(floats(followed["response_s"])) | followed["app_seen"].to_numpy(bool)
    in_vain = np.isnan(connect) & bool((~np.isnan(connect)).any())
    to_app = np.select(
        [
            kept.eq(True).fillna(False), kept.eq(False).fillna(False),
            ~reached_app, (connect > 0) | in_vain, _keep_none(followed),
        ],
        [KEPT, NEW, "", NEW, NEW],
        default=NOT_TOLD,
    )  # fmt: skip
    found = pd.DataFrame({"to_nginx": to_nginx, "to_app": to_app}, index=followed.index, dtype="string")
    return found.replace("", pd.NA)


def _keep_none(followed: pd.DataFrame) -> Array:
    """Return which requests went to an address whose application responds over new connections alone."""
    target = followed["upstream_addr"].fillna("")
    known = followed["app_kept"].astype("Float64").groupby(target)
    share, count = target.map(known.mean()), target.map(known.count())
    few: Array = (share.le(_BY_CHANCE).fillna(False) & count.ge(_FEWEST)).to_numpy(bool)
    return few


def outcome_by_connection(followed: pd.DataFrame, used: pd.DataFrame, routes: list[str]) -> pd.DataFrame:
    """Return counts of requests over new and keep-alive connections, outside of the incident and in it.

    ``followed`` has the columns ``during``, ``edge_bad`` and ``nginx_bad`` as well. Columns: ``hop``,
    ``route``, ``connection`` (``new``, ``kept``, ``not told``); ``baseline``, ``incident`` with ``_bad`` and
    ``_timed`` (int, requests, and those with a duration) and ``_median_s`` (float, seconds; to Nginx as the
    edge has them, where it logged the request), in the order of the hops and of ``routes``.
    """
    import pandas as pd

    edge_told = {"to_nginx": followed["seen_edge"], "to_app": ~followed["seen_nginx"]}
    route = followed["route"].where(followed["route"].isin(routes))
    parts = [
        pd.DataFrame(
            {
                "hop": pd.Categorical([hop] * len(followed), HOPS),
                "route": pd.Categorical(route, routes),
                "connection": pd.Categorical(used[hop], (NEW, KEPT, NOT_TOLD)),
                "phase": followed["during"].map({False: "baseline", True: "incident"}),
                "bad": followed["edge_bad"].where(edge_told[hop], followed["nginx_bad"]),
                "took_s": followed["edge_s"].where(edge_told[hop], followed["nginx_s"]),
            }
        )
        for hop in HOPS
    ]
    keys = ["hop", "route", "connection"]
    groups = pd.concat(parts).groupby([*keys, "phase"], observed=True)
    found = groups.agg(
        count=("bad", "size"), bad=("bad", "sum"), timed=("took_s", "count"), median_s=("took_s", "median")
    ).unstack()
    columns = {
        f"{phase}{'' if name == 'count' else f'_{name}'}": found.get((name, phase), pd.Series(dtype=float))
        for phase in ("baseline", "incident")
        for name in ("count", "bad", "timed", "median_s")
    }
    result = pd.DataFrame(columns, index=found.index)
    whole = [name for name in columns if not name.endswith("_s")]
    return result.fillna(dict.fromkeys(whole, 0)).astype(dict.fromkeys(whole, "int64")).reset_index()
