"""Routing of a request as Nginx does it: server, location, rewrites, upstream and the path that it gets.

Follows https://nginx.org/en/docs/http/request_processing.html,
https://nginx.org/en/docs/http/ngx_http_core_module.html#location and
https://nginx.org/en/docs/http/ngx_http_rewrite_module.html.

:func:`places_of` lists the servers and locations of a configuration with the settings in force, and
:func:`route_among` returns the one that serves a path. Rewrites are followed, and the named locations to
which ``try_files`` and ``error_page`` lead. Not covered, and named in ``not_covered``: ``if`` blocks, files
that ``try_files`` may find, upstreams that are named by variables, and regular expressions with look-around
or back references.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from watchme_analysis.nginx_conf.tree import (
    DIRECTIVES,
    Block,
    ancestry,
    configuration_tree,
    in_force,
    locations_of,
)
from watchme_analysis.safe_regex import Match, UnsupportedPatternError, compiled
from watchme_analysis.text.message import Code
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd


def found(pattern: str, text: str, ignore_case: bool = False) -> Match | None:
    """Return the first match of a pattern of Nginx; None without one, or when it is in ``not_covered``."""
    try:
        return compiled(pattern, ignore_case=ignore_case).search(text)
    except UnsupportedPatternError:
        return None


def rate_per_s(text: str) -> float | None:
    """Return requests per second of a ``limit_req_zone`` rate such as ``60r/s`` or ``30r/m``."""
    found = re.fullmatch(r"(\d+)r/([sm])", text)
    return int(found[1]) / (1 if found[2] == "s" else 60) if found else None


def _limits(force: dict[str, list[Block]], tree: Block, name: str) -> list[dict[str, Any]]:
    """Return the limits in force with what their zones say."""
    zones = {}
    for http in tree.inside("http"):
        for zone in http.inside(f"{name}_zone"):
            named = next((a[5:].split(":")[0] for a in zone.args if a.startswith("zone=")), None)
            rate = next((a[5:] for a in zone.args if a.startswith("rate=")), "")
            zones[named] = {"key": next(iter(zone.args), None), "rate_per_s": rate_per_s(rate)}
    found = []
    for limit in force.get(name, []):
        options = {a.partition("=")[0]: a.partition("=")[2] for a in limit.args if "=" in a}
        zone_name = options.get("zone") if name == "limit_req" else next(iter(limit.args), None)
        entry: dict[str, Any] = {"zone": zone_name, **zones.get(zone_name, {})}
        if name == "limit_req":
            burst = options.get("burst", "0")
            entry["burst"] = int(burst) if burst.isdecimal() else None
            entry["nodelay"] = "nodelay" in limit.args
        else:
            entry.pop("rate_per_s", None)
            entry["connections"] = (
                int(limit.args[1]) if len(limit.args) > 1 and limit.args[1].isdigit() else None
            )
        found.append(entry)
    return found


def _port(listen: str) -> int | None:
    """Return the port of a ``listen``; None for a socket of the file system."""
    if listen.startswith("unix:"):
        return None
    found = re.search(r"^(\d+)$|:(\d+)$", listen)
    return int(found[1] or found[2]) if found else 80


def _matters(directive: Block) -> bool:
    """Return True when a directive may change how a request is served; CORS preflight responses do not."""
    return directive.args[:1] != ("$request_method",) or "OPTIONS" not in directive.args


def settings(block: Block, server: Block, tree: Block) -> dict[str, Any]:
    """Return the settings in force in a location or server; see :func:`places_of`."""
    force = in_force(block)
    passed = force.get("proxy_pass")
    target = passed[-1].args[0] if passed and passed[-1].args else None
    resolved = resolved_target(block, target) if target else None
    servers = upstream_servers(resolved, tree)
    # A server's own `return` acts before a location is looked for.
    answer = server.first("return") or block.first("return")
    noticed: list[str] = [
        note(f"route-not-followed-{name.replace('_', '-')}")
        for name in DIRECTIVES["not_followed"]
        if name in force
        or any(_matters(entry) for holder in (block, server) for entry in holder.inside(name))
    ]
    if target and servers is None:
        noticed.append(note("route-not-followed-variable"))
    status = answer[0] if answer and answer[0].isdigit() else ("302" if answer else None)
    returns = next((at for at, entry in enumerate(block.children) if entry.name == "return"), None)
    rewrites = [entry for entry in block.children[:returns] if entry.name == "rewrite"]
    return {
        "file": block.file,
        "line": block.line,
        "server_names": [name for entry in server.inside("server_name") for name in entry.args],
        "listen_ports": [_port(entry.args[0]) for entry in server.inside("listen") if entry.args] or [80],
        "is_default_server": any("default_server" in entry.args for entry in server.inside("listen")),
        "proxy_pass": target,
        "proxy_target": resolved,
        "upstream_servers": servers,
        "limit_req": _limits(force, tree, "limit_req"),
        "limit_conn": _limits(force, tree, "limit_conn"),
        "return_status": int(status) if status else None,
        "rewrites": [list(entry.args) for entry in rewrites if len(entry.args) > 1],
        "directives": {
            name: [list(entry.args) for entry in entries] for name, entries in sorted(force.items())
        },
        "not_covered": noticed,
    }


_REDIRECTS = {"redirect": 302, "permanent": 301}


@dataclass(frozen=True)
class Rewritten:
    """A path after rewrites.

    ``path``: the path, without a query; None when a variable decides; ``status``: of the redirect that
    answers at once, else None; ``searches``: whether a location is looked for anew; ``ended``: whether
    nothing of the block that comes behind was done, such as a ``return``.
    """

    path: str | None
    status: int | None = None
    searches: bool = False
    ended: bool = False

    @property
    def stays(self) -> bool:
        """True when the path no longer changes: ``proxy_pass`` doesn't put its own URI in place."""
        return self.ended and not self.searches and self.status is None


