"""Parts of made-up systems whose different causes look like each other."""

import hashlib

import pandas as pd

from watchme_analysis.schema import conform
from worlds.health_world import FAULT, LENGTH, OTHER, case, give, in_fault, moment

NGINX, EDGE, NETWORK = "nginx_config", "edge_config", "docker_network"
LOOP, POOL, SATURATION = "app_event_loop", "app_threadpool", "app_saturation"
DOWN, DEPENDENCY, SURGE = "app_down", "dependency_slow", "traffic_surge"
# What honest verdicts may be where no cause of the list holds, or nothing tells it apart.
OPEN, CALM = "inconclusive", "no_incident"


def chance(*key):
    """Return a number between 0 and 1 that looks drawn and is always the same."""
    return int(hashlib.md5(repr(key).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def between(low, high, *key):
    return low + (high - low) * chance(*key)


def handlers(**places):
    """Handlers by name, with where they run."""
    return [
        {"file": "app.py", "line": line, "function": name, "method": "GET", "path": f"/{name}",
         "runs_on": place}
        for line, (name, place) in enumerate(places.items(), 1)
    ]  # fmt: skip


ON_LOOP = handlers(healthz="event_loop", jobs="event_loop", report="event_loop")
ON_THREADS = handlers(healthz="thread_pool", jobs="thread_pool", report="event_loop")


def calling(made, call, kind, context, *origins):
    """The same system whose source calls something from handlers."""
    row = {"file": "app.py", "function": "fetch", "call": call, "kind": kind, "context": context}
    give(made, "app_calls", [row | {"line": 9, "reached_from": f"GET /{name}"} for name in origins])
    return made


def started(**settings):
    """The start command of the affected service."""
    return [{"file": "command.txt", "line": 1, "addr": "192.0.2.11", "port": 8100, "workers": 1, **settings}]


def slow(paths, low, high, **more):
    """Paths answer late, each request after a time of its own, as seen from inside as well."""

    def fate(path, second):
        wait = between(low, high, path, round(second, 2))
        return {"header_s": wait, "inside_s": wait, **more} if path in paths else None

    return fate


def standing(period, **more):
    """The service answers once in a period and then all that waited."""

    def fate(path, second):
        wait = period - second % period
        return None if path == OTHER else {"header_s": wait, "inside_s": wait, **more}

    return fate


def at_times(share, what, *, spared=(OTHER,)):
    """Something becomes of a share of requests."""

    def fate(path, second):
        return what if path not in spared and chance(path, round(second, 2)) < share else None

    return fate


def saying(made, message, seconds, kind="application", level="ERROR"):
    """The same system whose application logs a line at some seconds."""
    rows = [
        {"file": "app.log", "line": 9000 + number, "service": "", "time": moment(second), "level": level,
         "kind": kind, "message": message}
        for number, second in enumerate(seconds)
    ]  # fmt: skip
    log = pd.concat([made.table("app_log"), conform("app_log", pd.DataFrame(rows))], ignore_index=True)
    made.frames["app_log"] = log.sort_values("time", ignore_index=True)
    return made


def restarting(made, *seconds):
    return saying(made, "Started server process [17]", seconds, "lifecycle", "INFO")


def gauge(made, metric, value):
    """The same system with a gauge whose every sample is given by its second."""
    metrics = made.table("host_metrics")
    rows = [
        {"file": "metrics.csv", "service": "", "time": moment(second), "metric": metric,
         "value": value(second)}
        for second in range(int(LENGTH))
    ]  # fmt: skip
    other = metrics[metrics["metric"] != metric]
    made.frames["host_metrics"] = pd.concat(
        [other, conform("host_metrics", pd.DataFrame(rows))], ignore_index=True
    )
    return made


def granting(made, memory):
    give(
        made, "compose_settings", [{"file": "c.yml", "service": "svc", "path": "mem_limit", "value": memory}]
    )
    return made


def probed_outside(made, **seen):
    """The same system whose probes from outside fare in their own way during the fault."""
    probes = made.table("probes")
    mine = probes["vantage"].eq("outside") & probes["time"].map(
        lambda at: in_fault((at - moment(0)).total_seconds())
    )
    for name, value in ({"status": None, "error": None, "duration_s": 5.0} | seen).items():
        probes.loc[mine, name] = value
    return made


def calm(**more):
    return case(lambda path, second: None, **more)


def every(step):
    """Moments of the fault, so many seconds apart."""
    return [FAULT[0] + 1 + step * number for number in range(int((FAULT[1] - FAULT[0] - 2) / step))]
