"""An Nginx-style configuration, read as Nginx reads it: which location serves a path, with what settings.

Follows nginx.org/en/docs/http/ngx_http_core_module.html#location (exact, longest prefix, ``^~``, first
regular expression) and ngx_http_proxy_module.html (inheritance: a block's directive replaces the outer
one's).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Directives of a location that decide how a request fares; all others are decoration here.
_RELEVANT = """
proxy_pass fastcgi_pass uwsgi_pass grpc_pass root alias return rewrite try_files deny allow auth_request
auth_basic proxy_connect_timeout proxy_read_timeout proxy_send_timeout send_timeout limit_req limit_conn
limit_rate limit_rate_after proxy_limit_rate proxy_cache proxy_cache_lock proxy_cache_lock_timeout
proxy_cache_lock_age proxy_cache_valid proxy_cache_key proxy_cache_use_stale proxy_cache_bypass
proxy_no_cache proxy_ignore_headers proxy_buffering proxy_request_buffering proxy_buffer_size
proxy_buffers proxy_next_upstream proxy_next_upstream_timeout proxy_next_upstream_tries proxy_http_version
proxy_method proxy_intercept_errors mirror resolver resolver_timeout proxy_ssl_verify proxy_bind if
"""
RELEVANT = frozenset(_RELEVANT.split())
# Settings that a location inherits from the blocks around it.
INHERITED = RELEVANT - {
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "grpc_pass",
    "return",
    "rewrite",
    "try_files",
    "if",
}
DEFAULTS_S = {"proxy_connect_timeout": 60.0, "proxy_read_timeout": 60.0, "proxy_send_timeout": 60.0}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True)
class Location:
    """A location block with what holds in it.

    Attributes
    ----------
    label
        As written, such as ``location = /health``.
    modifier
        ``""``, ``=``, ``^~``, ``~``, ``~*`` or ``@``.
    pattern
        Path, prefix or regular expression.
    own
        Relevant directives of the block itself: name to the argument lists, in order.
    settings
        The same with those inherited.
    addresses
        ``host:port`` of the servers that requests are passed to; empty when none are.
    line
        Line of the block, 0 when unknown.
    """

    label: str
    modifier: str
    pattern: str
    own: dict[str, tuple[tuple[str, ...], ...]]
    settings: dict[str, tuple[tuple[str, ...], ...]]
    addresses: tuple[str, ...]
    line: int

    def value(self, name: str) -> str | None:
        """Return the arguments of a setting as one text, None when it is not set."""
        found = self.settings.get(name)
        return " ".join(found[0]) if found else None

    def seconds(self, name: str) -> float | None:
        """Return a time limit in seconds, Nginx's default where none is set."""
        text = self.value(name)
        return DEFAULTS_S.get(name) if text is None else parse_nginx_time(text.split()[0])

    def matches(self, path: str) -> bool:
        """Tell whether the path fits the pattern."""
        if self.modifier == "=":
            return path == self.pattern
        if self.modifier in ("~", "~*"):
            try:
                flags = re.IGNORECASE if self.modifier == "~*" else 0
                return re.search(self.pattern, path, flags) is not None
            except re.error:
                return False
        return self.modifier != "@" and path.startswith(self.pattern)


