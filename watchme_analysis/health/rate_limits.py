"""Requests that Nginx refused at a limit (``limit_req``, ``limit_conn``), and refusals that protected others.

A limit explains the failures that have its status, on the paths for which Nginx's error log names it, at
these times. Sources: the documentation of ngx_http_limit_req_module and of ngx_http_limit_conn_module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.application_errors import is_health_check
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE
from watchme_analysis.nginx_conf.routing import route_among
from watchme_analysis.requests.observations import INNER, OUTER

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.health.configuration import Routes

KINDS = ("limit_req", "limit_conn")
# Directive that names a limit's status, by kind; Nginx answers 503 where it is not set.
_STATUS = {"limit_req": "limit_req_status", "limit_conn": "limit_conn_status"}
_DEFAULT = 503.0
# Without the configuration: the default, and the status that HTTP has for too many requests.
_UNKNOWN = (_DEFAULT, 429.0)
# A log line has whole seconds, and a request begins before it ends.
_SLACK_S = 1.0


def limit_lines(error_log: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of the error log on requests that a limit refused or delayed.

    Those of a dry run are left out. New columns: ``route``, and ``delays`` (the request was delayed, not
    refused).
    """
    lines = error_log[error_log["kind"].isin(KINDS) & error_log["path"].notna()]
    message = lines["message"].fillna("").astype("string")
    lines = lines.assign(
        route=route_templates(lines["path"]), delays=message.str.startswith("delaying").astype(bool)
    )
    return lines[~message.str.contains(", dry run", regex=False).astype(bool)]


def statuses_of(lines: pd.DataFrame, routes: Routes) -> set[float]:
    """Return the statuses with which the limits of a route's lines refuse requests, as far as known."""
    if not routes:
        return set(_UNKNOWN)
    found = set()
    for path, kind in lines[["path", "kind"]].drop_duplicates("kind").itertuples(index=False):
        force = (route_among(routes.places, str(path)) or {}).get("directives") or {}
        set_to = str((force.get(_STATUS[str(kind)]) or [["503"]])[-1][0])
        found.add(float(set_to) if set_to.isdecimal() else _DEFAULT)
    return found


def refused_at_limit(
    observed: pd.DataFrame, joined: pd.DataFrame, error_log: pd.DataFrame, routes: Routes
) -> pd.Series:
    """Return which judged observations are requests that a limit of Nginx refused.

    The status is the limit's, the path one for which the error log has lines on refusals at that time, and no
    upstream was asked.
    """
    import pandas as pd

    found = pd.Series(False, index=observed.index)
    lines = limit_lines(error_log)
    lines = lines[~lines["delays"]]
    if lines.empty:
        return found
    passed = observed["row"].map(joined["upstream_addr"].notna()).fillna(False).astype(bool)
    outer = observed[~observed["vantage"].isin(INNER) & observed["failed"] & ~passed]
    lines_of = dict(list(lines.groupby("route")))
    for route, seen in outer[outer["route"].isin(list(lines_of))].groupby("route"):
        mine = lines_of[route]
        is_refused = seen["status"].isin(statuses_of(mine, routes)) & seen["start"].between(*_span(mine))
        found[seen.index[is_refused]] = True
    return found


def held_back(
    observed: pd.DataFrame, refused: pd.Series, error_log: pd.DataFrame, is_asked: Callable[[str], bool]
) -> pd.Series:
    """Return which refused requests exceeded the usual load of their route.

    A limit that does its work refuses what is too much and harms nobody else. It does in either of two cases.
    The path was served as much as it is asked for at other times, and no caller of those times was refused
    that asked for no more than then. Or each refused caller asked for more than any that was not refused. A
    health check, or a route that ``is_asked`` about, that is refused is a fault, however much it was asked
    for.
    """
    import pandas as pd

    found = pd.Series(False, index=observed.index)
    lines = limit_lines(error_log)
    lines_of = dict(list(lines[~lines["delays"]].groupby("route")))
    spans = observed.groupby("vantage")["start"].agg(["min", "max"])
    refused_of = observed[refused & observed["route"].isin(list(lines_of))]
    rows_of = dict(list(observed[observed["route"].isin(refused_of["route"].unique())].groupby("route")))
    for route, mine in refused_of.groupby("route", sort=False):
        if is_asked(str(route)) or is_health_check(str(route)):
            continue
        start, end = _span(lines_of[route])
        vantages = set(mine["vantage"])
        vantage = next((name for name in reversed(OUTER) if name in vantages), None)
        if vantage is None:
            continue
        rows = rows_of[route][rows_of[route]["vantage"] == vantage]
        first, last = spans.loc[vantage, ["min", "max"]]
        inside = rows["start"].between(start, end)
        span_s = (min(end, last) - max(start, first)).total_seconds()
        other_s = (last - first).total_seconds() - span_s
        served = rows[inside & ~rows["bad"]]
        span_s = max(span_s, _SLACK_S)
        outside = int((~inside).sum())
        as_usual = outside >= FEWEST_OF_ROUTE and other_s > 0 and len(served) / span_s >= outside / other_s
        as_usual = as_usual and not _refused_usual(rows[inside], rows[~inside], refused, span_s / other_s)
        if as_usual or _sent_most(rows[inside], served, refused):
            found[mine.index] = True
    return found


def _refused_usual(rows: pd.DataFrame, others: pd.DataFrame, refused: pd.Series, longer: float) -> bool:
    """Return True when a usual client was refused without sending more requests than at other times.

    ``longer`` is how many times as long as those times the limit refused.
    """
    usual = others["client_addr"].value_counts() * longer
    hit = rows.loc[refused.reindex(rows.index), "client_addr"].dropna().unique()
    by_client = rows["client_addr"].value_counts()
    return any(by_client[caller] <= usual.get(caller, 0.0) for caller in hit)


def _sent_most(rows: pd.DataFrame, served: pd.DataFrame, refused: pd.Series) -> bool:
    """Return True when each refused client sent more requests than any client that was not refused."""
    if rows["client_addr"].isna().any():
        return False
    counts = rows["client_addr"].value_counts()
    hit = counts.index.isin(rows.loc[refused.reindex(rows.index), "client_addr"])
    others = counts[~hit]
    well = served["client_addr"].isin(others.index).sum()
    return bool(well >= FEWEST and counts[hit].min() > others.max())


def _span(lines: pd.DataFrame) -> tuple[Any, Any]:
    """Return the start and end of the refusals of a limit, as an access log may have them."""
    import pandas as pd

    slack = pd.Timedelta(seconds=_SLACK_S)
    return lines["time"].min() - slack, lines["time"].max() + slack
