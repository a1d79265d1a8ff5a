import tempfile
from pathlib import Path

import pytest

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf.parse import read_nginx_config
from watchme_analysis.nginx_conf.routing import (
    normal_path,
    places_of,
    route,
    route_among,
    upstream_addresses,
)

CONF = """
events {}
http {
    limit_req_zone $binary_remote_addr zone=calls:1m rate=30r/m;
    limit_conn_zone $binary_remote_addr zone=peers:1m;
    proxy_cache_path /var/cache/nginx keys_zone=answers:1m;
    upstream behavior {
        server 192.0.2.11:8017;
        server 192.0.2.12 backup;
        server 192.0.2.13:1 down;
        keepalive 16;
    }
    proxy_read_timeout 1m30s;
    proxy_set_header Connection "";
    server { listen 80 default_server; server_name _; return 301 https://$host$request_uri; }
    server {
        listen 443 ssl;
        server_name api.example.com *.api.example.com;
        location / { return 404; }
        location /behavior/features/ { proxy_pass http://localhost:8017/; proxy_read_timeout 180s; }
        location = /behavior/features/health {
            proxy_pass http://behavior/health;
            limit_conn peers 1;
            limit_req zone=calls burst=5 nodelay;
            proxy_cache answers;
            proxy_cache_lock on;
        }
        location /strip/ { rewrite ^/strip/(.*)$ /v1/$1 break; proxy_pass http://behavior; }
        location /by-name/ { set $target 192.0.2.30:9000; proxy_pass http://$target; }
        location /by-header/ { proxy_pass http://$http_x_target; }
        location /tries/ { try_files $uri @fallback; }
        location @fallback { proxy_pass http://behavior; proxy_connect_timeout 500ms; }
    }
}
"""


@pytest.fixture(scope="module")
def directives(tmp_path_factory):
    return parsed(tmp_path_factory.mktemp("conf"), CONF)


def parsed(folder, text, name="nginx.conf"):
    (folder / name).write_text(text)
    return read_nginx_config(RawFile(folder, name))[0]


@pytest.mark.parametrize(
    ("path", "expected", "requested"),
    [
        ("/behavior/features/health", ("=", "/behavior/features/health"), "/health"),
        ("/behavior/features/health?verbose=1", ("=", "/behavior/features/health"), "/health"),
        ("/behavior/features//health", ("=", "/behavior/features/health"), "/health"),
        ("/behavior/features/async-process", ("", "/behavior/features/"), "/async-process"),
        ("/behavior/features/a%20b", ("", "/behavior/features/"), "/a b"),
        ("/strip/jobs/1", ("", "/strip/"), "/v1/jobs/1"),
        ("/by-name/x", ("", "/by-name/"), "/by-name/x"),
        ("/nowhere", ("", "/"), None),
    ],
)
def test_a_path_goes_to_the_location_that_nginx_would_choose(directives, path, expected, requested):
    found = route(directives, path)
    assert (found["modifier"], found["path"]) == expected
    assert found["upstream_path"] == requested


def test_directives_are_handed_down_until_stated_anew(directives):
    health = route(directives, "/behavior/features/health")
    assert health["directives"]["proxy_read_timeout"] == [["1m30s"]]
    assert health["directives"]["proxy_set_header"] == [["Connection", ""]]
    assert health["directives"]["proxy_cache"] == [["answers"]]
    zone = {"zone": "calls", "key": "$binary_remote_addr", "rate_per_s": 0.5, "burst": 5, "nodelay": True}
    assert health["limit_req"] == [zone]
    assert health["limit_conn"] == [{"zone": "peers", "key": "$binary_remote_addr", "connections": 1}]
    other = route(directives, "/behavior/features/async-process")
    assert other["directives"]["proxy_read_timeout"] == [["180s"]]
    assert other["limit_conn"] == []
    assert "proxy_cache" not in other["directives"]


def test_upstream_addresses(directives):
    assert upstream_addresses(route(directives, "/behavior/features/health")) == {
        "192.0.2.11:8017",
        "192.0.2.12:80",
    }
    assert upstream_addresses(route(directives, "/behavior/features/x")) == {
        "localhost:8017",
        "127.0.0.1:8017",
        "[::1]:8017",
    }
    assert upstream_addresses(route(directives, "/by-name/x")) == {"192.0.2.30:9000"}
    by_header = route(directives, "/by-header/x")
    assert upstream_addresses(by_header) == set()
    assert by_header["not_covered"] == ["the upstream is named by a variable"]
    assert upstream_addresses(route(directives, "/nowhere")) == set()


