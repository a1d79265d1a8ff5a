"""The fate of each request: how it failed or why it was slow. The only classification of requests.

Nginx's error log and statuses state how far a request came. A refused connection, for example, was refused by
the upstream's host, so the packets travelled both ways and no event loop was involved. Each fate therefore
excludes layers (`health/causes/_layers.toml`), also without durations in a log and without a configuration.

Where a log names no upstream, the size of a response distinguishes Nginx's own pages from responses of the
application. An unknown size shows nothing unless the configuration is available and sets no page for the
status (``error_page``).

Sources: connect(2) and tcp(7) (errors of connecting), the documentation of ngx_http_proxy_module (time
limits, 502 and 504) and of ngx_http_limit_req_module, and RFC 9110, section 15.6 (502, 503, 504).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.formats.column_sources import split_list
from watchme_analysis.access_logs.nginx_pages import nginx_page_sizes, packaged_page_sizes
from watchme_analysis.nginx_conf.error_pages import error_page
from watchme_analysis.nginx_conf.routing import Location
from watchme_analysis.requests.edge_join import CACHED
from watchme_analysis.requests.layers import layer_times, logs_connects, made_slow
from watchme_analysis.requests.observations import FATE_OF_LINE, harms, lines_alone

if TYPE_CHECKING:
    import pandas as pd

# Layers in the order in which a request passes them.
LAYERS = ("client", "edge", "nginx", "network", "process", "dependency")
# Fates by who responded, or where the request ended or lost its time.
BY_EDGE = ("edge_responded", "held_by_edge", "never_arrived", "sent_elsewhere", "edge_tls_failed")
BY_NGINX = ("limited", "too_large", "nginx_resources", "nginx_responded")
UNCONNECTED = ("refused", "unreachable", "connect_timeout")
# The upstream was connected, and its response was late.
LATE = ("header_timeout", "slow_header")
BY_UPSTREAM = ("unavailable", "upstream_gave_up", "application_error", "rejected")
FATES = (
    *BY_EDGE,
    *BY_NGINX,
    "slow_nginx",
    "unresolved",
    *UNCONNECTED,
    "slow_connect",
    "tls_failed",
    *LATE,
    "connection_dropped",
    "invalid_response",
    "body_timeout",
    "slow_body",
    *BY_UPSTREAM,
    "client_left",
    "unknown",
)
# Statuses by which an edge says that the origin failed it (Cloudflare 52x, a proxy's 502 and 504).
GATEWAY = (502, 504, 520, 521, 522, 523, 524, 525, 526, 530)
# Statuses by which Cloudflare says that it reached the origin and could not agree on TLS with it, or does not
# trust its certificate (developers.cloudflare.com, Cloudflare 5xx errors).
UNTRUSTED = (525, 526)
# Share of the edge's requests without a record at Nginx up to which Nginx's records without a counterpart at
# the edge are others. More may be the same requests, joined badly.
OTHERS_SHARE = 0.3
# Lines of connections that Nginx could not accept, from which on it logged no request for those.
MANY_UNACCEPTED = 3
# Nginx's variables of the attempts of a request.
_OF_ATTEMPTS = (
    "upstream_addr",
    "upstream_status",
    "upstream_connect_time",
    "upstream_header_time",
    "upstream_response_time",
)
# Of a request that was neither slow nor failed, in tables of all requests.
SERVED = "served"


def request_fates(
    joined: pd.DataFrame, error_log: pd.DataFrame, places: Sequence[Location] = ()
) -> pd.DataFrame:
    """Return the fate of each request that failed or was slow, by ``start``.

    ``joined`` has the columns ``nginx_bad`` and ``edge_bad``. Returns ``start`` (time), ``route``, ``fate``
    (of :data:`FATES`), ``address`` (upstream as host:port of the last attempt that failed; null where not
    logged), ``row`` (index into ``joined``; -1 for a line without a request in the access log), ``error_row``
    (index into ``error_log``; -1 without a line). A request that was served although an attempt failed has no
    fate, unless it was slow. A client that left waited for what the others of its route waited for: where at
    least a tenth of the route's other bad requests have a known fate, it has the commonest of these.
    """
    import pandas as pd

    lines = error_log.loc[
        error_log["kind"].isin(list(FATE_OF_LINE)), ["kind", "message", "path", "upstream_addr"]
    ]
    lines = lines.assign(fate=lines["kind"].map(FATE_OF_LINE).astype("string"))
    # Callers have handshakes with Nginx as well.
    of_upstream = lines["message"].str.contains("to upstream|^upstream").fillna(False).astype(bool)
    lines["fate"] = lines["fate"].mask(lines["kind"].eq("tls") & ~of_upstream)
    is_harmed = joined["error_row"].isin(lines.index[harms(lines, places)])
    bad = joined[joined["nginx_bad"] | joined["edge_bad"] | is_harmed]
    mine = lines.reindex(bad["error_row"]).set_axis(bad.index)
    found = pd.DataFrame(
        {
            "start": bad["start"],
            "route": bad["route"],
            "fate": mine["fate"]
            .fillna(_fates_at_edge(bad, joined, error_log))
            .fillna(_fates_without_line(bad, joined, places)),
            "address": mine["upstream_addr"].fillna(_failed_attempt(bad)),
            "row": bad.index,
            "error_row": bad["error_row"],
        }
    )
    alone = lines_alone(error_log, joined)
    if len(alone):
        own = lines.loc[alone.index]
        alone = alone.assign(fate=own["fate"].fillna("unknown"), address=own["upstream_addr"], row=-1)
        found = pd.concat([found, alone.assign(error_row=alone.index)], ignore_index=True)
    return _left_for_the_same(found).sort_values("start", kind="stable", ignore_index=True)


def attempts(joined: pd.DataFrame) -> pd.DataFrame:
    """Return the attempts of requests that Nginx passed on, each with its own upstream.

    Nginx tries the next server of an upstream where one fails (``proxy_next_upstream``), and logs the values
    of all attempts in one list. Columns: ``row`` (index into ``joined``), ``attempt`` (int, from 1),
    ``address`` (host:port), ``status`` (float; NaN: no response), ``connect_s``, ``header_s``, ``response_s``
    (seconds).
    """
    import pandas as pd

    columns = ["upstream_addr", "upstream_status", "connect_s", "header_s", "response_s"]
    names = dict(zip(columns, ("address", "status", *columns[2:]), strict=True))
    raw = joined["upstream_raw"]
    single = joined.loc[raw.isna() & joined["upstream_addr"].notna(), columns]
    rows = single.rename(columns=names).assign(row=single.index, attempt=1).to_dict("records")
    for at, logged in raw.dropna().items():
        lists = [split_list(json.loads(logged).get(name)) for name in _OF_ATTEMPTS]
        rows += [
            {"row": at, "attempt": number} | dict(zip(names.values(), values, strict=True))
            for number, values in enumerate(zip_longest(*lists), 1)
        ]
    found = pd.DataFrame(rows, columns=["row", "attempt", *names.values()])
    for name in ("status", *columns[2:]):
        found[name] = pd.to_numeric(found[name], errors="coerce").astype("float64")
    found["address"] = found["address"].astype("string").replace("-", pd.NA)
    return found.sort_values(["row", "attempt"], ignore_index=True)


def _failed_attempt(rows: pd.DataFrame) -> pd.Series:
    """Return the upstream of each request's last failed attempt; of its last one where none is logged."""
    tried = attempts(rows[rows["upstream_raw"].notna()])
    failed = tried[~(tried["status"] < 500)].groupby("row")["address"].last()
    return failed.reindex(rows.index).fillna(rows["upstream_addr"])


