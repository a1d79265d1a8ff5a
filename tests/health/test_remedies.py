"""Remedies of causes: each names what was observed, in both languages."""

import pytest
from worlds.health_alike import saying
from worlds.health_constructed import (
    another_name_for_nginx,
    another_path_for_nginx,
    connections_kept_for_too_long,
    container_created_anew,
    dead_server_beside_a_good_one,
    disk_without_space,
    edge_that_distrusts_nginx,
    edge_without_patience,
    header_too_big,
    host_that_the_application_refuses,
    listening_on_loopback,
    memory_grown_without_a_limit,
    no_common_network,
    no_connections_left,
    origin_of_its_own,
    pool_of_connections,
    port_published_no_more,
    server_marked_down,
    tls_to_a_plain_port,
)
from worlds.health_scenarios import (
    PLAIN,
    cpu_held,
    edge_holds,
    edge_refuses,
    flood,
    host_out_of_cpu,
    loop_blocked,
    nginx_gives_up,
    nginx_misdirects,
    nginx_refuses,
    on,
    on_service,
    packets_lost,
    pool_used_up,
    process_down,
    slow_dependency,
    starved,
)
from worlds.health_world import FAULT, HEALTH, JOBS, USUAL, Signals, case, give, moment

from watchme_analysis.health.detection import health_causes
from watchme_analysis.health.summary import filled_in, remedy_of
from watchme_analysis.text.render import placeholders, render

CAUSES = {one.cause: one for one in health_causes()}


def place_of_its_own(**settings):
    return ((f"= {HEALTH}", {"proxy_pass": f"http://{USUAL}", **settings}), *PLAIN)


def limited_in_a_known_place():
    fate = {"upstream": False, "status": 503, "error": "limit_conn"}
    return case(on(HEALTH, **fate), nginx=place_of_its_own(limit_conn="peer 1"))


def denied():
    return case(on(HEALTH, upstream=False, status=403), nginx=place_of_its_own(deny="all"))


def too_large():
    made = case(on(JOBS, upstream=False, status=413, error="request_too_large"))
    made.table("access_log")["upstream_addr"] = None
    return made


def held_by_nginx():
    return case(on(HEALTH, own_s=4.0))


def started_on_another_port():
    made = process_down()
    give(made, "app_processes", [{"file": "c.txt", "addr": "192.0.2.11", "port": 8200, "command": "uvicorn"}])
    return made


def renamed_by_nginx():
    """The application logs that it was asked for a path without its last part."""
    made = case(on(HEALTH, status=404, header_s=0.004))
    log = made.table("access_log")
    mine = log[log["path"].eq(HEALTH) & log["status"].eq(404)]
    rows = made.table("app_log").to_dict("records")
    rows += [
        {"file": "app.log", "line": 10_000 + number, "service": "", "time": at, "level": "INFO",
         "kind": "access", "message": "/state", "method": "GET", "path": "/state", "status": 404}
        for number, at in enumerate(mine["time"])
    ]  # fmt: skip
    give(made, "app_log", rows)
    return made


def renamed_by_the_edge():
    made = case(on(HEALTH, status=404, header_s=0.004))
    log = made.table("access_log")
    log.loc[log["path"].eq(HEALTH) & log["status"].eq(404), "path"] = "/state"
    return made


def refused_by_a_location_of_the_edge():
    return case(on(HEALTH, at_nginx=False, edge_status=403), edge=place_of_its_own(deny="all"), nginx=PLAIN)


def held_until_callers_left():
    return case(on(HEALTH, at_nginx=False, edge_status=499, edge_s=5.0))


def calls(made, *rows):
    """Give calls that a handler leads to."""
    usual = {"file": "app.py", "line": 9, "function": "fetch", "reached_from": "GET /healthz"}
    give(made, "app_calls", [usual | row for row in rows])
    return made


def handled(made, runs_on):
    row = {"file": "app.py", "line": 1, "function": "healthz", "method": "GET", "path": "/healthz"}
    give(made, "app_handlers", [row | {"runs_on": runs_on}])
    return made


