"""Commands that collect what a ``/health`` diagnosis lacks, ready to be pasted.

Words in capitals are the reader's to fill in: CONTAINER, FOLDER, ZONE, TOKEN, START and END, and HOST and
PORT where the case does not tell them. Lines that begin with ``#`` say where to run the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchme_analysis.text.message import Commands, Message, message
from watchme_analysis.text.shell_quoting import shell_word

LOG_FORMAT = (
    'log_format timed \'$remote_addr - [$time_iso8601] $msec $request_id "$request" $status '
    "$body_bytes_sent rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time "
    "urt=$upstream_response_time ua=$upstream_addr us=$upstream_status ray=$http_cf_ray "
    '"$http_user_agent"\';\n'
    "access_log /var/log/nginx/access.log timed;"
)
_EDGE_FIELDS = (
    "RayID", "ClientIP", "ClientRequestHost", "ClientRequestMethod", "ClientRequestPath", "ClientRequestURI",
    "EdgeStartTimestamp", "EdgeEndTimestamp", "EdgeResponseStatus", "EdgeResponseBytes",
    "EdgeTimeToFirstByteMs", "CacheCacheStatus", "OriginIP", "OriginResponseStatus",
    "OriginResponseDurationMs", "OriginTCPHandshakeDurationMs",
)  # fmt: skip
_EDGE_PHASES = (
    "http_request_cache_settings", "http_request_firewall_custom", "http_request_firewall_managed",
    "http_ratelimit", "http_request_origin", "http_config_settings", "http_request_dynamic_redirect",
    "http_request_transform", "http_request_late_transform",
)  # fmt: skip
_CLOUDFLARE = "https://api.cloudflare.com/client/v4/zones/ZONE"


@dataclass(frozen=True)
class Addresses:
    """Where an endpoint is asked, as far as the case tells.

    Attributes
    ----------
    outside
        URL through the edge.
    upstream
        Address at which the process listens, as Nginx reaches it.
    host
        URL that Nginx asks.
    inside
        URL in the container's own network.
    port
        Port inside the container.
    """

    outside: str
    upstream: str
    host: str
    inside: str
    port: str


def inside_probes(at: Addresses) -> str:
    """Probe from inside the container for ten minutes; nothing is installed there."""
    return (
        "watchme probe --standalone > probe.py\n"
        "docker cp probe.py CONTAINER:/tmp/probe.py\n"
        "docker exec CONTAINER python /tmp/probe.py --output /tmp/probes.csv --for 600 "
        f"{shell_word(at.inside)}\n"
        "docker cp CONTAINER:/tmp/probes.csv FOLDER/probes-inside.csv"
    )


def outside_probes(at: Addresses) -> str:
    """Probe through the edge for ten minutes."""
    return f"watchme probe {shell_word(at.outside)} --every 10s --for 10m --output FOLDER/probes-outside.csv"


def host_probes(at: Addresses) -> Message:
    """Probe past Nginx for ten minutes."""
    command = (
        f"watchme probe --host {shell_word(at.host)} --every 10s --for 10m --output FOLDER/probes-host.csv"
    )
    return message("collect-on-host", commands=Commands(command))


def timed_access_log() -> Message:
    """Have Nginx log what each layer took."""
    return message(
        "collect-timed-access-log",
        configuration=Commands(LOG_FORMAT),
        reload=Commands("nginx -t && nginx -s reload"),
        copy=Commands("cp /var/log/nginx/access.log* FOLDER/; nginx -T > FOLDER/nginx.conf"),
    )


def error_log() -> Message:
    """Copy Nginx's error log."""
    return message(
        "collect-error-log",
        commands=Commands("cp /var/log/nginx/error.log* FOLDER/"),
        setting=Commands("error_log /var/log/nginx/error.log warn;"),
    )


def nginx_configuration() -> str:
    """Dump Nginx's configuration, includes expanded."""
    return "nginx -T > FOLDER/nginx.conf"


def edge_log() -> Message:
    """Fetch the edge's request log of up to an hour."""
    fetch = (
        f"curl -sH 'Authorization: Bearer TOKEN' '{_CLOUDFLARE}/logs/received?start=START&end=END"
        f"&timestamps=unixnano&fields={','.join(_EDGE_FIELDS)}' > FOLDER/edge.jsonl"
    )
    return message("collect-edge-log", commands=Commands(fetch))


def edge_configuration() -> str:
    """Export the zone's settings and the rules that concern a request."""
    return (
        f"curl -sH 'Authorization: Bearer TOKEN' {_CLOUDFLARE}/settings > FOLDER/edge-settings.json\n"
        f"curl -sH 'Authorization: Bearer TOKEN' {_CLOUDFLARE}/pagerules > FOLDER/edge-settings-pages.json\n"
        f"for phase in {' '.join(_EDGE_PHASES)}; do curl -sH 'Authorization: Bearer TOKEN' "
        f"{_CLOUDFLARE}/rulesets/phases/$phase/entrypoint > FOLDER/edge-settings-$phase.json; done"
    )


def process_metrics(at: Addresses) -> Message:
    """Sample what the process and its host use each second, and how often its quota held it back."""
    port = at.port if at.port.isdecimal() else "PORT"
    sample = (
        "P=$(docker inspect -f '{{.State.Pid}}' CONTAINER); H=$(getconf CLK_TCK)\n"
        "used() { sed 's/.*) //' /proc/$P/stat | awk '{print $12 + $13}'; }\n"
        "host() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8 + $9, $5 + $6}' /proc/stat; }\n"
        "C=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$P/cgroup)/cpu.stat\n"
        "echo timestamp,cpu_pct,in_flight,threads,rss_mb,open_files,host_cpu_pct,nr_throttled "
        "> FOLDER/metrics.csv\n"
        "A=$(used); set -- $(host); while sleep 1; do B=$(used); set -- $(host) $1 $2; "
        'echo "$(date +%s),$(( (B - A) * 100 / H )),'
        f"$(nsenter -t $P -n ss -Htn state established '( sport = :{port} )' | wc -l),"
        "$(awk '/^Threads/ {print $2}' /proc/$P/status),"
        "$(awk '/^VmRSS/ {print int($2 / 1024)}' /proc/$P/status),"
        "$(ls /proc/$P/fd | wc -l),$(( ($1 - $3) * 100 / ($1 - $3 + $2 - $4) )),"
        "$(awk '/^nr_throttled/ {print $2}' $C 2>/dev/null)\" >> FOLDER/metrics.csv; A=$B; done"
    )
    return message("collect-process-metrics", commands=Commands(sample))


def application_log() -> str:
    """Copy the application's log with the time of each line."""
    return "docker logs --timestamps CONTAINER > FOLDER/app.log 2>&1"


def application_source() -> Message:
    """Copy the application's source; it is read, never run."""
    return message(
        "collect-application-source",
        commands=Commands("docker cp CONTAINER:/app FOLDER/app"),
        where=Commands("docker exec CONTAINER pwd"),
        stacks=Commands("py-spy dump --pid PID"),
    )


def start_command() -> str:
    """Note how the server is started."""
    return (
        'docker inspect -f \'{{join .Config.Entrypoint " "}} {{join .Config.Cmd " "}}\' CONTAINER '
        "> FOLDER/uvicorn_command.txt"
    )


def compose_file() -> str:
    """Print the containers' settings with everything merged in."""
    return "docker compose config > FOLDER/compose.yml"
