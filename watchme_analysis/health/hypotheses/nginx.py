"""Checks of Nginx: whether it refused, held, misdirected or cut off what the application would serve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.hypotheses.answers import renames, unseen
from watchme_analysis.health.hypotheses.facts import Facts, most_of_one
from watchme_analysis.health.hypotheses.rules import nginx_rule, place_of
from watchme_analysis.health.hypotheses.sql import lines, of_joined
from watchme_analysis.health.hypotheses.upstreams import (
    dead_server,
    elsewhere_by_errors,
    error_kind,
    is_group,
    label,
    taken_out,
    usual_address,
)
from watchme_analysis.health.hypotheses.usual_times import longest_answer_s, short_of_usual
from watchme_analysis.health.rate_limits import delays_requests, limit_lines
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.observations import INNER
from watchme_analysis.text.message import Code, Duration, Names, Resource, Text, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

HELD_S = 0.4
# Share of bad requests astray from which on no dead neighbour explains them.
MOST_MOVED = 0.1
# How Nginx says that a header did not fit into its proxy_buffer_size.
TOO_BIG = "sent too big header"
# Where Nginx stood when it failed to agree on TLS with an upstream.
HANDSHAKE = "while SSL handshaking to upstream"
# How far a refusal by the application speaks of what Nginx passes on, unless a probe past Nginx shows it: the
# application refuses callers without rights, and what they sent or send too often, by itself.
OWN_REFUSALS = {401: 0.5, 403: 0.5, 409: 0.2, 410: 0.2, 422: 0.2, 429: 0.2}


@detects(
    "nginx_alone",
    "nginx_waits",
    "nginx_impatient",
    "nginx_mangles",
    "nginx_passes_on",
    group="nginx",
    needs=("access_log/times",),
)
@detects("nginx_renames", group="nginx", needs=("app_log",))
@detects(
    "nginx_limits",
    "header_too_big",
    "no_handshake",
    "nginx_short_of",
    group="nginx errors",
    needs=("error_log",),
)
@detects(
    "moved_upstream",
    "dead_server",
    group="upstream",
    needs=(
        "access_log/times",
        "error_log",
    ),
)
@detects("server_down", group="upstream", needs=("config_directives/nginx",))
def nginx(found: Facts) -> list[Observation]:
    """Sort Nginx's bad requests by who spoiled them."""
    bad = found.rows("nginx", bad=True)
    seen = [*_errors(found), *taken_out(found), *renames(found, bad)]
    if len(bad) < 3 or not found.joined["upstream_addr"].notna().any():
        return seen + unseen(found, bad)
    total = len(bad)
    passed_on = bad[bad["upstream_addr"].notna()]
    alone = bad[bad["upstream_addr"].isna() & bad["nginx_status"].notna() & (bad["nginx_status"] != 499)]
    held, moved = _held(found, bad), _moved(found, passed_on)
    cut = passed_on[passed_on["nginx_status"] == 504]
    cut = cut[short_of_usual(found, cut, "nginx_s")] if len(cut) else cut
    refused = passed_on[
        (passed_on["nginx_status"] >= 300)
        & (passed_on["nginx_status"] < 500)
        & (passed_on["nginx_status"] != 499)
    ]
    makers = (
        (alone, _alone),
        (held, _waits),
        (moved, _elsewhere),
        (cut, _impatient),
        (refused, _mangles),
    )
    # A few may end at a dead server, with no other left to try: all would, were they sent astray.
    dead, routes = dead_server(found) if len(moved) < MOST_MOVED * total else ([], [])
    seen += dead
    explained = int(passed_on["route"].isin(routes).sum())
    for rows, maker in makers:
        if len(rows) >= 3 and len(rows) >= 0.3 * total:
            seen.append(replace(maker(found, rows, total), share=len(rows) / total))
            explained += len(rows)
        elif (mine := most_of_one(found, rows, bad)) is not None:
            seen.append(replace(maker(found, *mine), share=len(rows) / total))
    if explained < 0.3 * total and len(passed_on) >= 0.5 * total:
        text = message("health-nginx-passes-on", passed=len(passed_on), bad=total, services=found.services)
        sql = of_joined("nginx", passed_on)
        seen.append(
            Observation("nginx_passes_on", text, "access_log", len(passed_on), sql, strength=by_count(total))
        )
    return seen