def blocking_call():
    made = handled(loop_blocked(), "event_loop")
    return calls(made, {"call": "requests.get", "kind": "blocking_io", "context": "event_loop"})


def call_in_a_thread():
    return calls(pool_used_up(), {"call": "requests.get", "kind": "blocking_io", "context": "thread_pool"})


def reported(kind, reason, **settings):
    """Let Kubernetes report an event of the container that does not listen."""
    made = process_down()
    whose = {
        "file": "k.json",
        "platform": "kubernetes",
        "object": "api-0",
        "service": "api",
        "address": USUAL,
    }
    row = whose | {
        "line": 1,
        "time": moment(FAULT[0] + 1),
        "kind": kind,
        "probe": "liveness",
        "reason": reason,
    }
    give(made, "container_events", [row])
    give(made, "container_settings", [whose | settings])
    return made


def logged(words, level="error"):
    made = case(on_service(status=500, header_s=0.01))
    return saying(made, words, [FAULT[0] + 1, FAULT[0] + 2, FAULT[0] + 3], level)


def open_files():
    made = case(on_service(status=500, header_s=0.01), gauges=lambda second: {"open_files": 1020.0})
    give(made, "app_processes", [{"file": "c.txt", "command": "uvicorn", "open_files_limit": 1024}])
    return made


def throttled():
    return case(starved, gauges=lambda second: {"nr_throttled": 40.0 * second, "cpu_pct": 6.0 + second % 7})


def limit_of_connections():
    made = case(on_service(status=503, header_s=0.001))
    give(made, "app_processes", [{"file": "c.txt", "command": "uvicorn", "limit_concurrency": 8}])
    return made


def memory(during, granted=None):
    made = case(on_service(header_s=4.0), gauges=lambda second: {"rss_mb": during(second)})
    metrics = made.table("host_metrics")
    usual = metrics[metrics["metric"].eq("cpu_pct") & (metrics["time"] < moment(FAULT[0]))]
    give(
        made,
        "host_metrics",
        [*metrics.to_dict("records"), *usual.assign(metric="rss_mb", value=200.0).to_dict("records")],
    )
    if granted:
        path = "deploy.resources.limits.memory"
        give(
            made,
            "compose_settings",
            [{"file": "compose.yml", "service": "api", "path": path, "value": granted}],
        )
    return made


def failing_starts():
    """Python ends with a traceback while the server imports the application."""
    trace = (
        'Traceback (most recent call last):\n  File "uvicorn/importer.py", line 22, in import_from_string\n'
        "ModuleNotFoundError: No module named 'requests'"
    )
    return saying(process_down(), trace, [FAULT[0] + 2, FAULT[0] + 9], "error")


def flood_through_a_proxy(agent="ExampleBot/2.1"):
    """Nginx logs one address for all callers."""
    made = flood()
    for name in ("access_log", "edge_log"):
        rows = made.table(name)
        rows["user_agent"] = rows["client_addr"].eq("192.0.2.66").map({True: agent, False: "Mozilla/5.0"})
        rows["client_addr"] = "192.0.2.1"
    return made


def workers_used_up():
    made = pool_used_up()
    command = {"file": "gunicorn_command.txt", "line": 1, "command": "gunicorn -w 2 shop.wsgi"}
    give(made, "app_processes", [{**command, "server": "gunicorn", "workers": 2}])
    return made


