"""Requests joined across the edge and Nginx, and the observations of endpoints from every vantage.

Vantages in order along a request's path: ``outside`` (probes through the edge), ``edge``, ``nginx``, ``host``
(probes past Nginx) and ``inside`` (probes in the container).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from watchme_analysis.access_logs.error_log import failed_before_header
from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.nginx_conf.error_pages import error_page
from watchme_analysis.nginx_conf.routing import Location
from watchme_analysis.requests.edge_join import client_requests, pairs_by_ray, pairs_by_time

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Frame = TypeVar("Frame", "pd.DataFrame", "pd.Series")

# Vantages that see the requests of clients.
OUTER = ("outside", "edge", "nginx")
# Vantages past Nginx, where only probes come from.
INNER = ("inside", "host")
INNER_FIRST = (*INNER, "nginx", "edge", "outside")


def phases(times: pd.Series, start: Any, end: Any) -> pd.Series:
    """Return ``baseline``, ``incident`` or ``after`` for each moment; null where there is no incident."""
    import pandas as pd

    if start is None:
        return pd.Series(pd.NA, index=times.index, dtype="string")
    found = pd.Series("incident", index=times.index, dtype="string")
    found[times < pd.Timestamp(start)] = "baseline"
    if end is not None:
        found[times > pd.Timestamp(end)] = "after"
    return found


_TIME = "datetime64[us, UTC]"
# Place of the record of a layer that has none of a request.
_NOWHERE = -1
# Columns that both layers log; joined requests have each of them once.
_OF_BOTH = ("method", "path", "client_addr", "ray", "user_agent", "query")
# $connection_requests among the variables of a format that have no column of their own.
_CONNECTION_REQUESTS = r'"connection_requests":\s*"?(\d+)'
# A log line has whole seconds: the line of a failure and the request's own may be a second apart.
_SECONDS_APART = (0, 1, -1)
# Nginx's status for a client that left; from here on a status says that there was no proper response.
CLIENT_CLOSED = 499
# Nginx's status for an upstream that refused, was unreachable or closed the connection.
GATEWAY_ERROR = 502
# How a request ended at Nginx, by the kind of its line in the error log; null: the line does not say.
FATE_OF_LINE = {
    "limit_req": "limited",
    "limit_conn": "limited",
    "request_too_large": "too_large",
    "denied": "nginx_responded",
    "missing_file": "nginx_responded",
    "worker_connections": "nginx_resources",
    "open_files": "nginx_resources",
    "disk_full": "nginx_resources",
    "resolver": "unresolved",
    "tls": "tls_failed",
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
    "no_live_upstream": None,
}


def floats(values: pd.Series) -> np.ndarray[Any, Any]:
    """Return numbers as float64 with NaN for null."""
    import numpy as np

    return values.to_numpy(dtype="float64", na_value=np.nan)  # type: ignore[no-any-return]


def join_requests(
    access_log: pd.DataFrame, edge_log: pd.DataFrame, error_log: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the edge's and Nginx's records, joined where they are of the same request.

    Parameters
    ----------
    access_log, edge_log, error_log
        Tables of these names, each may be empty.

    Returns
    -------
    pandas.DataFrame
        One row per request, ordered by ``start``:

        ``start``, ``end`` (time, the outermost layer's), ``method``, ``path``, ``route`` (path with ids
        as ``*``), ``client_addr``, ``user_agent``; ``ray`` (its first 16 characters), ``request_id``
        (Nginx's); ``joined_by`` (``ray``, ``time``, or null when one layer alone saw it);
        ``join_candidates`` (float, records of the other layer that fit as well as this one; NaN: not joined);
        ``seen_edge``,
        ``seen_nginx`` (bool); edge: ``edge_start``, ``edge_end``, ``edge_status``, ``edge_s``,
        ``edge_ttfb_s``, ``edge_bytes``, ``cache_status``, ``origin_addr``,
        ``origin_status``, ``origin_s``, ``handshake_s`` (with the origin, 0 over a kept connection),
        ``edge_file``, ``edge_line``; Nginx: ``nginx_start``,
        ``nginx_end``, ``nginx_status``, ``nginx_s`` ($request_time), ``nginx_bytes``, ``connect_s``,
        ``header_s``, ``response_s`` (all counted from when the upstream was asked), ``upstream_addr``,
        ``upstream_status``, ``upstream_raw`` (what was logged of several tries), ``connection_requests``
        (float, the request's place among those of its connection), ``nginx_file``,
        ``nginx_line``; ``error_row`` (int, index of its line in ``error_log``; -1 without one). Seconds are
        float, NaN where the layer did not log them.
    """
    import pandas as pd

    nginx, edge = _nginx_side(access_log), _edge_side(client_requests(edge_log))
    pairs = pairs_by_ray(nginx, edge)
    left_nginx = nginx.index.difference(pairs["nginx"])
    left_edge = edge.index.difference(pairs["edge"])
    by_time = pairs_by_time(nginx.loc[left_nginx], edge.loc[left_edge])
    places = pd.concat(
        [
            pairs,
            by_time,
            pd.DataFrame({"nginx": left_nginx.difference(by_time["nginx"]), "edge": _NOWHERE}),
            pd.DataFrame({"nginx": _NOWHERE, "edge": left_edge.difference(by_time["edge"])}),
        ],
        ignore_index=True,
    )
    nginx["nginx_start"] = nginx["nginx_start"].astype(_TIME)
    start = _at(edge["edge_start"], places["edge"]).fillna(_at(nginx["nginx_start"], places["nginx"]))
    # Sorted before the records are taken, so that each is copied once.
    places = places.loc[start.sort_values(kind="stable").index].reset_index(drop=True)
    nginx, edge = _at(nginx, places["nginx"]), _at(edge, places["edge"])

    def outer(name: str) -> pd.Series:
        return edge[f"edge_{name}"].fillna(nginx[f"nginx_{name}"])

    path = outer("path")
    found = {
        "start": outer("start"),
        "end": outer("end"),
        "method": outer("method"),
        "path": path,
        "route": route_templates(path),
        "client_addr": outer("client_addr"),
        "user_agent": outer("user_agent"),
        "ray": outer("ray"),
        "request_id": nginx["request_id"],
        "joined_by": places["joined_by"].astype("string"),
        "join_candidates": places["join_candidates"].astype("float64"),
        "seen_edge": edge["edge_start"].notna(),
        "seen_nginx": nginx["nginx_end"].notna(),
    }
    once = {f"{side}_{name}" for side in ("edge", "nginx") for name in _OF_BOTH}
    rest = {name: records[name] for records in (nginx, edge) for name in records if name not in once}
    joined = pd.DataFrame(found | rest)
    return joined.assign(error_row=-1 if error_log is None else error_rows(joined, error_log))


