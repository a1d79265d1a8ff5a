"""Constructed faults of `/health`: signals of mechanisms that no recording of the corpus holds.

Each states the signals without which something else is said, the cause, and the source of the mechanism.
`benchmarks/health_corpus.py collect --made-up` reduces them to rows of the corpus.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from watchme_analysis.case.case_folder import Case
from watchme_analysis.schema import conform
from worlds.health_alike import ON_LOOP, chance, gauge, probed_outside, restarting, saying, slow
from worlds.health_scenarios import on, on_service
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    USUAL,
    case,
    give,
    in_fault,
    moment,
    without,
)

PLAIN = (("/", {"proxy_pass": f"http://{USUAL}"}),)
OWN_PATHS = (HEALTH, JOBS, REPORT)
DEAD = "192.0.2.99:8100"


@dataclass(frozen=True)
class Constructed:
    """A world, the signals that decide in it, the cause, and the source of the mechanism.

    ``cause`` is None where the evidence names no cause: the signal then tells layers.
    """

    build: Callable[[], Case]
    signals: tuple[str, ...]
    cause: str | None
    source: str


def in_the_fault(table, column="time"):
    return table[column].map(lambda at: in_fault((at - moment(0)).total_seconds())).astype(bool)


def configured(made, rows):
    """Give a case Nginx's directives: id, parent, name, arguments, whether it opens a block."""
    names = ("id", "parent", "directive", "args", "block")
    directives = [
        {"file": "nginx.conf", "layer": "nginx", "line": row[0] + 1}
        | dict(zip(names, row, strict=True))
        | {"args": json.dumps(row[3])}
        for row in rows
    ]
    give(made, "config_directives", directives)
    return made


def saying_nginx(made, words):
    made.table("error_log")["message"] = words
    return made


def stock(made):
    """Access log in the format `combined`, and the error log."""
    made = without(
        made, *(name for name in made.manifest["tables"] if name not in ("access_log", "error_log"))
    )
    times = [name for name in made.table("access_log").columns if name.startswith("upstream_")]
    made.table("access_log")[[*times, "request_time_s", "edge_ray_id"]] = None
    return made


def logs(made):
    """Access log with times, the error log and Nginx's configuration."""
    kept = ("access_log", "error_log", "config_directives")
    return without(made, *(name for name in made.manifest["tables"] if name not in kept))


# Nginx and its upstream.


def no_connections_left():
    words = "1024 worker_connections are not enough while connecting to upstream"
    fate = {"status": 500, "upstream": False, "error": "worker_connections"}
    return stock(saying_nginx(case(on_service(**fate)), words))


def header_that_is_none():
    words = "upstream sent no valid HTTP/1.0 header while reading response header from upstream"
    return stock(saying_nginx(case(on_service(status=502, error="upstream_invalid")), words))


def exceptions():
    return stock(case(on_service(status=500, header_s=0.01)))


def unavailable_without_a_limit():
    """A log without sizes: those would show whose responses they are."""
    made = case(on_service(status=503, header_s=0.01), nginx=PLAIN)
    made.table("access_log")["body_bytes"] = None
    directives = made.table("config_directives")
    made = stock(made)
    give(made, "config_directives", directives[directives["layer"] == "nginx"])
    return made


def limit_of_the_application():
    """The application responds with 503 and a few bytes; Nginx's own page is larger, and it has no other."""
    made = case(on_service(status=503, header_s=0.01), nginx=PLAIN)
    directives = made.table("config_directives")
    made = stock(made)
    give(made, "config_directives", directives[directives["layer"] == "nginx"])
    log = made.table("access_log")
    log.loc[log["status"].eq(503), "body_bytes"] = 19
    return made


def closed_by_nginx():
    """A `return 503`, which no error log mentions: the responses have the size of Nginx's own page."""
    made = stock(case(on_service(status=503, upstream=False)))
    log = made.table("access_log")
    log.loc[log["status"].eq(503), "body_bytes"] = 197
    return made


def rights_withdrawn():
    return stock(case(on_service(status=401, header_s=0.01)))


def host_that_the_application_refuses():
    made = case(on(HEALTH, status=400, header_s=0.004), nginx=PLAIN)
    return without(made, "edge_log")


def header_too_big():
    words = "upstream sent too big header while reading response header from upstream"
    return saying_nginx(case(on(HEALTH, status=502, header_s=0.001, error="upstream_invalid")), words)


