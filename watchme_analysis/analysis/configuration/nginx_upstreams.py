"""Where an Nginx location passes requests on to, and the path that it asks there."""

from __future__ import annotations

import re
from typing import Any

from watchme_analysis.analysis.configuration.nginx_tree import Block, ancestry


def matches(pattern: str, text: str, flags: int = 0) -> bool:
    """Tell whether a PCRE pattern is found; one that Python can't read is not."""
    try:
        return re.search(python_pattern(pattern), text, flags) is not None
    except re.error:
        return False


def python_pattern(pattern: str) -> str:
    """Return a PCRE pattern with its named groups as Python writes them."""
    return re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern)


def split_proxy_pass(target: str) -> tuple[str, str, str] | None:
    """Return scheme, host with port, and URI (empty when there is none) of a ``proxy_pass`` target."""
    found = re.match(r"(https?)://(unix:[^:]+|[^/?#]+)(?::(?=/))?(.*)", target)
    return (found[1], found[2], found[3]) if found else None


def upstream_servers(block: Block, tree: Block, target: str | None) -> list[dict[str, Any]] | None:
    """Return ``address`` and ``options`` of each server that a location passes on to.

    None where nothing is passed on, or a variable decides to whom.
    """
    if target is None:
        return None
    for name in re.findall(r"\$\{?(\w+)\}?", target):
        for level in ancestry(block):
            values = [s.args[1] for s in level.inside("set") if len(s.args) > 1 and s.args[0] == f"${name}"]
            if values and "$" not in values[-1]:
                target = re.sub(rf"\$\{{?{name}\b\}}?", values[-1].replace("\\", r"\\"), target)
                break
    parts = split_proxy_pass(target)
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
    """Return an address with its port, the default one where it names none."""
    if address.startswith("unix:") or re.search(r":\d+$", re.sub(r"^\[.*\]", "", address)):
        return address
    return f"{address}:{port}"


def upstream_path(location: dict[str, Any], path: str) -> str | None:
    """Return the path that a location's upstream is asked for.

    Parameters
    ----------
    location
        A row of :func:`effective_locations`.
    path
        Normal path of the request.

    Returns
    -------
    str or None
        None when nothing is passed on, or a variable decides.
    """
    if not location["proxy_pass"] or location["return_status"] is not None:
        return None
    rewritten = False
    for arguments in location["rewrites"]:
        pattern, replacement = arguments[0], arguments[1] if len(arguments) > 1 else ""
        if not matches(pattern, path):
            continue
        if "$" in re.sub(r"\$\d", "", replacement) or replacement.startswith("http"):
            return None
        change = re.search(python_pattern(pattern), path)
        if change is not None:
            path = re.sub(r"\$(\d)", lambda m: change.group(int(m[1])) or "", replacement).split("?")[0]  # noqa: B023
            rewritten = True
        if arguments[-1] in ("break", "last"):
            break
    parts = split_proxy_pass(location["proxy_pass"])
    if parts is None:
        return None
    uri = parts[2]
    if "$" in uri:
        return path if uri == "$request_uri" else None
    if not uri or rewritten or location["modifier"] in ("~", "~*", "@"):
        return path
    return uri + path[len(location["path"] or "") :]


def upstream_addresses(location: dict[str, Any]) -> set[str]:
    """Return the addresses that a location's requests may go to, as ``$upstream_addr`` logs them.

    ``localhost`` stands for both of its addresses; other names stand as written. Empty when nothing is
    passed on or a variable decides.
    """
    found = set()
    for server in location["upstream_servers"] or ():
        address = server["address"]
        if "down" in server["options"]:
            continue
        if address.startswith("localhost:"):
            port = address.rpartition(":")[2]
            found |= {f"127.0.0.1:{port}", f"[::1]:{port}"}
        found.add(address)
    return found