def _held(found: Facts, bad: pd.DataFrame) -> pd.DataFrame:
    """Return requests whose time passed in Nginx itself, not in a slow client's sending or reading."""
    spent = bad["nginx_s"] - bad["response_s"].fillna(0.0)
    long = (spent > HELD_S) & (spent > 0.6 * bad["nginx_s"])
    # A large answer may wait for its reader, and an upload for its sender; a short answer to a GET can't.
    short = (bad["method"] == "GET").fillna(False).astype(bool) & ~(bad["nginx_bytes"] > 65536)
    lines = limit_lines(found.errors)
    limited = bad["route"].isin(lines.loc[lines["kind"] == "limit_req", "route"])
    return bad[long & (short | limited)]


def _moved(found: Facts, passed_on: pd.DataFrame) -> pd.DataFrame:
    """Return requests sent to an address that is not the one these paths go to when all is well."""
    usual = usual_address(found)
    expected = passed_on["route"].map(usual)
    address = passed_on["upstream_addr"]
    good = found.joined[
        found.joined["seen_nginx"] & ~found.joined["nginx_bad"] & found.joined["upstream_addr"].notna()
    ]
    serves = set(good["upstream_addr"])
    astray = expected.notna() & (expected != address).fillna(False) & ~address.isin(serves)
    return passed_on[astray & ~is_group(address)]


