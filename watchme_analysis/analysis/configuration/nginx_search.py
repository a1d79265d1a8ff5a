"""How Nginx finds the server and the location for a request.

Follows https://nginx.org/en/docs/http/ngx_http_core_module.html#location and
https://nginx.org/en/docs/http/request_processing.html.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Any

from watchme_analysis.analysis.configuration.nginx_patterns import found

Location = dict[str, Any]
# A request for such a location's path without its last slash is redirected to it.
_PASSING = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
_UNFIT = (9, 0)


def choose_server(rows: Sequence[Location], host: str | None) -> Location | None:
    """Return the server for a Host header, of rows of :func:`effective_locations`.

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
    """Return how well a server name fits: exact, wildcard in front, behind (longest first), regex, not."""
    if pattern == name or (pattern.startswith(".") and name == pattern[1:]):
        return 0, 0
    if pattern.startswith(("*.", ".")) and name.endswith(pattern.lstrip("*")):
        return 1, -len(pattern.lstrip("*"))
    if pattern.endswith(".*") and fnmatch.fnmatchcase(name, pattern):
        return 2, -len(pattern)
    if pattern.startswith("~") and found(pattern[1:], name, re.IGNORECASE):
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
        flags = re.IGNORECASE if row["modifier"] == "~*" else 0
        if row["modifier"] in ("~", "~*") and found(row["path"], path, flags):
            return _find(rows, int(row["location_id"]), path)[0] or row, True
    return chosen, False
