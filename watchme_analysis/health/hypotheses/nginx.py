"""Checks of Nginx: whether it refused, held, misdirected or cut off what the application would serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.hypotheses.answers import renames, unseen
from watchme_analysis.health.hypotheses.facts import Facts, listed, most_of_one, seconds, share
from watchme_analysis.health.hypotheses.rules import nginx_rule_words, place_of
from watchme_analysis.health.hypotheses.sql import lines, of_joined
from watchme_analysis.health.hypotheses.upstreams import (
    KIND_WORDS,
    dead_server,
    elsewhere_by_errors,
    is_group,
    label,
    taken_out,
    tried_in_vain,
    usual_address,
)
from watchme_analysis.health.hypotheses.usual_times import longest_answer_s, short_of_usual
from watchme_analysis.health.rate_limits import delays_requests, limit_lines
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.observations import INNER

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
    asked = bad[bad["upstream_addr"].notna()]
    alone, held, moved = _own_doing(found, bad)
    cut = asked[asked["nginx_status"] == 504]
    cut = cut[short_of_usual(found, cut, "nginx_s")] if len(cut) else cut
    refused = asked[
        (asked["nginx_status"] >= 300) & (asked["nginx_status"] < 500) & (asked["nginx_status"] != 499)
    ]
    makers = (
        (alone, _alone),
        (held, _waits),
        (moved, _elsewhere),
        (cut, _impatient),
        (refused, _mangles),
    )
    # A few may end at a dead server, with no other left to try: all would, were they sent astray.
    dead, families = dead_server(found) if len(moved) < MOST_MOVED * total else ([], [])
    seen += dead
    explained = int(asked["family"].isin(families).sum())
    for rows, maker in makers:
        if len(rows) >= 3 and len(rows) >= 0.3 * total:
            seen.append(maker(found, rows, total))
            explained += len(rows)
        elif (mine := most_of_one(found, rows, bad)) is not None:
            seen.append(maker(found, *mine))
    if explained < 0.3 * total and len(asked) >= 0.5 * total:
        text = (
            f"Nginx passed {share(len(asked), total)} bad requests to {listed(found.services)}, their usual "
            "upstream, and waited for it."
        )
        sql = of_joined("nginx", asked)
        seen.append(
            Observation("nginx_passes_on", text, "access_log", len(asked), sql, strength=by_count(total))
        )
    return seen


def spoilt_by_nginx(found: Facts) -> pd.Index:
    """Return the bad requests, by index, that Nginx itself refused, held, or sent to who serves nothing."""
    bad = found.rows("nginx", bad=True)
    if bad["upstream_addr"].isna().all():
        return bad.index[:0]
    mine = (*_own_doing(found, bad), tried_in_vain(found, bad))
    return bad.index[bad.index.isin([row for rows in mine for row in rows.index])]


def _own_doing(found: Facts, bad: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the bad requests that Nginx answered alone, those that it held, and those it sent astray."""
    alone = bad[bad["upstream_addr"].isna() & bad["nginx_status"].notna() & (bad["nginx_status"] != 499)]
    return alone, _held(found, bad), _moved(found, bad[bad["upstream_addr"].notna()])


def _held(found: Facts, bad: pd.DataFrame) -> pd.DataFrame:
    """Return requests whose time passed in Nginx itself, not in a slow client's sending or reading."""
    spent = bad["nginx_s"] - bad["response_s"].fillna(0.0)
    long = (spent > HELD_S) & (spent > 0.6 * bad["nginx_s"])
    # A large answer may wait for its reader, and an upload for its sender; a short answer to a GET can't.
    short = (bad["method"] == "GET").fillna(False).astype(bool) & ~(bad["nginx_bytes"] > 65536)
    lines = limit_lines(found.of_incident(found.table("error_log")))
    limited = bad["family"].isin(lines.loc[lines["kind"] == "limit_req", "family"])
    return bad[long & (short | limited)]