REMEDIES = [
    (
        limited_in_a_known_place,
        "nginx_config",
        "fate_limited",
        ["`limit_conn peer 1`", f"`location = {HEALTH}`"],
    ),
    (nginx_refuses, "nginx_config", "fate_limited", [HEALTH, "nginx -s reload"]),
    (no_connections_left, "nginx_config", "nginx_short_of", ["`worker_connections`"]),
    (started_on_another_port, "nginx_config", "wrong_port", ["192.0.2.11:8200", "192.0.2.11:8100"]),
    (nginx_misdirects, "nginx_config", "moved_upstream", [USUAL, "198.51.100.9:8017"]),
    (server_marked_down, "nginx_config", "server_down", [USUAL, "`down`"]),
    (dead_server_beside_a_good_one, "nginx_config", "dead_server", ["192.0.2.99:8100"]),
    (connections_kept_for_too_long, "nginx_config", "keepalive_race", ["keepalive_timeout", "60"]),
    (
        container_created_anew,
        "nginx_config",
        "stale_address",
        [USUAL, "`nginx -t && nginx -s reload`", "`resolver`"],
    ),
    (header_too_big, "nginx_config", "header_too_big", ["`proxy_buffer_size`", HEALTH]),
    (tls_to_a_plain_port, "nginx_config", "fate_tls_failed", [f"`location = {HEALTH}`", "`proxy_ssl_name`"]),
    (edge_that_distrusts_nginx, "nginx_config", "fate_edge_tls_failed", ["`ssl_certificate`"]),
    (nginx_gives_up, "nginx_config", "nginx_impatient", ["`proxy_read_timeout`", "900"]),
    (renamed_by_nginx, "nginx_config", "nginx_renames", ["/state", "`rewrite`"]),
    (denied, "nginx_config", "fate_nginx_responded", ["`deny all`", f"`location = {HEALTH}`", "403"]),
    (another_name_for_nginx, "nginx_config", "fate_nginx_responded", ["404", "`return, try_files, root`"]),
    (held_by_nginx, "nginx_config", "fate_slow_nginx", ["`limit_req`", HEALTH]),
    (host_that_the_application_refuses, "nginx_config", "nginx_mangles", ["`proxy_set_header Host`", "400"]),
    (too_large, "nginx_config", "fate_too_large", ["`client_max_body_size`", JOBS]),
    (origin_of_its_own, "edge_config", "fate_sent_elsewhere", ["192.0.2.1", "198.51.100.9", HEALTH]),
    (another_name_for_nginx, "edge_config", "edge_wrong_host", ["backend.internal", "api.example.com"]),
    (renamed_by_the_edge, "edge_config", "edge_renames", ["/state", HEALTH]),
    (another_path_for_nginx, "edge_config", "edge_renames", ["/state/healthz", HEALTH]),
    (edge_without_patience, "edge_config", "edge_impatient", ["1.5"]),
    (
        refused_by_a_location_of_the_edge,
        "edge_config",
        "fate_edge_responded",
        ["`deny all`", f"`location = {HEALTH}`"],
    ),
    (edge_refuses, "edge_config", "fate_edge_responded", ["403", HEALTH]),
    (held_until_callers_left, "edge_config", "fate_edge_responded", [HEALTH]),
    (edge_holds, "edge_config", "fate_held_by_edge", [HEALTH]),
    (port_published_no_more, "docker_network", "not_published", ["8100", "docker compose up -d api"]),
    (no_common_network, "docker_network", "networks_apart", ["api", "gate", "`networks:`"]),
    (listening_on_loopback, "docker_network", "listens_locally", ["`--host 0.0.0.0`"]),
    (
        packets_lost,
        "docker_network",
        None,
        ["docker restart", "`nginx -s reload`", f"http://{USUAL}{HEALTH}"],
    ),
    (blocking_call, "app_event_loop", "blocking_in_loop", ["`requests.get`", "app.py:9"]),
    (call_in_a_thread, "app_threadpool", "pool_work", ["`requests.get`", "app.py:9"]),
    (open_files, "app_saturation", "files_full", ["1,024", "`ulimits`"]),
    (
        lambda: logged("OSError: [Errno 24] Too many open files"),
        "app_saturation",
        "files_full",
        ["`ulimits`"],
    ),
    (limit_of_connections, "app_saturation", "concurrency_limit", ["`--limit-concurrency`", "8"]),
    (
        lambda: logged("Exceeded concurrency limit."),
        "app_saturation",
        "concurrency_limit",
        ["docker compose up -d"],
    ),
    (pool_of_connections, "app_saturation", "connections_full", ["`asyncpg.create_pool`", "5", "app.py:4"]),
    (
        lambda: memory(lambda second: 480.0, "500m"),
        "app_saturation",
        "memory_at_limit",
        ["`mem_limit`", "500"],
    ),
    (
        lambda: memory(lambda second: 900.0 - 600.0 * (second % 2)),
        "app_saturation",
        "memory_lost",
        ["`mem_limit`", "900"],
    ),
    (memory_grown_without_a_limit, "app_saturation", "memory_full", ["`mem_limit`"]),
    (workers_used_up, "app_threadpool", "workers_full", ["gunicorn", "2", "`--workers`", "pgrep -P $("]),
    (throttled, "app_saturation", "host_cpu_full", ["nr_throttled", "`cpus`"]),
    (host_out_of_cpu, "app_saturation", "host_cpu_full", ["`docker stats --no-stream`"]),
    (cpu_held, "app_saturation", "cpu_held", ["4%", "`cpus`"]),
    (disk_without_space, "app_saturation", "disk_full", ["`df -h`"]),
    (failing_starts, "app_down", "start_fails", ["No module named 'requests'", "docker logs -f"]),
    (
        lambda: reported(
            "probe_timed_out", "Unhealthy", probe="liveness", path="/svc/healthz", timeout_s=0.01
        ),
        "app_down",
        "container_probe_strict",
        ["10 ms", HEALTH],
    ),
    (
        lambda: reported("image_error", "ErrImagePull"),
        "app_down",
        "container_not_started",
        ["ErrImagePull", "kubectl logs -f statefulset/api"],
    ),
    (
        lambda: reported("crash_loop", "BackOff"),
        "app_down",
        "container_crash_loop",
        ["kubectl logs --previous --tail 50 statefulset/api"],
    ),
    (
        lambda: reported("killed_for_memory", "OOMKilled", memory_bytes=2**28),
        "app_saturation",
        "container_out_of_memory",
        ["256", "`resources.limits.memory`"],
    ),
    (process_down, "app_down", None, ["docker compose up -d"]),
    (slow_dependency, "dependency_slow", "callers_wait", ["`httpx.AsyncClient().get`", "app.py:9"]),
    (flood, "traffic_surge", "arrivals_up", ["192.0.2.66", "`limit_req`"]),
    (flood_through_a_proxy, "traffic_surge", "arrivals_up", ["ExampleBot/2.1", "`$http_user_agent`"]),
    (lambda: flood_through_a_proxy("Mozilla/5.0"), "traffic_surge", "arrivals_up", ["/svc/report"]),
]


