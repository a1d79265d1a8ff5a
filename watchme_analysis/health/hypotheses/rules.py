"""Checks of the configurations: whether edge or Nginx treat the affected paths in a way of their own."""

from __future__ import annotations

from watchme_analysis.health.configuration import Location, differences
from watchme_analysis.health.hypotheses.edge_rules import setting_words, settings
from watchme_analysis.health.hypotheses.facts import Facts, listed
from watchme_analysis.health.hypotheses.sql import select
from watchme_analysis.inference.signals import Observation, detects

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
    words = edge_rule_words(found)
    sql = select("config_directives", "layer = 'edge'")
    rows = int((found.table("config_directives")["layer"] == "edge").sum())
    if words:
        text = f"The edge's configuration treats {listed(found.endpoints)} apart: {words}."
        return [Observation("edge_rule", text, "config_directives", rows, sql, detail=words)]
    if found.calm_neighbours():
        text = (
            f"The edge's configuration treats {listed(found.endpoints)} as it treats the paths that did well."
        )
        return settings(found) or [Observation("edge_plain", text, "config_directives", rows, sql)]
    return settings(found)


def edge_rule_words(found: Facts) -> str | None:
    """Return what the edge's configuration does to the affected paths alone, None when nothing harmful."""
    if not found.edge_routes:
        return setting_words(found)
    calm = found.calm_neighbours()
    for endpoint in found.endpoints:
        mine = found.edge_routes.serving(endpoint)
        if mine is None:
            continue
        others = [place for path in calm if (place := found.edge_routes.serving(path)) is not None]
        other = next((place for place in others if place.number != mine.number), None)
        harm = _harm(mine, other)
        if harm:
            return f"`{mine.label}` sets {harm}"
    return None


def _harm(mine: Location, other: Location | None) -> str | None:
    """Return the settings of a location that can spoil its requests, in words."""
    apart = differences(mine, other) if other is not None else dict.fromkeys(mine.own)
    said = []
    for name in apart:
        value = mine.value(name)
        if value is None:
            continue
        if name == "proxy_pass" and (other is None or set(mine.addresses) == set(other.addresses)):
            continue
        if name in _EDGE_HARM or name.startswith("proxy_next_upstream"):
            said.append(f"{name} {value}")
        if name == "proxy_read_timeout" and other is not None:
            said.append(f"{name} {value} (elsewhere {other.value(name) or 'the default'})")
    if _caches(mine):
        locked = mine.value("proxy_cache_lock") == "on"
        if locked and "proxy_cache_valid" not in mine.settings:
            wait = mine.value("proxy_cache_lock_timeout") or "5s"
            said.append(
                f"a cache lock (proxy_cache_lock_timeout {wait}) without a proxy_cache_valid: "
                "answers that may not be kept go through one at a time"
            )
        valid = mine.settings.get("proxy_cache_valid", ())
        if any(value[0] == "any" or value[0].startswith(("4", "5")) for value in valid if value):
            said.append("a cache that keeps error answers (proxy_cache_valid " + " ".join(valid[0]) + ")")
        if "proxy_ignore_headers" in mine.settings:
            said.append(f"a cache that ignores {mine.value('proxy_ignore_headers')}")
    return ", ".join(dict.fromkeys(said)) or None


def _caches(place: Location) -> bool:
    return place.value("proxy_cache") not in (None, "off")


_NGINX_HARM = (*_EDGE_HARM, "root")


@detects("nginx_rule", "nginx_plain", group="nginx configuration", needs=("config_directives/nginx",))
def nginx_rules(found: Facts) -> list[Observation]:
    """Read whether Nginx's configuration treats the affected paths in a way of its own."""
    if not found.nginx_routes:
        return []
    words = nginx_rule_words(found)
    sql = select("config_directives", "layer = 'nginx'")
    rows = int((found.table("config_directives")["layer"] == "nginx").sum())
    if words:
        text = f"Nginx's configuration treats {listed(found.endpoints)} apart: {words}."
        return [Observation("nginx_rule", text, "config_directives", rows, sql, detail=words)]
    text = f"Nginx's configuration treats {listed(found.endpoints)} as it treats the paths that did well."
    return (
        [Observation("nginx_plain", text, "config_directives", rows, sql)] if found.calm_neighbours() else []
    )


def nginx_rule_words(found: Facts) -> str | None:
    """Return how Nginx's configuration treats the affected paths alone, None when in no harmful way."""
    for family, endpoint in zip(found.families, found.endpoints, strict=True):
        mine = found.nginx_routes.serving(endpoint)
        if mine is None:
            continue
        # Another service has a location and an address of its own by right.
        beside = found.calm_beside(family)
        places = [place for path in beside if (place := found.nginx_routes.serving(path)) is not None]
        other = next((place for place in places if place.number != mine.number), None)
        if other is None:
            continue
        said = []
        for name, (value, elsewhere) in differences(mine, other).items():
            if name == "proxy_pass" and set(mine.addresses) == set(other.addresses):
                # The same address under another path may be another resource.
                inner = found.nginx_routes.passed_as([endpoint]).get(endpoint, endpoint)
                said += [f"proxy_pass {value}, which asks for {inner}"] if inner != endpoint else []
                if _scheme(value) != _scheme(elsewhere):
                    said.append(f"proxy_pass {value} (elsewhere {elsewhere})")
                continue
            if value is not None and (name in _NGINX_HARM or name.endswith("_timeout")):
                said.append(f"{name} {value}" + (f" (elsewhere {elsewhere})" if elsewhere else ""))
        if said:
            return f"`{mine.label}` has {', '.join(said)}"
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