def usual_origin(joined: pd.DataFrame) -> str | None:
    """Return the origin from which the edge got what went well."""
    good = joined.loc[joined["seen_edge"] & ~joined["edge_bad"], "origin_addr"].dropna()
    return str(good.mode().iloc[0]) if len(good) else None


def covered_by_nginx(edge: pd.DataFrame, joined: pd.DataFrame) -> pd.Series:
    """Return which requests of the edge ended before a cut log of Nginx did, which can't hold later ones."""
    import pandas as pd

    logged = joined["nginx_end"].max()
    late = joined["edge_end"] > logged + pd.Timedelta(seconds=1)
    is_cut = (late & joined["origin_status"].between(200, 399)).any()
    return edge["edge_end"].le(logged) | ~is_cut


def _fates_at_edge(bad: pd.DataFrame, joined: pd.DataFrame, error_log: pd.DataFrame) -> pd.Series:
    """Return the fates of requests that ended or lost their time before Nginx; null for all others."""
    import numpy as np
    import pandas as pd

    edge, nginx = bad["edge_bad"].astype(bool), bad["seen_nginx"].astype(bool)
    alone, unanswered = edge & ~nginx, bad["origin_status"].fillna(0) == 0
    gateway = bad["edge_status"].isin(GATEWAY)
    cached = bad["cache_status"].isin(CACHED)
    span = bad.loc[alone, "start"].min(), bad.loc[alone, "edge_end"].max()
    others = joined["seen_nginx"] & ~joined["seen_edge"] & joined["nginx_end"].between(*span)
    others &= joined["route"].isin(bad.loc[alone, "route"])
    unaccepted = error_log.loc[error_log["time"].between(*span), "kind"]
    unaccepted = unaccepted.isin(["worker_connections", "open_files"])
    has_log = bool(joined["seen_nginx"].any())

    def is_lost(rows: pd.Series) -> pd.Series:
        """Return which of some rows are in no record of Nginx, as a log of it shows that would hold them."""
        known = has_log and others.sum() < OTHERS_SHARE * max(int(rows.sum()), 1)
        return rows & known & covered_by_nginx(bad, joined)

    # A caller that left (499) was refused by no one, unless its request never arrived at Nginx.
    left = alone & bad["edge_status"].eq(499) & ~is_lost(alone & bad["edge_status"].eq(499))
    lost = is_lost(alone & gateway & ~cached)
    usual = usual_origin(joined)
    elsewhere = alone & bad["origin_addr"].notna() & bad["origin_addr"].ne(usual) & (usual is not None)
    quick_origin = made_slow(bad["edge_s"] - bad["origin_s"], bad["edge_s"])
    # Nginx was in time where its own status or duration, or the origin's at the edge, shows it.
    spared = edge & nginx & ~bad["nginx_bad"].astype(bool)
    spared &= (
        bad["edge_status"].ne(bad["nginx_status"])
        | made_slow(bad["edge_s"] - bad["nginx_s"], bad["edge_s"])
        | quick_origin
    )
    chosen = {
        "edge_responded": alone & unanswered & ~left & (~gateway | cached),
        "edge_tls_failed": alone & bad["edge_status"].isin(UNTRUSTED) & ~cached & ~elsewhere,
        "nginx_resources": lost & (unaccepted.sum() >= MANY_UNACCEPTED),
        "sent_elsewhere": elsewhere,
        "never_arrived": lost,
        "held_by_edge": spared | (alone & ~gateway & ~left & quick_origin),
    }
    masks = [mask.fillna(False).to_numpy(bool) for mask in chosen.values()]
    names = np.select(masks, list(chosen), default="")
    return pd.Series(names, index=bad.index, dtype="string").replace("", pd.NA)


def _fates_without_line(bad: pd.DataFrame, joined: pd.DataFrame, places: Sequence[Location]) -> pd.Series:
    """Return the fates that statuses and durations show."""
    import numpy as np
    import pandas as pd

    # Of a request without a record at Nginx, the edge knows its origin's status.
    nginx = bad["seen_nginx"].astype(bool)
    status = bad["nginx_status"].where(nginx, bad["origin_status"])
    is_page, is_other = _by_size(bad, joined, places)
    alone = nginx & bad["upstream_addr"].isna() & joined["upstream_addr"].notna().any()
    parts = layer_times(bad, connects_logged=logs_connects(joined))
    slowest = parts[["nginx_s", "connect_s", "header_s", "body_s"]].fillna(-1.0)
    timed = bad["response_s"].notna() | (bad["nginx_s"].notna() & alone)
    slow_in = pd.Series(
        np.array(["slow_nginx", "slow_connect", "slow_header", "slow_body"])[
            slowest.to_numpy().argmax(axis=1)
        ],
        index=bad.index,
    )
    ended = status.isin([499, 504]) | (status < 400)
    chosen = {
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
