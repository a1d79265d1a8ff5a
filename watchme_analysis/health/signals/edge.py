"""Signals of the edge: requests renamed, given up too soon or passed on; probes that never reached it.

That it held, refused or misdirected requests are fates, signals of `localisation`; here is how it did that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.context import HealthContext, most_affected, short_of_usual
from watchme_analysis.health.incident import INSTANT_S
from watchme_analysis.health.rows import (
    LOGS,
    Facts,
    Rows,
    Values,
    lines,
    observation,
    of_joined,
    of_observed,
    quoted,
    select,
)
from watchme_analysis.health.signals.rules import (
    edge_rule,
    impatient,
    matched_rules,
    rows_of_rules,
    timeout_rule,
)
from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, MANY, MOST, concerns
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.nginx_conf.routing import route_among
from watchme_analysis.requests.edge_join import JOIN_TOLERANCE_WHOLE_S
from watchme_analysis.requests.fates import BY_EDGE, GATEWAY, covered_by_nginx, usual_origin
from watchme_analysis.requests.layers import MOST_OF_TIME
from watchme_analysis.text.message import Choice, Duration, Names, Resource, Text, message, sentences

if TYPE_CHECKING:
    import pandas as pd

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
def edge(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of an edge that gave up too soon, or passed on what was bad at the origin."""
    if not context.has("edge_log"):
        yield from _without_edge_log(context)
        return
    bad = context.rows("edge", bad=True)
    bad = bad[covered_by_nginx(bad, context.joined)]
    if len(bad) < FEWEST:
        return
    fate = context.fate[bad.index]
    # Nginx logs that its caller left (499); without a common id the two records may not be joined.
    unanswered = ~bad["seen_nginx"] & (bad["origin_status"].fillna(0) == 0) & (bad["edge_s"] >= INSTANT_S)
    cut = bad["edge_status"].isin(GATEWAY) & ((bad["nginx_status"] == 499) | unanswered)
    by_rule = fate.isin(["edge_responded", "sent_elsewhere"])
    is_short = cut & ~by_rule & short_of_usual(context, bad, "edge_s")
    at_edge = fate.isin(BY_EDGE)
    if (found := most_affected(context, bad[is_short], bad)) is not None:
        yield impatient(context, "edge_impatient", *found, timeout_rule(context) or edge_rule(context))
    elif most_affected(context, bad[at_edge], bad) is None:
        passed, rows = int((~is_short & ~at_edge).sum()), of_joined("edge", bad)
        strength = by_count(len(bad))
        yield observation(context, "edge_passes_on", rows, strength=strength, bad=len(bad), passed=passed)


def held(context: HealthContext, rows: pd.DataFrame) -> tuple[Text, Facts]:
    """Return what is known of requests that the edge held."""
    origin = Duration(float(rows["nginx_s"].fillna(rows["origin_s"]).median()))
    detail = message("health-fate-held-by-edge-detail", paths=context.endpoints, origin=origin)
    return sentences(detail, edge_rule(context)), {}


def responded(context: HealthContext, rows: pd.DataFrame) -> tuple[Text, Facts]:
    """Return what is known of responses of the edge itself: their statuses, the cache, and the rule."""
    statuses = rows["edge_status"].value_counts()
    counted = Names(tuple(f"{int(status)} ({count})" for status, count in statuses.items()))
    cache = None
    if len(caches := rows["cache_status"].dropna().value_counts()):
        cache = message("health-edge-cache-status", cache=Resource(str(caches.index[0])))
    detail = message("health-fate-edge-responded-detail", paths=context.endpoints, statuses=counted)
    # A caller that left got no response from a rule: the edge held its request.
    status = int(statuses.index[0])
    facts: Facts = {} if status == 499 else {"status": Resource(str(status))}
    return sentences(detail, cache, edge_rule(context)), facts


def sent_elsewhere(context: HealthContext, rows: pd.DataFrame) -> tuple[Text, Facts]:
    """Return what is known of requests that the edge sent to another origin."""
    detail = message(
        "health-fate-sent-elsewhere-detail",
        paths=context.endpoints,
        origins=rows["origin_addr"].value_counts().index,
        usual=Resource(str(usual_origin(context.joined))),
    )
    return sentences(detail, edge_rule(context)), {}


def nginx_was_there(context: HealthContext) -> float:
    """Return how surely Nginx had been there for requests that it has no record of (0 to 1)."""
    others = context.joined_during["seen_nginx"].sum()
    # Without others, only that the log goes on before or after tells that Nginx was there.
    around = (~context.joined["during"] & context.joined["seen_nginx"]).sum()
    return max(by_count(others, MANY), 0.6 * by_count(around, MANY))


