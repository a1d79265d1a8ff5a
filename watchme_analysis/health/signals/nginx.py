"""Signals of Nginx: requests that it refused, held, misdirected or cut off, and the reload that began it.

Nginx reads its configuration at start and at a reload (``nginx -s reload``, SIGHUP), and logs both at the
level ``notice`` (nginx.org, "Controlling nginx"). A log with this level therefore shows whether a
configuration can have changed when the incident began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.affected_service import own_rows
from watchme_analysis.health.context import HealthContext, most_affected, short_of_usual
from watchme_analysis.health.rows import Facts, Values, lines, observation, of_joined, own_place
from watchme_analysis.health.signals.rules import impatient, nginx_rule
from watchme_analysis.health.signals.upstreams import (
    dead_server,
    elsewhere_by_errors,
    error_kind,
    is_group,
    taken_out,
    usual_address,
)
from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, MANY, MOST, PART, concerns
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.fates import BY_NGINX
from watchme_analysis.requests.observations import INNER
from watchme_analysis.text.message import (
    Code,
    Names,
    Resource,
    Text,
    TimeSpan,
    message,
    sentences,
)

if TYPE_CHECKING:
    import pandas as pd

# How Nginx says that a header did not fit into its proxy_buffer_size.
TOO_BIG = "sent too big header"
# How far a refusal by the application speaks of what Nginx passes on, unless a probe past Nginx shows it: the
# application refuses callers without rights, and what they sent or send too often, by itself.
OWN_REFUSALS = {401: 0.5, 403: 0.5, 409: 0.2, 410: 0.2, 422: 0.2, 429: 0.2}
# Statuses by which a server says that it could not get an answer, or that its caller left: no refusals.
UNANSWERED = (499, 500, 502, 504)
# How Nginx says that it loads its configuration.
LOADS = r"^reconfiguring$|start worker processes"
# Level of these lines, and levels that are logged only where these lines are.
NOTICE_AND_LOWER = ("notice", "info", "debug")
# Both logs have whole seconds.
LOG_RESOLUTION_S = 1.0
# Probability of a reload in the interval by chance, from which a reload there is no sign of anything.
RELOAD_BY_CHANCE = 0.25
# Directives by which Nginx itself responds with a status (nginx.org, each under its name).
RESPONDING = {
    301: ("return", "rewrite"), 302: ("return", "rewrite", "error_page"), 307: ("return",), 308: ("return",),
    401: ("auth_basic", "auth_request"), 403: ("deny", "auth_request", "return"),
    404: ("return", "try_files", "root"), 413: ("client_max_body_size",),
    429: ("limit_req", "limit_conn", "return"), 503: ("limit_req", "limit_conn", "return"),
}  # fmt: skip
# Directives that grant what Nginx can run short of (ngx_core_module).
GRANTING = {"worker_connections": "worker_connections", "open_files": "worker_rlimit_nofile"}
# Levels of Nginx's error log above errors of single requests (ngx_core_module, error_log).
SEVERE = ("crit", "alert", "emerg")


@detects(
    "nginx_alone",
    "nginx_impatient",
    "nginx_mangles",
    "nginx_passes_on",
    group="nginx",
    needs=("access_log/times",),
)
@detects("nginx_renames", group="nginx", needs=("app_log",))
@detects("header_too_big", "nginx_short_of", group="nginx errors", needs=("error_log",))
@detects("moved_upstream", "dead_server", group="upstream", needs=("access_log/times", "error_log"))
@detects("server_down", group="upstream", needs=("config_directives/nginx",))
def nginx(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of Nginx's bad requests by the layer that caused them."""
    bad = context.rows("nginx", bad=True)
    yield from (*_errors(context), *taken_out(context), *renames(context, bad))
    fate, total = context.fate[bad.index], len(bad)
    own = bad[fate.isin(BY_NGINX) & bad["nginx_status"].ne(499)]
    passed_on = bad[bad["upstream_addr"].notna() & fate.ne("slow_nginx")]
    moved, cut = _moved(context, passed_on), passed_on[passed_on["nginx_status"] == 504]
    makers = (
        (moved, _elsewhere),
        (cut[short_of_usual(context, cut, "nginx_s")], _cut_off),
        (passed_on[fate[passed_on.index].eq("rejected")], _mangles),
    )
    is_named = context.joined["upstream_addr"].notna().any()
    # A few may end at a dead server, with no other left to try: all would, were they sent astray.
    dead, routes = dead_server(context) if is_named and len(moved) < CALM_SHARE * total else ([], [])
    yield from dead
    explained = int(passed_on["route"].isin(routes).sum()) + len(own)
    for rows, maker in makers:
        if (found := most_affected(context, rows, bad)) is not None:
            yield maker(context, *found)
            explained += len(rows) if concerns(len(rows), total) else 0
    if not is_named and not concerns(len(own), total):
        yield from unseen(context, bad)
    if explained < PART * total and len(passed_on) >= max(MOST * total, FEWEST):
        counts: Values = {"passed": len(passed_on), "bad": total}
        rows_passed, strength = of_joined("nginx", passed_on), by_count(total)
        yield observation(context, "nginx_passes_on", rows_passed, strength=strength, **counts)


