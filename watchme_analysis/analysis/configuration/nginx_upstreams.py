"""Where an Nginx location passes requests on to, and the path that it asks there."""

from __future__ import annotations

import re
from typing import Any

from watchme_analysis.analysis.configuration.nginx_patterns import found
from watchme_analysis.analysis.configuration.nginx_rewrites import captures, filled
from watchme_analysis.analysis.configuration.nginx_tree import Block, ancestry


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
    """Return ``address`` and ``options`` of each server that a resolved target passes on to.

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
    """Return an address with its port, the default one where it names none."""
    if address.startswith("unix:") or re.search(r":\d+$", re.sub(r"^\[.*\]", "", address)):
        return address
    return f"{address}:{port}"


def upstream_path(location: dict[str, Any], path: str, asked: str, stays: bool = False) -> str | None:
    """Return the path that a location's upstream is asked for, without a query.

    Parameters
    ----------
    location
        A row of :func:`effective_locations`.
    path
        Normal path of the request, after rewrites.
    asked
        Path as the client sent it.
    stays
        Whether a rewrite has changed it for good.

    Returns
    -------
    str or None
        None when nothing is passed on, or a variable decides.
    """
    if not location["proxy_pass"]:
        return None
    is_regex = location["modifier"] in ("~", "~*")
    if "$" in location["proxy_pass"]:
        # A URI with variables, or behind one, is asked for as it is: nothing of the path is put behind it.
        match = found(location["path"], path, re.IGNORECASE) if is_regex else None
        variables = {"uri": path, "document_uri": path, "request_uri": re.split(r"[?#]", asked)[0]}
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