def parse_nginx_time(text: str) -> float | None:
    """Return seconds of an Nginx time such as ``1m30s`` or ``60``; None when it is none."""
    if re.fullmatch(r"\d+", text):
        return float(text)
    parts = re.findall(r"(\d+)(ms|[smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def locations(config_directives: pd.DataFrame, layer: str) -> tuple[Location, ...]:
    """Return all locations of a layer's configuration in the order written.

    Parameters
    ----------
    config_directives
        Table of the glossary, may be empty.
    layer
        ``nginx`` or ``edge``.
    """
    rows = config_directives[config_directives["layer"] == layer]
    tree = _Tree(rows)
    upstreams = {}
    for block in tree.named("upstream"):
        servers = [
            child.args[0] for child in tree.children(block.id) if child.name == "server" and child.args
        ]
        if block.args:
            upstreams[block.args[0]] = tuple(_with_port(server) for server in servers)
    found = []
    for block in tree.named("location"):
        modifier, pattern = _pattern(block.args)
        own = _directives(tree.children(block.id), RELEVANT)
        settings = dict(own)
        for outer in tree.ancestors(block.id):
            for name, values in _directives(tree.children(outer), INHERITED).items():
                settings.setdefault(name, values)
        label = " ".join(["location", *block.args])
        addresses = _addresses(own, upstreams)
        found.append(Location(label, modifier, pattern, own, settings, addresses, block.line))
    return tuple(found)


def serving(known: Iterable[Location], path: str) -> Location | None:
    """Return the location that serves a path, as Nginx chooses it; None when none does."""
    fitting = [location for location in known if location.matches(path)]
    exact = [location for location in fitting if location.modifier == "="]
    if exact:
        return exact[0]
    prefixes = [location for location in fitting if location.modifier in ("", "^~")]
    longest = max(prefixes, key=lambda location: len(location.pattern), default=None)
    if longest is not None and longest.modifier == "^~":
        return longest
    regular = [location for location in fitting if location.modifier in ("~", "~*")]
    return regular[0] if regular else longest


def wider_location(known: Iterable[Location], place: Location | None, path: str) -> Location | None:
    """Return the location that would serve a path if its exact one were not there.

    A service has a prefix of its own by right; an exact location (``=``) is taken out of the service that the
    next wider location passes to. None when the path's location is not an exact one.
    """
    if place is None or place.modifier != "=":
        return None
    return serving([other for other in known if other is not place], path)


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


@dataclass(frozen=True)
class _Directive:
    id: int
    parent: int | None
    name: str
    args: tuple[str, ...]
    line: int


class _Tree:
    """Directives of one layer, reachable by parent."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.by_id: dict[int, _Directive] = {}
        self.by_parent: dict[int | None, list[_Directive]] = {}
        columns = ("id", "parent", "directive", "args", "line")
        for number, parent, name, args, line in zip(*(rows[column] for column in columns), strict=True):
            above = None if _null(parent) else int(parent)
            words = () if _null(args) else tuple(str(word) for word in json.loads(args))
            entry = _Directive(int(number), above, str(name), words, 0 if _null(line) else int(line))
            self.by_id[entry.id] = entry
            self.by_parent.setdefault(above, []).append(entry)

    def children(self, parent: int | None) -> list[_Directive]:
        return self.by_parent.get(parent, [])

    def named(self, name: str) -> list[_Directive]:
        return [entry for entry in self.by_id.values() if entry.name == name]

    def ancestors(self, number: int) -> list[int]:
        """Return ids of the blocks around an entry, the nearest first."""
        found = []
        above = self.by_id[number].parent
        while above is not None:
            found.append(above)
            above = self.by_id[above].parent
        return found


def _null(value: object) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _pattern(args: tuple[str, ...]) -> tuple[str, str]:
    if len(args) >= 2:
        return args[0], args[1]
    only = args[0] if args else ""
    return ("@", only) if only.startswith("@") else ("", only)


def _directives(entries: list[_Directive], names: frozenset[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for entry in entries:
        if entry.name in names:
            found.setdefault(entry.name, []).append(entry.args)
    return {name: tuple(values) for name, values in found.items()}


def _addresses(
    own: dict[str, tuple[tuple[str, ...], ...]], upstreams: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    for name in ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass"):
        if own.get(name) and own[name][0]:
            target = own[name][0][0]
            host = re.sub(r"^[a-z]+://", "", target).split("/")[0]
            return upstreams.get(host, (_with_port(host, 443 if target.startswith("https") else 80),))
    return ()


def _with_port(server: str, port: int = 80) -> str:
    return server if re.search(r":\d+$", server) or server.startswith("unix:") else f"{server}:{port}"