def _alone(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    statuses = rows["nginx_status"].value_counts()
    counted = Names(tuple(f"{int(status)} ({count})" for status, count in statuses.items()))
    text = message(
        "health-nginx-alone", responses=len(rows), bad=total, paths=found.endpoints, statuses=counted
    )
    detail = message("health-nginx-alone-detail", place=label(found), statuses=counted)
    return _seen("nginx_alone", text, rows, (len(rows), "requests"), sentences(detail, nginx_rule(found)))


def _seen(
    outcome: str, text: Text, rows: pd.DataFrame, effect: tuple[float, str], detail: Text
) -> Observation:
    """Return what Nginx's log shows of some bad requests, and how it is Nginx's doing."""
    sql, strength = of_joined("nginx", rows), by_count(len(rows))
    return Observation(outcome, text, "access_log", len(rows), sql, *effect, strength=strength, detail=detail)


def _waits(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    spent = float((rows["nginx_s"] - rows["response_s"].fillna(0.0)).median())
    time = Duration(spent)
    text = message("health-nginx-waits", held=len(rows), bad=total, paths=found.endpoints, time=time)
    detail = message("health-nginx-waits-detail", place=label(found), time=time)
    return _seen("nginx_waits", text, rows, (spent, "s"), sentences(detail, nginx_rule(found)))


def _elsewhere(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    address = str(rows["upstream_addr"].mode().iloc[0])
    usual = sorted({usual_address(found)[str(route)] for route in rows["route"].unique()})
    fate = _fate(found, rows, address)
    text = message(
        "health-moved-upstream",
        moved=len(rows),
        bad=total,
        paths=found.endpoints,
        address=Resource(address),
        usual=usual,
    )
    detail = message("health-moved-upstream-detail", place=label(found), address=Resource(address))
    effect = (len(rows), "requests")
    return _seen("moved_upstream", sentences(text, fate), rows, effect, sentences(detail, fate))


def _fate(found: Facts, rows: pd.DataFrame, address: str) -> Text:
    errors = found.errors
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


def _impatient(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    cut = float(rows["nginx_s"].median())
    needs = longest_answer_s(found, rows)
    times: dict[str, Value] = {"cut": Duration(cut), "needs": Duration(needs)}
    text = message("health-nginx-impatient", ended=len(rows), bad=total, paths=found.endpoints, **times)
    detail = message("health-nginx-impatient-detail", place=label(found), **times)
    limit = _set_here(found, "proxy_read_timeout")
    return _seen("nginx_impatient", text, rows, (cut, "s"), sentences(detail, limit))


def _set_here(found: Facts, name: str) -> Text | None:
    """Return a sentence on the value of a directive for the affected endpoint; None where it is not set."""
    place = place_of(found)
    value = place.value(name) if place is not None else None
    return message("health-nginx-sets", setting=Code(f"{name} {value}")) if value else None


def _mangles(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    status = int(rows["nginx_status"].mode().iloc[0])
    code = Resource(str(status))
    text = message("health-nginx-mangles", refused=len(rows), bad=total, paths=found.endpoints, status=code)
    detail = message("health-nginx-mangles-detail", place=label(found), status=code)
    sql = of_joined("nginx", rows)
    strength = 1.0 if _well_inside(found, rows) else OWN_REFUSALS.get(status, 0.8)
    return Observation("nginx_mangles", text, "access_log", len(rows), sql, strength=strength, detail=detail)


def _well_inside(found: Facts, rows: pd.DataFrame) -> bool:
    """Tell whether the application answers these endpoints well when it is asked past Nginx."""
    inner = found.observed[found.observed["during"] & found.observed["vantage"].isin(INNER)]
    mine = inner[inner["route"].isin(rows["route"])]
    return len(mine) >= 3 and not mine["failed"].any()


def _errors(found: Facts) -> list[Observation]:
    """Read what Nginx's error log says of its own limits."""
    errors = found.errors
    seen = []
    mine = errors[route_templates(errors["path"]).isin(found.routes)] if len(errors) else errors
    seen += [*_limits(found, errors), *_header_too_big(found, mine), *_no_handshake(found, mine)]
    short = errors[errors["kind"].isin(["worker_connections", "open_files", "resolver"])]
    if len(short) >= 3:
        kind = str(short["kind"].mode().iloc[0])
        text = message("health-nginx-short-of", lines=len(short), kind=error_kind(kind))
        count, sql = len(short), lines("error_log", short)
        detail = message("health-nginx-short-of-detail", kind=error_kind(kind))
        seen.append(
            Observation("nginx_short_of", text, "error_log", count, sql, count, "lines", detail=detail)
        )
    if not found.joined["upstream_addr"].notna().any():
        seen += elsewhere_by_errors(found, mine, usual_address(found))
    return seen


def _limits(found: Facts, errors: pd.DataFrame) -> list[Observation]:
    """Find that limits of Nginx refused or delayed the requests that were bad.

    A limit explains failures with its own status on its path, and delays on a path whose requests it delays;
    what failed otherwise, or elsewhere, it has nothing to do with.
    """
    limited = limit_lines(errors)
    limited = limited[limited["route"].isin(found.routes)]
    if len(limited) < 3:
        return []
    bad = found.outer[found.outer["during"] & found.outer["bad"] & found.outer["route"].isin(found.routes)]
    if bad["vantage"].eq("nginx").any():
        bad = bad[bad["vantage"].eq("nginx")]
    delaying = {
        str(route) for route, rows in limited.groupby("route") if delays_requests(rows, found.nginx_routes)
    }
    late = (bad["slow"] | bad["status"].eq(499)) & ~(bad["status"] >= 500) & bad["route"].isin(delaying)
    mine, total = bad[found.refused.reindex(bad.index) | late], len(bad)
    if len(mine) < 3 or len(mine) < 0.3 * total:
        of_one = most_of_one(found, mine, bad)
        if of_one is None:
            return []
        mine, total = of_one
    limited = limited[limited["route"].isin(mine["route"])]
    kind, count = error_kind(str(limited["kind"].mode().iloc[0])), len(limited)
    text = message(
        "health-nginx-limits",
        lines=count,
        kind=kind,
        paths=dict.fromkeys(mine["path"]),
        limited=len(mine),
        bad=total,
    )
    limiting = message("health-nginx-limits-detail", place=label(found), kind=kind, times=count)
    detail = sentences(limiting, nginx_rule(found))
    sql, strength = lines("error_log", limited), by_count(min(count, len(mine)))
    return [
        Observation(
            "nginx_limits", text, "error_log", count, sql, count, "requests", strength, detail,
        )
    ]  # fmt: skip


def _no_handshake(found: Facts, mine: pd.DataFrame) -> list[Observation]:
    """Find that Nginx asks by TLS who does not speak it, or whom it does not trust."""
    failed = mine[mine["kind"].eq("tls") & mine["message"].str.contains(HANDSHAKE, na=False, regex=False)]
    if len(failed) < 3:
        return []
    text = message("health-no-handshake", paths=found.endpoints, times=len(failed))
    failing = message("health-no-handshake-detail", place=label(found), times=len(failed))
    detail = sentences(failing, _set_here(found, "proxy_pass"))
    strength, sql = by_count(len(failed)), lines("error_log", failed)
    return [
        Observation("no_handshake", text, "error_log", len(failed), sql, strength=strength, detail=detail)
    ]


def _header_too_big(found: Facts, mine: pd.DataFrame) -> list[Observation]:
    """Find that the application answered, and that Nginx had no room for the header of the answer."""
    lost = mine[mine["kind"].eq("upstream_invalid") & mine["message"].str.contains(TOO_BIG, na=False)]
    if len(lost) < 3:
        return []
    text = message("health-header-too-big", paths=found.endpoints, lost=len(lost))
    too_small = message("health-header-too-big-detail", place=label(found))
    detail = sentences(too_small, _set_here(found, "proxy_buffer_size"))
    strength, sql = by_count(len(lost)), lines("error_log", lost)
    return [
        Observation("header_too_big", text, "error_log", len(lost), sql, strength=strength, detail=detail)
    ]
