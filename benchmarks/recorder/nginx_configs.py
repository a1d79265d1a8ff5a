"""Configurations of a recording: both Nginx instances and uvicorn's logging."""

from __future__ import annotations

import json
import os

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
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _head(name: str, http: str) -> str:
    user = "user root;\n" if os.geteuid() == 0 else ""
    paths = "\n".join(f"    {kind}_temp_path tmp/{name}-{kind};" for kind in _TEMPORARY)
    return (
        f"worker_processes 1;\n{user}error_log logs/{name}-error.log notice;\n"
        f"pid logs/{name}.pid;\ndaemon off;\n\n"
        f"events {{\n    worker_connections 1024;\n}}\n\nhttp {{\n{paths}\n{http}}}\n"
    )


def _health_alone(address: str) -> str:
    return f"        location = /health {{\n            proxy_pass http://{address};\n        }}\n\n"


def origin_conf(port: int, app: str, read_timeout_s: float, health: str | None) -> str:
    """Return the configuration of the host's Nginx.

    Parameters
    ----------
    port
        Port that it listens on.
    app
        Address and port of the application.
    read_timeout_s
        ``proxy_read_timeout`` and ``proxy_connect_timeout``, in seconds.
    health
        Address and port to which only ``/health`` is sent; None: same route as every other path.
    """
    astray = _health_alone(health) if health else ""
    return _head(
        "origin",
        f"""
    log_format timed '$remote_addr - [$time_iso8601] $msec $request_id "$request" $status $body_bytes_sent '
                     'rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time '
                     'urt=$upstream_response_time ua=$upstream_addr us=$upstream_status ray=$http_cf_ray '
                     '"$http_user_agent"';
    access_log logs/access.log timed;

    upstream api {{
        server {app};
    }}

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_connect_timeout {read_timeout_s:g}s;
    proxy_read_timeout {read_timeout_s:g}s;

    server {{
        listen 127.0.0.1:{port};
        server_name api.example.com;

{astray}        location / {{
            proxy_pass http://api;
        }}
    }}
""",
    )


def edge_conf(port: int, origin_port: int, health_port: int | None) -> str:
    """Return the configuration of the Nginx that acts as the edge.

    Parameters
    ----------
    port
        Port that it listens on.
    origin_port
        Port of the origin.
    health_port
        Origin port to which an edge rule sends only ``/health``; None: same route as every other path.
    """
    fields = json.dumps(EDGE_LOG_FIELDS)
    rule = _health_alone(f"127.0.0.1:{health_port}") if health_port else ""
    return _head(
        "edge",
        f"""
    log_format push escape=json '{fields}';
    access_log logs/edge.raw push;

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header CF-Ray $request_id;
    proxy_connect_timeout 15s;
    proxy_read_timeout 100s;

    server {{
        listen 127.0.0.1:{port};
        server_name api.example.com;
        error_page 502 = @origin_refuses;
        error_page 504 = @origin_is_silent;

{rule}        location / {{
            proxy_pass http://127.0.0.1:{origin_port};
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


def log_config() -> str:
    """Return uvicorn's log configuration: times with milliseconds, process, logger."""
    handler = {"class": "logging.StreamHandler", "formatter": "timed", "stream": "ext://sys.stdout"}
    return json.dumps(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "timed": {"format": "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"}
            },
            "handlers": {"out": handler},
            "root": {"level": "INFO", "handlers": ["out"]},
        }
    )