def tls_to_a_plain_port():
    place = (f"= {HEALTH}", {"proxy_pass": f"https://{USUAL}"})
    made = case(on(HEALTH, status=502, header_s=0.001, error="tls"), nginx=(place, *PLAIN))
    words = "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) "
    return saying_nginx(made, f"{words}while SSL handshaking to upstream")


def edge_that_distrusts_nginx():
    return case(on_service(at_nginx=False, edge_status=526, header_s=0.0))


def name_server_that_does_not_answer():
    message = "api.internal could not be resolved (110: Operation timed out)"
    return case(on_service(status=502, upstream=False, error="resolver", message=message))


def failing_lookups(error="[Errno -3] Temporary failure in name resolution"):
    """Return a case in which two handlers fail, and log how their lookup failed."""
    made = case(lambda path, second: {"status": 500, "header_s": 5.0} if path in (JOBS, REPORT) else None)
    text = f"Exception in ASGI application\nTraceback (most recent call last):\nsocket.gaierror: {error}"
    rows = [
        {
            "file": "app.log", "line": 10_000 + second, "service": "", "time": moment(second + 0.01),
            "level": "ERROR", "kind": "error", "message": text,
        }
        for second in range(30, 60)
    ]  # fmt: skip
    give(made, "app_log", [*made.table("app_log").to_dict("records"), *rows])
    return made


def dead_server_beside_a_good_one():
    def requested_first(path, second):
        if path == OTHER or int(second * 4) % 3:
            return None
        return {"header_s": 4.0, "error": "upstream_unreachable"}

    made = case(requested_first)
    made.table("error_log")["upstream_addr"] = DEAD
    made.table("access_log")["upstream_connect_time_s"] = 0.0
    return made


def replica_without_responses():
    """Every other request goes to a second server, which accepts it and responds to none in the fault."""

    def requested(path, second):
        if path == OTHER or int(second) % 2:
            return None
        return {"status": 504, "header_s": 4.0, "error": "upstream_timeout_read", "address": DEAD}

    made = without(case(requested), "probes", "app_log", "host_metrics", "app_handlers", "app_calls")
    log = made.table("access_log")
    calm = ~in_the_fault(log) & log["upstream_addr"].eq(USUAL)
    log.loc[calm & (log.index % 2 == 0), "upstream_addr"] = DEAD
    return made


def connections_kept_for_too_long():
    """Nginx keeps idle connections for 60 s, which uvicorn closes after 5 s; some requests fail."""
    dropped = {"status": 502, "header_s": 0.001, "error": "upstream_closed"}
    made = case(lambda path, second: dropped if path in OWN_PATHS and not int(second) % 3 else None)
    rows = [
        (0, None, "http", [], True), (1, 0, "upstream", ["api"], True), (2, 1, "server", [USUAL], False),
        (3, 1, "keepalive", ["16"], False), (10, 0, "server", [], True), (11, 10, "location", ["/"], True),
        (12, 11, "proxy_pass", ["http://api"], False),
    ]  # fmt: skip
    give(made, "app_processes", [{"file": "start.sh", "line": 1, "server": "uvicorn", "workers": 1}])
    return configured(without(made, "probes", "app_handlers", "app_calls"), rows)


def container_created_anew():
    """The container comes back with another address; Nginx asks for the old one until it is reloaded."""
    gone = {"status": 502, "header_s": 3.1, "error": "upstream_unreachable"}
    made = restarting(case(on_service(**gone)), FAULT[0] + 1)
    log = made.table("access_log")
    back = (log["time"] > moment(FAULT[1])) & log["upstream_addr"].eq(USUAL)
    log.loc[back, "upstream_addr"] = "192.0.2.21:8100"
    return made


def sync_workers_over_their_limit():
    """Handlers take longer than gunicorn's time limit, and Nginx gets no response; no log has times."""
    made = case(on(REPORT, status=502, header_s=3.0, error="upstream_closed"))
    log = made.table("app_log")
    made = stock(saying_nginx(made, "upstream prematurely closed connection while reading response header"))
    give(made, "app_log", log.to_dict("records"))
    made = saying(made, "[INFO] Using worker: sync", [0], "lifecycle", "INFO")
    seconds = range(int(FAULT[0]), int(FAULT[1]))
    return saying(made, "[CRITICAL] WORKER TIMEOUT (pid:17)", seconds, "other", "CRITICAL")