def request_lines(error_log: pd.DataFrame) -> pd.DataFrame:
    """Return ``start`` (time) and ``route`` of the error log's lines on failed requests or attempts."""
    import pandas as pd

    lines = error_log[error_log["kind"].isin(list(FATE_OF_LINE)) & error_log["path"].notna()]
    # A limit that delays a request, or only tries out a setting, lets it pass.
    lines = lines[~lines["message"].fillna("").str.contains("^delaying|, dry run").astype(bool)]
    return pd.DataFrame({"start": lines["time"], "route": route_templates(lines["path"])})


def error_rows(joined: pd.DataFrame, error_log: pd.DataFrame) -> pd.Series:
    """Return the index of the error log's line of each request, -1 without one.

    A line belongs to one request of its route that ended in its second, or in the one before or after.
    Requests that Nginx failed come first, then those whose client left; the lines that they leave are about
    attempts of others.
    """
    import pandas as pd

    lines = request_lines(error_log)
    found = pd.Series(-1, index=joined.index)
    is_failed, has_left = (joined["nginx_status"] > CLIENT_CLOSED), joined["nginx_status"] == CLIENT_CLOSED
    for chosen in (is_failed, has_left, ~is_failed & ~has_left):
        requests = joined[joined["seen_nginx"] & chosen]
        second = requests["nginx_end"].dt.floor("s")
        left = pd.DataFrame({"row": requests.index, "route": requests["route"], "second": second})
        for apart in _SECONDS_APART:
            own = lines.assign(second=lines["start"].dt.floor("s") + pd.Timedelta(seconds=apart))
            own = own.drop(columns="start").reset_index(names="line")
            own, left = (
                part.assign(number=part.groupby(["route", "second"]).cumcount()) for part in (own, left)
            )
            pairs = own.merge(left, on=["route", "second", "number"])
            found[pairs["row"]] = pairs["line"].to_numpy()
            lines, left = lines.drop(index=pairs["line"]), left[~left["row"].isin(pairs["row"])]
    return found


