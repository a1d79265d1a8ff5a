"""HTTP request lines in logs: method, path, query and protocol.

`split_request` is the reference. Two faster implementations must agree with it: `SQL_REQUEST` for Trino, a
regular expression in this module, and the compiled loops of `access_logs.engine`.
"""

from __future__ import annotations

import re

_REQUEST = re.compile(
    r"(?P<method>[A-Z][A-Z0-9_-]*) (?P<target>\S(?:.*\S)?) (?P<protocol>HTTP/\d(?:\.\d)?)", re.DOTALL
)
_OLD_REQUEST = re.compile(r"(?P<method>[A-Z][A-Z0-9_-]*) (?P<target>/\S*)")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")

# For Trino: groups 1 to 4 are method, path, query and protocol. Scheme and host are dropped.
_SQL_TARGET = r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?]*?)(?:[?](.*?))?"
_SQL_PROTOCOL = r"HTTP/[0-9](?:[.][0-9])?"
# Without a protocol, as in HTTP/0.9, a target has no spaces.
_SQL_WHOLE = rf"(?=/\S*$|\S(?:.*\S)? {_SQL_PROTOCOL}$)"
SQL_REQUEST = rf"^([A-Z][A-Z0-9_-]*) {_SQL_WHOLE}{_SQL_TARGET}(?: ({_SQL_PROTOCOL}))?$"
SQL_TARGET = rf"^{_SQL_TARGET}$"


def split_request(request: str) -> dict[str, str | None] | None:
    """Return method, path, query and protocol of a request line, None for other text.

    Scheme and host of a target are dropped. HTTP/0.9 requests have no protocol.
    """
    found = _REQUEST.fullmatch(request) or _OLD_REQUEST.fullmatch(request)
    if found is None:
        return None
    path, query = split_target(found["target"])
    protocol = found["protocol"] if "protocol" in found.re.groupindex else None
    return {"method": found["method"], "path": path, "query": query, "protocol": protocol}


def split_target(target: str) -> tuple[str | None, str | None]:
    """Return path and query of a request target, None for each if missing."""
    authority = _AUTHORITY.match(target)
    if authority is not None:
        target = target[authority.end() :] or "/"
    path, _, query = target.partition("?")
    return path or None, query or None