def server_marked_down():
    """No server of the group is left but for a try at the backup now and then."""
    gone = {"status": 502, "header_s": 0.0, "error": "no_live_upstream", "address": "api"}
    tried = {"status": 502, "header_s": 0.0, "error": "upstream_refused", "address": DEAD}
    made = case(lambda path, second: (gone if second % 10 > 1 else tried) if path in OWN_PATHS else None)
    rows = [
        (0, None, "http", [], True), (1, 0, "upstream", ["api"], True),
        (2, 1, "server", [USUAL, "down"], False), (3, 1, "server", [DEAD, "backup"], False),
        (10, 0, "server", [], True), (11, 10, "location", ["/"], True),
        (12, 11, "proxy_pass", ["http://api"], False),
    ]  # fmt: skip
    return configured(made, rows)


# The edge and the way to it.


def edge_without_patience():
    """The report takes 1.5 s at all times; the edge now gives up after a second, and Nginx sees it leave."""
    made = case(on(REPORT, header_s=1.0, status=499, edge_status=504, edge_s=0.0))
    log, edge = made.table("access_log"), made.table("edge_log")
    calm = log["path"].eq(REPORT) & log["status"].eq(200)
    log.loc[calm, ["request_time_s", "upstream_header_time_s", "upstream_response_time_s"]] = 1.5
    calm = edge["path"].eq(REPORT) & edge["status"].eq(200)
    edge.loc[calm, ["duration_ms", "origin_duration_ms"]] = 1500.0
    edge.loc[edge["status"].eq(504), "origin_status"] = 0
    return made


def edge_holds_by_probes():
    made = case(on(HEALTH, edge_s=7.0))
    return without(made, "edge_log")


def prober_without_a_trusted_certificate():
    made = case(lambda path, second: None)
    error = "SSL certificate problem: unable to get local issuer certificate"
    return without(probed_outside(made, error=error), "edge_log")


def origin_of_its_own():
    made = case(on(HEALTH, at_nginx=False, edge_status=503))
    edge = made.table("edge_log")
    edge.loc[edge["status"].eq(503), ["origin_addr", "origin_status"]] = "198.51.100.9", 503
    return made


def another_name_for_nginx():
    made = case(on_service(status=404, upstream=False))
    made.table("edge_log")["host"] = "api.example.com"
    log = made.table("access_log")
    log["host"] = "api.example.com"
    log.loc[log["status"].eq(404), "host"] = "backend.internal"
    return made


def another_path_for_nginx():
    made = case(on(HEALTH, status=404, upstream=False))
    log = made.table("access_log")
    log["edge_ray_id"] = None
    log.loc[log["path"].eq(HEALTH) & in_the_fault(log) & log["status"].eq(404), "path"] = "/state/healthz"
    return made


# Containers and their network.


def hosted(made, **seen):
    """The same system probed from the host as from inside, which fares in its own way during the fault."""
    probes = made.table("probes")
    host = probes[probes["vantage"] == "inside"].assign(vantage="host")
    host["line"] += 1000
    for name, value in seen.items():
        host.loc[in_the_fault(host), name] = value
    made.frames["probes"] = conform("probes", pd.concat([probes, host], ignore_index=True))
    return made


def forwarding_dropped():
    """Probes alone: the host reaches the container no more, the container itself."""
    made = case(on(HEALTH, status=504, header_s=5.0))
    made = hosted(made, status=None, duration_s=5.0, error="timed out")
    return without(made, *(name for name in made.manifest["tables"] if name != "probes"))


def connections_reset_on_the_way():
    def cut(path, second):
        if path in OWN_PATHS and chance(second, path) < 0.3:
            return {"status": 502, "header_s": 0.001, "error": "upstream_reset"}
        return None

    made = hosted(case(cut))
    probes = made.table("probes")
    mine = probes.index[probes["vantage"].eq("host") & in_the_fault(probes)][::3]
    probes.loc[mine, ["status", "duration_s", "error"]] = None, 0.0004, "Connection reset by peer"
    return made


REFUSED = {"status": 502, "header_s": 0.001, "error": "upstream_refused"}


def asked_at(address):
    made = case(on_service(**REFUSED))
    for name in ("access_log", "error_log"):
        made.table(name)["upstream_addr"] = made.table(name)["upstream_addr"].replace(USUAL, address)
    return without(made, "probes")


def composed(made, *lines):
    rows = [
        {"file": "compose.yml", "service": service, "path": path, "value": json.dumps(value)}
        for service, path, value in lines
    ]
    give(made, "compose_settings", rows)
    return made


def port_published_no_more():
    return composed(asked_at("127.0.0.1:8100"), ("api", "ports.0", "127.0.0.1:8199:8000"))