def rewritten(rewrites: Iterable[Sequence[str]], path: str) -> Rewritten:
    """Return a path after the ``rewrite`` statements of a block, in their order."""
    searches = False
    for pattern, replacement, *flags in rewrites:
        match = found(pattern, path)
        if match is None:
            continue
        flag = flags[0] if flags else ""
        if flag in _REDIRECTS or re.match(r"https?://|\$scheme", replacement):
            return Rewritten(path, status=_REDIRECTS.get(flag, 302), ended=True)
        path, searches = filled(replacement.split("?")[0], captures(match)), flag != "break"
        if "$" in path:
            return Rewritten(None, searches=searches, ended=True)
        if flag in ("break", "last"):
            return Rewritten(path, searches=searches, ended=True)
    return Rewritten(path, searches=searches)


def captures(match: Match) -> dict[str, str]:
    """Return the variables that a match sets: ``$1`` and those of named groups."""
    numbered = {str(at): text or "" for at, text in enumerate(match.groups(), 1)}
    return numbered | {name: text or "" for name, text in match.groupdict().items()}


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with known variables replaced; ``$name`` and ``${name}`` mean the same."""
    return re.sub(r"\$(?:\{(\w+)\}|(\d|[A-Za-z_]\w*))", lambda m: variables.get(m[1] or m[2], m[0]), text)


Location = dict[str, Any]
# Directives by which a location passes requests on; a path without the last slash is redirected to it.
_PASSING = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
_UNFIT = (9, 0)


def choose_server(rows: Sequence[Location], host: str | None) -> Location | None:
    """Return the server for a Host header, of rows of :func:`places_of`.

    A port in the header chooses among the servers that listen there, if any do. Of servers of one name, and
    where nothing is known of the host, one that passes requests on is preferred to one that only redirects.
    """
    servers = [row for row in rows if row["modifier"] == "server"]
    parts = re.fullmatch(r"(.*?)\.?(?::(\d+))?", host.lower()) if host else None
    name, port = parts.groups() if parts else (None, None)
    servers = [row for row in servers if port and int(port) in row["listen_ports"]] or servers
    passing = {row["server_id"] for row in rows if row["proxy_pass"]}

    def rank(server: Location) -> tuple[tuple[int, int], bool, bool]:
        names = server["server_names"]
        fit = min((_fit(pattern.lower(), name) for pattern in names), default=_UNFIT) if name else _UNFIT
        silent = server["server_id"] not in passing and not (name and fit == _UNFIT)
        return fit, silent, not server["is_default_server"]

    return min(servers, key=rank, default=None)


def _fit(pattern: str, name: str) -> tuple[int, int]:
    """Return the rank of a server name: exact, leading wildcard, trailing wildcard, regex, no match."""
    if pattern == name or (pattern.startswith(".") and name == pattern[1:]):
        return 0, 0
    if pattern.startswith(("*.", ".")) and name.endswith(pattern.lstrip("*")):
        return 1, -len(pattern.lstrip("*"))
    if pattern.endswith(".*") and fnmatch.fnmatchcase(name, pattern):
        return 2, -len(pattern)
    if pattern.startswith("~") and found(pattern[1:], name, ignore_case=True):
        return 3, 0
    return _UNFIT


def find_location(rows: Sequence[Location], path: str) -> Location | None:
    """Return the location of a server that fits a normal path; None when none does.

    One that a path without the last slash is redirected to has the ``return_status`` 301.
    """
    return _find(rows, None, path)[0]


def _find(rows: Sequence[Location], parent: int | None, path: str) -> tuple[Location | None, bool]:
    """Return the location inside of another that fits, and whether the search ends with it."""
    here = [row for row in rows if row["parent_location_id"] == parent]
    plain = [row for row in here if row["modifier"] in ("", "^~")]
    exact = [row for row in here if row["modifier"] == "="]
    for row in exact:
        if row["path"] == path:
            return row, True
    for row in [*exact, *plain]:
        passes = any(name in row["directives"] for name in _PASSING)
        if passes and row["path"] == f"{path}/" and all(other["path"] != path for other in plain):
            return row | {"return_status": 301, "rewrites": []}, True
    best = max(
        (row for row in plain if path.startswith(row["path"])), key=lambda r: len(r["path"]), default=None
    )
    chosen = best
    if best is not None:
        inner, is_final = _find(rows, int(best["location_id"]), path)
        if is_final:
            return inner, True
        chosen = inner or best
        if best["modifier"] == "^~":
            return chosen, False
    for row in here:
        if row["modifier"] in ("~", "~*") and found(row["path"], path, row["modifier"] == "~*"):
            return _find(rows, int(row["location_id"]), path)[0] or row, True
    return chosen, False


def split_proxy_pass(target: str) -> tuple[str, str, str] | None:
    """Return scheme, host with port, and URI (empty when there is none) of a ``proxy_pass`` target."""
    found = re.match(r"(https?)://(unix:[^:]+|[^/?#]+)(?::(?=/))?(.*)", target)
    return (found[1], found[2], found[3]) if found else None


def resolved_target(block: Block, target: str) -> str:
    """Return a ``proxy_pass`` target with the variables that ``set`` gives a plain value at this block."""
    for name in re.findall(r"\$\{?(\w+)\}?", target):
        for level in ancestry(block):
            values = [s.args[1] for s in level.inside("set") if len(s.args) > 1 and s.args[0] == f"${name}"]
            if values and "$" not in values[-1]:
                target = filled(target, {name: values[-1]})
                break
    return target


def upstream_servers(target: str | None, tree: Block) -> list[dict[str, Any]] | None:
    """Return ``address`` and ``options`` of each server of a resolved target.

    None where nothing is passed on, or a variable decides to whom.
    """
    # These begin with a slash, so that what stands before them is the host.
    parts = split_proxy_pass(re.sub(r"\$\{?(request_uri|uri|document_uri)\b.*", "", target or ""))
    if parts is None or "$" in parts[1]:
        return None
    scheme, name, _ = parts
    port = 443 if scheme == "https" else 80
    for http in tree.inside("http"):
        for upstream in http.inside("upstream"):
            if upstream.args[:1] == (name,):
                return [
                    {"address": with_port(s.args[0], 80), "options": list(s.args[1:])}
                    for s in upstream.inside("server")
                    if s.args
                ]
    return [{"address": with_port(name, port), "options": []}]


def with_port(address: str, port: int) -> str:
    """Return an address with its port, by default that of its scheme."""
    if address.startswith("unix:") or re.search(r":\d+$", re.sub(r"^\[.*\]", "", address)):
        return address
    return f"{address}:{port}"


def upstream_path(location: dict[str, Any], path: str, requested: str, stays: bool = False) -> str | None:
    """Return the path that a location's upstream gets, without a query.

    ``location``: a row of :func:`places_of`; ``path``: normal path of the request, after rewrites;
    ``requested``: path as the client sent it; ``stays``: whether a rewrite has changed it for good.

    None when nothing is passed on, or a variable decides.
    """
    if not location["proxy_pass"]:
        return None
    is_regex = location["modifier"] in ("~", "~*")
    if "$" in location["proxy_pass"]:
        # A URI with variables, or behind one, is asked for as it is: nothing of the path is put behind it.
        match = found(location["path"], path, ignore_case=True) if is_regex else None
        variables = {"uri": path, "document_uri": path, "request_uri": re.split(r"[?#]", requested)[0]}
        variables |= {"is_args": "", "args": "", "query_string": ""} | (captures(match) if match else {})
        parts = split_proxy_pass(filled(location["proxy_target"], variables))
        uri = parts[2].split("?")[0] if parts is not None else "$"
        return (uri or path) if "$" not in uri else None
    parts = split_proxy_pass(location["proxy_pass"])
    if parts is None:
        return None
    uri = parts[2]
    if not uri or stays or is_regex or location["modifier"] == "@":
        return path
    return (uri + path[len(location["path"] or "") :]).split("?")[0]


def upstream_addresses(location: dict[str, Any]) -> set[str]:
    """Return the addresses that a location's requests may go to, as ``$upstream_addr`` logs them.

    ``localhost`` stands for both of its addresses; other names stand as written. Empty when nothing is
    passed on or a variable decides.
    """
    addresses = set()
    for server in location["upstream_servers"] or ():
        address = server["address"]
        if "down" in server["options"]:
            continue
        if address.startswith("localhost:"):
            port = address.rpartition(":")[2]
            addresses |= {f"127.0.0.1:{port}", f"[::1]:{port}"}
        addresses.add(address)
    return addresses


# Rounds of looking for a location after which nginx gives up with 500.
_CYCLES = 10


def places_of(directives: pd.DataFrame, layer: str = "nginx") -> list[Location]:
    """Return each server and location of a layer, in order, with the settings in force.

    Parameters
    ----------
    directives
        Table ``config_directives``.
    layer
        ``nginx`` or ``edge``.

    Returns
    -------
    places
        A mapping for each server (``modifier`` is ``server``, ``path`` None: what holds where no location
        fits) and each location. Keys:

        - ``file, line``; ``server_id, location_id, parent_location_id``: ids of the table;
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
    rows: list[Location] = []
    tree = configuration_tree(directives, layer)
    holders = [*tree.inside("http"), tree]
    servers = [server for holder in holders for server in holder.inside("server")]
    # A server whose name cannot be compared may be chosen in place of any other.
    unread = [pattern for server in servers for pattern in _names_by_pattern(server)]
    for server in servers:
        first = len(rows)
        own = {"location_id": None, "parent_location_id": None, "modifier": "server", "path": None}
        rows.append({"server_id": server.number} | own | settings(server, server, tree))
        _add_locations(rows, server, server, tree)
        notes = _unread([*unread, *_patterns(server)])
        for row in rows[first:]:
            row["not_covered"] = list(dict.fromkeys([*row["not_covered"], *notes]))
    return rows


