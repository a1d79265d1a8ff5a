"""Check of the name that the edge asks Nginx for: another name may be another server's."""

from __future__ import annotations

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.hypotheses.edge_rules import MOST, matched_rules, rows_of
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import lines, quoted, select
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.nginx_conf.routing import route_among
from watchme_analysis.text.message import Names, Resource, Value, message


@detects(
    "edge_wrong_host",
    group="edge",
    needs=(
        "edge_log",
        "access_log",
    ),
)
def wrong_host(found: Facts) -> list[Observation]:
    """Find that the edge asks Nginx for a name that callers don't use and that Nginx serves otherwise.

    Nginx then answers by itself, and its configuration alone looks at fault.
    """
    bad = found.rows("nginx", bad=True)
    alone = bad[bad["upstream_addr"].isna() & (bad["nginx_status"] != 499)]
    if len(alone) < 3 or len(alone) < 0.5 * len(bad):
        return []
    hosts = found.of_incident(found.table("edge_log").rename(columns={"start": "time"}))["host"].dropna()
    if len(hosts):
        name = str(hosts.mode().iloc[0])
        return _logged(found, name) or _configured(found, name)
    # Without the edge's names, callers may have changed theirs: only its settings say who did.
    usual = _usual_name(found)
    return _configured(found, usual) if usual else []


def _usual_name(found: Facts) -> str | None:
    """Return the name under which Nginx was asked before the trouble for what it passed on."""
    log = found.table("access_log")
    passed = log[(log["time"] < found.start) & log["upstream_addr"].notna()]
    names = passed.loc[route_templates(passed["path"]).isin(found.routes), "host"].dropna()
    return str(names.mode().iloc[0]) if len(names) else None


def _logged(found: Facts, name: str) -> list[Observation]:
    """Read it from the names that Nginx logged."""
    log = found.table("access_log")
    named = log[log["host"].notna()]
    refused = found.of_incident(named[named["status"].between(300, 599) & named["upstream_addr"].isna()])
    other = refused[refused["host"] != name]
    if len(other) < 3 or len(other) < 0.5 * len(refused) or not (named["host"] == name).any():
        return []
    given = str(other["host"].mode().iloc[0])
    names: dict[str, Value] = {"name": Resource(name), "given": Resource(given)}
    text = message("health-edge-wrong-host", **names, renamed=len(other), refused=len(refused))
    detail = message("health-edge-wrong-host-detail", **names)
    return [
        Observation(
            "edge_wrong_host",
            text,
            "access_log",
            len(other),
            lines("access_log", other),
            detail=detail,
        )
    ]


def _configured(found: Facts, name: str) -> list[Observation]:
    """Read it from both configurations: the name that the edge sets, and who serves that."""
    for endpoint in found.endpoints:
        given, where = _set_by_edge(found, endpoint) or _set_by_rule(found) or (name, None)
        if where is None or given.lower() == name.lower():
            continue
        well, now = (route_among(found.nginx_routes.places, endpoint, host) for host in (name, given))
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


# A name, and the table that says it with the query for its rows and their number.
_Set = tuple[str, tuple[str, str, int]]


def _set_by_edge(found: Facts, endpoint: str) -> _Set | None:
    """Return the name that the edge's configuration sets for a path; None where a variable decides."""
    place = route_among(found.edge_routes.places, endpoint)
    if place is None or not place["proxy_pass"]:
        return None
    headers = place["directives"].get("proxy_set_header", ())
    # Without a setting Nginx asks for the name of its `proxy_pass`.
    value = next((str(args[1]) for args in headers if str(args[0]).lower() == "host"), "$proxy_host")
    if value == "$proxy_host":
        value = str(place["proxy_pass"]).partition("://")[2].partition("/")[0]
    names = ["proxy_set_header", "server_name"]
    sql = select("config_directives", f"directive in ({', '.join(map(quoted, names))})")
    rows = int(found.table("config_directives")["directive"].isin(names).sum())
    return None if "$" in value else (value, ("config_directives", sql, rows))


def _set_by_rule(found: Facts) -> _Set | None:
    """Return the name that a rule of the edge's settings sets for most of the affected requests."""
    for one in found.inv.once(matched_rules):
        if one.rule.host and one.affected >= MOST:
            return one.rule.host, ("edge_settings", *rows_of(found, [one.rule]))
    return None
