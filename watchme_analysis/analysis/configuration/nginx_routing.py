"""Which location of an Nginx configuration serves a path, and what is in force there.

Follows https://nginx.org/en/docs/http/ngx_http_core_module.html#location and
https://nginx.org/en/docs/http/request_processing.html. Not covered, and said so in ``not_covered``: ``if``
blocks, ``try_files``, rewrites that start the search anew, and upstreams named by variables.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from watchme_analysis.analysis.configuration.nginx_locations import COLUMNS, settings
from watchme_analysis.analysis.configuration.nginx_tree import Block, configuration_tree, locations_of
from watchme_analysis.analysis.configuration.nginx_upstreams import matches, upstream_path

if TYPE_CHECKING:
    import pandas as pd

Location = dict[str, Any]
_INTEGERS = ("line", "server_id", "location_id", "parent_location_id", "return_status")


def effective_locations(directives: pd.DataFrame) -> pd.DataFrame:
    """Return the settings in force at each server and location.

    Parameters
    ----------
    directives
        Table ``config_directives``.

    Returns
    -------
    frame
        One row per server (``modifier`` is ``server``, ``path`` null: what holds where no location fits)
        and per location, in order. Columns:

        - ``layer, file, line``; ``server_id, location_id, parent_location_id``: ids of the table;
        - ``server_names`` (list), ``is_default_server``;
        - ``modifier`` (``""``, ``=``, ``^~``, ``~``, ``~*``, ``@``, ``server``), ``path`` as written;
        - ``proxy_pass``; ``upstream_servers`` (list of ``address``, ``options``; None: named by a variable,
          or not passed on);
        - ``limit_req`` (list of ``zone, key, rate_per_s, burst, nodelay``), ``limit_conn`` (list of
          ``zone, key, connections``);
        - ``return_status`` (302 where a ``return`` names none); ``rewrites`` (lists of arguments);
        - ``directives``: everything in force, name to lists of arguments; ``not_covered``: sentences.
    """
    import pandas as pd

    rows: list[Location] = []
    for layer in directives["layer"].dropna().unique():
        tree = configuration_tree(directives, layer)
        holders = [*tree.inside("http"), tree]
        for server in (server for holder in holders for server in holder.inside("server")):
            base = {"layer": layer, "server_id": server.number}
            own = {"location_id": None, "parent_location_id": None, "modifier": "server", "path": None}
            rows.append(base | own | settings(server, server, tree))
            _add_locations(rows, base, server, server, tree)
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    for column in _INTEGERS:
        frame[column] = frame[column].astype("Int64")
    return frame


def _add_locations(rows: list[Location], base: Location, block: Block, server: Block, tree: Block) -> None:
    for location, modifier, path in locations_of(block):
        own = {
            "location_id": location.number,
            "parent_location_id": None if block is server else block.number,
            "modifier": modifier,
            "path": path,
        }
        rows.append(base | own | settings(location, server, tree))
        _add_locations(rows, base, location, server, tree)


def route(
    directives: pd.DataFrame, path: str, host: str | None = None, *, layer: str = "nginx"
) -> Location | None:
    """Return the location that serves a path, chosen as nginx does.

    Parameters
    ----------
    directives
        Table ``config_directives``, or what :func:`effective_locations` made of it (quicker for many
        paths).
    path
        Path as the client sent it, with or without its query.
    host
        Host header. Without one, the server that passes requests on is preferred to one that only
        redirects.
    layer
        ``nginx`` or ``edge``.

    Returns
    -------
    dict or None
        A row of :func:`effective_locations` with ``upstream_path``, the path that the upstream is asked
        for (None: nothing is passed on, or a variable decides); None when the layer has no server.
    """
    frame = directives if "server_id" in directives.columns else effective_locations(directives)
    return route_among(places_of(frame, layer), path, host)


def route_among(rows: Sequence[Location], path: str, host: str | None = None) -> Location | None:
    """Return what :func:`route` does, of locations that were taken out of the frame once for many paths.

    Parameters
    ----------
    rows
        From :func:`places_of`.
    path, host
        As for :func:`route`.
    """
    server = _choose_server(rows, host)
    if server is None:
        return None
    clean = normal_path(path)
    candidates = [
        row for row in rows if row["server_id"] == server["server_id"] and row["modifier"] != "server"
    ]
    found = _find(candidates, None, clean) or server
    return found | {"upstream_path": upstream_path(found, clean)}


def places_of(frame: pd.DataFrame, layer: str = "nginx") -> list[Location]:
    """Return the rows of a layer in :func:`effective_locations` as dictionaries; missing is None."""
    import pandas as pd

    rows: list[Location] = frame[frame["layer"] == layer].to_dict("records")
    for row in rows:
        row.update({name: None for name in _INTEGERS if pd.isna(row[name])})
    return rows


def normal_path(path: str) -> str:
    """Return a path as nginx compares it: decoded, without query, double slashes and dots."""
    decoded = unquote(re.split(r"[?#]", path, maxsplit=1)[0])
    given = re.sub(r"/{2,}", "/", decoded).split("/")[1:]
    parts: list[str] = []
    for part in given:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    if given and given[-1] in (".", ".."):
        parts.append("")  # dots name a folder, which ends in a slash
    return "/" + "/".join(parts)


def _choose_server(rows: Iterable[Location], host: str | None) -> Location | None:
    everything = list(rows)
    servers = [row for row in everything if row["modifier"] == "server"]
    if not servers:
        return None
    passing = {row["server_id"] for row in everything if row["proxy_pass"]}
    name = re.sub(r":\d+$", "", host).lower().rstrip(".") if host else None

    def rank(server: Location) -> tuple[int, bool, bool]:
        fit = min((_name_rank(pattern.lower(), name) for pattern in server["server_names"]), default=9)
        silent = server["server_id"] not in passing
        return (
            (fit, False, not server["is_default_server"])
            if name
            else (0, silent, not server["is_default_server"])
        )

    return min(servers, key=rank)


def _name_rank(pattern: str, name: str | None) -> int:
    """Return how well a server name fits: exact, wildcard in front, wildcard behind, regex, not."""
    if name is None:
        return 9
    if pattern == name or (pattern.startswith(".") and name == pattern[1:]):
        return 0
    if pattern.startswith(("*.", ".")) and name.endswith(pattern.lstrip("*")):
        return 1
    if pattern.endswith(".*") and fnmatch.fnmatchcase(name, pattern):
        return 2
    if pattern.startswith("~") and matches(pattern[1:], name, re.IGNORECASE):
        return 3
    return 9


def _find(rows: list[Location], parent: int | None, path: str) -> Location | None:
    here = [row for row in rows if row["parent_location_id"] == parent]
    for row in here:
        if row["modifier"] == "=" and row["path"] == path:
            return row
    prefixes = [row for row in here if row["modifier"] in ("", "^~") and path.startswith(row["path"])]
    best = max(prefixes, key=lambda row: len(row["path"]), default=None)
    found = best
    if best is not None:
        inner = _find(rows, int(best["location_id"]), path)
        if inner is not None and inner["modifier"] in ("=", "~", "~*"):
            return inner
        found = inner or best
        if best["modifier"] == "^~":
            return found
    for row in here:
        if row["modifier"] in ("~", "~*"):
            flags = re.IGNORECASE if row["modifier"] == "~*" else 0
            if matches(row["path"], path, flags):
                return _find(rows, int(row["location_id"]), path) or row
    return found
