"""The fate of each bad request: how it failed, and which layers that excludes.

Nginx's error log and statuses state how far a request came. A refused connection, for example, was refused by
the upstream's host, so the packets travelled both ways and no event loop was involved. Each fate therefore
excludes layers, also where no log has durations and no configuration is available.

Where a log names no upstream, the size of a response distinguishes Nginx's own pages from responses of the
application. An unknown size shows nothing unless the configuration is available and sets no page for the
status (``error_page``).

Sources: connect(2) and tcp(7) (errors of connecting), the documentation of ngx_http_proxy_module (time
limits, 502 and 504) and of ngx_http_limit_req_module, and RFC 9110, section 15.6 (502, 503, 504).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.formats.column_sources import split_list
from watchme_analysis.access_logs.nginx_pages import nginx_page_sizes, packaged_page_sizes
from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.nginx_conf.error_pages import error_page
from watchme_analysis.nginx_conf.routing import Location
from watchme_analysis.requests.layers import layer_times
from watchme_analysis.requests.observations import harms, lines_of_requests

if TYPE_CHECKING:
    import pandas as pd

# Layers in the order in which a request passes them.
LAYERS = ("client", "edge", "nginx", "network", "process", "dependency")


@dataclass(frozen=True)
class Fate:
    """How a request failed.

    Attributes
    ----------
    excludes
        Layers that cannot have caused it.
    reason
        Why they are excluded.
    """

    excludes: tuple[str, ...]
    reason: str


_BEFORE_NGINX = ("client", "edge")
FATES = {
    "limited": Fate(
        ("edge", "network", "process", "dependency"), "A limit of Nginx refused it before any upstream."
    ),
    "too_large": Fate(("edge", "network", "process", "dependency"), "Nginx refused its size by itself."),
    "nginx_resources": Fate(
        ("edge", "network", "process", "dependency"), "Nginx lacked a resource or a name of its own."
    ),
    "nginx_responded": Fate(
        ("network", "process", "dependency"), "Nginx responded by itself and contacted no upstream."
    ),
    "refused": Fate(
        (*_BEFORE_NGINX, "network", "dependency"),
        "A refusal comes from the upstream's host, so packets travelled both ways; nothing listened there.",
    ),
    "unreachable": Fate((*_BEFORE_NGINX, "dependency"), "Nginx found no host at the upstream's address."),
    "connect_timeout": Fate(
        (*_BEFORE_NGINX, "dependency"),
        "Nginx's own connection was never accepted: the packets were lost, or the queue of new connections "
        "was full.",
    ),
    "connection_dropped": Fate(
        _BEFORE_NGINX, "The upstream's side ended the connection before the response was complete."
    ),
    "header_timeout": Fate(("edge",), "Nginx was connected and waited for the response until its own limit."),
    "body_timeout": Fate(
        _BEFORE_NGINX, "The response's header arrived, and its body stopped on the way to Nginx."
    ),
    "invalid_response": Fate(
        (*_BEFORE_NGINX, "network", "dependency"), "Nginx could not use the response that arrived."
    ),
    "unavailable": Fate(("edge", "network"), "A layer behind the network responded with 503."),
    "upstream_gave_up": Fate(
        ("edge", "network"),
        "The response to 502, 503 or 504 has a size that no page of Nginx has, and the configuration sets no "
        "other: the upstream sent it.",
    ),
    "application_error": Fate(("edge", "network"), "The application responded with an error of its own."),
    "rejected": Fate(("network", "dependency"), "Nginx or the application rejected the request."),
    "slow_connect": Fate((*_BEFORE_NGINX, "dependency"), "The time passed while Nginx connected."),
    "slow_header": Fate(("edge",), "The time passed between the connection and the response's header."),
    "slow_body": Fate(("edge",), "The time passed between the response's header and its end."),
    "slow_nginx": Fate(
        ("network", "process", "dependency"), "The time passed in Nginx, not in its upstream."
    ),
    "held_by_edge": Fate(
        ("nginx", "network", "process", "dependency"),
        "The time passed before Nginx received the request, or after it had responded.",
    ),
    "edge_responded": Fate(
        ("nginx", "network", "process", "dependency"), "The edge responded, and Nginx received no request."
    ),
    "client_left": Fate((), "The caller closed the connection before the response."),
    "unknown": Fate((), "The logs state only that it failed or was slow."),
}
# Fates by kind of error log line.
OF_LINES = {
    "limit_req": "limited",
    "limit_conn": "limited",
    "request_too_large": "too_large",
    "denied": "nginx_responded",
    "missing_file": "nginx_responded",
    "worker_connections": "nginx_resources",
    "open_files": "nginx_resources",
    "disk_full": "nginx_resources",
    "resolver": "nginx_resources",
    "upstream_refused": "refused",
    "upstream_unreachable": "unreachable",
    "upstream_timeout_connect": "connect_timeout",
    "upstream_queue_full": "connect_timeout",
    "upstream_timeout_header": "header_timeout",
    "upstream_timeout_send": "header_timeout",
    "upstream_timeout_body": "body_timeout",
    "upstream_reset": "connection_dropped",
    "upstream_closed": "connection_dropped",
    "upstream_invalid": "invalid_response",
}
# Of a request that was neither slow nor failed, in tables of all requests.
SERVED = "served"


def request_fates(
    joined: pd.DataFrame, error_log: pd.DataFrame, places: Sequence[Location] = ()
) -> pd.DataFrame:
    """Return the fate of each request that failed or was slow.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.requests.observations.join_requests` with ``nginx_bad`` and
        ``edge_bad`` (bool).
    error_log
        Table ``error_log``.
    places
        Locations of Nginx's configuration, from :func:`watchme_analysis.nginx_conf.routing.places_of`.

    Returns
    -------
    pandas.DataFrame
        ``start`` (time), ``route`` (route), ``method``, ``fate`` (text, of :data:`FATES`), ``address``
        (text, upstream as host:port of the try that failed; null where not logged), ``pid`` (float, Nginx
        worker of the error log's line), ``row`` (index into ``joined``; -1 for a line without a request in
        the access log), ``error_row`` (index into ``error_log``; -1 without a line), by ``start``.

    Notes
    -----
    A line of the error log belongs to a request of its route that ended in the same second, or in the second
    before or after; bad requests come first. Each line belongs to one request at most. A request that was
    served although a try failed has no fate. A client that left waited for what
    the others of its route waited for: where at least a tenth of the route's other bad
    requests have a known fate, it has the commonest of these.
    """
    import pandas as pd

    lines = error_log[error_log["kind"].isin(list(OF_LINES)) & error_log["path"].notna()]
    lines = lines[~lines["message"].fillna("").str.startswith("delaying").astype(bool)]
    lines = pd.DataFrame(
        {
            "start": lines["time"],
            "route": route_templates(lines["path"]).astype("string"),
            "method": lines["method"],
            "fate": lines["kind"].map(OF_LINES).astype("string"),
            "address": lines["upstream_addr"],
            "pid": lines["pid"].astype("float64"),
            "error_row": lines.index,
        }
    )
    seen = joined[joined["seen_nginx"]]
    line_of = lines_of_requests(lines, seen)
    harming = lines.loc[harms(error_log.loc[lines["error_row"]], places).to_numpy(bool), "error_row"]
    is_harmed = joined.index.isin(line_of.index[line_of.isin(harming)])
    bad = joined[joined["nginx_bad"] | joined["edge_bad"] | is_harmed]
    mine = lines.set_index("error_row").reindex(line_of.reindex(bad.index))
    mine.index = bad.index
    found = pd.DataFrame(
        {
            "start": bad["start"],
            "route": bad["route"],
            "method": bad["method"],
            "fate": mine["fate"].fillna(_fates_without_line(bad, joined, places)),
            "address": mine["address"].fillna(_failed_try(bad)),
            "pid": mine["pid"],
            "row": bad.index,
            "error_row": line_of.reindex(bad.index).fillna(-1).astype("int64"),
        }
    )
    # Without an access log the lines are all that is known of the requests.
    alone = lines[~lines["error_row"].isin(line_of)] if seen.empty else lines.iloc[:0]
    found = pd.concat([found, alone.assign(row=-1)], ignore_index=True) if len(alone) else found
    return _left_for_the_same(found).sort_values("start", kind="stable", ignore_index=True)


def _failed_try(rows: pd.DataFrame) -> pd.Series:
    """Return the upstream of each request's first try that failed; its last upstream where none is logged."""
    found = rows["upstream_addr"].copy()
    for at, raw in rows["upstream_raw"].dropna().items():
        logged = json.loads(raw)
        addresses, statuses = (split_list(logged.get(name)) for name in ("upstream_addr", "upstream_status"))
        failed = (one for one, status in zip(addresses, statuses, strict=False) if not status < "500")
        found[at] = next(failed, found[at])
    return found


def with_fates(frame: pd.DataFrame, error_log: pd.DataFrame, places: Sequence[Location] = ()) -> pd.DataFrame:
    """Return joined requests with the column ``fate``: ``served``, or how each bad one failed.

    Parameters
    ----------
    frame, error_log, places
        As for :func:`request_fates`.
    """
    fates = request_fates(frame, error_log, places)
    fates = fates[fates["row"] >= 0].set_index("row")["fate"]
    return frame.assign(fate=fates.reindex(frame.index).fillna(SERVED).astype("string"))


def _fates_without_line(bad: pd.DataFrame, joined: pd.DataFrame, places: Sequence[Location]) -> pd.Series:
    """Return the fates that statuses and durations show."""
    import numpy as np
    import pandas as pd

    status = bad["nginx_status"]
    is_page, is_other = _by_size(bad, joined, places)
    nginx, edge = bad["seen_nginx"].astype(bool), bad["edge_bad"].astype(bool)
    alone = bad["upstream_addr"].isna() & joined["upstream_addr"].notna().any()
    parts = layer_times(bad)
    slowest = parts[["nginx_s", "connect_s", "header_s", "body_s"]].fillna(-1.0)
    timed = bad["response_s"].notna() | (bad["nginx_s"].notna() & alone)
    slow_in = pd.Series(
        np.array(["slow_nginx", "slow_connect", "slow_header", "slow_body"])[
            slowest.to_numpy().argmax(axis=1)
        ],
        index=bad.index,
    )
    ended = status.isin([499, 504]) | (status < 400)
    # Nginx's log shows that it was not late where it has durations; else the edge's own status or time does.
    spared = ~bad["nginx_bad"].astype(bool) & (
        bad["nginx_s"].notna()
        | (bad["edge_status"] != status).fillna(False).astype(bool)
        | (bad["origin_s"] < bad["edge_s"] / 2).fillna(False).astype(bool)
    )
    chosen = {
        "edge_responded": ~nginx & edge & (bad["origin_status"].isna() | (bad["origin_status"] == 0)),
        "held_by_edge": edge & (spared | ~nginx),
        "nginx_responded": (alone & (status >= 300) & (status != 499))
        | (is_page & ~status.isin(_OF_UPSTREAMS)),
        "timed": timed & ended,
        "client_left": status == 499,
        "upstream_gave_up": is_other & status.isin(_OF_UPSTREAMS | {503}),
        "unavailable": status == 503,
        "application_error": (status == 500) | (status == 501),
        "rejected": (status >= 300) & (status < 499),
    }
    names = np.select([mask.to_numpy(bool) for mask in chosen.values()], list(chosen), default="unknown")
    return pd.Series(np.where(names == "timed", slow_in, names), index=bad.index, dtype="string")


# Statuses by which Nginx says that an upstream gave no usable response.
_OF_UPSTREAMS = {502, 504}


def _by_size(
    bad: pd.DataFrame, joined: pd.DataFrame, places: Sequence[Location]
) -> tuple[pd.Series, pd.Series]:
    """Return which responses have the size of a page of Nginx for their status, and which cannot be one.

    Neither where the log names upstreams; a response to HEAD has no body. Only a configuration shows that a
    size is no page of Nginx. The page that it sets for a status comes from Nginx, and has any size.
    """
    import pandas as pd

    is_known = bad["nginx_bytes"].notna() & bad["method"].ne("HEAD").fillna(False).astype(bool)
    is_known &= not joined["upstream_addr"].notna().any()
    known = bad.loc[is_known, ["nginx_status", "path", "nginx_bytes"]]
    pairs = {
        (status, path): error_page(places, str(path), int(status))
        for status, path in known[["nginx_status", "path"]].drop_duplicates().itertuples(index=False)
    }
    pages = [pairs[pair] for pair in zip(known["nginx_status"], known["path"], strict=True)]
    fits = [
        size in nginx_page_sizes(int(status)) or (page is not None and size in packaged_page_sizes(page.uri))
        for status, size, page in zip(known["nginx_status"], known["nginx_bytes"], pages, strict=True)
    ]
    others = [bool(places) and page is None and not fit for page, fit in zip(pages, fits, strict=True)]
    is_page, is_other = (
        pd.Series(flags, index=known.index, dtype=bool).reindex(bad.index, fill_value=False)
        for flags in (fits, others)
    )
    return is_page, is_other


# Share of a route's other bad requests with a known fate from which on callers that left waited for the same.
_KNOWN_SHARE = 0.1


def _left_for_the_same(found: pd.DataFrame) -> pd.DataFrame:
    """Return fates in which requests whose caller left have the commonest other one of their route."""
    vague = found["fate"].isin(["client_left", "unknown"])
    known, left = found.loc[~vague, ["route", "fate"]], found.loc[vague, "route"].value_counts()
    counts = known["route"].value_counts().reindex(left.index, fill_value=0)
    enough = left.index[(counts >= 2) & (counts >= _KNOWN_SHARE * left)]
    known = known[known["route"].isin(enough)]
    commonest = {
        str(route): str(fate)
        for route, fate in known.groupby(["route", "fate"]).size().groupby("route").idxmax()
    }
    fates = found.loc[vague, "route"].map(commonest).dropna()
    found.loc[fates.index, "fate"] = fates
    return found
