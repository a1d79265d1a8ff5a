"""Configurations of the two Nginx instances of a recording."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

EDGE_LOG_FIELDS = {
    "RayID": "$request_id",
    "ClientIP": "$remote_addr",
    "ClientRequestHost": "$host",
    "ClientRequestMethod": "$request_method",
    "ClientRequestPath": "$uri",
    "ClientRequestURI": "$request_uri",
    "ClientRequestUserAgent": "$http_user_agent",
    "EdgeResponseStatus": "$status",
    "EdgeResponseBytes": "$body_bytes_sent",
    "CacheCacheStatus": "$upstream_cache_status",
    "OriginIP": "$upstream_addr",
    "OriginResponseStatus": "$upstream_status",
    "end_s": "$msec",
    "request_time_s": "$request_time",
    "header_time_s": "$upstream_header_time",
    "response_time_s": "$upstream_response_time",
    "connect_time_s": "$upstream_connect_time",
}
LOG_FORMATS = {
    "timed": """
    log_format timed '$remote_addr - [$time_iso8601] $msec $request_id "$request" $status $body_bytes_sent '
                     'rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time '
                     'urt=$upstream_response_time ua=$upstream_addr us=$upstream_status ray=$http_cf_ray '
                     '"$http_user_agent"';
    access_log logs/access.log timed;
""",
    "json": """
    log_format json_t escape=json '{"time":"$time_iso8601","msec":"$msec","request_id":"$request_id",'
        '"cf_ray":"$http_cf_ray","client":"$remote_addr","method":"$request_method","uri":"$request_uri",'
        '"status":"$status","bytes":"$body_bytes_sent","request_time":"$request_time",'
        '"upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time",'
        '"upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr",'
        '"upstream_status":"$upstream_status","agent":"$http_user_agent"}';
    access_log logs/access.log json_t;
