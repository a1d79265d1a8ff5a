"""Where requests end up by the configuration, and that a real nginx sends them there."""

import http.client
import re

import pytest
from worlds.nginx import NGINX, free_port, running, temp_paths

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf.parse import read_nginx_config
from watchme_analysis.nginx_conf.routing import places_of, route_among

# A server (IN is a header that names the place), and by path: the place, and the status that answers there or
# the path that is requested from the upstream.
SERVERS = [
    (
        """
        location /svc/ { IN svc; proxy_pass http://UP/; }
        location ~ ^/sv.?$ { IN regex; return 418; }
        location /both { IN both; return 201; }
        location /both/ { IN below; proxy_pass http://UP; }
        location = /one/ { IN one; proxy_pass http://UP; }
        location /files/ { IN files; root /nowhere; }
        location / { IN rest; return 202; }
        """,
        {
            "/svc": ("svc", 301),
            "/svc/health": ("svc", "/health"),
            "/both": ("both", 201),
            "/one": ("one", 301),
            "/files": ("rest", 202),
            "/svx": ("regex", 418),
        },
    ),
    (
        """
        rewrite ^/old/(.*)$ /svc/$1;
        rewrite ^/moved/(.*)$ /new/$1 permanent;
        location /svc/ { IN svc; rewrite ^/svc/(.*)$ /int/$1 last; return 418; }
        location /quiet/ { IN quiet; rewrite ^/quiet/(.*)$ /int/$1; proxy_pass http://UP/never/; }
        location /then/ { IN then; rewrite ^/then/(.*)$ /int/$1; return 418; }
        location /stay/ { IN stay; rewrite ^/stay/(.*)$ /kept/$1 break; proxy_pass http://UP/never/; }
        location /away/ { IN away; rewrite ^/away/(.*)$ /new/$1 redirect; proxy_pass http://UP; }
        location /far/ { IN far; rewrite ^ https://example.com/ ; }
        location /after/ { IN after; return 418; rewrite ^ /int/x last; }
        location /round/ { IN round; rewrite ^/round/(.*)$ /round/x$1 last; }
        location /int/ { IN int; proxy_pass http://UP/; }
        """,
        {
            "/old/health": ("int", "/health"),
            "/moved/health": (None, 301),
            "/svc/health?x=1": ("int", "/health"),
            "/quiet/health": ("int", "/health"),
            "/then/health": ("then", 418),
            "/stay/health": ("stay", "/kept/health"),
            "/away/health": ("away", 302),
            "/far/health": ("far", 302),
            "/after/health": ("after", 418),
            "/round/health": ("round", 500),
        },
    ),
    (
        """
        rewrite ^/v1/(.*)$ /api/$1 break;
        location /api/ { IN api; proxy_pass http://UP/p/; }
        """,
        {"/v1/health": ("api", "/api/health"), "/api/health": ("api", "/p/health")},
    ),
    (
        "return 403; location / { IN rest; proxy_pass http://UP; }",
        {"/health": (None, 403)},
    ),
    (
        """
        set $up UP;
        location /a/ { IN a; proxy_pass http://$up/; }
        location /b/ { IN b; proxy_pass http://$up; }
        location /c/ { IN c; proxy_pass http://$up$request_uri; }
        location /d/ { IN d; set $whole http://UP/d2/; proxy_pass $whole; }
        location ~ ^/e/(?<rest>.*)$ { IN e; proxy_pass http://$up/e2/$rest$is_args$args; }
        location /f/ { IN f; rewrite ^/f/(.*)$ /$1 break; proxy_pass http://$up; }
        location = /g { IN g; proxy_pass http://UP/ready?deep=1; }
        """,
        {
            "/a/health": ("a", "/"),
            "/b/health": ("b", "/b/health"),
            "/c/health": ("c", "/c/health"),
            "/d/health": ("d", "/d2/"),
            "/e/health": ("e", "/e2/health"),
            "/f/health": ("f", "/health"),
            "/g": ("g", "/ready"),
        },
    ),
    (
        """
        root /nowhere;
        location / { IN rest; try_files $uri @app; }
        location = /trick { IN trick; error_page 418 = @app; return 418; }
        location @app { IN app; rewrite ^/strip(/.*)$ $1 break; proxy_pass http://UP; }
        """,
        {
            "/health": ("app", "/health"),
            "/strip/health": ("app", "/health"),
            "/trick": ("app", "/trick"),
        },
    ),
    (
        r"""
        location ~ ^/(?i)health$ { IN late; return 201; }
        location ~ ^/[[:alpha:]]+\z { IN words; return 202; }
        location /api/ { IN api; return 203;
            location ~ ^/api/v { IN version; return 204;
                location ~ 1 { IN first; return 205; } } }
        location ~ health { IN any; return 206; }
        """,
        {
            "/HEALTH": ("late", 201),
            "/ready": ("words", 202),
            "/api/v1/health": ("first", 205),
            "/api/v2/health": ("version", 204),
            "/api/health": ("any", 206),
        },
    ),
]
CASES = [(at, path) for at, (_, paths) in enumerate(SERVERS) for path in paths]