def _without_edge_log(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of outside probes compared with Nginx's log, where the edge keeps no log."""
    if not context.has("access_log") or not context.has("probes"):
        return
    observed = context.affected
    outside = observed[observed["vantage"] == "outside"]
    bad = int(outside["bad"].sum())
    if not concerns(bad, len(outside)):
        return
    nginx = observed[observed["vantage"] == "nginx"]
    counts: Values = {"bad": int(nginx["bad"].sum()), "requests": len(nginx)}
    others = context.joined_during[context.joined_during["seen_nginx"]]
    before = context.joined[~context.joined["during"] & context.joined["route"].isin(context.routes)]
    # What came after the last bad probe was sent may have come when all was well again.
    last = outside.loc[outside["bad"], "start"].max()
    if concerns(counts["bad"], len(nginx), CALM_SHARE):
        rows = of_observed(nginx)
        yield observation(context, "edge_passes_on", rows, words="edge-passes-on-by-probes", **counts)
    elif (
        len(nginx) >= FEWEST
        and nginx["duration_s"].notna().any()
        and counts["bad"] <= CALM_SHARE * len(nginx)
    ):
        counts |= {"bad_probes": bad, "probes": len(outside)}
        median = Duration(float(nginx["duration_s"].median()))
        yield observation(context, "outside_bad_nginx_fine", of_observed(nginx), median=median, **counts)
    elif not (nginx["start"] < last).any() and len(others) >= MANY and len(before) >= FEWEST:
        counts = {"others": len(others), "before": len(before)}
        rows = of_joined("nginx", others)
        yield observation(context, "edge_never_arrived", rows, words="edge-never-arrived-by-probes", **counts)


@detects("edge_renames", group="edge", needs=("edge_log", "access_log"))
def rewritten(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of bad responses that the edge got for a path that no caller requested.

    Nginx or the application then refuses what is strange to them, and look at fault.
    """
    bad = context.rows("edge", bad=True)
    renamed = _renamed(context, bad)
    if concerns(len(renamed), len(bad), MOST):
        path, name = (Resource(str(renamed[column].mode().iloc[0])) for column in ("nginx_path", "path"))
        yield observation(
            context,
            "edge_renames",
            of_joined("nginx", renamed),
            rule=edge_rule(context),
            strength=by_count(len(renamed)),
            other=path,
            path=name,
            renamed=len(renamed),
            bad=len(bad),
        )
        return
    lost = bad[~bad["seen_nginx"] & bad["origin_status"].between(300, 599)]
    if not concerns(len(lost), len(bad), MOST) or _arrived(context):
        return
    status = int(lost["origin_status"].mode().iloc[0])
    strange = _strange(context, status)
    # What is put before every path makes as many strange routes as it hides.
    often = strange["route"].value_counts().index[: lost["route"].nunique()]
    hits = strange[strange["route"].isin(often)]
    if not concerns(len(hits), len(lost), MOST) or not concerns(len(lost), len(hits), MOST):
        return
    yield observation(
        context,
        "edge_renames",
        of_joined("nginx", hits),
        words="edge-renames-unjoined",
        rule=edge_rule(context),
        strength=by_count(len(hits)),
        other=Resource(str(hits["path"].mode().iloc[0])),
        number=Choice("one" if len(often) == 1 else "several"),
        lost=len(lost),
        hits=len(hits),
        status=Resource(str(status)),
    )


def _renamed(context: HealthContext, bad: pd.DataFrame) -> pd.DataFrame:
    """Return the bad requests that Nginx logged under another path than their caller's.

    They are joined by a common id, and have the path that Nginx logged as ``nginx_path``.
    """
    joined = context.joined
    is_joined = joined["joined_by"].eq("ray").fillna(False) & joined["path"].notna()
    both = joined.loc[is_joined, ["path", "during", "nginx_file", "nginx_line"]]
    log = context.table("access_log")[["file", "line", "path"]].dropna()
    places = zip(*(log[name].to_numpy(dtype=object) for name in ("file", "line", "path")), strict=True)
    known = {(file, int(line)): path for file, line, path in places}
    asked = zip(both["nginx_file"].to_numpy(dtype=object), both["nginx_line"], strict=True)
    paths = [known.get((file, int(line))) for file, line in asked]
    both = both.assign(nginx_path=paths).dropna(subset=["nginx_path"])
    other = both["nginx_path"].astype(object) != both["path"].astype(object)
    # A log of paths that Nginx has rewritten itself differs from the edge's at all times.
    is_usual = other[~both["during"]].sum() > CALM_SHARE * len(both)
    return both[other & both.index.isin(bad.index) & (not is_usual)]


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
def wrong_host(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of an edge that sends Nginx a host name that callers don't use.

    Nginx then answers by itself, and its configuration alone looks at fault.
    """
    bad = context.rows("nginx", bad=True)
    alone = bad[bad["upstream_addr"].isna() & (bad["nginx_status"] != 499)]
    if not concerns(len(alone), len(bad), MOST):
        return
    hosts = context.of_incident(context.table("edge_log"), "start")["host"].dropna()
    if len(hosts):
        name = str(hosts.mode().iloc[0])
        found = _logged(context, name) or _configured(context, name)
    else:
        # Without the edge's names, callers may have changed theirs: only its settings say who did.
        usual = _usual_name(context)
        found = _configured(context, usual) if usual else None
    if found is not None:
        yield found


def _usual_name(context: HealthContext) -> str | None:
    """Return the name under which Nginx was asked before the trouble for what it passed on."""
    log = context.table("access_log")
    passed = log[(log["time"] < context.start) & log["upstream_addr"].notna()]
    names = passed.loc[route_templates(passed["path"]).isin(context.routes), "host"].dropna()
    return str(names.mode().iloc[0]) if len(names) else None


def _logged(context: HealthContext, name: str) -> Observation | None:
    """Return the observation by the names that Nginx logged."""
    log = context.table("access_log")
    named = log[log["host"].notna()]
    refused = context.of_incident(named[named["status"].between(300, 599) & named["upstream_addr"].isna()])
    other = refused[refused["host"] != name]
    if not concerns(len(other), len(refused), MOST) or not (named["host"] == name).any():
        return None
    names: Values = {"name": Resource(name), "given": Resource(str(other["host"].mode().iloc[0]))}
    counts: Values = {"renamed": len(other), "refused": len(refused)}
    return observation(context, "edge_wrong_host", lines("access_log", other), **names, **counts)


def _configured(context: HealthContext, name: str) -> Observation | None:
    """Return the observation by both configurations: the name that the edge sets, and what serves it."""
    for endpoint in context.endpoints:
        given, rows = _set_by_edge(context, endpoint) or _set_by_rule(context) or (name, None)
        if rows is None or given.lower() == name.lower():
            continue
        well, now = (route_among(context.nginx_routes.places, endpoint, host) for host in (name, given))
        if well is None or now is None or not well["proxy_pass"] or now["proxy_pass"]:
            continue
        names: Values = {"name": Resource(name), "given": Resource(given)}
        served = Names(tuple(map(str, well["server_names"])))
        return observation(
            context,
            "edge_wrong_host",
            rows,
            words="edge-wrong-host-configured",
            detail=message("health-edge-wrong-host-detail", **names),
            path=Resource(endpoint),
            served=served,
            **names,
        )
    return None


def _set_by_edge(context: HealthContext, endpoint: str) -> tuple[str, Rows] | None:
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
    return None if "$" in value else (value, Rows("config_directives", rows, sql))


def _set_by_rule(context: HealthContext) -> tuple[str, Rows] | None:
    """Return the name that a rule of the edge's settings sets for most of the affected requests."""
    setting = (one.rule for one in matched_rules(context) if one.rule.host and one.affected >= MOST)
    return next(((str(rule.host), rows_of_rules(context, [rule])) for rule in setting), None)


@detects("edge_not_reached", group="way to the edge", needs=("probes/outside",))
def way_to_edge(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of outside probes that lost their time before their request was sent.

    A prober's own network, its trust in a certificate, or a door of the edge for it alone looks like an
    edge that holds or refuses an endpoint.
    """
    seen = context.affected
    outside = seen[(seen["vantage"] == "outside") & seen["bad"]]
    served = next(
        (seen[seen["vantage"] == name] for name in ("edge", "nginx") if context.has(LOGS[name])), seen[:0]
    )
    if len(served) < FEWEST or served["bad"].mean() > CALM_SHARE or served["duration_s"].isna().all():
        return
    probes = context.table("probes").merge(outside[["file", "line"]].drop_duplicates(), on=["file", "line"])
    early = probes[_before_asking(probes)]
    if concerns(len(early), len(outside), MOST):
        yield observation(
            context,
            "edge_not_reached",
            lines("probes", early),
            strength=by_count(len(early)),
            early=len(early),
            bad=len(outside),
            median=Duration(float(served["duration_s"].median())),
            served=len(served),
        )


def _before_asking(probes: pd.DataFrame) -> pd.Series:
    failed = probes["status"].isna() | probes["status"].eq(0).fillna(False)
    named = probes["error"].fillna("").str.contains(_UNASKED, case=False, regex=True)
    spent = probes[["dns_s", "connect_s", "tls_s"]].astype("float64").fillna(0.0).sum(axis=1)
    slow = (spent >= MOST_OF_TIME * probes["duration_s"].astype("float64")).fillna(False)
    return ((failed & named) | (~failed & slow)).astype(bool)


DETECTORS = (edge, way_to_edge, wrong_host, rewritten)
