"""Durations by layer: the edge, Nginx, connecting, waiting for the header, reading the body; slow uploads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.requests.observations import floats, phases

if TYPE_CHECKING:
    import pandas as pd

LAYERS = ("edge", "nginx", "connect", "header", "body")
# Seconds by which a request must be longer to be slow: people lose the flow of thought at 1 s.
SLOW_MARGIN_S = 0.5
# Share of a request's time from which the layer that took it made it slow.
MOST_OF_TIME = 0.6


def made_slow(spent_s: pd.Series, total_s: pd.Series) -> pd.Series:
    """Return which requests a layer made slow: by more than the margin, and by most of their time (s)."""
    return (spent_s > SLOW_MARGIN_S) & (spent_s > MOST_OF_TIME * total_s)


def logs_connects(joined: pd.DataFrame) -> bool:
    """Return True when Nginx logs connect times: an upstream that responded well was connected."""
    answered = joined["response_s"].notna() & (joined["nginx_status"] < 400)
    return bool(joined["connect_s"].notna().any() or not answered.any())


def layer_times(
    joined: pd.DataFrame,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    connects_logged: bool | None = None,
) -> pd.DataFrame:
    """Return the time that each layer added to each request.

    Columns: ``start``, ``path``, ``route``, ``status`` (float, the outermost known), ``total_s``, ``edge_s``
    (edge and the way to Nginx: edge time less Nginx's $request_time), ``nginx_s`` (waiting in Nginx and
    sending to the client: $request_time less upstream time), ``connect_s``, ``header_s`` (from connected to
    the first byte; with the connecting where that is not logged, and with the servers that failed it before),
    ``body_s`` (from first byte to last), all seconds, never negative, NaN where not logged; ``gave_up_in``
    (``connect`` or ``header``, the step in which the upstream's time limit passed; null otherwise),
    ``phase``. Only where Nginx logs ``$upstream_connect_time`` (None: as the rows show) a missing value means
    a connection that never was.
    """
    import numpy as np
    import pandas as pd

    connect, header, response = (floats(joined[name]) for name in ("connect_s", "header_s", "response_s"))
    nginx = floats(joined["nginx_s"])
    edge = floats(joined["edge_s"])
    proxied = ~np.isnan(response)
    if connects_logged is None:
        connects_logged = logs_connects(joined)
    if not connects_logged:
        connect = np.where(proxied, 0.0, np.nan)
    # Of several tries the log adds up what each took to its end, and headers of those alone that had one.
    header = np.where(np.isnan(header) | joined["upstream_raw"].isna(), header, response)
    no_connect, no_header = (proxied & np.isnan(connect), proxied & ~np.isnan(connect) & np.isnan(header))
    connect_part = np.where(no_connect, response, connect)
    header_part = np.where(no_header, response - connect, np.where(no_connect, 0.0, header - connect))
    body_part = np.where(proxied & ~np.isnan(header), response - header, np.where(proxied, 0.0, np.nan))
    own = nginx - np.where(proxied, response, 0.0)
    parts = {
        "edge_s": edge - np.where(np.isnan(nginx), 0.0, nginx),
        "nginx_s": own,
        "connect_s": connect_part if connects_logged else np.full(len(joined), np.nan),
        "header_s": header_part,
        "body_s": body_part,
    }
    frame = pd.DataFrame({name: np.clip(part, 0.0, None) for name, part in parts.items()}, index=joined.index)
    failed = floats(joined["nginx_status"]) >= 499
    gave_up = np.select([no_connect & failed, no_header & failed], ["connect", "header"], default="").astype(
        object
    )
    outer = joined["edge_status"].where(joined["seen_edge"], joined["nginx_status"])
    return pd.DataFrame(
        {
            "start": joined["start"],
            "path": joined["path"],
            "route": joined["route"],
            "status": outer,
            "total_s": np.where(np.isnan(edge), nginx, edge),
            **frame,
            "gave_up_in": pd.Series(gave_up, index=joined.index, dtype="string").replace("", pd.NA),
            "phase": phases(joined["start"], start, end),
        }
    )


def layer_shares(layers: pd.DataFrame, routes: Sequence[str]) -> pd.DataFrame:
    """Return the mean time that each layer adds, by endpoint and phase.

    Means, because they add up: the layers of a row sum to the mean time of its requests as far as the logs
    carry timing. To a request that Nginx answered by itself the application added nothing. Columns:
    ``route``, ``phase`` (``baseline``: outside the incident, ``incident``; ``all`` without one), ``requests``
    (int, those with any timing), ``edge_s``, ``nginx_s``, ``connect_s``, ``header_s``, ``body_s`` (seconds;
    NaN where no request carries it), ``gave_up`` (int, requests in which a time limit passed).
    """
    import pandas as pd

    names = [f"{layer}_s" for layer in LAYERS]
    rows = layers[layers["route"].isin(list(routes)) & layers[names].notna().any(axis=1)]
    rows = rows.assign(phase=rows["phase"].fillna("all").replace("after", "baseline"))
    groups = rows.groupby(["route", "phase"])
    found = groups.agg(requests=("route", "size"), gave_up=("gave_up_in", "count"))
    found[names] = groups[names].sum(min_count=1).div(groups.size().to_numpy(), axis=0)
    found = found.reset_index()
    order = {route: place for place, route in enumerate(routes)}
    phases = {"all": 0, "baseline": 1, "incident": 2}
    key = found["route"].map(order) * 10 + found["phase"].map(phases)
    columns = ["route", "phase", "requests", *names, "gave_up"]
    return pd.DataFrame(found.loc[key.sort_values().index, columns]).reset_index(drop=True)


# Seconds that a layer must have had a request longer than the layer behind it.
SENDING_S = 0.4
# Share of slow uploads of a route from which the layer is the reason, and not single clients.
HELD_UPLOADS_SHARE = 0.8


def slow_uploads(joined: pd.DataFrame, side: str) -> pd.Series:
    """Return which requests took long because a layer (``edge`` or ``nginx``) waited for the client's upload.

    A proxy reads a request body as a whole before it passes the request on. When most uploads of a route take
    long for a time, whatever the client, the layer holds them, and none of them counts.
    """
    behind = joined["response_s"]
    if side == "edge":
        behind = behind.fillna(joined["nginx_s"]).fillna(joined["origin_s"])
    sent = joined["method"].isin(["POST", "PUT", "PATCH"]) & (joined[f"{side}_status"] < 400)
    waited = (sent & (joined[f"{side}_s"] - behind > SENDING_S)).fillna(False)
    starts = joined.loc[waited].groupby("route")["start"].agg(["min", "max", "size"])
    uploads = joined.loc[sent & joined["route"].isin(starts.index), ["route", "start"]].join(
        starts, on="route"
    )
    near = uploads[uploads["start"].between(uploads["min"], uploads["max"])].groupby("route").size()
    held = starts.index[starts["size"] >= HELD_UPLOADS_SHARE * near.reindex(starts.index, fill_value=0)]
    return (waited & ~joined["route"].isin(held)).astype(bool)