def lines_alone(error_log: pd.DataFrame, joined: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of :func:`request_lines` about requests that Nginx's access log lacks.

    It has one line for each request that it covers, so that a line on one of its routes within its time is
    about one of its requests.
    """
    import pandas as pd

    seen, lines = joined[joined["seen_nginx"]], request_lines(error_log)
    slack = pd.Timedelta(seconds=1)
    covered = lines["route"].isin(seen["route"]) & lines["start"].between(
        seen["nginx_end"].min() - slack, seen["nginx_end"].max() + slack
    )
    return lines[~covered & ~lines.index.isin(joined["error_row"])]


def _at(records: Frame, places: pd.Series) -> Frame:
    """Return the records of a layer at some places, nulls where it has none."""
    return records.reindex(places).reset_index(drop=True)


def _nginx_side(log: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    seconds = floats(log["request_time_s"])
    spent = pd.to_timedelta(pd.Series(seconds, index=log.index).fillna(0.0), unit="s")
    return pd.DataFrame(
        {
            "nginx_start": log["time"] - spent,
            "nginx_end": log["time"],
            "nginx_method": log["method"],
            "nginx_path": log["path"],
            "nginx_client_addr": log["client_addr"],
            "nginx_user_agent": log["user_agent"],
            "nginx_query": log["query"],
            "nginx_ray": _ray(log["edge_ray_id"]),
            "request_id": log["request_id"],
            "nginx_status": floats(log["status"]),
            "nginx_s": seconds,
            "nginx_bytes": floats(log["body_bytes"]),
            "connect_s": floats(log["upstream_connect_time_s"]),
            "header_s": floats(log["upstream_header_time_s"]),
            "response_s": floats(log["upstream_response_time_s"]),
            "upstream_addr": log["upstream_addr"],
            "upstream_status": floats(log["upstream_status"]),
            "upstream_raw": log["upstream_raw"],
            "connection_requests": floats(
                log["extra"].str.extract(_CONNECTION_REQUESTS)[0].astype("Float64")
            ),
            "nginx_file": log["file"],
            "nginx_line": floats(log["line"]),
        }
    ).reset_index(drop=True)


def _edge_side(log: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "edge_start": log["start"],
            "edge_end": log["end"],
            "edge_method": log["method"],
            "edge_path": log["path"],
            "edge_client_addr": log["client_addr"],
            "edge_user_agent": log["user_agent"],
            "edge_query": log["uri"].str.extract(r"\?(.+)", expand=False),
            "edge_ray": _ray(log["ray_id"]),
            "edge_status": floats(log["status"]),
            "edge_s": floats(log["duration_ms"]) / 1000,
            "edge_ttfb_s": floats(log["ttfb_ms"]) / 1000,
            "edge_bytes": floats(log["body_bytes"]),
            "cache_status": log["cache_status"],
            "origin_addr": log["origin_addr"],
            "origin_status": floats(log["origin_status"]),
            "origin_s": floats(log["origin_duration_ms"]) / 1000,
            "handshake_s": floats(log["origin_handshake_ms"]) / 1000,
            "edge_file": log["file"],
            "edge_line": floats(log["line"]),
        }
    ).reset_index(drop=True)


def _ray(ids: pd.Series) -> pd.Series:
    """Return ray ids as all layers log them: without the data centre's suffix, 16 characters."""
    return ids.str.split("-").str[0].str.slice(0, 16).str.lower()


def observations(
    joined: pd.DataFrame,
    probes: pd.DataFrame,
    error_log: pd.DataFrame | None = None,
    places: Sequence[Location] = (),
) -> pd.DataFrame:
    """Return the observations of every endpoint, one row per request and vantage, by ``start``.

    Columns: ``start``, ``vantage`` (``outside``, ``edge``, ``nginx``, ``host``, ``inside``), ``path``,
    ``route``, ``status`` (float, NaN: no answer), ``duration_s`` (float), ``error`` (of a probe, or the kind
    of the error log's line on a request that failed or was late despite its status), ``client_addr``, ``row``
    (index into ``joined``; -1 for a probe or error), ``table``, ``file``, ``line``. Where the access log has
    no times, the error log shows which of the responses were late or truncated, and which failed requests the
    access log lacks.
    """
    import pandas as pd

    parts = []
    errors, lacking = pd.Series(dtype="object"), None
    if error_log is not None and not joined["nginx_s"].notna().any():
        errors, lacking = _errors_of_requests(error_log, joined, places)
    for side in ("edge", "nginx"):
        columns = [f"{side}_{name}" for name in ("start", "status", "s", "file", "line")]
        rows = joined.loc[joined[f"seen_{side}"], ["path", "route", "client_addr", *columns]]
        parts.append(
            pd.DataFrame(
                {
                    "start": rows[f"{side}_start"],
                    "vantage": side,
                    "path": rows["path"],
                    "route": rows["route"],
                    "status": rows[f"{side}_status"],
                    "duration_s": rows[f"{side}_s"],
                    "error": errors.reindex(rows.index) if side == "nginx" else None,
                    "client_addr": rows["client_addr"],
                    "row": rows.index,
                    "table": {"edge": "edge_log", "nginx": "access_log"}[side],
                    "file": rows[f"{side}_file"],
                    "line": rows[f"{side}_line"],
                }
            )
        )
    status = pd.Series(floats(probes["status"]), index=probes.index)
    parts.append(
        pd.DataFrame(
            {
                "start": probes["time"],
                "vantage": probes["vantage"],
                "path": probes["path"],
                "route": route_templates(probes["path"]),
                "status": status.where(status > 0),
                "duration_s": floats(probes["duration_s"]),
                "error": probes["error"],
                "client_addr": None,
                "row": -1,
                "table": "probes",
                "file": probes["file"],
                "line": floats(probes["line"]),
            }
        )
    )
    if lacking is not None:
        parts.append(lacking)
    kinds = {
        "vantage": "string",
        "path": "string",
        "route": "string",
        "error": "string",
        "client_addr": "string",
        "table": "string",
        "file": "string",
    }
    found = pd.concat([part.astype(kinds) for part in parts], ignore_index=True)
    found = found.dropna(subset=["start", "route"])
    return found.sort_values("start", kind="stable", ignore_index=True)


def _errors_of_requests(
    error_log: pd.DataFrame, joined: pd.DataFrame, places: Sequence[Location]
) -> tuple[pd.Series, pd.DataFrame]:
    """Return what lines of the error log add to an access log without times.

    First the kind of the line, by index of the request in ``joined``, of requests whose status does not show
    that they failed or were late: the response was truncated, or Nginx waited for a server until a time limit
    before it tried another one. A try that failed at once harms nobody where another one succeeded
    (``proxy_next_upstream``), unless ``error_page`` put another status in place of the error's. Then the
    observations of requests that the access log lacks.
    """
    import pandas as pd

    of_upstream = error_log[error_log["kind"].str.contains("upstream").fillna(False).astype(bool)]
    others = joined.loc[~(joined["nginx_status"] >= CLIENT_CLOSED), "error_row"]
    others = others[others.isin(of_upstream.index[harms(of_upstream, places)])]
    errors = pd.Series(error_log.loc[others, "kind"].to_numpy(), index=others.index, dtype="object")
    alone = lines_alone(of_upstream, joined)
    rows = error_log.loc[alone.index]
    lacking = pd.DataFrame(
        {
            "start": alone["start"],
            "vantage": "nginx",
            "path": rows["path"],
            "route": alone["route"],
            "status": float("nan"),
            "duration_s": float("nan"),
            "error": rows["kind"],
            "client_addr": None,
            "row": -1,
            "table": "error_log",
            "file": rows["file"],
            "line": floats(rows["line"]),
        }
    )
    return errors, lacking


def harms(lines: pd.DataFrame, places: Sequence[Location]) -> pd.Series:
    """Return which lines on an upstream are about a request that failed or was late whatever its status."""
    timed_out = lines["kind"].str.startswith("upstream_timeout").astype(bool)
    truncated = lines["kind"].isin(["upstream_closed", "upstream_reset"])
    found = timed_out | (truncated & ~failed_before_header(lines["message"]))
    paths = lines["path"].unique() if places else ()
    pages = {path: error_page(places, str(path), GATEWAY_ERROR) for path in paths}
    masked = [path for path, page in pages.items() if page is not None and not page.keeps_status]
    return (found | lines["path"].isin(masked)).fillna(False).astype(bool)
