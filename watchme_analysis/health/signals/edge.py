"""Signals of the edge: requests renamed, given up too soon or passed on; probes that never reached it.

That it held, refused or misdirected requests are fates, signals of `localisation`; here is how it did that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.context import HealthContext, longest_answer_s, most_affected, short_of_usual
from watchme_analysis.health.incident import INSTANT_S
from watchme_analysis.health.rows import LOGS, lines, of_joined, of_observed, quoted, select
from watchme_analysis.health.signals.rules import edge_rule, matched_rules, rows_of_rules, timeout_rule
from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, MANY, MOST, concerns
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.nginx_conf.routing import route_among
from watchme_analysis.requests.edge_join import JOIN_TOLERANCE_WHOLE_S
from watchme_analysis.requests.fates import BY_EDGE, GATEWAY, covered_by_nginx, usual_origin
from watchme_analysis.requests.layers import MOST_OF_TIME
from watchme_analysis.text.message import Choice, Duration, Names, Resource, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# A name, and the table that says it with the query for its rows and their number.
_Set = tuple[str, tuple[str, str, int]]
# How probers say that they could not connect, or agree with the other side on a secret.
_UNASKED = (
    r"while (?:connecting|shaking hands)|failed to connect|couldn't connect|connection (?:timed out|refused)"
    r"|unreachable|no route to host|\bssl\b|\btls\b|certificate"
)


@detects("edge_impatient", group="edge", needs=("edge_log",))
@detects(
    "edge_never_arrived",
    "edge_passes_on",
    "outside_bad_nginx_fine",
    group="edge",
    needs=("edge_log", "probes/outside"),
)
def edge(context: HealthContext) -> list[Observation]:
    """Return observations of an edge that gave up too soon, or passed on what was bad at the origin."""
    if not context.has("edge_log"):
        return _without_edge_log(context)
    bad = context.rows("edge", bad=True)
    bad = bad[covered_by_nginx(bad, context.joined)]
    if len(bad) < FEWEST:
        return []
    fate = context.fate[bad.index]
    # Nginx logs that its caller left (499); without a common id the two records may not be joined.
    unanswered = ~bad["seen_nginx"] & (bad["origin_status"].fillna(0) == 0) & (bad["edge_s"] >= INSTANT_S)
    cut = bad["edge_status"].isin(GATEWAY) & ((bad["nginx_status"] == 499) | unanswered)
    by_rule = fate.isin(["edge_responded", "sent_elsewhere"])
    is_short = cut & ~by_rule & short_of_usual(context, bad, "edge_s")
    at_edge = fate.isin(BY_EDGE)
    if (found := most_affected(context, bad[is_short], bad)) is not None:
        return [_impatient(context, *found)]
    if most_affected(context, bad[at_edge], bad) is not None:
        return []
    text = message(
        "health-edge-passes-on",
        bad=len(bad),
        paths=context.endpoints,
        passed=int((~is_short & ~at_edge).sum()),
    )
    return [Observation("edge_passes_on", text, *of_joined("edge", bad), strength=by_count(len(bad)))]


def _impatient(context: HealthContext, rows: pd.DataFrame, total: int) -> Observation:
    cut = float(rows["edge_s"].median())
    times: dict[str, Value] = {
        "paths": Names(context.endpoints),
        "cut": Duration(cut),
        "needs": Duration(longest_answer_s(context, rows)),
    }
    text = message("health-edge-impatient", ended=len(rows), bad=total, **times)
    rule = timeout_rule(context) or edge_rule(context)
    detail = sentences(message("health-edge-impatient-detail", **times), rule)
    strength = by_count(len(rows))
    return Observation("edge_impatient", text, *of_joined("edge", rows), cut, "s", strength, detail)


def held(context: HealthContext, seen: Observation, rows: pd.DataFrame) -> Observation:
    """Return what is known of requests that the edge held."""
    origin = Duration(float(rows["nginx_s"].fillna(rows["origin_s"]).median()))
    detail = message("health-fate-held-by-edge-detail", paths=context.endpoints, origin=origin)
    return replace(seen, detail=sentences(detail, edge_rule(context)))


def responded(context: HealthContext, seen: Observation, rows: pd.DataFrame) -> Observation:
    """Return what is known of responses of the edge itself: their statuses, the cache, and the rule."""
    statuses = rows["edge_status"].value_counts()
    counted = Names(tuple(f"{int(status)} ({count})" for status, count in statuses.items()))
    cache = None
    if len(caches := rows["cache_status"].dropna().value_counts()):
        cache = message("health-edge-cache-status", status=Resource(str(caches.index[0])))
    detail = message("health-fate-edge-responded-detail", paths=context.endpoints, statuses=counted)
    # A caller that left got no response from a rule: the edge held its request.
    status = int(statuses.index[0])
    facts = {} if status == 499 else {"status": Resource(str(status))}
    return replace(seen, detail=sentences(detail, cache, edge_rule(context)), facts=facts)


def sent_elsewhere(context: HealthContext, seen: Observation, rows: pd.DataFrame) -> Observation:
    """Return what is known of requests that the edge sent to another origin."""
    detail = message(
        "health-fate-sent-elsewhere-detail",
        paths=context.endpoints,
        origins=rows["origin_addr"].value_counts().index,
        usual=Resource(str(usual_origin(context.joined))),
    )
    return replace(seen, detail=sentences(detail, edge_rule(context)))


def never_arrived(context: HealthContext, seen: Observation, rows: pd.DataFrame) -> Observation:
    """Return requests that Nginx has no record of, as strong as the others that show that it was there."""
    others = context.joined_during["seen_nginx"].sum()
    # Without others, only that the log goes on before or after tells that Nginx was there.
    around = (~context.joined["during"] & context.joined["seen_nginx"]).sum()
    strength = max(by_count(others, MANY), 0.6 * by_count(around, MANY))
    return replace(seen, strength=min(seen.strength, strength))


def _without_edge_log(context: HealthContext) -> list[Observation]:
    """Return observations of outside probes compared with Nginx's log, where the edge keeps no log."""
    if not context.has("access_log") or not context.has("probes"):
        return []
    observed = context.affected
    outside = observed[observed["vantage"] == "outside"]
    bad = int(outside["bad"].sum())
    if not concerns(bad, len(outside)):
        return []
    nginx = observed[observed["vantage"] == "nginx"]
    bad_nginx = int(nginx["bad"].sum())
    if concerns(bad_nginx, len(nginx), CALM_SHARE):
        text = message(
            "health-edge-passes-on-by-probes", bad=bad_nginx, requests=len(nginx), paths=context.endpoints
        )
        return [Observation("edge_passes_on", text, *of_observed(nginx))]
    timed = nginx["duration_s"].notna().any()
    if len(nginx) >= FEWEST and timed and bad_nginx <= CALM_SHARE * len(nginx):
        middle = float(nginx["duration_s"].median())
        served: dict[str, Value] = {"paths": Names(context.endpoints), "median": Duration(middle)}
        text = message(
            "health-outside-bad-nginx-fine",
            **served,
            bad=bad_nginx,
            requests=len(nginx),
            bad_probes=bad,
            probes=len(outside),
        )
        detail = message("health-outside-bad-nginx-fine-detail", **served)
        return [Observation("outside_bad_nginx_fine", text, *of_observed(nginx), detail=detail)]
    others = context.joined_during[context.joined_during["seen_nginx"]]
    before = context.joined[~context.joined["during"] & context.joined["route"].isin(context.routes)]
    # What came after the last bad probe was sent may have come when all was well again.
    last = outside.loc[outside["bad"], "start"].max()
    if not (nginx["start"] < last).any() and len(others) >= MANY and len(before) >= FEWEST:
        text = message(
            "health-edge-never-arrived-by-probes",
            paths=context.endpoints,
            others=len(others),
            before=len(before),
        )
        return [Observation("edge_never_arrived", text, *of_joined("nginx", others))]
    return []