def configuration(folder, port, upstream):
    bodies = [
        re.sub(r"IN (\w+);", r"add_header X-Place \1 always;", text).replace("UP", upstream)
        for text, _ in SERVERS
    ]
    servers = "".join(
        f"server {{ listen 127.0.0.1:{port}; server_name s{at}.example.com;\n{body}\n}}\n"
        for at, body in enumerate(bodies)
    )
    return (
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temp_paths(folder)}\n{servers}\n"
        f'server {{ listen {upstream}; location / {{ return 200 "asked $request_uri"; }} }} }}\n'
    )


@pytest.fixture(scope="module")
def locations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conf")
    (folder / "nginx.conf").write_text(configuration(folder, 8080, "127.0.0.1:8081"))
    return places_of(read_nginx_config(RawFile(folder, "nginx.conf"))[0])


@pytest.mark.parametrize(("at", "path"), CASES)
def test_a_request_ends_up_where_the_configuration_sends_it(locations, at, path):
    place, outcome = SERVERS[at][1][path]
    found = route_among(locations, path, f"s{at}.example.com")
    named = found["directives"].get("add_header", [[None, None]])[0][1]
    assert (named, found["return_status"] or found["upstream_path"]) == (place, outcome)


@pytest.fixture(scope="module")
def real_nginx(tmp_path_factory):
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    (folder / "nginx.conf").write_text(configuration(folder, port, f"127.0.0.1:{free_port()}"))
    with running(folder, port):
        yield port


@pytest.mark.nginx
@pytest.mark.parametrize(("at", "path"), CASES)
def test_a_real_nginx_sends_it_there(real_nginx, at, path):
    place, outcome = SERVERS[at][1][path]
    connection = http.client.HTTPConnection("127.0.0.1", real_nginx, timeout=5)
    connection.request("GET", path, headers={"Host": f"s{at}.example.com"})
    answer = connection.getresponse()
    text = answer.read().decode()
    requested = text.removeprefix("asked ").split("?")[0] if text.startswith("asked ") else None
    assert (requested or answer.status) == outcome
    if answer.getheader("X-Place") is not None:
        assert answer.getheader("X-Place") == place


def test_slashes_are_kept_where_the_server_says_so(tmp_path):
    body = "location //x { return 201; } location / { return 202; }"
    (tmp_path / "nginx.conf").write_text(f"server {{ merge_slashes off; {body} }}\n")
    places = places_of(read_nginx_config(RawFile(tmp_path, "nginx.conf"))[0])
    assert [route_among(places, path)["return_status"] for path in ("//x", "/x")] == [201, 202]


def test_the_port_and_the_longest_name_choose_the_server(tmp_path):
    names = {
        "first": "listen 80; server_name a.example.com; return 301 https://$host$request_uri;",
        "second": "listen 443 ssl; server_name a.example.com; location / { proxy_pass http://192.0.2.1; }",
        "third": "listen 80; server_name *.example.com; return 204;",
        "fourth": "listen 80; server_name *.api.example.com; return 204;",
        "fifth": "listen [::1]:8080; server_name a.example.com; return 204;",
    }
    text = "".join(f"server {{ add_header X-Place {name}; {body} }}\n" for name, body in names.items())
    (tmp_path / "nginx.conf").write_text(f"events {{}}\nhttp {{\n{text}}}\n")
    places = places_of(read_nginx_config(RawFile(tmp_path, "nginx.conf"))[0])

    def chosen(host):
        return route_among(places, "/health", host)["directives"]["add_header"][0][1]

    assert chosen("a.example.com") == "second"
    assert chosen("a.example.com:80") == "first"
    assert chosen("a.example.com:443") == "second"
    assert chosen("a.example.com:8080") == "fifth"
    assert chosen("b.example.com") == "third"
    assert chosen("b.api.example.com") == "fourth"
