"""Made-up faults of `/health`, one builder each, and the cause of each."""

import pandas as pd

from worlds.health_world import FAULT, HEALTH, JOBS, OTHER, REPORT, USUAL, case, give, moment

PLAIN = (("/", {"proxy_pass": f"http://{USUAL}"}),)


def on(path, **fate):
    return lambda requested, second: fate if requested == path else None


def on_service(**fate):
    return lambda requested, second: fate if requested != OTHER else None


def edge_holds():
    return case(
        on(HEALTH, edge_s=7.0),
        edge=(
            *PLAIN,
            (
                f"= {HEALTH}",
                {"proxy_pass": f"http://{USUAL}", "proxy_cache": "zone", "proxy_cache_lock": "on"},
            ),
        ),
        nginx=PLAIN,
    )


def edge_refuses():
    return case(on(HEALTH, at_nginx=False, edge_status=403))


def nginx_refuses():
    return case(on(HEALTH, upstream=False, status=503, error="limit_conn"), nginx=PLAIN)


def nginx_misdirects():
    fate = {
        "status": 504,
        "header_s": 5.0,
        "address": "198.51.100.9:8017",
        "error": "upstream_timeout_header",
    }
    return case(on(HEALTH, **fate), nginx=PLAIN)


def nginx_gives_up():
    """The endpoint needs 0.9 s at all times; the limit during the fault is 0.7 s."""

    def slow(path, second):
        return {"header_s": 0.7, "status": 504, "inside_s": 0.9, "error": "upstream_timeout_header"}

    made = case(lambda path, second: slow(path, second) if path == HEALTH else None)
    probes = made.table("probes")
    probes.loc[probes["vantage"] == "inside", "duration_s"] = 0.9
    return made


def packets_lost():
    def lost(path, second):
        again = int(second * 4) % 3
        return None if path == OTHER or again == 2 else {"connect_s": (1.01, 3.04)[again]}

    return case(lost)


def large_packets_lost():
    return case(on(REPORT, body_s=5.0, error="upstream_timeout_body"))


def unreachable():
    return case(on_service(status=502, header_s=0.0, error="upstream_refused"))


def loop_blocked():
    """The loop is free every third second only, and then answers all that waited."""

    def stuck(path, second):
        wait = 3 - second % 3
        return None if path == OTHER else {"header_s": wait, "inside_s": wait}

    return case(stuck)


def pool_used_up():
    known = (("healthz", "thread_pool"), ("jobs", "event_loop"), ("report", "event_loop"))
    handlers = [
        {"file": "app.py", "line": 1, "function": name, "method": "GET", "path": f"/{name}", "runs_on": place}
        for name, place in known
    ]
    stuck = on(HEALTH, status=504, header_s=5.0, inside_s=7.0, error="upstream_timeout_header")
    return case(stuck, handlers=handlers, gauges=lambda second: {"in_flight": 80.0, "threads": 46.0})


def cpu_full():
    def slow(path, second):
        wait = 2.0 + (len(path) * 3.7 + second * 7.3) % 1.9
        return None if path == OTHER else {"header_s": wait, "inside_s": wait}

    return case(slow, gauges=lambda second: {"cpu_pct": 100.0, "threads": 20.0})


def starved(path, second):
    """The process runs now and then only, and answers what has waited: as a blocked loop does."""
    wait = 4 - second % 4
    return None if path == OTHER else {"header_s": wait, "inside_s": wait}


def cpu_held():
    """A quota or neighbours leave the process four per cent, all of which it uses all the time."""
    made = case(starved, gauges=lambda second: {"cpu_pct": 4.0 + second % 3 / 3, "in_flight": 12.0})
    metrics = made.table("host_metrics")
    calm = metrics["metric"].eq("cpu_pct") & (metrics["time"] < moment(FAULT[0]))
    metrics.loc[calm, "value"] = [2.0 + 3.0 * (at * 7 % 5) for at in range(int(calm.sum()))]
    return made


def host_out_of_cpu():
    return case(starved, gauges=lambda second: {"host_cpu_pct": 99.0, "cpu_pct": 6.0 + second % 7})


def connections_used_up():
    """All threads wait for a connection of the database's pool, and the log says so."""
    made = pool_used_up()
    log = made.table("app_log")
    said = log.tail(20).copy()
    said["time"] = [moment(FAULT[0] + 1 + at) for at in range(len(said))]
    said["line"] += 1000
    said[["kind", "level"]] = ["other", "ERROR"]
    said["message"] = "TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out"
    made.frames["app_log"] = pd.concat([log, said], ignore_index=True)
    return made


GONE = {
    "status": 502, "header_s": 0.0, "error": "upstream_refused", "inside_s": 0.0, "inside_status": None,
    "inside_error": "refused, while connecting",
}  # fmt: skip


def process_down():
    """Nothing listens: callers inside are refused as well."""
    return case(on_service(**GONE))


def slow_dependency():
    """One handler waits for what it calls, with a client that holds neither loop nor threads."""

    def late(path, second):
        wait = 3.0 + (second * 7.3) % 1.9
        return {"header_s": wait, "inside_s": wait} if path == JOBS else None

    handlers = [
        {"file": "app.py", "line": line, "function": name, "method": "GET", "path": f"/{name}",
         "runs_on": "event_loop"}
        for line, name in enumerate(("healthz", "jobs", "report"), 1)
    ]  # fmt: skip
    made = case(late, handlers=handlers)
    call = {"file": "app.py", "line": 9, "function": "fetch", "call": "httpx.AsyncClient().get"}
    place = {"kind": "async_wait", "context": "event_loop", "reached_from": "GET /jobs"}
    give(made, "app_calls", [call | place])
    return made


def flooded(made, every_s=0.02, path=REPORT):
    """The same system with as many requests more during the fault, all of one client."""
    log, edge = made.table("access_log"), made.table("edge_log")
    count = int((FAULT[1] - FAULT[0]) / every_s)
    at = [FAULT[0] + every_s * number for number in range(count)]
    for name, frame, columns in (("access_log", log, ("time",)), ("edge_log", edge, ("start", "end"))):
        like = frame[frame["path"] == path].tail(1)
        more = pd.concat([like] * count, ignore_index=True)
        for column in columns:
            more[column] = [moment(second + 0.02) for second in at]
        more["line"] = range(100_000, 100_000 + count)
        ray = "ray_id" if name == "edge_log" else "edge_ray_id"
        more[ray] = [f"f{number:015x}" for number in range(count)]
        more["client_addr"] = "192.0.2.66"
        made.frames[name] = pd.concat([frame, more], ignore_index=True).sort_values(columns[0])
        made.frames[name] = made.frames[name].reset_index(drop=True)
    return made


def flood():
    """A client asks so often that the process runs out of CPU."""
    return flooded(cpu_full())


SCENARIOS = {
    process_down: "app_down",
    slow_dependency: "dependency_slow",
    flood: "traffic_surge",
    cpu_held: "app_saturation",
    host_out_of_cpu: "app_saturation",
    connections_used_up: "app_saturation",
    edge_holds: "edge_config",
    edge_refuses: "edge_config",
    nginx_refuses: "nginx_config",
    nginx_misdirects: "nginx_config",
    nginx_gives_up: "nginx_config",
    packets_lost: "docker_network",
    large_packets_lost: "docker_network",
    unreachable: "docker_network",
    loop_blocked: "app_event_loop",
    pool_used_up: "app_threadpool",
    cpu_full: "app_saturation",
}