@detects("edge_renames", group="edge", needs=("edge_log", "access_log"))
def rewritten(context: HealthContext) -> list[Observation]:
    """Return an observation of bad responses that the edge got for a path that no caller requested.

    Nginx or the application then refuses what is strange to them, and look at fault.
    """
    bad = context.rows("edge", bad=True)
    if seen := _renamed(context, bad):
        return seen
    lost = bad[~bad["seen_nginx"] & bad["origin_status"].between(300, 599)]
    if not concerns(len(lost), len(bad), MOST) or _arrived(context):
        return []
    status = int(lost["origin_status"].mode().iloc[0])
    strange = _strange(context, status)
    if strange.empty:
        return []
    # What is put before every path makes as many strange routes as it hides.
    often = strange["route"].value_counts().index[: lost["route"].nunique()]
    hits = strange[strange["route"].isin(often)]
    path = str(hits["path"].mode().iloc[0])
    if not concerns(len(hits), len(lost), MOST) or not concerns(len(lost), len(hits), MOST):
        return []
    values: dict[str, Value] = {
        "paths": Names(context.endpoints),
        "other": Resource(path),
        "number": Choice("one" if len(often) == 1 else "several"),
    }
    text = message(
        "health-edge-renames-unjoined", **values, lost=len(lost), hits=len(hits), status=Resource(str(status))
    )
    detail = sentences(message("health-edge-renames-unjoined-detail", **values), edge_rule(context))
    strength = by_count(len(hits))
    return [Observation("edge_renames", text, *of_joined("nginx", hits), strength=strength, detail=detail)]


