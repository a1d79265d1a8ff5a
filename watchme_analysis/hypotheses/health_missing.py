"""What to collect next for the ``/health`` question, and exactly how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchme_analysis.hypotheses.base import Missing
from watchme_analysis.hypotheses.health_facts import Facts

LOG_FORMAT = (
    'log_format timed \'$remote_addr - [$time_iso8601] $msec $request_id "$request" $status $body_bytes_sent '
    "rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time urt=$upstream_response_time "
    'ua=$upstream_addr us=$upstream_status ray=$http_cf_ray "$http_user_agent"\'; access_log '
    "/var/log/nginx/access.log timed;"
)
FRONT = ("nginx_config", "edge_config", "docker_network")
APP = ("app_event_loop", "app_threadpool", "app_saturation")


@dataclass(frozen=True)
class _Wish:
    """Evidence that may be missing: when it is, what it separates, and how to get it."""

    what: str
    why: str
    how: str
    separates: tuple[str, ...]
    importance: float


def missing_evidence(found: Facts, probability: Mapping[str, float]) -> tuple[Missing, ...]:
    """Return what is not there, the most useful for the causes still in question first."""
    wishes = [wish for absent, wish in _wishes(found) if absent]
    total = sum(probability.values()) or 1.0
    entropy = 1.0 - max(probability.values(), default=1.0) / total
    said = []
    for wish in wishes:
        concerned = sum(probability.get(cause, 0.0) for cause in wish.separates) / total
        value = wish.importance * (0.2 + concerned + entropy)
        said.append(Missing(wish.what, wish.why, wish.how, value))
    return tuple(sorted(said, key=lambda item: -item.value))


def _wishes(found: Facts) -> list[tuple[bool, _Wish]]:
    probes, access = found.table("probes"), found.table("access_log")
    vantages = set(probes["vantage"].dropna())
    endpoint = found.endpoints[0] if found.endpoints else "/health"
    untimed = len(access) > 0 and not access["upstream_response_time_s"].notna().any()
    metrics = set(found.table("host_metrics")["metric"].dropna())
    return [
        (
            "inside" not in vantages,
            _Wish(
                "probes from inside the container",
                "they tell a stuck application from everything before it",
                "watchme probe --standalone > probe.py; docker cp probe.py CONTAINER:/tmp/; "
                f"docker exec CONTAINER python /tmp/probe.py --output /tmp/probes.csv --for 600 http://localhost:PORT{endpoint}",
                FRONT + APP,
                1.0,
            ),
        ),
        (
            "outside" not in vantages and found.table("edge_log").empty,
            _Wish(
                "probes from outside, through the edge",
                "they show what callers meet and when",
                f"watchme probe https://HOST{endpoint} --every 10s --for 10m",
                FRONT,
                0.8,
            ),
        ),
        (
            "host" not in vantages,
            _Wish(
                "probes from the host, past Nginx",
                "they tell the container's network from Nginx and the edge",
                f"on the host: watchme probe --host http://127.0.0.1:PORT{endpoint} --every 10s --for 10m",
                FRONT,
                0.35,
            ),
        ),
        (
            access.empty,
            _Wish(
                "Nginx's access log with upstream times",
                "it shows which layer takes the time of each request",
                f"in nginx.conf: {LOG_FORMAT}",
                FRONT + APP,
                1.0,
            ),
        ),
        (
            untimed,
            _Wish(
                "upstream times and addresses in Nginx's access log",
                "the log's format carries no timing, so that connecting, waiting and reading look alike",
                f"in nginx.conf: {LOG_FORMAT}",
                FRONT + APP,
                1.0,
            ),
        ),
        *_more_wishes(found, endpoint, metrics),
    ]


def _more_wishes(found: Facts, endpoint: str, metrics: set[str]) -> list[tuple[bool, _Wish]]:
    config = set(found.table("config_directives")["layer"].dropna())
    no_edge_config = "edge" not in config and found.table("edge_settings").empty
    return [
        (
            found.table("edge_log").empty,
            _Wish(
                "the edge's request log",
                "it shows whether the edge held or refused requests that Nginx answered well",
                "Cloudflare Logpush of http_requests with RayID, ClientRequestPath, EdgeStartTimestamp, "
                "EdgeEndTimestamp, EdgeResponseStatus, EdgeTimeToFirstByteMs, CacheCacheStatus, OriginIP, "
                "OriginResponseStatus, OriginResponseDurationMs, as edge.jsonl",
                ("edge_config", "nginx_config", "docker_network"),
                0.7,
            ),
        ),
        (
            found.table("error_log").empty,
            _Wish(
                "Nginx's error log",
                "it tells connecting from waiting for the header and names limits",
                "cp /var/log/nginx/error.log* FOLDER/ (level warn or lower: error_log ... warn;)",
                ("nginx_config", "docker_network"),
                0.5,
            ),
        ),
        (
            "nginx" not in config,
            _Wish(
                "Nginx's configuration",
                "it shows where the endpoint's location differs from its neighbours",
                "nginx -T > nginx.conf",
                ("nginx_config",),
                0.6,
            ),
        ),
        (
            no_edge_config,
            _Wish(
                "the edge's configuration",
                "it shows cache, rules and limits that concern the endpoint",
                "curl -H 'Authorization: Bearer TOKEN' "
                "https://api.cloudflare.com/client/v4/zones/ZONE/rulesets > edge-settings.json",
                ("edge_config",),
                0.6,
            ),
        ),
        (
            not {"threads", "cpu_pct"} <= metrics,
            _Wish(
                "CPU, threads, open requests and open files of the process, second by second",
                "they tell a full thread pool, a busy CPU and exhausted descriptors from a blocked loop",
                "metrics.csv with timestamp,cpu_pct,in_flight,threads,rss_mb,open_files: on the host "
                "pidstat -u -r -v -h -p PID 1, or docker stats and /proc/PID/status",
                APP,
                0.8,
            ),
        ),
        (
            found.table("app_log").empty,
            _Wish(
                "the application's log with milliseconds",
                "its silences and bursts tell a blocked loop, its errors an exhausted process",
                "docker logs --timestamps CONTAINER > app.log 2>&1 (uvicorn with a log format that has "
                "%(asctime)s)",
                APP,
                0.7,
            ),
        ),
        (
            found.table("app_handlers").empty,
            _Wish(
                "the application's source",
                "it shows which handlers run on the event loop and what blocks there",
                "cp *.py of the service as app.py or app-NAME.py; while it hangs: py-spy dump --pid PID",
                APP,
                0.5,
            ),
        ),
        (
            found.table("app_processes").empty,
            _Wish(
                "the start command",
                "it shows workers, connection limits and the address listened on",
                "docker inspect --format '{{.Config.Cmd}}' CONTAINER > uvicorn_command.txt",
                ("app_saturation", "docker_network"),
                0.25,
            ),
        ),
    ]
