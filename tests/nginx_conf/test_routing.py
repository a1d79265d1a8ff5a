import tempfile
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.messages import messages_in
from worlds.nginx import NGINX, free_port, running, temp_paths
from worlds.together import together

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf import routing
from watchme_analysis.nginx_conf.parse import read_nginx_config
from watchme_analysis.nginx_conf.routing import (
    COLUMNS,
    effective_locations,
    normal_path,
    places_of,
    route,
    route_among,
    upstream_addresses,
    upstream_servers,
)
from watchme_analysis.nginx_conf.tree import Block, ancestry, configuration_tree, locations_of
from watchme_analysis.schema import empty

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


def test_no_directives_are_no_locations():
    assert effective_locations(empty("config_directives")).empty
    assert route(empty("config_directives"), "/health") is None


LOCATIONS = [
    "location / {HERE}",
    "location /a {HERE}",
    "location /a/ {HERE location /a/b {HERE location ~ c$ {HERE}} location = /a/b/ {HERE}}",
    "location ^~ /a/b/c {HERE location ~ d {HERE}}",
    "location = /a/b {HERE}",
    "location ~ ^/a/(?<rest>.*)c {HERE}",
    "location ~* /B/ {HERE}",
    r"location ~ \.png$ {HERE}",
    "location ^~ /static/ {HERE}",
]