def _names_by_pattern(server: Block) -> list[str]:
    names = (name for entry in server.inside("server_name") for name in entry.args)
    return [name[1:] for name in names if name.startswith("~")]


def _patterns(block: Block) -> list[str]:
    """Return the regular expressions of locations and rewrites in a block, with those further inside."""
    patterns = [entry.args[0] for entry in block.inside("rewrite") if entry.args]
    for location, modifier, path in locations_of(block):
        patterns += [path] if modifier in ("~", "~*") else []
        patterns += _patterns(location)
    return patterns


def _unread(patterns: Iterable[str]) -> list[str]:
    """Return a sentence on each pattern that cannot be matched, such as one with look-around."""
    notes: list[str] = []
    for pattern in dict.fromkeys(patterns):
        try:
            compiled(pattern)
        except UnsupportedPatternError:
            notes.append(note("route-not-followed-pattern", pattern=Code(pattern)))
    return notes


def _add_locations(rows: list[Location], block: Block, server: Block, tree: Block) -> None:
    for location, modifier, path in locations_of(block):
        own = {
            "server_id": server.number,
            "location_id": location.number,
            "parent_location_id": None if block is server else block.number,
            "modifier": modifier,
            "path": path,
        }
        rows.append(own | settings(location, server, tree))
        _add_locations(rows, location, server, tree)


def route(
    directives: pd.DataFrame, path: str, host: str | None = None, *, layer: str = "nginx"
) -> Location | None:
    """Return :func:`route_among` for the locations of a layer in the table ``config_directives``."""
    return route_among(places_of(directives, layer), path, host)


def route_among(rows: Sequence[Location], path: str, host: str | None = None) -> Location | None:
    """Return the location that serves a path, chosen as nginx does.

    ``rows``: result of :func:`places_of`; ``path``: path as the client sent it, with or without its query;
    ``host``: host header. Without one, the server that passes requests on is preferred to one that only
    redirects.

    One of the rows with ``upstream_path``, the path that the upstream is asked for (None: nothing is passed
    on, or a variable decides); None when there is no server.
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
