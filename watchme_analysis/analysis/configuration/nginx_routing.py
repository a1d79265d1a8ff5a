"""Which location of an Nginx configuration serves a path, and what is in force there.

Rewrites are followed, and the named locations to which ``try_files`` and ``error_page`` lead. Not covered,
and said so in ``not_covered``: ``if`` blocks, files that ``try_files`` may find, and upstreams that are
named by variables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from watchme_analysis.analysis.configuration.nginx_locations import COLUMNS, settings
from watchme_analysis.analysis.configuration.nginx_rewrites import rewritten
from watchme_analysis.analysis.configuration.nginx_search import Location, choose_server, find_location
from watchme_analysis.analysis.configuration.nginx_tree import Block, configuration_tree, locations_of
from watchme_analysis.analysis.configuration.nginx_upstreams import upstream_path

if TYPE_CHECKING:
    import pandas as pd

# So often is a location looked for anew before nginx gives up with 500.
_CYCLES = 10
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
        - ``server_names`` (list), ``listen_ports`` (list), ``is_default_server``;
        - ``modifier`` (``""``, ``=``, ``^~``, ``~``, ``~*``, ``@``, ``server``), ``path`` as written;
        - ``proxy_pass``; ``proxy_target``, the same with the values of ``set``; ``upstream_servers`` (list of
          ``address``, ``options``; None: named by a variable, or not passed on);
        - ``limit_req`` (list of ``zone, key, rate_per_s, burst, nodelay``), ``limit_conn`` (list of
          ``zone, key, connections``);
        - ``return_status`` (302 where a ``return`` names none); ``rewrites`` (lists of arguments, those
          before a ``return``);
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
    server = choose_server(rows, host)
    if server is None:
        return None
    own = [row for row in rows if row["server_id"] == server["server_id"] and row["modifier"] != "server"]
    merges = server["directives"].get("merge_slashes") != [["off"]]
    change = rewritten(server["rewrites"], normal_path(path, merges))
    status = change.status or (None if change.ended else server["return_status"])
    place, changed = server, change.path
    stays = change.stays
    for _ in range(_CYCLES):
        if status is not None or changed is None:
            break
        place = find_location(own, changed) or server
        if place is server:
            break
        change = rewritten(place["rewrites"], changed)
        status, changed = change.status or (None if change.ended else place["return_status"]), change.path
        stays |= change.stays
        if not change.searches:
            break
    else:
        status = 500
    named = _named(own, place, status)
    if named is not None and changed is not None:
        change = rewritten(named["rewrites"], changed)
        stays, changed = stays or change.stays, change.path
        place = named | {"not_covered": list(dict.fromkeys(place["not_covered"] + named["not_covered"]))}
        status = change.status or named["return_status"]
    asks = status is None and changed is not None
    return place | {
        "return_status": status,
        "upstream_path": upstream_path(place, str(changed), path, stays) if asks else None,
    }


def _named(rows: Sequence[Location], place: Location, status: int | None) -> Location | None:
    """Return the named location that a location leads to: for its status, or where it finds no file."""
    pages = place["directives"].get("error_page", []) if status is not None else []
    targets = [page[-1] for page in pages if str(status) in page[:-1]]
    if status is None and not place["proxy_pass"]:
        targets = [tried[-1] for tried in place["directives"].get("try_files", [])]
    return next((row for row in rows if row["modifier"] == "@" and row["path"] in targets), None)


def places_of(frame: pd.DataFrame, layer: str = "nginx") -> list[Location]:
    """Return the rows of a layer in :func:`effective_locations` as dictionaries; missing is None."""
    import pandas as pd

    rows: list[Location] = frame[frame["layer"] == layer].to_dict("records")
    for row in rows:
        row.update({name: None for name in _INTEGERS if pd.isna(row[name])})
    return rows


def normal_path(path: str, merges: bool = True) -> str:
    """Return a path as nginx compares it: decoded, without query and dots; ``//`` is ``/`` if it merges."""
    decoded = unquote(re.split(r"[?#]", path, maxsplit=1)[0])
    given = (re.sub(r"/{2,}", "/", decoded) if merges else decoded).split("/")[1:]
    parts: list[str] = []
    for part in given:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    if given and given[-1] in (".", ".."):
        parts.append("")  # dots name a folder, which ends in a slash
    return "/" + "/".join(parts)