@pytest.fixture(scope="module")
def real_nginx(tmp_path_factory):
    """Real nginx that names the location which serves a path, in every server another set of locations."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    names = []
    servers = ""
    for drop in range(len(LOCATIONS) + 1):
        text = " ".join(entry for at, entry in enumerate(LOCATIONS) if at != drop)
        while "HERE" in text:
            text = text.replace("HERE", f'return 200 "{len(names)}";', 1)
            names.append(len(names))
        servers += f"server {{ listen 127.0.0.1:{port}; server_name s{drop}.example.com; {text} }}\n"
    conf = (
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temp_paths(folder)}\n{servers} }}\n"
    )
    directives = parsed(folder, conf)
    with running(folder, port):
        yield port, effective_locations(directives)


@pytest.mark.nginx
@settings(max_examples=150, deadline=None)
@given(
    server=st.integers(0, len(LOCATIONS)),
    parts=st.lists(
        st.sampled_from(["a", "b", "B", "c", "d", "x.png", "static", "", "..", "%62"]), max_size=5
    ),
)
def test_locations_are_chosen_as_real_nginx_does(real_nginx, server, parts):
    port, locations = real_nginx
    path = "/" + "/".join(parts)
    host = f"s{server}.example.com"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            served = answer.read().decode()
    except urllib.error.HTTPError as error:
        # A path that leads above the root is a bad request; where no location fits, no file is found.
        error.close()
        served = str(error.code)
    found = route(locations, path, host)
    if served in ("403", "404"):
        assert found["modifier"] == "server", (host, path)
    elif served != "400":
        assert found["directives"]["return"] == [["200", served]], (host, path)


def test_normal_paths():
    assert [normal_path(path) for path in ("/a//b", "/a/./b/../c", "/%61?x", "/a/")] == [
        "/a/b",
        "/a/c",
        "/a",
        "/a/",
    ]


NESTED = ((1, "", ()), (2, "http", ()), (3, "upstream", ("pool",)))


@together(
    ("target", "addresses"),
    [
        ("http://192.0.2.1", ["192.0.2.1:80"]),
        ("https://192.0.2.1", ["192.0.2.1:443"]),
        ("https://192.0.2.1/x", ["192.0.2.1:443"]),
        ("http://192.0.2.1:8000/x/", ["192.0.2.1:8000"]),
        ("http://[2001:db8::1]", ["[2001:db8::1]:80"]),
        ("http://[2001:db8::1]:8000", ["[2001:db8::1]:8000"]),
        ("http://unix:/run/app.sock:/x", ["unix:/run/app.sock"]),
        ("http://pool/x", ["192.0.2.2:80", "192.0.2.3:8001"]),
        ("https://pool", ["192.0.2.2:80", "192.0.2.3:8001"]),
        ("http://192.0.2.1$request_uri", ["192.0.2.1:80"]),
        ("http://192.0.2.1${uri}", ["192.0.2.1:80"]),
        ("http://$host/x", None),
        ("ftp://192.0.2.1", None),
        (None, None),
    ],
)
def test_the_servers_of_a_target_have_a_port(target, addresses):
    root, http, pool = (Block(number, "nginx.conf", 1, name, args) for number, name, args in NESTED)
    root.children, http.children = [http], [pool]
    pool.children = [
        Block(4, "", 1, "server", ("192.0.2.2",)),
        Block(5, "", 1, "server", ("192.0.2.3:8001", "backup")),
    ]
    found = upstream_servers(target, root)
    assert (found and [each["address"] for each in found]) == addresses
    options = [each["options"] for each in found or ()]
    assert options == ([[], ["backup"]] if len(options) == 2 else [[]] * len(options))


def test_a_location_has_all_that_is_in_force_in_it(tmp_path):
    text = """http {
  limit_req_zone $binary_remote_addr zone=calls:1m rate=20r/s;
  limit_req_zone $http_x_key zone=keys:1m rate=30r/m;
  server {
    listen 8080;
    listen [::]:8443 ssl default_server;
    listen unix:/run/nginx.sock;
    server_name a.example.com b.example.com;
    rewrite ^/old/(.*)$ /new/$1;
    location /new/ {
      limit_req zone=calls;
      limit_req zone=keys burst=x;
      limit_conn peers many;
      rewrite ^/new/(.*)$ /api/$1 break;
      proxy_pass http://192.0.2.11:8000;
      return 503;
      rewrite ^ /never last;
      location /new/inner/ { if ($request_method = POST) { return 405; } return https://example.com/; }
    }
  }
}
"""
    frame = effective_locations(parsed(tmp_path, text))
    first, second, third = places_of(frame)
    req = [
        {"zone": "calls", "key": "$binary_remote_addr", "rate_per_s": 20.0, "burst": 0, "nodelay": False},
        {"zone": "keys", "key": "$http_x_key", "rate_per_s": 0.5, "burst": None, "nodelay": False},
    ]
    server = {
        "layer": "nginx",
        "file": "nginx.conf",
        "server_id": 3,
        "server_names": ["a.example.com", "b.example.com"],
        "is_default_server": True,
        "listen_ports": [8080, 8443, None],
    }
    named = {"listen": [["8080"], ["[::]:8443", "ssl", "default_server"], ["unix:/run/nginx.sock"]]}
    named |= {"server_name": [server["server_names"]], "rewrite": [["^/old/(.*)$", "/new/$1"]]}
    zones = [
        ["$binary_remote_addr", "zone=calls:1m", "rate=20r/s"],
        ["$http_x_key", "zone=keys:1m", "rate=30r/m"],
    ]
    nothing = {"proxy_pass": None, "proxy_target": None, "upstream_servers": None}
    assert first == server | nothing | {
        "line": 4,
        "location_id": None,
        "parent_location_id": None,
        "modifier": "server",
        "path": None,
        "limit_req": [],
        "limit_conn": [],
        "return_status": None,
        "rewrites": [["^/old/(.*)$", "/new/$1"]],
        "directives": {"limit_req_zone": zones, **named},
        "not_covered": [],
    }
    limits = {"limit_req": [["zone=calls"], ["zone=keys", "burst=x"]], "limit_conn": [["peers", "many"]]}
    assert second == server | {
        "line": 10,
        "location_id": 9,
        "parent_location_id": None,
        "modifier": "",
        "path": "/new/",
        "proxy_pass": "http://192.0.2.11:8000",
        "proxy_target": "http://192.0.2.11:8000",
        "upstream_servers": [{"address": "192.0.2.11:8000", "options": []}],
        "limit_req": req,
        "limit_conn": [{"zone": "peers", "connections": None}],
        "return_status": 503,
        # The one below `return` never acts.
        "rewrites": [["^/new/(.*)$", "/api/$1", "break"]],
        "directives": {
            "limit_req_zone": zones,
            **limits,
            "proxy_pass": [["http://192.0.2.11:8000"]],
            "return": [["503"]],
            "rewrite": [["^/new/(.*)$", "/api/$1", "break"], ["^", "/never", "last"]],
        },
        "not_covered": [],
    }
    assert (third["line"], third["location_id"], third["parent_location_id"]) == (18, 17, 9)
    assert (third["return_status"], third["proxy_pass"], third["limit_req"]) == (302, None, req)
    assert third["directives"] == {
        "limit_req_zone": zones,
        **limits,
        "return": [["https://example.com/"]],
    }
    assert [messages_in(one.message) for one in third["not_covered"]] == [{"route-not-followed-if": {}}]
    assert [*frame.columns] == list(COLUMNS)
    assert str(frame.dtypes["return_status"]) == "Int64"


def routed(cases):
    """Return the row that serves each path of a server with some statements, all in one configuration."""
    servers = [f"server {{ server_name s{at}.test; {text} }}" for at, (text, _) in enumerate(cases)]
    with tempfile.TemporaryDirectory() as folder:
        frame = effective_locations(parsed(Path(folder), f"http {{ {' '.join(servers)} }}"))
    rows = places_of(frame)
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


REWRITES = [
    ("rewrite ^/a$ /b redirect;", "/a", 302, None),
    ("rewrite ^/a$ /b permanent;", "/a", 301, None),
    ("rewrite ^/a$ http://example.com/ last;", "/a", 302, None),
    ("rewrite ^/a$ $scheme://example.com/;", "/a", 302, None),
    ("rewrite ^/b$ /c redirect;", "/a", None, "/a"),
    ("rewrite ^/(?<x>.)$ /y/${x}/$1?z=$1 break;", "/a", None, "/y/a/a"),
    ("rewrite ^/(a)(b)?$ /$2/$1 break;", "/a", None, "//a"),
    ("rewrite ^ /$http_x break;", "/a", None, None),
    ("rewrite a /b; rewrite b /c; rewrite x /d break;", "/a", None, "/c"),
    ("rewrite a /b break; rewrite b /c;", "/a", None, "/b"),
    ("rewrite a /b break; return 418;", "/a", None, "/b"),
    ("rewrite x /b break; return 418;", "/a", 418, None),
    ("rewrite ( /b break;", "/a", None, "/a"),  # a pattern that Python can't read
]


def test_rewrites_act_in_their_order():
    text = "location / {{ {} proxy_pass http://192.0.2.1; }}"
    found = routed([(text.format(rewrites), path) for rewrites, path, *_ in REWRITES])
    for (rewrites, _, status, upstream), one in zip(REWRITES, found, strict=True):
        assert (one["return_status"], one["upstream_path"]) == (status, upstream), rewrites


def test_a_search_that_never_ends_is_an_error_of_the_server():
    never = "location / { rewrite ^(.*)$ /x$1 last; proxy_pass http://192.0.2.1; }"
    rounds = "".join(f"location /{at} {{ rewrite ^ /{at + 1}; }}" for at in range(20, 39))
    rounds += "location /39 { return 204; }"
    # Ten locations are looked for: from /30 the tenth is /39.
    found = routed([(never, "/a"), (rounds, "/30"), (rounds, "/29")])
    assert [one["return_status"] for one in found] == [500, 204, 500]


SERVERS = """http {
  server { listen 80; server_name one.example.com; return 301 https://one.example.com$request_uri; }
  server { listen 443; server_name one.example.com; location / { proxy_pass http://192.0.2.1; } }
  server { listen 443 default_server; server_name _; return 444; }
  server { listen 443; server_name *.example.com; return 404; }
  server { listen 8080; server_name "~^t.*"; return 403; }
}"""


HOSTS = [
    (None, 3),
    ("one.example.com", 3),
    ("ONE.example.com.", 3),
    ("one.example.com:80", 2),
    ("one.example.com:443", 3),
    ("one.example.com:9999", 3),
    ("two.example.com", 5),
    ("other.test", 4),
    ("t.test", 6),
    ("other.test:8080", 6),
]


def test_a_server_is_chosen_by_name_and_port(tmp_path):
    frame = effective_locations(parsed(tmp_path, SERVERS))
    assert [(host, route(frame, "/", host)["line"]) for host, _ in HOSTS] == HOSTS


PATHS = [
    ("/a", "= /a"),
    ("/a/", "/a/"),
    ("/svc", "/svc/"),
    ("/a/x.png", "~ png$"),
    ("/A.PNG", "~* PNG$"),
    ("/kept/x.png", "^~ /kept/"),
    ("/kept/in/x", "/kept/in/"),
    ("/two.png", "~ png$"),
    ("/none", "/"),
    ("/glued.css", "~ css$"),
    ("/deep/x/y", "~ y$"),
    ("/deep/x/z", "/deep/x/"),
    ("/deep/q", "/deep/"),
    ("/deep/exact", "= /deep/exact"),
]


def test_a_location_is_chosen_by_kind_and_length():
    text = """location / { return 200; } location /a/ { return 200; } location = /a { return 200; }
        location /svc/ { proxy_pass http://192.0.2.1; }
        location ^~ /kept/ { location /kept/in/ { return 200; } return 200; }
        location ~ png$ { return 200; } location ~* PNG$ { return 200; }
        location ~css$ { return 200; } location @named { return 200; }
        location /deep/ { location = /deep/exact { return 200; }
            location /deep/x/ { location ~ y$ { return 200; } } }"""
    found = routed([(text, path) for path, _ in PATHS])
    assert [f"{one['modifier']} {one['path']}".strip() for one in found] == [place for _, place in PATHS]
    status = {"/svc": 301, "/deep/x/z": None, "/deep/q": None}
    assert [one["return_status"] for one in found] == [status.get(path, 200) for path, _ in PATHS]


TARGETS = [
    ("/a/", "http://192.0.2.1", "/a/b", "/a/b"),
    ("/a/", "http://192.0.2.1/", "/a/b?c=d", "/b"),
    ("/a/", "http://192.0.2.1/x?y=", "/a/b", "/x"),
    ("/a/", "http://192.0.2.1/x/", "/a//b", "/x/b"),
    ("~ ^/a/(.*)$", "http://192.0.2.1/x/$1", "/a/b", "/x/b"),
    ("~ ^/a/(?<rest>.*)$", "http://192.0.2.1/x/$rest$is_args$args", "/a/b?c=d", "/x/b"),
    ("~ ^/a/", "http://192.0.2.1", "/a/b", "/a/b"),
    ("/a/", "http://192.0.2.1$request_uri", "/a//b?c=d", "/a//b"),
    ("/a/", "http://192.0.2.1$uri", "/a//b", "/a/b"),
    ("/a/", "http://192.0.2.1/$http_x", "/a/b", None),
    ("/a/", "http://$host", "/a/b", "/a/b"),
    ("/a/", "ftp://192.0.2.1/", "/a/b", None),
    ("/a/", "$target", "/a/b", None),
]


def test_a_path_that_an_upstream_is_asked_for():
    text = "location {} {{ proxy_pass {}; }}"
    found = routed([(text.format(location, target), path) for location, target, path, _ in TARGETS])
    for (location, target, _, upstream), one in zip(TARGETS, found, strict=True):
        assert one["upstream_path"] == upstream, (location, target)


def test_a_variable_has_the_value_of_the_innermost_set():
    text = "set $t 192.0.2.4; set $p 81; set $p 82; location /a {{ set $t {}; location /a/b {{ {} }} }}"
    passes = "proxy_pass http://$t:${p};"
    # What is set from another variable is unknown, and the one around it holds.
    inner, outer = routed([(text.format(value, passes), "/a/b") for value in ("192.0.2.5", "$host")])
    assert (inner["proxy_pass"], inner["proxy_target"]) == ("http://$t:${p}", "http://192.0.2.5:82")
    assert outer["proxy_target"] == "http://192.0.2.4:82"


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


def test_a_named_location_keeps_the_path_and_adds_what_it_does_not_follow():
    tries, passes = (
        "location /a/ { try_files $uri @app; %s } location @app { %s }",
        "proxy_pass http://192.0.2.1",
    )
    kept, passed_on, changed = routed(
        [
            (tries % ("", f"{passes}/x/; mirror /m;"), "/a/b"),
            # Where requests are passed on, no file is looked for.
            (tries % (f"{passes};", "return 201;"), "/a/b"),
            (tries % ("", f"rewrite ^/(.*) /z/$1 break; {passes};"), "/a/b"),
        ]
    )
    assert (kept["modifier"], kept["upstream_path"]) == ("@", "/a/b")
    assert [one.message.id for one in kept["not_covered"]] == [
        "route-not-followed-try-files",
        "route-not-followed-mirror",
    ]
    assert (passed_on["modifier"], changed["upstream_path"]) == ("", "/z/a/b")


def test_a_server_without_locations_serves_every_path():
    found = routed(
        [
            ("return 204;", "/a"),
            ("rewrite ^/a$ /b break; return 204;", "/a"),
            ("rewrite ^ /$http_x break;", "/a"),
            ("merge_slashes off; location /a/b { return 200; }", "/a//b"),
            ("merge_slashes on; location /a/b { return 200; }", "/a//b"),
        ]
    )
    assert [one["modifier"] for one in found] == ["server", "server", "server", "server", ""]
    assert [one["return_status"] for one in found] == [204, None, None, None, 200]
    assert [one["upstream_path"] for one in found] == [None] * 5


def test_a_server_of_its_own_file_belongs_to_the_http_block(tmp_path):
    text = "upstream pool { server 192.0.2.7; }\nserver { location / { proxy_pass http://pool; } }\n"
    alone = effective_locations(parsed(tmp_path, text))
    assert alone["proxy_pass"].tolist() == [None, "http://pool"]
    both = parsed(tmp_path, "http { proxy_read_timeout 9s; }\n" + text)
    tree = configuration_tree(both, "nginx")
    (http,) = tree.children
    assert [child.name for child in http.children] == ["proxy_read_timeout", "upstream", "server"]
    assert [child.parent for child in http.children] == [http] * 3
    found = route(both, "/")
    assert found["directives"]["proxy_read_timeout"] == [["9s"]]
    assert found["upstream_servers"] == [{"address": "192.0.2.7:80", "options": []}]
    assert configuration_tree(both, "edge").children == []


def test_a_statement_whose_block_is_missing_stands_at_the_top(tmp_path):
    directives = parsed(tmp_path, "http { sendfile on; }")
    tree = configuration_tree(directives[directives["directive"] == "sendfile"], "nginx")
    assert [(child.name, child.args, child.line, child.file, child.number) for child in tree.children] == [
        ("sendfile", ("on",), 1, "nginx.conf", 1)
    ]
    assert [block.number for block in ancestry(tree.children[0])] == [1, -1]
    assert (tree.children[0].first("a"), tree.first("sendfile"), tree.inside("http")) == (None, ("on",), [])


def test_modifiers_of_locations_may_touch_their_patterns():
    server = Block(1, "", 1, "server", ())
    arguments = [
        ("/a",),
        ("=", "/b"),
        ("=/c",),
        ("^~/d",),
        ("~*e$",),
        ("~f",),
        ("@g",),
        (),
        ("@", "/h"),
        ("=",),
    ]
    server.children = [Block(2, "", 1, "location", each) for each in arguments]
    assert [(modifier, pattern) for _, modifier, pattern in locations_of(server)] == [
        ("", "/a"), ("=", "/b"), ("=", "/c"), ("^~", "/d"), ("~*", "e$"), ("~", "f"), ("@", "@g"), ("", ""),
        ("@", "/h"), ("", "="),
    ]  # fmt: skip


@together(
    ("pattern", "text", "matches"),
    [
        ("(?<a>x)", "x", True), (r"[[:digit:]]+\z", "a12", True),
        (r"^[[:punct:]]$", "!", True), ("a(?i)b", "aB", True), ("a(?i)b", "AB", False),
        ("(", "(", False),
    ],
)  # fmt: skip
def test_patterns_of_nginx(pattern, text, matches):
    assert bool(routing.found(pattern, text)) is matches


@together(
    ("text", "rate"),
    [("60r/s", 60.0), ("30r/m", 0.5), ("30r/h", None), ("", None), ("r/s", None), ("1.5r/s", None)],
)
def test_a_rate_is_per_second(text, rate):
    assert routing.rate_per_s(text) == rate


@together(
    ("path", "normal"),
    [
        ("/..", "/"), ("/a/..", "/"), ("/a/.", "/a/"), ("/../../a", "/a"), ("/a/b/../../c", "/c"), ("/", "/"),
        ("/a%2Fb", "/a/b"), ("/a#b", "/a"), ("/a?/../b", "/a"), ("//", "/"), ("", "/"),
    ],
)  # fmt: skip
def test_dots_and_slashes_are_resolved(path, normal):
    assert normal_path(path) == normal
    assert normal_path("/a//b/", merges=False) == "/a//b/"


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