""",
    "combined": "    access_log logs/access.log combined;\n",
}
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


# Connections of a worker process, of clients and upstreams together; nginx's default is 512.
WORKER_CONNECTIONS = 8192


def _head(name: str, http: str, level: str = "notice", connections: int = WORKER_CONNECTIONS) -> str:
    user = "user root;\n" if os.geteuid() == 0 else ""
    paths = "\n".join(f"    {kind}_temp_path tmp/{name}-{kind};" for kind in _TEMPORARY)
    return (
        f"worker_processes 1;\n{user}error_log logs/{name}-error.log {level};\n"
        f"pid logs/{name}.pid;\ndaemon off;\n\n"
        f"events {{\n    worker_connections {connections};\n}}\n\nhttp {{\n{paths}\n{http}}}\n"
    )


@dataclass(frozen=True)
class Route:
    """Where the origin sends the requests of a service: its name, prefix (``/`` at the end) and addresses."""

    service: str
    prefix: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """The settings of the host's Nginx. A fault of its configuration replaces some of them.

    Attributes
    ----------
    listen
        Host and port that it listens on.
    routes
        One per service.
    faulty
        Name of the service that the further directives and ``upstream`` concern.
    edge
        Address of the edge, whose header states the client's address; None: clients connect directly.
    log_format
        A key of :data:`LOG_FORMATS`.
    read_timeout_s
        ``proxy_read_timeout`` and ``proxy_connect_timeout``, in seconds.
    client_limit
        Requests per second allowed for each client (0: no limit).
    keepalive
        Connections to each service that are kept open.
    error_level
        Level of the error log.
    retries
        True if failed requests are sent to the next address of a service.
    http, server, location, health
        Further directives: of all servers, of the server, of the faulty service, of its ``/health`` alone.
    upstream
        Address of the faulty service; empty: the one of its route.
    keeps_prefix
        True if the prefix of the faulty service is not stripped.
    worker_connections
        Connections of the worker process, of clients and upstreams together.
    """

    listen: str
    routes: tuple[Route, ...]
    edge: str | None
    log_format: str
    read_timeout_s: float
    faulty: str = "behavior"
    client_limit: int = 0
    keepalive: int = 0
    error_level: str = "notice"
    retries: bool = True
    http: str = ""
    server: str = ""
    location: str = ""
    health: str = ""
    upstream: str = ""
    keeps_prefix: bool = False
    worker_connections: int = WORKER_CONNECTIONS

    def text(self) -> str:
        """Return the file's text."""
        faulty = next(route for route in self.routes if route.service == self.faulty)
        upstreams = "".join(
            f"    upstream {route.service}_api {{\n"
            + "".join(
                f"        server {address}{'' if self.retries else ' max_fails=0'};\n"
                for address in ((self.upstream,) if self.upstream and route is faulty else route.addresses)
            )
            + (f"        keepalive {self.keepalive};\n" if self.keepalive else "")
            + "    }\n"
            for route in self.routes
        )
        http, server = self.http, self.server
        if not self.retries:
            http += "proxy_next_upstream off;\n"
        if self.edge:
            http += f"set_real_ip_from {self.edge};\nreal_ip_header CF-Connecting-IP;\n"
        if self.client_limit:
            http += f"limit_req_zone $binary_remote_addr zone=perclient:2m rate={self.client_limit}r/s;\n"
            http += "limit_req_status 429;\n"
            server += f"limit_req zone=perclient burst={2 * self.client_limit} nodelay;\n"
        health = f"{faulty.prefix}health"
        locations = [(f"= {health}", self.health.replace("UPSTREAM", self._pass(faulty, "health")))]
        locations += [
            (route.prefix, (self.location if route is faulty else "") + self._pass(route, ""))
            for route in reversed(self.routes)
        ]
        places = "".join(
            f"\n        location {path} {{\n{_indented(inside, 12)}        }}\n"
            for path, inside in locations
            if inside
        )
        return _head(
            "origin",
            f"""{LOG_FORMATS[self.log_format]}
{_indented(http, 4)}{upstreams}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_connect_timeout {self.read_timeout_s:g}s;
    proxy_read_timeout {self.read_timeout_s:g}s;

    server {{
        listen {self.listen};
        server_name api.example.com;
{_indented(server, 8)}{places}    }}
""",
            self.error_level,
            self.worker_connections,
        )

    def _pass(self, route: Route, rest: str) -> str:
        """Return the directive that sends requests to a service, without its prefix."""
        kept = route.prefix == "/" or (self.keeps_prefix and route.service == self.faulty)
        return f"proxy_pass http://{route.service}_api{'' if kept else '/' + rest};\n"


def _indented(directives: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in directives.splitlines())


def edge_conf(listen: str, origin: str, health: str = "") -> str:
    """Return the configuration of the Nginx that acts as the edge.

    Parameters
    ----------
    listen
        Host and port that it listens on.
    origin
        Host and port of the origin.
    health
        A rule for the path of one health check: ``PATH HOST:PORT`` sends it to another origin.
    """
    fields = json.dumps(EDGE_LOG_FIELDS)
    path, _, address = health.partition(" ")
    rule = (
        f"        location = {path} {{\n            proxy_pass http://{address};\n        }}\n\n"
        if path
        else ""
    )
    return _head(
        "edge",
        f"""
    log_format push escape=json '{fields}';
    access_log logs/edge.raw push;

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header CF-Ray $request_id;
    proxy_set_header CF-Connecting-IP $remote_addr;
    proxy_bind {listen.rpartition(":")[0]};
    proxy_connect_timeout 15s;
    proxy_read_timeout 100s;

    server {{
        listen {listen};
        server_name api.example.com;
        error_page 502 = @origin_refuses;
        error_page 504 = @origin_is_silent;

{rule}        location / {{
            proxy_pass http://{origin};
        }}

        location @origin_refuses {{
            return 521 "error code: 521\\n";
        }}

        location @origin_is_silent {{
            return 524 "error code: 524\\n";
        }}
    }}
""",
    )