@pytest.mark.slow(fast=6)
@pytest.mark.parametrize(
    ("build", "cause", "signal", "named"),
    [pytest.param(*row, id=f"{number}-{row[1]}-{row[2]}") for number, row in enumerate(REMEDIES)],
)
def test_a_remedy_names_what_was_observed(build, cause, signal, named):
    seen = Signals(build())
    observations = [one for each in CAUSES[cause].remedies if (one := seen.get(each.signal))]
    assert signal is None or signal in {one.signal for one in observations}
    remedy, shown = remedy_of(CAUSES[cause], observations)
    for language in ("en", "ja"):
        text = render(filled_in(seen.found, remedy.text, shown), language)
        assert [words for words in named if words not in text] == [], text
        assert not placeholders(text)


def test_only_a_changed_start_command_recreates_a_container():
    """Nobody's address gets right by it: Nginx has to resolve the name again."""
    for cause in CAUSES.values():
        texts = [(None, cause.remedy.text), *((each.signal, each.text) for each in cause.remedies)]
        for signal, text in texts:
            said = render(text, "en")
            assert "--force-recreate" not in said or signal == "listens_locally", (cause.cause, said)


def test_each_remedy_by_a_signal_is_shown_by_a_world():
    known = {(one.cause, each.signal) for one in CAUSES.values() for each in one.remedies}
    assert known == {(cause, signal) for _, cause, signal, _ in REMEDIES if signal}
