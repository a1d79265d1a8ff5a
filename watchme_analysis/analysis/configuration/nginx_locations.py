"""The settings in force at a server or location of an Nginx configuration."""

from __future__ import annotations

import re
from typing import Any

from watchme_analysis.analysis.configuration.nginx_tree import Block, in_force
from watchme_analysis.analysis.configuration.nginx_upstreams import resolved_target, upstream_servers

COLUMNS = (
    "layer",
    "file",
    "line",
    "server_id",
    "location_id",
    "parent_location_id",
    "server_names",
    "is_default_server",
    "listen_ports",
    "modifier",
    "path",
    "proxy_pass",
    "proxy_target",
    "upstream_servers",
    "limit_req",
    "limit_conn",
    "return_status",
    "rewrites",
    "directives",
    "not_covered",
)
_NOT_COVERED = {
    "if": "an `if` block may change what happens here",
    "try_files": "`try_files` may send the request elsewhere",
    "auth_request": "`auth_request` asks another location first",
    "fastcgi_pass": "it is passed on by FastCGI",
    "uwsgi_pass": "it is passed on by uwsgi",
    "scgi_pass": "it is passed on by SCGI",
    "grpc_pass": "it is passed on by gRPC",
    "mirror": "requests are mirrored",
    "split_clients": "requests are split by share",
}


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
    """Tell whether a directive may change how a request is served; answering CORS preflights does not."""
    return directive.args[:1] != ("$request_method",) or "OPTIONS" not in directive.args


def settings(block: Block, server: Block, tree: Block) -> dict[str, Any]:
    """Return the settings in force in a location or server; see :data:`COLUMNS`."""
    force = in_force(block)
    passed = force.get("proxy_pass")
    target = passed[-1].args[0] if passed and passed[-1].args else None
    resolved = resolved_target(block, target) if target else None
    servers = upstream_servers(resolved, tree)
    # A server's own `return` acts before a location is looked for.
    answer = server.first("return") or block.first("return")
    noticed = [
        text
        for name, text in _NOT_COVERED.items()
        if name in force
        or any(_matters(entry) for holder in (block, server) for entry in holder.inside(name))
    ]
    if target and servers is None:
        noticed.append("the upstream is named by a variable")
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
