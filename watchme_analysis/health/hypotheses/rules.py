"""Checks of the configurations: whether edge or Nginx treat the affected paths in a way of their own."""

from __future__ import annotations

from watchme_analysis.health.configuration import Location, differences
from watchme_analysis.health.hypotheses.edge_rules import setting_rule, settings
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import select
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Code, Message, Phrases, Resource, Text, message, sentences

# Share of bad requests that ended at a time limit from which one configuration for all paths clears nobody.
TIMED_OUT = 0.5
# Settings of an edge location by which it can hold, refuse or misdirect.
_EDGE_HARM = (
    "return",
    "rewrite",
    "deny",
    "limit_req",
    "limit_conn",
    "limit_rate",
    "auth_request",
    "proxy_pass",
)


@detects(
    "edge_rule",
    "edge_plain",
    group="edge configuration",
    needs=(
        "config_directives/edge",
        "edge_settings",
    ),
)
def edge_rules(found: Facts) -> list[Observation]:
    """Read whether the edge's configuration treats the affected paths in a way of its own."""
    if not found.edge_routes:
        return settings(found)
    rule = edge_rule(found)
    sql = select("config_directives", "layer = 'edge'")
    rows = int((found.table("config_directives")["layer"] == "edge").sum())
    if rule:
        text = sentences(message("health-edge-rule", paths=found.endpoints), rule)
        return [Observation("edge_rule", text, "config_directives", rows, sql, detail=rule)]
    if found.calm_neighbours():
        text = message("health-edge-plain", paths=found.endpoints)
        return settings(found) or [Observation("edge_plain", text, "config_directives", rows, sql)]
    return settings(found)


def edge_rule(found: Facts) -> Text | None:
    """Return how the edge's configuration harms the affected paths alone; None if it doesn't."""
    if not found.edge_routes:
        return setting_rule(found)
    calm = found.calm_neighbours()
    for endpoint in found.endpoints:
        mine = found.edge_routes.serving(endpoint)
        if mine is None:
            continue
        others = [place for path in calm if (place := found.edge_routes.serving(path)) is not None]
        other = next((place for place in others if place.number != mine.number), None)
        harm = _harm(mine, other)
        if harm:
            return message("health-rule-edge-location", location=Code(mine.label), settings=Phrases(harm))
    return None


def _harm(mine: Location, other: Location | None) -> tuple[Text, ...]:
    """Return the settings of a location that can fail or delay its requests."""
    apart = differences(mine, other) if other is not None else dict.fromkeys(mine.own)
    said = []
    for name in apart:
        value = mine.value(name)
        if value is None:
            continue
        if name == "proxy_pass" and (other is None or set(mine.addresses) == set(other.addresses)):
            continue
        if name in _EDGE_HARM or name.startswith("proxy_next_upstream"):
            said.append(_setting(name, value))
        if name == "proxy_read_timeout" and other is not None:
            said.append(_setting(name, value, other.value(name) or message("health-setting-default")))
    if _caches(mine):
        locked = mine.value("proxy_cache_lock") == "on"
        if locked and "proxy_cache_valid" not in mine.settings:
            wait = mine.value("proxy_cache_lock_timeout") or "5s"
            lock = Code(f"proxy_cache_lock_timeout {wait}")
            said.append(message("health-setting-cache-lock", lock=lock, valid=Code("proxy_cache_valid")))
        valid = mine.settings.get("proxy_cache_valid", ())
        if any(value[0] == "any" or value[0].startswith(("4", "5")) for value in valid if value):
            kept = Code("proxy_cache_valid " + " ".join(valid[0]))
            said.append(message("health-setting-cache-errors", setting=kept))
        if "proxy_ignore_headers" in mine.settings:
            ignored = Code(f"proxy_ignore_headers {mine.value('proxy_ignore_headers')}")
            said.append(message("health-setting-cache-ignores", setting=ignored))
    return tuple(dict.fromkeys(said))


def _setting(name: str, value: str, elsewhere: str | Message | None = None) -> Message:
    """Return a directive as a phrase, with its value in other locations where that is known."""
    setting = Code(f"{name} {value}")
    if elsewhere is None:
        return message("health-setting", setting=setting)
    other = Code(elsewhere) if isinstance(elsewhere, str) else elsewhere
    return message("health-setting-elsewhere", setting=setting, other=other)


def _caches(place: Location) -> bool:
    return place.value("proxy_cache") not in (None, "off")


_NGINX_HARM = (*_EDGE_HARM, "root")


@detects("nginx_rule", "nginx_plain", group="nginx configuration", needs=("config_directives/nginx",))
def nginx_rules(found: Facts) -> list[Observation]:
    """Read whether Nginx's configuration treats the affected paths in a way of its own."""
    if not found.nginx_routes:
        return []
    rule = nginx_rule(found)
    sql = select("config_directives", "layer = 'nginx'")
    rows = int((found.table("config_directives")["layer"] == "nginx").sum())
    if rule:
        text = sentences(message("health-nginx-rule", paths=found.endpoints), rule)
        return [Observation("nginx_rule", text, "config_directives", rows, sql, detail=rule)]
    bad = found.affected[found.affected["bad"] & found.affected["vantage"].isin(["nginx", "edge", "outside"])]
    # A time limit treats all paths alike, and ends the requests of the slow ones alone.
    if not found.calm_neighbours() or bad["status"].eq(504).mean() >= TIMED_OUT:
        return []
    text = message("health-nginx-plain", paths=found.endpoints)
    return [Observation("nginx_plain", text, "config_directives", rows, sql)]


def nginx_rule(found: Facts) -> Text | None:
    """Return how Nginx's configuration harms the affected paths alone; None if it doesn't."""
    for route, endpoint in zip(found.routes, found.endpoints, strict=True):
        mine = found.nginx_routes.serving(endpoint)
        if mine is None:
            continue
        # Another service has a location and an address of its own by right.
        beside = found.calm_beside(route)
        places = [place for path in beside if (place := found.nginx_routes.serving(path)) is not None]
        other = next((place for place in places if place.number != mine.number), None)
        if other is None:
            continue
        said: list[Text] = []
        for name, (value, elsewhere) in differences(mine, other).items():
            if name == "proxy_pass" and set(mine.addresses) == set(other.addresses):
                # The same address under another path may be another resource.
                inner = found.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
                if inner != endpoint:
                    passed = Code(f"proxy_pass {value}")
                    said.append(message("health-setting-asks-for", setting=passed, path=Resource(inner)))
                if _scheme(value) != _scheme(elsewhere):
                    said.append(_setting(name, str(value), str(elsewhere)))
                continue
            if value is not None and (name in _NGINX_HARM or name.endswith("_timeout")):
                said.append(_setting(name, value, elsewhere or None))
        if said:
            return message(
                "health-rule-nginx-location", location=Code(mine.label), settings=Phrases(tuple(said))
            )
    return None


def _scheme(passed: str | None) -> str:
    """Return how a ``proxy_pass`` asks: ``http`` or ``https``."""
    return (passed or "").partition("://")[0]


def place_of(found: Facts) -> Location | None:
    """Return the Nginx location that serves the most affected endpoint and none that did well."""
    shared = [found.nginx_routes.serving(path) for path in found.calm_neighbours()]
    for endpoint in found.endpoints:
        place = found.nginx_routes.serving(endpoint)
        if place is not None and place not in shared:
            return place
    return None