def _moved(context: HealthContext, passed_on: pd.DataFrame) -> pd.DataFrame:
    """Return requests sent to an address that is not the one these paths go to when all is well."""
    usual = usual_address(context)
    expected = passed_on["route"].map(usual)
    address = passed_on["upstream_addr"]
    astray = expected.notna() & (expected != address).fillna(False) & ~address.isin(context.serving)
    return passed_on[astray & ~is_group(address)]


def responded(context: HealthContext, rows: pd.DataFrame) -> tuple[Text | None, Facts]:
    """Return what is known of responses of Nginx itself: their statuses, and what may make it respond so."""
    statuses = rows["nginx_status"].dropna().value_counts()
    if statuses.empty:
        return None, {}
    counted = Names(tuple(f"{int(status)} ({count})" for status, count in statuses.items()))
    detail = message("health-nginx-alone-detail", place=own_place(context), statuses=counted)
    status = int(statuses.index[0])
    names = RESPONDING.get(status, ("return", "rewrite"))
    facts: Facts = {"status": Resource(str(status)), "directives": Code(", ".join(names))}
    return sentences(detail, nginx_rule(context)), {**facts, **_in_force(context, names)}


def _in_force(context: HealthContext, names: Iterable[str]) -> dict[str, Code]:
    """Return the first of some directives that is in force for the affected endpoint, with its arguments."""
    place = context.own_location
    values = ((name, place.value(name)) for name in names) if place is not None else ()
    return next(({"setting": Code(f"{name} {value}")} for name, value in values if value), {})


def _elsewhere(context: HealthContext, rows: pd.DataFrame, total: int) -> Observation:
    address = str(rows["upstream_addr"].mode().iloc[0])
    fate = _fate(context, rows, address)
    return observation(
        context,
        "moved_upstream",
        of_joined("nginx", rows),
        (len(rows), "requests"),
        more=fate,
        rule=fate,
        strength=by_count(len(rows)),
        moved=len(rows),
        bad=total,
        address=Resource(address),
        usual=sorted({usual_address(context)[str(route)] for route in rows["route"].unique()}),
    )


def _fate(context: HealthContext, rows: pd.DataFrame, address: str) -> Text:
    errors = context.errors
    kinds = errors.loc[errors["upstream_addr"] == address, "kind"].value_counts()
    if len(kinds):
        return message(
            "health-moved-upstream-errors",
            address=Resource(address),
            errors=int(kinds.iloc[0]),
            total=int(kinds.sum()),
            kind=error_kind(str(kinds.index[0])),
        )
    status = rows["nginx_status"].value_counts()
    return message(
        "health-moved-upstream-status",
        responses=int(status.iloc[0]),
        total=len(rows),
        status=Resource(str(int(status.index[0]))),
    )


def _cut_off(context: HealthContext, rows: pd.DataFrame, total: int) -> Observation:
    return impatient(context, "nginx_impatient", rows, total, _set_here(context, "proxy_read_timeout"))


def _set_here(context: HealthContext, name: str) -> Text | None:
    """Return a sentence on the value of a directive for the affected endpoint; None where it is not set."""
    setting = _in_force(context, [name])
    return message("health-nginx-sets", **setting) if setting else None


def _mangles(context: HealthContext, rows: pd.DataFrame, total: int) -> Observation:
    status = int(rows["nginx_status"].mode().iloc[0])
    strength = 1.0 if _well_inside(context, rows) else OWN_REFUSALS.get(status, 0.8)
    values: Values = {"refused": len(rows), "bad": total, "status": Resource(str(status))}
    return observation(context, "nginx_mangles", of_joined("nginx", rows), strength=strength, **values)


