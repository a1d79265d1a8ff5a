"""Fates of bad requests: from the error log's lines, statuses and durations."""

from __future__ import annotations

from pathlib import Path

import pytest

import watchme_analysis as w
from watchme_analysis.health.configuration import routes
from watchme_analysis.requests.fates import request_fates
from watchme_analysis.requests.observations import join_requests

UPSTREAM = 'upstream: "http://192.0.2.11:8000/health", host: "api.example.com"'
MESSAGES = {
    "refused": "connect() failed (111: Connection refused) while connecting to upstream",
    "connect_timeout": "upstream timed out (110: Connection timed out) while connecting to upstream",
    "header_timeout": (
        "upstream timed out (110: Connection timed out) while reading response header from upstream"
    ),
    "body_timeout": "upstream timed out (110: Connection timed out) while reading upstream",
    "connection_dropped": (
        "upstream prematurely closed connection while reading response header from upstream"
    ),
    "unreachable": "connect() failed (113: No route to host) while connecting to upstream",
    "limited": 'limiting requests, excess: 5.1 by zone "probe"',
}
STATUS = {"header_timeout": 504, "connect_timeout": 504, "body_timeout": 200, "limited": 503}


def access(second: int, status: int, path: str = "/health", size: int = 157, method: str = "GET") -> str:
    return (
        f"192.0.2.7 - - [24/Nov/2026:15:21:{second:02d} +0000] "
        f'"{method} {path} HTTP/1.1" {status} {size} "-" "probe"'
    )


def error(second: int, message: str, path: str = "/health") -> str:
    return (
        f"2026/11/24 15:21:{second:02d} [error] 7#7: *{second} {message}, client: 192.0.2.7, "
        f'server: api.example.com, request: "GET {path} HTTP/1.1", {UPSTREAM}'
    )


def fates(folder: Path, accesses: list[str], errors: list[str], conf: str | None = None) -> list[str]:
    """Return the fates by the logs, and by a configuration whose server has the given directives."""
    folder.mkdir(exist_ok=True)
    if conf is not None:
        place = "location / { proxy_pass http://192.0.2.20:8017; }"
        server = f"server {{ listen 80; {conf}\n{place} }}"
        (folder / "nginx.conf").write_text(f"events {{}}\nhttp {{ {server} }}\n")
    (folder / "access.log").write_text("\n".join(accesses) + "\n")
    (folder / "error.log").write_text("\n".join(errors) + "\n")
    case = w.open_case(str(folder))
    joined = join_requests(*(case.table(name) for name in ("access_log", "edge_log", "error_log")))
    bad = (joined["nginx_status"] >= 300).fillna(False)
    nginx, _ = routes(case.table("config_directives"))
    found = request_fates(joined.assign(nginx_bad=bad, edge_bad=False), case.table("error_log"), nginx.places)
    return [str(fate) for fate in found["fate"]]


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize("fate", sorted(MESSAGES))
def test_a_line_of_the_error_log_gives_its_request_the_fate(tmp_path, fate):
    lines = [access(n, 200) for n in range(5)] + [access(10, STATUS.get(fate, 502))]
    assert fates(tmp_path, lines, [error(10, MESSAGES[fate])]) == [fate]


@pytest.mark.parametrize(
    ("status", "size", "method", "fate"),
    [
        # Nginx's own page, as nginx/1.26.3 and, with a padding for browsers, as nginx without its version.
        (503, 197, "GET", "nginx_responded"),
        (503, 592, "GET", "nginx_responded"),
        (403, 153, "GET", "nginx_responded"),
        (500, 177, "GET", "nginx_responded"),
        # A page of Nginx says of these only that an upstream failed.
        (502, 157, "GET", "unknown"),
        (504, 167, "GET", "unknown"),
        # Without a configuration any page may be one of Nginx.
        (503, 38, "GET", "unavailable"),
        (502, 38, "GET", "unknown"),
        (504, 0, "GET", "unknown"),
        (500, 21, "GET", "application_error"),
        (403, 22, "GET", "rejected"),
        # A response to HEAD has no body.
        (503, 0, "HEAD", "unavailable"),
    ],
)
def test_without_a_line_status_and_size_remain(tmp_path, status, size, method, fate):
    assert fates(tmp_path, [access(10, status, size=size, method=method)], []) == [fate]


@pytest.mark.parametrize(
    ("conf", "status", "size", "fate"),
    [
        ("", 502, 1763, "upstream_gave_up"),
        ("", 503, 497, "upstream_gave_up"),
        ("error_page 404 /lost.html;", 502, 1763, "upstream_gave_up"),
        # A page of one's own has any size, whatever status it is sent with.
        ("error_page 500 502 /away.html;", 502, 1763, "unknown"),
        ("error_page 502 503 =200 /away.html;", 503, 1763, "unavailable"),
        # The file of nginx.org's packages, by which Nginx says of 502 only that an upstream failed.
        ("error_page 500 502 503 504 /50x.html;", 503, 497, "nginx_responded"),
        ("error_page 500 502 503 504 /50x.html;", 502, 497, "unknown"),
        ("error_page 500 502 503 504 /50x.html;", 503, 498, "unavailable"),
    ],
)
def test_only_a_page_that_nginx_cannot_have_is_the_upstreams(tmp_path, conf, status, size, fate):
    assert fates(tmp_path, [access(10, status, size=size)], [], conf) == [fate]