def no_common_network():
    lines = ("gate", "image", "nginx:1.27"), ("gate", "networks.0", "front"), ("api", "networks.0", "back")
    return composed(asked_at("api:8100"), *lines)


def listening_on_loopback():
    made = without(case(on_service(**REFUSED)), "probes")
    process = {"file": "c.txt", "line": 1, "host": "127.0.0.1", "command": "uvicorn main:app"}
    give(made, "app_processes", [process])
    return made


def queue_that_fills():
    """The server takes connections each ten seconds, and the queue is full after three."""

    def stuck(path, second):
        left = 10 - second % 10
        turned_away = {"status": 504, "connect_s": 5.0, "error": "upstream_timeout_connect"}
        fate = {"header_s": left} if left > 7 else turned_away
        return None if path == OTHER else {"inside_s": left} | fate

    return case(stuck)


# The process.


def memory_grown_without_a_limit():
    made = case(slow(OWN_PATHS, 2.0, 4.0))
    return gauge(made, "rss_mb", lambda second: 200.0 + 900.0 * in_fault(second))


def slow_callback():
    """Nginx waits in vain for a process that computes, and asyncio in debug mode says why."""
    late = on_service(status=504, header_s=5.0, error="upstream_timeout_header")
    made = without(case(late, gauges=lambda second: {"cpu_pct": 60.0}), "probes", "edge_log")
    words = "Executing <Task finished coro=<job()> took 2.301 seconds"
    return saying(made, words, [FAULT[0] + 1], "other", "WARNING")


def disk_without_space():
    made = without(case(on_service(status=500, header_s=0.01)), "probes")
    words = "OSError: [Errno 28] No space left on device"
    return saying(made, words, [FAULT[0] + 1, FAULT[0] + 2], "error")


def store_of_two_services(neighbour_later_s=0.0, first_asked_after_s=0.0):
    """Endpoints of two services wait for one store, and other endpoints do not need it.

    The other service may turn bad later, or not be requested at the beginning of the fault.
    """

    def waits(path, second):
        since = FAULT[0] + (neighbour_later_s if path == OTHER else 0.0)
        held = path in (REPORT, OTHER) and second >= since
        return {"header_s": 3.0 + chance(path, second)} if held else None

    made = logs(case(waits, nginx=PLAIN))
    log = made.table("access_log")
    since_s = (log["time"] - moment(FAULT[0])).dt.total_seconds() - log["request_time_s"]
    rare = log["path"].eq(OTHER) & since_s.between(0, first_asked_after_s, inclusive="left")
    give(made, "access_log", log[~rare])
    return made


def pool_of_connections():
    """Each request of two paths holds one of five connections for 3 s; they come faster than that."""

    def fault(path, second):
        if path not in (HEALTH, REPORT):
            return None
        wait = 3 + 0.2 * (second - FAULT[0]) + chance(path, second)
        return {"header_s": wait, "inside_s": wait}

    made = case(fault, handlers=ON_LOOP, gauges=lambda second: {"in_flight": 25.0})
    row = {"file": "app.py", "context": "unknown", "line": 9}
    limit = row | {"line": 4, "function": "lifespan", "call": "asyncpg.create_pool", "kind": "limit"}
    limit |= {"at_once": 5}
    calls = [
        row
        | {"function": "fetch", "call": "asyncpg.create_pool().acquire", "kind": "async_wait"}
        | {"context": "event_loop", "reached_from": f"GET {path.removeprefix('/svc')}"}
        for path in (HEALTH, REPORT)
    ]
    give(made, "app_calls", [limit, *calls])
    return made


PROXY = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html"
CLOUDFLARE = "https://developers.cloudflare.com"
DOCKER = "https://docs.docker.com"
STARLETTE = "https://www.starlette.io"
NGINX, EDGE, NETWORK, SATURATION = "nginx_config", "edge_config", "docker_network", "app_saturation"