def _well_inside(context: HealthContext, rows: pd.DataFrame) -> bool:
    """Return whether probes past Nginx find these endpoints well."""
    inner = context.observed[context.observed["during"] & context.observed["vantage"].isin(INNER)]
    mine = inner[inner["route"].isin(rows["route"])]
    return len(mine) >= FEWEST and not mine["failed"].any()


def _errors(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of Nginx's own limits in its error log."""
    errors = context.errors
    mine = errors[route_templates(errors["path"]).isin(context.routes)] if len(errors) else errors
    lost = mine[mine["kind"].eq("upstream_invalid") & mine["message"].str.contains(TOO_BIG, na=False)]
    if len(lost) >= FEWEST:
        rows, limit = lines("error_log", lost), _set_here(context, "proxy_buffer_size")
        strength = by_count(len(lost))
        yield observation(context, "header_too_big", rows, rule=limit, strength=strength, lost=len(lost))
    yield from _short_of(context, errors)
    if not context.joined["upstream_addr"].notna().any():
        yield from elsewhere_by_errors(context, mine, usual_address(context))


@detects("nginx_short_of", group="nginx errors", needs=("error_log",))
def unaccepted(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of connections that Nginx could not accept, which are in no access log."""
    errors, served = context.table("error_log"), context.joined[context.joined["seen_nginx"]]
    # An error log may reach back longer than the access log.
    covered = errors["time"].between(served["nginx_start"].min(), served["nginx_end"].max())
    yield from _short_of(context, errors[errors["level"].isin(SEVERE) & covered], in_access_log=False)


def _short_of(
    context: HealthContext, errors: pd.DataFrame, *, in_access_log: bool = True
) -> Iterator[Observation]:
    """Yield what Nginx ran short of, by lines of its error log."""
    short = errors[errors["kind"].isin(["worker_connections", "open_files"])]
    if len(short) < FEWEST:
        return
    kind = str(short["kind"].mode().iloc[0])
    yield observation(
        context,
        "nginx_short_of",
        lines("error_log", short),
        (len(short), "lines"),
        words="nginx-short-of" if in_access_log else "nginx-unaccepted",
        detail=message("health-nginx-short-of-detail", kind=error_kind(kind)),
        facts={"limit": Code(GRANTING[kind])},
        lines=len(short),
        kind=error_kind(kind),
        span=TimeSpan(short["time"].min().to_pydatetime(), short["time"].max().to_pydatetime()),
    )


def limited(context: HealthContext, lines_of: pd.DataFrame) -> tuple[Text | None, Facts]:
    """Return what is known of requests that a limit refused, with the limit by its lines in the error log."""
    kinds = lines_of["kind"]
    if kinds.empty:
        return None, {}
    directive = str(kinds.mode().iloc[0])
    place, kind = own_place(context), error_kind(directive)
    limit = message("health-nginx-limits-detail", place=place, kind=kind, times=len(kinds))
    return sentences(limit, nginx_rule(context)), _in_force(context, [directive])


def distrusted(context: HealthContext, rows: pd.DataFrame) -> tuple[Text, Facts]:
    """Return what is known of TLS handshakes with the upstream that failed, with where Nginx makes them."""
    failing = message("health-fate-tls-failed-detail", place=own_place(context), times=len(rows))
    return sentences(failing, _set_here(context, "proxy_pass")), {}


def _answers(log: pd.DataFrame) -> pd.DataFrame:
    """Return what an application logged of requests, ``path`` without its query."""
    mine = log.loc[
        (log["kind"] == "access") & log["path"].notna(), ["file", "line", "time", "path", "status"]
    ]
    return mine.assign(path=mine["path"].str.replace(r"\?.*", "", regex=True))


def renames(context: HealthContext, bad: pd.DataFrame) -> Iterator[Observation]:
    """Yield the observation of refused paths that the application never received while all was well.

    Nginx passes a path on under another name then, or with a prefix that it used to remove.
    """
    mine = _answers(context.table("app_log"))
    mine = mine.assign(route=route_templates(mine["path"]))
    usual = set(mine.loc[mine["time"] < context.start, "route"])
    # An application log that begins with the incident leaves the callers' own paths to compare with.
    usual = usual or set(context.joined["route"].dropna())
    refused = context.of_incident(mine[~mine["route"].isin(usual) & mine["status"].between(300, 498)])
    if refused.empty:
        return
    status = int(refused["status"].mode().iloc[0])
    hits, total = refused[refused["status"] == status], int((bad["nginx_status"] == status).sum())
    # Callers whom Nginx gave nothing of the kind, or whom no log shows, tell nothing of what it asks for.
    if total < FEWEST or not concerns(len(hits), total, MOST):
        return
    path = Resource(str(hits["path"].mode().iloc[0]))
    counts: Values = {"times": len(hits), "logged": total}
    rows, code = lines("app_log", hits), Resource(str(status))
    rule = nginx_rule(context)
    yield observation(context, "nginx_renames", rows, rule=rule, path=path, status=code, **counts)


def unseen(context: HealthContext, bad: pd.DataFrame) -> Iterator[Observation]:
    """Yield the observation of refusals in Nginx's log that the application's log of responses lacks.

    For a log that names no upstream: it does not tell Nginx's own answers from those passed on.
    """
    refused = bad[bad["nginx_status"].between(300, 503) & ~bad["nginx_status"].isin(UNANSWERED)]
    mine = context.of_incident(_answers(own_rows(context, "app_log")))
    codes = sorted(int(status) for status in refused["nginx_status"].dropna().unique())
    known = int(mine["status"].isin(codes).sum())
    is_rule = concerns(len(refused), len(bad), MOST)
    if not is_rule or len(mine) < MANY or known > CALM_SHARE * len(refused):
        return
    yield observation(
        context,
        "nginx_alone",
        of_joined("nginx", refused),
        words="nginx-alone-by-app-log",
        detail=message("health-nginx-alone-detail", place=own_place(context), statuses=codes),
        rule=nginx_rule(context),
        strength=by_count(len(refused)),
        refused=len(refused),
        bad=len(bad),
        statuses=codes,
        logged=len(mine),
        same=known,
    )


@detects("reloaded_at_onset", "not_reloaded", group="reload", needs=("error_log",))
@detects("reloaded_at_end", group="reload at the end", needs=("error_log",))
def reloads(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of reloads of Nginx's configuration at the bounds of the incident."""
    import pandas as pd

    log = context.table("error_log")
    noticed = log[log["level"].isin(NOTICE_AND_LOWER)]
    loads = noticed[noticed["message"].str.contains(LOADS, na=False)].dropna(subset=["time"])
    outer = context.outer[context.outer["route"].isin(context.routes)].sort_values("start", kind="stable")
    before = outer[outer["start"] < pd.Timestamp(context.start)]
    after = outer[(outer["start"] > pd.Timestamp(context.start)) & ~outer["during"] & ~outer["bad"]]
    if noticed.empty or before.empty:
        return
    moments = outer["start"]
    recorded_s = (moments.iloc[-1] - moments.iloc[0]).total_seconds()
    onset = _interval(before["start"].iloc[-1], pd.Timestamp(context.start))
    at_onset = loads[loads["time"].between(*onset)]
    if at_onset.empty:
        # Lines older than the incident show that reloads were logged when it began.
        if (noticed["time"] < onset[0]).any():
            span = TimeSpan(*(at.to_pydatetime() for at in onset))
            yield observation(context, "not_reloaded", lines("error_log", noticed), span=span)
        return
    chance = _chance(loads, onset, recorded_s)
    if chance > RELOAD_BY_CHANCE:
        return
    moment = at_onset["time"].iloc[-1].to_pydatetime()
    rows = lines("error_log", at_onset)
    yield observation(context, "reloaded_at_onset", rows, strength=1.0 - chance, at=moment)
    if len(after):
        last_bad = outer.loc[outer["during"] & outer["bad"], "start"].max()
        at_end = loads[loads["time"].between(*_interval(last_bad, after["start"].iloc[0]))]
        if len(at_end):
            moment = at_end["time"].iloc[0].to_pydatetime()
            yield observation(context, "reloaded_at_end", lines("error_log", at_end), at=moment)


def _interval(last: pd.Timestamp, first: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the interval between two requests, widened by the resolution of the logs."""
    import pandas as pd

    step = pd.Timedelta(seconds=LOG_RESOLUTION_S)
    return last - step, first + step


def _chance(loads: pd.DataFrame, interval: tuple[pd.Timestamp, pd.Timestamp], recorded_s: float) -> float:
    """Return the probability that one of so many reloads lies in an interval of the record by chance."""
    moments = loads["time"].nunique()
    part = (interval[1] - interval[0]).total_seconds() / max(recorded_s, LOG_RESOLUTION_S)
    return float(1 - (1 - min(part, 1.0)) ** moments)


DETECTORS = (nginx, reloads)
