"""The settings in force at a server or location of an Nginx configuration, nginx's defaults filled in."""

from __future__ import annotations

from typing import Any

from watchme_analysis.analysis.configuration.nginx_tree import Block, in_force
from watchme_analysis.analysis.configuration.nginx_units import (
    parse_duration_s,
    parse_rate_per_s,
    parse_size_bytes,
)
from watchme_analysis.analysis.configuration.nginx_upstreams import upstream_of

COLUMNS = (
    "layer",
    "file",
    "line",
    "server_id",
    "location_id",
    "parent_location_id",
    "listen",
    "server_names",
    "is_default_server",
    "modifier",
    "path",
    "proxy_pass",
    "upstream",
    "upstream_servers",
    "upstream_keepalive",
    "connect_timeout_s",
    "read_timeout_s",
    "send_timeout_s",
    "limit_req",
    "limit_conn",
    "cache",
    "cache_valid",
    "cache_key",
    "cache_lock",
    "cache_lock_timeout_s",
    "cache_lock_age_s",
    "buffering",
    "http_version",
    "connection_header",
    "keepalive_timeout_s",
    "client_max_body_bytes",
    "error_pages",
    "next_upstream",
    "next_upstream_tries",
    "return_status",
    "return_body",
    "rewrites",
    "access",
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


def _text(args: list[Block] | None, default: str | None = None) -> str | None:
    return args[-1].args[0] if args and args[-1].args else default


def _duration(args: list[Block] | None, default: float | None) -> float | None:
    text = _text(args)
    return default if text is None else parse_duration_s(text)


def _limits(force: dict[str, list[Block]], tree: Block, name: str) -> list[dict[str, Any]]:
    """Return the limits in force with what their zones say."""
    zones = {}
    for http in tree.inside("http"):
        for zone in http.inside(f"{name}_zone"):
            named = next((a[5:].split(":")[0] for a in zone.args if a.startswith("zone=")), None)
            rate = next((a for a in zone.args if a.startswith("rate=")), None)
            zones[named] = {
                "key": next(iter(zone.args), None),
                "rate_per_s": parse_rate_per_s(rate) if rate else None,
            }
    found = []
    for limit in force.get(name, []):
        options = {a.partition("=")[0]: a.partition("=")[2] for a in limit.args if "=" in a}
        zone_name = options.get("zone") if name == "limit_req" else next(iter(limit.args), None)
        entry: dict[str, Any] = {"zone": zone_name, **zones.get(zone_name, {}), "line": limit.line}
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


def _matters(directive: Block) -> bool:
    """Tell whether a directive may change how a request is served; answering CORS preflights does not."""
    return directive.args[:1] != ("$request_method",) or "OPTIONS" not in directive.args


def settings(block: Block, server: Block, tree: Block) -> dict[str, Any]:
    """Return the settings in force in a location or server; see :data:`COLUMNS`."""
    force = in_force(block)
    target = _text(force.get("proxy_pass"))
    # A server's own `return` acts before a location is looked for.
    answer = server.first("return") or block.first("return")
    connection = [
        h.args[1]
        for h in force.get("proxy_set_header", [])
        if len(h.args) > 1 and h.args[0].lower() == "connection"
    ]
    listens = server.inside("listen")
    tries = _text(force.get("proxy_next_upstream_tries"))
    noticed = [
        text
        for name, text in _NOT_COVERED.items()
        if name in force
        or any(_matters(entry) for holder in (block, server) for entry in holder.inside(name))
    ]
    if target and upstream_of(block, tree, target)["upstream_servers"] is None:
        noticed.append("the upstream is named by a variable")
    status = answer[0] if answer and answer[0].isdigit() else ("302" if answer else None)
    return {
        "file": block.file,
        "line": block.line,
        "listen": [" ".join(entry.args) for entry in listens],
        "server_names": [name for entry in server.inside("server_name") for name in entry.args],
        "is_default_server": any("default_server" in entry.args for entry in listens),
        "proxy_pass": target,
        **upstream_of(block, tree, target),
        "connect_timeout_s": _duration(force.get("proxy_connect_timeout"), 60.0) if target else None,
        "read_timeout_s": _duration(force.get("proxy_read_timeout"), 60.0) if target else None,
        "send_timeout_s": _duration(force.get("proxy_send_timeout"), 60.0) if target else None,
        "limit_req": _limits(force, tree, "limit_req"),
        "limit_conn": _limits(force, tree, "limit_conn"),
        "cache": _text(force.get("proxy_cache")),
        "cache_valid": [list(entry.args) for entry in force.get("proxy_cache_valid", [])],
        "cache_key": _text(force.get("proxy_cache_key")),
        "cache_lock": _text(force.get("proxy_cache_lock"), "off") == "on",
        "cache_lock_timeout_s": _duration(force.get("proxy_cache_lock_timeout"), 5.0),
        "cache_lock_age_s": _duration(force.get("proxy_cache_lock_age"), 5.0),
        "buffering": _text(force.get("proxy_buffering"), "on") == "on",
        "http_version": _text(force.get("proxy_http_version")),
        "connection_header": connection[-1] if connection else None,
        "keepalive_timeout_s": _duration(force.get("keepalive_timeout"), 75.0),
        "client_max_body_bytes": parse_size_bytes(_text(force.get("client_max_body_size"), "1m") or ""),
        "error_pages": [list(entry.args) for entry in force.get("error_page", [])],
        "next_upstream": [arg for entry in force.get("proxy_next_upstream", []) for arg in entry.args],
        "next_upstream_tries": int(tries) if tries and tries.isdigit() else None,
        "return_status": int(status) if status else None,
        "return_body": answer[-1] if answer and not (len(answer) == 1 and answer[0].isdigit()) else None,
        "rewrites": [list(entry.args) for entry in block.inside("rewrite")],
        "access": [[entry.name, *entry.args] for name in ("allow", "deny") for entry in force.get(name, [])],
        "directives": {
            name: [list(entry.args) for entry in entries] for name, entries in sorted(force.items())
        },
        "not_covered": noticed,
    }
