"""Configurations and source as the ``/health`` question lays them side by side, a column for each path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.configuration.nginx_routing import (
    effective_locations,
    route,
)
from watchme_analysis.analysis.configuration.nginx_upstreams import upstream_addresses
from watchme_analysis.analysis.health.config import RELEVANT

if TYPE_CHECKING:
    import pandas as pd

_WHERE = "served by"
# Settings worth a row even where all paths agree, and Nginx's own value where none is written.
_ALWAYS = {
    "proxy_connect_timeout": "60s",
    "proxy_read_timeout": "60s",
    "proxy_cache": "off",
}
_OWN = " (Nginx's own)"
_NOT_FOLLOWED = "not followed"
# Calls that keep the thread or the loop which makes them.
_BLOCKING = ("blocking_io", "blocking_sleep", "blocking_file", "cpu", "lock")
_COLUMNS = ("layer", "setting", "differs", "line")


def settings_by_path(config_directives: pd.DataFrame, paths: Sequence[str]) -> pd.DataFrame:
    """Return what is in force for each path at Nginx and at the edge.

    Parameters
    ----------
    config_directives
        Table of the glossary, may be empty.
    paths
        Paths as callers ask for them.

    Returns
    -------
    pandas.DataFrame
        ``layer`` (edge, nginx), ``setting``, ``differs`` (bool: not the same for all paths), ``line``
        (text: the lines of the locations, in the first row of a layer), and a column of text for each path,
        null where it is not set. The location, the addresses asked and the path asked there come first; of
        the rest those that differ, and always the timeouts, the cache, and what of a location isn't followed
        here (such as an ``if``).
    """
    import pandas as pd

    frame = effective_locations(config_directives)
    rows: list[dict[str, Any]] = []
    for layer in ("edge", "nginx"):
        places = {path: route(frame, path, layer=layer) for path in paths}
        known = {path: place for path, place in places.items() if place is not None}
        if not known:
            continue
        said = {path: _said(place) for path, place in known.items()}
        names = list(dict.fromkeys(name for values in said.values() for name in values))
        for name in [*names[:3], *sorted(set(names[3:]) | set(_ALWAYS))]:
            values = {path: said.get(path, {}).get(name, _default(name)) for path in paths}
            differs = len({_compared(name, path, value) for path, value in values.items()}) > 1
            if differs or name in (*names[:3], *_ALWAYS, _NOT_FOLLOWED):
                lines = ", ".join(
                    dict.fromkeys(f"{place['file']}:{place['line']}" for place in known.values())
                )
                row = {"layer": layer, "setting": name, "differs": differs, "line": lines}
                rows.append(row | values)
    return pd.DataFrame(rows, columns=[*_COLUMNS, *paths])


def _said(place: dict[str, Any]) -> dict[str, str]:
    """Return the settings of a location as text, where it passes on to first."""
    label = " ".join(part for part in ("location", place["modifier"], place["path"] or "") if part)
    own = {
        _WHERE: "the server block" if place["modifier"] == "server" else label,
        "asks": ", ".join(sorted(upstream_addresses(place))) or "nobody",
        "as": place["upstream_path"] or "–",
    }
    relevant = {
        name: "; ".join(" ".join(map(str, args)) for args in values)
        for name, values in place["directives"].items()
        if name in RELEVANT and name not in ("proxy_pass", "limit_req", "limit_conn")
    }
    limits = {
        name: "; ".join(_limit(limit) for limit in place[name])
        for name in ("limit_req", "limit_conn")
        if place[name]
    }
    beyond = {_NOT_FOLLOWED: "; ".join(place["not_covered"])} if place["not_covered"] else {}
    return own | relevant | limits | beyond


def _limit(limit: dict[str, Any]) -> str:
    """Return a limit in words, with the key of its zone: it says who shares it."""
    key = f"for each {limit['key']}" if limit.get("key") else f"in the zone {limit['zone']}"
    if "connections" in limit:
        connections = "connection" if str(limit["connections"]) == "1" else "connections"
        return f"{limit['connections']} {connections} at once {key}"
    rate = f"{limit['rate_per_s']:g} a second" if limit.get("rate_per_s") else "a rate"
    delay = "refused above" if limit["nodelay"] or not limit["burst"] else "delayed within"
    return f"{rate} {key}, {delay} a burst of {limit['burst']}"


def _compared(name: str, path: str, value: str | None) -> str | None:
    """Return what must be equal for two paths to be treated alike: for the path asked, what was taken off."""
    if value is not None and name == "as":
        return path.removesuffix(value) if path.endswith(value) else value
    return value.removesuffix(_OWN) if value is not None else None


def _default(name: str) -> str | None:
    return f"{_ALWAYS[name]}{_OWN}" if name in _ALWAYS else None


def handlers_table(app_handlers: pd.DataFrame, app_calls: pd.DataFrame) -> pd.DataFrame:
    """Return for each handler how it runs, what may block in it, and what it leaves to the background.

    Parameters
    ----------
    app_handlers, app_calls
        Tables of the glossary, may be empty.

    Returns
    -------
    pandas.DataFrame
        ``route`` (method and path), ``function`` (with file and line), ``written_as`` (``async def`` or
        ``def``), ``runs_on`` (event loop, thread pool), ``in_answer`` and ``in_background`` (text: calls that
        can block, each with where it runs, its place and its time limit), by route.
    """
    import pandas as pd

    rows = []
    calls = app_calls[app_calls["reached_from"].notna() & app_calls["kind"].isin(_BLOCKING)]
    written = app_handlers["is_async"].fillna(False).astype(bool)
    by_route = dict(tuple(calls.groupby("reached_from")))
    for handler, asynchronous in zip(app_handlers.itertuples(), written, strict=True):
        route_name = f"{handler.method} {handler.path}"
        mine = by_route.get(route_name, calls[:0])
        behind = mine["context"].str.startswith(("background", "process")).fillna(False)
        tasks = json.loads(handler.background_tasks) if isinstance(handler.background_tasks, str) else []
        background = _calls(mine[behind])
        rows.append(
            {
                "route": route_name,
                "function": f"{handler.function} ({handler.file}:{handler.line})",
                "written_as": "async def" if asynchronous else "def",
                "runs_on": str(handler.runs_on).replace("_", " "),
                "in_answer": _calls(mine[~behind]),
                "in_background": background or ", ".join(f"{name}: nothing that blocks" for name in tasks),
            }
        )
    columns = ["route", "function", "written_as", "runs_on", "in_answer", "in_background"]
    return pd.DataFrame(rows, columns=columns).sort_values("route", ignore_index=True)


# So many calls are named for a handler, those nearest to it.
_NAMED_CALLS = 6


def _calls(calls: pd.DataFrame) -> str:
    said = []
    nearest = calls["chain"].fillna("[]").map(lambda chain: len(json.loads(chain))).sort_values(kind="stable")
    for call in calls.loc[nearest.index].itertuples():
        limit = f", at most {call.timeout_s:g} s" if isinstance(call.timeout_s, float) else ""
        where = str(call.context).removeprefix("background_").replace("_", " ")
        kind = str(call.kind).replace("_", " ")
        said.append(f"{call.call} ({kind} on the {where}{limit}; {call.file}:{call.line})")
    named = list(dict.fromkeys(said))
    more = [f"and {len(named) - _NAMED_CALLS} more (app_calls)"] if len(named) > _NAMED_CALLS else []
    return "; ".join([*named[:_NAMED_CALLS], *more])
