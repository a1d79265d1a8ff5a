"""Checks of the addresses that Nginx asks: which are usual, which answer nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.hypotheses.facts import Facts, listed, share
from watchme_analysis.health.hypotheses.rules import place_of
from watchme_analysis.health.hypotheses.sql import lines
from watchme_analysis.inference.signals import Observation, by_count

if TYPE_CHECKING:
    import pandas as pd

# Share of an endpoint's errors that makes them its own.
MOST = 0.5
KIND_WORDS = {
    "upstream_timeout_connect": "timed out while connecting",
    "upstream_timeout_header": "timed out waiting for the response header",
    "upstream_timeout_body": "timed out while reading the body",
    "upstream_refused": "refused the connection",
    "upstream_unreachable": "unreachable",
    "upstream_reset": "reset the connection",
    "upstream_closed": "closed the connection early",
    "limit_req": "limiting requests",
    "limit_conn": "limiting connections",
    "no_live_upstream": "no live upstream",
    "worker_connections": "out of worker_connections",
    "open_files": "out of open files",
    "resolver": "could not resolve the upstream's name",
}


def usual_address(found: Facts) -> dict[str, str]:
    """Return by family the address that served it well, else the one of the next wider location."""
    joined = found.joined
    good = joined[joined["seen_nginx"] & ~joined["nginx_bad"] & joined["upstream_addr"].notna()]
    usual = {
        str(family): str(group["upstream_addr"].mode().iloc[0]) for family, group in good.groupby("family")
    }
    for family, endpoint in zip(found.families, found.endpoints, strict=True):
        if family not in usual:
            wider = found.nginx_routes.wider(endpoint)
            if wider is not None and wider.addresses:
                usual[family] = found.resolved.get(wider.addresses[0], wider.addresses[0])
    return usual


def label(found: Facts) -> str:
    """Return the Nginx location of the affected endpoints as it is written."""
    place = place_of(found)
    return f"`{place.label}`" if place is not None else f"Nginx's location of {listed(found.endpoints)}"


def dead_server(found: Facts) -> tuple[list[Observation], list[str]]:
    """Find a server of an upstream that answers nothing while its neighbour serves the same paths well.

    Nginx tries the next one, so that the access log's last address is the usual one and its time the
    dead one's; the error log names it. Returns what was seen, and of which path families.
    """
    errors = found.of_incident(found.table("error_log"))
    mine = errors[errors["upstream_addr"].notna() & route_templates(errors["path"]).isin(found.families)]
    good = found.joined[found.joined["seen_nginx"] & ~found.joined["nginx_bad"]]
    strange = mine[
        ~mine["upstream_addr"].isin({*good["upstream_addr"].dropna(), *found.known_as(found.services)})
    ]
    families = most_affected(strange, mine)
    strange, mine = (rows[route_templates(rows["path"]).isin(families)] for rows in (strange, mine))
    if len(strange) < 2 or not found.services:
        return [], []
    address = str(strange["upstream_addr"].mode().iloc[0])
    kind = str(strange["kind"].mode().iloc[0])
    words = KIND_WORDS.get(kind, kind)
    usual = listed(found.services)
    text = (
        f"{share(len(strange), len(mine))} upstream errors on {listed(families)} name {address} "
        f"({words}), which serves nothing well, though {usual} serves these paths."
    )
    detail = f"Nginx asks {address} beside {usual} for the same paths, and it never answers well ({words})"
    sql = lines("error_log", strange)
    strength = by_count(len(strange), 4)
    seen = Observation("dead_server", text, "error_log", len(strange), sql, strength=strength, detail=detail)
    return [seen], families


def taken_out(found: Facts) -> list[Observation]:
    """Find an upstream whose server is marked ``down``, while those left answer nothing."""
    good = found.joined.loc[found.joined["seen_nginx"] & ~found.joined["nginx_bad"], "upstream_addr"]
    serving = set(good.dropna())
    for endpoint in found.endpoints:
        servers = found.nginx_routes.servers(endpoint)
        down = [one["address"] for one in servers if "down" in one["options"]]
        left = [one["address"] for one in servers if "down" not in one["options"]]
        if not down or serving.intersection(found.known_as(left)):
            continue
        words = f"{listed(down)} is marked `down`" + (f", and {listed(left)} serves nothing" * bool(left))
        text = f"In the upstream that Nginx passes {endpoint} to, {words}."
        marked = found.table("config_directives")
        marked = marked[marked["directive"].eq("server") & marked["args"].str.contains('"down"', regex=False)]
        sql = lines("config_directives", marked)
        return [Observation("server_down", text, "config_directives", len(marked), sql, detail=words)]
    return []


def tried_in_vain(found: Facts, bad: pd.DataFrame) -> pd.DataFrame:
    """Return requests that Nginx tried at a server that serves nothing, or had no server left for."""
    good = found.joined.loc[found.joined["seen_nginx"] & ~found.joined["nginx_bad"], "upstream_addr"]
    serving = {*good.dropna(), *found.known_as(found.services)}
    logged = bad["upstream_raw"].dropna().map(lambda text: json.loads(text).get("upstream_addr") or "")
    strange = logged.map(lambda text: not serving.issuperset(re.findall(r"[^\s,]+:\d+", text))).astype(bool)
    return bad[bad.index.isin(logged.index[strange]) | is_group(bad["upstream_addr"])]


def is_group(address: pd.Series) -> pd.Series:
    """Tell which logged addresses are the name of an upstream block, of which no server was left to ask."""
    return ~address.str.contains(":", regex=False).fillna(True).astype(bool)


def most_affected(part: pd.DataFrame, whole: pd.DataFrame) -> list[str]:
    """Return the path families that have half of their rows or more in a part.

    Beside a fault of the whole service, one endpoint may have a fault of its own.
    """
    sizes = route_templates(whole["path"]).value_counts()
    shares = route_templates(part["path"]).value_counts() / sizes
    return [str(family) for family in shares.index[(shares >= MOST).fillna(False)]]


def elsewhere_by_errors(found: Facts, mine: pd.DataFrame, usual: dict[str, str]) -> list[Observation]:
    """Find, without an access log, that the affected paths fail at an address of their own."""
    failing = mine[mine["upstream_addr"].notna()]
    expected = route_templates(failing["path"]).map(usual)
    moved = failing[expected.notna() & (expected != failing["upstream_addr"]).fillna(False)]
    families = most_affected(moved, failing)
    moved, failing = (rows[route_templates(rows["path"]).isin(families)] for rows in (moved, failing))
    if len(moved) < 3:
        return []
    address = str(moved["upstream_addr"].mode().iloc[0])
    kind = str(moved["kind"].mode().iloc[0])
    words = KIND_WORDS.get(kind, kind)
    text = (
        f"{share(len(moved), len(failing))} errors on {listed(families)} name {address}, "
        f"where neighbours go to {listed(sorted(set(expected.loc[moved.index])))}: {words}."
    )
    detail = f"{label(found)} proxies to {address}, which no other path uses ({len(moved)} {words})"
    sql = lines("error_log", moved)
    return [Observation("moved_upstream", text, "error_log", len(moved), sql, detail=detail, strength=0.9)]
