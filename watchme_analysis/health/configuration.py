"""Locations of Nginx and of the edge, compared path by path, with the handlers and upstreams behind them.

:mod:`watchme_analysis.nginx_conf.routing` finds the location that serves a path. Here, locations are compared
by the settings that can fail or delay a request. Nginx resolves host names when it starts and logs addresses,
so the address of a name is taken from the requests of its locations, where there is only one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.nginx_conf.defaults import PROXY_CONNECT_TIMEOUT_S, PROXY_READ_TIMEOUT_S
from watchme_analysis.nginx_conf.routing import (
    places_of,
    route_among,
    upstream_addresses,
)
from watchme_analysis.text.message import Choice
from watchme_analysis.text.render import label, render, value_label

if TYPE_CHECKING:
    import pandas as pd


def resolved_names(
    routes: Routes, logs: Iterable[pd.DataFrame], app_processes: pd.DataFrame
) -> dict[str, str]:
    """Return ``address:port`` by the ``name:port`` of the configuration, where it is known.

    Requests that Nginx passed on (``logs`` with ``path`` and ``upstream_addr``) and start commands show it.
    """
    import pandas as pd

    pairs = [log[["path", "upstream_addr"]].dropna().astype(object) for log in logs]
    rows = pd.concat(pairs, ignore_index=True) if pairs else pd.DataFrame(columns=["path", "upstream_addr"])
    templates = route_templates(rows["path"]).astype(object)
    seen: dict[str, set[str]] = {}
    for _, group in rows.groupby(templates):
        place = routes.serving(str(group["path"].iloc[0]))
        if place is None or len(place.addresses) != 1:
            continue
        name = place.addresses[0]
        if re.fullmatch(r"[\d.]+:\d+|\[.*", name):
            # An address is what it says: what else went well there was so before the configuration changed.
            continue
        seen.setdefault(name, set()).update(
            str(address)
            for address in group["upstream_addr"].unique()
            if address != name and _port(str(address)) == _port(name)
        )
    found = {name: addresses.pop() for name, addresses in seen.items() if len(addresses) == 1}
    hosts = dict(zip(app_processes["service"], app_processes["addr"], strict=True))
    for name in {address for place in routes.places for address in upstream_addresses(place)}:
        host = hosts.get(name.rpartition(":")[0])
        if isinstance(host, str):
            found.setdefault(name, f"{host}:{_port(name)}")
    return found


def _port(address: str) -> str:
    return address.rpartition(":")[2]


# Directives of a location that can fail or delay a request.
# Names in server_name that callers can use: neither a pattern nor `_` nor `localhost`.
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*\.[a-z0-9-]+", re.IGNORECASE)
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
    """A location block with the settings in force.

    ``number`` is its id in ``config_directives``; ``label`` is as written, such as ``location = /health``;
    ``modifier`` is empty, ``=``, ``^~``, ``~``, ``~*`` or ``@``. ``settings`` are all relevant directives,
    ``own`` those in which it differs from its server: name to the argument lists, in order. ``addresses`` are
    sorted ``host:port`` of the servers that requests are passed to.
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
    """The locations of a layer (``nginx`` or ``edge``), from :func:`places_of`."""

    places: list[dict[str, Any]]

    def __bool__(self) -> bool:
        """Return True when the layer's configuration is available."""
        return bool(self.places)

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
        """Return ``address`` and ``options`` of the known servers to which a path is passed."""
        row = route_among(self.places, path)
        return (row or {}).get("upstream_servers") or []

    def host_of(self, path: str) -> str | None:
        """Return the host name of the server that a path is for; None if it has none that callers can use."""
        names = (route_among(self.places, path) or {}).get("server_names") or []
        return next((name for name in names if _HOST_NAME.fullmatch(name)), None)

    def may_refuse(self, path: str) -> bool:
        """Return False if requests of a path are passed on and nothing in force responds to them with 503.

        Limits do, ``return`` and ``error_page`` can, and so can blocks that routing does not cover. Sources:
        the documentation of ngx_http_limit_req_module, ngx_http_limit_conn_module and
        ngx_http_rewrite_module.
        """
        row = route_among(self.places, path)
        if row is None or not row["upstream_path"]:
            return True
        return bool(
            row["limit_req"] or row["limit_conn"] or row["not_covered"] or "error_page" in row["directives"]
        )

    def passed_as(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the application's path of each path, as far as known."""
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
    """Return the locations of Nginx and of the edge, from the table ``config_directives``."""
    return Routes(places_of(config_directives)), Routes(places_of(config_directives, "edge"))


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


_WHERE = "served by"
# Settings that have a row even where all paths agree, with Nginx's default.
_ALWAYS = {
    "proxy_connect_timeout": f"{PROXY_CONNECT_TIMEOUT_S:.0f}s",
    "proxy_read_timeout": f"{PROXY_READ_TIMEOUT_S:.0f}s",
    "proxy_cache": "off",
}
_NOT_FOLLOWED = "not followed"
_ASKS, _AS = "asks", "as"
# Settings that are no directives, with the messages that name them.
_NAMES = {_WHERE: "served-by", _ASKS: "asks", _AS: "as", _NOT_FOLLOWED: "not-followed"}
# Kinds of calls that block their thread or event loop.
BLOCKING = ("blocking_io", "blocking_sleep", "blocking_file", "cpu", "lock")
_COLUMNS = ("layer", "setting", "differs", "line")


def settings_by_path(
    config_directives: pd.DataFrame, paths: Sequence[str], language: str = "en"
) -> pd.DataFrame:
    """Return the settings in force for each path at Nginx and at the edge.

    Columns: ``layer`` (edge, nginx), ``setting``, ``differs`` (bool: not the same for all paths), ``line``
    (the lines of the locations), and a column of text for each path, null where it is not set. The location,
    the addresses asked and the path asked there come first; of the rest those that differ, and always the
    timeouts, the cache, and what of a location isn't followed here (such as an ``if``).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for layer in ("edge", "nginx"):
        locations = places_of(config_directives, layer)
        places = {path: route_among(locations, path) for path in paths}
        known = {path: place for path, place in places.items() if place is not None}
        if not known:
            continue
        said = {path: _location_settings(place, language) for path, place in known.items()}
        names = list(dict.fromkeys(name for values in said.values() for name in values))
        for name in [*names[:3], *sorted(set(names[3:]) | set(_ALWAYS))]:
            values = {path: said.get(path, {}).get(name, _default(name, language)) for path in paths}
            differs = len({_compared(name, path, value, language) for path, value in values.items()}) > 1
            if differs or name in (*names[:3], *_ALWAYS, _NOT_FOLLOWED):
                lines = ", ".join(
                    dict.fromkeys(f"{place['file']}:{place['line']}" for place in known.values())
                )
                setting = label(f"directive-{_NAMES[name]}", language) if name in _NAMES else name
                row = {"layer": layer, "setting": setting, "differs": differs, "line": lines}
                rows.append(row | values)
    return pd.DataFrame(rows, columns=[*_COLUMNS, *paths])


def _location_settings(place: dict[str, Any], language: str) -> dict[str, str]:
    """Return the settings of a location as text, where it passes on to first."""
    location = " ".join(part for part in ("location", place["modifier"], place["path"] or "") if part)
    own = {
        _WHERE: label("directive-server-block", language) if place["modifier"] == "server" else location,
        _ASKS: ", ".join(sorted(upstream_addresses(place))) or label("directive-no-upstream", language),
        _AS: place["upstream_path"] or "–",
    }
    relevant = {
        name: "; ".join(" ".join(map(str, args)) for args in values)
        for name, values in place["directives"].items()
        if name in RELEVANT and name not in ("proxy_pass", "limit_req", "limit_conn")
    }
    limits = {
        name: "; ".join(_limit(limit, language) for limit in place[name])
        for name in ("limit_req", "limit_conn")
        if place[name]
    }
    beyond = (
        {_NOT_FOLLOWED: "; ".join(render(text, language) for text in place["not_covered"])}
        if place["not_covered"]
        else {}
    )
    return own | relevant | limits | beyond


def _limit(limit: dict[str, Any], language: str) -> str:
    """Return the text of a limit with the key of its zone, by which clients share it."""
    key = (
        label("directive-limit-key", language, key=str(limit["key"]))
        if limit.get("key")
        else label("directive-limit-zone", language, zone=str(limit["zone"]))
    )
    if "connections" in limit:
        return label("directive-connections", language, connections=int(limit["connections"]), key=key)
    rate = f"{limit['rate_per_s']:g}" if limit.get("rate_per_s") else "?"
    how = "refused" if limit["nodelay"] or not limit["burst"] else "delayed"
    return label("directive-rate", language, rate=rate, key=key, how=Choice(how), burst=str(limit["burst"]))


def _compared(name: str, path: str, value: str | None, language: str) -> str | None:
    """Return the setting of a path for comparison with another; of a rewritten path, the removed part."""
    if value is not None and name == _AS:
        return path.removesuffix(value) if path.endswith(value) else value
    return _ALWAYS[name] if value is not None and value == _default(name, language) else value


def _default(name: str, language: str) -> str | None:
    return label("directive-default", language, value=_ALWAYS[name]) if name in _ALWAYS else None


def handlers_table(app_handlers: pd.DataFrame, app_calls: pd.DataFrame, language: str = "en") -> pd.DataFrame:
    """Return for each handler where it runs, its blocking calls and its background tasks, by route.

    Columns: ``route`` (method and path), ``function`` (with file and line), ``written_as`` (``async def``,
    ``def`` or empty), ``runs_on`` (event loop, thread pool, worker of the server; empty: unknown),
    ``in_answer`` and ``in_background`` (calls that can block, each with where it runs, its place and its time
    limit).
    """
    import pandas as pd

    rows = []
    calls = app_calls[app_calls["reached_from"].notna() & app_calls["kind"].isin(BLOCKING)]
    by_route = dict(tuple(calls.groupby([calls["application_file"].fillna(""), "reached_from"])))
    unknown = label("handler-not-analysed", language)
    for handler in app_handlers.astype(object).where(app_handlers.notna(), None).itertuples():
        route_name = f"{handler.method} {handler.path}"
        file = handler.application_file or ""
        mine = by_route.get((file, route_name), calls[:0])
        behind = mine["context"].str.startswith(("background", "process")).fillna(False)
        tasks = json.loads(handler.background_tasks or "[]")
        background = _calls(mine[behind], language)
        rows.append(
            {
                "route": route_name,
                "function": f"{handler.function or ''} ({handler.file}:{handler.line})".strip(),
                "written_as": ("def", "async def", "")[2 if handler.is_async is None else handler.is_async],
                "runs_on": value_label("call-context", handler.runs_on, language).replace("_", " ")
                if handler.runs_on
                else "",
                "in_answer": unknown if handler.is_async is None else _calls(mine[~behind], language),
                "in_background": background
                or ", ".join(label("call-none-blocks", language, task=str(name)) for name in tasks),
            }
        )
    columns = ["route", "function", "written_as", "runs_on", "in_answer", "in_background"]
    return pd.DataFrame(rows, columns=columns).sort_values("route", ignore_index=True)


# Calls that are named for a handler, nearest first.
_NAMED_CALLS = 6


def _calls(calls: pd.DataFrame, language: str) -> str:
    said = []
    nearest = calls["chain"].fillna("[]").map(lambda chain: len(json.loads(chain))).sort_values(kind="stable")
    for call in calls.loc[nearest.index].itertuples():
        is_limited = isinstance(call.timeout_s, float)
        context = str(call.context).removeprefix("background_")
        said.append(
            label(
                "call-limited" if is_limited else "call-said",
                language,
                call=str(call.call),
                kind=value_label("call-kind", str(call.kind), language).replace("_", " "),
                where=value_label("call-context", context, language).replace("_", " "),
                limit=f"{call.timeout_s:g}" if is_limited else "",
                place=f"{call.file}:{call.line}",
            )
        )
    named = list(dict.fromkeys(said))
    left = len(named) - _NAMED_CALLS
    more = [label("calls-more", language, calls=left)] if left > 0 else []
    return "; ".join([*named[:_NAMED_CALLS], *more])