CONSTRUCTED = (
    Constructed(no_connections_left, ("nginx_short_of",), NGINX,
                "https://nginx.org/en/docs/ngx_core_module.html#worker_connections"),
    Constructed(header_that_is_none, ("fate_invalid_response",), None,
                "https://github.com/nginx/nginx/blob/master/src/http/modules/ngx_http_proxy_module.c"),
    Constructed(exceptions, ("fate_application_error",), None, f"{STARLETTE}/exceptions/"),
    Constructed(unavailable_without_a_limit, ("no_limit_in_force",), None,
                "https://nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req_status"),
    Constructed(limit_of_the_application, ("fate_upstream_gave_up",), None,
                "https://github.com/nginx/nginx/blob/master/src/http/ngx_http_special_response.c"),
    Constructed(closed_by_nginx, ("fate_nginx_responded",), NGINX,
                "https://github.com/nginx/nginx/blob/master/src/http/ngx_http_special_response.c"),
    Constructed(rights_withdrawn, ("fate_rejected",), None,
                "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2"),
    Constructed(host_that_the_application_refuses, ("nginx_mangles",), NGINX,
                f"{STARLETTE}/middleware/#trustedhostmiddleware"),
    Constructed(header_too_big, ("header_too_big",), NGINX, f"{PROXY}#proxy_buffer_size"),
    Constructed(tls_to_a_plain_port, ("fate_tls_failed",), NGINX, f"{PROXY}#proxy_pass"),
    Constructed(edge_that_distrusts_nginx, ("fate_edge_tls_failed",), NGINX,
                "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/"),
    Constructed(name_server_that_does_not_answer, ("name_server_fails",), NETWORK,
                "https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver"),
    Constructed(failing_lookups, ("lookups_fail",), NETWORK,
                "https://man7.org/linux/man-pages/man3/getaddrinfo.3.html"),
    Constructed(dead_server_beside_a_good_one, ("dead_server",), NGINX, f"{PROXY}#proxy_next_upstream"),
    Constructed(replica_without_responses, ("one_replica",), None,
                "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream"),
    Constructed(connections_kept_for_too_long, ("keepalive_race",), NGINX,
                "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout"),
    Constructed(container_created_anew, ("stale_address",), NGINX,
                "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#resolve"),
    Constructed(sync_workers_over_their_limit, ("sync_worker_timeout",), "dependency_slow",
                "https://gunicorn.org/reference/settings/#timeout"),
    Constructed(server_marked_down, ("server_down",), NGINX,
                "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server"),
    Constructed(edge_without_patience, ("edge_impatient",), EDGE, f"{PROXY}#proxy_read_timeout"),
    Constructed(edge_holds_by_probes, ("outside_bad_nginx_fine",), EDGE, f"{PROXY}#proxy_cache_lock"),
    Constructed(prober_without_a_trusted_certificate, ("edge_not_reached",), None,
                "https://curl.se/libcurl/c/libcurl-errors.html"),
    Constructed(origin_of_its_own, ("fate_sent_elsewhere",), EDGE,
                f"{CLOUDFLARE}/rules/origin-rules/features/"),
    Constructed(another_name_for_nginx, ("edge_wrong_host",), EDGE,
                f"{CLOUDFLARE}/rules/origin-rules/features/"),
    Constructed(another_path_for_nginx, ("edge_renames",), EDGE,
                f"{CLOUDFLARE}/rules/transform/url-rewrite/"),
    Constructed(forwarding_dropped, ("host_bad_inside_clear",), NETWORK,
                f"{DOCKER}/engine/network/packet-filtering-firewalls/"),
    Constructed(connections_reset_on_the_way, ("cut_from_host",), NETWORK,
                "https://kubernetes.io/blog/2019/03/29/kube-proxy-subtleties-debugging-an-intermittent-connection-reset/"),
    Constructed(port_published_no_more, ("not_published",), NETWORK,
                f"{DOCKER}/engine/network/#published-ports"),
    Constructed(no_common_network, ("networks_apart",), NETWORK, f"{DOCKER}/compose/how-tos/networking/"),
    Constructed(listening_on_loopback, ("listens_locally",), NETWORK,
                "https://uvicorn.dev/settings/#socket-binding"),
    Constructed(queue_that_fills, ("queue_full",), "app_event_loop",
                "https://man7.org/linux/man-pages/man2/listen.2.html"),
    Constructed(memory_grown_without_a_limit, ("memory_full",), SATURATION,
                f"{DOCKER}/engine/containers/resource_constraints/"),
    Constructed(slow_callback, ("loop_held",), "app_event_loop",
                "https://docs.python.org/3/library/asyncio-dev.html#debug-mode"),
    Constructed(disk_without_space, ("disk_full",), SATURATION,
                "https://man7.org/linux/man-pages/man2/write.2.html"),
    Constructed(store_of_two_services, ("one_onset",), "dependency_slow",
                "https://sre.google/sre-book/addressing-cascading-failures/"),
    Constructed(pool_of_connections, ("connections_full",), SATURATION,
                "https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools"),
)  # fmt: skip
