"""The locations of a configuration as the ``/health`` question compares them.

Which location serves a path, and what holds there, is for
:mod:`watchme_analysis.analysis.configuration.nginx_routing` to say; here
two locations are compared by what can spoil a request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.configuration.nginx_routing import (
    effective_locations,
    places_of,
    route_among,
)
from watchme_analysis.analysis.configuration.nginx_upstreams import upstream_addresses

if TYPE_CHECKING:
    import pandas as pd

# Directives of a location that decide how a request fares; all others are decoration here.
_RELEVANT = """
proxy_pass fastcgi_pass uwsgi_pass grpc_pass root alias return rewrite try_files deny allow auth_request
auth_basic proxy_connect_timeout proxy_read_timeout proxy_send_timeout send_timeout limit_req limit_conn
limit_rate limit_rate_after proxy_limit_rate proxy_cache proxy_cache_lock proxy_cache_lock_timeout
proxy_cache_lock_age proxy_cache_valid proxy_cache_key proxy_cache_use_stale proxy_cache_bypass proxy_no_cache
proxy_ignore_headers proxy_buffering proxy_request_buffering proxy_buffer_size proxy_buffers
proxy_next_upstream proxy_next_upstream_timeout proxy_next_upstream_tries proxy_http_version proxy_method
proxy_intercept_errors mirror resolver resolver_timeout proxy_ssl_verify proxy_bind
"""
RELEVANT = frozenset(_RELEVANT.split())
Settings = dict[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True)
class Location:
    """A location block with what holds in it.

    Attributes
    ----------
    number
        Its id in the table ``config_directives``.
    label
        As written, such as ``location = /health``.
    modifier
        ``""``, ``=``, ``^~``, ``~``, ``~*`` or ``@``.
    own
        Relevant directives in which it differs from its server: name to the argument lists, in order.
    settings
        All relevant directives in force.
    addresses
        ``host:port`` of the servers that requests are passed to, sorted; empty when none are.
    """

    number: int
    label: str
    modifier: str
    own: Settings
    settings: Settings
    addresses: tuple[str, ...]

    def value(self, name: str) -> str | None:
        """Return the arguments of a setting as one text, None when it is not set."""
        found = self.settings.get(name)
        return " ".join(found[0]) if found else None


@dataclass(frozen=True)
class Routes:
    """The locations of one layer's configuration.

    Attributes
    ----------
    frame
        Frame of :func:`watchme_analysis.analysis.configuration.nginx_routing.effective_locations`.
    layer
        ``nginx`` or ``edge``.
    """

    frame: pd.DataFrame
    layer: str

    @cached_property
    def places(self) -> list[dict[str, Any]]:
        """The layer's locations, one mapping each: paths by the hundred are looked up in them."""
        return places_of(self.frame, self.layer)

    def __bool__(self) -> bool:
        """Tell whether the layer's configuration is there."""
        return bool((self.frame["layer"] == self.layer).any())

    def serving(self, path: str) -> Location | None:
        """Return the location that serves a path; None when only the server block does, or none."""
        return self._serving(self.places, path)

    def wider(self, path: str) -> Location | None:
        """Return the location that would serve a path if its exact one (``=``) were not there.

        A service has a prefix of its own by right; an exact location is taken out of the service that the
        next wider one passes to. None when the path's location is not an exact one.
        """
        place = self.serving(path)
        if place is None or place.modifier != "=":
            return None
        return self._serving([row for row in self.places if row["location_id"] != place.number], path)

    def servers(self, path: str) -> list[dict[str, Any]]:
        """Return ``address`` and ``options`` of each server that a path is passed on to, as far as known."""
        row = route_among(self.places, path)
        return (row or {}).get("upstream_servers") or []

    def passed_as(self, paths: Iterable[str]) -> dict[str, str]:
        """Return, by path, the path under which the application is asked; nothing where it is not known."""
        if not self:
            return {}
        routed = {path: route_among(self.places, path) for path in paths}
        return {path: row["upstream_path"] for path, row in routed.items() if row and row["upstream_path"]}

    def _serving(self, places: list[dict[str, Any]], path: str) -> Location | None:
        row = route_among(places, path)
        if row is None or row["modifier"] == "server":
            return None
        server = next(
            other
            for other in places
            if other["server_id"] == row["server_id"] and other["modifier"] == "server"
        )
        settings, outer = _settings(row["directives"]), _settings(server["directives"])
        own = {name: values for name, values in settings.items() if outer.get(name) != values}
        label = " ".join(part for part in ("location", row["modifier"], row["path"]) if part)
        addresses = tuple(sorted(upstream_addresses(row)))
        return Location(int(row["location_id"]), label, row["modifier"], own, settings, addresses)


def routes(config_directives: pd.DataFrame) -> tuple[Routes, Routes]:
    """Return the locations of Nginx and of the edge.

    Parameters
    ----------
    config_directives
        Table of the glossary, may be empty.
    """
    frame = effective_locations(config_directives)
    return Routes(frame, "nginx"), Routes(frame, "edge")


def _settings(directives: dict[str, Any]) -> Settings:
    return {
        name: tuple(tuple(str(word) for word in args) for args in values)
        for name, values in directives.items()
        if name in RELEVANT
    }


def differences(one: Location, other: Location) -> dict[str, tuple[str | None, str | None]]:
    """Return the relevant settings in which two locations differ, as text or None when not set."""
    names = sorted(set(one.settings) | set(other.settings))
    found = {}
    for name in names:
        mine, theirs = one.settings.get(name), other.settings.get(name)
        if mine != theirs:
            found[name] = (_text(mine), _text(theirs))
    return found


def _text(values: tuple[tuple[str, ...], ...] | None) -> str | None:
    return None if values is None else "; ".join(" ".join(value) for value in values)
