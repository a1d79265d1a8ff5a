"""Where a request's time went: the edge, Nginx, connecting, waiting for the header, reading the body."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.analysis.health.requests import floats
from watchme_analysis.analysis.health.window import phases

if TYPE_CHECKING:
    import pandas as pd

LAYERS = ("edge", "nginx", "connect", "header", "body")


def logs_connects(joined: pd.DataFrame) -> bool:
    """Tell whether Nginx logs connect times: an upstream that answered well was connected.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.analysis.health.requests.requests`.
    """
    answered = joined["response_s"].notna() & (joined["nginx_status"] < 400)
    return bool(joined["connect_s"].notna().any() or not answered.any())


def layer_times(
    joined: pd.DataFrame,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    connects_logged: bool | None = None,
) -> pd.DataFrame:
    """Split each request's time into what each layer added.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.analysis.health.requests.requests`.
    connects_logged
        Whether Nginx logs ``$upstream_connect_time``: only then does its absence tell of an upstream that
        was never connected. None: as the rows of ``joined`` show.

    Returns
    -------
    pandas.DataFrame
        ``start`` (time), ``path``, ``family``, ``status`` (float, the outermost known), ``total_s``,
        ``edge_s`` (edge and the way to Nginx: edge time less Nginx's $request_time), ``nginx_s``
        (waiting in Nginx and sending to the client: $request_time less upstream time), ``connect_s``,
        ``header_s`` (from connected to the first byte;
        with the connecting where that is not logged, and with the servers that failed it before), ``body_s``
        (from first byte to last), all float
        seconds, never negative, NaN where not logged; ``gave_up_in`` (text: ``connect``, ``header``,
        ``body``, the step in which the upstream's time limit passed; null otherwise); ``worst`` (text:
        the layer that took longest), ``phase``.
    """
    import numpy as np
    import pandas as pd

    connect, header, response = (floats(joined[name]) for name in ("connect_s", "header_s", "response_s"))
    nginx = floats(joined["nginx_s"])
    edge = floats(joined["edge_s"])
    asked = ~np.isnan(response)
    if connects_logged is None:
        connects_logged = logs_connects(joined)
    if not connects_logged:
        connect = np.where(asked, 0.0, np.nan)
    # Of several tries the log adds up what each took to its end, and headers of those alone that had one.
    header = np.where(np.isnan(header) | joined["upstream_raw"].isna(), header, response)
    no_connect, no_header = asked & np.isnan(connect), asked & ~np.isnan(connect) & np.isnan(header)
    connect_part = np.where(no_connect, response, connect)
    header_part = np.where(no_header, response - connect, np.where(no_connect, 0.0, header - connect))
    body_part = np.where(asked & ~np.isnan(header), response - header, np.where(asked, 0.0, np.nan))
    own = nginx - np.where(asked, response, 0.0)
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
    known = frame.notna().any(axis=1)
    worst = pd.Series(pd.NA, index=joined.index, dtype="string")
    if known.any():
        longest = frame[known].fillna(-1.0).to_numpy().argmax(axis=1)
        worst[known] = np.array(LAYERS)[longest]
    outer = joined["edge_status"].where(joined["seen_edge"], joined["nginx_status"])
    return pd.DataFrame(
        {
            "start": joined["start"],
            "path": joined["path"],
            "family": joined["family"],
            "status": outer,
            "total_s": np.where(np.isnan(edge), nginx, edge),
            **frame,
            "gave_up_in": pd.Series(gave_up, index=joined.index, dtype="string").replace("", pd.NA),
            "worst": worst,
            "phase": phases(joined["start"], start, end),
        }
    )