def _renamed(context: HealthContext, bad: pd.DataFrame) -> list[Observation]:
    """Return an observation of bad requests that Nginx logged under another path than their caller's."""
    requests = _with_nginx_path(context, context.joined)
    other = requests["nginx_path"].astype(object) != requests["path"].astype(object)
    # A log of paths that Nginx has rewritten itself differs from the edge's at all times.
    if other[~requests["during"]].sum() > CALM_SHARE * len(requests):
        return []
    mine = requests[requests.index.isin(bad.index) & other]
    if not concerns(len(mine), len(bad), MOST):
        return []
    path, name = (str(mine[column].mode().iloc[0]) for column in ("nginx_path", "path"))
    example: dict[str, Value] = {"other": Resource(path), "path": Resource(name)}
    text = message("health-edge-renames", **example, renamed=len(mine), bad=len(bad), paths=context.endpoints)
    detail = sentences(message("health-edge-renames-detail", **example), edge_rule(context))
    strength = by_count(len(mine))
    return [Observation("edge_renames", text, *of_joined("nginx", mine), strength=strength, detail=detail)]


def _with_nginx_path(context: HealthContext, joined: pd.DataFrame) -> pd.DataFrame:
    """Return requests joined by a common id, with the path that Nginx logged as ``nginx_path``."""
    is_joined = joined["joined_by"].eq("ray").fillna(False) & joined["path"].notna()
    both = joined.loc[is_joined, ["path", "during", "nginx_file", "nginx_line"]]
    log = context.table("access_log")[["file", "line", "path"]].dropna()
    places = zip(*(log[name].to_numpy(dtype=object) for name in ("file", "line", "path")), strict=True)
    known = {(file, int(line)): path for file, line, path in places}
    asked = zip(both["nginx_file"].to_numpy(dtype=object), both["nginx_line"], strict=True)
    paths = [known.get((file, int(line))) for file, line in asked]
    return both.assign(nginx_path=paths).dropna(subset=["nginx_path"])


def _arrived(context: HealthContext) -> bool:
    """Return whether Nginx's errors name the affected paths: a log of rewritten paths then hides them."""
    paths = context.errors["path"].dropna()
    return bool(route_templates(paths).isin(context.routes).any())


def _strange(context: HealthContext, status: int) -> pd.DataFrame:
    """Return Nginx's requests of the incident with a status, of paths that were never asked for elsewhere."""
    import pandas as pd

    joined = context.joined
    # A log with whole seconds puts the first of the incident before it.
    begun = pd.Timestamp(context.start) - pd.Timedelta(seconds=JOIN_TOLERANCE_WHOLE_S)
    known = joined.loc[joined["seen_edge"] | (joined["start"] < begun), "route"].dropna()
    single = joined[joined["during"] & joined["seen_nginx"] & ~joined["seen_edge"]]
    return single[~single["route"].isin(known) & (single["nginx_status"] == status)]


@detects("edge_wrong_host", group="edge", needs=("edge_log", "access_log"))
def wrong_host(context: HealthContext) -> list[Observation]:
    """Return an observation of an edge that sends Nginx a host name that callers don't use.

    Nginx then answers by itself, and its configuration alone looks at fault.
    """
    bad = context.rows("nginx", bad=True)
    alone = bad[bad["upstream_addr"].isna() & (bad["nginx_status"] != 499)]
    if not concerns(len(alone), len(bad), MOST):
        return []
    hosts = context.of_incident(context.table("edge_log").rename(columns={"start": "time"}))["host"].dropna()
    if len(hosts):
        name = str(hosts.mode().iloc[0])
        return _logged(context, name) or _configured(context, name)
    # Without the edge's names, callers may have changed theirs: only its settings say who did.
    usual = _usual_name(context)
    return _configured(context, usual) if usual else []


def _usual_name(context: HealthContext) -> str | None:
    """Return the name under which Nginx was asked before the trouble for what it passed on."""
    log = context.table("access_log")
    passed = log[(log["time"] < context.start) & log["upstream_addr"].notna()]
    names = passed.loc[route_templates(passed["path"]).isin(context.routes), "host"].dropna()
    return str(names.mode().iloc[0]) if len(names) else None