def test_the_host_chooses_the_server(directives):
    assert route(directives, "/nowhere", "api.example.com")["return_status"] == 404
    assert route(directives, "/nowhere", "eu.api.example.com:443")["return_status"] == 404
    assert route(directives, "/nowhere", "192.0.2.1")["return_status"] == 301
    assert route(directives, "/nowhere")["return_status"] == 404
    assert route(directives, "/nowhere", layer="edge") is None


def test_normal_paths():
    assert [normal_path(path) for path in ("/a//b", "/a/./b/../c", "/%61?x", "/a/")] == [
        "/a/b",
        "/a/c",
        "/a",
        "/a/",
    ]


def routed(cases):
    """Return the row that serves each path of a server with some statements, all in one configuration."""
    servers = [f"server {{ server_name s{at}.test; {text} }}" for at, (text, _) in enumerate(cases)]
    with tempfile.TemporaryDirectory() as folder:
        rows = places_of(parsed(Path(folder), f"http {{ {' '.join(servers)} }}"))
    return [route_among(rows, path, f"s{at}.test") for at, (_, path) in enumerate(cases)]


NOT_FOLLOWED = [
    ("if ($request_method = OPTIONS) { return 204; }", None),  # a preflight response for CORS
    ("if ($request_method = POST) { return 204; }", "if"),
    ("if ($http_x = OPTIONS) { return 204; }", "if"),
    ("try_files $uri =404;", "try-files"),
    ("auth_request /auth;", "auth-request"),
    ("fastcgi_pass 192.0.2.1;", "fastcgi-pass"),
    ("uwsgi_pass 192.0.2.1;", "uwsgi-pass"),
    ("scgi_pass 192.0.2.1;", "scgi-pass"),
    ("grpc_pass grpc://192.0.2.1;", "grpc-pass"),
    ("mirror /mirror;", "mirror"),
    ("split_clients $remote_addr $v { 1% a; }", "split-clients"),
    ("proxy_pass http://$host;", "variable"),
    ("proxy_pass http://192.0.2.1;", None),
]


def test_what_is_not_followed_is_named():
    inside = routed([(f"location / {{ {statement} }}", "/") for statement, _ in NOT_FOLLOWED])
    # Most hold for a location of the server as well, by inheritance or because they act before it.
    around = routed([(f"{statement} location / {{ root /a; }}", "/") for statement, _ in NOT_FOLLOWED])
    for (statement, name), one, other in zip(NOT_FOLLOWED, inside, around, strict=True):
        expected = [f"route-not-followed-{name}"] if name else []
        assert [said.message.id for said in one["not_covered"]] == expected, statement
        expected = [] if name == "variable" else expected
        assert [said.message.id for said in other["not_covered"]] == expected, statement


def test_a_search_that_never_ends_is_an_error_of_the_server():
    never = "location / { rewrite ^(.*)$ /x$1 last; proxy_pass http://192.0.2.1; }"
    rounds = "".join(f"location /{at} {{ rewrite ^ /{at + 1}; }}" for at in range(20, 39))
    rounds += "location /39 { return 204; }"
    # Ten locations are looked for: from /30 the tenth is /39.
    found = routed([(never, "/a"), (rounds, "/30"), (rounds, "/29")])
    assert [one["return_status"] for one in found] == [500, 204, 500]


NAMED = [
    ("location / { error_page 502 504 @busy; return 504; } location @busy { return 503; }", "/", 503),
    ("location / { error_page 502 @busy; return 504; } location @busy { return 503; }", "/", 504),
    ("location / { try_files $uri @app; } location @app { return 201; }", "/", 201),
    ("location / { try_files @app /x; } location @app { return 201; }", "/", None),
    ("location / { error_page 404 @busy; } location @busy { return 503; }", "/", None),
]


def test_a_named_location_serves_a_status_or_a_missing_file():
    found = routed([(text, path) for text, path, _ in NAMED])
    assert [one["return_status"] for one in found] == [status for *_, status in NAMED]


def test_a_server_that_is_down_gets_no_requests():
    servers = [
        {"address": "192.0.2.1:80", "options": ["backup"]},
        {"address": "192.0.2.2:80", "options": ["weight=2", "down"]},
        {"address": "localhost:81", "options": []},
    ]
    assert upstream_addresses({"upstream_servers": servers}) == {
        "192.0.2.1:80",
        "localhost:81",
        "127.0.0.1:81",
        "[::1]:81",
    }
    assert upstream_addresses({"upstream_servers": None}) == set()