def _moved(found: Facts, asked: pd.DataFrame) -> pd.DataFrame:
    """Return requests sent to an address that is not the one these paths go to when all is well."""
    usual = usual_address(found)
    expected = asked["family"].map(usual)
    address = asked["upstream_addr"]
    good = found.joined[
        found.joined["seen_nginx"] & ~found.joined["nginx_bad"] & found.joined["upstream_addr"].notna()
    ]
    serves = set(good["upstream_addr"])
    astray = expected.notna() & (expected != address).fillna(False) & ~address.isin(serves)
    return asked[astray & ~is_group(address)]


def _alone(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    statuses = rows["nginx_status"].value_counts()
    words = ", ".join(f"{int(status)} ({count})" for status, count in statuses.items())
    text = (
        f"Nginx itself gave {share(len(rows), total)} of the bad answers of {listed(found.endpoints)} "
        f"without asking the application: status {words}."
    )
    rule = nginx_rule_words(found)
    detail = f"{label(found)} answers {words} by itself" + (f" ({rule})" if rule else "")
    return _seen("nginx_alone", text, rows, (len(rows), "requests"), detail)


def _seen(outcome: str, text: str, rows: pd.DataFrame, effect: tuple[float, str], detail: str) -> Observation:
    """Return what Nginx's log shows of some bad requests, and in words how it is Nginx's doing."""
    sql, strength = of_joined("nginx", rows), by_count(len(rows))
    return Observation(outcome, text, "access_log", len(rows), sql, *effect, strength=strength, detail=detail)


def _waits(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    spent = float((rows["nginx_s"] - rows["response_s"].fillna(0.0)).median())
    text = (
        f"Nginx held {share(len(rows), total)} bad requests of {listed(found.endpoints)} for "
        f"{seconds(spent)} (median) besides the upstream's time."
    )
    rule = nginx_rule_words(found)
    detail = f"{label(found)} holds requests for {seconds(spent)}" + (f" ({rule})" if rule else "")
    return _seen("nginx_waits", text, rows, (spent, "s"), detail)


def _elsewhere(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    address = str(rows["upstream_addr"].mode().iloc[0])
    usual = listed(sorted({usual_address(found)[str(family)] for family in rows["family"].unique()}))
    fate = _fate(found, rows, address)
    text = (
        f"{share(len(rows), total)} bad requests of {listed(found.endpoints)} went to {address}, "
        f"which answered nothing well, in place of {usual}: {fate}."
    )
    detail = (
        f"{label(found)} proxies to {address}, which no other path uses and which never "
        f"answered well ({fate})"
    )
    return _seen("moved_upstream", text, rows, (len(rows), "requests"), detail)


def _fate(found: Facts, rows: pd.DataFrame, address: str) -> str:
    errors = found.of_incident(found.table("error_log"))
    kinds = errors.loc[errors["upstream_addr"] == address, "kind"].value_counts()
    if len(kinds):
        return (
            f"{share(int(kinds.iloc[0]), int(kinds.sum()))} errors "
            f"{KIND_WORDS.get(str(kinds.index[0]), kinds.index[0])}"
        )
    status = rows["nginx_status"].value_counts()
    return f"{share(int(status.iloc[0]), len(rows))} status {int(status.index[0])}"


def _impatient(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    cut = float(rows["nginx_s"].median())
    needs = longest_answer_s(found, rows)
    text = (
        f"Nginx gave up on {share(len(rows), total)} bad requests of {listed(found.endpoints)} after "
        f"{seconds(cut)}, while the endpoint takes up to {seconds(needs)} when all is well."
    )
    place = place_of(found)
    limit = place.value("proxy_read_timeout") if place is not None else None
    detail = f"{label(found)} waits {seconds(cut)}" + (f" (proxy_read_timeout {limit})" if limit else "")
    detail += f" for an endpoint that needs up to {seconds(needs)}"
    return _seen("nginx_impatient", text, rows, (cut, "s"), detail)


def _mangles(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    status = int(rows["nginx_status"].mode().iloc[0])
    text = (
        f"The application answered {share(len(rows), total)} bad requests of {listed(found.endpoints)} with "
        f"{status} as Nginx passed them on."
    )
    detail = f"{label(found)} passes on requests that the application answers with {status}"
    sql = of_joined("nginx", rows)
    strength = 1.0 if _well_inside(found, rows) else OWN_REFUSALS.get(status, 0.8)
    return Observation("nginx_mangles", text, "access_log", len(rows), sql, strength=strength, detail=detail)


def _well_inside(found: Facts, rows: pd.DataFrame) -> bool:
    """Tell whether the application answers these endpoints well when it is asked past Nginx."""
    inner = found.observed[found.observed["during"] & found.observed["vantage"].isin(INNER)]
    mine = inner[inner["family"].isin(rows["family"])]
    return len(mine) >= 3 and not mine["failed"].any()


def _errors(found: Facts) -> list[Observation]:
    """Read what Nginx's error log says of its own limits."""
    errors = found.of_incident(found.table("error_log"))
    seen = []
    mine = errors[route_templates(errors["path"]).isin(found.families)] if len(errors) else errors
    seen += [*_limits(found, errors), *_header_too_big(found, mine), *_no_handshake(found, mine)]
    short = errors[errors["kind"].isin(["worker_connections", "open_files", "resolver"])]
    if len(short) >= 3:
        kind = str(short["kind"].mode().iloc[0])
        text = f"Nginx's error log has {len(short):,d} lines: {KIND_WORDS[kind]}."
        count, sql = len(short), lines("error_log", short)
        detail = f"Nginx is {KIND_WORDS[kind]}"
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
    limited = limited[limited["family"].isin(found.families)]
    if len(limited) < 3:
        return []
    bad = found.outer[found.outer["during"] & found.outer["bad"] & found.outer["family"].isin(found.families)]
    if bad["vantage"].eq("nginx").any():
        bad = bad[bad["vantage"].eq("nginx")]
    delaying = {
        str(family) for family, rows in limited.groupby("family") if delays_requests(rows, found.nginx_routes)
    }
    late = (bad["slow"] | bad["status"].eq(499)) & ~(bad["status"] >= 500) & bad["family"].isin(delaying)
    mine, total = bad[found.refused.reindex(bad.index) | late], len(bad)
    if len(mine) < 3 or len(mine) < 0.3 * total:
        of_one = most_of_one(found, mine, bad)
        if of_one is None:
            return []
        mine, total = of_one
    limited = limited[limited["family"].isin(mine["family"])]
    kind, count = str(limited["kind"].mode().iloc[0]), len(limited)
    paths = listed(dict.fromkeys(mine["path"]))
    text = (
        f"Nginx's error log has {count:,d} lines on {KIND_WORDS[kind]} for {paths}; "
        f"{share(len(mine), total)} bad requests have the limit's status or were delayed by it."
    )
    rule = nginx_rule_words(found)
    detail = f"{label(found)} is {KIND_WORDS[kind]} ({count:,d} times)" + (f": {rule}" if rule else "")
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
    text = f"Nginx and the upstream of {listed(found.endpoints)} agreed on no TLS {len(failed):,d} times."
    place = place_of(found)
    passed = place.value("proxy_pass") if place is not None else None
    detail = f"{label(found)} asks its upstream by TLS" + (f" (proxy_pass {passed})" if passed else "")
    detail += f", and {len(failed):,d} handshakes failed"
    strength, sql = by_count(len(failed)), lines("error_log", failed)
    return [
        Observation("no_handshake", text, "error_log", len(failed), sql, strength=strength, detail=detail)
    ]


def _header_too_big(found: Facts, mine: pd.DataFrame) -> list[Observation]:
    """Find that the application answered, and that Nginx had no room for the header of the answer."""
    lost = mine[mine["kind"].eq("upstream_invalid") & mine["message"].str.contains(TOO_BIG, na=False)]
    if len(lost) < 3:
        return []
    place = place_of(found)
    size = place.value("proxy_buffer_size") if place is not None else None
    room = f" (proxy_buffer_size {size})" if size else ""
    text = (
        f"The application answered {listed(found.endpoints)}, and Nginx threw {len(lost):,d} answers away: "
        "their header was too big for its buffer."
    )
    detail = f"{label(found)} has no room for the header of the application's answers{room}"
    strength, sql = by_count(len(lost)), lines("error_log", lost)
    return [
        Observation("header_too_big", text, "error_log", len(lost), sql, strength=strength, detail=detail)
    ]