def _logged(context: HealthContext, name: str) -> list[Observation]:
    """Return the observation by the names that Nginx logged."""
    log = context.table("access_log")
    named = log[log["host"].notna()]
    refused = context.of_incident(named[named["status"].between(300, 599) & named["upstream_addr"].isna()])
    other = refused[refused["host"] != name]
    if not concerns(len(other), len(refused), MOST) or not (named["host"] == name).any():
        return []
    given = str(other["host"].mode().iloc[0])
    names: dict[str, Value] = {"name": Resource(name), "given": Resource(given)}
    text = message("health-edge-wrong-host", **names, renamed=len(other), refused=len(refused))
    detail = message("health-edge-wrong-host-detail", **names)
    return [Observation("edge_wrong_host", text, *lines("access_log", other), detail=detail)]


def _configured(context: HealthContext, name: str) -> list[Observation]:
    """Return the observation by both configurations: the name that the edge sets, and what serves it."""
    for endpoint in context.endpoints:
        given, where = _set_by_edge(context, endpoint) or _set_by_rule(context) or (name, None)
        if where is None or given.lower() == name.lower():
            continue
        well, now = (route_among(context.nginx_routes.places, endpoint, host) for host in (name, given))
        if well is None or now is None or not well["proxy_pass"] or now["proxy_pass"]:
            continue
        names: dict[str, Value] = {"name": Resource(name), "given": Resource(given)}
        text = message(
            "health-edge-wrong-host-configured",
            **names,
            path=Resource(endpoint),
            served=Names(tuple(map(str, well["server_names"]))),
        )
        detail = message("health-edge-wrong-host-detail", **names)
        table, sql, rows = where
        return [Observation("edge_wrong_host", text, table, rows, sql, detail=detail)]
    return []


def _set_by_edge(context: HealthContext, endpoint: str) -> _Set | None:
    """Return the name that the edge's configuration sets for a path; None where a variable decides."""
    place = route_among(context.edge_routes.places, endpoint)
    if place is None or not place["proxy_pass"]:
        return None
    headers = place["directives"].get("proxy_set_header", ())
    # Without a setting Nginx asks for the name of its `proxy_pass`.
    value = next((str(args[1]) for args in headers if str(args[0]).lower() == "host"), "$proxy_host")
    if value == "$proxy_host":
        value = str(place["proxy_pass"]).partition("://")[2].partition("/")[0]
    names = ["proxy_set_header", "server_name"]
    sql = select("config_directives", f"directive in ({', '.join(map(quoted, names))})")
    rows = int(context.table("config_directives")["directive"].isin(names).sum())
    return None if "$" in value else (value, ("config_directives", sql, rows))


def _set_by_rule(context: HealthContext) -> _Set | None:
    """Return the name that a rule of the edge's settings sets for most of the affected requests."""
    for one in matched_rules(context):
        if one.rule.host and one.affected >= MOST:
            return one.rule.host, ("edge_settings", *rows_of_rules(context, [one.rule]))
    return None


@detects("edge_not_reached", group="way to the edge", needs=("probes/outside",))
def way_to_edge(context: HealthContext) -> list[Observation]:
    """Return an observation of outside probes that lost their time before their request was sent.

    A prober's own network, its trust in a certificate, or a door of the edge for it alone looks like an
    edge that holds or refuses an endpoint.
    """
    seen = context.affected
    outside = seen[(seen["vantage"] == "outside") & seen["bad"]]
    served = next(
        (seen[seen["vantage"] == name] for name in ("edge", "nginx") if context.has(LOGS[name])), None
    )
    if served is None or len(served) < FEWEST or served["bad"].mean() > CALM_SHARE:
        return []
    if not served["duration_s"].notna().any():
        return []
    probes = context.table("probes").merge(outside[["file", "line"]].drop_duplicates(), on=["file", "line"])
    early = probes[_before_asking(probes)]
    if not concerns(len(early), len(outside), MOST):
        return []
    text = message(
        "health-edge-not-reached",
        early=len(early),
        bad=len(outside),
        paths=context.endpoints,
        median=Duration(float(served["duration_s"].median())),
        served=len(served),
    )
    strength = by_count(len(early))
    return [Observation("edge_not_reached", text, *lines("probes", early), strength=strength)]


def _before_asking(probes: pd.DataFrame) -> pd.Series:
    failed = probes["status"].isna() | probes["status"].eq(0).fillna(False)
    named = probes["error"].fillna("").str.contains(_UNASKED, case=False, regex=True)
    spent = probes[["dns_s", "connect_s", "tls_s"]].astype("float64").fillna(0.0).sum(axis=1)
    slow = (spent >= MOST_OF_TIME * probes["duration_s"].astype("float64")).fillna(False)
    return ((failed & named) | (~failed & slow)).astype(bool)


DETECTORS = (edge, way_to_edge, wrong_host, rewritten)
